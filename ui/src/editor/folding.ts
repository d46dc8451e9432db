// Folding away what stands below a heading or a list item, by the mark beside it (keys: run.ts).
import { codeFolding, foldable, foldedRanges, foldEffect, syntaxTree, unfoldEffect } from "@codemirror/language";
import type { EditorState, Extension } from "@codemirror/state";
import { type EditorView, gutter, GutterMarker, gutters, type ViewUpdate } from "@codemirror/view";

class Chevron extends GutterMarker {
  constructor(
    private readonly folded: boolean,
    /** In the middle of a heading; else beside the first line of an item. */
    private readonly tall: boolean,
  ) {
    super();
  }

  override eq(other: Chevron): boolean {
    return other.folded === this.folded && other.tall === this.tall;
  }

  override toDOM(): HTMLElement {
    const made = document.createElement("span");
    made.className = `cm-fold${this.folded ? " cm-fold-closed" : ""}${this.tall ? " cm-fold-tall" : ""}`;
    made.title = this.folded ? "Unfold" : "Fold";
    return made;
  }
}

function foldedAt(state: EditorState, from: number, to: number): { from: number; to: number } | null {
  let found: { from: number; to: number } | null = null;
  foldedRanges(state).between(from, to, (start, end) => {
    if (start >= from && start <= to) found ??= { from: start, to: end };
  });
  return found;
}

function toggle(view: EditorView, line: { from: number; to: number }): boolean {
  const closed = foldedAt(view.state, line.from, line.to);
  if (closed) {
    view.dispatch({ effects: unfoldEffect.of(closed) });
    return true;
  }
  const range = foldable(view.state, line.from, line.to);
  if (!range) return false;
  // The cursor does not stay in what cannot be seen.
  const { head } = view.state.selection.main;
  view.dispatch({ effects: foldEffect.of(range), ...(head > range.from && head <= range.to ? { selection: { anchor: range.from } } : {}) });
  return true;
}

const BEGINS = /^\s*(?:#{1,6}\s|[-*+]\s|\d+[.)]\s|```|~~~)/;

export function folding(): Extension {
  return [
    codeFolding({
      placeholderDOM(_view, onclick) {
        const made = document.createElement("button");
        made.type = "button";
        made.className = "cm-fold-rest";
        made.textContent = "…";
        made.setAttribute("aria-label", "Unfold");
        made.title = "Unfold";
        made.tabIndex = -1;
        made.onclick = onclick;
        return made;
      },
    }),
    gutters({ fixed: false }),
    gutter({
      class: "cm-folds",
      lineMarker(view, block) {
        // A paragraph of several lines could be folded, too, but nobody would.
        const begin = view.state.sliceDoc(block.from, Math.min(block.to, block.from + 80));
        if (!BEGINS.test(begin)) return null;
        const line = view.state.doc.lineAt(block.from);
        if (foldedAt(view.state, line.from, line.to)) return new Chevron(true, begin.startsWith("#"));
        return foldable(view.state, line.from, line.to) ? new Chevron(false, begin.startsWith("#")) : null;
      },
      lineMarkerChange: (update: ViewUpdate) => update.docChanged || update.viewportChanged || syntaxTree(update.startState) !== syntaxTree(update.state) || update.transactions.some((one) => one.effects.some((effect) => effect.is(foldEffect) || effect.is(unfoldEffect))),
      domEventHandlers: {
        mousedown(view, block) {
          return toggle(view, view.state.doc.lineAt(block.from));
        },
      },
    }),
  ];
}
