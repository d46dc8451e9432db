//! What lies in a watched folder: its notes, its other files, and what could not be looked at.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{Stamp, is_temporary};

/// Paths are relative to the folder, with `/` between the names.
#[derive(Default)]
pub(super) struct Scan {
    /// Markdown files.
    pub(super) notes: BTreeMap<String, Stamp>,
    /// All other files, as notes may show them.
    pub(super) others: BTreeMap<String, Stamp>,
    /// Every folder that was looked into, absolute.
    pub(super) folders: HashSet<PathBuf>,
    /// Folders that could not be looked into: nothing is known of what is below them.
    pub(super) closed: Vec<(String, String)>,
    /// Links, pipes and the like, which are never followed or read.
    pub(super) odd: HashSet<String>,
    /// Files of ours that a crash left behind.
    pub(super) temporary: Vec<String>,
    /// Names that are no text.
    pub(super) unnamed: Vec<String>,
}

impl Scan {
    /// Whether a file that was not found may be there all the same.
    pub(super) fn may_hold(&self, path: &str) -> bool {
        let below = |folder: &str| {
            folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        self.closed.iter().any(|(folder, _)| below(folder))
            || self.odd.iter().any(|odd| path == odd || below(odd))
    }
}

/// Looks through a folder. `enter` is called for each folder before it is read.
///
/// # Errors
/// If the folder itself cannot be read.
pub(super) fn scan(root: &Path, mut enter: impl FnMut(&Path)) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut left = vec![(root.to_owned(), String::new())];
    while let Some((folder, relative)) = left.pop() {
        enter(&folder);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if relative.is_empty() => return Err(error),
            Err(error) => {
                scan.closed.push((relative, error.to_string()));
                continue;
            }
        };
        for entry in entries {
            let found = entry.and_then(|entry| Ok((entry.file_name(), entry.metadata()?)));
            let (name, metadata) = match found {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) if relative.is_empty() => return Err(error),
                Err(error) => {
                    scan.closed.push((relative.clone(), error.to_string()));
                    continue;
                }
            };
            let Some(name) = name.to_str() else {
                scan.unnamed.push(format!("{relative}/{}", name.to_string_lossy()));
                continue;
            };
            let path =
                if relative.is_empty() { name.to_owned() } else { format!("{relative}/{name}") };
            if is_temporary(name) {
                scan.temporary.push(path);
            } else if is_ignored(name) {
                continue;
            } else if metadata.is_dir() {
                left.push((folder.join(name), path));
            } else if !metadata.is_file() {
                scan.odd.insert(path);
            } else if is_note(name) {
                scan.notes.insert(path, Stamp::of(&metadata));
            } else {
                scan.others.insert(path, Stamp::of(&metadata));
            }
        }
        scan.folders.insert(folder);
    }
    Ok(scan)
}

/// What programs keep beside a person's files: hidden things (`.git`, `.obsidian`, `.stfolder`,
/// `.syncthing.*.tmp`, our own trash), half-written copies, editors' backups.
pub(super) fn is_ignored(name: &str) -> bool {
    name.starts_with('.')
        || name.starts_with("~syncthing~")
        || name.starts_with("~$")
        || name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#'))
        || name.to_ascii_lowercase().ends_with(".tmp")
        || name == "node_modules"
}

pub(super) fn is_note(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(extension.as_deref(), Some("md" | "markdown" | "mdown"))
}
