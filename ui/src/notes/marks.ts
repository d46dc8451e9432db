// Places in shown text: from offsets of what the text says to ranges of the page, marked without changing it.

/** Text as the page shows it, and where each stretch of it stands there. */
export interface ShownText {
  text: string;
  pieces: { node: Text; start: number }[];
}

const INLINE = new Set(["A", "ABBR", "B", "CITE", "CODE", "DEL", "EM", "I", "INS", "KBD", "MARK", "Q", "S", "SMALL", "SPAN", "STRONG", "SUB", "SUP", "U"]);

/** What is to be read below `root`: the pieces of one block run together, blocks are lines. */
export function shownText(root: Element): ShownText {
  const pieces: ShownText["pieces"] = [];
  let text = "";
  let block: Element | null = null;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const value = node.nodeValue ?? "";
    let around = node.parentElement;
    while (around && around !== root && INLINE.has(around.tagName)) around = around.parentElement;
    if (block && around !== block) text += "\n";
    block = around;
    pieces.push({ node: node as Text, start: text.length });
    text += value;
  }
  return { text, pieces };
}

/** The page's ranges for places of a text, in order; a place may begin in one piece and end in another. */
export function rangesOf(shown: ShownText, places: readonly [number, number][]): Range[] {
  const ranges: Range[] = [];
  let at = 0;
  const pieceAt = (offset: number): number => {
    while (at > 0 && (shown.pieces[at]?.start ?? 0) > offset) at -= 1;
    while ((shown.pieces[at + 1]?.start ?? Infinity) <= offset) at += 1;
    return at;
  };
  for (const [start, end] of places) {
    const first = shown.pieces[pieceAt(start)];
    const last = shown.pieces[pieceAt(Math.max(start, end - 1))];
    if (!first || !last) continue;
    const range = document.createRange();
    range.setStart(first.node, Math.min(start - first.start, first.node.length));
    range.setEnd(last.node, Math.min(end - last.start, last.node.length));
    ranges.push(range);
  }
  return ranges;
}

const ALL = "search-term";
const CURRENT = "search-current";

function highlight(name: string): Highlight | null {
  if (typeof CSS === "undefined" || !("highlights" in CSS) || typeof Highlight !== "function") return null;
  const known = CSS.highlights.get(name);
  if (known) return known;
  const made = new Highlight();
  if (name === CURRENT) made.priority = 1;
  CSS.highlights.set(name, made);
  return made;
}

/** Marks ranges, one of them as the current one. Several notes may be shown: each takes its own marks away. */
export class Marks {
  #ranges: Range[] = [];
  #current: Range | null = null;

  show(ranges: Range[]): void {
    this.clear();
    this.#ranges = ranges;
    const all = highlight(ALL);
    for (const range of ranges) all?.add(range);
  }

  point(index: number): Range | null {
    const current = highlight(CURRENT);
    if (this.#current) current?.delete(this.#current);
    this.#current = this.#ranges[index] ?? null;
    if (this.#current) current?.add(this.#current);
    return this.#current;
  }

  clear(): void {
    const all = highlight(ALL);
    for (const range of this.#ranges) all?.delete(range);
    if (this.#current) highlight(CURRENT)?.delete(this.#current);
    this.#ranges = [];
    this.#current = null;
  }
}

/** A place with the line around it, for a list of places. */
export interface PlaceLine {
  text: string;
  marks: [number, number][];
}

/** Characters of a line before and after the place. */
const BEFORE = 40;
const AFTER = 90;

export function lineOf(text: string, [start, end]: readonly [number, number]): PlaceLine {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const next = text.indexOf("\n", end);
  const lineEnd = next < 0 ? text.length : next;
  let from = Math.max(lineStart, start - BEFORE);
  const until = Math.min(lineEnd, end + AFTER);
  // Cut between words, where one begins soon.
  if (from > lineStart) {
    const space = text.indexOf(" ", from);
    if (space >= 0 && space < start) from = space + 1;
  }
  const before = `${from > lineStart ? "… " : ""}${asRead(text.slice(from, start).replace(/^\s*(?:#+ |(?:[-*+>]|\d+[.)]) (?:\[.\] )?)+/, ""))}`;
  const place = text.slice(start, Math.min(end, until)).replace(/\s/g, " ");
  const after = `${asRead(text.slice(Math.min(end, until), until))}${until < lineEnd ? " …" : ""}`;
  return { text: `${before}${place}${after}`, marks: [[before.length, before.length + place.length]] };
}

/** A stretch of Markdown without its signs. */
function asRead(text: string): string {
  return text.replace(/\]\([^)]*\)|\[\[|\]\]|\*\*|__|`|!?\[/g, "").replace(/\s/g, " ");
}
