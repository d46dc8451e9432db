/** Commands and their keys: found, run, changed. */
import { becomes, equal, expect, test } from "./harness.mjs";

const panel = "[role=tabpanel]:not([hidden])";
const lastBody = (page) => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "saveNote").at(-1)?.args[2].body ?? null);

async function note(page, body) {
  const id = await page.evaluate((b) => window.fakeShell.write("Test note", b), body);
  await page.evaluate((n) => window.fakeShell.openNote(n, ""), id);
  await page.locator(`${panel} .cm-line`).first().click();
  await page.keyboard.press("End");
}

async function command(page, words) {
  await page.keyboard.press("Control+Shift+P");
  await page.keyboard.type(words);
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

test("keys: what one writes with has keys that can be changed, and stands in the palette", async (open) => {
  const page = await open();
  await note(page, "some words");
  await page.keyboard.press("Control+b");
  await becomes(() => lastBody(page), "some **words**", "bold by its key");
  await command(page, "heading 2");
  await becomes(() => lastBody(page), "## some **words**", "a heading from the palette");
  await page.keyboard.press("Control+,");
  await page.getByRole("button", { name: /^Bold:/ }).click();
  await page.keyboard.press("Control+Alt+y");
  await page.getByRole("button", { name: /^Bold: Ctrl\s*Alt\s*Y/ }).waitFor();
  await page.keyboard.press("Control+w");
  await page.locator(`${panel} .cm-line`).first().click();
  await page.keyboard.press("End");
  for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Control+b");
  await page.keyboard.press("Control+Alt+y");
  await becomes(() => lastBody(page), "## some words", "the old key does nothing, the new one takes it off again");
});

test("keys: one that means something in notes and lists is not given away", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+,");
  await page.getByRole("button", { name: /^New note:/ }).click();
  await page.keyboard.press("Control+z");
  await page.getByText("already runs “Undo, redo (in notes and lists)”").waitFor();
});

test("keys: writing keys are for the text alone", async (open) => {
  const page = await open();
  await page.keyboard.type("landlord");
  await page.locator(`${panel} [role=option]`).first().waitFor();
  await page.keyboard.press("Control+b");
  await page.keyboard.press("Control+Alt+1");
  equal(await page.locator(`${panel} input[role=combobox]`).inputValue(), "landlord", "the query is as it was");
  await command(page, "bold");
  await page.getByText("Open a note first.").waitFor();
});

test("keys: the palette puts what is in use first, also after a restart", async (open) => {
  const page = await open();
  await command(page, "diagnostics");
  await page.keyboard.press("Control+Shift+P");
  await becomes(() => page.getByRole("option").first().innerText().then((text) => text.startsWith("Diagnostics")), true, "it leads");
  await page.keyboard.press("Escape");
  await page.reload();
  await page.waitForSelector(".window");
  await page.keyboard.press("Control+Shift+P");
  await becomes(() => page.getByRole("option").first().innerText().then((text) => text.startsWith("Diagnostics")), true, "it still leads");
});

test("keys: a setting is found by its words", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+,");
  const field = page.getByLabel("Find a setting");
  await field.fill("typewriter");
  await page.getByRole("switch", { name: "Typewriter mode" }).waitFor();
  await page.getByRole("heading", { name: "Looks" }).waitFor({ state: "hidden" });
  await page.getByRole("switch", { name: "Check spelling" }).waitFor({ state: "hidden" });
  await field.fill("no such thing at all");
  await page.getByText("No setting by that name.").waitFor();
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByRole("heading", { name: "Looks" }).waitFor();
  await page.keyboard.press("F1");
  const help = page.getByRole("dialog", { name: "Keys and help" });
  await help.getByRole("heading", { name: "Writing" }).waitFor();
  expect((await help.innerText()).includes("Numbered list"), "the help has the writing keys");
});
