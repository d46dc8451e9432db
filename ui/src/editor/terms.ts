// The places that a search found, marked in the text when a note was opened from it.
import { searchPanelOpen } from "@codemirror/search";
import { type Extension, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap } from "@codemirror/view";

/** Spans to mark, and which of them is the current one. */
export const setTerms = StateEffect.define<{ spans: readonly [number, number][]; current: number }>();

const term = Decoration.mark({ class: "cm-term" });
const currentTerm = Decoration.mark({ class: "cm-term cm-term-current" });

const marks = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(value, transaction) {
    for (const effect of transaction.effects)
      if (effect.is(setTerms)) {
        const { spans, current } = effect.value;
        const inside = spans.map((span, i) => ({ span, i })).filter(({ span: [from, to] }) => from < to && to <= transaction.newDoc.length);
        return Decoration.set(
          inside.map(({ span: [from, to], i }) => (i === current ? currentTerm : term).range(from, to)),
          true,
        );
      }
    return value.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

export interface TermKeys {
  /** To the next or the one before; false: there is none to go to. */
  step: (by: number) => boolean;
  /** Escape: the marks are no longer wanted. */
  leave: () => void;
}

export function termMarks(keys: TermKeys): Extension {
  const step = (by: number) => (view: EditorView) => view.state.field(marks).size > 0 && !searchPanelOpen(view.state) && keys.step(by);
  return [
    marks,
    // Before find-in-note, which has the same keys once it is open.
    Prec.high(
      keymap.of([
        { key: "F3", run: step(1), shift: step(-1), preventDefault: true },
        { key: "Mod-g", run: step(1), shift: step(-1), preventDefault: true },
      ]),
    ),
    keymap.of([
      {
        key: "Escape",
        run(view) {
          if (view.state.field(marks).size === 0) return false;
          view.dispatch({ effects: setTerms.of({ spans: [], current: -1 }) });
          keys.leave();
          return true;
        },
      },
    ]),
  ];
}
