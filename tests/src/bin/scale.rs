//! `cargo xtask scale`: the product's figures at a million notes, and how they grow. The notes are
//! synthetic (see `synthetic.rs`), made once from the corpus that `cargo xtask bench` embeds.

#![allow(clippy::print_stdout, reason = "printing is its job")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;
use commonplace_tests::measure::{
    Figure, TestBed, percentile, queries, time_searches, two_kilobytes,
};
use commonplace_tests::synthetic::{self, Bases, scattered};
use embed::{Embedder, LocalModel};
use engine::{
    Engine, ImportRequest, ImportState, ListFilter, ListSort, Mode, ModelSource, Options,
    SearchRequest, View,
};
use note::{NoteDraft, NoteId, NoteSet};
use store::Store;
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
#[command(
    name = "scale",
    about = "Print the product's figures for a large store, and how they grow"
)]
struct Args {
    /// Only these: start, search, list, filter, load, writers, growth, vectors [default: all but vectors,
    /// which takes about half an hour of a core for three million]
    only: Vec<String>,
    /// Notes in the store
    #[arg(long, default_value_t = 1_000_000)]
    notes: usize,
    /// Files that are imported under load
    #[arg(long, default_value_t = 10_000)]
    files: usize,
    /// Vectors of the probe of the vector index alone
    #[arg(long, default_value_t = 3_000_000)]
    vectors: usize,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const QUERIES: usize = 300;
/// Searches before memory is measured.
const MIXED_QUERIES: usize = 1_000;
/// Vectors that go into one graph of the probe: as many as the product's largest.
const PROBE_STEP: i64 = 155_000;
/// Store sizes whose figures are laid one beside the other.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let Some(bed) = TestBed::prepare(false)? else { return Ok(()) };
    let wants = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    if args.only == ["vectors"] {
        let figure = probe(&bed, args.vectors).await?;
        figure.print();
        return Ok(());
    }
    let scale = Scale::prepare(bed, args.notes).await?;
    let mut figures = Vec::new();
    let mut add = |figure: Figure| {
        figure.print();
        figures.push(figure);
    };
    // First, because it measures memory: the allocator keeps some of what closed engines gave back.
    if wants("search") {
        scale.searches().await?.into_iter().for_each(&mut add);
    }
    if wants("start") {
        add(scale.start().await?);
    }
    if wants("list") {
        scale.lists().await?;
    }
    if wants("filter") {
        scale.filters().await?.into_iter().for_each(&mut add);
    }
    if wants("load") {
        scale.under_load(args.files).await?.into_iter().for_each(&mut add);
    }
    if wants("writers") {
        add(scale.writers().await?);
    }
    if wants("growth") {
        scale.growth().await?;
    }
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&figures)?)?;
    }
    Ok(())
}

struct Scale {
    bed: TestBed,
    bases: Bases,
    dir: PathBuf,
    queries: Vec<(String, bool)>,
}

fn at_most(
    name: &'static str,
    value: f64,
    unit: &'static str,
    bound: f64,
    detail: String,
) -> Figure {
    Figure { name, value, unit, bound, at_most: true, detail }
}

fn spread(times: &mut [f64]) -> String {
    format!(
        "p50 {:.1}, p99 {:.1}, max {:.1} ms, {} times",
        percentile(times, 50),
        percentile(times, 99),
        percentile(times, 100),
        times.len()
    )
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

impl Scale {
    async fn prepare(bed: TestBed, notes: usize) -> Result<Scale> {
        bed.fill(Some(synthetic::ENOUGH)).await?;
        let model = LocalModel::open(&bed.model)?.model_id().to_owned();
        let bases = Bases::read(&bed.filled, &model)?;
        let dir = bases.folder(notes, &bed.model).await?;
        let queries = queries(&texts(&dir, notes)?, QUERIES);
        Ok(Scale { bed, bases, dir, queries })
    }

    /// From nothing to the first answer; the files are in the system's cache, as after a second start.
    async fn start(&self) -> Result<Figure> {
        let (mut first, mut opened, mut meaning) = (Vec::new(), Vec::new(), Vec::new());
        for (query, _) in self.queries.iter().take(5) {
            let started = Instant::now();
            let engine = self.bed.open(&self.dir).await?;
            opened.push(ms(started));
            let request = SearchRequest { text: query.clone(), limit: 20, ..Default::default() };
            engine.search(request.clone(), CancellationToken::new()).await?;
            first.push(ms(started));
            let request = SearchRequest { wait_for_model: true, ..request };
            engine.search(request, CancellationToken::new()).await?;
            meaning.push(ms(started));
            engine.close().await?;
        }
        Ok(at_most(
            "start to first answered query, p95",
            percentile(&mut first, 95),
            "ms",
            1500.0,
            format!(
                "p50 {:.0} ms; opened after {:.0}, by meaning too after {:.0}",
                percentile(&mut first, 50),
                percentile(&mut opened, 50),
                percentile(&mut meaning, 50)
            ),
        ))
    }

    async fn searches(&self) -> Result<Vec<Figure>> {
        let engine = self.bed.open(&self.dir).await?;
        engine.settled().await?;
        let mut figures = Vec::new();
        for (mode, name, bound) in [
            (Mode::Words, "words search, idle, p95", 25.0),
            (Mode::Both, "both search, idle, p95", 50.0),
        ] {
            time_searches(&engine, &self.queries[..50], mode).await?;
            let mut times = time_searches(&engine, &self.queries, mode).await?;
            let p95 = percentile(&mut times, 95);
            figures.push(at_most(name, p95, "ms", bound, spread(&mut times)));
        }
        for round in 0..MIXED_QUERIES / QUERIES {
            let mode = [Mode::Both, Mode::Words, Mode::Meaning][round % 3];
            time_searches(&engine, &self.queries, mode).await?;
        }
        let now = engine.diagnostics().await?;
        let mb = |bytes: Option<u64>| bytes.unwrap_or(0) as f64 / f64::from(1 << 20);
        figures.push(at_most(
            "memory after 1,000 mixed queries, anonymous",
            mb(now.anonymous_bytes),
            "MB",
            600.0,
            format!("{:.0} MB resident with mapped files", mb(now.resident_bytes)),
        ));
        engine.close().await?;
        Ok(figures)
    }

    /// Lists as the window asks for them: pages of 100.
    async fn lists(&self) -> Result<()> {
        let engine = self.bed.open(&self.dir).await?;
        let (_, heads) = engine.list(ListFilter { limit: 1, ..Default::default() }).await?;
        let Some(some) = heads.into_iter().next() else { bail!("the store is empty") };
        let tag = some.all_tags.first().cloned().unwrap_or_else(|| "topic-0".to_owned());
        for (name, view, sort, offset) in [
            ("all notes, first page", View::All, ListSort::Updated, 0),
            ("all notes, in the middle", View::All, ListSort::Updated, 500_000),
            ("all notes by title", View::All, ListSort::Title, 0),
            ("one notebook", View::Notebook(some.notebook.clone()), ListSort::Updated, 0),
            ("one tag", View::Tag(tag), ListSort::Updated, 0),
        ] {
            let mut times = Vec::new();
            let mut total = 0;
            for _ in 0..20 {
                let (view, started) = (view.clone(), Instant::now());
                (total, _) = engine.list(ListFilter { view, sort, offset, limit: 100 }).await?;
                times.push(ms(started));
            }
            println!("list, {name:<26} {total:>8} notes: {}", spread(&mut times));
        }
        for filter in ["tag:topic-1", "kind:pdf", "updated:2025", "notebook:tldr-pages"] {
            for mode in [Mode::Words, Mode::Both] {
                let queries: Vec<(String, bool)> = self.queries[..40]
                    .iter()
                    .map(|(query, _)| (format!("{query} {filter}"), false))
                    .collect();
                let mut times = time_searches(&engine, &queries, mode).await?;
                println!("search, {mode:?}, {filter:<28}: {}", spread(&mut times));
            }
        }
        engine.close().await?;
        Ok(())
    }

    /// Share of the ten nearest vectors that the index finds among the notes that a filter keeps.
    async fn filters(&self) -> Result<Vec<Figure>> {
        let store = Store::open(&self.dir)?;
        let spec = self.bases.spec(store.uuid());
        store.close()?;
        let access = vector::Access::ReadOnly;
        let (index, _) = vector::VectorIndex::open(&self.dir.join("vector"), &spec, access)?;
        let notes = index.note_count() as i64;
        let mut random = fastrand::Rng::with_seed(11);
        let queries: Vec<Vec<f32>> = (0..30)
            .map(|_| scattered(self.bases.vector(random.usize(..self.bases.len())), &mut random))
            .collect();
        let mut figures = Vec::new();
        for (share, name) in [
            (0.5, "filtered meaning search, recall@10, keeps 50 %"),
            (0.1, "filtered meaning search, recall@10, keeps 10 %"),
            (0.01, "filtered meaning search, recall@10, keeps 1 %"),
            (0.001, "filtered meaning search, recall@10, keeps 0.1 %"),
        ] {
            let mut kept = NoteSet::default();
            for id in 1..=notes {
                if random.f64() < share {
                    kept.insert(NoteId(id));
                }
            }
            // Every vector of every kept note, scored: what the index promises.
            let mut best: Vec<Vec<(f32, i64)>> = vec![Vec::new(); queries.len()];
            for id in kept.iter() {
                for vector in index.vectors_of(id)? {
                    for (query, best) in queries.iter().zip(&mut best) {
                        let similarity = query.iter().zip(&vector).map(|(a, b)| a * b).sum();
                        best.push((similarity, id.0));
                        if best.len() > 400 {
                            nearest(best);
                        }
                    }
                }
            }
            let (mut recall, mut times) = (Vec::new(), Vec::new());
            for (query, best) in queries.iter().zip(&mut best) {
                nearest(best);
                let truth: HashSet<i64> = best.iter().map(|&(_, note)| note).collect();
                let started = Instant::now();
                let hits = index.search(query, 10, Some(&kept))?;
                times.push(ms(started));
                let found: HashSet<i64> = hits.iter().map(|hit| hit.note.0).collect();
                recall.push(truth.intersection(&found).count() as f64 / truth.len() as f64);
            }
            let mean = recall.iter().sum::<f64>() / recall.len() as f64;
            figures.push(Figure {
                name,
                value: mean,
                unit: "",
                bound: 0.95,
                at_most: false,
                detail: format!("{} notes kept; {}", kept.len(), spread(&mut times)),
            });
        }
        Ok(figures)
    }

    /// Searches and saves while files are imported and embedded.
    async fn under_load(&self, files: usize) -> Result<Vec<Figure>> {
        let engine = self.bed.open(&self.bed.copy(&self.dir, "loaded")?).await?;
        engine.settled().await?;
        time_searches(&engine, &self.queries[..50], Mode::Both).await?;
        let roots = vec![self.bed.load_files("files", files)?];
        let id = engine
            .import(ImportRequest { roots, notebook: "Load".into(), ..ImportRequest::default() })
            .await?;
        let saver = tokio::spawn(save_and_find(engine.clone(), id));
        let (mut words, mut both) = (Vec::new(), Vec::new());
        while words.len() < 2 * QUERIES {
            words.extend(time_searches(&engine, &self.queries[..100], Mode::Words).await?);
            both.extend(time_searches(&engine, &self.queries[..100], Mode::Both).await?);
        }
        let status = engine.status_now().await?;
        let (mut saves, mut by_words, mut by_meaning) = saver.await??;
        engine.close().await?;
        let still = format!("{} notes left to embed at its end", status.meaning_pending);
        Ok(vec![
            at_most(
                "words search, importing and embedding, p95",
                percentile(&mut words, 95),
                "ms",
                60.0,
                format!("{}; {still}", spread(&mut words)),
            ),
            at_most(
                "both search, importing and embedding, p95",
                percentile(&mut both, 95),
                "ms",
                120.0,
                spread(&mut both),
            ),
            at_most(
                "durable save, importing and embedding, p95",
                percentile(&mut saves, 95),
                "ms",
                50.0,
                spread(&mut saves),
            ),
            at_most(
                "saved → found by words, importing, p95",
                percentile(&mut by_words, 95),
                "ms",
                150.0,
                spread(&mut by_words),
            ),
            at_most(
                "saved → found by meaning, importing, p95",
                percentile(&mut by_meaning, 95),
                "ms",
                1500.0,
                spread(&mut by_meaning),
            ),
        ])
    }

    /// What group commit gains: durable saves per second of sixteen writers against one.
    async fn writers(&self) -> Result<Figure> {
        let options = Options::new(self.bed.scratch("writers"), ModelSource::None);
        let engine = Engine::open(options).await?;
        let mut rates = Vec::new();
        for writers in [1, 16] {
            let started = Instant::now();
            let tasks: Vec<_> = (0..writers)
                .map(|writer| tokio::spawn(save_for(engine.clone(), writer, started)))
                .collect();
            let mut saved = 0;
            for task in tasks {
                saved += task.await??;
            }
            rates.push(saved as f64 / started.elapsed().as_secs_f64());
        }
        engine.close().await?;
        Ok(Figure {
            name: "durable saves/s, 16 writers ÷ 1",
            value: rates[1] / rates[0],
            unit: "×",
            bound: 4.0,
            at_most: false,
            detail: format!("{:.0} and {:.0} saves/s of 2 kB", rates[1], rates[0]),
        })
    }

    /// Time and bytes at three sizes, and the power of the number of notes that each follows between
    /// the last two.
    async fn growth(&self) -> Result<()> {
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for size in SIZES {
            let dir = self.bases.folder(size, &self.bed.model).await?;
            let queries = queries(&texts(&dir, size)?, QUERIES);
            let started = Instant::now();
            let engine = self.bed.open(&dir).await?;
            let opened = ms(started);
            engine.settled().await?;
            let mut row = vec![opened];
            for mode in [Mode::Words, Mode::Meaning, Mode::Both] {
                time_searches(&engine, &queries[..50], mode).await?;
                let mut times = time_searches(&engine, &queries, mode).await?;
                row.extend([percentile(&mut times, 50), percentile(&mut times, 95)]);
            }
            let now = engine.diagnostics().await?;
            row.extend([
                now.store.database_bytes as f64 / size as f64,
                now.words.bytes as f64 / size as f64,
                now.meaning.bytes as f64 / size as f64,
                now.anonymous_bytes.unwrap_or(0) as f64 / f64::from(1 << 20),
            ]);
            engine.close().await?;
            rows.push(row);
        }
        println!(
            "{:<34} {:>10} {:>10} {:>10} {:>8}",
            "notes", SIZES[0], SIZES[1], SIZES[2], "growth"
        );
        let names = [
            "open, ms",
            "words search p50, ms",
            "words search p95, ms",
            "meaning search p50, ms",
            "meaning search p95, ms",
            "both search p50, ms",
            "both search p95, ms",
            "store, bytes per note",
            "words index, bytes per note",
            "vector index, bytes per note",
            "anonymous memory, MB",
        ];
        for (at, name) in names.iter().enumerate() {
            let power = (rows[2][at] / rows[1][at]).log10();
            println!(
                "{name:<34} {:>10.1} {:>10.1} {:>10.1}   n^{power:.2}",
                rows[0][at], rows[1][at], rows[2][at]
            );
        }
        Ok(())
    }
}

/// The vector index alone with several million vectors of clustered synthetic notes, one each.
async fn probe(bed: &TestBed, count: usize) -> Result<Figure> {
    bed.fill(Some(synthetic::ENOUGH)).await?;
    let model = LocalModel::open(&bed.model)?.model_id().to_owned();
    let bases = Bases::read(&bed.filled, &model)?;
    let dir = bed.scratch("vectors");
    let access = vector::Access::ReadWrite;
    let (index, _) = vector::VectorIndex::open(&dir, &bases.spec("probe"), access)?;
    let mut random = fastrand::Rng::with_seed(5);
    let queries: Vec<Vec<f32>> = (0..50)
        .map(|_| scattered(bases.vector(random.usize(..bases.len())), &mut random))
        .collect();
    let mut best: Vec<Vec<(f32, i64)>> = vec![Vec::new(); queries.len()];
    let started = Instant::now();
    for id in 1..=count as i64 {
        let vector = scattered(bases.vector(random.usize(..bases.len())), &mut random);
        for (query, best) in queries.iter().zip(&mut best) {
            best.push((query.iter().zip(&vector).map(|(a, b)| a * b).sum(), id));
            if best.len() > 400 {
                nearest(best);
            }
        }
        index.replace(NoteId(id), &[&vector])?;
        if id % PROBE_STEP == 0 {
            index.maintain(&|| false)?;
            eprint!("\r{id} vectors, {:.0} s   ", started.elapsed().as_secs_f64());
        }
    }
    index.maintain(&|| false)?;
    index.save(note::Seq(count as i64))?;
    eprintln!();
    let built = started.elapsed();
    let (mut recall, mut times) = (Vec::new(), Vec::new());
    for (query, best) in queries.iter().zip(&mut best) {
        nearest(best);
        let started = Instant::now();
        let hits = index.search(query, 10, None)?;
        times.push(ms(started));
        let found = best.iter().filter(|(_, id)| hits.iter().any(|hit| hit.note.0 == *id)).count();
        recall.push(found as f64 / best.len() as f64);
    }
    Ok(Figure {
        name: "recall@10 of the vector index alone",
        value: recall.iter().sum::<f64>() / recall.len() as f64,
        unit: "",
        bound: 0.95,
        at_most: false,
        detail: format!(
            "{count} vectors in {} graphs, built in {:.0} s; search {}",
            index.graphs(),
            built.as_secs_f64(),
            spread(&mut times)
        ),
    })
}

/// Bodies of notes spread over the store.
fn texts(dir: &Path, notes: usize) -> Result<Vec<String>> {
    let store = Store::open(dir)?;
    let ids: Vec<NoteId> = (1..=notes as i64).step_by(notes.div_ceil(2_000)).map(NoteId).collect();
    let notes = store.read(|read| read.notes(&ids))?;
    store.close()?;
    Ok(notes.into_iter().map(|note| note.body).collect())
}

fn nearest(best: &mut Vec<(f32, i64)>) {
    best.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    best.truncate(10);
}

/// Saves notes until an import has ended: how long each took to be durable, found by words, and
/// found by meaning.
async fn save_and_find(
    engine: Engine,
    import: engine::ImportId,
) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
    let (mut saves, mut words, mut meaning) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0.. {
        let importing = engine.import_status(import).await?.state == ImportState::Running;
        if !importing && saves.len() >= 40 {
            break;
        }
        let token = format!("quillfeather{number}");
        let text = two_kilobytes(number);
        let opening: Vec<&str> = text.split(' ').take(12).collect();
        let opening = opening.join(" ");
        let draft = NoteDraft {
            title: format!("Fresh {number} {token}"),
            body: format!("{token} {text}"),
            ..NoteDraft::default()
        };
        let started = Instant::now();
        let saved = engine.save_note(None, None, draft).await?;
        saves.push(ms(started));
        for (mode, query, times) in [
            (Mode::Words, token.clone(), &mut words),
            (Mode::Meaning, format!("{token} {opening}"), &mut meaning),
        ] {
            loop {
                let request = SearchRequest {
                    text: query.clone(),
                    mode,
                    limit: 100,
                    wait_for_model: true,
                    ..Default::default()
                };
                let found = engine.search(request, CancellationToken::new()).await?;
                if found.hits.iter().any(|hit| hit.head.id == saved.id) {
                    times.push(ms(started));
                    break;
                }
                if started.elapsed() > Duration::from_secs(30) {
                    bail!("a saved note was not found within 30 s ({mode:?})");
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok((saves, words, meaning))
}

/// Saves for five seconds; how many.
async fn save_for(engine: Engine, writer: usize, started: Instant) -> Result<usize> {
    let mut saved = 0;
    while started.elapsed() < Duration::from_secs(5) {
        let draft = NoteDraft {
            title: format!("Writer {writer}, note {saved}"),
            body: two_kilobytes(saved),
            ..NoteDraft::default()
        };
        engine.save_note(None, None, draft).await?;
        saved += 1;
    }
    Ok(saved)
}
