import { becomes, equal, expect, test } from "./harness.mjs";

const panel = "[role=tabpanel]:not([hidden])";
const SAVED = (page) => page.locator(`${panel} .state.saved`).waitFor();

/** Opens a note made for the test. */
async function note(page, body, title = "Test note") {
  const id = await page.evaluate(([t, b]) => window.fakeShell.write(t, b), [title, body]);
  await page.evaluate((n) => window.fakeShell.openNote(n, ""), id);
  await page.locator(`${panel} .cm-content`).waitFor();
  return id;
}

/** What the fake store holds: the draft of the last save. */
const lastSave = (page) => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "saveNote").at(-1)?.args[2]);

async function type(page, line, text) {
  await page.locator(`${panel} .cm-line`).nth(line).click();
  await page.keyboard.press("End");
  await page.keyboard.type(text);
}

test("note: what is typed is saved, and says so", async (open) => {
  const page = await open();
  await note(page, "first\n\nlast");
  await type(page, 2, " words");
  await page.locator(`${panel} .state`, { hasText: "Saving" }).waitFor();
  await SAVED(page);
  equal((await lastSave(page)).body, "first\n\nlast words", "the store has it");
});

test("note: closing its tab saves it", async (open) => {
  const page = await open();
  await note(page, "first");
  await type(page, 0, " quick");
  await page.keyboard.press("Control+w");
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "saveNote" && c.args[2].body === "first quick"));
});

test("note: a save that fails is told, and tried again", async (open) => {
  const page = await open("?fail=saveNote");
  await note(page, "first");
  await type(page, 0, " kept");
  await page.locator(`${panel} .state.failed`).waitFor();
  expect((await page.locator(`${panel} .state`).innerText()).startsWith("Not saved:"), "says why");
  const before = await page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "saveNote").length);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.waitForFunction((n) => window.fakeShell.calls.filter((c) => c.name === "saveNote").length > n, before);
  expect((await page.locator(`${panel} .cm-content`).innerText()).includes("kept"), "the text is still there");
});

test("note: markup hides away from the cursor and links stay whole", async (open) => {
  const page = await open();
  await note(page, "top\n\n## Heading\n\nSome **bold** and [[Moving out|a link]].");
  const shown = () => page.locator(`${panel} .cm-line`).nth(2).locator(".cm-hidden").count();
  await becomes(shown, 1, "hidden at first");
  await page.locator(`${panel} .cm-line`).nth(2).click();
  await becomes(shown, 0, "shown on its line");
  await page.locator(`${panel} .cm-line`).nth(0).click();
  await becomes(shown, 1, "hidden again");
  await page.locator(`${panel} .cm-link`).click();
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Moving out" }).waitFor();
});

test("note: tasks tick by mouse and keys, in the editor and in the reading view", async (open) => {
  const page = await open();
  await note(page, "- [ ] one\n- [ ] two\n");
  await page.locator(`${panel} .cm-task-box`).first().click();
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "saveNote" && c.args[2].body.startsWith("- [x] one")));
  await page.locator(`${panel} .cm-line`).nth(1).click();
  await page.keyboard.press("Control+Enter");
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "saveNote" && c.args[2].body === "- [x] one\n- [x] two\n"));
  await page.keyboard.press("Control+e");
  await page.locator(`${panel} .prose input`).first().click();
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "saveNote" && c.args[2].body === "- [ ] one\n- [x] two\n"));
  await page.keyboard.press("Control+e");
  await page.keyboard.press("Control+z");
  await page.waitForFunction(() => window.fakeShell.calls.at(-1) && document.querySelector('[role=tabpanel]:not([hidden]) .cm-task-box')?.checked === true);
});

test("note: lists go on with Enter and indent with Tab", async (open) => {
  const page = await open();
  await note(page, "- one");
  await type(page, 0, "\ntwo");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.type("three");
  await SAVED(page);
  equal((await lastSave(page)).body, "- one\n  - two\n  - three", "the list");
});

test("note: [[ completes names, # completes tags", async (open) => {
  const page = await open();
  await note(page, "see ");
  await type(page, 0, "[[Moving");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "Moving out" }).waitFor();
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  await page.keyboard.type(" #contr");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "contract" }).waitFor();
  await page.waitForTimeout(150);
  await page.keyboard.press("Enter");
  await SAVED(page);
  equal((await lastSave(page)).body, "see [[Moving out]] #contract ", "both are written");
});

test("note: two versions at one place ask; mine and theirs are both there", async (open) => {
  const page = await open();
  const id = await note(page, "the same line");
  await type(page, 0, " mine");
  await page.evaluate((n) => window.fakeShell.edit(n, "the same line theirs"), id);
  await page.getByRole("alert", { name: "Conflict" }).waitFor();
  await page.getByRole("button", { name: "Show both versions" }).click();
  const text = await page.getByRole("alert", { name: "Conflict" }).innerText();
  expect(text.includes("mine") && text.includes("theirs"), "both are shown");
  await page.getByRole("button", { name: "Keep mine" }).click();
  await SAVED(page);
  equal((await lastSave(page)).body, "the same line mine", "mine is on top");
});

test("note: history shows what changed and brings it back", async (open) => {
  const page = await open();
  await note(page, "the old text");
  await page.locator(`${panel} .cm-line`).first().click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("the new text");
  await SAVED(page);
  await page.getByRole("button", { name: "Version history" }).click();
  await page.locator("dialog del", { hasText: "old" }).waitFor();
  await page.getByRole("button", { name: "Restore this version" }).click();
  await page.locator(`${panel} .cm-line`, { hasText: "the old text" }).waitFor();
});

test("tasks: ticked with the keys and undone", async (open) => {
  const page = await open();
  await page.locator("[role=treeitem]", { hasText: "Tasks" }).first().click();
  await page.locator(`${panel} [role=option]`).first().waitFor();
  await page.locator(`${panel} [role=listbox]`).focus();
  await page.keyboard.press("Space");
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "toggleTask" && c.args[2] === true));
  await page.getByRole("button", { name: "Undo" }).click();
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "toggleTask" && c.args[2] === false));
});

test("note: pictures dropped on its text are attached there; other files, or elsewhere, are imported", async (open) => {
  const page = await open();
  await note(page, "above\n\nbelow");
  const line = await page.locator(`${panel} .cm-line`, { hasText: "above" }).boundingBox();
  const drop = (kind, paths, x = line.x + 4, y = line.y + 8) => page.evaluate((args) => window.fakeShell.dropFiles(...args), [kind, paths, x, y]);
  const calls = (name) => page.evaluate((n) => window.fakeShell.calls.filter((c) => c.name === n).map((c) => c.args), name);
  const overlay = page.getByTestId("drop-overlay");
  const pictures = ["/home/you/Pictures/Cat.JPG", "/home/you/Pictures/Plan of the flat.svg"];

  await drop("over", pictures);
  await overlay.getByText("Drop to attach to this note").waitFor();
  await drop("over", pictures, 40, 300);
  await overlay.getByText("Drop to import").waitFor();
  await drop("over", ["/home/you/Cat.jpg", "/home/you/Lease.pdf"]);
  await overlay.getByText("Drop to import").waitFor();
  await drop("leave", []);
  await overlay.waitFor({ state: "detached" });

  await drop("drop", pictures);
  await SAVED(page);
  await becomes(async () => (await lastSave(page))?.body, "![[Cat.JPG]] ![[Plan of the flat.svg]]above\n\nbelow", "both pictures stand where they were dropped");
  equal((await calls("addAttachmentFile")).map((args) => args[1]), pictures, "the shell has read them");
  await page.locator(`${panel} .cm-content img`).nth(1).waitFor();
  equal((await calls("startImport")).length, 0, "imports");

  await drop("drop", ["/home/you/missing.png"]);
  await page.getByText("Not attached: missing.png: There is no such file.").waitFor();
  await drop("drop", ["/home/you/Lease.pdf"]);
  await page.locator(`${panel} h2`, { hasText: "Lease.pdf" }).waitFor();
  equal((await calls("startImport")).length, 1, "imports");
});
