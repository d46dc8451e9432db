//! A desktop for one test or bench: screen, window manager, session bus, home folder, keyboard and mouse.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::processes::{Group, on_path, output};

/// Programs that come from system packages; `cargo xtask setup` installs them.
const PROGRAMS: [&str; 6] =
    ["Xvfb", "openbox", "dbus-daemon", "WebKitWebDriver", "xdotool", "import"];

/// How long something on the screen may take on a busy machine before the test gives up. Not a measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How long to wait before looking again.
const GLANCE: Duration = Duration::from_millis(50);

pub struct Desk {
    // Ended in this order: the bus and the window manager before the screen.
    _bus: Group,
    _manager: Group,
    _screen: Group,
    display: String,
    bus_address: String,
    home: tempfile::TempDir,
    artefacts: PathBuf,
    pictures: AtomicUsize,
}

impl Desk {
    /// Sets the desktop up, or says why that cannot be.
    ///
    /// `name` is the folder below tests/artefacts for its pictures and logs.
    pub fn open(name: &str) -> Result<Result<Self, String>> {
        if let Some(missing) = PROGRAMS.into_iter().find(|program| !on_path(program)) {
            return Ok(Err(format!("{missing} is not installed; `cargo xtask setup` installs it")));
        }
        let artefacts = Path::new(env!("CARGO_MANIFEST_DIR")).join("artefacts").join(name);
        if artefacts.exists() {
            fs::remove_dir_all(&artefacts)?;
        }
        fs::create_dir_all(&artefacts)?;
        let home = tempfile::tempdir()?;
        for folder in ["config", "cache", "data", "runtime"] {
            fs::create_dir(home.path().join(folder))?;
        }
        // As a login does it: a runtime folder that others can read is refused by some libraries.
        fs::set_permissions(
            home.path().join("runtime"),
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )?;

        let log = artefacts.join("desktop.log");
        let mut screen = Command::new("Xvfb");
        screen.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1440x900x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ]);
        let (screen, number) = Group::start_and_read_line(&mut screen, &log)?;
        let display = format!(":{}", number.trim());
        let mut bus = Command::new("dbus-daemon");
        bus.args(["--session", "--nofork", "--print-address=1"]);
        let (bus, bus_address) =
            Group::start_and_read_line(set(&mut bus, &display, "", home.path()), &log)?;
        let bus_address = bus_address.trim().to_owned();
        let mut manager = Command::new("openbox");
        let manager = Group::start(set(&mut manager, &display, &bus_address, home.path()), &log)?;
        Ok(Ok(Self {
            _bus: bus,
            _manager: manager,
            _screen: screen,
            display,
            bus_address,
            home,
            artefacts,
            pictures: AtomicUsize::new(0),
        }))
    }

    /// A program that runs on this desktop.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        set(&mut command, &self.display, &self.bus_address, self.home.path());
        command
    }

    /// The folder that the app under test keeps its notes in.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("notes")
    }

    /// A file of this test below tests/artefacts.
    pub fn artefact(&self, name: &str) -> PathBuf {
        self.artefacts.join(name)
    }

    /// Keeps a picture of the whole screen, once it stands still: a page is painted some time after it changed.
    pub fn picture(&self, step: &str) -> Result<()> {
        // Something may turn for as long as it likes.
        const TRIES: usize = 6;
        let number = self.pictures.fetch_add(1, Ordering::Relaxed) + 1;
        let file = self.artefact(&format!("{number:02}-{step}.png"));
        let mut before = Vec::new();
        for _ in 0..TRIES {
            let mut import = self.command("import");
            import.args(["-window", "root", "-define", "png:exclude-chunks=date,time"]).arg(&file);
            output(&mut import).context("taking a screenshot")?;
            let now = fs::read(&file)?;
            if now == before {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Real keyboard and mouse input, in xdotool's words.
    pub fn xdotool(&self, arguments: &[&str]) -> Result<String> {
        output(self.command("xdotool").args(arguments))
    }

    /// Presses keys together, wherever the focus is, as with `ctrl+alt+space`.
    pub fn press(&self, keys: &str) -> Result<()> {
        self.xdotool(&["key", "--clearmodifiers", keys]).map(drop)
    }

    /// Waits for a visible window whose title matches the expression and gives it the keyboard.
    pub async fn focus(&self, title: &str) -> Result<()> {
        let window = wait_for(format!("a window titled {title}"), async || {
            // It fails while there is none.
            let found =
                self.xdotool(&["search", "--onlyvisible", "--name", title]).unwrap_or_default();
            Ok(found.lines().next().map(str::to_owned))
        });
        self.xdotool(&["windowactivate", "--sync", &window.await?]).map(drop)
    }

    /// Types into whatever window has the keyboard.
    pub fn type_text(&self, text: &str) -> Result<()> {
        self.xdotool(&["type", "--delay", "20", text]).map(drop)
    }

    /// Drags `paths` from another program's window at the lower right of the screen to `x`, `y`; `over` runs while they
    /// hang over that place, before they are let go.
    pub async fn drag_files(
        &self,
        paths: &[PathBuf],
        (x, y): (i64, i64),
        over: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<()> {
        const SOURCE: (i64, i64) = (1380, 860);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("desktop/drag_source.py");
        // Debian's own Python: only that one sees the GTK bindings.
        let mut source = self.command("/usr/bin/python3");
        source.arg(script).args([SOURCE.0.to_string(), SOURCE.1.to_string()]).args(paths);
        let (source, ready) =
            Group::start_and_read_line(&mut source, &self.artefact("desktop.log"))?;
        anyhow::ensure!(ready == "ready", "the drag source says {ready:?}");

        self.move_mouse(SOURCE)?;
        self.xdotool(&["mousedown", "1"])?;
        // A drag starts after some pixels, and the target is told of it only by motion: move in steps.
        const STEPS: i64 = 24;
        for step in 1..=STEPS {
            let along = |from: i64, to: i64| from + (to - from) * step / STEPS;
            self.move_mouse((along(SOURCE.0, x), along(SOURCE.1, y)))?;
        }
        for nudge in [2, -2, 0] {
            self.move_mouse((x + nudge, y + nudge))?;
        }
        over().await?;
        self.xdotool(&["mouseup", "1"])?;
        // The files' names are asked for only now.
        let ended = source.read_line()?;
        anyhow::ensure!(ended == "ended", "the drag source says {ended:?}");
        Ok(())
    }

    /// Moves the mouse as a hand does: with time for each place to be noticed.
    fn move_mouse(&self, (x, y): (i64, i64)) -> Result<()> {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string(), "sleep", "0.02"]).map(drop)
    }
}

/// The surroundings of a program on the desktop: nothing of the person's own session.
fn set<'a>(
    command: &'a mut Command,
    display: &str,
    bus_address: &str,
    home: &Path,
) -> &'a mut Command {
    for name in ["WAYLAND_DISPLAY", "XAUTHORITY", "GTK_MODULES", "COMMONPLACE_DATA"] {
        command.env_remove(name);
    }
    command
        .env("DISPLAY", display)
        .env("DBUS_SESSION_BUS_ADDRESS", bus_address)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_RUNTIME_DIR", home.join("runtime"))
        .env("LANG", "C.UTF-8")
        .env("NO_AT_BRIDGE", "1")
}

/// Looks again until `look` gives something.
///
/// # Errors
/// If `look` fails, or gave nothing for all of [`PATIENCE`].
pub async fn wait_for<T>(
    what: impl Display,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if started.elapsed() > PATIENCE {
            bail!("waited {} s for {what}", PATIENCE.as_secs());
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// The program that `cargo build --release --workspace` made, beside this one or above its folder.
///
/// # Errors
/// It was not built.
pub fn desktop_binary() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let found = this.ancestors().skip(1).take(2).map(|dir| dir.join("commonplace-desktop"));
    found
        .into_iter()
        .find(|file| file.is_file())
        .context("commonplace-desktop is missing: run `cargo build --release --workspace`")
}
