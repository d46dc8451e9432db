// Find in note: one row, with how many there are; replacing unfolds below.
import {
  closeSearchPanel, findNext, findPrevious, getSearchQuery, replaceAll, replaceNext, search, SearchQuery, setSearchQuery,
} from "@codemirror/search";
import type { Extension } from "@codemirror/state";
import { type Command, type EditorView, type Panel, runScopeHandlers, type ViewUpdate } from "@codemirror/view";

/** Counting stops here: beyond it the number says nothing, and a long note would be read at every key. */
const MAX_COUNT = 999;

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

class FindPanel implements Panel {
  readonly top = true;
  readonly dom: HTMLElement;
  private readonly find: HTMLInputElement;
  private readonly replace: HTMLInputElement;
  private readonly count: HTMLElement;
  private readonly toggles: Record<"caseSensitive" | "wholeWord" | "regexp", HTMLButtonElement>;
  private readonly replaceRow: HTMLElement;
  private readonly unfold: HTMLButtonElement;

  constructor(private readonly view: EditorView) {
    const query = getSearchQuery(view.state);
    this.find = element("input", { class: "cm-textfield", type: "text", placeholder: "Find in note", "aria-label": "Find in note", "main-field": "true", spellcheck: "false" });
    this.find.value = query.search;
    this.replace = element("input", { class: "cm-textfield", type: "text", placeholder: "Replace with", "aria-label": "Replace with", spellcheck: "false" });
    this.replace.value = query.replace;
    this.count = element("span", { class: "cm-find-count", role: "status" });
    const toggle = (text: string, label: string) => {
      const made = element("button", { type: "button", class: "cm-find-toggle", "aria-pressed": "false", "aria-label": label, title: label }, text);
      made.addEventListener("click", () => {
        made.setAttribute("aria-pressed", String(made.getAttribute("aria-pressed") !== "true"));
        this.commit();
      });
      return made;
    };
    this.toggles = { caseSensitive: toggle("Aa", "Match case"), wholeWord: toggle("Word", "Word: whole words only"), regexp: toggle(".*", "Regular expression") };
    this.unfold = element("button", { type: "button", class: "cm-find-toggle", "aria-expanded": "false" }, "Replace");
    this.unfold.addEventListener("click", () => {
      this.unfoldReplace(this.replaceRow.hidden);
    });
    this.replaceRow = element(
      "div",
      { class: "cm-find-row", hidden: "" },
      this.replace,
      this.button("Replace", "Replace this one", replaceNext),
      this.button("All", "Replace all", replaceAll),
    );
    this.dom = element(
      "div",
      { class: "cm-find", role: "search", "aria-label": "Find in note" },
      element(
        "div",
        { class: "cm-find-row" },
        this.find,
        this.count,
        this.button("↑", "Previous (Shift+Enter)", findPrevious),
        this.button("↓", "Next (Enter)", findNext),
        this.toggles.caseSensitive,
        this.toggles.wholeWord,
        this.toggles.regexp,
        ...(view.state.readOnly ? [] : [this.unfold]),
        this.button("✕", "Close (Esc)", closeSearchPanel, "cm-find-close"),
      ),
      this.replaceRow,
    );
    this.find.addEventListener("input", () => {
      this.commit();
    });
    this.replace.addEventListener("input", () => {
      this.commit();
    });
    this.dom.addEventListener("keydown", (event) => {
      this.keydown(event);
    });
    this.showToggles(query);
    this.recount();
  }

  private button(text: string, label: string, run: Command, className = ""): HTMLButtonElement {
    const made = element("button", { type: "button", class: `cm-find-button ${className}`, "aria-label": label, title: label }, text);
    made.addEventListener("click", () => {
      run(this.view);
    });
    return made;
  }

  private unfoldReplace(open: boolean): void {
    this.replaceRow.hidden = !open;
    this.unfold.setAttribute("aria-expanded", String(open));
    (open ? this.replace : this.find).focus();
  }

  private keydown(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (runScopeHandlers(this.view, event, "search-panel")) event.preventDefault();
    else if (event.key === "Enter" && event.target === this.find) {
      event.preventDefault();
      (event.shiftKey ? findPrevious : findNext)(this.view);
    } else if (event.key === "Enter" && event.target === this.replace) {
      event.preventDefault();
      replaceNext(this.view);
    }
  }

  private commit(): void {
    const pressed = (name: keyof FindPanel["toggles"]) => this.toggles[name].getAttribute("aria-pressed") === "true";
    const query = new SearchQuery({
      search: this.find.value,
      replace: this.replace.value,
      caseSensitive: pressed("caseSensitive"),
      wholeWord: pressed("wholeWord"),
      regexp: pressed("regexp"),
    });
    if (!query.eq(getSearchQuery(this.view.state))) this.view.dispatch({ effects: setSearchQuery.of(query) });
  }

  private showToggles(query: SearchQuery): void {
    this.toggles.caseSensitive.setAttribute("aria-pressed", String(query.caseSensitive));
    this.toggles.wholeWord.setAttribute("aria-pressed", String(query.wholeWord));
    this.toggles.regexp.setAttribute("aria-pressed", String(query.regexp));
  }

  private recount(): void {
    const query = getSearchQuery(this.view.state);
    if (!query.search) {
      this.count.textContent = "";
      return;
    }
    if (!query.valid) {
      this.count.textContent = "Not a pattern";
      return;
    }
    const { from, to } = this.view.state.selection.main;
    let total = 0;
    let current = 0;
    const cursor = query.getCursor(this.view.state);
    for (let next = cursor.next(); !next.done && total < MAX_COUNT; next = cursor.next()) {
      total += 1;
      if (next.value.from === from && next.value.to === to) current = total;
    }
    const many = total >= MAX_COUNT ? `${String(MAX_COUNT)}+` : String(total);
    this.count.textContent = total === 0 ? "None" : current > 0 ? `${String(current)} of ${many}` : many;
  }

  update(update: ViewUpdate): void {
    let queried = false;
    for (const transaction of update.transactions)
      for (const effect of transaction.effects)
        if (effect.is(setSearchQuery)) {
          queried = true;
          if (effect.value.search !== this.find.value) this.find.value = effect.value.search;
          if (effect.value.replace !== this.replace.value) this.replace.value = effect.value.replace;
          this.showToggles(effect.value);
        }
    if (queried || update.docChanged || update.selectionSet) this.recount();
  }

  mount(): void {
    this.find.select();
  }
}

export function finding(): Extension {
  return search({ top: true, createPanel: (view) => new FindPanel(view) });
}
