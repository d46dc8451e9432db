import { describe, expect, test } from "vitest";
import { readSession, freshSession } from "./session";
import { Tabs, type TabContent } from "./tabs.svelte";

const search = (text: string): TabContent => ({ kind: "search", text, mode: "both" });
const labels = (tabs: Tabs): string[] => tabs.all.map((t) => t.label);

function opened(...texts: string[]): Tabs {
  const tabs = new Tabs();
  for (const text of texts) tabs.add(search(text));
  return tabs;
}

describe("tabs", () => {
  test("open beside the one in front", () => {
    const tabs = opened("a", "b");
    tabs.activateIndex(0);
    tabs.add(search("c"));
    expect(labels(tabs)).toEqual(["a", "c", "b"]);
    expect(tabs.active?.label).toBe("c");
  });

  test("closing goes back to where one was", () => {
    const tabs = opened("a", "b", "c");
    tabs.activateIndex(0);
    tabs.activateIndex(2);
    tabs.close(tabs.activeId ?? "");
    expect(tabs.active?.label).toBe("a");
  });

  test("closing and reopening keeps place and state; empty searches are not kept", () => {
    const tabs = opened("a", "b", "c");
    const b = tabs.all[1];
    if (b) {
      b.selected = 7;
      b.scroll = 120.4;
      tabs.close(b.id);
    }
    tabs.add(search(""));
    tabs.close(tabs.activeId ?? "");
    const back = tabs.reopen();
    expect(labels(tabs)).toEqual(["a", "b", "c"]);
    expect(back?.selected).toBe(7);
    expect(back?.scroll).toBe(120);
    expect(tabs.reopen()).toBeNull();
  });

  test("a note opens once, and a passing tab is reused until it is kept", () => {
    const tabs = opened("a");
    tabs.openNote(1, "", false);
    tabs.openNote(2, "", false);
    expect(tabs.all).toHaveLength(2);
    tabs.openNote(3, "", true);
    tabs.openNote(2, "x", false);
    expect(tabs.all).toHaveLength(3);
    expect(tabs.active?.content).toEqual({ kind: "note", noteId: 2, query: "x" });
    tabs.keep(tabs.activeId ?? "");
    tabs.openNote(4, "", false);
    expect(tabs.all).toHaveLength(4);
  });

  test("pinned tabs stay together at the start", () => {
    const tabs = opened("a", "b", "c");
    tabs.setPinned(tabs.all[2]?.id ?? "", true);
    expect(labels(tabs)).toEqual(["c", "a", "b"]);
    tabs.moveBy(tabs.all[0]?.id ?? "", 1);
    tabs.moveBy(tabs.all[1]?.id ?? "", -1);
    expect(labels(tabs)).toEqual(["c", "a", "b"]);
    tabs.closeOthers(tabs.all[1]?.id ?? "");
    expect(labels(tabs)).toEqual(["c", "a"]);
  });

  test("settings, tasks and imports exist once", () => {
    const tabs = opened("a");
    tabs.show({ kind: "settings" });
    tabs.activateIndex(0);
    tabs.show({ kind: "settings" });
    tabs.show({ kind: "imports", importId: null });
    tabs.show({ kind: "imports", importId: 4 });
    expect(tabs.all).toHaveLength(3);
    expect(tabs.active?.content).toEqual({ kind: "imports", importId: 4 });
  });

  test("only what has been in front is built", () => {
    const tabs = new Tabs();
    const saved = opened("a", "b", "c").save();
    tabs.restore(saved.tabs, 1, -1);
    expect(tabs.all.map((t) => t.mounted)).toEqual([false, true, false]);
  });
});

describe("a split", () => {
  const sides = (tabs: Tabs): string => [tabs.sides.left, tabs.sides.right].map((side) => side.map((t) => (tabs.isFront(t) ? `[${t.label}]` : t.label)).join(" ")).join(" | ");
  const idOf = (tabs: Tabs, label: string): string => tabs.all.find((t) => t.label === label)?.id ?? "";

  test("takes the tab in front to the right, and back when it ends", () => {
    const tabs = opened("a", "b", "c");
    tabs.activateIndex(1);
    tabs.toggleSplit();
    expect(sides(tabs)).toBe("a [c] | [b]");
    expect(tabs.active?.label).toBe("b");
    tabs.toggleSplit();
    expect(sides(tabs)).toBe("a c [b] | ");
    expect(tabs.split).toBe(false);
  });

  test("a tab that is alone gets an empty search beside it", () => {
    const tabs = opened("a");
    tabs.toggleSplit();
    expect(sides(tabs)).toBe("[a] | [Search]");
  });

  test("tabs open, cycle and close on the side that has the focus", () => {
    const tabs = opened("a", "b", "c");
    tabs.toggleSplit();
    tabs.add(search("d"));
    tabs.activateIndex(0);
    expect(tabs.active?.label).toBe("c");
    tabs.cycle(-1);
    expect(sides(tabs)).toBe("a [b] | c [d]");
    tabs.focusSide("left");
    tabs.cycle(1);
    expect(sides(tabs)).toBe("[a] b | c [d]");
    tabs.closeOthers(idOf(tabs, "a"));
    expect(sides(tabs)).toBe("[a] | c [d]");
  });

  test("a note opened in passing takes the place of one on its own side", () => {
    const tabs = opened("a", "b");
    tabs.openNote(1, "", false);
    tabs.toggleSplit();
    tabs.focusSide("left");
    tabs.openNote(2, "", false);
    expect(tabs.sides.right.map((t) => t.content)).toEqual([{ kind: "note", noteId: 1, query: "" }]);
    tabs.openNote(3, "", false);
    expect(tabs.all).toHaveLength(4);
    tabs.openNote(1, "", false);
    expect(tabs.side).toBe("right");
  });

  test("ends with the last tab of either side", () => {
    for (const last of ["left", "right"] as const) {
      const tabs = opened("a", "b");
      tabs.toggleSplit();
      tabs.close(tabs.fronts[last] ?? "");
      expect(sides(tabs)).toBe(last === "left" ? "[b] | " : "[a] | ");
      expect(tabs.active?.side).toBe("left");
      expect(tabs.active?.mounted).toBe(true);
    }
  });

  test("a tab moves to a place on the other side, within its group", () => {
    const tabs = opened("a", "b", "c", "d");
    tabs.toggleSplit();
    tabs.move(idOf(tabs, "b"), 0, "right");
    expect(sides(tabs)).toBe("a [c] | [b] d");
    tabs.setPinned(idOf(tabs, "d"), true);
    tabs.move(idOf(tabs, "a"), 0, "right");
    expect(sides(tabs)).toBe("[c] | d [a] b");
    tabs.moveAcross(idOf(tabs, "a"));
    expect(sides(tabs)).toBe("c [a] | d [b]");
    tabs.moveBy(idOf(tabs, "c"), 1);
    expect(sides(tabs)).toBe("[a] c | d [b]");
  });

  test("a closed tab comes back on its side", () => {
    const tabs = opened("a", "b", "c", "d");
    tabs.toggleSplit();
    tabs.moveAcross(idOf(tabs, "b"));
    tabs.close(idOf(tabs, "d"));
    tabs.focusSide("left");
    tabs.reopen();
    expect(sides(tabs)).toBe("a [c] | [d] b");
    tabs.close(idOf(tabs, "d"));
    tabs.close(idOf(tabs, "b"));
    tabs.reopen();
    expect(sides(tabs)).toBe("[b] a c | ");
  });

  test("is restored exactly, and never as a right side alone", () => {
    const tabs = opened("a", "b", "c");
    tabs.toggleSplit();
    tabs.add(search("d"));
    tabs.focusSide("left");
    const session = readSession(JSON.stringify({ ...freshSession, ...tabs.save(), splitShare: 0.3 }));
    const again = new Tabs();
    again.restore(session.tabs, session.active, session.beside);
    expect(sides(again)).toBe("a [b] | c [d]");
    expect(again.active?.label).toBe("b");
    expect(again.all.map((t) => t.mounted)).toEqual([false, true, false, true]);
    expect(session.splitShare).toBe(0.3);
    again.restore(session.tabs.slice(2), 0, -1);
    expect(sides(again)).toBe("[c] d | ");
  });

  test("an older session has none", () => {
    const session = readSession('{"tabs":[{"content":{"kind":"tasks"}},{"content":{"kind":"settings"}}],"active":1}');
    const tabs = new Tabs();
    tabs.restore(session.tabs, session.active, session.beside);
    expect(sides(tabs)).toBe("Tasks [Settings] | ");
  });
});

describe("session", () => {
  test("survives a round trip", () => {
    const tabs = opened("a");
    tabs.openNote(3, "words", true);
    tabs.show({ kind: "diagnostics" });
    const json = JSON.stringify({ ...freshSession, ...tabs.save() });
    const session = readSession(json);
    expect(session.tabs.map((t) => t.content)).toEqual([search("a"), { kind: "note", noteId: 3, query: "" }, { kind: "diagnostics" }]);
    expect(session.active).toBe(2);
  });

  test("what was opened in passing is so again", () => {
    const tabs = opened("a");
    tabs.openNote(3, "", false);
    const session = readSession(JSON.stringify({ ...freshSession, ...tabs.save() }));
    const again = new Tabs();
    again.restore(session.tabs, session.active, session.beside);
    again.openNote(4, "", false);
    expect(again.all.map((t) => [t.label, t.passing])).toEqual([
      ["a", false],
      ["Untitled", true],
    ]);
  });

  for (const json of ["", "{", "[]", "null", "7", '{"tabs":7}', '{"tabs":[null,{"content":{"kind":"note"}},{"content":{"kind":"?"}}],"keys":[1],"expanded":3}']) {
    test(`${json || "nothing"} is a fresh start`, () => {
      const session = readSession(json);
      expect(session.tabs).toEqual([]);
      expect(session.keys).toEqual({});
      expect(session.sidebarWidth).toBe(freshSession.sidebarWidth);
    });
  }
});
