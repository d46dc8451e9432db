//! How foreign documents are read: those that are more than plain text in a confined process (see
//! `confine`), one for each thread of an import, so that whatever they do to their reader they do to nothing else.

use std::cell::Cell;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use confine::{Failure, Limits, Program, Worker};
use extract::{Extracted, Input, Item};
use tokio_util::sync::CancellationToken;

/// For one document, and again for each megabyte of it.
const TIME: Duration = Duration::from_secs(30);
const TIME_PER_MEGABYTE: Duration = Duration::from_secs(1);
/// Of all [`Extracted`] of one document, its attachments included.
const OUTPUT: u64 = 512 << 20;
/// Beyond what the program starts with.
const MEMORY: u64 = 1 << 30;

/// Where documents are read.
#[derive(Clone, Debug)]
pub struct Reader {
    program: Option<Program>,
    time: Duration,
    memory: u64,
}

impl Reader {
    /// Inside this process: for programs that read nothing of others.
    pub fn inside() -> Reader {
        Reader { program: None, time: TIME, memory: MEMORY }
    }

    /// In processes of a program whose `main` begins with [`reader`] or [`serve_documents`].
    pub fn program(path: impl Into<PathBuf>) -> Reader {
        Reader { program: Some(Program::new(path)), ..Reader::inside() }
    }

    /// Other limits: the time for one document, to which a second for each megabyte is added, and bytes of memory.
    pub fn with_limits(self, time: Duration, memory: u64) -> Reader {
        Reader { time, memory, ..self }
    }
}

/// To be called first in `main`, before anything is opened or started: in a process that was started
/// to read documents, it does that and never returns. In all others it tells how they are read: by
/// this program, in such processes.
pub fn reader() -> Reader {
    serve_documents(|input| extract::extract(input).map_err(|error| error.to_string()));
    match Program::this() {
        Ok(program) => Reader { program: Some(program), ..Reader::inside() },
        // Said when the first document is to be read: reading inside instead would be less safe than it seems.
        Err(_) if cfg!(unix) => Reader::program(""),
        // This system has no such processes, and the first document says so.
        Err(_) => Reader::inside(),
    }
}

/// The first half of [`reader`], with another way to extract.
pub fn serve_documents(extract: impl Fn(&Input<'_>) -> Result<Extracted, String>) {
    confine::serve_if_asked(|request, send| {
        let container = split(request).filter(|input| is_container(input));
        if let Some(input) = container {
            let mut tell = |answer: Result<Item, String>| match postcard::to_stdvec(&answer) {
                Ok(bytes) => send(&bytes),
                Err(error) => eprintln!("an answer cannot be written: {error}"),
            };
            let read = items(&input, &mut |item| {
                tell(Ok(item));
                ControlFlow::Continue(())
            });
            if let Err(reason) = read {
                tell(Err(reason));
            }
            return;
        }
        let answer = match split(request) {
            Some(input) => caught(|| extract(&input)),
            None => Err("its reader was asked nonsense".to_owned()),
        };
        match postcard::to_stdvec(&answer) {
            Ok(bytes) => send(&bytes),
            // Without an answer the parent reports the file.
            Err(error) => eprintln!("an answer cannot be written: {error}"),
        }
    });
}

pub(crate) fn caught<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err("damaged: its reader gave up".to_owned()))
}

/// Whether a file's documents are given out one by one: the same on both sides.
fn is_container(input: &Input<'_>) -> bool {
    let head = &input.bytes[..input.bytes.len().min(extract::HEAD_BYTES)];
    extract::is_container(input.file_name, head)
}

fn items(input: &Input<'_>, each: &mut dyn FnMut(Item) -> ControlFlow<()>) -> Result<(), String> {
    caught(|| {
        extract::read_container(input.file_name, &mut Cursor::new(input.bytes), each)
            .map_err(|error| error.to_string())
    })
}

/// A request: the length of the file's name (`u32`, little-endian), the name, the file.
fn split(request: &[u8]) -> Option<Input<'_>> {
    let (length, rest) = request.split_first_chunk::<4>()?;
    let (name, bytes) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some(Input { file_name: std::str::from_utf8(name).ok()?, bytes })
}

/// Reads documents for one thread.
pub(crate) struct DocumentReader {
    reader: Reader,
    worker: Option<Worker>,
    told: bool,
}

impl DocumentReader {
    pub(crate) fn new(reader: &Reader) -> DocumentReader {
        let worker = reader.program.clone().map(Worker::new);
        DocumentReader { reader: reader.clone(), worker, told: false }
    }

    /// # Errors
    /// [`Unread::Cancelled`], or why the document cannot be read, in words for the person.
    pub(crate) fn read(
        &mut self,
        input: &Input<'_>,
        token: &CancellationToken,
    ) -> Result<Extracted, Unread> {
        let apart = self.worker.as_mut().filter(|_| extract::is_risky(input.file_name));
        let Some(worker) = apart else {
            let read = || extract::extract(input).map_err(|error| error.to_string());
            return caught(read).map_err(Unread::Failed);
        };
        let megabytes = (input.bytes.len() >> 20) as u32;
        let limits = Limits {
            time: self.reader.time + TIME_PER_MEGABYTE * megabytes,
            memory: self.reader.memory,
            output: OUTPUT,
        };
        let length = (input.file_name.len() as u32).to_le_bytes();
        let request: [&[u8]; 3] = [&length, input.file_name.as_bytes(), input.bytes];
        let mut answer = None;
        let done = worker
            .run(&request, &limits, &|| token.is_cancelled(), &mut |bytes| answer = Some(bytes));
        match done {
            Ok(()) => {}
            Err(Failure::Cancelled) => return Err(Unread::Cancelled),
            Err(failure) => {
                tracing::warn!(file = input.file_name, ?failure, "a document could not be read");
                return Err(Unread::Failed(failure.to_string()));
            }
        }
        if let Some(fences) = worker.fences().filter(|_| !self.told) {
            self.told = true;
            if fences.complete() {
                tracing::debug!("documents are read in {fences}");
            } else {
                tracing::warn!("documents are read in {fences}");
            }
        }
        let answer = answer.as_deref().map(postcard::from_bytes);
        match answer {
            Some(Ok(read)) => Result::<Extracted, String>::map_err(read, Unread::Failed),
            Some(Err(_)) | None => Err(Unread::Failed("its reader answered nonsense".to_owned())),
        }
    }
}

impl DocumentReader {
    /// Hands on what is in a container, until `each` wants no more.
    ///
    /// # Errors
    /// As [`DocumentReader::read`]; what was read before was handed on.
    pub(crate) fn read_items(
        &mut self,
        input: &Input<'_>,
        token: &CancellationToken,
        each: &mut dyn FnMut(Item) -> ControlFlow<()>,
    ) -> Result<(), Unread> {
        let Some(worker) = self.worker.as_mut() else {
            return items(input, each).map_err(Unread::Failed);
        };
        let megabytes = (input.bytes.len() >> 20) as u32;
        let limits = Limits {
            // From one item to the next.
            time: self.reader.time + TIME_PER_MEGABYTE * megabytes,
            memory: self.reader.memory,
            // Each item is handed on as it comes, and its reader limits what it unpacks.
            output: u64::MAX,
        };
        let length = (input.file_name.len() as u32).to_le_bytes();
        let request: [&[u8]; 3] = [&length, input.file_name.as_bytes(), input.bytes];
        let enough = Cell::new(false);
        let mut failed = None;
        let stop = || token.is_cancelled() || enough.get();
        let done = worker.run(&request, &limits, &stop, &mut |bytes| match postcard::from_bytes::<
            Result<Item, String>,
        >(&bytes)
        {
            Ok(Ok(item)) if !enough.get() => enough.set(each(item).is_break()),
            Ok(Ok(_)) => {}
            Ok(Err(reason)) => failed = Some(reason),
            Err(_) => failed = Some("its reader answered nonsense".to_owned()),
        });
        match (done, failed) {
            (Err(Failure::Cancelled), _) => Err(Unread::Cancelled),
            (Err(failure), _) => {
                tracing::warn!(file = input.file_name, ?failure, "a container could not be read");
                Err(Unread::Failed(failure.to_string()))
            }
            (Ok(()), Some(reason)) => Err(Unread::Failed(reason)),
            (Ok(()), None) => Ok(()),
        }
    }
}

/// Why there is no [`Extracted`].
#[derive(Debug)]
pub(crate) enum Unread {
    Cancelled,
    /// In words for the person.
    Failed(String),
}
