// Which notes are drawn around a note, and where.
import type { NoteId } from "../api";

export interface Neighbour {
  id: NoteId;
  title: string;
  /** It is linked to, links here, both, or is only near by meaning. */
  kind: "to" | "from" | "both" | "near";
}

/** More would be a hedgehog: the lists below name the rest. */
export const MAX_NEIGHBOURS = 14;

export function neighboursOf(self: NoteId, to: readonly { id: NoteId; title: string }[], from: readonly { id: NoteId; title: string }[], near: readonly { id: NoteId; title: string }[]): Neighbour[] {
  const found = new Map<NoteId, Neighbour>();
  for (const { id, title } of to) found.set(id, { id, title: title || "Untitled", kind: "to" });
  for (const { id, title } of from) found.set(id, { id, title: title || "Untitled", kind: found.has(id) ? "both" : "from" });
  for (const { id, title } of near) if (!found.has(id)) found.set(id, { id, title: title || "Untitled", kind: "near" });
  found.delete(self);
  return [...found.values()].slice(0, MAX_NEIGHBOURS);
}

/** Names that a text links to, each once, without code. */
export function linksOf(body: string): string[] {
  const found = new Map<string, string>();
  const text = body.replace(/^ {0,3}(`{3,}|~{3,})[\s\S]*?^ {0,3}\1/gm, "").replace(/`[^`\n]*`/g, "");
  for (const link of text.matchAll(/!?\[\[([^[\]\n|#]{1,300})/g)) {
    const name = (link[1] ?? "").trim();
    // With `!` it is a picture or a file.
    if (name && !link[0].startsWith("!")) found.set(name.toLowerCase(), name);
  }
  return [...found.values()];
}

export interface Laid {
  width: number;
  height: number;
  centre: { x: number; y: number };
  places: { neighbour: Neighbour; x: number; y: number; side: "start" | "end" }[];
}

const WIDTH = 270;
const ROW = 24;

/** Half of them on each side, along an arc, a row for each so that no two names meet. */
export function layOut(neighbours: readonly Neighbour[]): Laid {
  const right = neighbours.filter((_, index) => index % 2 === 0);
  const left = neighbours.filter((_, index) => index % 2 === 1);
  const rows = Math.max(right.length, left.length, 2);
  const height = rows * ROW + 12;
  const centre = { x: WIDTH / 2, y: height / 2 };
  const column = (column: readonly Neighbour[], direction: 1 | -1): Laid["places"] =>
    column.map((neighbour, index) => {
      const y = centre.y + (index - (column.length - 1) / 2) * ROW;
      const bend = 1 - ((y - centre.y) / (height / 2 + 8)) ** 2;
      return { neighbour, x: centre.x + direction * (12 + 22 * bend), y, side: direction > 0 ? ("start" as const) : ("end" as const) };
    });
  return { width: WIDTH, height, centre, places: [...column(right, 1), ...column(left, -1)] };
}
