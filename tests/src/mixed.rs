//! An import of ten thousand files of every format: how fast, how much memory the processes that take
//! part have between them, how soon it stops, and whether it can be undone. Runs in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use engine::{Engine, ImportId, ImportRequest, ImportState, ImportStatus, Options, Reader};

use crate::measure::Figure;
use crate::{shared_data, workspace};

const FILES: usize = 10_000;
/// Set in the process that imports: the folder.
const FOLDER: &str = "COMMONPLACE_BENCH_MIXED";
/// How often memory is looked at.
const GLANCE: Duration = Duration::from_millis(20);
const CANCELS: usize = 5;

/// The folder that this process has to import, if it was started for that.
pub fn child_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The figures; none, and a line that says so, where the fixtures are not there.
pub fn figures() -> Result<Vec<Figure>> {
    let Some(fixtures) = shared_data("import") else {
        eprintln!("skipped: ../shared/data/import is not there");
        return Ok(Vec::new());
    };
    let home = workspace().join("target/bench");
    std::fs::create_dir_all(&home)?;
    let scratch = tempfile::Builder::new().prefix("mixed-").tempdir_in(&home)?;
    let folder = scratch.path().join("files");
    let kinds = multiply(&fixtures, &folder)?;
    let output = Command::new(std::env::current_exe()?)
        .env(FOLDER, &folder)
        .stdout(Stdio::piped())
        .spawn()?
        .wait_with_output()?;
    ensure!(output.status.success(), "the importing process ended with {}", output.status);
    let told: Told = serde_json::from_slice(&output.stdout)?;
    let figure = |name, value, unit, bound, at_most, detail| Figure {
        name,
        value,
        unit,
        bound,
        at_most,
        detail,
    };
    Ok(vec![
        figure(
            "10,000 mixed files: read in confined processes ÷ read inside, files/s",
            told.apart / told.inside,
            "×",
            0.8,
            false,
            format!(
                "{:.0} of {:.0} files/s, until found by words; {kinds} different files: {} imported, {} skipped, {} failed",
                told.apart, told.inside, told.imported, told.skipped, told.failed
            ),
        ),
        figure(
            "10,000 mixed files: peak memory of all processes (RSS)",
            told.peak as f64 / 1e6,
            "MB",
            600.0,
            true,
            format!(
                "{:.0} MB of it at most in the engine's own, the model loaded",
                told.own as f64 / 1e6
            ),
        ),
        figure(
            "10,000 mixed files: first one found by words",
            told.first * 1e3,
            "ms",
            300.0,
            true,
            "from the start of the import".to_owned(),
        ),
        figure(
            "10,000 mixed files: cancel to ended, readers gone",
            told.cancel * 1e3,
            "ms",
            100.0,
            true,
            format!("the longest of {CANCELS}"),
        ),
        figure(
            "10,000 mixed files: left of an undone import",
            told.left as f64,
            "notes",
            0.0,
            true,
            format!("undone in {:.1} s", told.undo),
        ),
    ])
}

/// Fills a folder with copies of all fixtures under other names; how many there are of them.
fn multiply(fixtures: &Path, folder: &Path) -> Result<usize> {
    let manifest = std::fs::read_to_string(fixtures.join("MANIFEST.tsv"))?;
    let above = fixtures.parent().context("the fixtures have no folder above them")?;
    let paths: Vec<&str> = manifest
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .filter(|path| above.join(path).is_file())
        .collect();
    ensure!(!paths.is_empty(), "the manifest names no file");
    for number in 0..FILES {
        let path = above.join(paths[number % paths.len()]);
        let name = path.file_name().context("a fixture has no name")?.to_string_lossy();
        let round = folder.join(format!("round {}", number / paths.len()));
        std::fs::create_dir_all(&round)?;
        std::fs::copy(&path, round.join(format!("{number} {name}")))?;
    }
    Ok(paths.len())
}

/// What the importing process prints.
#[derive(serde::Serialize, serde::Deserialize)]
struct Told {
    /// Files per second.
    apart: f64,
    inside: f64,
    imported: usize,
    skipped: usize,
    failed: usize,
    /// Bytes.
    peak: u64,
    own: u64,
    /// Seconds.
    first: f64,
    cancel: f64,
    undo: f64,
    left: usize,
}

/// The importing process's part.
#[allow(clippy::print_stdout, reason = "printing is its job")]
pub async fn import_alone(folder: &Path, options: impl Fn(&Path) -> Options) -> Result<()> {
    let home = folder.parent().context("the files have no folder above them")?;
    let watched = Watched::start();
    let engine = open(options(&home.join("apart"))).await?;
    let (status, first, seconds) = whole(&engine, folder).await?;
    let (peak, own) = watched.end();
    let undone = Instant::now();
    engine.undo_import(status.id).await?;
    let undo = undone.elapsed().as_secs_f64();
    let left = engine.status_now().await?.notes;
    engine.close().await?;

    let inside = Options { reader: Reader::inside(), ..options(&home.join("inside")) };
    let engine = open(inside).await?;
    let (_, _, seconds_inside) = whole(&engine, folder).await?;
    engine.close().await?;

    let mut cancel: f64 = 0.0;
    for number in 0..CANCELS {
        let engine = open(options(&home.join(format!("cancel {number}")))).await?;
        let id = start(&engine, folder).await?;
        let mut progress = engine.import_progress();
        while progress.recv().await?.imported < 200 * (number + 1) {}
        let started = Instant::now();
        engine.cancel_import(id).await?;
        let status = engine.import_ended(id).await?;
        cancel = cancel.max(started.elapsed().as_secs_f64());
        ensure!(status.state == ImportState::Cancelled, "{status:?}");
        let readers = processes()?.len() - 1;
        ensure!(readers == 0, "{readers} processes read on after the import was cancelled");
        engine.close().await?;
    }
    let told = Told {
        apart: status.found as f64 / seconds,
        inside: status.found as f64 / seconds_inside,
        imported: status.imported,
        skipped: status.skipped,
        failed: status.failed,
        peak,
        own,
        first,
        cancel,
        undo,
        left,
    };
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

/// With the model in memory, as it is when a person imports.
async fn open(options: Options) -> Result<Engine> {
    let engine = Engine::open(options).await?;
    let warm = engine::SearchRequest {
        text: "warm".into(),
        wait_for_model: true,
        limit: 1,
        ..Default::default()
    };
    engine.search(warm, tokio_util::sync::CancellationToken::new()).await?;
    Ok(engine)
}

async fn start(engine: &Engine, folder: &Path) -> Result<ImportId> {
    let request = ImportRequest { roots: vec![folder.to_owned()], ..ImportRequest::default() };
    Ok(engine.import(request).await?)
}

/// Imports all; seconds until the first is found by words, and until all are.
async fn whole(engine: &Engine, folder: &Path) -> Result<(ImportStatus, f64, f64)> {
    let started = Instant::now();
    let mut first = None;
    let mut updates = engine.status();
    let id = start(engine, folder).await?;
    let status = loop {
        let status = engine.status_now().await?;
        let searchable = status.notes - status.words_pending;
        if first.is_none() && searchable > 0 {
            first = Some(started.elapsed().as_secs_f64());
        }
        let import = engine.import_status(id).await?;
        if import.state != ImportState::Running && status.words_pending == 0 {
            break import;
        }
        let pause = Duration::from_millis(if first.is_none() { 5 } else { 100 });
        drop(tokio::time::timeout(pause, updates.changed()).await);
    };
    if status.state != ImportState::Done {
        bail!("the import ended as {:?}: {}", status.state, status.error.unwrap_or_default());
    }
    Ok((status, first.context("nothing was found")?, started.elapsed().as_secs_f64()))
}

/// Looks at the memory of this process and those that it started.
struct Watched {
    thread: std::thread::JoinHandle<()>,
    shared: std::sync::Arc<(AtomicBool, AtomicU64, AtomicU64)>,
}

impl Watched {
    fn start() -> Watched {
        let shared =
            std::sync::Arc::new((AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0)));
        let mine = shared.clone();
        let thread = std::thread::spawn(move || {
            let (ended, peak, own) = &*mine;
            while !ended.load(Ordering::Relaxed) {
                let sizes: Vec<u64> =
                    processes().unwrap_or_default().into_iter().map(resident).collect();
                peak.fetch_max(sizes.iter().sum(), Ordering::Relaxed);
                own.fetch_max(sizes.first().copied().unwrap_or_default(), Ordering::Relaxed);
                std::thread::sleep(GLANCE);
            }
        });
        Watched { thread, shared }
    }

    /// The most bytes that all had at a time, and that this process had.
    fn end(self) -> (u64, u64) {
        let (ended, peak, own) = &*self.shared;
        ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("it only adds");
        (peak.load(Ordering::Relaxed), own.load(Ordering::Relaxed))
    }
}

/// This process and those that it started.
fn processes() -> Result<Vec<u32>> {
    let mut found = vec![std::process::id()];
    for task in std::fs::read_dir("/proc/self/task")? {
        // A thread may have ended meanwhile.
        let children = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok());
        // One that has been forked and runs no program of its own yet still counts all of its parent's memory.
        found.extend(children.filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|argument| argument == confine::FLAG.as_bytes())
        }));
    }
    Ok(found)
}

fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}
