//! `cargo xtask eval DIR…`: how well search ranks, on judged sets in BEIR layout. The corpus goes
//! through the same store, indexes and search as a person's notes.

#![allow(clippy::print_stdout, reason = "printing is its job")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use commonplace_tests::trec::{JudgedSet, Measures, score};
use engine::{Engine, IndexState, Mode, ModelSource, Options, SearchRequest};
use note::{NoteDraft, NoteId};
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
#[command(name = "eval", about = "Score search on judged sets in BEIR layout")]
struct Args {
    /// Folders with corpus.jsonl, queries.jsonl and qrels/test.tsv
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// Only this mode; all three otherwise
    #[arg(long)]
    mode: Option<ModeArg>,
    /// Write a TREC run file (with several sets or modes: FILE.set.mode)
    #[arg(long)]
    run: Option<PathBuf>,
    /// Write the scores as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum ModeArg {
    Words,
    Meaning,
    Both,
}

impl ModeArg {
    fn name(self) -> &'static str {
        match self {
            ModeArg::Words => "words",
            ModeArg::Meaning => "meaning",
            ModeArg::Both => "both",
        }
    }
}

#[derive(serde::Serialize)]
struct Row {
    set: String,
    mode: &'static str,
    documents: usize,
    queries: usize,
    #[serde(flatten)]
    measures: Measures,
}

/// Notes given to the store at a time.
const BATCH: usize = 256;
/// How deep a run is: what R@100 needs.
const DEPTH: usize = 100;
/// Searches at the same time: as many as the engine computes.
const AT_ONCE: usize = 2;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let modes = match args.mode {
        Some(mode) => vec![mode],
        None => vec![ModeArg::Words, ModeArg::Meaning, ModeArg::Both],
    };
    let several = args.dirs.len() * modes.len() > 1;
    let mut rows = Vec::new();
    println!(
        "{:<16} {:<8} {:>8} {:>8} {:>8} {:>8}",
        "set", "mode", "nDCG@10", "R@10", "R@100", "MRR@10"
    );
    for dir in &args.dirs {
        let set = JudgedSet::read(dir)?;
        let folder = tempfile::tempdir()?;
        // Words alone need no model, and no wait for it.
        let model =
            if modes == [ModeArg::Words] { ModelSource::None } else { ModelSource::Installed };
        let (engine, ids) = fill(&set, folder.path(), model).await?;
        let engine = Arc::new(engine);
        for &mode in &modes {
            let run = run_topics(&engine, &set, &ids, mode).await?;
            if let Some(file) = &args.run {
                let file = if several {
                    PathBuf::from(format!("{}.{}.{}", file.display(), set.name, mode.name()))
                } else {
                    file.clone()
                };
                write_run(&file, &run)?;
            }
            let ranked = run
                .into_iter()
                .map(|(topic, hits)| (topic, hits.into_iter().map(|(id, _)| id).collect()))
                .collect();
            let measures = score(&ranked, &set.judgements);
            println!(
                "{:<16} {:<8} {:>8.4} {:>8.4} {:>8.4} {:>8.4}",
                set.name,
                mode.name(),
                measures.ndcg10,
                measures.recall10,
                measures.recall100,
                measures.mrr10
            );
            rows.push(Row {
                set: set.name.clone(),
                mode: mode.name(),
                documents: set.corpus.len(),
                queries: set.topics.len(),
                measures,
            });
        }
        engine.close().await?;
    }
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&rows)?)
            .with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// Saves the corpus as notes and waits until both indexes hold it.
async fn fill(
    set: &JudgedSet,
    folder: &Path,
    model: ModelSource,
) -> Result<(Engine, HashMap<NoteId, String>)> {
    let wanted = !matches!(model, ModelSource::None);
    let engine = Engine::open(Options { eager: true, ..Options::new(folder, model) }).await?;
    let mut ids = HashMap::with_capacity(set.corpus.len());
    for batch in set.corpus.chunks(BATCH) {
        let drafts = batch
            .iter()
            .map(|document| NoteDraft {
                title: document.title.lines().collect::<Vec<_>>().join(" "),
                body: document.text.clone(),
                ..NoteDraft::default()
            })
            .collect();
        let saved = engine.save_notes(drafts).await?;
        ids.extend(saved.iter().map(|saved| saved.id).zip(batch.iter().map(|d| d.id.clone())));
    }
    let status = engine.settled().await?;
    if status.words_state != IndexState::Ready
        || (wanted && status.meaning_state != IndexState::Ready)
    {
        bail!("the indexes are not ready: {}", status.message.unwrap_or_default());
    }
    Ok((engine, ids))
}

type Run = Vec<(String, Vec<(String, f32)>)>;

async fn run_topics(
    engine: &Arc<Engine>,
    set: &JudgedSet,
    ids: &HashMap<NoteId, String>,
    mode: ModeArg,
) -> Result<Run> {
    let mut run = Vec::with_capacity(set.topics.len());
    for topics in set.topics.chunks(AT_ONCE) {
        let searches = topics.iter().map(|topic| {
            let (engine, text) = (engine.clone(), topic.text.clone());
            tokio::spawn(async move {
                let request = SearchRequest {
                    text,
                    mode: match mode {
                        ModeArg::Words => Mode::Words,
                        ModeArg::Meaning => Mode::Meaning,
                        ModeArg::Both => Mode::Both,
                    },
                    limit: DEPTH,
                    wait_for_model: true,
                    ..SearchRequest::default()
                };
                engine.search(request, CancellationToken::new()).await
            })
        });
        let searches: Vec<_> = searches.collect();
        for (topic, search) in topics.iter().zip(searches) {
            let hits = search.await?.with_context(|| format!("query {}", topic.id))?;
            let ranked =
                hits.hits.iter().map(|hit| (ids[&hit.head.id].clone(), hit.score)).collect();
            run.push((topic.id.clone(), ranked));
        }
    }
    Ok(run)
}

/// TREC's format: `topic Q0 document rank score tag`. Readers sort by score and break ties in their
/// own way, so each score is written a little below the one before it.
fn write_run(file: &Path, run: &Run) -> Result<()> {
    let mut text = String::new();
    for (topic, hits) in run {
        let mut last = f64::INFINITY;
        for (rank, (document, score)) in hits.iter().enumerate() {
            last = f64::from(*score).min(last - 1e-6);
            writeln!(text, "{topic} Q0 {document} {} {last:.6} commonplace", rank + 1)?;
        }
    }
    std::fs::write(file, text).with_context(|| file.display().to_string())
}
