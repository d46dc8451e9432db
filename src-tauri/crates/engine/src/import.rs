//! Imports run beside everything else: files are found, read and extracted on two threads and
//! written in bulk; every file found ends as imported, skipped or failed, with its reason.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, UNIX_EPOCH};

use note::{Analysis, FrontMatter, Kind, NoteDraft, NoteId, Seq, Timestamp};
use store::{
    AttachmentRef, Before, Digest, ImportId, ImportItem, ImportState, ItemCounts, ItemState, Lane,
    OnChange, Replaced, Role, Source,
};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::containers::{self, is_container};
use crate::engine::{Engine, Inner, clean_notebook};
use crate::error::{Error, Result};
use crate::export;
use crate::indexer::{ParsedNote, document};
use crate::lock::ImportLock;
use crate::priority::{Priority, set_priority};
use crate::reading::{DocumentReader, Unread};

/// What to import and where to.
#[derive(Clone, Debug, Default)]
pub struct ImportRequest {
    /// Files and folders; folders with all below them.
    pub roots: Vec<PathBuf>,
    /// Notebook that receives them; folders become notebooks below it.
    pub notebook: String,
    pub on_change: OnChange,
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
pub(crate) const BATCH: usize = 512;
/// How many operations may wait for the store.
const IN_FLIGHT: usize = 6;
/// Bytes of files that may be read and not yet written: what bounds the memory of an import.
const READ_AHEAD: usize = 64 << 20;
/// Small files that a worker asks the store about in one go: each question costs a transaction, and after
/// each of the writer's commits the reader's cache as well.
const GROUP: usize = 32;
const GROUP_BYTES: usize = 1 << 20;
/// Files that one operation records as skipped or failed.
const RECORDED_AT_ONCE: usize = 4096;
/// Notes of an import that one operation puts into the trash.
const UNDONE_AT_ONCE: usize = 256;
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

pub(crate) struct Job {
    pub(crate) token: CancellationToken,
    /// Why the token is cancelled: by default because the engine closes.
    stop: Mutex<Stop>,
    pub(crate) status: Mutex<ImportStatus>,
    clock: Instant,
    /// Files that were done when it went on, which say nothing about the rate.
    before: usize,
    /// While it is held, no other process goes on with this import.
    lock: ImportLock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Goes on when the data folder is opened again.
    Close,
    Pause,
    Cancel,
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
        let on_change = request.on_change;
        let id = self
            .write(Lane::Interactive, move |write| {
                write.begin_import(&shown, &notebook, on_change, started)
            })
            .await?;
        self.start_import(id).await?;
        Ok(id)
    }

    /// Goes on with an import that was paused, cut off, or stopped by an error, where it stood: its
    /// folders are looked through again, and what is recorded already is left alone. Returns at once.
    ///
    /// # Errors
    /// [`crate::Code::Invalid`] if it has ended, or runs in another process.
    pub async fn resume_import(&self, id: ImportId) -> Result<()> {
        if self.inner.imports.running.lock().expect("no panic while held").contains_key(&id) {
            return Ok(());
        }
        let now = self.inner.clock().now;
        let resumable = self
            .write(Lane::Interactive, move |write| {
                let import =
                    write.import(id)?.ok_or(store::StoreError::NoSuchImport { import: id })?;
                let resumable = matches!(
                    import.state,
                    ImportState::Running | ImportState::Paused | ImportState::Failed
                );
                if resumable {
                    write.set_import_state(id, ImportState::Running, None, now)?;
                }
                Ok(resumable)
            })
            .await?;
        if !resumable {
            return Err(Error::invalid("this import has ended"));
        }
        self.start_import(id).await
    }

    /// Goes on with the imports that a crash or the end of the program cut off.
    pub(crate) async fn resume_interrupted(&self) -> Result<()> {
        for import in self.read(|read| read.imports()).await? {
            if import.state == ImportState::Running
                && let Err(error) = self.resume_import(import.id).await
            {
                tracing::warn!(%error, import = import.id.0, "an import does not go on");
            }
        }
        Ok(())
    }

    /// Runs a stored import from where it stands.
    async fn start_import(&self, id: ImportId) -> Result<()> {
        let Some(lock) = ImportLock::take(&self.inner.data_dir, id.0)? else {
            return Err(Error::invalid("another window or command runs this import"));
        };
        let (stored, done) = self
            .read(move |read| {
                let stored =
                    read.import(id)?.ok_or(store::StoreError::NoSuchImport { import: id })?;
                Ok((stored, read.import_paths(id)?))
            })
            .await?;
        if stored.state != ImportState::Running {
            lock.release();
            return Err(Error::invalid("this import has ended"));
        }
        let roots: Vec<PathBuf> = stored.roots.iter().map(PathBuf::from).collect();
        let (notebook, on_change) = (stored.notebook.clone(), stored.on_change);
        let job = Arc::new(Job {
            token: self.inner.closing.child_token(),
            stop: Mutex::new(Stop::Close),
            clock: Instant::now(),
            before: done.len(),
            status: Mutex::new(ImportStatus { scanning: true, ..of_stored(stored, true) }),
            lock,
        });
        let done: HashSet<PathBuf> = done.into_iter().map(PathBuf::from).collect();
        let imports = &self.inner.imports;
        imports.running.lock().expect("no panic while held").insert(id, job.clone());
        let inner = self.inner.clone();
        let thread = std::thread::Builder::new()
            .name("import".to_owned())
            .spawn(move || {
                let importer = Importer { inner: &inner, job: &job, notebook, on_change };
                let result = importer.run(&roots, &done);
                inner.end_import(&job, result);
            })
            .map_err(Error::internal)?;
        let mut threads = imports.threads.lock().expect("no panic while held");
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
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
                None => self.inner.of_other(import),
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
            .map(|import| self.inner.of_other(import))
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

    /// Stops an import; what it has imported stays. Returns when a running one was told.
    pub async fn cancel_import(&self, id: ImportId) -> Result<()> {
        if self.stop_import(id, Stop::Cancel) {
            return Ok(());
        }
        self.runs_nowhere(id).await?;
        // One that is paused or cut off is only recorded.
        let now = self.inner.clock().now;
        self.write(Lane::Interactive, move |write| {
            let import = write.import(id)?;
            if import.is_some_and(|import| {
                matches!(import.state, ImportState::Running | ImportState::Paused)
            }) {
                write.set_import_state(id, ImportState::Cancelled, None, now)?;
            }
            Ok(())
        })
        .await?;
        let status = self.import_status(id).await?;
        drop(self.inner.imports.progress.send(status));
        Ok(())
    }

    /// Stops an import until [`Engine::resume_import`]. Returns at once.
    pub fn pause_import(&self, id: ImportId) {
        self.stop_import(id, Stop::Pause);
    }

    async fn runs_nowhere(&self, id: ImportId) -> Result<()> {
        match self.import_status(id).await?.state {
            ImportState::Running => {
                Err(Error::invalid("another window or command runs this import"))
            }
            _ => Ok(()),
        }
    }

    /// False if it does not run here.
    fn stop_import(&self, id: ImportId, why: Stop) -> bool {
        let running = self.inner.imports.running.lock().expect("no panic while held");
        let Some(job) = running.get(&id) else { return false };
        let mut stop = job.stop.lock().expect("no panic while held");
        if *stop != Stop::Cancel {
            *stop = why;
        }
        job.token.cancel();
        true
    }

    /// Starts a new import of the files that failed or were not reached.
    pub async fn retry_import(&self, id: ImportId) -> Result<ImportId> {
        let (notebook, on_change, items) = self
            .read(move |read| {
                let import =
                    read.import(id)?.ok_or(store::StoreError::NoSuchImport { import: id })?;
                let mut items =
                    read.import_items(id, Some(ItemState::Failed), 0, i32::MAX as usize)?;
                let skipped =
                    read.import_items(id, Some(ItemState::Skipped), 0, i32::MAX as usize)?;
                items.extend(
                    skipped.into_iter().filter(|item| item.reason.as_deref() == Some(CANCELLED)),
                );
                Ok((import.notebook, import.on_change, items))
            })
            .await?;
        let mut roots: Vec<PathBuf> = items
            .into_iter()
            // What is in a container is read again with it; what is in already is recognised.
            .map(|item| PathBuf::from(containers::outermost(&item.path)))
            .filter(|path| path.exists())
            .collect();
        roots.dedup();
        if roots.is_empty() {
            return Err(Error::invalid("every file of this import was imported"));
        }
        self.import(ImportRequest { roots, notebook, on_change }).await
    }

    /// Puts every note that an import made into the trash, and gives those that it changed the version
    /// from before; returns how many notes. Notebooks that are empty then go too.
    pub async fn undo_import(&self, id: ImportId) -> Result<usize> {
        if self.stop_import(id, Stop::Cancel) {
            self.import_ended(id).await?;
        }
        self.runs_nowhere(id).await?;
        let (notebook, items, replaced) = self
            .read(move |read| {
                let import =
                    read.import(id)?.ok_or(store::StoreError::NoSuchImport { import: id })?;
                let items =
                    read.import_items(id, Some(ItemState::Imported), 0, i32::MAX as usize)?;
                Ok((import.notebook, items, read.replaced(id)?))
            })
            .await?;
        let now = self.inner.clock().now;
        let changed: HashSet<NoteId> = replaced
            .iter()
            .filter(|replaced| replaced.before.is_some())
            .map(|replaced| replaced.source.note)
            .collect();
        let mut made: Vec<NoteId> = items
            .iter()
            .filter_map(|item| item.note)
            .filter(|note| !changed.contains(note))
            .collect();
        made.sort();
        made.dedup();
        let mut count = changed.len();
        // In small operations: a save does not wait for all of it.
        for replaced in replaced {
            self.write(Lane::Bulk, move |write| write.put_back(id, &replaced, now)).await?;
        }
        for notes in made.chunks(UNDONE_AT_ONCE) {
            let notes = notes.to_vec();
            count += self
                .write(Lane::Bulk, move |write| {
                    let mut count = 0;
                    for note in notes {
                        if write.note(note)?.is_some_and(|note| note.trashed.is_none()) {
                            write.set_trashed(note, Some(now))?;
                            count += 1;
                        }
                    }
                    Ok(count)
                })
                .await?;
        }
        self.write(Lane::Bulk, move |write| {
            write.delete_emptied_notebooks(&made, &notebook)?;
            write.set_import_state(id, ImportState::Undone, None, now)
        })
        .await?;
        let status = self.import_status(id).await?;
        drop(self.inner.imports.progress.send(status));
        Ok(count)
    }
}

pub(crate) const CANCELLED: &str = "cancelled";
pub(crate) const LEFT_ALONE: &str = "changed since it was imported; its note was left as it is";
const ATTACHED: &str = "attached to the notes that show it";

fn count_of(counts: &ItemCounts, state: Option<ItemState>) -> usize {
    match state {
        None => counts.pending + counts.imported + counts.skipped + counts.failed,
        Some(ItemState::Pending) => counts.pending,
        Some(ItemState::Imported) => counts.imported,
        Some(ItemState::Skipped) => counts.skipped,
        Some(ItemState::Failed) => counts.failed,
    }
}

/// `running`: by this process or another. One that is said to run and does not was cut off.
fn of_stored(import: store::Import, running: bool) -> ImportStatus {
    let state = match import.state {
        ImportState::Running if !running => ImportState::Paused,
        state => state,
    };
    let recorded = count_of(&import.counts, None);
    ImportStatus {
        id: import.id,
        roots: import.roots,
        notebook: import.notebook,
        state,
        scanning: false,
        found: match state {
            ImportState::Running | ImportState::Paused => import.found.max(recorded),
            _ => recorded,
        },
        imported: import.counts.imported,
        skipped: import.counts.skipped,
        failed: import.counts.failed + import.counts.pending,
        started: import.started,
        finished: import.finished,
        current: None,
        rate: 0.0,
        seconds_left: None,
        error: import.error,
    }
}

impl Job {
    fn snapshot(&self) -> ImportStatus {
        let mut status = self.status.lock().expect("no panic while held").clone();
        let done = status.imported + status.skipped + status.failed;
        let seconds = self.clock.elapsed().as_secs_f64();
        let here = done.saturating_sub(self.before);
        if seconds > 0.0 && here > 0 {
            status.rate = here as f64 / seconds;
            let left = status.found.saturating_sub(done);
            status.seconds_left = (!status.scanning).then(|| left as f64 / status.rate);
        }
        status
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut ImportStatus)) {
        change(&mut self.status.lock().expect("no panic while held"));
    }
}

impl Inner {
    /// One that does not run here.
    fn of_other(&self, import: store::Import) -> ImportStatus {
        let running = import.state == ImportState::Running
            && ImportLock::is_held(&self.data_dir, import.id.0);
        of_stored(import, running)
    }

    fn end_import(&self, job: &Job, result: Result<()>) {
        let now = self.clock().now;
        let stop = *job.stop.lock().expect("no panic while held");
        let (state, error) = match result {
            Ok(()) if job.token.is_cancelled() => match stop {
                Stop::Cancel => (ImportState::Cancelled, None),
                Stop::Pause | Stop::Close => (ImportState::Paused, None),
            },
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
        // One that goes on by itself stays what it is in the store.
        if (state, stop) != (ImportState::Paused, Stop::Close) {
            let stored = self.store.write(Lane::Interactive, move |write| {
                write.set_import_state(id, state, error.as_deref(), now)
            });
            if let Err(error) = stored {
                tracing::error!(%error, "the end of an import is not recorded");
            }
        }
        job.lock.release();
        self.imports.running.lock().expect("no panic while held").remove(&id);
        drop(self.imports.progress.send(status));
        self.status_changed.notify_one();
    }
}

/// A file to import and the notebook that it belongs to.
pub(crate) struct Found {
    pub(crate) path: Arc<Path>,
    pub(crate) notebook: String,
}

/// All files below the roots, and what could not even be listed, with the reason.
#[derive(Default)]
struct FoundFiles {
    documents: Vec<Found>,
    /// Files that hold many documents.
    containers: Vec<Found>,
    others: Vec<Found>,
    unreadable: Vec<(String, String)>,
}

impl FoundFiles {
    fn len(&self) -> usize {
        let readable = self.documents.len() + self.containers.len();
        readable + self.others.len() + self.unreadable.len()
    }
}

/// Limits the bytes that are read ahead of writing.
#[derive(Default)]
pub(crate) struct Budget {
    used: Mutex<usize>,
    freed: Condvar,
}

impl Budget {
    pub(crate) fn take(&self, bytes: usize) {
        let mut used = self.used.lock().expect("no panic while held");
        while *used > 0 && *used + bytes > READ_AHEAD {
            used = self.freed.wait(used).expect("no panic while held");
        }
        *used += bytes;
    }

    pub(crate) fn give(&self, bytes: usize) {
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
pub(crate) enum Known {
    New,
    /// Imported before, and another file since.
    Changed(Earlier),
    Unchanged {
        reason: String,
        note: NoteId,
    },
}

/// A file as it was imported before.
pub(crate) struct Earlier {
    pub(crate) source: Source,
    /// Its note has been edited here since.
    pub(crate) edited: bool,
}

/// One file, read and extracted.
pub(crate) struct Prepared {
    pub(crate) path: String,
    pub(crate) bytes: usize,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    Note(Box<NewNote>),
    /// No document, but shown by notes, and kept with them.
    Attached,
    Skipped {
        reason: String,
        note: Option<NoteId>,
    },
    Failed(String),
}

pub(crate) struct NewNote {
    pub(crate) draft: NoteDraft,
    pub(crate) analysis: Analysis,
    /// Also those in its front matter and its text.
    pub(crate) tags: Vec<String>,
    /// The note that an earlier version of this file became.
    pub(crate) update: Option<NoteId>,
    /// That earlier version, also if it is not updated.
    pub(crate) before: Option<Source>,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) mtime: Timestamp,
    pub(crate) attachments: Vec<AttachmentRef>,
    /// Files of this import that became attachments of this note, and of none before.
    pub(crate) attached: Vec<PathBuf>,
    /// Said to the person although the file was imported.
    pub(crate) warning: Option<String>,
}

pub(crate) struct Importer<'a> {
    pub(crate) inner: &'a Arc<Inner>,
    pub(crate) job: &'a Arc<Job>,
    pub(crate) notebook: String,
    pub(crate) on_change: OnChange,
}

/// The files of one import, which may be asked for by name: most imports never ask.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) paths: Vec<Arc<Path>>,
    by_name: OnceLock<HashMap<String, Vec<Arc<Path>>>>,
}

impl Files {
    pub(crate) fn new(paths: Vec<Arc<Path>>) -> Files {
        Files { paths, by_name: OnceLock::new() }
    }

    /// Those whose name differs from this one in case only.
    fn named(&self, name: &str) -> &[Arc<Path>] {
        let by_name = self.by_name.get_or_init(|| {
            let mut by_name: HashMap<String, Vec<Arc<Path>>> = HashMap::new();
            for path in &self.paths {
                if let Some(name) = path.file_name() {
                    let name = name.to_string_lossy().to_lowercase();
                    by_name.entry(name).or_default().push(path.clone());
                }
            }
            by_name
        });
        by_name.get(&name.to_lowercase()).map_or(&[], Vec::as_slice)
    }
}

impl Importer<'_> {
    /// `done`: what is recorded of an earlier run of this import.
    fn run(&self, roots: &[PathBuf], done: &HashSet<PathBuf>) -> Result<()> {
        set_priority(Priority::Low);
        self.publish();
        let files = self.find(roots, done.len());
        if self.job.token.is_cancelled() && self.stop() != Stop::Cancel {
            return Ok(());
        }
        let FoundFiles { mut documents, mut containers, mut others, mut unreadable } = files;
        let files =
            Files::new(documents.iter().chain(&others).map(|file| file.path.clone()).collect());
        if !done.is_empty() {
            documents.retain(|file| !done.contains(&*file.path));
            containers.retain(|file| !done.contains(&*file.path));
            others.retain(|file| !done.contains(&*file.path));
            unreadable.retain(|(path, _)| !done.contains(Path::new(path)));
        }
        let readable = documents.len() + containers.len() + others.len();
        let found = done.len() + readable + unreadable.len();
        self.job.update(|status| {
            status.found = found;
            status.scanning = false;
        });
        self.publish();
        let id = self.id();
        self.inner.store.write(Lane::Bulk, move |write| write.set_import_found(id, found))?;
        for (path, reason) in unreadable {
            self.record_all(&[path], ItemState::Failed, &reason)?;
        }
        // What was attached before counts already.
        let attached = Mutex::new(done.clone());
        let exported = self.import_exports(roots, &files, done)?;
        documents.retain(|file| !exported.contains(&*file.path));
        others.retain(|file| !exported.contains(&*file.path));
        self.import_documents(&documents, &files, &attached)?;
        self.import_containers(&containers, done)?;
        // Pictures that no note shows are notes of their own.
        let shown = attached.lock().expect("no panic while held").clone();
        let (pictures, others) = self.alone(roots, others, &shown)?;
        self.import_documents(&pictures, &Files::default(), &attached)?;
        self.account_for_others(&others, &shown)?;
        self.link()
    }

    pub(crate) fn id(&self) -> ImportId {
        self.job.status.lock().expect("no panic while held").id
    }

    pub(crate) fn stop(&self) -> Stop {
        *self.job.stop.lock().expect("no panic while held")
    }

    /// Walks the roots: documents that can be read, and all other files.
    fn find(&self, roots: &[PathBuf], done: usize) -> FoundFiles {
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
                if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                    continue;
                }
                let path: Arc<Path> = entry.path().into();
                // Only roots within roots give a file twice.
                if roots.len() > 1 && !seen.insert(path.clone()) {
                    continue;
                }
                let below = path.parent().filter(|_| folder).and_then(|parent| {
                    let top = root.parent().unwrap_or(root);
                    parent.strip_prefix(top).ok()
                });
                let notebook = join_notebook(&self.notebook, below);
                let found = Found { path, notebook };
                let name = entry.file_name().to_string_lossy();
                if is_container(&found.path, &name) {
                    files.containers.push(found);
                } else if extract::supported(&name) && !extract::is_picture(&name) {
                    files.documents.push(found);
                } else {
                    files.others.push(found);
                }
                if last.elapsed() >= PROGRESS_INTERVAL {
                    last = Instant::now();
                    self.job.update(|status| status.found = files.len().max(done));
                    self.publish();
                }
            }
        }
        files
    }

    fn import_documents(
        &self,
        documents: &[Found],
        among: &Files,
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
                            if !self.prepare(files, &mut reader, &budget, among, attached, send) {
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
    pub(crate) fn write_prepared(
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
        // What a paused import has not reached is not accounted for: it comes to it later.
        if !self.job.token.is_cancelled() || self.stop() != Stop::Cancel {
            return Ok(());
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
        let id = self.id();
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
                        Outcome::Note(new) => {
                            match write_note(write, id, &new, &prepared.path, now) {
                                Ok(saved) => {
                                    account_for_attached(write, id, &new, None)?;
                                    counts.imported += new.attached.len();
                                    let warning = new.warning.clone();
                                    written.extend(parsed(&saved, *new));
                                    (ItemState::Imported, warning, Some(saved.id))
                                }
                                Err(error @ store::StoreError::Invalid { .. }) => {
                                    account_for_attached(write, id, &new, Some(&error))?;
                                    counts.skipped += new.attached.len();
                                    (ItemState::Failed, Some(error.to_string()), None)
                                }
                                Err(error) => return Err(error),
                            }
                        }
                        Outcome::Attached => (ItemState::Imported, Some(ATTACHED.to_owned()), None),
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

    /// Files that are no documents: those that no note shows are skipped.
    fn account_for_others(&self, others: &[Found], attached: &HashSet<PathBuf>) -> Result<()> {
        let cancelled = self.job.token.is_cancelled();
        if cancelled && self.stop() != Stop::Cancel {
            return Ok(());
        }
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        for file in others.iter().filter(|file| !attached.contains(&*file.path)) {
            let reason = match file.path.extension() {
                _ if cancelled => CANCELLED.to_owned(),
                Some(extension) => format!(
                    "not a document that Commonplace reads (.{})",
                    extension.to_string_lossy()
                ),
                None => "not a document that Commonplace reads".to_owned(),
            };
            groups.entry(reason).or_default().push(file.path.to_string_lossy().into_owned());
        }
        for (reason, paths) in groups {
            self.record_all(&paths, ItemState::Skipped, &reason)?;
        }
        Ok(())
    }

    pub(crate) fn record_all(
        &self,
        paths: &[String],
        state: ItemState,
        reason: &str,
    ) -> Result<()> {
        let id = self.id();
        for slice in paths.chunks(RECORDED_AT_ONCE) {
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
        files: Vec<(&Found, Opened)>,
        reader: &mut DocumentReader,
        budget: &Budget,
        among: &Files,
        attached: &Mutex<HashSet<PathBuf>>,
        mut hand_on: impl FnMut(Prepared) -> bool,
    ) -> bool {
        let sizes: Vec<usize> = files.iter().map(|(_, opened)| size(opened)).collect();
        let mut held: usize = sizes.iter().sum();
        budget.take(held);
        let (files, read): (Vec<&Found>, Vec<Result<ReadFile>>) =
            files.into_iter().map(|(file, opened)| (file, self.read(file, opened))).unzip();
        let known = self.inner.store.read(|read_store| {
            read.iter()
                .map(|file| file.as_ref().map_or(Ok(Known::New), |file| known(read_store, file)))
                .collect::<std::result::Result<Vec<Known>, _>>()
        });
        let known: Vec<Result<Known>> = match known {
            Ok(known) => known.into_iter().map(Ok).collect(),
            Err(error) => files.iter().map(|_| Err(error.clone().into())).collect(),
        };
        for (((file, size), read), known) in files.into_iter().zip(sizes).zip(read).zip(known) {
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
                Known::Changed(earlier) if self.on_change == OnChange::Skip => {
                    let note = Some(earlier.source.note);
                    Ok(Some(Outcome::Skipped { reason: LEFT_ALONE.to_owned(), note }))
                }
                Known::Changed(earlier) => {
                    self.extracted(file, read, Some(earlier), reader, among, attached)
                }
                Known::New => self.extracted(file, read, None, reader, among, attached),
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
            let prepared =
                Prepared { path: file.path.to_string_lossy().into_owned(), bytes: size, outcome };
            if !hand_on(prepared) {
                budget.give(held);
                return false;
            }
            held -= size;
        }
        true
    }

    fn read(&self, file: &Found, opened: Opened) -> Result<ReadFile> {
        let unreadable = |error: std::io::Error| Error::invalid(format!("cannot be read: {error}"));
        let (mut opened, metadata) = opened.map_err(unreadable)?;
        if metadata.len() > extract::MAX_INPUT as u64 {
            return Err(Error::invalid(format!(
                "too large: {} MB, at most {} MB are read",
                metadata.len() >> 20,
                extract::MAX_INPUT >> 20
            )));
        }
        let mut bytes = Vec::with_capacity(metadata.len() as usize);
        opened.read_to_end(&mut bytes).map_err(unreadable)?;
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

    /// The note that a file becomes, or nothing if that was cancelled.
    fn extracted(
        &self,
        file: &Found,
        read: ReadFile,
        earlier: Option<Earlier>,
        reader: &mut DocumentReader,
        among: &Files,
        attached: &Mutex<HashSet<PathBuf>>,
    ) -> Result<Option<Outcome>> {
        let ReadFile { bytes, digest, mtime, created, .. } = read;
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let input = extract::Input { file_name: &name, bytes: &bytes };
        let read = reader.read(&input, &self.job.token).and_then(|mut extracted| {
            reader.recognise(&input, &mut extracted, &self.job.token)?;
            Ok(extracted)
        });
        let extracted = match read {
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
        let (mut attachments, mut shown) = (Vec::new(), Vec::new());
        let parent = file.path.parent().unwrap_or(Path::new("/"));
        if let Some(mut marker) = exported {
            marker.apply(&mut draft, &self.notebook);
            let root = marker.root_of(parent);
            for (path, mut row) in std::mem::take(&mut marker.attachments) {
                let Some(path) = root.as_ref().map(|root| root.join(path)) else { continue };
                if let Ok(bytes) = std::fs::read(&path) {
                    row.size = bytes.len() as u64;
                    row.digest = self.inner.store.put_attachment(&bytes)?;
                    shown.push(path);
                    attachments.push(row);
                }
            }
        }
        let analysis = note::analyse(&draft.body);
        let tags = store::all_tags(&draft, &meta, &analysis);
        for link in analysis.links.iter().filter(|link| link.embed) {
            let Some(path) = resolve(&link.target, parent, among) else { continue };
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
            shown.push(path);
        }
        for embedded in &extracted.attachments {
            attachments.push(self.keep(&embedded.name, &embedded.bytes, Role::Embed)?);
        }
        if extracted.keep_original {
            attachments.push(self.keep(&name, &bytes, Role::Source)?);
        }
        shown.retain(|path| {
            of_import(path, among)
                && attached.lock().expect("no panic while held").insert(path.clone())
        });
        Ok(Some(Outcome::Note(Box::new(NewNote {
            draft,
            analysis,
            tags,
            // Edited here since it was imported: the new version of the file becomes a note of its own, so
            // that neither replaces the other.
            update: earlier
                .as_ref()
                .filter(|earlier| self.on_change == OnChange::Update && !earlier.edited)
                .map(|earlier| earlier.source.note),
            before: earlier.map(|earlier| earlier.source),
            digest,
            size: bytes.len() as u64,
            mtime,
            attachments,
            attached: shown,
            warning: (!extracted.warnings.is_empty()).then(|| extracted.warnings.join("; ")),
        }))))
    }

    pub(crate) fn keep(&self, name: &str, bytes: &[u8], role: Role) -> Result<AttachmentRef> {
        Ok(AttachmentRef {
            name: name.to_owned(),
            digest: self.inner.store.put_attachment(bytes)?,
            mime: extract::media_type(name).to_owned(),
            size: bytes.len() as u64,
            role,
        })
    }
}

/// A file that can be read, and what the system says of it; or why it cannot.
type Opened = std::io::Result<(File, Metadata)>;

fn open(path: &Path) -> Opened {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

/// Files in groups that may be read in one go.
fn in_groups(files: &[Found]) -> Vec<Vec<(&Found, Opened)>> {
    let mut groups: Vec<Vec<(&Found, Opened)>> = Vec::new();
    let mut held = usize::MAX;
    for file in files {
        let opened = open(&file.path);
        held = held.saturating_add(size(&opened));
        if held > GROUP_BYTES {
            held = size(&opened);
            groups.push(Vec::new());
        }
        groups.last_mut().expect("the first file opens a group").push((file, opened));
    }
    groups
}

fn size(opened: &Opened) -> usize {
    opened.as_ref().map_or(0, |(_, metadata)| metadata.len() as usize)
}

/// What the store knows of a file that was read.
fn known(read: &store::Read<'_>, file: &ReadFile) -> std::result::Result<Known, store::StoreError> {
    let held = |source: &Source| {
        let heads = read.heads(&[source.note])?;
        Ok::<_, store::StoreError>(heads.into_iter().find(|head| head.trashed.is_none()))
    };
    if let Some(source) = read.source_by_path(&file.path)?
        && let Some(head) = held(&source)?
    {
        return Ok(if source.digest == file.digest {
            Known::Unchanged { reason: "already imported, unchanged".to_owned(), note: source.note }
        } else {
            Known::Changed(Earlier { edited: head.updated != source.mtime, source })
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
    import: ImportId,
    new: &NewNote,
    path: &str,
    now: Timestamp,
) -> std::result::Result<store::Saved, store::StoreError> {
    let mut head = None;
    if let Some(id) = new.update {
        head = write.heads(&[id])?.pop();
        write.keep_revision(id, now)?;
    }
    let saved = write.save_note(new.update, None, &new.draft, &new.analysis, now)?;
    if let Some(source) = &new.before {
        let held = head.as_ref().map(|head| write.attachments(head.id)).transpose()?;
        let held: HashSet<Digest> =
            held.into_iter().flatten().map(|attachment| attachment.digest).collect();
        let attached = new.attachments.iter().map(|attachment| attachment.digest);
        let before = head.map(|head| Before {
            // A new text is the next revision.
            revision: saved.revision - u32::from(!saved.unchanged),
            updated: head.updated,
            notebook: head.notebook,
            attached: attached.filter(|digest| !held.contains(digest)).collect(),
        });
        write.put_replaced(import, &Replaced { source: source.clone(), before })?;
    }
    for attachment in &new.attachments {
        write.attach(saved.id, attachment)?;
    }
    write.record_source(path, &new.digest, new.size, new.mtime, saved.id)?;
    Ok(saved)
}

/// Records what became of the files that only this note shows.
fn account_for_attached(
    write: &mut store::Write<'_>,
    import: ImportId,
    new: &NewNote,
    failure: Option<&store::StoreError>,
) -> std::result::Result<(), store::StoreError> {
    let (state, reason) = match failure {
        None => (ItemState::Imported, ATTACHED),
        Some(_) => (ItemState::Skipped, "only a note that could not be saved shows it"),
    };
    for path in &new.attached {
        write.put_import_item(import, &path.to_string_lossy(), state, Some(reason), None)?;
    }
    Ok(())
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
pub(crate) fn join_notebook(notebook: &str, below: Option<&Path>) -> String {
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
pub(crate) fn resolve(target: &str, parent: &Path, among: &Files) -> Option<PathBuf> {
    if target.contains("://") || target.starts_with("data:") {
        return None;
    }
    let name = Path::new(target).file_name()?.to_string_lossy();
    let candidates = among.named(&name);
    let wanted = normal(&parent.join(target));
    // Only files that belong to this import are ever read.
    candidates
        .iter()
        .find(|path| ***path == *wanted)
        .or_else(|| candidates.iter().find(|path| path.ends_with(target)))
        .or_else(|| candidates.first())
        .map(|path| path.to_path_buf())
}

/// Whether a file is accounted for by this import, and not as a document.
fn of_import(path: &Path, among: &Files) -> bool {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else { return false };
    let is_document = extract::supported(&name) && !extract::is_picture(&name);
    !is_document && among.named(&name).iter().any(|other| **other == *path)
}

/// A path without `.` and `..`, by its text alone.
pub(crate) fn normal(path: &Path) -> PathBuf {
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
