/** What any part of the page may ask of the window around it, without knowing who answers. */
import { createContext } from "svelte";
import type { ExportWhat, NoteId } from "../api";

/** unsaved: typed, not yet sent. failed: sent and refused; `message` says why. conflict: changed elsewhere meanwhile. */
export type SaveState = "saved" | "saving" | "unsaved" | "failed" | "conflict";

export interface OpenNoteOptions {
  /** A tab of its own in the background of what is open, rather than in place of a preview. */
  newTab?: boolean;
  /** What was searched for: every place that matches it is marked. */
  query?: string;
  /** UTF-16 range of the body to begin at; without one, at the first place that matches. */
  passage?: [number, number] | null;
}

export interface ToastAction {
  label: string;
  run: () => void;
}

export interface ConfirmOptions {
  title: string;
  message: string;
  confirmLabel: string;
  danger?: boolean;
}

export interface Navigation {
  openNote(id: NoteId, options?: OpenNoteOptions): void;
  openSearch(text: string): void;
  openTasks(): void;
  /** Reads a message out to a screen reader, politely. */
  announce(message: string): void;
  /** Shows a passing message, with at most one thing to do about it ("Undo"). */
  toast(message: string, action?: ToastAction, kind?: "info" | "error"): void;
  confirm(options: ConfirmOptions): Promise<boolean>;
  /** Asks what as, and where to; `name` says which notes. */
  exportNotes(what: ExportWhat, name: string): void;
  /** A note tab tells its tab and the status bar what it is called and whether it is on disk. */
  setNoteTab(tabId: string, state: { title?: string; save?: SaveState; message?: string | null }): void;
  /** Closes a tab (for instance because its note was trashed or deleted). */
  closeTab(tabId: string): void;
}

export const [getNavigation, setNavigation] = createContext<Navigation>();
