/** Numbers, dates and durations as people read them. */
const count = new Intl.NumberFormat("en");
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short" });
const dayMonth = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayMonthYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "short" });
const DAY = 86_400_000;

export function formatCount(n: number): string {
  return count.format(n);
}

/** "1 note", "1,204 notes". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count.format(n)} ${n === 1 ? one : many}`;
}

/** As short as it can be and still be clear: 14:02, Yesterday, Tue, 12 Mar, 12 Mar 2024. */
export function formatDate(timestamp: number, now = Date.now()): string {
  const date = new Date(timestamp);
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (timestamp >= midnight && timestamp < midnight + DAY) return time.format(date);
  if (timestamp < midnight && timestamp >= midnight - DAY) return "Yesterday";
  if (timestamp < midnight && timestamp >= midnight - 6 * DAY) return weekday.format(date);
  if (date.getFullYear() === new Date(now).getFullYear()) return dayMonth.format(date);
  return dayMonthYear.format(date);
}

export function formatFullDate(timestamp: number): string {
  return full.format(new Date(timestamp));
}

/** "8 s", "3 min", "2 h 10 min". */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "0.4 ms", "12 ms", "1.3 s". */
export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

/** "812 B", "4.1 kB", "413 MB": in thousands, as the desktops count. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  // What would be rounded to 1,000 belongs to the next unit.
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit > 0 && size < 9.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

export function fileName(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).pop() ?? path;
}

/** Home/Flat → "Home › Flat". */
export function formatNotebook(path: string): string {
  return path.split("/").join(" › ");
}
