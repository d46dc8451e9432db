/** The diagnostics in words: the same tables for the page and for the text that one can send to somebody. */
import type { Diagnostics, LatencyBucket } from "../api";
import { formatBytes, formatCount, formatMs } from "../shared/format";

export interface Table {
  title: string;
  rows: [name: string, value: string][];
}

const bytesOr = (bytes: number | null): string => (bytes === null ? "not known here" : formatBytes(bytes));

export function tablesOf({ store, words, meaning, searches, resident_bytes, anonymous_bytes }: Diagnostics): Table[] {
  return [
    {
      title: "Store",
      rows: [
        ["Notes", formatCount(store.notes)],
        ["In the trash", formatCount(store.trashed)],
        ["Last change", formatCount(store.last_seq)],
        ["Saves waiting", formatCount(store.waiting_interactive)],
        ["Bulk writes waiting", formatCount(store.waiting_bulk)],
        ["Database", formatBytes(store.database_bytes)],
        ["Write-ahead log", formatBytes(store.log_bytes)],
      ],
    },
    {
      title: "Words",
      rows: [
        ["State", words.state],
        ["Indexed up to change", formatCount(words.cursor)],
        ["Notes waiting", formatCount(words.pending)],
        ["Notes in memory", formatCount(words.notes_in_memory)],
        ["Segments", formatCount(words.segments)],
        ["Generation", formatCount(words.generation)],
        ["On disk", formatBytes(words.bytes)],
      ],
    },
    {
      title: "Meaning",
      rows: [
        ["State", meaning.state],
        ...(meaning.waiting_for === null ? [] : [["Why", meaning.waiting_for] satisfies [string, string]]),
        ["Model", meaning.model ?? "none"],
        ["Dimensions", meaning.dims === null ? "none" : formatCount(meaning.dims)],
        ["Notes waiting", formatCount(meaning.pending)],
        ["Notes left out", formatCount(meaning.skipped)],
        ["Vectors", formatCount(meaning.vectors)],
        ["Graphs", formatCount(meaning.graphs)],
        ["Generation", formatCount(meaning.generation)],
        ["On disk", formatBytes(meaning.bytes)],
      ],
    },
    {
      title: "Searches",
      rows: [
        ["At a time, at most", formatCount(searches.permits)],
        ["Running", formatCount(searches.running)],
        ["Waiting", formatCount(searches.waiting)],
        ["Cancelled so far", formatCount(searches.cancelled)],
      ],
    },
    {
      title: "Memory",
      rows: [
        ["In use", bytesOr(resident_bytes)],
        ["Without mapped files", bytesOr(anonymous_bytes)],
      ],
    },
  ];
}

/** "up to 1.0 ms: 18, up to 2.0 ms: 61"; what a histogram shows, for those who do not see it. */
export function histogramText(buckets: LatencyBucket[]): string {
  const filled = buckets.filter((b) => b.count > 0);
  return filled.map((b) => `up to ${formatMs(b.up_to_ms)}: ${formatCount(b.count)}`).join(", ") || "none yet";
}

export function reportOf(diagnostics: Diagnostics): string {
  const tables = tablesOf(diagnostics).map(({ title, rows }) => [title, ...rows.map(([name, value]) => `  ${name}: ${value}`)].join("\n"));
  const operations = diagnostics.operations.map(
    (o) =>
      `  ${o.name}: ${formatCount(o.count)} times, p50 ${formatMs(o.p50_ms)}, p95 ${formatMs(o.p95_ms)}, p99 ${formatMs(o.p99_ms)}, max ${formatMs(o.max_ms)} (${histogramText(o.buckets)})`,
  );
  return [`Commonplace ${diagnostics.version}\nData folder: ${diagnostics.data_dir}`, ...tables, ["Operations", ...operations].join("\n")].join("\n\n");
}
