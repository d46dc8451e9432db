import { becomes, equal, expect, test } from "./harness.mjs";

const active = '[role=tabpanel]:not([hidden])';
const row = (page, name) => page.locator("[role=treeitem]", { hasText: name }).first();
const titles = (page) => page.locator(`${active} [role=option] .title`).allInnerTexts();

test("library: counts, the notebook tree by keys, and a list in a tab", async (open) => {
  const page = await open();
  equal(await row(page, "All notes").locator(".count").innerText(), "40", "all notes");
  await row(page, "Home").click();
  await page.locator("h1", { hasText: "Home" }).waitFor();
  await row(page, "Home").focus();
  await page.keyboard.press("ArrowRight");
  await page.locator("[role=treeitem][aria-level='3']", { hasText: "Flat" }).waitFor();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.locator(`${active} h1`, { hasText: "Home › Flat" }).waitFor();
  equal(await page.locator("[role=tab]").count(), 2, "the list tab follows the sidebar");
});

test("library: a notebook is made, renamed and deleted", async (open) => {
  const page = await open();
  await row(page, "Notebooks").click({ button: "right" });
  await page.getByRole("menuitem", { name: "New notebook" }).click();
  await page.keyboard.type("Letters");
  await page.keyboard.press("Enter");
  await row(page, "Letters").waitFor();
  await row(page, "Letters").focus();
  await page.keyboard.press("F2");
  await page.keyboard.type("Post");
  await page.keyboard.press("Enter");
  await row(page, "Post").waitFor();
  await row(page, "Post").focus();
  await page.keyboard.press("Delete");
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete notebook" }).click();
  await row(page, "Post").waitFor({ state: "detached" });
});

test("library: a name that is taken is said beside the field", async (open) => {
  const page = await open();
  await row(page, "Notebooks").click({ button: "right" });
  await page.getByRole("menuitem", { name: "New notebook" }).click();
  await page.keyboard.type("Home");
  await page.keyboard.press("Enter");
  await page.getByText("There is already a notebook called Home").waitFor();
  await page.keyboard.press("Escape");
});

test("library: a note dragged onto a notebook moves there, and can be moved back", async (open) => {
  const page = await open();
  await row(page, "All notes").click();
  const note = page.locator(`${active} [role=option]`, { hasText: "Budget November" });
  await note.waitFor();
  const from = await note.boundingBox();
  const to = await row(page, "Travel").boundingBox();
  await page.mouse.move(from.x + 60, from.y + 20);
  await page.mouse.down();
  await page.mouse.move(from.x + 20, from.y + 30, { steps: 4 });
  await page.mouse.move(to.x + 60, to.y + 10, { steps: 8 });
  await page.locator(".ghost", { hasText: "Travel" }).waitFor();
  await page.mouse.up();
  await page.getByText("1 note moved to “Travel”").waitFor();
  await page.locator("[role=treeitem][aria-label='Travel, 5']").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.locator("[role=treeitem][aria-label='Travel, 4']").waitFor();
});

test("library: Move to… does the same from the keyboard", async (open) => {
  const page = await open();
  await row(page, "All notes").click();
  await page.locator(`${active} [role=option]`).first().waitFor();
  await page.locator(`${active} [role=listbox]`).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("m");
  await page.keyboard.press("Enter");
  await page.keyboard.type("trav");
  await page.keyboard.press("Enter");
  await page.getByText("1 note moved to “Travel”").waitFor();
});

test("library: trash with Delete, Undo, then restore from the trash", async (open) => {
  const page = await open();
  await row(page, "All notes").click();
  await page.locator(`${active} [role=option]`).first().waitFor();
  await page.locator(`${active} [role=listbox]`).focus();
  await page.keyboard.press("ArrowDown");
  const title = await page.locator(`${active} [aria-selected=true] .title`).innerText();
  await page.keyboard.press("Delete");
  await page.getByText("1 note moved to the trash").waitFor();
  await page.locator(`${active} [role=option]`, { hasText: title }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await page.locator(`${active} [role=option]`, { hasText: title }).waitFor();
  await row(page, "Trash").click();
  await page.locator(`${active} [role=option]`, { hasText: "Old shopping list" }).waitFor();
  await page.getByRole("button", { name: "Restore" }).click();
  await page.getByText("The trash is empty").waitFor();
});

test("library: several notes are chosen with Shift and moved to the trash at once", async (open) => {
  const page = await open();
  await row(page, "All notes").click();
  await page.locator(`${active} [role=option]`).first().waitFor();
  await page.locator(`${active} [role=listbox]`).focus();
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
  equal(await page.locator(`${active} [role=option][aria-selected=true]`).count(), 3, "three are chosen");
  await page.keyboard.press("Delete");
  await page.getByText("3 notes moved to the trash").waitFor();
});

test("library: a list of 5,000 is virtual, sorts, and keeps its place in another tab", async (open) => {
  const page = await open("?notes=5000");
  await row(page, "All notes").click();
  await page.locator(`${active} .total`, { hasText: "5,040 notes" }).waitFor();
  expect((await page.locator(`${active} [role=option]`).count()) < 40, "only the rows in view exist");
  await page.locator(`${active} [role=listbox]`).evaluate((e) => (e.scrollTop = 90_000));
  // The rows of the new place, filled: those of the old one stand until the page has drawn again.
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll("[role=tabpanel]:not([hidden]) [role=option]")];
    return rows.length > 5 && rows.every((row) => Number(row.ariaPosInSet) > 500 && row.querySelector(".title")?.textContent);
  });
  const first = (await titles(page))[0];
  await page.keyboard.press("Control+1");
  await page.keyboard.press("Control+2");
  await page.waitForFunction((t) => document.querySelector("[role=tabpanel]:not([hidden]) [role=option] .title")?.textContent === t, first);
  await page.getByRole("button", { name: "Sort by: Last changed" }).click();
  await page.getByRole("menuitemradio", { name: "Title" }).click();
  await page.locator(`${active} [role=option][aria-posinset='1']`, { hasText: "Meeting: launch plan" }).waitFor();
});

test("library: a list that cannot be read says so", async (open) => {
  const page = await open("?fail=listNotes");
  await row(page, "All notes").click();
  await page.getByText("This list could not be read").waitFor();
});

test("library: saved searches show how many notes they find, and keep up while they are shown", async (open) => {
  const page = await open();
  const asked = () => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "countHits").length);
  const row = page.locator("[role=treeitem]", { hasText: "Money back" });
  const count = async () => Number(await row.locator(".count").innerText());
  await row.locator(".count").waitFor();
  const [before, questions] = [await count(), await asked()];
  for (const title of ["One", "Two", "Three"]) await page.evaluate((t) => window.fakeShell.write(t, "get money back"), title);
  await becomes(count, before + 3, "the count");
  expect((await asked()) <= questions + 2, "a burst of changes is counted together");
  await page.locator("[role=treeitem]", { hasText: "Saved searches" }).click();
  await row.waitFor({ state: "detached" });
  const closed = await asked();
  await page.evaluate(() => window.fakeShell.write("Four", "get money back"));
  await page.locator("[role=treeitem]", { hasText: "All notes" }).locator(".count", { hasText: "44" }).waitFor();
  await page.waitForTimeout(2200);
  equal(await asked(), closed, "questions while the group is closed");
});
