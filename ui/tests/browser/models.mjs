import { equal, expect, test } from "./harness.mjs";

const active = '[role=tabpanel]:not([hidden])';

async function openSettings(page) {
  await page.keyboard.press("Control+,");
  await page.locator(`${active} h1`, { hasText: "Settings" }).waitFor();
}

test("models: a folder is tried, used while the old model serves, and left again", async (open) => {
  const page = await open("", { width: 900, height: 600, dark: true });
  await openSettings(page);
  await page.getByText("all-MiniLM-L6-v2, built in").waitFor();
  await page.getByRole("button", { name: "Choose a folder…" }).click();
  const dialog = page.getByRole("dialog", { name: "Language model" });
  equal(await dialog.getByLabel("Before each query").inputValue(), "query: ", "what the folder says");
  await dialog.getByText(/40 notes will be prepared again in the background, for about 7 min/).waitFor();
  await dialog.getByRole("radio", { name: "English only" }).check({ force: true });
  await dialog.getByRole("button", { name: "Use this model" }).click();
  const change = page.getByRole("group", { name: "Change of the language model" });
  await change.getByText(/Changing to multilingual-e5-small/).waitFor();
  await page.locator(".status button", { hasText: /new model \d+ \/ 40/ }).waitFor();
  await change.getByRole("button", { name: "Pause" }).click();
  await page.locator(".status button", { hasText: /new model \d+ \/ 40, paused/ }).waitFor();
  await change.getByRole("button", { name: "Keep the present model" }).click();
  await change.waitFor({ state: "detached" });
  await page.locator(".status").getByRole("button", { name: "Resume" }).click();
  // Once more, to the end.
  await page.getByRole("button", { name: "Choose a folder…" }).click();
  await dialog.getByRole("button", { name: "Use this model" }).click();
  await page.getByText("multilingual-e5-small, taught many languages, 384 dimensions").waitFor();
  expect(!(await page.locator(".settings").evaluate((e) => e.scrollWidth > e.clientWidth)), "nothing is wider than the page");
  await page.getByRole("button", { name: "Built-in model" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Go back" }).click();
  await page.getByText("all-MiniLM-L6-v2, built in").waitFor();
});

test("models: a folder that does not fit names the file", async (open) => {
  const page = await open("?badmodel");
  await openSettings(page);
  await page.getByRole("button", { name: "Choose a folder…" }).click();
  const dialog = page.getByRole("dialog", { name: "Language model" });
  await dialog.getByRole("alert").getByText(/tokenizer\.json: there is no such file/).waitFor();
  equal(await dialog.getByRole("button", { name: "Use this model" }).count(), 0, "ways to use it");
  await dialog.getByRole("button", { name: "Close" }).click();
});

test("models: the list to download opens pages outside and says where files go", async (open) => {
  const page = await open();
  await openSettings(page);
  await page.getByText("Models to download").click();
  await page.getByText("many languages · about 472 MB · 384 dimensions · MIT").waitFor();
  await page.getByRole("button", { name: "Open the page of intfloat/multilingual-e5-small" }).click();
  const opened = await page.evaluate(() => window.fakeShell.calls.findLast((c) => c.name === "openLink").args[0]);
  equal(opened, "https://huggingface.co/intfloat/multilingual-e5-small/tree/main", "the page");
});
