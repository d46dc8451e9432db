import { beforeEach, describe, expect, test, vi } from "vitest";
import { api, type Hit, type Hits, type SearchRequest } from "../api";
import { Search, withoutRange } from "./search.svelte";

const hit = (note: number, title = `Note ${note}`): Hit => ({
  note,
  title,
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
  answer: (notes: (number | Hit)[], total?: number, exact?: boolean) => Promise<void>;
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
          answer: async (notes, total = notes.length, exact = true) => {
            const { tab, generation } = request;
            const hits = notes.map((n) => (typeof n === "number" ? hit(n) : n));
            resolve({ tab, generation, hits, total, total_is_exact: exact, chips: [], terms: [], degraded: null, busy: false, took_ms: 1, rescues: [], corrected: [] });
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

/** A search whose shown rows the person has looked through: the second is selected. */
async function shown(notes: number[], total = notes.length, exact = true): Promise<Search> {
  const search = new Search("t", "", "both", null);
  void search.type("a");
  await asked[0]?.answer(notes, total, exact);
  search.select(1);
  return search;
}

/** The notes have changed, and this is the answer now. */
async function changed(search: Search, notes: (number | Hit)[], total = notes.length, exact = true): Promise<void> {
  void search.refresh(true);
  await settle();
  await asked.at(-1)?.answer(notes, total, exact);
}

const rows = (search: Search): (number | undefined)[] => range(0, search.rows).map((i) => search.at(i)?.note);

describe("a search whose notes change", () => {
  test("shows them anew, each in its place", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [1, hit(2, "Another title"), 3]);
    expect(search.at(1)?.title).toBe("Another title");
    expect(search.fresh).toBeNull();
  });

  test("appends what ranks below all that is shown", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [1, 2, 3, 8, 9]);
    expect(rows(search)).toEqual([1, 2, 3, 8, 9]);
    expect(search.total).toBe(5);
    expect(search.fresh).toBeNull();
  });

  test("counts up when what is new ranks on a page that is not loaded", async () => {
    const search = await shown(range(0, 50), 200);
    await changed(search, range(0, 50), 203);
    expect(search.total).toBe(203);
    expect(search.fresh).toBeNull();
  });

  test("holds back new hits that would move the rows, and renews the rows meanwhile", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [8, 1, hit(2, "Another title"), 9, 3]);
    expect(rows(search)).toEqual([1, 2, 3]);
    expect(search.at(1)?.title).toBe("Another title");
    expect(search.total).toBe(3);
    expect(search.fresh).toMatchObject({ added: 2, moved: true });
  });

  test("shows what it held back when asked to, with the selection on its note", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [1, 8, 2, 3]);
    expect(search.apply()).toBe(1);
    expect(rows(search)).toEqual([1, 8, 2, 3]);
    expect(search.selected).toBe(2);
    expect(search.selectedIndex).toBe(2);
    expect(search.fresh).toBeNull();
    expect(search.apply()).toBe(-1);
  });

  test("holds back another order, in which nothing is new", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [3, 1, 2]);
    expect(rows(search)).toEqual([1, 2, 3]);
    expect(search.fresh).toMatchObject({ added: 0, moved: true });
    expect(search.apply()).toBe(-1);
    expect(rows(search)).toEqual([3, 1, 2]);
  });

  test("forgets what it held back when the notes are again as they are shown", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [8, 1, 2, 3]);
    await changed(search, [1, 2, 3]);
    expect(search.fresh).toBeNull();
  });

  test("keeps the row of a note that no longer matches, and does not count it", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [1, 3]);
    expect(rows(search)).toEqual([1, 2, 3]);
    expect([...search.gone]).toEqual([2]);
    expect(search.total).toBe(2);
    expect(search.selected).toBe(2);
    expect(search.fresh).toMatchObject({ added: 0, moved: false });
    search.apply();
    expect(rows(search)).toEqual([1, 3]);
    expect(search.gone.size).toBe(0);
    expect(search.selected).toBe(3);
  });

  test("takes such a row back when its note matches again", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [1, 3]);
    await changed(search, [1, 2, 3]);
    expect(search.gone.size).toBe(0);
    expect(search.fresh).toBeNull();
  });

  test("appends below a row that no longer matches", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [1, 3, 8]);
    expect(rows(search)).toEqual([1, 2, 3, 8]);
    expect(search.total).toBe(3);
    expect(search.fresh).toMatchObject({ added: 0, moved: false });
  });

  test("counts a new hit in the place of one that is gone", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [8, 1, 3]);
    expect([...search.gone]).toEqual([2]);
    expect(search.fresh?.added).toBe(1);
  });

  test("of a long list: a row is gone when the total fell, and only moved when it did not", async () => {
    const search = await shown(range(0, 50), 200);
    await changed(search, [-1, ...range(0, 49)], 201);
    expect(search.gone.size).toBe(0);
    expect(search.fresh?.added).toBe(1);
    await changed(search, [0, ...range(2, 49)], 199);
    expect([...search.gone]).toEqual([1]);
    expect(search.rows).toBe(200);
    expect(search.total).toBe(199);
    await changed(search, [0, ...range(2, 49)], 202);
    expect([...search.gone]).toEqual([1]);
    expect(search.fresh?.added).toBe(3);
  });

  test("of an estimated total: counts the new hits that came", async () => {
    const search = await shown([1, 2, 3], 90, false);
    await changed(search, [8, 1, 9, 2, 3], 120, false);
    expect(search.fresh?.added).toBe(2);
  });

  test("of a long list with an estimated total: a row that came up from below is not a new hit", async () => {
    const search = await shown(range(0, 50), 200, false);
    await changed(search, [0, ...range(2, 49)], 199, false);
    expect([...search.gone]).toEqual([1]);
    expect(search.fresh).toMatchObject({ added: 0, moved: false });
  });

  test("of a long list: a row pushed off its end is not gone, though others are", async () => {
    const search = await shown(range(0, 50), 200);
    await changed(search, [-1, ...range(0, 49)], 199);
    expect(search.gone.size).toBe(0);
    expect(search.fresh).toMatchObject({ added: 0, moved: true });
  });

  test("keeps the selection on a note that now ranks out of reach", async () => {
    const search = await shown(range(0, 50), 200);
    await changed(search, range(1000, 50), 260);
    expect(search.fresh?.added).toBe(60);
    search.apply();
    expect(search.selected).toBe(1);
    expect(search.at(0)?.note).toBe(1000);
  });

  test("asks from the first hit on, and deep in the list only for what is in view", async () => {
    const search = await shown(range(0, 50), 1000);
    search.ensure(60, 90);
    await asked[1]?.answer(range(50, 50), 1000);
    await changed(search, range(0, 100), 1000);
    expect(asked.at(-1)?.request).toMatchObject({ offset: 0, limit: 100 });
    search.ensure(460, 490);
    await asked.at(-1)?.answer(range(450, 50), 1000);
    await changed(search, range(449, 50), 1001);
    expect(asked.at(-1)?.request).toMatchObject({ offset: 450, limit: 50 });
    expect(search.at(450)?.note).toBe(450);
    expect(search.gone.size).toBe(0);
    expect(search.fresh).toMatchObject({ added: 1, page: 9 });
  });

  test("shows the answer at once while nobody is at the list", async () => {
    const search = new Search("t", "", "both", null);
    void search.type("a");
    await asked[0]?.answer([1, 2, 3]);
    await changed(search, [8, 1, 3]);
    expect(rows(search)).toEqual([8, 1, 3]);
    expect(search.selected).toBe(1);
    await changed(search, [9, 8, 3]);
    expect(rows(search)).toEqual([9, 8, 3]);
    expect(search.selected).toBe(8);
    void search.refresh(false);
    await asked.at(-1)?.answer([7, 9, 8, 3]);
    expect(rows(search)).toEqual([9, 8, 3]);
    expect(search.fresh?.added).toBe(1);
  });

  test("shows at once what comes where nothing was found", async () => {
    const search = new Search("t", "", "both", null);
    void search.type("a");
    await asked[0]?.answer([]);
    void search.refresh(false);
    await asked[1]?.answer([1]);
    expect(rows(search)).toEqual([1]);
    expect(search.selected).toBe(1);
  });

  test("forgets what it held back when another query is typed", async () => {
    const search = await shown([1, 2, 3]);
    await changed(search, [8, 1, 3]);
    void search.type("ab");
    expect(search.fresh).toBeNull();
    await asked.at(-1)?.answer([3, 2]);
    expect(rows(search)).toEqual([3, 2]);
    expect(search.gone.size).toBe(0);
  });

  test("asks again only after the person's own question is answered", async () => {
    const search = await shown([1, 2, 3]);
    void search.type("ab");
    void search.refresh(true);
    await settle();
    expect(asked).toHaveLength(2);
    await asked[1]?.answer([1]);
    expect(asked).toHaveLength(3);
    expect(asked[2]?.request.text).toBe("ab");
  });

  test("says when a newer question overtook it", async () => {
    const search = await shown(range(0, 50), 200);
    const refreshed = search.refresh(true);
    await settle();
    search.ensure(60, 90);
    await asked[1]?.answer(range(0, 50), 201);
    expect(await refreshed).toBe(false);
  });

  test("works again after it failed", async () => {
    const search = await shown([1, 2, 3]);
    void search.refresh(true);
    await settle();
    await asked[1]?.fail("no disk");
    await changed(search, [4]);
    expect(search.phase).toBe("ready");
    expect(rows(search)).toEqual([4]);
  });
});

test.each([
  ["landlord tag:home -draft", 9, 17, "landlord -draft"],
  ["tag:home", 0, 8, ""],
  ["tag:home rent", 0, 8, "rent"],
  ["rent tag:home", 5, 13, "rent"],
])("taking a range out of %j", (text, start, end, left) => expect(withoutRange(text, start, end)).toBe(left));

describe("passages", () => {
  const passage = (start: number) => ({ heading_path: "", snippet: { text: "", marks: [] }, range: [start, start + 5] as [number, number], matches: 1, similarity: null, why: "words" as const });

  async function found(): Promise<Search> {
    const search = new Search("t", "", "both", null);
    void search.set("tax");
    await asked[0]?.answer([1, 2, 3]);
    return search;
  }

  test("are asked for when a hit is unfolded, and are lines of the list", async () => {
    const ask = vi.spyOn(api, "passages").mockImplementation(async (note) => (note === 1 ? [passage(0), passage(10)] : [passage(7)]));
    const search = await found();
    expect(ask).not.toHaveBeenCalled();
    await search.unfold(search.at(0) as Hit);
    expect(ask.mock.calls).toEqual([[1, "tax", "both"]]);
    await search.unfold(search.at(2) as Hit);
    const places: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      search.step(1);
      places.push([search.selected, search.passage, search.selectedPassage?.range[0]]);
    }
    expect(places).toEqual([
      [1, 0, 0],
      [1, 1, 10],
      [2, -1, undefined],
      [3, -1, undefined],
      [3, 0, 7],
    ]);
    search.step(1);
    expect([search.selected, search.passage]).toEqual([3, 0]);
    search.step(-1);
    search.step(-1);
    search.step(-1);
    expect([search.selected, search.passage]).toEqual([1, 1]);
    search.fold(1);
    expect([search.selected, search.passage, search.unfolded.has(1)]).toEqual([1, -1, false]);
  });

  test("of an older query are dropped, and a failure is told", async () => {
    let answer: (passages: ReturnType<typeof passage>[]) => void = () => undefined;
    vi.spyOn(api, "passages").mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    const search = await found();
    const waiting = search.unfold(search.at(0) as Hit);
    void search.type("taxi");
    await asked[1]?.answer([1]);
    answer([passage(0)]);
    await waiting;
    expect(search.unfolded.size).toBe(0);
    vi.spyOn(api, "passages").mockRejectedValue({ code: "internal", message: "the disk" });
    await search.unfold(search.at(0) as Hit);
    expect(search.unfolded.get(1)).toMatchObject({ passages: [], error: "the disk" });
  });
});

describe("searching within the hits", () => {
  test("the query becomes a part of the next, and comes back", () => {
    const search = new Search("t", "", "both", null);
    void search.type("land");
    void search.searchWithin();
    expect([search.text, search.typed, search.outer]).toEqual(["(land*)", "", "land"]);
    void search.type("deposit");
    expect([search.text, search.typed]).toEqual(["(land*) deposit", "deposit"]);
    void search.append("tag:home");
    expect([search.text, search.typed]).toEqual(["(land*) deposit tag:home", "deposit tag:home"]);
    void search.searchWithin();
    void search.type("x");
    expect(search.text).toBe("((land*) deposit tag:home) x");
    void search.leaveWithin();
    expect([search.text, search.typed]).toEqual(["(land*) deposit tag:home x", "deposit tag:home x"]);
    void search.leaveWithin();
    expect([search.text, search.within, search.typed]).toEqual(["land deposit tag:home x", "", "land deposit tag:home x"]);
  });

  test.each([
    ['a "b c', '(a "b c")'],
    ["(a OR b", "((a OR b))"],
    ["tag:x", "(tag:x)"],
    ["a b ", "(a b)"],
  ])("%s is whole in it", (text, within) => {
    const search = new Search("t", "", "both", null);
    void search.set(text);
    void search.searchWithin();
    expect(search.text).toBe(within);
  });

  test("another query from elsewhere ends it", () => {
    const search = new Search("t", "", "both", null);
    void search.set("a");
    void search.searchWithin();
    void search.set("saved");
    expect([search.text, search.typed, search.within]).toEqual(["saved", "saved", ""]);
  });
});
