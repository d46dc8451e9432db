/** What one does in a day, without a mouse. */
import { becomes, equal, expect, test } from "./harness.mjs";

const panel = "[role=tabpanel]:not([hidden])";
const lastSave = (page) => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "saveNote").at(-1)?.args[2] ?? null);
const activeIs = (page, selector) => page.evaluate((s) => document.activeElement?.matches(s) ?? false, selector);

test("journey: write a note, find it, tick its task, all by keyboard", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+n");
  await becomes(() => activeIs(page, "textarea.title"), true, "a new note begins with its name");
  await page.keyboard.type("Trip to Lisbon");
  await page.keyboard.press("Enter");
  await becomes(() => activeIs(page, ".cm-content"), true, "Enter goes on to the text");
  await page.keyboard.type("/todo");
  await page.locator(".cm-tooltip-autocomplete li[aria-selected]", { hasText: "Task" }).waitFor();
  // The list takes no Enter in its first moment, so that none is meant for the text.
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  await page.locator(".cm-tooltip-autocomplete").waitFor({ state: "detached" });
  await page.keyboard.type("Book the train");
  await page.keyboard.press("Enter");
  await page.keyboard.type("Pack");
  await becomes(async () => (await lastSave(page))?.body, "- [ ] Book the train\n- [ ] Pack", "two tasks are saved");
  await page.keyboard.press("Control+t");
  await becomes(() => activeIs(page, `${panel} input[role=combobox]`), true, "a search has the focus");
  await page.keyboard.type("Lisbon train");
  await page.locator(`${panel} [data-testid=hit]`, { hasText: "Trip to Lisbon" }).first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.locator(`${panel} [aria-selected=true]`, { hasText: "Trip to Lisbon" }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Trip to Lisbon" }).waitFor();
  await page.keyboard.press("Control+Shift+P");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("tasks");
  await page.getByRole("option", { name: /^Tasks/ }).waitFor();
  await page.keyboard.press("Enter");
  await becomes(() => activeIs(page, `${panel} [role=listbox]`), true, "the tasks have the focus");
  await page.keyboard.press("End");
  const chosen = () => page.locator(`${panel} [role=option][aria-selected=true]`);
  for (let i = 0; i < 60 && !(await chosen().innerText()).includes("Book the train"); i++) {
    const before = await chosen().getAttribute("id");
    await page.keyboard.press("ArrowUp");
    await becomes(async () => (await chosen().getAttribute("id")) !== before, true, "one up");
  }
  await page.keyboard.press("Space");
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "toggleTask" && c.args[2] === true));
  await page.keyboard.press("Control+w");
  await page.locator("[role=tab]", { hasText: "Tasks" }).waitFor({ state: "detached" });
  expect(await page.evaluate(() => document.activeElement !== document.body), "the focus is somewhere");
});

test("journey: everything in the window is reached by Tab and F6, and the focus can be seen", async (open) => {
  const page = await open();
  await page.evaluate(() => window.fakeShell.openNote(1, ""));
  await page.locator(`${panel} .cm-content`).waitFor();
  await page.keyboard.press("F6");
  const seen = new Set();
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    const label = await page.evaluate(() => {
      const e = document.activeElement;
      return e?.getAttribute("aria-label") ?? e?.getAttribute("title") ?? e?.textContent?.trim().slice(0, 30) ?? "";
    });
    seen.add(label);
    const place = await page.evaluate(() => document.activeElement?.closest("[data-pane]")?.getAttribute("data-pane") ?? "");
    if (place === "panel" && (await activeIs(page, ".cm-content"))) {
      // Tab is a key of the text: Esc, then Tab, goes on; F6 leaves for the next pane.
      await page.keyboard.press("F6");
    }
  }
  for (const wanted of ["Reading view", "Version history", "Panels", "Title", "Note text"]) expect([...seen].some((label) => label.startsWith(wanted)), `${wanted} is reached: ${[...seen].join(" | ")}`);
});

test("journey: at 200 % zoom and at 900 × 600 each screen fits its window", async (open) => {
  for (const [width, height] of [
    [900, 600],
    [640, 400],
  ]) {
    const page = await open("", { width, height });
    const fits = async (where) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.body.scrollHeight > innerHeight);
      equal(wide, false, `${width} × ${height}, ${where}: the page scrolls`);
    };
    await page.locator("[role=treeitem]", { hasText: "Tasks" }).first().click();
    await page.locator(`${panel} [role=option]`).first().waitFor();
    await fits("tasks");
    await page.locator(`${panel} [role=listbox]`).focus();
    await page.keyboard.press("F2");
    await page.getByRole("dialog", { name: "Edit task" }).waitFor();
    const box = await page.getByRole("dialog").boundingBox();
    expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, "the sheet is within the window");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.evaluate(() => window.fakeShell.openNote(4, ""));
    await page.locator(`${panel} .cm-content`).waitFor();
    await fits("a note");
    await page.keyboard.press("Control+Shift+D");
    await page.getByRole("dialog", { name: "Calendar of daily notes" }).waitFor();
    await fits("the calendar");
  }
});
