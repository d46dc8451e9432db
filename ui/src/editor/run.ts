// What a writer can ask of the editor by name; their keys are the app's, so that each can be changed.
import { foldAll, foldCode, unfoldAll, unfoldCode } from "@codemirror/language";
import { type ChangeSpec, type EditorState, type StateCommand } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { insertLink, selectedLines, toggleTask, toggleWrap } from "./commands";
import { largerPicture, ownWidth, smallerPicture } from "./pictures";
import { tableCommands } from "./tables";

export interface WritingCommand {
  id: string;
  title: string;
  keys: string[];
  run: (view: EditorView) => boolean;
}

const MARKS = /^(\s*(?:>\s?)*)(#{1,6}\s+|[-*+]\s+(?:\[.\]\s+)?|\d+[.)]\s+)?/;

/** Puts what begins a line on all lines of the selection, in place of another such mark; off again if all have it. */
export function toggleBegin(kind: "heading" | "bullet" | "number" | "quote" | "none", level = 0): StateCommand {
  const wanted = (index: number): string => (kind === "heading" ? `${"#".repeat(level)} ` : kind === "bullet" ? "- " : kind === "number" ? `${String(index + 1)}. ` : kind === "quote" ? "> " : "");
  const has = (text: string): boolean =>
    kind === "quote" ? /^\s*>/.test(text) : kind === "heading" ? new RegExp(`^#{${String(level)}}\\s`).test(text) : kind === "bullet" ? /^\s*[-*+]\s/.test(text) : kind === "number" ? /^\s*\d+[.)]\s/.test(text) : false;
  return ({ state, dispatch }) => {
    if (state.readOnly) return false;
    const lines = linesWithText(state);
    const off = lines.every((line) => has(line.text));
    const changes = lines.map((line, index): ChangeSpec => {
      if (kind === "quote") return off ? { from: line.from, to: line.from + (/^\s*>\s?/.exec(line.text)?.[0].length ?? 0) } : { from: line.from, insert: "> " };
      const found = MARKS.exec(line.text);
      const from = line.from + (found?.[1]?.length ?? 0);
      return { from, to: from + (found?.[2]?.length ?? 0), insert: off ? "" : wanted(index) };
    });
    dispatch(state.update({ changes, userEvent: "input.format", scrollIntoView: true }));
    return true;
  };
}

/** Blank lines between others are left alone. */
function linesWithText(state: EditorState) {
  const lines = selectedLines(state).map((number) => state.doc.line(number));
  const full = lines.filter((line) => line.text.trim() !== "");
  return full.length > 0 ? full : lines;
}

const heading = (level: number): WritingCommand => ({ id: `heading-${String(level)}`, title: `Heading ${String(level)}`, keys: [`Mod+Alt+${String(level)}`], run: toggleBegin("heading", level) });

export const writingCommands: readonly WritingCommand[] = [
  { id: "bold", title: "Bold", keys: ["Mod+B"], run: toggleWrap("**") },
  { id: "italic", title: "Italic", keys: ["Mod+I"], run: toggleWrap("*") },
  { id: "highlight", title: "Highlight", keys: ["Mod+Shift+H"], run: toggleWrap("==") },
  { id: "strike", title: "Strike through", keys: ["Mod+Shift+X"], run: toggleWrap("~~") },
  { id: "inline-code", title: "Code in the line", keys: ["Mod+Shift+C"], run: toggleWrap("`") },
  { id: "link", title: "Link", keys: ["Mod+K"], run: insertLink },
  { id: "toggle-task", title: "Task: make one, tick it", keys: ["Mod+Enter"], run: toggleTask },
  ...[1, 2, 3].map(heading),
  { id: "plain", title: "Plain paragraph", keys: ["Mod+Alt+0"], run: toggleBegin("none") },
  { id: "bullets", title: "List", keys: ["Mod+Shift+8"], run: toggleBegin("bullet") },
  { id: "numbers", title: "Numbered list", keys: ["Mod+Shift+7"], run: toggleBegin("number") },
  { id: "quote", title: "Quote", keys: ["Mod+Shift+9"], run: toggleBegin("quote") },
  { id: "fold", title: "Fold what is below", keys: ["Mod+Shift+["], run: foldCode },
  { id: "unfold", title: "Unfold", keys: ["Mod+Shift+]"], run: unfoldCode },
  { id: "fold-all", title: "Fold all", keys: ["Mod+Alt+["], run: foldAll },
  { id: "unfold-all", title: "Unfold all", keys: ["Mod+Alt+]"], run: unfoldAll },
  { id: "picture-larger", title: "Picture: larger", keys: [], run: largerPicture },
  { id: "picture-smaller", title: "Picture: smaller", keys: [], run: smallerPicture },
  { id: "picture-own", title: "Picture: its own size", keys: [], run: ownWidth },
  ...tableCommands.map(({ id, title, run }) => ({ id: `table-${id}`, title: `Table: ${title.charAt(0).toLowerCase()}${title.slice(1)}`, keys: [], run })),
];

/** Runs one in the editor of a part of the page; false: there is none, or it does not apply there. */
export function runWriting(panel: Element | null, id: string): boolean {
  const content = panel?.querySelector<HTMLElement>(".cm-content");
  const view = content ? EditorView.findFromDOM(content) : null;
  const command = writingCommands.find((one) => one.id === id);
  if (!view || !command || view.state.readOnly) return false;
  view.focus();
  return command.run(view);
}
