/** What the sidebar shows, kept true while notes change. */
import { api, errorMessage, type Sidebar } from "../api";

/** During an import notes change many times a second. */
const REFRESH_MS = 250;

export class Library {
  sidebar = $state.raw<Sidebar | null>(null);
  error = $state<string | null>(null);
  #timer: ReturnType<typeof setTimeout> | null = null;

  async load(): Promise<void> {
    try {
      this.sidebar = await api.getSidebar();
      this.error = null;
    } catch (error) {
      this.error = errorMessage(error);
    }
  }

  refreshSoon = (): void => {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.load();
    }, REFRESH_MS);
  };

  /** Keeps up with the shell; returns how to stop. */
  watch(): () => void {
    const stops = [api.onNotesChanged(this.refreshSoon), api.onImportProgress(this.refreshSoon)];
    return () => {
      for (const stop of stops) stop();
      if (this.#timer) clearTimeout(this.#timer);
    };
  }
}
