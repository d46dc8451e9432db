import { expect, test } from "vitest";
import { explained } from "./explain";

test.each([
  [
    "by words 0.80, by meaning 0.61 (similarity 0.55); score 0.705",
    [
      ["by words", "0.80"],
      ["by meaning", "0.61 (similarity 0.55)"],
      ["score", "0.705"],
    ],
  ],
  [
    "first, since its title is exactly this; by words 0.80 × 0.50 + by meaning 0.60 × 0.50 (similarity 0.55) + opened 3 times 0.010 = 0.712; in a language that the model for meaning was not taught",
    [
      ["first, since its title is exactly this", ""],
      ["by words", "0.80 × 0.50"],
      ["by meaning", "0.60 × 0.50 (similarity 0.55)"],
      ["opened 3 times", "0.010"],
      ["score", "0.712"],
      ["in a language that the model for meaning was not taught", ""],
    ],
  ],
  ["listed by date of change", [["listed by date of change", ""]]],
  ["", []],
] as [string, [string, string][]][])("%s", (text, parts) => expect(explained(text).map((p) => [p.what, p.value])).toEqual(parts));
