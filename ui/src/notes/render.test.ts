import { describe, expect, it } from "vitest";
import type { Attachment } from "../api";
import { blockAtLine, lineOfOffset, renderNote } from "./render";

const PICTURE: Attachment = { digest: "ab".repeat(32), name: "Plan größe.png", mime: "image/png", size: 10, role: "embed" };
const PAPER: Attachment = { digest: "cd".repeat(32), name: "lease.pdf", mime: "application/pdf", size: 12_345, role: "source" };

function dom(body: string): HTMLElement {
  const root = document.createElement("div");
  root.append(renderNote(body, [PICTURE, PAPER]));
  return root;
}

const HOSTILE = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg onload=alert(1)><script>alert(1)</script></svg>",
  "<iframe src='https://evil.example'></iframe>",
  "<a href='javascript:alert(1)'>x</a>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](javascript&colon;alert(1))",
  "[x](&#106;avascript:alert(1))",
  "[x](java\tscript:alert(1))",
  "[x](\u0001javascript:alert(1))",
  "[x](vbscript:msgbox)",
  "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
  "[x](file:///etc/passwd)",
  "[x](tauri://localhost/)",
  "[x](ipc://localhost/save_note)",
  "[x](//evil.example/x)",
  "<javascript:alert(1)>",
  "![x](javascript:alert(1))",
  "![x](https://evil.example/pixel.gif)",
  "![x](//evil.example/pixel.gif)",
  "![x](http://evil.example/pixel.gif \"t\\\" onload=\\\"alert(1)\")",
  "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
  "![x\" onerror=\"alert(1)](https://evil.example)",
  "![x](attachment://evil/abc/x.png)",
  "![x](attachment://localhost/../../etc/passwd)",
  "![[\"><img src=x onerror=alert(1)>]]",
  "[[\" onclick=\"alert(1)|click]]",
  "[[javascript:alert(1)]]",
  "[a]: javascript:alert(1)\n\n[x][a]",
  "```js\" onclick=\"alert(1)\n</code><script>alert(1)</script>\n```",
  "```\n<script>alert(1)</script>\n```",
  "`<img src=x onerror=alert(1)>`",
  "<style>*{display:none}</style>",
  "<p style='position:fixed;inset:0'>cover</p>",
  "<form action=https://evil.example><input name=a></form>",
  "<base href='https://evil.example'>",
  "<meta http-equiv=refresh content='0;url=https://evil.example'>",
  "<link rel=stylesheet href=https://evil.example/a.css>",
  "<object data=https://evil.example></object><embed src=https://evil.example>",
  "<math><mtext><table><mglyph><style><img src onerror=alert(1)>",
  "> [!note\" onclick=\"x] title",
  "- [ ] <img src=x onerror=alert(1)>",
  "| a | <script>x</script> |\n|---|---|\n| <b onclick=x> | y |",
  "#tag\"onclick=alert(1)",
  "a[^1]\n\n[^1]: <script>alert(1)</script>",
  "a[^<img src=x onerror=alert(1)>]\n\n[^<img src=x onerror=alert(1)>]: b",
  "==<script>alert(1)</script>==",
  "<https://evil.example/\"onmouseover=alert(1)>",
  "[x](https://ok.example/\"onmouseover=\"alert(1))",
  "# <img src=x onerror=alert(1)>\n\n" + "[".repeat(5_000) + "](".repeat(1_000),
  "> ".repeat(3_000) + "deep",
  "*".repeat(20_000),
];

const TAGS = new Set(
  "P BR HR H1 H2 H3 H4 H5 H6 EM STRONG S CODE PRE BLOCKQUOTE UL OL LI A SPAN DIV TABLE THEAD TBODY TR TH TD INPUT SUP SECTION IMG BUTTON".split(" "),
);
const ATTRIBUTES = new Set(
  "class id href title start type checked disabled rel src alt loading decoding width aria-label data-line data-wikilink data-heading data-tag data-digest data-name".split(" "),
);

describe("hostile input", () => {
  it.each(HOSTILE)("%.60s", (body) => {
    const root = dom(body);
    for (const element of root.querySelectorAll("*")) {
      expect(TAGS, element.tagName).toContain(element.tagName);
      for (const { name, value } of element.attributes) {
        expect(ATTRIBUTES, `${element.tagName} ${name}`).toContain(name);
        if (name === "href") expect(value).toMatch(/^(https?:\/\/|mailto:|#)/);
        if (name === "id") expect(value).toMatch(/^user-content-fn/);
      }
      // Nothing here is attached, so nothing may be loaded at all.
      expect(element.tagName).not.toBe("IMG");
    }
  });
});

describe("what a note shows", () => {
  const cases: [name: string, body: string, selector: string, text: string | null][] = [
    ["a wikilink", "see [[Lease 2024]]", 'a.wikilink[data-wikilink="Lease 2024"]', "Lease 2024"],
    ["a wikilink with a label", "[[Lease#Deposit|the rule]]", 'a[data-wikilink="Lease"][data-heading="Deposit"]', "the rule"],
    ["a link to a file of notes", "[x](Some%20note.md)", 'a[data-wikilink="Some note"]', "x"],
    ["a web link", "[x](https://a.example/b)", 'a.outside[href="https://a.example/b"]', "x"],
    ["a bare address", "https://a.example/b.", 'a[href="https://a.example/b"]', "https://a.example/b"],
    ["a mail link", "<me@a.example>", 'a[href="mailto:me@a.example"]', "me@a.example"],
    ["a tag", "so #home/lease it is", 'a.hashtag[data-tag="home/lease"]', "#home/lease"],
    ["an open task", "- [ ] ring", "li.task:not(.done) input:not([checked])", null],
    ["a done task", "* [x] rang", "li.task.done input[checked]", null],
    ["a task's line", "\n\n- [ ] ring", 'input[data-line="2"]', null],
    ["a callout", "> [!warning] Careful\n> hot", "blockquote.callout-warning .callout-title", "Careful"],
    ["a callout's text", "> [!tip]\n> hot", "blockquote.callout-tip p:not(.callout-title)", "hot"],
    ["a table", "|a|b|\n|-|-:|\n|1|2|", "td.align-right", "2"],
    ["a footnote", "a[^1]\n\n[^1]: why", ".footnotes li p", "why ↩︎"],
    ["a highlight", "==yes==", ".highlighted", "yes"],
    ["a file", "![[lease.pdf]]", `button[data-digest="${PAPER.digest}"]`, "lease.pdf · 12 kB"],
    ["a missing picture", "![[gone.png]]", ".missing", "Not attached: gone.png"],
    ["a web picture", "![x](https://a.example/b.png)", "a.embed-chip", "Picture on the web, not loaded: https://a.example/b.png"],
    ["code", "```rust\nfn x() {}\n```", "pre code.language-rust", "fn x() {}\n"],
  ];
  it.each(cases)("%s", (_name, body, selector, text) => {
    const found = dom(body).querySelector(selector);
    expect(found).not.toBeNull();
    if (text !== null) expect(found?.textContent).toBe(text);
  });

  it("loads only the note's own pictures", () => {
    for (const body of ["![[Plan größe.png]]", "![a](attachments/Plan%20gr%C3%B6%C3%9Fe.png)", `![](attachment://localhost/${PICTURE.digest}/x.png)`]) {
      const image = dom(body).querySelector("img");
      expect(image, body).not.toBeNull();
      expect(image?.alt).not.toBe("");
    }
  });

  it("keeps the size asked for", () => {
    expect(dom("![[Plan größe.png|300]]").querySelector("img")?.width).toBe(300);
  });

  it("finds the block of a place in the text", () => {
    const body = "# One\n\ntext\n\n- a\n- b with words\n\nend";
    const block = blockAtLine(dom(body), lineOfOffset(body, body.indexOf("words")));
    expect(block?.textContent.trim()).toBe("b with words");
  });
});
