//! Where messages and spans go: errors to standard error, and everything to a file if asked.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Crates of ours, whose spans a trace holds.
const OURS: [&str; 9] = [
    "engine",
    "store",
    "keyword",
    "vector",
    "embed",
    "extract",
    "note",
    "cli",
    "commonplace_desktop",
];

/// Starts logging for the whole process, once. Messages that `COMMONPLACE_LOG` lets through
/// (`default` if it is not set; syntax of `tracing_subscriber::EnvFilter`) go to standard error.
///
/// With `trace`, every span and message of Commonplace goes to that file as well, one JSON object a
/// line, a span when it ends, with `time.busy` and `time.idle`. An existing file is replaced.
///
/// # Errors
/// The file cannot be written.
pub fn start_log(default: &str, trace: Option<&Path>) -> io::Result<()> {
    let filter =
        EnvFilter::try_from_env("COMMONPLACE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let shown = fmt::layer().with_writer(io::stderr).with_filter(filter);
    let traced = match trace {
        None => None,
        Some(path) => {
            let file = File::create(path).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
            let ours = Targets::new().with_targets(OURS.map(|name| (name, tracing::Level::TRACE)));
            let layer = fmt::layer()
                .json()
                .with_span_events(FmtSpan::CLOSE)
                .with_thread_names(true)
                .with_writer(Mutex::new(file));
            Some(layer.with_filter(ours))
        }
    };
    tracing_subscriber::registry().with(shown).with(traced).init();
    Ok(())
}
