import { run } from "./harness.mjs";
import "./access.mjs";
import "./ask.mjs";
import "./folders.mjs";
import "./finding.mjs";
import "./journeys.mjs";
import "./keys.mjs";
import "./language-model.mjs";
import "./library.mjs";
import "./models.mjs";
import "./organise.mjs";
import "./places.mjs";
import "./quick.mjs";
import "./search.mjs";
import "./tabs.mjs";
import "./window.mjs";
import { existsSync } from "node:fs";

// Tests of the editor and the tasks stand in files of their own.
for (const name of ["notes", "tasks", "editor"]) {
  const file = new URL(`./${name}.mjs`, import.meta.url);
  if (existsSync(file)) await import(file.href);
}

await run(process.argv[2] ?? "");
