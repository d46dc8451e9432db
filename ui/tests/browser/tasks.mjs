/** The list of tasks: what is done to one there stands in its note. */
import { becomes, equal, expect, test } from "./harness.mjs";

const panel = "[role=tabpanel]:not([hidden])";
const bodyOf = (page) => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "saveNote").at(-1)?.args[2].body ?? null);
const row = (page, words) => page.locator(`${panel} [role=option]`, { hasText: words });

const dayAhead = (page, count) =>
  page.evaluate((n) => {
    const day = new Date();
    day.setDate(day.getDate() + n);
    return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  }, count);

async function tasks(page, body) {
  await page.evaluate((b) => window.fakeShell.write("Chores", b), body);
  await page.locator("[role=treeitem]", { hasText: "Tasks" }).first().click();
  await page.locator(`${panel} [role=option]`).first().waitFor();
}

test("tasks: snoozed, given a priority and edited, written back to the note, and undone", async (open) => {
  const page = await open();
  await tasks(page, "# Chores\n\n- [ ] Wash the *car* 📅 2026-01-01\n- [ ] Other");
  await row(page, "Wash the *car*").click();
  await page.locator(`${panel} [role=listbox]`).focus();
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menuitemradio", { name: "Tomorrow" }).click();
  const tomorrow = await dayAhead(page, 1);
  await becomes(() => bodyOf(page), `# Chores\n\n- [ ] Wash the *car* 📅 ${tomorrow}\n- [ ] Other`, "snoozed");
  await row(page, "Wash the *car*").getByText("Tomorrow").waitFor();
  await row(page, "Wash the *car*").click({ button: "right" });
  await page.getByRole("menuitemradio", { name: "High ⏫" }).click();
  await becomes(() => bodyOf(page), `# Chores\n\n- [ ] Wash the *car* ⏫ 📅 ${tomorrow}\n- [ ] Other`, "its priority");
  await row(page, "Wash the *car*").locator(".priority").waitFor();
  await page.getByRole("button", { name: "Undo" }).last().click();
  await becomes(() => bodyOf(page), `# Chores\n\n- [ ] Wash the *car* 📅 ${tomorrow}\n- [ ] Other`, "taken back");
  await row(page, "Wash the *car*").locator(".priority").waitFor({ state: "detached" });
  await row(page, "Wash the *car*").click();
  await page.locator(`${panel} [role=listbox]`).focus();
  await page.keyboard.press("F2");
  const sheet = page.getByRole("dialog", { name: "Edit task" });
  await sheet.getByLabel("What is to be done").fill("Wash the van");
  await sheet.getByLabel("Due").fill("someday");
  await sheet.getByText("No such day").waitFor();
  await sheet.getByLabel("Due").fill("in 2 days");
  await sheet.getByLabel("Repeat").fill("every week");
  await sheet.getByText("Ticking it writes the next one").waitFor();
  await page.keyboard.press("Enter");
  await becomes(async () => bodyOf(page), `# Chores\n\n- [ ] Wash the van 🔁 every week 📅 ${await dayAhead(page, 2)}\n- [ ] Other`, "edited");
});

test("tasks: ticking one that is repeated writes the next, in the list and in the editor", async (open) => {
  const page = await open();
  const [today, next, after] = [await dayAhead(page, 0), await dayAhead(page, 3), await dayAhead(page, 6)];
  await tasks(page, `- [ ] Water the plants 🔁 every 3 days 📅 ${today}`);
  await row(page, "Water the plants").locator(".box").click();
  await becomes(() => bodyOf(page), `- [ ] Water the plants 🔁 every 3 days 📅 ${next}\n- [x] Water the plants 🔁 every 3 days 📅 ${today}`, "the next one stands above");
  await page.getByText(/Done, and again/).waitFor();
  await row(page, "Water the plants").click();
  await page.locator(`${panel} [role=listbox]`).focus();
  await page.keyboard.press("Enter");
  await page.locator(`${panel} .cm-task-box`).first().click();
  await becomes(
    () => bodyOf(page),
    `- [ ] Water the plants 🔁 every 3 days 📅 ${after}\n- [x] Water the plants 🔁 every 3 days 📅 ${next}\n- [x] Water the plants 🔁 every 3 days 📅 ${today}`,
    "in the editor, too",
  );
});

test("tasks: a new one goes to today's note", async (open) => {
  const page = await open();
  await tasks(page, "- [ ] Something");
  await page.getByRole("button", { name: "New task" }).click();
  await page.getByLabel("What is to be done").fill("Buy a stamp");
  await page.getByRole("dialog").getByRole("button", { name: "Tomorrow" }).click();
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await row(page, "Buy a stamp").getByText("Tomorrow").waitFor();
  expect((await bodyOf(page)).endsWith(`- [ ] Buy a stamp 📅 ${await dayAhead(page, 1)}\n`), "its line");
});

test("tasks: one that has moved meanwhile is not written over", async (open) => {
  const page = await open();
  const id = await page.evaluate(() => window.fakeShell.write("Chores", "- [ ] First\n- [ ] Latter"));
  await page.locator("[role=treeitem]", { hasText: "Tasks" }).first().click();
  await row(page, "Latter").click();
  await page.locator(`${panel} [role=listbox]`).focus();
  await page.keyboard.press("F2");
  await page.getByLabel("What is to be done").fill("Latter, changed");
  await page.evaluate((n) => window.fakeShell.edit(n, "- [ ] Zero\n- [ ] First\n- [ ] Latter"), id);
  await page.keyboard.press("Enter");
  await page.getByText("That task is no longer where it was").waitFor();
  await row(page, "Zero").waitFor();
});

test("tasks: a hundred thousand are listed, filtered and gone through", async (open) => {
  const page = await open("?tasks=100000");
  const measure = async (name, act, done) => {
    const begin = Date.now();
    await act();
    await done();
    return `${name} ${Date.now() - begin} ms`;
  };
  const figures = [];
  figures.push(
    await measure(
      "shown",
      () => page.locator("[role=treeitem]", { hasText: "Tasks" }).first().click(),
      () => page.getByText(/100,\d\d\d open tasks/).waitFor(),
    ),
  );
  expect((await page.locator(`${panel} [role=option]`).count()) < 100, "only what is in view exists");
  await page.locator(`${panel} [role=listbox]`).focus();
  figures.push(await measure("to the end", () => page.keyboard.press("End"), () => becomes(() => page.locator(`${panel} [aria-selected=true]`).count(), 1, "the last")));
  figures.push(await measure("filtered", () => page.getByLabel("Filter tasks").fill("task 77777 of"), () => page.getByText("1 open task", { exact: true }).waitFor()));
  console.log(`      100,000 tasks: ${figures.join(", ")} (with the test's own round trips)`);
  equal(await page.locator(`${panel} [role=option]`).count(), 1, "the one that is meant");
});
