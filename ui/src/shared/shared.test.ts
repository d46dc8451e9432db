import { describe, expect, test } from "vitest";
import { formatBytes, formatDate, formatDuration, formatMs, fileName, plural } from "./format";
import { Keymap, type Command } from "./keymap.svelte";
import { comboOf, normalise, showCombo } from "./keys";
import { splitMarks } from "./marks";
import { Paged, PAGE } from "./paged.svelte";
import { RowLayout, scrollToShow } from "./virtual";

describe("keys", () => {
  test.each([
    [{ key: "f", code: "KeyF", ctrlKey: true, shiftKey: true }, "Mod+Shift+F"],
    [{ key: "!", code: "Digit1", ctrlKey: true, shiftKey: true }, "Mod+Shift+1"],
    [{ key: "Tab", code: "Tab", ctrlKey: true }, "Mod+Tab"],
    [{ key: " ", code: "Space", ctrlKey: true, altKey: true }, "Mod+Alt+Space"],
    [{ key: "F6", code: "F6" }, "F6"],
    [{ key: ",", code: "Comma", ctrlKey: true }, "Mod+,"],
    [{ key: "Control", code: "ControlLeft", ctrlKey: true }, null],
  ])("%j", (init, combo) => expect(comboOf(new KeyboardEvent("keydown", init))).toBe(combo));

  test.each([
    ["shift+mod+f", "Mod+Shift+F"],
    ["Ctrl+Tab", "Mod+Tab"],
    ["F1", "F1"],
  ])("%s is the same as %s", (a, b) => expect(normalise(a)).toBe(b));

  test("are shown as they are on the keyboard", () => expect(showCombo("Mod+Shift+F")).toBe("Ctrl+Shift+F"));
});

describe("keymap", () => {
  const command = (id: string, keys: string[]): Command => ({ id, title: id, group: "App", keys, run: () => undefined });

  test("finds, rebinds, tells of a conflict, and goes back", () => {
    const keymap = new Keymap();
    keymap.commands = [command("one", ["Mod+N"]), command("two", ["Mod+T", "Mod+Shift+F"])];
    expect(keymap.match("Mod+Shift+F")?.id).toBe("two");
    expect(keymap.conflict("one", "Mod+T")?.id).toBe("two");
    keymap.rebind("two", "Mod+Y");
    expect(keymap.match("Mod+T")).toBeUndefined();
    expect(keymap.match("Mod+Y")?.id).toBe("two");
    expect(keymap.conflict("one", "Mod+T")).toBeUndefined();
    keymap.restore("two");
    expect(keymap.match("Mod+T")?.id).toBe("two");
  });
});

test.each([
  ["nothing marked", [], ["nothing marked"]],
  ["abc", [[0, 1]], ["*a", "bc"]],
  ["abc", [[1, 3]], ["a", "*bc"]],
  ["abc", [[1, 9]], ["abc"]],
  ["abcd", [[2, 3], [0, 1]], ["ab", "*c", "d"]],
  ["abcd", [[0, 2], [1, 3]], ["*ab", "cd"]],
] as [string, [number, number][], string[]][])("marks in %j at %j", (text, marks, parts) =>
  expect(splitMarks(text, marks).map((p) => (p.marked ? "*" : "") + p.text)).toEqual(parts),
);

describe("the window on a long list", () => {
  test.each([
    [0, 600, 20, 1000, { first: 0, end: 36 }],
    [400, 600, 20, 1000, { first: 14, end: 56 }],
    [0, 600, 20, 3, { first: 0, end: 3 }],
    [9000, 600, 20, 3, { first: 3, end: 3 }],
    [0, 0, 20, 0, { first: 0, end: 0 }],
  ])("scrolled to %i, %i high, rows of %i, %i of them", (top, view, row, count, shown) => expect(new RowLayout(row, count).window(top, view)).toEqual(shown));

  test("some rows are higher", () => {
    const layout = new RowLayout(20, 100, [
      { index: 7, height: 40 },
      { index: 2, height: 30 },
      { index: 400, height: 1000 },
    ]);
    expect(layout.height).toBe(2070);
    expect([0, 2, 3, 8, 100].map((i) => layout.topOf(i))).toEqual([0, 40, 90, 230, 2070]);
    expect([1, 2, 7].map((i) => layout.heightOf(i))).toEqual([20, 50, 60]);
    for (let index = 0; index < 100; index++) {
      const top = layout.topOf(index);
      expect([layout.rowAt(top), layout.rowAt(top + layout.heightOf(index) - 1)]).toEqual([index, index]);
    }
    expect(layout.window(60, 100, 0)).toEqual({ first: 2, end: 7 });
  });

  test.each([
    [3, 0, 100, 0],
    [9, 0, 100, 100],
    [1, 100, 100, 20],
  ])("row %i from %i in %i", (row, top, view, next) => expect(scrollToShow(row * 20, 20, top, view)).toBe(next));
});

describe("a paged list", () => {
  test("drops answers to older questions, and keeps rows in place while they are fetched again", async () => {
    const waiting: ((total: number) => void)[] = [];
    const paged = new Paged<number>((offset, limit) => new Promise((resolve) => waiting.push((total) => resolve({ total, rows: Array.from({ length: Math.min(limit, total - offset) }, (_, i) => offset + i) }))));
    const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
    paged.ensure(0, 10);
    paged.ensure(0, 20);
    expect(waiting).toHaveLength(1);
    waiting[0]?.(250);
    await settle();
    paged.ensure(PAGE * 2, PAGE * 2 + 10);
    waiting[1]?.(250);
    await settle();
    expect([paged.total, paged.at(0), paged.at(PAGE * 2 + 5), paged.at(PAGE)]).toEqual([250, 0, 205, undefined]);
    paged.reload();
    paged.reload();
    expect(paged.at(PAGE * 2 + 5)).toBe(205);
    waiting[2]?.(1);
    await settle();
    expect(paged.total).toBe(250);
    waiting[3]?.(220);
    await settle();
    expect(paged.total).toBe(220);
  });

  test("says why it failed", async () => {
    const paged = new Paged<number>(() => Promise.reject({ code: "internal", message: "no disk" }));
    paged.ensure(0, 1);
    await new Promise((resolve) => setTimeout(resolve));
    expect([paged.state, paged.error]).toEqual(["failed", "no disk"]);
  });
});

describe("words", () => {
  const now = new Date(2026, 10, 22, 14, 0).getTime();
  test.each([
    [new Date(2026, 10, 22, 9, 5), "09:05"],
    [new Date(2026, 10, 21, 23, 59), "Yesterday"],
    [new Date(2026, 10, 18, 8, 0), "Wed"],
    [new Date(2026, 2, 12), "12 Mar"],
    [new Date(2024, 2, 12), "12 Mar 2024"],
  ])("%s", (date, text) => expect(formatDate(date.getTime(), now)).toBe(text));

  test("counts and durations", () => {
    expect([plural(1, "note"), plural(1204, "note"), formatDuration(0.2), formatDuration(200), formatDuration(7800)]).toEqual(["1 note", "1,204 notes", "1 s", "3 min", "2 h 10 min"]);
    expect([0.42, 12.4, 1300].map(formatMs)).toEqual(["0.4 ms", "12 ms", "1.3 s"]);
    expect([812, 999, 1000, 4096, 999_600, 412_876_800].map(formatBytes)).toEqual(["812 B", "999 B", "1.0 kB", "4.1 kB", "1.0 MB", "413 MB"]);
    expect([fileName("/a/b.md"), fileName("C:\\x\\y.pdf"), fileName("/a/b/")]).toEqual(["b.md", "y.pdf", "b"]);
  });
});
