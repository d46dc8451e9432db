//! The writer thread: two bounded queues whose ops share transactions, and the one connection that writes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select_biased};
use note::{NoteId, Seq};
use rusqlite::Connection;

use crate::write::TransactionState;
use crate::{Lane, Result, StoreError, Write};

/// A transaction that somebody waits for takes no further op after this long.
const SLICE: Duration = Duration::from_millis(15);
/// The same for one of bulk ops alone. A save that comes meanwhile joins it and ends it, so this only bounds
/// how much that save's commit has to write, and what another process waits.
const BULK_SLICE: Duration = Duration::from_millis(40);
/// Ops of one transaction at most: bounds what waits for one commit.
const TRANSACTION_OPS: usize = 1_024;

/// Hears of commits: the ids of the changed notes and the highest seq.
pub type CommitHook = Box<dyn Fn(&[NoteId], Seq) + Send + Sync>;

pub(crate) enum Message {
    Op(Box<dyn Job>),
    Close,
}

/// What the writer tells the rest of the store.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) last_seq: AtomicI64,
    /// Transactions committed here.
    pub(crate) commits: AtomicU64,
    /// Another process's change was seen at the start of a transaction.
    pub(crate) external: AtomicBool,
    pub(crate) hooks: RwLock<Vec<CommitHook>>,
}

/// A queued op of any result type.
pub(crate) trait Job: Send {
    /// Runs the op once; false if it failed and must be rolled back.
    fn run(&mut self, write: &mut Write<'_>) -> bool;
    fn fail(&mut self, error: StoreError);
    fn failure(&self) -> Option<StoreError>;
    /// Hands the result over. What is dropped before answers `Closed`.
    fn finish(self: Box<Self>);
}

pub(crate) struct Queued<T, Op, Done: FnOnce(Result<T>)> {
    pub(crate) op: Option<Op>,
    pub(crate) done: Option<Done>,
    pub(crate) result: Result<T>,
}

impl<T, Op, Done: FnOnce(Result<T>)> Queued<T, Op, Done> {
    pub(crate) fn new(op: Op, done: Done) -> Self {
        Queued { op: Some(op), done: Some(done), result: Err(StoreError::Closed) }
    }

    fn answer(&mut self, result: Result<T>) {
        if let Some(done) = self.done.take()
            && let Err(panic) = catch_unwind(AssertUnwindSafe(|| done(result)))
        {
            tracing::error!("an answer to a change panicked: {}", panic_text(&*panic));
        }
    }
}

impl<T, Op, Done> Job for Queued<T, Op, Done>
where
    T: Send,
    Op: FnOnce(&mut Write<'_>) -> Result<T> + Send,
    Done: FnOnce(Result<T>) + Send,
{
    fn run(&mut self, write: &mut Write<'_>) -> bool {
        let Some(op) = self.op.take() else { return false };
        self.result = catch_unwind(AssertUnwindSafe(|| op(write))).unwrap_or_else(|panic| {
            let detail = panic_text(&*panic).to_owned();
            Err(StoreError::Panicked { detail })
        });
        if let Some(error) = write.storage_failure() {
            self.result = Err(error);
        }
        self.result.is_ok()
    }

    fn fail(&mut self, error: StoreError) {
        self.result = Err(error);
    }

    fn failure(&self) -> Option<StoreError> {
        self.result.as_ref().err().cloned()
    }

    fn finish(mut self: Box<Self>) {
        let result = std::mem::replace(&mut self.result, Err(StoreError::Closed));
        self.answer(result);
    }
}

impl<T, Op, Done: FnOnce(Result<T>)> Drop for Queued<T, Op, Done> {
    fn drop(&mut self) {
        self.answer(Err(StoreError::Closed));
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic")
}

pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) path: PathBuf,
    pub(crate) interactive: Receiver<Message>,
    pub(crate) bulk: Receiver<Message>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) writable: bool,
    pub(crate) closing: bool,
}

/// What became of a transaction's ops.
enum Outcome {
    Commit,
    Abandoned(StoreError),
}

impl Writer {
    /// Works until the store is closed and both queues are empty; then empties the log.
    pub(crate) fn run(mut self) -> Result<()> {
        while let Some((job, lane)) = self.wait() {
            self.transaction(job, lane);
        }
        if !self.writable {
            return Ok(());
        }
        // A reader in another process may keep the log in use, which is no failure.
        self.conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|error| StoreError::from(error).at(&self.path))
    }

    fn wait(&mut self) -> Option<(Box<dyn Job>, Lane)> {
        loop {
            if let Some(next) = self.next(true) {
                return Some(next);
            }
            if self.closing {
                return None;
            }
            let (message, lane) = select_biased! {
                recv(self.interactive) -> message => (message, Lane::Interactive),
                recv(self.bulk) -> message => (message, Lane::Bulk),
            };
            match message {
                Ok(Message::Op(job)) => return Some((job, lane)),
                Ok(Message::Close) | Err(_) => self.closing = true,
            }
        }
    }

    /// What is queued already, interactive first.
    fn next(&mut self, bulk: bool) -> Option<(Box<dyn Job>, Lane)> {
        loop {
            let (message, lane) = match self.interactive.try_recv() {
                Ok(message) => (message, Lane::Interactive),
                Err(_) if bulk => (self.bulk.try_recv().ok()?, Lane::Bulk),
                Err(_) => return None,
            };
            match message {
                Message::Op(job) => return Some((job, lane)),
                Message::Close => self.closing = true,
            }
        }
    }

    /// Runs a job, and those that queue up meanwhile, in one transaction; answers all of them.
    fn transaction(&mut self, first: Box<dyn Job>, lane: Lane) {
        let started = Instant::now();
        if let Err(error) = self.execute("BEGIN IMMEDIATE") {
            let mut first = first;
            first.fail(error);
            return first.finish();
        }
        let mut state = TransactionState::default();
        let mut done: Vec<Box<dyn Job>> = Vec::new();
        let mut failed: Vec<Box<dyn Job>> = Vec::new();
        let mut outcome = Outcome::Commit;
        let mut interactive = false;
        let mut bulk = true;
        let mut next = Some((first, lane));
        while let Some((mut job, lane)) = next.take() {
            // Once a person waits, bulk gets one more op: the commit comes soon, and an import still moves
            // under constant saving.
            bulk = lane == Lane::Interactive && bulk || !interactive;
            interactive |= lane == Lane::Interactive;
            // The first op needs no savepoint: if it fails, so does the transaction.
            let shares = !done.is_empty();
            if shares && let Err(error) = self.execute("SAVEPOINT op") {
                failed.push(job);
                outcome = Outcome::Abandoned(error);
                break;
            }
            let mut write = Write::new(&self.conn, &self.path, &mut state);
            let ok = job.run(&mut write);
            // A full disk may have rolled back everything.
            let lost = self.conn.is_autocommit();
            let end = match (ok, shares) {
                (false, true) if lost => Err(job.failure().unwrap_or(StoreError::Closed)),
                (true, false) => Ok(()),
                (true, true) => self.execute("RELEASE op"),
                (false, true) => {
                    self.execute("ROLLBACK TO op").and_then(|()| self.execute("RELEASE op"))
                }
                (false, false) => {
                    let _ = self.execute("ROLLBACK");
                    return job.finish();
                }
            };
            if ok {
                done.push(job);
                state.keep_op();
            } else {
                failed.push(job);
                state.drop_op();
            }
            if let Err(error) = end {
                outcome = Outcome::Abandoned(error);
                break;
            }
            let slice = if interactive { SLICE } else { BULK_SLICE };
            if started.elapsed() < slice && done.len() + failed.len() < TRANSACTION_OPS {
                next = self.next(bulk);
            }
        }
        let committed = match outcome {
            Outcome::Commit => self.execute("COMMIT"),
            Outcome::Abandoned(error) => Err(error),
        };
        match committed {
            Ok(()) => self.announce(state, done),
            Err(error) => {
                if !self.conn.is_autocommit()
                    && let Err(error) = self.execute("ROLLBACK")
                {
                    tracing::error!("a failed transaction could not be rolled back: {error}");
                }
                for mut job in done {
                    job.fail(error.clone());
                    job.finish();
                }
            }
        }
        failed.into_iter().for_each(Job::finish);
    }

    fn announce(&self, mut state: TransactionState, done: Vec<Box<dyn Job>>) {
        self.shared.commits.fetch_add(1, Ordering::AcqRel);
        let changed = state.take_changed();
        let last = changed.iter().map(|&(_, seq)| seq).max();
        if let Some(found) = state.found_seq() {
            let known = self.shared.last_seq.fetch_max(found.0, Ordering::AcqRel);
            if found.0 > known {
                self.shared.external.store(true, Ordering::Release);
            }
        }
        if let Some(last) = last {
            self.shared.last_seq.fetch_max(last.0, Ordering::AcqRel);
        }
        done.into_iter().for_each(Job::finish);
        if let Some(last) = last {
            let ids: Vec<NoteId> = changed.into_iter().map(|(id, _)| id).collect();
            let hooks = self.shared.hooks.read().unwrap_or_else(PoisonError::into_inner);
            for hook in hooks.iter() {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| hook(&ids, last))) {
                    tracing::error!("a commit hook panicked: {}", panic_text(&*panic));
                }
            }
        }
    }

    fn execute(&self, sql: &str) -> Result<()> {
        let run = || self.conn.prepare_cached(sql)?.execute([]);
        run().map(drop).map_err(|error| StoreError::from(error).at(&self.path))
    }
}
