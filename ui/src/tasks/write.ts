// Writing a task back to its note: the list may be older than the note, so the line is looked at first.
import { api, type ApiError, type NoteDraft, type NoteId, type Task } from "../api";
import { taskText } from "../shared/taskLine";

function draftOf(note: NoteDraft): NoteDraft {
  const { title, body, front_matter, tags, notebook, pinned } = note;
  return { title, body, front_matter, tags: [...tags], notebook, pinned };
}

function moved(): ApiError {
  return { code: "conflict", message: "That task is no longer where it was." };
}

/** Whether a line is the one the list speaks of: the list has it without its markup. */
export function saysTheSame(line: string, task: Pick<Task, "text">): boolean {
  const text = taskText(line);
  return text !== null && (task.text.match(/[\p{L}\p{N}]+/gu) ?? []).every((word) => text.includes(word));
}

export async function lineOf(task: Task): Promise<string> {
  const line = (await api.getNote(task.note)).body.split("\n")[task.line];
  if (line === undefined || !saysTheSame(line, task)) throw moved();
  return line;
}

export interface Change {
  note: NoteId;
  line: number;
  before: string;
  after: string;
}

/** Writes what `make` makes of the task's line, which may be several; null: nothing to change. */
export async function changeTask(task: Task, make: (line: string) => string | null): Promise<Change | null> {
  const before = await lineOf(task);
  const after = make(before);
  if (after === null || after === before) return null;
  const change = { note: task.note, line: task.line, before, after };
  await put(change);
  return change;
}

export async function undoChange({ note, line, before, after }: Change): Promise<void> {
  await put({ note, line, before: after, after: before });
}

async function put({ note: id, line, before, after }: Change): Promise<void> {
  const note = await api.getNote(id);
  const lines = note.body.split("\n");
  const old = before.split("\n");
  if (lines.slice(line, line + old.length).join("\n") !== before) throw moved();
  lines.splice(line, old.length, ...after.split("\n"));
  await api.saveNote(id, note.revision, { ...draftOf(note), body: lines.join("\n") });
}

/** Puts a new task at the end of today's note. */
export async function addTask(line: string): Promise<void> {
  const note = await api.getNote(await api.openDailyNote());
  const body = note.body.trimEnd();
  const between = body === "" ? "" : /(?:^|\n)\s*[-*+] \[.\] [^\n]*$/.test(body) ? "\n" : "\n\n";
  await api.saveNote(note.id, note.revision, { ...draftOf(note), body: `${body}${between}${line}\n` });
}
