import { describe, expect, it } from "vitest";
import type { Attachment } from "../api";
import { minimalChange } from "./change";
import { isOutsideLink, resolveEmbed } from "./embeds";
import { attachmentName } from "./files";
import { addressTarget } from "./links";
import { splitWikilink } from "./markdown";
import { countWords, outline } from "./outline";
import { splitRow } from "./rows";

describe("the smallest change", () => {
  it.each([
    ["", ""],
    ["abc", "abc"],
    ["abc", "abXc"],
    ["aaaa", "aaa"],
    ["aaa", "aaaa"],
    ["", "new"],
    ["old", ""],
    ["a😀b", "a😁b"],
    ["x\ny\nz", "x\nq\nz"],
  ])("%j → %j", (before, after) => {
    const change = minimalChange(before, after);
    const made = change ? before.slice(0, change.from) + change.insert + before.slice(change.to) : before;
    expect(made).toBe(after);
    expect(change?.insert ?? "").not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/);
  });
});

describe("outline", () => {
  it("finds headings and skips code", () => {
    const body = "# One **bold**\n\n```\n# not\n```\ntext\n## Two [[a|b]] ##\n#tag\nThree\n===\n- x\n---\n";
    expect(outline(body).map(({ level, text, offset }) => [level, text, body.slice(offset, offset + 3)])).toEqual([
      [1, "One bold", "# O"],
      [2, "Two b", "## "],
      [1, "Three", "Thr"],
    ]);
  });

  it.each([["", 0], ["one two", 2], ["don’t stop", 2], ["東京に", 3], ["a-b c_d", 2], ["  \n ", 0]])("words of %j", (text, words) => {
    expect(countWords(text)).toBe(words);
  });
});

it.each([
  ["Lease", { target: "Lease", heading: "", label: "Lease" }],
  ["Lease#Deposit", { target: "Lease", heading: "Deposit", label: "Lease › Deposit" }],
  ["#Deposit", { target: "", heading: "Deposit", label: "Deposit" }],
  ["a/b|c", { target: "a/b", heading: "", label: "c" }],
  ["a|", { target: "a", heading: "", label: "a" }],
])("wikilink %s", (inner, parts) => {
  expect(splitWikilink(inner)).toEqual(parts);
});

it.each([
  ["https://a.example", { kind: "url", url: "https://a.example" }],
  ["www.a.example", { kind: "url", url: "https://www.a.example" }],
  ["me@a.example", { kind: "url", url: "mailto:me@a.example" }],
  ["javascript:alert(1)", { kind: "url", url: "javascript:alert(1)" }],
  ["./Some%20note.md#Part", { kind: "wikilink", name: "Some note", heading: "Part" }],
])("address %s", (address, target) => {
  expect(addressTarget(address)).toEqual(target);
});

it.each([
  ["https://a.example", true],
  ["mailto:a@b.example", true],
  ["javascript:alert(1)", false],
  ["file:///etc/passwd", false],
  ["data:text/html,x", false],
  ["HTTPS://A.example", true],
  ["https://a b", false],
  ["", false],
])("leaves the app: %s", (url, expected) => {
  expect(isOutsideLink(url)).toBe(expected);
});

describe("embeds", () => {
  const picture: Attachment = { digest: "ab".repeat(32), name: "Plan.PNG", mime: "image/png", size: 1, role: "embed" };
  const paper: Attachment = { digest: "cd".repeat(32), name: "a.pdf", mime: "application/pdf", size: 1, role: "source" };
  it.each([
    ["Plan.PNG", "image"],
    ["plan.png", "image"],
    ["files/Plan.PNG", "image"],
    ["files\\Plan.PNG", "image"],
    ["a.pdf", "file"],
    ["b.png", "missing"],
    ["https://a.example/Plan.PNG", "remote"],
    ["//a.example/Plan.PNG", "remote"],
    ["javascript:alert(1)", "remote"],
    ["data:image/svg+xml;base64,AAAA", "remote"],
    ["data:image/png;base64,AAAA", "image"],
    ["%E0%A4%A", "missing"],
  ])("%s is %s", (address, kind) => {
    expect(resolveEmbed(address, [picture, paper]).kind).toBe(kind);
  });
});

it.each([
  ["| a | b |", [" a ", " b "]],
  ["a | b", ["a ", " b"]],
  ["| a \\| b |", [" a \\| b "]],
  ["|a|b", ["a", "b"]],
  ["||", [""]],
  ["plain", ["plain"]],
])("cells of %j", (row, cells) => {
  expect(splitRow(row).map(({ from, to }) => row.slice(from, to))).toEqual(cells);
});

it.each([
  [{ name: "Plan [v2].png", type: "image/png" }, "Plan v2 .png"],
  [{ name: "image.png", type: "image/png" }, "Pasted 2026-03-04 050607.png"],
  [{ name: "", type: "image/jpeg" }, "Pasted 2026-03-04 050607.jpg"],
])("attachment name of %j", (file, name) => {
  expect(attachmentName(file, new Date(2026, 2, 4, 5, 6, 7))).toBe(name);
});
