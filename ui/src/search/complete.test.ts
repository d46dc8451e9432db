import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { filters, queryLanguage } from "../shared/queryLanguage";
import { atCaret, filterNames, filterValues } from "./complete";

/** `|` is the caret. */
function read(text: string): ReturnType<typeof atCaret> {
  const caret = text.indexOf("|");
  return atCaret(text.replace("|", ""), caret);
}

describe("what stands at the caret", () => {
  test.each([
    ["tag:ho|", "tag", "ho", "tag:", ""],
    ["rent -tag:ho|me x", "tag", "ho", "rent -tag:", " x"],
    ["(in:Wo|)", "in", "Wo", "(in:", ")"],
    ['like:"Lease agr|eement" x', "like", "Lease agr", "like:", " x"],
    ['in:"My no|', "in", "My no", "in:", ""],
    ["due<|", "due", "", "due<", ""],
    ["UPDATED:la|", "updated", "la", "UPDATED:", ""],
    ["x #ho|", "#", "ho", "x ", ""],
  ])("%s", (text, key, value, before, after) => {
    const part = read(text);
    expect(part).toMatchObject({ kind: "value", key, value });
    const plain = text.replace("|", "");
    expect([plain.slice(0, part?.start), plain.slice(part?.end)]).toEqual([before, after]);
  });

  test.each([["landlord ta|"], ["(no|)"], ["|"], ["x |"]])("a word: %s", (text) => expect(read(text)?.kind).toBe("name"));
  test.each([["land|lord"], ["colour:re|"], ['"money ba|'], ["2026|"], ["über|"]])("nothing: %s", (text) => expect(read(text)).toBeNull());
});

test("names of filters are completed, other names only where they have no own", () => {
  expect(filterNames("ti").map((o) => o.insert)).toEqual(["title:"]);
  expect(filterNames("no").map((o) => o.insert)).toEqual(["notebook:"]);
  expect(filterNames("is").map((o) => o.insert)).toEqual(["is:"]);
  expect(filterNames("xy")).toEqual([]);
  expect(filterNames("")).toHaveLength(filters.length);
});

test("values come from what the filter takes and what is there", async () => {
  const offers = async (text: string): Promise<string[]> => {
    const part = read(text);
    return part?.kind === "value" ? (await filterValues(part)).map((o) => o.insert) : [];
  };
  expect(await offers("is:|")).toEqual(["todo ", "done ", "pinned ", "trashed "]);
  expect(await offers("updated:wee|")).toEqual(['"this week" ', '"last week" ']);
  expect(await offers("tag:home/l|")).toContain("home/lease ");
  expect(await offers("#home/l|")).toContain("#home/lease ");
  expect(await offers("in:ho|")).toContain("Home ");
  expect(await offers('like:"lease|')).toContain('"Lease agreement 2024" ');
  expect(await offers("title:le|")).toEqual([]);
});

describe("the parser's filters", () => {
  const parser = readFileSync("../src-tauri/crates/note/src/parse.rs", "utf8");
  const table = /fn find\(key: &str\)[\s\S]*?_ => return None/.exec(parser)?.[0] ?? "";
  const keys = [...table.matchAll(/"([a-z_]+)"/g)].map((m) => m[1] ?? "");

  test("are all completed, and no others", () => {
    expect(keys.length).toBeGreaterThan(15);
    expect(filters.flatMap((f) => [f.key, ...f.also]).sort()).toEqual([...keys].sort());
  });

  test("are all explained", () => {
    const explained = queryLanguage.flatMap((g) => g.rows.flatMap((r) => [r.write, r.finds, ...(r.also ?? [])])).join(" ");
    for (const key of keys) expect(explained, key).toMatch(new RegExp(`\\b${key}(:|[<>])`));
  });
});
