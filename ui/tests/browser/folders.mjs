import { becomes, equal, expect, test } from "./harness.mjs";

const active = "[role=tabpanel]:not([hidden])";

async function settings(open, query = "") {
  const page = await open(query);
  await page.keyboard.press("Control+,");
  await page.locator("#watched-folders").scrollIntoViewIfNeeded();
  return page;
}

test("folders: one is added with a notebook of its name, paused, and given up again", async (open) => {
  const page = await settings(open);
  await page.getByRole("button", { name: "Add a folder…" }).click();
  equal(await page.getByLabel("Notebook", { exact: true }).inputValue(), "Vault", "the folder's name is offered");
  await page.keyboard.press("Enter");
  const folder = page.getByTestId("watched-folder");
  await folder.getByText("In step").waitFor();
  await page.getByRole("button", { name: /^Pause / }).click();
  await folder.getByText("Paused").waitFor();
  await page.getByRole("button", { name: "Add a folder…" }).click();
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("is a watched folder already").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^Stop watching / }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Stop watching" }).click();
  await becomes(() => folder.count(), 0, "it is gone from the list");
});

test("folders: an emptied folder asks, wherever one is, and takes an answer", async (open) => {
  const page = await open("?folders");
  await page.getByRole("button", { name: "Decide" }).click();
  const folder = page.getByTestId("watched-folder").nth(1);
  await folder.getByText("214 of 214 files are gone").waitFor();
  expect(await folder.getByText("Permission denied").isVisible(), "the problem is told");
  await folder.getByRole("button", { name: "Look again" }).click();
  await folder.getByRole("button", { name: "Move 214 notes to the trash" }).waitFor();
  await folder.getByRole("button", { name: /^Keep the notes/ }).click();
  await folder.getByText("In step").waitFor();
  equal(await folder.getByRole("alert").count(), 0, "the question is gone");
});

test("export: a note, what a search found, and everything", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+p");
  await page.keyboard.type("sourd");
  await page.keyboard.press("Enter");
  await page.locator(active).getByRole("button", { name: "Export" }).click();
  const dialog = page.getByRole("dialog", { name: "Export" });
  await dialog.getByRole("radio", { name: /^PDF/ }).check();
  await dialog.getByRole("button", { name: "Export…" }).click();
  await dialog.getByRole("progressbar").waitFor();
  await page.getByText(/^Exported to .*\.pdf$/).waitFor();
  await page.keyboard.press("Control+t");
  await page.keyboard.type("bread");
  await page.getByRole("button", { name: "Export these notes" }).click();
  await page.getByRole("heading", { name: "Export bread" }).waitFor();
  await dialog.getByRole("button", { name: "Export…" }).click();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await becomes(() => dialog.getByRole("progressbar").count(), 0, "it was cancelled");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.keyboard.press("Control+Shift+P");
  await page.keyboard.type("export all");
  await page.keyboard.press("Enter");
  equal(await dialog.getByRole("radio").count(), 2, "everything goes into a folder or an archive");
});
