import { equal, expect, test } from "./harness.mjs";

const called = (page, name) => page.evaluate((n) => window.fakeShell.calls.filter((c) => c.name === n).map((c) => c.args), name);

test("quick: type, arrow, Enter opens the note in the main window and hides", async (open) => {
  const page = await open("", { page: "quick.html", width: 720, height: 440 });
  await page.keyboard.type("deposit");
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "hideQuick"));
  const [[, query]] = await called(page, "openInMain");
  equal(query, "deposit", "the words to find");
});

test("quick: Ctrl+C copies the passage, Esc hides, showing again is empty and focused", async (open) => {
  const page = await open("", { page: "quick.html", width: 720, height: 440 });
  await page.keyboard.type("deposit");
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("Control+c");
  await page.getByText("Copied the passage").waitFor();
  const [[text]] = await called(page, "copyText");
  expect(text.toLowerCase().includes("deposit"), "the passage");
  await page.keyboard.press("Escape");
  equal((await called(page, "hideQuick")).length, 1, "hidden");
  await page.evaluate(() => {
    document.activeElement.blur();
    window.fakeShell.showQuick();
  });
  equal(await page.getByRole("combobox").inputValue(), "", "empty");
  expect(await page.getByRole("combobox").evaluate((e) => e === document.activeElement), "focused");
  equal(await page.getByRole("option").count(), 0, "no hits left over");
});

test("quick: Ctrl+Enter makes a note of the text", async (open) => {
  const page = await open("", { page: "quick.html", width: 720, height: 440 });
  await page.keyboard.type("Call the dentist");
  await page.keyboard.press("Control+Enter");
  await page.waitForFunction(() => window.fakeShell.calls.some((c) => c.name === "openInMain"));
  equal((await called(page, "createNote"))[0][0].title, "Call the dentist", "its title");
});
