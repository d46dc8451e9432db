//! The tasks that build and start the app, the measuring programs, or the Tauri command line.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::notices;
use crate::shell::{self, Workspace};

/// What is searched for in the welcome notes when there is no display: a mode and a query.
const SEARCHES: [(&str, &str); 3] = [
    ("words", "phrase parentheses"),
    ("meaning", "who else can see my diary"),
    ("both", "bring my old files over"),
];

/// Opens the window, or without a display does the same job on the terminal.
pub(crate) fn open_window(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    build(workspace)?;
    let display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|it| !it.is_empty()));
    if display || !cfg!(target_os = "linux") {
        println!("opening the window");
        let mut app = workspace.command(workspace.binary("commonplace-desktop"));
        return Ok(shell::exit_code(shell::status(app.args(arguments))?));
    }
    without_window(workspace)?;
    Ok(ExitCode::SUCCESS)
}

fn without_window(workspace: &Workspace) -> Result<()> {
    println!(
        "There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open."
    );
    println!(
        "The same job without one, on a fresh data folder: import the welcome notes, then search them."
    );
    let home = tempfile::tempdir().context("no folder for temporary data can be created")?;
    let commonplace = |arguments: &[&str]| -> Result<()> {
        println!("\n$ commonplace {}", arguments.join(" "));
        let mut command: Command = workspace.command(workspace.binary("commonplace"));
        shell::run(command.arg("--data").arg(home.path()).args(arguments))
    };
    commonplace(&["import", "assets/welcome"])?;
    commonplace(&["status", "--wait"])?;
    for (mode, query) in SEARCHES {
        commonplace(&["search", "--limit", "3", "--mode", mode, query])?;
    }
    Ok(())
}

/// Runs one of the measuring programs of commonplace-tests.
pub(crate) fn measure(
    workspace: &Workspace,
    program: &str,
    arguments: &[OsString],
) -> Result<ExitCode> {
    build(workspace)?;
    // Files named by the person are relative to where they are.
    let mut command = workspace.command(workspace.binary(program));
    command.args(arguments).current_dir(env::current_dir()?);
    Ok(shell::exit_code(shell::status(&mut command)?))
}

/// Opens the window with the UI served by Vite.
pub(crate) fn dev(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    Ok(shell::exit_code(shell::status(tauri(workspace).arg("dev").args(arguments))?))
}

/// Builds the installable package and says where it is.
pub(crate) fn package(workspace: &Workspace) -> Result<ExitCode> {
    build(workspace)?;
    notices::write(workspace)?;
    let folder = workspace.target.join("release/bundle");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    // Only bundles: the build above is the one that is tested, with the same features.
    shell::run(tauri(workspace).args(["bundle", "--bundles", "deb"]))?;
    let packages: Vec<PathBuf> = fs::read_dir(folder.join("deb"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    ensure!(!packages.is_empty(), "the Tauri command line left no package in {}", folder.display());
    for package in packages {
        println!("{} ({:.1} MB)", package.display(), package.metadata()?.len() as f64 / 1e6);
    }
    Ok(ExitCode::SUCCESS)
}

fn build(workspace: &Workspace) -> Result<()> {
    if workspace.ui_is_stale() {
        println!("building the UI");
        shell::run(&mut workspace.npm(["run", "build"]))?;
    }
    println!("building the app (the first time takes ten minutes or more)");
    shell::run(&mut workspace.cargo(["build", "--release", "--workspace"]))
}

fn tauri(workspace: &Workspace) -> Command {
    let script = if cfg!(windows) { "tauri.cmd" } else { "tauri" };
    workspace.command(workspace.ui().join("node_modules/.bin").join(script))
}
