/** What a query may go on with at the caret: names of filters, and what a filter takes. Knows no screen. */
import { api } from "../api";
import { filters } from "../shared/queryLanguage";

/** The part of a query that the caret stands in, and what stands there. */
export type AtCaret =
  | { kind: "value"; key: string; value: string; start: number; end: number }
  | { kind: "name"; word: string; start: number; end: number };

export interface Offer {
  label: string;
  about: string;
  /** What takes the place of the part at the caret. */
  insert: string;
}

const MOST = 30;
/** Up to the caret: a minus; then a tag, a filter with its value, or a word. */
const PART = /(?:^|[\s(])-?(?:#([^\s"()#]*)|([A-Za-z_]+)(?::|[<>]=?)(?:"([^"]*)|([^\s"()]*))|([A-Za-z_]*))$/;

export function atCaret(text: string, caret: number): AtCaret | null {
  const found = PART.exec(text.slice(0, caret));
  if (!found) return null;
  const [, tag, name, quoted, bare, word] = found;
  if (word !== undefined) {
    // Nothing is to be completed in the middle of a word, nor in a phrase.
    const inPhrase = (text.slice(0, caret).match(/["“”„]/g)?.length ?? 0) % 2 === 1;
    return inPhrase || /^[^\s)]/.test(text.slice(caret)) ? null : { kind: "name", word, start: caret - word.length, end: caret };
  }
  const rest = quoted === undefined ? /^[^\s"()]*/ : /^[^"]*"?/;
  const end = caret + (rest.exec(text.slice(caret))?.[0].length ?? 0);
  if (tag !== undefined) return { kind: "value", key: "#", value: tag, start: caret - tag.length - 1, end };
  const key = name?.toLowerCase() ?? "";
  if (!filterOf(key)) return null;
  const value = quoted ?? bare ?? "";
  return { kind: "value", key, value, start: caret - value.length - (quoted === undefined ? 0 : 1), end };
}

function filterOf(key: string): (typeof filters)[number] | undefined {
  return filters.find((f) => f.key === key || f.also.includes(key));
}

/** Filters whose name begins so; other names of them only where they have no own. */
export function filterNames(word: string): Offer[] {
  const begun = word.toLowerCase();
  const own = filters.filter((f) => f.key.startsWith(begun)).map((f) => ({ key: f.key, about: f.about }));
  const other = filters.flatMap((f) => f.also.filter((also) => begun !== "" && also.startsWith(begun)).map((key) => ({ key, about: f.about })));
  return (own.length > 0 ? own : other).map(({ key, about }) => ({ label: `${key}:`, about, insert: `${key}:` }));
}

const quoted = (value: string): string => (/[\s()]/.test(value) ? `"${value}"` : value);
const fold = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** Those that begin with what was typed come before those that have it within. */
function matching(values: readonly string[], typed: string): string[] {
  const wanted = fold(typed);
  const begins = values.filter((v) => fold(v).startsWith(wanted));
  return [...begins, ...values.filter((v) => !begins.includes(v) && fold(v).includes(wanted))].slice(0, MOST);
}

/** What the filter at the caret may be given. */
export async function filterValues(part: Extract<AtCaret, { kind: "value" }>): Promise<Offer[]> {
  const offer = (value: string, about = ""): Offer => ({ label: value, about, insert: part.key === "#" ? `#${value} ` : `${quoted(value)} ` });
  const values = part.key === "#" ? "tags" : (filterOf(part.key)?.values ?? "words");
  if (values === "words") return [];
  // No query can say a name with a quote in it, and no # a tag with a space.
  const sayable = (value: string): boolean => !value.includes('"') && (part.key !== "#" || !/\s/.test(value));
  if (values === "tags") {
    const typed = part.value.replace(/^#/, "");
    return matching((await api.completeTags(typed)).filter(sayable), typed).map((tag) => offer(tag));
  }
  if (values === "notes") return (await api.completeNames(part.value)).filter((n) => sayable(n.title) && n.title !== "").map((n) => offer(n.title, n.notebook));
  if (values === "notebooks") {
    const { notebooks } = await api.getSidebar();
    return matching(notebooks.map((n) => n.path).filter(sayable), part.value).map((path) => offer(path));
  }
  return matching(values, part.value).map((value) => offer(value));
}
