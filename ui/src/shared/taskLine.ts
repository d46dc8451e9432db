/** A task as its line says it, with the signs of Obsidian Tasks: 📅 due, 🔁 repeated, ⏫ and the like for how much it matters. */
import { addDays, addMonths, dateOf, isDay, nextWeekday, WEEKDAYS } from "./days";

/** From the least to the most; 0 is a task without a sign. */
export type Priority = -2 | -1 | 0 | 1 | 2 | 3;

export const PRIORITIES: readonly { value: Priority; sign: string; label: string }[] = [
  { value: 3, sign: "🔺", label: "Highest" },
  { value: 2, sign: "⏫", label: "High" },
  { value: 1, sign: "🔼", label: "Medium" },
  { value: 0, sign: "", label: "Normal" },
  { value: -1, sign: "🔽", label: "Low" },
  { value: -2, sign: "⏬", label: "Lowest" },
];

/** What comes before a task's words, up to and with its box. */
const TASK = /^(\s*(?:>\s*)*(?:[-*+]|\d+[.)])\s+\[)(.)(\]\s+)(.*)$/su;
const PRIORITY = /\s*([🔺⏫🔼🔽⏬])\ufe0f?/u;
const DUE = /(?:📅\ufe0f?|\bdue:)\s*(\d{4}-\d{2}-\d{2})/u;
/** Up to the next sign. */
const REPEAT = /🔁\ufe0f?\s*([^📅⏳🛫✅➕❌🔺⏫🔼🔽⏬#]*)/u;

export function priorityOf(text: string): Priority {
  const sign = PRIORITY.exec(text)?.[1];
  return PRIORITIES.find((one) => one.sign !== "" && one.sign === sign)?.value ?? 0;
}

export function dueOf(text: string): string | null {
  const due = DUE.exec(text)?.[1];
  return due !== undefined && isDay(due) ? due : null;
}

/** "every week" of "🔁 every week"; empty: it is not repeated. */
export function repeatOf(text: string): string {
  return (REPEAT.exec(text)?.[1] ?? "").replace(/\s*due:\d{4}-\d{2}-\d{2}.*$/, "").trim();
}

/** The words alone. */
export function withoutSigns(text: string): string {
  return text
    .replace(new RegExp(DUE, "gu"), "")
    .replace(REPEAT, "")
    .replace(new RegExp(PRIORITY, "gu"), "")
    .replace(/\s+/g, " ")
    .trim();
}

/** The day after `due` (or after `today`, for what is repeated "when done") on which a rule comes up, and not before tomorrow. Null: the rule is not understood. */
export function nextDue(rule: string, due: string | null, today: string): string | null {
  const found = /^every(?: (\d{1,3}))? (day|week|month|year|weekday)s?(?: on (?:the )?([a-z]+|\d{1,2}(?:st|nd|rd|th)?))?( when done)?$/i.exec(rule.trim()) ?? /^every()() ([a-z]+)( when done)?$/i.exec(rule.trim());
  if (!found) return null;
  const count = Math.max(1, Number(found[1] ?? 1));
  const unit = (found[2] ?? "").toLowerCase();
  const on = (found[3] ?? "").toLowerCase();
  const begin = found[4] ? today : (due ?? today);
  const weekday = WEEKDAYS.findIndex((name) => on.length > 2 && name.toLowerCase().startsWith(on.replace(/s$/, "")));
  const dayOfMonth = /^\d/.test(on) ? Number.parseInt(on, 10) : 0;
  if (on && weekday < 0 && (dayOfMonth === 0 || unit !== "month") && on !== "last") return null;
  if (on && weekday >= 0 && unit !== "" && unit !== "week") return null;
  if (on === "last" && unit !== "month") return null;
  // The day of the month that is meant, also after a shorter month.
  const wanted = dayOfMonth || (on === "last" ? 31 : Number(begin.slice(8)));
  const inMonth = (day: string): string => {
    const [year, month] = [Number(day.slice(0, 4)), Number(day.slice(5, 7))];
    const last = new Date(year, month, 0).getDate();
    return `${day.slice(0, 8)}${String(Math.min(wanted, last)).padStart(2, "0")}`;
  };
  let day = begin;
  // Bounded: a daily task that was forgotten for decades.
  for (let i = 0; i < 20_000 && (i === 0 || day <= today); i++) {
    if (weekday >= 0) {
      day = nextWeekday(day, weekday);
      if (count > 1) day = addDays(day, 7 * (count - 1));
    } else if (unit === "weekday") {
      do day = addDays(day, 1);
      while ([0, 6].includes(dateOf(day).getDay()));
    } else if (unit === "day") day = addDays(day, count);
    else if (unit === "week") day = addDays(day, 7 * count);
    else if (unit === "month") {
      const sameMonth = inMonth(day);
      day = (dayOfMonth || on === "last") && sameMonth > day ? sameMonth : inMonth(addMonths(`${day.slice(0, 8)}01`, count));
    } else day = addMonths(day, 12 * count);
  }
  return day;
}

/** The line with another due date; null takes it away. */
export function withDue(line: string, due: string | null): string {
  const sign = /(^|\s)due:\d{4}-\d{2}-\d{2}/.test(line) && !line.includes("📅") ? "due:" : "📅 ";
  if (due === null) return line.replace(new RegExp(`\\s*${DUE.source}`, "gu"), "").trimEnd();
  if (DUE.test(line)) return line.replace(DUE, `${sign}${due}`);
  return `${line.trimEnd()} 📅 ${due}`;
}

export function withPriority(line: string, priority: Priority): string {
  const sign = PRIORITIES.find((one) => one.value === priority)?.sign ?? "";
  const bare = line.replace(new RegExp(PRIORITY, "gu"), "");
  if (!sign) return bare.trimEnd();
  // Before the dates, as Obsidian Tasks reads them from the end.
  const at = bare.search(/\s*(?:📅|🔁|⏳|🛫|✅|➕|❌|\bdue:\d)/u);
  return at < 0 ? `${bare.trimEnd()} ${sign}` : `${bare.slice(0, at)} ${sign}${bare.slice(at)}`;
}

/** The words and signs of a task's line; null: it is no task. */
export function taskText(line: string): string | null {
  return TASK.exec(line)?.[4] ?? null;
}

export function withText(line: string, text: string): string {
  const found = TASK.exec(line);
  return found ? `${found[1] ?? ""}${found[2] ?? " "}${found[3] ?? "] "}${text.replace(/\s*\n\s*/g, " ").trim()}` : line;
}

/** The line ticked or opened again. Ticking one that is repeated puts its next turn on a line of its own above. Null: it is no task. */
export function ticked(line: string, done: boolean, today: string): string | null {
  const found = TASK.exec(line) ?? /^(\s*(?:>\s*)*(?:[-*+]|\d+[.)])\s+\[)(.)(\])()$/u.exec(line);
  if (!found) return null;
  const [, before = "", , after = "", text = ""] = found;
  const now = `${before}${done ? "x" : " "}${after}${text}`;
  const rule = done ? repeatOf(text) : "";
  const next = rule ? nextDue(rule, dueOf(text), today) : null;
  return next === null ? now : `${withDue(`${before} ${after}${text}`, next)}\n${now}`;
}
