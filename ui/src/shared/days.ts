/** Days as `YYYY-MM-DD`, where the person is, and the words people have for them. */
const pad = (value: number): string => String(value).padStart(2, "0");

export function localDay(date: Date): string {
  return `${String(date.getFullYear())}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** Noon: the hour that no change of the clocks moves to another day. */
export function dateOf(day: string): Date {
  return new Date(`${day}T12:00:00`);
}

export function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && localDay(dateOf(text)) === text;
}

export function addDays(day: string, count: number): string {
  const date = dateOf(day);
  date.setDate(date.getDate() + count);
  return localDay(date);
}

/** The same day of a later month, or that month's last. */
export function addMonths(day: string, count: number): string {
  const date = dateOf(day);
  const wanted = date.getDate();
  date.setDate(1);
  date.setMonth(date.getMonth() + count);
  const last = new Date(date.getFullYear(), date.getMonth() + 1, 0).getDate();
  date.setDate(Math.min(wanted, last));
  return localDay(date);
}

/** 0 is Sunday. The next such day after `day`. */
export function nextWeekday(day: string, weekday: number): string {
  const ahead = (weekday - dateOf(day).getDay() + 7) % 7;
  return addDays(day, ahead === 0 ? 7 : ahead);
}

export const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;
const MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

export interface NamedDay {
  label: string;
  day: string;
}

/** The days that what was typed may mean, the likeliest first; nothing typed: those one asks for most. */
export function daysFor(typed: string, today: string): NamedDay[] {
  const wanted = typed.trim().toLowerCase();
  if (isDay(wanted)) return [{ label: wanted, day: wanted }];
  const found = named(today).filter(({ label }) => label.toLowerCase().startsWith(wanted) || label.toLowerCase().split(" ").some((word) => wanted !== "" && word.startsWith(wanted)));
  const more = [counted(wanted, today), dated(wanted, today)].filter((one) => one !== null);
  return [...more, ...found];
}

function named(today: string): NamedDay[] {
  return [
    { label: "Today", day: today },
    { label: "Tomorrow", day: addDays(today, 1) },
    { label: "Yesterday", day: addDays(today, -1) },
    { label: "Next week", day: nextWeekday(today, 1) },
    ...WEEKDAYS.map((_, i) => (i + dateOf(today).getDay() + 1) % 7).map((weekday) => ({ label: WEEKDAYS[weekday] ?? "", day: nextWeekday(today, weekday) })),
    { label: "Next month", day: addMonths(`${today.slice(0, 8)}01`, 1) },
  ];
}

/** "in 3 days", "2 weeks", "1 month". */
function counted(wanted: string, today: string): NamedDay | null {
  const found = /^(?:in )?(\d{1,3}) ?(d|days?|w|weeks?|m|months?|y|years?)$/.exec(wanted);
  if (!found) return null;
  const count = Number(found[1]);
  const unit = { d: "day", w: "week", m: "month", y: "year" }[found[2]?.charAt(0) ?? "d"] ?? "day";
  const day = unit === "day" ? addDays(today, count) : unit === "week" ? addDays(today, 7 * count) : addMonths(today, (unit === "year" ? 12 : 1) * count);
  return { label: `In ${String(count)} ${unit}${count === 1 ? "" : "s"}`, day };
}

/** "12 march", "march 12", "12 mar 2027": of the years that are not named, the one in which it is still to come. */
function dated(wanted: string, today: string): NamedDay | null {
  const found = /^(\d{1,2})\.? ([a-z]{3,9})\.?(?: (\d{4}))?$/.exec(wanted) ?? /^([a-z]{3,9})\.? (\d{1,2})(?:,? (\d{4}))?$/.exec(wanted);
  if (!found) return null;
  const [word, number] = /^\d/.test(found[1] ?? "") ? [found[2], found[1]] : [found[1], found[2]];
  const month = MONTHS.findIndex((name) => name.startsWith(word ?? "-"));
  if (month < 0) return null;
  const inYear = (year: number): string => `${String(year)}-${pad(month + 1)}-${pad(Number(number))}`;
  const year = Number(today.slice(0, 4));
  const day = found[3] ? inYear(Number(found[3])) : inYear(year) < today ? inYear(year + 1) : inYear(year);
  return isDay(day) ? { label: day, day } : null;
}
