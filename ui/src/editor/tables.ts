// Tables as tables: keys go from cell to cell, rows and columns come, go and move, and what was edited is made even on leaving it.
import { EditorSelection, type EditorState, type Extension, StateField, type StateCommand, type Text, type TransactionSpec } from "@codemirror/state";
import { EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { splitRow, displayWidth } from "./rows";

/** A table wider than this many characters is left as it was written: made even, each row would fill several lines. */
const MAX_WIDTH = 110;
/** Lines; a longer one is data, not writing. */
const MAX_LINES = 1000;

export type Side = "none" | "left" | "centre" | "right";

export interface Table {
  /** The first row is the head; cells without the spaces around them. */
  rows: string[][];
  sides: Side[];
}

export interface FoundTable extends Table {
  from: number;
  to: number;
  /** Number of its first line. */
  first: number;
}

const RULE = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const isRow = (text: string): boolean => text.includes("|") && text.trim() !== "";

function cellsOf(text: string): string[] {
  return splitRow(text).map(({ from, to }) => text.slice(from, to).trim());
}

function sideOf(rule: string): Side {
  const [left, right] = [rule.startsWith(":"), rule.endsWith(":")];
  return left && right ? "centre" : right ? "right" : left ? "left" : "none";
}

/** The table around a line, if it is in one. */
export function tableAt(doc: Text, line: number): FoundTable | null {
  if (!isRow(doc.line(line).text)) return null;
  let first = line;
  while (first > 1 && line - first < MAX_LINES && isRow(doc.line(first - 1).text)) first -= 1;
  // What stands above the head in the same block is text with bars in it.
  while (first < line && !(first < doc.lines && RULE.test(doc.line(first + 1).text))) first += 1;
  if (first >= doc.lines || !RULE.test(doc.line(first + 1).text) || !doc.line(first + 1).text.includes("|")) return null;
  let last = first + 1;
  while (last < doc.lines && last - first < MAX_LINES && isRow(doc.line(last + 1).text)) last += 1;
  const rows = [cellsOf(doc.line(first).text)];
  for (let number = first + 2; number <= last; number++) rows.push(cellsOf(doc.line(number).text));
  const columns = Math.max(...rows.map((row) => row.length));
  for (const row of rows) while (row.length < columns) row.push("");
  const rules = cellsOf(doc.line(first + 1).text);
  const sides = Array.from({ length: columns }, (_, i) => sideOf(rules[i] ?? "-"));
  return { rows, sides, from: doc.line(first).from, to: doc.line(last).to, first };
}

/** Whether it would be made even, rather than left with one space around each cell. */
function widthsOf(table: Table): number[] {
  const widths = table.sides.map((_, column) => Math.max(3, ...table.rows.map((row) => displayWidth(row[column] ?? ""))));
  return widths.reduce((sum, width) => sum + width + 3, 1) > MAX_WIDTH ? widths.map(() => 0) : widths;
}

function padded(text: string, width: number, side: Side): string {
  const missing = Math.max(0, width - displayWidth(text));
  const before = side === "right" ? missing : side === "centre" ? Math.floor(missing / 2) : 0;
  return " ".repeat(before) + text + " ".repeat(missing - before);
}

/** The text of a table, and where in it each cell's words begin. */
export function layOut(table: Table): { text: string; cells: { from: number; to: number }[][] } {
  const widths = widthsOf(table);
  const lines: string[] = [];
  const cells: { from: number; to: number }[][] = [];
  let offset = 0;
  const push = (line: string): void => {
    lines.push(line);
    offset += line.length + 1;
  };
  table.rows.forEach((row, index) => {
    let line = "|";
    cells.push(
      table.sides.map((side, column) => {
        const cell = row[column] ?? "";
        const shown = padded(cell, widths[column] ?? 0, side);
        const from = offset + line.length + 1 + (cell ? shown.indexOf(cell) : 0);
        line += ` ${shown} |`;
        return { from, to: from + cell.length };
      }),
    );
    push(line);
    if (index > 0) return;
    push(
      `|${table.sides
        .map((side, column) => {
          const width = Math.max(3, widths[column] ?? 0);
          const [left, right] = [side === "left" || side === "centre" ? ":" : "-", side === "right" || side === "centre" ? ":" : "-"];
          return ` ${left}${"-".repeat(width - 2)}${right} `;
        })
        .join("|")}|`,
    );
  });
  return { text: lines.join("\n"), cells };
}

interface Place {
  table: FoundTable;
  row: number;
  column: number;
}

/** Which cell a place of the text is in; the rule below the head counts as the head. */
export function cellAt(state: EditorState, pos: number): Place | null {
  const line = state.doc.lineAt(pos);
  const table = tableAt(state.doc, line.number);
  if (!table) return null;
  const row = Math.max(0, line.number - table.first - (line.number > table.first ? 1 : 0));
  const at = pos - line.from;
  const column = splitRow(line.text).findIndex(({ to }) => at <= to);
  return { table, row, column: column < 0 ? Math.max(0, table.sides.length - 1) : column };
}

/** Writes a table over another, with a cell selected. */
function write(state: EditorState, found: FoundTable, table: Table, row: number, column: number, event: string): TransactionSpec {
  const { text, cells } = layOut(table);
  const old = state.sliceDoc(found.from, found.to);
  const cell = cells[Math.min(row, cells.length - 1)]?.[Math.max(0, Math.min(column, table.sides.length - 1))];
  return {
    ...(text === old ? {} : { changes: { from: found.from, to: found.to, insert: text } }),
    ...(cell ? { selection: EditorSelection.range(found.from + cell.from, found.from + cell.to) } : {}),
    scrollIntoView: true,
    userEvent: text === old ? "select.cell" : event,
  };
}

const emptyRow = (table: Table): string[] => table.sides.map(() => "");

/** A command that is about the cell with the cursor; false outside of tables. */
function inTable(make: (state: EditorState, place: Place) => TransactionSpec | null): StateCommand {
  return ({ state, dispatch }) => {
    if (state.readOnly || state.selection.ranges.length > 1) return false;
    const place = cellAt(state, state.selection.main.head);
    const spec = place && make(state, place);
    if (!spec) return false;
    dispatch(state.update(spec));
    return true;
  };
}

/** To the next cell or the one before; after the last one a row is added. */
export function stepCell(by: 1 | -1): StateCommand {
  return inTable((state, { table, row, column }) => {
    const columns = table.sides.length;
    const at = row * columns + column + by;
    if (at < 0) return null;
    const rows = at >= table.rows.length * columns ? [...table.rows, emptyRow(table)] : table.rows;
    return write(state, table, { ...table, rows }, Math.floor(at / columns), at % columns, "input.table");
  });
}

/** To the cell below; below the last row there is a new one, and from an empty last row one leaves the table. */
export const cellBelow: StateCommand = inTable((state, { table, row, column }) => {
  const last = row === table.rows.length - 1;
  if (last && row > 0 && table.rows[row]?.every((cell) => cell === "")) {
    const { text } = layOut({ ...table, rows: table.rows.slice(0, -1) });
    const insert = `${text}\n${table.to === state.doc.length || state.sliceDoc(table.to, table.to + 2) !== "\n\n" ? "\n" : ""}`;
    return { changes: { from: table.from, to: table.to, insert }, selection: { anchor: table.from + insert.length }, scrollIntoView: true, userEvent: "input.table" };
  }
  return write(state, table, last ? { ...table, rows: [...table.rows, emptyRow(table)] } : table, row + 1, column, "input.table");
});

const spliced = <T>(list: readonly T[], at: number, remove: number, ...add: T[]): T[] => [...list.slice(0, at), ...add, ...list.slice(at + remove)];

function exchanged<T>(list: readonly T[], a: number, b: number): T[] {
  return list.map((one, i) => (i === a ? (list[b] ?? one) : i === b ? (list[a] ?? one) : one));
}

export const tableCommands: { id: string; title: string; run: StateCommand }[] = [
  {
    id: "row-above",
    title: "Add a row above",
    // Above the head there is nothing: its row goes below it.
    run: inTable((state, { table, row, column }) => write(state, table, { ...table, rows: spliced(table.rows, Math.max(1, row), 0, emptyRow(table)) }, Math.max(1, row), column, "input.table")),
  },
  { id: "row-below", title: "Add a row below", run: inTable((state, { table, row, column }) => write(state, table, { ...table, rows: spliced(table.rows, row + 1, 0, emptyRow(table)) }, row + 1, column, "input.table")) },
  ...([0, 1] as const).map((after) => ({
    id: after ? "column-right" : "column-left",
    title: after ? "Add a column to the right" : "Add a column to the left",
    run: inTable((state, { table, row, column }) =>
      write(state, table, { rows: table.rows.map((cells) => spliced(cells, column + after, 0, "")), sides: spliced(table.sides, column + after, 0, "none" as Side) }, row, column + after, "input.table"),
    ),
  })),
  {
    id: "row-delete",
    title: "Delete the row",
    run: inTable((state, { table, row, column }) => (row === 0 ? null : write(state, table, { ...table, rows: spliced(table.rows, row, 1) }, Math.min(row, table.rows.length - 2), column, "delete.table"))),
  },
  {
    id: "column-delete",
    title: "Delete the column",
    run: inTable((state, { table, row, column }) =>
      table.sides.length < 2 ? null : write(state, table, { rows: table.rows.map((cells) => spliced(cells, column, 1)), sides: spliced(table.sides, column, 1) }, row, Math.min(column, table.sides.length - 2), "delete.table"),
    ),
  },
  ...([-1, 1] as const).map((by) => ({
    id: by < 0 ? "row-up" : "row-down",
    title: by < 0 ? "Move the row up" : "Move the row down",
    run: inTable((state, { table, row, column }) => (row === 0 || row + by < 1 || row + by >= table.rows.length ? null : write(state, table, { ...table, rows: exchanged(table.rows, row, row + by) }, row + by, column, "move.table"))),
  })),
  ...([-1, 1] as const).map((by) => ({
    id: by < 0 ? "column-move-left" : "column-move-right",
    title: by < 0 ? "Move the column left" : "Move the column right",
    run: inTable((state, { table, row, column }) =>
      column + by < 0 || column + by >= table.sides.length
        ? null
        : write(state, table, { rows: table.rows.map((cells) => exchanged(cells, column, column + by)), sides: exchanged(table.sides, column, column + by) }, row, column + by, "move.table"),
    ),
  })),
  ...(["left", "centre", "right"] as const).map((side) => ({
    id: `align-${side}`,
    title: side === "centre" ? "Centre the column" : `Align the column ${side}`,
    run: inTable((state, { table, row, column }) => write(state, table, { ...table, sides: spliced(table.sides, column, 1, side) }, row, column, "input.table")),
  })),
];

/** Somewhere in the table that was typed in and not made even yet; null: there is none. */
const edited = StateField.define<number | null>({
  create: () => null,
  update(value, transaction) {
    if (!transaction.docChanged) return value;
    if (transaction.isUserEvent("input.table") || transaction.isUserEvent("delete.table") || transaction.isUserEvent("move.table")) return null;
    if (transaction.isUserEvent("undo") || transaction.isUserEvent("redo")) return null;
    if ((transaction.isUserEvent("input") || transaction.isUserEvent("delete")) && cellAt(transaction.state, transaction.newSelection.main.head)) return transaction.newSelection.main.head;
    return value === null ? null : transaction.changes.mapPos(value);
  },
});

/** Makes the table even that was typed in, once the cursor or the focus has left it. */
const evening = ViewPlugin.fromClass(
  class {
    private waiting = false;
    constructor(private readonly view: EditorView) {}

    update(update: ViewUpdate): void {
      if (this.waiting || update.state.field(edited) === null || !(update.selectionSet || update.focusChanged)) return;
      this.waiting = true;
      // An update may not make the next one.
      queueMicrotask(() => {
        this.waiting = false;
        this.even();
      });
    }

    private even(): void {
      const { state } = this.view;
      const at = state.field(edited, false) ?? null;
      if (at === null || state.readOnly || this.view.composing) return;
      const table = tableAt(state.doc, state.doc.lineAt(Math.min(at, state.doc.length)).number);
      if (!table) return;
      const { head } = state.selection.main;
      if (this.view.hasFocus && head >= table.from && head <= table.to) return;
      const { text } = layOut(table);
      if (widthsOf(table)[0] === 0 || text === state.sliceDoc(table.from, table.to)) return;
      this.view.dispatch({ changes: { from: table.from, to: table.to, insert: text }, userEvent: "input.table" });
    }
  },
);

export function tableEditing(): Extension {
  return [edited, evening];
}

/** The text of a new table, and where in it the first head begins. */
export const newTable: { text: string; from: number; to: number } = (() => {
  const { text, cells } = layOut({ rows: [["Column", "Column"], ["", ""]], sides: ["none", "none"] });
  return { text, from: cells[0]?.[0]?.from ?? 0, to: cells[0]?.[0]?.to ?? 0 };
})();
