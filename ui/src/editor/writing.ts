// Two ways to stay with what one writes: all but the paragraph is faded, and the line that is written stays in the middle.
import { searchPanelOpen } from "@codemirror/search";
import { EditorState, type Extension, RangeSetBuilder } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";

const faded = Decoration.line({ class: "cm-faded" });

/** The first and last line of the paragraph around a line: up to blank lines. */
function paragraph(state: EditorState, line: number): [number, number] {
  const blank = (number: number): boolean => state.doc.line(number).text.trim() === "";
  let [first, last] = [line, line];
  // A paragraph of thousands of lines is a list of data: its ends are out of view anyway.
  for (let i = 0; i < 500 && first > 1 && !blank(first) && !blank(first - 1); i++) first -= 1;
  for (let i = 0; i < 500 && last < state.doc.lines && !blank(last) && !blank(last + 1); i++) last += 1;
  return [first, last];
}

export function focusMode(): Extension {
  return ViewPlugin.fromClass(
    class {
      decorations: DecorationSet = Decoration.none;
      constructor(view: EditorView) {
        this.build(view);
      }
      update(update: ViewUpdate): void {
        if (update.docChanged || update.selectionSet || update.viewportChanged || searchPanelOpen(update.startState) !== searchPanelOpen(update.state)) this.build(update.view);
      }
      private build(view: EditorView): void {
        const builder = new RangeSetBuilder<Decoration>();
        // What is looked for may be anywhere.
        if (searchPanelOpen(view.state)) {
          this.decorations = Decoration.none;
          return;
        }
        const { main } = view.state.selection;
        const [first] = paragraph(view.state, view.state.doc.lineAt(main.from).number);
        const [, last] = paragraph(view.state, view.state.doc.lineAt(main.to).number);
        for (const { from, to } of view.visibleRanges)
          for (let line = view.state.doc.lineAt(from); ; line = view.state.doc.line(line.number + 1)) {
            if (line.number < first || line.number > last) builder.add(line.from, line.from, faded);
            if (line.to >= to || line.number >= view.state.doc.lines) break;
          }
        this.decorations = builder.finish();
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );
}

export function typewriter(): Extension {
  return EditorState.transactionExtender.of((transaction) => {
    const moved = transaction.docChanged || transaction.selection !== undefined;
    // A click must not move the text from under the pointer.
    const byHand = (transaction.isUserEvent("input") || transaction.isUserEvent("delete") || transaction.isUserEvent("select")) && !transaction.isUserEvent("select.pointer") && !transaction.isUserEvent("input.toggle");
    return moved && byHand ? { effects: EditorView.scrollIntoView(transaction.newSelection.main.head, { y: "center" }) } : null;
  });
}
