import { describe, expect, it } from "vitest";
import type { NoteDraft } from "../api";
import { diffTexts } from "./diff";
import { mergeDrafts, mergeText } from "./merge";
import { readProperties } from "./properties";

describe("merging text", () => {
  const cases: [base: string, mine: string, theirs: string, merged: string | null][] = [
    ["a", "a", "b", "b"],
    ["a", "b", "a", "b"],
    ["a", "b", "b", "b"],
    ["a", "b", "c", null],
    ["a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n"],
    ["a\nb\nc\n", "a\nb\nC\n", "A\nb\nc\n", "A\nb\nC\n"],
    ["a b c", "A b c", "a b C", null],
    ["- [ ] x\nrest\n", "- [ ] x\nrest and more\n", "- [x] x\nrest\n", "- [x] x\nrest and more\n"],
    ["", "mine", "theirs", null],
    ["a\nb\nc", "", "a\nb\nC", null],
  ];
  it.each(cases)("%j + %j + %j", (base, mine, theirs, merged) => {
    expect(mergeText(base, mine, theirs)).toBe(merged);
  });
});

it("merges fields apart from each other", () => {
  const base: NoteDraft = { title: "t", body: "b", front_matter: "", tags: ["x", "y"], notebook: "n", pinned: false };
  expect(mergeDrafts(base, { ...base, body: "mine", tags: ["x", "m"] }, { ...base, title: "theirs", pinned: true, tags: ["x", "y", "z"] })).toEqual({
    title: "theirs", body: "mine", front_matter: "", tags: ["x", "z", "m"], notebook: "n", pinned: true,
  });
  expect(mergeDrafts(base, { ...base, title: "mine" }, { ...base, title: "theirs" })).toBeNull();
});

describe("differences", () => {
  it("show words and fold what is alike", () => {
    const before = `${Array.from({ length: 20 }, (_, i) => `line ${String(i)}`).join("\n")}\nthe old end\n`;
    const parts = diffTexts(before, before.replace("old", "new"));
    expect(parts[0]).toEqual({ kind: "folded", lines: 18 });
    expect(parts.filter((part) => part.kind === "removed" || part.kind === "added")).toEqual([
      { kind: "removed", text: "old" },
      { kind: "added", text: "new" },
    ]);
  });

  it.each([
    ["", ""],
    ["a", ""],
    ["", "a"],
    ["a\nb", "b\na"],
    ["x".repeat(30_000), "y".repeat(30_000)],
  ])("give both texts back", (before, after) => {
    const parts = diffTexts(before, after);
    const text = (side: "removed" | "added") => parts.map((part) => (part.kind === "same" || part.kind === side ? part.text : "")).join("");
    expect(text("removed")).toBe(before);
    expect(text("added")).toBe(after);
  });
});

it("reads front matter", () => {
  expect(readProperties('---\nsource: "https://a.example/x"\ntags: [a, "b"]\naliases:\n  - One\n  - Two\n# note\nempty:\n---')).toEqual([
    { name: "source", value: "https://a.example/x" },
    { name: "tags", value: "a, b" },
    { name: "aliases", value: "One, Two" },
    { name: "empty", value: "" },
  ]);
});
