/** What the query bar offers below itself: filters and their values while one types, queries that were asked before. */
import { api, errorMessage, type Mode, type PastQuery } from "../api";
import { type AtCaret, atCaret, filterNames, filterValues, type Offer } from "./complete";

export type Choice = { kind: "offer"; offer: Offer; part: AtCaret } | { kind: "past"; query: PastQuery };

/** Letters of a word from which on the name of a filter is offered. */
const NAME_FROM = 2;
const PAST = 12;

export class Offers {
  choices = $state.raw<Choice[]>([]);
  /** The current choice; -1: none, and the keys are still the list of hits’. */
  at = $state(-1);
  /** The filter that the word at the caret may become. */
  hint = $state.raw<{ offer: Offer; part: AtCaret } | null>(null);
  open = $derived(this.choices.length > 0);
  current = $derived(this.choices[this.at]);
  #asked = 0;

  close(): void {
    this.#asked += 1;
    this.choices = [];
    this.at = -1;
  }

  /** After each key: values are offered by themselves, the name of a filter as a hint only. */
  async follow(text: string, caret: number): Promise<void> {
    const part = atCaret(text, caret);
    const name = part?.kind === "name" && part.word.length >= NAME_FROM ? filterNames(part.word)[0] : undefined;
    this.hint = part && name ? { offer: name, part } : null;
    if (part?.kind === "value") await this.#offerValues(part);
    else this.close();
  }

  async #offerValues(part: Extract<AtCaret, { kind: "value" }>, asked = false): Promise<void> {
    const ask = ++this.#asked;
    let found: Offer[] = [];
    try {
      found = await filterValues(part);
    } catch (error) {
      void api.reportError(`completing a query: ${errorMessage(error)}`);
    }
    if (ask !== this.#asked) return;
    // What is there as a whole needs no completing.
    const done = !asked && found.some((offer) => offer.label.toLowerCase() === part.value.toLowerCase());
    this.choices = done ? [] : found.map((offer) => ({ kind: "offer", offer, part }));
    this.at = -1;
  }

  /** Asked for with a key: whatever fits here, and the queries asked before. True if there is something. */
  async ask(text: string, caret: number): Promise<boolean> {
    const part = atCaret(text, caret);
    if (part?.kind === "value") {
      await this.#offerValues(part, true);
      if (this.open) this.at = 0;
      return this.open;
    }
    const names = part?.kind === "name" && text.trim() !== "" ? filterNames(part.word) : [];
    await this.#offerPast(text, part ? names.map((offer) => ({ kind: "offer", offer, part })) : []);
    return this.open;
  }

  async #offerPast(text: string, before: Choice[]): Promise<void> {
    const ask = ++this.#asked;
    const wanted = text.trim().toLowerCase();
    let past: PastQuery[] = [];
    try {
      past = await api.pastQueries();
    } catch (error) {
      void api.reportError(`reading the search history: ${errorMessage(error)}`);
    }
    if (ask !== this.#asked) return;
    const found = past.filter((q) => q.text.toLowerCase().includes(wanted) && q.text !== text.trim()).slice(0, PAST);
    this.choices = [...found.map((query): Choice => ({ kind: "past", query })), ...before];
    this.at = this.choices.length > 0 ? 0 : -1;
  }

  move(by: 1 | -1): void {
    const { length } = this.choices;
    // Above the first one is the text itself.
    this.at = this.at + by >= length ? -1 : this.at + by < -1 ? length - 1 : this.at + by;
  }

  async forget(query: { text: string; mode: Mode }): Promise<void> {
    await api.forgetQuery(query.text, query.mode);
    this.choices = this.choices.filter((c) => c.kind !== "past" || c.query.text !== query.text || c.query.mode !== query.mode);
    this.at = Math.min(this.at, this.choices.length - 1);
  }
}

/** A text with an offer in place of the part at the caret, and where the caret goes. */
export function accepted(text: string, part: AtCaret, offer: Offer): { text: string; caret: number } {
  const after = text.slice(part.end);
  const insert = offer.insert.endsWith(" ") && after.startsWith(" ") ? offer.insert.trimEnd() : offer.insert;
  return { text: text.slice(0, part.start) + insert + after, caret: part.start + insert.length + (insert === offer.insert ? 0 : 1) };
}
