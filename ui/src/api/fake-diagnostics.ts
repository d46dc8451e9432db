/** What the fake says of its inside: believable figures that move as the page is used. */
import type { Diagnostics, IndexStatus, LatencyBucket, OperationLatency, Settings } from "./types";

const BOUNDS = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

function latency(name: string, counts: number[], max_ms: number): OperationLatency {
  const buckets = BOUNDS.map((up_to_ms, i): LatencyBucket => ({ up_to_ms, count: counts[i] ?? 0 }));
  const count = buckets.reduce((sum, b) => sum + b.count, 0);
  const percentile = (share: number): number => {
    let seen = 0;
    const bucket = buckets.find((b) => (seen += b.count) >= share * count);
    return Math.min(max_ms, bucket?.up_to_ms ?? max_ms);
  };
  return { name, count, p50_ms: percentile(0.5), p95_ms: percentile(0.95), p99_ms: percentile(0.99), max_ms, buckets };
}

interface State {
  status: IndexStatus;
  settings: Settings;
  seq: number;
  trashed: number;
  searches: number;
}

export function fakeDiagnostics({ status, settings, seq, trashed, searches }: State): Diagnostics {
  const { notes, words_pending, words_state, meaning_pending, meaning_skipped, meaning_state, waiting_for, vectors } = status;
  return {
    version: settings.version,
    data_dir: settings.data_dir,
    store: { notes, trashed, last_seq: seq, waiting_interactive: 0, waiting_bulk: words_pending, database_bytes: 1_458_176 + seq * 4096, log_bytes: 329_632 },
    words: { state: words_state, cursor: seq, pending: words_pending, segments: 3, notes_in_memory: Math.min(notes, 12), generation: 41, bytes: 612_340 },
    meaning: {
      state: meaning_state,
      waiting_for,
      model: "multilingual-e5-small",
      dims: 384,
      pending: meaning_pending,
      skipped: meaning_skipped,
      vectors,
      graphs: 1,
      generation: 7,
      bytes: vectors * 384 * 2,
    },
    searches: { permits: 2, running: 0, waiting: 0, cancelled: Math.floor(searches / 3) },
    operations: [
      latency("search", [4, 18, 61, 92, 40 + searches, 12, 3, 1], 78.4),
      latency("save", [0, 0, 3, 41, 27, 6, 2, 0, 1], 131),
      latency("open note", [88, 31, 9, 2], 4.1),
      latency("embed batch", [0, 0, 0, 0, 0, 2, 14, 37, 9, 1], 412),
      latency("export", [], 0),
    ],
    resident_bytes: 412_876_800,
    anonymous_bytes: 187_432_960,
  };
}
