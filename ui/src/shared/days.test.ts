import { describe, expect, it } from "vitest";
import { addDays, addMonths, daysFor, isDay, nextWeekday } from "./days";

/** A Tuesday. */
const TODAY = "2026-11-24";

describe("reckoning", () => {
  it.each([
    ["2026-11-24", 7, "2026-12-01"],
    ["2026-03-01", -1, "2026-02-28"],
    ["2028-02-28", 1, "2028-02-29"],
    // Over a change of the clocks.
    ["2026-10-24", 2, "2026-10-26"],
  ])("%s and %i days", (day, count, expected) => expect(addDays(day, count)).toBe(expected));

  it.each([
    ["2026-01-31", 1, "2026-02-28"],
    ["2026-12-15", 2, "2027-02-15"],
    ["2028-02-29", 12, "2029-02-28"],
  ])("%s and %i months", (day, count, expected) => expect(addMonths(day, count)).toBe(expected));

  it("the next weekday is never the same day", () => {
    expect(nextWeekday(TODAY, 2)).toBe("2026-12-01");
    expect(nextWeekday(TODAY, 3)).toBe("2026-11-25");
  });

  it.each([["2026-02-30", false], ["2026-02-28", true], ["26-02-28", false]])("%s is a day: %s", (text, expected) => expect(isDay(text)).toBe(expected));
});

describe("what is typed for a day", () => {
  it.each([
    ["", "2026-11-24"],
    ["tom", "2026-11-25"],
    ["yes", "2026-11-23"],
    ["mon", "2026-11-30"],
    ["next w", "2026-11-30"],
    ["next m", "2026-12-01"],
    ["in 3 days", "2026-11-27"],
    ["2w", "2026-12-08"],
    ["12 march", "2027-03-12"],
    ["dec 24", "2026-12-24"],
    ["24 dec 2025", "2025-12-24"],
    ["2027-01-02", "2027-01-02"],
  ])("%j", (typed, day) => expect(daysFor(typed, TODAY)[0]?.day).toBe(day));

  it.each(["31 february", "xyz", "12 foo"])("%j is none", (typed) => expect(daysFor(typed, TODAY)).toEqual([]));
});
