//! Counting tests in what their runners print.

use std::ops::AddAssign;

/// What test runners counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// One reason for each skipped test.
    pub(crate) skipped: Vec<String>,
}

/// Who printed the counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runner {
    /// `test result: ok. 3 passed; 0 failed; 1 ignored`. A test that skips itself prints `skipped: why` and passes.
    Cargo,
    /// `Tests  1 failed | 3 passed | 1 skipped (5)`
    Vitest,
    /// `3 passed, 0 failed, 1 skipped`, with a `skipped: why` for each
    Plain,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
    }
}

impl Tally {
    /// Whether no test was seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.passed + self.failed + self.skipped.len() == 0
    }

    /// Adds up the closing lines of `runner` in `output`.
    pub(crate) fn read(output: &str, runner: Runner) -> Self {
        let lines: Vec<String> = output.lines().map(plain).collect();
        let lines = lines.iter().map(|line| line.trim());
        let reasons: Vec<String> = lines
            .clone()
            .filter_map(|line| line.strip_prefix("skipped:"))
            .map(|why| why.trim().to_owned())
            .collect();
        let mut tally = Self::default();
        for line in lines {
            let counts = match runner {
                Runner::Cargo => line.strip_prefix("test result:"),
                Runner::Vitest => line.strip_prefix("Tests "),
                Runner::Plain => line.contains(" passed, ").then_some(line),
            };
            tally.add(counts.unwrap_or_default());
        }
        match runner {
            Runner::Cargo => {
                tally.passed = tally.passed.saturating_sub(reasons.len());
                tally.skipped.extend(reasons);
            }
            Runner::Vitest => {}
            Runner::Plain => {
                for (skipped, reason) in tally.skipped.iter_mut().zip(reasons) {
                    *skipped = reason;
                }
            }
        }
        tally
    }

    /// Reads counts as in `3 passed; 1 failed; 2 ignored`, whatever stands between them.
    fn add(&mut self, counts: &str) {
        let words: Vec<&str> = counts.split_whitespace().collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<usize>() else { continue };
            let what = pair[1].trim_end_matches([',', ';']);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" | "skipped" | "todo" => {
                    self.skipped.extend((0..number).map(|_| format!("{what} by the runner")))
                }
                _ => {}
            }
        }
    }
}

/// The line without terminal colours.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        if letter == '\u{1b}' {
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runner: Runner, output: &str, passed: usize, failed: usize, skipped: &[&str]) {
        let tally = Tally::read(output, runner);
        let expected =
            Tally { passed, failed, skipped: skipped.iter().map(ToString::to_string).collect() };
        assert_eq!(tally, expected, "{output}");
    }

    #[test]
    fn reads_cargo_test() {
        check(Runner::Cargo, "", 0, 0, &[]);
        check(
            Runner::Cargo,
            "test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured\n\
             test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            5,
            2,
            &["ignored by the runner"],
        );
        check(
            Runner::Cargo,
            "---- a stdout ----\nskipped: no data\n12 passed, 3 failed\ntest result: ok. 3 passed; 0 failed; 0 ignored",
            2,
            0,
            &["no data"],
        );
    }

    #[test]
    fn reads_vitest() {
        check(
            Runner::Vitest,
            " Test Files  2 passed (2)\n\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m34 passed\u{1b}[39m (34)",
            34,
            0,
            &[],
        );
        check(
            Runner::Vitest,
            "      Tests  1 failed | 5 passed | 1 skipped (7)",
            5,
            1,
            &["skipped by the runner"],
        );
    }

    #[test]
    fn reads_plain_counts() {
        check(Runner::Plain, "12 passed, 1 failed", 12, 1, &[]);
        check(
            Runner::Plain,
            "skipped: no chromium\n11 passed, 0 failed, 2 skipped",
            11,
            0,
            &["no chromium", "skipped by the runner"],
        );
        check(Runner::Plain, "nothing ran", 0, 0, &[]);
    }
}
