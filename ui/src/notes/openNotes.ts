// The notes that are open in this window.
import type { NoteId } from "../api";
import { type Backend, NoteSession, type Vault } from "./session.svelte";

/** One session per note, shared by the tabs that show it; it outlives its last tab until its text is saved. */
export class OpenNotes {
  private readonly open = new Map<NoteId, { session: Promise<NoteSession>; live: NoteSession | null; users: number }>();

  constructor(
    private readonly backend: Backend,
    private readonly vault: Vault,
  ) {}

  acquire(id: NoteId): Promise<NoteSession> {
    let entry = this.open.get(id);
    if (!entry) {
      const session = this.backend.getNote(id).then((note) => new NoteSession(this.backend, note, this.vault));
      const opened = { session, live: null as NoteSession | null, users: 0 };
      entry = opened;
      this.open.set(id, opened);
      session.then(
        (live) => (opened.live = live),
        () => this.open.delete(id),
      );
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

  /** Saves everything that is open; for the moment a window is hidden or closed, which may not wait for the answer. */
  async flushAll(): Promise<void> {
    const live = [...this.open.values()].flatMap((entry) => (entry.live ? [entry.live] : []));
    for (const session of live) session.keep();
    await Promise.all(live.map((session) => session.flush()));
  }

  /** Saves what an earlier run could not; what conflicts waits until its note is opened. */
  async recover(): Promise<void> {
    for (const id of this.vault.ids()) {
      try {
        const session = await this.acquire(id);
        await session.flush();
        await this.release(id);
      } catch {
        // A note that cannot be read now keeps its text in the vault for the next start.
      }
    }
  }
}
