// Where one was in a note, and what can still be undone there, across closing its tab and restarting the app.
import { errorMessage, type NoteId } from "../api";

/** What the editor gives and takes; its history is JSON of its own making. */
export interface EditorSnapshot {
  anchor: number;
  head: number;
  history: { done: unknown[]; undone: unknown[] };
}

export interface NotePlace extends EditorSnapshot {
  /** Of the text that the history belongs to. */
  text: string;
  /** The offset of the line at the top, and how many pixels below the top it begins; null: the very top of the note. */
  top: { offset: number; below: number } | null;
  reading: boolean;
}

/** Notes; the one that was not looked at for longest is forgotten. */
const MAX_NOTES = 60;
/** Characters of one note's history. A store of a page has a few million in all. */
const MAX_HISTORY = 40_000;
const LIST = "note-places";
const keyOf = (id: NoteId): string => `note-place-${String(id)}`;

/** Length and a 53-bit hash (cyrb53): tells texts apart, and is quick on a long one. */
export function fingerprint(text: string): string {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return `${String(text.length)}-${(4294967296 * (2097151 & b) + (a >>> 0)).toString(36)}`;
}

/** The newest changes, as many as there is room for. */
export function bounded(history: EditorSnapshot["history"], limit = MAX_HISTORY): EditorSnapshot["history"] {
  let left = limit;
  const newest = (events: unknown[]): unknown[] => {
    let from = events.length;
    while (from > 0) {
      const size = JSON.stringify(events[from - 1]).length;
      if (size > left) break;
      left -= size;
      from -= 1;
    }
    return events.slice(from);
  };
  const undone = newest(history.undone);
  // What was undone is redone in order: without its beginning the rest means nothing.
  return { done: newest(history.done), undone };
}

export class NotePlaces {
  constructor(
    private readonly storage: Storage,
    private readonly report: (message: string) => void,
  ) {}

  keep(id: NoteId, place: NotePlace): void {
    try {
      const ids = [id, ...this.ids().filter((other) => other !== id)];
      for (const gone of ids.splice(MAX_NOTES)) this.storage.removeItem(keyOf(gone));
      this.storage.setItem(keyOf(id), JSON.stringify({ ...place, history: bounded(place.history) }));
      this.storage.setItem(LIST, JSON.stringify(ids));
    } catch (error) {
      this.report(`the place in note ${String(id)} could not be kept: ${errorMessage(error)}`);
    }
  }

  find(id: NoteId): NotePlace | null {
    const value = this.read(keyOf(id));
    if (typeof value !== "object" || value === null) return null;
    const { anchor, head, history, text, top, reading } = value as Partial<Record<keyof NotePlace, unknown>>;
    if (typeof anchor !== "number" || typeof head !== "number" || typeof text !== "string") return null;
    const events = history as { done?: unknown; undone?: unknown } | undefined;
    const place = top as { offset?: unknown; below?: unknown } | null | undefined;
    return {
      anchor,
      head,
      text,
      history: { done: Array.isArray(events?.done) ? events.done : [], undone: Array.isArray(events?.undone) ? events.undone : [] },
      top: typeof place?.offset === "number" && typeof place.below === "number" ? { offset: place.offset, below: place.below } : null,
      reading: reading === true,
    };
  }

  private ids(): NoteId[] {
    const value = this.read(LIST);
    return Array.isArray(value) ? value.filter((id): id is NoteId => typeof id === "number") : [];
  }

  private read(key: string): unknown {
    const stored = this.storage.getItem(key);
    if (stored === null) return null;
    try {
      return JSON.parse(stored) as unknown;
    } catch {
      this.report(`${key} could not be read`);
      return null;
    }
  }
}
