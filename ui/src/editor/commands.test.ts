import { markdownLanguage } from "@codemirror/lang-markdown";
import { ensureSyntaxTree } from "@codemirror/language";
import { EditorSelection, EditorState, type StateCommand } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { dedentItems, indentItems, insertLink, noteKeymap, toggleWrap } from "./commands";
import { noteMarkdown } from "./markdown";

/** `‸` is the cursor; two of them are a selection. */
function stateOf(text: string): EditorState {
  const anchor = text.indexOf("‸");
  const rest = text.replace("‸", "");
  const head = rest.indexOf("‸");
  const doc = rest.replace("‸", "");
  const state = EditorState.create({
    doc,
    selection: head < 0 ? EditorSelection.cursor(anchor) : EditorSelection.range(anchor, head),
    extensions: [noteMarkdown()],
  });
  ensureSyntaxTree(state, doc.length, 5_000);
  return state;
}

function shown(state: EditorState): string {
  const { from, to } = state.selection.main;
  const text = state.doc.toString();
  return from === to ? `${text.slice(0, from)}‸${text.slice(from)}` : `${text.slice(0, from)}‸${text.slice(from, to)}‸${text.slice(to)}`;
}

function check(command: StateCommand, before: string, after: string): void {
  let state = stateOf(before);
  command({ state, dispatch: (transaction) => (state = transaction.state) });
  expect(shown(state)).toBe(after);
}

const enter = noteKeymap.find((binding) => binding.key === "Enter")?.run as unknown as StateCommand;

it("reads notes with the notes' own grammar", () => {
  expect(markdownLanguage.isActiveAt(stateOf("‸a"), 0)).toBe(true);
});

describe("Enter", () => {
  it.each([
    ["- one‸", "- one\n- ‸"],
    ["* one‸", "* one\n* ‸"],
    ["1. one‸\n2. two", "1. one\n2. ‸\n3. two"],
    ["- [x] done‸", "- [x] done\n- [ ] ‸"],
    ["- one\n- ‸", "- one\n‸"],
    ["- one\n  - ‸", "- one\n- ‸"],
    ["> said‸", "> said\n> ‸"],
    ["- [ ] a\n- [ ] ‸", "- [ ] a\n‸"],
  ])("%j", (before, after) => {
    check(enter, before, after);
  });
});

describe("Tab", () => {
  it.each([
    ["- one\n- two‸", "- one\n  - two‸"],
    ["1. one\n2. two‸\n3. three", "1. one\n   1. two‸\n2. three"],
    ["- one‸", "- one‸"],
    ["- a\n- b‸\n  - c\n- d", "- a\n  - b‸\n    - c\n- d"],
    ["- [ ] a\n- [ ] b‸", "- [ ] a\n  - [ ] b‸"],
    ["- a\n- ‸b\n- c‸", "- a\n  - ‸b\n  - c‸"],
  ])("%j", (before, after) => {
    check(indentItems, before, after);
  });
});

describe("Shift+Tab", () => {
  it.each([
    ["- one\n  - two‸", "- one\n- two‸"],
    ["1. one\n   1. two‸\n2. three", "1. one\n2. two‸\n3. three"],
    ["- one‸", "- one‸"],
    ["- a\n    - b‸", "- a\n- b‸"],
    ["- a\n  - b‸\n    - c", "- a\n- b‸\n  - c"],
  ])("%j", (before, after) => {
    check(dedentItems, before, after);
  });
});

describe("emphasis", () => {
  it.each([
    ["**", "a ‸word‸ b", "a **‸word‸** b"],
    ["**", "a **‸word‸** b", "a ‸word‸ b"],
    ["**", "a ‸**word**‸ b", "a ‸word‸ b"],
    ["**", "a wo‸rd b", "a **wo‸rd** b"],
    ["**", "a ‸ b", "a **‸** b"],
    ["**", "a ‸word ‸b", "a **‸word‸** b"],
    ["*", "a **‸word‸** b", "a ***‸word‸*** b"],
    ["*", "a ***‸word‸*** b", "a **‸word‸** b"],
    ["*", "a ‸word‸ b", "a *‸word‸* b"],
  ])("%s %j", (mark, before, after) => {
    check(toggleWrap(mark), before, after);
  });
});

describe("link", () => {
  it.each([
    ["a ‸word‸ b", "a [word](‸) b"],
    ["a ‸ b", "a [‸]() b"],
    ["a ‸https://a.example‸ b", "a [‸](https://a.example) b"],
  ])("%j", (before, after) => {
    check(insertLink, before, after);
  });
});
