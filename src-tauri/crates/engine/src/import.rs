//! Imports run beside everything else: files are found, read and extracted on two threads and
//! written in bulk; every file found ends as imported, skipped or failed, with its reason.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, UNIX_EPOCH};

use note::{Analysis, FrontMatter, Kind, NoteDraft, NoteId, Seq, Timestamp};
use store::{
    AttachmentRef, Digest, ImportId, ImportItem, ImportState, ItemCounts, ItemState, Lane, Role,
};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, Inner, clean_notebook};
use crate::error::{Error, Result};
use crate::export;
use crate::indexer::{ParsedNote, document};
use crate::priority::{Priority, set_priority};
use crate::reading::{DocumentReader, Unread};

/// What to import and where to.
#[derive(Clone, Debug, Default)]
pub struct ImportRequest {
    /// Files and folders; folders with all below them.
    pub roots: Vec<PathBuf>,
    /// Notebook that receives them; folders become notebooks below it.
    pub notebook: String,
}

/// How far an import is. `found` = `imported` + `skipped` + `failed` once it has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportStatus {
    pub id: ImportId,
    pub roots: Vec<String>,
    pub notebook: String,
    pub state: ImportState,
    /// Still looking for files: `found` grows.
    pub scanning: bool,
    pub found: usize,
    pub imported: usize,
    pub skipped: usize,
    pub failed: usize,
    pub started: Timestamp,
    pub finished: Option<Timestamp>,
    /// The file that was finished last.
    pub current: Option<String>,
    /// Files per second so far.
    pub rate: f64,
    pub seconds_left: Option<f64>,
    pub error: Option<String>,
}

const WORKERS: usize = 2;
/// Notes written by one operation: few at first, which are found soon, then more, for each commit waits for the
/// disk. Even these keep a person's save waiting for hundredths of a second only.
const FIRST_BATCH: usize = 64;
const BATCH: usize = 512;
/// How many operations may wait for the store.
const IN_FLIGHT: usize = 6;
/// Bytes of files that may be read and not yet written: what bounds the memory of an import.
const READ_AHEAD: usize = 64 << 20;
/// Small files that a worker asks the store about in one go: each question costs a transaction, and after
/// each of the writer's commits the reader's cache as well.
const GROUP: usize = 32;
const GROUP_BYTES: usize = 1 << 20;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// A batch that does not fill up is written after this time, so that the first file is found soon.
const LINGER: Duration = Duration::from_millis(20);
/// Folders that hold a program's own files, never a person's notes.
const SKIPPED_FOLDERS: [&str; 6] =
    [".obsidian", ".git", ".trash", ".logseq", "node_modules", ".stfolder"];

pub(crate) struct Imports {
    running: Mutex<HashMap<ImportId, Arc<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    progress: broadcast::Sender<ImportStatus>,
}

impl Default for Imports {
    fn default() -> Self {
        Imports {
            running: Mutex::default(),
            threads: Mutex::default(),
            progress: broadcast::Sender::new(64),
        }
    }
}

impl Imports {
    pub(crate) fn stop_all(&self) {
        for job in self.running.lock().expect("no panic while held").values() {
            job.token.cancel();
        }
    }

    pub(crate) fn join(&self) {
        for thread in std::mem::take(&mut *self.threads.lock().expect("no panic while held")) {
            if thread.join().is_err() {
                tracing::error!("an import thread panicked");
            }
        }
    }
}

struct Job {
    token: CancellationToken,
    status: Mutex<ImportStatus>,
    clock: Instant,
}

impl Engine {
    /// Starts an import and returns at once. Sources are only read.
    pub async fn import(&self, request: ImportRequest) -> Result<ImportId> {
        let notebook = clean_notebook(&request.notebook)?;
        if request.roots.is_empty() {
            return Err(Error::invalid("nothing to import was given"));
        }
        let mut roots = Vec::new();
        for root in &request.roots {
            let root = std::path::absolute(root)
                .map_err(|error| Error::invalid(format!("{}: {error}", root.display())))?;
            if !root.exists() {
                return Err(Error::invalid(format!("{} does not exist", root.display())));
            }
            if self.inner.data_dir.starts_with(&root) || root.starts_with(&self.inner.data_dir) {
                return Err(Error::invalid(format!(
                    "{} holds Commonplace's own data, which cannot be imported",
                    root.display()
                )));
            }
            roots.push(root);
        }
        let shown: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
        let started = self.inner.clock().now;
        let (names, into) = (shown.clone(), notebook.clone());
        let id = self
            .write(Lane::Interactive, move |write| write.begin_import(&names, &into, started))
            .await?;
        let job = Arc::new(Job {
            token: self.inner.closing.child_token(),
            clock: Instant::now(),
            status: Mutex::new(ImportStatus {
                id,
                roots: shown,
                notebook: notebook.clone(),
                state: ImportState::Running,
                scanning: true,
                found: 0,
                imported: 0,
                skipped: 0,
                failed: 0,
                started,
                finished: None,
                current: None,
                rate: 0.0,
                seconds_left: None,
                error: None,
            }),
        });
        let imports = &self.inner.imports;
        imports.running.lock().expect("no panic while held").insert(id, job.clone());
        let inner = self.inner.clone();
        let thread = std::thread::Builder::new()
            .name("import".to_owned())
            .spawn(move || {
                let result = Importer { inner: &inner, job: &job, notebook }.run(&roots);
                inner.end_import(&job, result);
            })
            .map_err(Error::internal)?;
        let mut threads = imports.threads.lock().expect("no panic while held");
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(id)
    }

    /// Every change of every running import, several times a second.
    pub fn import_progress(&self) -> broadcast::Receiver<ImportStatus> {
        self.inner.imports.progress.subscribe()
    }

    /// All imports, newest first.
    pub async fn imports(&self) -> Result<Vec<ImportStatus>> {
        let stored = self.read(|read| read.imports()).await?;
        let running = self.inner.imports.running.lock().expect("no panic while held");
        Ok(stored
            .into_iter()
            .map(|import| match running.get(&import.id) {
                Some(job) => job.snapshot(),
                None => of_stored(import),
            })
            .collect())
    }

    pub async fn import_status(&self, id: ImportId) -> Result<ImportStatus> {
        if let Some(job) = self.inner.imports.running.lock().expect("no panic while held").get(&id)
        {
            return Ok(job.snapshot());
        }
        self.read(move |read| read.import(id))
            .await?
            .map(of_stored)
            .ok_or_else(|| Error::not_found(format!("there is no import {}", id.0)))
    }

    /// Waits until an import has ended.
    pub async fn import_ended(&self, id: ImportId) -> Result<ImportStatus> {
        let mut progress = self.import_progress();
        loop {
            let status = self.import_status(id).await?;
            if status.state != ImportState::Running {
                return Ok(status);
            }
            match progress.recv().await {
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(error) => return Err(Error::internal(error)),
            }
        }
    }

    /// One page of an import's files and how many there are in that state.
    pub async fn import_items(
        &self,
        id: ImportId,
        state: Option<ItemState>,
        offset: usize,
        limit: usize,
    ) -> Result<(usize, Vec<ImportItem>)> {
        self.read(move |read| {
            let items = read.import_items(id, state, offset, limit)?;
            let counts = read.import(id)?.map(|import| import.counts);
            let total = counts.map_or(0, |counts| count_of(&counts, state));
            Ok((total, items))
        })
        .await
    }

    /// Stops an import; what it has imported stays. Returns at once.
    pub fn cancel_import(&self, id: ImportId) {
        if let Some(job) = self.inner.imports.running.lock().expect("no panic while held").get(&id)
        {
            job.token.cancel();
        }
    }

    /// Starts a new import of the files that failed or were not reached.
    pub async fn retry_import(&self, id: ImportId) -> Result<ImportId> {
        let (notebook, items) = self
            .read(move |read| {
                let import = read.import(id)?;
                let mut items =
                    read.import_items(id, Some(ItemState::Failed), 0, i32::MAX as usize)?;
                let skipped =
                    read.import_items(id, Some(ItemState::Skipped), 0, i32::MAX as usize)?;
                items.extend(
                    skipped.into_iter().filter(|item| item.reason.as_deref() == Some(CANCELLED)),
                );
                Ok((import.map(|import| import.notebook).unwrap_or_default(), items))
            })
            .await?;
        let roots: Vec<PathBuf> = items
            .into_iter()
            .map(|item| PathBuf::from(item.path))
            .filter(|path| path.exists())
            .collect();
        if roots.is_empty() {
            return Err(Error::invalid("every file of this import was imported"));
        }
        self.import(ImportRequest { roots, notebook }).await
    }

    /// Puts every note that an import made into the trash; returns how many.
    pub async fn undo_import(&self, id: ImportId) -> Result<usize> {
        if self.import_status(id).await?.state == ImportState::Running {
            self.cancel_import(id);
            self.import_ended(id).await?;
        }
        let now = self.inner.clock().now;
        let count = self
            .write(Lane::Bulk, move |write| {
                let items =
                    write.import_items(id, Some(ItemState::Imported), 0, i32::MAX as usize)?;
                let mut notes: Vec<NoteId> = items.iter().filter_map(|item| item.note).collect();
                notes.sort();
                notes.dedup();
                let mut count = 0;
                for note in notes {
                    if write.note(note)?.is_some_and(|note| note.trashed.is_none()) {
                        write.set_trashed(note, Some(now))?;
                        count += 1;
                    }
                }
                write.set_import_state(id, ImportState::Undone, None, now)?;
                Ok(count)
            })
            .await?;
        let status = self.import_status(id).await?;
        drop(self.inner.imports.progress.send(status));
        Ok(count)
    }
}

const CANCELLED: &str = "cancelled";

fn count_of(counts: &ItemCounts, state: Option<ItemState>) -> usize {
    match state {
        None => counts.pending + counts.imported + counts.skipped + counts.failed,
        Some(ItemState::Pending) => counts.pending,
        Some(ItemState::Imported) => counts.imported,
        Some(ItemState::Skipped) => counts.skipped,
        Some(ItemState::Failed) => counts.failed,
    }
}

fn of_stored(import: store::Import) -> ImportStatus {
    // Only a running process runs an import: one that is not running here was cut off.
    let cut_off = import.state == ImportState::Running;
    ImportStatus {
        id: import.id,
        roots: import.roots,
        notebook: import.notebook,
        state: if cut_off { ImportState::Failed } else { import.state },
        scanning: false,
        found: count_of(&import.counts, None),
        imported: import.counts.imported,
        skipped: import.counts.skipped,
        failed: import.counts.failed + import.counts.pending,
        started: import.started,
        finished: import.finished,
        current: None,
        rate: 0.0,
        seconds_left: None,
        error: if cut_off {
            Some("Commonplace ended before this import did. Import the same files again: those that are in are recognised.".to_owned())
        } else {
            import.error
        },
    }
}

impl Job {
    fn snapshot(&self) -> ImportStatus {
        let mut status = self.status.lock().expect("no panic while held").clone();
        let done = status.imported + status.skipped + status.failed;
        let seconds = self.clock.elapsed().as_secs_f64();
        if seconds > 0.0 && done > 0 {
            status.rate = done as f64 / seconds;
            status.seconds_left =
                (!status.scanning).then(|| (status.found - done) as f64 / status.rate);
        }
        status
    }

    fn update(&self, change: impl FnOnce(&mut ImportStatus)) {
        change(&mut self.status.lock().expect("no panic while held"));
    }
}

impl Inner {
    fn end_import(&self, job: &Job, result: Result<()>) {
        let now = self.clock().now;
        let (state, error) = match result {
            Ok(()) if job.token.is_cancelled() => (ImportState::Cancelled, None),
            Ok(()) => (ImportState::Done, None),
            Err(error) => (ImportState::Failed, Some(error.message)),
        };
        job.update(|status| {
            status.state = state;
            status.scanning = false;
            status.finished = Some(now);
            status.error = error.clone();
            status.current = None;
        });
        let status = job.snapshot();
        let id = status.id;
        let stored = self.store.write(Lane::Interactive, move |write| {
            write.set_import_state(id, state, error.as_deref(), now)
        });
        if let Err(error) = stored {
            tracing::error!(%error, "the end of an import is not recorded");
        }
        self.imports.running.lock().expect("no panic while held").remove(&id);
        drop(self.imports.progress.send(status));
        self.status_changed.notify_one();
    }
}

/// A file to import and the notebook that it belongs to.
struct Found {
    path: PathBuf,
    notebook: String,
}

/// All files below the roots, and what could not even be listed, with the reason.
#[derive(Default)]
struct FoundFiles {
    documents: Vec<Found>,
    others: Vec<Found>,
    unreadable: Vec<(String, String)>,
}

impl FoundFiles {
    fn len(&self) -> usize {
        self.documents.len() + self.others.len() + self.unreadable.len()
    }
}

/// Limits the bytes that are read ahead of writing.
#[derive(Default)]
struct Budget {
    used: Mutex<usize>,
    freed: Condvar,
}

impl Budget {
    fn take(&self, bytes: usize) {
        let mut used = self.used.lock().expect("no panic while held");
        while *used > 0 && *used + bytes > READ_AHEAD {
            used = self.freed.wait(used).expect("no panic while held");
        }
        *used += bytes;
    }

    fn give(&self, bytes: usize) {
        *self.used.lock().expect("no panic while held") -= bytes;
        self.freed.notify_all();
    }
}

/// A file's bytes and what tells it from others.
struct ReadFile {
    path: String,
    bytes: Vec<u8>,
    digest: Digest,
    mtime: Timestamp,
    created: Option<Timestamp>,
}

/// What the store says of a file.
enum Known {
    New,
    /// Imported before, and another file since; the note to update, unless that was edited here.
    Changed(Option<NoteId>),
    Unchanged {
        reason: String,
        note: NoteId,
    },
}

/// One file, read and extracted.
struct Prepared {
    path: String,
    bytes: usize,
    outcome: Outcome,
}

enum Outcome {
    Note(Box<NewNote>),
    Skipped { reason: String, note: Option<NoteId> },
    Failed(String),
}

struct NewNote {
    draft: NoteDraft,
    analysis: Analysis,
    /// Also those in its front matter and its text.
    tags: Vec<String>,
    /// The note that an earlier version of this file became.
    update: Option<NoteId>,
    digest: Digest,
    size: u64,
    mtime: Timestamp,
    attachments: Vec<AttachmentRef>,
    /// Said to the person although the file was imported.
    warning: Option<String>,
}

struct Importer<'a> {
    inner: &'a Arc<Inner>,
    job: &'a Arc<Job>,
    notebook: String,
}

/// Files of one import by their name, for embeds that give no path.
type ByName = HashMap<String, Vec<PathBuf>>;

impl Importer<'_> {
    fn run(&self, roots: &[PathBuf]) -> Result<()> {
        set_priority(Priority::Low);
        let files = self.find(roots);
        self.job.update(|status| {
            status.found = files.len();
            status.scanning = false;
        });
        self.publish();
        let FoundFiles { documents, others, unreadable } = files;
        for (path, reason) in unreadable {
            self.record_all(&[path], ItemState::Failed, &reason)?;
        }
        let mut by_name = ByName::new();
        for file in documents.iter().chain(&others) {
            if let Some(name) = file.path.file_name() {
                by_name
                    .entry(name.to_string_lossy().to_lowercase())
                    .or_default()
                    .push(file.path.clone());
            }
        }
        let attached = Mutex::new(HashSet::new());
        self.import_documents(&documents, &by_name, &attached)?;
        let attached = attached.into_inner().expect("no panic while held");
        self.account_for_others(&others, &attached)
    }

    /// Walks the roots: documents that can be read, and all other files.
    fn find(&self, roots: &[PathBuf]) -> FoundFiles {
        let mut files = FoundFiles::default();
        let mut seen = HashSet::new();
        let mut last = Instant::now();
        for root in roots {
            let folder = root.is_dir();
            let mut walk = ignore::WalkBuilder::new(root);
            walk.standard_filters(false)
                .follow_links(false)
                .sort_by_file_name(OsStr::cmp)
                .filter_entry(|entry| {
                    entry.depth() == 0
                        || !entry.file_name().to_str().is_some_and(|name| {
                            SKIPPED_FOLDERS.contains(&name)
                                && entry.file_type().is_some_and(|kind| kind.is_dir())
                        })
                });
            for entry in walk.build() {
                if self.job.token.is_cancelled() {
                    return files;
                }
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        files.unreadable.push((error_path(&error, root), error.to_string()));
                        continue;
                    }
                };
                if !entry.file_type().is_some_and(|kind| kind.is_file())
                    || !seen.insert(entry.path().to_owned())
                {
                    continue;
                }
                let below = entry.path().parent().filter(|_| folder).and_then(|parent| {
                    let top = root.parent().unwrap_or(root);
                    parent.strip_prefix(top).ok()
                });
                let found = Found {
                    path: entry.path().to_owned(),
                    notebook: join_notebook(&self.notebook, below),
                };
                if extract::supported(&entry.file_name().to_string_lossy()) {
                    files.documents.push(found);
                } else {
                    files.others.push(found);
                }
                if last.elapsed() >= PROGRESS_INTERVAL {
                    last = Instant::now();
                    self.job.update(|status| status.found = files.len());
                    self.publish();
                }
            }
        }
        files
    }

    fn import_documents(
        &self,
        documents: &[Found],
        by_name: &ByName,
        attached: &Mutex<HashSet<PathBuf>>,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let group = documents.len().div_ceil(WORKERS).clamp(1, GROUP);
        let budget = Arc::new(Budget::default());
        let (sender, receiver) = sync_channel::<Prepared>(BATCH);
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                let (sender, budget, next) = (sender.clone(), budget.clone(), &next);
                scope.spawn(move || {
                    set_priority(Priority::Lower);
                    let mut reader = DocumentReader::new(&self.inner.reader);
                    while !self.job.token.is_cancelled() {
                        let start = next.fetch_add(group, Ordering::Relaxed);
                        let Some(rest) = documents.get(start..).filter(|rest| !rest.is_empty())
                        else {
                            break;
                        };
                        let mine = &rest[..group.min(rest.len())];
                        for files in in_groups(mine) {
                            let send = |prepared| sender.send(prepared).is_ok();
                            if !self.prepare(&files, &mut reader, &budget, by_name, attached, send)
                            {
                                return;
                            }
                        }
                    }
                });
            }
            drop(sender);
            self.write_prepared(documents, &receiver, &budget)
        })
    }

    /// Gathers what the workers prepared into batches for the store.
    fn write_prepared(
        &self,
        documents: &[Found],
        receiver: &Receiver<Prepared>,
        budget: &Arc<Budget>,
    ) -> Result<()> {
        let mut done = HashSet::new();
        let mut batch = Vec::new();
        let mut enough = FIRST_BATCH;
        let mut failed = None;
        let in_flight = Arc::new(InFlight::default());
        let mut last = Instant::now();
        loop {
            let received = receiver.recv_timeout(LINGER);
            let idle = received.is_err();
            let ended = matches!(received, Err(RecvTimeoutError::Disconnected));
            if let Ok(prepared) = received {
                done.insert(prepared.path.clone());
                batch.push(prepared);
            }
            if !batch.is_empty() && (idle || batch.len() >= enough) {
                let ready = std::mem::take(&mut batch);
                self.submit(ready, budget, &in_flight);
                enough = if idle { FIRST_BATCH } else { (2 * enough).min(BATCH) };
            }
            if failed.is_none()
                && let Some(error) = in_flight.failure()
            {
                // The store cannot be written (disk full …): stop reading, account for the rest.
                failed = Some(error);
                self.job.token.cancel();
            }
            if last.elapsed() >= PROGRESS_INTERVAL {
                last = Instant::now();
                self.publish();
            }
            if ended {
                break;
            }
        }
        in_flight.wait_for_all();
        if let Some(error) = failed.or_else(|| in_flight.failure()) {
            return Err(error);
        }
        let rest: Vec<String> = documents
            .iter()
            .map(|file| file.path.to_string_lossy().into_owned())
            .filter(|path| !done.contains(path))
            .collect();
        self.record_all(&rest, ItemState::Skipped, CANCELLED)
    }

    fn submit(&self, batch: Vec<Prepared>, budget: &Arc<Budget>, in_flight: &Arc<InFlight>) {
        in_flight.enter();
        if batch.len() >= FIRST_BATCH {
            self.inner.manners.flooded();
        }
        let bytes: usize = batch.iter().map(|prepared| prepared.bytes).sum();
        let id = self.job.status.lock().expect("no panic while held").id;
        let now = self.inner.clock().now;
        let (job, budget, in_flight) = (self.job.clone(), budget.clone(), in_flight.clone());
        let inner = self.inner.clone();
        self.inner.store.submit(
            Lane::Bulk,
            move |write| {
                let mut counts = ItemCounts::default();
                let (mut written, mut current) = (Vec::with_capacity(batch.len()), None);
                for prepared in batch {
                    let (state, reason, note) = match prepared.outcome {
                        Outcome::Note(new) => match write_note(write, &new, &prepared.path, now) {
                            Ok(saved) => {
                                let warning = new.warning.clone();
                                written.extend(parsed(&saved, *new));
                                (ItemState::Imported, warning, Some(saved.id))
                            }
                            Err(error @ store::StoreError::Invalid { .. }) => {
                                (ItemState::Failed, Some(error.to_string()), None)
                            }
                            Err(error) => return Err(error),
                        },
                        Outcome::Skipped { reason, note } => {
                            (ItemState::Skipped, Some(reason), note)
                        }
                        Outcome::Failed(reason) => (ItemState::Failed, Some(reason), None),
                    };
                    write.put_import_item(id, &prepared.path, state, reason.as_deref(), note)?;
                    match state {
                        ItemState::Imported => counts.imported += 1,
                        ItemState::Skipped => counts.skipped += 1,
                        ItemState::Failed | ItemState::Pending => counts.failed += 1,
                    }
                    current = Some(prepared.path);
                }
                Ok((counts, written, current))
            },
            move |result| {
                match result {
                    Ok((counts, written, current)) => {
                        inner.parsed.put(written);
                        job.update(|status| {
                            status.imported += counts.imported;
                            status.skipped += counts.skipped;
                            status.failed += counts.failed;
                            status.current = current;
                        });
                        in_flight.leave(None);
                    }
                    Err(error) => in_flight.leave(Some(error.into())),
                }
                budget.give(bytes);
            },
        );
    }

    /// Files that are no documents: attached by a note, or skipped.
    fn account_for_others(&self, others: &[Found], attached: &HashSet<PathBuf>) -> Result<()> {
        let cancelled = self.job.token.is_cancelled();
        let mut groups: HashMap<(bool, String), Vec<String>> = HashMap::new();
        for file in others {
            let is_attached = attached.contains(&file.path);
            let reason = if is_attached {
                "attached to the notes that show it".to_owned()
            } else if cancelled {
                CANCELLED.to_owned()
            } else {
                match file.path.extension() {
                    Some(extension) => format!(
                        "not a document that Commonplace reads (.{})",
                        extension.to_string_lossy()
                    ),
                    None => "not a document that Commonplace reads".to_owned(),
                }
            };
            groups
                .entry((is_attached, reason))
                .or_default()
                .push(file.path.to_string_lossy().into_owned());
        }
        for ((is_attached, reason), paths) in groups {
            let state = if is_attached { ItemState::Imported } else { ItemState::Skipped };
            self.record_all(&paths, state, &reason)?;
        }
        Ok(())
    }

    fn record_all(&self, paths: &[String], state: ItemState, reason: &str) -> Result<()> {
        let id = self.job.status.lock().expect("no panic while held").id;
        for slice in paths.chunks(1024) {
            let (slice, reason) = (slice.to_vec(), reason.to_owned());
            let count = slice.len();
            self.inner.store.write(Lane::Bulk, move |write| {
                for path in &slice {
                    write.put_import_item(id, path, state, Some(&reason), None)?;
                }
                Ok(())
            })?;
            self.job.update(|status| match state {
                ItemState::Imported => status.imported += count,
                ItemState::Failed => status.failed += count,
                ItemState::Skipped | ItemState::Pending => status.skipped += count,
            });
        }
        Ok(())
    }

    fn publish(&self) {
        drop(self.inner.imports.progress.send(self.job.snapshot()));
    }

    /// Reads and extracts files that are read in one go, handing on each; false if nobody takes them any more.
    fn prepare(
        &self,
        files: &[(&Found, std::io::Result<Metadata>)],
        reader: &mut DocumentReader,
        budget: &Budget,
        by_name: &ByName,
        attached: &Mutex<HashSet<PathBuf>>,
        mut hand_on: impl FnMut(Prepared) -> bool,
    ) -> bool {
        let mut held: usize = files.iter().map(|(_, metadata)| size(metadata)).sum();
        budget.take(held);
        let read: Vec<Result<ReadFile>> =
            files.iter().map(|(file, metadata)| self.read(file, metadata)).collect();
        let known = self.inner.store.read(|read_store| {
            read.iter()
                .map(|file| file.as_ref().map_or(Ok(Known::New), |file| known(read_store, file)))
                .collect::<std::result::Result<Vec<Known>, _>>()
        });
        let known: Vec<Result<Known>> = match known {
            Ok(known) => known.into_iter().map(Ok).collect(),
            Err(error) => files.iter().map(|_| Err(error.clone().into())).collect(),
        };
        for (((file, metadata), read), known) in files.iter().zip(read).zip(known) {
            let _span = tracing::debug_span!("read a file", path = %file.path.display()).entered();
            // What is left of a cancelled import is accounted for elsewhere.
            if self.job.token.is_cancelled() {
                budget.give(held);
                return false;
            }
            let outcome = read.and_then(|read| match known? {
                Known::Unchanged { reason, note } => {
                    Ok(Some(Outcome::Skipped { reason, note: Some(note) }))
                }
                Known::Changed(note) => self.extracted(file, read, note, reader, by_name, attached),
                Known::New => self.extracted(file, read, None, reader, by_name, attached),
            });
            let outcome = match outcome {
                Ok(Some(outcome)) => outcome,
                // Cancelled in the middle of it.
                Ok(None) => {
                    budget.give(held);
                    return false;
                }
                Err(error) => Outcome::Failed(error.message),
            };
            let prepared = Prepared {
                path: file.path.to_string_lossy().into_owned(),
                bytes: size(metadata),
                outcome,
            };
            if !hand_on(prepared) {
                budget.give(held);
                return false;
            }
            held -= size(metadata);
        }
        true
    }

    fn read(&self, file: &Found, metadata: &std::io::Result<Metadata>) -> Result<ReadFile> {
        let unreadable =
            |error: &std::io::Error| Error::invalid(format!("cannot be read: {error}"));
        let metadata = metadata.as_ref().map_err(unreadable)?;
        if metadata.len() > extract::MAX_INPUT as u64 {
            return Err(Error::invalid(format!(
                "too large: {} MB, at most {} MB are read",
                metadata.len() >> 20,
                extract::MAX_INPUT >> 20
            )));
        }
        let bytes = std::fs::read(&file.path).map_err(|error| unreadable(&error))?;
        let millis = |time: std::io::Result<std::time::SystemTime>| {
            time.ok()
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .map(|since| Timestamp(since.as_millis() as i64))
        };
        Ok(ReadFile {
            path: file.path.to_string_lossy().into_owned(),
            digest: Digest::of(&bytes),
            bytes,
            mtime: millis(metadata.modified()).unwrap_or_else(|| self.inner.clock().now),
            created: millis(metadata.created()),
        })
    }

    /// The note that a file becomes, or nothing if that was cancelled; `update`: the note that an earlier version of it became.
    fn extracted(
        &self,
        file: &Found,
        read: ReadFile,
        update: Option<NoteId>,
        reader: &mut DocumentReader,
        by_name: &ByName,
        attached: &Mutex<HashSet<PathBuf>>,
    ) -> Result<Option<Outcome>> {
        let ReadFile { bytes, digest, mtime, created, .. } = read;
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let input = extract::Input { file_name: &name, bytes: &bytes };
        let extracted = match reader.read(&input, &self.job.token) {
            Ok(extracted) => extracted,
            Err(Unread::Cancelled) => return Ok(None),
            Err(Unread::Failed(reason)) => return Err(Error::invalid(reason)),
        };

        let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
        let exported = export::read_marker(&extracted.front_matter);
        let front_matter = match &exported {
            Some(marker) => marker.original_front_matter.clone(),
            None => extracted.front_matter.clone(),
        };
        let meta = FrontMatter::parse(&front_matter);
        let title =
            extracted.title.or_else(|| meta.title.clone()).unwrap_or_else(|| stem.into_owned());
        let mut draft = NoteDraft {
            title: title.lines().next().unwrap_or_default().trim().to_owned(),
            body: extracted.body,
            front_matter,
            tags: extracted.tags,
            notebook: file.notebook.clone(),
            kind: extracted.kind.parse().unwrap_or(Kind::Text),
            pinned: meta.pinned,
            created: meta
                .created
                .or(extracted.created_ms.map(Timestamp))
                .or(created)
                .or(Some(mtime)),
            updated: Some(mtime),
        };
        let mut attachments = Vec::new();
        let parent = file.path.parent().unwrap_or(Path::new("/"));
        if let Some(mut marker) = exported {
            marker.apply(&mut draft, &self.notebook);
            let root = marker.root_of(parent);
            for (path, mut row) in std::mem::take(&mut marker.attachments) {
                let Some(path) = root.as_ref().map(|root| root.join(path)) else { continue };
                if let Ok(bytes) = std::fs::read(&path) {
                    row.size = bytes.len() as u64;
                    row.digest = self.inner.store.put_attachment(&bytes)?;
                    attached.lock().expect("no panic while held").insert(path);
                    attachments.push(row);
                }
            }
        }
        let analysis = note::analyse(&draft.body);
        let tags = store::all_tags(&draft, &meta, &analysis);
        for link in analysis.links.iter().filter(|link| link.embed) {
            let Some(path) = resolve(&link.target, parent, by_name) else { continue };
            if attachments.iter().any(|held: &AttachmentRef| held.name == link.target) {
                continue;
            }
            // An embedded note is shown from the note itself.
            if link.wiki && path.extension().is_some_and(|extension| extension == "md") {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|error| {
                Error::invalid(format!("its attachment {} cannot be read: {error}", path.display()))
            })?;
            attachments.push(self.keep(&link.target, &bytes, Role::Embed)?);
            attached.lock().expect("no panic while held").insert(path);
        }
        for embedded in &extracted.attachments {
            attachments.push(self.keep(&embedded.name, &embedded.bytes, Role::Embed)?);
        }
        if extracted.keep_original {
            attachments.push(self.keep(&name, &bytes, Role::Source)?);
        }
        Ok(Some(Outcome::Note(Box::new(NewNote {
            draft,
            analysis,
            tags,
            update,
            digest,
            size: bytes.len() as u64,
            mtime,
            attachments,
            warning: (!extracted.warnings.is_empty()).then(|| extracted.warnings.join("; ")),
        }))))
    }

    fn keep(&self, name: &str, bytes: &[u8], role: Role) -> Result<AttachmentRef> {
        Ok(AttachmentRef {
            name: name.to_owned(),
            digest: self.inner.store.put_attachment(bytes)?,
            mime: extract::media_type(name).to_owned(),
            size: bytes.len() as u64,
            role,
        })
    }
}

/// Files in groups that may be read in one go.
fn in_groups(files: &[Found]) -> Vec<Vec<(&Found, std::io::Result<Metadata>)>> {
    let mut groups: Vec<Vec<(&Found, std::io::Result<Metadata>)>> = Vec::new();
    let mut held = usize::MAX;
    for file in files {
        let metadata = std::fs::metadata(&file.path);
        held = held.saturating_add(size(&metadata));
        if held > GROUP_BYTES {
            held = size(&metadata);
            groups.push(Vec::new());
        }
        groups.last_mut().expect("the first file opens a group").push((file, metadata));
    }
    groups
}

fn size(metadata: &std::io::Result<Metadata>) -> usize {
    metadata.as_ref().map_or(0, |metadata| metadata.len() as usize)
}

/// What the store knows of a file that was read.
fn known(read: &store::Read<'_>, file: &ReadFile) -> std::result::Result<Known, store::StoreError> {
    let held = |source: &store::Source| {
        let heads = read.heads(&[source.note])?;
        Ok::<_, store::StoreError>(heads.into_iter().find(|head| head.trashed.is_none()))
    };
    if let Some(source) = read.source_by_path(&file.path)?
        && let Some(head) = held(&source)?
    {
        return Ok(if source.digest == file.digest {
            Known::Unchanged { reason: "already imported, unchanged".to_owned(), note: source.note }
        } else {
            // Edited here since it was imported: the new version of the file becomes a note of its
            // own, so that neither replaces the other.
            Known::Changed((head.updated == source.mtime).then_some(source.note))
        });
    }
    for source in read.source_by_digest(&file.digest)? {
        if !Path::new(&source.path).exists() && held(&source)?.is_some() {
            return Ok(Known::Unchanged {
                reason: format!("already imported from {}, unchanged", source.path),
                note: source.note,
            });
        }
    }
    Ok(Known::New)
}

fn write_note(
    write: &mut store::Write<'_>,
    new: &NewNote,
    path: &str,
    now: Timestamp,
) -> std::result::Result<store::Saved, store::StoreError> {
    if let Some(id) = new.update {
        write.keep_revision(id, now)?;
    }
    let saved = write.save_note(new.update, None, &new.draft, &new.analysis, now)?;
    for attachment in &new.attachments {
        write.attach(saved.id, attachment)?;
    }
    write.record_source(path, &new.digest, new.size, new.mtime, saved.id)?;
    Ok(saved)
}

/// What the words lane needs of a note that is new; for others it also asks what else hangs on them.
fn parsed(saved: &store::Saved, new: NewNote) -> Option<(NoteId, Seq, ParsedNote)> {
    let NewNote { draft, analysis, tags, update: None, attachments, .. } = new else { return None };
    let document = keyword::NoteDocument {
        id: saved.id,
        title: draft.title,
        tags,
        notebook: draft.notebook,
        kind: draft.kind,
        created: draft.created?,
        updated: draft.updated?,
        pinned: draft.pinned,
        has_attachment: !attachments.is_empty(),
        ..document(&analysis)
    };
    Some((saved.id, saved.seq, ParsedNote::Document(Box::new(document))))
}

/// Operations that the store has been given and has not answered.
#[derive(Default)]
struct InFlight {
    state: Mutex<(usize, Option<Error>)>,
    left: Condvar,
}

impl InFlight {
    fn enter(&self) {
        let mut state = self.state.lock().expect("no panic while held");
        while state.0 >= IN_FLIGHT {
            state = self.left.wait(state).expect("no panic while held");
        }
        state.0 += 1;
    }

    fn leave(&self, error: Option<Error>) {
        let mut state = self.state.lock().expect("no panic while held");
        state.0 -= 1;
        if state.1.is_none() {
            state.1 = error;
        }
        self.left.notify_all();
    }

    fn failure(&self) -> Option<Error> {
        self.state.lock().expect("no panic while held").1.clone()
    }

    fn wait_for_all(&self) {
        let mut state = self.state.lock().expect("no panic while held");
        while state.0 > 0 {
            state = self.left.wait(state).expect("no panic while held");
        }
    }
}

fn error_path(error: &ignore::Error, root: &Path) -> String {
    match error {
        ignore::Error::WithPath { path, .. } => path.display().to_string(),
        ignore::Error::WithDepth { err, .. } => error_path(err, root),
        _ => root.display().to_string(),
    }
}

/// The notebook of a file: the chosen one, then the folders from the dropped one down.
fn join_notebook(notebook: &str, below: Option<&Path>) -> String {
    let mut parts: Vec<String> =
        if notebook.is_empty() { Vec::new() } else { vec![notebook.to_owned()] };
    for component in below.into_iter().flat_map(Path::components) {
        if let Component::Normal(name) = component {
            parts.push(name.to_string_lossy().trim().replace('/', "-"));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join("/")
}

/// The file that an embed means: by its path from the note, else by its name anywhere in the import.
fn resolve(target: &str, parent: &Path, by_name: &ByName) -> Option<PathBuf> {
    if target.contains("://") || target.starts_with("data:") {
        return None;
    }
    let relative = parent.join(target);
    let name = Path::new(target).file_name()?.to_string_lossy().to_lowercase();
    let candidates = by_name.get(&name)?;
    let wanted: PathBuf = normal(&relative);
    // Only files that belong to this import are ever read.
    candidates
        .iter()
        .find(|path| **path == wanted)
        .or_else(|| candidates.iter().find(|path| path.ends_with(target)))
        .or_else(|| candidates.first())
        .cloned()
}

/// A path without `.` and `..`, by its text alone.
fn normal(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}
