/** Dragging notes onto a notebook, with the pointer alone: the shell keeps the browser's own drag and drop for files. */
import { createContext } from "svelte";
import type { NoteId } from "../api";

/** Pixels a pointer may wander in a click. */
const THRESHOLD = 6;

export class NoteDrag {
  ids = $state.raw<NoteId[]>([]);
  label = $state("");
  x = $state(0);
  y = $state(0);
  /** The notebook under the pointer; null when there is none. */
  over = $state<string | null>(null);
  active = $derived(this.ids.length > 0);
  #ondrop: (ids: NoteId[], notebook: string) => void;

  constructor(ondrop: (ids: NoteId[], notebook: string) => void) {
    this.#ondrop = ondrop;
  }

  /** To be called on pointerdown of a row; becomes a drag once the pointer has moved. */
  begin = (event: PointerEvent, what: () => { ids: NoteId[]; label: string }): void => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    const { clientX, clientY } = event;
    const stop = new AbortController();
    const { signal } = stop;
    const end = (): void => {
      stop.abort();
      if (!this.active) return;
      this.ids = [];
      this.over = null;
      // The click that ends a drag is not a click on whatever is there.
      const swallow = (e: Event): void => e.stopPropagation();
      addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => removeEventListener("click", swallow, { capture: true }));
    };
    addEventListener(
      "pointermove",
      (e) => {
        if (!this.active) {
          if (Math.hypot(e.clientX - clientX, e.clientY - clientY) < THRESHOLD) return;
          const { ids, label } = what();
          this.ids = ids;
          this.label = label;
          getSelection()?.removeAllRanges();
        }
        this.x = e.clientX;
        this.y = e.clientY;
        const target = document.elementFromPoint(e.clientX, e.clientY)?.closest<HTMLElement>("[data-drop-notebook]");
        this.over = target?.dataset.dropNotebook ?? null;
      },
      { signal },
    );
    addEventListener(
      "pointerup",
      () => {
        const { ids, over } = this;
        end();
        if (ids.length > 0 && over !== null) this.#ondrop(ids, over);
      },
      { signal },
    );
    addEventListener("pointercancel", end, { signal });
    addEventListener(
      "keydown",
      (e) => {
        if (e.key !== "Escape" || !this.active) return;
        e.stopPropagation();
        end();
      },
      { signal, capture: true },
    );
  };
}

export const [getNoteDrag, setNoteDrag] = createContext<NoteDrag>();
