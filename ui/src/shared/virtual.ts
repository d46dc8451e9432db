/** Which rows of a long list stand in the window: all rows have one height and a few some more, so it is arithmetic. */
export interface RowWindow {
  first: number;
  /** One past the last. */
  end: number;
}

/** What a row is higher than the others by. */
export interface Extra {
  index: number;
  height: number;
}

export class RowLayout {
  readonly #extras: readonly Extra[];

  constructor(
    readonly rowHeight: number,
    readonly count: number,
    extras: readonly Extra[] = [],
  ) {
    this.#extras = extras.filter((e) => e.index >= 0 && e.index < count).sort((a, b) => a.index - b.index);
  }

  get height(): number {
    return this.topOf(this.count);
  }

  topOf(index: number): number {
    let top = index * this.rowHeight;
    for (const extra of this.#extras) if (extra.index < index) top += extra.height;
    return top;
  }

  heightOf(index: number): number {
    return this.rowHeight + (this.#extras.find((e) => e.index === index)?.height ?? 0);
  }

  /** The row at a height, which may lie beyond the last. */
  rowAt(y: number): number {
    let above = 0;
    for (const extra of this.#extras) {
      const top = extra.index * this.rowHeight + above;
      if (y < top + this.rowHeight) break;
      if (y < top + this.rowHeight + extra.height) return extra.index;
      above += extra.height;
    }
    return Math.floor((y - above) / this.rowHeight);
  }

  window(scrollTop: number, viewHeight: number, overscan = 6): RowWindow {
    const first = Math.max(0, this.rowAt(scrollTop) - overscan);
    const end = Math.max(0, Math.min(this.count, this.rowAt(scrollTop + viewHeight - 1) + 1 + overscan));
    return { first: Math.min(first, end), end };
  }
}

/** The scroll position, changed as little as possible, at which a stretch is in full view, or its beginning if it is too high. */
export function scrollToShow(top: number, height: number, scrollTop: number, viewHeight: number): number {
  if (top < scrollTop || height > viewHeight) return top;
  if (top + height > scrollTop + viewHeight) return top + height - viewHeight;
  return scrollTop;
}
