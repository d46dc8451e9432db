import { describe, expect, it } from "vitest";
import type { Task } from "../api";
import { dueLabel, groupTasks, inOrder, matches, taskLabel } from "./grouping";

function task(change: Partial<Task>): Task {
  return { note: 1, note_title: "List", notebook: "Home", ordinal: 0, line: 0, text: "x", done: false, due: null, ...change };
}

const TODAY = "2026-11-22";

function shown(tasks: Task[], by: "due" | "notebook"): string[] {
  return groupTasks(inOrder(tasks), by, TODAY).map((row) => (row.kind === "group" ? `${row.label} ${String(row.count)}` : row.task.text));
}

describe("grouping", () => {
  const tasks = [
    task({ text: "later", due: "2026-12-01" }),
    task({ text: "never", line: 1 }),
    task({ text: "late", due: "2026-01-01", line: 2 }),
    task({ text: "later still", due: "2027-01-01", notebook: "Work/A", line: 3 }),
    task({ text: "now", due: TODAY, notebook: "", line: 4 }),
    task({ text: "did", due: "2026-01-01", done: true, line: 5 }),
  ];

  it("by due date", () => {
    expect(shown(tasks, "due")).toEqual([
      "Overdue 1", "late", "Today 1", "now", "Upcoming 2", "later", "later still", "No date 1", "never", "Done 1", "did",
    ]);
  });

  it("by notebook, those without at the end", () => {
    expect(shown(tasks, "notebook")).toEqual(["Home 4", "late", "later", "never", "did", "Work › A 1", "later still", "No notebook 1", "now"]);
  });

  it("what matters more comes first on its day", () => {
    const due = TODAY;
    expect(shown([task({ text: "b 🔽", due }), task({ text: "c", due }), task({ text: "a ⏫", due }), task({ text: "z", due: "2026-11-01" })], "due")).toEqual(["Overdue 1", "z", "Today 3", "a ⏫", "c", "b 🔽"]);
  });

  it("of nothing is nothing", () => {
    expect(groupTasks([], "due", TODAY)).toEqual([]);
  });
});

describe("filtering", () => {
  it.each([
    ["", true],
    ["café", true],
    ["CAFE list", true],
    ["cafe work", false],
  ])("%s", (filter, expected) => {
    expect(matches(task({ text: "Book the Café" }), filter)).toBe(expected);
  });
});

it.each([
  ["Pay rent 📅 2026-03-01", "Pay rent"],
  ["Pay due:2026-03-01 rent", "Pay rent"],
  ["ask [[Anna Berg|Anna]] about **it**", "ask Anna about it"],
  ["read [this](https://a.example)", "read this"],
  ["📅 2026-03-01", "(no words)"],
  ["Water the plants ⏫ 🔁 every 3 days 📅 2026-03-01", "Water the plants"],
])("label of %s", (text, label) => {
  expect(taskLabel(text)).toBe(label);
});

it.each([
  ["2026-11-22", "Today"],
  ["2026-11-23", "Tomorrow"],
  ["2026-11-21", "Yesterday"],
  ["2026-11-26", "Thursday"],
  ["2026-12-24", "24 Dec"],
  ["2027-01-02", "2 Jan 2027"],
  ["nonsense", "nonsense"],
])("due %s", (due, label) => {
  expect(dueLabel(due, TODAY)).toBe(label);
});
