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
use crate::model::Generation;
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
/// Notes that are freed or listed in one step of a change of the model.
const CHANGE_BATCH: usize = 128;
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
        for generation in inner.all_generations() {
            let Some(index) = generation.index() else { continue };
            let stop = || inner.closing.is_cancelled() || generation.is_retired();
            if let Err(error) = index.maintain(&stop)
                && !generation.is_retired()
            {
                let failed = format!("The vector index could not be compacted: {error}");
                inner.meaning_failed(Some(failed));
            }
        }
    }
}

/// Runs one of the lanes that need a model until the engine closes, and again after a failure.
fn run_again(
    inner: &Inner,
    woken: &Receiver<()>,
    failed: &str,
    run: fn(&Inner, &Receiver<()>) -> Result<()>,
) {
    let mut retry = FIRST_RETRY;
    while !inner.closing.is_cancelled() {
        match run(inner, woken) {
            Ok(()) => break,
            Err(error) => {
                inner.meaning_failed(Some(format!("{failed} failed: {error}. Trying again.")));
                wait(inner, woken, retry);
                retry = (retry * 2).min(LAST_RETRY);
            }
        }
    }
}

/// The model that serves, if there is one: the store knows from then on that it is the one in use.
fn serving_model(inner: &Inner, serving: &Generation) -> Result<Option<Arc<dyn embed::Embedder>>> {
    let known = serving.model.ready().is_some() || serving.model.is_unavailable();
    let model = serving.model.get(true);
    if !known {
        if let Err(error) = &model {
            // The status says it to the person.
            tracing::info!("{error}");
        }
        inner.status_changed.notify_one();
    }
    let Ok(model) = model else { return Ok(None) };
    let id = model.model_id().to_owned();
    let in_use = inner.store.read(|read| read.model_in_use())?;
    if in_use.is_some_and(|in_use| in_use != id) {
        inner.use_installed(serving, id)?;
    }
    Ok(Some(model))
}

/// A generation whose vector index is brought up to what is stored.
struct Applying {
    generation: Arc<Generation>,
    model: String,
    index: Arc<vector::VectorIndex>,
    applied: Seq,
    /// Vectors since the last save.
    unsaved: usize,
    last_save: Instant,
}

impl Applying {
    fn open(inner: &Inner, generation: Arc<Generation>) -> Result<Applying> {
        let index = generation.open_index(inner, true)?;
        let model = generation.model.get(true)?.model_id().to_owned();
        let applied = index.cursor();
        let last_save = Instant::now();
        let mut made = Applying { generation, model, index, applied, unsaved: 0, last_save };
        if applied > inner.store.read(|read| read.last_vector_seq(&made.model))? {
            // As with words: the store is an older one than this index was made from.
            made.clear()?;
        }
        Ok(made)
    }

    fn clear(&mut self) -> Result<()> {
        self.index.clear()?;
        (self.applied, self.unsaved) = (Seq(0), 1);
        Ok(())
    }

    fn apply(&mut self, inner: &Inner) -> Result<()> {
        loop {
            let _applying = inner.applying.lock().expect("no panic while held");
            let stored = inner
                .store
                .read(|read| read.vectors_since(&self.model, self.applied, VECTORS_BATCH))?;
            let Some(last) = stored.last() else { break };
            self.applied = last.vector_seq;
            for note in &stored {
                if note.trashed || note.vectors.is_empty() {
                    self.index.remove(note.note)?;
                } else {
                    let vectors: Vec<&[f32]> = note.vectors.iter().map(Vec::as_slice).collect();
                    self.index.replace(note.note, &vectors)?;
                }
                self.unsaved += note.vectors.len().max(1);
            }
            self.generation.applied.store(self.applied.0, Ordering::Relaxed);
            if inner.closing.is_cancelled() || self.generation.is_retired() {
                break;
            }
        }
        self.generation.applied.store(self.applied.0, Ordering::Relaxed);
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        self.index.save(self.applied)?;
        self.unsaved = 0;
        self.last_save = Instant::now();
        Ok(())
    }

    /// Takes the place of the generation that serves, if it misses no more notes than that.
    fn take_over(&mut self, inner: &Inner) -> Result<()> {
        if !inner.store.read(|read| read.next_model_is_ready(&self.model))? {
            return Ok(());
        }
        self.save()?;
        let model = self.model.clone();
        inner.choose(move |write, choices| {
            if write.switch_model(&model)?
                && let Some(next) = choices.next.take()
            {
                choices.serving = next;
            }
            Ok(())
        })?;
        // What is open was found by the old model.
        inner.announce(Vec::new());
        Ok(())
    }
}

fn vectors_lane(inner: &Inner, woken: &Receiver<()>) {
    run_again(inner, woken, "Indexing vectors", vectors_run);
}

/// Brings the vector indexes up to what is stored, until the engine closes. Not at idle priority:
/// searches wait while it changes an index, and they must not wait for an idle core.
fn vectors_run(inner: &Inner, woken: &Receiver<()>) -> Result<()> {
    let mut held: Vec<Applying> = Vec::new();
    inner.meaning_failed(None);
    loop {
        let serving = inner.serving();
        for gone in held.extract_if(.., |at| at.generation.is_retired()) {
            let kept = inner.store.read(|read| {
                Ok(read.model_in_use()?.as_deref() == Some(&gone.model)
                    || read.next_model()?.as_deref() == Some(&gone.model))
            })?;
            if !kept {
                gone.index.delete_files()?;
            }
        }
        let is_held = |held: &[Applying], generation: &Arc<Generation>| {
            held.iter().any(|at| Arc::ptr_eq(&at.generation, generation))
        };
        if !is_held(&held, &serving) && serving_model(inner, &serving)?.is_some() {
            held.push(Applying::open(inner, serving.clone())?);
        }
        if let Some(next) = inner.next_generation()
            && !is_held(&held, &next)
            && let Some(model) = next.model.ready()
            && inner.store.read(|read| read.next_model())?.as_deref() == Some(model.model_id())
        {
            held.push(Applying::open(inner, next)?);
        }
        let rebuilding = inner.rebuild_vectors.load(Ordering::Relaxed);
        for at in &mut held {
            let serves = Arc::ptr_eq(&at.generation, &serving);
            if serves && rebuilding {
                at.clear()?;
            }
            at.apply(inner)?;
            if serves && rebuilding {
                inner.rebuild_vectors.store(false, Ordering::Relaxed);
            }
        }
        inner.status_changed.notify_one();
        let closing = inner.closing.is_cancelled();
        for at in &mut held {
            let quiet = at.last_save.elapsed() >= QUIET_SAVE;
            let due = closing || quiet || at.unsaved >= VECTORS_PER_SAVE;
            if at.unsaved > 0 && due && !at.generation.is_retired() {
                at.save()?;
                inner.wake_graphs.wake();
            }
        }
        if closing {
            return Ok(());
        }
        if let Some(next) = held.iter_mut().find(|at| !Arc::ptr_eq(&at.generation, &serving)) {
            next.take_over(inner)?;
            if !Arc::ptr_eq(&inner.serving(), &serving) {
                continue;
            }
        }
        let unsaved = held.iter().any(|at| at.unsaved > 0);
        wait(inner, woken, if unsaved { QUIET_SAVE } else { IDLE });
    }
}

fn meaning_lane(inner: &Inner, woken: &Receiver<()>) {
    run_again(inner, woken, "Embedding", meaning_run);
}

/// Embeds the backlog, the newest notes first, until the engine closes; then what the next model has to.
fn meaning_run(inner: &Inner, woken: &Receiver<()>) -> Result<()> {
    inner.meaning_failed(None);
    let mut change = Change::default();
    while !inner.closing.is_cancelled() {
        let waiting = inner.meaning_waits();
        let serving = inner.serving();
        let model = serving_model(inner, &serving)?;
        if waiting.is_none() {
            let worked = match &model {
                Some(model) => embed_backlog(inner, &serving, model.as_ref(), woken)?,
                None => false,
            };
            if worked || change.step(inner, woken) {
                continue;
            }
        }
        let time = match waiting {
            Some(Waiting::Typing | Waiting::Words) => HELD_BACK,
            Some(Waiting::Battery) => POWER_INTERVAL,
            Some(Waiting::Paused) | None => IDLE,
        };
        if !wait(inner, woken, change.patience(time)) && time == IDLE {
            for generation in inner.all_generations() {
                if let Some(model) = generation.model.ready() {
                    model.release_idle(IDLE);
                }
            }
        }
    }
    Ok(())
}

/// Embeds some notes that wait; false if there are none.
fn embed_backlog(
    inner: &Inner,
    generation: &Generation,
    model: &dyn embed::Embedder,
    woken: &Receiver<()>,
) -> Result<bool> {
    let mut pending =
        inner.store.read(|read| read.unchunked(model.model_id(), MEANING_BATCH, true))?;
    {
        let urgent = inner.urgent.lock().expect("no panic while held");
        pending.retain(|(id, _)| !urgent.contains(id));
    }
    if pending.is_empty() {
        return Ok(false);
    }
    embed_notes(inner, generation, model, &pending, woken)?;
    inner.wake_vectors.wake();
    Ok(true)
}

/// The way to the next model, in steps small enough that a save never waits for one.
struct Change {
    /// Up to where notes are freed of what another model left, and put on the next one's list.
    freed: NoteId,
    listed: NoteId,
    /// After a failure.
    again: Option<Instant>,
    retry: Duration,
}

impl Default for Change {
    fn default() -> Change {
        Change { freed: NoteId(0), listed: NoteId(0), again: None, retry: FIRST_RETRY }
    }
}

impl Change {
    /// One step; false if there is nothing to do, or not now.
    fn step(&mut self, inner: &Inner, woken: &Receiver<()>) -> bool {
        if self.again.is_some_and(|again| Instant::now() < again) {
            return false;
        }
        let next = inner.next_generation();
        match self.go_on(inner, next.as_deref(), woken) {
            Ok(worked) => {
                if self.again.take().is_some()
                    && let Some(next) = &next
                {
                    next.failed(None);
                }
                self.retry = FIRST_RETRY;
                worked
            }
            Err(error) => {
                let failed = format!("Changing the model failed: {error}. Trying again.");
                match &next {
                    Some(next) => next.failed(Some(failed)),
                    None => tracing::error!("{failed}"),
                }
                inner.status_changed.notify_one();
                self.again = Some(Instant::now() + self.retry);
                self.retry = (self.retry * 2).min(LAST_RETRY);
                false
            }
        }
    }

    /// How long to sleep at most.
    fn patience(&self, time: Duration) -> Duration {
        let again = self.again.map(|again| again.saturating_duration_since(Instant::now()));
        again.map_or(time, |again| again.min(time))
    }

    fn go_on(
        &mut self,
        inner: &Inner,
        next: Option<&Generation>,
        woken: &Receiver<()>,
    ) -> Result<bool> {
        if inner.store.read(|read| read.has_leftovers())? {
            let after = self.freed;
            let step =
                move |write: &mut store::Write<'_>| write.free_leftovers(after, CHANGE_BATCH);
            let last = inner.store.write(store::Lane::Bulk, step)?;
            if last.is_none() {
                let second = inner.store.read(|read| Ok(!read.is_on_second_side("")?))?;
                vector::delete_files(&inner.vector_dir(second))?;
            }
            self.freed = last.unwrap_or(NoteId(0));
            return Ok(true);
        }
        let Some(next) = next else { return Ok(false) };
        let known = next.model.ready().is_some() || next.model.is_unavailable();
        let model = next.model.get(true);
        if !known {
            inner.status_changed.notify_one();
        }
        let Ok(model) = model else { return Ok(false) };
        let id = model.model_id().to_owned();
        let (in_use, begun, listed) = inner.store.read(|read| {
            Ok((read.model_in_use()?, read.next_model()?, read.next_model_listed()?))
        })?;
        if in_use.as_ref() == Some(&id) {
            // Another way to the same vectors: there is nothing to embed.
            inner.choose(|write, choices| {
                if let Some(next) = choices.next.take() {
                    choices.serving = next;
                }
                write.cancel_next_model()
            })?;
            return Ok(true);
        }
        match begun {
            Some(begun) if begun != id => {
                inner.store.write(store::Lane::Bulk, |write| write.cancel_next_model())?;
                Ok(true)
            }
            None => {
                inner.store.write(store::Lane::Bulk, move |write| write.begin_next_model(&id))?;
                Ok(true)
            }
            Some(_) if !listed => {
                let after = self.listed;
                let step = move |write: &mut store::Write<'_>| {
                    write.list_for_next_model(after, CHANGE_BATCH)
                };
                self.listed = inner.store.write(store::Lane::Bulk, step)?.unwrap_or(NoteId(0));
                Ok(true)
            }
            Some(_) => {
                let worked = embed_backlog(inner, next, model.as_ref(), woken)?;
                inner.wake_vectors.wake();
                inner.status_changed.notify_one();
                Ok(worked)
            }
        }
    }
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
    generation: &Generation,
    model: &dyn embed::Embedder,
    pending: &[(NoteId, Seq)],
    woken: &Receiver<()>,
) -> Result<()> {
    let ids: Vec<NoteId> = pending.iter().map(|(id, _)| *id).collect();
    let notes = inner.store.read(|read| read.notes(&ids))?;
    let mut chunked = Chunked::new(inner, model, &notes)?;
    let stop = || inner.closing.is_cancelled() || generation.is_retired();
    for slice in chunked.missing().chunks(MEANING_BATCH) {
        while let Some(waiting) = inner.meaning_waits() {
            if waiting == Waiting::Paused {
                return Ok(());
            }
            wait(inner, woken, HELD_BACK);
            if stop() {
                return Ok(());
            }
        }
        if stop() {
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
    while !inner.closing.is_cancelled() {
        let serving = inner.serving();
        // Before there is a note: an idle thread would take its time to read it. If there is none, the
        // meaning lane says so.
        let model = serving.model.get(true);
        let ids = inner.urgent.lock().expect("no panic while held").clone();
        if ids.is_empty() {
            wait(inner, woken, IDLE);
            continue;
        }
        if let Ok(model) = model
            && let Err(error) = embed_saved(inner, &serving, model.as_ref(), &ids)
        {
            // The meaning lane finds the same notes in the store, only later.
            tracing::warn!(%error, "a saved note is not embedded at once");
        }
        inner.urgent.lock().expect("no panic while held").drain(..ids.len());
        inner.wake_meaning.wake();
        inner.wake_vectors.wake();
        inner.status_changed.notify_one();
    }
}

fn embed_saved(
    inner: &Inner,
    serving: &Generation,
    model: &dyn embed::Embedder,
    ids: &[NoteId],
) -> Result<()> {
    if inner.meaning_paused() {
        return Ok(());
    }
    let index = serving.open_index(inner, true)?;
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
            chunked.vectors.insert(digest, model.embed_passage(&text)?);
        }
        chunked.store(inner, name, store::Lane::Interactive)?;
        let _applying = inner.applying.lock().expect("no panic while held");
        let (heads, vectors) = inner
            .store
            .read(|read| Ok((read.heads(&[note.id])?, read.chunk_vectors(name, note.id)?)))?;
        if heads.iter().any(|head| head.trashed.is_none()) && !serving.is_retired() {
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
