//! `cargo xtask eval-import DIR`: how much of the text of other programs' documents an import
//! keeps, beside what pandoc and pdftotext read from the same files in the same run. DIR holds a
//! MANIFEST.tsv with the columns path, format and expected; paths are relative to DIR's parent.

#![allow(clippy::print_stdout, reason = "printing is its job")]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use extract::{ExtractError, HEAD_BYTES, Input, Item, Outcome};
use unicode_normalization::UnicodeNormalization;

#[derive(Parser)]
#[command(name = "eval-import", about = "Score imports against texts of independent readers")]
struct Args {
    /// Folder with MANIFEST.tsv
    dir: PathBuf,
}

/// What a good import keeps of the words, and of how many files.
const GOOD_RECALL: f64 = 0.95;
const GOOD_FILES: f64 = 0.9;

struct Fixture {
    name: String,
    format: String,
    path: PathBuf,
    expected: Option<PathBuf>,
}

#[derive(Clone, Copy)]
struct Score {
    recall: f64,
    precision: f64,
}

/// The scores of one format's files: ours, and the other program's where it reads the format.
#[derive(Default)]
struct Column {
    ours: Vec<Score>,
    others: Vec<Score>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let fixtures = fixtures(&args.dir)?;
    let mut formats: BTreeMap<String, Column> = BTreeMap::new();
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut slowest = (Duration::ZERO, String::new());
    println!(
        "{:<14} {:>7} {:>9}   {:>7} {:>9}  file",
        "format", "recall", "precision", "other's", "precision"
    );
    for fixture in &fixtures {
        if !extract::supported(&fixture.name) && !extract::is_container(&fixture.name, &[]) {
            *outcomes.entry("of another type").or_default() += 1;
            continue;
        }
        let bytes = fs::read(&fixture.path)
            .with_context(|| format!("cannot read {}", fixture.path.display()))?;
        let start = Instant::now();
        let read = std::panic::catch_unwind(|| text_of(&fixture.name, &bytes));
        slowest = slowest.max((start.elapsed(), fixture.name.clone()));
        let (outcome, text) = match read {
            Ok(Ok(text)) => ("read", text),
            Ok(Err(error)) => {
                println!("{:<14} {:>7} {error}", fixture.format, "refused");
                ("refused", String::new())
            }
            Err(_) => {
                println!("{:<14} {:>7} {}", fixture.format, "crashed", fixture.name);
                ("crashed", String::new())
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
        let Some(expected) = &fixture.expected else { continue };
        let expected = words(&without_folders(&expected_text(expected)?));
        let ours = compare(&expected, &words(&text));
        let other = other_text(&fixture.path).map(|text| compare(&expected, &words(&text)));
        let theirs = other.map_or_else(|| format!("{:>7} {:>9}", "", ""), |score| shown(&score));
        println!("{:<14} {}   {theirs}  {}", fixture.format, shown(&ours), fixture.name);
        let column = formats.entry(fixture.format.clone()).or_default();
        column.ours.push(ours);
        column.others.extend(other);
    }

    println!(
        "\n{:<14} {:>5} {:>5} {:>7} {:>9}   {:>7} {:>9}",
        "format", "files", "good", "recall", "precision", "other's", "precision"
    );
    let (mut all, mut good) = (0, 0);
    for (format, column) in &formats {
        let found = column.ours.iter().filter(|score| score.recall >= GOOD_RECALL).count();
        all += column.ours.len();
        good += found;
        let others = mean(&column.others).map_or_else(String::new, |score| shown(&score));
        let ours = mean(&column.ours).map_or_else(String::new, |score| shown(&score));
        println!("{format:<14} {:>5} {found:>5} {ours}   {others}", column.ours.len());
    }
    for tool in ["pandoc", "pdftotext"] {
        let there =
            Command::new(tool).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_err() {
            println!(
                "{tool} is not installed: its column is empty (apt-get install pandoc poppler-utils)"
            );
        }
    }
    let share = good as f64 / all.max(1) as f64;
    println!(
        "\n{good} of {all} files ({:.0} %) with word recall of at least {GOOD_RECALL}; the aim is {:.0} %",
        100.0 * share,
        100.0 * GOOD_FILES
    );
    let outcomes: Vec<String> = outcomes.iter().map(|(name, n)| format!("{n} {name}")).collect();
    println!("{}; slowest: {} in {:.1} s", outcomes.join(", "), slowest.1, slowest.0.as_secs_f64());
    Ok(())
}

fn fixtures(dir: &Path) -> Result<Vec<Fixture>> {
    let manifest = dir.join("MANIFEST.tsv");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let dir = dir.canonicalize()?;
    let root = dir.parent().unwrap_or(&dir);
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| {
        let at = header.iter().position(|column| *column == name);
        at.with_context(|| format!("{} has no column {name}", manifest.display()))
    };
    let (path, format, expected) = (column("path")?, column("format")?, column("expected")?);
    let fixture = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        Fixture {
            name: Path::new(field(path)).file_name().unwrap_or_default().to_string_lossy().into(),
            format: field(format).to_owned(),
            path: root.join(field(path)),
            expected: Some(field(expected)).filter(|path| !path.is_empty()).map(|p| root.join(p)),
        }
    };
    Ok(lines.filter(|line| !line.trim().is_empty()).map(fixture).collect())
}

/// All that the notes say that a file becomes: titles, properties, tags and texts.
fn text_of(name: &str, bytes: &[u8]) -> std::result::Result<String, ExtractError> {
    let mut texts = Vec::new();
    let mut take = |read: extract::Extracted| {
        let title = read.title.unwrap_or_default();
        texts.push([title, read.front_matter, read.tags.join(" "), read.body].join("\n"));
    };
    if extract::is_container(name, &bytes[..bytes.len().min(HEAD_BYTES)]) {
        let (mut skipped, mut failed) = (0, 0);
        extract::read_container(name, &mut Cursor::new(bytes), &mut |item: Item| {
            match item.outcome {
                Outcome::Document(read) => take(*read),
                Outcome::Attached => {}
                Outcome::Skipped(_) => skipped += 1,
                Outcome::Failed(_) => failed += 1,
            }
            ControlFlow::Continue(())
        })?;
        if skipped + failed > 0 {
            println!("{name}: {skipped} items skipped, {failed} failed");
        }
    } else {
        take(extract::extract(&Input { file_name: name, bytes })?);
    }
    Ok(texts.join("\n"))
}

/// The text with embeds by their files' names alone: the folder is another program's own.
fn without_folders(text: &str) -> String {
    let embed = |part: &str| {
        let (target, rest) = part.split_once("]]").unwrap_or((part, ""));
        format!("{} {rest}", target.rsplit('/').next().unwrap_or_default())
    };
    let mut parts = text.split("![[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text} {}", embed(part)))
}

/// The text of a file, or of all text files below a folder.
fn expected_text(path: &Path) -> Result<String> {
    if path.is_file() {
        return Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned());
    }
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        entries.push(entry?.path());
    }
    entries.sort();
    let mut texts = Vec::new();
    for entry in entries {
        let name = entry.to_string_lossy().to_lowercase();
        let is_text = [".md", ".txt", ".html", ".base"].iter().any(|end| name.ends_with(end));
        if entry.is_dir() || (is_text && !name.ends_with("expected.html")) {
            texts.push(expected_text(&entry)?);
        }
    }
    Ok(texts.join("\n"))
}

/// The text that pandoc or pdftotext reads from a file; `None` where they are missing or fail.
fn other_text(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_string_lossy().to_lowercase();
    let mut command = match extension.as_str() {
        "pdf" => Command::new("pdftotext"),
        "docx" | "odt" | "rtf" | "epub" | "html" | "htm" | "org" | "rst" | "ipynb" | "opml"
        | "csv" | "pptx" | "xlsx" | "md" => Command::new("pandoc"),
        _ => return None,
    };
    if extension == "pdf" {
        command.arg(path).arg("-");
    } else {
        command.args(["--to", "plain", "--wrap", "none"]).arg(path);
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Words with how often they occur: NFKC-folded runs of letters and digits in lower case; Chinese,
/// Japanese and Thai characters one by one.
fn words(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    let mut word = String::new();
    let folded: String = text.nfkc().collect::<String>().to_lowercase();
    for c in folded.chars().chain([' ']) {
        let alone =
            matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{e00}'..='\u{e7f}');
        if c.is_alphanumeric() && !alone {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            *counts.entry(std::mem::take(&mut word)).or_default() += 1;
        }
        if alone {
            *counts.entry(c.to_string()).or_default() += 1;
        }
    }
    counts
}

fn compare(expected: &HashMap<String, usize>, actual: &HashMap<String, usize>) -> Score {
    let both: usize = expected.iter().map(|(word, n)| *n.min(actual.get(word).unwrap_or(&0))).sum();
    let share = |counts: &HashMap<String, usize>| match counts.values().sum::<usize>() {
        0 => 1.0,
        all => both as f64 / all as f64,
    };
    Score { recall: share(expected), precision: share(actual) }
}

fn mean(scores: &[Score]) -> Option<Score> {
    let of = |field: fn(&Score) -> f64| scores.iter().map(field).sum::<f64>() / scores.len() as f64;
    (!scores.is_empty()).then(|| Score { recall: of(|s| s.recall), precision: of(|s| s.precision) })
}

fn shown(score: &Score) -> String {
    format!("{:>7.3} {:>9.3}", score.recall, score.precision)
}
