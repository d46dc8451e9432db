import { describe, expect, it } from "vitest";
import { dueOf, nextDue, priorityOf, repeatOf, taskText, ticked, withDue, withoutSigns, withPriority, withText } from "./taskLine";

/** A Tuesday. */
const TODAY = "2026-11-24";

describe("reading", () => {
  it.each([
    ["pay rent ⏫ 🔁 every month 📅 2026-12-01", 2, "every month", "2026-12-01", "pay rent"],
    ["water 🔁 every 3 days when done", 0, "every 3 days when done", null, "water"],
    ["call due:2026-11-30 🔽", -1, "", "2026-11-30", "call"],
    ["urgent 🔺 #home", 3, "", null, "urgent #home"],
    ["overdue:2026-01-01 x", 0, "", null, "overdue:2026-01-01 x"],
    ["bad 📅 2026-02-31", 0, "", null, "bad"],
    ["🔼 first 🔁 every week due:2026-11-30", 1, "every week", "2026-11-30", "first"],
  ] as const)("%s", (text, priority, repeat, due, words) => {
    expect([priorityOf(text), repeatOf(text), dueOf(text), withoutSigns(text)]).toEqual([priority, repeat, due, words]);
  });
});

describe("the next turn", () => {
  it.each([
    ["every day", "2026-11-24", "2026-11-25"],
    ["every day", null, "2026-11-25"],
    ["every 3 days", "2026-11-24", "2026-11-27"],
    ["every week", "2026-11-24", "2026-12-01"],
    // Missed for weeks: it comes up the next time that is still ahead, on its own weekday.
    ["every week", "2026-11-05", "2026-11-26"],
    ["every 2 weeks", "2026-11-24", "2026-12-08"],
    ["every week on Monday", "2026-11-24", "2026-11-30"],
    ["every friday", "2026-11-24", "2026-11-27"],
    ["every weekday", "2026-11-27", "2026-11-30"],
    ["every month", "2026-10-31", "2026-11-30"],
    ["every month", "2027-01-31", "2027-02-28"],
    ["every month on the 15th", "2026-11-20", "2026-12-15"],
    ["every month on the last", "2026-11-24", "2026-11-30"],
    ["every year", "2028-02-29", "2029-02-28"],
    ["every week when done", "2026-11-01", "2026-12-01"],
    ["every week when done", "2027-11-01", "2026-12-01"],
  ])("%s from %s", (rule, due, expected) => expect(nextDue(rule, due, TODAY)).toBe(expected));

  it.each(["", "now and then", "every blue moon", "every month on Monday", "every day on the 3rd"])("%j is not understood", (rule) => expect(nextDue(rule, TODAY, TODAY)).toBeNull());
});

describe("writing", () => {
  it.each([
    ["- [ ] a", "2026-12-01", "- [ ] a 📅 2026-12-01"],
    ["- [ ] a 📅 2026-11-01 #x", "2026-12-01", "- [ ] a 📅 2026-12-01 #x"],
    ["- [ ] a due:2026-11-01", "2026-12-01", "- [ ] a due:2026-12-01"],
    ["- [ ] a 📅 2026-11-01", null, "- [ ] a"],
    ["- [ ] a due:2026-11-01 b", null, "- [ ] a b"],
  ])("%s due %s", (line, due, expected) => expect(withDue(line, due)).toBe(expected));

  it.each([
    ["- [ ] a", 2, "- [ ] a ⏫"],
    ["- [ ] a 🔽 📅 2026-11-01", 2, "- [ ] a ⏫ 📅 2026-11-01"],
    ["- [ ] a ⏫ 📅 2026-11-01", 0, "- [ ] a 📅 2026-11-01"],
    ["- [ ] a due:2026-11-01", 1, "- [ ] a 🔼 due:2026-11-01"],
  ] as const)("%s with priority %i", (line, priority, expected) => expect(withPriority(line, priority)).toBe(expected));

  it.each([
    ["- [ ] a", true, "- [x] a"],
    ["> 1. [x] a", false, "> 1. [ ] a"],
    ["- [ ]", true, "- [x]"],
    ["no task", true, null],
    ["  - [ ] water 🔁 every 3 days 📅 2026-11-24", true, "  - [ ] water 🔁 every 3 days 📅 2026-11-27\n  - [x] water 🔁 every 3 days 📅 2026-11-24"],
    ["- [x] water 🔁 every day", false, "- [ ] water 🔁 every day"],
    ["- [ ] odd 🔁 now and then", true, "- [x] odd 🔁 now and then"],
  ])("%s ticked %s", (line, done, expected) => expect(ticked(line, done, TODAY)).toBe(expected));

  it("its words", () => {
    expect(taskText("- [ ] some *words* 📅 2026-11-24")).toBe("some *words* 📅 2026-11-24");
    expect(taskText("- no task")).toBeNull();
    expect(withText("  * [x] old", " new\nwords ")).toBe("  * [x] new words");
  });
});
