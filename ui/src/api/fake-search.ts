/** Searching the fake's notes: substrings and a few filters, and a small table of kindred words that plays "by meaning". */
import type { Chip, Corrected, FacetCount, Facets, Hit, Hits, IndexStatus, Mode, Note, Passage, Rescue, SearchRequest, TextMatches } from "./types";

export interface Searchable extends Note {
  hasOpenTask: boolean;
  hasTask: boolean;
}

const KINDRED: string[][] = [
  ["landlord", "deposit", "rent", "lease", "tenant", "money back", "refund", "housing board"],
  ["tax", "deduction", "wage", "donations", "budget"],
  ["bread", "flour", "dough", "baking", "buns", "yeast"],
  ["vector", "embedding", "similarity", "meaning", "nearest"],
  ["sleep", "tired", "rest", "insomnia"],
  ["trip", "travel", "journey", "walked", "lisbon", "alps", "alpen"],
  ["exercise", "physio", "hamstring", "tendon", "training"],
];

interface Term {
  kind: "word" | "phrase" | "filter";
  key: string;
  value: string;
  negated: boolean;
  start: number;
  end: number;
}

const TOKEN = /(-)?(?:(\w+):)?(?:"([^"]*)"?|(\S+))/g;
const KEYS = new Set(["tag", "in", "notebook", "title", "body", "is", "has", "type", "sort", "updated", "created", "due", "link", "like"]);

function parse(text: string): Term[] {
  return [...text.matchAll(TOKEN)].map((m) => {
    const raw = m[3] ?? m[4] ?? "";
    const start = m.index;
    const span = { start, end: start + m[0].length, negated: m[1] === "-" };
    const key = m[2]?.toLowerCase();
    if (key !== undefined && KEYS.has(key)) return { kind: "filter", key, value: raw.toLowerCase(), ...span };
    if (raw.startsWith("#") && raw.length > 1) return { kind: "filter", key: "tag", value: raw.slice(1).toLowerCase(), ...span };
    const value = (key === undefined ? raw : `${key}:${raw}`).toLowerCase();
    return { kind: m[3] === undefined ? "word" : "phrase", key: "", value: m[3] === undefined ? value.replace(/^\(+|[)*]+$/g, "") : value, ...span };
  });
}

const within = (path: string, parent: string): boolean => path === parent || path.startsWith(`${parent}/`);

function passes(note: Searchable, term: Term): boolean {
  const { key, value } = term;
  const test = (): boolean => {
    if (value === "") return true;
    if (key === "tag") return note.all_tags.some((t) => within(t.toLowerCase(), value));
    if (key === "in" || key === "notebook") return within(note.notebook.toLowerCase(), value);
    if (key === "title") return note.title.toLowerCase().includes(value);
    if (key === "body") return note.body.toLowerCase().includes(value);
    if (key === "type") return note.kind === value;
    if (key === "is" && value === "todo") return note.hasOpenTask;
    if (key === "is" && value === "done") return note.hasTask && !note.hasOpenTask;
    if (key === "is" && value === "pinned") return note.pinned;
    if (key === "is" && value === "trashed") return note.trashed !== null;
    if (key === "has" && value === "task") return note.hasTask;
    if (key === "has" && value === "link") return note.body.includes("[[");
    if (key === "has" && value === "attachment") return note.attachments.length > 0;
    if (key === "created") return String(new Date(note.created).getFullYear()) === value;
    if (key === "link") return note.body.toLowerCase().includes(`[[${value}`);
    return true;
  };
  return test() !== term.negated;
}

function marksOf(text: string, words: string[]): [number, number][] {
  const lower = text.toLowerCase();
  const found: [number, number][] = [];
  for (const word of words) {
    for (let at = lower.indexOf(word); word && at >= 0; at = lower.indexOf(word, at + word.length)) found.push([at, at + word.length]);
  }
  return found.sort((a, b) => a[0] - b[0]).filter(([start], i, all) => i === 0 || start >= (all[i - 1]?.[1] ?? 0));
}

function plain(text: string): string {
  return text.replace(/^\s*(?:[-*+]|\d+\.) (?:\[[ xX]\] )?/gm, "").replace(/[#*`>|]|\[\[|\]\]/g, " ").replace(/\s+/g, " ").trim();
}

function paragraphs(body: string): { start: number; end: number; text: string }[] {
  const found: { start: number; end: number; text: string }[] = [];
  let start = 0;
  for (const part of body.split("\n\n")) {
    found.push({ start, end: start + part.length, text: part });
    start += part.length + 2;
  }
  return found.filter((p) => p.text.trim() !== "" && !/^#+ .*$/.test(p.text));
}

function headingAbove(body: string, at: number): string {
  const headings = [...body.slice(0, at + 1).matchAll(/^#{2,3} (.*)$/gm)];
  return headings.at(-1)?.[1] ?? "";
}

function hitOf(note: Searchable, words: string[], kindred: string[], score: number, why: Hit["why"]): Hit {
  const all = paragraphs(note.body);
  const by = words.some((w) => note.body.toLowerCase().includes(w)) ? words : kindred;
  const count = (text: string): number => by.filter((w) => text.toLowerCase().includes(w)).length;
  const best = [...all].sort((a, b) => count(b.text) - count(a.text) || a.start - b.start)[0];
  let text = plain(best?.text ?? "");
  const first = Math.min(...by.map((w) => text.toLowerCase().indexOf(w)).filter((i) => i >= 0), text.length);
  if (first > 90 && first < text.length) text = `… ${text.slice(text.indexOf(" ", first - 60) + 1)}`;
  text = text.slice(0, 260);
  return {
    note: note.id,
    title: note.title,
    title_marks: marksOf(note.title, words),
    notebook: note.notebook,
    all_tags: note.all_tags,
    kind: note.kind,
    updated: note.updated,
    score,
    why,
    explanation: why === "meaning" ? `Near in meaning (similarity ${(0.42 + (score % 1) / 3).toFixed(2)}); none of the words are in it` : `words ${score.toFixed(2)}`,
    heading_path: best ? headingAbove(note.body, best.start) : "",
    snippet: { text, marks: marksOf(text, words) },
    passage: best && by.length > 0 && count(best.text) > 0 ? [best.start, best.end] : null,
  };
}

function chipsOf(terms: Term[]): Chip[] {
  return terms
    .filter((t) => t.kind !== "word" || t.negated || /^\w+:/.test(t.value))
    .map((t) => {
      const name = t.kind === "phrase" ? `“${t.value}”` : t.kind === "word" ? t.value : `${t.key}:${t.value}`;
      const hint = t.kind === "word" && t.value.includes(":") ? `There is no filter called ${t.value.split(":")[0]}; it is searched as text` : null;
      return { label: (t.negated ? "−" : "") + name, start: t.start, end: t.end, hint };
    });
}

interface Found {
  hits: Hit[];
  terms: Term[];
  words: string[];
  corrected: Corrected[];
}

function find(text: string, mode: Mode, notes: Searchable[]): Found {
  const terms = parse(text);
  const filters = terms.filter((t) => t.kind === "filter");
  const positive = terms.filter((t) => t.kind !== "filter" && !t.negated);
  const corrected = mode === "meaning" ? [] : positive.flatMap((t) => correctionOf(t, notes));
  const words = positive.map((t) => corrected.find((c) => c.typed === t.value)?.used[0] ?? t.value);
  const excluded = terms.filter((t) => t.kind !== "filter" && t.negated).map((t) => t.value);
  const kindred = KINDRED.filter((set) => set.some((k) => words.some((w) => w.length > 2 && (k.includes(w) || text.toLowerCase().includes(k))))).flat();
  const quoted = terms.some((t) => t.kind === "phrase");
  const wantsTrash = filters.some((f) => f.key === "is" && f.value === "trashed");
  const hits: Hit[] = [];
  for (const note of text.trim() === "" ? [] : notes) {
    if ((note.trashed !== null) !== wantsTrash || !filters.every((f) => passes(note, f))) continue;
    const whole = `${note.title}\n${note.body}\n${note.all_tags.join(" ")}`.toLowerCase();
    if (excluded.some((w) => whole.includes(w))) continue;
    if (words.length === 0) {
      hits.push(hitOf(note, [], [], note.updated / 1e12, "filter"));
      continue;
    }
    const found = words.filter((w) => whole.includes(w));
    const inTitle = words.filter((w) => note.title.toLowerCase().includes(w)).length;
    const near = kindred.filter((k) => whole.includes(k)).length;
    if (mode !== "meaning" && found.length === words.length) {
      const exact = note.title.toLowerCase() === words.join(" ");
      hits.push(hitOf(note, words, kindred, 2 + inTitle + (exact ? 10 : 0) + near / 20, exact ? "title" : near > 1 && mode === "both" ? "both" : "words"));
    } else if (mode !== "words" && !quoted && near > 0) {
      hits.push(hitOf(note, words, kindred, Math.min(0.95, near / 6) + found.length / 3, "meaning"));
    }
  }
  const sort = filters.find((f) => f.key === "sort")?.value;
  hits.sort((a, b) => {
    if (sort === "title") return a.title.localeCompare(b.title);
    return (sort === "updated" ? b.updated - a.updated : b.score - a.score) || a.note - b.note;
  });
  return { hits, terms, words, corrected };
}

/** One edit is forgiven from four letters on, two from eight. */
function correctionOf(term: Term, notes: Searchable[]): Corrected[] {
  const { value } = term;
  if (term.kind !== "word" || value.length < 4 || isThere(value, notes)) return [];
  const near = nearestWord(value, notes);
  return near !== null && edits(value, near) <= (value.length < 8 ? 1 : 2) ? [{ typed: value, used: [near] }] : [];
}

/** Queries near this one that find something. */
function rescuesOf(text: string, mode: Mode, notes: Searchable[], { hits, terms, corrected }: Found): Rescue[] {
  const cut = (term: Term, by: string): string => `${text.slice(0, term.start)}${by}${text.slice(term.end)}`.replace(/\s+/g, " ").trim();
  const rescues = terms.flatMap((term): Omit<Rescue, "total">[] => {
    if (term.kind === "word" && !term.negated && term.value.length >= 4 && corrected.every((c) => c.typed !== term.value) && !isThere(term.value, notes)) {
      const near = nearestWord(term.value, notes);
      return near === null ? [] : [{ text: cut(term, near), change: near, why: "spelling" }];
    }
    if (hits.length > 0) return [];
    if (term.kind === "filter") return [{ text: cut(term, ""), change: text.slice(term.start, term.end), why: "filter" }];
    return term.kind === "phrase" && !term.negated ? [{ text: cut(term, term.value), change: text.slice(term.start, term.end), why: "phrase" }] : [];
  });
  return rescues.map((rescue) => ({ ...rescue, total: fakeCount(rescue.text, mode, notes) })).filter((rescue) => rescue.total > 0);
}

export function fakeCount(text: string, mode: Mode, notes: Searchable[]): number {
  return find(text, mode, notes).hits.length;
}

export function fakeFacets(text: string, notes: Searchable[]): Facets {
  const found = new Set(find(text, "both", notes).hits.map((h) => h.note));
  const hits = notes.filter((n) => found.has(n.id));
  const quoted = (value: string): string => (/\s/.test(value) ? `"${value}"` : value);
  const counted = (key: string, valuesOf: (note: Searchable) => string[]): FacetCount[] => {
    const counts = new Map<string, number>();
    for (const value of hits.flatMap(valuesOf)) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts].map(([value, count]) => ({ value, count, filter: `${key}:${quoted(value)}` })).sort((a, b) => b.count - a.count || a.value.localeCompare(b.value));
  };
  return {
    total: hits.length,
    kinds: counted("type", (n) => [n.kind]),
    tags: counted("tag", (n) => n.all_tags),
    notebooks: counted("in", (n) => (n.notebook ? [n.notebook] : [])),
    years: counted("created", (n) => [String(new Date(n.created).getFullYear())]),
  };
}

export function fakeSearch(request: SearchRequest, notes: Searchable[], degraded: IndexStatus | null): Hits {
  const began = performance.now();
  const found = find(request.text, request.mode, notes);
  return {
    tab: request.tab,
    generation: request.generation,
    hits: found.hits.slice(request.offset, request.offset + request.limit),
    total: found.hits.length,
    total_is_exact: true,
    chips: chipsOf(found.terms),
    terms: found.words,
    degraded: degraded ? `Searching by meaning is still being prepared: ${degraded.notes - degraded.meaning_pending} of ${degraded.notes} notes` : null,
    busy: false,
    took_ms: Math.max(1, Math.round(performance.now() - began)),
    rescues: rescuesOf(request.text, request.mode, notes, found),
    corrected: found.corrected,
  };
}

/** The words of a query, and those kindred to them. */
function soughtBy(query: string): { words: string[]; kindred: string[] } {
  const words = parse(query).flatMap((t) => (t.kind === "filter" || t.negated ? [] : [t.value.replace(/[()*]/g, "")])).filter((w) => w !== "" && w !== "or");
  return { words, kindred: KINDRED.filter((set) => set.some((k) => words.some((w) => w.length > 2 && k.includes(w)))).flat() };
}

export function fakePassages(body: string, text: string, mode: Mode): Passage[] {
  const { words, kindred } = soughtBy(text);
  return paragraphs(body)
    .map((p) => {
      const shown = plain(p.text).slice(0, 220);
      const matches = mode === "meaning" ? 0 : marksOf(p.text, words).length;
      const near = mode === "words" ? 0 : kindred.filter((k) => p.text.toLowerCase().includes(k)).length;
      const first = matches > 0 ? (marksOf(p.text, words)[0]?.[0] ?? 0) : 0;
      return {
        heading_path: headingAbove(body, p.start),
        snippet: { text: shown, marks: marksOf(shown, words) },
        range: [p.start + first, p.end] as [number, number],
        matches,
        similarity: near > 0 ? 0.3 + near / 20 : null,
        why: matches > 0 ? (near > 0 ? ("both" as const) : ("words" as const)) : ("meaning" as const),
      };
    })
    .filter((p) => p.matches > 0 || p.similarity !== null)
    .slice(0, 8);
}

/** Addresses of links are no text that is read. */
export function fakeMatches(text: string, query: string, markdown: boolean): TextMatches {
  const read = markdown ? text.replace(/\]\([^)]*\)/g, (address) => " ".repeat(address.length)) : text;
  return { places: marksOf(read, soughtBy(query).words), complete: true };
}

function isThere(word: string, notes: Searchable[]): boolean {
  return notes.some((n) => `${n.title}\n${n.body}\n${n.all_tags.join(" ")}`.toLowerCase().includes(word));
}

function nearestWord(word: string, notes: Searchable[]): string | null {
  const all = new Set(notes.flatMap((n) => `${n.title} ${n.body}`.toLowerCase().match(/\p{L}{4,}/gu) ?? []));
  let best: string | null = null;
  for (const other of all) {
    if (Math.abs(other.length - word.length) <= 2 && edits(word, other) <= 2 && (best === null || edits(word, other) < edits(word, best))) best = other;
  }
  return best;
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
