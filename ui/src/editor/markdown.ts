// The Markdown dialect of notes: GitHub's, with wikilinks, embeds, #tags, ==highlights==, [^footnotes] and $formulas$.
// Only the grammar; what it looks like is livePreview.ts.
import { markdown, markdownLanguage } from "@codemirror/lang-markdown";
import { languages } from "@codemirror/language-data";
import type { Extension } from "@codemirror/state";
import { tags } from "@lezer/highlight";
import type { DelimiterType, MarkdownConfig } from "@lezer/markdown";

const BANG = 33;
const HASH = 35;
const DOLLAR = 36;
const EQUALS = 61;
const BRACKET = 91;
/** A longer `[[…` is prose, not a link. */
const MAX_LINK = 500;

const wikiLinks: MarkdownConfig = {
  defineNodes: [
    { name: "WikiLink", style: tags.link },
    { name: "WikiEmbed", style: tags.link },
    { name: "WikiMark", style: tags.processingInstruction },
  ],
  parseInline: [
    {
      name: "WikiLink",
      before: "Link",
      parse(cx, next, pos) {
        if (next !== BANG && next !== BRACKET) return -1;
        const open = next === BANG ? pos + 1 : pos;
        if (cx.char(open) !== BRACKET || cx.char(open + 1) !== BRACKET) return -1;
        const inner = /^[^[\]\n]+(?=\]\])/.exec(cx.slice(open + 2, Math.min(cx.end, open + 2 + MAX_LINK)));
        if (!inner) return -1;
        const close = open + 2 + inner[0].length;
        return cx.addElement(
          cx.elt(next === BANG ? "WikiEmbed" : "WikiLink", pos, close + 2, [
            cx.elt("WikiMark", pos, open + 2),
            cx.elt("WikiMark", close, close + 2),
          ]),
        );
      },
    },
  ],
};

const hashtags: MarkdownConfig = {
  defineNodes: [{ name: "Hashtag", style: tags.labelName }],
  parseInline: [
    {
      name: "Hashtag",
      parse(cx, next, pos) {
        if (next !== HASH) return -1;
        if (pos > cx.offset && !/[\s([{,;]/.test(cx.slice(pos - 1, pos))) return -1;
        const name = /^#[\p{L}\p{N}_/-]+/u.exec(cx.slice(pos, Math.min(cx.end, pos + 100)));
        if (!name || !/[^\d/_-]/.test(name[0].slice(1))) return -1;
        return cx.addElement(cx.elt("Hashtag", pos, pos + name[0].length));
      },
    },
  ],
};

const highlightDelimiter: DelimiterType = { resolve: "Highlight", mark: "HighlightMark" };

const highlights: MarkdownConfig = {
  defineNodes: [{ name: "Highlight" }, { name: "HighlightMark", style: tags.processingInstruction }],
  parseInline: [
    {
      name: "Highlight",
      after: "Emphasis",
      parse(cx, next, pos) {
        if (next !== EQUALS || cx.char(pos + 1) !== EQUALS || cx.char(pos + 2) === EQUALS) return -1;
        const before = cx.slice(pos - 1, pos);
        const after = cx.slice(pos + 2, pos + 3);
        return cx.addDelimiter(highlightDelimiter, pos, pos + 2, /\S/.test(after), /\S/.test(before));
      },
    },
  ],
};

/** The mark of a footnote; its text is a paragraph that begins with the same mark and a colon. */
const footnotes: MarkdownConfig = {
  defineNodes: [{ name: "Footnote", style: tags.link }],
  parseInline: [
    {
      name: "Footnote",
      before: "Link",
      parse(cx, next, pos) {
        if (next !== BRACKET || cx.char(pos + 1) !== 94) return -1;
        const found = /^\[\^[^\]\s[]{1,60}\]/.exec(cx.slice(pos, Math.min(cx.end, pos + 64)));
        return found ? cx.addElement(cx.elt("Footnote", pos, pos + found[0].length)) : -1;
      },
    },
  ],
};

/** A longer `$…$` is prose about money. */
const MAX_FORMULA = 1000;

/** The length of the formula that begins with `$`: no space inside its dollars, no digit behind them, so that prices are none. */
export function formulaLength(text: string): number {
  const found = /^\$\$(?!\s*\$)[^\n]+?\$\$|^\$(?![\s$])(?:\\[^\n]|[^$\\\n])*?(?:[^\s$\\]|\\[^\n])\$(?![\d$])/.exec(text);
  return found?.[0].length ?? 0;
}

const formulas: MarkdownConfig = {
  defineNodes: [{ name: "Formula" }, { name: "FormulaBlock", block: true }],
  parseInline: [
    {
      name: "Formula",
      before: "Escape",
      parse(cx, next, pos) {
        if (next !== DOLLAR) return -1;
        const length = formulaLength(cx.slice(pos, Math.min(cx.end, pos + MAX_FORMULA)));
        return length > 0 ? cx.addElement(cx.elt("Formula", pos, pos + length)) : -1;
      },
    },
  ],
  parseBlock: [
    {
      name: "FormulaBlock",
      before: "FencedCode",
      endLeaf: (_cx, line) => line.text.slice(line.pos).trim() === "$$",
      parse(cx, line) {
        if (line.text.slice(line.pos).trim() !== "$$") return false;
        const from = cx.lineStart + line.pos;
        while (cx.nextLine()) {
          if (line.text.slice(line.pos).trim() !== "$$") continue;
          const to = cx.lineStart + line.text.length;
          cx.nextLine();
          cx.addElement(cx.elt("FormulaBlock", from, to));
          return true;
        }
        cx.addElement(cx.elt("FormulaBlock", from, cx.prevLineEnd()));
        return true;
      },
    },
  ],
};

/** Grammar, list-continuing keys and lazily loaded languages for fenced code. */
export function noteMarkdown(): Extension {
  return markdown({
    base: markdownLanguage,
    codeLanguages: languages,
    completeHTMLTags: false,
    extensions: [wikiLinks, hashtags, highlights, footnotes, formulas],
    addKeymap: false,
  });
}

/** `target|label` and `target#heading` taken apart; a heading stays out of the name that is resolved. */
export function splitWikilink(inner: string): { target: string; heading: string; label: string } {
  const bar = inner.indexOf("|");
  const address = (bar < 0 ? inner : inner.slice(0, bar)).trim();
  const hash = address.indexOf("#");
  const target = (hash < 0 ? address : address.slice(0, hash)).trim();
  const heading = hash < 0 ? "" : address.slice(hash + 1).trim();
  const label = bar < 0 ? address.replace(/#/g, " › ").replace(/^ › /, "") : inner.slice(bar + 1).trim();
  return { target, heading, label: label || address };
}
