//! How foreign documents are read: those that are more than plain text in a confined process (see
//! `confine`), one for each thread of an import, so that whatever they do to their reader they do to nothing else.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use confine::{Failure, Limits, Program, Worker};
use extract::{Extracted, Input, Item, Pixels};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::ocr::Tesseract;

/// For one document, and again for each megabyte of it.
const TIME: Duration = Duration::from_secs(30);
const TIME_PER_MEGABYTE: Duration = Duration::from_secs(1);
/// Of all [`Extracted`] of one document, its attachments included.
const OUTPUT: u64 = 512 << 20;
/// Beyond what the program starts with.
const MEMORY: u64 = 1 << 30;
/// Pictures of one document on which text is recognised: some hours of a core.
const MAX_RECOGNISED: usize = 2000;

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
    confine::serve_if_asked(|request, send| match split(request) {
        Some((Asked::Pixels, input)) => tell_each(send, |each| pixels(&input, each)),
        Some((Asked::Document, input)) if is_container(&input) => {
            tell_each(send, |each| items(&input, each));
        }
        Some((Asked::Document, input)) => tell(send, &caught(|| extract(&input))),
        None => tell(send, &Err::<(), _>("its reader was asked nonsense".to_owned())),
    });
}

fn tell<T: Serialize>(send: &mut dyn FnMut(&[u8]), answer: &Result<T, String>) {
    match postcard::to_stdvec(answer) {
        Ok(bytes) => send(&bytes),
        // Without an answer the parent reports the file.
        Err(error) => eprintln!("an answer cannot be written: {error}"),
    }
}

/// What is read is told one by one, and in the end why there is no more.
fn tell_each<T: Serialize>(
    send: &mut dyn FnMut(&[u8]),
    read: impl FnOnce(Each<'_, T>) -> Result<(), String>,
) {
    let read = read(&mut |item| {
        tell(send, &Ok(item));
        ControlFlow::Continue(())
    });
    if let Err(reason) = read {
        tell(send, &Err::<T, _>(reason));
    }
}

/// Takes what is read one by one, until it wants no more.
type Each<'a, T> = &'a mut dyn FnMut(T) -> ControlFlow<()>;

pub(crate) fn caught<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err("damaged: its reader gave up".to_owned()))
}

/// Whether a file's documents are given out one by one: the same on both sides.
fn is_container(input: &Input<'_>) -> bool {
    let head = &input.bytes[..input.bytes.len().min(extract::HEAD_BYTES)];
    extract::is_container(input.file_name, head)
}

fn items(input: &Input<'_>, each: Each<'_, Item>) -> Result<(), String> {
    caught(|| {
        extract::read_container(input.file_name, &mut Cursor::new(input.bytes), each)
            .map_err(|error| error.to_string())
    })
}

fn pixels(input: &Input<'_>, each: Each<'_, Pixels>) -> Result<(), String> {
    caught(|| extract::pixels(input, each).map_err(|error| error.to_string()))
}

/// What is wanted of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// What it says; of a container, its documents one by one.
    Document = 0,
    /// The pictures on which text is to be recognised.
    Pixels = 1,
}

/// A request: what is asked (`u8`), the length of the file's name (`u32`, little-endian), the name, the file.
fn split(request: &[u8]) -> Option<(Asked, Input<'_>)> {
    let (asked, rest) = request.split_first()?;
    let asked =
        [Asked::Document, Asked::Pixels].into_iter().find(|known| *known as u8 == *asked)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (name, bytes) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((asked, Input { file_name: std::str::from_utf8(name).ok()?, bytes }))
}

/// Reads documents for one thread.
pub(crate) struct DocumentReader {
    reader: Reader,
    worker: Option<Worker>,
    /// Looked for when the first scan comes.
    tesseract: OnceCell<Option<Tesseract>>,
    told: bool,
}

impl DocumentReader {
    pub(crate) fn new(reader: &Reader) -> DocumentReader {
        let worker = reader.program.clone().map(Worker::new);
        DocumentReader { reader: reader.clone(), worker, tesseract: OnceCell::new(), told: false }
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
        let head = head(Asked::Document, input);
        let request: [&[u8]; 2] = [&head, input.bytes];
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
        each: Each<'_, Item>,
    ) -> Result<(), Unread> {
        self.read_each(Asked::Document, input, token, each, items)
    }

    /// Hands on the pictures of the pages of a document that have no text, until `each` wants no more.
    ///
    /// # Errors
    /// As [`DocumentReader::read`]; what was read before was handed on.
    fn read_pixels(
        &mut self,
        input: &Input<'_>,
        token: &CancellationToken,
        each: Each<'_, Pixels>,
    ) -> Result<(), Unread> {
        self.read_each(Asked::Pixels, input, token, each, pixels)
    }

    fn read_each<T: DeserializeOwned>(
        &mut self,
        asked: Asked,
        input: &Input<'_>,
        token: &CancellationToken,
        each: Each<'_, T>,
        inside: impl FnOnce(&Input<'_>, Each<'_, T>) -> Result<(), String>,
    ) -> Result<(), Unread> {
        let Some(worker) = self.worker.as_mut() else {
            return inside(input, each).map_err(Unread::Failed);
        };
        let megabytes = (input.bytes.len() >> 20) as u32;
        let limits = Limits {
            // From one item to the next.
            time: self.reader.time + TIME_PER_MEGABYTE * megabytes,
            memory: self.reader.memory,
            // Each item is handed on as it comes, and its reader limits what it unpacks.
            output: u64::MAX,
        };
        let head = head(asked, input);
        let request: [&[u8]; 2] = [&head, input.bytes];
        let enough = Cell::new(false);
        let mut failed = None;
        let stop = || token.is_cancelled() || enough.get();
        let done = worker.run(&request, &limits, &stop, &mut |bytes| match postcard::from_bytes::<
            Result<T, String>,
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
                tracing::warn!(file = input.file_name, ?failure, "a file could not be read");
                Err(Unread::Failed(failure.to_string()))
            }
            (Ok(()), Some(reason)) => Err(Unread::Failed(reason)),
            (Ok(()), None) => Ok(()),
        }
    }

    /// Puts the text that is recognised on a scanned document's pages into it, and says in its warnings
    /// what was done or could not be.
    ///
    /// # Errors
    /// [`Unread::Cancelled`] alone: without its text the document is worth keeping too.
    pub(crate) fn recognise(
        &mut self,
        input: &Input<'_>,
        extracted: &mut Extracted,
        token: &CancellationToken,
    ) -> Result<(), Unread> {
        if extracted.scanned == 0 {
            return Ok(());
        }
        let Some(tesseract) = self.tesseract.get_or_init(Tesseract::find).clone() else {
            extracted.warnings.push(without_text(extracted));
            return Ok(());
        };
        let mut pages: BTreeMap<usize, String> = BTreeMap::new();
        let (mut looked_at, mut failed) = (0, None);
        let read = self.read_pixels(input, token, &mut |pixels| {
            match tesseract.read(&pixels, token) {
                Ok(Some(text)) => pages.entry(pixels.page).or_default().push_str(&text),
                Ok(None) => return ControlFlow::Break(()),
                Err(error) => failed = Some(error.to_string()),
            }
            looked_at += 1;
            if looked_at == MAX_RECOGNISED {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        match read {
            // It is stopped like this also once there is enough.
            _ if token.is_cancelled() => return Err(Unread::Cancelled),
            Ok(()) | Err(Unread::Cancelled) => {}
            Err(Unread::Failed(reason)) => failed = Some(reason),
        }
        if let Some(reason) = failed {
            tracing::warn!(file = input.file_name, reason, "text could not be recognised");
            extracted.warnings.push("Not all text on its pictures could be recognised.".to_owned());
        }
        pages.retain(|_, text| text.contains(char::is_alphanumeric));
        extracted.body = extract::with_recognised(extracted, &pages);
        extracted.warnings.push(match (pages.len(), extracted.kind) {
            (0, "pdf") => "No text was recognised on the pages that are pictures.".to_owned(),
            (0, _) => "No text was recognised in it.".to_owned(),
            (1, "pdf") => "The text of a page was recognised from its picture.".to_owned(),
            (count, "pdf") => format!("The text of {count} pages was recognised from pictures."),
            _ => "Its text was recognised from the picture.".to_owned(),
        });
        if looked_at == MAX_RECOGNISED {
            extracted
                .warnings
                .push(format!("Only the first {MAX_RECOGNISED} pictures were looked at."));
        }
        Ok(())
    }
}

/// Said of a scanned document whose text is not recognised.
pub(crate) fn without_text(extracted: &Extracted) -> String {
    const HINT: &str = "with tesseract installed, it is recognised when the file is imported.";
    match (extracted.kind, extracted.scanned) {
        ("pdf", 1) => format!("One page has no text layer: {HINT}"),
        ("pdf", pages) => format!("{pages} pages have no text layer: {HINT}"),
        _ => format!("Text in the picture is not read: {HINT}"),
    }
}

/// What a request begins with, before the file.
fn head(asked: Asked, input: &Input<'_>) -> Vec<u8> {
    let length = (input.file_name.len() as u32).to_le_bytes();
    [&[asked as u8], &length[..], input.file_name.as_bytes()].concat()
}

/// Why there is no [`Extracted`].
#[derive(Debug)]
pub(crate) enum Unread {
    Cancelled,
    /// In words for the person.
    Failed(String),
}
