/** One search tab's state: its query, its hits page by page, and what is selected. Knows nothing of the screen. */
import { api, errorMessage, type Chip, type Corrected, type Hit, type Hits, type Mode, type NoteId, type Passage, type Rescue } from "../api";

const PAGE = 50;
/** So far down a refresh asks from the first hit on; deeper only for what is in view, or it would get dearer with every row. */
const FROM_TOP = 4 * PAGE;

export type Phase = "idle" | "searching" | "ready" | "failed";

/** A newer answer that waits, because to show it would move the rows that the person looks at. */
export interface Fresh {
  hits: Hits;
  /** The page at which its hits begin. */
  page: number;
  /** Hits that are not among those shown. */
  added: number;
  /** The shown hits that still match stand in another order, or others stand between them. */
  moved: boolean;
}

/** A hit with its passages below it; null: they are on their way. */
export interface Unfolded {
  passages: Passage[] | null;
  error: string;
  /** When the note was last changed, as the passages know it. */
  updated: number;
}

export class Search {
  #typing = $state(false);
  /** The whole query. */
  text = $state("");
  mode = $state<Mode>("both");
  phase = $state<Phase>("idle");
  error = $state("");
  /** Rows of the list: the hits, and those still shown that no longer match. */
  rows = $state(0);
  gone = $state.raw<ReadonlySet<NoteId>>(new Set());
  total = $derived(this.rows - this.gone.size);
  fresh = $state.raw<Fresh | null>(null);
  totalIsExact = $state(true);
  chips = $state.raw<Chip[]>([]);
  terms = $state.raw<string[]>([]);
  degraded = $state<string | null>(null);
  /** Many searches waited, so this one was answered by words alone: it is to be asked again. */
  busy = $state(false);
  answers = $state(0);
  rescues = $state.raw<Rescue[]>([]);
  corrected = $state.raw<Corrected[]>([]);
  tookMs = $state(0);
  selected = $state<NoteId | null>(null);
  /** The text that the shown hits answer; differs from `text` for the moment that a search takes. */
  answered = $state("");
  selectedIndex = $derived(this.#indexOf(this.selected));
  selectedHit = $derived(this.at(this.selectedIndex) ?? null);
  /** Hits with their passages below them. */
  unfolded = $state.raw<ReadonlyMap<NoteId, Unfolded>>(new Map());
  /** The selected passage of the selected hit; -1: the hit itself. */
  passage = $state(-1);
  selectedPassage = $derived(this.passagesOf(this.selected)[this.passage] ?? null);
  /** Why the selected hit is there is shown below it. */
  explaining = $state(false);
  /** The queries within whose hits is searched, the innermost last. */
  #outer = $state.raw<{ text: string; typing: boolean }[]>([]);
  /** The query within whose hits is searched, as it was typed. */
  outer = $derived(this.#outer.at(-1)?.text ?? "");
  /** The part of the query that stands for them, in parentheses; empty: there are none. */
  within = $derived(this.#outer.length > 0 ? inParentheses(this.#outer.at(-1)) : "");
  /** What of the query is typed, beside that part. */
  typed = $derived(this.text.slice(this.within.length).replace(/^ /, ""));
  /** The query as it finds the words to mark; empty: there are none. */
  marking = $derived(this.terms.length === 0 ? "" : [wholeWords(this.answered, this.#typing), ...this.corrected.flatMap((c) => c.used)].join(" "));
  readonly tab: string;
  #pages = $state.raw<ReadonlyMap<number, Hit[]>>(new Map());
  /** Every request has its own; an answer that is not to the latest is dropped. */
  #generation = 0;
  #waiting = new Set<number>();
  /** The question that is on its way, other than a refresh. */
  #asking: Promise<void> | null = null;
  /** The person has chosen a row, and so is at the list. */
  #chosen = false;
  #window: [number, number] = [0, 1];

  constructor(tab: string, text: string, mode: Mode, selected: NoteId | null) {
    this.tab = tab;
    this.text = text;
    this.mode = mode;
    this.selected = selected;
  }

  /** Its last word may be unfinished. */
  get typing(): boolean {
    return this.#typing;
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

  passagesOf(note: NoteId | null): readonly Passage[] {
    return (note === null ? null : this.unfolded.get(note)?.passages) ?? [];
  }

  /** What the person types: searched at once, at every keystroke. */
  type(typed: string): Promise<void> {
    this.text = this.within === "" ? typed : `${this.within} ${typed}`;
    this.#typing = true;
    return this.#start(null);
  }

  /** A whole query from elsewhere: a saved search, a suggestion, a removed chip. */
  set(text: string, mode: Mode = this.mode): Promise<void> {
    if (this.within !== "" && text !== this.within && !text.startsWith(`${this.within} `)) this.#outer = [];
    this.text = text;
    this.mode = mode;
    this.#typing = false;
    return this.#start(null);
  }

  /** What is typed next narrows the present hits. */
  searchWithin(): Promise<void> {
    if (this.typed.trim() === "") return Promise.resolve();
    this.#outer = [...this.#outer, { text: this.text.trim(), typing: this.#typing }];
    return this.set(this.within);
  }

  /** Back to the query within whose hits was searched; what was typed since stays. */
  leaveWithin(): Promise<void> {
    const outer = this.#outer.at(-1);
    if (!outer) return Promise.resolve();
    const text = `${outer.text} ${this.typed}`.trim();
    this.#outer = this.#outer.slice(0, -1);
    return this.set(text);
  }

  /** The first search of a restored tab: its selection is kept if it is still among the hits. */
  resume(): Promise<void> {
    return this.#start(this.selected);
  }

  #start(keep: NoteId | null): Promise<void> {
    this.fresh = null;
    this.#waiting.clear();
    return this.#pending(this.#begin(keep));
  }

  async #begin(keep: NoteId | null): Promise<void> {
    const generation = ++this.#generation;
    if (this.text.trim() === "") {
      this.#clear();
      await api.cancelSearch(this.tab).catch(() => undefined);
      return;
    }
    if (this.phase === "idle" || this.phase === "failed") this.phase = "searching";
    const hits = await this.#ask(generation, 0, PAGE);
    if (!hits) return;
    this.#window = [0, 1];
    this.unfolded = new Map();
    this.passage = -1;
    this.explaining = false;
    this.selected = keep !== null && hits.hits.some((h) => h.note === keep) ? keep : (hits.hits[0]?.note ?? null);
    this.#show(hits, 0);
    this.#chosen = this.selectedIndex > 0;
  }

  /** The whole list as this answer has it. A page that it leaves out is asked for when it comes into view. */
  #show(hits: Hits, page: number): void {
    const before = this.selectedIndex;
    const lost = this.selected === null || this.gone.has(this.selected);
    this.#pages = inPages(hits.hits, page);
    this.rows = hits.total;
    this.gone = new Set();
    this.fresh = null;
    this.#describe(hits);
    if (lost && this.selectedIndex < 0) this.selected = (this.at(Math.min(before, this.rows - 1)) ?? this.at(0))?.note ?? null;
  }

  /**
   * The notes have changed: the same question again. The rows take what is new in their notes and stay where they are;
   * what ranks below them all is appended; an answer that would move them waits in `fresh`, unless `atRest`: nobody is at the list.
   * False: a newer question overtook it, and its answer may be from before the change.
   */
  async refresh(atRest: boolean): Promise<boolean> {
    while (this.#asking) await this.#asking;
    if (this.text.trim() === "") return true;
    const generation = ++this.#generation;
    const from = this.#window[0] < FROM_TOP ? 0 : Math.floor(this.#window[0] / PAGE);
    const end = Math.ceil(this.#window[1] / PAGE);
    const failed = this.phase === "failed";
    const hits = await this.#ask(generation, from * PAGE, (end - from) * PAGE);
    if (!hits) return generation === this.#generation;
    if (failed || this.rows === 0) this.#show(hits, from);
    else this.#compare(hits, from, atRest && !this.#chosen);
    for (const [note, { passages, updated }] of this.unfolded) {
      const now = hits.hits.find((h) => h.note === note);
      if (now && passages && now.updated !== updated) void this.#loadPassages(now);
    }
    return true;
  }

  /** Shows a hit's passages below it. */
  unfold(hit: Hit): Promise<void> {
    if (this.unfolded.has(hit.note)) return Promise.resolve();
    this.#setUnfolded(hit, null, "");
    return this.#loadPassages(hit);
  }

  fold(note: NoteId): void {
    this.unfolded = new Map([...this.unfolded].filter(([id]) => id !== note));
    if (note === this.selected) this.passage = -1;
  }

  #setUnfolded(hit: Hit, passages: Passage[] | null, error: string): void {
    this.unfolded = new Map([...this.unfolded, [hit.note, { passages, error, updated: hit.updated }]]);
  }

  async #loadPassages(hit: Hit): Promise<void> {
    const asked = this.answered;
    const still = (): boolean => asked === this.answered && this.unfolded.has(hit.note);
    try {
      const passages = await api.passages(hit.note, this.marking || wholeWords(asked, this.#typing), this.mode);
      if (!still()) return;
      this.#setUnfolded(hit, passages, "");
      if (hit.note === this.selected) this.passage = Math.min(this.passage, passages.length - 1);
    } catch (error) {
      if (still()) this.#setUnfolded(hit, [], errorMessage(error));
    }
  }

  #compare(hits: Hits, page: number, atRest: boolean): void {
    const answer = new Map(hits.hits.map((h) => [h.note, h]));
    const complete = page === 0 && hits.hits.length >= hits.total;
    const asked = page * PAGE;
    const end = Math.min(this.rows, Math.ceil(this.#window[1] / PAGE) * PAGE);
    const shown = Array.from({ length: end - asked }, (_, i) => this.at(asked + i));
    const missing = shown.flatMap((h) => (h && !answer.has(h.note) && !this.gone.has(h.note) ? [h.note] : []));
    const known = [...this.gone].filter((note) => !answer.has(note));
    const fell = page === 0 && hits.total + missing.length <= this.total;
    // A row that no longer matches keeps its place, and says so, until a fresh answer is shown: to take it out would move those below.
    let gone = new Set(complete || fell ? [...known, ...missing] : known);

    // Row by row: those that still match must be the answer's first, in its order; the rest of it comes below them all.
    let next = 0;
    const merged = shown.map((old) => (old && gone.has(old.note) ? old : hits.hits[next++]));
    const fits = shown.every((old, i) => !old || old.note === merged[i]?.note);
    // Of a long list only a part is asked for; there a missing row may just have moved, unless the total fell by as many and the others stayed.
    if (!fits && !complete) gone = new Set(known);
    this.gone = gone;
    if (atRest) return this.#show(hits, page);

    if (fits && (complete || gone.size === 0)) {
      this.#pages = inPages([...merged, ...hits.hits.slice(next)].filter((h) => h !== undefined), page);
      this.rows = hits.total + gone.size;
      this.#describe(hits);
    } else {
      this.#pages = new Map([...this.#pages].map(([at, rows]) => [at, rows.map((old) => answer.get(old.note) ?? old)]));
    }
    const loaded = this.#loaded();
    // An exact total counts what is new wherever it ranks. An estimate does not: there it is what came, is not shown, and,
    // since what ranks below may only not be loaded, stands above a row that is.
    const exact = hits.total_is_exact && this.totalIsExact;
    const above = complete ? hits.hits : hits.hits.slice(0, hits.hits.findLastIndex((h) => loaded.has(h.note)) + 1);
    const added = exact ? Math.max(0, hits.total - this.total) : above.filter((h) => !loaded.has(h.note)).length;
    this.fresh = fits && added === 0 && gone.size === 0 ? null : { hits, page, added, moved: !fits };
  }

  /** Shows the answer that waits. The selection stays on its note. Gives the first new row, or -1 if none is new. */
  apply(): number {
    const { fresh } = this;
    if (!fresh) return -1;
    const loaded = this.#loaded();
    this.#show(fresh.hits, fresh.page);
    const first = fresh.added > 0 ? fresh.hits.hits.findIndex((h) => !loaded.has(h.note)) : -1;
    return first < 0 ? -1 : fresh.page * PAGE + first;
  }

  #loaded(): Set<NoteId> {
    return new Set([...this.#pages.values()].flat().map((h) => h.note));
  }

  /** Some of these rows are on pages that are not loaded. */
  lacks(first: number, end: number): boolean {
    return this.#missing(first, end).length > 0;
  }

  #missing(first: number, end: number): number[] {
    const missing: number[] = [];
    for (let page = Math.floor(first / PAGE); page * PAGE < Math.min(end, this.rows); page++) {
      if (!this.#pages.has(page) && !this.#waiting.has(page)) missing.push(page);
    }
    return missing;
  }

  /** Loads the pages that these rows are on. */
  ensure(first: number, end: number): void {
    // The rows are still those of the query before.
    if (this.text !== this.answered) return;
    this.#window = [first, Math.max(end, first + 1)];
    const missing = this.#missing(first, end);
    const [from] = missing;
    const to = missing.at(-1);
    if (from === undefined || to === undefined) return;
    // One request for all of them: in a tab a newer request ends the older.
    for (let page = from; page <= to; page++) this.#waiting.add(page);
    void this.#pending(this.#more(from, to));
  }

  async #more(from: number, to: number): Promise<void> {
    const generation = ++this.#generation;
    const hits = await this.#ask(generation, from * PAGE, (to - from + 1) * PAGE);
    if (!hits) return;
    const pages = new Map(this.#pages);
    for (let page = from; page <= to; page++) pages.set(page, hits.hits.slice((page - from) * PAGE, (page - from + 1) * PAGE));
    this.#waiting.clear();
    this.#pages = pages;
    this.rows = hits.total;
    this.totalIsExact = hits.total_is_exact;
  }

  /** A refresh waits for it: it must neither overtake the person's own question nor be overtaken by a page. */
  async #pending(question: Promise<void>): Promise<void> {
    this.#asking = question;
    await question;
    if (this.#asking === question) this.#asking = null;
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
    this.totalIsExact = hits.total_is_exact;
    this.chips = hits.chips;
    this.terms = hits.terms;
    this.degraded = hits.degraded;
    this.busy = hits.busy;
    this.answers += 1;
    this.rescues = hits.rescues;
    this.corrected = hits.corrected;
    this.tookMs = hits.took_ms;
  }

  #clear(): void {
    this.phase = "idle";
    this.answered = "";
    this.#pages = new Map();
    this.rows = 0;
    this.gone = new Set();
    this.chips = [];
    this.terms = [];
    this.degraded = null;
    this.busy = false;
    this.rescues = [];
    this.corrected = [];
    this.selected = null;
    this.unfolded = new Map();
    this.passage = -1;
  }

  /** Adds a filter or a word to what is there. */
  append(text: string): Promise<void> {
    return this.set(`${this.text.trimEnd()} ${text}`.trimStart());
  }

  /** Takes a chip's range out of the query. */
  removeChip(chip: Chip): Promise<void> {
    return this.set(withoutRange(this.text, chip.start, chip.end));
  }

  select(index: number, passage = -1): void {
    const hit = this.at(Math.max(0, Math.min(this.rows - 1, index)));
    if (!hit) return;
    if (hit.note !== this.selected) this.explaining = false;
    this.selected = hit.note;
    this.passage = passage;
    this.#chosen = true;
  }

  /** To the next line of the list or the one before: a hit, or a passage of an unfolded one. */
  step(by: 1 | -1): void {
    const at = this.selectedIndex;
    if (at < 0) return this.select(0);
    const next = this.passage + by;
    if (next >= -1 && next < this.passagesOf(this.selected).length) return this.select(at, next);
    const to = this.at(at + by);
    if (to) this.select(at + by, by < 0 ? this.passagesOf(to.note).length - 1 : -1);
  }

  dispose(): void {
    this.#generation += 1;
    void api.cancelSearch(this.tab).catch(() => undefined);
  }
}

function inPages(hits: Hit[], first: number): Map<number, Hit[]> {
  const pages = new Map<number, Hit[]>();
  for (let at = 0; at < hits.length; at += PAGE) pages.set(first + at / PAGE, hits.slice(at, at + PAGE));
  return pages;
}

/** A query with what its last word may still become, where it was being typed. */
function wholeWords(text: string, typing: boolean): string {
  return typing && /(^|[\s(])[\p{L}\p{N}]+$/u.test(text) ? `${text}*` : text;
}

/** A whole query as a part of another: quotes and parentheses that are open close in it. */
function inParentheses(query: { text: string; typing: boolean } | undefined): string {
  if (!query) return "";
  let text = wholeWords(query.text, query.typing);
  if ((text.match(/["“”„]/g)?.length ?? 0) % 2 === 1) text += '"';
  const count = (sign: string): number => text.split(sign).length - 1;
  return `(${text}${")".repeat(Math.max(0, count("(") - count(")")))})`;
}

/** Cuts a range out and leaves one space where it was. */
export function withoutRange(text: string, start: number, end: number): string {
  return `${text.slice(0, start).trimEnd()} ${text.slice(end).trimStart()}`.trim();
}
