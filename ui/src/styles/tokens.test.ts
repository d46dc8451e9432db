import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const css = readFileSync("src/styles/tokens.css", "utf8");

function block(selector: string): Record<string, string> {
  const at = css.indexOf(`${selector} {`);
  const body = css.slice(at, css.indexOf("\n}", at));
  return Object.fromEntries([...body.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map((found) => [found[1] ?? "", found[2] ?? ""]));
}

const light = block(":root");
const dark = { ...light, ...block(':root[data-theme="dark"]') };
const strong = block(':root[data-contrast="more"]');
const THEMES = {
  light: { tokens: light, text: 4.5 },
  dark: { tokens: dark, text: 4.5 },
  "light, high contrast": { tokens: { ...light, ...strong }, text: 7 },
  "dark, high contrast": { tokens: { ...dark, ...strong, ...block(':root[data-theme="dark"][data-contrast="more"]') }, text: 7 },
};

type Colour = [number, number, number, number];

function colour(value: string): Colour {
  const hex = /^#([0-9a-f]{6})$/i.exec(value.trim())?.[1];
  if (hex) return [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)).concat(1) as Colour;
  const parts = /^rgb\((\d+) (\d+) (\d+) \/ ([\d.]+)\)$/.exec(value.trim())?.slice(1).map(Number);
  if (parts?.length === 4) return parts as Colour;
  throw new Error(`not a colour: ${value}`);
}

function over(top: Colour, below: Colour): Colour {
  return [0, 1, 2].map((i) => (top[i] ?? 0) * top[3] + (below[i] ?? 0) * (1 - top[3])).concat(1) as Colour;
}

/** Relative luminance and contrast ratio, as WCAG 2.2 defines them. */
function luminance([r, g, b]: Colour): number {
  const [x, y, z] = [r, g, b].map((unit) => (unit / 255 <= 0.04045 ? unit / 255 / 12.92 : ((unit / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * (x ?? 0) + 0.7152 * (y ?? 0) + 0.0722 * (z ?? 0);
}

function ratio(a: Colour, b: Colour): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
}

const SURFACES = ["canvas", "surface", "sunken", "selected", "selected-quiet"];
const TEXT: [string, string[]][] = [
  ["text", [...SURFACES, "code", "passage"]],
  ["text-2", SURFACES],
  ["text-3", [...SURFACES, "code"]],
  ["accent", ["canvas", "surface", "sunken"]],
  ["link", ["canvas", "surface"]],
  ["danger", ["canvas", "surface", "danger-soft"]],
  ["warn", ["canvas", "surface", "warn-soft", "code"]],
  ["ok", ["canvas", "surface", "ok-soft", "code"]],
  ["meaning", ["canvas", "surface", "meaning-soft", "code"]],
  ["accent-strong", ["accent-soft", "surface"]],
  ["on-accent", ["accent", "accent-strong"]],
  ["mark-text", ["mark"]],
  ["surface", ["danger"]],
];
const CONTROLS: [string, string[]][] = [
  ["field-line", ["canvas", "surface", "sunken"]],
  ["accent", SURFACES],
];

for (const [name, { tokens, text }] of Object.entries(THEMES)) {
  const of = (token: string): Colour => colour(tokens[`--${token}`] ?? "");
  const pairs = (list: [string, string[]][]) => list.flatMap(([front, backs]) => backs.map((back) => [front, back] as const));

  it.each(pairs(TEXT))(`${name}: %s on %s can be read`, (front, back) => {
    expect(ratio(of(front), of(back))).toBeGreaterThanOrEqual(text);
  });

  it.each(pairs(CONTROLS))(`${name}: %s on %s can be seen`, (front, back) => {
    expect(ratio(of(front), of(back))).toBeGreaterThanOrEqual(3);
  });

  it.each(["canvas", "surface", "sunken"])(`${name}: the faintest text under the pointer, on %s`, (back) => {
    expect(ratio(of("text-3"), over(of("hover"), of(back)))).toBeGreaterThanOrEqual(text);
  });
}
