//! The document store: everything a person owns, in one SQLite file and a folder of attachments.
//! One thread writes; any number read consistent snapshots beside it. It knows nothing of the
//! indexes that are built from it.

mod attachments;
mod backup;
mod chunks;
mod error;
mod imports;
mod read;
mod schema;
mod text;
mod types;
mod watched;
mod write;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use crossbeam_channel::{Receiver, Sender, bounded};
use note::Seq;
use rusqlite::Connection;

pub use attachments::Removed;
pub use error::{Result, StoreError};
pub use read::Read;
pub use types::{
    AttachmentRef, Before, Change, Counts, Damage, Digest, FileState, FolderId, Import, ImportId,
    ImportItem, ImportState, ItemCounts, ItemState, ListFilter, ListSort, NameMatch, NewChunk,
    OnChange, Opens, Replaced, Revision, RevisionHead, Role, Saved, ScrubReport, Source,
    StoredChunk, TaskFilter, TaskRow, VectorChange, View, WatchedAttachment, WatchedFile,
    WatchedFolder,
};
pub use write::{Write, all_tags};
pub use writer::CommitHook;

use writer::{Message, Queued, Shared, Writer};

const DATABASE: &str = "store.db";
const BACKUPS: &str = "backups";
/// Ops that may wait; beyond that `submit` blocks, which slows an import down to what the disk takes.
const INTERACTIVE_QUEUE: usize = 1_024;
const BULK_QUEUE: usize = 512;
/// Idle reading connections that are kept.
const IDLE_READERS: usize = 4;

/// Which queue an op waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A person waits for it: goes ahead of what is in bulk.
    Interactive,
    /// Imports and embeddings. One op should take no more than a few milliseconds, because a save
    /// waits for the op that is running.
    Bulk,
}

/// A handle on the store of one folder; clones share it. The last one dropped closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    database: PathBuf,
    access: schema::Access,
    uuid: String,
    interactive: Sender<Message>,
    bulk: Sender<Message>,
    shared: Arc<Shared>,
    readers: Mutex<Vec<Connection>>,
    watch: Mutex<Watch>,
    closed: AtomicBool,
    /// Gives the writer's last word, then disconnects.
    exited: Receiver<Result<()>>,
    writer: ThreadId,
}

/// How the store looked when other processes' commits were last asked for.
struct Watch {
    conn: Connection,
    data_version: i64,
    commits: u64,
}

impl Store {
    /// Opens the store in `dir`, creating the folder and the database if need be, and migrates an older one
    /// after a verified backup.
    ///
    /// # Errors
    /// A damaged, foreign or newer database is named and left as it is.
    pub fn open(dir: &Path) -> Result<Store> {
        Store::open_with(dir, schema::MIGRATIONS)
    }

    /// Opens a store in a folder that cannot be written: everything can be read, and each change answers
    /// [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// There is no store, or one that has to be migrated first.
    pub fn open_unwritable(dir: &Path) -> Result<Store> {
        let database = dir.join(DATABASE);
        let access = schema::Access::unwritable(&database)?;
        let conn = schema::open_reader(&database, access)
            .and_then(|conn| {
                schema::check_current(&conn, &database)?;
                Ok(conn)
            })
            .map_err(|error| error.at(&database))?;
        Store::start(dir, conn, access)
    }

    fn open_with(dir: &Path, migrations: &[&str]) -> Result<Store> {
        fs::create_dir_all(dir).map_err(|error| StoreError::io(dir, error))?;
        let database = dir.join(DATABASE);
        let conn = schema::open_writer(&database, &dir.join(BACKUPS), migrations)
            .map_err(|error| error.at(&database))?;
        Store::start(dir, conn, schema::Access::Shared)
    }

    fn start(dir: &Path, conn: Connection, access: schema::Access) -> Result<Store> {
        let database = dir.join(DATABASE);
        let at = |error: StoreError| error.at(&database);
        let uuid = conn
            .query_row("SELECT value FROM meta WHERE key = 'uuid'", [], |row| row.get(0))
            .map_err(|error| at(error.into()))?;
        let last_seq = Read::new(&conn).last_seq().map_err(at)?;
        let watch = schema::open_reader(&database, access).map_err(at)?;
        let data_version = data_version(&watch).map_err(at)?;
        let shared = Arc::new(Shared::default());
        shared.last_seq.store(last_seq.0, Ordering::Release);
        let (interactive, interactive_queue) = bounded(INTERACTIVE_QUEUE);
        let (bulk, bulk_queue) = bounded(BULK_QUEUE);
        let (exit, exited) = bounded(1);
        let writer = Writer {
            conn,
            path: database.clone(),
            interactive: interactive_queue,
            bulk: bulk_queue,
            shared: Arc::clone(&shared),
            writable: access == schema::Access::Shared,
            closing: false,
        };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let last_word = writer.run();
                // Nobody may be there to hear it.
                let _ = exit.send(last_word);
            })
            .map_err(|error| StoreError::io(dir, error))?;
        let inner = Inner {
            dir: dir.to_owned(),
            database,
            access,
            uuid,
            interactive,
            bulk,
            shared,
            readers: Mutex::default(),
            watch: Mutex::new(Watch { conn: watch, data_version, commits: 0 }),
            closed: AtomicBool::new(false),
            exited,
            writer: thread.thread().id(),
        };
        Ok(Store { inner: Arc::new(inner) })
    }

    /// The folder that the store is in.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Made once with the store: tells indexes whether they belong to it.
    pub fn uuid(&self) -> &str {
        &self.inner.uuid
    }

    /// Queues a change. `done` runs on the writer thread, exactly once: after the commit is durable, or with
    /// what went wrong, or with [`StoreError::Closed`]. It must not block on the store. Ops share
    /// a transaction; one that fails or panics is rolled back alone. Waits only while the lane's queue is full.
    pub fn submit<T: Send + 'static>(
        &self,
        lane: Lane,
        op: impl FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let job = Box::new(Queued::new(op, done));
        if self.inner.closed.load(Ordering::Acquire) {
            // Dropping it answers `Closed`.
            return drop(job);
        }
        let queue = match lane {
            Lane::Interactive => &self.inner.interactive,
            Lane::Bulk => &self.inner.bulk,
        };
        // What cannot be sent is dropped, which answers `Closed`.
        let _ = queue.send(Message::Op(job));
    }

    /// Makes a change and waits until it is durable.
    ///
    /// # Errors
    /// Those of the op; a full disk or another failure of the commit, after which nothing of it is stored.
    pub fn write<T: Send + 'static>(
        &self,
        lane: Lane,
        op: impl FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if thread::current().id() == self.inner.writer {
            return Err(StoreError::OnWriterThread);
        }
        let (answer, answered) = bounded(1);
        self.submit(lane, op, move |result| {
            let _ = answer.send(result);
        });
        answered.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Reads one consistent snapshot; never waits for a write. A long read keeps the log from
    /// being emptied, so page through what is big.
    pub fn read<T>(&self, read: impl FnOnce(&Read<'_>) -> Result<T>) -> Result<T> {
        let at = |error: StoreError| error.at(&self.inner.database);
        let conn = self.inner.reader().map_err(at)?;
        let result = snapshot(&conn, read).map_err(at);
        if conn.is_autocommit() {
            self.inner.give_back(conn);
        }
        result
    }

    /// Changes that wait for the writer, by lane: interactive, bulk.
    pub fn queued(&self) -> (usize, usize) {
        (self.inner.interactive.len(), self.inner.bulk.len())
    }

    /// The highest change number that is known to be committed.
    pub fn last_seq(&self) -> Seq {
        Seq(self.inner.shared.last_seq.load(Ordering::Acquire))
    }

    /// Calls `hook` on the writer thread after each commit here that changed notes, with their ids (one that
    /// changed twice may come twice) and the highest seq. It must not block on the store.
    pub fn on_commit(&self, hook: CommitHook) {
        self.inner.shared.hooks.write().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    /// Whether another process committed since this was last asked (or the store was opened). Brings
    /// [`Store::last_seq`] up to date. Costs microseconds if nothing happened.
    pub fn poll_external(&self) -> Result<bool> {
        let at = |error: StoreError| error.at(&self.inner.database);
        let shared = &self.inner.shared;
        let mut watch = self.inner.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = shared.external.swap(false, Ordering::AcqRel);
        let version = data_version(&watch.conn).map_err(at)?;
        if version == watch.data_version {
            return Ok(seen);
        }
        let commits = shared.commits.load(Ordering::Acquire);
        let found = Read::new(&watch.conn).last_seq().map_err(at)?;
        let known = shared.last_seq.fetch_max(found.0, Ordering::AcqRel);
        let ours = commits != watch.commits;
        watch.data_version = version;
        watch.commits = commits;
        Ok(seen || found.0 > known || !ours)
    }

    /// Takes no further op, finishes those that are queued, empties the log and ends the writer thread.
    /// Closing twice is fine.
    ///
    /// # Errors
    /// If the log could not be written back; nothing is lost, the next open does it.
    pub fn close(&self) -> Result<()> {
        self.inner.close()
    }
}

impl Inner {
    fn reader(&self) -> Result<Connection> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| schema::open_reader(&self.database, self.access), Ok)
    }

    fn give_back(&self, conn: Connection) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < IDLE_READERS && !self.closed.load(Ordering::Acquire) {
            readers.push(conn);
        }
    }

    fn close(&self) -> Result<()> {
        if thread::current().id() == self.writer {
            return Err(StoreError::OnWriterThread);
        }
        self.shut();
        // A second closing finds the channel empty and disconnected.
        self.exited.recv().unwrap_or(Ok(()))
    }

    /// Lets the writer finish what is queued and end.
    fn shut(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
            // A writer that is gone has nothing left to be told.
            let _ = self.interactive.send(Message::Close);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if thread::current().id() == self.writer {
            // The last handle was in a callback: the writer ends by itself, as its queues disconnect.
            return;
        }
        if let Err(error) = self.close() {
            tracing::warn!("closing the store: {error}");
        }
    }
}

fn data_version(conn: &Connection) -> Result<i64> {
    Ok(conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
}

fn snapshot<T>(conn: &Connection, read: impl FnOnce(&Read<'_>) -> Result<T>) -> Result<T> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let result = read(&Read::new(conn));
    conn.prepare_cached("COMMIT")?.execute([])?;
    result
}

#[cfg(test)]
mod tests;
