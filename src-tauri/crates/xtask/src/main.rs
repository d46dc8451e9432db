//! `cargo xtask`: sets up, runs, tests, benches and packages Commonplace, one command each.
//! It starts other programs and reads what they print; it knows nothing of notes or indexes.
#![allow(
    clippy::print_stdout,
    reason = "talking to the person at the terminal is this program's work"
)]

mod fetch;
mod model;
mod notices;
mod run;
mod setup;
mod shell;
mod stages;
mod tally;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::setup::Need;
use crate::shell::Workspace;

/// Set up, run, test, bench and package Commonplace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set up what is missing, build, and open the window (or, with no display, import and search without one).
    Run {
        /// Passed on to the app, for example `--data DIR`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Set up what is missing and run every check and test.
    Test,
    /// Measure speed and memory; prints tables (`--json FILE` keeps the figures).
    #[command(disable_help_flag = true)]
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Type in many tabs, save and import all at once on the real engine: `load --help` says how many.
    #[command(disable_help_flag = true)]
    Load {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measure a store of a million synthetic notes, and how time and bytes grow: `scale --help`.
    #[command(disable_help_flag = true)]
    Scale {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measure search quality on judged sets in BEIR layout: `eval [DIR…] [--mode words|meaning|both] [--halves] [--typos SEED] [--known-item] [--run FILE] [--json FILE]`.
    #[command(disable_help_flag = true)]
    Eval {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measure how much of the text of other programs' documents an import keeps: `eval-import DIR` with a MANIFEST.tsv.
    #[command(disable_help_flag = true)]
    EvalImport {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measure answers on a judged set with `answers.jsonl` and `unanswerable.jsonl`: `eval-ask [DIR] [--misses] [--features FILE] [--times-in DIR]`.
    #[command(disable_help_flag = true)]
    EvalAsk {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Open the window with hot reload of the UI.
    Dev {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build an installable package (a .deb on Debian and Ubuntu).
    Package,
    /// Write assets/THIRD-PARTY-NOTICES.md anew, after a change of dependencies.
    Notices,
    /// Only set up what building, running and testing need.
    Setup,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match task {
        Task::Setup => {
            setup::ensure(&workspace, Need::Tests)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Run { arguments } => {
            setup::ensure(&workspace, Need::Building)?;
            run::open_window(&workspace, &arguments)
        }
        Task::Test => {
            setup::ensure(&workspace, Need::Tests)?;
            stages::test(&workspace)
        }
        Task::Bench { arguments } => {
            setup::ensure(&workspace, Need::Tests)?;
            run::measure(&workspace, "bench", &arguments)
        }
        Task::Load { arguments } => {
            setup::ensure(&workspace, Need::Building)?;
            run::measure(&workspace, "load", &arguments)
        }
        Task::Scale { arguments } => {
            setup::ensure(&workspace, Need::Building)?;
            run::measure(&workspace, "scale", &arguments)
        }
        Task::Eval { arguments } => {
            setup::ensure(&workspace, Need::Building)?;
            run::measure(&workspace, "eval", &arguments)
        }
        Task::EvalImport { arguments } => {
            setup::ensure(&workspace, Need::Building)?;
            run::measure(&workspace, "eval_import", &arguments)
        }
        Task::EvalAsk { arguments } => {
            setup::ensure(&workspace, Need::Building)?;
            run::measure(&workspace, "eval_ask", &arguments)
        }
        Task::Dev { arguments } => {
            setup::ensure(&workspace, Need::Building)?;
            run::dev(&workspace, &arguments)
        }
        Task::Notices => {
            setup::ensure(&workspace, Need::Building)?;
            notices::write(&workspace)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Package => {
            setup::ensure(&workspace, Need::Building)?;
            run::package(&workspace)
        }
    }
}
