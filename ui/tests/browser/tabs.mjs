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
