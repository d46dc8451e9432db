// Pasting with sense: an address over a selection links it, and formatted text from elsewhere becomes Markdown.
// Ctrl+Shift+V pastes plainly: then the browser offers no HTML.
import { syntaxTree } from "@codemirror/language";
import { EditorSelection, type EditorState, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { errorMessage } from "../api";
import type { EditorHost } from "./host";

/** Characters; a longer page would hold up the editor while it is read, and goes in as plain text. */
const MAX_HTML = 2_000_000;

/** Whether HTML says more than its text does; programs that copy code or plain lines as HTML say nothing by it. */
export function saysMore(html: string): boolean {
  return /<(?:a\s[^>]*href=|(?:h[1-6]|ul|ol|table|blockquote|pre|code|img|strong|em|mark|del|b|i)[\s>])/i.test(html) || /font-weight:\s*(?:bold|[6-9]00)|font-style:\s*italic/i.test(html);
}

/** One address and nothing else. */
export function isAddress(text: string): boolean {
  return /^(?:https?:\/\/|mailto:)\S+$/i.test(text);
}

export function insideCode(state: EditorState, pos: number): boolean {
  for (const side of [-1, 1] as const)
    for (let node = syntaxTree(state).resolveInner(pos, side); ; ) {
      if (/Code/.test(node.name) && (node.from < pos || side === 1) && (node.to > pos || side === -1)) return true;
      if (!node.parent) break;
      node = node.parent;
    }
  return false;
}

function linkSelection(view: EditorView, address: string): void {
  view.dispatch(
    view.state.changeByRange((range) => {
      const insert = `[${view.state.sliceDoc(range.from, range.to)}](${address})`;
      return { changes: { from: range.from, to: range.to, insert }, range: EditorSelection.cursor(range.from + insert.length) };
    }),
    { userEvent: "input.paste", scrollIntoView: true },
  );
}

function insert(view: EditorView, text: string): void {
  view.dispatch(view.state.replaceSelection(text), { userEvent: "input.paste", scrollIntoView: true });
}

async function insertHtml(view: EditorView, html: string, plain: string, host: EditorHost): Promise<void> {
  let text = plain;
  try {
    const { markdownOf } = await import("./fromHtml");
    text = markdownOf(html) || plain;
  } catch (error) {
    host.announce(`Pasted without its formatting: ${errorMessage(error)}`);
  }
  insert(view, text);
}

export function pasting(host: EditorHost): Extension {
  return EditorView.domEventHandlers({
    paste(event, view) {
      const { state } = view;
      const data = event.clipboardData;
      if (!data || state.readOnly) return false;
      const plain = data.getData("text/plain");
      const { main, ranges } = state.selection;
      if (insideCode(state, main.from)) return false;
      const selected = ranges.map((range) => state.sliceDoc(range.from, range.to));
      if (isAddress(plain.trim()) && selected.every((text) => text.trim() && !text.includes("\n") && !isAddress(text.trim()))) {
        event.preventDefault();
        linkSelection(view, plain.trim());
        return true;
      }
      const html = data.getData("text/html");
      if (!html || html.length > MAX_HTML || ranges.length > 1 || !saysMore(html)) return false;
      event.preventDefault();
      void insertHtml(view, html, plain.replace(/\r\n?/g, "\n"), host);
      return true;
    },
  });
}
