// What other programs put on the clipboard, as Markdown. Loaded only when something of the kind is pasted.
import { gfm } from "@joplin/turndown-plugin-gfm";
import TurndownService from "turndown";

const NEVER = ["script", "style", "meta", "title", "head", "link", "noscript", "template", "iframe", "object", "svg", "button", "select"];

function converter(): TurndownService {
  const made = new TurndownService({ headingStyle: "atx", bulletListMarker: "-", codeBlockStyle: "fenced", emDelimiter: "*", hr: "---" });
  made.use(gfm);
  made.remove(NEVER as (keyof HTMLElementTagNameMap)[]);
  // Google Docs wraps all it copies in a <b> that is not bold; Word and others say weight and slant in styles alone.
  made.addRule("weightless", {
    filter: (node) => /^(?:B|STRONG)$/.test(node.nodeName) && /font-weight:\s*(?:normal|[1-4]00)/i.test(node.getAttribute("style") ?? ""),
    replacement: (content) => content,
  });
  made.addRule("styled", {
    filter: (node) => node.nodeName === "SPAN" && /font-weight:\s*(?:bold|[6-9]00)|font-style:\s*italic/i.test(node.getAttribute("style") ?? ""),
    replacement: (content, node) => {
      const style = node instanceof Element ? (node.getAttribute("style") ?? "") : "";
      const mark = (/font-weight:\s*(?:bold|[6-9]00)/i.test(style) ? "**" : "") + (/font-style:\s*italic/i.test(style) ? "*" : "");
      const [, before, text, after] = /^(\s*)(.*?)(\s*)$/s.exec(content) ?? ["", "", content, ""];
      return text && !text.includes("\n") ? `${before ?? ""}${mark}${text}${[...mark].reverse().join("")}${after ?? ""}` : content;
    },
  });
  // Turndown's own puts three spaces after a bullet.
  made.addRule("item", {
    filter: "li",
    replacement: (content, node) => {
      const list = node.parentNode;
      const items = list instanceof Element ? [...list.children] : [];
      const start = list instanceof HTMLOListElement ? list.start : null;
      const mark = start === null ? "- " : `${String(start + items.indexOf(node as Element))}. `;
      const text = content.replace(/^\n+/, "").replace(/\n+$/, "").replace(/\n/gm, `\n${" ".repeat(mark.length)}`).replace(/\n[ ]+\n/g, "\n\n");
      return `${mark}${text}${node.nextSibling ? "\n" : ""}`;
    },
  });
  made.addRule("link", {
    filter: "a",
    replacement: (content, node) => {
      if (!(node instanceof HTMLElement)) return content;
      const { wikilink, heading, tag } = node.dataset;
      // From a note's own reading view.
      if (wikilink !== undefined) {
        const target = heading ? `${wikilink}#${heading}` : wikilink;
        return content === target ? `[[${target}]]` : `[[${target}|${content}]]`;
      }
      if (tag !== undefined) return `#${tag}`;
      const href = node.getAttribute("href")?.trim() ?? "";
      const text = content.trim();
      if (!text || !/^(?:https?:|mailto:)/i.test(href)) return content;
      if (text.replace(/\\/g, "") === href) return `<${href}>`;
      return `[${text.replace(/\n+/g, " ")}](${/[\s()]/.test(href) ? `<${href}>` : href})`;
    },
  });
  // A picture from the web keeps its address; one from another program's folder or in the text itself leaves its description.
  made.addRule("picture", {
    filter: "img",
    replacement: (_content, node) => {
      if (!(node instanceof HTMLElement)) return "";
      const [source, alt] = [node.getAttribute("src")?.trim() ?? "", (node.getAttribute("alt") ?? "").replace(/[[\]\n]/g, " ").trim()];
      return /^https?:/i.test(source) ? `![${alt}](${/[\s()]/.test(source) ? `<${source}>` : source})` : alt;
    },
  });
  made.addRule("highlight", { filter: "mark", replacement: (content) => (content.trim() ? `==${content}==` : content) });
  return made;
}

let shared: TurndownService | null = null;

export function markdownOf(html: string): string {
  shared ??= converter();
  // Between these two comments is what was selected; around it is the other program's page.
  const part = /<!--\s*StartFragment\s*-->([\s\S]*)<!--\s*EndFragment\s*-->/i.exec(html)?.[1] ?? html;
  return shared
    .turndown(part)
    .replace(/\u00a0/g, " ")
    .replace(/[ \t]+$/gm, "")
    // The table rule makes its columns even; here that is the editor's.
    .replace(/^\|.*\|$/gm, (row) => row.replace(/ {2,}/g, " "))
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}
