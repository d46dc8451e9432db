//! The mixed load: tabs, writers and an import beside each other for a while.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use commonplace_tests::measure::{LIMIT, Lcg, TestBed, percentile, phrase, queries, time_searches};
use engine::{Code, Engine, Error, ImportRequest, Mode, SearchRequest};
use note::{NoteDraft, NoteId};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::table::{Row, Samples, cells, whole};

#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) tabs: usize,
    pub(crate) writers: usize,
    /// Files of the import.
    pub(crate) files: usize,
    pub(crate) time: Duration,
    pub(crate) seed: u64,
}

/// One save in so many is followed until it is found: an odd number, so that new notes and changed
/// ones take turns.
const FOLLOWED: usize = 5;
/// How often a followed note is looked for; by meaning less often, as each look embeds a query.
const WORDS_POLL: Duration = Duration::from_millis(5);
const MEANING_POLL: Duration = Duration::from_millis(50);
/// What is not answered or found by then counts as an error.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize)]
pub(crate) struct Report {
    /// Notes before the load.
    pub(crate) notes: usize,
    pub(crate) tabs: usize,
    pub(crate) writers: usize,
    pub(crate) files: usize,
    pub(crate) seconds: f64,
    pub(crate) operations: Vec<Row>,
    /// Finished queries that were answered, in the tab with the fewest and in the one in the middle.
    pub(crate) least_served: usize,
    pub(crate) usually_served: usize,
    /// Files that were in at the end, and seconds until all were, if they were.
    pub(crate) imported: usize,
    pub(crate) import_took: Option<f64>,
    /// Chunks embedded meanwhile, and notes that still waited at the end.
    pub(crate) embedded: usize,
    pub(crate) waiting: usize,
}

pub(crate) const LAST_KEYSTROKE: &str = "last keystroke → hits";

impl Report {
    pub(crate) fn print(&self) {
        println!(
            "{} notes, {} tabs, {} writers, an import of {} files, {:.0} s",
            self.notes, self.tabs, self.writers, self.files, self.seconds
        );
        Row::head();
        self.operations.iter().for_each(Row::print);
        println!(
            "least served tab: {} finished queries answered, the middle one {}",
            self.least_served, self.usually_served
        );
        let imported = match self.import_took {
            Some(seconds) => format!("{} files in {seconds:.1} s", self.imported),
            None => format!("{} of {} files", self.imported, self.files),
        };
        println!(
            "imported {imported}; embedded {} chunks ({:.1}/s), {} notes waited at the end",
            self.embedded,
            self.embedded as f64 / self.seconds,
            self.waiting
        );
    }

    pub(crate) fn row(&self, operation: &str) -> Option<&Row> {
        self.operations.iter().find(|row| row.operation == operation)
    }
}

pub(crate) fn print_sweep(reports: &[Report]) {
    println!("{LAST_KEYSTROKE}, against the number of tabs");
    println!(
        "{:>5} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7} {:>13}",
        "tabs",
        "queries",
        "/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "max ms",
        "cancelled",
        "errors",
        "least/middle"
    );
    for report in reports {
        let Some(row) = report.row(LAST_KEYSTROKE) else { continue };
        let cancelled: usize = report.operations.iter().map(|row| row.cancelled).sum();
        let errors: usize = report.operations.iter().map(|row| row.errors).sum();
        println!(
            "{:>5} {:>8} {:>8.1} {} {:>9} {:>7} {:>13}",
            report.tabs,
            row.count,
            row.per_second,
            cells(row.times),
            cancelled,
            errors,
            format!("{}/{}", report.least_served, report.usually_served)
        );
    }
}

/// Runs one load on a copy of `data`.
pub(crate) async fn run(bed: &TestBed, data: &Path, shape: &Shape) -> Result<Report> {
    let texts = Arc::new(bed.texts()?);
    let folder = bed.load_files("load-files", shape.files)?;
    let dir = bed.copy(data, "load")?;
    let engine = bed.open(&dir).await?;
    let notes = engine.settled().await?;
    warm(&engine, &texts).await?;

    let started = Instant::now();
    let until = started + shape.time;
    let import = match shape.files {
        0 => None,
        _ => {
            let request = ImportRequest {
                roots: vec![folder.clone()],
                notebook: "Load".into(),
                ..ImportRequest::default()
            };
            Some(engine.import(request).await?)
        }
    };
    let import_ended = import.map(|id| {
        let engine = engine.clone();
        tokio::spawn(async move {
            engine.import_ended(id).await.map(|_| started.elapsed().as_secs_f64())
        })
    });
    let tabs: Vec<_> = (0..shape.tabs)
        .map(|number| {
            let random = Lcg(shape.seed.wrapping_mul(1_000_003) + number as u64);
            let tab = Tab { engine: engine.clone(), texts: texts.clone(), number, random };
            tokio::spawn(tab.type_until(until))
        })
        .collect();
    let writers: Vec<_> = (0..shape.writers)
        .map(|number| {
            let random = Lcg(shape.seed.wrapping_mul(7_000_003) + number as u64);
            let writer = Writer { engine: engine.clone(), texts: texts.clone(), number, random };
            tokio::spawn(writer.save_until(until))
        })
        .collect();

    sleep_until(until).await;
    let at_end = engine.status_now().await?;
    let imported = match import {
        Some(id) => engine.import_status(id).await?.imported,
        None => 0,
    };
    let (mut last, mut keystrokes, mut served) = (Samples::default(), Samples::default(), vec![]);
    for tab in tabs {
        let typed = tab.await?;
        served.push(typed.last.times.len() as f64);
        last.extend(typed.last);
        keystrokes.extend(typed.keystrokes);
    }
    let mut saved = Saved::default();
    for writer in writers {
        let one = writer.await?;
        saved.saves.extend(one.saves);
        saved.by_words.extend(one.by_words);
        saved.by_meaning.extend(one.by_meaning);
    }
    let import_took = match import_ended {
        Some(task) if task.is_finished() => Some(task.await??),
        _ => None,
    };
    engine.close().await?;
    std::fs::remove_dir_all(&dir)?;
    std::fs::remove_dir_all(&folder)?;

    let seconds = shape.time.as_secs_f64();
    Ok(Report {
        notes: notes.notes,
        tabs: shape.tabs,
        writers: shape.writers,
        files: shape.files,
        seconds,
        operations: vec![
            Row::of(LAST_KEYSTROKE, last, seconds),
            Row::of("any keystroke → hits", keystrokes, seconds),
            Row::of("save → on disk", saved.saves, seconds),
            Row::of("saved → found by words", saved.by_words, seconds),
            Row::of("saved → found by meaning", saved.by_meaning, seconds),
        ],
        least_served: served.iter().copied().fold(f64::INFINITY, f64::min) as usize,
        usually_served: if served.is_empty() { 0 } else { percentile(&mut served, 50) as usize },
        imported,
        import_took,
        embedded: at_end.chunks.saturating_sub(notes.chunks),
        waiting: at_end.meaning_pending,
    })
}

/// Loads the model and reads every page of the indexes once.
pub(crate) async fn warm(engine: &Engine, texts: &[String]) -> Result<()> {
    time_searches(engine, &queries(texts, 50), Mode::Both).await.map(drop)
}

/// What a tab asks while somebody types in it.
pub(crate) fn keystroke(text: &str) -> SearchRequest {
    SearchRequest {
        text: text.to_owned(),
        mode: Mode::Both,
        typing: true,
        limit: LIMIT,
        wait_for_model: true,
        ..SearchRequest::default()
    }
}

/// The texts that typing a query goes through.
pub(crate) fn typed(query: &str) -> impl Iterator<Item = &str> {
    query.char_indices().map(|(at, letter)| &query[..at + letter.len_utf8()])
}

pub(crate) fn between_keystrokes(random: &mut Lcg) -> Duration {
    Duration::from_millis(60 + random.below(61) as u64)
}

pub(crate) fn between_queries(random: &mut Lcg) -> Duration {
    Duration::from_millis(500 + random.below(1001) as u64)
}

pub(crate) fn between_saves(random: &mut Lcg) -> Duration {
    Duration::from_millis(200 + random.below(301) as u64)
}

/// About 2 kB of sentences that nobody wrote, of phrases that somebody did.
pub(crate) fn prose(texts: &[String], random: &mut Lcg) -> String {
    let mut text = String::with_capacity(2100);
    while text.len() < 2000 {
        for _ in 0..4 {
            text.push_str(&phrase(texts, random));
            text.push(' ');
        }
        text.push_str("and more.\n");
    }
    text
}

struct Tab {
    engine: Engine,
    texts: Arc<Vec<String>>,
    number: usize,
    random: Lcg,
}

#[derive(Default)]
struct Typed {
    last: Samples,
    /// All keystrokes, the last ones included.
    keystrokes: Samples,
}

impl Tab {
    async fn type_until(mut self, until: Instant) -> Typed {
        let name = format!("tab {}", self.number);
        let mut log = Typed::default();
        // Nobody starts to type at the same moment as everybody else.
        let mut due = Instant::now() + Duration::from_millis(self.random.below(1500) as u64);
        'typing: loop {
            let query = phrase(&self.texts, &mut self.random);
            let mut searches = JoinSet::new();
            for text in typed(&query) {
                due += between_keystrokes(&mut self.random);
                if due >= until {
                    self.engine.cancel_search(&name);
                    log.collect(searches, usize::MAX).await;
                    break 'typing;
                }
                sleep_until(due).await;
                let length = text.len();
                let search = self.engine.search_in_tab(&name, keystroke(text));
                searches.spawn(async move {
                    let answer = timeout(PATIENCE, search).await;
                    let answer = answer.unwrap_or_else(|_| Err(late("no answer")));
                    (length, due.elapsed().as_secs_f64() * 1e3, whole(answer).map(drop))
                });
            }
            log.collect(searches, query.len()).await;
            due = Instant::now() + between_queries(&mut self.random);
        }
        log
    }
}

impl Typed {
    /// Waits for one query's searches; `last` is the length of the text of the last one.
    async fn collect(
        &mut self,
        mut searches: JoinSet<(usize, f64, Result<(), Error>)>,
        last: usize,
    ) {
        while let Some(ended) = searches.join_next().await {
            let Ok((length, milliseconds, outcome)) = ended else {
                self.keystrokes.errors.push("a search panicked".to_owned());
                continue;
            };
            if length == last {
                self.last.add(milliseconds, outcome.clone());
            }
            self.keystrokes.add(milliseconds, outcome);
        }
    }
}

fn late(what: &str) -> Error {
    Error::new(Code::Internal, format!("{what} within {} s", PATIENCE.as_secs()))
}

struct Writer {
    engine: Engine,
    texts: Arc<Vec<String>>,
    number: usize,
    random: Lcg,
}

#[derive(Default)]
struct Saved {
    saves: Samples,
    by_words: Samples,
    by_meaning: Samples,
}

impl Writer {
    async fn save_until(mut self, until: Instant) -> Saved {
        let mut log = Saved::default();
        let mut mine: Vec<(NoteId, u32)> = Vec::new();
        let mut followed = JoinSet::new();
        let mut due = Instant::now() + between_saves(&mut self.random);
        let mut number = 0;
        while due < until {
            sleep_until(due).await;
            let word = format!("quillfeather{}x{number}", self.number);
            let prose = prose(&self.texts, &mut self.random);
            let title = format!("Written {} {number}", self.number);
            let draft = NoteDraft {
                title: title.clone(),
                body: format!("{word}\n\n{prose}"),
                ..NoteDraft::default()
            };
            // Every other save changes a note that this writer made.
            let edited =
                (number % 2 == 1 && !mine.is_empty()).then(|| self.random.below(mine.len()));
            let (id, base) = edited.map(|at| mine[at]).unzip();
            let saved = self.engine.save_note(id, base, draft).await;
            log.saves.add(due.elapsed().as_secs_f64() * 1e3, saved.clone());
            if let Ok(saved) = saved {
                if let Some(at) = edited {
                    mine.swap_remove(at);
                }
                if number % FOLLOWED == 0 {
                    let meaning: Vec<&str> = prose.split_whitespace().take(16).collect();
                    let meaning = format!("{title} {}", meaning.join(" "));
                    for (mode, text) in [(Mode::Words, word), (Mode::Meaning, meaning)] {
                        followed.spawn(follow(self.engine.clone(), saved.id, mode, text, due));
                    }
                } else {
                    // Only what is not followed changes again: its words would be gone.
                    mine.push((saved.id, saved.revision));
                }
            }
            number += 1;
            due += between_saves(&mut self.random);
        }
        while let Some(ended) = followed.join_next().await {
            let Ok((mode, milliseconds, outcome)) = ended else {
                log.by_words.errors.push("a search panicked".to_owned());
                continue;
            };
            let samples = if mode == Mode::Words { &mut log.by_words } else { &mut log.by_meaning };
            samples.add(milliseconds, outcome);
        }
        log
    }
}

/// Looks for a note that was just saved until it is found: milliseconds since `from`.
async fn follow(
    engine: Engine,
    id: NoteId,
    mode: Mode,
    text: String,
    from: Instant,
) -> (Mode, f64, Result<(), Error>) {
    let request =
        SearchRequest { text, mode, limit: 50, wait_for_model: true, ..SearchRequest::default() };
    let poll = if mode == Mode::Words { WORDS_POLL } else { MEANING_POLL };
    let outcome = loop {
        match engine.search(request.clone(), CancellationToken::new()).await {
            Ok(hits) if hits.hits.iter().any(|hit| hit.head.id == id) => break Ok(()),
            Ok(_) if from.elapsed() > PATIENCE => break Err(late("not found")),
            Ok(_) => sleep(poll).await,
            Err(error) => break Err(error),
        }
    };
    (mode, from.elapsed().as_secs_f64() * 1e3, outcome)
}
