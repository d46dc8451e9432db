export interface MarkedPart {
  text: string;
  marked: boolean;
}

/** Cuts text at the ranges; ranges out of bounds or out of order are left out, not trusted. */
export function splitMarks(text: string, marks: [number, number][]): MarkedPart[] {
  const parts: MarkedPart[] = [];
  let at = 0;
  for (const [start, end] of marks) {
    if (start < at || end > text.length || start >= end) continue;
    if (start > at) parts.push({ text: text.slice(at, start), marked: false });
    parts.push({ text: text.slice(start, end), marked: true });
    at = end;
  }
  if (at < text.length) parts.push({ text: text.slice(at), marked: false });
  return parts;
}
