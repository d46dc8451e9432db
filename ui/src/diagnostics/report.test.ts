import { describe, expect, test } from "vitest";
import { api } from "../api";
import { histogramText, reportOf, tablesOf } from "./report";

describe("diagnostics", () => {
  test("the report has every figure of the tables, and the operations", async () => {
    const diagnostics = await api.diagnostics();
    const report = reportOf(diagnostics);
    for (const { rows } of tablesOf(diagnostics)) for (const [name, value] of rows) expect(report).toContain(`  ${name}: ${value}`);
    expect(report).toMatch(/^Commonplace 0\.1\.0\nData folder: \/home\/you/);
    expect(report).toContain("  open note: 130 times, p50 0.5 ms, p95 2.0 ms, p99 4.1 ms, max 4.1 ms (up to 0.5 ms: 88,");
  });

  test("what is not known is said so", async () => {
    const diagnostics = await api.diagnostics();
    const report = reportOf({ ...diagnostics, resident_bytes: null, meaning: { ...diagnostics.meaning, model: null, dims: null, waiting_for: "Waiting while you type" } });
    for (const line of ["In use: not known here", "Model: none", "Dimensions: none", "Why: Waiting while you type"]) expect(report).toContain(line);
  });

  test("a histogram reads as its filled buckets", () => {
    expect(histogramText([{ up_to_ms: 1, count: 0 }, { up_to_ms: 2, count: 61 }, { up_to_ms: 1000, count: 1 }])).toBe("up to 2.0 ms: 61, up to 1.0 s: 1");
    expect(histogramText([])).toBe("none yet");
  });
});
