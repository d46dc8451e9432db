/** The settings as the page holds them: applied to the page at once, then sent to the shell. */
import { createContext } from "svelte";
import { api, errorMessage, type SavedSearch, type Settings } from "../api";

/** What concerns only how this page looks and writes; kept by the page itself. */
export interface PageSettings {
  spellcheck: boolean;
  /** All but the paragraph that one writes in is faded. */
  focused: boolean;
  /** The line that one writes in stays in the middle. */
  centred: boolean;
  /** Stronger colours; "system": as the desktop asks. */
  contrast: "system" | "more" | "normal";
}

const PAGE_KEY = "page-settings";

export function readPageSettings(json: string | null): PageSettings {
  let value: unknown = null;
  try {
    value = JSON.parse(json ?? "null");
  } catch {
    // Whatever cannot be read is as at first.
  }
  const fields = typeof value === "object" && value !== null ? (value as Partial<Record<keyof PageSettings, unknown>>) : {};
  return {
    spellcheck: fields.spellcheck !== false,
    focused: fields.focused === true,
    centred: fields.centred === true,
    contrast: fields.contrast === "more" || fields.contrast === "normal" ? fields.contrast : "system",
  };
}

export class Preferences {
  page = $state.raw<PageSettings>(readPageSettings(globalThis.localStorage?.getItem(PAGE_KEY) ?? null));
  #systemContrast = $state(false);
  /** Strong colours are shown. */
  contrast = $derived(this.page.contrast === "more" || (this.page.contrast === "system" && this.#systemContrast));
  settings = $state.raw<Settings | null>(null);
  #report: (message: string) => void;
  #systemDark = $state(false);
  theme = $derived(this.settings?.theme ?? "system");
  dark = $derived(this.theme === "dark" || (this.theme === "system" && this.#systemDark));
  density = $derived(this.settings?.density ?? "comfortable");

  constructor(report: (message: string) => void) {
    this.#report = report;
  }

  /** Follows the desktop's light or dark and its contrast; returns how to stop. */
  watchSystem(): () => void {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const contrast = matchMedia("(prefers-contrast: more)");
    const read = (): void => {
      this.#systemDark = dark.matches;
      this.#systemContrast = contrast.matches;
    };
    read();
    for (const query of [dark, contrast]) query.addEventListener("change", read);
    return () => {
      for (const query of [dark, contrast]) query.removeEventListener("change", read);
    };
  }

  updatePage(change: Partial<PageSettings>): void {
    this.page = { ...this.page, ...change };
    localStorage.setItem(PAGE_KEY, JSON.stringify(this.page));
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
    root.dataset.contrast = this.contrast ? "more" : "normal";
    root.dataset.density = this.density;
    root.style.fontSize = `${this.settings?.font_size ?? 16}px`;
  }
}

export const [getPreferences, setPreferences] = createContext<Preferences>();
