//! `cargo xtask load`: tabs that type, writers that save and an import, all at once on the real
//! engine and the real model. Needs `../shared/data`.

#![allow(clippy::print_stdout, reason = "printing is its job")]

mod compare;
mod mixed;
mod plot;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use commonplace_tests::measure::TestBed;
use commonplace_tests::workspace;
use serde::Serialize;

use crate::mixed::Shape;

#[derive(Parser)]
#[command(
    name = "load",
    about = "Everything at once: tabs that type, writers that save, an import, and its embedding",
    after_help = "A tab types whole queries of one to four words of the corpus: a search by words and by \
                  meaning per keystroke, 60 to 120 ms apart, each superseding the one before; it reads \
                  what its last keystroke found for 0.5 to 1.5 s. A writer saves a new or changed note of \
                  2 kB every 200 to 500 ms. All times are taken from the moment that an operation was \
                  due, so that a late start counts."
)]
struct Args {
    /// Tabs that type [default: 8; 32 with --compare]
    #[arg(long, conflicts_with = "sweep")]
    tabs: Option<usize>,
    /// Writers that save
    #[arg(long, default_value_t = 2)]
    writers: usize,
    /// Files that are imported meanwhile, 0 for no import [default: 10000; 2000 with --compare]
    #[arg(long, value_name = "FILES")]
    import: Option<usize>,
    /// How long the load lasts [default: 30; 10 for each step of --sweep or --compare]
    #[arg(long)]
    seconds: Option<u64>,
    /// The data folder of which copies are used; it is only read, and no other process may have it
    /// open [default: target/bench/filled, the bench's, made first if need be]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What is typed and saved follows from this number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The same load with 1, 8, 32, 100 and 200 tabs, each on a copy of its own
    #[arg(long, conflicts_with = "compare")]
    sweep: bool,
    /// Where --sweep draws the time to hits against the number of tabs [default: target/bench/load.svg]
    #[arg(long, value_name = "FILE", requires = "sweep")]
    plot: Option<PathBuf>,
    /// The same arrivals served four ways: all at once as the product does it; one after another,
    /// each operation when everything before it is entirely done, its indexing included; the same
    /// without the searches that were superseded before their turn; and a thread per request,
    /// without superseding and without a limit
    #[arg(long)]
    compare: bool,
    /// With --compare, count embedding as part of saves and imports; without it, embedding is paused
    /// in all ways alike, and a note is done when it is found by words
    #[arg(long, requires = "compare")]
    embed: bool,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const SWEEP: [usize; 5] = [1, 8, 32, 100, 200];
/// A thread per request means it: tokio's own limit of threads would be one on searches.
const THREADS: usize = 8192;

fn main() -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(THREADS)
        .enable_all()
        .build()?
        .block_on(load(Args::parse()))
}

async fn load(args: Args) -> Result<()> {
    let Some(bed) = TestBed::prepare(false)? else { return Ok(()) };
    let data = match &args.data {
        Some(dir) => dir.clone(),
        None => {
            bed.fill(None).await?;
            bed.filled.clone()
        }
    };
    let (tabs, files, seconds) = match (args.sweep, args.compare) {
        (_, true) => (32, 2_000, 10),
        (true, _) => (8, 10_000, 10),
        _ => (8, 10_000, 30),
    };
    let shape = Shape {
        tabs: args.tabs.unwrap_or(tabs),
        writers: args.writers,
        files: args.import.unwrap_or(files),
        time: Duration::from_secs(args.seconds.unwrap_or(seconds)),
        seed: args.seed,
    };
    if args.compare {
        let figures = compare::run(&bed, &data, &shape, args.embed).await?;
        return keep(args.json, &figures);
    }
    if !args.sweep {
        let report = mixed::run(&bed, &data, &shape).await?;
        report.print();
        return keep(args.json, &report);
    }
    let mut reports = Vec::new();
    for tabs in SWEEP {
        let report = mixed::run(&bed, &data, &Shape { tabs, ..shape.clone() }).await?;
        report.print();
        println!();
        reports.push(report);
    }
    mixed::print_sweep(&reports);
    let file = args.plot.unwrap_or_else(|| workspace().join("target/bench/load.svg"));
    plot::draw(&reports, &file)?;
    println!("\ndrawn in {}", file.display());
    keep(args.json, &reports)
}

fn keep(file: Option<PathBuf>, figures: &impl Serialize) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    std::fs::write(&file, serde_json::to_string_pretty(figures)?)
        .with_context(|| file.display().to_string())
}
