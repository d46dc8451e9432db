//! The workspace's folders and the starting of other programs in it.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

/// The checked-out project.
pub(crate) struct Workspace {
    /// The folder of tauri.conf.json and the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, as far as this program was built in it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the workspace above the current folder.
    pub(crate) fn find() -> Result<Self> {
        let here = env::current_dir().context("the current folder cannot be read")?;
        let root = here
            .ancestors()
            .find(|folder| {
                folder.join("tauri.conf.json").is_file() && folder.join("Cargo.toml").is_file()
            })
            .with_context(|| format!("{} is not inside Commonplace's source tree", here.display()))?
            .to_path_buf();
        let program = env::current_exe().context("this program's own path cannot be read")?;
        let target = program
            .parent()
            .and_then(Path::parent)
            .map_or_else(|| root.join("target"), Path::to_path_buf);
        Ok(Self { root, target })
    }

    pub(crate) fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.root.join("assets/model")
    }

    /// A binary that `cargo build --release --workspace` made.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("release").join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// A program run at the root. What `cargo run` set for this process is taken away, so that a nested
    /// cargo sees the same environment, and so the same fingerprints, as one that a person starts.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    pub(crate) fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        command
    }

    pub(crate) fn npm<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = self.command(if cfg!(windows) { "npm.cmd" } else { "npm" });
        command.args(arguments).current_dir(self.ui());
        command
    }

    /// Whether something of the UI is newer than its last build.
    pub(crate) fn ui_is_stale(&self) -> bool {
        let ui = self.ui();
        let Ok(built) = modified(&ui.join("dist/index.html")) else { return true };
        newer_than(&ui, built)
    }
}

/// Whether a source file below `folder` is newer than `time`; what is built or fetched does not count.
fn newer_than(folder: &Path, time: SystemTime) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return true };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if matches!(&*name, "node_modules" | "dist" | "test-results" | "tests")
            || name.ends_with(".test.ts")
        {
            return false;
        }
        let path = entry.path();
        if path.is_dir() {
            newer_than(&path, time)
        } else {
            modified(&path).is_ok_and(|changed| changed > time)
        }
    })
}

/// When a file was last changed.
pub(crate) fn modified(path: &Path) -> std::io::Result<SystemTime> {
    path.metadata()?.modified()
}

/// Runs a program to its end in this terminal; an error if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a program to its end in this terminal and says how it ended.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("`{}` could not be started", shown(command)))
}

/// Runs a program with all it prints going to `log`.
pub(crate) fn logged(command: &mut Command, log: &File) -> Result<ExitStatus> {
    command.stdin(std::process::Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
    status(command)
}

/// What a program prints, or nothing if it cannot be run or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of that name is on the PATH.
pub(crate) fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// The command line of `command`, for messages.
pub(crate) fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let _ = write!(line, " {}", argument.to_string_lossy());
    }
    line
}

/// The exit code that passes `status` on.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    if status.success() {
        return ExitCode::SUCCESS;
    }
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
