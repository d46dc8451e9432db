import { beforeEach, expect, test } from "vitest";
import { Uses } from "./uses";

const DAY = 86_400_000;
beforeEach(() => localStorage.clear());

test("often and lately count, and are kept", () => {
  const uses = new Uses(localStorage);
  uses.count("often", 0);
  uses.count("often", DAY);
  uses.count("lately", 10 * DAY);
  expect(uses.of("often", 10 * DAY)).toBeGreaterThan(uses.of("lately", 10 * DAY));
  expect(uses.of("often", 10 * DAY)).toBeLessThan(2);
  expect(new Uses(localStorage).of("often", 10 * DAY)).toBe(uses.of("often", 10 * DAY));
  expect(uses.of("never")).toBe(0);
});

test("two hundred are kept", () => {
  const uses = new Uses(localStorage);
  for (let i = 0; i < 220; i++) uses.count(`thing ${String(i)}`, i * DAY);
  expect(uses.of("thing 0", 220 * DAY)).toBe(0);
  expect(uses.of("thing 219", 220 * DAY)).toBeGreaterThan(0);
});

test.each(["{broken", "7", '{"a":{"weight":"1"}}'])("%s is nothing", (json) => {
  localStorage.setItem("palette-uses", json);
  expect(new Uses(localStorage).of("a")).toBe(0);
});
