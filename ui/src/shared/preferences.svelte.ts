/** The settings as the page holds them: applied to the page at once, then sent to the shell. */
import { createContext } from "svelte";
import { api, errorMessage, type SavedSearch, type Settings } from "../api";

export class Preferences {
  settings = $state.raw<Settings | null>(null);
  #report: (message: string) => void;
  #systemDark = $state(false);
  theme = $derived(this.settings?.theme ?? "system");
  dark = $derived(this.theme === "dark" || (this.theme === "system" && this.#systemDark));
  density = $derived(this.settings?.density ?? "comfortable");

  constructor(report: (message: string) => void) {
    this.#report = report;
  }

  /** Follows the desktop's light or dark; returns how to stop. */
  watchSystem(): () => void {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const read = (): void => void (this.#systemDark = query.matches);
    read();
    query.addEventListener("change", read);
    return () => query.removeEventListener("change", read);
  }

  async load(): Promise<void> {
    try {
      this.settings = await api.getSettings();
    } catch (error) {
      this.#report(`The settings could not be read: ${errorMessage(error)}`);
    }
  }

  async update(change: Partial<Settings>): Promise<void> {
    const before = this.settings;
    if (!before) return;
    this.settings = { ...before, ...change };
    try {
      this.settings = await api.saveSettings(this.settings);
    } catch (error) {
      this.settings = before;
      this.#report(`That setting could not be saved: ${errorMessage(error)}`);
    }
  }

  async setHotkey(hotkey: string): Promise<void> {
    try {
      this.settings = await api.setHotkey(hotkey);
    } catch (error) {
      if (this.settings) this.settings = { ...this.settings, hotkey_error: errorMessage(error) };
    }
  }

  savedSearch(text: string, mode: SavedSearch["mode"]): SavedSearch | undefined {
    return this.settings?.saved_searches.find((s) => s.text === text.trim() && s.mode === mode);
  }

  setSavedSearches(saved_searches: SavedSearch[]): Promise<void> {
    return this.update({ saved_searches });
  }

  /** Applies theme and font size to a page. */
  apply(root: HTMLElement): void {
    root.dataset.theme = this.dark ? "dark" : "light";
    root.dataset.density = this.density;
    root.style.fontSize = `${this.settings?.font_size ?? 16}px`;
  }
}

export const [getPreferences, setPreferences] = createContext<Preferences>();
