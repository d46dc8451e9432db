// The notes that are open in this window.
import type { NoteId } from "../api";
import { type Backend, NoteSession, type Vault } from "./session.svelte";

/** One session per note, shared by the tabs that show it; it outlives its last tab until its text is saved. */
export class OpenNotes {
  private readonly open = new Map<NoteId, { session: Promise<NoteSession>; users: number }>();

  constructor(
    private readonly backend: Backend,
    private readonly vault: Vault,
  ) {}

  acquire(id: NoteId): Promise<NoteSession> {
    let entry = this.open.get(id);
    if (!entry) {
      const session = this.backend.getNote(id).then((note) => new NoteSession(this.backend, note, this.vault));
      entry = { session, users: 0 };
      this.open.set(id, entry);
      session.catch(() => this.open.delete(id));
    }
    entry.users += 1;
    return entry.session;
  }

  async release(id: NoteId): Promise<void> {
    const entry = this.open.get(id);
    if (!entry) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    const session = await entry.session;
    const saved = await session.flush();
    if (saved && entry.users === 0 && this.open.get(id) === entry) {
      session.dispose();
      this.open.delete(id);
    }
  }

  /** Saves everything that is open; for the moment a window is hidden or closed. */
  async flushAll(): Promise<void> {
    const sessions = await Promise.all([...this.open.values()].map((entry) => entry.session));
    await Promise.all(
      sessions.map((session) => {
        session.keep();
        return session.flush();
      }),
    );
  }
}
