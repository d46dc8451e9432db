//! What this machine needs before anything can be built: checked every time, installed or fetched once.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::model;
use crate::shell::{self, Workspace};

/// How much of the set-up is wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    Building,
    Tests,
}

/// A system package, by Debian's name.
struct Package {
    name: &'static str,
    why: &'static str,
    need: Need,
    /// Programs of which one makes the package unnecessary.
    instead: &'static [&'static str],
}

const fn package(name: &'static str, why: &'static str, need: Need) -> Package {
    Package { name, why, need, instead: &[] }
}

const PACKAGES: &[Package] = &[
    Package {
        instead: &["cc"],
        ..package("build-essential", "compiles SQLite and the vector index", Need::Building)
    },
    Package {
        instead: &["pkg-config"],
        ..package("pkg-config", "finds the system's libraries", Need::Building)
    },
    package("libwebkit2gtk-4.1-dev", "the window's web view", Need::Building),
    Package {
        instead: &["pip3"],
        ..package("python3-pip", "fetches the embedding model", Need::Building)
    },
    package("xvfb", "a screen for the real-window tests", Need::Tests),
    package("openbox", "a window manager for them", Need::Tests),
    package("webkit2gtk-driver", "drives the real window", Need::Tests),
    package("xdotool", "presses the global hotkey and drags files", Need::Tests),
    package("dbus", "a session bus for the app under test", Need::Tests),
    package("imagemagick", "takes the screenshots", Need::Tests),
    package("python3-gi", "the other window that files are dragged from", Need::Tests),
    package("gir1.2-gtk-3.0", "the other window that files are dragged from", Need::Tests),
    package("tesseract-ocr", "recognises the text of scans", Need::Tests),
    package("fonts-dejavu-core", "text in the screenshots", Need::Tests),
    package("fonts-noto-cjk", "Chinese, Japanese and Korean text", Need::Tests),
    package("fonts-noto-color-emoji", "emoji", Need::Tests),
    Package {
        instead: &["chromium", "google-chrome"],
        ..package("chromium", "runs the browser tests", Need::Tests)
    },
];

/// Sets up what is missing.
///
/// # Errors
/// If something cannot be installed or fetched; the message says what to do by hand.
pub(crate) fn ensure(workspace: &Workspace, need: Need) -> Result<()> {
    tools(workspace)?;
    system_packages(need)?;
    model::ensure(workspace)?;
    ui_packages(workspace)
}

/// Rust's components and Node.js, which no package list of ours can bring.
fn tools(workspace: &Workspace) -> Result<()> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if shell::output(&mut workspace.cargo([tool, "--version"])).is_none() {
            println!("installing {component}");
            shell::run(workspace.command("rustup").args(["component", "add", component]))
                .with_context(|| {
                    format!("cargo {tool} is missing: install Rust's component {component}")
                })?;
        }
    }
    let version = shell::output(workspace.command("node").arg("--version"))
        .context("Node.js is missing: install version 20.19 or newer, with npm")?;
    ensure!(
        new_enough(&version),
        "Node.js {} is too old: install version 20.19 or newer",
        version.trim()
    );
    Ok(())
}

/// Whether `version` (as in "v20.19.0") is one that Vite runs on.
fn new_enough(version: &str) -> bool {
    let mut numbers =
        version.trim().trim_start_matches('v').split('.').map(|number| number.parse().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= (20, 19)
}

fn system_packages(need: Need) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let wanted = PACKAGES.iter().filter(|package| package.need <= need);
    let wanted: Vec<&Package> = wanted
        .filter(|package| !package.instead.iter().any(|program| shell::on_path(program)))
        .collect();
    if !shell::on_path("dpkg-query") || !shell::on_path("apt-get") {
        println!("This is not Debian or Ubuntu: see that what these packages hold is installed.");
        for package in wanted {
            println!("  {:<30} {}", package.name, package.why);
        }
        return Ok(());
    }
    let missing: Vec<&Package> =
        wanted.into_iter().filter(|package| !installed(package.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing system packages:");
    for package in &missing {
        println!("  {:<30} {}", package.name, package.why);
    }
    let names = missing.iter().map(|package| package.name);
    let by_hand = format!(
        "the system packages could not be installed. Run this, then the same command again:\n  \
         sudo apt-get update && sudo apt-get install {}",
        names.clone().collect::<Vec<_>>().join(" ")
    );
    shell::run(apt()?.arg("update")).context(by_hand.clone())?;
    shell::run(apt()?.args(["install", "--yes", "--no-install-recommends"]).args(names))
        .context(by_hand)
}

fn installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query
        .args(["--show", "--showformat", "${db:Status-Status}\n", package])
        .stderr(std::process::Stdio::null());
    shell::output(&mut query).is_some_and(|states| states.lines().any(|state| state == "installed"))
}

/// apt-get as root.
fn apt() -> Result<Command> {
    let root = shell::output(Command::new("id").arg("-u")).is_some_and(|user| user.trim() == "0");
    let mut command = if root {
        Command::new("apt-get")
    } else if shell::on_path("sudo") {
        let mut command = Command::new("sudo");
        command.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        command
    } else {
        bail!("installing system packages needs root, and there is no sudo");
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.args(["--quiet", "-o", "DPkg::Lock::Timeout=300"]);
    Ok(command)
}

/// The UI's packages, exactly as locked.
fn ui_packages(workspace: &Workspace) -> Result<()> {
    let lock = shell::modified(&workspace.ui().join("package-lock.json"))
        .context("ui/package-lock.json is missing: check the sources out again")?;
    // npm writes this file last, so it is there only after a whole installation.
    let installed = shell::modified(&workspace.ui().join("node_modules/.package-lock.json"));
    if installed.is_ok_and(|installed| installed >= lock) {
        return Ok(());
    }
    println!("installing the UI's packages");
    let mut npm = workspace.npm(["ci", "--no-audit", "--no-fund"]);
    // The test browser is a system package; nothing may fetch another.
    npm.env("PUPPETEER_SKIP_DOWNLOAD", "1").env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    if env::var_os("CI").is_some() {
        npm.arg("--no-progress");
    }
    shell::run(&mut npm).context(
        "the UI's packages could not be installed. Check the network and npm's registry setting, then run the same command again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_node_is_new_enough() {
        for (version, expected) in [
            ("v20.19.0\n", true),
            ("v20.18.3", false),
            ("v22.1.0", true),
            ("v9.11.2", false),
            ("", false),
        ] {
            assert_eq!(new_enough(version), expected, "{version:?}");
        }
    }
}
