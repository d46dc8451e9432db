/** Which rows of a long list stand in the window: all rows have one height, so it is arithmetic. */
export interface RowWindow {
  first: number;
  /** One past the last. */
  end: number;
}

export function rowWindow(scrollTop: number, viewHeight: number, rowHeight: number, count: number, overscan = 6): RowWindow {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - overscan);
  const end = Math.min(count, Math.ceil((scrollTop + viewHeight) / rowHeight) + overscan);
  return { first: Math.min(first, Math.max(0, end)), end: Math.max(0, end) };
}

/** The scroll position, changed as little as possible, at which a row is in full view. */
export function scrollToRow(index: number, scrollTop: number, viewHeight: number, rowHeight: number): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + viewHeight) return top + rowHeight - viewHeight;
  return scrollTop;
}
