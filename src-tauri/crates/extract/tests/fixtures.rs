//! Documents that other programs wrote, whole and mutated, against text that independent tools read
//! from them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use extract::{ExtractError, Extracted, Input, extract, supported};

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
        supported(fields[0]).then(|| (fields[1].to_owned(), data.join(fields[0]), expected))
    };
    manifest.lines().skip(1).filter_map(row).collect()
}

fn read(path: &Path) -> Result<Extracted, ExtractError> {
    let bytes = fs::read(path).expect("a fixture");
    extract(&Input { file_name: &path.to_string_lossy(), bytes: &bytes })
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
        let read = match read(&path) {
            Ok(read) => read,
            Err(ExtractError::Encrypted { .. }) if name == "unst-password.pdf" => continue,
            Err(error) => panic!("{error}"),
        };
        assert!(!read.body.contains(['\r', '\0']), "{name}");
        let Some(expected) = expected else { continue };
        // What one file of another app's export holds is several notes there, and one here.
        if format == "app-exports" {
            continue;
        }
        let title = read.title.unwrap_or_default();
        let note = [title.as_str(), &read.front_matter, &read.body].join("\n");
        let (recall, precision) = compare(&expected_text(&expected), &note);
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
        // The expected text of workbooks has no numbers in it.
        let precise = format == "xlsx" || precision >= 0.6;
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
    for (_, path, _) in fixtures(&data) {
        let bytes = fs::read(&path).expect("a fixture");
        if bytes.is_empty() || bytes.len() > 300_000 {
            continue;
        }
        let name = path.to_string_lossy();
        let mut mutants: Vec<Vec<u8>> =
            (0..10).map(|_| bytes[..dice.below(bytes.len())].to_vec()).collect();
        // Fifty flipped bits, alone and in company, and many more.
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
            match extract(&Input { file_name: &name, bytes: &mutant }) {
                Ok(read) => {
                    assert!(read.body.len() <= 64 << 20, "{name}");
                    results.0 += 1;
                }
                Err(error) => {
                    assert!(error.to_string().contains(&*name));
                    results.1 += 1;
                }
            }
        }
    }
    println!("{} read, {} refused", results.0, results.1);
}
