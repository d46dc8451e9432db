/** Serves the built pages and drives them in Chromium against the in-memory api. No framework: a test is a name and a function. */
import { chromium } from "playwright-core";
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".woff": "font/woff" };
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** As strict as the shell's, so that what it would forbid fails here. */
const CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

export async function serve() {
  if (!existsSync(join(DIST, "index.html"))) throw new Error("ui/dist is missing: run `npm run build` first");
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname).replace(/^([./\\])+/, "");
    const file = join(DIST, path);
    if (!existsSync(file) || path === "") {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": CSP });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { base: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

export async function launch() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

const tests = [];

/** `run` gets `open(query, options)`, which opens the page in a context of its own. */
export function test(name, run) {
  tests.push({ name, run });
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(actual, expected, message) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${message}: expected ${b}, got ${a}`);
}

/** Waits until `read` gives `expected`: a page needs a moment after a click or a key. */
export async function becomes(read, expected, message) {
  const end = Date.now() + 30_000;
  for (;;) {
    const actual = await read();
    if (JSON.stringify(actual) === JSON.stringify(expected)) return;
    if (Date.now() > end) equal(actual, expected, message);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function run(filter) {
  const chosen = tests.filter((t) => t.name.includes(filter));
  if (!existsSync(CHROMIUM)) {
    console.log(`skipped: there is no ${CHROMIUM}; set CHROMIUM to a browser`);
    console.log(`0 passed, 0 failed, ${chosen.length} skipped`);
    return;
  }
  const { base, close } = await serve();
  const browser = await launch();
  let passed = 0;
  let failed = 0;
  for (const { name, run: body } of chosen) {
    const contexts = [];
    const errors = [];
    const open = async (query = "", { page: file = "index.html", width = 1280, height = 800, dark = false, context = null } = {}) => {
      const home = context ?? (await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" }));
      if (!context) contexts.push(home);
      const page = await home.newPage();
      // Generous: a busy machine is slow, and a right page is not made wrong by that.
      page.setDefaultTimeout(60_000);
      page.on("pageerror", (e) => errors.push(e.stack ?? e.message));
      page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
      await page.goto(`${base}/${file}${query}`);
      await page.waitForSelector(file === "quick.html" ? ".quick" : ".window");
      return page;
    };
    try {
      await body(open);
      if (errors.length > 0) throw new Error(`the page reported: ${errors.join("\n")}`);
      passed += 1;
      console.log(`ok    ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name}\n      ${String(error.stack ?? error).split("\n").slice(0, 8).join("\n      ")}`);
    }
    for (const context of contexts) await context.close();
  }
  await browser.close();
  close();
  console.log(`${passed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}
