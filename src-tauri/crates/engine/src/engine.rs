//! The one API. Cheap to clone; every method may be called from any task at any time.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use note::{Clock, Note, NoteDraft, NoteHead, NoteId, Seq, Timestamp};
use store::{Lane, Opens, Read, Store, StoreError, Write};
use tokio::sync::{Notify, Semaphore, broadcast, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::ask::{self, Answer, AnswerProgress, AskRequest, Found, Generate, Turn};
use crate::diagnostics::{Meters, Operation};
use crate::duplicates::{self, Duplicates};
use crate::error::{Code, Error, Result};
use crate::import::Imports;
use crate::indexer::{Indexer, Parsed, ParsedNote, Receivers, Wake};
use crate::language_model::LanguageModels;
use crate::lock::{Claim, DataLock};
use crate::manners::Manners;
use crate::model::{Choices, Generations, ModelSource};
use crate::narrow::{self, Facets};
use crate::passages::{self, Passage, TextMatches};
use crate::priority::{Priority, set_priority};
use crate::reading::Reader;
use crate::search::{self, Hit, Hits, Mode, SearchRequest};
use crate::status::{IndexState, IndexStatus, ModelChange, Waiting};
use crate::watch::Watch;

/// How to open a data folder.
#[derive(Clone)]
pub struct Options {
    pub data_dir: PathBuf,
    pub model: ModelSource,
    /// Searches that may compute at the same time; the others wait and can be cancelled while they do.
    pub searches: usize,
    /// Embed also while the person types and on battery: for commands that wait for it.
    pub eager: bool,
    /// Where the documents of other programs are read: [`crate::reader`] in every program that has the hook.
    pub reader: Reader,
    /// Go on with imports that were cut off, if this process is the first in the folder.
    pub resume_imports: bool,
    pub folders: FolderWatch,
    /// Leave the folder to another process, now or later, which keeps its indexes.
    pub beside: bool,
    /// Keep language models' keys in the system's keyring; else in memory alone.
    pub keyring: bool,
}

/// How watched folders are kept in step, if this process holds the data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FolderWatch {
    /// As the system tells of changes.
    #[default]
    Told,
    /// By looking at the files again and again.
    Polled,
    /// Not at all: for commands that do something else and end.
    Off,
}

impl Options {
    /// With as many searches at a time as the smallest machines have cores.
    pub fn new(data_dir: impl Into<PathBuf>, model: ModelSource) -> Options {
        Options {
            data_dir: data_dir.into(),
            model,
            searches: SEARCHES,
            eager: false,
            reader: Reader::inside(),
            resume_imports: false,
            folders: FolderWatch::default(),
            beside: false,
            keyring: true,
        }
    }
}

/// Where notes are kept unless the person says otherwise: `commonplace` in the user's data folder.
pub fn default_data_dir() -> Option<PathBuf> {
    dirs::data_dir().map(|dir| dir.join("commonplace"))
}

/// Notes that changed and are findable (or no longer are) since the last such event.
#[derive(Clone, Debug, PartialEq)]
pub struct NotesChanged {
    /// Empty: many.
    pub ids: Vec<NoteId>,
    pub seq: Seq,
}

/// One saved note.
pub use store::Saved;

const SEARCHES: usize = 2;
/// Blocking reads at the same time, so that a flood of them cannot take every thread.
const READS: usize = 16;
/// Events that a slow listener may fall behind before it is told that it missed some.
const EVENTS: usize = 256;
/// The status is worked out at most this often.
const STATUS_INTERVAL: Duration = Duration::from_millis(150);
/// Changes not on disk yet among which those that the overlay shows are looked for: lone saves come
/// a few at a time.
const SHOWN_LOOKED_AT: usize = 4096;
/// How long an attachment stays that no note refers to: longer than an import keeps one before its
/// note is stored, and than a person takes to think better of it.
const UNUSED_GRACE: Duration = Duration::from_hours(24);
/// When unused attachments are looked for: not while the app starts, then a few times a day.
const UNUSED_DELAY: Duration = Duration::from_mins(10);
const UNUSED_INTERVAL: Duration = Duration::from_hours(6);
/// How often the store is asked whether another process wrote to it.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) data_dir: PathBuf,
    keyword: Arc<keyword::KeywordIndex>,
    /// Which model there is where the person has picked none.
    pub(crate) source: ModelSource,
    pub(crate) generations: RwLock<Generations>,
    pub(crate) search_permits: Semaphore,
    /// How many there are.
    pub(crate) searches: usize,
    pub(crate) meters: Meters,
    pub(crate) manners: Manners,
    read_permits: Semaphore,
    pub(crate) closing: CancellationToken,
    /// Saved by a person and not yet findable by words.
    pub(crate) fresh: Mutex<Vec<NoteId>>,
    /// Saved by a person and in the hands of the saved lane, which embeds them.
    pub(crate) urgent: Mutex<Vec<NoteId>>,
    /// Held while vectors go from the store into the index, so that an older state never follows a newer.
    pub(crate) applying: Mutex<()>,
    pub(crate) parsed: Parsed,
    /// The words lane has more than one batch before it.
    pub(crate) words_behind: AtomicBool,
    /// Seqs that the overlay shows and the disk index does not hold yet.
    shown: Mutex<BTreeSet<Seq>>,
    /// How often notes were opened: as stored, for searches, which do not ask the store.
    pub(crate) opens: RwLock<HashMap<NoteId, Opens>>,
    pub(crate) status: watch::Sender<IndexStatus>,
    pub(crate) status_changed: Notify,
    changes: broadcast::Sender<NotesChanged>,
    wake_fresh: Wake,
    pub(crate) wake_words: Wake,
    wake_saved: Wake,
    pub(crate) wake_meaning: Wake,
    pub(crate) wake_vectors: Wake,
    pub(crate) wake_graphs: Wake,
    failures: Mutex<Failures>,
    paused: AtomicBool,
    /// New indexes are wanted, by the person or because the old ones do not belong to this store; the
    /// lanes that own them answer.
    pub(crate) rebuild_words: AtomicBool,
    pub(crate) rebuild_vectors: AtomicBool,
    /// A new keyword index is being filled.
    refilling: AtomicBool,
    read_only: bool,
    /// Why nothing can be saved in the data folder, if so.
    unwritable: Option<String>,
    tabs: Mutex<HashMap<String, CancellationToken>>,
    /// Ends the search for duplicates that was begun last.
    duplicates: Mutex<CancellationToken>,
    pub(crate) imports: Imports,
    pub(crate) reader: Reader,
    pub(crate) watch: Watch,
    generator: RwLock<Option<Arc<dyn Generate>>>,
    /// Threads that load a model beside the lanes. A program that ends meanwhile takes the ONNX runtime's
    /// tables from under them, and crashes.
    loaders: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) language_models: LanguageModels,
    lock: Option<DataLock>,
}

#[derive(Default)]
struct Failures {
    words: Option<String>,
    meaning: Option<String>,
}

#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
    indexer: Arc<Mutex<Vec<Indexer>>>,
}

impl Engine {
    /// Opens or creates a data folder. The first process there keeps the indexes; a later one gets
    /// an engine that reads them and saves through the store (see [`Engine::read_only`]). In a folder that
    /// cannot be written everything can be found and read; the status says why nothing can be saved.
    /// Indexes that are missing, stale or damaged are made anew in the background.
    pub async fn open(options: Options) -> Result<Engine> {
        let resume = options.resume_imports;
        let engine = tokio::task::spawn_blocking(move || Engine::open_blocking(options))
            .await
            .map_err(Error::internal)??;
        if resume && !engine.read_only() {
            engine.resume_interrupted().await?;
        }
        Ok(engine)
    }

    fn open_blocking(options: Options) -> Result<Engine> {
        let dir = &options.data_dir;
        std::fs::create_dir_all(dir)
            .map_err(|error| Error::internal(format!("{}: {error}", dir.display())))?;
        let claim = if options.beside { Claim::Elsewhere } else { DataLock::take(dir)? };
        let (lock, unwritable) = match claim {
            Claim::Held(lock) => (Some(lock), None),
            Claim::Elsewhere => (None, None),
            Claim::Unwritable(why) => (None, Some(why)),
        };
        let read_only = lock.is_none();
        let store = match &unwritable {
            None => Store::open(dir)?,
            Some(why) => Store::open_unwritable(dir)
                .map_err(|error| Error::internal(format!("{why}; {error}")))?,
        };
        let access = if read_only { keyword::Access::ReadOnly } else { keyword::Access::ReadWrite };
        let (keyword, opened) =
            keyword::KeywordIndex::open(&dir.join("keyword"), store.uuid(), access)?;
        let refilling = match &opened {
            keyword::Opened::Kept => false,
            keyword::Opened::Fresh(reason) => {
                tracing::info!(%reason, "the keyword index is made anew");
                store.last_seq() > Seq(0)
            }
        };
        // An older copy of the store was put back: its next seqs are not those that the index knows.
        let ahead = !read_only && keyword.cursor() > store.last_seq();
        let (wake_fresh, fresh) = Wake::new();
        let (wake_words, words) = Wake::new();
        let (wake_saved, saved) = Wake::new();
        let (wake_meaning, meaning) = Wake::new();
        let (wake_vectors, vectors) = Wake::new();
        let (wake_graphs, graphs) = Wake::new();
        let paused =
            store.read(|read| read.setting(PAUSED_SETTING))?.is_some_and(|value| value == "true");
        keyword.set_synonyms(&store.read(stored_synonyms)?);
        let battery_allowed =
            store.read(|read| read.setting(BATTERY_SETTING))?.is_some_and(|value| value == "true");
        let choices = store.read(Choices::read)?;
        let inner = Arc::new(Inner {
            data_dir: dir.clone(),
            keyword: Arc::new(keyword),
            generations: RwLock::new(Generations::new(&options.model, choices)),
            source: options.model,
            search_permits: Semaphore::new(options.searches),
            searches: options.searches,
            meters: Meters::default(),
            manners: Manners::new(options.eager, battery_allowed),
            read_permits: Semaphore::new(READS),
            closing: CancellationToken::new(),
            fresh: Mutex::default(),
            urgent: Mutex::default(),
            applying: Mutex::default(),
            parsed: Parsed::default(),
            words_behind: AtomicBool::new(false),
            shown: Mutex::default(),
            opens: RwLock::new(store.read(|read| read.opens())?.into_iter().collect()),
            status: watch::Sender::new(IndexStatus { read_only, ..IndexStatus::default() }),
            status_changed: Notify::new(),
            changes: broadcast::Sender::new(EVENTS),
            wake_fresh,
            wake_words,
            wake_saved,
            wake_meaning,
            wake_vectors,
            wake_graphs,
            failures: Mutex::default(),
            paused: AtomicBool::new(paused),
            rebuild_words: AtomicBool::new(ahead),
            rebuild_vectors: AtomicBool::new(false),
            refilling: AtomicBool::new(refilling),
            read_only,
            unwritable,
            tabs: Mutex::default(),
            duplicates: Mutex::default(),
            imports: Imports::default(),
            reader: options.reader,
            watch: Watch::default(),
            generator: RwLock::default(),
            loaders: Mutex::default(),
            language_models: LanguageModels::new(options.keyring),
            store,
            lock,
        });
        inner.status.send_replace(inner.work_out_status()?);
        let mut lanes = Vec::new();
        if read_only {
            inner.load_beside();
        } else {
            lanes.push(Indexer::start(
                &inner,
                Receivers { fresh, words, saved, meaning, vectors, graphs },
            )?);
            let lanes = [&inner.wake_words, &inner.wake_meaning, &inner.wake_vectors];
            let lanes = lanes.map(Wake::clone);
            inner.store.on_commit(Box::new(move |_, _| lanes.iter().for_each(Wake::wake)));
            if options.folders != FolderWatch::Off {
                Watch::start(&inner, options.folders == FolderWatch::Polled)?;
            }
        }
        tokio::runtime::Handle::current().spawn(publish_status(inner.clone()));
        tokio::runtime::Handle::current().spawn(watch_other_processes(inner.clone()));
        let engine = Engine { inner, indexer: Arc::new(Mutex::new(lanes)) };
        if !read_only {
            tokio::runtime::Handle::current().spawn(clean_up(engine.inner.clone()));
        }
        Ok(engine)
    }

    /// Finishes the batch in hand, commits both indexes, drains the store and leaves the folder to who
    /// opens it next. Later calls fail.
    pub async fn close(&self) -> Result<()> {
        self.inner.imports.stop_all();
        self.inner.closing.cancel();
        self.inner.watch.stop();
        let inner = self.inner.clone();
        let lanes = std::mem::take(&mut *self.indexer.lock().expect("no panic while held"));
        tokio::task::spawn_blocking(move || {
            for wake in [
                &inner.wake_fresh,
                &inner.wake_words,
                &inner.wake_saved,
                &inner.wake_meaning,
                &inner.wake_vectors,
                &inner.wake_graphs,
            ] {
                wake.wake();
            }
            inner.imports.join();
            inner.watch.join();
            for lane in lanes {
                lane.join();
            }
            for loader in std::mem::take(&mut *inner.loaders.lock().expect("no panic while held")) {
                if loader.join().is_err() {
                    tracing::error!("a thread that loaded a model panicked");
                }
            }
            inner.keyword.close()?;
            inner.store.close()?;
            inner.lock.as_ref().map_or(Ok(()), DataLock::release)
        })
        .await
        .map_err(Error::internal)?
    }

    /// True in a process that came second to its data folder, or cannot write there at all.
    pub fn read_only(&self) -> bool {
        self.inner.read_only
    }

    pub fn data_dir(&self) -> &Path {
        &self.inner.data_dir
    }

    pub fn status(&self) -> watch::Receiver<IndexStatus> {
        self.inner.status.subscribe()
    }

    /// Works the status out now instead of waiting for its next publication.
    pub async fn status_now(&self) -> Result<IndexStatus> {
        self.blocking(|inner| inner.work_out_status()).await
    }

    pub fn changes(&self) -> broadcast::Receiver<NotesChanged> {
        self.inner.changes.subscribe()
    }

    /// Waits until both indexes hold everything that they can, or have failed.
    pub async fn settled(&self) -> Result<IndexStatus> {
        let mut receiver = self.status();
        loop {
            let status = self.status_now().await?;
            if status.is_settled()
                || status.words_state == IndexState::Failed
                || status.meaning_state == IndexState::Failed
            {
                return Ok(status);
            }
            receiver.changed().await.map_err(Error::internal)?;
        }
    }

    /// Saves a note; when this returns, it is on disk. `id` `None` makes a new one. `base` is the
    /// revision that the caller edited: if the note has moved on since, the answer is
    /// [`Code::Conflict`] and nothing is changed.
    #[tracing::instrument(level = "debug", name = "save", skip_all)]
    pub async fn save_note(
        &self,
        id: Option<NoteId>,
        base: Option<u32>,
        draft: NoteDraft,
    ) -> Result<Saved> {
        check_draft(&draft)?;
        let started = Instant::now();
        self.inner.manners.typed();
        let draft = with_plain_line_ends(draft);
        let analysis = Arc::new(note::analyse(&draft.body));
        let now = self.inner.clock().now;
        let (inner, found) = (self.inner.clone(), analysis.clone());
        self.write_fresh(
            move |write| write.save_note(id, base, &draft, &analysis, now),
            move |saved| {
                inner.meters.record(Operation::Save, started.elapsed());
                if !saved.unchanged {
                    inner.parsed.put([(saved.id, saved.seq, ParsedNote::Analysis(found))]);
                }
                vec![saved.id]
            },
        )
        .await
    }

    /// Saves many new notes as one bulk operation: all are durable when this returns, or none is.
    pub async fn save_notes(&self, drafts: Vec<NoteDraft>) -> Result<Vec<Saved>> {
        for draft in &drafts {
            check_draft(draft)?;
        }
        let drafts: Vec<NoteDraft> = drafts.into_iter().map(with_plain_line_ends).collect();
        let now = self.inner.clock().now;
        self.write(Lane::Bulk, move |write| {
            drafts
                .iter()
                .map(|draft| write.save_note(None, None, draft, &note::analyse(&draft.body), now))
                .collect()
        })
        .await
    }

    pub async fn note(&self, id: NoteId) -> Result<Note> {
        self.read(move |read| read.note(id))
            .await?
            .ok_or_else(|| Error::not_found(format!("there is no note {id}")))
    }

    pub async fn heads(&self, ids: Vec<NoteId>) -> Result<Vec<NoteHead>> {
        self.read(move |read| read.heads(&ids)).await
    }

    pub async fn list(&self, filter: store::ListFilter) -> Result<(usize, Vec<NoteHead>)> {
        self.read(move |read| read.list(&filter)).await
    }

    pub async fn trash(&self, ids: Vec<NoteId>) -> Result<()> {
        let now = self.inner.clock().now;
        self.each(ids, move |write, id| write.set_trashed(id, Some(now))).await
    }

    pub async fn restore(&self, ids: Vec<NoteId>) -> Result<()> {
        self.each(ids, |write, id| write.set_trashed(id, None)).await
    }

    /// Deletes for good.
    pub async fn delete(&self, ids: Vec<NoteId>) -> Result<()> {
        self.each(ids, |write, id| write.delete_note(id)).await
    }

    /// Deletes for good all that is in the trash; returns how many notes.
    pub async fn empty_trash(&self) -> Result<usize> {
        let (_, heads) = self
            .list(store::ListFilter {
                view: store::View::Trash,
                limit: usize::MAX >> 1,
                ..Default::default()
            })
            .await?;
        let ids: Vec<NoteId> = heads.iter().map(|head| head.id).collect();
        let count = ids.len();
        self.delete(ids).await?;
        Ok(count)
    }

    pub async fn set_pinned(&self, id: NoteId, pinned: bool) -> Result<Saved> {
        self.write_fresh(move |write| write.set_pinned(id, pinned), |saved| vec![saved.id]).await
    }

    pub async fn move_notes(&self, ids: Vec<NoteId>, notebook: String) -> Result<()> {
        let notebook = clean_notebook(&notebook)?;
        self.each(ids, move |write, id| write.move_note(id, &notebook)).await
    }

    pub async fn create_notebook(&self, path: String) -> Result<()> {
        let path = clean_notebook(&path)?;
        self.write(Lane::Interactive, move |write| write.create_notebook(&path)).await
    }

    pub async fn rename_notebook(&self, from: String, to: String) -> Result<()> {
        let to = clean_notebook(&to)?;
        self.write(Lane::Interactive, move |write| write.rename_notebook(&from, &to))
            .await
            .map(drop)
    }

    /// Its notes go to the notebook above.
    pub async fn delete_notebook(&self, path: String) -> Result<()> {
        self.write(Lane::Interactive, move |write| write.delete_notebook(&path)).await.map(drop)
    }

    /// Keeps `bytes` once by content and attaches them to a note under `name`.
    pub async fn attach(
        &self,
        note: NoteId,
        name: String,
        bytes: Vec<u8>,
    ) -> Result<store::AttachmentRef> {
        let mime = extract::media_type(&name).to_owned();
        let size = bytes.len() as u64;
        let digest = self.blocking(move |inner| Ok(inner.store.put_attachment(&bytes)?)).await?;
        let attachment =
            store::AttachmentRef { name, digest, mime, size, role: store::Role::Embed };
        let row = attachment.clone();
        self.write(Lane::Interactive, move |write| write.attach(note, &row)).await?;
        Ok(attachment)
    }

    /// Attaches a copy of a picture's file.
    ///
    /// # Errors
    /// [`Code::Invalid`] if it cannot be read, is no picture, or is larger than 64 MB.
    pub async fn attach_picture(
        &self,
        note: NoteId,
        path: PathBuf,
    ) -> Result<store::AttachmentRef> {
        const MAX: u64 = 64 << 20;
        let shown = path.display().to_string();
        let failed = |reason: String| Error::invalid(format!("{shown}: {reason}"));
        // Without what ends a link to it.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.replace(['[', ']', '|', '#', '^', '\n', '\r'], " ");
        if !extract::media_type(&name).starts_with("image/") {
            return Err(failed("only pictures are attached; import other files".to_owned()));
        }
        let read = self.blocking(move |_| {
            let size = std::fs::metadata(&path).map(|metadata| metadata.len());
            Ok(size.and_then(|size| match size {
                ..=MAX => std::fs::read(&path).map(Some),
                _ => Ok(None),
            }))
        });
        let bytes = read.await?.map_err(|error| failed(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| failed(format!("larger than {} MB", MAX >> 20)))?;
        self.attach(note, name, bytes).await
    }

    /// Where an attachment's bytes are.
    pub fn attachment_path(&self, digest: &store::Digest) -> PathBuf {
        self.inner.store.attachment_path(digest)
    }

    /// Removes attachments that no note refers to and that nobody has wanted for `grace`. Happens by itself, with a
    /// day of grace, in the process that holds the data folder.
    pub async fn remove_unused_attachments(&self, grace: Duration) -> Result<store::Removed> {
        self.blocking(move |inner| {
            let cancelled = || inner.closing.is_cancelled();
            Ok(inner.store.remove_unused_attachments(grace, &cancelled)?)
        })
        .await
    }

    /// Ticks or unticks the task on one line of a note, as the note is now.
    pub async fn toggle_task(&self, id: NoteId, line: usize, done: bool) -> Result<Saved> {
        let note = self.note(id).await?;
        let analysis = note::analyse(&note.body);
        let task = analysis.tasks.iter().find(|task| task.line == line).ok_or_else(|| {
            Error::not_found(format!("note {id} has no task on line {}", line + 1))
        })?;
        let mut body = note.body.clone();
        body.replace_range(task.marker.clone(), if done { "[x]" } else { "[ ]" });
        self.save_note(Some(id), Some(note.revision), NoteDraft { body, ..draft_of(&note) }).await
    }

    /// Makes an earlier revision the present one; what was there becomes a revision itself.
    pub async fn restore_revision(&self, id: NoteId, revision: u32) -> Result<Saved> {
        let kept = self
            .read(move |read| read.revision(id, revision))
            .await?
            .ok_or_else(|| Error::not_found(format!("note {id} has no revision {revision}")))?;
        let note = self.note(id).await?;
        let draft = NoteDraft { title: kept.title, body: kept.body, ..draft_of(&note) };
        let analysis = note::analyse(&draft.body);
        let now = self.inner.clock().now;
        self.write_fresh(
            move |write| {
                write.keep_revision(id, now)?;
                write.save_note(Some(id), None, &draft, &analysis, now)
            },
            |saved| vec![saved.id],
        )
        .await
    }

    /// Today's note in the notebook Journal, made if it is not there yet.
    pub async fn daily_note(&self) -> Result<NoteId> {
        const JOURNAL: &str = "Journal";
        let title = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
        let name = format!("{JOURNAL}/{title}");
        if let Some(id) = self.read(move |read| read.resolve_name(&name)).await? {
            return Ok(id);
        }
        let draft = NoteDraft { title, notebook: JOURNAL.to_owned(), ..NoteDraft::default() };
        Ok(self.save_note(None, None, draft).await?.id)
    }

    /// One search. A newer search with the same `tab` cancels the older one before it computes; the
    /// order is that of the calls, whenever the answers are first waited for.
    pub fn search_in_tab(
        &self,
        tab: &str,
        request: SearchRequest,
    ) -> impl Future<Output = Result<Hits>> + Send + use<> {
        let inner = self.inner.clone();
        if request.typing {
            inner.manners.typed();
        }
        let token = inner.closing.child_token();
        let older =
            inner.tabs.lock().expect("no panic while held").insert(tab.to_owned(), token.clone());
        if let Some(older) = older {
            older.cancel();
        }
        async move { search::search(&inner, request, token).await }
    }

    pub fn cancel_search(&self, tab: &str) {
        if let Some(token) = self.inner.tabs.lock().expect("no panic while held").remove(tab) {
            token.cancel();
        }
    }

    pub async fn search(&self, request: SearchRequest, token: CancellationToken) -> Result<Hits> {
        search::search(&self.inner, request, token).await
    }

    /// The passages that answer a question in plain words, quoted as they stand in their notes.
    ///
    /// # Errors
    /// [`Code::Cancelled`] within a moment after `token` is cancelled.
    pub async fn find_answer(
        &self,
        request: AskRequest,
        token: CancellationToken,
    ) -> Result<Found> {
        ask::find(&self.inner, request, token).await
    }

    /// Answers a question: by the language model that is set, from the passages found, or else by their own
    /// sentences. `before`: the conversation so far. `on` is told what happens until then.
    ///
    /// # Errors
    /// [`Code::Cancelled`] within a moment after `token` is cancelled. A model that fails is no error: the answer
    /// says so.
    pub async fn answer(
        &self,
        request: AskRequest,
        before: Vec<Turn>,
        token: CancellationToken,
        on: &mut (dyn FnMut(AnswerProgress) + Send),
    ) -> Result<Answer> {
        let model = self.generator().await?;
        ask::answer(&self.inner, model, request, before, token, on).await
    }

    /// Lets another language model write answers from now on than the one that the settings name.
    pub fn set_generator(&self, model: Arc<dyn Generate>) {
        *self.inner.generator.write().expect("no panic while held") = Some(model);
    }

    /// The language model that writes answers; none: answers are sentences of the notes.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub async fn generator(&self) -> Result<Option<Arc<dyn Generate>>> {
        let set = self.inner.generator.read().expect("no panic while held").clone();
        match set {
            Some(model) => Ok(Some(model)),
            None => self.set_up_model().await,
        }
    }

    /// How a note's score by words came about, one reason a line; `None` where it is no hit by words.
    pub async fn explain(&self, text: String, id: NoteId) -> Result<Option<String>> {
        self.blocking(move |inner| {
            Ok(inner.keyword().explain(&note::parse(&text, false, &inner.clock()), id))
        })
        .await
    }

    /// What the notes with a query's words have in common. `typing` as in [`SearchRequest`].
    pub async fn facets(&self, text: String, typing: bool) -> Result<Facets> {
        let _permit = self.inner.search_permits.acquire().await.map_err(Error::internal)?;
        self.blocking(move |inner| narrow::facets(inner, &text, typing)).await
    }

    /// How many notes each of these queries finds by words.
    pub async fn count(&self, texts: Vec<String>) -> Result<Vec<usize>> {
        self.blocking(move |inner| {
            let clock = inner.clock();
            let count =
                |text: &String| inner.keyword().count(&note::parse(text, false, &clock).expr);
            Ok(texts.iter().map(count).collect::<std::result::Result<_, _>>()?)
        })
        .await
    }

    /// The best passages of a note for a query, in the order in which they stand there; none for a query of
    /// filters only.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such note.
    pub async fn passages(&self, id: NoteId, text: String, mode: Mode) -> Result<Vec<Passage>> {
        self.blocking(move |inner| passages::passages(inner, id, &text, mode)).await
    }

    /// Every place in a text that matches a query by words. `markdown`: the text is a note's body, of which
    /// only what is read counts.
    pub async fn matches(
        &self,
        text: String,
        query: String,
        markdown: bool,
    ) -> Result<TextMatches> {
        self.blocking(move |inner| Ok(passages::matches(inner, &text, &query, markdown))).await
    }

    /// Notes nearest to one note by meaning.
    pub async fn related(&self, id: NoteId, limit: usize) -> Result<Vec<Hit>> {
        self.blocking(move |inner| search::related(inner, id, limit)).await
    }

    /// Groups of nearly identical notes, worked out beside everything else; `progress` is told a share of the
    /// whole, 0 to 1. A newer call ends an older one.
    ///
    /// # Errors
    /// [`Code::Cancelled`] within a moment after [`Engine::cancel_duplicates`] or a newer call.
    pub async fn duplicates(&self, progress: impl Fn(f32) + Send + 'static) -> Result<Duplicates> {
        let (sender, receiver) = oneshot::channel();
        let inner = self.inner.clone();
        let token = inner.closing.child_token();
        let older = std::mem::replace(
            &mut *inner.duplicates.lock().expect("no panic while held"),
            token.clone(),
        );
        older.cancel();
        let run = move || {
            set_priority(Priority::Low);
            // The caller may have gone away.
            drop(sender.send(duplicates::find(&inner, &token, &progress)));
        };
        let thread = std::thread::Builder::new().name("duplicates".to_owned()).spawn(run);
        thread.map_err(Error::internal)?;
        receiver.await.map_err(Error::internal)?
    }

    pub fn cancel_duplicates(&self) {
        self.inner.duplicates.lock().expect("no panic while held").cancel();
    }

    pub async fn setting(&self, key: &'static str) -> Result<Option<String>> {
        self.read(move |read| read.setting(key)).await
    }

    /// Stores one JSON text.
    pub async fn set_setting(&self, key: &'static str, json: String) -> Result<()> {
        self.write(Lane::Interactive, move |write| write.put_setting(key, &json)).await
    }

    /// Counts that the person opened a note: among hits as good as each other, the ones that are used
    /// come first.
    pub async fn count_open(&self, id: NoteId) -> Result<()> {
        let now = self.inner.clock().now;
        match self.write(Lane::Interactive, move |write| write.count_open(id, now)).await {
            // It counts for as long as this process runs.
            Err(error) if error.code == Code::ReadOnly => {}
            counted => counted?,
        }
        let mut opens = self.inner.opens.write().expect("no panic while held");
        let known = opens.entry(id).or_insert(Opens { count: 0, last: now });
        *known = Opens { count: known.count + 1, last: now };
        Ok(())
    }

    /// Groups of words and phrases that the person takes for the same.
    pub async fn synonyms(&self) -> Result<Vec<Vec<String>>> {
        self.read(stored_synonyms).await
    }

    /// Stores groups of words and phrases that mean the same, without doubles, and without groups of
    /// fewer than two; gives them as stored. From then on a note with one of a group is found by the
    /// others.
    ///
    /// # Errors
    /// [`Code::Invalid`] where there are more groups or words than can be looked up quickly.
    pub async fn set_synonyms(&self, groups: Vec<Vec<String>>) -> Result<Vec<Vec<String>>> {
        let groups = clean_synonyms(groups)?;
        let json = serde_json::to_string(&groups).map_err(Error::internal)?;
        self.set_setting(SYNONYMS_SETTING, json).await?;
        self.inner.keyword().set_synonyms(&groups);
        Ok(groups)
    }

    /// Pauses or resumes embedding; notes saved meanwhile are found by words.
    pub async fn pause_meaning(&self, paused: bool) -> Result<()> {
        self.inner.paused.store(paused, Ordering::Relaxed);
        self.inner.wake_meaning.wake();
        self.inner.status_changed.notify_one();
        self.set_setting(PAUSED_SETTING, paused.to_string()).await
    }

    /// Whether embedding goes on while the computer runs on battery.
    pub async fn allow_meaning_on_battery(&self, allowed: bool) -> Result<()> {
        self.inner.manners.allow_battery(allowed);
        self.inner.wake_meaning.wake();
        self.inner.status_changed.notify_one();
        self.set_setting(BATTERY_SETTING, allowed.to_string()).await
    }

    /// Forgets both indexes and makes them anew from the store, in the background: the status says
    /// so until they are whole. Nothing is embedded again.
    pub async fn rebuild_indexes(&self) -> Result<()> {
        if let Some(why) = &self.inner.unwritable {
            return Err(Error::new(Code::ReadOnly, why));
        }
        if self.inner.read_only {
            return Err(Error::new(
                Code::ReadOnly,
                "Commonplace is open in another window, which keeps the indexes: rebuild them there.",
            ));
        }
        self.inner.rebuild_words.store(true, Ordering::Relaxed);
        self.inner.rebuild_vectors.store(true, Ordering::Relaxed);
        self.inner.wake_words.wake();
        self.inner.wake_vectors.wake();
        self.inner.status_changed.notify_one();
        Ok(())
    }

    /// Reads from the store in one consistent snapshot.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Read<'_>) -> std::result::Result<T, StoreError> + Send + 'static,
    ) -> Result<T> {
        self.blocking(move |inner| Ok(inner.store.read(read)?)).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        lane: Lane,
        op: impl FnOnce(&mut Write<'_>) -> std::result::Result<T, StoreError> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        self.inner.store.submit(lane, op, move |result| {
            // The caller may have gone away; the write stands all the same.
            drop(sender.send(result));
        });
        Ok(receiver.await.map_err(Error::internal)??)
    }

    /// A person's own write: what it touched is findable at once.
    pub(crate) async fn write_fresh<T: Send + 'static>(
        &self,
        op: impl FnOnce(&mut Write<'_>) -> std::result::Result<T, StoreError> + Send + 'static,
        touched: impl FnOnce(&T) -> Vec<NoteId> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let inner = self.inner.clone();
        self.inner.store.submit(Lane::Interactive, op, move |result| {
            if let Ok(value) = &result {
                inner.saved(&touched(value));
            }
            drop(sender.send(result));
        });
        Ok(receiver.await.map_err(Error::internal)??)
    }

    async fn each<T: Send + 'static>(
        &self,
        ids: Vec<NoteId>,
        op: impl Fn(&mut Write<'_>, NoteId) -> std::result::Result<T, StoreError> + Send + 'static,
    ) -> Result<()> {
        self.write_fresh(
            move |write| {
                for id in &ids {
                    op(write, *id)?;
                }
                Ok(ids)
            },
            Vec::clone,
        )
        .await
        .map(drop)
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Arc<Inner>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        let _permit = self.inner.read_permits.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || run(&inner)).await.map_err(Error::internal)?
    }
}

const PAUSED_SETTING: &str = "meaning_paused";
const BATTERY_SETTING: &str = "meaning_on_battery";
const SYNONYMS_SETTING: &str = "synonyms";
/// Groups of synonyms, words of one group, and characters of one word.
const MAX_SYNONYM_GROUPS: usize = 1_000;
const MAX_SYNONYMS: usize = 30;
const MAX_SYNONYM_CHARS: usize = 100;

/// The person's groups of synonyms; what cannot be read counts as none, so that notes are still found.
fn stored_synonyms(read: &Read<'_>) -> std::result::Result<Vec<Vec<String>>, StoreError> {
    let stored = read.setting(SYNONYMS_SETTING)?;
    Ok(stored
        .and_then(|json| {
            serde_json::from_str(&json)
                .inspect_err(|error| tracing::error!(%error, "the synonyms are unreadable"))
                .ok()
        })
        .unwrap_or_default())
}

fn clean_synonyms(groups: Vec<Vec<String>>) -> Result<Vec<Vec<String>>> {
    let mut cleaned: Vec<Vec<String>> = Vec::new();
    for group in groups {
        let mut words: Vec<String> = Vec::new();
        for word in group {
            let word = word.split_whitespace().collect::<Vec<_>>().join(" ");
            if word.chars().count() > MAX_SYNONYM_CHARS {
                return Err(Error::invalid(format!(
                    "A synonym has at most {MAX_SYNONYM_CHARS} characters: “{}…” is longer.",
                    word.chars().take(20).collect::<String>()
                )));
            }
            let known = words.iter().any(|held| note::fold(held) == note::fold(&word));
            if word.chars().any(char::is_alphanumeric) && !known {
                words.push(word);
            }
        }
        if words.len() > MAX_SYNONYMS {
            return Err(Error::invalid(format!(
                "A group has at most {MAX_SYNONYMS} synonyms: the one of “{}” has {}.",
                words[0],
                words.len()
            )));
        }
        if words.len() > 1 {
            cleaned.push(words);
        }
    }
    if cleaned.len() > MAX_SYNONYM_GROUPS {
        return Err(Error::invalid(format!(
            "There are at most {MAX_SYNONYM_GROUPS} groups of synonyms, not {}.",
            cleaned.len()
        )));
    }
    Ok(cleaned)
}

/// What a person could edit of a stored note.
pub fn draft_of(note: &Note) -> NoteDraft {
    NoteDraft {
        title: note.title.clone(),
        body: note.body.clone(),
        front_matter: note.front_matter.clone(),
        tags: note.tags.clone(),
        notebook: note.notebook.clone(),
        kind: note.kind,
        pinned: note.pinned,
        created: Some(note.created),
        updated: None,
    }
}

fn check_draft(draft: &NoteDraft) -> Result<()> {
    if draft.title.contains(['\n', '\r', '\0']) {
        return Err(Error::invalid("a title is one line of text"));
    }
    clean_notebook(&draft.notebook).map(drop)
}

/// Notes have `\n` line ends, as editors and importers make them.
fn with_plain_line_ends(mut draft: NoteDraft) -> NoteDraft {
    if draft.body.contains('\r') {
        draft.body = draft.body.replace("\r\n", "\n").replace('\r', "\n");
    }
    draft
}

/// A notebook path without empty parts and outer spaces.
pub(crate) fn clean_notebook(path: &str) -> Result<String> {
    if path.chars().any(char::is_control) {
        return Err(Error::invalid("a notebook's name is one line of text"));
    }
    let parts: Vec<&str> = path.split('/').map(str::trim).filter(|part| !part.is_empty()).collect();
    Ok(parts.join("/"))
}

impl Inner {
    pub(crate) fn clock(&self) -> Clock {
        let now = jiff::Zoned::now();
        Clock {
            now: Timestamp(now.timestamp().as_millisecond()),
            utc_offset: now.offset().seconds(),
        }
    }

    pub(crate) fn keyword(&self) -> &keyword::KeywordIndex {
        &self.keyword
    }

    pub(crate) fn read_only(&self) -> bool {
        self.read_only
    }

    /// Loads the model and opens its index where no lane does it, because the status needs both to be true.
    fn load_beside(self: &Arc<Self>) {
        let inner = self.clone();
        let loader = std::thread::spawn(move || {
            if inner.closing.is_cancelled() {
                return;
            }
            if let Err(error) = inner.serving().open_index(&inner, true) {
                tracing::info!("{error}");
            }
            inner.status_changed.notify_one();
        });
        let mut loaders = self.loaders.lock().expect("no panic while held");
        loaders.retain(|loader| !loader.is_finished());
        loaders.push(loader);
    }

    pub(crate) fn meaning_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Why the backlog of notes to embed has to wait for now, if it has to. What a person just saved
    /// never waits.
    pub(crate) fn meaning_waits(&self) -> Option<Waiting> {
        if self.meaning_paused() {
            Some(Waiting::Paused)
        } else if self.words_behind.load(Ordering::Relaxed) || self.manners.is_flooded() {
            Some(Waiting::Words)
        } else if self.manners.is_typing() {
            Some(Waiting::Typing)
        } else if self.manners.on_battery() {
            Some(Waiting::Battery)
        } else {
            None
        }
    }

    /// A person's write is durable: make it findable ahead of everything else.
    pub(crate) fn saved(&self, ids: &[NoteId]) {
        if self.read_only {
            return;
        }
        self.fresh.lock().expect("no panic while held").extend(ids);
        self.wake_fresh.wake();
        if !self.serving().model.is_unavailable() {
            self.urgent.lock().expect("no panic while held").extend(ids);
            self.wake_saved.wake();
        }
    }

    /// The overlay shows these versions.
    pub(crate) fn shown_fresh(&self, notes: &[(NoteId, Seq)], touched: &[NoteId]) {
        self.shown.lock().expect("no panic while held").extend(notes.iter().map(|(_, seq)| *seq));
        self.announce(touched.to_vec());
    }

    pub(crate) fn is_shown(&self, seq: Seq) -> bool {
        self.shown.lock().expect("no panic while held").contains(&seq)
    }

    /// The disk index holds everything up to `seq`.
    pub(crate) fn committed(&self, seq: Seq, caught_up: bool) {
        let mut shown = self.shown.lock().expect("no panic while held");
        *shown = shown.split_off(&Seq(seq.0 + 1));
        if caught_up {
            self.refilling.store(false, Ordering::Relaxed);
        }
    }

    /// Empties the keyword index for a rebuild.
    pub(crate) fn start_refill(&self) -> Result<()> {
        self.keyword.clear()?;
        self.shown.lock().expect("no panic while held").clear();
        self.refilling.store(true, Ordering::Relaxed);
        self.rebuild_words.store(false, Ordering::Release);
        Ok(())
    }

    pub(crate) fn announce(&self, ids: Vec<NoteId>) {
        // Nobody listening is no error.
        drop(self.changes.send(NotesChanged { ids, seq: self.store.last_seq() }));
    }

    pub(crate) fn words_failed(&self, message: Option<String>) {
        if let Some(message) = &message {
            tracing::error!("{message}");
        }
        self.failures.lock().expect("no panic while held").words = message;
        self.status_changed.notify_one();
    }

    pub(crate) fn meaning_failed(&self, message: Option<String>) {
        if let Some(message) = &message {
            tracing::error!("{message}");
        }
        self.failures.lock().expect("no panic while held").meaning = message;
        self.status_changed.notify_one();
    }

    pub(crate) fn work_out_status(&self) -> Result<IndexStatus> {
        // Before the cursor: once a rebuild is no longer asked for, the cursor is the new index's.
        let rebuild_asked = self.rebuild_words.load(Ordering::Acquire);
        let cursor = self.keyword.cursor();
        let shown = self.shown.lock().expect("no panic while held").clone();
        let (serving, next) = (self.serving(), self.next_generation());
        let model = serving.model.ready();
        let model_id = model.as_ref().map(|model| model.model_id().to_owned());
        let (counts, changed, shown, pending, last_vector_seq, next_pending) =
            self.store.read(|read| {
                let counts = read.counts(model_id.as_deref().unwrap_or_default())?;
                let pending = match &model_id {
                    Some(id) => read.pending_chunks_count(id)?,
                    None => counts.notes,
                };
                let changed = read.count_changes_since(cursor)?;
                // A note that was shown and has changed again since stands under its later seq.
                let shown = match shown.len() {
                    0 => 0,
                    _ => read
                        .changes_since(cursor, SHOWN_LOOKED_AT)?
                        .iter()
                        .filter(|change| shown.contains(&change.seq))
                        .count(),
                };
                let last_vector_seq =
                    read.last_vector_seq(model_id.as_deref().unwrap_or_default())?;
                let next_pending = match read.next_model()? {
                    Some(next) if read.next_model_listed()? => read.pending_chunks_count(&next)?,
                    _ => counts.notes,
                };
                Ok((counts, changed, shown, pending, last_vector_seq, next_pending))
            })?;
        let failures = self.failures.lock().expect("no panic while held");
        let words_pending = changed.saturating_sub(shown);
        let words_state = if failures.words.is_some() {
            IndexState::Failed
        } else if rebuild_asked || (self.refilling.load(Ordering::Relaxed) && words_pending > 0) {
            IndexState::Rebuilding
        } else {
            IndexState::Ready
        };
        let held_back = self.meaning_waits();
        let waiting = held_back.filter(|_| pending > 0);
        let index = serving.index();
        let meaning_state = if serving.model.is_unavailable() {
            IndexState::Unavailable
        } else if failures.meaning.is_some() {
            IndexState::Failed
        } else if self.meaning_paused() {
            IndexState::Paused
        } else if self.rebuild_vectors.load(Ordering::Relaxed) {
            IndexState::Rebuilding
        } else if model.is_none() || index.is_none() {
            IndexState::Loading
        } else if waiting.is_some() {
            IndexState::Waiting
        } else {
            IndexState::Ready
        };
        let model_change = next.map(|next| {
            let message = next.model.unavailable_reason().or_else(|| next.failure());
            let state = match held_back {
                _ if next.model.is_unavailable() => IndexState::Unavailable,
                _ if message.is_some() => IndexState::Failed,
                Some(Waiting::Paused) => IndexState::Paused,
                Some(_) if next_pending > 0 => IndexState::Waiting,
                _ if next.model.ready().is_none() => IndexState::Loading,
                _ => IndexState::Rebuilding,
            };
            let model = next.choice().map(|choice| choice.name);
            ModelChange { model, pending: next_pending, state, message }
        });
        let waiting = waiting.or(held_back.filter(|_| model_change.is_some()));
        Ok(IndexStatus {
            notes: counts.notes,
            trashed: counts.trashed,
            words_pending,
            meaning_pending: pending,
            meaning_skipped: counts.skipped,
            chunks: counts.chunks,
            vectors_behind: match &index {
                Some(index) if self.read_only => index.cursor() < last_vector_seq,
                Some(_) => serving.applied.load(Ordering::Relaxed) < last_vector_seq.0,
                None => false,
            },
            vectors: index.map_or(0, |index| index.vector_count()),
            words_state,
            meaning_state,
            waiting_for: waiting.and_then(Waiting::reason).map(str::to_owned),
            message: self
                .unwritable
                .clone()
                .or_else(|| failures.words.clone())
                .or_else(|| failures.meaning.clone())
                .or_else(|| serving.model.unavailable_reason()),
            read_only: self.read_only,
            unwritable: self.unwritable.is_some(),
            model: serving.choice().map(|choice| choice.name),
            model_change,
        })
    }
}

async fn publish_status(inner: Arc<Inner>) {
    loop {
        tokio::select! {
            () = inner.closing.cancelled() => return,
            () = inner.status_changed.notified() => {}
        }
        let (reader, started) = (inner.clone(), Instant::now());
        match tokio::task::spawn_blocking(move || reader.work_out_status()).await {
            // Sent even if it is the same again: who waits may have seen a state in between.
            Ok(Ok(status)) => drop(inner.status.send_replace(status)),
            Ok(Err(error)) => tracing::error!(%error, "the status cannot be read"),
            Err(error) => tracing::error!(%error, "the status cannot be read"),
        }
        // Counting a million notes takes a while: it is never more than a small part of the work.
        tokio::time::sleep(STATUS_INTERVAL.max(20 * started.elapsed())).await;
    }
}

/// Removes what nothing refers to any more, now and then.
async fn clean_up(inner: Arc<Inner>) {
    let mut wait = UNUSED_DELAY;
    loop {
        tokio::select! {
            () = inner.closing.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = UNUSED_INTERVAL;
        let cleaner = inner.clone();
        let removed = tokio::task::spawn_blocking(move || {
            let cancelled = || cleaner.closing.is_cancelled();
            cleaner.store.remove_unused_attachments(UNUSED_GRACE, &cancelled)
        });
        match removed.await {
            Ok(Ok(removed)) => {
                tracing::info!(removed.files, removed.bytes, "unused attachments are removed");
            }
            Ok(Err(error)) => tracing::warn!(%error, "unused attachments cannot be removed"),
            Err(error) => tracing::warn!(%error, "unused attachments cannot be removed"),
        }
    }
}

/// What the command line or another window saved through the store is indexed or shown here too.
async fn watch_other_processes(inner: Arc<Inner>) {
    let mut interval = tokio::time::interval(POLL_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = inner.closing.cancelled() => return,
            _ = interval.tick() => {}
        }
        let reader = inner.clone();
        let polled = tokio::task::spawn_blocking(move || {
            let changed = reader.store.poll_external()?;
            let mut reloaded = false;
            let before = reader.serving();
            reader.follow_choices()?;
            if reader.read_only {
                let serving = reader.serving();
                if !Arc::ptr_eq(&before, &serving) {
                    reader.load_beside();
                }
                reloaded = reader.keyword.reload()?;
                if let Some(index) = serving.index() {
                    reloaded |= index.reload()?;
                }
            }
            Ok::<bool, Error>(changed || reloaded)
        })
        .await;
        match polled {
            Ok(Ok(true)) => {
                inner.wake_words.wake();
                inner.wake_meaning.wake();
                inner.wake_vectors.wake();
                inner.watch.others_wrote();
                inner.status_changed.notify_one();
                inner.announce(Vec::new());
            }
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "other processes' changes cannot be seen"),
            Err(error) => tracing::warn!(%error, "other processes' changes cannot be seen"),
        }
    }
}
