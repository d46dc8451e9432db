/** A long list that is fetched page by page as it comes into view. What is shown stays until something newer replaces it. */
import { errorMessage } from "../api";

export const PAGE = 100;

export interface Page<T> {
  total: number;
  rows: T[];
}

export class Paged<T> {
  total = $state(0);
  state = $state<"loading" | "ready" | "failed">("loading");
  error = $state("");
  #pages = $state.raw<ReadonlyMap<number, T[]>>(new Map());
  #load: (offset: number, limit: number) => Promise<Page<T>>;
  /** Counts reloads: an answer to an older one is dropped. */
  #version = 0;
  #fresh = new Set<number>();
  #window: [number, number] = [0, 1];

  constructor(load: (offset: number, limit: number) => Promise<Page<T>>) {
    this.#load = load;
  }

  at(index: number): T | undefined {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** What is loaded, with each row's index. */
  *entries(): Generator<[number, T]> {
    for (const [page, rows] of this.#pages) for (const [i, row] of rows.entries()) yield [page * PAGE + i, row];
  }

  /** Fetches what is missing of these rows. */
  ensure(first: number, end: number): void {
    this.#window = [first, Math.max(end, first + 1)];
    for (let page = Math.floor(first / PAGE); page * PAGE < this.#window[1]; page++) {
      if (!this.#fresh.has(page)) void this.#fetch(page);
    }
  }

  /** Fetches again what is in view, in place. */
  reload(): void {
    this.#version += 1;
    this.#fresh.clear();
    this.ensure(...this.#window);
  }

  /** Forgets everything and starts at the top: the list is of something else now. */
  reset(): void {
    this.#pages = new Map();
    this.total = 0;
    this.state = "loading";
    this.#window = [0, 1];
    this.reload();
  }

  async #fetch(page: number): Promise<void> {
    const version = this.#version;
    this.#fresh.add(page);
    try {
      const { total, rows } = await this.#load(page * PAGE, PAGE);
      if (version !== this.#version) return;
      const known = [...this.#pages].filter(([p]) => p * PAGE < total);
      this.#pages = new Map([...known, [page, rows]]);
      this.total = total;
      this.state = "ready";
    } catch (error) {
      if (version !== this.#version) return;
      this.#fresh.delete(page);
      this.error = errorMessage(error);
      this.state = "failed";
    }
  }
}
