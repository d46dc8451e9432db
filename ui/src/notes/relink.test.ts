import { expect, it } from "vitest";
import { linkable, linkedMention, relinked } from "./relink";

it.each([
  ["see [[Lease]] and [[lease|the paper]]", "see [[Rent]] and [[Rent|the paper]]"],
  ["[[Lease#Deposit]], ![[Lease]], [[Home/Flat/Lease]]", "[[Rent#Deposit]], ![[Rent]], [[Home/Flat/Rent]]"],
  ["[[Lease 2024]] [[My Lease]] Lease", "[[Lease 2024]] [[My Lease]] Lease"],
  ["`[[Lease]]` and\n```\n[[Lease]]\n```\n[[Lease]]", "`[[Lease]]` and\n```\n[[Lease]]\n```\n[[Rent]]"],
  ["```\n[[Lease]]", "```\n[[Lease]]"],
])("%j", (before, after) => {
  expect(relinked(before, "Lease", "Rent")).toBe(after);
});

it("signs in names are no patterns, and a dollar is only a dollar", () => {
  expect(relinked("[[C++ (notes)]]", "C++ (notes)", "$& $1")).toBe("[[$& $1]]");
});

it.each([
  ["the Lease is here, the Lease", "the [[Lease]] is here, the Lease"],
  ["the lease", "the [[Lease|lease]]"],
  ["[[Lease]] then Lease", "[[Lease]] then [[Lease]]"],
  ["[[Lease]] [a Lease](x) https://a.example/Lease `Lease`", null],
  ["Leasehold and release", null],
])("mention in %j", (before, after) => {
  expect(linkedMention(before, "Lease")).toBe(after);
});

it.each([["Lease", true], ["a|b", false], ["a [b]", false], ["", false], ["C# notes", false]])("%j can be linked: %s", (name, expected) => {
  expect(linkable(name)).toBe(expected);
});
