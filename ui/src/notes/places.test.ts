import { history, historyField, undo } from "@codemirror/commands";
import { EditorState } from "@codemirror/state";
import { beforeEach, expect, it } from "vitest";
import { bounded, fingerprint, NotePlaces, type NotePlace } from "./places";

const place: NotePlace = { anchor: 1, head: 2, text: "x", history: { done: [], undone: [] }, top: { offset: 5, below: -3 }, reading: true };
let said: string[];
let places: NotePlaces;

beforeEach(() => {
  localStorage.clear();
  said = [];
  places = new NotePlaces(localStorage, (message) => said.push(message));
});

it("what is kept is found again", () => {
  places.keep(7, place);
  expect(places.find(7)).toEqual(place);
  expect(places.find(8)).toBeNull();
});

it("forgets the notes that were not looked at for longest", () => {
  for (let id = 1; id <= 61; id++) places.keep(id, place);
  expect(places.find(1)).toBeNull();
  expect(places.find(2)).not.toBeNull();
  expect(localStorage.length).toBe(61);
});

it.each(["{broken", "[]", '{"anchor":"1"}'])("%s is no place", (json) => {
  localStorage.setItem("note-place-7", json);
  expect(places.find(7)).toBeNull();
});

it("a full store is reported, not thrown", () => {
  const full = { ...localStorage, getItem: () => null, removeItem: () => undefined, setItem: () => { throw new Error("full"); } } as unknown as Storage;
  new NotePlaces(full, (message) => said.push(message)).keep(1, place);
  expect(said).toEqual(["the place in note 1 could not be kept: full"]);
});

it("the newest changes of an editor's history can be undone, however little room there is", () => {
  const config = { extensions: [history({ newGroupDelay: 0 })] };
  let state = EditorState.create({ doc: "", ...config });
  for (let i = 0; i < 50; i++) state = state.update({ changes: { from: state.doc.length, insert: `line ${String(i)}\n` }, userEvent: `input.x${String(i)}` }).state;
  const json = state.toJSON({ history: historyField }) as { history: NotePlace["history"] };
  const kept = bounded(json.history, 600);
  expect(kept.done.length).toBeLessThan(json.history.done.length);
  expect(kept.done.length).toBeGreaterThan(2);
  let back = EditorState.fromJSON({ doc: state.doc.toString(), selection: { main: 0, ranges: [{ anchor: 0, head: 0 }] }, history: kept }, config, { history: historyField });
  undo({ state: back, dispatch: (transaction) => (back = transaction.state) });
  expect(back.doc.toString().endsWith("line 48\n")).toBe(true);
});

it("texts have fingerprints of their own", () => {
  expect(fingerprint("abc")).toBe(fingerprint("abc"));
  expect(new Set(["", "a", "b", "ab", "ba", "aa"].map(fingerprint)).size).toBe(6);
});
