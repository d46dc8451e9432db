import { expect, it } from "vitest";
import { markdownOf } from "./fromHtml";
import { isAddress, saysMore } from "./paste";

it.each([
  ["<h2>Plan</h2><p>Some <b>bold</b>, <em>slanted</em> and <code>code</code>.</p>", "## Plan\n\nSome **bold**, *slanted* and `code`."],
  ["<ul><li>one</li><li>two<ul><li>deep</li></ul></li></ul>", "- one\n- two\n  - deep"],
  ["<ol start=3><li>three</li><li>four</li></ol>", "3. three\n4. four"],
  ['<p><a href="https://a.example/x">a page</a> <a href="javascript:alert(1)">bad</a></p>', "[a page](https://a.example/x) bad"],
  ['<a href="https://a.example/x">https://a.example/x</a>', "<https://a.example/x>"],
  ["<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "| a | b |\n| --- | --- |\n| 1 | 2 |"],
  ["<pre><code class='language-js'>let a = 1;\n</code></pre>", "```js\nlet a = 1;\n```"],
  ["<blockquote><p>said</p></blockquote>", "> said"],
  ["<ul><li><input type=checkbox checked>done</li></ul>", "- [x] done"],
  // Google Docs.
  ["<meta charset='utf-8'><b style='font-weight:normal' id='docs-internal-guid-1'><p><span style='font-weight:400'>plain</span> <span style='font-weight:700'>bold</span></p></b>", "plain **bold**"],
  // Word.
  ["<html><head><style>p{}</style></head><body><!--StartFragment--><p class=MsoNormal>Text<o:p></o:p></p><!--EndFragment--></body></html>", "Text"],
  ["<p>Hi<script>alert(1)</script><style>x{}</style></p>", "Hi"],
  ['<img src="https://a.example/p.png" alt="A plan"><img src="file:///c:/x.png" alt="gone">', "![A plan](https://a.example/p.png)gone"],
  ['<a href="#" data-wikilink="Lease" data-heading="Deposit">the deposit</a> <a href="#" data-tag="home">#home</a>', "[[Lease#Deposit|the deposit]] #home"],
  ["<p>2 * 3 = [6]</p>", "2 \\* 3 = \\[6\\]"],
  ["<p><mark>seen</mark> <del>gone</del></p>", "==seen== ~~gone~~"],
])("%s", (html, markdown) => {
  expect(markdownOf(html)).toBe(markdown);
});

it.each([
  ["<meta charset='utf-8'><div style='font-family: monospace'>let x</div>", false],
  ["<p>plain</p>", false],
  ["<p>a <b>b</b></p>", true],
  ['<a href="x">y</a>', true],
  ["<body><span>x</span></body>", false],
])("%s says more than its text: %s", (html, expected) => {
  expect(saysMore(html)).toBe(expected);
});

it.each([["https://a.example", true], ["https://a b", false], ["javascript:x", false], ["mailto:a@b.example", true]])("%s is an address: %s", (text, expected) => {
  expect(isAddress(text)).toBe(expected);
});
