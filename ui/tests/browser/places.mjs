/** Where one was in a note is where one comes back to. */
import { becomes, equal, test } from "./harness.mjs";

const panel = "[role=tabpanel]:not([hidden])";
const LINES = Array.from({ length: 300 }, (_, i) => `Line number ${i}, long enough to be read.\n`).join("\n");

async function write(page, body) {
  const id = await page.evaluate((b) => window.fakeShell.write("Long note", b), body);
  await page.evaluate((n) => window.fakeShell.openNote(n, ""), id);
  await page.locator(`${panel} .cm-line`).first().waitFor();
}

const view = (page) =>
  page.evaluate(() => {
    const scroller = document.querySelector("[role=tabpanel]:not([hidden]) .scroll");
    const frame = scroller.getBoundingClientRect();
    const line = [...scroller.querySelectorAll(".cm-line")].find((l) => l.getBoundingClientRect().bottom > frame.top + 1);
    return { line: line.textContent, below: Math.round(line.getBoundingClientRect().top - frame.top) };
  });

const selected = (page) => page.evaluate(() => getSelection().toString());

test("places: a note that is closed and reopened has its scroll position, its selection and its undo again", async (open) => {
  const page = await open();
  await write(page, LINES);
  await page.locator(`${panel} .cm-line`, { hasText: "Line number 3," }).click();
  await page.keyboard.press("End");
  await page.keyboard.type(" Added.");
  await page.locator(`${panel} .state.saved`).waitFor();
  await page.locator(`${panel} .scroll`).hover();
  await page.mouse.wheel(0, 4000);
  await becomes(() => page.locator(`${panel} .cm-line`, { hasText: /^Line number 7\d,/ }).count().then((n) => n > 0), true, "scrolled");
  const line = page.locator(`${panel} .cm-line`, { hasText: /^Line number 7\d,/ }).last();
  await line.scrollIntoViewIfNeeded();
  await line.dblclick({ position: { x: 60, y: 10 } });
  await becomes(() => selected(page).then((text) => text.length > 0), true, "a word is selected");
  const before = { ...(await view(page)), selected: await selected(page) };
  await page.keyboard.press("Control+w");
  await page.locator(`${panel} .cm-content`).waitFor({ state: "detached" });
  await page.keyboard.press("Control+Shift+T");
  await page.locator(`${panel} .cm-line`).first().waitFor();
  await becomes(() => view(page), { line: before.line, below: before.below }, "the same line at the same height");
  await page.locator(`${panel} .cm-content`).focus();
  await becomes(() => selected(page), before.selected, "the same selection");
  await page.keyboard.press("Control+z");
  await becomes(() => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "saveNote").at(-1).args[2].body.includes("Added.")), false, "what was typed before is undone");
});

test("places: after a restart a note can be undone, and is where it was", async (open) => {
  const page = await open();
  // The fake forgets what was saved when the page is loaded anew: it is told again.
  await page.evaluate(() => window.fakeShell.openNote(1, ""));
  await page.locator(`${panel} .cm-line`, { hasText: "Small repairs" }).click();
  await page.keyboard.press("End");
  await page.keyboard.type(" And more.");
  await page.locator(`${panel} .state.saved`).waitFor();
  const body = await page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "saveNote").at(-1).args[2].body);
  await page.keyboard.press("Control+w");
  await page.locator(`${panel} .cm-content`).waitFor({ state: "detached" });
  await page.reload();
  await page.waitForSelector(".window");
  await page.evaluate((text) => window.fakeShell.edit(1, text), body);
  await page.evaluate(() => window.fakeShell.openNote(1, ""));
  await page.locator(`${panel} .cm-line`, { hasText: "And more." }).waitFor();
  await page.locator(`${panel} .cm-content`).focus();
  await page.keyboard.type("!");
  await page.locator(`${panel} .cm-line`, { hasText: "And more.!" }).waitFor();
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
  await page.locator(`${panel} .cm-line`, { hasText: /without delay\.$/ }).waitFor();
});

test("places: the reading view comes back as such", async (open) => {
  const page = await open();
  await page.evaluate(() => window.fakeShell.openNote(1, ""));
  await page.locator(`${panel} .cm-content`).waitFor();
  await page.keyboard.press("Control+e");
  await page.locator(`${panel} .prose`).waitFor();
  await page.reload();
  await page.waitForSelector(".window");
  await page.locator(`${panel} .prose h2`, { hasText: "Deposit" }).waitFor();
  equal(await page.getByRole("button", { name: "Reading view" }).getAttribute("aria-pressed"), "true", "the button says so");
});
