// What differs between two versions of a text, for reading: words within changed lines, long unchanged stretches folded.
import { diffLines, diffWordsWithSpace } from "diff";

export type DiffPart = { kind: "same" | "added" | "removed"; text: string } | { kind: "folded"; lines: number };

/** Lines kept around a change. */
const CONTEXT = 2;
/** Characters of a changed stretch beyond which it is shown by whole lines. */
const MAX_WORDS = 20_000;
/** Milliseconds before two very different texts are shown as removed and added whole. */
const TIMEOUT = 1_500;

export function diffTexts(before: string, after: string): DiffPart[] {
  const lines = diffLines(before, after, { timeout: TIMEOUT });
  if (!lines)
    return [
      { kind: "removed", text: before },
      { kind: "added", text: after },
    ];
  const parts: DiffPart[] = [];
  for (let i = 0; i < lines.length; i++) {
    const part = lines[i];
    if (!part) continue;
    const next = lines[i + 1];
    if (part.removed && next?.added && part.value.length + next.value.length < MAX_WORDS) {
      for (const word of diffWordsWithSpace(part.value, next.value))
        parts.push({ kind: word.added ? "added" : word.removed ? "removed" : "same", text: word.value });
      i += 1;
    } else if (part.added || part.removed) parts.push({ kind: part.added ? "added" : "removed", text: part.value });
    else parts.push(...folded(part.value, i === 0, i === lines.length - 1));
  }
  return parts;
}

function folded(text: string, first: boolean, last: boolean): DiffPart[] {
  const lines = text.split("\n");
  const head = first ? 0 : CONTEXT;
  const tail = last ? 0 : CONTEXT + 1;
  const hidden = lines.length - head - tail;
  if (hidden < 3) return [{ kind: "same", text }];
  const parts: DiffPart[] = [];
  if (head > 0) parts.push({ kind: "same", text: `${lines.slice(0, head).join("\n")}\n` });
  parts.push({ kind: "folded", lines: hidden });
  if (tail > 0) parts.push({ kind: "same", text: lines.slice(lines.length - tail).join("\n") });
  return parts;
}

/** A stretch of two texts side by side; null where one of them has nothing. */
export type DiffRow = { kind: "folded"; lines: number } | { kind: "same" | "changed"; left: DiffPart[] | null; right: DiffPart[] | null };

/** Two texts in two columns, stretch by stretch at the same height. */
export function sideBySide(left: string, right: string): DiffRow[] {
  const lines = diffLines(left, right, { timeout: TIMEOUT });
  if (!lines) return [{ kind: "changed", left: [{ kind: "removed", text: left }], right: [{ kind: "added", text: right }] }];
  const rows: DiffRow[] = [];
  for (let i = 0; i < lines.length; i++) {
    const part = lines[i];
    if (!part) continue;
    const next = lines[i + 1];
    if (part.removed && next?.added) {
      const words: DiffPart[] =
        part.value.length + next.value.length < MAX_WORDS
          ? diffWordsWithSpace(part.value, next.value).map((word) => ({ kind: word.added ? "added" : word.removed ? "removed" : "same", text: word.value }))
          : [
              { kind: "removed", text: part.value },
              { kind: "added", text: next.value },
            ];
      rows.push({ kind: "changed", left: words.filter((word) => word.kind !== "added"), right: words.filter((word) => word.kind !== "removed") });
      i += 1;
    } else if (part.removed) rows.push({ kind: "changed", left: [{ kind: "removed", text: part.value }], right: null });
    else if (part.added) rows.push({ kind: "changed", left: null, right: [{ kind: "added", text: part.value }] });
    else
      for (const same of folded(part.value, i === 0, i === lines.length - 1))
        rows.push(same.kind === "folded" ? same : { kind: "same", left: [same], right: [same] });
  }
  return rows;
}
