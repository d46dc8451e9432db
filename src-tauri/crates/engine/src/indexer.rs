//! Keeps both indexes in step with the store. Six threads: `fresh` makes a note that was just saved
//! findable by words at once and `saved` by meaning, `words` brings the keyword index on disk up to
//! date in bulk, `meaning` embeds the backlog, `vectors` brings the vector index up to date, `graphs`
//! builds its graphs. The bulk ones run below the priority of the person's own work; none is ever waited for by a save.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use note::{Analysis, Note, NoteId, Seq};

use crate::diagnostics::Operation;
use crate::engine::Inner;
use crate::error::{Error, Result};
use crate::manners::POWER_INTERVAL;
use crate::priority::{Priority, set_priority};
use crate::status::Waiting;

/// Between the headings of a path.
pub(crate) const HEADINGS: &str = " › ";
/// Notes read from the store and indexed in one go.
const WORDS_BATCH: usize = 512;
/// So many changes at once are no person's.
const FLOOD: usize = 32;
/// Bytes of plain text held between a write and its indexing.
const MAX_HELD: usize = 16 << 20;
/// Notes chunked and embedded in one go: small, so that a note saved meanwhile is next soon.
const MEANING_BATCH: usize = 16;
/// A lone save is findable at once through the overlay; its disk commit can wait this long for more.
const QUIET_COMMIT: Duration = Duration::from_millis(1500);
/// While a backlog is worked off, the first commit comes after this time and the others this far apart: each
/// waits for the disk a dozen times.
const FIRST_COMMIT: Duration = Duration::from_millis(150);
const BULK_COMMIT: Duration = Duration::from_millis(2000);
/// Notes whose vectors are applied in one go: what a note just saved may wait for.
const VECTORS_BATCH: usize = 64;
/// A lane without work looks again after this time, and gives back memory that it has not used for as long.
const IDLE: Duration = Duration::from_secs(60);
/// The vector index is written to disk when this much is new, or when it has been quiet.
const VECTORS_PER_SAVE: usize = 4096;
const QUIET_SAVE: Duration = Duration::from_secs(3);
/// How long the disk lane lets the overlay go ahead.
const OVERLAY_FIRST: Duration = Duration::from_millis(30);
/// While embedding holds back, it looks this often whether it still has to.
const HELD_BACK: Duration = Duration::from_millis(200);
/// A saved note lets crowds of searches go ahead this long, for each of its chunks.
const CROWD_PATIENCE: Duration = Duration::from_millis(100);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// New chunks of one saved note that are embedded at once; a longer text waits its turn.
const MAX_AT_ONCE: usize = 12;
/// Tokens of one chunk: half of the model's window, so that a passage stays one thought and a
/// chunk's own words are not diluted.
const CHUNK_TOKENS: usize = 200;

/// Wakes one lane; more than one call before it looks is one wake.
#[derive(Clone)]
pub(crate) struct Wake(SyncSender<()>);

impl Wake {
    pub(crate) fn new() -> (Wake, Receiver<()>) {
        let (sender, receiver) = sync_channel(1);
        (Wake(sender), receiver)
    }

    pub(crate) fn wake(&self) {
        // Full: already woken. Disconnected: the lane ended with the engine.
        match self.0.try_send(()) {
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

/// The lanes' threads; `None` after they were joined.
pub(crate) struct Indexer {
    threads: Vec<JoinHandle<()>>,
}

pub(crate) struct Receivers {
    pub(crate) fresh: Receiver<()>,
    pub(crate) words: Receiver<()>,
    pub(crate) saved: Receiver<()>,
    pub(crate) meaning: Receiver<()>,
    pub(crate) vectors: Receiver<()>,
    pub(crate) graphs: Receiver<()>,
}

/// What was found in the texts of notes whose save is durable: the lanes that index them need not
/// parse them again. Holds a bounded amount; what is not held is read and parsed once more.
#[derive(Default)]
pub(crate) struct Parsed(Mutex<Held>);

#[derive(Default)]
struct Held {
    notes: HashMap<NoteId, (Seq, ParsedNote)>,
    bytes: usize,
}

pub(crate) enum ParsedNote {
    Analysis(Arc<Analysis>),
    /// All that the keyword index holds of the note.
    Document(Box<keyword::NoteDocument>),
}

impl ParsedNote {
    fn bytes(&self) -> usize {
        match self {
            ParsedNote::Analysis(analysis) => analysis.text.len(),
            ParsedNote::Document(document) => document.text.len(),
        }
    }
}

impl Held {
    fn put(&mut self, note: NoteId, seq: Seq, found: ParsedNote) {
        let bytes = found.bytes();
        if self.bytes + bytes > MAX_HELD {
            return;
        }
        self.bytes += bytes;
        if let Some((_, old)) = self.notes.insert(note, (seq, found)) {
            self.bytes -= old.bytes();
        }
    }

    fn take(&mut self, note: NoteId) -> Option<ParsedNote> {
        let (_, found) = self.notes.remove(&note)?;
        self.bytes -= found.bytes();
        Some(found)
    }
}

impl Parsed {
    pub(crate) fn put(&self, found: impl IntoIterator<Item = (NoteId, Seq, ParsedNote)>) {
        let mut held = self.0.lock().expect("no panic while held");
        for (note, seq, found) in found {
            held.put(note, seq, found);
        }
    }

    fn analysis(&self, note: &Note) -> Arc<Analysis> {
        let held = self.0.lock().expect("no panic while held");
        match held.notes.get(&note.id) {
            Some((seq, ParsedNote::Analysis(analysis))) if *seq == note.seq => analysis.clone(),
            _ => {
                drop(held);
                Arc::new(note::analyse(&note.body))
            }
        }
    }

    /// Takes out the documents of those of some changed notes that are held as they are after that change.
    fn documents(&self, changes: &[store::Change]) -> HashMap<NoteId, Box<keyword::NoteDocument>> {
        let mut held = self.0.lock().expect("no panic while held");
        let mut documents = HashMap::new();
        for change in changes {
            if let Some((seq, ParsedNote::Document(_))) = held.notes.get(&change.id)
                && *seq == change.seq
                && let Some(ParsedNote::Document(document)) = held.take(change.id)
            {
                documents.insert(change.id, document);
            }
        }
        documents
    }

    /// Forgets what is on its way to the disk index, up to `seq`.
    fn forget(&self, changes: &[store::Change], seq: Seq) {
        let mut held = self.0.lock().expect("no panic while held");
        for change in changes {
            if held.notes.get(&change.id).is_some_and(|(at, _)| *at <= seq) {
                held.take(change.id);
            }
        }
    }
}

/// One thread's work until the engine closes, woken through its receiver.
type Lane = fn(&Inner, &Receiver<()>);

impl Indexer {
    pub(crate) fn start(inner: &Arc<Inner>, receivers: Receivers) -> Result<Indexer> {
        let spawn = |name: &str, priority: Priority, lane: Lane, woken: Receiver<()>| {
            let inner = inner.clone();
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || {
                    set_priority(priority);
                    lane(&inner, &woken);
                })
                .map_err(Error::internal)
        };
        Ok(Indexer {
            threads: vec![
                spawn("fresh", Priority::Usual, fresh_lane, receivers.fresh)?,
                spawn("words", Priority::Low, words_lane, receivers.words)?,
                spawn("saved", Priority::Usual, saved_lane, receivers.saved)?,
                spawn("meaning", Priority::Idle, meaning_lane, receivers.meaning)?,
                spawn("vectors", Priority::Low, vectors_lane, receivers.vectors)?,
                spawn("graphs", Priority::Idle, graphs_lane, receivers.graphs)?,
            ],
        })
    }

    /// Waits for the lanes to finish the batch in hand, commit and save.
    pub(crate) fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("an indexing thread panicked");
            }
        }
    }
}

/// Sleeps until woken, the time is over (`false`), or the engine closes.
fn wait(inner: &Inner, receiver: &Receiver<()>, time: Duration) -> bool {
    if inner.closing.is_cancelled() {
        return false;
    }
    match receiver.recv_timeout(time) {
        Ok(()) => true,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
    }
}

fn fresh_lane(inner: &Inner, woken: &Receiver<()>) {
    while !inner.closing.is_cancelled() {
        let ids = std::mem::take(&mut *inner.fresh.lock().expect("no panic while held"));
        if ids.is_empty() {
            wait(inner, woken, IDLE);
            continue;
        }
        let _span = tracing::debug_span!("show saved notes", notes = ids.len()).entered();
        let started = Instant::now();
        let shown = (|| {
            let notes = inner.store.read(|read| read.notes(&ids))?;
            let seq = notes.iter().map(|note| note.seq).max().unwrap_or_default();
            let mut changes = put_changes(inner, &notes)?;
            // Deleted since: the bulk lane will take it out of the disk index, but it must vanish now.
            for id in ids.iter().filter(|id| !notes.iter().any(|note| note.id == **id)) {
                changes.push(keyword::Change::Delete(*id));
            }
            inner.keyword().apply_fresh(changes, seq.max(inner.store.last_seq()))?;
            Ok::<_, Error>(notes.iter().map(|note| (note.id, note.seq)).collect::<Vec<_>>())
        })();
        match shown {
            Ok(shown) => {
                inner.meters.record(Operation::ShowFresh, started.elapsed());
                inner.shown_fresh(&shown, &ids);
            }
            Err(error) => {
                // The bulk lane indexes the same notes from the store, only later.
                tracing::warn!(%error, "a saved note is not findable at once");
            }
        }
        inner.status_changed.notify_one();
        inner.wake_words.wake();
    }
}

/// What the keyword index holds of each note.
fn put_changes(inner: &Inner, notes: &[Note]) -> Result<Vec<keyword::Change>> {
    let attached = inner.store.read(|read| {
        read.with_attachments(&notes.iter().map(|note| note.id).collect::<Vec<_>>())
    })?;
    Ok(notes
        .iter()
        .map(|note| {
            let analysis = inner.parsed.analysis(note);
            keyword::Change::Put(Box::new(keyword::NoteDocument {
                id: note.id,
                title: note.title.clone(),
                tags: note.all_tags.clone(),
                notebook: note.notebook.clone(),
                kind: note.kind,
                created: note.created,
                updated: note.updated,
                pinned: note.pinned,
                trashed: note.trashed.is_some(),
                has_attachment: attached.contains(note.id),
                ..document(&analysis)
            }))
        })
        .collect())
}

/// What the keyword index holds of a note's text. The rest is blank.
pub(crate) fn document(analysis: &Analysis) -> keyword::NoteDocument {
    let headings: Vec<&str> =
        analysis.headings.iter().map(|heading| heading.text.as_str()).collect();
    keyword::NoteDocument {
        headings: headings.join("\n"),
        has_task: !analysis.tasks.is_empty(),
        has_open_task: analysis.tasks.iter().any(|task| !task.done),
        has_link: !analysis.links.is_empty() || analysis.has_web_link,
        has_image: analysis.has_image,
        links: analysis.links.iter().map(|link| note::link_name(&link.target)).collect(),
        due: analysis
            .tasks
            .iter()
            .filter(|task| !task.done)
            .filter_map(|task| task.due.clone())
            .collect(),
        text: analysis.text.clone(),
        ..keyword::NoteDocument::default()
    }
}

fn words_lane(inner: &Inner, woken: &Receiver<()>) {
    let mut retry = FIRST_RETRY;
    while !inner.closing.is_cancelled() {
        match words_run(inner, woken) {
            Ok(()) => break,
            Err(error) => {
                inner.words_behind.store(false, Ordering::Relaxed);
                inner.words_failed(Some(format!("Indexing words failed: {error}. Trying again.")));
                wait(inner, woken, retry);
                retry = (retry * 2).min(LAST_RETRY);
            }
        }
    }
}

/// Applies changes in seq order until the engine closes.
fn words_run(inner: &Inner, woken: &Receiver<()>) -> Result<()> {
    let mut applied = inner.keyword().cursor();
    let (mut uncommitted, mut unshown) = (0usize, 0usize);
    let mut interval = FIRST_COMMIT;
    let mut last_commit = Instant::now();
    loop {
        let index = inner.keyword();
        if inner.rebuild_words.load(Ordering::Relaxed) {
            inner.start_refill()?;
            (applied, uncommitted, unshown) = (Seq(0), 0, 0);
        }
        let changes = inner.store.read(|read| read.changes_since(applied, WORDS_BATCH))?;
        let caught_up = changes.len() < WORDS_BATCH;
        if let Some(last) = changes.last() {
            let _span = tracing::debug_span!("index words", changes = changes.len()).entered();
            let seq = last.seq;
            let documents = inner.parsed.documents(&changes);
            let unread: Vec<NoteId> = changes
                .iter()
                .filter(|change| !change.deleted && !documents.contains_key(&change.id))
                .map(|change| change.id)
                .collect();
            let notes = inner.store.read(|read| read.notes(&unread))?;
            let mut there: HashSet<NoteId> = notes.iter().map(|note| note.id).collect();
            there.extend(documents.keys());
            let mut batch = put_changes(inner, &notes)?;
            batch.extend(documents.into_values().map(keyword::Change::Put));
            batch.extend(
                changes
                    .iter()
                    .filter(|change| !there.contains(&change.id))
                    .map(|change| keyword::Change::Delete(change.id)),
            );
            uncommitted += changes.len();
            unshown += changes.iter().filter(|change| !inner.is_shown(change.seq)).count();
            if changes.len() >= FLOOD {
                inner.manners.flooded();
            }
            index.apply(batch)?;
            inner.parsed.forget(&changes, seq);
            applied = seq;
        }
        inner.words_behind.store(!caught_up, Ordering::Relaxed);
        let closing = inner.closing.is_cancelled();
        let due = if !caught_up {
            last_commit.elapsed() >= interval
        } else if unshown == 0 {
            last_commit.elapsed() >= QUIET_COMMIT
        } else {
            true
        };
        if uncommitted > 0 && (due || closing) {
            let started = Instant::now();
            tracing::debug_span!("commit words").in_scope(|| index.commit(applied))?;
            inner.meters.record(Operation::CommitWords, started.elapsed());
            inner.committed(applied, caught_up);
            if unshown > 0 {
                inner.announce(Vec::new());
            }
            (uncommitted, unshown) = (0, 0);
            last_commit = Instant::now();
            interval = if caught_up { FIRST_COMMIT } else { BULK_COMMIT };
            inner.words_failed(None);
            inner.status_changed.notify_one();
        }
        if closing {
            return Ok(());
        }
        if caught_up {
            inner.wake_meaning.wake();
            let time = if uncommitted > 0 { QUIET_COMMIT } else { IDLE };
            if wait(inner, woken, time) {
                // The overlay shows a lone save first; this lane then needs no commit of its own.
                wait(inner, woken, OVERLAY_FIRST);
            }
        }
    }
}

/// Builds graphs of full segments and merges small ones, beside everything else.
fn graphs_lane(inner: &Inner, woken: &Receiver<()>) {
    while !inner.closing.is_cancelled() {
        if !wait(inner, woken, IDLE) {
            continue;
        }
        let Ok(index) = inner.vector(false) else { continue };
        if let Err(error) = index.maintain(&|| inner.closing.is_cancelled()) {
            inner.meaning_failed(Some(format!("The vector index could not be compacted: {error}")));
        }
    }
}

/// Runs one of the lanes that need the model until the engine closes, and again after a failure.
fn with_model(
    inner: &Inner,
    woken: &Receiver<()>,
    failed: &str,
    run: fn(&Inner, &dyn embed::Embedder, &Receiver<()>) -> Result<()>,
) {
    let model = match inner.model().get(true) {
        Ok(model) => model,
        Err(error) => {
            // The status says it to the person.
            tracing::info!("{error}");
            inner.status_changed.notify_one();
            return;
        }
    };
    let mut retry = FIRST_RETRY;
    while !inner.closing.is_cancelled() {
        match run(inner, model.as_ref(), woken) {
            Ok(()) => break,
            Err(error) => {
                inner.meaning_failed(Some(format!("{failed} failed: {error}. Trying again.")));
                wait(inner, woken, retry);
                retry = (retry * 2).min(LAST_RETRY);
            }
        }
    }
}

fn vectors_lane(inner: &Inner, woken: &Receiver<()>) {
    with_model(inner, woken, "Indexing vectors", vectors_run);
}

/// Brings the vector index up to what is stored, until the engine closes. Not at idle priority:
/// searches wait while it changes the index, and they must not wait for an idle core.
fn vectors_run(inner: &Inner, model: &dyn embed::Embedder, woken: &Receiver<()>) -> Result<()> {
    let index = inner.open_vector(model)?;
    let mut applied = index.cursor();
    if applied > inner.store.read(|read| read.last_vector_seq())? {
        // As with words: the store is an older one than this index was made from.
        inner.rebuild_vectors.store(true, Ordering::Relaxed);
    }
    let mut unsaved = 0usize;
    let mut last_save = Instant::now();
    inner.meaning_failed(None);
    loop {
        let rebuilding = inner.rebuild_vectors.load(Ordering::Relaxed);
        if rebuilding {
            index.clear()?;
            (applied, unsaved) = (Seq(0), 1);
        }
        loop {
            let _applying = inner.applying.lock().expect("no panic while held");
            let stored = inner
                .store
                .read(|read| read.vectors_since(model.model_id(), applied, VECTORS_BATCH))?;
            let Some(last) = stored.last() else { break };
            applied = last.vector_seq;
            for note in &stored {
                if note.trashed || note.vectors.is_empty() {
                    index.remove(note.note)?;
                } else {
                    let vectors: Vec<&[f32]> = note.vectors.iter().map(Vec::as_slice).collect();
                    index.replace(note.note, &vectors)?;
                }
                unsaved += note.vectors.len().max(1);
            }
            inner.vectors_applied.store(applied.0, Ordering::Relaxed);
            if inner.closing.is_cancelled() {
                break;
            }
        }
        inner.vectors_applied.store(applied.0, Ordering::Relaxed);
        if rebuilding {
            inner.rebuild_vectors.store(false, Ordering::Relaxed);
        }
        inner.status_changed.notify_one();
        let closing = inner.closing.is_cancelled();
        let quiet = last_save.elapsed() >= QUIET_SAVE;
        if unsaved > 0 && (closing || quiet || unsaved >= VECTORS_PER_SAVE) {
            index.save(applied)?;
            unsaved = 0;
            last_save = Instant::now();
            inner.wake_graphs.wake();
        }
        if closing {
            return Ok(());
        }
        wait(inner, woken, if unsaved > 0 { QUIET_SAVE } else { IDLE });
    }
}

fn meaning_lane(inner: &Inner, woken: &Receiver<()>) {
    with_model(inner, woken, "Embedding", meaning_run);
}

/// Embeds the backlog, the newest notes first, until the engine closes.
fn meaning_run(inner: &Inner, model: &dyn embed::Embedder, woken: &Receiver<()>) -> Result<()> {
    inner.meaning_failed(None);
    while !inner.closing.is_cancelled() {
        let waiting = inner.meaning_waits();
        let mut pending = match waiting {
            Some(_) => Vec::new(),
            None => {
                inner.store.read(|read| read.unchunked(model.model_id(), MEANING_BATCH, true))?
            }
        };
        {
            let urgent = inner.urgent.lock().expect("no panic while held");
            pending.retain(|(id, _)| !urgent.contains(id));
        }
        if !pending.is_empty() {
            embed_notes(inner, model, &pending, woken)?;
            inner.wake_vectors.wake();
            continue;
        }
        let time = match waiting {
            Some(Waiting::Typing | Waiting::Words) => HELD_BACK,
            Some(Waiting::Battery) => POWER_INTERVAL,
            Some(Waiting::Paused) | None => IDLE,
        };
        if !wait(inner, woken, time) && time == IDLE {
            model.release_idle(IDLE);
        }
    }
    Ok(())
}

/// A chunk and the content hash of what the model sees of it.
type Digested = (note::Chunk, [u8; 16]);

/// The content hash under which a chunk's vector is found again: what the model sees.
fn digest(text: &str) -> [u8; 16] {
    let hash = blake3::hash(text.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hash.as_bytes()[..16]);
    short
}

/// Notes cut into chunks, with the vectors that are known for them.
struct Chunked<'a> {
    notes: Vec<(&'a Note, Vec<Digested>)>,
    vectors: HashMap<[u8; 16], Vec<f32>>,
}

impl Chunked<'_> {
    /// Chunks notes; takes the vectors of those whose digest the store knows.
    fn new<'a>(
        inner: &Inner,
        model: &dyn embed::Embedder,
        notes: &'a [Note],
    ) -> Result<Chunked<'a>> {
        let budget = CHUNK_TOKENS.min(model.max_tokens());
        let notes: Vec<(&Note, Vec<Digested>)> = notes
            .iter()
            .map(|note| {
                let chunks =
                    note::chunk(&note.title, &note.body, budget, &|text| model.count_tokens(text));
                let chunks = chunks.into_iter().map(|chunk| {
                    let digest = digest(&chunk.text);
                    (chunk, digest)
                });
                (note, chunks.collect())
            })
            .collect();
        let digests: Vec<[u8; 16]> =
            notes.iter().flat_map(|(_, chunks)| chunks.iter().map(|(_, digest)| *digest)).collect();
        let vectors =
            inner.store.read(|read| read.vectors_by_digest(model.model_id(), &digests))?;
        Ok(Chunked { notes, vectors })
    }

    /// Texts without a vector, each once.
    fn missing(&self) -> Vec<([u8; 16], String)> {
        let mut asked = HashSet::new();
        self.notes
            .iter()
            .flat_map(|(_, chunks)| chunks)
            .filter(|(_, digest)| !self.vectors.contains_key(digest) && asked.insert(*digest))
            .map(|(chunk, digest)| (*digest, chunk.text.clone()))
            .collect()
    }

    fn store(&self, inner: &Inner, model: &str, lane: store::Lane) -> Result<()> {
        for (note, chunks) in &self.notes {
            store_chunks(inner, model, lane, note, chunks, &self.vectors)?;
        }
        Ok(())
    }
}

/// Embeds what notes of the backlog lack, and stores it. A long note that has to wait halfway does
/// not begin again.
fn embed_notes(
    inner: &Inner,
    model: &dyn embed::Embedder,
    pending: &[(NoteId, Seq)],
    woken: &Receiver<()>,
) -> Result<()> {
    let ids: Vec<NoteId> = pending.iter().map(|(id, _)| *id).collect();
    let notes = inner.store.read(|read| read.notes(&ids))?;
    let mut chunked = Chunked::new(inner, model, &notes)?;
    for slice in chunked.missing().chunks(MEANING_BATCH) {
        while let Some(waiting) = inner.meaning_waits() {
            if waiting == Waiting::Paused {
                return Ok(());
            }
            wait(inner, woken, HELD_BACK);
            if inner.closing.is_cancelled() {
                return Ok(());
            }
        }
        if inner.closing.is_cancelled() {
            return Ok(());
        }
        let texts: Vec<&str> = slice.iter().map(|(_, text)| text.as_str()).collect();
        let started = Instant::now();
        let embedded =
            tracing::debug_span!("embed", chunks = texts.len()).in_scope(|| model.embed(&texts))?;
        inner.meters.record(Operation::Embed, started.elapsed());
        chunked.vectors.extend(slice.iter().map(|(digest, _)| *digest).zip(embedded));
    }
    chunked.store(inner, model.model_id(), store::Lane::Bulk)
}

/// Embeds what a person just saved, at once: a backlog's batch in the hands of the idle lane could keep
/// it waiting for seconds on a busy machine.
fn saved_lane(inner: &Inner, woken: &Receiver<()>) {
    // If there is none, the meaning lane says so.
    let Ok(model) = inner.model().get(true) else { return };
    while !inner.closing.is_cancelled() {
        let ids = inner.urgent.lock().expect("no panic while held").clone();
        if ids.is_empty() {
            wait(inner, woken, IDLE);
            continue;
        }
        if let Err(error) = embed_saved(inner, model.as_ref(), &ids) {
            // The meaning lane finds the same notes in the store, only later.
            tracing::warn!(%error, "a saved note is not embedded at once");
        }
        inner.urgent.lock().expect("no panic while held").drain(..ids.len());
        inner.wake_meaning.wake();
        inner.wake_vectors.wake();
        inner.status_changed.notify_one();
    }
}

fn embed_saved(inner: &Inner, model: &dyn embed::Embedder, ids: &[NoteId]) -> Result<()> {
    if inner.meaning_paused() {
        return Ok(());
    }
    let index = inner.open_vector(model)?;
    let (name, ids) = (model.model_id(), ids.to_vec());
    let notes = inner.store.read(|read| {
        let pending = read.unchunked_of(name, &ids)?;
        read.notes(&pending.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    })?;
    for note in &notes {
        let mut chunked = Chunked::new(inner, model, std::slice::from_ref(note))?;
        let missing = chunked.missing();
        if missing.len() > MAX_AT_ONCE {
            continue;
        }
        for (digest, text) in missing {
            // One chunk at a time, in the session that queries use, and not while they queue for it.
            let started = Instant::now();
            while inner.meters.is_crowded() && started.elapsed() < CROWD_PATIENCE {
                std::thread::sleep(HELD_BACK / 10);
            }
            chunked.vectors.insert(digest, model.embed_query(&text)?);
        }
        chunked.store(inner, name, store::Lane::Interactive)?;
        let _applying = inner.applying.lock().expect("no panic while held");
        let (heads, vectors) = inner
            .store
            .read(|read| Ok((read.heads(&[note.id])?, read.chunk_vectors(name, note.id)?)))?;
        if heads.iter().any(|head| head.trashed.is_none()) {
            let vectors: Vec<&[f32]> =
                vectors.iter().map(|(_, vector)| vector.as_slice()).collect();
            index.replace(note.id, &vectors)?;
        }
    }
    Ok(())
}

fn store_chunks(
    inner: &Inner,
    model: &str,
    lane: store::Lane,
    note: &Note,
    chunks: &[Digested],
    vectors: &HashMap<[u8; 16], Vec<f32>>,
) -> Result<()> {
    let (id, seq, model) = (note.id, note.seq, model.to_owned());
    if chunks.is_empty() {
        inner.store.write(lane, move |write| write.skip_chunks(id, seq, &model, "empty"))?;
        return Ok(());
    }
    let rows: Vec<(note::Chunk, [u8; 16], Vec<f32>)> = chunks
        .iter()
        .map(|(chunk, digest)| (chunk.clone(), *digest, vectors[digest].clone()))
        .collect();
    // Not stored if the note moved on meanwhile: then it is pending again with its present text.
    inner.store.write(lane, move |write| {
        let rows: Vec<store::NewChunk<'_>> = rows
            .iter()
            .map(|(chunk, digest, vector)| store::NewChunk {
                start: chunk.range.start,
                end: chunk.range.end,
                heading_path: chunk.heading_path.join(HEADINGS),
                digest: *digest,
                vector,
            })
            .collect();
        write.put_chunks(id, seq, &model, &rows)
    })?;
    Ok(())
}
