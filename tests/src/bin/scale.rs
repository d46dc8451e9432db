//! `cargo xtask scale`: the product's figures at a million notes, and how they grow. The notes are
//! synthetic (see `synthetic.rs`), made once from the corpus that `cargo xtask bench` embeds.

#![allow(clippy::print_stdout, reason = "printing is its job")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use commonplace_tests::synthetic::Bases;
use commonplace_tests::{model_dir, workspace};
use embed::{Embedder, LocalModel};
use engine::{Engine, Mode, ModelSource, Options, SearchRequest};
use note::NoteId;
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
#[command(name = "scale", about = "Print the product's figures for a large store")]
struct Args {
    /// Only these: search, load, start, filter, vectors [default: all but vectors]
    only: Vec<String>,
    /// Notes in the store
    #[arg(long, default_value_t = 1_000_000)]
    notes: usize,
    /// Measure a copy of this data folder instead of a synthetic one
    #[arg(long)]
    data: Option<PathBuf>,
}

const QUERIES: usize = 300;
const MIXED_QUERIES: usize = 1_000;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let model = model_dir().context("the model is not installed: run cargo xtask setup")?;
    let local = LocalModel::open(&model)?;
    let name = local.model_id().to_owned();
    drop(local);
    let dir = match args.data {
        Some(dir) => dir,
        None => {
            let bases = Bases::read(&workspace().join("target/bench/filled"), &name)?;
            bases.folder(args.notes, &model).await?
        }
    };
    let wants = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    if wants("start") {
        start(&dir, &model).await?;
    }
    let source =
        if args.only == ["words"] { ModelSource::None } else { ModelSource::Dir(model.clone()) };
    let options = Options::new(&dir, source);
    let engine = Engine::open(Options { eager: true, ..options }).await?;
    engine.settled().await?;
    let queries = queries(&engine, args.notes).await?;
    if wants("words") {
        searches(&engine, &queries[..50], Mode::Words).await?;
        let times = searches(&engine, &queries, Mode::Words).await?;
        let mut slow: Vec<_> = times.iter().zip(&queries).collect();
        slow.sort_by(|a, b| b.0.total_cmp(a.0));
        for (ms, query) in slow.iter().take(25) {
            println!("{ms:.1} {query:?}");
        }
        report("Words search, idle", times);
    }
    if wants("search") {
        for mode in [Mode::Words, Mode::Both] {
            searches(&engine, &queries[..50], mode).await?;
            report(&format!("{mode:?} search, idle"), searches(&engine, &queries, mode).await?);
        }
        for round in 0..MIXED_QUERIES.div_ceil(QUERIES) {
            let mode = [Mode::Both, Mode::Words][round % 2];
            searches(&engine, &queries, mode).await?;
        }
        let now = engine.diagnostics().await?;
        println!(
            "memory: {} MB resident, {} MB of it anonymous",
            now.resident_bytes.unwrap_or(0) >> 20,
            now.anonymous_bytes.unwrap_or(0) >> 20
        );
        println!("{}", serde_json::to_string_pretty(&now)?);
    }
    engine.close().await?;
    Ok(())
}

async fn start(dir: &Path, model: &Path) -> Result<()> {
    for round in 0..3 {
        let started = Instant::now();
        let options = Options::new(dir, ModelSource::Dir(model.to_owned()));
        let engine = Engine::open(Options { eager: true, ..options }).await?;
        let opened = started.elapsed();
        let request = SearchRequest { text: "list files".into(), limit: 20, ..Default::default() };
        engine.search(request.clone(), CancellationToken::new()).await?;
        let answered = started.elapsed();
        let request = SearchRequest { wait_for_model: true, ..request };
        engine.search(request, CancellationToken::new()).await?;
        println!(
            "start {round}: open {:.0} ms, first answer {:.0} ms, by meaning too {:.0} ms",
            opened.as_secs_f64() * 1e3,
            answered.as_secs_f64() * 1e3,
            started.elapsed().as_secs_f64() * 1e3
        );
        engine.close().await?;
    }
    Ok(())
}

/// One to four neighbouring words of random notes, a third of them cut off as if being typed.
async fn queries(engine: &Engine, notes: usize) -> Result<Vec<(String, bool)>> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut queries = Vec::new();
    while queries.len() < QUERIES {
        let id = NoteId(random.i64(1..=notes as i64));
        let note = engine.note(id).await?;
        let words: Vec<&str> = note
            .body
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.chars().count() > 1)
            .collect();
        if words.len() < 8 {
            continue;
        }
        let count = random.usize(1..=4);
        let from = random.usize(..words.len() - count);
        let mut query = words[from..from + count].join(" ");
        let typing = random.usize(..3) == 0;
        if typing && let Some((at, _)) = query.char_indices().nth_back(1).filter(|&(at, _)| at > 1)
        {
            query.truncate(at);
        }
        queries.push((query, typing));
    }
    Ok(queries)
}

async fn searches(engine: &Engine, queries: &[(String, bool)], mode: Mode) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for (text, typing) in queries {
        let request = SearchRequest {
            text: text.clone(),
            mode,
            typing: *typing,
            limit: 20,
            wait_for_model: true,
            ..SearchRequest::default()
        };
        let started = Instant::now();
        engine.search(request, CancellationToken::new()).await?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

fn report(name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{name}: p50 {:.2} p95 {:.2} p99 {:.2} max {:.2} ms", at(50), at(95), at(99), at(100));
}
