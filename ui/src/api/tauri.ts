/** The shell, reached over Tauri's bridge. */
import { invoke, type InvokeArgs, type InvokeOptions } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import { getCurrentWebview } from "@tauri-apps/api/webview";
import type { AnswerProgress, Api, ApiError, Unlisten } from "./types";

/** Whatever the shell rejects with becomes an ApiError, so that callers need to know one shape only. */
async function call<T>(command: string, args?: InvokeArgs, options?: InvokeOptions): Promise<T> {
  try {
    return await invoke<T>(command, args, options);
  } catch (error) {
    throw asApiError(error);
  }
}

function asApiError(error: unknown): ApiError {
  if (typeof error === "object" && error !== null && "code" in error && "message" in error) return error as ApiError;
  return { code: "internal", message: String(error) };
}

/** Tauri hands out its unlisten function later; a caller that is gone by then must still be let go. */
function until(promise: Promise<Unlisten>): Unlisten {
  let gone = false;
  let stop: Unlisten | null = null;
  promise.then(
    (unlisten) => {
      if (gone) unlisten();
      else stop = unlisten;
    },
    (error: unknown) => void call("report_error", { message: `listen: ${String(error)}` }),
  );
  return () => {
    gone = true;
    stop?.();
  };
}

function on<T>(event: string, f: (payload: T) => void): Unlisten {
  return until(listen<T>(event, (e) => f(e.payload)));
}

export function tauriApi(): Api {
  return {
    createNote: (draft) => call("create_note", { draft }),
    saveNote: (id, baseRevision, draft) => call("save_note", { id, baseRevision, draft }),
    getNote: (id) => call("get_note", { id }),
    countOpen: (id) => call("count_open", { id }),
    listNotes: (request) => call("list_notes", { request }),
    trashNotes: (ids) => call("trash_notes", { ids }),
    restoreNotes: (ids) => call("restore_notes", { ids }),
    deleteNotes: (ids) => call("delete_notes", { ids }),
    emptyTrash: () => call("empty_trash"),
    setPinned: (id, pinned) => call("set_pinned", { id, pinned }),
    moveNotes: (ids, notebook) => call("move_notes", { ids, notebook }),
    listRevisions: (id) => call("list_revisions", { id }),
    getRevision: (id, revision) => call("get_revision", { id, revision }),
    restoreRevision: (id, revision) => call("restore_revision", { id, revision }),
    getBacklinks: (id) => call("get_backlinks", { id }),
    getRelated: (id, limit) => call("get_related", { id, limit }),
    getSidebar: () => call("get_sidebar"),
    createNotebook: (path) => call("create_notebook", { path }),
    renameNotebook: (from, to) => call("rename_notebook", { from, to }),
    deleteNotebook: (path) => call("delete_notebook", { path }),
    completeNames: (prefix) => call("complete_names", { prefix }),
    completeTags: (prefix) => call("complete_tags", { prefix }),
    resolveName: (name) => call("resolve_name", { name }),
    listTasks: (includeDone) => call("list_tasks", { includeDone }),
    toggleTask: (note, line, done) => call("toggle_task", { note, line, done }),
    openDailyNote: () => call("open_daily_note"),
    search: (request) => call("search", { request }),
    facets: (request) => call("facets", { request }),
    countHits: (texts) => call("count_hits", { texts }),
    cancelSearch: (tab) => call("cancel_search", { tab }),
    startImport: (paths, notebook, onChange) => call("start_import", { paths, notebook, onChange }),
    passages: (note, text, mode) => call("passages", { note, text, mode }),
    findMatches: (text, query, markdown) => call("find_matches", { text, query, markdown }),
    pastQueries: () => call("past_queries"),
    rememberQuery: (text, mode) => call("remember_query", { text, mode }),
    forgetQuery: (text, mode) => call("forget_query", { text, mode }),
    forgetQueries: () => call("forget_queries"),
    findDuplicates: () => call("find_duplicates"),
    cancelDuplicates: () => call("cancel_duplicates"),
    ask: (request) => call("ask", { request }),
    cancelAsk: (name) => call("cancel_ask", { name }),
    getGenerator: () => call("get_generator"),
    listImports: () => call("list_imports"),
    getImportItems: (id, state, offset, limit) => call("get_import_items", { id, state, offset, limit }),
    cancelImport: (id) => call("cancel_import", { id }),
    pauseImport: (id) => call("pause_import", { id }),
    resumeImport: (id) => call("resume_import", { id }),
    retryImport: (id) => call("retry_import", { id }),
    undoImport: (id) => call("undo_import", { id }),
    pickImportPaths: (folders) => call("pick_import_paths", { folders }),
    exportNotes: (request) => call("export_notes", { request }),
    cancelExport: () => call("cancel_export"),
    saveAttachment: (digest, name) => call("save_attachment", { digest, name }),
    listFolders: () => call("list_folders"),
    watchFolder: (path, notebook) => call("watch_folder", { path, notebook }),
    unwatchFolder: (id) => call("unwatch_folder", { id }),
    pauseFolder: (id, paused) => call("pause_folder", { id, paused }),
    answerFolder: (id, answer) => call("answer_folder", { id, answer }),
    getStatus: () => call("get_status"),
    diagnostics: () => call("diagnostics"),
    getSettings: () => call("get_settings"),
    saveSettings: (settings) => call("save_settings", { settings }),
    setHotkey: (hotkey) => call("set_hotkey", { hotkey }),
    getSynonyms: () => call("get_synonyms"),
    saveSynonyms: (groups) => call("save_synonyms", { groups }),
    addAttachmentFile: (note, path) => call("add_attachment_file", { note, path }),
    openAttachment: (digest, name) => call("open_attachment", { digest, name }),
    openLink: (url) => call("open_link", { url }),
    getSession: () => call("get_session"),
    saveSession: (json) => call("save_session", { json }),
    rebuildIndexes: () => call("rebuild_indexes"),
    getModel: () => call("get_model"),
    pickModelFolder: () => call("pick_model_folder"),
    previewModel: (dir) => call("preview_model", { dir }),
    setModel: (dir, usage) => call("set_model", { dir, usage }),
    resetModel: () => call("reset_model"),
    cancelModelChange: () => call("cancel_model_change"),
    listModels: () => call("list_models"),
    getForeignLanguage: (id) => call("get_foreign_language", { id }),
    getLanguageModel: () => call("get_language_model"),
    saveLanguageModel: (settings) => call("save_language_model", { settings }),
    getLanguageModelKey: (baseUrl) => call("get_language_model_key", { baseUrl }),
    saveLanguageModelKey: (baseUrl, key) => call("save_language_model_key", { baseUrl, key }),
    deleteLanguageModelKey: (baseUrl) => call("delete_language_model_key", { baseUrl }),
    testLanguageModel: (settings) => call("test_language_model", { settings }),
    listLanguageModels: (settings) => call("list_language_models", { settings }),
    cancelLanguageModelTest: () => call("cancel_language_model_test"),
    detectLanguageModels: () => call("detect_language_models"),
    deleteWelcome: () => call("delete_welcome"),
    firstRun: () => call("first_run"),
    createWelcome: () => call("create_welcome"),
    hideQuick: () => call("hide_quick"),
    openInMain: (id, query) => call("open_in_main", { id, query }),
    copyText: (text) => call("copy_text", { text }),
    reportError: (message) => call("report_error", { message }),
    closeApp: () => call("close_app"),
    addAttachment: (note, name, bytes) =>
      call("add_attachment", bytes, { headers: { "x-note": String(note), "x-name": encodeURIComponent(name) } }),
    onNotesChanged: (f) => on("notes-changed", f),
    onIndexStatus: (f) => on("index-status", f),
    onImportProgress: (f) => on("import-progress", f),
    onExportProgress: (f) => on("export-progress", f),
    onFolders: (f) => on("watched-folders", f),
    onDuplicatesProgress: (f) => on<number>("duplicates-progress", f),
    onAnswerProgress: (f) => on<AnswerProgress>("answer-progress", f),
    onOpenNote: (f) => on("open-note", f),
    onCloseRequested: (f) => on<null>("close-requested", () => f()),
    onQuickShown: (f) => on<null>("quick-shown", () => f()),
    onFileDrop: (f) => {
      // Only the entering event carries the paths; while hovering they are repeated from it.
      let paths: string[] = [];
      return until(
        getCurrentWebview().onDragDropEvent(({ payload }) => {
          if (payload.type === "leave") {
            f({ kind: "leave", paths: [], x: 0, y: 0 });
            return;
          }
          if (payload.type !== "over") paths = payload.paths;
          const at = { x: payload.position.x / devicePixelRatio, y: payload.position.y / devicePixelRatio };
          f({ kind: payload.type === "drop" ? "drop" : "over", paths, ...at });
        }),
      );
    },
  };
}

/** Where the webview loads an attachment from; Windows has no custom schemes. */
export function tauriAttachmentUrl(digest: string, name: string): string {
  const origin = navigator.userAgent.includes("Windows") ? "http://attachment.localhost" : "attachment://localhost";
  return `${origin}/${digest}/${encodeURIComponent(name)}`;
}
