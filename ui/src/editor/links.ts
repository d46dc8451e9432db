// Which link stands at a place in the text, and following it by mouse or key.
import { syntaxTree } from "@codemirror/language";
import type { EditorState, Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import type { SyntaxNode } from "@lezer/common";
import { attachmentsField, hostFacet } from "./host";
import { isOutsideLink, resolveEmbed } from "./embeds";
import { splitWikilink } from "./markdown";

export type LinkTarget =
  | { kind: "wikilink"; name: string; heading: string }
  | { kind: "url"; url: string }
  | { kind: "tag"; tag: string }
  | { kind: "embed"; address: string }
  | { kind: "footnote"; mark: string; from: number };

/** The text between `[[` and `]]`. */
export function wikilinkInner(state: EditorState, node: SyntaxNode): string {
  const embed = node.name === "WikiEmbed" ? 3 : 2;
  return state.sliceDoc(node.from + embed, node.to - 2);
}

/** The address of a `[text](address)` or `![alt](address)`, without its angle brackets. */
export function linkAddress(state: EditorState, node: SyntaxNode): string | null {
  const url = node.getChild("URL");
  if (!url) return null;
  return state.sliceDoc(url.from, url.to).replace(/^<(.*)>$/, "$1");
}

export function linkAt(state: EditorState, pos: number): LinkTarget | null {
  for (const side of [1, -1] as const) {
    for (let node: SyntaxNode | null = syntaxTree(state).resolveInner(pos, side); node; node = node.parent) {
      const target = targetOf(state, node);
      if (target) return target;
    }
  }
  return null;
}

function targetOf(state: EditorState, node: SyntaxNode): LinkTarget | null {
  switch (node.name) {
    case "WikiLink": {
      const { target, heading } = splitWikilink(wikilinkInner(state, node));
      return { kind: "wikilink", name: target, heading };
    }
    case "WikiEmbed":
      return { kind: "embed", address: splitWikilink(wikilinkInner(state, node)).target };
    case "Image": {
      const address = linkAddress(state, node);
      return address === null ? null : { kind: "embed", address };
    }
    case "Link":
    case "Autolink": {
      const address = linkAddress(state, node);
      return address === null ? null : addressTarget(address);
    }
    case "URL":
      return node.parent?.name === "Link" || node.parent?.name === "Image"
        ? null
        : addressTarget(state.sliceDoc(node.from, node.to));
    case "Footnote":
      return { kind: "footnote", mark: state.sliceDoc(node.from, node.to), from: node.from };
    case "Hashtag":
      return { kind: "tag", tag: state.sliceDoc(node.from + 1, node.to) };
    default:
      return null;
  }
}

/** A bare or relative address is a note's name, as other Markdown apps write it: `[x](Some%20note.md)`. */
export function addressTarget(address: string): LinkTarget {
  if (isOutsideLink(address)) return { kind: "url", url: address.trim() };
  if (/^www\./i.test(address)) return { kind: "url", url: `https://${address}` };
  if (/^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/.test(address)) return { kind: "url", url: `mailto:${address}` };
  if (/^[a-z][a-z0-9+.-]*:/i.test(address)) return { kind: "url", url: address };
  let path = address;
  try {
    path = decodeURIComponent(address);
  } catch {
    // A stray % is part of the name.
  }
  const { target, heading } = splitWikilink(path.replace(/\|/g, " "));
  return { kind: "wikilink", name: target.replace(/^\.\//, "").replace(/\.md$/i, ""), heading };
}

/** Where a footnote's text is, seen from one of its marks; seen from its text, where its first mark is. */
export function footnotePlace(text: string, mark: string, from: number): number {
  const definition = text.search(new RegExp(`^${mark.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}:`, "m"));
  if (definition < 0) return -1;
  if (definition !== from) return definition + mark.length + 1 + (text.charAt(definition + mark.length + 1) === " " ? 1 : 0);
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) if (at !== definition) return at + mark.length;
  return -1;
}

export function follow(view: EditorView, target: LinkTarget, newTab: boolean): void {
  const { state } = view;
  const host = state.facet(hostFacet);
  if (!host) return;
  switch (target.kind) {
    case "wikilink":
      host.openWikilink(target.name, target.heading, newTab);
      return;
    case "url":
      if (isOutsideLink(target.url)) host.openLink(target.url);
      else host.announce(`Not opened: ${target.url.slice(0, 60)} is not a web or mail address`);
      return;
    case "footnote": {
      const place = footnotePlace(state.doc.toString(), target.mark, target.from);
      if (place < 0) host.announce(`${target.mark} has no text yet: write it on a line of its own, after ${target.mark}:`);
      else view.dispatch({ selection: { anchor: place }, effects: EditorView.scrollIntoView(place, { y: "center" }), userEvent: "select" });
      return;
    }
    case "tag":
      host.openTag(target.tag);
      return;
    case "embed": {
      const embed = resolveEmbed(target.address, state.field(attachmentsField));
      if (embed.kind === "file" || (embed.kind === "image" && embed.attachment)) {
        if (embed.attachment) host.openAttachment(embed.attachment);
      } else if (embed.kind === "missing") host.openWikilink(target.address, "", newTab);
      else if (embed.kind === "remote" && isOutsideLink(embed.url)) host.openLink(embed.url);
    }
  }
}

/** Click on a rendered link, Ctrl+click on any, Alt+Enter at the cursor. */
export function linkFollowing(): Extension {
  let pressed: { x: number; y: number } | null = null;
  return [
    EditorView.domEventHandlers({
      mousedown(event, view) {
        pressed = null;
        if (event.button !== 0 && event.button !== 1) return false;
        const element = event.target instanceof Element ? event.target.closest("[data-link]") : null;
        const modified = event.ctrlKey || event.metaKey || event.button === 1;
        if (!element && !modified) return false;
        const pos = element ? view.posAtDOM(element) : view.posAtCoords({ x: event.clientX, y: event.clientY });
        if (pos === null || !linkAt(view.state, pos)) return false;
        // Following waits for the release, so that a drag still selects.
        pressed = { x: event.clientX, y: event.clientY };
        if (modified) {
          event.preventDefault();
          return true;
        }
        return false;
      },
      mouseup(event, view) {
        const start = pressed;
        pressed = null;
        if (!start || Math.hypot(event.clientX - start.x, event.clientY - start.y) > 4) return false;
        const element = event.target instanceof Element ? event.target.closest("[data-link]") : null;
        const pos = element ? view.posAtDOM(element) : view.posAtCoords({ x: event.clientX, y: event.clientY });
        const target = pos === null ? null : linkAt(view.state, pos);
        if (!target) return false;
        event.preventDefault();
        follow(view, target, event.ctrlKey || event.metaKey || event.button === 1);
        return true;
      },
    }),
    keymap.of([
      {
        key: "Alt-Enter",
        run(view) {
          const target = linkAt(view.state, view.state.selection.main.head);
          if (!target) return false;
          follow(view, target, false);
          return true;
        },
      },
    ]),
  ];
}
