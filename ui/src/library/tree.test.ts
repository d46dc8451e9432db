import { describe, expect, test } from "vitest";
import type { Sidebar } from "../api";
import { treeRows, withParents } from "./tree";

const sidebar: Sidebar = {
  notes: 3,
  today: 0,
  trashed: 0,
  open_tasks: 2,
  running_imports: 0,
  notebooks: [
    { path: "Work/Launch", count: 1 },
    { path: "Home", count: 2 },
    { path: "Home/Flat", count: 1 },
  ],
  tags: [{ tag: "a/b", count: 1 }],
  saved_searches: [{ name: "Rent", text: "rent", mode: "both" }],
};

describe("the sidebar as rows", () => {
  test("closed branches hide what is below them", () => {
    const labels = (open: string[]): string[] => treeRows(sidebar, new Set(open)).map((r) => `${r.level} ${r.label}`);
    expect(labels([])).toEqual(["1 All notes", "1 Today", "1 Tasks", "1 Imports", "1 Notebooks", "1 Tags", "1 Saved searches", "1 Trash"]);
    expect(labels(["notebooks"]).slice(5, 7)).toEqual(["2 Home", "2 Work"]);
    expect(labels(["notebooks", "notebook:Home", "saved"]).slice(5)).toEqual(["2 Home", "3 Flat", "2 Work", "1 Tags", "1 Saved searches", "2 Rent", "1 Trash"]);
  });

  test("a saved search shows its count once it is known", () => {
    const counts = (hits: [string, number][]): (number | null)[] =>
      treeRows(sidebar, new Set(["saved"]), new Map(hits)).filter((r) => r.kind === "search").map((r) => r.count);
    expect(counts([])).toEqual([null]);
    expect(counts([["rent", 0]])).toEqual([0]);
  });

  test("says which have something below them", () => {
    const rows = treeRows(sidebar, new Set(["notebooks", "notebook:Home"]));
    expect(rows.find((r) => r.name === "Home")?.expanded).toBe(true);
    expect(rows.find((r) => r.name === "Home/Flat")?.expanded).toBeNull();
    expect(rows.find((r) => r.name === "Work")?.expanded).toBe(false);
  });

  test("a parent that is missing is added, and follows no sibling", () => {
    const paths = withParents([
      { path: "b/c/d", count: 1 },
      { path: "a 10", count: 1 },
      { path: "a 9", count: 1 },
      { path: "b!", count: 1 },
    ]).map((b) => b.path);
    expect(paths.slice(0, 2)).toEqual(["a 9", "a 10"]);
    expect(paths.indexOf("b/c")).toBe(paths.indexOf("b") + 1);
    expect(paths.indexOf("b/c/d")).toBe(paths.indexOf("b") + 2);
  });
});
