//! Watched folders: a folder of Markdown and a notebook are kept in step, both ways, by one thread of the
//! process that holds the data folder. What it knows stands in the store, so that it goes on where it was.

mod file;
mod folder;
mod names;
mod scan;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::Watcher as _;
use serde::Serialize;
use store::{FolderId, Lane};
use tokio::sync::watch;

use crate::engine::{Engine, Inner, clean_notebook};
use crate::error::{Code, Error, Result};
use crate::priority::{Priority, set_priority};
use folder::Folder;

/// How a folder and its notebook stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FolderState {
    InStep,
    CatchingUp,
    Paused,
    /// The folder is not there; nothing is changed until it is.
    Missing,
    /// See [`FolderStatus::question`].
    Asking,
    /// See [`FolderStatus::problems`].
    Failed,
    /// Another process keeps it in step.
    Elsewhere,
}

/// Files vanished, and it is for the person to say what that means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FolderQuestion {
    /// Files that are gone, and how many there were.
    pub missing: usize,
    pub of: usize,
    /// Some of their paths.
    pub examples: Vec<String>,
}

/// What to do about files that vanished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderAnswer {
    /// The notes stay, and their files are written again.
    Keep,
    /// The notes follow their files into the trash.
    Trash,
    /// The files may be back.
    LookAgain,
}

/// A watched folder as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderStatus {
    pub id: FolderId,
    pub path: PathBuf,
    /// `None`: it was deleted.
    pub notebook: Option<String>,
    pub state: FolderState,
    /// Files that are in step with their notes.
    pub files: usize,
    pub question: Option<FolderQuestion>,
    /// What could not be brought in step: path and reason. An empty path means the folder itself.
    pub problems: Vec<(String, String)>,
    /// Files read, files written, and changes that were kept twice, by this process so far.
    pub read: u64,
    pub written: u64,
    pub conflicts: u64,
}

/// Changes come in flocks: what follows so soon is taken along.
const GATHER: Duration = Duration::from_millis(60);
/// A folder is looked through at least this often, because systems do not tell of every change.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// As above, where the system tells of none: network drives, or no watches left.
const POLL_INTERVAL: Duration = Duration::from_millis(1_500);
/// Looking takes no more than one part in so many of the time.
const LOOK_SHARE: u32 = 5;
/// Paths that are remembered one by one; beyond that everything is looked at.
const PATHS: usize = 512;
/// Problems that are told of.
const PROBLEMS: usize = 20;

/// What the thread is to see to.
#[derive(Default)]
struct Letters {
    /// The list of folders in the store changed.
    folders: bool,
    /// Notes changed.
    notes: bool,
    /// Files changed.
    paths: HashSet<PathBuf>,
    everything: bool,
    answers: HashMap<FolderId, FolderAnswer>,
    stop: bool,
}

impl Letters {
    fn any(&self) -> bool {
        self.folders
            || self.notes
            || self.everything
            || self.stop
            || !self.paths.is_empty()
            || !self.answers.is_empty()
    }
}

#[derive(Default)]
struct Mailbox {
    letters: Mutex<Letters>,
    arrived: Condvar,
}

impl Mailbox {
    fn put(&self, write: impl FnOnce(&mut Letters)) {
        write(&mut self.letters.lock().expect("no panic while held"));
        self.arrived.notify_one();
    }

    /// Waits for letters, at most until `until`.
    fn take(&self, until: Option<Instant>) -> Letters {
        let mut letters = self.letters.lock().expect("no panic while held");
        while !letters.any() {
            let left = match until {
                Some(until) => until.saturating_duration_since(Instant::now()),
                None => LOOK_INTERVAL,
            };
            if left.is_zero() {
                break;
            }
            letters = self.arrived.wait_timeout(letters, left).expect("no panic while held").0;
        }
        std::mem::take(&mut *letters)
    }

    /// Lets changes gather for a moment, unless the end has come.
    fn gather(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut letters = self.letters.lock().expect("no panic while held");
        while !letters.stop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            letters = self.arrived.wait_timeout(letters, left).expect("no panic while held").0;
        }
    }
}

/// The watching thread, as the engine holds it.
pub(crate) struct Watch {
    mailbox: Arc<Mailbox>,
    status: watch::Sender<Vec<FolderStatus>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            mailbox: Arc::default(),
            status: watch::Sender::new(Vec::new()),
            thread: Mutex::default(),
        }
    }
}

impl Watch {
    /// Starts the thread; the process must hold the data folder.
    pub(crate) fn start(inner: &Arc<Inner>, poll: bool) -> Result<()> {
        let mailbox = inner.watch.mailbox.clone();
        let letters = mailbox.clone();
        inner.store.on_commit(Box::new(move |_, _| letters.put(|letters| letters.notes = true)));
        mailbox.put(|letters| letters.folders = true);
        let engine = inner.clone();
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || Watcher::new(engine, mailbox, poll).run())
            .map_err(Error::internal)?;
        *inner.watch.thread.lock().expect("no panic while held") = Some(thread);
        Ok(())
    }

    /// Another process may have added or removed folders, or changed notes.
    pub(crate) fn others_wrote(&self) {
        self.mailbox.put(|letters| {
            letters.folders = true;
            letters.notes = true;
        });
    }

    pub(crate) fn stop(&self) {
        self.mailbox.put(|letters| letters.stop = true);
    }

    pub(crate) fn join(&self) {
        let thread = self.thread.lock().expect("no panic while held").take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the watching thread panicked");
        }
    }

    fn is_running(&self) -> bool {
        self.thread.lock().expect("no panic while held").is_some()
    }
}

impl Engine {
    /// Begins to keep a folder in step with a notebook, both ways: its Markdown files become notes, and notes that
    /// are in the notebook already become files. An empty notebook means one of the folder's name.
    ///
    /// # Errors
    /// [`Code::Invalid`] if it is no folder, or overlaps with another watched folder or with the data folder, or its
    /// notebook does with another watched folder's.
    pub async fn watch_folder(&self, path: PathBuf, notebook: String) -> Result<FolderId> {
        let path = std::path::absolute(&path)
            .map_err(|error| Error::invalid(format!("{}: {error}", path.display())))?;
        let shown = path.display().to_string();
        let whole = path
            .canonicalize()
            .map_err(|error| Error::invalid(format!("{shown} cannot be watched: {error}")))?;
        if !whole.is_dir() {
            return Err(Error::invalid(format!("{shown} is not a folder")));
        }
        let overlaps = |other: &Path| {
            let other = other.canonicalize().unwrap_or_else(|_| other.to_owned());
            other.starts_with(&whole) || whole.starts_with(&other)
        };
        if overlaps(&self.inner.data_dir) {
            return Err(Error::invalid(format!(
                "{shown} holds Commonplace's own data, which is not for watching"
            )));
        }
        for folder in self.read(|read| read.watched_folders()).await? {
            if overlaps(Path::new(&folder.path)) {
                return Err(Error::invalid(format!(
                    "{shown} overlaps with {}, which is watched already",
                    folder.path
                )));
            }
        }
        let Some(name) = path.to_str().map(str::to_owned) else {
            return Err(Error::invalid(format!("{shown}: its name is not text in UTF-8")));
        };
        let mut notebook = clean_notebook(&notebook)?;
        if notebook.is_empty() {
            notebook = path.file_name().unwrap_or_default().to_string_lossy().trim().to_owned();
        }
        let now = self.inner.clock().now;
        let id = self
            .write(Lane::Interactive, move |write| write.add_watched_folder(&name, &notebook, now))
            .await?;
        self.inner.watch.mailbox.put(|letters| letters.folders = true);
        Ok(id)
    }

    /// Stops to keep a folder in step; its files and notes stay as they are.
    pub async fn unwatch_folder(&self, id: FolderId) -> Result<()> {
        self.write(Lane::Interactive, move |write| write.remove_watched_folder(id)).await?;
        self.inner.watch.mailbox.put(|letters| letters.folders = true);
        Ok(())
    }

    /// Pauses a folder, or goes on with it: what changed meanwhile is caught up with.
    pub async fn pause_folder(&self, id: FolderId, paused: bool) -> Result<()> {
        self.write(Lane::Interactive, move |write| write.set_folder_paused(id, paused)).await?;
        self.inner.watch.mailbox.put(|letters| letters.folders = true);
        Ok(())
    }

    /// Answers a folder's question.
    ///
    /// # Errors
    /// [`Code::ReadOnly`] where another process keeps the folders in step: it is the one that asks.
    pub fn answer_folder(&self, id: FolderId, answer: FolderAnswer) -> Result<()> {
        if !self.inner.watch.is_running() {
            return Err(Error::new(
                Code::ReadOnly,
                "Commonplace is open in another window, which keeps the folders in step: answer there.",
            ));
        }
        self.inner.watch.mailbox.put(|letters| {
            letters.answers.insert(id, answer);
        });
        Ok(())
    }

    /// Every watched folder, and each change of how they stand. Empty where another process keeps them in step.
    pub fn folders(&self) -> watch::Receiver<Vec<FolderStatus>> {
        self.inner.watch.status.subscribe()
    }

    /// Every watched folder as it stands now.
    pub async fn list_folders(&self) -> Result<Vec<FolderStatus>> {
        let running = self.inner.watch.is_running();
        let known = self.inner.watch.status.borrow().clone();
        let stored = self
            .read(|read| {
                let folders = read.watched_folders()?;
                let counted = folders.into_iter().map(|folder| {
                    let files = read.watched_files(folder.id)?.len();
                    Ok((folder, files))
                });
                counted.collect::<std::result::Result<Vec<_>, store::StoreError>>()
            })
            .await?;
        let status = |(folder, files): (store::WatchedFolder, usize)| {
            let held = known.iter().find(|status| status.id == folder.id && running).cloned();
            held.unwrap_or_else(|| {
                let state = match (folder.paused, running) {
                    (true, _) => FolderState::Paused,
                    (false, true) => FolderState::CatchingUp,
                    (false, false) => FolderState::Elsewhere,
                };
                FolderStatus { files, ..blank(&folder, state) }
            })
        };
        Ok(stored.into_iter().map(status).collect())
    }
}

fn blank(folder: &store::WatchedFolder, state: FolderState) -> FolderStatus {
    FolderStatus {
        id: folder.id,
        path: PathBuf::from(&folder.path),
        notebook: folder.notebook.clone(),
        state,
        files: 0,
        question: None,
        problems: Vec::new(),
        read: 0,
        written: 0,
        conflicts: 0,
    }
}

/// A folder with what the thread knows of it.
struct Watched {
    stored: store::WatchedFolder,
    /// `None` until it was read from the store, and while it is paused.
    folder: Option<Folder>,
    state: FolderState,
    error: Option<String>,
    /// When its files are to be looked at, and when its notes.
    look_at: Instant,
    pass_at: Option<Instant>,
    /// Folders whose changes the system tells of.
    told: BTreeSet<PathBuf>,
    /// Files of a folder that is paused.
    files: usize,
}

struct Watcher {
    inner: Arc<Inner>,
    mailbox: Arc<Mailbox>,
    folders: BTreeMap<FolderId, Watched>,
    system: Option<notify::RecommendedWatcher>,
}

impl Watcher {
    fn new(inner: Arc<Inner>, mailbox: Arc<Mailbox>, poll: bool) -> Watcher {
        let letters = mailbox.clone();
        let told = move |event: notify::Result<notify::Event>| {
            letters.put(|letters| match event {
                Ok(event) if event.kind.is_access() => {}
                Ok(event) if event.need_rescan() => letters.everything = true,
                Ok(event) => {
                    letters.paths.extend(event.paths);
                    if letters.paths.len() > PATHS {
                        letters.paths.clear();
                        letters.everything = true;
                    }
                }
                Err(_) => letters.everything = true,
            });
        };
        let config = notify::Config::default().with_follow_symlinks(false);
        let system = match poll {
            true => None,
            false => notify::RecommendedWatcher::new(told, config)
                .inspect_err(|error| tracing::warn!(%error, "folders are looked at in intervals"))
                .ok(),
        };
        Watcher { inner, mailbox, folders: BTreeMap::new(), system }
    }

    fn run(mut self) {
        set_priority(Priority::Low);
        loop {
            let active = self.folders.values().filter(|watched| !watched.stored.paused);
            let times = active.flat_map(|watched| [Some(watched.look_at), watched.pass_at]);
            let mut letters = self.mailbox.take(times.flatten().min());
            if !letters.stop && letters.any() {
                self.mailbox.gather(GATHER);
                let more = self.mailbox.take(Some(Instant::now()));
                letters.folders |= more.folders;
                letters.notes |= more.notes;
                letters.everything |= more.everything;
                letters.stop |= more.stop;
                letters.paths.extend(more.paths);
                letters.answers.extend(more.answers);
            }
            if letters.stop {
                break;
            }
            if letters.folders
                && let Err(error) = self.read_folders()
            {
                tracing::error!(%error, "the watched folders cannot be read");
            }
            self.route(&letters);
            for id in self.folders.keys().copied().collect::<Vec<_>>() {
                if self.inner.closing.is_cancelled() {
                    break;
                }
                self.pass(id, letters.notes, letters.answers.get(&id).copied());
            }
            self.publish();
        }
        for watched in self.folders.values_mut() {
            if let Some(folder) = &mut watched.folder
                && let Err(error) = folder.store_seq(&self.inner, true)
            {
                tracing::warn!(%error, "how far a watched folder is in step is not recorded");
            }
        }
    }

    /// Brings the list of folders up to the store's.
    fn read_folders(&mut self) -> Result<()> {
        let stored = self.inner.store.read(|read| read.watched_folders())?;
        let ids: HashSet<FolderId> = stored.iter().map(|folder| folder.id).collect();
        let gone: Vec<FolderId> =
            self.folders.keys().filter(|id| !ids.contains(id)).copied().collect();
        for id in gone {
            if let Some(mut watched) = self.folders.remove(&id) {
                forget(&mut self.system, &mut watched.told);
            }
        }
        for folder in stored {
            let now = Instant::now();
            let watched = self.folders.entry(folder.id).or_insert_with(|| Watched {
                state: FolderState::CatchingUp,
                folder: None,
                error: None,
                look_at: now,
                pass_at: None,
                told: BTreeSet::new(),
                files: 0,
                stored: folder.clone(),
            });
            if watched.stored.paused && !folder.paused {
                watched.look_at = now;
                watched.state = FolderState::CatchingUp;
            }
            watched.stored = folder;
            if watched.stored.paused {
                watched.state = FolderState::Paused;
                watched.folder = None;
                let id = watched.stored.id;
                watched.files = self.inner.store.read(|read| read.watched_files(id))?.len();
                forget(&mut self.system, &mut watched.told);
            }
        }
        Ok(())
    }

    /// Which folders are to be looked at for what the system told.
    fn route(&mut self, letters: &Letters) {
        let now = Instant::now();
        for (id, watched) in &mut self.folders {
            let concerned = letters.everything
                || letters.answers.contains_key(id)
                || letters.paths.iter().any(|path| match &watched.folder {
                    Some(folder) => folder.is_news(path),
                    None => path.starts_with(&watched.stored.path),
                });
            if concerned {
                // A folder that takes long to look through is not looked through all the time.
                let pause = watched.folder.as_ref().map_or(Duration::ZERO, |folder| folder.look);
                let earliest = now + pause * LOOK_SHARE;
                let earliest = if letters.answers.contains_key(id) { now } else { earliest };
                let at_once = pause * LOOK_SHARE < GATHER;
                watched.look_at = watched.look_at.min(if at_once { now } else { earliest });
            }
        }
    }

    fn pass(&mut self, id: FolderId, notes: bool, answer: Option<FolderAnswer>) {
        let Some(watched) = self.folders.get_mut(&id) else { return };
        let now = Instant::now();
        let look = watched.look_at <= now;
        let due = notes || look || watched.pass_at.is_some_and(|at| at <= now);
        if watched.stored.paused || !due {
            return;
        }
        let (inner, system, told) = (&self.inner, &mut self.system, &mut watched.told);
        let mut polled = system.is_none() || is_remote(Path::new(&watched.stored.path));
        let mut enter = |path: &Path| {
            let Some(system) = system.as_mut().filter(|_| !told.contains(path)) else { return };
            // Elsewhere one watch at the top tells of everything.
            let mode = match cfg!(target_os = "linux") {
                true => notify::RecursiveMode::NonRecursive,
                false if told.is_empty() => notify::RecursiveMode::Recursive,
                false => return,
            };
            match system.watch(path, mode) {
                Ok(()) => drop(told.insert(path.to_owned())),
                Err(error) => {
                    tracing::debug!(%error, path = %path.display(), "looked at in intervals");
                    polled = true;
                }
            }
        };
        let folder = &mut watched.folder;
        let stored = &watched.stored;
        let passed = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let folder = match folder {
                Some(folder) => folder,
                None => folder.insert(Folder::load(inner, stored)?),
            };
            folder.pass(inner, look, answer, &mut enter)
        }));
        let passed = passed.unwrap_or_else(|_| {
            // What it held in memory may be wrong: it is read from the store again.
            *folder = None;
            Err(Error::internal("an internal error: see the log"))
        });
        let looked = folder.as_ref().map_or(Duration::ZERO, |folder| folder.look);
        let interval = match polled {
            true => POLL_INTERVAL.max(looked * LOOK_SHARE * 2),
            false => LOOK_INTERVAL.max(looked * LOOK_SHARE * 2),
        };
        let ended = Instant::now();
        watched.error = None;
        watched.pass_at = None;
        match passed {
            Ok((state, again)) => {
                watched.state = state;
                if look {
                    watched.look_at = ended + interval;
                }
                if state == FolderState::Missing {
                    watched.look_at = ended + POLL_INTERVAL;
                }
                if let Some(again) = again {
                    let again = ended + again.max(looked * LOOK_SHARE);
                    watched.look_at = watched.look_at.min(again);
                    watched.pass_at = Some(again);
                }
            }
            Err(error) => {
                tracing::warn!(%error, path = watched.stored.path, "a folder is not in step");
                watched.state = FolderState::Failed;
                watched.error = Some(error.message);
                watched.look_at = ended + POLL_INTERVAL * 4;
            }
        }
        // Watches of folders that are no more.
        if look && let Some(folder) = &watched.folder {
            let held: HashSet<&PathBuf> = folder.folders.iter().collect();
            let gone: Vec<PathBuf> =
                watched.told.iter().filter(|path| !held.contains(path)).cloned().collect();
            for path in gone {
                watched.told.remove(&path);
                if let Some(system) = &mut self.system {
                    drop(system.unwatch(&path));
                }
            }
        }
    }

    fn publish(&self) {
        let status: Vec<FolderStatus> = self.folders.values().map(Watched::status).collect();
        self.inner.watch.status.send_if_modified(|held| {
            let changed = *held != status;
            *held = status;
            changed
        });
    }
}

/// Ends the system's telling of changes in some folders.
fn forget(system: &mut Option<notify::RecommendedWatcher>, told: &mut BTreeSet<PathBuf>) {
    if let Some(system) = system {
        // One that is not there is watched no more in any case.
        told.iter().for_each(|path| drop(system.unwatch(path)));
    }
    told.clear();
}

impl Watched {
    fn status(&self) -> FolderStatus {
        let mut status = FolderStatus { files: self.files, ..blank(&self.stored, self.state) };
        if let Some(error) = &self.error {
            status.problems.push((String::new(), error.clone()));
        }
        if let Some(folder) = &self.folder {
            let problems = folder.problems.iter().take(PROBLEMS);
            status.problems.extend(problems.map(|(path, reason)| (path.clone(), reason.clone())));
            status.files = folder.count();
            status.question.clone_from(&folder.question);
            (status.read, status.written) = (folder.tally.read, folder.tally.written);
            status.conflicts = folder.tally.conflicts;
        }
        status
    }
}

/// Whether other machines may change the files without this one's system telling of it.
#[cfg(target_os = "linux")]
fn is_remote(path: &Path) -> bool {
    /// NFS, SMB, CIFS, 9P, FUSE, VirtualBox, Ceph, AFS (`statfs(2)`).
    const REMOTE: [i64; 8] = [
        0x6969,
        0xfe53_4d42,
        0xff53_4d42,
        0x0102_1997,
        0x6573_5546,
        0x786f_4256,
        0x00c3_6400,
        0x5346_414f,
    ];
    rustix::fs::statfs(path).is_ok_and(|found| REMOTE.contains(&found.f_type))
}

#[cfg(not(target_os = "linux"))]
fn is_remote(_path: &Path) -> bool {
    false
}
