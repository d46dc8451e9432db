/** The questions of one tab and their answers: asked one after the other, each with those before it. */
import { api, errorCode, errorMessage, type Answer, type AnswerProgress, type Claim, type Found, type Quote } from "../api";

export type Phase = "looking" | "waiting" | "writing" | "done" | "stopped" | "failed";

let asked = 0;

export class Entry {
  /** Names the question on the wire; a retry gets another one, so that late news of the first is dropped. */
  name = "";
  readonly question: string;
  phase = $state<Phase>("looking");
  found = $state.raw<Found | null>(null);
  /** How many questions the model answers first. */
  waiting = $state(0);
  /** What the model has written so far. */
  written = $state("");
  answer = $state.raw<Answer | null>(null);
  failure = $state("");
  running = $derived(this.phase === "looking" || this.phase === "waiting" || this.phase === "writing");
  quotes = $derived(this.answer?.found.quotes ?? this.found?.quotes ?? []);

  constructor(question: string) {
    this.question = question;
  }
}

export class Conversation {
  entries = $state<Entry[]>([]);
  /** What answers are written by; null: they are the notes’ own words; undefined: not known. */
  model = $state<string | null | undefined>(undefined);
  running = $derived(this.entries.find((entry) => entry.running) ?? null);

  /** Listens to what the shell tells; returns what ends that and every question. */
  start(): () => void {
    const unlisten = api.onAnswerProgress((news) => this.#hear(news));
    return () => {
      unlisten();
      this.stop();
    };
  }

  /** The settings may have changed since they were read last. */
  readModel(): void {
    api.getGenerator().then(
      (model) => (this.model = model),
      () => (this.model = undefined),
    );
  }

  #hear(news: AnswerProgress): void {
    const entry = this.entries.find((e) => e.name === news.name);
    if (!entry?.running) return;
    if (news.found) entry.found = news.found;
    if (news.waiting !== null) {
      entry.waiting = news.waiting;
      entry.phase = "waiting";
    }
    if (news.text !== null) {
      entry.written += news.text;
      entry.phase = "writing";
    }
  }

  /** Asks; while another question of the tab is being answered, does nothing. */
  async ask(question: string): Promise<Entry | null> {
    const text = question.trim();
    if (text === "" || this.running) return null;
    this.entries.push(new Entry(text));
    const entry = this.entries[this.entries.length - 1];
    if (!entry) return null;
    this.readModel();
    await this.#run(entry);
    return entry;
  }

  async retry(entry: Entry): Promise<void> {
    if (this.running) return;
    entry.phase = "looking";
    entry.found = null;
    entry.answer = null;
    entry.written = "";
    entry.failure = "";
    await this.#run(entry);
  }

  async #run(entry: Entry): Promise<void> {
    asked += 1;
    const name = `ask-${asked}`;
    entry.name = name;
    const before = this.entries
      .slice(0, this.entries.indexOf(entry))
      .filter((e) => e.answer)
      .map((e) => ({ question: e.question, answer: plainText(e.answer?.claims ?? []) }));
    try {
      const answer = await api.ask({ name, question: entry.question, before });
      if (entry.name !== name || !entry.running) return;
      entry.answer = answer;
      entry.phase = "done";
    } catch (error) {
      if (entry.name !== name || !entry.running) return;
      entry.phase = errorCode(error) === "busy" ? "stopped" : "failed";
      entry.failure = errorMessage(error);
    }
  }

  /** Stops the question that is being answered; what was written so far stays. */
  stop(): void {
    const entry = this.running;
    if (!entry) return;
    entry.phase = "stopped";
    api.cancelAsk(entry.name).catch((error: unknown) => (entry.failure = errorMessage(error)));
  }
}

/** Sentences as lines: what begins a line in the answer does so when it is shown. */
export function linesOf(claims: Claim[]): Claim[][] {
  const lines: Claim[][] = [];
  for (const claim of claims) {
    const last = lines[lines.length - 1];
    if (!last || claim.begins_line) lines.push([claim]);
    else last.push(claim);
  }
  return lines;
}

export function plainText(claims: Claim[]): string {
  return linesOf(claims)
    .map((line) => line.map((claim) => claim.text).join(" "))
    .join("\n");
}

/** Text in which Markdown sees nothing but text. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]<>!#|~$^=]/g, "\\$&").replace(/\s+/g, " ");
}

const linkName = (quote: Quote): string => [quote.notebook, quote.title].filter((part) => part !== "").join("/");

/** An answer as the body of a note: its sentences as plain text, then the passages with links to their notes. */
export function asNote(answer: Answer): string {
  const lines = linesOf(answer.claims).map((line) =>
    line.map((claim) => `${escapeMarkdown(claim.text)}${claim.cites.map((cite) => ` (${cite + 1})`).join("")}${claim.support === "none" ? " (no passage says so)" : ""}`).join(" "),
  );
  const used = new Set(answer.claims.flatMap((claim) => claim.cites));
  const sources = answer.found.quotes.flatMap((quote, index) => {
    if (!used.has(index)) return [];
    // What ends a link cannot stand in one.
    const name = linkName(quote).replace(/[[\]|#^\n]/g, " ");
    return [`${index + 1}. [[${name}]]: ${escapeMarkdown(quote.text.slice(...quote.best))}`];
  });
  const by = answer.model === null ? "In the notes’ own words." : `Written by ${escapeMarkdown(answer.model)} from these passages.`;
  return `${lines.join("\n\n")}\n\n## Passages\n\n${sources.join("\n")}\n\n${by}\n`;
}
