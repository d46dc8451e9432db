/** Every command of the app, with its default keys. */
import type { Command } from "./shared/keymap.svelte";
import { runWriting, writingCommands } from "./editor/run";
import type { Workspace } from "./workspace.svelte";

export function commandsOf(w: Workspace, screen: { cyclePanes: (step: number) => void; focusFront: () => void; frontPanel: () => HTMLElement | null }): Command[] {
  const command = (id: string, title: string, group: Command["group"], keys: string[], run: () => void): Command => ({ id, title, group, keys, run });
  const front = (run: () => void) => (): void => {
    run();
    screen.focusFront();
  };
  const list = (view: "all" | "today" | "trash") => (): void => void w.tabs.show({ kind: "list", view, name: "", sort: "updated" });
  const inNote = (): boolean => w.tabs.active?.content.kind === "note";
  /** Only there do its keys mean writing; from the palette it is the note in front that is meant. */
  const writes = (): boolean => document.activeElement?.closest(".cm-content") !== null && (screen.frontPanel()?.contains(document.activeElement) ?? false);
  const noteCommand = (id: string) => (): void => {
    if (inNote()) screen.frontPanel()?.dispatchEvent(new CustomEvent("note-command", { detail: id }));
    else w.notices.toast("Open a note first.");
  };
  return [
    command("new-note", "New note", "Notes", ["Mod+N"], () => void w.newNote()),
    command("today", "Today’s note", "Notes", ["Mod+D"], () => void w.openToday()),
    command("calendar", "Calendar of daily notes", "Notes", ["Mod+Shift+D"], () => (w.sheet = "calendar")),
    command("new-from-template", "New note from a template…", "Notes", ["Mod+Shift+N"], () => (w.sheet = "templates")),
    command("import", "Import…", "Notes", ["Mod+Shift+I"], () => (w.sheet = "import")),
    command("export-front", "Export the note or what the search found…", "Notes", [], () => w.exportFront()),
    command("export", "Export all notes…", "Notes", [], () => w.exportAll()),
    command("move-note", "Move the note to…", "Notes", [], () => {
      const tab = w.tabs.active;
      const id = tab?.content.kind === "note" ? tab.content.noteId : tab?.selected;
      if (id !== null && id !== undefined) w.moving = { ids: [id], what: tab?.content.kind === "note" ? `“${tab.label}”` : "the note" };
    }),
    command("trash-note", "Move the note to the trash", "Notes", [], () => {
      const content = w.tabs.active?.content;
      if (content?.kind === "note") void w.trash([content.noteId]);
    }),
    { ...command("find", "Find in the note, replace", "Notes", ["Mod+F"], noteCommand("find")), when: inNote },
    { ...command("reading", "Reading view on or off", "Notes", ["Mod+E"], noteCommand("reading")), when: inNote },
    { ...command("save", "Save now", "Notes", ["Mod+S"], noteCommand("save")), when: inNote },
    ...writingCommands.map(({ id, title, keys }) => ({
      ...command(id, title, "Writing", keys, () => {
        if (!runWriting(screen.frontPanel(), id)) w.notices.toast(inNote() ? "That is not possible here." : "Open a note first.");
      }),
      when: writes,
    })),
    command("new-search", "New search tab", "Tabs", ["Mod+T", "Mod+Shift+F"], front(() => void w.tabs.add({ kind: "search", text: "", mode: "both" }))),
    command("ask", "Ask your notes", "Tabs", ["Mod+Shift+A"], front(() => w.openAsk(""))),
    command("close-tab", "Close tab", "Tabs", ["Mod+W"], front(() => w.tabs.activeId && w.tabs.close(w.tabs.activeId))),
    command("reopen-tab", "Reopen closed tab", "Tabs", ["Mod+Shift+T"], front(() => void w.tabs.reopen())),
    command("next-tab", "Next tab", "Tabs", ["Ctrl+Tab", "Mod+Tab", "Mod+PageDown"], front(() => w.tabs.cycle(1))),
    command("previous-tab", "Previous tab", "Tabs", ["Ctrl+Shift+Tab", "Mod+Shift+Tab", "Mod+PageUp"], front(() => w.tabs.cycle(-1))),
    command("tab-left", "Move tab left", "Tabs", ["Mod+Shift+PageUp"], () => w.tabs.activeId && w.tabs.moveBy(w.tabs.activeId, -1)),
    command("tab-right", "Move tab right", "Tabs", ["Mod+Shift+PageDown"], () => w.tabs.activeId && w.tabs.moveBy(w.tabs.activeId, 1)),
    command("split", "Split side by side, or end the split", "Tabs", ["Mod+\\"], front(() => w.tabs.toggleSplit())),
    command("move-across", "Move tab to the other side", "Tabs", [], front(() => w.tabs.activeId && w.tabs.moveAcross(w.tabs.activeId))),
    command("pin-tab", "Pin or unpin tab", "Tabs", [], () => w.tabs.active && w.tabs.setPinned(w.tabs.active.id, !w.tabs.active.pinned)),
    ...Array.from({ length: 9 }, (_, i) =>
      command(`tab-${i + 1}`, i === 8 ? "Last tab" : `Tab ${i + 1}`, "Tabs", [`Mod+${i + 1}`], front(() => w.tabs.activateIndex(i))),
    ),
    command("go", "Go to anything", "Go", ["Mod+P"], () => (w.sheet = "palette")),
    command("commands", "Command palette", "Go", ["Mod+Shift+P"], () => (w.sheet = "commands")),
    command("all-notes", "All notes", "Go", [], front(list("all"))),
    command("today-list", "Notes changed today", "Go", [], front(list("today"))),
    command("tasks", "Tasks", "Go", [], front(() => void w.tabs.show({ kind: "tasks" }))),
    command("imports", "Imports", "Go", [], front(() => void w.tabs.show({ kind: "imports", importId: null }))),
    command("duplicates", "Find duplicate notes", "Go", [], front(() => void w.tabs.show({ kind: "duplicates" }))),
    command("trash", "Trash", "Go", [], front(list("trash"))),
    command("settings", "Settings", "App", ["Mod+,"], front(() => void w.tabs.show({ kind: "settings" }))),
    command("diagnostics", "Diagnostics", "App", [], front(() => void w.tabs.show({ kind: "diagnostics" }))),
    command("help", "Keys and help", "App", ["F1"], () => (w.sheet = w.sheet === "help" ? null : "help")),
    command("sidebar", "Show or hide the sidebar", "Window", ["Mod+Alt+B"], () => (w.sidebarHidden = !w.sidebarHidden)),
    command("preview", "Show or hide the preview", "Window", ["Mod+Alt+P"], () => (w.previewHidden = !w.previewHidden)),
    command("next-pane", "Next pane", "Window", ["F6"], () => screen.cyclePanes(1)),
    command("previous-pane", "Previous pane", "Window", ["Shift+F6"], () => screen.cyclePanes(-1)),
    command("focus-mode", "Focus mode: fade all but the paragraph", "Window", [], () => w.preferences.updatePage({ focused: !w.preferences.page.focused })),
    command("typewriter", "Typewriter mode: keep the line in the middle", "Window", [], () => w.preferences.updatePage({ centred: !w.preferences.page.centred })),
    command("spellcheck", "Check spelling, or not", "Window", [], () => w.preferences.updatePage({ spellcheck: !w.preferences.page.spellcheck })),
    command("theme", "Light or dark", "Window", [], () => void w.preferences.update({ theme: w.preferences.dark ? "light" : "dark" })),
  ];
}
