/** Notes in this notebook are templates for others. */
export const TEMPLATES = "Templates";

/** What is filled in: `{{date}}`, `{{time}}`, `{{weekday}}`, `{{title}}`. Anything else in braces stays as it is. */
export function fillIn(text: string, now: Date, title = ""): string {
  const pad = (value: number): string => String(value).padStart(2, "0");
  const values: Record<string, string> = {
    date: `${String(now.getFullYear())}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`,
    time: `${pad(now.getHours())}:${pad(now.getMinutes())}`,
    weekday: now.toLocaleDateString("en-GB", { weekday: "long" }),
    title,
  };
  return text.replace(/\{\{\s*(date|time|weekday|title)\s*\}\}/gi, (_all, name: string) => values[name.toLowerCase()] ?? "");
}
