// An open note: what the user typed, what the store has, and the way from one to the other.
// At most one save is under way, the newest text wins, and a change made elsewhere is never overwritten unasked.
import { mergeDrafts } from "./merge";
import { type Api, type Attachment, errorCode, errorMessage, type Note, type NoteDraft, type NoteId } from "../api";

export type Backend = Pick<Api, "getNote" | "saveNote" | "createNote">;

/** Keeps text that could not be saved across a restart. */
export interface Vault {
  keep(id: NoteId, revision: number, draft: NoteDraft): void;
  find(id: NoteId): { revision: number; draft: NoteDraft } | null;
  clear(id: NoteId): void;
  /** Notes that something is kept of. */
  ids(): NoteId[];
}

export type SavePhase =
  | { kind: "saved" }
  /** Typed but not sent yet. */
  | { kind: "unsaved" }
  | { kind: "saving" }
  | { kind: "failed"; reason: string }
  | { kind: "conflict"; theirs: Note }
  /** Deleted for good while it was open. */
  | { kind: "gone" };

/** Milliseconds after the last keystroke. */
const DELAY = 500;
/** Somebody who never stops typing is saved this often anyway, in milliseconds. */
const LONGEST = 5_000;
/** Milliseconds before a failed save is tried again by itself. */
const RETRIES = [2_000, 5_000, 15_000, 30_000];

export class NoteSession {
  readonly id: NoteId;
  /** The note as the store last gave it; what is being edited is in the fields below. */
  note: Note = $state.raw() as Note;
  title = $state("");
  body = $state.raw("");
  frontMatter = $state.raw("");
  tags: readonly string[] = $state.raw([]);
  notebook = $state("");
  pinned = $state(false);
  phase: SavePhase = $state.raw({ kind: "saved" });
  /** When the last save was acknowledged here, in milliseconds since the epoch; null before the first. */
  savedAt: number | null = $state(null);

  private revision = 0;
  /** The store's content of `revision`: what one's own changes are changes to; null if only its number is known. */
  private base: NoteDraft | null = null;
  private edits = 0;
  private savedEdits = 0;
  private readBody: (() => string) | null = null;
  private inFlight: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private firstUnsaved = 0;
  private failures = 0;
  private missedChange = false;
  private refreshing = false;

  constructor(
    private readonly backend: Backend,
    note: Note,
    private readonly vault: Vault,
  ) {
    this.id = note.id;
    const kept = vault.find(note.id);
    if (!kept || sameDraft(kept.draft, draftOf(note))) this.adopt(note);
    else {
      this.note = note;
      // The old base makes the store say "conflict" if the note moved on meanwhile.
      this.take(kept.draft);
      this.revision = kept.revision;
      this.touch();
    }
  }

  get dirty(): boolean {
    return this.edits !== this.savedEdits;
  }

  get baseRevision(): number {
    return this.revision;
  }

  /** The text as typed, not yet necessarily saved. */
  draft(): NoteDraft {
    this.settleBody();
    return {
      title: this.title,
      body: this.body,
      front_matter: this.frontMatter,
      tags: [...this.tags],
      notebook: this.notebook,
      pinned: this.pinned,
    };
  }

  edit(change: Partial<Pick<NoteDraft, "title" | "notebook" | "pinned" | "tags" | "front_matter" | "body">>): void {
    if (change.title !== undefined) this.title = change.title;
    if (change.notebook !== undefined) this.notebook = change.notebook;
    if (change.pinned !== undefined) this.pinned = change.pinned;
    if (change.tags !== undefined) this.tags = change.tags;
    if (change.front_matter !== undefined) this.frontMatter = change.front_matter;
    if (change.body !== undefined) {
      this.readBody = null;
      this.body = change.body;
    }
    this.touch();
  }

  /** The body was typed in; `read` gives it when it is wanted, since joining a long text at each key is slow. */
  editBody(read: () => string): void {
    if (this.readBody && this.readBody !== read) this.settleBody();
    this.readBody = read;
    this.touch();
  }

  /** A file was stored with the note: it is the note's from now on, whoever shows it. */
  attached(attachment: Attachment): void {
    const others = this.note.attachments.filter((one) => one.digest !== attachment.digest || one.name !== attachment.name);
    this.note = { ...this.note, attachments: [...others, attachment] };
  }

  /** Brings `body` up to what was typed. */
  settleBody(): void {
    if (!this.readBody) return;
    this.body = this.readBody();
    this.readBody = null;
  }

  private touch(): void {
    this.edits += 1;
    if (this.phase.kind === "conflict" || this.phase.kind === "gone") return;
    if (this.phase.kind === "saved") this.firstUnsaved = Date.now();
    if (this.phase.kind === "saved") this.phase = { kind: "unsaved" };
    const longest = this.firstUnsaved + LONGEST - Date.now();
    this.schedule(Math.max(0, Math.min(DELAY, longest)));
  }

  private schedule(delay: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), delay);
  }

  /** Saves until nothing is left to save; true if everything is in the store. */
  async flush(): Promise<boolean> {
    clearTimeout(this.timer);
    // A field that is taken off the page loses the focus, and asks for a save, in the middle of Svelte's own work,
    // where no state may change.
    await Promise.resolve();
    while (this.dirty || this.inFlight) {
      const { kind } = this.phase;
      if (!this.inFlight && (kind === "conflict" || kind === "gone")) break;
      if (this.inFlight) {
        await this.inFlight;
        continue;
      }
      const failures = this.failures;
      this.inFlight = this.saveOnce();
      await this.inFlight;
      if (this.failures > failures) break;
    }
    return !this.dirty;
  }

  private async saveOnce(): Promise<void> {
    const edits = this.edits;
    const draft = this.draft();
    try {
      this.phase = { kind: "saving" };
      const saved = await this.backend.saveNote(this.id, this.revision, draft);
      this.base = draft;
      this.accept(saved.revision, edits);
    } catch (error) {
      await this.refused(error, draft, edits);
    } finally {
      this.inFlight = null;
    }
    if (this.missedChange && !this.dirty) {
      this.missedChange = false;
      void this.refresh();
    }
  }

  private accept(revision: number, edits: number): void {
    this.revision = revision;
    this.savedEdits = edits;
    this.failures = 0;
    this.savedAt = Date.now();
    if (this.dirty) {
      this.firstUnsaved = Date.now();
      this.phase = { kind: "unsaved" };
      this.schedule(DELAY);
    } else {
      this.phase = { kind: "saved" };
      this.vault.clear(this.id);
    }
  }

  private async refused(error: unknown, draft: NoteDraft, edits: number): Promise<void> {
    this.failures += 1;
    const code = errorCode(error);
    let reason = errorMessage(error);
    if (code === "conflict" || code === "not_found") {
      try {
        const theirs = await this.backend.getNote(this.id);
        if (code === "conflict") {
          if (sameDraft(draftOf(theirs), draft)) {
            this.note = theirs;
            this.base = draft;
            this.accept(theirs.revision, edits);
            return;
          }
          if (this.merge(theirs)) return;
          this.phase = { kind: "conflict", theirs };
          this.keep();
          return;
        }
      } catch (second) {
        if (errorCode(second) === "not_found") {
          this.phase = { kind: "gone" };
          this.keep();
          return;
        }
        reason = errorMessage(second);
      }
    }
    this.phase = { kind: "failed", reason };
    this.keep();
    // What the store calls invalid stays so until it is changed.
    if (code !== "invalid" && code !== "read_only") this.schedule(RETRIES[Math.min(this.failures, RETRIES.length) - 1] ?? DELAY);
  }

  /** Joins their changes with mine where they do not meet; the next save then stands on theirs. */
  private merge(theirs: Note): boolean {
    const merged = this.base && mergeDrafts(this.base, this.draft(), draftOf(theirs));
    if (!merged) return false;
    this.note = theirs;
    this.base = draftOf(theirs);
    this.revision = theirs.revision;
    this.take(merged);
    this.edits += 1;
    this.failures = 0;
    this.phase = { kind: "unsaved" };
    return true;
  }

  /** Puts unsaved text where a restart finds it. */
  keep(): void {
    if (this.dirty && this.phase.kind !== "gone") this.vault.keep(this.id, this.revision, this.draft());
  }

  /** The note changed somewhere; shows it unless something of one's own is still unsaved. */
  async refresh(): Promise<void> {
    if (this.inFlight || this.refreshing) {
      this.missedChange = true;
      return;
    }
    // The save will find out, and ask.
    if (this.dirty) return;
    const edits = this.edits;
    this.refreshing = true;
    try {
      const note = await this.backend.getNote(this.id);
      if (this.edits !== edits || this.inFlight) {
        this.missedChange = true;
        return;
      }
      if (note.revision < this.revision) return;
      if (note.revision === this.revision && sameDraft(draftOf(note), this.draft())) this.note = note;
      else this.adopt(note);
    } catch (error) {
      if (errorCode(error) === "not_found") this.phase = { kind: "gone" };
      // Anything else: what is shown stays as it was and the next change asks again.
    } finally {
      this.refreshing = false;
    }
    if (this.missedChange && !this.dirty && !this.inFlight) {
      this.missedChange = false;
      await this.refresh();
    }
  }

  /** My text becomes the newest revision; theirs stays in the history. */
  async keepMine(): Promise<boolean> {
    if (this.phase.kind !== "conflict") return false;
    this.revision = this.phase.theirs.revision;
    this.base = draftOf(this.phase.theirs);
    this.phase = { kind: "unsaved" };
    return this.flush();
  }

  /** Shows their text; mine is given back so that it can be undone or kept elsewhere. */
  takeTheirs(): NoteDraft {
    const mine = this.draft();
    if (this.phase.kind === "conflict") this.adopt(this.phase.theirs);
    return mine;
  }

  /** Stores my text as a note of its own, then shows theirs. The new note's id. */
  async saveAsCopy(): Promise<NoteId> {
    const mine = this.draft();
    const saved = await this.backend.createNote({ ...mine, title: `${mine.title || "Untitled"} (my version)` });
    if (this.phase.kind === "conflict") this.adopt(this.phase.theirs);
    else if (this.phase.kind === "gone") {
      this.savedEdits = this.edits;
      this.vault.clear(this.id);
    }
    return saved.id;
  }

  /** Makes the store's note the one that is shown, and nothing unsaved. */
  adopt(note: Note): void {
    clearTimeout(this.timer);
    this.note = note;
    this.take(draftOf(note));
    this.revision = note.revision;
    this.base = draftOf(note);
    this.savedEdits = this.edits;
    this.failures = 0;
    this.phase = { kind: "saved" };
    this.vault.clear(note.id);
  }

  private take(draft: NoteDraft): void {
    this.readBody = null;
    this.title = draft.title;
    this.body = draft.body;
    this.frontMatter = draft.front_matter;
    this.tags = draft.tags;
    this.notebook = draft.notebook;
    this.pinned = draft.pinned;
  }

  /** Stops the clock; for a session that is thrown away. */
  dispose(): void {
    clearTimeout(this.timer);
  }
}

export function draftOf(note: Note): NoteDraft {
  const { title, body, front_matter, tags, notebook, pinned } = note;
  return { title, body, front_matter, tags: [...tags], notebook, pinned };
}

export function sameDraft(a: NoteDraft, b: NoteDraft): boolean {
  return (
    a.title === b.title &&
    a.body === b.body &&
    a.front_matter === b.front_matter &&
    a.notebook === b.notebook &&
    a.pinned === b.pinned &&
    a.tags.length === b.tags.length &&
    a.tags.every((tag, index) => tag === b.tags[index])
  );
}

/** A vault in the page's own storage. */
export function storageVault(storage: Storage, report: (message: string) => void): Vault {
  const key = (id: NoteId) => `unsaved-note-${String(id)}`;
  return {
    keep(id, revision, draft) {
      try {
        storage.setItem(key(id), JSON.stringify({ revision, draft }));
      } catch (error) {
        report(`Unsaved text of note ${String(id)} could not be kept: ${errorMessage(error)}`);
      }
    },
    find(id) {
      const stored = storage.getItem(key(id));
      if (stored === null) return null;
      try {
        const { revision, draft } = JSON.parse(stored) as { revision: unknown; draft: Partial<NoteDraft> | null };
        if (typeof revision !== "number" || typeof draft?.title !== "string" || typeof draft.body !== "string") return null;
        return {
          revision,
          draft: {
            title: draft.title,
            body: draft.body,
            front_matter: draft.front_matter ?? "",
            tags: Array.isArray(draft.tags) ? draft.tags.filter((tag) => typeof tag === "string") : [],
            notebook: draft.notebook ?? "",
            pinned: draft.pinned === true,
          },
        };
      } catch {
        report(`Unsaved text of note ${String(id)} could not be read`);
        return null;
      }
    },
    clear(id) {
      storage.removeItem(key(id));
    },
    ids() {
      const found = Array.from({ length: storage.length }, (_, index) => /^unsaved-note-(\d+)$/.exec(storage.key(index) ?? "")?.[1]);
      return found.flatMap((id) => (id === undefined ? [] : [Number(id)]));
    },
  };
}
