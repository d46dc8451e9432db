/** Commands by name, and the keys that run them: the defaults, and what the person changed. */
import { createContext } from "svelte";
import { normalise } from "./keys";

export interface Command {
  id: string;
  title: string;
  group: "Notes" | "Writing" | "Tabs" | "Go" | "Window" | "App";
  /** Default keys; the first is shown. */
  keys: string[];
  run: () => void;
  /** Its keys are its own only then; otherwise they go on to what has the focus. */
  when?: () => boolean;
}

export class Keymap {
  commands = $state.raw<Command[]>([]);
  /** Command id → its key; an empty string: none. */
  overrides = $state<Record<string, string>>({});
  #byCombo = $derived.by(() => {
    const map = new Map<string, Command>();
    for (const command of this.commands) for (const combo of this.keysOf(command)) if (!map.has(combo)) map.set(combo, command);
    return map;
  });

  keysOf(command: Command): string[] {
    const own = this.overrides[command.id];
    if (own !== undefined) return own === "" ? [] : [normalise(own)];
    return [...new Set(command.keys.map(normalise))];
  }

  /** The key to show for a command. */
  shown(id: string): string | undefined {
    const command = this.commands.find((c) => c.id === id);
    return command && this.keysOf(command)[0];
  }

  match(combo: string): Command | undefined {
    return this.#byCombo.get(normalise(combo));
  }

  /** What a key does in notes and lists, whatever the app has it do. */
  fixed(combo: string): string | undefined {
    const wanted = normalise(combo);
    return fixedKeys.find(({ keys }) => keys.some((key) => normalise(key) === wanted))?.title;
  }

  /** Another command that a key already runs. */
  conflict(id: string, combo: string): Command | undefined {
    const wanted = normalise(combo);
    return this.commands.find((c) => c.id !== id && this.keysOf(c).includes(wanted));
  }

  rebind(id: string, combo: string): void {
    this.overrides = { ...this.overrides, [id]: combo === "" ? "" : normalise(combo) };
  }

  restore(id: string): void {
    this.overrides = Object.fromEntries(Object.entries(this.overrides).filter(([key]) => key !== id));
  }

  run(id: string): void {
    this.commands.find((c) => c.id === id)?.run();
  }
}

export const [getKeymap, setKeymap] = createContext<Keymap>();

/** Keys of the editor and the lists: not the app's to rebind, shown in the help and kept free. */
export const fixedKeys: { title: string; keys: string[] }[] = [
  { title: "Undo, redo", keys: ["Mod+Z", "Mod+Shift+Z"] },
  { title: "Select all", keys: ["Mod+A"] },
  { title: "Cut, copy, paste", keys: ["Mod+X", "Mod+C", "Mod+V"] },
  { title: "Paste without formatting", keys: ["Mod+Shift+V"] },
  { title: "Next cell of a table, a row below", keys: ["Tab", "Enter"] },
  { title: "Move a line of a note", keys: ["Alt+Up", "Alt+Down"] },
  { title: "Open what is selected", keys: ["Enter"] },
  { title: "Open it in a new tab", keys: ["Mod+Enter"] },
  { title: "Show the new hits of a search", keys: ["F5"] },
  { title: "Unfold a hit into its passages, fold it", keys: ["Right", "Left"] },
  { title: "Why a hit is there", keys: ["Alt+Enter"] },
  { title: "Search within the hits, back to them", keys: ["Mod+Shift+Enter", "Backspace"] },
  { title: "Complete a filter; recent searches", keys: ["Mod+Space", "Alt+Down"] },
  { title: "Next and last match in a note", keys: ["F3", "Shift+F3"] },
  { title: "Open the menu of what is selected", keys: ["Shift+F10"] },
  { title: "Rename in the sidebar", keys: ["F2"] },
  { title: "Back out one step", keys: ["Esc"] },
];
