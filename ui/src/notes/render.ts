// Markdown → safe page content. Raw HTML stays text; what comes out passes an allow-list; nothing is fetched from the network.
import DOMPurify from "dompurify";
import MarkdownIt, { type StateBlock, type StateCore, type StateInline, type Token } from "markdown-it";
import footnote from "markdown-it-footnote";
import type { Attachment } from "../api";
import { isOutsideLink, resolveEmbed, sizeLabel } from "../editor/embeds";
import { addressTarget } from "../editor/links";
import { showFormula } from "../editor/formula";
import { calloutLook } from "../editor/livePreview";
import { formulaLength, splitWikilink } from "../editor/markdown";

/** Characters; a longer body is cut, and says so: rendering all of it would freeze the page for seconds. */
export const MAX_RENDERED = 600_000;

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true });
markdown.use(footnote);
// `example.md` and `v1.0` are no addresses.
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });

markdown.inline.ruler.before("link", "wikilink", (state: StateInline, silent: boolean) => {
  const embed = state.src[state.pos] === "!";
  const open = embed ? state.pos + 1 : state.pos;
  if (!state.src.startsWith("[[", open)) return false;
  const found = /^[^[\]\n]{1,500}(?=\]\])/.exec(state.src.slice(open + 2, open + 502));
  if (!found) return false;
  if (!silent) {
    const { target, heading, label } = splitWikilink(found[0]);
    if (embed) {
      const token = state.push("embed", "", 0);
      token.meta = { address: target, alt: label === target ? "" : label };
    } else {
      const token = state.push("link_open", "a", 1);
      token.attrs = [
        ["data-wikilink", target],
        ["data-heading", heading],
      ];
      state.push("text", "", 0).content = label;
      state.push("link_close", "a", -1);
    }
  }
  state.pos = open + 2 + found[0].length + 2;
  return true;
});

markdown.inline.ruler.before("escape", "formula", (state: StateInline, silent: boolean) => {
  if (state.src[state.pos] !== "$") return false;
  const length = formulaLength(state.src.slice(state.pos, state.pos + 1000));
  if (length === 0) return false;
  if (!silent) {
    const source = state.src.slice(state.pos, state.pos + length);
    const display = source.startsWith("$$");
    state.push("formula", "", 0).meta = { tex: source.slice(display ? 2 : 1, display ? -2 : -1).trim(), display };
  }
  state.pos += length;
  return true;
});

markdown.block.ruler.before(
  "fence",
  "formula_block",
  (state: StateBlock, first: number, last: number, silent: boolean) => {
    const textOf = (line: number): string => state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
    if (textOf(first).trim() !== "$$") return false;
    if (silent) return true;
    let end = first + 1;
    while (end < last && textOf(end).trim() !== "$$") end += 1;
    const token = state.push("formula", "", 0);
    token.block = true;
    token.map = [first, Math.min(last, end + 1)];
    token.meta = { tex: state.getLines(first + 1, end, state.blkIndent, false).trim(), display: true };
    state.line = Math.min(last, end + 1);
    return true;
  },
  { alt: ["paragraph", "reference", "blockquote", "list"] },
);

markdown.inline.ruler.push("hashtag", (state: StateInline, silent: boolean) => {
  if (state.src[state.pos] !== "#" || (state.pos > 0 && !/[\s([{,;]/.test(state.src[state.pos - 1] ?? ""))) return false;
  const found = /^#([\p{L}\p{N}_/-]+)/u.exec(state.src.slice(state.pos, state.pos + 100));
  if (!found?.[1] || !/[^\d/_-]/.test(found[1])) return false;
  if (!silent) {
    state.push("link_open", "a", 1).attrs = [["data-tag", found[1]]];
    state.push("text", "", 0).content = found[0];
    state.push("link_close", "a", -1);
  }
  state.pos += found[0].length;
  return true;
});

markdown.inline.ruler.after("emphasis", "highlight", (state: StateInline, silent: boolean) => {
  if (!state.src.startsWith("==", state.pos)) return false;
  const found = /^==(?=\S)([^\n]{1,2000}?\S)==/.exec(state.src.slice(state.pos, state.pos + 2004));
  if (!found?.[1]) return false;
  if (!silent) {
    state.push("highlight_open", "span", 1).attrs = [["class", "highlighted"]];
    state.push("text", "", 0).content = found[1];
    state.push("highlight_close", "span", -1);
  }
  state.pos += found[0].length;
  return true;
});

markdown.core.ruler.before("inline", "note-blocks", (state: StateCore) => {
  for (let i = 0; i < state.tokens.length; i++) {
    const token = state.tokens[i];
    if (!token) continue;
    if (token.map && token.nesting >= 0 && token.type !== "inline") token.attrSet("data-line", String(token.map[0]));
    const inline = state.tokens[i + 2];
    if (state.tokens[i + 1]?.type !== "paragraph_open" || inline?.type !== "inline") continue;
    if (token.type === "list_item_open") task(token, inline);
    else if (token.type === "blockquote_open") callout(state, i, token, inline);
  }
});

function task(item: Token, inline: Token): void {
  const box = /^\[(.)\](?:\s+|$)/.exec(inline.content);
  if (!box) return;
  inline.content = inline.content.slice(box[0].length);
  const done = /x/i.test(box[1] ?? "");
  item.attrJoin("class", done ? "task done" : "task");
  inline.meta = { task: { done, line: item.map?.[0] ?? 0 } };
}

function callout(state: StateCore, at: number, quote: Token, inline: Token): void {
  const head = /^\[!([\w-]+)\][+-]?[ \t]*([^\n]*)(?:\n([\s\S]*))?$/.exec(inline.content);
  if (!head?.[1]) return;
  quote.attrJoin("class", `callout callout-${calloutLook(head[1])}`);
  state.tokens[at + 1]?.attrJoin("class", "callout-title");
  inline.content = head[2]?.trim() || head[1].charAt(0).toUpperCase() + head[1].slice(1).toLowerCase();
  if (head[3]?.trim()) {
    const open = new state.Token("paragraph_open", "p", 1);
    const content = new state.Token("inline", "", 0);
    content.content = head[3];
    content.children = [];
    content.map = inline.map;
    state.tokens.splice(at + 4, 0, open, content, new state.Token("paragraph_close", "p", -1));
  }
}

markdown.core.ruler.push("note-tasks", (state: StateCore) => {
  for (const token of state.tokens) {
    const meta = token.meta as { task?: { done: boolean; line: number } } | null;
    if (!meta?.task || !token.children) continue;
    const box = new state.Token("task_box", "input", 0);
    box.attrs = [
      ["type", "checkbox"],
      ["data-line", String(meta.task.line)],
    ];
    if (meta.task.done) box.attrs.push(["checked", ""]);
    token.children.unshift(box);
  }
});

const { rules } = markdown.renderer;
rules["task_box"] = (tokens, index, _options, _env, self) => `<input${self.renderAttrs(at(tokens, index))}> `;
rules["embed"] = (tokens, index) => {
  const { address, alt } = at(tokens, index).meta as { address: string; alt: string };
  return embedPlace(address, alt);
};
rules.image = (tokens, index) => {
  const token = at(tokens, index);
  return embedPlace(String(token.attrGet("src") ?? ""), token.content);
};
rules["link_open"] = (tokens, index, options, _env, self) => {
  const token = at(tokens, index);
  const href = token.attrGet("href");
  if (href !== null) {
    token.attrs = (token.attrs ?? []).filter(([name]) => name !== "href");
    if (String(href).startsWith("#")) token.attrSet("data-heading", String(href).slice(1));
    else {
      const target = addressTarget(String(href));
      if (target.kind === "wikilink") {
        token.attrSet("data-wikilink", target.name);
        token.attrSet("data-heading", target.heading);
      } else if (target.kind === "url" && isOutsideLink(target.url)) token.attrSet("href", target.url);
    }
  }
  return self.renderToken(tokens, index, options);
};
rules["formula"] = (tokens, index) => {
  const token = at(tokens, index);
  const { tex, display } = token.meta as { tex: string; display: boolean };
  const escape = markdown.utils.escapeHtml;
  const line = token.map ? ` data-line="${String(token.map[0])}"` : "";
  return display ? `<div class="formula" data-formula="${escape(tex)}"${line}></div>` : `<span class="formula" data-formula="${escape(tex)}"></span>`;
};
for (const cell of ["th_open", "td_open"])
  rules[cell] = (tokens, index, options, _env, self) => {
    const token = at(tokens, index);
    const side = /text-align:(left|center|right)/.exec(String(token.attrGet("style") ?? ""))?.[1];
    token.attrs = side ? [["class", `align-${side}`]] : null;
    return self.renderToken(tokens, index, options);
  };
rules["table_open"] = (tokens, index, options, _env, self) => `<div class="table">${self.renderToken(tokens, index, options)}`;
rules["table_close"] = () => "</table></div>";

function at(tokens: Token[], index: number): Token {
  const token = tokens[index];
  if (!token) throw new RangeError(`no token ${String(index)}`);
  return token;
}

function embedPlace(address: string, alt: string): string {
  const escape = markdown.utils.escapeHtml;
  return `<span data-embed="${escape(address)}" data-alt="${escape(alt)}"></span>`;
}

const ALLOWED = {
  ALLOWED_TAGS: [
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span", "div",
    "table", "thead", "tbody", "tr", "th", "td", "input", "sup", "section",
  ],
  ALLOWED_ATTR: [
    "class", "id", "href", "title", "start", "type", "checked", "data-line", "data-wikilink", "data-heading", "data-tag", "data-embed", "data-alt", "data-formula",
  ],
  // Not addresses, so the pattern for addresses does not apply to them.
  ADD_URI_SAFE_ATTR: ["start", "type", "checked", "data-line", "data-wikilink", "data-heading", "data-tag", "data-embed", "data-alt", "data-formula"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i,
  SANITIZE_NAMED_PROPS: true,
  RETURN_DOM_FRAGMENT: true as const,
};

let documents = 0;

/** The note's body as page content. Every block carries `data-line`, its first line in the body, counted from 0. */
export function renderNote(body: string, attachments: readonly Attachment[]): DocumentFragment {
  documents += 1;
  const cut = body.length > MAX_RENDERED;
  const env = { docId: String(documents) };
  const html = markdown.render(cut ? body.slice(0, MAX_RENDERED) : body, env);
  const fragment: DocumentFragment = DOMPurify.sanitize(html, ALLOWED);
  for (const place of fragment.querySelectorAll<HTMLElement>("[data-embed]")) place.replaceWith(embedElement(place, attachments));
  // Only now: what the converter makes of a formula is no part of the note's own text.
  for (const place of fragment.querySelectorAll<HTMLElement>("[data-formula]")) showFormula(place, place.dataset["formula"] ?? "", place.tagName === "DIV");
  if (/[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(body)) for (const block of fragment.querySelectorAll<HTMLElement>("p, h1, h2, h3, h4, h5, h6, li, td, th, blockquote")) block.dir = "auto";
  for (const link of fragment.querySelectorAll("a")) finishLink(link);
  for (const box of fragment.querySelectorAll("input")) {
    // Only tasks make inputs; anything else that slipped through is no control of ours.
    if (box.type !== "checkbox") box.remove();
    else {
      const label = box.parentElement?.textContent.trim().slice(0, 200) ?? "";
      box.setAttribute("aria-label", label || "Task");
      box.disabled = true;
    }
  }
  if (cut) {
    const note = document.createElement("p");
    note.className = "cut";
    note.textContent = "This note is very long: only its beginning is shown here. Open it in the editor to see all of it.";
    fragment.append(note);
  }
  return fragment;
}

function finishLink(link: HTMLAnchorElement): void {
  const inside = link.hasAttribute("data-wikilink") || link.hasAttribute("data-tag") || link.hasAttribute("data-heading");
  if (inside) {
    // Without href a link is not reached by keyboard; the address is only for that, clicks are handled by the page.
    link.setAttribute("href", "#");
    link.classList.add(link.hasAttribute("data-tag") ? "hashtag" : "wikilink");
  } else if (link.hasAttribute("href")) {
    link.rel = "noreferrer";
    if (!link.getAttribute("href")?.startsWith("#")) {
      link.classList.add("outside");
      link.title = link.title || (link.getAttribute("href") ?? "");
    }
  } else link.replaceWith(...link.childNodes);
}

function embedElement(place: HTMLElement, attachments: readonly Attachment[]): HTMLElement {
  const address = place.dataset["embed"] ?? "";
  const rawAlt = place.dataset["alt"] ?? "";
  const size = /^(?:(.*)\|)?(\d{1,4})(?:x\d+)?$/s.exec(rawAlt);
  const alt = size ? (size[1] ?? "") : rawAlt;
  const embed = resolveEmbed(address, attachments);
  if (embed.kind === "image") {
    const image = document.createElement("img");
    image.src = embed.url;
    image.alt = alt || embed.name;
    image.loading = "lazy";
    image.decoding = "async";
    if (size?.[2]) image.width = Number(size[2]);
    return image;
  }
  if (embed.kind === "file") {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "embed-chip";
    button.dataset["digest"] = embed.attachment.digest;
    button.dataset["name"] = embed.attachment.name;
    button.textContent = `${embed.attachment.name} · ${sizeLabel(embed.attachment.size)}`;
    return button;
  }
  if (embed.kind === "remote" && isOutsideLink(embed.url)) {
    const link = document.createElement("a");
    link.className = "embed-chip outside";
    link.href = embed.url;
    link.rel = "noreferrer";
    link.textContent = `Picture on the web, not loaded: ${embed.url.slice(0, 120)}`;
    return link;
  }
  const missing = document.createElement("span");
  missing.className = "embed-chip missing";
  missing.textContent = `Not attached: ${(embed.kind === "missing" ? embed.name : address).slice(0, 120)}`;
  return missing;
}

/** Which line of the body a UTF-16 offset is in, counted from 0. */
export function lineOfOffset(body: string, offset: number): number {
  let line = 0;
  for (let i = body.indexOf("\n"); i >= 0 && i < offset; i = body.indexOf("\n", i + 1)) line += 1;
  return line;
}

/** The UTF-16 offset at which a line of the body begins, counted from 0. */
export function offsetOfLine(body: string, line: number): number {
  let offset = 0;
  for (let left = line; left > 0; left--) {
    const next = body.indexOf("\n", offset);
    if (next < 0) break;
    offset = next + 1;
  }
  return offset;
}

/** The innermost block that begins at or before a line. */
export function blockAtLine(root: ParentNode, line: number): HTMLElement | null {
  let best: HTMLElement | null = null;
  let bestLine = -1;
  for (const element of root.querySelectorAll<HTMLElement>("[data-line]")) {
    const begins = Number(element.dataset["line"]);
    if (begins <= line && begins >= bestLine && !(element instanceof HTMLInputElement)) {
      best = element;
      bestLine = begins;
    }
  }
  return best;
}
