import { EditorSelection, EditorState, type StateCommand } from "@codemirror/state";
import { expect, it } from "vitest";
import { toggleBegin, writingCommands } from "./run";

function after(command: StateCommand, doc: string): string {
  let state = EditorState.create({ doc, selection: EditorSelection.range(0, doc.length) });
  command({ state, dispatch: (transaction) => (state = transaction.state) });
  return state.doc.toString();
}

it.each([
  [toggleBegin("heading", 2), "title", "## title"],
  [toggleBegin("heading", 2), "# title", "## title"],
  [toggleBegin("heading", 2), "## title", "title"],
  [toggleBegin("bullet"), "one\n\n2. two", "- one\n\n- two"],
  [toggleBegin("bullet"), "- one\n- two", "one\ntwo"],
  [toggleBegin("number"), "one\n- two", "1. one\n2. two"],
  [toggleBegin("quote"), "one\ntwo", "> one\n> two"],
  [toggleBegin("quote"), "> one\n> two", "one\ntwo"],
  [toggleBegin("none"), "### one\n- [ ] two", "one\ntwo"],
])("%#: %j", (command, before, expected) => {
  expect(after(command, before)).toBe(expected);
});

it("no two commands have one name or one key", () => {
  for (const all of [writingCommands.map(({ id }) => id), writingCommands.flatMap(({ keys }) => keys)]) expect(new Set(all).size).toBe(all.length);
});
