//! The index as a whole: opening and verifying it, writing, committing, notes in memory, and the
//! one snapshot that searches see.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use note::{Expr, NoteId, NoteSet, Query, Seq, Timestamp};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tantivy::index::SegmentId;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use crate::document::{Analyser, Facet, Pool};
use crate::plan::Planner;
use crate::reading::Reading;
use crate::schema::{self, Fields, GENERATION};
use crate::search::{self, Request};
use crate::segment::{DiskSegment, FreshNote};
use crate::snapshot::{Disk, Snapshot};
use crate::synonyms::Synonyms;
use crate::{
    Access, Change, FacetCounts, KeywordError, KeywordHits, Matches, NoteDocument, Opened, Search,
    Snippet, TextWord, facets, matches, snippet, words,
};

/// What the writer buffers before it flushes a segment, in bytes; tantivy wants at least 15 MB.
const WRITER_BYTES: usize = 24_000_000;
/// Threads that write segments: one leaves a core to the person on the smallest machines.
pub const WRITER_THREADS: usize = 1;
/// How often, and how far apart, the writer's lock is asked for.
const LOCK_TRIES: usize = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Says that the last writer closed in order, so that the files need no checking.
const CLEAN: &str = "clean";

/// What a commit carries.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    store_uuid: String,
    generation: u32,
    seq: i64,
}

/// Words → notes. Readers never wait for writers. Share it in an `Arc`.
pub struct KeywordIndex {
    folder: PathBuf,
    store_uuid: String,
    access: Access,
    fields: Fields,
    cursor: AtomicI64,
    writing: Mutex<Writing>,
    visible: Mutex<Visible>,
    snapshot: RwLock<Arc<Snapshot>>,
    planners: Mutex<Vec<Planner>>,
    synonyms: RwLock<Arc<Synonyms>>,
}

/// The writer's side.
struct Writing {
    writer: Writer,
    analyser: Analyser,
    /// Notes that are on disk or on their way: only these need deleting before they are added.
    known: NoteSet,
}

enum Writer {
    Ready(Box<IndexWriter>),
    /// It failed; the next change makes another.
    Failed,
    Closed,
}

/// The readers' side: what is on disk and what is in memory.
struct Visible {
    source: Source,
    segments: FxHashMap<SegmentId, Arc<DiskSegment>>,
    disk: Disk,
    fresh: BTreeMap<NoteId, Fresh>,
    analyser: Analyser,
}

enum Source {
    Folder {
        index: Index,
        reader: IndexReader,
    },
    /// A reader without an index yet.
    Missing,
}

struct Fresh {
    seq: Seq,
    /// `None`: deleted.
    note: Option<Arc<FreshNote>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KeywordIndex {
    /// Opens the index in `folder`, or makes one. An index of another store or generation, or a
    /// damaged one, is emptied by a writer and taken for missing by a reader.
    ///
    /// # Errors
    /// The folder cannot be written, or another process is writing the index.
    pub fn open(
        folder: &Path,
        store_uuid: &str,
        access: Access,
    ) -> Result<(KeywordIndex, Opened), KeywordError> {
        let (_, fields) = schema::schema();
        let index = KeywordIndex {
            folder: folder.to_owned(),
            store_uuid: store_uuid.to_owned(),
            access,
            fields,
            cursor: AtomicI64::new(0),
            writing: Mutex::new(Writing {
                writer: Writer::Closed,
                analyser: Analyser::default(),
                known: NoteSet::default(),
            }),
            visible: Mutex::new(Visible {
                source: Source::Missing,
                segments: FxHashMap::default(),
                disk: Disk::default(),
                fresh: BTreeMap::new(),
                analyser: Analyser::default(),
            }),
            snapshot: RwLock::new(Arc::new(Snapshot::new(&Disk::default(), Vec::new()))),
            planners: Mutex::new(Vec::new()),
            synonyms: RwLock::default(),
        };
        let opened = match index.adopt() {
            Ok(()) => Opened::Kept,
            Err(reason) => {
                tracing::info!(folder = %folder.display(), reason, "keyword index starts empty");
                Opened::Fresh(reason)
            }
        };
        if access == Access::ReadWrite {
            if opened != Opened::Kept {
                index.start_empty()?;
            }
            let mut writing = lock(&index.writing);
            let visible = lock(&index.visible);
            if let Source::Folder { index: tantivy, .. } = &visible.source {
                writing.writer = Writer::Ready(Box::new(writer(tantivy)?));
            }
            writing.known = visible.disk.ids().collect();
            drop((writing, visible));
            remove_if_there(&folder.join(CLEAN))
                .map_err(|source| KeywordError::Folder { folder: folder.to_owned(), source })?;
        }
        Ok((index, opened))
    }

    /// Takes what is in the folder, or says why not.
    fn adopt(&self) -> Result<(), String> {
        if !self.folder.join("meta.json").is_file() {
            return Err("there was no index".to_owned());
        }
        let unclean = self.access == Access::ReadWrite && !self.folder.join(CLEAN).exists();
        // A damaged file can make tantivy panic.
        let loaded = catch_unwind(AssertUnwindSafe(|| self.load(unclean)));
        match loaded {
            Ok(loaded) => loaded,
            Err(_) => Err("its files are damaged".to_owned()),
        }
    }

    fn load(&self, verify: bool) -> Result<(), String> {
        let opened = match self.access {
            Access::ReadWrite => Index::open_in_dir(&self.folder),
            Access::ReadOnly => {
                Reading::open(&self.folder).map_err(Into::into).and_then(Index::open)
            }
        };
        let mut index = opened.map_err(|error| error.to_string())?;
        let (expected, _) = schema::schema();
        if index.schema() != expected {
            return Err("it has another schema".to_owned());
        }
        let seq = self.payload_seq(&index)?;
        if verify {
            let damaged = index.validate_checksum().map_err(|error| error.to_string())?;
            if let Some(file) = damaged.iter().next() {
                return Err(format!("{} is damaged", file.display()));
            }
        }
        index.set_tokenizers(schema::tokenizers());
        let reader = reader(&index).map_err(|error| error.to_string())?;
        let mut visible = lock(&self.visible);
        visible.source = Source::Folder { index, reader };
        self.look_at_disk(&mut visible).map_err(|error| error.to_string())?;
        self.publish(&visible);
        self.cursor.store(seq, Ordering::Release);
        Ok(())
    }

    fn payload_seq(&self, index: &Index) -> Result<i64, String> {
        let meta = index.load_metas().map_err(|error| error.to_string())?;
        let payload = meta.payload.ok_or("it was never committed")?;
        let payload: Payload =
            serde_json::from_str(&payload).map_err(|error| format!("its commit: {error}"))?;
        if payload.store_uuid != self.store_uuid {
            return Err("it belongs to another store".to_owned());
        }
        if payload.generation != GENERATION {
            return Err(format!(
                "it is of generation {}, this is {GENERATION}",
                payload.generation
            ));
        }
        Ok(payload.seq)
    }

    /// Empties the folder and makes an index in it.
    fn start_empty(&self) -> Result<(), KeywordError> {
        let failed = |source| KeywordError::Folder { folder: self.folder.clone(), source };
        let mut visible = lock(&self.visible);
        visible.source = Source::Missing;
        visible.segments.clear();
        if self.folder.exists() {
            // Whoever holds the writer's lock owns the files.
            let open = Index::open_in_dir(&self.folder);
            if let Ok(index) = &open {
                drop(writer(index)?);
            }
            fs::remove_dir_all(&self.folder).map_err(failed)?;
        }
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let (schema, _) = schema::schema();
        let index = Index::builder()
            .schema(schema)
            .settings(schema::settings())
            .tokenizers(schema::tokenizers())
            .create_in_dir(&self.folder)?;
        let reader = reader(&index)?;
        visible.source = Source::Folder { index, reader };
        visible.fresh.clear();
        self.look_at_disk(&mut visible)?;
        self.publish(&visible);
        self.cursor.store(0, Ordering::Release);
        Ok(())
    }

    /// Reads which segments are committed now and hides what is newer in memory.
    fn look_at_disk(&self, visible: &mut Visible) -> Result<(), KeywordError> {
        let Source::Folder { reader, .. } = &visible.source else { return Ok(()) };
        reader.reload()?;
        let searcher = reader.searcher();
        let mut segments = FxHashMap::default();
        let mut parts = Vec::new();
        for reader in searcher.segment_readers() {
            let id = reader.segment_id();
            let segment = match visible.segments.get(&id) {
                Some(segment) => Arc::clone(segment),
                None => Arc::new(DiskSegment::open(reader, self.fields)?),
            };
            parts.push((Arc::clone(&segment), reader.doc_ids_alive().collect()));
            segments.insert(id, segment);
        }
        visible.segments = segments;
        visible.disk = Disk::new(parts);
        for &id in visible.fresh.keys() {
            visible.disk.hide(id)?;
        }
        Ok(())
    }

    fn publish(&self, visible: &Visible) {
        let fresh = visible.fresh.values().filter_map(|fresh| fresh.note.clone()).collect();
        let snapshot = Arc::new(Snapshot::new(&visible.disk, fresh));
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The change up to which the index on disk is complete.
    pub fn cursor(&self) -> Seq {
        Seq(self.cursor.load(Ordering::Acquire))
    }

    /// Hands changes to the writer, in order. They are neither visible nor durable before
    /// [`KeywordIndex::commit`].
    ///
    /// # Errors
    /// After an error everything since [`KeywordIndex::cursor`] must be applied again.
    pub fn apply(&self, changes: Vec<Change>) -> Result<(), KeywordError> {
        let mut writing = self.writing()?;
        let outcome = self.write(&mut writing, changes);
        self.settle(&mut writing, outcome)
    }

    fn write(&self, writing: &mut Writing, changes: Vec<Change>) -> Result<(), KeywordError> {
        let Writing { writer: Writer::Ready(writer), analyser, known } = writing else {
            return Err(KeywordError::Closed);
        };
        for change in changes {
            let id = match &change {
                Change::Put(note) => note.id,
                Change::Delete(id) => *id,
            };
            if known.remove(id) {
                let term = Facet::Id(id).term();
                writer.delete_term(Term::from_field_text(self.fields.pool(Pool::Filter), &term));
            }
            if let Change::Put(note) = change {
                let lines = analyser.analyse(&note);
                writer.add_document(self.fields.document(lines))?;
                known.insert(id);
            }
        }
        Ok(())
    }

    /// Makes everything applied so far durable and visible; `seq` becomes the cursor. Notes in
    /// memory of that change or older are forgotten.
    ///
    /// # Errors
    /// After an error everything since [`KeywordIndex::cursor`] must be applied again.
    pub fn commit(&self, seq: Seq) -> Result<(), KeywordError> {
        let mut writing = self.writing()?;
        let outcome = self.commit_to_disk(&mut writing, seq);
        self.settle(&mut writing, outcome)?;
        let mut visible = lock(&self.visible);
        visible.fresh.retain(|_, fresh| fresh.seq > seq);
        self.look_at_disk(&mut visible)?;
        self.cursor.store(seq.0, Ordering::Release);
        self.publish(&visible);
        Ok(())
    }

    fn commit_to_disk(&self, writing: &mut Writing, seq: Seq) -> Result<(), KeywordError> {
        let Writer::Ready(writer) = &mut writing.writer else { return Err(KeywordError::Closed) };
        let payload =
            Payload { store_uuid: self.store_uuid.clone(), generation: GENERATION, seq: seq.0 };
        let payload = serde_json::to_string(&payload)
            .map_err(|error| KeywordError::Damaged(error.to_string()))?;
        // A commit starts new indexing threads, which inherit the priority of the one they start on.
        in_background(|| -> Result<(), KeywordError> {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&payload);
            commit.commit()?;
            Ok(())
        })
    }

    fn writing(&self) -> Result<MutexGuard<'_, Writing>, KeywordError> {
        if self.access == Access::ReadOnly {
            return Err(KeywordError::ReadOnly);
        }
        let mut writing = lock(&self.writing);
        match writing.writer {
            Writer::Ready(_) => {}
            Writer::Closed => return Err(KeywordError::Closed),
            Writer::Failed => {
                let visible = lock(&self.visible);
                let Source::Folder { index, .. } = &visible.source else {
                    return Err(KeywordError::Closed);
                };
                writing.writer = Writer::Ready(Box::new(writer(index)?));
                // What was hidden by notes in memory is on disk all the same.
                let hidden = visible.fresh.keys().copied();
                writing.known = visible.disk.ids().chain(hidden).collect();
            }
        }
        Ok(writing)
    }

    /// A writer that failed once has stopped for good.
    fn settle(
        &self,
        writing: &mut Writing,
        outcome: Result<(), KeywordError>,
    ) -> Result<(), KeywordError> {
        if let Err(error) = &outcome {
            tracing::warn!(folder = %self.folder.display(), %error, "keyword writer failed");
            writing.writer = Writer::Failed;
        }
        outcome
    }

    /// Forgets every note, on disk and in memory; the cursor goes back to zero.
    ///
    /// # Errors
    /// The folder cannot be emptied; then nothing more can be written until it can.
    pub fn clear(&self) -> Result<(), KeywordError> {
        let mut writing = self.writing()?;
        // The writer holds the folder's lock.
        writing.writer = Writer::Failed;
        writing.known = NoteSet::default();
        self.start_empty()
    }

    /// Makes changes visible at once, before they are on disk; they hide what the disk says of
    /// the same notes until a commit of `seq` or later. Not durable. Ignored when the disk is
    /// already as far.
    ///
    /// # Errors
    /// Reading the index on disk failed; nothing changed.
    pub fn apply_fresh(&self, changes: Vec<Change>, seq: Seq) -> Result<(), KeywordError> {
        let mut visible = lock(&self.visible);
        if seq <= self.cursor() {
            return Ok(());
        }
        let visible = &mut *visible;
        for change in changes {
            let (id, note) = match change {
                Change::Put(note) => {
                    let lines = visible.analyser.analyse(&note);
                    (note.id, Some(Arc::new(FreshNote::new(&lines))))
                }
                Change::Delete(id) => (id, None),
            };
            match visible.fresh.get(&id) {
                Some(known) if known.seq > seq => continue,
                Some(_) => {}
                None => visible.disk.hide(id)?,
            }
            visible.fresh.insert(id, Fresh { seq, note });
        }
        self.publish(visible);
        Ok(())
    }

    /// Finds notes.
    ///
    /// # Errors
    /// [`KeywordError::Cancelled`] when asked to stop; [`KeywordError::Damaged`] when the files
    /// cannot be read.
    pub fn search(&self, query: &Query, search: &Search<'_>) -> Result<KeywordHits, KeywordError> {
        let request = Request {
            query,
            limit: search.limit,
            offset: search.offset,
            cancelled: search.cancelled,
        };
        self.with_planner(|snapshot, planner| search::search(snapshot, planner, &request))
    }

    /// The notes that match, without scoring them.
    ///
    /// # Errors
    /// [`KeywordError::Damaged`] when the files cannot be read.
    pub fn matching(&self, expr: &Expr) -> Result<NoteSet, KeywordError> {
        self.with_planner(|snapshot, planner| search::matching(snapshot, planner, expr))
    }

    /// Those of the notes that are mostly in one of the languages, given by their ISO 639-1 codes.
    /// A language counts only if its words can be stemmed here.
    ///
    /// # Errors
    /// [`KeywordError::Damaged`] when the files cannot be read.
    pub fn mostly_in(&self, notes: &[NoteId], languages: &[&str]) -> Result<NoteSet, KeywordError> {
        self.with_planner(|snapshot, _| Ok(snapshot.mostly_in(notes, languages)?))
    }

    /// When each of the notes was changed last; those that are not indexed are left out.
    ///
    /// # Errors
    /// [`KeywordError::Damaged`] when the files cannot be read.
    pub fn updated(&self, notes: &[NoteId]) -> Result<Vec<(NoteId, Timestamp)>, KeywordError> {
        self.with_planner(|snapshot, _| Ok(snapshot.updated(notes)?))
    }

    /// How many notes match.
    ///
    /// # Errors
    /// [`KeywordError::Damaged`] when the files cannot be read.
    pub fn count(&self, expr: &Expr) -> Result<usize, KeywordError> {
        self.with_planner(|snapshot, planner| {
            Ok(search::matches(snapshot, planner, expr, &|| false)?.len())
        })
    }

    /// What the notes that match have in common: of each sort the `limit` most frequent. `starts`:
    /// the ascending moments at which the counted periods of creation begin.
    ///
    /// # Errors
    /// As for [`KeywordIndex::search`].
    pub fn facets(
        &self,
        query: &Query,
        limit: usize,
        starts: &[Timestamp],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<FacetCounts, KeywordError> {
        self.with_planner(|snapshot, planner| {
            facets::facets(snapshot, planner, query, limit, starts, cancelled)
        })
    }

    /// The words asked for, in quotes or not, that no note has, folded, each with the nearest word
    /// that one has.
    ///
    /// # Errors
    /// [`KeywordError::Damaged`] when the files cannot be read.
    pub fn misspelt(&self, query: &Query) -> Result<Vec<(String, String)>, KeywordError> {
        self.with_planner(|snapshot, planner| search::misspelt(snapshot, planner, query))
    }

    /// How a note's score came about, one reason a line; `None` if it is no hit.
    pub fn explain(&self, query: &Query, note: NoteId) -> Option<String> {
        self.with_planner(|snapshot, planner| search::explain(snapshot, planner, query, note))
            .unwrap_or_else(|error| Some(error.to_string()))
    }

    /// The best passage of `text` for a query, `max_chars` characters or less. Reads no index.
    pub fn snippet(&self, query: &Query, text: &str, max_chars: usize) -> Snippet {
        snippet::snippet(query, &self.synonyms_of(query), text, max_chars)
    }

    /// Every place in the `readable` parts of `text` where a word or phrase of the query stands, in any
    /// form in which the search finds it. Reads no index.
    pub fn matches(&self, query: &Query, text: &str, readable: &[Range<usize>]) -> Matches {
        matches::matches(query, &self.synonyms_of(query), text, readable)
    }

    /// How rare each word is among the notes: 0 if all have it in some form, 1 if none has.
    ///
    /// # Errors
    /// [`KeywordError::Damaged`] when the files cannot be read.
    pub fn rarity(&self, words: &[TextWord]) -> Result<Vec<f32>, KeywordError> {
        self.with_planner(|snapshot, _| {
            words.iter().map(|word| Ok(words::rarity(snapshot, word)?)).collect()
        })
    }

    /// The words and phrases that a query asks for, as typed, and their synonyms, without doubles:
    /// what to mark in a shown note.
    pub fn highlight_terms(&self, query: &Query) -> Vec<String> {
        snippet::highlight_terms(query, &self.synonyms_of(query))
    }

    /// Groups of words and phrases that mean the same from now on: a note with one of a group is
    /// found by the others, a little lower.
    pub fn set_synonyms(&self, groups: &[Vec<String>]) {
        let synonyms = Arc::new(Synonyms::new(groups));
        *self.synonyms.write().unwrap_or_else(PoisonError::into_inner) = synonyms;
    }

    fn synonyms_of(&self, query: &Query) -> Vec<String> {
        let synonyms = self.synonyms();
        if synonyms.is_empty() {
            return Vec::new();
        }
        synonyms.of_query(query, self.snapshot().languages)
    }

    fn synonyms(&self) -> Arc<Synonyms> {
        Arc::clone(&self.synonyms.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_planner<T>(
        &self,
        work: impl FnOnce(&Arc<Snapshot>, &mut Planner) -> Result<T, KeywordError>,
    ) -> Result<T, KeywordError> {
        let snapshot = self.snapshot();
        let mut planner = lock(&self.planners).pop().unwrap_or_default();
        planner.synonyms = self.synonyms();
        // A file damaged after it was opened can make tantivy panic.
        match catch_unwind(AssertUnwindSafe(|| work(&snapshot, &mut planner))) {
            Ok(outcome) => {
                lock(&self.planners).push(planner);
                outcome
            }
            Err(_) => Err(KeywordError::Damaged("a search failed".to_owned())),
        }
    }

    /// Looks for commits of the writing process; true if there were any. For readers; a writer
    /// is always up to date.
    ///
    /// # Errors
    /// The index cannot be read; what was visible stays so.
    pub fn reload(&self) -> Result<bool, KeywordError> {
        if self.access == Access::ReadWrite {
            return Ok(false);
        }
        let mut visible = lock(&self.visible);
        if matches!(visible.source, Source::Missing) {
            drop(visible);
            return Ok(self.adopt().is_ok());
        }
        let Source::Folder { index, .. } = &visible.source else { return Ok(false) };
        // Read before the segments, so that the cursor never promises more than they hold.
        let seq = match self.payload_seq(index) {
            Ok(seq) => seq,
            Err(reason) => {
                // Wiped or replaced by the writer.
                visible.source = Source::Missing;
                return Err(KeywordError::Damaged(reason));
            }
        };
        let before: Vec<SegmentId> = visible.segments.keys().copied().collect();
        self.look_at_disk(&mut visible)?;
        let changed = seq != self.cursor().0
            || before.len() != visible.segments.len()
            || before.iter().any(|id| !visible.segments.contains_key(id));
        self.publish(&visible);
        self.cursor.store(seq, Ordering::Release);
        Ok(changed)
    }

    /// Parts of the index on disk.
    pub fn segments(&self) -> usize {
        lock(&self.visible).segments.len()
    }

    /// Notes that are served from memory because the disk does not have them as they are.
    pub fn notes_in_memory(&self) -> usize {
        lock(&self.visible).fresh.len()
    }

    /// Visible notes, trashed ones included.
    pub fn len(&self) -> usize {
        self.snapshot().notes
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends writing and marks the folder as in order. What was not committed is lost to the disk;
    /// searching goes on.
    ///
    /// # Errors
    /// The writer could not end in order; the next opening will check the files.
    pub fn close(&self) -> Result<(), KeywordError> {
        if self.access == Access::ReadOnly {
            return Ok(());
        }
        let mut writing = lock(&self.writing);
        match std::mem::replace(&mut writing.writer, Writer::Closed) {
            Writer::Ready(writer) => writer.wait_merging_threads()?,
            Writer::Failed | Writer::Closed => return Ok(()),
        }
        fs::write(self.folder.join(CLEAN), b"")
            .map_err(|source| KeywordError::Folder { folder: self.folder.clone(), source })
    }
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn reader(index: &Index) -> tantivy::Result<IndexReader> {
    index
        .reader_builder()
        .reload_policy(ReloadPolicy::Manual)
        .doc_store_cache_num_blocks(0)
        .try_into()
}

fn writer(index: &Index) -> tantivy::Result<IndexWriter<TantivyDocument>> {
    in_background(|| {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(WRITER_THREADS)
            .memory_budget_per_thread(WRITER_BYTES)
            .num_merge_threads(1)
            .build();
        // A lock that was given back is held on for a moment by a process that was being started then.
        let mut tries = LOCK_TRIES;
        let writer: IndexWriter = loop {
            match index.writer_with_options(options.clone()) {
                Err(TantivyError::LockFailure(..)) if tries > 0 => {
                    tries -= 1;
                    std::thread::sleep(LOCK_PAUSE);
                }
                made => break made?,
            }
        };
        // tantivy stamps the first operation after opening like the last commit. A merge of what was
        // committed takes a delete of that stamp for an older one, but not in segments whose deletes
        // that commit wrote, and forgets it: the note would be there twice. No operation gets it.
        writer.run(std::iter::empty())?;
        // What a crash in the middle of a commit left is in the way when the commit is made again.
        writer.garbage_collect_files().wait()?;
        // Lone saves make tiny segments: they are merged among themselves, and only then, as one,
        // with larger ones.
        let mut policy = LogMergePolicy::default();
        policy.set_min_num_segments(6);
        policy.set_min_layer_size(500);
        policy.set_del_docs_ratio_before_merge(0.3);
        writer.set_merge_policy(Box::new(policy));
        Ok(writer)
    })
}

/// Runs `work` on a thread of low priority, which threads started there inherit.
fn in_background<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let outcome = scope
            .spawn(|| {
                if let Ok(low) = ThreadPriorityValue::try_from(20u8)
                    && let Err(error) = thread_priority::set_current_thread_priority(
                        ThreadPriority::Crossplatform(low),
                    )
                {
                    tracing::debug!(?error, "indexing at usual priority");
                }
                work()
            })
            .join();
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Documents can be analysed anywhere: the index holds no thread of its own beside tantivy's.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<KeywordIndex>();
    shared::<NoteDocument>();
};
