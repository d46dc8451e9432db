import { EditorState, type StateCommand } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { cellAt, cellBelow, layOut, stepCell, tableAt, tableCommands } from "./tables";

const TABLE = "| a | b |\n|---|--:|\n| 1 | 22 |\n| 3 | 4 |";

function start(text: string): EditorState {
  const at = text.indexOf("‸");
  return EditorState.create({ doc: text.replace("‸", ""), selection: { anchor: Math.max(0, at) } });
}

/** What stands afterwards, the selection between ‹ and ›. */
function after(command: StateCommand, text: string): string | false {
  let state = start(text);
  if (!command({ state, dispatch: (transaction) => (state = transaction.state) })) return false;
  const { from, to } = state.selection.main;
  const doc = state.doc.toString();
  return `${doc.slice(0, from)}‹${doc.slice(from, to)}›${doc.slice(to)}`;
}

const named = (id: string): StateCommand => tableCommands.find((command) => command.id === id)?.run ?? (() => false);

describe("finding", () => {
  it.each([
    ["text\n\n| a | b |\n|---|---|\n| ‸1 | 2 |\n\nmore", [1, 0]],
    ["| a | ‸b |\n|---|---|", [0, 1]],
    ["| a | b |\n|---|-‸--|\n| 1 | 2 |", [0, 1]],
    ["a | b\n--|--\n1 | 2‸", [1, 1]],
    ["| a |\n|---|\n| x \\| ‸y |", [1, 0]],
    ["just | te‸xt", null],
    ["| a | b |\n‸\n|---|---|", null],
  ])("%j", (text, expected) => {
    const state = start(text);
    const place = cellAt(state, state.selection.main.head);
    expect(place && [place.row, place.column]).toEqual(expected);
  });
});

it("is laid out even, by side, wide characters counted as two", () => {
  const table = tableAt(EditorState.create({ doc: "|a|bb|c|\n|-|:-:|-:|\n|日本|x|1|" }).doc, 1);
  expect(table && layOut(table).text).toBe("| a    | bb  |   c |\n| ---- | :-: | --: |\n| 日本 |  x  |   1 |");
});

it("a wide one is not padded", () => {
  const long = "x".repeat(120);
  const table = tableAt(EditorState.create({ doc: `|a|\n|-|\n|${long}|` }).doc, 1);
  expect(table && layOut(table).text).toBe(`| a |\n| --- |\n| ${long} |`);
});

describe("keys", () => {
  it.each([
    ["next", stepCell(1), "| a‸ | b |\n|---|---|\n| 1 | 2 |", "| a   | ‹b›   |\n| --- | --- |\n| 1   | 2   |"],
    ["next line", stepCell(1), "| a | b‸ |\n|---|---|\n| 1 | 2 |", "| a   | b   |\n| --- | --- |\n| ‹1›   | 2   |"],
    ["past the last", stepCell(1), "| a | b |\n|---|---|\n| 1 | 2‸ |", "| a   | b   |\n| --- | --- |\n| 1   | 2   |\n| ‹›    |     |"],
    ["back", stepCell(-1), "| a | b |\n|---|---|\n| ‸1 | 2 |", "| a   | ‹b›   |\n| --- | --- |\n| 1   | 2   |"],
    ["before the first", stepCell(-1), "| ‸a | b |\n|---|---|", false],
    ["below", cellBelow, "| a | b‸ |\n|---|---|\n| 1 | 2 |", "| a   | b   |\n| --- | --- |\n| 1   | ‹2›   |"],
    ["out of an empty last row", cellBelow, "| a |\n|---|\n| 1 |\n| ‸ |", "| a   |\n| --- |\n| 1   |\n\n‹›"],
    ["outside", stepCell(1), "no table‸", false],
  ] as const)("%s", (_name, command, text, expected) => {
    expect(after(command, text)).toBe(expected);
  });
});

describe("commands", () => {
  it.each([
    ["row-below", "| a   |   b |\n| --- | --: |\n| 1   |  22 |\n|     | ‹›    |\n| 3   |   4 |"],
    ["row-above", "| a   |   b |\n| --- | --: |\n|     | ‹›    |\n| 1   |  22 |\n| 3   |   4 |"],
    ["column-right", "| a   |   b |     |\n| --- | --: | --- |\n| 1   |  22 | ‹›    |\n| 3   |   4 |     |"],
    ["column-left", "| a   |     |   b |\n| --- | --- | --: |\n| 1   | ‹›    |  22 |\n| 3   |     |   4 |"],
    ["row-delete", "| a   |   b |\n| --- | --: |\n| 3   |   ‹4› |"],
    ["column-delete", "| a   |\n| --- |\n| ‹1›   |\n| 3   |"],
    ["row-up", false],
    ["row-down", "| a   |   b |\n| --- | --: |\n| 3   |   4 |\n| 1   |  ‹22› |"],
    ["column-move-left", "|   b | a   |\n| --: | --- |\n|  ‹22› | 1   |\n|   4 | 3   |"],
    ["column-move-right", false],
    ["align-centre", "| a   |  b  |\n| --- | :-: |\n| 1   | ‹22›  |\n| 3   |  4  |"],
  ] as const)("%s", (id, expected) => {
    expect(after(named(id), TABLE.replace("22", "2‸2"))).toBe(expected);
  });
});
