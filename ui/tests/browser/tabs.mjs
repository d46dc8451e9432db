import { equal, expect, test } from "./harness.mjs";

const labels = (page) => page.locator("[role=tab] .label").allInnerTexts();
const front = (page) => page.locator("[role=tab][aria-selected=true] .label").innerText();
const active = '[role=tabpanel]:not([hidden])';

test("tabs: each search keeps its own query, mode and selection", async (open) => {
  const page = await open();
  await page.keyboard.type("tax");
  await page.keyboard.press("Control+t");
  await page.keyboard.type("landlord");
  await page.getByRole("tabpanel").locator("[role=option]").first().waitFor();
  await page.keyboard.press("ArrowDown");
  const chosen = await page.locator(`${active} [aria-selected=true] .title`).innerText();
  await page.keyboard.press("Control+Shift+F");
  await page.keyboard.type("bread");
  equal(await labels(page), ["tax", "landlord", "bread"], "three tabs");
  await page.keyboard.press("Control+2");
  equal(await page.locator(`${active} input[role=combobox]`).inputValue(), "landlord", "the second's query");
  equal(await page.locator(`${active} [aria-selected=true] .title`).innerText(), chosen, "the second's selection");
  expect(await page.locator(`${active} input[role=combobox]`).evaluate((e) => e === document.activeElement), "the focus is where it was left");
});

test("tabs: close, reopen, cycle, number keys", async (open) => {
  const page = await open();
  await page.keyboard.type("one");
  for (const word of ["two", "three"]) {
    await page.keyboard.press("Control+t");
    await page.keyboard.type(word);
  }
  await page.keyboard.press("Control+Tab");
  equal(await front(page), "one", "round the end");
  await page.keyboard.press("Control+Shift+Tab");
  equal(await front(page), "three", "and back");
  await page.keyboard.press("Control+w");
  equal(await labels(page), ["one", "two"], "closed");
  await page.keyboard.press("Control+Shift+T");
  equal(await labels(page), ["one", "two", "three"], "reopened in its place");
  equal(await page.locator(`${active} input[role=combobox]`).inputValue(), "three", "with its query");
  await page.keyboard.press("Control+1");
  await page.keyboard.press("Control+9");
  equal(await front(page), "three", "9 is the last");
  await page.locator("[role=tab]", { hasText: "two" }).click({ button: "middle" });
  equal(await labels(page), ["one", "three"], "a middle click closes");
});

test("tabs: reordered by keys and by dragging, pinned ones first", async (open) => {
  const page = await open();
  await page.keyboard.type("one");
  for (const word of ["two", "three"]) {
    await page.keyboard.press("Control+t");
    await page.keyboard.type(word);
  }
  await page.keyboard.press("Control+Shift+PageUp");
  equal(await labels(page), ["one", "three", "two"], "moved left");
  await page.keyboard.press("Control+Shift+PageDown");
  equal(await labels(page), ["one", "two", "three"], "moved right");
  const from = await page.locator("[role=tab]", { hasText: "three" }).boundingBox();
  const to = await page.locator("[role=tab]", { hasText: "one" }).boundingBox();
  await page.mouse.move(from.x + from.width / 2, from.y + 15);
  await page.mouse.down();
  await page.mouse.move(from.x, from.y + 15, { steps: 4 });
  await page.mouse.move(to.x + 10, to.y + 15, { steps: 8 });
  await page.mouse.up();
  equal(await labels(page), ["three", "one", "two"], "dragged to the front");
  await page.locator("[role=tab]", { hasText: "two" }).click({ button: "right" });
  await page.getByRole("menuitem", { name: "Pin" }).click();
  equal(await labels(page), ["two", "three", "one"], "the pinned one leads");
});

test("tabs: come back after a restart, with query, mode, selection and pin", async (open) => {
  const page = await open();
  await page.keyboard.type("landlord");
  await page.locator(`${active} [role=option]`).first().waitFor();
  await page.keyboard.press("ArrowDown");
  const chosen = await page.locator(`${active} [aria-selected=true] .title`).innerText();
  await page.keyboard.press("Control+t");
  await page.locator("[role=treeitem]", { hasText: "All notes" }).click();
  await page.locator("[role=tab]", { hasText: "landlord" }).click();
  await page.reload();
  await page.waitForSelector(".window");
  await page.locator(`${active} [aria-selected=true] .title`, { hasText: chosen }).waitFor();
  equal(await labels(page), ["landlord", "Search", "All notes"].sort((a, b) => (a === "landlord" ? -1 : b === "landlord" ? 1 : 0)), "the same tabs");
  equal(await front(page), "landlord", "the same in front");
});

test("tabs: a note opened in passing is italic until it is edited, also after a restart", async (open) => {
  const page = await open();
  const style = () => page.locator("[role=tab][aria-selected=true] .label").evaluate((e) => getComputedStyle(e).fontStyle);
  await page.keyboard.press("Control+p");
  await page.keyboard.type("Vector");
  await page.getByRole("option", { name: /Vector search/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Vector search" }).waitFor();
  await page.locator(`${active} .cm-content`).waitFor();
  equal(await style(), "italic", "in passing");
  await page.reload();
  await page.locator(`${active} .cm-line`).first().click();
  equal(await style(), "italic", "after a restart");
  await page.keyboard.type("x");
  await page.locator("[role=tab][aria-selected=true]:not(.passing)", { hasText: "Vector search" }).waitFor();
});

test("tabs: a session that cannot be read starts fresh", async (open) => {
  const page = await open();
  await page.evaluate(() => {
    addEventListener("beforeunload", (e) => e.stopImmediatePropagation(), { capture: true });
    sessionStorage.setItem("fake-session", '{"tabs":[{"content":{"kind":"no such"}},17');
  });
  await page.evaluate(() => sessionStorage.setItem("fake-session", "{broken"));
  await page.goto(page.url());
  await page.waitForSelector(".window");
  expect((await labels(page)).length >= 1, "there is a tab");
});

test("tabs: the last one closed leaves a way on", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+w");
  await page.getByRole("button", { name: "New search tab" }).last().click();
  equal(await labels(page), ["Search"], "a new one");
});

const strip = (page, side) => page.getByRole("tablist", { name: side === "right" ? "Open tabs, right" : "Open tabs", exact: true });
const labelsOf = (page, side) => strip(page, side).locator("[role=tab] .label").allInnerTexts();

async function three(page) {
  await page.keyboard.type("landlord");
  for (const word of ["tax", "bread"]) {
    await page.keyboard.press("Control+t");
    await page.keyboard.type(word);
  }
}

test("split: two sides with tabs of their own, moved, dragged and restored", async (open) => {
  const page = await open();
  await three(page);
  equal(await page.getByRole("tablist").count(), 1, "one strip without a split");
  await page.keyboard.press("Control+\\");
  equal(await labelsOf(page, "left"), ["landlord", "tax"], "the left side");
  equal(await labelsOf(page, "right"), ["bread"], "the tab that was in front is on the right");
  equal(await page.locator(active).count(), 2, "two panels are to be seen");
  expect(await page.locator(`${active}.right input[role=combobox]`).evaluate((e) => e === document.activeElement), "the focus went along");

  // What opens, opens on the side with the focus.
  await page.keyboard.press("Control+t");
  await page.keyboard.type("sleep");
  equal(await labelsOf(page, "right"), ["bread", "sleep"], "a new tab on the right");
  await page.locator(`${active}.left input[role=combobox]`).click();
  await page.keyboard.press("Control+1");
  equal(await page.locator(`${active}.left input[role=combobox]`).inputValue(), "landlord", "the number keys count on the left");

  // The menu, then the pointer.
  await strip(page, "left").getByRole("tab", { name: "tax" }).click({ button: "right" });
  await page.getByRole("menuitem", { name: "Move to the other side" }).click();
  equal(await labelsOf(page, "right"), ["bread", "sleep", "tax"], "moved by the menu");
  const from = await strip(page, "right").getByRole("tab", { name: "bread" }).boundingBox();
  const to = await strip(page, "left").getByRole("tab", { name: "landlord" }).boundingBox();
  await page.mouse.move(from.x + 40, from.y + 15);
  await page.mouse.down();
  await page.mouse.move(from.x + 20, from.y + 15, { steps: 4 });
  await page.mouse.move(to.x + 10, to.y + 15, { steps: 8 });
  await page.mouse.up();
  equal(await labelsOf(page, "left"), ["bread", "landlord"], "dragged to the front of the left");
  await page.getByRole("separator", { name: "Width of the left side" }).focus();
  await page.keyboard.press("Home");
  const width = await page.locator(`${active}.left`).evaluate((e) => e.clientWidth);

  await page.reload();
  await page.waitForSelector(".window");
  equal(await labelsOf(page, "left"), ["bread", "landlord"], "the left after a restart");
  equal(await labelsOf(page, "right"), ["sleep", "tax"], "the right after a restart");
  equal(await strip(page, "left").locator("[aria-selected=true] .label").innerText(), "bread", "in front on the left");
  equal(await strip(page, "right").locator("[aria-selected=true] .label").innerText(), "tax", "in front on the right");
  equal(await page.locator(`${active}.left`).evaluate((e) => e.clientWidth), width, "the width");
});

test("split: F6 goes round both sides; the last tab of the right ends it", async (open) => {
  const page = await open();
  await three(page);
  await page.keyboard.press("Control+\\");
  const pane = () => page.evaluate(() => `${document.activeElement.closest("[data-pane]")?.dataset.pane} ${document.activeElement.closest(".right") ? "right" : ""}`.trim());
  const seen = [];
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("F6");
    seen.push(await pane());
  }
  equal(seen, ["status", "sidebar", "tabs", "panel", "tabs right", "panel right"], "round and back");
  await page.keyboard.press("Control+w");
  equal(await page.getByRole("tablist").count(), 1, "the split has ended");
  equal(await labels(page), ["landlord", "tax"], "the rest is there");
  expect(await page.locator(`${active} input[role=combobox]`).evaluate((e) => e === document.activeElement), "the focus is on the left");
  await page.keyboard.press("Control+\\");
  await page.keyboard.press("Control+\\");
  equal(await page.getByRole("tablist").count(), 1, "the same key ends it");
});

test("split: keys are for the note that has the focus, and a moved note keeps what was typed", async (open) => {
  const page = await open();
  for (const title of ["First", "Second"]) {
    const id = await page.evaluate((t) => window.fakeShell.write(t, `${t} text`), title);
    await page.evaluate((n) => window.fakeShell.openNote(n, ""), id);
    await page.locator(`${active} .cm-content`, { hasText: `${title} text` }).waitFor();
  }
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" and more");
  await page.keyboard.press("Control+\\");
  const right = page.locator(`${active}.right`);
  await right.locator(".cm-content", { hasText: "Second text and more" }).waitFor();
  expect(await right.locator(".cm-content").evaluate((e) => e === document.activeElement), "the cursor is where it was");
  await page.keyboard.press("Control+z");
  await right.locator(".cm-content", { hasText: /^Second text$/ }).waitFor();
  await page.keyboard.press("Control+e");
  equal(await page.getByRole("button", { name: "Reading view", pressed: true }).count(), 1, "only one note is in reading view");
  await page.locator(`${active}.left`).getByRole("button", { name: "Reading view", pressed: false }).waitFor();
});

test("split: it is usable at 900 × 600", async (open) => {
  const page = await open("", { width: 900, height: 600 });
  await three(page);
  await page.keyboard.press("Control+\\");
  await page.locator(`${active}.right [role=option]`).first().waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  expect(!wide, "the page scrolls");
  for (const side of ["left", "right"]) expect((await page.locator(`${active}.${side} [role=listbox]`).boundingBox()).width > 300, `room for the hits on the ${side}`);
});
