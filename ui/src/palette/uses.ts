// How often and how lately something was chosen here: what is in use comes first.
interface Use {
  /** Halves with every fortnight. */
  weight: number;
  at: number;
}

const KEY = "palette-uses";
const HALF_LIFE = 14 * 86_400_000;
/** Things; the least used are forgotten. */
const MAX = 200;

export class Uses {
  #all: Record<string, Use>;

  constructor(private readonly storage: Storage) {
    this.#all = read(storage.getItem(KEY));
  }

  of(key: string, now = Date.now()): number {
    const use = this.#all[key];
    return use ? use.weight * 0.5 ** ((now - use.at) / HALF_LIFE) : 0;
  }

  count(key: string, now = Date.now()): void {
    this.#all[key] = { weight: this.of(key, now) + 1, at: now };
    const kept = Object.keys(this.#all)
      .sort((a, b) => this.of(b, now) - this.of(a, now))
      .slice(0, MAX);
    this.#all = Object.fromEntries(kept.map((one) => [one, this.#all[one] ?? { weight: 0, at: now }]));
    this.storage.setItem(KEY, JSON.stringify(this.#all));
  }
}

/** Whatever cannot be read is left out. */
function read(json: string | null): Record<string, Use> {
  let value: unknown;
  try {
    value = JSON.parse(json ?? "null");
  } catch {
    return {};
  }
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value as Record<string, Partial<Use> | null>).flatMap(([key, use]) => (typeof use?.weight === "number" && typeof use.at === "number" ? [[key, { weight: use.weight, at: use.at }]] : [])),
  );
}
