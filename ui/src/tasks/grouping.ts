// Tasks in the order in which they are shown: groups with a heading each, then one flat run of rows.
// There may be a hundred thousand of them, so what is asked of each at every key is worked out once.
import type { Task } from "../api";
import { dateOf } from "../shared/days";
import { priorityOf, withoutSigns } from "../shared/taskLine";

export type GroupBy = "due" | "notebook";

export type Row = { kind: "group"; key: string; label: string; count: number; urgent: boolean } | { kind: "task"; task: Task };

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

interface Worked {
  /** What a filter looks in. */
  text: string;
  order: string;
}

const worked = new WeakMap<Task, Worked>();

function workedOut(task: Task): Worked {
  let found = worked.get(task);
  if (!found) {
    const text = folded(`${task.text} ${task.note_title} ${task.notebook}`);
    // Open before done, then by day, by what matters more, by note and place there.
    const order = `${task.done ? "1" : "0"}${task.due ?? "9999"} ${String(3 - priorityOf(task.text))} ${folded(task.note_title)} ${String(task.note).padStart(12, "0")} ${String(task.line).padStart(8, "0")}`;
    worked.set(task, (found = { text, order }));
  }
  return found;
}

export function matches(task: Task, filter: string): boolean {
  const words = folded(filter).split(/\s+/).filter(Boolean);
  return words.every((word) => workedOut(task).text.includes(word));
}

/** Once for a list: filters and groups keep the order. */
export function inOrder(tasks: readonly Task[]): Task[] {
  return [...tasks].sort((a, b) => {
    const [one, other] = [workedOut(a).order, workedOut(b).order];
    return one < other ? -1 : one > other ? 1 : 0;
  });
}

/** Of tasks that are in order. */
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
    for (const task of group) rows.push({ kind: "task", task });
  }
  return rows;
}

/** The task's words without its signs: those are shown beside it. */
export function taskLabel(text: string): string {
  return (
    withoutSigns(text)
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
  const date = dateOf(due);
  if (distance > 1 && distance < 7) return date.toLocaleDateString("en-GB", { weekday: "long" });
  const sameYear = due.slice(0, 4) === today.slice(0, 4);
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}
