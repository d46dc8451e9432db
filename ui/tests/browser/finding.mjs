import { becomes, equal, expect, test } from "./harness.mjs";

const active = "[role=tabpanel]:not([hidden])";
const input = (page) => page.locator(`${active} input[role=combobox]`);
const hit = (page, title) => page.locator(`${active} [role=option]`).filter({ has: page.locator(".title", { hasText: new RegExp(`^${title}$`) }) });
const focused = (page) => input(page).evaluate((e) => e === document.activeElement);
const passages = (page) => page.locator(`${active} [data-testid=passage]`);
const current = (page) => page.locator(`${active} [data-testid=passage][aria-selected=true]`);
const offers = (page) => page.getByTestId("offer");
const calls = (page, name) => page.evaluate((n) => window.fakeShell.calls.filter((c) => c.name === n).map((c) => c.args), name);

async function search(page, text) {
  await input(page).fill(text);
  await page.waitForFunction(() => /hits?/.test(document.querySelector("[role=tabpanel]:not([hidden]) .summary")?.textContent ?? ""));
}

test("passages: → unfolds a hit, arrows go through them, Enter opens the note there, ← folds", async (open) => {
  const page = await open();
  await search(page, "landlord");
  equal(await calls(page, "passages"), [], "nothing is computed for what is not unfolded");
  await hit(page, "Lease agreement 2024").click();
  await input(page).focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowRight");
  await passages(page).nth(1).waitFor();
  equal(await page.getByRole("group", { name: "Passages of Lease agreement 2024" }).count(), 1, "they are a group of their own");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  const text = await current(page).innerText();
  expect(await focused(page), "the focus stays in the box");
  equal(await input(page).getAttribute("aria-activedescendant"), await current(page).getAttribute("id"), "the box points at it");
  await page.locator(".preview .passage").waitFor();
  await page.keyboard.press("Enter");
  await page.getByTestId("matches").getByText(/^\d of \d+ matches$/).waitFor();
  const at = await page.locator(`${active} .cm-term-current`).first().evaluate((e) => e.closest(".cm-line").textContent);
  expect(text.includes(at.slice(0, 20)), `the note is open at that passage: ${at}`);
  await page.keyboard.press("Control+1");
  await page.keyboard.press("ArrowLeft");
  await passages(page).first().waitFor({ state: "detached" });
  equal(await page.locator(`${active} [role=option][aria-selected=true] .title`).innerText(), "Lease agreement 2024", "the hit is selected again");
});

test("passages: the arrows are the text’s while the caret stands inside it; a click on the triangle unfolds", async (open) => {
  const page = await open();
  await search(page, "landlord");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  equal(await passages(page).count(), 0, "nothing is unfolded");
  await hit(page, "Lease agreement 2024").getByTestId("unfold").click();
  await passages(page).first().waitFor();
  await passages(page).first().dblclick();
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Lease agreement 2024" }).waitFor();
});

test("passages: says when they cannot be read", async (open) => {
  const page = await open("?fail=passages");
  await search(page, "landlord");
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowRight");
  await page.getByText("The passages could not be read: The disk said no").waitFor();
});

test("matches: a note opened from a search says how many there are; F3 goes through them, also in the reading view", async (open) => {
  const page = await open();
  await search(page, "landlord");
  await hit(page, "Lease agreement 2024").dblclick();
  const bar = page.getByTestId("matches");
  await bar.getByText(/^1 of \d+ matches$/).waitFor();
  const total = Number(/of (\d+)/.exec(await bar.innerText())[1]);
  await becomes(() => page.locator(`${active} .cm-term`).count(), total, "every match is marked");
  await page.locator(`${active} .cm-content`).focus();
  await page.keyboard.press("F3");
  await bar.getByText(`2 of ${total} matches`).waitFor();
  await page.keyboard.press("Shift+F3");
  await page.keyboard.press("Shift+F3");
  await bar.getByText(`${total} of ${total} matches`).waitFor();
  await bar.getByRole("button", { name: "Next match" }).click();
  await bar.getByText(`1 of ${total} matches`).waitFor();
  await page.keyboard.press("Control+e");
  await page.getByRole("region", { name: "Note, reading view" }).waitFor();
  await becomes(() => page.evaluate(() => CSS.highlights.get("search-term")?.size), total, "marked there, too");
  await page.keyboard.press("F3");
  await bar.getByText(`1 of ${total} matches`).waitFor();
  equal(await page.evaluate(() => [...CSS.highlights.get("search-current")].map(String)), ["landlord"], "the current one");
  await page.keyboard.press("Escape");
  await bar.waitFor({ state: "detached" });
  equal(await page.evaluate(() => CSS.highlights.get("search-term")?.size), 0, "no mark is left");
});

test("matches: a list of them to jump in, by keys alone", async (open) => {
  const page = await open();
  await search(page, "landlord");
  await hit(page, "Lease agreement 2024").dblclick();
  const bar = page.getByTestId("matches");
  const opener = bar.locator("[aria-haspopup=listbox]");
  await opener.press("Enter");
  const list = page.getByRole("listbox", { name: "Matches" });
  await list.getByRole("option").nth(1).waitFor();
  await page.keyboard.press("ArrowDown");
  await bar.getByText(/^2 of/).waitFor();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await list.waitFor({ state: "detached" });
  await bar.getByText(/^(\d+) of \1 matches$/).waitFor();
  expect(await opener.evaluate((e) => e === document.activeElement), "the focus is back");
});

test("matches: stay with their words while one types, and are counted anew", async (open) => {
  const page = await open();
  await search(page, "landlord");
  await hit(page, "Lease agreement 2024").dblclick();
  const bar = page.getByTestId("matches");
  await bar.getByText(/^1 of \d+ matches$/).waitFor();
  const total = Number(/of (\d+)/.exec(await bar.innerText())[1]);
  await page.locator(`${active} .cm-content`).focus();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("The landlord again. ");
  await bar.getByText(new RegExp(`of ${total + 1} matches`)).waitFor();
  await becomes(() => page.locator(`${active} .cm-term`).allInnerTexts().then((all) => all.every((t) => /^landlord$/i.test(t))), true, "each on its word");
});

test("history: queries that led somewhere are offered in the empty box, and can be forgotten", async (open) => {
  const page = await open();
  for (const text of ["sourdough", "landlord"]) {
    await search(page, text);
    await page.keyboard.press("Enter");
    await page.locator(`${active} .cm-content`).waitFor();
    await page.keyboard.press("Control+1");
  }
  await input(page).fill("");
  await page.getByText("Searched lately").waitFor();
  await page.keyboard.press("ArrowDown");
  await becomes(() => offers(page).locator(".truncate").allInnerTexts(), ["landlord", "sourdough"], "the latest first");
  equal(await input(page).getAttribute("aria-activedescendant"), await offers(page).first().getAttribute("id"), "the box points at it");
  await page.keyboard.press("Shift+Delete");
  await becomes(() => offers(page).locator(".truncate").allInnerTexts(), ["sourdough"], "one is forgotten");
  await page.keyboard.press("Enter");
  await becomes(() => input(page).inputValue(), "sourdough", "the query");
  await page.locator(`${active} [role=option]`, { hasText: "Sourdough" }).waitFor();
  await input(page).fill("");
  await page.keyboard.press("ArrowDown");
  await offers(page).first().waitFor();
  await page.keyboard.press("Escape");
  await offers(page).first().waitFor({ state: "detached" });
});

test("history: can be cleared and switched off", async (open) => {
  const page = await open();
  await search(page, "landlord");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+,");
  const remember = page.getByRole("switch", { name: "Remember searches" });
  await remember.focus();
  await page.keyboard.press("Space");
  await becomes(() => remember.isChecked(), false, "switched off");
  await page.keyboard.press("Control+1");
  await input(page).fill("");
  await page.getByText("Recently changed").waitFor();
  equal(await page.getByText("Searched lately").count(), 0, "nothing is remembered");
  await search(page, "sourdough");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+1");
  await input(page).fill("");
  await page.getByRole("heading", { name: "Try" }).waitFor();
});

test("synonyms: are kept, and a word that stands alone is told", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+,");
  const box = page.getByRole("textbox", { name: "Words that mean the same" });
  await box.fill("car, automobile\nalone");
  await box.blur();
  await page.getByText("“alone” stands alone").waitFor();
  await box.fill("car, automobile ,  vehicle\n");
  await box.blur();
  await becomes(() => box.inputValue(), "car, automobile, vehicle", "as they are stored");
  equal(await page.getByText("stands alone").count(), 0, "nothing is wrong any more");
});

test("within: the next query narrows the present hits; Backspace and Esc go back", async (open) => {
  const page = await open();
  await search(page, "landlord");
  await page.keyboard.press("Control+Shift+Enter");
  const chip = page.getByTestId("within");
  await chip.getByText("landlord", { exact: true }).waitFor();
  equal(await input(page).inputValue(), "", "the box is empty");
  expect(await focused(page), "the focus is in the box");
  await page.keyboard.type("tag:home/lease");
  await page.locator(`${active} .chip`, { hasText: "tag:home/lease" }).waitFor();
  equal((await calls(page, "search")).at(-1)[0].text, "(landlord*) tag:home/lease", "the whole query");
  await page.keyboard.press("Home");
  await page.keyboard.press("Backspace");
  await chip.waitFor({ state: "detached" });
  equal(await input(page).inputValue(), "landlord tag:home/lease", "both parts are typed text again");
  await page.getByRole("button", { name: "Within" }).click();
  await page.keyboard.press("Escape");
  await chip.waitFor({ state: "detached" });
  equal(await input(page).inputValue(), "landlord tag:home/lease", "back at the query");
});

test("chips: a click edits, Backspace on one removes it", async (open) => {
  const page = await open();
  await search(page, "landlord tag:home/lease -draft");
  await page.getByRole("button", { name: "Edit tag:home/lease" }).click();
  equal(await input(page).evaluate((e) => e.value.slice(e.selectionStart, e.selectionEnd)), "tag:home/lease", "its text is selected");
  await page.keyboard.type("tag:home ");
  equal(await input(page).inputValue(), "landlord tag:home  -draft", "and typed over");
  const chips = page.locator(`${active} [data-chip]`);
  await page.getByRole("button", { name: "Edit tag:home" }).focus();
  await page.keyboard.press("ArrowRight");
  equal(await page.evaluate(() => document.activeElement.textContent.trim()), "−draft", "arrows go along the chips");
  await page.keyboard.press("Backspace");
  await becomes(() => chips.allInnerTexts(), ["tag:home"], "one is left");
  equal(await page.evaluate(() => document.activeElement.textContent.trim()), "tag:home", "the one before has the focus");
  await page.keyboard.press("Backspace");
  await becomes(() => input(page).inputValue(), "landlord", "the query");
  expect(await focused(page), "the focus is in the box");
});

test("completion: tags, notebooks, notes and values are offered; the arrows enter only what is offered", async (open) => {
  const page = await open();
  await input(page).focus();
  await page.keyboard.type("rent tag:ho");
  await offers(page).first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await becomes(() => input(page).inputValue(), "rent tag:home/lease ", "the second tag");
  expect(await focused(page), "the focus is in the box");
  await page.keyboard.type("in:ho");
  await offers(page).filter({ hasText: "Home" }).first().click();
  await becomes(() => input(page).inputValue(), "rent tag:home/lease in:Home ", "the notebook");
  await page.keyboard.type("updated:la");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await becomes(() => input(page).inputValue(), 'rent tag:home/lease in:Home updated:"last week" ', "a value with a space is quoted");
  await input(page).fill("");
  await page.keyboard.type("is:");
  await offers(page).first().waitFor();
  await page.keyboard.press("Escape");
  await offers(page).first().waitFor({ state: "detached" });
  equal(await input(page).inputValue(), "is:", "Esc closes the list first");
});

test("completion: the name of a filter is a hint, and a key away", async (open) => {
  const page = await open();
  await input(page).focus();
  await page.keyboard.type("rent upd");
  await page.locator(`${active} .name-hint`, { hasText: "updated:" }).waitFor();
  await page.keyboard.press("ArrowDown");
  equal(await offers(page).count(), 0, "the arrows are still the list’s");
  await page.keyboard.press("Control+Space");
  await becomes(() => input(page).inputValue(), "rent updated:", "completed");
  await offers(page).filter({ hasText: "today" }).waitFor();
});

test("why: a key shows the parts of a hit’s score below it, and Esc hides them", async (open) => {
  const page = await open();
  await search(page, "landlord");
  await page.keyboard.press("Alt+Enter");
  const why = page.getByTestId("why");
  await why.getByText("words", { exact: true }).waitFor();
  await page.getByRole("status").getByText(/^words \d/).waitFor();
  await page.keyboard.press("Escape");
  await why.waitFor({ state: "detached" });
  equal(await input(page).inputValue(), "landlord", "the query stays");
  await page.keyboard.press("Alt+Enter");
  await why.waitFor();
  await page.keyboard.press("ArrowDown");
  await why.waitFor({ state: "detached" });
});

async function duplicates(page) {
  await page.keyboard.press("Control+Shift+P");
  await page.keyboard.type("duplicate");
  await page.keyboard.press("Enter");
}
const groups = (page) => page.getByTestId("duplicates");

test("duplicates: groups are compared side by side; one is kept, the others go to the trash, and come back", async (open) => {
  const page = await open("?duplicates");
  await duplicates(page);
  await page.getByRole("progressbar", { name: "Comparing notes" }).waitFor();
  await groups(page).nth(2).waitFor();
  expect(await page.getByRole("listbox", { name: "Groups of duplicates" }).evaluate((e) => e === document.activeElement), "the list has the focus");
  const two = groups(page).filter({ hasText: "Moving out" });
  await two.click();
  const text = page.getByRole("region", { name: "Differences, side by side" });
  await text.locator("del", { hasText: "30" }).waitFor();
  equal(await text.locator("ins").first().innerText(), "31", "what differs");
  await page.getByRole("button", { name: "Keep one, move the other to the trash" }).click();
  await becomes(() => groups(page).count(), 2, "the group is done");
  const [[ids]] = await calls(page, "trashNotes");
  equal(ids.length, 1, "one was moved");
  await page.getByRole("button", { name: "Undo" }).click();
  await becomes(() => groups(page).count(), 3, "the group is back");
  equal((await calls(page, "restoreNotes")).at(-1), [ids], "and the note");
});

test("duplicates: another note is kept by keys alone", async (open) => {
  const page = await open("?duplicates");
  await duplicates(page);
  const three = groups(page).filter({ hasText: "3 notes" });
  await three.waitFor();
  while ((await three.getAttribute("aria-selected")) !== "true") await page.keyboard.press("ArrowDown");
  const keep = page.getByRole("radiogroup", { name: "Keep" });
  await keep.getByRole("radio").first().focus();
  await page.keyboard.press("ArrowDown");
  const kept = await keep.getByRole("radio").evaluateAll((all) => all.findIndex((e) => e.checked));
  equal(kept, 1, "the second one");
  await page.getByRole("button", { name: "Keep one, move 2 others to the trash" }).press("Enter");
  await becomes(() => groups(page).count(), 2, "the group is done");
});

test("duplicates: can be cancelled, and say when there are none or it failed", async (open) => {
  const slow = await open("?slow=200");
  await duplicates(slow);
  await slow.getByRole("button", { name: "Cancel" }).click();
  await slow.getByText("Cancelled").waitFor();
  const none = await open();
  await duplicates(none);
  await none.getByRole("heading", { name: "No duplicates" }).waitFor();
  const failing = await open("?fail=findDuplicates");
  await duplicates(failing);
  await failing.getByText("The disk said no").waitFor();
});
