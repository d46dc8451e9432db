// How wide a picture is shown: written into its link, as `![[a.png|300]]` and `![alt|300](a.png)`.
import { syntaxTree } from "@codemirror/language";
import type { EditorState, StateCommand, TransactionSpec } from "@codemirror/state";
import type { SyntaxNode } from "@lezer/common";

/** Pixels. */
export const MIN_WIDTH = 40;
const MAX_WIDTH = 4000;
/** One step of the commands. */
const STEP = 1.25;
/** Assumed of a picture that is shown at its own width. */
const USUAL = 480;

/** A picture's link with another width; null: with its own. */
export function withWidth(link: string, width: number | null): string {
  const size = width === null ? "" : `|${String(Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, Math.round(width))))}`;
  const wiki = /^!\[\[([^\]]*?)(?:\|\d+(?:x\d+)?)?\]\]$/.exec(link);
  if (wiki) return `![[${wiki[1] ?? ""}${size}]]`;
  const plain = /^!\[([^\]]*?)(?:\|\d+(?:x\d+)?)?\](\(.*\))$/s.exec(link);
  return plain ? `![${plain[1] ?? ""}${size}]${plain[2] ?? ""}` : link;
}

function widthOf(link: string): number | null {
  const found = /\|(\d+)(?:x\d+)?\]/.exec(link)?.[1];
  return found === undefined ? null : Number(found);
}

function pictureAt(state: EditorState, pos: number): SyntaxNode | null {
  for (const side of [1, -1] as const)
    for (let node: SyntaxNode | null = syntaxTree(state).resolveInner(pos, side); node; node = node.parent) if (node.name === "WikiEmbed" || node.name === "Image") return node;
  return null;
}

/** What gives the picture at a place another width; null: there is none, or it is so already. */
export function resized(state: EditorState, pos: number, width: number | null): TransactionSpec | null {
  const node = pictureAt(state, pos);
  if (!node || state.readOnly) return null;
  const link = state.sliceDoc(node.from, node.to);
  const made = withWidth(link, width);
  return made === link ? null : { changes: { from: node.from, to: node.to, insert: made }, userEvent: "input.resize" };
}

function resize(next: (width: number) => number | null): StateCommand {
  return ({ state, dispatch }) => {
    const { head } = state.selection.main;
    const node = pictureAt(state, head);
    const spec = node && resized(state, head, next(widthOf(state.sliceDoc(node.from, node.to)) ?? USUAL));
    if (!spec) return false;
    dispatch(state.update(spec));
    return true;
  };
}

export const largerPicture = resize((width) => width * STEP);
export const smallerPicture = resize((width) => width / STEP);
export const ownWidth = resize(() => null);
