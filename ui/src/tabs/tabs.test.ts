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
    tabs.restore(saved.tabs, 1);
    expect(tabs.all.map((t) => t.mounted)).toEqual([false, true, false]);
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

  for (const json of ["", "{", "[]", "null", "7", '{"tabs":7}', '{"tabs":[null,{"content":{"kind":"note"}},{"content":{"kind":"?"}}],"keys":[1],"expanded":3}']) {
    test(`${json || "nothing"} is a fresh start`, () => {
      const session = readSession(json);
      expect(session.tabs).toEqual([]);
      expect(session.keys).toEqual({});
      expect(session.sidebarWidth).toBe(freshSession.sidebarWidth);
    });
  }
});
