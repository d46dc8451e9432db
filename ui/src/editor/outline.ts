// Headings and counts read straight from the text, without a parse tree: quick on a long note.
export interface Heading {
  level: number;
  text: string;
  /** UTF-16 offset of its line in the body. */
  offset: number;
}

/** Headings outside fenced code, inline markup taken off. */
export function outline(body: string): Heading[] {
  const headings: Heading[] = [];
  let fence: string | null = null;
  let offset = 0;
  let previous = "";
  let previousOffset = 0;
  for (const line of body.split("\n")) {
    const mark = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line);
    if (mark?.[1]) {
      if (fence === null) fence = mark[1];
      else if (mark[1].startsWith(fence) && !mark[2]?.trim()) fence = null;
    } else if (fence === null) {
      const heading = /^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*\r?$/.exec(line);
      if (heading?.[1]) headings.push({ level: heading[1].length, text: plain(heading[2] ?? ""), offset });
      else if (/^ {0,3}(?:=+|-{2,})\s*$/.test(line) && previous.trim() && !/^\s*(?:[-*+>#|]|\d+[.)])/.test(previous))
        headings.push({ level: line.trim().startsWith("=") ? 1 : 2, text: plain(previous.trim()), offset: previousOffset });
    }
    previous = fence === null ? line : "";
    previousOffset = offset;
    offset += line.length + 1;
  }
  return headings;
}

function plain(text: string): string {
  return text
    .replace(/!?\[\[([^\]|]*\|)?([^\]]*)\]\]/g, "$2")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/(\*\*|__|~~|==|`)/g, "")
    .replace(/(^|\W)[*_](\S.*?)[*_](?=\W|$)/g, "$1$2")
    .trim();
}

/** Words as a person counts them; Chinese, Japanese and Korean count by character. */
export function countWords(text: string): number {
  let words = 0;
  for (const found of text.matchAll(/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[\p{L}\p{N}][\p{L}\p{N}\p{M}'’_-]*/gu)) {
    if (found[0]) words += 1;
  }
  return words;
}
