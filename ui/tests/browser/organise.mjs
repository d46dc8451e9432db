/** Names, links, days and templates. */
import { becomes, equal, expect, test } from "./harness.mjs";

const panel = "[role=tabpanel]:not([hidden])";
const body = (page, id) => page.evaluate((n) => window.fakeShell.calls.filter((c) => c.name === "saveNote" && c.args[0] === n).at(-1)?.args[2].body ?? null, id);
const write = (page, title, text) => page.evaluate(([t, b]) => window.fakeShell.write(t, b), [title, text]);

async function open1(page, id) {
  await page.evaluate((n) => window.fakeShell.openNote(n, ""), id);
  await page.locator(`${panel} .cm-content`).waitFor();
}

test("organise: a note is renamed and every link follows, or is taken back", async (open) => {
  const page = await open();
  const plan = await write(page, "Old plan", "The plan.");
  const one = await write(page, "One", "See [[Old plan]] and [[old plan#part|this]].");
  const two = await write(page, "Two", "`[[Old plan]]` is code, [[Old plan]] is not.");
  await open1(page, plan);
  await page.getByLabel("Title").click();
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "getBacklinks"));
  await page.getByLabel("Title").fill("New plan");
  await page.keyboard.press("Enter");
  await page.getByText("The links of 2 notes follow the new name.").waitFor();
  equal(await body(page, one), "See [[New plan]] and [[New plan#part|this]].", "one note");
  equal(await body(page, two), "`[[Old plan]]` is code, [[New plan]] is not.", "the other");
  await page.getByRole("button", { name: "Undo" }).click();
  await becomes(() => body(page, two), "`[[Old plan]]` is code, [[Old plan]] is not.", "taken back");
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Old plan" }).waitFor();
});

test("organise: mentions without a link are found and linked, the notes around are drawn", async (open) => {
  const page = await open();
  const plan = await write(page, "Summer plan", "Goes with [[Moving out]].");
  const one = await write(page, "Talk", "We talked about the summer plan at length.");
  await write(page, "Linked", "See [[Summer plan]].");
  await open1(page, plan);
  const about = page.getByLabel("About this note");
  await about.getByText("Mentioned without a link").click();
  await about.getByRole("button", { name: "Link “Talk” to this note" }).click();
  await becomes(() => body(page, one), "We talked about the [[Summer plan|summer plan]] at length.", "linked where it stands");
  await about.getByText("No other note has this name in its text.").waitFor();
  await about.getByText("Around this note").click();
  const around = about.getByRole("group", { name: "Notes around Summer plan" });
  await around.getByRole("link", { name: "Moving out, linked from here" }).waitFor();
  await around.getByRole("link", { name: "Talk, links here" }).waitFor();
  await around.getByRole("link", { name: "Linked, links here" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Linked" }).waitFor();
});

test("organise: the calendar opens the note of a day, by keys alone", async (open) => {
  const page = await open();
  const day = await page.evaluate(() => {
    const date = new Date();
    date.setDate(date.getDate() - 8);
    return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
  });
  await page.keyboard.press("Control+Shift+D");
  await page.getByRole("dialog", { name: "Calendar of daily notes" }).waitFor();
  await becomes(() => page.evaluate(() => document.activeElement?.getAttribute("aria-current")), "date", "today has the focus");
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("data-day"));
  const before = await focused();
  await page.keyboard.press("ArrowUp");
  await becomes(async () => (await focused()) !== before, true, "a week before");
  const week = await focused();
  await page.keyboard.press("ArrowLeft");
  await becomes(async () => (await focused()) !== week, true, "a day before");
  equal(await focused(), day, "eight days before");
  await page.keyboard.press("Enter");
  await page.locator("[role=tab][aria-selected=true]", { hasText: day }).waitFor();
  await page.keyboard.press("Control+Shift+D");
  await page.getByRole("button", { name: /, has a note$/ }).first().waitFor();
});

test("organise: a new note from a template", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+Shift+N");
  await page.getByRole("button", { name: "Make a first one" }).click();
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Meeting {{date}}" }).waitFor();
  await page.keyboard.press("Control+Shift+N");
  await page.getByRole("option", { name: /Meeting/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator("[role=tab][aria-selected=true]", { hasText: /Meeting \d{4}-\d\d-\d\d/ }).waitFor();
  const made = await page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "createNote").at(-1).args[0]);
  expect(/^\w+day, \d\d:\d\d\n/.test(made.body) && made.notebook === "", `filled in: ${JSON.stringify(made)}`);
});
