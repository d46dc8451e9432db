// Links follow the name of a note: what changes in the texts that link to it, and in texts that only mention it.
import { api, type NoteDraft, type NoteId } from "../api";
import { draftOf } from "./session.svelte";

/** Stretches of a text that are code: fences, and ticks within a line. */
const CODE = /^ {0,3}(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^ {0,3}\1[`~]*[ \t]*$|$(?![\s\S]))|(`+)(?:(?!\2)[^\n])+?\2/gm;

function outsideCode(body: string, change: (text: string) => string): string {
  let made = "";
  let from = 0;
  for (const code of body.matchAll(CODE)) {
    made += change(body.slice(from, code.index)) + code[0];
    from = code.index + code[0].length;
  }
  return made + change(body.slice(from));
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** A name that can stand between `[[` and `]]`. */
export function linkable(name: string): boolean {
  return name.trim() !== "" && !/[[\]|#^\n]/.test(name);
}

/** The text with its links to one name leading to another; what is shown for them stays as it was written. */
export function relinked(body: string, from: string, to: string): string {
  const link = new RegExp(`(!?\\[\\[\\s*(?:[^\\]|#\\n]*/)?)${escaped(from.trim())}(\\s*(?:[#|][^\\]\\n]*)?\\]\\])`, "giu");
  return outsideCode(body, (text) => text.replace(link, (_all, before: string, after: string) => `${before}${to.trim()}${after}`));
}

/** The text with the first mention of a name that is no link made one; null: it is not mentioned outside of links and code. */
export function linkedMention(body: string, name: string): string | null {
  let done = false;
  const mention = new RegExp(`\\[\\[[^\\]\\n]*\\]\\]|\\[[^\\]\\n]*\\]\\([^)\\n]*\\)|https?://\\S+|${escaped(name.trim())}(?![\\p{L}\\p{N}])`, "giu");
  const made = outsideCode(body, (text) =>
    text.replace(mention, (found: string, at: number) => {
      if (done || /^(?:\[|https?:)/i.test(found) || /[\p{L}\p{N}]$/u.test(text.slice(Math.max(0, at - 2), at))) return found;
      done = true;
      return found === name.trim() ? `[[${found}]]` : `[[${name.trim()}|${found}]]`;
    }),
  );
  return done ? made : null;
}

/** Changes the text of one note as it stands now; false: there was nothing to change. */
export async function rewrite(id: NoteId, change: (body: string) => string | null): Promise<boolean> {
  const note = await api.getNote(id);
  const body = change(note.body);
  if (body === null || body === note.body) return false;
  const draft: NoteDraft = { ...draftOf(note), body };
  await api.saveNote(id, note.revision, draft);
  return true;
}

/** Has the links of these notes follow; how many of them were changed. One that cannot be changed does not keep the others. */
export async function relinkAll(ids: readonly NoteId[], from: string, to: string): Promise<{ changed: NoteId[]; failed: unknown[] }> {
  const changed: NoteId[] = [];
  const failed: unknown[] = [];
  for (const id of new Set(ids)) {
    try {
      if (await rewrite(id, (body) => relinked(body, from, to))) changed.push(id);
    } catch (error) {
      failed.push(error);
    }
  }
  return { changed, failed };
}
