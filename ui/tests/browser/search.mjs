import { becomes, equal, expect, test } from "./harness.mjs";

const active = '[role=tabpanel]:not([hidden])';
const input = (page) => page.locator(`${active} input[role=combobox]`);
const hits = (page) => page.locator(`${active} [role=option]`);
const titles = (page) => page.locator(`${active} [role=option] .title`).allInnerTexts();
const summary = (page) => page.locator(`${active} .summary`);
const fresh = (page) => page.getByTestId("fresh");
const selected = (page) => page.locator(`${active} [role=option][aria-selected=true] .title`);

async function search(page, text) {
  await input(page).fill(text);
  await page.waitForFunction(() => /hits?/.test(document.querySelector("[role=tabpanel]:not([hidden]) .summary")?.textContent ?? ""));
}

test("search: the box has the focus at the start, and hits come as one types", async (open) => {
  const page = await open();
  await page.keyboard.type("deposit");
  await summary(page).getByText(/\d+ hits? · [\d.]+ ms/).waitFor();
  expect((await titles(page)).includes("Lease agreement 2024"), "the lease is a hit");
  expect(await input(page).evaluate((e) => e === document.activeElement), "the focus stays in the box");
  equal(await page.locator(`${active} mark`).first().innerText().then((t) => t.toLowerCase()), "deposit", "the word is marked");
});

test("search: a hit by meaning says so", async (open) => {
  const page = await open();
  await search(page, "landlord deposit");
  const badge = page.locator(`${active} [role=option]`, { hasText: "Moving out" }).locator(".meaning");
  expect((await badge.getAttribute("title")).includes("meaning"), "it explains itself");
});

test("search: arrows move the selection, the preview follows, Enter opens the note", async (open) => {
  const page = await open();
  await search(page, "landlord");
  const first = await selected(page).innerText();
  await page.keyboard.press("ArrowDown");
  const second = await selected(page).innerText();
  expect(first !== second, "the selection moved");
  await page.locator(".preview h2", { hasText: second }).first().waitFor();
  expect(await input(page).evaluate((e) => e === document.activeElement), "the focus stays in the box");
  await page.keyboard.press("Enter");
  await page.locator("[role=tab][aria-selected=true]", { hasText: second }).waitFor();
});

test("search: Ctrl+Enter opens each hit in a tab of its own, Enter reuses the passing one", async (open) => {
  const page = await open();
  await search(page, "tax");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+1");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  equal(await page.locator("[role=tab]").count(), 2, "one note tab so far");
  await page.keyboard.press("Control+1");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Control+Enter");
  equal(await page.locator("[role=tab]").count(), 3, "now two");
});

test("search: a click on a chip takes its range out of the query", async (open) => {
  const page = await open();
  await search(page, 'landlord tag:home/lease -draft');
  await page.getByRole("button", { name: "Remove tag:home/lease" }).click();
  equal(await input(page).inputValue(), "landlord -draft", "the query without the filter");
  await page.getByRole("button", { name: "Remove −draft" }).click();
  equal(await input(page).inputValue(), "landlord", "and without the exclusion");
});

test("search: an unknown filter is a hint, not an error", async (open) => {
  const page = await open();
  await search(page, "colour:red");
  await page.locator(".chip.odd", { hasText: "colour:red" }).waitFor();
});

test("search: the mode narrows to words and to meaning", async (open) => {
  const page = await open();
  await search(page, "landlord deposit");
  const both = await hits(page).count();
  await page.getByRole("button", { name: "Search by: Both" }).click();
  await page.getByRole("menuitemradio", { name: "Words only" }).click();
  await page.getByRole("button", { name: "Search by: Words" }).waitFor();
  expect((await hits(page).count()) < both, "fewer by words alone");
  equal(await page.locator(`${active} .meaning`).count(), 0, "none by meaning");
});

test("search: nothing found offers what does find something, and a note", async (open) => {
  const page = await open();
  await search(page, "ladlrd in:Home");
  await page.getByText("Nothing found for").waitFor();
  await page.getByRole("button", { name: "Create a note called “ladlrd”" }).waitFor();
  await page.getByRole("button", { name: /^Did you mean landlord in:Home\? \d+ notes$/ }).click();
  await hits(page).first().waitFor();
  equal(await input(page).inputValue(), "landlord in:Home", "the query");
  expect(await input(page).evaluate((e) => e === document.activeElement), "the focus is in the box");

  await search(page, "sourdough tag:work");
  await page.getByRole("button", { name: /^Without tag:work: \d+ notes?$/ }).click();
  await becomes(() => input(page).inputValue(), "sourdough", "without the filter");
  await search(page, '"deposit landlord"');
  await page.getByRole("button", { name: /^Without the quotes: \d+ notes$/ }).click();
  await becomes(() => input(page).inputValue(), "deposit landlord", "without the quotes");
});

test("search: a spelling that was searched too, or is likelier, is said in one line above the hits", async (open) => {
  const page = await open();
  await search(page, "landlrd");
  await page.getByText("Also searched: landlord").waitFor();
  expect((await page.getByText("Also searched: landlord").getAttribute("title")).includes("landlrd"), "with what was typed");
  await hits(page).first().waitFor();
  await search(page, "ladlrd rent");
  await page.locator(`${active} .spelling`, { hasText: "Did you mean" }).getByRole("button", { name: "landlord rent" }).click();
  await becomes(() => input(page).inputValue(), "landlord rent", "the query");
  equal(await page.locator(`${active} .spelling`).count(), 0, "nothing to say any more");
});

test("search: the hits are narrowed by what they have in common, with the keyboard alone", async (open) => {
  const page = await open();
  const asked = () => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "facets").length);
  await search(page, "landlord");
  const before = await summary(page).innerText();
  await page.waitForTimeout(500);
  equal(await asked(), 0, "questions while it is closed");
  await page.getByRole("button", { name: "Narrow" }).press("Enter");
  const region = page.getByRole("region", { name: "Narrow the hits" });
  const tags = region.getByRole("group", { name: "Tag" });
  await tags.getByRole("button", { name: /^home\/lease \d+ notes$/ }).focus();
  await page.keyboard.press("Enter");
  equal(await input(page).inputValue(), "landlord tag:home/lease", "the query");
  await tags.getByRole("button", { name: /^home\/lease/ }).waitFor({ state: "detached" });
  expect((await summary(page).innerText()) !== before, "fewer hits");
  await region.getByRole("group", { name: "Kind" }).getByRole("button", { name: /^pdf/ }).click();
  equal(await input(page).inputValue(), "landlord tag:home/lease type:pdf", "the query");
  await page.reload();
  await page.waitForSelector(".window");
  await page.getByRole("button", { name: "Narrow", expanded: true }).click();
  await region.waitFor({ state: "detached" });
});

test("search: what can be narrowed by is asked for once the typing rests, and says when it failed", async (open) => {
  const page = await open("?fail=facets");
  await page.keyboard.type("a");
  await page.getByRole("button", { name: "Narrow" }).click();
  await page.getByText("This could not be counted: The disk said no").waitFor();
  const asked = () => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "facets").map((c) => c.args[0].text));
  await input(page).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("landlord", { delay: 20 });
  await becomes(async () => (await asked()).at(-1), "landlord", "the last question");
  equal(await asked(), ["a", "landlord"], "the questions");
});

test("search: a failing search says so and can be tried again", async (open) => {
  const page = await open("?fail=search");
  await page.keyboard.type("tax");
  await page.getByText("The search did not work").waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
});

test("search: says what is not ready yet", async (open) => {
  const page = await open("?degraded");
  await search(page, "tax");
  await page.getByText("still being prepared: 8 of 40 notes").waitFor();
  await page.locator(".status", { hasText: "meaning 8 / 40" }).waitFor();
});

test("search: a saved note appears at once while nobody is at the list; selection and focus stay", async (open) => {
  const page = await open();
  await search(page, "zqxv");
  await page.getByText("Nothing found for").waitFor();
  await search(page, "landlord sort:updated");
  const before = await selected(page).innerText();
  await page.evaluate(() => window.fakeShell.write("A landlord by another name", "landlord landlord"));
  await page.locator(`${active} [role=option][aria-posinset="1"]`, { hasText: "A landlord by another name" }).waitFor();
  equal(await selected(page).innerText(), before, "the same hit is selected");
  expect(await input(page).evaluate((e) => e === document.activeElement), "the focus stays in the box");
});

test("search: a note saved in another tab waits in a chip, and F5 shows it", async (open) => {
  const page = await open();
  await search(page, "landlord sort:updated");
  await page.keyboard.press("ArrowDown");
  const [before, chosen] = [await titles(page), await selected(page).innerText()];
  await page.keyboard.press("Control+n");
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Title");
  await page.keyboard.type("A landlord by another name");
  await page.locator("[role=tab][aria-selected=true]", { hasText: "A landlord by another name" }).waitFor();
  await page.getByTestId("saved-state").getByText("Saved", { exact: true }).waitFor();
  await page.keyboard.press("Control+1");
  await fresh(page).getByText("1 new hit", { exact: true }).waitFor();
  equal(await titles(page), before, "no row has moved");
  await page.getByRole("status").getByText("1 new hit. F5 shows what is new.").waitFor();
  await page.keyboard.press("F5");
  await page.locator(`${active} [role=option][aria-posinset="1"]`, { hasText: "A landlord by another name" }).waitFor();
  equal(await selected(page).innerText(), chosen, "the same hit is selected");
  equal(await fresh(page).count(), 0, "nothing waits any more");
});

test("search: under the pointer nothing moves: the chip counts, a click shows, a new query forgets", async (open) => {
  const page = await open();
  await search(page, "landlord sort:updated");
  await hits(page).nth(1).hover();
  const before = await titles(page);
  await page.evaluate(() => window.fakeShell.write("One landlord", "landlord"));
  await page.evaluate(() => window.fakeShell.write("Two landlords", "landlords"));
  await fresh(page).getByText("2 new hits", { exact: true }).waitFor();
  equal(await titles(page), before, "no row has moved");
  await fresh(page).click();
  await page.locator(`${active} [role=option]`, { hasText: "Two landlords" }).waitFor();
  expect(await input(page).evaluate((e) => e === document.activeElement), "the focus is in the box");
  await hits(page).nth(1).hover();
  await page.evaluate(() => window.fakeShell.write("Three landlords", "landlords"));
  await fresh(page).getByText("1 new hit", { exact: true }).waitFor();
  await input(page).fill("landlords");
  await page.locator(`${active} [role=option]`, { hasText: "Three landlords" }).waitFor();
  equal(await fresh(page).count(), 0, "the chip went with its query");
});

test("search: what ranks below is appended; a changed note is shown anew; one that no longer matches says so", async (open) => {
  const page = await open();
  await search(page, "landlord sort:title");
  await page.keyboard.press("ArrowDown");
  const before = await titles(page);
  const id = await page.evaluate(() => window.fakeShell.write("Zebras and a landlord", "The landlord keeps zebras."));
  await hits(page).last().getByText("Zebras and a landlord").waitFor();
  equal(await titles(page), [...before, "Zebras and a landlord"], "the rest is as it was");
  equal(await fresh(page).count(), 0, "nothing waits");
  await page.evaluate((note) => window.fakeShell.edit(note, "Two zebras now, says the landlord."), id);
  await hits(page).last().getByText("Two zebras now").waitFor();
  await hits(page).last().click({ button: "right" });
  await page.getByRole("menuitem", { name: "Move to the trash" }).click();
  await hits(page).last().getByText("no longer matches").waitFor();
  await summary(page).getByText(`${before.length} hits`).waitFor();
  await fresh(page).getByText("1 hit no longer matches").click();
  await page.waitForFunction((n) => document.querySelectorAll("[role=tabpanel]:not([hidden]) [role=option]").length === n, before.length);
});

test("search: a tab in the background asks nothing, and once when it is shown", async (open) => {
  const page = await open();
  const asked = () => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "search").length);
  await search(page, "landlord");
  await page.keyboard.press("Control+t");
  await page.getByText("Recently changed").waitFor();
  const before = await asked();
  for (const title of ["One landlord", "Two landlords", "Three landlords"]) {
    await page.evaluate((t) => window.fakeShell.write(t, "landlord"), title);
    await page.locator(`${active} .recent`, { hasText: title }).waitFor();
  }
  equal(await asked(), before, "searches in the background");
  await page.keyboard.press("Control+1");
  await page.locator(`${active} [role=option]`, { hasText: "Three landlords" }).waitFor();
  equal(await asked(), before + 1, "searches once shown");
});

test("search: what is scrolled to stays in place when hits are added above", async (open) => {
  const page = await open("?notes=600");
  await search(page, "units sort:updated");
  const list = page.locator(`${active} [role=listbox]`);
  await list.evaluate((e) => (e.scrollTop = 2000));
  await page.waitForFunction(() => {
    const list = document.querySelector("[role=tabpanel]:not([hidden]) [role=listbox]");
    const row = list.querySelector('[aria-posinset="25"]');
    return row !== null && list.scrollTop === 2000;
  });
  const topRow = () =>
    page.evaluate(() => {
      const list = document.querySelector("[role=tabpanel]:not([hidden]) [role=listbox]");
      const top = list.getBoundingClientRect().top;
      const row = [...list.querySelectorAll("[role=option]")].find((r) => r.getBoundingClientRect().bottom > top + 1);
      return { title: row.querySelector(".title").textContent, offset: Math.round(row.getBoundingClientRect().top - top) };
    });
  const before = await topRow();
  // Sorted newest first, the new note comes above everything.
  await page.evaluate(() => window.fakeShell.write("Units at the weir", "units"));
  await fresh(page).getByText("1 new hit", { exact: true }).waitFor();
  equal(await topRow(), before, "the row at the top");
  // Rows that were never loaded come from the newest answer: it is shown as the person scrolls on to them.
  await list.evaluate((e) => (e.scrollTop = 20000));
  await summary(page).getByText("601 hits").waitFor();
  equal(await fresh(page).count(), 0, "nothing waits any more");
  await list.evaluate((e) => (e.scrollTop = 0));
  await hits(page).first().getByText("Units at the weir").waitFor();
});

test("search: a long list is virtual and loads as it scrolls", async (open) => {
  const page = await open("?notes=5000");
  await search(page, "units");
  await summary(page).getByText("5,000 hits").waitFor();
  expect((await hits(page).count()) < 40, "only the rows in view exist");
  await page.locator(`${active} [role=listbox]`).focus();
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.querySelector('[role=tabpanel]:not([hidden]) [role=option][aria-posinset="5000"]') !== null);
  await page.keyboard.press("End");
  await page.locator(`${active} [role=option][aria-posinset="5000"][aria-selected=true]`).waitFor();
});

test("search: only the last of many keystrokes is shown", async (open) => {
  const page = await open("?slow=30");
  await page.keyboard.type("landlord", { delay: 5 });
  await page.keyboard.press("Control+a");
  await page.keyboard.type("sourdough", { delay: 5 });
  await page.locator(`${active} [role=option]`, { hasText: "Sourdough" }).waitFor();
  equal((await titles(page))[0], "Sourdough", "the first hit");
});

test("search: the star saves a search, the sidebar opens it again", async (open) => {
  const page = await open();
  await search(page, "sourdough");
  await page.getByRole("button", { name: "Save this search" }).click();
  await page.locator("[role=treeitem]", { hasText: "sourdough" }).waitFor();
  await page.keyboard.press("Control+t");
  await page.locator("[role=treeitem]", { hasText: "sourdough" }).click();
  equal(await page.locator("[role=tab][aria-selected=true]").innerText(), "sourdough", "its tab is in front");
});

test("search: Esc clears; the recent notes are back", async (open) => {
  const page = await open();
  await search(page, "tax");
  await page.keyboard.press("Escape");
  equal(await input(page).inputValue(), "", "the box is empty");
  await page.getByText("Recently changed").waitFor();
});

test("search: the help inserts an example", async (open) => {
  const page = await open();
  await search(page, "tax");
  await page.getByRole("button", { name: "How to search" }).click();
  await page.getByRole("button", { name: "is:todo" }).click();
  equal(await input(page).inputValue(), "tax is:todo", "the query");
  await page.getByRole("button", { name: "How to search" }).click();
  await page.getByRole("dialog", { name: "How to search" }).waitFor({ state: "detached" });
});
