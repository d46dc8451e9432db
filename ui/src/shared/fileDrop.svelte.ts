/** Files dragged in from the desktop: a place that takes pictures gets those dropped on it, the window imports everything else. */
import { createContext } from "svelte";

const PICTURE = /\.(png|jpe?g|gif|webp|avif|svg|bmp)$/i;

export interface FileDropEvent {
  kind: "over" | "drop" | "leave";
  paths: string[];
  x: number;
  y: number;
}

/** Of pixels in the window. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

type Take = (paths: string[], at: { x: number; y: number }) => void;

export class FileDrop {
  /** What a drop would do now: import, or go to the place in this box; null: nothing is dragged. */
  would = $state.raw<"import" | Box | null>(null);
  #places = new Map<Element, Take>();
  #import: (paths: string[]) => void;

  constructor(importFiles: (paths: string[]) => void) {
    this.#import = importFiles;
  }

  /** Has pictures that are dropped on an element given to `take`; returns how to stop. */
  register(place: Element, take: Take): () => void {
    this.#places.set(place, take);
    return () => this.#places.delete(place);
  }

  handle = ({ kind, paths, x, y }: FileDropEvent): void => {
    const place = kind === "leave" ? undefined : this.#placeAt(paths, x, y);
    this.would = kind !== "over" ? null : place ? (place.closest("[role=tabpanel]") ?? place).getBoundingClientRect() : "import";
    if (kind !== "drop") return;
    const take = place && this.#places.get(place);
    if (take) take(paths, { x, y });
    else this.#import(paths);
  };

  #placeAt(paths: string[], x: number, y: number): Element | undefined {
    if (paths.length === 0 || !paths.every((path) => PICTURE.test(path))) return undefined;
    const target = document.elementFromPoint(x, y);
    return [...this.#places.keys()].find((place) => place.contains(target));
  }
}

export const [getFileDrop, setFileDrop] = createContext<FileDrop>();
