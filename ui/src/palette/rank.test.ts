import { expect, test } from "vitest";
import { rank } from "./rank";

const names = ["New note", "Notes changed today", "Close tab", "Reopen closed tab", "Home/Flat", "Snow"];

test.each([
  ["", names],
  ["no", ["Notes changed today", "New note", "Snow"]],
  ["clo", ["Close tab", "Reopen closed tab"]],
  ["rct", ["Reopen closed tab"]],
  ["flat", ["Home/Flat"]],
  ["xyz", []],
])("%j", (typed, found) => expect(rank(typed, names, (n) => n)).toEqual(found));

test("of those that fit equally well, the ones in use come first", () => {
  const use = (name: string): number => (name === "Notes changed today" || name === "Snow" ? 2 : 0);
  expect(rank("n", names, (n) => n, use)).toEqual(["Notes changed today", "New note", "Snow", "Reopen closed tab"].filter((name) => rank("n", names, (n) => n).includes(name)));
  expect(rank("", names, (n) => n, use).slice(0, 2)).toEqual(["Notes changed today", "Snow"]);
});
