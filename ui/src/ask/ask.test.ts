import { describe, expect, it } from "vitest";
import type { Answer, Claim } from "../api";
import { asNote, escapeMarkdown, linesOf, plainText } from "./ask.svelte";

const claim = (text: string, more: Partial<Claim> = {}): Claim => ({ text, cites: [0], support: "quoted", begins_line: false, ...more });

const answer = (claims: Claim[]): Answer => ({
  found: {
    quotes: [
      { note: 1, title: "Lease", notebook: "Home", heading_path: "", updated: 0, range: [0, 9], text: "It is due.", best: [0, 10] },
      { note: 2, title: "A [b] | c", notebook: "", heading_path: "", updated: 0, range: [0, 4], text: "Paid.", best: [0, 5] },
    ],
    answered: true,
    chips: [],
    period: null,
    degraded: null,
    took_ms: 1,
  },
  claims,
  model: null,
  failure: null,
});

describe("answers", () => {
  it("keep their lines", () => {
    const claims = [claim("One."), claim("Two."), claim("Three.", { begins_line: true })];
    expect(linesOf(claims).map((line) => line.length)).toEqual([2, 1]);
    expect(plainText(claims)).toBe("One. Two.\nThree.");
  });

  it("become notes with links to what they cite, and nothing else that is live", () => {
    const body = asNote(answer([claim("See ![x](http://evil/?q=1) <img src=y> [[Other]]."), claim("Paid.", { cites: [1], support: "none" })]));
    expect(body).toContain("1. [[Home/Lease]]: It is due.");
    expect(body).toContain("2. [[A  b    c]]");
    expect(body).toContain("(no passage says so)");
    expect(body.match(/\[\[/g)?.length).toBe(2);
    expect(body).not.toMatch(/(^|[^\\])!\[|(^|[^\\])<img/);
  });

  it("escape what Markdown reads", () => {
    expect(escapeMarkdown("a*b_c\n[d](e)")).toBe("a\\*b\\_c \\[d\\](e)");
  });
});
