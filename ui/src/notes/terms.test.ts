import { describe, expect, it } from "vitest";
import { findTerms, markTerms } from "./terms";

describe("finding terms", () => {
  const cases: [text: string, terms: string[], found: string[]][] = [
    ["The Lease of the flat", ["lease"], ["Lease"]],
    ["Über allem", ["uber"], ["Über"]],
    ["uber allem", ["Über"], ["uber"]],
    ["U\u0308ber allem", ["uber"], ["U\u0308ber"]],
    ["searching searched search", ["search"], ["searching", "searched", "search"]],
    ["release the lease", ["lease"], ["lease"]],
    ["article art", ["art"], ["article", "art"]],
    ["an animal", ["an"], ["an"]],
    ["東京都に住む", ["東京"], ["東京"]],
    ["ﬁnd the file", ["find"], ["ﬁnd"]],
    ["a😀b lease", ["lease"], ["lease"]],
    ["nothing", [], []],
    ["nothing", ["", " "], []],
    ["lease, lease-hold", ["lease", "hold"], ["lease", "lease", "hold"]],
  ];
  it.each(cases)("%s / %j", (text, terms, found) => {
    expect(findTerms(text, terms).map(([start, end]) => text.slice(start, end))).toEqual(found);
  });
});

it("marks and clears without changing the text", () => {
  const root = document.createElement("p");
  root.innerHTML = "one <b>lease</b> and another lease";
  const before = root.innerHTML;
  const marks = markTerms(root, ["lease"]);
  expect([...root.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual(["lease", "lease"]);
  marks.clear();
  expect(root.innerHTML).toBe(before);
});
