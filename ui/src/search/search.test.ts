import { beforeEach, describe, expect, test, vi } from "vitest";
import { api, type Hit, type Hits, type SearchRequest } from "../api";
import { Search, withoutRange } from "./search.svelte";

const hit = (note: number): Hit => ({
  note,
  title: `Note ${note}`,
  title_marks: [],
  notebook: "",
  all_tags: [],
  kind: "note",
  updated: 0,
  score: 1,
  why: "words",
  explanation: "",
  heading_path: "",
  snippet: { text: "", marks: [] },
  passage: null,
});

interface Question {
  request: SearchRequest;
  answer: (notes: number[], total?: number) => Promise<void>;
  fail: (message: string) => Promise<void>;
}

/** Answers that the test gives when it chooses: the order in which they arrive is the point. */
let asked: Question[] = [];
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  asked = [];
  vi.spyOn(api, "search").mockImplementation(
    (request) =>
      new Promise<Hits>((resolve, reject) => {
        asked.push({
          request,
          answer: async (notes, total = notes.length) => {
            const { tab, generation } = request;
            resolve({ tab, generation, hits: notes.map(hit), total, total_is_exact: true, chips: [], terms: [], degraded: null, took_ms: 1, suggestion: null });
            await settle();
          },
          fail: async (message) => {
            reject({ code: "internal", message });
            await settle();
          },
        });
      }),
  );
});

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe("a search", () => {
  test("shows only the answer to the latest question", async () => {
    const search = new Search("t", "", "both", null);
    void search.type("a");
    void search.type("ab");
    await asked[1]?.answer([2]);
    await asked[0]?.answer([1, 1, 1]);
    expect(search.total).toBe(1);
    expect(search.selected).toBe(2);
    expect(search.answered).toBe("ab");
  });

  test("marks what is typed as being typed, and a saved search as whole", () => {
    const search = new Search("t", "", "both", null);
    void search.type("a");
    void search.set("whole");
    expect(asked.map((q) => q.request.typing)).toEqual([true, false]);
  });

  test("a refresh keeps the selection on its note", async () => {
    const search = new Search("t", "", "both", null);
    void search.type("a");
    await asked[0]?.answer([1, 2, 3]);
    search.select(1);
    void search.refresh();
    await asked[1]?.answer([9, 1, 2, 3]);
    expect(search.selected).toBe(2);
    expect(search.selectedIndex).toBe(2);
  });

  test("a refresh in which the selected note is gone selects what stands in its place", async () => {
    const search = new Search("t", "", "both", null);
    void search.type("a");
    await asked[0]?.answer([1, 2, 3]);
    search.select(1);
    void search.refresh();
    await asked[1]?.answer([1, 3]);
    expect(search.selected).toBe(3);
  });

  test("a restored tab keeps its selection", async () => {
    const search = new Search("t", "tax", "words", 3);
    void search.resume();
    await asked[0]?.answer([1, 2, 3]);
    expect(search.selected).toBe(3);
  });

  test("loads the pages that come into view, once", async () => {
    const search = new Search("t", "", "both", null);
    void search.type("a");
    await asked[0]?.answer(range(0, 50), 500);
    search.ensure(0, 40);
    expect(asked).toHaveLength(1);
    search.ensure(120, 160);
    search.ensure(121, 161);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.request).toMatchObject({ offset: 100, limit: 100 });
    await asked[1]?.answer(range(100, 100), 500);
    expect(search.at(155)?.note).toBe(155);
    expect(search.at(60)).toBeUndefined();
  });

  test("an empty query asks nothing", async () => {
    const search = new Search("t", "", "both", null);
    void search.type("a");
    await asked[0]?.answer([1]);
    await search.type("  ");
    expect(asked).toHaveLength(1);
    expect(search.phase).toBe("idle");
    expect(search.selected).toBeNull();
  });

  test("says why it failed", async () => {
    const search = new Search("t", "", "both", null);
    void search.type("a");
    await asked[0]?.fail("no disk");
    expect(search.phase).toBe("failed");
    expect(search.error).toBe("no disk");
  });
});

test.each([
  ["landlord tag:home -draft", 9, 17, "landlord -draft"],
  ["tag:home", 0, 8, ""],
  ["tag:home rent", 0, 8, "rent"],
  ["rent tag:home", 5, 13, "rent"],
])("taking a range out of %j", (text, start, end, left) => expect(withoutRange(text, start, end)).toBe(left));
