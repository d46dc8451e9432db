// A query's words, marked in the text when a note was opened from a search.
import { type Extension, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap } from "@codemirror/view";

export const setTerms = StateEffect.define<readonly [number, number][]>();

const term = Decoration.mark({ class: "cm-term" });

const marks = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(value, transaction) {
    for (const effect of transaction.effects)
      if (effect.is(setTerms))
        return Decoration.set(
          effect.value.filter(([from, to]) => from < to && to <= transaction.newDoc.length).map(([from, to]) => term.range(from, to)),
          true,
        );
    return transaction.docChanged ? Decoration.none : value;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export function termMarks(): Extension {
  return [
    marks,
    keymap.of([
      {
        key: "Escape",
        run(view) {
          if (view.state.field(marks).size === 0) return false;
          view.dispatch({ effects: setTerms.of([]) });
          return true;
        },
      },
    ]),
  ];
}
