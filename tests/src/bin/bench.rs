//! `cargo xtask bench`: the product's figures, each with the bound it has to keep, as ratios to a
//! baseline measured in the same run where machines differ. Needs `../shared/data`.

#![allow(clippy::print_stdout, reason = "printing is its job")]

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use clap::Parser;
use commonplace_tests::bare_onnx::BareOnnx;
use commonplace_tests::crash::{Crashes, child_folder, work_until_killed};
use commonplace_tests::desk::{Desk, desktop_binary, wait_for};
use commonplace_tests::measure::{
    Figure, LIMIT, TestBed, median, percentile, queries, run, time_searches, two_kilobytes,
};
use commonplace_tests::processes::Group;
use commonplace_tests::{mixed, model_dir};
use embed::{Embedder, LocalModel};
use engine::{
    Engine, ImportRequest, ListFilter, Mode, ModelSource, Options, Reader, SearchRequest,
};
use note::{NoteDraft, NoteHead};
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
#[command(name = "bench", about = "Print the product's figures")]
struct Args {
    /// Only these: import, mixed, embed, save, fresh, search, load, memory, window, crash [default: all but
    /// crash]. Search, load, memory and window need the whole corpus embedded, once for all runs, which takes about
    /// 20 minutes of a core
    only: Vec<String>,
    /// How often crash kills a process in the middle of its work and checks what it left
    #[arg(long, default_value_t = 200)]
    rounds: usize,
    /// Also write the figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Import and embed the corpus again instead of taking the folder of an earlier run
    #[arg(long)]
    fresh: bool,
}

/// Set in a child whose memory is measured: the folder that it imports, or the data folder that it
/// opens and searches with the queries on its input.
const IMPORTER: &str = "COMMONPLACE_BENCH_IMPORTER";
const SEARCHER: &str = "COMMONPLACE_BENCH_SEARCHER";

const WORDS_SEARCH: &str = "words search, 38,405 notes, with snippets, p95";
const BOTH_SEARCH: &str = "both search, 38,405 notes, with snippets, p95";
const SAVES: usize = 300;
const FRESH_SAVES: usize = 60;
const QUERIES: usize = 400;
const STARTS: usize = 5;
/// Notes that are asked about one by one.
const NOTES: usize = 200;

fn main() -> Result<()> {
    bench(&engine::reader())
}

#[tokio::main]
async fn bench(reader: &Reader) -> Result<()> {
    if let Some(dir) = child_folder() {
        let model = model_dir().context("the model is not installed")?;
        return work_until_killed(&dir, ModelSource::Dir(model)).await;
    }
    if let Some(folder) = std::env::var_os(IMPORTER) {
        return import_alone(Path::new(&folder)).await;
    }
    if let Some(dir) = std::env::var_os(SEARCHER) {
        return search_alone(Path::new(&dir)).await;
    }
    if let Some(folder) = mixed::child_folder() {
        let model = model_dir().context("the model is not installed")?;
        let model = ModelSource::Dir(model);
        let options =
            |dir: &Path| Options { reader: reader.clone(), ..Options::new(dir, model.clone()) };
        return mixed::import_alone(&folder, options).await;
    }
    let args = Args::parse();
    let Some(bed) = TestBed::prepare(args.fresh)? else { return Ok(()) };
    let bench = Bench { bed };
    let wants = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let mut figures = Vec::new();
    let mut add = |figure: Figure| {
        figure.print();
        figures.push(figure);
    };
    if wants("import") {
        for figure in bench.import_rate().await? {
            add(figure);
        }
        add(bench.import_memory()?);
    }
    if wants("mixed") {
        for figure in mixed::figures()? {
            add(figure);
        }
    }
    if wants("embed") {
        add(bench.embedding_rate()?);
    }
    if wants("save") {
        add(bench.save_ratio().await?);
    }
    if wants("fresh") {
        for figure in bench.freshness().await? {
            add(figure);
        }
    }
    if wants("search") || wants("load") || wants("memory") {
        for figure in bench.searches(wants("load"), wants("memory")).await? {
            add(figure);
        }
    }
    if wants("window")
        && let Some(figure) = bench.window().await?
    {
        add(figure);
    }
    if args.only.iter().any(|only| only == "crash") {
        for figure in bench.crashes(args.rounds).await? {
            add(figure);
        }
    }
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&figures)?)
            .with_context(|| file.display().to_string())?;
    }
    Ok(())
}

struct Bench {
    bed: TestBed,
}

impl Bench {
    /// From the start of the app to the answer to the first key typed in its window, 38,405 notes in
    /// the store; nothing, and a line that says so, where there is no desktop to be had.
    async fn window(&self) -> Result<Option<Figure>> {
        let skipped = |why: String| {
            eprintln!("skipped: {why}");
            Ok(None)
        };
        let program = match desktop_binary() {
            Ok(program) => program,
            Err(why) => return skipped(why.to_string()),
        };
        self.bed.fill(None).await?;
        let (mut visible, mut answered) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let desk = match Desk::open("bench")? {
                Ok(desk) => desk,
                Err(why) => return skipped(why),
            };
            run(Command::new("cp").arg("-r").arg(&self.bed.filled).arg(desk.data()))?;
            run(&mut Command::new("sync"))?;
            let trace = desk.artefact("trace.json");
            let mut app = desk.command(&program);
            app.arg("--data").arg(desk.data()).arg("--trace").arg(&trace);
            app.env("COMMONPLACE_MODEL", &self.bed.model);
            let started = SystemTime::now();
            let _app = Group::start(&mut app, &desk.artefact("app.log"))?;
            desk.focus("^Commonplace$").await?;
            visible.push(started.elapsed()?.as_secs_f64() * 1e3);
            let before = searches(&trace)?.len();
            let answer = wait_for("the first answer", async || {
                desk.type_text("t")?;
                Ok(searches(&trace)?.get(before).copied())
            });
            answered.push(answer.await?.duration_since(started)?.as_secs_f64() * 1e3);
        }
        Ok(Some(Figure {
            name: "start to the answer to the first typed key, 38,405 notes",
            value: median(&mut answered),
            unit: "ms",
            bound: 1500.0,
            at_most: true,
            detail: format!(
                "max {:.0} ms of {STARTS} starts; window there after {:.0} ms",
                percentile(&mut answered, 100),
                median(&mut visible)
            ),
        }))
    }

    /// What a process of its own prints in megabytes.
    fn measured(&self, variable: &str, folder: &Path, input: &str) -> Result<(f64, f64)> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(variable, folder)
            .env("COMMONPLACE_MODEL", &self.bed.model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("the child has no input")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        let mut numbers = text.split_whitespace().map(str::parse::<f64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(first)), Some(Ok(second))) if output.status.success() => Ok((first, second)),
            _ => bail!("the measured process ended with {}: {text:?}", output.status),
        }
    }

    /// Of a process that has the whole corpus open and searched in it.
    fn memory(&self, queries: &[(String, bool)]) -> Result<Figure> {
        let lines: String = queries.iter().map(|(query, _)| format!("{query}\n")).collect();
        let dir = self.bed.copy(&self.bed.filled, "memory")?;
        let (resident, anonymous) = self.measured(SEARCHER, &dir, &lines)?;
        Ok(Figure {
            name: "memory of the engine, 38,405 notes, model loaded (RSS)",
            value: resident,
            unit: "MB",
            bound: 400.0,
            at_most: true,
            detail: format!(
                "{anonymous:.0} MB of it anonymous; after {} searches",
                2 * queries.len()
            ),
        })
    }

    /// The most memory that an import of the whole corpus takes, until all is found by words.
    fn import_memory(&self) -> Result<Figure> {
        let (peak, after) = self.measured(IMPORTER, &self.bed.corpus, "")?;
        Ok(Figure {
            name: "peak memory of an import of 38,405 files (RSS)",
            value: peak,
            unit: "MB",
            bound: 500.0,
            at_most: true,
            detail: format!("{after:.0} MB when it was done; the model loaded"),
        })
    }

    /// Files per second until all are found by words, against tantivy alone on the same texts.
    async fn import_rate(&self) -> Result<Vec<Figure>> {
        let engine = self.bed.open(&self.bed.scratch("import")).await?;
        // The model is there when a person imports: its loading is not part of this.
        let warm = SearchRequest {
            text: "warm".into(),
            wait_for_model: true,
            limit: 1,
            ..Default::default()
        };
        engine.search(warm, CancellationToken::new()).await?;
        let started = Instant::now();
        let id = engine
            .import(ImportRequest {
                roots: vec![self.bed.corpus.clone()],
                ..ImportRequest::default()
            })
            .await?;
        let ended = engine.import_ended(id).await?;
        let imported_after = started.elapsed();
        let mut updates = engine.status();
        while engine.status_now().await?.words_pending > 0 {
            updates.changed().await?;
        }
        let took = started.elapsed();
        let ours = ended.imported as f64 / took.as_secs_f64();
        let texts = self.bed.texts()?;
        engine.pause_meaning(true).await?;
        engine.settled().await?;
        let queries = queries(&texts, QUERIES);
        time_searches(&engine, &queries[..50], Mode::Words).await?;
        let mut times = time_searches(&engine, &queries, Mode::Words).await?;
        engine.close().await?;
        let bare = bare_tantivy(&texts, &self.bed.scratch("bare-tantivy"))?;
        Ok(vec![
            Figure {
                name: "import to searchable by words ÷ bare tantivy, files/s",
                value: ours / bare,
                unit: "×",
                bound: 0.4,
                at_most: false,
                detail: format!(
                    "{ours:.0} of {bare:.0} files/s; {} files in {:.1} s, stored after {:.1} s",
                    ended.imported,
                    took.as_secs_f64(),
                    imported_after.as_secs_f64()
                ),
            },
            Figure {
                name: WORDS_SEARCH,
                value: percentile(&mut times, 95),
                unit: "ms",
                bound: 10.0,
                at_most: true,
                detail: format!(
                    "p50 {:.2} ms, {} queries",
                    percentile(&mut times, 50),
                    times.len()
                ),
            },
        ])
    }

    fn embedding_rate(&self) -> Result<Figure> {
        let texts: Vec<String> = self.bed.texts()?.into_iter().step_by(96).take(400).collect();
        let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
        let model = LocalModel::open(&self.bed.model)?;
        model.embed(&refs[..16])?;
        let mut bare = BareOnnx::open(&self.bed.model, model.environment(), 1)?;
        let batches = bare.batches(&refs, embed::BATCH_TOKENS)?;
        bare.run(&batches[..2.min(batches.len())])?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let started = Instant::now();
            model.embed(&refs)?;
            ours.push(refs.len() as f64 / started.elapsed().as_secs_f64());
            let started = Instant::now();
            bare.run(&batches)?;
            theirs.push(refs.len() as f64 / started.elapsed().as_secs_f64());
        }
        let (ours, theirs) = (median(&mut ours), median(&mut theirs));
        Ok(Figure {
            name: "embedding ÷ bare ONNX runtime, texts/s",
            value: ours / theirs,
            unit: "×",
            bound: 0.9,
            at_most: false,
            detail: format!("{ours:.1} of {theirs:.1} texts/s, one thread, same batches"),
        })
    }

    /// Durable saves of a 2 kB note, taking turns with bare inserts of the same text.
    async fn save_ratio(&self) -> Result<Figure> {
        let engine = self.bed.open(&self.bed.scratch("save")).await?;
        engine.settled().await?;
        let bare = rusqlite::Connection::open(self.bed.scratch("bare.db"))?;
        bare.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT, body TEXT, updated INTEGER);",
        )?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for number in 0..SAVES {
            let body = two_kilobytes(number);
            let title = format!("Saved {number}");
            let started = Instant::now();
            bare.prepare_cached("INSERT INTO notes (title, body, updated) VALUES (?1, ?2, ?3)")?
                .execute(rusqlite::params![title, body, number])?;
            theirs.push(started.elapsed().as_secs_f64() * 1e3);
            let draft = NoteDraft { title, body, ..NoteDraft::default() };
            let started = Instant::now();
            engine.save_note(None, None, draft).await?;
            ours.push(started.elapsed().as_secs_f64() * 1e3);
            // A person's pace: what a save sets off in the background is over before the next one.
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        engine.close().await?;
        let (our, their) = (percentile(&mut ours, 50), percentile(&mut theirs, 50));
        Ok(Figure {
            name: "save 2 kB durably ÷ bare SQLite insert, p50",
            value: our / their,
            unit: "×",
            bound: 1.5,
            at_most: true,
            detail: format!(
                "{our:.3} of {their:.3} ms; p95 {:.3} of {:.3} ms",
                percentile(&mut ours, 95),
                percentile(&mut theirs, 95)
            ),
        })
    }

    /// From the start of a save to the first search that finds the note.
    async fn freshness(&self) -> Result<Vec<Figure>> {
        let engine = self.bed.open(&self.bed.scratch("fresh")).await?;
        engine.settled().await?;
        let (mut words, mut meaning) = (Vec::new(), Vec::new());
        for number in 0..FRESH_SAVES {
            let token = format!("quillfeather{number}");
            let body =
                format!("{} {token}\n\n{}", TOPICS[number % TOPICS.len()], two_kilobytes(number));
            let started = Instant::now();
            let draft =
                NoteDraft { title: format!("Fresh {number}"), body, ..NoteDraft::default() };
            let saved = engine.save_note(None, None, draft).await?;
            let found = |mode: Mode, text: String| {
                let engine = engine.clone();
                async move {
                    let request = SearchRequest {
                        text,
                        mode,
                        // All fresh notes are alike: by meaning, each is among the others.
                        limit: 2 * FRESH_SAVES,
                        wait_for_model: true,
                        ..Default::default()
                    };
                    loop {
                        let hits = engine.search(request.clone(), CancellationToken::new()).await?;
                        if hits.hits.iter().any(|hit| hit.head.id == saved.id) {
                            return Ok::<f64, anyhow::Error>(started.elapsed().as_secs_f64() * 1e3);
                        }
                        if started.elapsed() > Duration::from_secs(30) {
                            bail!("a saved note was not found within 30 s");
                        }
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
            };
            words.push(found(Mode::Words, token).await?);
            let first_words =
                two_kilobytes(number).split(' ').take(12).collect::<Vec<_>>().join(" ");
            meaning.push(found(Mode::Meaning, format!("Fresh {number} {first_words}")).await?);
            engine.settled().await?;
        }
        engine.close().await?;
        Ok(vec![
            Figure {
                name: "saved → found by words, idle, p95",
                value: percentile(&mut words, 95),
                unit: "ms",
                bound: 100.0,
                at_most: true,
                detail: format!("p50 {:.1} ms", percentile(&mut words, 50)),
            },
            Figure {
                name: "saved → found by meaning, idle, p95",
                value: percentile(&mut meaning, 95),
                unit: "ms",
                bound: 500.0,
                at_most: true,
                detail: format!("p50 {:.1} ms", percentile(&mut meaning, 50)),
            },
        ])
    }

    /// kill −9 in the middle of saves, an import and searches, again and again.
    async fn crashes(&self, rounds: usize) -> Result<Vec<Figure>> {
        let embedder = Arc::new(LocalModel::open(&self.bed.model)?);
        let mut crashes = Crashes::new(ModelSource::Dir(self.bed.model.clone()), embedder)?;
        for round in 0..rounds {
            eprint!("\rround {} of {rounds}   ", round + 1);
            crashes.round(Command::new(std::env::current_exe()?)).await?;
        }
        eprintln!();
        let mut starts: Vec<f64> =
            crashes.first_answers.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        Ok(vec![
            Figure {
                name: "lost acknowledged saves",
                value: crashes.lost.len() as f64,
                unit: "",
                bound: 0.0,
                at_most: true,
                detail: format!(
                    "of {} over {rounds} kills; both indexes equal a rebuild after each",
                    crashes.acknowledged()
                ),
            },
            Figure {
                name: "start to first answered query after a kill, p95",
                value: percentile(&mut starts, 95),
                unit: "ms",
                bound: 1500.0,
                at_most: true,
                detail: format!(
                    "p50 {:.0} ms, max {:.0} ms",
                    percentile(&mut starts, 50),
                    percentile(&mut starts, 100)
                ),
            },
        ])
    }

    async fn searches(&self, load: bool, memory: bool) -> Result<Vec<Figure>> {
        self.bed.fill(None).await?;
        let engine = self.bed.open(&self.bed.copy(&self.bed.filled, "search")?).await?;
        engine.settled().await?;
        let queries = queries(&self.bed.texts()?, QUERIES);
        let mut figures = Vec::new();
        // Every page of the files is read once before anything is timed.
        time_searches(&engine, &queries[..50], Mode::Both).await?;
        let mut idle = HashMap::new();
        for (mode, name, bound) in
            [(Mode::Words, WORDS_SEARCH, 10.0), (Mode::Both, BOTH_SEARCH, 30.0)]
        {
            let mut times = time_searches(&engine, &queries, mode).await?;
            let p95 = percentile(&mut times, 95);
            idle.insert(name, p95);
            figures.push(Figure {
                name,
                value: p95,
                unit: "ms",
                bound,
                at_most: true,
                detail: format!(
                    "p50 {:.2} ms, {} queries",
                    percentile(&mut times, 50),
                    times.len()
                ),
            });
        }
        figures.extend(finding(&engine, &queries).await?);
        if memory {
            figures.push(self.memory(&queries)?);
        }
        if load {
            let folder = self.bed.load_files("load", usize::MAX)?;
            let id = engine
                .import(ImportRequest {
                    roots: vec![folder],
                    notebook: "Load".into(),
                    ..ImportRequest::default()
                })
                .await?;
            for (mode, name, of) in [
                (
                    Mode::Words,
                    "words search while importing and embedding ÷ idle, p95",
                    WORDS_SEARCH,
                ),
                (Mode::Both, "both search while importing and embedding ÷ idle, p95", BOTH_SEARCH),
            ] {
                let mut times = time_searches(&engine, &queries, mode).await?;
                let p95 = percentile(&mut times, 95);
                let status = engine.status_now().await?;
                let import = engine.import_status(id).await?;
                figures.push(Figure {
                    name,
                    value: p95 / idle[of],
                    unit: "×",
                    bound: 2.5,
                    at_most: true,
                    detail: format!(
                        "{p95:.2} ms, p50 {:.2} ms; at its end {} of {} files were in, {} notes waited to be embedded",
                        percentile(&mut times, 50),
                        import.imported + import.skipped + import.failed,
                        import.found,
                        status.meaning_pending
                    ),
                });
            }
            engine.cancel_import(id).await?;
        }
        engine.close().await?;
        Ok(figures)
    }
}

/// What is asked about one note among all: those near it, its passages; and which notes say the same.
async fn finding(engine: &Engine, queries: &[(String, bool)]) -> Result<Vec<Figure>> {
    let filter = ListFilter { limit: usize::MAX, ..ListFilter::default() };
    let (total, heads) = engine.list(filter).await?;
    let notes: Vec<NoteHead> = heads.into_iter().step_by((total / NOTES).max(1)).collect();
    let (mut related, mut like, mut passages) = (Vec::new(), Vec::new(), Vec::new());
    for (note, (query, _)) in notes.iter().zip(queries.iter().cycle()) {
        let started = Instant::now();
        engine.related(note.id, 8).await?;
        related.push(millis(started));
        let request = SearchRequest {
            text: format!("like:\"{}\"", note.title),
            limit: LIMIT,
            ..SearchRequest::default()
        };
        let started = Instant::now();
        engine.search(request, CancellationToken::new()).await?;
        like.push(millis(started));
        let started = Instant::now();
        engine.passages(note.id, query.clone(), Mode::Both).await?;
        passages.push(millis(started));
    }
    let started = Instant::now();
    let found = engine.duplicates(|_| {}).await?;
    let duplicates = started.elapsed().as_secs_f64();
    let at_most = |name, value, unit, bound, detail| Figure {
        name,
        value,
        unit,
        bound,
        at_most: true,
        detail,
    };
    let notes = notes.len();
    let p95 = |name, mut times: Vec<f64>| {
        let middle = percentile(&mut times, 50);
        let detail = format!("p50 {middle:.2} ms, {notes} notes");
        at_most(name, percentile(&mut times, 95), "ms", 50.0, detail)
    };
    Ok(vec![
        p95("related notes, 38,405 notes, p95", related),
        p95("like: search, 38,405 notes, p95", like),
        p95("passages of a hit, 38,405 notes, p95", passages),
        at_most(
            "duplicates among 38,405 notes",
            duplicates,
            "s",
            15.0,
            format!("{} groups, {} notes compared", found.found, found.compared),
        ),
    ])
}

fn millis(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1000.0
}

const TOPICS: [&str; 4] = [
    "The landlord keeps the deposit until the flat is handed over.",
    "Sourdough needs a long rest in a cool place before it is baked.",
    "The committee will vote on the new bicycle lanes in spring.",
    "Glaciers carve wide valleys as they move towards the sea.",
];

/// Documents per second of tantivy alone: its own tokenizer, the same texts from memory, as many
/// threads as the product's writer has, one commit.
fn bare_tantivy(texts: &[String], dir: &Path) -> Result<f64> {
    std::fs::create_dir_all(dir)?;
    let mut schema = tantivy::schema::Schema::builder();
    let id = schema.add_u64_field("id", tantivy::schema::INDEXED | tantivy::schema::FAST);
    let body = schema.add_text_field("body", tantivy::schema::TEXT);
    let index = tantivy::Index::create_in_dir(dir, schema.build())?;
    let mut writer: tantivy::IndexWriter =
        index.writer_with_num_threads(keyword::WRITER_THREADS, 60_000_000)?;
    let started = Instant::now();
    for (number, text) in texts.iter().enumerate() {
        writer.add_document(tantivy::doc!(id => number as u64, body => text.as_str()))?;
    }
    writer.commit()?;
    Ok(texts.len() as f64 / started.elapsed().as_secs_f64())
}

/// When the searches in a trace file were answered.
fn searches(trace: &Path) -> Result<Vec<SystemTime>> {
    let mut ended = Vec::new();
    for line in std::fs::read_to_string(trace)?.lines() {
        // The last line may be half written.
        let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        if line["span"]["name"] == "search" && line["fields"]["message"] == "close" {
            let time = line["timestamp"].as_str().context("a line without a time")?;
            ended.push(time.parse::<jiff::Timestamp>()?.into());
        }
    }
    Ok(ended)
}

/// An engine with the model loaded.
async fn open_warm(dir: &Path) -> Result<Engine> {
    let engine = Engine::open(Options::new(dir, ModelSource::Installed)).await?;
    let warm =
        SearchRequest { text: "warm".into(), wait_for_model: true, limit: 1, ..Default::default() };
    engine.search(warm, CancellationToken::new()).await?;
    Ok(engine)
}

/// In a child: imports and prints the process's peak and present memory in megabytes.
async fn import_alone(folder: &Path) -> Result<()> {
    let home = tempfile::tempdir_in(folder.parent().context("the corpus has no parent")?)?;
    let engine = open_warm(home.path()).await?;
    let request = ImportRequest { roots: vec![folder.to_owned()], ..ImportRequest::default() };
    let id = engine.import(request).await?;
    engine.import_ended(id).await?;
    let mut updates = engine.status();
    while engine.status_now().await?.words_pending > 0 {
        updates.changed().await?;
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: f64 = peak.split_whitespace().next().context("no figure in VmHWM")?.parse()?;
    let now = engine.diagnostics().await?.resident_bytes.context("this system does not tell")?;
    println!("{} {}", kilobytes * 1024.0 / 1e6, now as f64 / 1e6);
    engine.close().await?;
    Ok(())
}

/// In a child: searches for every line of its input by words and by both, and prints the process's
/// resident and anonymous memory in megabytes.
async fn search_alone(dir: &Path) -> Result<()> {
    let engine = open_warm(dir).await?;
    engine.settled().await?;
    for line in std::io::stdin().lines() {
        let query = [(line?, false)];
        time_searches(&engine, &query, Mode::Words).await?;
        time_searches(&engine, &query, Mode::Both).await?;
    }
    let diagnostics = engine.diagnostics().await?;
    let resident = diagnostics.resident_bytes.context("this system does not tell")?;
    let anonymous = diagnostics.anonymous_bytes.context("this system does not tell")?;
    println!("{} {}", resident as f64 / 1e6, anonymous as f64 / 1e6);
    engine.close().await?;
    Ok(())
}
