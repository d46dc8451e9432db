/** The window's own state: its tabs, its layout, and what the person may do in it. Wires the rooms together; knows no screen. */
import { api, errorMessage, type ExportWhat, type NoteHead, type NoteId } from "./api";
import { Library } from "./library/library.svelte";
import { fillIn, TEMPLATES } from "./library/template";
import type { TreeRow } from "./library/tree";
import { FileDrop } from "./shared/fileDrop.svelte";
import { NoteDrag } from "./shared/drag.svelte";
import { formatNotebook, plural } from "./shared/format";
import { Keymap } from "./shared/keymap.svelte";
import type { Navigation, SaveState } from "./shared/navigation";
import { Notices, type MenuEntry } from "./shared/notices.svelte";
import { Preferences } from "./shared/preferences.svelte";
import { IndexState } from "./shared/indexState.svelte";
import { freshSession, readSession, type Session } from "./tabs/session";
import { Tabs, type TabContent } from "./tabs/tabs.svelte";

/** Worst first: what the status bar says when it can say only one thing. */
const WORST: SaveState[] = ["failed", "conflict", "unsaved", "saving", "saved"];

export type Sheet = "palette" | "commands" | "help" | "import" | "calendar" | "templates" | null;

export class Workspace {
  readonly tabs = new Tabs();
  readonly library = new Library();
  readonly notices = new Notices();
  readonly index = new IndexState();
  readonly keymap = new Keymap();
  readonly preferences = new Preferences((message) => this.notices.toast(message, null, "error"));
  readonly fileDrop = new FileDrop((paths) => void this.import(paths, this.currentNotebook));
  readonly drag = new NoteDrag((ids, notebook) => void this.moveNotes(ids, notebook));

  ready = $state(false);
  firstRun = $state(false);
  sheet = $state<Sheet>(null);
  exporting = $state.raw<{ what: ExportWhat; name: string } | null>(null);
  moving = $state.raw<{ ids: NoteId[]; what: string } | null>(null);
  sidebarWidth = $state(freshSession.sidebarWidth);
  sidebarHidden = $state(false);
  splitShare = $state(freshSession.splitShare);
  previewWidth = $state(freshSession.previewWidth);
  previewHidden = $state(false);
  expanded = $state.raw<string[]>(freshSession.expanded);

  /** The notebook of the list in front: where a new note or a dropped file goes. */
  currentNotebook = $derived.by(() => {
    const content = this.tabs.active?.content;
    return content?.kind === "list" && content.view === "notebook" ? content.name : "";
  });

  currentRow = $derived.by(() => {
    const content = this.tabs.active?.content;
    if (!content) return null;
    if (content.kind === "tasks" || content.kind === "imports") return content.kind;
    if (content.kind === "list") return content.view === "notebook" || content.view === "tag" ? `${content.view}:${content.name}` : content.view;
    return null;
  });

  /** Of all open notes: a note that could not be saved must show even when another tab is in front. */
  save = $derived.by(() => {
    const notes = this.tabs.all.filter((t) => t.content.kind === "note");
    const front = this.tabs.active;
    const worst = WORST.find((state) => notes.some((t) => t.save === state)) ?? "saved";
    const tab = worst === "failed" || worst === "conflict" ? notes.find((t) => t.save === worst) : front?.content.kind === "note" ? front : undefined;
    if (worst === "saved" && front?.content.kind !== "note") return { state: null, message: null };
    return { state: tab?.save ?? worst, message: tab?.saveMessage ?? null };
  });

  readonly navigation: Navigation = {
    openNote: (id, options) => this.openNote(id, options?.query ?? "", options?.newTab ?? false, options?.passage),
    openSearch: (text) => this.openSearch(text),
    openTasks: () => void this.tabs.show({ kind: "tasks" }),
    announce: (message) => this.notices.announce(message),
    toast: (message, action, kind) => this.notices.toast(message, action ?? null, kind),
    confirm: (options) => this.notices.confirm(options),
    exportNotes: (what, name) => (this.exporting = { what, name }),
    setNoteTab: (tabId, state) => {
      const tab = this.tabs.get(tabId);
      if (!tab) return;
      if (state.title !== undefined) tab.title = state.title;
      if (state.message !== undefined) tab.saveMessage = state.message;
      if (state.save !== undefined) {
        tab.save = state.save;
        // What one writes in is no longer open in passing.
        if (state.save !== "saved") tab.passing = false;
      }
    },
    closeTab: (tabId) => this.tabs.close(tabId),
  };

  async start(): Promise<void> {
    const [session, firstRun] = await Promise.all([
      api.getSession().then(readSession, (error: unknown) => {
        this.fail("The open tabs could not be restored", error);
        return structuredClone(freshSession);
      }),
      api.firstRun().catch(() => false),
      this.preferences.load(),
      this.library.load(),
      this.index.load(),
    ]);
    this.#restore(session);
    this.firstRun = firstRun;
    if (this.tabs.all.length === 0) this.tabs.add({ kind: "search", text: "", mode: "both" });
    this.ready = true;
  }

  #restore(session: Session): void {
    this.sidebarWidth = session.sidebarWidth;
    this.sidebarHidden = session.sidebarHidden;
    this.splitShare = session.splitShare;
    this.previewWidth = session.previewWidth;
    this.previewHidden = session.previewHidden;
    this.expanded = session.expanded;
    this.keymap.overrides = session.keys;
    this.tabs.restore(session.tabs, session.active, session.beside);
  }

  session(): string {
    const session: Session = {
      ...this.tabs.save(),
      sidebarWidth: this.sidebarWidth,
      sidebarHidden: this.sidebarHidden,
      splitShare: this.splitShare,
      previewWidth: this.previewWidth,
      previewHidden: this.previewHidden,
      expanded: this.expanded,
      keys: $state.snapshot(this.keymap.overrides),
    };
    return JSON.stringify(session);
  }

  fail(what: string, error: unknown): void {
    this.notices.toast(`${what}: ${errorMessage(error)}`, null, "error");
  }

  openSearch(text: string, mode: "both" | "words" | "meaning" = "both"): void {
    const front = this.tabs.active;
    if (front?.content.kind === "search" && front.content.text.trim() === "") {
      front.content = { kind: "search", text, mode };
      return;
    }
    this.tabs.add({ kind: "search", text, mode });
  }

  /** A tab to ask in; one that has not been asked anything yet is used first. */
  openAsk(text: string): void {
    const front = this.tabs.active;
    if (front?.content.kind === "ask" && front.content.asked.length === 0) {
      if (text !== "") front.content.text = text;
      return;
    }
    this.tabs.add({ kind: "ask", text, asked: [] });
  }

  openRow(row: TreeRow, newTab: boolean): void {
    const open = (content: TabContent): void => {
      // One list tab follows the sidebar, unless the person asks for another.
      const front = this.tabs.active;
      if (!newTab && front?.content.kind === "list" && content.kind === "list" && !front.pinned && !this.tabs.find(content)) {
        this.tabs.replace(front.id, this.tabs.add(content).id);
      } else if (newTab && content.kind === "list") this.tabs.add(content);
      else this.tabs.show(content);
    };
    if (row.kind === "tasks") open({ kind: "tasks" });
    else if (row.kind === "imports") open({ kind: "imports", importId: null });
    else if (row.kind === "search" && row.query) this.openSavedSearch(row.query.text, row.query.mode);
    else if (row.kind === "notebook" || row.kind === "tag") open({ kind: "list", view: row.kind, name: row.name, sort: "updated" });
    else if (row.kind === "all" || row.kind === "today" || row.kind === "trash") open({ kind: "list", view: row.kind, name: "", sort: "updated" });
  }

  openSavedSearch(text: string, mode: "both" | "words" | "meaning"): void {
    const found = this.tabs.all.find((t) => t.content.kind === "search" && t.content.text === text && t.content.mode === mode);
    if (found) this.tabs.activate(found.id);
    else this.openSearch(text, mode);
  }

  /** Opens a note that was asked for, and has it counted: searches put what is in use first. */
  openNote(id: NoteId, query: string, newTab: boolean, passage?: Parameters<Tabs["openNote"]>[3]): void {
    this.tabs.openNote(id, query, newTab, passage);
    api.countOpen(id).catch((error: unknown) => this.fail("That this note is in use could not be noted", error));
  }

  async newNote(notebook = this.currentNotebook, title = ""): Promise<void> {
    try {
      const saved = await api.createNote({ title, body: "", front_matter: "", tags: [], notebook, pinned: false });
      this.tabs.openNote(saved.id, "", true);
    } catch (error) {
      this.fail("The note could not be made", error);
    }
  }

  async openToday(): Promise<void> {
    try {
      this.tabs.openNote(await api.openDailyNote(), "", true);
    } catch (error) {
      this.fail("Today’s note could not be opened", error);
    }
  }

  /** The note of a day; there is one from now on. */
  async openDay(day: string): Promise<void> {
    try {
      const found = (await api.resolveName(`Journal/${day}`)) ?? (await api.resolveName(day));
      const id = found ?? (await api.createNote({ title: day, body: "", front_matter: "", tags: [], notebook: "Journal", pinned: false })).id;
      this.tabs.openNote(id, "", true);
    } catch (error) {
      this.fail("The note of that day could not be opened", error);
    }
  }

  async newFromTemplate(template: NoteId): Promise<void> {
    try {
      const { title, body, tags, front_matter } = await api.getNote(template);
      const now = new Date();
      const name = fillIn(title, now);
      const within = this.currentNotebook === TEMPLATES ? "" : this.currentNotebook;
      const saved = await api.createNote({ title: name, body: fillIn(body, now, name), front_matter, tags: [...tags], notebook: within, pinned: false });
      this.tabs.openNote(saved.id, "", true);
    } catch (error) {
      this.fail("The note could not be made", error);
    }
  }

  async firstTemplate(): Promise<void> {
    try {
      const body = "{{weekday}}, {{time}}\n\n## Who was there\n\n- \n\n## What was decided\n\n- \n\n## To do\n\n- [ ] ";
      const saved = await api.createNote({ title: "Meeting {{date}}", body, front_matter: "", tags: [], notebook: TEMPLATES, pinned: false });
      this.tabs.openNote(saved.id, "", true);
    } catch (error) {
      this.fail("The template could not be made", error);
    }
  }

  async trash(ids: NoteId[]): Promise<void> {
    try {
      await api.trashNotes(ids);
      for (const tab of [...this.tabs.all]) if (tab.content.kind === "note" && ids.includes(tab.content.noteId)) this.tabs.close(tab.id);
      this.notices.toast(`${plural(ids.length, "note")} moved to the trash.`, { label: "Undo", run: () => void this.restore(ids) });
    } catch (error) {
      this.fail("That could not be moved to the trash", error);
    }
  }

  async restore(ids: NoteId[]): Promise<void> {
    if (ids.length === 0) return;
    try {
      await api.restoreNotes(ids);
      this.notices.toast(`${plural(ids.length, "note")} restored.`);
    } catch (error) {
      this.fail("That could not be restored", error);
    }
  }

  async moveNotes(ids: NoteId[], notebook: string): Promise<void> {
    try {
      const before = await Promise.all(ids.map(async (id) => ({ id, from: (await api.getNote(id)).notebook })));
      await api.moveNotes(ids, notebook);
      const place = notebook === "" ? "out of its notebook" : `to “${formatNotebook(notebook)}”`;
      this.notices.toast(`${plural(ids.length, "note")} moved ${place}.`, { label: "Undo", run: () => void this.#moveBack(before) });
    } catch (error) {
      this.fail("That could not be moved", error);
    }
  }

  async #moveBack(before: { id: NoteId; from: string }[]): Promise<void> {
    try {
      for (const { id, from } of before) await api.moveNotes([id], from);
    } catch (error) {
      this.fail("That could not be moved back", error);
    }
  }

  async setPinned(id: NoteId, pinned: boolean): Promise<void> {
    try {
      await api.setPinned(id, pinned);
    } catch (error) {
      this.fail("That could not be pinned", error);
    }
  }

  hitMenu(event: MouseEvent | KeyboardEvent, note: { id: NoteId; title: string; notebook: string }): void {
    const title = note.title || "Untitled";
    this.notices.openMenu(event, title, [
      { label: "Open", combo: "Enter", run: () => this.navigation.openNote(note.id) },
      { label: "Open in a new tab", combo: "Mod+Enter", run: () => this.navigation.openNote(note.id, { newTab: true }) },
      { label: "Find notes like this", run: () => this.openSearch(`like:"${title}"`) },
      "separator",
      { label: "Export…", run: () => (this.exporting = { what: { notes: [note.id] }, name: title }) },
      { label: "Move to…", run: () => (this.moving = { ids: [note.id], what: `“${title}”` }) },
      { label: "Move to the trash", danger: true, run: () => void this.trash([note.id]) },
    ]);
  }

  noteMenu(event: MouseEvent | KeyboardEvent, notes: NoteHead[], trashed: boolean): void {
    const [first] = notes;
    if (!first) return;
    const ids = notes.map((n) => n.id);
    const title = first.title || "Untitled";
    const what = notes.length === 1 ? `“${title}”` : plural(notes.length, "note");
    const entries: MenuEntry[] = trashed
      ? [{ label: "Restore", run: () => void this.restore(ids) }]
      : [
          { label: "Open", combo: "Enter", run: () => notes.forEach((n) => this.navigation.openNote(n.id, { newTab: notes.length > 1 })) },
          { label: "Open in a new tab", combo: "Mod+Enter", run: () => notes.forEach((n) => this.navigation.openNote(n.id, { newTab: true })) },
          { label: first.pinned ? "Unpin" : "Pin to the top", run: () => ids.forEach((id) => void this.setPinned(id, !first.pinned)) },
          { label: "Find notes like this", run: () => this.openSearch(`like:"${title}"`), disabled: notes.length > 1 },
          "separator",
          { label: "Export…", run: () => (this.exporting = { what: { notes: ids }, name: notes.length === 1 ? title : what }) },
          { label: "Move to…", run: () => (this.moving = { ids, what }) },
          { label: "Move to the trash", combo: "Delete", danger: true, run: () => void this.trash(ids) },
        ];
    this.notices.openMenu(event, what, entries);
  }

  async import(paths: string[], notebook: string): Promise<void> {
    if (paths.length === 0) return;
    try {
      const importId = await api.startImport(paths, notebook, this.preferences.settings?.on_change ?? "update");
      this.tabs.show({ kind: "imports", importId });
    } catch (error) {
      this.fail("The import could not begin", error);
    }
  }

  async pickImport(folders: boolean): Promise<void> {
    this.sheet = null;
    try {
      await this.import(await api.pickImportPaths(folders), this.currentNotebook);
    } catch (error) {
      this.fail("The picker could not be opened", error);
    }
  }

  /** A folder's files vanished: says so wherever the person is. */
  tellOfFolders(asking: readonly { path: string }[]): void {
    const [folder] = asking;
    if (!folder) return;
    this.notices.toast(`Files are gone from ${folder.path}. What is to become of their notes?`, { label: "Decide", run: () => void this.tabs.show({ kind: "settings" }) });
  }

  exportAll(): void {
    this.exporting = { what: "all", name: "all notes" };
  }

  /** What is in front: the note, or what the search found. */
  exportFront(): void {
    const tab = this.tabs.active;
    if (tab?.content.kind === "note") this.exporting = { what: { notes: [tab.content.noteId] }, name: tab.label };
    else if (tab?.content.kind === "search" && tab.content.text.trim()) this.exporting = { what: { query: tab.content.text }, name: tab.content.text.trim() };
    else this.exportAll();
  }

  exported(where: string): void {
    this.exporting = null;
    this.notices.toast(`Exported to ${where}`);
  }
}
