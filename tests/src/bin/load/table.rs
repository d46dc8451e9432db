//! What became of many operations of one kind, and how it is printed.

use commonplace_tests::measure::percentile;
use engine::{Code, Error, Hits};
use serde::Serialize;

/// The operations of one kind, as they end.
#[derive(Default)]
pub(crate) struct Samples {
    /// Milliseconds of each that was answered.
    pub(crate) times: Vec<f64>,
    pub(crate) cancelled: usize,
    pub(crate) errors: Vec<String>,
}

impl Samples {
    pub(crate) fn add<T>(&mut self, milliseconds: f64, outcome: Result<T, Error>) {
        match outcome {
            Ok(_) => self.times.push(milliseconds),
            Err(error) if error.code == Code::Cancelled => self.cancelled += 1,
            Err(error) => self.errors.push(error.message),
        }
    }

    pub(crate) fn extend(&mut self, other: Samples) {
        self.times.extend(other.times);
        self.cancelled += other.cancelled;
        self.errors.extend(other.errors);
    }
}

/// An answer that lacks a list because something failed is a failure; one that lacks notes whose
/// embedding is under way is not.
pub(crate) fn whole(answer: Result<Hits, Error>) -> Result<Hits, Error> {
    match answer {
        Ok(Hits { degraded: Some(why), .. }) if !why.starts_with("Meaning is being prepared: ") => {
            Err(Error::new(Code::Internal, why))
        }
        answer => answer,
    }
}

/// One line of the table; times in milliseconds.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) operation: &'static str,
    pub(crate) count: usize,
    pub(crate) per_second: f64,
    pub(crate) times: Option<Times>,
    pub(crate) cancelled: usize,
    pub(crate) errors: usize,
    pub(crate) first_error: Option<String>,
}

#[derive(Clone, Copy, Serialize)]
pub(crate) struct Times {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Times {
    pub(crate) fn of(mut times: Vec<f64>) -> Option<Times> {
        if times.is_empty() {
            return None;
        }
        let mut at = |percent| percentile(&mut times, percent);
        Some(Times { p50: at(50), p95: at(95), p99: at(99), max: at(100) })
    }
}

impl Row {
    pub(crate) fn of(operation: &'static str, samples: Samples, seconds: f64) -> Row {
        let count = samples.times.len();
        Row {
            operation,
            count,
            per_second: count as f64 / seconds,
            times: Times::of(samples.times),
            cancelled: samples.cancelled,
            errors: samples.errors.len(),
            first_error: samples.errors.into_iter().next(),
        }
    }

    pub(crate) fn head() {
        println!(
            "{:<28} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>6}",
            "operation",
            "count",
            "/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "max ms",
            "cancelled",
            "errors"
        );
    }

    pub(crate) fn print(&self) {
        println!(
            "{:<28} {:>7} {:>8.1} {} {:>9} {:>6}",
            self.operation,
            self.count,
            self.per_second,
            cells(self.times),
            self.cancelled,
            self.errors
        );
        if let Some(error) = &self.first_error {
            println!("    for example: {error}");
        }
    }
}

/// Four columns of nine characters.
pub(crate) fn cells(times: Option<Times>) -> String {
    match times {
        Some(Times { p50, p95, p99, max }) => {
            format!("{p50:>9.2} {p95:>9.2} {p99:>9.2} {max:>9.2}")
        }
        None => format!("{0:>9} {0:>9} {0:>9} {0:>9}", "–"),
    }
}
