import { expect, it } from "vitest";
import { stepOf, weeksOf } from "./calendar";
import { fillIn } from "./template";

it.each([
  ["2026-11-24", "2026-10-26", "2026-12-06", 6],
  ["2027-02-10", "2027-02-01", "2027-02-28", 4],
  ["2026-03-01", "2026-02-23", "2026-04-05", 6],
])("the weeks of %s run from %s to %s", (day, first, last, count) => {
  const weeks = weeksOf(day);
  expect([weeks[0]?.[0], weeks.at(-1)?.[6], weeks.length]).toEqual([first, last, count]);
});

it.each([
  ["ArrowDown", "2026-12-01"],
  ["ArrowLeft", "2026-11-23"],
  ["Home", "2026-11-23"],
  ["End", "2026-11-29"],
  ["PageDown", "2026-12-24"],
  ["x", null],
])("%s goes to %s", (key, expected) => expect(stepOf(key, "2026-11-24")).toBe(expected));

it("a template is filled in", () => {
  expect(fillIn("{{title}} on {{ Weekday }} {{date}}, {{time}} {{other}}", new Date(2026, 10, 24, 9, 5), "Meeting")).toBe("Meeting on Tuesday 2026-11-24, 09:05 {{other}}");
});
