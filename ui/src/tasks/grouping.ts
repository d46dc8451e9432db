// Tasks in the order in which they are shown: groups with a heading each, then one flat run of rows.
import type { Task } from "../api";

export type GroupBy = "due" | "notebook";

export type Row = { kind: "group"; key: string; label: string; count: number; urgent: boolean } | { kind: "task"; task: Task };

/** `YYYY-MM-DD` of a day where the person is. */
export function localDay(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${String(date.getFullYear())}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

export function taskKey(task: Task): string {
  return `${String(task.note)}:${String(task.line)}`;
}

const DUE: readonly { key: string; label: string }[] = [
  { key: "overdue", label: "Overdue" },
  { key: "today", label: "Today" },
  { key: "upcoming", label: "Upcoming" },
  { key: "none", label: "No date" },
  { key: "done", label: "Done" },
];

function dueGroup(task: Task, today: string): string {
  if (task.done) return "done";
  if (task.due === null) return "none";
  return task.due < today ? "overdue" : task.due === today ? "today" : "upcoming";
}

function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

export function matches(task: Task, filter: string): boolean {
  const words = folded(filter).split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = folded(`${task.text} ${task.note_title} ${task.notebook}`);
  return words.every((word) => text.includes(word));
}

function compare(a: Task, b: Task): number {
  return (
    Number(a.done) - Number(b.done) ||
    (a.due ?? "9999").localeCompare(b.due ?? "9999") ||
    a.note_title.localeCompare(b.note_title) ||
    a.note - b.note ||
    a.line - b.line
  );
}

export function groupTasks(tasks: readonly Task[], by: GroupBy, today: string): Row[] {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = by === "due" ? dueGroup(task, today) : task.notebook;
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  const order =
    by === "due"
      ? DUE
      : [...groups.keys()]
          .sort((a, b) => Number(a === "") - Number(b === "") || a.localeCompare(b))
          .map((key) => ({ key, label: key === "" ? "No notebook" : key.split("/").join(" › ") }));
  const rows: Row[] = [];
  for (const { key, label } of order) {
    const group = groups.get(key);
    if (!group) continue;
    rows.push({ kind: "group", key, label, count: group.length, urgent: by === "due" && key === "overdue" });
    for (const task of group.sort(compare)) rows.push({ kind: "task", task });
  }
  return rows;
}

/** The task's words without the marks that say when it is due: the date is shown beside it. */
export function taskLabel(text: string): string {
  return (
    text
      .replace(/(?:📅|due:)\s*\d{4}-\d{2}-\d{2}/gu, "")
      .replace(/!?\[\[(?:[^\]|]*\|)?([^\]]*)\]\]/g, "$1")
      .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/(\*\*|__|~~|==|`)/g, "")
      .replace(/\s+/g, " ")
      .trim() || "(no words)"
  );
}

/** "Yesterday", "Today", "Tomorrow", a weekday within the week, else the date. */
export function dueLabel(due: string, today: string): string {
  const day = (text: string) => Date.parse(`${text}T00:00:00Z`) / 86_400_000;
  const distance = day(due) - day(today);
  if (!Number.isFinite(distance)) return due;
  if (distance === 0) return "Today";
  if (distance === 1) return "Tomorrow";
  if (distance === -1) return "Yesterday";
  const date = new Date(`${due}T00:00:00`);
  if (distance > 1 && distance < 7) return date.toLocaleDateString("en-GB", { weekday: "long" });
  const sameYear = due.slice(0, 4) === today.slice(0, 4);
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}
