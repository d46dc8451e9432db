//! kill −9 in the middle of everything: a child saves, imports and searches until it is killed; what
//! is then in its data folder is compared with what it said.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use embed::Embedder;
use engine::{Engine, ImportRequest, ListFilter, ModelSource, Options, SearchRequest};
use note::{Note, NoteDraft, NoteId};
use tantivy::postings::Postings;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, TERMINATED};
use tokio_util::sync::CancellationToken;

use crate::measure::{Lcg, two_kilobytes};

/// Set in the child: its data folder.
const CHILD: &str = "COMMONPLACE_CRASH_CHILD";
/// Set in the child: the number of its round, which its notes carry.
const ROUND: &str = "COMMONPLACE_CRASH_ROUND";
/// Files of each import; a round changes the text of all.
const FILES: usize = 60;
/// Saves under way at a time.
const WRITERS: usize = 3;
const NOTEBOOK: &str = "Imported";
/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The folder that this process has to work in until it is killed, if it is such a child.
pub fn child_folder() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// The child's part: saves, imports and searches at once, and says what it sends and what was
/// acknowledged.
pub async fn work_until_killed(dir: &Path, model: ModelSource) -> Result<()> {
    let round: usize = std::env::var(ROUND)?.parse()?;
    let engine = Engine::open(Options::new(dir, model)).await?;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        tasks.spawn(save(engine.clone(), format!("r{round}w{writer}")));
    }
    tasks.spawn(import(engine.clone(), sources(dir)));
    tasks.spawn(search(engine));
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Every third save is a new version of the note before it.
async fn save(engine: Engine, prefix: String) -> Result<()> {
    let mut last: Option<(NoteId, String)> = None;
    for number in 0.. {
        let (id, title, version) = match last.take() {
            Some((id, title)) if number % 3 == 2 => (Some(id), title, 2),
            _ => (None, format!("{prefix}n{number}"), 1),
        };
        say(&format!("sent {title} {version}"))?;
        let body = text(&title, version);
        let draft = NoteDraft { title: title.clone(), body, ..NoteDraft::default() };
        let saved = engine.save_note(id, None, draft).await?;
        say(&format!("saved {title} {version}"))?;
        last = Some((saved.id, title));
    }
    Ok(())
}

async fn import(engine: Engine, folder: PathBuf) -> Result<()> {
    let request = ImportRequest {
        roots: vec![folder],
        notebook: NOTEBOOK.into(),
        ..ImportRequest::default()
    };
    let id = engine.import(request).await?;
    engine.import_ended(id).await?;
    say("imported")
}

async fn search(engine: Engine) -> Result<()> {
    for number in 0.. {
        let text = two_kilobytes(number).chars().take(12).collect();
        let request = SearchRequest { text, limit: 20, typing: true, ..SearchRequest::default() };
        engine.search_in_tab("tab", request).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// What a saved note says in one of its versions.
fn text(title: &str, version: u32) -> String {
    let seed = blake3::hash(title.as_bytes()).as_bytes()[0];
    let filling: String = two_kilobytes(usize::from(seed)).chars().take(200).collect();
    format!("{title} stands here in version{version}\n\n{filling}")
}

fn sources(dir: &Path) -> PathBuf {
    dir.with_extension("sources")
}

fn file_text(number: usize, round: usize) -> String {
    let filling: String = two_kilobytes(number).chars().take(200).collect();
    format!("file{number} of round{round}\n\n{filling}")
}

/// A data folder that is worked in and killed, round after round.
pub struct Crashes {
    home: tempfile::TempDir,
    /// What the children and the check of each start have for a model.
    model: ModelSource,
    embedder: Arc<dyn Embedder>,
    random: Lcg,
    round: usize,
    /// By title, the last version that was sent, and that was acknowledged.
    sent: HashMap<String, u32>,
    saved: HashMap<String, u32>,
    /// The last round whose import was done.
    imported: Option<usize>,
    /// Acknowledged saves that were gone, or not as they were sent.
    pub lost: Vec<String>,
    /// Of each start after a kill: the time to its first answered query.
    pub first_answers: Vec<Duration>,
}

impl Crashes {
    /// `embedder` is the loaded form of `model`.
    pub fn new(model: ModelSource, embedder: Arc<dyn Embedder>) -> Result<Crashes> {
        Ok(Crashes {
            home: tempfile::tempdir()?,
            model,
            embedder,
            random: Lcg(0x9e37_79b9),
            round: 0,
            sent: HashMap::new(),
            saved: HashMap::new(),
            imported: None,
            lost: Vec::new(),
            first_answers: Vec::new(),
        })
    }

    pub fn acknowledged(&self) -> usize {
        self.saved.len()
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Lets `child`, which has to call [`work_until_killed`], work until a random moment, kills it,
    /// and checks what it left. Lost saves are counted; anything else that is wrong is an error.
    pub async fn round(&mut self, child: Command) -> Result<()> {
        let round = self.round;
        self.round += 1;
        std::fs::create_dir_all(sources(&self.dir()))?;
        for number in 0..FILES {
            let file = sources(&self.dir()).join(format!("f{number}.md"));
            std::fs::write(file, file_text(number, round))?;
        }
        self.run_and_kill(child, round)?;
        self.check().await.with_context(|| format!("after the kill of round {round}"))
    }

    fn run_and_kill(&mut self, mut child: Command, round: usize) -> Result<()> {
        let mut child = child
            .env(CHILD, self.dir())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().context("the child has no output")?;
        let (sender, lines) = channel();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // Nobody listens once something else went wrong.
                drop(sender.send(line));
            }
        });
        // Some time after so many answers: at once, or when the import or the model has come far.
        let answers = self.random.below(61);
        let longest = if round.is_multiple_of(2) { 3_000 } else { 500_000 };
        let pause = Duration::from_micros(self.random.below(longest) as u64);
        let mut seen = 0;
        while seen < answers {
            let line = lines.recv_timeout(PATIENCE);
            let line = line.with_context(|| format!("round {round}: the child said no more"))?;
            seen += usize::from(self.hear(&line)?);
        }
        self.hear_for(&lines, pause)?;
        child.kill()?;
        let status = child.wait()?;
        ensure!(status.code().is_none(), "round {round}: the child ended by itself: {status}");
        ok(reader.join())?;
        for line in lines {
            self.hear(&line)?;
        }
        Ok(())
    }

    fn hear_for(&mut self, lines: &Receiver<String>, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.hear(&line)?,
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => bail!("the child ended by itself"),
            };
        }
    }

    /// True for an acknowledged save. The test runner prints on the same stream.
    fn hear(&mut self, line: &str) -> Result<bool> {
        if line.ends_with("imported") {
            self.imported = Some(self.round - 1);
            return Ok(false);
        }
        let told = |word: &str| {
            let (_, rest) = line.split_once(word)?;
            let (title, version) = rest.split_once(' ')?;
            Some((title.to_owned(), version.parse().ok()?))
        };
        if let Some((title, version)) = told("sent ") {
            self.sent.insert(title, version);
            return Ok(false);
        }
        let Some((title, version)) = told("saved ") else { return Ok(false) };
        ensure!(self.sent.contains_key(&title), "{title} was acknowledged before it was sent");
        self.saved.insert(title, version);
        Ok(true)
    }

    async fn check(&mut self) -> Result<()> {
        let dir = self.dir();
        let started = Instant::now();
        let engine = Engine::open(Options::new(&dir, self.model.clone())).await?;
        let request = SearchRequest { text: "river".into(), limit: 20, ..SearchRequest::default() };
        engine.search(request, CancellationToken::new()).await?;
        self.first_answers.push(started.elapsed());
        settle(&engine).await?;
        let filter = ListFilter { limit: usize::MAX >> 1, ..ListFilter::default() };
        let (total, heads) = engine.list(filter).await?;
        ensure!(heads.len() == total, "{} of {total} notes are listed", heads.len());
        let ids: Vec<NoteId> = heads.iter().map(|head| head.id).collect();
        let all = ids.clone();
        let notes = engine.read(move |read| read.notes(&all)).await?;
        self.check_notes(&notes)?;
        engine.close().await?;
        sound(&dir)?;

        let caught_up = Contents::read(&dir, self.embedder.as_ref(), &ids)?;
        let model = ModelSource::Given(self.embedder.clone());
        let engine = Engine::open(Options::new(&dir, model)).await?;
        engine.rebuild_indexes().await?;
        settle(&engine).await?;
        engine.close().await?;
        let rebuilt = Contents::read(&dir, self.embedder.as_ref(), &ids)?;
        caught_up.same_as(&rebuilt)
    }

    /// What was acknowledged is there, and nothing else but what was sent without an answer.
    fn check_notes(&mut self, notes: &[Note]) -> Result<()> {
        let mut found: HashMap<&str, &Note> = HashMap::new();
        let mut files: HashMap<&str, &Note> = HashMap::new();
        for note in notes {
            let (of, name) = match note.notebook.as_str() {
                "" => (&mut found, note.title.as_str()),
                _ => (&mut files, note.body.split(' ').next().unwrap_or_default()),
            };
            ensure!(of.insert(name, note).is_none(), "{name} is there twice");
        }
        for (title, note) in &found {
            let sent = self.sent.get(*title).with_context(|| format!("{title} was never sent"))?;
            ensure!(
                (1..=*sent).any(|version| note.body == text(title, version)),
                "{title} has a text that was never sent: {:?}",
                note.body
            );
        }
        for (title, version) in &self.saved {
            let newest = self.sent[title];
            let kept = found.get(title.as_str()).is_some_and(|note| {
                (*version..=newest).any(|version| note.body == text(title, version))
            });
            if !kept {
                self.lost.push(format!("{title}, version {version}"));
            }
        }
        for number in 0..FILES {
            let oldest = self.imported;
            let Some(note) = files.remove(format!("file{number}").as_str()) else {
                ensure!(oldest.is_none(), "file {number} was imported and is gone");
                continue;
            };
            let body = note.body.trim_end();
            ensure!(
                (oldest.unwrap_or(0)..self.round)
                    .any(|round| body == file_text(number, round).trim_end()),
                "file {number} has a text that it never had, or an old one: {body:?}"
            );
        }
        ensure!(files.is_empty(), "notes that nobody wrote: {:?}", files.keys());
        Ok(())
    }
}

fn ok<T>(joined: std::thread::Result<T>) -> Result<T> {
    joined.map_err(|_| anyhow::anyhow!("a thread panicked"))
}

/// Waits until both indexes hold everything.
async fn settle(engine: &Engine) -> Result<()> {
    let status = tokio::time::timeout(PATIENCE, engine.settled())
        .await
        .with_context(|| format!("never settled: {:?}", *engine.status().borrow()))??;
    ensure!(status.is_settled(), "{status:?}");
    ensure!(status.vectors == status.chunks, "{status:?}");
    Ok(())
}

/// SQLite's own check of a store that is closed.
fn sound(dir: &Path) -> Result<()> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = rusqlite::Connection::open_with_flags(dir.join("store.db"), flags)?;
    let answer: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(answer == "ok", "the store is damaged: {answer}");
    Ok(())
}

/// Those of `these` that are not in `those`; what is there more often stays.
fn without(these: &[(i64, u32)], those: &[(i64, u32)]) -> Vec<(i64, u32)> {
    let mut rest = these.to_vec();
    for one in those {
        if let Some(at) = rest.iter().position(|other| other == one) {
            rest.remove(at);
        }
    }
    rest
}

/// A term by its field: the notes that have it, and how often.
type Terms = BTreeMap<(u32, Vec<u8>), Vec<(i64, u32)>>;

/// All that the indexes of a closed data folder hold, however they are laid out.
struct Contents {
    terms: Terms,
    vectors: BTreeMap<NoteId, Vec<Vec<f32>>>,
}

impl Contents {
    fn read(dir: &Path, embedder: &dyn Embedder, notes: &[NoteId]) -> Result<Contents> {
        let store = store::Store::open(dir)?;
        let spec = vector::Spec {
            store_uuid: store.uuid().to_owned(),
            model: embedder.model_id().to_owned(),
            dims: embedder.dims(),
        };
        store.close()?;
        let (index, opened) =
            vector::VectorIndex::open(&dir.join("vector"), &spec, vector::Access::ReadOnly)?;
        if let vector::Opened::Fresh(reason) = opened
            && !notes.is_empty()
        {
            bail!("the vector index was left unusable: {reason}");
        }
        let mut vectors = BTreeMap::new();
        for note in notes {
            vectors.insert(*note, index.vectors_of(*note)?);
        }
        let held: usize = vectors.values().map(Vec::len).sum();
        ensure!(held == index.vector_count(), "the vector index holds notes that are gone");
        Ok(Contents { terms: terms(&dir.join("keyword"))?, vectors })
    }

    fn same_as(&self, rebuilt: &Contents) -> Result<()> {
        for (key, notes) in &self.terms {
            let there = rebuilt.terms.get(key);
            let (field, term) = (key.0, String::from_utf8_lossy(&key.1));
            let there = there.map_or(&[][..], Vec::as_slice);
            ensure!(
                there == notes,
                "the term {term} of field {field}: {} notes, rebuilt {}; more: {:?}, less: {:?}",
                notes.len(),
                there.len(),
                without(notes, there),
                without(there, notes)
            );
        }
        ensure!(self.terms.len() == rebuilt.terms.len(), "the rebuilt index has more terms");
        for (note, vectors) in &self.vectors {
            ensure!(rebuilt.vectors.get(note) == Some(vectors), "the vectors of note {note}");
        }
        Ok(())
    }
}

/// Read with tantivy alone, so that a mistake of the keyword index's own reading does not hide one
/// of its writing.
fn terms(folder: &Path) -> Result<Terms> {
    let index = tantivy::Index::open_in_dir(folder)?;
    let schema = index.schema();
    let mut found = Terms::new();
    for segment in index.reader()?.searcher().segment_readers() {
        let ids = segment.fast_fields().i64("id")?;
        for (field, entry) in schema.fields().filter(|(_, entry)| entry.is_indexed()) {
            let inverted = segment.inverted_index(field)?;
            let option =
                entry.field_type().get_index_record_option().unwrap_or(IndexRecordOption::Basic);
            let mut terms = inverted.terms().stream()?;
            while terms.advance() {
                let mut postings = inverted.read_postings_from_terminfo(terms.value(), option)?;
                let mut document = postings.doc();
                while document != TERMINATED {
                    if !segment.is_deleted(document) {
                        let id = ids.first(document).context("a document without a note")?;
                        found
                            .entry((field.field_id(), terms.key().to_vec()))
                            .or_default()
                            .push((id, postings.term_freq()));
                    }
                    document = postings.advance();
                }
            }
        }
    }
    found.values_mut().for_each(|notes| notes.sort_unstable());
    Ok(found)
}
