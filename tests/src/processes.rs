//! Processes started by a test, and ended with all they started.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long a helper program may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A process in a group of its own; dropping it kills the group.
pub struct Group {
    child: Child,
    lines: Option<mpsc::Receiver<String>>,
}

impl Group {
    /// Starts a program with all it prints going to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command.stdout(file.try_clone()?);
        Self::spawn(command.stderr(file))
    }

    /// Starts a program whose lines are read, beginning with one that tells that it came up.
    pub fn start_and_read_line(command: &mut Command, log: &Path) -> Result<(Self, String)> {
        let file = File::options().create(true).append(true).open(log)?;
        let mut group = Self::spawn(command.stdout(Stdio::piped()).stderr(file))?;
        group.lines = Some(group.read_lines()?);
        let line = group.read_line().with_context(|| format!("{command:?} did not come up"))?;
        Ok((group, line))
    }

    /// Waits for the next line that the program prints.
    pub fn read_line(&self) -> Result<String> {
        let lines = self.lines.as_ref().context("its lines are not read")?;
        lines.recv_timeout(LIMIT).context("a helper program is silent")
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        Ok(Self {
            child: child.with_context(|| format!("{command:?} cannot be started"))?,
            lines: None,
        })
    }

    /// What the program prints; reading goes on to its end, so that it never blocks on a full pipe.
    fn read_lines(&mut self) -> Result<mpsc::Receiver<String>> {
        let output = self.child.stdout.take().context("its output is not a pipe")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The receiver may be gone; the pipe is still to be emptied.
                let _ = sender.send(line);
            }
        });
        Ok(receiver)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Killing a group needs a system call that std does not offer.
        let group = format!("kill -KILL -{}", self.child.id());
        let _ = Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and gives what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?} cannot be started"))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of that name is on the PATH.
pub fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}
