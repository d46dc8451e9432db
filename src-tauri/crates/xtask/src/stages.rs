//! `cargo xtask test`: the checks and tests, one stage after the other.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::shell::{self, Workspace};
use crate::tally::{Runner, Tally};

/// Lines of a failed stage's log that are shown.
const TAIL: usize = 80;

struct Stages {
    logs: PathBuf,
    total: Tally,
}

/// Runs every stage; the last line printed says how many tests passed, failed, were skipped.
pub(crate) fn test(workspace: &Workspace) -> Result<ExitCode> {
    let logs = workspace.target.join("xtask-logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let mut stages = Stages { logs, total: Tally::default() };
    let started = Instant::now();

    stages.check("format", &mut workspace.cargo(["fmt", "--all", "--check"]))?;
    stages.check("ui-check", &mut workspace.npm(["run", "check"]))?;
    stages.tests("ui-unit", &mut workspace.npm(["run", "test"]), Runner::Vitest)?;
    let ui_built = !workspace.ui_is_stale()
        || stages.check("ui-build", &mut workspace.npm(["run", "build"]))?;
    // The app embeds the built pages, and every stage with cargo takes the whole workspace, so that features
    // unify in one way and nothing is compiled twice.
    if ui_built {
        stages.tests("ui-browser", &mut workspace.npm(["run", "test:browser"]), Runner::Plain)?;
        let clippy =
            ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
        stages.check("clippy", &mut workspace.cargo(clippy))?;
        let app_built =
            stages.check("build", &mut workspace.cargo(["build", "--release", "--workspace"]))?;
        let engine = ["test", "--release", "--workspace", "--no-fail-fast", "--", "--show-output"];
        stages.tests(
            "rust",
            workspace.cargo(engine).args(["--skip", "real_window::"]),
            Runner::Cargo,
        )?;
        if app_built {
            let window =
                ["test", "--release", "--workspace", "--test", "desktop", "--", "--show-output"];
            stages.tests(
                "real-window",
                workspace.cargo(window).arg("--test-threads=1"),
                Runner::Cargo,
            )?;
        } else {
            stages.left_out("real-window", "the app was not built");
        }
    } else {
        stages.left_out("everything in Rust", "the UI was not built");
    }

    let Stages { total, logs } = stages;
    println!("\n{} s in all; logs are in {}", started.elapsed().as_secs(), logs.display());
    for why in &total.skipped {
        println!("skipped: {why}");
    }
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped.len());
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Stages {
    /// A stage that passes or fails as a whole; a failure counts as one.
    fn check(&mut self, name: &str, command: &mut Command) -> Result<bool> {
        let (status, output, took) = self.perform(name, command)?;
        if !status.success() {
            self.total.failed += 1;
            self.failed(name, took, &output);
            return Ok(false);
        }
        println!("{name:<12} ok      {:>5.1} s", took.as_secs_f64());
        Ok(true)
    }

    /// A stage whose runner counts its tests.
    fn tests(&mut self, name: &str, command: &mut Command, runner: Runner) -> Result<()> {
        let (status, output, took) = self.perform(name, command)?;
        let mut tally = Tally::read(&output, runner);
        // Not compiled, crashed, or nothing found to run: that is no success.
        if tally.failed == 0 && (!status.success() || tally.is_empty()) {
            tally.failed = 1;
        }
        if tally.failed > 0 {
            self.failed(name, took, &output);
        } else {
            let Tally { passed, skipped, .. } = &tally;
            println!(
                "{name:<12} ok      {:>5.1} s  {passed} passed, {} skipped",
                took.as_secs_f64(),
                skipped.len()
            );
        }
        self.total += tally;
        Ok(())
    }

    fn left_out(&mut self, name: &str, why: &str) {
        println!("{name:<12} left out: {why}");
        self.total.failed += 1;
    }

    fn perform(&self, name: &str, command: &mut Command) -> Result<(ExitStatus, String, Duration)> {
        println!("{name:<12} {}", shell::shown(command));
        let path = self.log(name);
        let log =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let started = Instant::now();
        let status =
            shell::logged(command.env("NO_COLOR", "1").env("CARGO_TERM_COLOR", "never"), &log)?;
        let output = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((status, String::from_utf8_lossy(&output).into_owned(), started.elapsed()))
    }

    fn failed(&self, name: &str, took: Duration, output: &str) {
        println!("{name:<12} FAILED  {:>5.1} s", took.as_secs_f64());
        let lines: Vec<&str> = output.lines().collect();
        // What failed stands between these two in cargo's output, far above the end if many targets follow.
        let failures =
            lines.iter().position(|line| *line == "failures:").filter(|at| at + TAIL < lines.len());
        if let Some(start) = failures {
            for line in lines[start..]
                .iter()
                .take_while(|line| !line.starts_with("test result:"))
                .take(TAIL)
            {
                println!("    {line}");
            }
            println!("    …");
        }
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            println!("    {line}");
        }
        println!("    all of it: {}", self.log(name).display());
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}
