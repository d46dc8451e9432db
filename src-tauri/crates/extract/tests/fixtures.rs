//! Documents that other programs wrote, whole and mutated, against text that independent tools read
//! from them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

use std::collections::HashMap;
use std::fs;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use extract::{
    ExtractError, HEAD_BYTES, Input, Item, Outcome, extract, is_container, read_container,
    supported,
};

fn data() -> Option<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data");
    if !data.join("import/MANIFEST.tsv").exists() {
        println!("skipped: ../shared/data is missing");
        return None;
    }
    Some(data)
}

/// Path and expected text's path of the fixtures of supported types.
fn fixtures(data: &Path) -> Vec<(String, PathBuf, Option<PathBuf>)> {
    let manifest = fs::read_to_string(data.join("import/MANIFEST.tsv")).expect("a manifest");
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let expected = fields.get(8).filter(|path| !path.is_empty()).map(|path| data.join(path));
        let read = supported(fields[0]) || is_container(fields[0], &[]);
        read.then(|| (fields[1].to_owned(), data.join(fields[0]), expected))
    };
    manifest.lines().skip(1).filter_map(row).collect()
}

/// All that the notes say that a file becomes: titles, properties and texts.
fn read(name: &str, bytes: &[u8]) -> Result<String, ExtractError> {
    if !is_container(name, &bytes[..bytes.len().min(HEAD_BYTES)]) {
        let read = extract(&Input { file_name: name, bytes })?;
        assert!(!read.body.contains(['\r', '\0']), "{name}");
        return Ok([&read.title.unwrap_or_default(), &read.front_matter, &read.body]
            .map(String::as_str)
            .join("\n"));
    }
    let mut texts = Vec::new();
    let mut paths = std::collections::HashSet::new();
    read_container(name, &mut Cursor::new(bytes), &mut |item: Item| {
        assert!(paths.insert(item.path.clone()), "{name}: {} twice", item.path);
        let leads_out = item.path.starts_with('/') || item.path.split('/').any(|part| part == "..");
        assert!(!leads_out, "{name}: {}", item.path);
        if let Outcome::Document(read) = item.outcome {
            assert!(!read.body.contains(['\r', '\0']), "{name}");
            texts.push(
                [
                    &read.title.unwrap_or_default(),
                    &read.front_matter,
                    &read.tags.join(" "),
                    &read.body,
                ]
                .map(String::as_str)
                .join("\n"),
            );
        }
        ControlFlow::Continue(())
    })?;
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

/// The text of a file, or of a folder's files.
fn expected_text(path: &Path) -> String {
    if path.join("expected.txt").exists() {
        return fs::read_to_string(path.join("expected.txt")).expect("expected text");
    }
    if !path.is_dir() {
        return fs::read_to_string(path).expect("expected text");
    }
    let entries = fs::read_dir(path).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect::<Vec<_>>().join("\n")
}

fn counts(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    let mut word = String::new();
    for c in text.to_lowercase().chars().chain([' ']) {
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

/// Recall and precision of words.
fn compare(expected: &str, actual: &str) -> (f64, f64) {
    let (expected, actual) = (counts(expected), counts(actual));
    let both: usize = expected.iter().map(|(word, n)| *n.min(actual.get(word).unwrap_or(&0))).sum();
    let share = |counts: &HashMap<String, usize>| match counts.values().sum::<usize>() {
        0 => 1.0,
        all => both as f64 / all as f64,
    };
    (share(&expected), share(&actual))
}

#[test]
fn words_are_found_again() {
    let Some(data) = data() else { return };
    let mut formats: HashMap<String, Vec<(f64, f64)>> = HashMap::new();
    for (format, path, expected) in fixtures(&data) {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let bytes = fs::read(&path).expect("a fixture");
        let note = match read(&path.to_string_lossy(), &bytes) {
            Ok(note) => note,
            Err(ExtractError::Encrypted { .. }) if name == "unst-password.pdf" => continue,
            Err(error) => panic!("{error}"),
        };
        let Some(expected) = expected else { continue };
        // A table of data is several notes there, and one here.
        if name.ends_with(".csv") && format == "app-exports" {
            continue;
        }
        let expected = without_folders(&expected_text(&expected));
        let (recall, precision) = compare(&expected, &note);
        println!("{format}\t{recall:.3}\t{precision:.3}\t{name}");
        formats.entry(format).or_default().push((recall, precision));
    }
    let (mut good, mut all) = (0, 0);
    for (format, scores) in formats {
        let found = scores.iter().filter(|(recall, _)| *recall >= 0.95).count();
        good += found;
        all += scores.len();
        let mean =
            |of: fn(&(f64, f64)) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
        let (recall, precision) = (mean(|s| s.0), mean(|s| s.1));
        println!(
            "{format}: {found} of {} with recall 0.95, mean {recall:.3}, precision {precision:.3}",
            scores.len()
        );
        // The expected text of workbooks has no numbers in it, that of short notes no titles.
        let precise = ["xlsx", "enex"].contains(&format.as_str()) || precision >= 0.6;
        assert!(recall >= 0.75 && precise, "{format}: {recall} {precision}");
    }
    println!("{good} of {all} with recall 0.95");
    assert!(good * 10 >= all * 9, "{good} of {all}");
}

/// A fixed sequence of pseudo-random numbers (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

#[test]
fn mutated_copies_give_a_result_or_an_error() {
    let Some(data) = data() else { return };
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut results = (0, 0);
    let mut slowest = (Duration::ZERO, String::new());
    for (_, path, _) in fixtures(&data) {
        let bytes = fs::read(&path).expect("a fixture");
        if bytes.is_empty() || bytes.len() > 300_000 {
            continue;
        }
        let name = path.to_string_lossy();
        let mut mutants: Vec<Vec<u8>> =
            (0..10).map(|_| bytes[..dice.below(bytes.len())].to_vec()).collect();
        // More than fifty flipped bits, alone and in company.
        for flips in [1, 1, 1, 2, 4, 9, 32, 256] {
            let mut mutant = bytes.clone();
            for _ in 0..flips {
                let at = dice.below(mutant.len());
                mutant[at] ^= 1 << dice.below(8);
            }
            mutants.push(mutant);
        }
        // A part of the file twice, and a part gone.
        let (from, to) = (dice.below(bytes.len()), dice.below(bytes.len()));
        mutants.push([&bytes[..from.max(to)], &bytes[from.min(to)..]].concat());
        mutants.push([&bytes[..from.min(to)], &bytes[from.max(to)..]].concat());
        for mutant in mutants {
            let start = Instant::now();
            let read = read(&name, &mutant);
            slowest = slowest.max((start.elapsed(), name.to_string()));
            match read {
                Ok(text) => {
                    assert!(text.len() <= 256 << 20, "{name}");
                    results.0 += 1;
                }
                Err(error) => {
                    assert!(error.to_string().contains(&*name));
                    results.1 += 1;
                }
            }
        }
    }
    println!("{} read, {} refused; the slowest {:?}", results.0, results.1, slowest);
    // What takes longer is no slow machine but a reader that does not end.
    assert!(slowest.0 < Duration::from_secs(60), "{slowest:?}");
}
