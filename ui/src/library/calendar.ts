import { addDays, addMonths, dateOf } from "../shared/days";

/** The days of a month in rows of a week, Monday first, with those of the months beside it that fill the rows. */
export function weeksOf(day: string): string[][] {
  const first = `${day.slice(0, 8)}01`;
  const next = addMonths(first, 1);
  let from = addDays(first, -((dateOf(first).getDay() + 6) % 7));
  const weeks: string[][] = [];
  while (from < next) {
    const begin = from;
    weeks.push(Array.from({ length: 7 }, (_, i) => addDays(begin, i)));
    from = addDays(from, 7);
  }
  return weeks;
}

/** Where a key goes from a day; null: it goes nowhere. */
export function stepOf(key: string, day: string): string | null {
  switch (key) {
    case "ArrowLeft":
      return addDays(day, -1);
    case "ArrowRight":
      return addDays(day, 1);
    case "ArrowUp":
      return addDays(day, -7);
    case "ArrowDown":
      return addDays(day, 7);
    case "Home":
      return addDays(day, -((dateOf(day).getDay() + 6) % 7));
    case "End":
      return addDays(day, 6 - ((dateOf(day).getDay() + 6) % 7));
    case "PageUp":
      return addMonths(day, -1);
    case "PageDown":
      return addMonths(day, 1);
    default:
      return null;
  }
}
