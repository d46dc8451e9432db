/** The whole Api in memory, for a browser with no shell: sample notes, substring search, imports that progress by themselves.
 *  The address picks a situation: ?first (first run), ?folders (watched folders, one of them emptied), ?notes=5000, ?tasks=100000, ?fail=listNotes,search (those calls reject), ?degraded, ?llm (a language model is set up), ?badmodel (a folder that does not fit), ?slow=ms. */
import { sampleNotes } from "./fake-notes";
import { FakeAsk } from "./fake-ask";
import { fakeDiagnostics } from "./fake-diagnostics";
import { fakeLanguageModel } from "./fake-language-model";
import { fakeCount, fakeFacets, fakeMatches, fakePassages, fakeSearch, type Searchable } from "./fake-search";
import type {
  AnswerProgress,
  Api,
  ApiError,
  Attachment,
  ExportProgress,
  Duplicates,
  Hit,
  ImportItem,
  ImportStatus,
  IndexStatus,
  ModelChange,
  ModelInfo,
  Note,
  NoteDraft,
  NoteHead,
  NoteId,
  NotesChanged,
  PastQuery,
  Revision,
  Saved,
  SavedSearch,
  Settings,
  Task,
  Timestamp,
  Unlisten,
  WatchedFolder,
} from "./types";

const DAY = 86_400_000;
const HASHTAG = /(?:^|[\s(])#([\p{L}\p{N}_][\p{L}\p{N}_/-]*)/gu;
/** A picture, as a PNG in base64: what every file on the fake's disk is. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkqF/+HwAEmQJ4bAQXfQAAAABJRU5ErkJggg==";
const TASK_LINE = /^\s*(?:[-*+]|\d+\.) \[([ xX])\] (.*)$/;
const DUE = /(?:📅\s*|due:)(\d{4}-\d{2}-\d{2})/u;

interface Stored extends Note {
  revisions: Revision[];
}

class Listeners<T> {
  readonly #all = new Set<(value: T) => void>();
  add = (f: (value: T) => void): Unlisten => {
    this.#all.add(f);
    return () => this.#all.delete(f);
  };
  emit = (value: T): void => {
    for (const f of this.#all) f(value);
  };
}

interface FakeImport {
  status: ImportStatus;
  items: ImportItem[];
}

const attachmentUrls = new Map<string, string>();

export function fakeAttachmentUrl(digest: string, name: string): string {
  return attachmentUrls.get(digest) ?? `data:text/plain,${encodeURIComponent(name)}`;
}

/** What a test in the browser may reach to play the shell's part. */
export interface FakeShell {
  dropFiles(kind: "over" | "drop" | "leave", paths: string[], x?: number, y?: number): void;
  openNote(id: NoteId, query: string): void;
  showQuick(): void;
  /** Saves a note behind the page's back, as another window would. */
  write(title: string, body: string): NoteId;
  /** Changes a note's text behind the page's back. */
  edit(id: NoteId, body: string): void;
  setStatus(change: Partial<IndexStatus>): void;
  readonly calls: { name: string; args: unknown[] }[];
}

declare global {
  interface Window {
    fakeShell?: FakeShell;
  }
}

export function fakeApi(): Api {
  const params = new URLSearchParams(globalThis.location?.search ?? "");
  const failing = new Set((params.get("fail") ?? "").split(",").filter(Boolean));
  const slow = Number(params.get("slow") ?? 0);
  const calls: { name: string; args: unknown[] }[] = [];
  const notes = new Map<NoteId, Stored>();
  const notebooks = new Set<string>();
  const imports: FakeImport[] = [];
  const notesChanged = new Listeners<NotesChanged>();
  const indexStatus = new Listeners<IndexStatus>();
  const importProgress = new Listeners<ImportStatus>();
  const exportProgress = new Listeners<ExportProgress>();
  let exportCancelled = false;
  const foldersChanged = new Listeners<WatchedFolder[]>();
  let folders: WatchedFolder[] = params.has("folders") ? sampleFolders() : [];
  const opened = new Listeners<{ id: NoteId; query: string }>();
  const quickShown = new Listeners<void>();
  const duplicatesProgress = new Listeners<number>();
  const answerProgress = new Listeners<AnswerProgress>();
  const asking = new FakeAsk();
  const generator = params.has("llm") ? "a model on this computer" : null;
  const fileDrop = new Listeners<{ kind: "over" | "drop" | "leave"; paths: string[]; x: number; y: number }>();
  let nextId = 1;
  let seq = 0;
  let firstRun = params.has("first");
  let statusChange: Partial<IndexStatus> = {};
  let queries: PastQuery[] = [];
  let cancelDuplicates = (): void => undefined;
  let synonyms: string[][] = [];
  let model: ModelInfo | null = null;
  let modelChange: ModelChange | null = null;
  let settings: Settings = {
    theme: "system",
    hotkey: "Ctrl+Alt+Space",
    hotkey_error: null,
    density: "comfortable",
    on_change: "update",
    meaning_paused: false,
    meaning_on_battery: false,
    saved_searches: [
      { name: "Open tasks at home", text: "is:todo in:Home", mode: "words" },
      { name: "Money back", text: "get money back", mode: "both" },
    ],
    search_history: true,
    data_dir: "/home/you/.local/share/commonplace",
    version: "0.1.0",
    font_size: 16,
  };

  function setFolders(next: WatchedFolder[]): void {
    folders = next;
    foldersChanged.emit(structuredClone(folders));
  }

  function changeFolder(id: number, change: Partial<WatchedFolder>): void {
    setFolders(folders.map((folder) => (folder.id === id ? { ...folder, ...change } : folder)));
  }

  const now = (): Timestamp => Date.now();
  const fail = (code: ApiError["code"], message: string): ApiError => ({ code, message });

  function allTags(note: { tags: string[]; body: string }): string[] {
    const found = new Set(note.tags);
    for (const match of note.body.matchAll(HASHTAG)) if (match[1]) found.add(match[1]);
    return [...found].sort();
  }

  function put(draft: NoteDraft, at: { created: Timestamp; updated: Timestamp; kind: string }): Stored {
    const id = nextId++;
    const note: Stored = {
      id,
      revision: 1,
      ...draft,
      all_tags: allTags(draft),
      kind: at.kind,
      created: at.created,
      updated: at.updated,
      trashed: null,
      attachments: [],
      revisions: [],
    };
    notes.set(id, note);
    addNotebook(draft.notebook);
    seq += 1;
    return note;
  }

  function addNotebook(path: string): void {
    const parts = path.split("/").filter(Boolean);
    parts.forEach((_, i) => notebooks.add(parts.slice(0, i + 1).join("/")));
  }

  function need(id: NoteId): Stored {
    const note = notes.get(id);
    if (!note) throw fail("not_found", `There is no note ${id}.`);
    return note;
  }

  function changed(ids: NoteId[]): void {
    seq += 1;
    notesChanged.emit({ ids, seq });
    indexStatus.emit(status());
  }

  const excerpt = (body: string): string =>
    body
      .replace(/^#+ .*$/gm, "")
      .replace(/^\s*(?:[-*+]|\d+\.) (?:\[[ xX]\] )?/gm, "")
      .replace(/```\w*|[*_`>#|]|\[\[|\]\]/g, "")
      .replace(/\s+/g, " ")
      .trim()
      .slice(0, 240);

  function head(note: Stored): NoteHead {
    const { id, title, all_tags, notebook, kind, pinned, created, updated, trashed } = note;
    return { id, title, excerpt: excerpt(note.body), all_tags, notebook, kind, pinned, created, updated, trashed };
  }

  const alive = (): Stored[] => [...notes.values()].filter((n) => n.trashed === null);
  const within = (path: string, parent: string): boolean => path === parent || path.startsWith(`${parent}/`);
  const today = (): Timestamp => new Date().setHours(0, 0, 0, 0);

  function status(): IndexStatus {
    const count = alive().length;
    const degraded = params.has("degraded");
    return {
      notes: count,
      words_pending: 0,
      meaning_pending: degraded ? Math.ceil(count * 0.8) : 0,
      meaning_skipped: 0,
      chunks: count * 3,
      vectors: degraded ? Math.floor(count * 0.6) : count * 3,
      words_state: "ready",
      meaning_state: settings.meaning_paused ? "paused" : "ready",
      waiting_for: null,
      message: null,
      read_only: false,
      unwritable: false,
      model: model?.name ?? null,
      model_change: modelChange && { ...modelChange, state: settings.meaning_paused ? "paused" : modelChange.state },
      ...statusChange,
    };
  }

  /** Goes on a fifth of the notes at a time, unless it is paused or given up. */
  function changeModel(next: ModelInfo | null): void {
    const change: ModelChange = { model: next?.name ?? null, pending: alive().length, state: "rebuilding", message: null };
    modelChange = change;
    const step = (): void => {
      if (modelChange !== change) return;
      if (!settings.meaning_paused) change.pending -= Math.ceil(alive().length / 5);
      if (change.pending <= 0) {
        model = next;
        modelChange = null;
      } else setTimeout(step, 400);
      indexStatus.emit(status());
    };
    setTimeout(step, 400);
    indexStatus.emit(status());
  }

  function save(note: Stored, draft: NoteDraft): Saved {
    const same = (["title", "body", "front_matter", "notebook", "pinned"] as const).every((k) => note[k] === draft[k]);
    if (same && draft.tags.join("\n") === note.tags.join("\n")) {
      return { id: note.id, revision: note.revision, seq, unchanged: true };
    }
    note.revisions.unshift({ revision: note.revision, saved: note.updated, title: note.title, body: note.body });
    Object.assign(note, draft, { revision: note.revision + 1, updated: now(), all_tags: allTags(draft) });
    addNotebook(draft.notebook);
    changed([note.id]);
    return { id: note.id, revision: note.revision, seq, unchanged: false };
  }

  function draftOf(note: Stored): NoteDraft {
    const { title, body, front_matter, tags, notebook, pinned } = note;
    return { title, body, front_matter, tags: [...tags], notebook, pinned };
  }

  function attach(id: NoteId, name: string, bytes: Uint8Array, mime = mimeOf(name)): Attachment {
    const note = need(id);
    const digest = `fake${bytes.length.toString(16)}${note.attachments.length}${id}`.padEnd(64, "0");
    attachmentUrls.set(digest, `data:${mime};base64,${btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""))}`);
    const attachment: Attachment = { digest, name, mime, size: bytes.length, role: "embed" };
    note.attachments.push(attachment);
    return { ...attachment };
  }

  function mimeOf(name: string): string {
    return /\.(png|jpe?g|gif|webp)$/i.test(name) ? `image/${name.split(".").pop()?.toLowerCase().replace("jpg", "jpeg")}` : "application/octet-stream";
  }

  function tasksOf(note: Stored): Task[] {
    const found: Task[] = [];
    note.body.split("\n").forEach((line, index) => {
      const match = TASK_LINE.exec(line);
      if (!match) return;
      const text = (match[2] ?? "").trim();
      found.push({
        note: note.id,
        note_title: note.title,
        notebook: note.notebook,
        ordinal: found.length,
        line: index,
        text,
        done: match[1] !== " ",
        due: DUE.exec(text)?.[1] ?? null,
      });
    });
    return found;
  }

  const searchable = (): Searchable[] =>
    [...notes.values()].map((n) => ({ ...n, hasOpenTask: tasksOf(n).some((t) => !t.done), hasTask: tasksOf(n).length > 0 }));

  function seed(): void {
    for (const sample of sampleNotes) {
      const at = now() - sample.daysAgo * DAY - 3_600_000 * (sample.daysAgo ? 1 : 0);
      put(
        { title: sample.title, body: sample.body, front_matter: "", tags: sample.tags, notebook: sample.notebook, pinned: sample.pinned ?? false },
        { created: at - 2 * DAY, updated: at, kind: sample.kind ?? "note" },
      );
    }
    // Imported twice, and changed a little since.
    if (params.has("duplicates"))
      for (const sample of sampleNotes.slice(0, 3)) {
        const draft = { title: sample.title, front_matter: "", tags: sample.tags, notebook: "Archive", pinned: false };
        const at = now() - (sample.daysAgo + 40) * DAY;
        put({ ...draft, body: `${sample.body.replace("30 days", "31 days").replace("flat", "apartment")}\n\nScanned in October.` }, { created: at, updated: at, kind: "note" });
        if (sample === sampleNotes[0]) put({ ...draft, body: sample.body }, { created: at, updated: at - DAY, kind: "note" });
      }
    const extra = Number(params.get("notes") ?? 0);
    for (let i = 0; i < extra; i++) {
      put(
        { title: `Log ${String(i + 1).padStart(5, "0")}`, body: `Entry ${i + 1}: measured ${(i * 7919) % 1000} units at the weir.`, front_matter: "", tags: ["log"], notebook: "Archive/Log", pinned: false },
        { created: now() - (30 + i) * DAY, updated: now() - (30 + i) * DAY, kind: "note" },
      );
    }
    const tasks = Number(params.get("tasks") ?? 0);
    for (let i = 0; i < tasks; i += 100) {
      const lines = Array.from({ length: Math.min(100, tasks - i) }, (_, n) => `- [ ] Task ${i + n} of many${n % 3 === 0 ? ` 📅 20${27 + (n % 7)}-0${1 + (n % 9)}-1${n % 10}` : ""}${n % 10 === 0 ? " ⏫" : ""}`);
      put({ title: `Plan ${i / 100}`, body: lines.join("\n"), front_matter: "", tags: [], notebook: "Plans", pinned: false }, { created: now() - DAY, updated: now() - DAY, kind: "note" });
    }
    const trashed = put(
      { title: "Old shopping list", body: "Milk, bread, batteries.", front_matter: "", tags: [], notebook: "Home", pinned: false },
      { created: now() - 90 * DAY, updated: now() - 60 * DAY, kind: "note" },
    );
    trashed.trashed = now() - 2 * DAY;
    imports.push(finishedImport());
  }

  function finishedImport(): FakeImport {
    const items: ImportItem[] = [
      ...sampleNotes.slice(0, 34).map((n, i): ImportItem => ({ path: `/home/you/Documents/Old notes/${n.title.replaceAll("/", "-")}.md`, state: "imported", reason: null, note: i + 1 })),
      { path: "/home/you/Documents/Old notes/.DS_Store", state: "skipped", reason: "A system file, not a document", note: null },
      { path: "/home/you/Documents/Old notes/Lease copy.md", state: "skipped", reason: "Same content as “Lease agreement 2024”, which is already here", note: 1 },
      { path: "/home/you/Documents/Old notes/film.mp4", state: "skipped", reason: "Video is not a kind of document that can be read", note: null },
      { path: "/home/you/Documents/Old notes/Scan 0042.pdf", state: "failed", reason: "The PDF is encrypted; open it once with its password and save it without", note: null },
      { path: "/home/you/Documents/Old notes/Budget 2019.docx", state: "failed", reason: "The file ends in the middle: 12 kB of 48 kB are there", note: null },
    ];
    const count = (state: ImportItem["state"]): number => items.filter((i) => i.state === state).length;
    return {
      items,
      status: {
        id: imports.length + 1,
        roots: ["/home/you/Documents/Old notes"],
        notebook: "",
        state: "done",
        found: items.length,
        imported: count("imported"),
        skipped: count("skipped"),
        failed: count("failed"),
        started: now() - 3 * DAY,
        finished: now() - 3 * DAY + 4_200,
        current: null,
        rate: 9.5,
        seconds_left: null,
        error: null,
      },
    };
  }

  function runImport(job: FakeImport): void {
    const step = (): void => {
      const s = job.status;
      if (s.state === "cancelled" || s.state === "paused") return;
      if (s.state === "scanning") {
        s.found = job.items.length;
        s.state = "running";
      } else {
        const pending = job.items.filter((i) => i.state === "pending");
        for (const item of pending.slice(0, 3)) {
          const name = item.path.split("/").pop() ?? item.path;
          if (name.endsWith(".bin")) Object.assign(item, { state: "skipped", reason: "Not a kind of document that can be read" });
          else if (name.includes("broken")) Object.assign(item, { state: "failed", reason: "The file could not be read: it ends in the middle" });
          else {
            const note = put(
              { title: name.replace(/\.\w+$/, ""), body: `Imported from ${item.path}.`, front_matter: "", tags: ["imported"], notebook: s.notebook, pinned: false },
              { created: now(), updated: now(), kind: "note" },
            );
            Object.assign(item, { state: "imported", note: note.id });
          }
          s.current = item.path;
        }
        tally(job);
        changed(job.items.flatMap((i) => (i.note === null ? [] : [i.note])).slice(-3));
        if (!job.items.some((i) => i.state === "pending")) {
          Object.assign(s, { state: "done", finished: now(), current: null, seconds_left: null });
        }
      }
      importProgress.emit({ ...s });
      if (s.state === "running") setTimeout(step, 180);
    };
    setTimeout(step, 150);
  }

  function tally(job: FakeImport): void {
    const count = (state: ImportItem["state"]): number => job.items.filter((i) => i.state === state).length;
    const s = job.status;
    Object.assign(s, { imported: count("imported"), skipped: count("skipped"), failed: count("failed") });
    s.rate = 16.6;
    s.seconds_left = Math.ceil(count("pending") / s.rate);
  }

  function needImport(id: number): FakeImport {
    const job = imports.find((i) => i.status.id === id);
    if (!job) throw fail("not_found", `There is no import ${id}.`);
    return job;
  }

  function sidebarTags(): { tag: string; count: number }[] {
    const counts = new Map<string, number>();
    for (const note of alive()) for (const tag of note.all_tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
    return [...counts].map(([tag, count]) => ({ tag, count })).sort((a, b) => a.tag.localeCompare(b.tag));
  }

  function setTrashed(ids: NoteId[], at: Timestamp | null): void {
    for (const id of ids) need(id).trashed = at;
    changed(ids);
  }

  /** Notes that share four of five words with the one changed last. */
  function duplicates(): Duplicates {
    const left = alive().sort((a, b) => b.updated - a.updated || a.id - b.id);
    const wordsOf = (n: Stored): Set<string> => new Set(n.body.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
    const likeness = (a: Set<string>, b: Set<string>): number => {
      const shared = [...a].filter((w) => b.has(w)).length;
      return shared / (a.size + b.size - shared || 1);
    };
    const groups: Duplicates["groups"] = [];
    const taken = new Set<NoteId>();
    for (const first of left.slice(0, 200)) {
      const own = wordsOf(first);
      if (taken.has(first.id) || own.size < 4) continue;
      const alike = left.slice(0, 200).filter((n) => n.id !== first.id && !taken.has(n.id) && likeness(own, wordsOf(n)) >= 0.8);
      if (alike.length === 0) continue;
      groups.push([first, ...alike].map((n) => ({ note: head(n), chars: n.body.length, likeness: likeness(own, wordsOf(n)), identical: n.title === first.title && n.body === first.body })));
      for (const n of [first, ...alike]) taken.add(n.id);
    }
    return { groups, found: groups.length, compared: left.length };
  }

  seed();

  const api: Api = {
    createNote: async (draft) => {
      const note = put(draft, { created: now(), updated: now(), kind: "note" });
      changed([note.id]);
      return { id: note.id, revision: 1, seq, unchanged: false };
    },
    saveNote: async (id, baseRevision, draft) => {
      const note = need(id);
      const differs = note.title !== draft.title || note.body !== draft.body;
      if (baseRevision !== note.revision && differs) throw fail("conflict", "This note was changed elsewhere in the meantime.");
      return save(note, draft);
    },
    countOpen: async () => undefined,
    getNote: async (id) => structuredClone({ ...need(id), revisions: undefined }) as Note,
    listNotes: async ({ view, name, sort, offset, limit }) => {
      const chosen = [...notes.values()].filter((n) => {
        if (view === "trash") return n.trashed !== null;
        if (n.trashed !== null) return false;
        if (view === "today") return n.updated >= today();
        if (view === "notebook") return within(n.notebook, name);
        if (view === "tag") return n.all_tags.some((t) => within(t, name));
        return true;
      });
      chosen.sort((a, b) => {
        if (view === "all" && a.pinned !== b.pinned) return a.pinned ? -1 : 1;
        return sort === "title" ? a.title.localeCompare(b.title) : b[sort] - a[sort] || b.id - a.id;
      });
      return { total: chosen.length, notes: chosen.slice(offset, offset + limit).map(head) };
    },
    trashNotes: async (ids) => setTrashed(ids, now()),
    restoreNotes: async (ids) => setTrashed(ids, null),
    deleteNotes: async (ids) => {
      for (const id of ids) notes.delete(id);
      changed(ids);
    },
    emptyTrash: async () => {
      const ids = [...notes.values()].filter((n) => n.trashed !== null).map((n) => n.id);
      for (const id of ids) notes.delete(id);
      changed(ids);
      return ids.length;
    },
    setPinned: async (id, pinned) => save(need(id), { ...draftOf(need(id)), pinned }),
    moveNotes: async (ids, notebook) => {
      addNotebook(notebook);
      for (const id of ids) need(id).notebook = notebook;
      changed(ids);
    },
    listRevisions: async (id) =>
      need(id).revisions.map(({ revision, saved, title, body }) => ({ revision, saved, title, chars: body.length })),
    getRevision: async (id, revision) => {
      const found = need(id).revisions.find((r) => r.revision === revision);
      if (!found) throw fail("not_found", `Version ${revision} is gone.`);
      return { ...found };
    },
    restoreRevision: async (id, revision) => {
      const note = need(id);
      const found = note.revisions.find((r) => r.revision === revision);
      if (!found) throw fail("not_found", `Version ${revision} is gone.`);
      return save(note, { ...draftOf(note), title: found.title, body: found.body });
    },
    getBacklinks: async (id) => {
      const link = `[[${need(id).title}`.toLowerCase();
      return alive()
        .filter((n) => n.id !== id && n.body.toLowerCase().includes(link))
        .map((n) => {
          const at = n.body.toLowerCase().indexOf(link);
          return { note: n.id, title: n.title, excerpt: excerpt(n.body.slice(Math.max(0, at - 60), at + 120)) };
        });
    },
    getRelated: async (id, limit) => {
      const own = new Set(need(id).all_tags);
      return alive()
        .filter((n) => n.id !== id)
        .map((n) => ({ n, score: n.all_tags.filter((t) => own.has(t)).length + (n.notebook === need(id).notebook ? 0.5 : 0) }))
        .filter(({ score }) => score > 0)
        .sort((a, b) => b.score - a.score)
        .slice(0, limit)
        .map(
          ({ n, score }): Hit => ({
            note: n.id,
            title: n.title,
            title_marks: [],
            notebook: n.notebook,
            all_tags: n.all_tags,
            kind: n.kind,
            updated: n.updated,
            score: score / 3,
            why: "meaning",
            explanation: `similarity ${(0.5 + score / 8).toFixed(2)}`,
            heading_path: "",
            snippet: { text: excerpt(n.body).slice(0, 140), marks: [] },
            passage: null,
          }),
        );
    },
    getSidebar: async () => {
      const live = alive();
      return {
        notes: live.length,
        today: live.filter((n) => n.updated >= today()).length,
        trashed: notes.size - live.length,
        open_tasks: live.flatMap(tasksOf).filter((t) => !t.done).length,
        running_imports: imports.filter((i) => i.status.state === "running" || i.status.state === "scanning").length,
        notebooks: [...notebooks].sort().map((path) => ({ path, count: live.filter((n) => within(n.notebook, path)).length })),
        tags: sidebarTags(),
        saved_searches: structuredClone(settings.saved_searches),
      };
    },
    createNotebook: async (path) => {
      if (!path.trim()) throw fail("invalid", "A notebook needs a name.");
      if (notebooks.has(path)) throw fail("invalid", `There is already a notebook called ${path}.`);
      addNotebook(path);
      changed([]);
    },
    renameNotebook: async (from, to) => {
      if (!to.trim()) throw fail("invalid", "A notebook needs a name.");
      for (const path of [...notebooks]) {
        if (!within(path, from)) continue;
        notebooks.delete(path);
        addNotebook(to + path.slice(from.length));
      }
      for (const note of notes.values()) if (within(note.notebook, from)) note.notebook = to + note.notebook.slice(from.length);
      changed([]);
    },
    deleteNotebook: async (path) => {
      const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
      for (const other of [...notebooks]) if (within(other, path)) notebooks.delete(other);
      for (const note of notes.values()) if (within(note.notebook, path)) note.notebook = parent;
      changed([]);
    },
    completeNames: async (prefix) => {
      const wanted = prefix.toLowerCase();
      return alive()
        .filter((n) => n.title.toLowerCase().includes(wanted))
        .sort((a, b) => Number(b.title.toLowerCase().startsWith(wanted)) - Number(a.title.toLowerCase().startsWith(wanted)) || b.updated - a.updated)
        .slice(0, 30)
        .map(({ id, title, notebook }) => ({ id, title, notebook }));
    },
    completeTags: async (prefix) =>
      sidebarTags()
        .map((t) => t.tag)
        .filter((t) => t.toLowerCase().includes(prefix.toLowerCase()))
        .slice(0, 30),
    resolveName: async (name) => alive().find((n) => [n.title, `${n.notebook}/${n.title}`].some((full) => full.toLowerCase() === name.toLowerCase()))?.id ?? null,
    listTasks: async (includeDone) => alive().flatMap(tasksOf).filter((t) => includeDone || !t.done),
    toggleTask: async (id, line, done) => {
      const note = need(id);
      const lines = note.body.split("\n");
      const text = lines[line];
      if (text === undefined || !TASK_LINE.test(text)) throw fail("conflict", "That task is no longer where it was.");
      lines[line] = text.replace(/\[[ xX]\]/, done ? "[x]" : "[ ]");
      return save(note, { ...draftOf(note), body: lines.join("\n") });
    },
    openDailyNote: async () => {
      const day = new Date();
      const title = [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
      const found = alive().find((n) => n.title === title);
      if (found) return found.id;
      const saved = await api.createNote({ title, body: "", front_matter: "", tags: ["journal"], notebook: "Journal", pinned: false });
      return saved.id;
    },
    search: async (request) => fakeSearch(request, searchable(), params.has("degraded") ? status() : null),
    facets: async ({ text }) => fakeFacets(text, searchable()),
    countHits: async (texts) => texts.map((text) => fakeCount(text, "both", searchable())),
    cancelSearch: async () => undefined,
    passages: async (id, text, mode) => fakePassages(need(id).body, text, mode),
    findMatches: async (text, query, markdown) => fakeMatches(text, query, markdown),
    pastQueries: async () => structuredClone(queries),
    rememberQuery: async (text, mode) => {
      if (settings.search_history) queries = [{ text, mode, asked: now() }, ...queries.filter((q) => q.text !== text || q.mode !== mode)];
    },
    forgetQuery: async (text, mode) => void (queries = queries.filter((q) => q.text !== text || q.mode !== mode)),
    forgetQueries: async () => void (queries = []),
    findDuplicates: async () => {
      let cancelled = false;
      cancelDuplicates = () => (cancelled = true);
      for (let step = 1; step <= 5; step++) {
        await new Promise((resolve) => setTimeout(resolve, 40 + slow));
        if (cancelled) throw fail("busy", "Cancelled.");
        duplicatesProgress.emit(step / 5);
      }
      return duplicates();
    },
    cancelDuplicates: async () => cancelDuplicates(),
    ask: (request) => asking.ask(request, alive(), generator, 15 + slow, (news) => answerProgress.emit(news)),
    cancelAsk: async (name) => asking.cancel(name),
    getGenerator: async () => generator,
    startImport: async (paths, notebook) => {
      const items: ImportItem[] = paths.flatMap((path): ImportItem[] => {
        if (/\.\w+$/.test(path)) return [{ path, state: "pending", reason: null, note: null }];
        return Array.from({ length: 40 }, (_, i) => {
          const name = i % 13 === 5 ? `broken ${i}.pdf` : i % 11 === 3 ? `picture ${i}.bin` : `Page ${i + 1}.md`;
          return { path: `${path}/${name}`, state: "pending", reason: null, note: null };
        });
      });
      const job: FakeImport = {
        items,
        status: { id: imports.length + 1, roots: paths, notebook, state: "scanning", found: 0, imported: 0, skipped: 0, failed: 0, started: now(), finished: null, current: null, rate: 0, seconds_left: null, error: null },
      };
      imports.unshift(job);
      importProgress.emit({ ...job.status });
      runImport(job);
      return job.status.id;
    },
    listImports: async () => imports.map((i) => ({ ...i.status })),
    getImportItems: async (id, state, offset, limit) => {
      const chosen = needImport(id).items.filter((i) => state === null || i.state === state);
      return { total: chosen.length, items: structuredClone(chosen.slice(offset, offset + limit)) };
    },
    cancelImport: async (id) => {
      const { status: s } = needImport(id);
      Object.assign(s, { state: "cancelled", finished: now(), current: null, seconds_left: null });
      importProgress.emit({ ...s });
    },
    pauseImport: async (id) => {
      const { status: s } = needImport(id);
      Object.assign(s, { state: "paused", current: null, seconds_left: null });
      importProgress.emit({ ...s });
    },
    resumeImport: async (id) => {
      const job = needImport(id);
      job.status.state = "running";
      importProgress.emit({ ...job.status });
      runImport(job);
    },
    retryImport: async (id) => {
      const job = needImport(id);
      for (const item of job.items) if (item.state === "failed") Object.assign(item, { state: "pending", reason: null });
      Object.assign(job.status, { state: "running", finished: null });
      tally(job);
      importProgress.emit({ ...job.status });
      runImport(job);
      return id;
    },
    undoImport: async (id) => {
      const job = needImport(id);
      const ids = job.items.flatMap((i) => (i.state === "imported" && i.note !== null ? [i.note] : []));
      setTrashed(ids.filter((n) => notes.has(n)), now());
      job.status.state = "undone";
      importProgress.emit({ ...job.status });
    },
    pickImportPaths: async (folders) => (folders ? ["/home/you/Documents/Vault"] : ["/home/you/Documents/Report.pdf", "/home/you/Documents/broken.docx"]),
    exportNotes: async (request) => {
      const ends: Record<string, string> = { folder: "", archive: ".zip", markdown: ".md", html: ".html", pdf: ".pdf", docx: ".docx" };
      exportCancelled = false;
      for (let done = 0; done <= 4; done++) {
        if (exportCancelled) return null;
        exportProgress.emit({ done, total: 4 });
        await new Promise((resolve) => setTimeout(resolve, 120));
      }
      return `/home/you/Documents/${request.name}${ends[request.format]}`;
    },
    cancelExport: async () => void (exportCancelled = true),
    saveAttachment: async () => true,
    listFolders: async () => structuredClone(folders),
    watchFolder: async (path, notebook) => {
      if (folders.some((folder) => folder.path === path)) throw fail("invalid", `${path} is a watched folder already`);
      const id = 1 + Math.max(0, ...folders.map((folder) => folder.id));
      const folder: WatchedFolder = { id, path, notebook, state: "catching_up", files: 0, conflicts: 0, question: null, problems: [] };
      setFolders([...folders, folder]);
      setTimeout(() => changeFolder(id, { state: "in_step", files: 12 }), 300);
      return id;
    },
    unwatchFolder: async (id) => setFolders(folders.filter((folder) => folder.id !== id)),
    pauseFolder: async (id, paused) => changeFolder(id, { state: paused ? "paused" : "in_step" }),
    answerFolder: async (id, answer) => {
      if (answer !== "look_again") changeFolder(id, { state: "in_step", question: null, files: answer === "trash" ? 0 : 214 });
    },
    getStatus: async () => status(),
    diagnostics: async () => fakeDiagnostics({ status: status(), settings, seq, trashed: notes.size - alive().length, searches: calls.filter((c) => c.name === "search").length }),
    getSettings: async () => structuredClone(settings),
    saveSettings: async (next) => {
      if (!next.search_history) queries = [];
      settings = { ...structuredClone(next), data_dir: settings.data_dir, version: settings.version };
      indexStatus.emit(status());
      changed([]);
      return structuredClone(settings);
    },
    getSynonyms: async () => structuredClone(synonyms),
    saveSynonyms: async (groups) => {
      const clean = groups.map((group) => [...new Set(group.map((word) => word.trim()).filter(Boolean))]);
      synonyms = clean.filter((group) => group.length > 1);
      return structuredClone(synonyms);
    },
    setHotkey: async (hotkey) => {
      const taken = hotkey === "Ctrl+Alt+T";
      settings = { ...settings, hotkey, hotkey_error: taken ? "Another program already uses Ctrl+Alt+T." : null };
      return structuredClone(settings);
    },
    addAttachment: async (id, name, bytes) => attach(id, name, bytes),
    addAttachmentFile: async (id, path) => {
      if (path.includes("missing")) throw fail("not_found", "There is no such file.");
      return attach(id, path.split("/").pop() ?? path, Uint8Array.from(atob(PIXEL), (c) => c.charCodeAt(0)), "image/png");
    },
    openAttachment: async () => undefined,
    openLink: async () => undefined,
    getSession: async () => sessionStorage.getItem("fake-session") ?? "",
    saveSession: async (json) => sessionStorage.setItem("fake-session", json),
    rebuildIndexes: async () => {
      let done = 0;
      const step = (): void => {
        done += 20;
        const left = Math.max(0, alive().length - done);
        statusChange = left > 0 ? { words_pending: left, meaning_pending: left, words_state: "rebuilding", meaning_state: "rebuilding" } : {};
        indexStatus.emit(status());
        if (left > 0) setTimeout(step, 300);
      };
      step();
    },
    getModel: async () => structuredClone(model),
    pickModelFolder: async () => "/home/you/Models/multilingual-e5-small",
    previewModel: async (dir) => {
      if (params.has("badmodel")) throw fail("invalid", `${dir}/tokenizer.json: there is no such file, and a model folder needs it`);
      return { model: { dir, name: dir.split("/").pop() ?? dir, dims: 384, usage: { query_prefix: "query: ", passage_prefix: "passage: ", languages: [] } }, seconds: 420 };
    },
    setModel: async (dir, usage) => changeModel({ dir, name: dir.split("/").pop() ?? dir, dims: 384, usage: structuredClone(usage) }),
    resetModel: async () => changeModel(null),
    cancelModelChange: async () => {
      modelChange = null;
      indexStatus.emit(status());
    },
    listModels: async () => [
      { repository: "intfloat/multilingual-e5-small", page: "https://huggingface.co/intfloat/multilingual-e5-small/tree/main", dims: 384, files: ["onnx/model.onnx"], languages: "many languages", licence: "MIT", megabytes: 472 },
      { repository: "Xenova/bge-small-en-v1.5", page: "https://huggingface.co/Xenova/bge-small-en-v1.5/tree/main", dims: 384, files: ["onnx/model.onnx"], languages: "English", licence: "MIT", megabytes: 132 },
    ],
    getForeignLanguage: async (id) => (model === null && /[\u3040-\u30ff]/.test(notes.get(id)?.body ?? "") ? "Japanese" : null),
    ...fakeLanguageModel(params),
    deleteWelcome: async () => undefined,
    firstRun: async () => firstRun,
    createWelcome: async () => {
      firstRun = false;
      changed([]);
    },
    hideQuick: async () => undefined,
    openInMain: async () => undefined,
    copyText: async () => undefined,
    reportError: async () => undefined,
    closeApp: async () => undefined,
    onNotesChanged: notesChanged.add,
    onIndexStatus: indexStatus.add,
    onImportProgress: importProgress.add,
    onExportProgress: exportProgress.add,
    onFolders: foldersChanged.add,
    onDuplicatesProgress: duplicatesProgress.add,
    onAnswerProgress: answerProgress.add,
    onOpenNote: opened.add,
    onCloseRequested: () => () => undefined,
    onQuickShown: quickShown.add,
    onFileDrop: fileDrop.add,
  };

  if (params.has("first")) {
    notes.clear();
    notebooks.clear();
    imports.length = 0;
    settings.saved_searches = [] satisfies SavedSearch[];
  }

  if (typeof window !== "undefined") {
    window.fakeShell = {
      dropFiles: (kind, paths, x = 600, y = 300) => fileDrop.emit({ kind, paths, x, y }),
      openNote: (id, query) => opened.emit({ id, query }),
      showQuick: () => quickShown.emit(),
      write: (title, body) => {
        const note = put({ title, body, front_matter: "", tags: [], notebook: "", pinned: false }, { created: now(), updated: now(), kind: "note" });
        changed([note.id]);
        return note.id;
      },
      edit: (id, body) => {
        const note = need(id);
        const { title, front_matter, tags, notebook, pinned } = note;
        save(note, { title, body, front_matter, tags, notebook, pinned });
      },
      setStatus: (change) => {
        statusChange = change;
        indexStatus.emit(status());
      },
      calls,
    };
  }

  return observed(api, { failing, slow, calls });
}

function sampleFolders(): WatchedFolder[] {
  return [
    { id: 1, path: "/home/you/Documents/Notes", notebook: "Notes", state: "in_step", files: 1204, conflicts: 1, question: null, problems: [] },
    {
      id: 2,
      path: "/media/you/stick/Vault",
      notebook: "Vault",
      state: "asking",
      files: 214,
      conflicts: 0,
      question: { missing: 214, of: 214, examples: ["Journal/2026-01-01.md", "Lease.md", "Moving out.md", "Recipes/Sourdough.md", "Taxes.md"] },
      problems: [{ path: "Private/Diary.md", reason: "cannot be read: Permission denied" }],
    },
  ];
}

/** Wraps each call so that it is recorded, may be slowed, and may be made to fail. */
function observed(api: Api, how: { failing: Set<string>; slow: number; calls: { name: string; args: unknown[] }[] }): Api {
  return new Proxy(api, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      if (typeof value !== "function" || typeof key !== "string" || key.startsWith("on")) return value;
      return async (...args: unknown[]): Promise<unknown> => {
        how.calls.push({ name: key, args });
        if (how.slow > 0) await new Promise((resolve) => setTimeout(resolve, how.slow));
        if (how.failing.has(key)) throw { code: "internal", message: "The disk said no (a failure for trying out)." } satisfies ApiError;
        return value.apply(target, args) as unknown;
      };
    },
  });
}
