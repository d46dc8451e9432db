import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ApiError, Note, NoteDraft, Saved } from "../api";
import { OpenNotes } from "./openNotes";
import { type Backend, NoteSession, storageVault, type Vault } from "./session.svelte";

function aNote(change: Partial<Note> = {}): Note {
  return {
    id: 7, revision: 3, title: "Lease", body: "old", front_matter: "", tags: ["home"], all_tags: ["home"], notebook: "Flat", kind: "note",
    pinned: false, created: 1, updated: 1, trashed: null, attachments: [], ...change,
  };
}

interface Call {
  base: number;
  draft: NoteDraft;
  succeed: (revision?: number) => Promise<void>;
  fail: (error: ApiError) => Promise<void>;
}

/** A store that answers when the test says so. */
class Desk implements Backend {
  stored = aNote();
  readonly calls: Call[] = [];
  readonly created: NoteDraft[] = [];
  getNote = vi.fn(() => Promise.resolve(this.stored));

  saveNote = (_id: number, base: number, draft: NoteDraft): Promise<Saved> =>
    new Promise((resolve, reject) => {
      this.calls.push({
        base,
        draft,
        succeed: async (revision = base + 1) => {
          this.stored = { ...this.stored, ...draft, revision };
          resolve({ id: 7, revision, seq: revision, unchanged: false });
          await vi.advanceTimersByTimeAsync(0);
        },
        fail: async (error) => {
          // The page gets a plain object from the shell, not an Error.
          reject(error);
          await vi.advanceTimersByTimeAsync(0);
        },
      });
    });

  createNote = (draft: NoteDraft): Promise<Saved> => {
    this.created.push(draft);
    return Promise.resolve({ id: 99, revision: 1, seq: 1, unchanged: false });
  };

  call(index: number): Call {
    const call = this.calls[index];
    if (!call) throw new Error(`no save number ${String(index)}`);
    return call;
  }
}

const DISK: ApiError = { code: "internal", message: "the disk is full" };
const CONFLICT: ApiError = { code: "conflict", message: "the note was changed" };

let desk: Desk;
let vault: Vault;
let session: NoteSession;
let typed: string;
const read = () => typed;

function type(text: string): void {
  typed = text;
  session.editBody(read);
}

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  desk = new Desk();
  vault = storageVault(localStorage, () => undefined);
  session = new NoteSession(desk, aNote(), vault);
});

afterEach(() => {
  session.dispose();
  vi.useRealTimers();
});

describe("saving", () => {
  it("waits until typing stops, then sends once", async () => {
    type("a");
    await vi.advanceTimersByTimeAsync(400);
    type("ab");
    await vi.advanceTimersByTimeAsync(400);
    expect(desk.calls).toHaveLength(0);
    expect(session.phase.kind).toBe("unsaved");
    await vi.advanceTimersByTimeAsync(200);
    expect(desk.calls.map((call) => [call.base, call.draft.body])).toEqual([[3, "ab"]]);
    expect(session.phase.kind).toBe("saving");
    await desk.call(0).succeed();
    expect(session.phase.kind).toBe("saved");
    expect(session.dirty).toBe(false);
  });

  it("saves someone who never stops typing", async () => {
    for (let i = 0; i < 60; i++) {
      type("x".repeat(i));
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(desk.calls).toHaveLength(1);
  });

  it("never says saved while newer text is only typed", async () => {
    type("one");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    type("one two");
    await desk.call(0).succeed();
    expect(session.phase.kind).not.toBe("saved");
    expect(desk.calls.map((call) => call.draft.body)).toEqual(["one", "one two"]);
    expect(desk.call(1).base).toBe(4);
    await desk.call(1).succeed();
    expect(session.phase.kind).toBe("saved");
  });

  it("keeps one save in flight however often it is asked", async () => {
    type("one");
    const asked = [session.flush(), session.flush(), session.flush()];
    await vi.advanceTimersByTimeAsync(2_000);
    expect(desk.calls).toHaveLength(1);
    await desk.call(0).succeed();
    expect(await Promise.all(asked)).toEqual([true, true, true]);
    expect(desk.calls).toHaveLength(1);
  });

  it("sends title, tags, notebook and pin with the text", async () => {
    session.edit({ title: "Lease 2026", tags: ["home", "law"], notebook: "Old", pinned: true });
    await vi.advanceTimersByTimeAsync(500);
    expect(desk.call(0).draft).toEqual({ title: "Lease 2026", body: "old", front_matter: "", tags: ["home", "law"], notebook: "Old", pinned: true });
  });
});

describe("failing", () => {
  it("says why, tries again by itself with the newest text", async () => {
    type("one");
    await vi.advanceTimersByTimeAsync(500);
    await desk.call(0).fail(DISK);
    expect(session.phase).toEqual({ kind: "failed", reason: "the disk is full" });
    expect(session.dirty).toBe(true);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(desk.call(1).draft.body).toBe("one");
    await desk.call(1).fail(DISK);
    type("one two");
    await vi.advanceTimersByTimeAsync(500);
    expect(desk.call(2).draft.body).toBe("one two");
    await desk.call(2).succeed();
    expect(session.phase.kind).toBe("saved");
  });

  it("keeps unsaved text for the next start", async () => {
    type("precious");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    await desk.call(0).fail(DISK);
    session.dispose();
    const again = new NoteSession(desk, aNote(), vault);
    expect(again.body).toBe("precious");
    expect(again.dirty).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    await desk.call(1).succeed();
    expect(vault.find(7)).toBeNull();
  });

  it("does not keep asking the store for what it calls invalid", async () => {
    type("bad");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    await desk.call(0).fail({ code: "invalid", message: "too long" });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(desk.calls).toHaveLength(1);
    expect(session.dirty).toBe(true);
  });
});

describe("conflict", () => {
  async function conflict(): Promise<void> {
    type("mine");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    desk.stored = aNote({ revision: 9, body: "theirs" });
    await desk.call(0).fail(CONFLICT);
  }

  it("shows both and saves nothing until the user chose", async () => {
    await conflict();
    expect(session.phase).toMatchObject({ kind: "conflict", theirs: { body: "theirs" } });
    type("mine and more");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(desk.calls).toHaveLength(1);
    expect(session.draft().body).toBe("mine and more");
  });

  it("keeps mine on top of theirs", async () => {
    await conflict();
    void session.keepMine();
    await vi.advanceTimersByTimeAsync(0);
    expect(desk.call(1)).toMatchObject({ base: 9, draft: { body: "mine" } });
    await desk.call(1).succeed();
    expect(session.phase.kind).toBe("saved");
  });

  it("takes theirs and gives mine back", async () => {
    await conflict();
    expect(session.takeTheirs().body).toBe("mine");
    expect(session.body).toBe("theirs");
    expect(session.dirty).toBe(false);
    expect(session.baseRevision).toBe(9);
  });

  it("saves mine as a copy", async () => {
    await conflict();
    expect(await session.saveAsCopy()).toBe(99);
    expect(desk.created).toMatchObject([{ title: "Lease (my version)", body: "mine" }]);
    expect(session.body).toBe("theirs");
  });

  it("is none if both wrote the same", async () => {
    type("same");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    desk.stored = aNote({ revision: 9, body: "same" });
    await desk.call(0).fail(CONFLICT);
    expect(session.phase.kind).toBe("saved");
    expect(session.baseRevision).toBe(9);
  });

  it("is none if they changed another place of the text, or something else", async () => {
    session.adopt(aNote({ body: "one\ntwo\nthree\n" }));
    type("one mine\ntwo\nthree\n");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    desk.stored = aNote({ revision: 9, body: "one\ntwo\nthree theirs\n", pinned: true });
    await desk.call(0).fail(CONFLICT);
    expect(desk.call(1)).toMatchObject({ base: 9, draft: { body: "one mine\ntwo\nthree theirs\n", pinned: true } });
    await desk.call(1).succeed();
    expect(session.phase.kind).toBe("saved");
    expect(session.body).toBe("one mine\ntwo\nthree theirs\n");
  });

  it("is none if only the number moved on", async () => {
    type("mine");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    desk.stored = aNote({ revision: 4 });
    await desk.call(0).fail(CONFLICT);
    expect(desk.call(1)).toMatchObject({ base: 4, draft: { body: "mine" } });
  });

  it("arises again if theirs moved on while the user chose", async () => {
    await conflict();
    void session.keepMine();
    await vi.advanceTimersByTimeAsync(0);
    desk.stored = aNote({ revision: 10, body: "theirs again" });
    await desk.call(1).fail(CONFLICT);
    expect(session.phase).toMatchObject({ kind: "conflict", theirs: { revision: 10 } });
  });
});

describe("changes elsewhere", () => {
  it("show when nothing is unsaved", async () => {
    desk.stored = aNote({ revision: 4, body: "from the other window" });
    await session.refresh();
    expect(session.body).toBe("from the other window");
    expect(session.baseRevision).toBe(4);
  });

  it("leave typed text alone, also if it was typed while they were fetched", async () => {
    let answer: (note: Note) => void = () => undefined;
    desk.getNote.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
    const refreshed = session.refresh();
    type("mine");
    answer(aNote({ revision: 4, body: "theirs" }));
    await refreshed;
    expect(session.draft().body).toBe("mine");
    expect(session.baseRevision).toBe(3);
  });

  it("told of during one's own save are looked at after it", async () => {
    type("mine");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    await session.refresh();
    await desk.call(0).succeed();
    expect(desk.getNote).toHaveBeenCalledTimes(1);
    expect(session.phase.kind).toBe("saved");
    expect(session.body).toBe("mine");
  });

  it("say when the note is gone, and keep the text", async () => {
    type("mine");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    desk.getNote.mockImplementation(() => Promise.reject({ code: "not_found", message: "no such note" } as unknown as Error));
    await desk.call(0).fail({ code: "not_found", message: "no such note" });
    expect(session.phase.kind).toBe("gone");
    expect(await session.saveAsCopy()).toBe(99);
    expect(desk.created[0]?.body).toBe("mine");
    expect(session.dirty).toBe(false);
  });
});

describe("closing", () => {
  it("finishes the save in flight and the text typed after it", async () => {
    const open = new OpenNotes(desk, vault);
    session = await open.acquire(7);
    type("one");
    void session.flush();
    await vi.advanceTimersByTimeAsync(0);
    type("one two");
    const released = open.release(7);
    await vi.advanceTimersByTimeAsync(0);
    await desk.call(0).succeed();
    await desk.call(1).succeed();
    await released;
    expect(desk.stored.body).toBe("one two");
    expect(await open.acquire(7)).not.toBe(session);
  });

  it("keeps a note that could not be saved, and gives it back when it is opened again", async () => {
    const open = new OpenNotes(desk, vault);
    session = await open.acquire(7);
    type("precious");
    const released = open.release(7);
    await vi.advanceTimersByTimeAsync(0);
    await desk.call(0).fail(DISK);
    await released;
    expect(await open.acquire(7)).toBe(session);
    await vi.advanceTimersByTimeAsync(2_000);
    await desk.call(1).succeed();
    expect(desk.stored.body).toBe("precious");
  });

  it("saves at the next start what was left over, without the note being opened", async () => {
    vault.keep(7, 3, { title: "Lease", body: "left over", front_matter: "", tags: ["home"], notebook: "Flat", pinned: false });
    const recovered = new OpenNotes(desk, vault).recover();
    await vi.advanceTimersByTimeAsync(0);
    await desk.call(0).succeed();
    await recovered;
    expect(desk.stored.body).toBe("left over");
    expect(vault.ids()).toEqual([]);
  });

  it("keeps unsaved text at once when the window goes away", async () => {
    const open = new OpenNotes(desk, vault);
    session = await open.acquire(7);
    type("last words");
    void open.flushAll();
    expect(vault.find(7)?.draft.body).toBe("last words");
    await vi.advanceTimersByTimeAsync(0);
    await desk.call(0).succeed();
    expect(vault.find(7)).toBeNull();
  });

  it("shares one session between two tabs", async () => {
    const open = new OpenNotes(desk, vault);
    const [a, b] = await Promise.all([open.acquire(7), open.acquire(7)]);
    expect(a).toBe(b);
    session = a;
    type("one");
    await open.release(7);
    expect(desk.calls).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(500);
    expect(desk.calls).toHaveLength(1);
  });
});
