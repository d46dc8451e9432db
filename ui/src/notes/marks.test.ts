import { describe, expect, it } from "vitest";
import { lineOf, rangesOf, shownText } from "./marks";

function page(html: string): HTMLElement {
  const root = document.createElement("div");
  root.innerHTML = html;
  return root;
}

describe("shown text", () => {
  it("runs the pieces of a block together and parts blocks", () => {
    const root = page("<h2>A <em>b</em>c</h2><ul><li>one</li><li><p>two <a>three</a></p></li></ul>");
    expect(shownText(root).text).toBe("A bc\none\ntwo three");
  });

  it("gives the ranges of places, also across markup", () => {
    const root = page("<p>one <b>lea</b>se and</p><p>another lease</p>");
    const shown = shownText(root);
    const at = (word: string, from = 0): [number, number] => {
      const start = shown.text.indexOf(word, from);
      return [start, start + word.length];
    };
    const ranges = rangesOf(shown, [at("lease"), at("another"), at("lease", 12)]);
    expect(ranges.map(String)).toEqual(["lease", "another", "lease"]);
    expect(root.innerHTML).toBe("<p>one <b>lea</b>se and</p><p>another lease</p>");
  });

  it("survives places beyond the text and text that is not there", () => {
    expect(rangesOf(shownText(page("<p>ab</p>")), [[1, 99]]).map(String)).toEqual(["b"]);
    expect(rangesOf(shownText(page("")), [[0, 1]])).toEqual([]);
  });
});

describe("the line of a place", () => {
  it("is cut around it, between words", () => {
    const long = `${"before ".repeat(20)}deposit ${"after ".repeat(40)}`;
    const start = long.indexOf("deposit");
    const { text, marks } = lineOf(`first\n${long}\nlast`, [start + 6, start + 13]);
    const [[from, to]] = marks as [[number, number]];
    expect(text.slice(from, to)).toBe("deposit");
    expect(text.startsWith("… before ")).toBe(true);
    expect(text.endsWith(" …")).toBe(true);
    expect(text).not.toContain("first");
  });

  it("is the whole of a short line", () => {
    expect(lineOf("a\nthe deposit\nb", [6, 13])).toEqual({ text: "the deposit", marks: [[4, 11]] });
    expect(lineOf("- [ ] **the** deposit, [[Lease]] [a](b)", [14, 21])).toEqual({ text: "the deposit, Lease a", marks: [[4, 11]] });
    expect(lineOf("deposit", [0, 7])).toEqual({ text: "deposit", marks: [[0, 7]] });
  });
});
