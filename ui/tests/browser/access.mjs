import { createRequire } from "node:module";
import { expect, test } from "./harness.mjs";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

async function check(page, where) {
  // Bypasses the page's policy, as a browser's own tools do.
  const session = await page.context().newCDPSession(page);
  const { readFile } = await import("node:fs/promises");
  await session.send("Runtime.evaluate", { expression: await readFile(axe, "utf8") });
  const violations = await page.evaluate(async () => {
    const result = await window.axe.run(document, { resultTypes: ["violations"], rules: { region: { enabled: false } } });
    // The list of completions is scrolled by the keys of the text field that it belongs to.
    for (const v of result.violations) if (v.id === "scrollable-region-focusable") v.nodes = v.nodes.filter((n) => !n.target.join(" ").startsWith("#cm-ac-"));
    return result.violations.filter((v) => v.nodes.length > 0).map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? ""}`).join("; ")}`);
  });
  expect(violations.length === 0, `${where}: ${violations.join("\n      ")}`);
}

const screens = {
  start: async () => undefined,
  search: async (page) => {
    await page.keyboard.type("landlord deposit -draft");
    await page.locator("[role=option]").first().waitFor();
  },
  "narrowed search": async (page) => {
    await page.keyboard.type("landlrd rent");
    await page.getByText("Also searched").waitFor();
    await page.getByRole("button", { name: "Narrow" }).click();
    await page.getByRole("group", { name: "Tag" }).waitFor();
  },
  "nothing found": async (page) => {
    await page.keyboard.type("ladlrd in:Home tag:tax");
    await page.getByText("Nothing found").waitFor();
  },
  "changed search": async (page) => {
    await page.keyboard.type("landlord");
    await page.locator("[role=option]").nth(1).click({ button: "right" });
    await page.getByRole("menuitem", { name: "Move to the trash" }).click();
    await page.getByText("no longer matches").first().waitFor();
    await page.evaluate(() => window.fakeShell.write("Landlord", "landlord"));
    await page.getByText("1 new hit", { exact: true }).waitFor();
  },
  split: async (page) => {
    await page.keyboard.type("landlord");
    await page.keyboard.press("Control+d");
    await page.locator(".cm-content").waitFor();
    await page.keyboard.press("Control+\\");
    await page.getByRole("tablist").nth(1).waitFor();
  },
  list: async (page) => {
    await page.locator("[role=treeitem]", { hasText: "All notes" }).click();
    await page.locator("[role=option]").first().waitFor();
  },
  tasks: async (page) => {
    await page.locator("[role=treeitem]", { hasText: "Tasks" }).first().click();
    await page.getByRole("heading", { name: "Tasks" }).waitFor();
    await page.locator("[role=tabpanel]:not([hidden]) [role=option]").first().waitFor();
  },
  task: async (page) => {
    await screens.tasks(page);
    await page.locator("[role=tabpanel]:not([hidden]) [role=listbox]").focus();
    await page.keyboard.press("F2");
    await page.getByRole("dialog", { name: "Edit task" }).waitFor();
  },
  "note with all it can have": async (page) => {
    const body =
      "# Head\n\nA note[^1] with $x^2$ and **bold** ==seen== `code` #tag [[Moving out]].\n\n$$\n\\frac{1}{2}\n$$\n\n> [!warning] Mind\n> the gap\n\n- [x] done\n- [ ] task\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\nconst a = 'x'; // y\n```\n\nשלום\n\n[^1]: A footnote.";
    await page.evaluate((b) => window.fakeShell.openNote(window.fakeShell.write("All", b), ""), body);
    await page.locator(".cm-formula math").nth(1).waitFor();
  },
  "slash menu": async (page) => {
    await page.evaluate(() => window.fakeShell.openNote(window.fakeShell.write("Empty", "text\n\n"), ""));
    await page.locator(".cm-line").nth(2).click();
    await page.keyboard.type("/");
    await page.locator(".cm-tooltip-autocomplete li").first().waitFor();
  },
  imports: async (page) => {
    await page.locator("[role=treeitem]", { hasText: "Imports" }).click();
    await page.locator(".file").first().waitFor();
  },
  ask: async (page) => {
    await page.keyboard.press("Control+Shift+A");
    await page.keyboard.type("How much deposit does the landlord hold?");
    await page.keyboard.press("Enter");
    await page.getByText("In your notes’ own words.").waitFor();
    await page.getByRole("button", { name: /passages?$/ }).click();
    await page.getByRole("button", { name: /^Passage 1:/ }).focus();
    await page.getByRole("tooltip").waitFor();
  },
  "not in the notes": async (page) => {
    await page.keyboard.press("Control+Shift+A");
    await page.keyboard.type("What deposit did the zookeeper pay for penguins and giraffes?");
    await page.keyboard.press("Enter");
    await page.getByText("Not in your notes.").waitFor();
  },
  settings: async (page) => page.keyboard.press("Control+,"),
  "language model": async (page) => {
    await page.keyboard.press("Control+,");
    await page.getByRole("button", { name: "Look for servers" }).click();
    await page.getByRole("button", { name: "Use Ollama" }).waitFor();
    await page.getByLabel("Address").fill("https://api.example.org/v1");
    await page.getByLabel(/^Notebooks that are never shown/).selectOption("Home");
    await page.getByRole("button", { name: "List models" }).click();
    await page.getByText("is not among the hosts").waitFor();
  },
  diagnostics: async (page) => {
    await page.keyboard.press("Control+Shift+P");
    await page.keyboard.type("diagnostics");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Copy as text" }).waitFor();
  },
  passages: async (page) => {
    await page.keyboard.type("landlord");
    await page.getByTestId("hit").first().waitFor();
    await page.keyboard.press("ArrowRight");
    await page.getByTestId("passage").first().waitFor();
    await page.keyboard.press("Alt+Enter");
    await page.getByTestId("why").waitFor();
  },
  offers: async (page) => {
    await page.keyboard.type("landlord tag:");
    await page.getByTestId("offer").first().waitFor();
    await page.keyboard.press("ArrowDown");
  },
  matches: async (page) => {
    await page.keyboard.type("landlord");
    await page.getByTestId("hit").first().waitFor();
    await page.keyboard.press("Enter");
    await page.getByTestId("matches").waitFor();
  },
  palette: async (page) => {
    await page.keyboard.press("Control+p");
    await page.keyboard.type("tax");
    await page.getByRole("option").first().waitFor();
  },
  help: async (page) => page.keyboard.press("F1"),
  calendar: async (page) => {
    await page.keyboard.press("Control+Shift+D");
    await page.getByRole("button", { name: /, has a note$/ }).first().waitFor();
  },
  templates: async (page) => {
    await page.keyboard.press("Control+Shift+N");
    await page.getByRole("button", { name: "Make a first one" }).waitFor();
  },
  "around a note": async (page) => {
    await page.evaluate(() => window.fakeShell.openNote(2, ""));
    await page.locator(".cm-content").waitFor();
    await page.getByText("Around this note").click();
    await page.getByRole("group", { name: /^Notes around/ }).waitFor();
    await page.getByText("Mentioned without a link").click();
    await page.getByText("No other note has this name in its text.").waitFor();
  },
  menu: async (page) => {
    await page.locator("[role=treeitem]", { hasText: "Home" }).first().click({ button: "right" });
    await page.getByRole("menu").waitFor();
  },
  note: async (page) => {
    await page.keyboard.press("Control+p");
    await page.keyboard.type("Vector");
    await page.getByRole("option").first().waitFor();
    await page.keyboard.press("Enter");
    await page.locator("[role=tab][aria-selected=true]", { hasText: "Vector" }).waitFor();
    await page.locator(".cm-content").waitFor();
  },
};

for (const [name, prepare] of Object.entries(screens)) {
  for (const dark of [false, true]) {
    test(`access: ${name}, ${dark ? "dark" : "light"}`, async (open) => {
      const page = await open("", { dark });
      await prepare(page);
      await check(page, name);
    });
  }
}

// The screens with most on them, in strong colours.
for (const name of ["search", "tasks", "task", "settings", "note", "slash menu", "note with all it can have"]) {
  for (const dark of [false, true]) {
    test(`access: ${name}, high contrast, ${dark ? "dark" : "light"}`, async (open) => {
      const page = await open("", { dark });
      await page.evaluate(() => localStorage.setItem("page-settings", JSON.stringify({ contrast: "more" })));
      await page.reload();
      await page.waitForSelector(".window");
      await page.waitForFunction(() => document.documentElement.dataset.contrast === "more");
      await screens[name](page);
      await check(page, name);
    });
  }
}

for (const dark of [false, true]) {
  test(`access: duplicates, ${dark ? "dark" : "light"}`, async (open) => {
    const page = await open("?duplicates", { dark });
    await page.keyboard.press("Control+Shift+P");
    await page.keyboard.type("duplicate");
    await page.keyboard.press("Enter");
    await page.getByTestId("duplicates").first().waitFor();
    await page.locator("del").first().waitFor();
    await check(page, "duplicates");
  });
}

test("access: first run", async (open) => check(await open("?first"), "first run"));

test("access: quick window", async (open) => {
  const page = await open("", { page: "quick.html", width: 720, height: 440 });
  await page.keyboard.type("deposit");
  await page.getByRole("option").first().waitFor();
  await check(page, "quick");
});
