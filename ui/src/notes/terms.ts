// Finding and marking a query's words in shown text, whatever their case and accents.

/** Text without case and accents, and for each of its units the place it came from. */
export function fold(text: string): { folded: string; origin: Uint32Array } {
  let folded = "";
  const origin: number[] = [];
  let at = 0;
  for (const char of text) {
    // Combining marks fold to nothing.
    const plain = char.charCodeAt(0) < 128 ? char.toLowerCase() : char.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    for (let i = 0; i < plain.length; i++) origin.push(at);
    folded += plain;
    at += char.length;
  }
  origin.push(at);
  return { folded, origin: Uint32Array.from(origin) };
}

/** Letters by which a word may be longer than the term and still be a form of it. */
const ENDING = 4;
const WORD = /[\p{L}\p{N}_]/u;
const UNSPACED = /[\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/;
const MAX_MARKS = 2_000;

/** Spans of `text` to mark, in order: whole words that are a term or begin with it; unspaced scripts match anywhere. */
export function findTerms(text: string, terms: readonly string[]): [number, number][] {
  const wanted = terms.map((term) => fold(term.replace(/\*$/, "")).folded.trim()).filter(Boolean);
  if (wanted.length === 0) return [];
  const { folded, origin } = fold(text);
  const spans: [number, number][] = [];
  for (const term of wanted) {
    const anywhere = UNSPACED.test(term);
    for (let at = folded.indexOf(term); at >= 0 && spans.length < MAX_MARKS; at = folded.indexOf(term, at + 1)) {
      let end = at + term.length;
      if (!anywhere) {
        if (at > 0 && WORD.test(folded[at - 1] ?? "")) continue;
        let tail = end;
        while (tail < folded.length && tail - end <= ENDING && WORD.test(folded[tail] ?? "")) tail += 1;
        const extra = tail - end;
        if (extra > ENDING || (term.length < 3 && extra > 0)) continue;
        end = tail;
      }
      spans.push([origin[at] ?? 0, origin[end] ?? text.length]);
    }
  }
  spans.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const merged: [number, number][] = [];
  for (const span of spans) {
    const last = merged[merged.length - 1];
    if (last && span[0] <= last[1]) last[1] = Math.max(last[1], span[1]);
    else merged.push([...span]);
  }
  return merged;
}

const HIGHLIGHT = "search-term";

/** Marks terms below `root` and gives back how to take the marks away, and the first one. */
export function markTerms(root: HTMLElement, terms: readonly string[]): { first: Range | null; clear: () => void } {
  const ranges: Range[] = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && ranges.length < MAX_MARKS; node = walker.nextNode()) {
    for (const [start, end] of findTerms(node.nodeValue ?? "", terms)) {
      const range = document.createRange();
      range.setStart(node, start);
      range.setEnd(node, end);
      ranges.push(range);
    }
  }
  const first = ranges[0] ?? null;
  if (typeof CSS !== "undefined" && "highlights" in CSS && typeof Highlight === "function") {
    const registry = CSS.highlights;
    const marks = registry.get(HIGHLIGHT) ?? new Highlight();
    registry.set(HIGHLIGHT, marks);
    for (const range of ranges) marks.add(range);
    return {
      first,
      clear() {
        for (const range of ranges) marks.delete(range);
      },
    };
  }
  const marks: HTMLElement[] = [];
  // From the end, so that the places of the earlier ranges stay.
  for (const range of [...ranges].reverse()) {
    const mark = document.createElement("mark");
    range.surroundContents(mark);
    marks.push(mark);
  }
  return {
    first,
    clear() {
      for (const mark of marks) {
        const parent = mark.parentNode;
        mark.replaceWith(...mark.childNodes);
        parent?.normalize();
      }
    },
  };
}

/** The words of a query as typed, for marking: filters, excluded words and operators left out. */
export function queryWords(query: string): string[] {
  return query
    .replace(/(^|\s)(?:-|NOT\s+)(?:"[^"]*"?|\S+)/g, " ")
    .replace(/(^|[\s(])#?[A-Za-z_]+(?:[:<>]=?)(?:"[^"]*"?|\S+)/g, " ")
    .replace(/(^|\s)#\S+/g, " ")
    .split(/[\s()"~*]+/)
    .filter((word) => word && word !== "OR" && word !== "AND" && word !== "NOT");
}
