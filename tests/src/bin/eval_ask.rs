//! `cargo xtask eval-ask [DIR]`: whether questions are answered from the right passage, quoted as it stands,
//! and whether those that no note answers are told as such; on judged sets with `answers.jsonl` and
//! `unanswerable.jsonl`. Weights are fitted on one half of the questions and reported on the other.

#![allow(clippy::print_stdout, reason = "printing is its job")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use commonplace_tests::filled::{fill, is_held_out, open, settle};
use commonplace_tests::shared_data;
use commonplace_tests::trec::{JudgedSet, Topic, read_lines};
use engine::{AskRequest, Engine, Found};
use note::NoteId;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
#[command(name = "eval-ask", about = "Score answers on judged sets with answers")]
struct Args {
    /// A folder with corpus.jsonl, queries.jsonl, answers.jsonl and unanswerable.jsonl [default: squad-dev
    /// of ../shared/data]
    dir: Option<PathBuf>,
    /// Only so many of the questions
    #[arg(long)]
    limit: Option<usize>,
    /// Questions at the same time: with more than one, the times are not those of one
    #[arg(long, default_value_t = 1)]
    at_once: usize,
    /// Write what was counted of each passage as JSON lines
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Print the questions that are answered from the wrong passage or wrongly refused
    #[arg(long)]
    misses: bool,
    /// Only tell the times of questions over the notes of this data folder
    #[arg(long, value_name = "DIR")]
    times_in: Option<PathBuf>,
    /// Fill the store anew instead of using that of an earlier run
    #[arg(long)]
    fresh: bool,
}

#[derive(Deserialize)]
struct Answers {
    #[serde(rename = "_id")]
    id: String,
    answers: Vec<String>,
}

/// Passages that are looked at for each question.
const DEPTH: usize = 10;
/// At this share of wrong refusals it is told how many questions a threshold would refuse rightly.
const REFUSED_WRONGLY: f64 = 0.10;

struct Asked {
    topic: Topic,
    /// None: no note answers it.
    answers: Option<Vec<String>>,
    found: Found,
    /// All quotes are equal to their notes.
    exact: bool,
}

impl Asked {
    /// The rank of the first passage that has the answer.
    fn rank(&self) -> Option<usize> {
        let answers = self.answers.as_ref()?;
        self.found.quotes.iter().position(|quote| has(&quote.text, answers))
    }

    fn in_sentence(&self) -> bool {
        let (Some(answers), Some(quote)) = (&self.answers, self.found.quotes.first()) else {
            return false;
        };
        has(&quote.text[quote.best.clone()], answers)
    }
}

fn has(text: &str, answers: &[String]) -> bool {
    let folded = note::fold(text);
    answers.iter().any(|answer| folded.contains(note::fold(answer).trim()))
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let Some(dir) = args.dir.clone().or_else(|| shared_data("retrieval/squad-dev")) else {
        println!("skipped: ../shared/data/retrieval/squad-dev is not there");
        return Ok(());
    };
    let set = JudgedSet::read(&dir)?;
    if let Some(folder) = &args.times_in {
        let engine = open(folder, true).await?;
        settle(&engine, true).await?;
        ask(&engine, "warm up").await?;
        let mut took = Vec::new();
        for topic in set.topics.iter().take(args.limit.unwrap_or(200)) {
            took.push(ask(&engine, &topic.text).await?.took);
        }
        println!("{} notes", engine.status_now().await?.notes);
        print_times(took);
        return Ok(engine.close().await?);
    }
    let rows: Vec<Answers> = read_lines(&dir.join("answers.jsonl"))?;
    let mut answers: HashMap<String, Vec<String>> =
        rows.into_iter().map(|row| (row.id, row.answers)).collect();
    let unanswerable: Vec<Topic> = read_lines(&dir.join("unanswerable.jsonl"))?;
    let (engine, ids) = fill(&dir, &set, true, args.fresh).await?;
    let engine = Arc::new(engine);
    // The first question loads the model.
    ask(&engine, "warm up").await?;
    let mut asked = Vec::new();
    let limit = args.limit.unwrap_or(usize::MAX);
    let mut questions: Vec<(Topic, Option<Vec<String>>)> = Vec::new();
    for topic in set.topics.into_iter().take(limit) {
        let answers = answers.remove(&topic.id);
        let answers = answers.with_context(|| format!("no answers of {}", topic.id))?;
        questions.push((topic, Some(answers)));
    }
    questions.extend(unanswerable.into_iter().take(limit).map(|topic| (topic, None)));
    let mut questions = questions.into_iter();
    loop {
        let at_once: Vec<_> = questions
            .by_ref()
            .take(args.at_once.max(1))
            .map(|(topic, answers)| tokio::spawn(put(engine.clone(), topic, answers)))
            .collect();
        if at_once.is_empty() {
            break;
        }
        for task in at_once {
            asked.push(task.await??);
        }
    }
    let foreign = foreign_topics(&engine).await?;
    engine.close().await?;
    if let Some(file) = &args.features {
        write_features(file, &asked, &ids)?;
    }
    println!(
        "{:<10} {:>9} {:>7} {:>8} {:>8} {:>9} {:>8} {:>9}",
        "part", "questions", "first", "in three", "sentence", "refused", "wrongly", "AUC"
    );
    for (part, held_out) in [("tuned", Some(false)), ("held out", Some(true)), ("all", None)] {
        let of_part: Vec<&Asked> = asked
            .iter()
            .filter(|asked| held_out.is_none_or(|held| is_held_out(&asked.topic.id) == held))
            .collect();
        report(part, &of_part);
    }
    print_times(asked.iter().map(|asked| asked.found.took).collect());
    let quotes: usize = asked.iter().map(|asked| asked.found.quotes.len()).sum();
    let firsts: Vec<usize> = asked
        .iter()
        .filter_map(|asked| asked.found.quotes.first().map(|quote| quote.text.len()))
        .collect();
    println!(
        "{quotes} quotes, equal to their notes: {}; mean length of the first: {} bytes",
        if asked.iter().all(|asked| asked.exact) { "all" } else { "NOT ALL" },
        firsts.iter().sum::<usize>() / firsts.len().max(1)
    );
    if let Some((refused, of)) = foreign {
        println!(
            "{of} questions of cranfield, of which no note here speaks: {:.1} % refused",
            share(refused, of) * 100.0
        );
    }
    if args.misses {
        print_misses(&asked, &ids);
    }
    if asked.iter().any(|asked| !asked.exact) {
        bail!("a quote differs from its note");
    }
    Ok(())
}

/// Of questions about something else altogether: how many are refused, of how many.
async fn foreign_topics(engine: &Engine) -> Result<Option<(usize, usize)>> {
    const TOPICS: usize = 100;
    let Some(dir) = shared_data("retrieval/cranfield") else { return Ok(None) };
    let topics: Vec<Topic> = read_lines(&dir.join("queries.jsonl"))?;
    let (mut refused, mut of) = (0, 0);
    for topic in topics.iter().take(TOPICS) {
        of += 1;
        refused += usize::from(!ask(engine, &topic.text).await?.answered);
    }
    Ok(Some((refused, of)))
}

fn print_times(mut took: Vec<Duration>) {
    took.sort();
    let at = |share: f64| {
        took.get((took.len().saturating_sub(1) as f64 * share) as usize)
            .map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    };
    println!(
        "time of a question before any model writes: p50 {:.1} ms, p95 {:.1} ms",
        at(0.5),
        at(0.95)
    );
}

async fn ask(engine: &Engine, question: &str) -> Result<Found> {
    let request = AskRequest {
        question: question.to_owned(),
        limit: DEPTH,
        wait_for_model: true,
        ..AskRequest::default()
    };
    Ok(engine.find_answer(request, CancellationToken::new()).await?)
}

async fn put(engine: Arc<Engine>, topic: Topic, answers: Option<Vec<String>>) -> Result<Asked> {
    let found = ask(&engine, &topic.text).await.with_context(|| topic.id.clone())?;
    let mut exact = true;
    for quote in &found.quotes {
        let note = engine.note(quote.note).await?;
        exact &= note.body.get(quote.range.clone()) == Some(quote.text.as_str())
            && quote.text.get(quote.best.clone()).is_some();
    }
    Ok(Asked { topic, answers, found, exact })
}

fn share(count: usize, of: usize) -> f64 {
    count as f64 / of.max(1) as f64
}

fn report(part: &str, asked: &[&Asked]) {
    let (known, unknown): (Vec<&Asked>, Vec<&Asked>) =
        asked.iter().partition(|asked| asked.answers.is_some());
    let within = |ranks: usize| {
        share(
            known.iter().filter(|asked| asked.rank().is_some_and(|rank| rank < ranks)).count(),
            known.len(),
        )
    };
    let refused = |asked: &[&Asked]| {
        share(asked.iter().filter(|asked| !asked.found.answered).count(), asked.len())
    };
    let sentences = share(known.iter().filter(|asked| asked.in_sentence()).count(), known.len());
    println!(
        "{part:<10} {:>9} {:>6.1}% {:>7.1}% {:>7.1}% {:>8.1}% {:>7.1}% {:>9.3}",
        asked.len(),
        within(1) * 100.0,
        within(3) * 100.0,
        sentences * 100.0,
        refused(&unknown) * 100.0,
        refused(&known) * 100.0,
        auc(&known, &unknown),
    );
    let mut sure: Vec<f32> = known.iter().map(|asked| asked.found.confidence).collect();
    sure.sort_by(f32::total_cmp);
    let threshold =
        sure.get((sure.len() as f64 * REFUSED_WRONGLY) as usize).copied().unwrap_or(0.0);
    let caught = unknown.iter().filter(|asked| asked.found.confidence < threshold).count();
    println!(
        "{:<10} a threshold of {threshold:.3} would refuse {:.1} % at 10.0 % wrongly",
        "",
        share(caught, unknown.len()) * 100.0
    );
}

/// How often a question with an answer is surer than one without.
fn auc(known: &[&Asked], unknown: &[&Asked]) -> f64 {
    let mut above = 0.0;
    for known in known {
        for unknown in unknown {
            above += match known.found.confidence.total_cmp(&unknown.found.confidence) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    above / (known.len() * unknown.len()).max(1) as f64
}

fn write_features(file: &PathBuf, asked: &[Asked], ids: &HashMap<NoteId, String>) -> Result<()> {
    let mut text = String::new();
    for asked in asked {
        let passages: Vec<serde_json::Value> = asked
            .found
            .quotes
            .iter()
            .map(|quote| {
                let answers =
                    asked.answers.as_ref().is_some_and(|answers| has(&quote.text, answers));
                serde_json::json!({
                    "doc": ids[&quote.note],
                    "answers": answers,
                    "features": quote.evidence.features(),
                })
            })
            .collect();
        let row = serde_json::json!({
            "id": asked.topic.id,
            "question": asked.topic.text,
            "held_out": is_held_out(&asked.topic.id),
            "answerable": asked.answers.is_some(),
            "passages": passages,
        });
        writeln!(text, "{row}")?;
    }
    std::fs::write(file, text).with_context(|| file.display().to_string())
}

fn print_misses(asked: &[Asked], ids: &HashMap<NoteId, String>) {
    for asked in asked {
        let what = match (&asked.answers, asked.rank()) {
            (None, _) if asked.found.answered => "not refused".to_owned(),
            (Some(_), _) if !asked.found.answered => "refused".to_owned(),
            (Some(_), Some(rank)) if rank > 0 => format!("rank {}", rank + 1),
            (Some(_), None) => "not found".to_owned(),
            _ => continue,
        };
        println!("{what}: {} [{:.2}]", asked.topic.text, asked.found.confidence);
        if let Some(quote) = asked.found.quotes.first() {
            println!(
                "    {}: {}",
                ids[&quote.note],
                &quote.text[quote.best.clone()].replace('\n', " ")
            );
        }
        if let Some(answers) = &asked.answers {
            println!("    wanted: {}", answers.join(" | "));
        }
    }
}
