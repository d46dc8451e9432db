//! What the measuring programs share: the corpus, a data folder that holds it, texts and queries as
//! people write them, and percentiles.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use engine::{Engine, ImportRequest, ImportState, Mode, ModelSource, Options, SearchRequest};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::trec::JudgedSet;
use crate::{model_dir, shared_data, workspace};

/// Hits of one page, as the window asks for them.
pub const LIMIT: usize = 20;

/// Where measuring happens: the unpacked corpus, a data folder that holds it, and a folder for what
/// one run writes.
pub struct TestBed {
    pub corpus: PathBuf,
    pub model: PathBuf,
    /// A data folder that holds the corpus, imported and embedded by [`TestBed::fill`].
    pub filled: PathBuf,
    scratch: tempfile::TempDir,
}

impl TestBed {
    /// `None`, and a line that says so, where the corpus is not there. `fresh`: forget the filled
    /// folder of earlier runs.
    pub fn prepare(fresh: bool) -> Result<Option<TestBed>> {
        let Some(archive) = shared_data("scale/tldr-pages.tar.zst") else {
            eprintln!("skipped: ../shared/data/scale/tldr-pages.tar.zst is not there");
            return Ok(None);
        };
        let model = model_dir().context("the model is not installed: run cargo xtask setup")?;
        let home = workspace().join("target/bench");
        std::fs::create_dir_all(&home)?;
        let corpus = home.join("tldr-pages");
        if !corpus.join(".unpacked").exists() {
            std::fs::create_dir_all(&corpus)?;
            run(Command::new("tar").arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(&corpus))?;
            std::fs::write(corpus.join(".unpacked"), "")?;
        }
        let filled = home.join("filled");
        if fresh && filled.exists() {
            std::fs::remove_dir_all(&filled)?;
        }
        let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(&home)?;
        Ok(Some(TestBed { corpus, model, filled, scratch }))
    }

    /// A path for what this run writes; it is removed when the run ends.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// How to open a folder with the real model, which works also while somebody types.
    pub fn options(&self, dir: &Path) -> Options {
        let options = Options::new(dir, ModelSource::Dir(self.model.clone()));
        Options { eager: true, ..options }
    }

    pub async fn open(&self, dir: &Path) -> Result<Engine> {
        Ok(Engine::open(self.options(dir)).await?)
    }

    /// Imports and embeds the corpus, or what an earlier run left undone of it; enough of it to have
    /// `chunks` embedded chunks, if not all is wanted.
    pub async fn fill(&self, chunks: Option<usize>) -> Result<()> {
        let engine = self.open(&self.filled).await?;
        if engine.status_now().await?.notes == 0 {
            eprintln!("importing and embedding the corpus, once for all later runs …");
            let request =
                ImportRequest { roots: vec![self.corpus.clone()], ..ImportRequest::default() };
            let id = engine.import(request).await?;
            let ended = engine.import_ended(id).await?;
            if ended.state != ImportState::Done {
                bail!("the import ended as {:?}: {}", ended.state, ended.error.unwrap_or_default());
            }
        }
        let started = Instant::now();
        let mut updates = engine.status();
        loop {
            let status = engine.status_now().await?;
            if status.is_settled() || chunks.is_some_and(|chunks| status.chunks >= chunks) {
                break;
            }
            eprint!(
                "\r{} notes to embed, {:.0} s   ",
                status.meaning_pending,
                started.elapsed().as_secs_f64()
            );
            // The status may not change for a while: a long note is one step.
            drop(tokio::time::timeout(Duration::from_secs(2), updates.changed()).await);
        }
        eprintln!();
        engine.close().await?;
        Ok(())
    }

    /// A copy of a data folder, for what writes.
    pub fn copy(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let to = self.scratch(name);
        run(Command::new("cp").arg("-r").arg(from).arg(&to))?;
        // Or every save would wait until the copy is on disk.
        run(&mut Command::new("sync"))?;
        Ok(to)
    }

    pub fn texts(&self) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        let mut folders = vec![self.corpus.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "md") {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        paths.iter().map(|path| Ok(std::fs::read_to_string(path)?)).collect()
    }

    /// Writes at most `limit` files that are not in the corpus, and says where: every judged set's
    /// documents, three times over with another word in each.
    pub fn load_files(&self, name: &str, limit: usize) -> Result<PathBuf> {
        let folder = self.scratch(name);
        std::fs::create_dir_all(&folder)?;
        let mut left = limit;
        for name in ["cranfield", "squad-dev", "vaswani-npl"] {
            let Some(dir) = shared_data(&format!("retrieval/{name}")) else { continue };
            let set = JudgedSet::read(&dir)?;
            for round in 0..3 {
                for (number, document) in set.corpus.iter().enumerate().take(left) {
                    let file = folder.join(format!("{name} {round} {number}.md"));
                    std::fs::write(file, format!("round {round}\n\n{}\n", document.text))?;
                }
                left = left.saturating_sub(set.corpus.len());
            }
        }
        Ok(folder)
    }
}

pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Deterministic pseudo-random numbers (Knuth's MMIX constants): the same queries in every run.
pub struct Lcg(pub u64);

impl Lcg {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }
}

/// About 2,000 bytes of prose that differs from note to note.
pub fn two_kilobytes(seed: usize) -> String {
    const WORDS: [&str; 24] = [
        "river", "contract", "garden", "meeting", "budget", "window", "letter", "travel", "market",
        "engine", "winter", "recipe", "doctor", "school", "bridge", "summer", "painting",
        "library", "kitchen", "journey", "history", "weather", "science", "village",
    ];
    let mut random = Lcg(seed as u64 + 1);
    let mut text = String::with_capacity(2100);
    while text.len() < 2000 {
        for _ in 0..9 {
            text.push_str(WORDS[random.below(WORDS.len())]);
            text.push(' ');
        }
        text.push_str("and more.\n");
    }
    text
}

/// One to four words that stand together in some of the texts.
pub fn phrase(texts: &[String], random: &mut Lcg) -> String {
    loop {
        let text = &texts[random.below(texts.len())];
        let words: Vec<&str> = text
            .split_whitespace()
            .map(|word| word.trim_matches(|c: char| c.is_ascii_punctuation()))
            .filter(|word| word.chars().count() > 1)
            .collect();
        if words.len() < 8 {
            continue;
        }
        let count = 1 + random.below(4);
        let from = random.below(words.len() - count);
        return words[from..from + count].join(" ");
    }
}

/// Phrases as people type them, each with whether the caret still stands behind its last word: some
/// are cut off in it.
pub fn queries(texts: &[String], count: usize) -> Vec<(String, bool)> {
    let mut random = Lcg(7);
    let mut queries = Vec::with_capacity(count);
    while queries.len() < count {
        let mut query = phrase(texts, &mut random);
        let typing = random.below(3) == 0;
        if typing
            && let Some((at, _)) = query.char_indices().rev().nth(1)
            && at > 1
        {
            query.truncate(at);
        }
        queries.push((query, typing));
    }
    queries
}

/// Milliseconds of each search, one after the other.
pub async fn time_searches(
    engine: &Engine,
    queries: &[(String, bool)],
    mode: Mode,
) -> Result<Vec<f64>> {
    let mut times = Vec::with_capacity(queries.len());
    for (text, typing) in queries {
        let request = SearchRequest {
            text: text.clone(),
            mode,
            typing: *typing,
            limit: LIMIT,
            wait_for_model: true,
            ..SearchRequest::default()
        };
        let started = Instant::now();
        engine.search(request, CancellationToken::new()).await?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// One measured number and what it has to be.
#[derive(Serialize)]
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
    pub bound: f64,
    /// True if the value may be at most the bound, false if at least.
    pub at_most: bool,
    pub detail: String,
}

impl Figure {
    pub fn holds(&self) -> bool {
        if self.at_most { self.value <= self.bound } else { self.value >= self.bound }
    }

    #[allow(clippy::print_stdout, reason = "printing is its job")]
    pub fn print(&self) {
        println!(
            "{:<58} {:>9.3} {:<5} {} {:<7} {:<4} {}",
            self.name,
            self.value,
            self.unit,
            if self.at_most { "≤" } else { "≥" },
            self.bound,
            if self.holds() { "ok" } else { "MISS" },
            self.detail
        );
    }
}

pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

/// Sorts, and takes the value below which `percent` of them are; there must be one.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}
