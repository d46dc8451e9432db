import { equal, expect, test } from "./harness.mjs";

const active = '[role=tabpanel]:not([hidden])';

test("window: first run offers the welcome notebook, a folder, an import", async (open) => {
  const page = await open("?first");
  await page.getByRole("button", { name: /Open a folder of Markdown/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator("h1", { hasText: "All notes" }).waitFor();
});

test("window: Ctrl+P goes to a note, a tag, a notebook and a command", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+p");
  await page.keyboard.type("sourd");
  await page.getByRole("option", { name: /Sourdough/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Sourdough" }).waitFor();
  await page.keyboard.press("Control+p");
  await page.keyboard.type("#recipes/br");
  await page.keyboard.press("Enter");
  await page.locator(`${active} h1`, { hasText: "#recipes/bread" }).waitFor();
  await page.keyboard.press("Control+p");
  await page.keyboard.type("@flat");
  await page.keyboard.press("Enter");
  await page.locator(`${active} h1`, { hasText: "Home › Flat" }).waitFor();
  await page.keyboard.press("Control+Shift+P");
  await page.keyboard.type("settings");
  await page.keyboard.press("Enter");
  await page.locator(`${active} h1`, { hasText: "Settings" }).waitFor();
});

test("window: the palette gives the focus back", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+p");
  await page.keyboard.press("Escape");
  expect(await page.locator(`${active} input[role=combobox]`).evaluate((e) => e === document.activeElement), "the query has the focus again");
});

test("window: a new note can be typed into at once", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+n");
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Title");
  await page.keyboard.type("Zoo visit");
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Zoo visit" }).waitFor();
});

test("window: files dropped anywhere are imported, and every file is accounted for", async (open) => {
  const page = await open();
  await page.locator("[role=treeitem]", { hasText: "Travel" }).click();
  await page.evaluate(() => window.fakeShell.dropFiles("over", ["/home/you/Vault"]));
  await page.getByText("Drop to import into Travel").waitFor();
  await page.evaluate(() => window.fakeShell.dropFiles("drop", ["/home/you/Vault"]));
  await page.locator(`${active} h2`, { hasText: "Vault" }).waitFor();
  await page.locator(".status", { hasText: /import \d+ of 40/ }).waitFor();
  await page.locator(".files .state", { hasText: "Done" }).waitFor({ timeout: 10_000 });
  const counts = await page.locator(".filter").allInnerTexts();
  const [all, imported, skipped, failed] = counts.map((c) => Number(c.replace(/\D/g, "")));
  equal(imported + skipped + failed, all, "found = imported + skipped + failed");
  await page.getByRole("button", { name: /^Failed/ }).click();
  await page.locator(".file.failed").first().waitFor();
  equal(await page.locator(".file").count(), failed, "the failed ones are listed");
  await page.getByRole("button", { name: "Undo import" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Undo import" }).click();
  await page.locator(".files .state", { hasText: "Undone" }).waitFor();
});

test("window: an import can be paused and goes on where it stopped", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+Shift+I");
  await page.getByRole("radiogroup", { name: "Files that have changed" }).getByText("Keep both").click();
  await page.getByText("It becomes a note of its own.").waitFor();
  await page.getByRole("button", { name: "Choose a folder…" }).click();
  await page.locator(`${active}`).getByRole("button", { name: "Pause" }).click();
  await page.locator(".files .state", { hasText: "Paused" }).waitFor();
  const calls = await page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "startImport"));
  equal(calls[0].args[2], "keep_both", "what the dialog says of changed files");
  const done = await page.locator(".filter", { hasText: "Imported" }).innerText();
  await page.locator(`${active}`).getByRole("button", { name: "Resume" }).click();
  await page.locator(".files .state", { hasText: "Done" }).waitFor({ timeout: 10_000 });
  expect(done !== (await page.locator(".filter", { hasText: "Imported" }).innerText()), "nothing came after the pause");
});

test("window: an import can be cancelled", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+Shift+I");
  await page.getByRole("button", { name: "Choose a folder…" }).click();
  await page.locator(`${active}`).getByRole("button", { name: "Cancel" }).click();
  await page.locator(".files .state", { hasText: "Cancelled" }).waitFor();
});

test("window: theme, density and text size apply at once", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+,");
  await page.getByText("Dark", { exact: true }).click();
  equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark", "theme");
  await page.getByText("Compact", { exact: true }).click();
  equal(await page.evaluate(() => document.documentElement.dataset.density), "compact", "density");
  await page.getByRole("button", { name: "Larger text" }).click();
  equal(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize), "17px", "text size");
});

test("window: the global key is recorded; one that is taken shows why and what else to do", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+,");
  await page.getByRole("button", { name: /^Global key/ }).click();
  await page.keyboard.press("Control+Alt+t");
  await page.getByText("Another program already uses Ctrl+Alt+T").waitFor();
  await page.getByText("commonplace quick").waitFor();
});

test("window: a key is rebound, a conflict is refused, the rebinding works", async (open) => {
  const page = await open();
  await page.keyboard.press("Control+,");
  await page.getByRole("button", { name: /^New note:/ }).click();
  await page.keyboard.press("Control+p");
  await page.getByText("already runs “Go to anything”").waitFor();
  await page.getByRole("button", { name: /^Tasks:/ }).click();
  await page.keyboard.press("Control+Alt+k");
  await page.keyboard.press("Control+Alt+k");
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Tasks" }).waitFor();
});

test("window: F6 goes round the panes, F1 shows the keys", async (open) => {
  const page = await open();
  const pane = () => page.evaluate(() => document.activeElement.closest("[data-pane]")?.dataset.pane);
  equal(await pane(), "panel", "it starts in the panel");
  const seen = [];
  for (let i = 0; i < 4; i++) {
    await page.keyboard.press("F6");
    seen.push(await pane());
  }
  equal(seen, ["status", "sidebar", "tabs", "panel"], "round and back");
  await page.keyboard.press("F1");
  await page.getByRole("dialog", { name: "Keys and help" }).waitFor();
  await page.keyboard.press("Escape");
  equal(await pane(), "panel", "the focus is back");
});

test("window: the status tells what can be searched", async (open) => {
  const page = await open();
  await page.evaluate(() => window.fakeShell.setStatus({ words_pending: 3, meaning_pending: 12 }));
  await page.locator(".status", { hasText: "words 37 / 40" }).waitFor();
  await page.locator(".status button", { hasText: "meaning 28 / 40" }).click();
  await page.getByRole("dialog", { name: "What can be searched" }).waitFor();
});

test("window: preparing by meaning is paused and resumed in the status bar, as in the settings", async (open) => {
  const page = await open();
  const status = page.locator(".status");
  equal(await status.getByRole("button", { name: /Pause|Resume/ }).count(), 0, "nothing to pause");
  await page.evaluate(() => window.fakeShell.setStatus({ meaning_pending: 12 }));
  await status.getByRole("button", { name: "Pause", pressed: false }).click();
  await status.getByText("meaning 28 / 40, paused").waitFor();
  await page.keyboard.press("Control+,");
  equal(await page.getByRole("switch", { name: /searching by meaning/ }).isChecked(), false, "the switch in the settings");
  await page.evaluate(() => window.fakeShell.setStatus({}));
  await status.getByRole("button", { name: "Resume", pressed: true }).press("Enter");
  await status.getByRole("button", { name: "Resume" }).waitFor({ state: "detached" });
  equal(await page.getByRole("switch", { name: /searching by meaning/ }).isChecked(), true, "the switch in the settings");
});

test("window: the status says what embedding waits for", async (open) => {
  const page = await open();
  await page.evaluate(() => window.fakeShell.setStatus({ meaning_pending: 12, meaning_state: "waiting", waiting_for: "Waiting while you type" }));
  const trigger = page.locator(".status button", { hasText: "meaning 28 / 40, waiting" });
  equal(await trigger.getAttribute("title"), "Waiting while you type", "the tooltip");
  await trigger.click();
  await page.getByRole("dialog", { name: "What can be searched" }).getByText("Waiting while you type").waitFor();
  await page.getByRole("button", { name: "Pause" }).waitFor();
});

test("window: the diagnostics open from the settings, keep up, and can be copied", async (open) => {
  const page = await open("", { width: 900, height: 600, dark: true });
  const asked = () => page.evaluate(() => window.fakeShell.calls.filter((c) => c.name === "diagnostics").length);
  await page.keyboard.press("Control+,");
  await page.locator(active).getByRole("button", { name: "Diagnostics", exact: true }).click();
  const row = (table, name) => page.getByRole("table", { name: table }).getByRole("row", { name });
  await row("Store", "Notes 40").waitFor();
  await row("Meaning", "Model multilingual-e5-small").waitFor();
  await row("Memory", "In use 413 MB").waitFor();
  await row("How long operations take", /^save 80 5.0 ms/).getByRole("img", { name: /up to 200 ms: 1$/ }).waitFor();
  await page.evaluate(() => window.fakeShell.write("One more", "note"));
  await row("Store", "Notes 41").waitFor();
  const wide = await page.locator(".diagnostics").evaluate((e) => e.scrollWidth > e.clientWidth);
  expect(!wide, "nothing is wider than the page");
  await page.getByRole("button", { name: "Copy as text" }).click();
  const copied = await page.evaluate(() => window.fakeShell.calls.findLast((c) => c.name === "copyText").args[0]);
  expect(copied.includes("Store\n  Notes: 41") && copied.includes("Data folder: "), `the report: ${copied}`);
  await page.keyboard.press("Control+1");
  const before = await asked();
  await page.waitForTimeout(1500);
  equal(await asked(), before, "questions while it is not shown");
  await page.reload();
  await page.getByRole("tab", { name: "Diagnostics" }).click();
  await row("Store", /^Notes/).waitFor();
});

test("window: diagnostics that cannot be read say so", async (open) => {
  const page = await open("?fail=diagnostics");
  await page.keyboard.press("Control+Shift+P");
  await page.keyboard.type("diagnostics");
  await page.keyboard.press("Enter");
  await page.getByText("The diagnostics could not be read").waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
});

test("window: a note from the quick window opens", async (open) => {
  const page = await open();
  await page.evaluate(() => window.fakeShell.openNote(1, "deposit"));
  await page.locator("[role=tab][aria-selected=true]", { hasText: "Lease agreement 2024" }).waitFor();
});

test("window: nothing overflows at 900 × 600, nor at 200 % zoom", async (open) => {
  for (const [width, height] of [
    [900, 600],
    [640, 400],
  ]) {
    const page = await open("", { width, height });
    await page.keyboard.type("landlord");
    await page.locator(`${active} [role=option]`).first().waitFor();
    for (const key of ["Control+,", "Control+p"]) {
      await page.keyboard.press(key);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.body.scrollHeight > innerHeight);
      expect(!wide, `${width} × ${height} after ${key}: the page scrolls`);
    }
  }
});
