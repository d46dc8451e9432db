//! What the engine is doing and how quickly, for the diagnostics page and `status --json`.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::engine::{Engine, Inner};
use crate::error::Result;
use crate::status::IndexState;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// From the call until the note is on disk.
    Save,
    /// From the call until the hits are there, waiting for a permit included.
    SearchWords,
    SearchMeaning,
    SearchBoth,
    /// Notes just saved, made findable in memory.
    ShowFresh,
    /// A batch of changes made durable in the keyword index.
    CommitWords,
    /// A batch of chunks through the model.
    Embed,
}

impl Operation {
    const ALL: [(Operation, &'static str); 7] = [
        (Operation::Save, "save"),
        (Operation::SearchWords, "search by words"),
        (Operation::SearchMeaning, "search by meaning"),
        (Operation::SearchBoth, "search by both"),
        (Operation::ShowFresh, "show a saved note"),
        (Operation::CommitWords, "commit the words index"),
        (Operation::Embed, "embed a batch"),
    ];
}

/// Upper ends of the histogram's columns in milliseconds; one more holds what is above.
const COLUMNS_MS: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000];
/// So many searches waiting are worked off before anybody notices.
const CROWD: usize = 4;
/// Two significant digits up to ten minutes, in microseconds.
const LONGEST_US: u64 = 600_000_000;

/// Latencies since the engine was opened, and counts of searches.
pub(crate) struct Meters {
    histograms: [Mutex<Histogram<u64>>; Operation::ALL.len()],
    pub(crate) searches_waiting: AtomicUsize,
    pub(crate) searches_cancelled: AtomicU64,
}

impl Default for Meters {
    fn default() -> Self {
        Meters {
            histograms: std::array::from_fn(|_| {
                let histogram = Histogram::new_with_bounds(1, LONGEST_US, 2);
                Mutex::new(histogram.expect("the bounds are in order"))
            }),
            searches_waiting: AtomicUsize::new(0),
            searches_cancelled: AtomicU64::new(0),
        }
    }
}

impl Meters {
    pub(crate) fn record(&self, operation: Operation, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST_US);
        let histogram = &self.histograms[operation as usize];
        histogram.lock().expect("no panic while held").saturating_record(micros);
    }

    /// More searches wait than the processor can soon answer.
    pub(crate) fn is_crowded(&self) -> bool {
        self.searches_waiting.load(Ordering::Relaxed) > CROWD
    }

    fn latencies(&self) -> Vec<OperationLatency> {
        Operation::ALL
            .iter()
            .map(|&(operation, name)| {
                let histogram = &self.histograms[operation as usize];
                let histogram = histogram.lock().expect("no panic while held");
                let ms = |micros: u64| micros as f64 / 1e3;
                let at = |quantile: f64| ms(histogram.value_at_quantile(quantile));
                let ends = COLUMNS_MS.iter().map(|&column| column * 1_000).chain([LONGEST_US]);
                let mut buckets: Vec<LatencyBucket> =
                    ends.map(|end| LatencyBucket { up_to_ms: ms(end), count: 0 }).collect();
                for step in histogram.iter_recorded() {
                    let took = ms(step.value_iterated_to());
                    let last = buckets.len() - 1;
                    let column = buckets.partition_point(|bucket| bucket.up_to_ms < took);
                    buckets[column.min(last)].count += step.count_at_value();
                }
                OperationLatency {
                    name: name.to_owned(),
                    count: histogram.len(),
                    p50_ms: at(0.5),
                    p95_ms: at(0.95),
                    p99_ms: at(0.99),
                    max_ms: ms(histogram.max()),
                    buckets,
                }
            })
            .collect()
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Diagnostics {
    pub store: StoreDiagnostics,
    pub words: WordsDiagnostics,
    pub meaning: MeaningDiagnostics,
    pub searches: SearchesDiagnostics,
    /// Since the engine was opened.
    pub operations: Vec<OperationLatency>,
    /// Memory of this process; `None` where the system does not tell.
    pub resident_bytes: Option<u64>,
    /// The part of it that is not backed by files.
    pub anonymous_bytes: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct StoreDiagnostics {
    pub notes: usize,
    pub trashed: usize,
    pub last_seq: i64,
    /// Changes that wait for the writer: a person's, and bulk ones.
    pub waiting_interactive: usize,
    pub waiting_bulk: usize,
    pub database_bytes: u64,
    /// The write-ahead log.
    pub log_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct WordsDiagnostics {
    pub state: IndexState,
    /// The change up to which the index on disk is complete.
    pub cursor: i64,
    pub pending: usize,
    pub segments: usize,
    pub notes_in_memory: usize,
    pub generation: u32,
    pub bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct MeaningDiagnostics {
    pub state: IndexState,
    pub waiting_for: Option<String>,
    pub model: Option<String>,
    pub dims: Option<usize>,
    pub pending: usize,
    pub skipped: usize,
    pub vectors: usize,
    pub graphs: usize,
    pub generation: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct SearchesDiagnostics {
    /// Searches that may compute at the same time.
    pub permits: usize,
    pub running: usize,
    pub waiting: usize,
    /// Searches that a newer one superseded.
    pub cancelled: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct OperationLatency {
    pub name: String,
    pub count: u64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    pub buckets: Vec<LatencyBucket>,
}

#[derive(Clone, Debug, Serialize)]
pub struct LatencyBucket {
    pub up_to_ms: f64,
    /// Operations that took this long or less, and longer than the bucket before.
    pub count: u64,
}

impl Engine {
    /// Queues, cursors, permits, latencies, sizes and generations as they are now.
    pub async fn diagnostics(&self) -> Result<Diagnostics> {
        self.blocking(|inner| inner.diagnostics()).await
    }
}

impl Inner {
    fn diagnostics(&self) -> Result<Diagnostics> {
        let status = self.work_out_status()?;
        let (waiting_interactive, waiting_bulk) = self.store.queued();
        let (resident_bytes, anonymous_bytes) = memory();
        let serving = self.serving();
        let (model, vector) = (serving.model.ready(), serving.index());
        let running = self.searches.saturating_sub(self.search_permits.available_permits());
        Ok(Diagnostics {
            store: StoreDiagnostics {
                notes: status.notes,
                trashed: status.trashed,
                last_seq: self.store.last_seq().0,
                waiting_interactive,
                waiting_bulk,
                database_bytes: file_bytes(&self.data_dir.join("store.db")),
                log_bytes: file_bytes(&self.data_dir.join("store.db-wal")),
            },
            words: WordsDiagnostics {
                state: status.words_state,
                cursor: self.keyword().cursor().0,
                pending: status.words_pending,
                segments: self.keyword().segments(),
                notes_in_memory: self.keyword().notes_in_memory(),
                generation: keyword::GENERATION,
                bytes: folder_bytes(&self.data_dir.join("keyword")),
            },
            meaning: MeaningDiagnostics {
                state: status.meaning_state,
                waiting_for: status.waiting_for,
                model: model.as_ref().map(|model| model.model_id().to_owned()),
                dims: model.as_ref().map(|model| model.dims()),
                pending: status.meaning_pending,
                skipped: status.meaning_skipped,
                vectors: status.vectors,
                graphs: vector.as_ref().map_or(0, |index| index.graphs()),
                generation: vector.as_ref().map_or(0, |index| index.generation()),
                bytes: [false, true]
                    .map(|second| folder_bytes(&self.vector_dir(second)))
                    .iter()
                    .sum(),
            },
            searches: SearchesDiagnostics {
                permits: self.searches,
                running,
                waiting: self.meters.searches_waiting.load(Ordering::Relaxed),
                cancelled: self.meters.searches_cancelled.load(Ordering::Relaxed),
            },
            operations: self.meters.latencies(),
            resident_bytes,
            anonymous_bytes,
        })
    }
}

/// A file that is not there holds nothing.
fn file_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Both indexes keep their files in one folder without others below.
fn folder_bytes(path: &Path) -> u64 {
    std::fs::read_dir(path)
        .map_or(0, |entries| entries.flatten().map(|entry| file_bytes(&entry.path())).sum())
}

/// Resident memory and the part that no file backs, from `/proc/self/status` (proc(5)).
fn memory() -> (Option<u64>, Option<u64>) {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return (None, None) };
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes * 1024)
    };
    (bytes("VmRSS:"), bytes("RssAnon:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_is_in_one_bucket() {
        let meters = Meters::default();
        for ms in [0, 1, 3, 7, 60, 700, 100_000, 10_000_000] {
            meters.record(Operation::Save, Duration::from_millis(ms));
        }
        let latencies = meters.latencies();
        assert_eq!(latencies.len(), Operation::ALL.len());
        let save = &latencies[Operation::Save as usize];
        assert_eq!((save.name.as_str(), save.count), ("save", 8));
        assert_eq!(save.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 8);
        assert!(save.p50_ms > 2.0 && save.p50_ms < 8.0, "{}", save.p50_ms);
    }

    #[test]
    fn operations_are_in_the_order_of_their_numbers() {
        for (index, (operation, _)) in Operation::ALL.iter().enumerate() {
            assert_eq!(*operation as usize, index);
        }
    }
}
