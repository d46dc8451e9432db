//! The same arrivals served in different ways, to see what serving them at once gains.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use commonplace_tests::measure::{Lcg, TestBed, phrase};
use engine::{Engine, Error, ImportRequest, Options};
use note::NoteDraft;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::mixed::{
    Shape, between_keystrokes, between_queries, between_saves, keystroke, prose, typed, warm,
};
use crate::table::{Samples, Times, whole};

/// What is asked for, when.
#[derive(Clone)]
struct Arrival {
    at: Duration,
    work: Work,
}

#[derive(Clone)]
enum Work {
    Search {
        tab: usize,
        text: String,
        /// The query is finished with it.
        last: bool,
    },
    Save(Box<NoteDraft>),
    Import(ImportRequest),
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    AtOnce,
    OneByOne,
    /// One by one, but a search is left out if its tab has typed on before its turn.
    OneByOneSkipping,
    ThreadEach,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::AtOnce => "at once (the product)",
            Way::OneByOne => "one after another",
            Way::OneByOneSkipping => "… skipping superseded",
            Way::ThreadEach => "a thread per request",
        }
    }
}

/// One way's figures; search times from arrival to answer, in milliseconds.
#[derive(Serialize)]
pub(crate) struct Served {
    way: &'static str,
    /// From the first arrival until everything is done, indexing included.
    seconds: f64,
    /// Processor time of the whole process meanwhile.
    cpu_seconds: f64,
    /// Share of that time in which something was being served, for the ways that know it.
    busy: Option<f64>,
    operations: usize,
    superseded: usize,
    /// Of these, finished queries: their next one was typed before they were answered.
    given_up: usize,
    errors: usize,
    first_error: Option<String>,
    last_keystroke: Option<Times>,
    any_keystroke: Option<Times>,
    save: Option<Times>,
}

impl Served {
    fn throughput(&self) -> f64 {
        self.operations as f64 / self.seconds
    }

    /// Without the searches that were superseded instead of answered.
    fn answered(&self) -> f64 {
        (self.operations - self.superseded) as f64 / self.seconds
    }
}

pub(crate) async fn run(
    bed: &TestBed,
    data: &Path,
    shape: &Shape,
    embed: bool,
) -> Result<Vec<Served>> {
    let texts = bed.texts()?;
    let folder = bed.load_files("load-files", shape.files)?;
    let arrivals = arrivals(shape, &texts, &folder);
    let searches =
        arrivals.iter().filter(|arrival| matches!(arrival.work, Work::Search { .. })).count();
    println!(
        "{} operations arrive within {:.0} s: {searches} keystrokes of {} tabs, {} saves, {}; embedding {}",
        arrivals.len(),
        shape.time.as_secs_f64(),
        shape.tabs,
        arrivals.len() - searches - usize::from(shape.files > 0),
        match shape.files {
            0 => "no import".to_owned(),
            files => format!("an import of {files} files"),
        },
        if embed { "counts" } else { "is paused" }
    );
    println!(
        "{:<23} {:>7} {:>7} {:>8} {:>8} {:>10} {:>27} {:>27} {:>6}",
        "",
        "wall s",
        "cpu s",
        "ops/s",
        "answered",
        "superseded",
        "last keystroke p50/95/99 ms",
        "any keystroke p50/95/99 ms",
        "errors"
    );
    let mut figures = Vec::new();
    for way in [Way::AtOnce, Way::OneByOne, Way::OneByOneSkipping, Way::ThreadEach] {
        let dir = bed.copy(data, "compare")?;
        let limit =
            if way == Way::ThreadEach { arrivals.len() } else { bed.options(&dir).searches };
        let engine = Engine::open(Options { searches: limit, ..bed.options(&dir) }).await?;
        engine.settled().await?;
        warm(&engine, &texts).await?;
        engine.pause_meaning(!embed).await?;
        let served = serve(&engine, way, &arrivals, embed).await?;
        engine.close().await?;
        std::fs::remove_dir_all(&dir)?;
        println!(
            "{:<23} {:>7.1} {:>7.1} {:>8.1} {:>8.1} {:>10} {:>27} {:>27} {:>6}",
            served.way,
            served.seconds,
            served.cpu_seconds,
            served.throughput(),
            served.answered(),
            served.superseded,
            cells(served.last_keystroke),
            cells(served.any_keystroke),
            served.errors
        );
        if served.given_up > 0 {
            println!(
                "    {} finished queries were superseded before they were answered",
                served.given_up
            );
        }
        if let Some(error) = &served.first_error {
            println!("    for example: {error}");
        }
        figures.push(served);
    }
    let product = &figures[0];
    for other in &figures[1..] {
        let p95 = |served: &Served| served.last_keystroke.map_or(f64::NAN, |times| times.p95);
        println!(
            "at once ÷ {}: throughput {:.2}× ({:.2}× without what was superseded), p95 of finished queries {:.3}×",
            other.way.trim_start_matches("… "),
            product.throughput() / other.throughput(),
            product.answered() / other.answered(),
            p95(product) / p95(other)
        );
    }
    if let Some(busy) = figures[1].busy {
        println!(
            "one after another was busy {:.0} % of the time: throughput can differ only where it is hardly ever idle",
            busy * 100.0
        );
    }
    println!("bars, at once ÷ one after another: throughput ≥ 1.6×, p95 ≤ 0.1×");
    Ok(figures)
}

fn cells(times: Option<Times>) -> String {
    times.map_or_else(
        || "–".to_owned(),
        |times| format!("{:.1} / {:.1} / {:.1}", times.p50, times.p95, times.p99),
    )
}

/// Everything that will be asked for, in order. Nobody waits for an answer here: what arrives does
/// not depend on how it is served.
fn arrivals(shape: &Shape, texts: &[String], folder: &Path) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    if shape.files > 0 {
        let request = ImportRequest {
            roots: vec![folder.to_owned()],
            notebook: "Load".into(),
            ..ImportRequest::default()
        };
        arrivals.push(Arrival { at: Duration::ZERO, work: Work::Import(request) });
    }
    for tab in 0..shape.tabs {
        let mut random = Lcg(shape.seed.wrapping_mul(1_000_003) + tab as u64);
        let mut at = Duration::from_millis(random.below(1500) as u64);
        loop {
            let query = phrase(texts, &mut random);
            let mut keystrokes = Vec::new();
            for text in typed(&query) {
                at += between_keystrokes(&mut random);
                let last = text.len() == query.len();
                let work = Work::Search { tab, text: text.to_owned(), last };
                keystrokes.push(Arrival { at, work });
            }
            if at >= shape.time {
                break;
            }
            arrivals.append(&mut keystrokes);
            at += between_queries(&mut random);
        }
    }
    for writer in 0..shape.writers {
        let mut random = Lcg(shape.seed.wrapping_mul(7_000_003) + writer as u64);
        let mut at = between_saves(&mut random);
        while at < shape.time {
            let draft = NoteDraft {
                title: format!("Written {writer} {}", at.as_millis()),
                body: prose(texts, &mut random),
                ..NoteDraft::default()
            };
            arrivals.push(Arrival { at, work: Work::Save(Box::new(draft)) });
            at += between_saves(&mut random);
        }
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals
}

/// What became of one arrival.
struct Ended {
    work: Work,
    milliseconds: f64,
    outcome: Result<(), Error>,
}

impl Ended {
    fn of(work: Work, due: Instant, outcome: Result<(), Error>) -> Ended {
        Ended { work, milliseconds: due.elapsed().as_secs_f64() * 1e3, outcome }
    }
}

async fn serve(engine: &Engine, way: Way, arrivals: &[Arrival], embed: bool) -> Result<Served> {
    let cpu = cpu_seconds()?;
    let started = Instant::now();
    let mut idle = Duration::ZERO;
    let mut ended = Vec::with_capacity(arrivals.len());
    match way {
        Way::AtOnce => {
            let mut tasks = JoinSet::new();
            for arrival in arrivals.iter().cloned() {
                let due = started + arrival.at;
                sleep_until(due).await;
                let search = match &arrival.work {
                    Work::Search { tab, text, .. } => {
                        Some(engine.search_in_tab(&format!("tab {tab}"), keystroke(text)))
                    }
                    _ => None,
                };
                let engine = engine.clone();
                tasks.spawn(async move {
                    match search {
                        Some(search) => {
                            let outcome = whole(search.await).map(drop);
                            Ended::of(arrival.work, due, outcome)
                        }
                        None => perform(&engine, arrival.work, due).await,
                    }
                });
            }
            while let Some(task) = tasks.join_next().await {
                ended.push(task?);
            }
        }
        Way::OneByOne | Way::OneByOneSkipping => {
            let turns = superseding(arrivals);
            for (number, arrival) in arrivals.iter().cloned().enumerate() {
                let due = started + arrival.at;
                idle += due.saturating_duration_since(Instant::now());
                sleep_until(due).await;
                let typed_on = turns
                    .get(&number)
                    .is_some_and(|next| started + arrivals[*next].at <= Instant::now());
                if way == Way::OneByOneSkipping && typed_on {
                    let outcome = Err(Error::cancelled());
                    ended.push(Ended { work: arrival.work, milliseconds: 0.0, outcome });
                    continue;
                }
                let writes = !matches!(arrival.work, Work::Search { .. });
                ended.push(perform(engine, arrival.work, due).await);
                if writes {
                    all_done(engine, embed).await?;
                }
            }
        }
        Way::ThreadEach => {
            let runtime = tokio::runtime::Handle::current();
            let mut threads = Vec::with_capacity(arrivals.len());
            for arrival in arrivals.iter().cloned() {
                let due = started + arrival.at;
                sleep_until(due).await;
                let (engine, runtime) = (engine.clone(), runtime.clone());
                let serve = move || runtime.block_on(perform(&engine, arrival.work, due));
                threads.push(std::thread::Builder::new().spawn(serve)?);
            }
            let joined = tokio::task::spawn_blocking(move || {
                threads.into_iter().map(|thread| thread.join().ok()).collect::<Option<Vec<_>>>()
            });
            ended = joined.await?.context("a thread panicked")?;
        }
    }
    all_done(engine, embed).await?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds()? - cpu;

    let (mut last, mut any, mut saves) =
        (Samples::default(), Samples::default(), Samples::default());
    let operations = ended.len();
    for Ended { work, milliseconds, outcome } in ended {
        match work {
            Work::Search { last: true, .. } => {
                last.add(milliseconds, outcome.clone());
                any.add(milliseconds, outcome);
            }
            Work::Search { .. } => any.add(milliseconds, outcome),
            Work::Save(_) => saves.add(milliseconds, outcome),
            Work::Import(_) => {
                if let Err(error) = outcome {
                    saves.errors.push(error.message);
                }
            }
        }
    }
    let mut errors = any.errors;
    errors.extend(saves.errors);
    Ok(Served {
        way: way.name(),
        seconds,
        cpu_seconds,
        busy: matches!(way, Way::OneByOne | Way::OneByOneSkipping)
            .then(|| 1.0 - idle.as_secs_f64() / seconds),
        operations,
        superseded: any.cancelled,
        given_up: last.cancelled,
        errors: errors.len(),
        first_error: errors.into_iter().next(),
        last_keystroke: Times::of(last.times),
        any_keystroke: Times::of(any.times),
        save: Times::of(saves.times),
    })
}

/// Does one piece of work, without superseding any other.
async fn perform(engine: &Engine, work: Work, due: Instant) -> Ended {
    let outcome = match work.clone() {
        Work::Search { text, .. } => {
            whole(engine.search(keystroke(&text), CancellationToken::new()).await).map(drop)
        }
        Work::Save(draft) => engine.save_note(None, None, *draft).await.map(drop),
        Work::Import(request) => match engine.import(request).await {
            Ok(id) => engine.import_ended(id).await.map(drop),
            Err(error) => Err(error),
        },
    };
    Ended::of(work, due, outcome)
}

/// For each search, the next one in its tab.
fn superseding(arrivals: &[Arrival]) -> HashMap<usize, usize> {
    let mut newest = HashMap::new();
    let mut next = HashMap::new();
    for (number, arrival) in arrivals.iter().enumerate() {
        if let Work::Search { tab, last, .. } = &arrival.work {
            if let Some(older) = newest.remove(tab) {
                next.insert(older, number);
            }
            // What a finished query found is read before the next one is typed.
            if !last {
                newest.insert(*tab, number);
            }
        }
    }
    next
}

/// Waits until everything that was saved and imported is found by words, with `embed` by meaning too.
async fn all_done(engine: &Engine, embed: bool) -> Result<()> {
    let mut changes = engine.changes();
    loop {
        let status = engine.status_now().await?;
        if status.words_pending == 0 && (!embed || status.is_settled()) {
            return Ok(());
        }
        // The event comes with the notes; what is embedded has none.
        drop(timeout(Duration::from_millis(5), changes.recv()).await);
    }
}

/// Processor time that this process has taken so far.
fn cpu_seconds() -> Result<f64> {
    /// Of a second, on every Linux that this runs on.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').context("no name in /proc/self/stat")?;
    let ticks: Vec<f64> =
        rest.split_whitespace().skip(11).take(2).filter_map(|cell| cell.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / TICKS)
}
