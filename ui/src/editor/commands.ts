// The editor's own commands: emphasis, links, list indents, tasks.
import { indentLess, indentMore, insertTab } from "@codemirror/commands";
import { deleteMarkupBackward, insertNewlineContinueMarkupCommand } from "@codemirror/lang-markdown";
import { forceParsing } from "@codemirror/language";
import { ChangeSet, type ChangeSpec, EditorSelection, type EditorState, type StateCommand, type Text } from "@codemirror/state";
import type { EditorView, KeyBinding } from "@codemirror/view";
import { cellBelow, stepCell } from "./tables";
import { toggleMarkerAt } from "./widgets";

const LIST_LINE = /^(\s*)([-*+]|\d+[.)])(\s+)/;

/** Puts `mark` around each selection, or takes it away where it already is; with no selection, around the word. */
export function toggleWrap(mark: string): StateCommand {
  return ({ state, dispatch }) => {
    if (state.readOnly) return false;
    const size = mark.length;
    const changes = state.changeByRange((range) => {
      const target = range.empty ? (state.wordAt(range.head) ?? range) : range;
      let { from, to } = target;
      // Spaces at the edge would break the emphasis.
      while (from < to && /\s/.test(state.sliceDoc(from, from + 1))) from += 1;
      while (to > from && /\s/.test(state.sliceDoc(to - 1, to))) to -= 1;
      const outside = state.sliceDoc(from - size, from) === mark && state.sliceDoc(to, to + size) === mark;
      const longer = state.sliceDoc(from - size - 1, from - size) === mark[0] && size === 1;
      if (outside && (!longer || state.sliceDoc(from - 3, from) === mark.repeat(3))) {
        return {
          changes: [
            { from: from - size, to: from },
            { from: to, to: to + size },
          ],
          range: EditorSelection.range(range.anchor - size, range.head - size),
        };
      }
      const text = state.sliceDoc(from, to);
      if (text.length > 2 * size && text.startsWith(mark) && text.endsWith(mark) && !(size === 1 && text.startsWith(mark.repeat(2)))) {
        return {
          changes: [
            { from, to: from + size },
            { from: to - size, to },
          ],
          range: EditorSelection.range(from, to - 2 * size),
        };
      }
      return {
        changes: [
          { from, insert: mark },
          { from: to, insert: mark },
        ],
        range: range.empty
          ? EditorSelection.cursor(range.head + size)
          : EditorSelection.range(from + size, to + size),
      };
    });
    dispatch(state.update(changes, { userEvent: "input.format", scrollIntoView: true }));
    return true;
  };
}

/** `[selection](‸)`; a selected address becomes `[‸](address)`. */
export const insertLink: StateCommand = ({ state, dispatch }) => {
  if (state.readOnly) return false;
  const changes = state.changeByRange((range) => {
    const text = state.sliceDoc(range.from, range.to);
    const address = /^(?:https?:\/\/|mailto:)\S+$/.test(text);
    const insert = address ? `[](${text})` : `[${text}]()`;
    return {
      changes: { from: range.from, to: range.to, insert },
      range: EditorSelection.cursor(address || !text ? range.from + 1 : range.from + insert.length - 1),
    };
  });
  dispatch(state.update(changes, { userEvent: "input.format", scrollIntoView: true }));
  return true;
};

/** Their numbers. */
export function selectedLines(state: EditorState): number[] {
  const numbers = new Set<number>();
  for (const range of state.selection.ranges) {
    const last = state.doc.lineAt(range.to).number;
    for (let number = state.doc.lineAt(range.from).number; number <= last; number++) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** How far right a line must stand to be a child of the nearest list item above it with the same indent. */
function childIndent(doc: Text, number: number): string | null {
  const own = LIST_LINE.exec(doc.line(number).text);
  if (!own) return null;
  const indent = own[1]?.length ?? 0;
  for (let above = number - 1; above > 0; above--) {
    const text = doc.line(above).text;
    const item = LIST_LINE.exec(text);
    if (item) {
      const at = item[1]?.length ?? 0;
      if (at > indent) continue;
      if (at < indent) return null;
      return " ".repeat(at + (item[2]?.length ?? 1) + 1);
    }
    if (text.trim() && /^\S/.test(text)) return null;
  }
  return null;
}

/** The number of the last line that belongs to the list item at `number`. */
function itemEnd(doc: Text, number: number): number {
  const indent = /^\s*/.exec(doc.line(number).text)?.[0].length ?? 0;
  let last = number;
  for (let below = number + 1; below <= doc.lines; below++) {
    const text = doc.line(below).text;
    if (!text.trim()) break;
    if ((/^\s*/.exec(text)?.[0].length ?? 0) <= indent) break;
    last = below;
  }
  return last;
}

/** Moves the list items of the selection one level in or out, with everything below them. */
function moveItems(direction: 1 | -1): StateCommand {
  return ({ state, dispatch }) => {
    if (state.readOnly) return false;
    const numbers = selectedLines(state);
    const first = numbers[0];
    if (first === undefined || !LIST_LINE.test(state.doc.line(first).text)) return false;
    const from = state.doc.line(first);
    const indent = /^\s*/.exec(from.text)?.[0].length ?? 0;
    let delta: number;
    if (direction > 0) {
      const child = childIndent(state.doc, first);
      if (child === null) return true;
      delta = child.length - indent;
    } else {
      if (indent === 0) return true;
      let parent = 0;
      for (let above = first - 1; above > 0; above--) {
        const item = LIST_LINE.exec(state.doc.line(above).text);
        const at = item?.[1]?.length ?? 0;
        if (item && at < indent) {
          parent = at;
          break;
        }
      }
      delta = parent - indent;
    }
    const last = Math.max(numbers[numbers.length - 1] ?? first, itemEnd(state.doc, numbers[numbers.length - 1] ?? first));
    const changes: ChangeSpec[] = [];
    for (let number = first; number <= last; number++) {
      const at = state.doc.line(number);
      if (!at.text.trim()) continue;
      if (delta > 0) changes.push({ from: at.from, insert: " ".repeat(delta) });
      else {
        const has = /^[ \t]*/.exec(at.text)?.[0].length ?? 0;
        changes.push({ from: at.from, to: at.from + Math.min(has, -delta) });
      }
    }
    const moved = ChangeSet.of(changes, state.doc.length);
    const renumbered = renumber(moved.apply(state.doc), first);
    dispatch(
      state.update({
        changes: moved.compose(ChangeSet.of(renumbered, moved.newLength)),
        userEvent: direction > 0 ? "input.indent" : "delete.dedent",
        scrollIntoView: true,
      }),
    );
    return true;
  };
}

/** Counts the numbered items around line `near` again, per level. */
export function renumber(doc: Text, near: number): ChangeSpec[] {
  let start = near;
  while (start > 1 && (LIST_LINE.test(doc.line(start - 1).text) || /^\s+\S/.test(doc.line(start - 1).text))) start -= 1;
  const counters: { indent: number; next: number }[] = [];
  const changes: ChangeSpec[] = [];
  for (let number = start; number <= doc.lines; number++) {
    const at = doc.line(number);
    const item = LIST_LINE.exec(at.text);
    if (!item) {
      if (/^\s+\S/.test(at.text)) continue;
      break;
    }
    const indent = item[1]?.length ?? 0;
    while (counters.length > 0 && (counters[counters.length - 1]?.indent ?? 0) > indent) counters.pop();
    const top = counters[counters.length - 1];
    const digits = /^\d+/.exec(item[2] ?? "")?.[0];
    if (digits === undefined) {
      if (top?.indent === indent) counters.pop();
      continue;
    }
    if (top?.indent === indent) {
      const wanted = String(top.next++);
      if (digits !== wanted) changes.push({ from: at.from + indent, to: at.from + indent + digits.length, insert: wanted });
    } else {
      // A list may begin with any number at the top; a level that was just made begins with 1.
      const begin = indent === 0 ? Number(digits) : 1;
      if (String(begin) !== digits) changes.push({ from: at.from + indent, to: at.from + indent + digits.length, insert: String(begin) });
      counters.push({ indent, next: begin + 1 });
    }
  }
  return changes;
}

export const indentItems = moveItems(1);
export const dedentItems = moveItems(-1);

const tab: StateCommand = (target) => {
  if (stepCell(1)(target)) return true;
  if (indentItems(target)) return true;
  return target.state.selection.ranges.some((range) => !range.empty) ? indentMore(target) : insertTab(target);
};

const shiftTab: StateCommand = (target) => stepCell(-1)(target) || dedentItems(target) || indentLess(target);

/** Ticks the task of the cursor's line; a line that is no task becomes one. */
export function toggleTask(view: EditorView): boolean {
  const { state } = view;
  if (state.readOnly) return false;
  const head = state.selection.main.head;
  if (toggleMarkerAt(view, head)) return true;
  const at = state.doc.lineAt(head);
  const item = LIST_LINE.exec(at.text);
  const from = at.from + (item ? item[0].length : (/^\s*/.exec(at.text)?.[0].length ?? 0));
  view.dispatch({ changes: { from, insert: item ? "[ ] " : "- [ ] " }, userEvent: "input.toggle" });
  return true;
}

const continueMarkup = insertNewlineContinueMarkupCommand({ nonTightLists: false });
/** The parser may lag behind quick typing on a busy machine; an item is only continued where it is parsed as one. */
const PARSE_MS = 50;

function newlineInMarkup(view: EditorView): boolean {
  if (cellBelow(view)) return true;
  forceParsing(view, view.state.selection.main.head, PARSE_MS);
  return continueMarkup(view);
}

/** Keys that mean what they mean on any keyboard; the others are the app's (run.ts). */
export const noteKeymap: readonly KeyBinding[] = [
  { key: "Enter", run: newlineInMarkup },
  { key: "Backspace", run: deleteMarkupBackward },
  { key: "Tab", run: tab, shift: shiftTab },
];
