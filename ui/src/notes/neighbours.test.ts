import { expect, it } from "vitest";
import { layOut, linksOf, MAX_NEIGHBOURS, neighboursOf } from "./neighbours";

const note = (id: number) => ({ id, title: `Note ${String(id)}` });

it("each note is drawn once, a link before a likeness, never itself", () => {
  expect(neighboursOf(1, [note(2), note(3)], [note(3), note(4), note(1)], [note(2), note(5)]).map(({ id, kind }) => [id, kind])).toEqual([
    [2, "to"],
    [3, "both"],
    [4, "from"],
    [5, "near"],
  ]);
  expect(neighboursOf(1, Array.from({ length: 40 }, (_, i) => note(i + 2)), [], []).length).toBe(MAX_NEIGHBOURS);
});

it("links of a text", () => {
  expect(linksOf("[[A]] [[a|b]] [[B#c]] ![[pic.png]] `[[C]]`\n```\n[[D]]\n```\n[[ E ]]")).toEqual(["a", "B", "E"]);
});

it("no two names stand on one row of a side", () => {
  const { places, height } = layOut(neighboursOf(1, Array.from({ length: 13 }, (_, i) => note(i + 2)), [], []));
  for (const side of ["start", "end"]) {
    const rows = places.filter((place) => place.side === side).map(({ y }) => y);
    expect(new Set(rows.map(Math.round)).size).toBe(rows.length);
    for (const y of rows) expect(y > 0 && y < height).toBe(true);
  }
});
