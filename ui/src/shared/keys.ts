/** Key combinations: written "Mod+Shift+F", where Mod is ⌘ on a Mac and Ctrl elsewhere. */
export const isMac = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");

const NAMED: Record<string, string> = { " ": "Space", Escape: "Esc", ArrowUp: "Up", ArrowDown: "Down", ArrowLeft: "Left", ArrowRight: "Right" };
const MODIFIERS = new Set(["Control", "Shift", "Alt", "Meta", "AltGraph", "CapsLock", "Dead"]);
const ORDER = ["Mod", "Ctrl", "Alt", "Shift", "Meta"];

/** The combination of an event, or null while only modifiers are down. */
export function comboOf(event: KeyboardEvent): string | null {
  if (MODIFIERS.has(event.key)) return null;
  const parts: string[] = [];
  if (isMac ? event.metaKey : event.ctrlKey) parts.push("Mod");
  if (isMac && event.ctrlKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey) parts.push("Shift");
  if (!isMac && event.metaKey) parts.push("Meta");
  parts.push(keyName(event));
  return parts.join("+");
}

function keyName(event: KeyboardEvent): string {
  // With Shift a digit row key gives "!" or "%"; the code says which key it is.
  const digit = /^Digit(\d)$/.exec(event.code);
  if (digit?.[1]) return digit[1];
  if (event.shiftKey && event.key === "{") return "[";
  if (event.shiftKey && event.key === "}") return "]";
  const named = NAMED[event.key];
  if (named) return named;
  return event.key.length === 1 ? event.key.toUpperCase() : event.key;
}

/** Puts a combination's parts in one order, so that two spellings of it compare equal. */
export function normalise(combo: string): string {
  const parts = combo.split("+").map((p) => p.trim());
  const key = combo.endsWith("++") ? "+" : (parts.pop() ?? "");
  // Off a Mac, Ctrl and Mod are the same key.
  const named = parts.map((p) => (!isMac && p.toLowerCase() === "ctrl" ? "mod" : p.toLowerCase()));
  const modifiers = ORDER.filter((m) => named.includes(m.toLowerCase()));
  return [...modifiers, key.length === 1 ? key.toUpperCase() : key].join("+");
}

const MAC: Record<string, string> = { Mod: "⌘", Ctrl: "⌃", Alt: "⌥", Shift: "⇧" };

/** The parts to show, one key cap each. */
export function keyCaps(combo: string): string[] {
  const parts = combo.endsWith("++") ? [...combo.slice(0, -2).split("+"), "+"] : combo.split("+");
  return parts.map((p) => (isMac ? (MAC[p] ?? p) : p === "Mod" ? "Ctrl" : p));
}

export function showCombo(combo: string): string {
  return keyCaps(combo).join(isMac ? "" : "+");
}
