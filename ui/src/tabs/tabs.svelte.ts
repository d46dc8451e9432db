/** The open tabs: which there are, in which order, on which side of a split, which is in front, and how they come back after a restart. */
import type { ListRequest, Mode, NoteId } from "../api";
import type { SaveState } from "../shared/navigation";

export type TabContent =
  | { kind: "search"; text: string; mode: Mode }
  | { kind: "note"; noteId: NoteId; query: string; passage?: [number, number] }
  | { kind: "list"; view: ListRequest["view"]; name: string; sort: ListRequest["sort"] }
  | { kind: "ask"; text: string; asked: string[] }
  | { kind: "tasks" }
  | { kind: "imports"; importId: number | null }
  | { kind: "duplicates" }
  | { kind: "settings" }
  | { kind: "diagnostics" };

/** Without a split every tab is on the left. */
export type Side = "left" | "right";

export interface SavedTab {
  content: TabContent;
  title: string;
  pinned: boolean;
  passing: boolean;
  side: Side;
  selected: NoteId | null;
  scroll: number;
}

export class Tab {
  readonly id: string;
  /** Counts up with every tab. */
  readonly opened: number;
  content = $state() as TabContent;
  /** Of a note; the other kinds are called after their content. */
  title = $state("");
  pinned = $state(false);
  side = $state<Side>("left");
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

  constructor(opened: number, content: TabContent, saved?: Partial<SavedTab>) {
    this.id = `tab-${opened}`;
    this.opened = opened;
    this.content = content;
    this.title = saved?.title ?? "";
    this.pinned = saved?.pinned ?? false;
    this.passing = saved?.passing ?? false;
    this.side = saved?.side ?? "left";
    this.selected = saved?.selected ?? null;
    this.scroll = saved?.scroll ?? 0;
  }

  toJSON(): SavedTab {
    return { content: $state.snapshot(this.content), title: this.title, pinned: this.pinned, passing: this.passing, side: this.side, selected: this.selected, scroll: Math.round(this.scroll) };
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
    case "ask":
      return content.asked.at(-1) ?? "Ask your notes";
    case "tasks":
      return "Tasks";
    case "imports":
      return "Imports";
    case "settings":
      return "Settings";
    case "duplicates":
      return "Duplicates";
    case "diagnostics":
      return "Diagnostics";
  }
}

/** Tabs of these kinds exist once. */
const SINGLE = new Set<TabContent["kind"]>(["tasks", "imports", "duplicates", "settings", "diagnostics"]);

export function sameContent(a: TabContent, b: TabContent): boolean {
  if (a.kind !== b.kind) return false;
  if (SINGLE.has(a.kind)) return true;
  if (a.kind === "note" && b.kind === "note") return a.noteId === b.noteId;
  if (a.kind === "list" && b.kind === "list") return a.view === b.view && a.name === b.name;
  return false;
}

const CLOSED_LIMIT = 20;
const other = (side: Side): Side => (side === "left" ? "right" : "left");

export class Tabs {
  /** Those on the left, then those on the right; on each side the pinned ones first. */
  all = $state<Tab[]>([]);
  /** The side that has the focus: where new tabs open, and what the tab commands are about. */
  side = $state<Side>("left");
  fronts = $state<Record<Side, string | null>>({ left: null, right: null });
  /** The tab that is being dragged, possibly from one side to the other. */
  dragging = $state<string | null>(null);
  closed = $state.raw<{ saved: SavedTab; index: number }[]>([]);
  sides: Record<Side, Tab[]> = $derived({ left: this.all.filter((t) => t.side === "left"), right: this.all.filter((t) => t.side === "right") });
  split = $derived(this.sides.right.length > 0);
  activeId = $derived(this.fronts[this.side]);
  active = $derived(this.all.find((t) => t.id === this.activeId) ?? null);
  #opened = 1;
  /** Most recent last: where closing a tab goes back to. */
  #history: string[] = [];

  #make(content: TabContent, saved?: Partial<SavedTab>): Tab {
    return new Tab(this.#opened++, content, saved);
  }

  get(id: string): Tab | undefined {
    return this.all.find((t) => t.id === id);
  }

  find(content: TabContent): Tab | undefined {
    return this.all.find((t) => sameContent(t.content, content));
  }

  isFront(tab: Tab): boolean {
    return this.fronts[tab.side] === tab.id;
  }

  activate(id: string): void {
    const tab = this.get(id);
    if (!tab) return;
    tab.mounted = true;
    this.side = tab.side;
    this.fronts[tab.side] = id;
    this.#history = [...this.#history.filter((h) => h !== id), id];
  }

  focusSide(side: Side): void {
    const front = this.fronts[side];
    if (front) this.activate(front);
  }

  /** Opens a tab beside the one in front. */
  add(content: TabContent, options: { passing?: boolean } = {}): Tab {
    const tab = this.#make(content, { side: this.side });
    tab.passing = options.passing ?? false;
    this.#insert(tab, this.sides[this.side].findIndex((t) => t.id === this.activeId) + 1);
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

  /** A note: its own tab if it has one, else in place of the last one opened in passing on this side. */
  openNote(noteId: NoteId, query: string, newTab: boolean, passage: [number, number] | null = null): Tab {
    const content: TabContent = { kind: "note", noteId, query, ...(passage ? { passage } : {}) };
    const found = this.find(content);
    if (found) {
      if (query) found.content = content;
      if (newTab) found.passing = false;
      this.activate(found.id);
      return found;
    }
    const passing = newTab ? undefined : this.sides[this.side].find((t) => t.passing && !t.pinned && t.content.kind === "note");
    if (!passing) return this.add(content, { passing: !newTab });
    const tab = this.#make(content, { side: passing.side });
    tab.passing = true;
    this.all.splice(this.all.indexOf(passing), 1, tab);
    this.#forget(passing.id);
    this.activate(tab.id);
    return this.get(tab.id) ?? tab;
  }

  close(id: string): void {
    const tab = this.get(id);
    if (!tab) return;
    const index = this.sides[tab.side].indexOf(tab);
    const empty = tab.content.kind === "search" && tab.content.text.trim() === "";
    if (!empty) this.closed = [...this.closed, { saved: tab.toJSON(), index }].slice(-CLOSED_LIMIT);
    this.all.splice(this.all.indexOf(tab), 1);
    this.#forget(id);
    this.#settle(index);
  }

  /** Takes a tab away because another has taken its place: nothing to reopen. */
  replace(gone: string, by: string): void {
    this.all = this.all.filter((t) => t.id !== gone);
    this.#forget(gone);
    this.activate(by);
    this.#settle();
  }

  /** Those of the same side. */
  closeOthers(id: string): void {
    const kept = this.get(id);
    if (!kept) return;
    for (const tab of this.sides[kept.side]) if (tab !== kept && !tab.pinned) this.close(tab.id);
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
    const tab = this.#make(last.saved.content, { ...last.saved, side: this.split ? last.saved.side : "left" });
    this.#insert(tab, last.index);
    this.activate(tab.id);
    return this.get(tab.id) ?? tab;
  }

  /** Moves a tab to an index of its own side or of the other, within its group: the pinned, or the rest. */
  move(id: string, to: number, side = this.get(id)?.side): void {
    const tab = this.get(id);
    if (!tab || !side) return;
    const from = tab.side;
    this.all.splice(this.all.indexOf(tab), 1);
    tab.side = side;
    this.#insert(tab, to);
    if (from === side) return;
    if (this.fronts[from] === id) this.fronts[from] = null;
    this.activate(id);
    this.#settle();
  }

  moveBy(id: string, step: number): void {
    const tab = this.get(id);
    if (tab) this.move(id, this.sides[tab.side].indexOf(tab) + step);
  }

  /** To the end of the other side; without a split this begins one, unless there would be nothing left to split from. */
  moveAcross(id: string): void {
    const tab = this.get(id);
    if (tab && this.all.length > 1) this.move(id, this.all.length, other(tab.side));
  }

  /** The tab in front goes to the right, or an empty search if it is alone; a split that is there ends. */
  toggleSplit(): void {
    if (this.split) {
      const front = this.activeId;
      for (const tab of this.sides.right) tab.side = "left";
      this.#settle();
      if (front) this.activate(front);
      return;
    }
    if (this.all.length < 2) this.add({ kind: "search", text: "", mode: "both" });
    if (this.activeId) this.moveAcross(this.activeId);
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

  /** The next or previous tab of the side, round the ends. */
  cycle(step: number): void {
    const tabs = this.sides[this.side];
    const at = tabs.findIndex((t) => t.id === this.activeId);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next) this.activate(next.id);
  }

  /** 0-based; 8 means the last, as in browsers. */
  activateIndex(index: number): void {
    const tabs = this.sides[this.side];
    const tab = index === 8 ? tabs.at(-1) : tabs[index];
    if (tab) this.activate(tab.id);
  }

  /** Puts a tab at an index of its side, as near as its group allows. */
  #insert(tab: Tab, index: number): void {
    const rest = this.sides[tab.side];
    const pinned = rest.filter((t) => t.pinned).length;
    const [low, high] = tab.pinned ? [0, pinned] : [pinned, rest.length];
    const first = tab.side === "left" ? 0 : this.sides.left.length;
    this.all.splice(first + Math.max(low, Math.min(high, index)), 0, tab);
  }

  #forget(id: string): void {
    this.#history = this.#history.filter((h) => h !== id);
    for (const side of ["left", "right"] as const) if (this.fronts[side] === id) this.fronts[side] = null;
  }

  /** Makes true again what always holds: no right without a left, the order of `all`, a tab in front of each side; one near `index` if none was before. */
  #settle(index = 0): void {
    if (this.sides.left.length === 0) {
      for (const tab of this.all) tab.side = "left";
      this.fronts = { left: this.fronts.right, right: null };
    }
    if (!this.split) this.side = "left";
    const order = (tab: Tab): number => (tab.side === "left" ? 0 : 2) + (tab.pinned ? 0 : 1);
    this.all = [...this.all].sort((a, b) => order(a) - order(b));
    for (const side of ["left", "right"] as const) {
      const tabs = this.sides[side];
      if (tabs.some((t) => t.id === this.fronts[side])) continue;
      const recent = this.#history.findLast((h) => tabs.some((t) => t.id === h));
      this.fronts[side] = recent ?? tabs[Math.min(index, tabs.length - 1)]?.id ?? null;
    }
    this.focusSide(this.side);
    const beside = this.fronts[other(this.side)];
    const shown = beside ? this.get(beside) : undefined;
    if (shown) shown.mounted = true;
  }

  save(): { tabs: SavedTab[]; active: number; beside: number } {
    const indexOf = (id: string | null): number => this.all.findIndex((t) => t.id === id);
    return { tabs: this.all.map((t) => t.toJSON()), active: indexOf(this.activeId), beside: indexOf(this.fronts[other(this.side)]) };
  }

  /** `beside`: the tab in front of the side without the focus. */
  restore(tabs: SavedTab[], active: number, beside: number): void {
    this.all = tabs.map((saved) => this.#make(saved.content, saved));
    for (const front of [this.all[beside], this.all[active] ?? this.all[0]]) if (front) this.activate(front.id);
    this.#settle();
  }
}
