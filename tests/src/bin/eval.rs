//! `cargo xtask eval [DIR…]`: how well search ranks, on judged sets in BEIR layout, with confidence
//! intervals and beside what others reached; with typing slips; and whether notes of imported folders
//! are found by their titles. Texts go through the same store, indexes and search as a person's notes.

#![allow(clippy::print_stdout, reason = "printing is its job")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use commonplace_tests::filled::{fill, is_held_out, kept, open, settle};
use commonplace_tests::trec::{
    JudgedSet, Judgements, Measures, baselines, confidence, score_all, with_typo,
};
use commonplace_tests::{shared_data, workspace};
use engine::{Engine, ImportRequest, ImportState, Mode, ProbeKind, SearchRequest};
use note::NoteId;
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
#[command(name = "eval", about = "Score search on judged sets in BEIR layout")]
struct Args {
    /// Folders with corpus.jsonl, queries.jsonl and qrels/test.tsv; with --known-item, folders of
    /// notes [default: the set that ships with the project, and those of ../shared/data]
    dirs: Vec<PathBuf>,
    /// Only this mode; all three otherwise
    #[arg(long)]
    mode: Option<ModeArg>,
    /// Misspell one word of each query as well, seeded, and tell how much of the score is kept
    #[arg(long, value_name = "SEED")]
    typos: Option<u64>,
    /// Tell also the scores of both halves of the queries: what is tuned is tuned on the first
    #[arg(long)]
    halves: bool,
    /// Import folders of notes and search each note by its title and by a passage of it
    #[arg(long)]
    known_item: bool,
    /// Print the queries that lost by a slip
    #[arg(long, requires = "typos")]
    misses: bool,
    /// Fill the stores anew instead of using those of earlier runs
    #[arg(long)]
    fresh: bool,
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

    fn engine(self) -> Mode {
        match self {
            ModeArg::Words => Mode::Words,
            ModeArg::Meaning => Mode::Meaning,
            ModeArg::Both => Mode::Both,
        }
    }

    /// Whether a baseline of this name does what the mode does.
    fn is_like(self, system: &str) -> bool {
        let (words, meaning) = (system.starts_with("BM25"), system.starts_with("MiniLM"));
        match self {
            ModeArg::Words => words,
            ModeArg::Meaning => meaning,
            ModeArg::Both => !words && !meaning,
        }
    }
}

#[derive(serde::Serialize)]
struct Row {
    set: String,
    mode: &'static str,
    /// `all`, `tuned`, `held out` or `typos`.
    part: &'static str,
    queries: usize,
    #[serde(flatten)]
    measures: Measures,
    /// 95 % confidence interval of nDCG@10.
    ndcg10_between: (f64, f64),
}

/// How deep a run is: what R@100 needs.
const DEPTH: usize = 100;
/// Searches at the same time: as many as the engine computes.
const AT_ONCE: usize = 2;
/// Misses that are printed.
const SHOWN: usize = 20;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let modes = match args.mode {
        Some(mode) => vec![mode],
        None => vec![ModeArg::Words, ModeArg::Meaning, ModeArg::Both],
    };
    if args.known_item {
        return known_items(&args, &modes).await;
    }
    let dirs = if args.dirs.is_empty() { default_sets()? } else { args.dirs.clone() };
    let several = dirs.len() * modes.len() > 1;
    let mut rows = Vec::new();
    println!(
        "{:<18} {:<8} {:<9} {:>7} {:>15} {:>8} {:>8} {:>8}",
        "set", "mode", "queries", "nDCG@10", "(95 %)", "R@10", "R@100", "MRR@10"
    );
    for dir in &dirs {
        let set = JudgedSet::read(dir)?;
        let (engine, ids) = fill(dir, &set, needs_meaning(&modes), args.fresh).await?;
        let engine = Arc::new(engine);
        let mut by_mode: Vec<(ModeArg, Vec<Measures>)> = Vec::new();
        for &mode in &modes {
            let topics = set.topics.iter().map(|topic| (topic.id.clone(), topic.text.clone()));
            let run = run_topics(&engine, &topics.collect::<Vec<_>>(), &ids, mode).await?;
            if let Some(file) = &args.run {
                let file = if several {
                    PathBuf::from(format!("{}.{}.{}", file.display(), set.name, mode.name()))
                } else {
                    file.clone()
                };
                write_run(&file, &run)?;
            }
            let scores = score_all(&documents(run), &set.judgements);
            rows.push(report(&set, mode, "all", &scores));
            if args.halves {
                for (part, odd) in [("tuned", false), ("held out", true)] {
                    let half: Vec<Measures> = scores
                        .iter()
                        .zip(set.judgements.keys())
                        .filter(|(_, query)| is_held_out(query) == odd)
                        .map(|(scores, _)| *scores)
                        .collect();
                    rows.push(report(&set, mode, part, &half));
                }
            }
            if let Some(seed) = args.typos {
                rows.extend(
                    with_typos(&engine, &set, &ids, mode, seed, &scores, args.misses)
                        .await?
                        .map(|typos| report(&set, mode, "typos", &typos)),
                );
            }
            let best = baselines(dir)
                .into_iter()
                .filter(|(system, _)| mode.is_like(system))
                .max_by(|(_, a), (_, b)| a.ndcg10.total_cmp(&b.ndcg10));
            if let Some((system, others)) = best {
                println!(
                    "{:<18} {:<8} {:<9} {:>7.4} {:>15} {:>8.4} {:>8.4} {:>8.4}  {system}",
                    "",
                    "",
                    "others",
                    others.ndcg10,
                    "",
                    others.recall10,
                    others.recall100,
                    others.mrr10
                );
            }
            by_mode.push((mode, scores));
        }
        compare(&by_mode);
        engine.close().await?;
    }
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&rows)?)
            .with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// The set that ships with the project, and those that lie beside the checkout.
fn default_sets() -> Result<Vec<PathBuf>> {
    let mut dirs = vec![workspace().join("tests/fixtures/judged")];
    dirs.extend(folders_in("retrieval")?);
    Ok(dirs)
}

fn folders_in(shared: &str) -> Result<Vec<PathBuf>> {
    let Some(above) = shared_data(shared) else {
        eprintln!("skipped: ../shared/data/{shared} is not there");
        return Ok(Vec::new());
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(above)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    found.retain(|path| path.is_dir());
    found.sort();
    Ok(found)
}

fn report(set: &JudgedSet, mode: ModeArg, part: &'static str, scores: &[Measures]) -> Row {
    let measures = Measures::mean(scores.iter());
    let ndcg: Vec<f64> = scores.iter().map(|scores| scores.ndcg10).collect();
    let (low, high) = confidence(&ndcg);
    println!(
        "{:<18} {:<8} {:<9} {:>7.4} {:>15} {:>8.4} {:>8.4} {:>8.4}",
        set.name,
        mode.name(),
        if part == "all" { scores.len().to_string() } else { part.to_owned() },
        measures.ndcg10,
        format!("{low:.4}–{high:.4}"),
        measures.recall10,
        measures.recall100,
        measures.mrr10
    );
    Row {
        set: set.name.clone(),
        mode: mode.name(),
        part,
        queries: scores.len(),
        measures,
        ndcg10_between: (low, high),
    }
}

/// What "both" gains over each single list, query by query.
fn compare(by_mode: &[(ModeArg, Vec<Measures>)]) {
    let Some((_, both)) = by_mode.iter().find(|(mode, _)| *mode == ModeArg::Both) else { return };
    for (mode, scores) in by_mode.iter().filter(|(mode, _)| *mode != ModeArg::Both) {
        let gains: Vec<f64> =
            both.iter().zip(scores).map(|(both, alone)| both.ndcg10 - alone.ndcg10).collect();
        let (low, high) = confidence(&gains);
        let mean = gains.iter().sum::<f64>() / gains.len().max(1) as f64;
        println!(
            "{:<18} both − {:<8} {:>+12.4} {:>15}",
            "",
            mode.name(),
            mean,
            format!("{low:+.4}–{high:+.4}")
        );
    }
}

/// The scores of the queries with a slip each; says how much of their score without it is kept.
async fn with_typos(
    engine: &Arc<Engine>,
    set: &JudgedSet,
    ids: &HashMap<NoteId, String>,
    mode: ModeArg,
    seed: u64,
    untouched: &[Measures],
    shown: bool,
) -> Result<Option<Vec<Measures>>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let misspelt: Vec<(String, String)> = set
        .topics
        .iter()
        .filter_map(|topic| Some((topic.id.clone(), with_typo(&topic.text, &mut random)?)))
        .collect();
    if misspelt.is_empty() {
        return Ok(None);
    }
    let run = documents(run_topics(engine, &misspelt, ids, mode).await?);
    let judged: Judgements = set
        .judgements
        .iter()
        .filter(|(query, _)| run.contains_key(*query))
        .map(|(query, grades)| (query.clone(), grades.clone()))
        .collect();
    let scores = score_all(&run, &judged);
    let same = set.judgements.keys().zip(untouched).filter(|(query, _)| run.contains_key(*query));
    let before = Measures::mean(same.map(|(_, scores)| scores)).ndcg10;
    let after = Measures::mean(scores.iter()).ndcg10;
    println!("{:<18} {:<8} typos keep {:.1} % of nDCG@10", "", mode.name(), 100.0 * after / before);
    if shown {
        let before: HashMap<&String, &Measures> = set.judgements.keys().zip(untouched).collect();
        let texts: HashMap<&String, &String> =
            misspelt.iter().map(|(id, text)| (id, text)).collect();
        for (query, after) in judged.keys().zip(&scores) {
            let before = before[query].ndcg10;
            if after.ndcg10 < before {
                println!("    {before:.2} → {:.2}  {}", after.ndcg10, texts[query]);
            }
        }
    }
    Ok(Some(scores))
}

/// Words alone need no model, and no wait for it.
fn needs_meaning(modes: &[ModeArg]) -> bool {
    modes != [ModeArg::Words]
}

type Run = Vec<(String, Vec<(String, f32)>)>;

fn documents(run: Run) -> HashMap<String, Vec<String>> {
    run.into_iter()
        .map(|(topic, hits)| (topic, hits.into_iter().map(|(document, _)| document).collect()))
        .collect()
}

/// Runs queries (name, text).
async fn run_topics(
    engine: &Arc<Engine>,
    topics: &[(String, String)],
    ids: &HashMap<NoteId, String>,
    mode: ModeArg,
) -> Result<Run> {
    let mut run = Vec::with_capacity(topics.len());
    for topics in topics.chunks(AT_ONCE) {
        let searches = topics.iter().map(|(_, text)| {
            let (engine, text) = (engine.clone(), text.clone());
            tokio::spawn(async move {
                let request = SearchRequest {
                    text,
                    mode: mode.engine(),
                    limit: DEPTH,
                    wait_for_model: true,
                    ..SearchRequest::default()
                };
                engine.search(request, CancellationToken::new()).await
            })
        });
        let searches: Vec<_> = searches.collect();
        for ((id, _), search) in topics.iter().zip(searches) {
            let hits = search.await?.with_context(|| format!("query {id}"))?;
            // By meaning alone, what the model said is worth more than its place in the list.
            let score = |hit: &engine::Hit| match mode {
                ModeArg::Meaning => hit.similarity.unwrap_or(hit.score),
                _ => hit.score,
            };
            let ranked =
                hits.hits.iter().map(|hit| (ids[&hit.head.id].clone(), score(hit))).collect();
            run.push((id.clone(), ranked));
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

/// Imports folders of notes, each of its own, and searches every note by its title and by a passage.
async fn known_items(args: &Args, modes: &[ModeArg]) -> Result<()> {
    let dirs = if args.dirs.is_empty() { folders_in("vaults")? } else { args.dirs.clone() };
    println!(
        "{:<20} {:<8} {:<8} {:>7} {:>8} {:>8} {:>7}",
        "folder", "mode", "by", "queries", "hit 1", "hit 1–10", "MRR@10"
    );
    for dir in &dirs {
        let engine = imported(dir, modes, args.fresh).await?;
        let probes = engine.probes(usize::MAX, args.typos.unwrap_or(1)).await?;
        for &mode in modes {
            for kind in [ProbeKind::Title, ProbeKind::Passage] {
                let of_kind: Vec<_> =
                    probes.iter().filter(|probe| probe.kind == kind).cloned().collect();
                let found =
                    engine.findability(&of_kind, mode.engine(), &CancellationToken::new()).await?;
                println!(
                    "{:<20} {:<8} {:<8} {:>7} {:>7.2}% {:>7.2}% {:>7.4}",
                    dir.file_name().unwrap_or_default().to_string_lossy(),
                    mode.name(),
                    kind.name(),
                    found.asked,
                    found.share_first() * 100.0,
                    found.share_in_ten() * 100.0,
                    found.mrr()
                );
                for missed in found.missed.iter().take(SHOWN).filter(|_| kind == ProbeKind::Title) {
                    println!("    not first: {}", missed.text);
                }
            }
        }
        engine.close().await?;
    }
    Ok(())
}

/// A store of the notes of a folder, kept for later runs.
async fn imported(dir: &Path, modes: &[ModeArg], fresh: bool) -> Result<Engine> {
    let mut hasher = blake3::Hasher::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries = std::fs::read_dir(&folder)
            .with_context(|| folder.display().to_string())?
            .collect::<std::io::Result<Vec<_>>>()?;
        entries.sort_by_key(std::fs::DirEntry::path);
        for entry in entries {
            hasher.update(entry.path().as_os_str().as_encoded_bytes());
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                hasher.update(&entry.metadata()?.len().to_le_bytes());
            }
        }
    }
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let engine = open(&kept(&name, &hasher.finalize(), fresh)?, needs_meaning(modes)).await?;
    if engine.status_now().await?.notes == 0 {
        let request = ImportRequest { roots: vec![dir.to_owned()], ..ImportRequest::default() };
        let id = engine.import(request).await?;
        let ended = engine.import_ended(id).await?;
        if ended.state != ImportState::Done {
            bail!("{}: {}", dir.display(), ended.error.unwrap_or_default());
        }
    }
    settle(&engine, needs_meaning(modes)).await?;
    Ok(engine)
}
