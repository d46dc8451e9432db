/** The words that page and shell share: the shell's wire types, and the interface that both the shell and the fake implement. */
import type { ErrorCode } from "./generated/ErrorCode";
import type { ApiError } from "./generated/ApiError";
import type { NoteDraft } from "./generated/NoteDraft";
import type { Note } from "./generated/Note";
import type { Attachment } from "./generated/Attachment";
import type { NoteHead } from "./generated/NoteHead";
import type { Saved } from "./generated/Saved";
import type { ListRequest } from "./generated/ListRequest";
import type { NoteList } from "./generated/NoteList";
import type { Mode } from "./generated/Mode";
import type { SearchRequest } from "./generated/SearchRequest";
import type { Snippet } from "./generated/Snippet";
import type { Hit } from "./generated/Hit";
import type { Chip } from "./generated/Chip";
import type { Rescue } from "./generated/Rescue";
import type { Corrected } from "./generated/Corrected";
import type { Hits } from "./generated/Hits";
import type { Passage } from "./generated/Passage";
import type { TextMatches } from "./generated/TextMatches";
import type { PastQuery } from "./generated/PastQuery";
import type { Duplicate } from "./generated/Duplicate";
import type { Duplicates } from "./generated/Duplicates";
import type { Turn } from "./generated/Turn";
import type { AskRequest } from "./generated/AskRequest";
import type { Quote } from "./generated/Quote";
import type { Found } from "./generated/Found";
import type { Support } from "./generated/Support";
import type { Claim } from "./generated/Claim";
import type { Answer } from "./generated/Answer";
import type { AnswerProgress } from "./generated/AnswerProgress";
import type { FacetsRequest } from "./generated/FacetsRequest";
import type { FacetCount } from "./generated/FacetCount";
import type { Facets } from "./generated/Facets";
import type { IndexStatus } from "./generated/IndexStatus";
import type { ImportStatus } from "./generated/ImportStatus";
import type { ImportItem } from "./generated/ImportItem";
import type { ImportItems } from "./generated/ImportItems";
import type { ExportRequest } from "./generated/ExportRequest";
import type { ExportWhat } from "./generated/ExportWhat";
import type { ExportProgress } from "./generated/ExportProgress";
import type { WatchedFolder } from "./generated/WatchedFolder";
import type { FolderAnswer } from "./generated/FolderAnswer";
import type { FolderQuestion } from "./generated/FolderQuestion";
import type { FolderProblem } from "./generated/FolderProblem";
import type { Task } from "./generated/Task";
import type { Backlink } from "./generated/Backlink";
import type { RevisionHead } from "./generated/RevisionHead";
import type { Revision } from "./generated/Revision";
import type { Notebook } from "./generated/Notebook";
import type { Tag } from "./generated/Tag";
import type { Sidebar } from "./generated/Sidebar";
import type { SavedSearch } from "./generated/SavedSearch";
import type { NameCompletion } from "./generated/NameCompletion";
import type { Settings } from "./generated/Settings";
import type { ModelUsage } from "./generated/ModelUsage";
import type { ModelInfo } from "./generated/ModelInfo";
import type { ModelPreview } from "./generated/ModelPreview";
import type { ModelChange } from "./generated/ModelChange";
import type { LanguageModel } from "./generated/LanguageModel";
import type { LanguageModelTrial } from "./generated/LanguageModelTrial";
import type { FoundLanguageModel } from "./generated/FoundLanguageModel";
import type { KeyPlace } from "./generated/KeyPlace";
import type { CatalogueModel } from "./generated/CatalogueModel";
import type { NotesChanged } from "./generated/NotesChanged";
import type { Diagnostics } from "./generated/Diagnostics";
import type { OperationLatency } from "./generated/OperationLatency";
import type { LatencyBucket } from "./generated/LatencyBucket";

export type {
  ModelUsage,
  ModelInfo,
  ModelPreview,
  ModelChange,
  CatalogueModel,
  LanguageModel,
  LanguageModelTrial,
  FoundLanguageModel,
  KeyPlace,
  ErrorCode,
  ApiError,
  NoteDraft,
  Note,
  Attachment,
  NoteHead,
  Saved,
  ListRequest,
  NoteList,
  Mode,
  SearchRequest,
  Snippet,
  Hit,
  Chip,
  Rescue,
  Corrected,
  Hits,
  Passage,
  TextMatches,
  PastQuery,
  Duplicate,
  Duplicates,
  Turn,
  AskRequest,
  Quote,
  Found,
  Support,
  Claim,
  Answer,
  AnswerProgress,
  FacetsRequest,
  FacetCount,
  Facets,
  IndexStatus,
  ImportStatus,
  ImportItem,
  ImportItems,
  ExportRequest,
  ExportWhat,
  ExportProgress,
  WatchedFolder,
  FolderAnswer,
  FolderQuestion,
  FolderProblem,
  Task,
  Backlink,
  RevisionHead,
  Revision,
  Notebook,
  Tag,
  Sidebar,
  SavedSearch,
  NameCompletion,
  Settings,
  NotesChanged,
  Diagnostics,
  OperationLatency,
  LatencyBucket,
};

export type NoteId = number;
/** Milliseconds since the epoch, UTC. */
export type Timestamp = number;
export type Unlisten = () => void;

export interface Api {
  createNote(draft: NoteDraft): Promise<Saved>;
  saveNote(id: NoteId, baseRevision: number, draft: NoteDraft): Promise<Saved>;
  getNote(id: NoteId): Promise<Note>;
  /** Counts that the person opened a note: of equally good hits, the ones in use come first. */
  countOpen(id: NoteId): Promise<void>;
  listNotes(request: ListRequest): Promise<NoteList>;
  trashNotes(ids: NoteId[]): Promise<void>;
  restoreNotes(ids: NoteId[]): Promise<void>;
  deleteNotes(ids: NoteId[]): Promise<void>;
  /** How many notes were deleted for good. */
  emptyTrash(): Promise<number>;
  setPinned(id: NoteId, pinned: boolean): Promise<Saved>;
  moveNotes(ids: NoteId[], notebook: string): Promise<void>;
  listRevisions(id: NoteId): Promise<RevisionHead[]>;
  getRevision(id: NoteId, revision: number): Promise<Revision>;
  restoreRevision(id: NoteId, revision: number): Promise<Saved>;
  getBacklinks(id: NoteId): Promise<Backlink[]>;
  getRelated(id: NoteId, limit: number): Promise<Hit[]>;
  getSidebar(): Promise<Sidebar>;
  createNotebook(path: string): Promise<void>;
  renameNotebook(from: string, to: string): Promise<void>;
  /** Its notes go to the parent. */
  deleteNotebook(path: string): Promise<void>;
  completeNames(prefix: string): Promise<NameCompletion[]>;
  completeTags(prefix: string): Promise<string[]>;
  resolveName(name: string): Promise<NoteId | null>;
  listTasks(includeDone: boolean): Promise<Task[]>;
  toggleTask(note: NoteId, line: number, done: boolean): Promise<Saved>;
  openDailyNote(): Promise<NoteId>;
  /** A search that a newer one of its tab overtook answers with its own old generation; drop it. */
  search(request: SearchRequest): Promise<Hits>;
  /** What the hits of a query are, and have in common. */
  facets(request: FacetsRequest): Promise<Facets>;
  /** How many notes each of these queries finds. */
  countHits(texts: string[]): Promise<number[]>;
  cancelSearch(tab: string): Promise<void>;
  startImport(paths: string[], notebook: string, onChange: Settings["on_change"]): Promise<number>;
  /** The best passages of one note for a query, in the order in which they stand there. */
  passages(note: NoteId, text: string, mode: Mode): Promise<Passage[]>;
  /** Every place in a text that matches a query by words; `markdown`: it is a note’s body, of which only what is read counts. */
  findMatches(text: string, query: string, markdown: boolean): Promise<TextMatches>;
  /** The latest first. */
  pastQueries(): Promise<PastQuery[]>;
  /** Does nothing while no history is wanted. */
  rememberQuery(text: string, mode: Mode): Promise<void>;
  forgetQuery(text: string, mode: Mode): Promise<void>;
  forgetQueries(): Promise<void>;
  /** Groups of nearly identical notes; rejects with `busy` after cancelDuplicates. */
  findDuplicates(): Promise<Duplicates>;
  cancelDuplicates(): Promise<void>;
  /** Answers a question from the notes; onAnswerProgress tells what happens until then. Rejects with `busy` after cancelAsk. */
  ask(request: AskRequest): Promise<Answer>;
  cancelAsk(name: string): Promise<void>;
  /** What the language model that writes answers is called; null: answers are sentences of the notes. */
  getGenerator(): Promise<string | null>;
  listImports(): Promise<ImportStatus[]>;
  getImportItems(id: number, state: string | null, offset: number, limit: number): Promise<ImportItems>;
  cancelImport(id: number): Promise<void>;
  pauseImport(id: number): Promise<void>;
  resumeImport(id: number): Promise<void>;
  retryImport(id: number): Promise<number>;
  undoImport(id: number): Promise<void>;
  pickImportPaths(folders: boolean): Promise<string[]>;
  /** Asks where to; null when cancelled, else where the notes went. */
  exportNotes(request: ExportRequest): Promise<string | null>;
  cancelExport(): Promise<void>;
  /** Asks where to; false when cancelled. */
  saveAttachment(digest: string, name: string): Promise<boolean>;
  listFolders(): Promise<WatchedFolder[]>;
  /** An empty notebook means one of the folder’s name. */
  watchFolder(path: string, notebook: string): Promise<number>;
  /** Files and notes stay as they are. */
  unwatchFolder(id: number): Promise<void>;
  pauseFolder(id: number, paused: boolean): Promise<void>;
  answerFolder(id: number, answer: FolderAnswer): Promise<void>;
  getStatus(): Promise<IndexStatus>;
  diagnostics(): Promise<Diagnostics>;
  getSettings(): Promise<Settings>;
  saveSettings(settings: Settings): Promise<Settings>;
  setHotkey(hotkey: string): Promise<Settings>;
  /** Groups of words and phrases that mean the same: a note with one is found by the others. */
  getSynonyms(): Promise<string[][]>;
  /** Gives the groups as stored, without doubles and groups of fewer than two; `invalid` says what is too long. */
  saveSynonyms(groups: string[][]): Promise<string[][]>;
  /** The bytes travel as a raw body. */
  addAttachment(note: NoteId, name: string, bytes: Uint8Array): Promise<Attachment>;
  /** A file on the disk, which the shell reads. */
  addAttachmentFile(note: NoteId, path: string): Promise<Attachment>;
  openAttachment(digest: string, name: string): Promise<void>;
  /** http, https and mailto only. */
  openLink(url: string): Promise<void>;
  /** The open tabs and the layout, as JSON of the page’s own making; empty at first. */
  getSession(): Promise<string>;
  saveSession(json: string): Promise<void>;
  rebuildIndexes(): Promise<void>;
  /** The model folder that was picked; null: the model that comes with the app. */
  getModel(): Promise<ModelInfo | null>;
  /** Asks for a folder; null when cancelled. */
  pickModelFolder(): Promise<string | null>;
  /** Tries a model folder out; an error names the file that is missing or wrong. Nothing is changed. */
  previewModel(dir: string): Promise<ModelPreview>;
  setModel(dir: string, usage: ModelUsage): Promise<void>;
  resetModel(): Promise<void>;
  cancelModelChange(): Promise<void>;
  /** Models that can be downloaded, by the person. */
  listModels(): Promise<CatalogueModel[]>;
  /** The name of a note's language, if the model was not taught it. */
  getForeignLanguage(id: NoteId): Promise<string | null>;
  /** The model that answers questions; never its key. */
  getLanguageModel(): Promise<LanguageModel>;
  /** Gives the settings as stored; `invalid` says what makes no sense, and then nothing is stored. */
  saveLanguageModel(settings: LanguageModel): Promise<LanguageModel>;
  /** Where the key for an address is kept; null: there is none. */
  getLanguageModelKey(baseUrl: string): Promise<KeyPlace | null>;
  /** A key is never given back. May wait for the keyring to be unlocked. */
  saveLanguageModelKey(baseUrl: string, key: string): Promise<KeyPlace>;
  deleteLanguageModelKey(baseUrl: string): Promise<void>;
  /** Puts a short question, without any note, to the model of these settings, stored or not. */
  testLanguageModel(settings: LanguageModel): Promise<LanguageModelTrial>;
  listLanguageModels(settings: LanguageModel): Promise<string[]>;
  /** Ends a test, a list or a look for servers: it rejects as `busy`. */
  cancelLanguageModelTest(): Promise<void>;
  /** Servers at the usual ports of this machine. */
  detectLanguageModels(): Promise<FoundLanguageModel[]>;
  deleteWelcome(): Promise<void>;
  firstRun(): Promise<boolean>;
  createWelcome(): Promise<void>;
  hideQuick(): Promise<void>;
  openInMain(id: NoteId, query: string): Promise<void>;
  copyText(text: string): Promise<void>;
  /** Writes to the app’s log. */
  reportError(message: string): Promise<void>;
  /** Everything is saved: the window may go. Called in answer to onCloseRequested. */
  closeApp(): Promise<void>;
  onNotesChanged(f: (e: NotesChanged) => void): Unlisten;
  onIndexStatus(f: (s: IndexStatus) => void): Unlisten;
  onImportProgress(f: (s: ImportStatus) => void): Unlisten;
  onExportProgress(f: (progress: ExportProgress) => void): Unlisten;
  onFolders(f: (folders: WatchedFolder[]) => void): Unlisten;
  /** How far findDuplicates is, 0 to 1. */
  onDuplicatesProgress(f: (share: number) => void): Unlisten;
  onAnswerProgress(f: (news: AnswerProgress) => void): Unlisten;
  onOpenNote(f: (e: { id: NoteId; query: string }) => void): Unlisten;
  onCloseRequested(f: () => void): Unlisten;
  onQuickShown(f: () => void): Unlisten;
  onFileDrop(f: (e: { kind: "over" | "drop" | "leave"; paths: string[]; x: number; y: number }) => void): Unlisten;
}
