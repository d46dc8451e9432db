/** One search tab's state: its query, its hits page by page, and what is selected. Knows nothing of the screen. */
import { api, errorMessage, type Chip, type Hit, type Hits, type Mode, type NoteId } from "../api";

const PAGE = 50;

export type Phase = "idle" | "searching" | "ready" | "failed";

export class Search {
  text = $state("");
  mode = $state<Mode>("both");
  phase = $state<Phase>("idle");
  error = $state("");
  total = $state(0);
  totalIsExact = $state(true);
  chips = $state.raw<Chip[]>([]);
  terms = $state.raw<string[]>([]);
  degraded = $state<string | null>(null);
  suggestion = $state<string | null>(null);
  tookMs = $state(0);
  selected = $state<NoteId | null>(null);
  /** The text that the shown hits answer; differs from `text` for the moment that a search takes. */
  answered = $state("");
  selectedIndex = $derived(this.#indexOf(this.selected));
  selectedHit = $derived(this.at(this.selectedIndex) ?? null);
  readonly tab: string;
  #pages = $state.raw<ReadonlyMap<number, Hit[]>>(new Map());
  /** Every request has its own; an answer that is not to the latest is dropped. */
  #generation = 0;
  #typing = false;
  #waiting = new Set<number>();
  #window: [number, number] = [0, 1];

  constructor(tab: string, text: string, mode: Mode, selected: NoteId | null) {
    this.tab = tab;
    this.text = text;
    this.mode = mode;
    this.selected = selected;
  }

  at(index: number): Hit | undefined {
    return index < 0 ? undefined : this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  #indexOf(note: NoteId | null): number {
    if (note === null) return -1;
    for (const [page, hits] of this.#pages) {
      const i = hits.findIndex((h) => h.note === note);
      if (i >= 0) return page * PAGE + i;
    }
    return -1;
  }

  indexOf(note: NoteId): number {
    return this.#indexOf(note);
  }

  /** What the person types: searched at once, at every keystroke. */
  type(text: string): Promise<void> {
    this.text = text;
    this.#typing = true;
    return this.#start(null);
  }

  /** A whole query from elsewhere: a saved search, a suggestion, a removed chip. */
  set(text: string, mode: Mode = this.mode): Promise<void> {
    this.text = text;
    this.mode = mode;
    this.#typing = false;
    return this.#start(null);
  }

  /** The first search of a restored tab: its selection is kept if it is still among the hits. */
  resume(): Promise<void> {
    return this.#start(this.selected);
  }

  async #start(keep: NoteId | null): Promise<void> {
    const generation = ++this.#generation;
    this.#waiting.clear();
    if (this.text.trim() === "") {
      this.#clear();
      await api.cancelSearch(this.tab).catch(() => undefined);
      return;
    }
    if (this.phase === "idle" || this.phase === "failed") this.phase = "searching";
    const hits = await this.#ask(generation, 0, PAGE);
    if (!hits) return;
    this.#pages = new Map([[0, hits.hits]]);
    this.#window = [0, 1];
    this.#describe(hits);
    this.selected = keep !== null && hits.hits.some((h) => h.note === keep) ? keep : (hits.hits[0]?.note ?? null);
  }

  /** The notes have changed: the same question again, in place. The selection stays on its note. */
  async refresh(): Promise<void> {
    if (this.text.trim() === "") return;
    const generation = ++this.#generation;
    this.#waiting.clear();
    const first = Math.floor(this.#window[0] / PAGE);
    const last = Math.floor(Math.max(0, this.#window[1] - 1) / PAGE);
    const before = this.selectedIndex;
    const hits = await this.#ask(generation, first * PAGE, (last - first + 1) * PAGE);
    if (!hits) return;
    const pages = new Map<number, Hit[]>();
    for (let page = first; page <= last; page++) {
      const rows = hits.hits.slice((page - first) * PAGE, (page - first + 1) * PAGE);
      if (rows.length > 0) pages.set(page, rows);
    }
    // A page out of view may be stale now; it is fetched again when it comes into view.
    this.#pages = pages;
    this.#describe(hits);
    if (this.selected === null || this.selectedIndex < 0) {
      const still = before >= 0 && Math.floor(before / PAGE) >= first && Math.floor(before / PAGE) <= last;
      if (still) this.selected = this.at(Math.min(before, hits.total - 1))?.note ?? null;
      else if (this.selected === null) this.selected = this.at(0)?.note ?? null;
    }
  }

  /** Loads the pages that these rows are on. */
  ensure(first: number, end: number): void {
    this.#window = [first, Math.max(end, first + 1)];
    const missing: number[] = [];
    for (let page = Math.floor(first / PAGE); page * PAGE < Math.min(end, this.total); page++) {
      if (!this.#pages.has(page) && !this.#waiting.has(page)) missing.push(page);
    }
    const [from] = missing;
    const to = missing.at(-1);
    if (from === undefined || to === undefined) return;
    // One request for all of them: in a tab a newer request ends the older.
    for (let page = from; page <= to; page++) this.#waiting.add(page);
    void this.#more(from, to);
  }

  async #more(from: number, to: number): Promise<void> {
    const generation = ++this.#generation;
    const hits = await this.#ask(generation, from * PAGE, (to - from + 1) * PAGE);
    if (!hits) return;
    const pages = new Map(this.#pages);
    for (let page = from; page <= to; page++) pages.set(page, hits.hits.slice((page - from) * PAGE, (page - from + 1) * PAGE));
    this.#waiting.clear();
    this.#pages = pages;
    this.total = hits.total;
    this.totalIsExact = hits.total_is_exact;
  }

  async #ask(generation: number, offset: number, limit: number): Promise<Hits | null> {
    try {
      const answer = await api.search({ tab: this.tab, generation, text: this.text, mode: this.mode, typing: this.#typing, offset, limit });
      return generation === this.#generation && answer.generation === generation ? answer : null;
    } catch (error) {
      if (generation !== this.#generation) return null;
      this.phase = "failed";
      this.error = errorMessage(error);
      return null;
    }
  }

  #describe(hits: Hits): void {
    this.phase = "ready";
    this.answered = this.text;
    this.total = hits.total;
    this.totalIsExact = hits.total_is_exact;
    this.chips = hits.chips;
    this.terms = hits.terms;
    this.degraded = hits.degraded;
    this.suggestion = hits.suggestion;
    this.tookMs = hits.took_ms;
  }

  #clear(): void {
    this.phase = "idle";
    this.answered = "";
    this.#pages = new Map();
    this.total = 0;
    this.chips = [];
    this.terms = [];
    this.degraded = null;
    this.suggestion = null;
    this.selected = null;
  }

  /** Takes a chip's range out of the query. */
  removeChip(chip: Chip): Promise<void> {
    return this.set(withoutRange(this.text, chip.start, chip.end));
  }

  select(index: number): void {
    const hit = this.at(Math.max(0, Math.min(this.total - 1, index)));
    if (hit) this.selected = hit.note;
  }

  move(step: number): void {
    this.select(this.selectedIndex < 0 ? 0 : this.selectedIndex + step);
  }

  dispose(): void {
    this.#generation += 1;
    void api.cancelSearch(this.tab).catch(() => undefined);
  }
}

/** Cuts a range out and leaves one space where it was. */
export function withoutRange(text: string, start: number, end: number): string {
  return `${text.slice(0, start).trimEnd()} ${text.slice(end).trimStart()}`.trim();
}
