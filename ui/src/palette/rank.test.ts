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
