import { becomes, equal, expect, test } from "./harness.mjs";

const active = '[role=tabpanel]:not([hidden])';

async function openSettings(page) {
  await page.keyboard.press("Control+,");
  const section = page.locator(`${active} section`, { has: page.getByRole("heading", { name: "Language model for answers" }) });
  await section.scrollIntoViewIfNeeded();
  return section;
}

const saved = (page) => page.evaluate(() => window.fakeShell.calls.findLast((c) => c.name === "saveLanguageModel")?.args[0] ?? null);
const switchOf = (section, name) => section.getByRole("radiogroup", { name: "Answer questions with a language model" }).getByRole("radio", { name, exact: true });

test("language model: a server on this computer is found, tried and switched on", async (open) => {
  const page = await open("", { width: 900, height: 600, dark: true });
  const section = await openSettings(page);
  await switchOf(section, "Off").and(page.locator(":checked")).waitFor({ state: "attached" });
  const asked = await page.evaluate(() => window.fakeShell.calls.map((c) => c.name).filter((name) => /detect|test|listLanguage/.test(name)));
  equal(asked, [], "what is asked before the person asks");
  // There is nothing to switch on yet.
  await switchOf(section, "On").click({ force: true });
  await section.getByRole("alert").getByText(/it is empty/).waitFor();
  await becomes(() => switchOf(section, "Off").isChecked(), true, "the switch is off");
  await section.getByRole("button", { name: "Look for servers" }).click();
  await section.getByRole("button", { name: "Use Ollama" }).click();
  equal(await section.getByLabel("Address").inputValue(), "http://127.0.0.1:11434", "the address");
  await section.getByLabel("Model", { exact: true }).selectOption("llama3.2:3b");
  await section.getByRole("button", { name: "Test the model" }).click();
  await section.getByText("It answered “ready” after 0.8 s.").waitFor();
  await switchOf(section, "On").click({ force: true });
  await becomes(async () => { const { enabled, api, model } = await saved(page); return { enabled, api, model }; }, { enabled: true, api: "ollama", model: "llama3.2:3b" }, "what is stored");
  equal(await section.getByRole("alert").count(), 0, "problems");
  await section.getByText("Nothing, while the address is one of this computer").waitFor();
  expect(!(await page.locator(".settings").evaluate((e) => e.scrollWidth > e.clientWidth)), "nothing is wider than the page");
});

test("language model: another host has to be allowed, and its key is never shown again", async (open) => {
  const page = await open("", { width: 900, height: 600 });
  const section = await openSettings(page);
  await section.getByLabel("Address").fill("https://api.example.org/v1");
  await section.getByLabel("Model", { exact: true }).fill("large");
  await section.getByText("Each question that the model answers is sent to api.example.org").waitFor();
  await switchOf(section, "On").click({ force: true });
  await section.getByRole("alert").getByText("api.example.org is not among the hosts that notes may be sent to").waitFor();
  await section.getByRole("button", { name: "Allow api.example.org" }).click();
  equal(await section.getByLabel("Hosts that notes may be sent to").inputValue(), "api.example.org", "the allowed hosts");
  await switchOf(section, "On").click({ force: true });
  await becomes(async () => (await saved(page)).enabled, true, "it is on");
  await section.getByRole("button", { name: "Test the model" }).click();
  await section.getByText("api.example.org refuses the key, or wants one").waitFor();
  const key = section.getByLabel("Key", { exact: true });
  equal(await key.getAttribute("type"), "password", "how the key is typed");
  await key.fill("sk-secret");
  await section.getByRole("button", { name: "Keep the key" }).click();
  await section.getByText(/A key for api\.example\.org is in the system's keyring/).waitFor();
  expect(!(await page.content()).includes("sk-secret"), "the key is nowhere on the page");
  expect(!JSON.stringify(await saved(page)).includes("sk-secret"), "the key is not among the settings");
  await section.getByRole("button", { name: "Test the model" }).click();
  await section.getByText(/It answered/).waitFor();
  // Without encryption only if the person says so.
  await section.getByLabel("Address").fill("http://nas.local:8080");
  await section.getByLabel("Address").press("Tab");
  await section.getByRole("button", { name: "Allow http://nas.local:8080" }).waitFor();
  await section.getByText("Only if the server wants one").waitFor();
  await section.getByRole("alert").getByText(/nas\.local:8080 is not among the hosts/).waitFor();
  await becomes(async () => { const { enabled, base_url } = await saved(page); return { enabled, base_url }; }, { enabled: false, base_url: "http://nas.local:8080" }, "what is shown is what is stored, switched off");
  await section.getByLabel("Address").fill("https://api.example.org/v1");
  await section.getByLabel("Address").press("Tab");
  await section.getByRole("button", { name: "Forget the key" }).click();
  await key.waitFor();
});

test("language model: notebooks are excluded, and a deaf server can be left", async (open) => {
  const page = await open("?deafmodel&nokeyring");
  const section = await openSettings(page);
  await section.getByLabel(/^Notebooks that are never shown/).selectOption("Home");
  const excluded = section.getByRole("list", { name: "Excluded notebooks" });
  await excluded.getByText("Home").waitFor();
  await becomes(async () => (await saved(page)).excluded_notebooks, ["Home"], "what is stored");
  await excluded.getByRole("button", { name: "Exclude Home no longer" }).click();
  await excluded.waitFor({ state: "detached" });
  await section.getByLabel("Address").fill("http://127.0.0.1:8080");
  await section.getByLabel("Model", { exact: true }).fill("m");
  await section.getByRole("button", { name: "Test the model" }).click();
  await section.getByRole("button", { name: "Cancel" }).click();
  await section.getByRole("button", { name: "Test the model" }).waitFor();
  equal(await section.getByTestId("language-model-outcome").count(), 0, "what a cancelled test says");
  await section.getByLabel("Key", { exact: true }).fill("k");
  await section.getByRole("button", { name: "Keep the key" }).click();
  await section.getByText(/is kept until you close the app/).waitFor();
});
