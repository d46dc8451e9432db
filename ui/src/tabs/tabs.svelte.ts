/** The open tabs: which there are, in which order, which is in front, and how they come back after a restart. */
import type { ListRequest, Mode, NoteId } from "../api";
import type { SaveState } from "../shared/navigation";

export type TabContent =
  | { kind: "search"; text: string; mode: Mode }
  | { kind: "note"; noteId: NoteId; query: string }
  | { kind: "list"; view: ListRequest["view"]; name: string; sort: ListRequest["sort"] }
  | { kind: "tasks" }
  | { kind: "imports"; importId: number | null }
  | { kind: "settings" }
  | { kind: "diagnostics" };

export interface SavedTab {
  content: TabContent;
  title: string;
  pinned: boolean;
  selected: NoteId | null;
  scroll: number;
}

export class Tab {
  readonly id: string;
  content = $state() as TabContent;
  /** Of a note; the other kinds are called after their content. */
  title = $state("");
  pinned = $state(false);
  /** Opened in passing: the next note opened takes its place, until it is edited or kept. */
  passing = $state(false);
  /** The selected row and the scroll position of its list. */
  selected = $state<NoteId | null>(null);
  scroll = $state(0);
  save = $state<SaveState>("saved");
  saveMessage = $state<string | null>(null);
  /** Built only when first shown, so that a restart with fifty tabs is quick. */
  mounted = $state(false);
  label = $derived(labelOf(this.content, this.title));

  constructor(id: string, content: TabContent, saved?: Partial<SavedTab>) {
    this.id = id;
    this.content = content;
    this.title = saved?.title ?? "";
    this.pinned = saved?.pinned ?? false;
    this.selected = saved?.selected ?? null;
    this.scroll = saved?.scroll ?? 0;
  }

  toJSON(): SavedTab {
    return { content: $state.snapshot(this.content), title: this.title, pinned: this.pinned, selected: this.selected, scroll: Math.round(this.scroll) };
  }
}

const VIEWS: Record<ListRequest["view"], string> = { all: "All notes", today: "Today", trash: "Trash", notebook: "Notebook", tag: "Tag" };

function labelOf(content: TabContent, title: string): string {
  switch (content.kind) {
    case "search":
      return content.text.trim() || "Search";
    case "note":
      return title || "Untitled";
    case "list":
      if (content.view === "notebook") return content.name.split("/").pop() || "No notebook";
      return content.view === "tag" ? `#${content.name}` : VIEWS[content.view];
    case "tasks":
      return "Tasks";
    case "imports":
      return "Imports";
    case "settings":
      return "Settings";
    case "diagnostics":
      return "Diagnostics";
  }
}

/** Tabs of these kinds exist once. */
const SINGLE = new Set<TabContent["kind"]>(["tasks", "imports", "settings", "diagnostics"]);

export function sameContent(a: TabContent, b: TabContent): boolean {
  if (a.kind !== b.kind) return false;
  if (SINGLE.has(a.kind)) return true;
  if (a.kind === "note" && b.kind === "note") return a.noteId === b.noteId;
  if (a.kind === "list" && b.kind === "list") return a.view === b.view && a.name === b.name;
  return false;
}

const CLOSED_LIMIT = 20;

export class Tabs {
  all = $state<Tab[]>([]);
  activeId = $state<string | null>(null);
  closed = $state.raw<{ saved: SavedTab; index: number }[]>([]);
  active = $derived(this.all.find((t) => t.id === this.activeId) ?? null);
  #nextId = 1;
  /** Most recent last: where closing a tab goes back to. */
  #history: string[] = [];

  #make(content: TabContent, saved?: Partial<SavedTab>): Tab {
    return new Tab(`tab-${this.#nextId++}`, content, saved);
  }

  get(id: string): Tab | undefined {
    return this.all.find((t) => t.id === id);
  }

  find(content: TabContent): Tab | undefined {
    return this.all.find((t) => sameContent(t.content, content));
  }

  activate(id: string): void {
    const tab = this.get(id);
    if (!tab) return;
    tab.mounted = true;
    this.activeId = id;
    this.#history = [...this.#history.filter((h) => h !== id), id];
  }

  /** Opens a tab beside the one in front; pinned ones stay together at the start. */
  add(content: TabContent, options: { passing?: boolean; atEnd?: boolean } = {}): Tab {
    const tab = this.#make(content);
    tab.passing = options.passing ?? false;
    const after = options.atEnd ? this.all.length : this.all.findIndex((t) => t.id === this.activeId) + 1;
    const index = Math.max(after, this.#pinnedCount());
    this.all.splice(index, 0, tab);
    this.activate(tab.id);
    return this.get(tab.id) ?? tab;
  }

  /** Shows what is already open, or opens it. */
  show(content: TabContent): Tab {
    const found = this.find(content);
    if (!found) return this.add(content);
    if (found.content.kind === "imports" && content.kind === "imports") found.content = content;
    this.activate(found.id);
    return found;
  }

  /** A note: its own tab if it has one, else in place of the last one opened in passing. */
  openNote(noteId: NoteId, query: string, newTab: boolean): Tab {
    const content: TabContent = { kind: "note", noteId, query };
    const found = this.find(content);
    if (found) {
      if (query) found.content = content;
      if (newTab) found.passing = false;
      this.activate(found.id);
      return found;
    }
    const passing = newTab ? undefined : this.all.find((t) => t.passing && !t.pinned && t.content.kind === "note");
    if (!passing) return this.add(content, { passing: !newTab });
    const index = this.all.indexOf(passing);
    const tab = this.#make(content);
    tab.passing = true;
    this.all.splice(index, 1, tab);
    this.#history = this.#history.filter((h) => h !== passing.id);
    this.activate(tab.id);
    return this.get(tab.id) ?? tab;
  }

  close(id: string): void {
    const index = this.all.findIndex((t) => t.id === id);
    const tab = this.all[index];
    if (!tab) return;
    const empty = tab.content.kind === "search" && tab.content.text.trim() === "";
    if (!empty) this.closed = [...this.closed, { saved: tab.toJSON(), index }].slice(-CLOSED_LIMIT);
    this.all.splice(index, 1);
    this.#history = this.#history.filter((h) => h !== id);
    if (this.activeId !== id) return;
    const next = this.#history.at(-1) ?? this.all[Math.min(index, this.all.length - 1)]?.id ?? null;
    this.activeId = null;
    if (next) this.activate(next);
  }

  /** Takes a tab away because another has taken its place: nothing to reopen. */
  replace(gone: string, by: string): void {
    this.all = this.all.filter((t) => t.id !== gone);
    this.#history = this.#history.filter((h) => h !== gone);
    this.activate(by);
  }

  closeOthers(id: string): void {
    for (const tab of [...this.all]) if (tab.id !== id && !tab.pinned) this.close(tab.id);
    this.activate(id);
  }

  reopen(): Tab | null {
    const last = this.closed.at(-1);
    if (!last) return null;
    this.closed = this.closed.slice(0, -1);
    const open = this.find(last.saved.content);
    if (open) {
      this.activate(open.id);
      return open;
    }
    const tab = this.#make(last.saved.content, last.saved);
    this.all.splice(Math.min(last.index, this.all.length), 0, tab);
    this.#settle();
    this.activate(tab.id);
    return tab;
  }

  /** Moves a tab to an index, within its own group: the pinned, or the rest. */
  move(id: string, to: number): void {
    const from = this.all.findIndex((t) => t.id === id);
    const tab = this.all[from];
    if (!tab) return;
    const pinned = this.#pinnedCount();
    const [low, high] = tab.pinned ? [0, pinned - 1] : [pinned, this.all.length - 1];
    const index = Math.max(low, Math.min(high, to));
    if (index === from) return;
    this.all.splice(from, 1);
    this.all.splice(index, 0, tab);
  }

  moveBy(id: string, step: number): void {
    this.move(id, this.all.findIndex((t) => t.id === id) + step);
  }

  setPinned(id: string, pinned: boolean): void {
    const tab = this.get(id);
    if (!tab) return;
    tab.pinned = pinned;
    tab.passing = false;
    this.#settle();
  }

  keep(id: string): void {
    const tab = this.get(id);
    if (tab) tab.passing = false;
  }

  /** The next or previous tab, round the ends. */
  cycle(step: number): void {
    const count = this.all.length;
    const at = this.all.findIndex((t) => t.id === this.activeId);
    const next = this.all[(at + step + count) % count];
    if (next) this.activate(next.id);
  }

  /** 0-based; 8 means the last, as in browsers. */
  activateIndex(index: number): void {
    const tab = index === 8 ? this.all.at(-1) : this.all[index];
    if (tab) this.activate(tab.id);
  }

  #pinnedCount(): number {
    return this.all.filter((t) => t.pinned).length;
  }

  /** Pinned first, else the order as it is. */
  #settle(): void {
    this.all = [...this.all.filter((t) => t.pinned), ...this.all.filter((t) => !t.pinned)];
  }

  save(): { tabs: SavedTab[]; active: number } {
    return { tabs: this.all.map((t) => t.toJSON()), active: this.all.findIndex((t) => t.id === this.activeId) };
  }

  restore(tabs: SavedTab[], active: number): void {
    this.all = tabs.map((saved) => this.#make(saved.content, saved));
    const front = this.all[active] ?? this.all[0];
    if (front) this.activate(front.id);
  }
}
