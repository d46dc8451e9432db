/** What the sidebar shows, kept true while notes change. */
import { api, errorMessage, type Sidebar } from "../api";

/** During an import notes change many times a second. */
const REFRESH_MS = 250;
/** Counting is a search for each of the saved ones. */
const COUNT_MS = 2000;

export class Library {
  sidebar = $state.raw<Sidebar | null>(null);
  error = $state<string | null>(null);
  /** Of the saved searches, by their text: how many notes each finds. */
  hits = $state.raw<ReadonlyMap<string, number>>(new Map());
  #timer: ReturnType<typeof setTimeout> | null = null;
  #counting: ReturnType<typeof setTimeout> | null = null;
  #counted = 0;
  #recount = false;

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

  /** For whoever shows the counts, whenever they may have changed. */
  countSoon = (): void => {
    this.#recount = true;
    this.#counting ??= setTimeout(() => void this.#count(), Math.max(0, this.#counted + COUNT_MS - Date.now()));
  };

  async #count(): Promise<void> {
    this.#recount = false;
    const texts = [...new Set(this.sidebar?.saved_searches.map((s) => s.text))];
    try {
      const counts = texts.length > 0 ? await api.countHits(texts) : [];
      this.hits = new Map(texts.flatMap((text, i) => (counts[i] === undefined ? [] : [[text, counts[i]]])));
    } catch (error) {
      // Better no number than an old one.
      this.hits = new Map();
      void api.reportError(`saved searches: ${errorMessage(error)}`);
    }
    this.#counted = Date.now();
    this.#counting = null;
    if (this.#recount) this.countSoon();
  }

  /** Keeps up with the shell; returns how to stop. */
  watch(): () => void {
    const stops = [api.onNotesChanged(this.refreshSoon), api.onImportProgress(this.refreshSoon)];
    return () => {
      for (const stop of stops) stop();
      if (this.#timer) clearTimeout(this.#timer);
      if (this.#counting) clearTimeout(this.#counting);
    };
  }
}
