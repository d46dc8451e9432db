//! Everything out again: a folder of Markdown that any other program reads, and that comes back as
//! the same notes. What plain Markdown cannot say stands in one line of front matter, the marker:
//! `commonplace: {…}` in JSON, which is YAML too.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use note::{FrontValue, Note, NoteDraft, NoteId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{AttachmentRef, Digest, ListFilter, ListSort, Role, View};
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, Inner};
use crate::error::{Error, Result};

/// How far an export is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportProgress {
    pub done: usize,
    pub total: usize,
}

/// What an export wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    pub notes: usize,
    pub attachments: usize,
}

const ATTACHMENTS: &str = "attachments";
const MARKER: &str = "commonplace: ";
/// Notes read from the store at a time.
const PAGE: usize = 200;
/// Longest file name in bytes, well below every file system's limit.
const NAME_BYTES: usize = 120;

#[derive(Serialize, Deserialize)]
struct Marker {
    title: String,
    notebook: String,
    tags: Vec<String>,
    kind: String,
    pinned: bool,
    created: i64,
    updated: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Kept>,
    /// Lines at the end of the front matter that the export added, this one included.
    lines: usize,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    /// Relative to the exported folder.
    path: String,
    mime: String,
    source: bool,
}

/// What an exported file says of its note.
pub(crate) struct Imported {
    marker: Marker,
    pub(crate) original_front_matter: String,
    pub(crate) attachments: Vec<(PathBuf, AttachmentRef)>,
}

impl Imported {
    /// Puts everything back where it was; `into` is the notebook that was chosen for the import.
    pub(crate) fn apply(&self, draft: &mut NoteDraft, into: &str) {
        let marker = &self.marker;
        draft.title.clone_from(&marker.title);
        draft.tags.clone_from(&marker.tags);
        draft.notebook = [into, &marker.notebook]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/");
        draft.kind = marker.kind.parse().unwrap_or(draft.kind);
        draft.pinned = marker.pinned;
        draft.created = Some(Timestamp(marker.created));
        draft.updated = Some(Timestamp(marker.updated));
    }

    /// The exported folder, seen from a file in it: the note's notebook says how deep it lies.
    pub(crate) fn root_of(&self, parent: &Path) -> Option<PathBuf> {
        let depth = self.marker.notebook.split('/').filter(|part| !part.is_empty()).count();
        parent.ancestors().nth(depth).map(Path::to_owned)
    }
}

/// Reads the marker of a file that was exported from here; `None` for every other file.
pub(crate) fn read_marker(front_matter: &str) -> Option<Imported> {
    let lines: Vec<&str> = front_matter.lines().collect();
    let json = lines.last()?.strip_prefix(MARKER)?;
    let mut marker: Marker = serde_json::from_str(json).ok()?;
    let kept = lines.len().checked_sub(marker.lines)?;
    let attachments = std::mem::take(&mut marker.attachments)
        .into_iter()
        // A path that leaves the exported folder is not ours.
        .filter(|kept| {
            Path::new(&kept.path)
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)))
        })
        .map(|kept| {
            let row = AttachmentRef {
                name: kept.name,
                digest: Digest([0; 32]),
                mime: kept.mime,
                size: 0,
                role: if kept.source { Role::Source } else { Role::Embed },
            };
            (PathBuf::from(kept.path), row)
        })
        .collect();
    Some(Imported { marker, original_front_matter: lines[..kept].join("\n"), attachments })
}

impl Engine {
    /// Writes every note outside the trash to `dir`, which must be new or empty, as Markdown with
    /// front matter, notebooks as folders, attachments in `attachments/`.
    pub async fn export(
        &self,
        dir: PathBuf,
        token: CancellationToken,
        progress: impl Fn(ExportProgress) + Send + 'static,
    ) -> Result<Exported> {
        self.blocking(move |inner| export(inner, &dir, &token, &progress)).await
    }
}

fn export(
    inner: &Inner,
    dir: &Path,
    token: &CancellationToken,
    progress: &dyn Fn(ExportProgress),
) -> Result<Exported> {
    let failed = |path: &Path, error: std::io::Error| {
        Error::internal(format!("{}: {error}", path.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    if std::fs::read_dir(dir).map_err(|error| failed(dir, error))?.next().is_some() {
        return Err(Error::invalid(format!(
            "{} is not empty: choose a new or empty folder, so that nothing in it is overwritten",
            dir.display()
        )));
    }
    let ids: Vec<NoteId> = inner
        .store
        .read(|read| {
            read.list(&ListFilter {
                view: View::All,
                sort: ListSort::Created,
                offset: 0,
                limit: i32::MAX as usize,
            })
        })?
        .1
        .into_iter()
        .map(|head| head.id)
        .collect();
    let mut taken: HashSet<PathBuf> = HashSet::new();
    let mut placed: HashMap<Digest, String> = HashMap::new();
    let mut exported = Exported::default();
    for page in ids.chunks(PAGE) {
        let notes = inner.store.read(|read| {
            read.notes(page)?
                .into_iter()
                .map(|note| Ok((read.attachments(note.id)?, note)))
                .collect::<std::result::Result<Vec<_>, store::StoreError>>()
        })?;
        for (attachments, note) in notes {
            if token.is_cancelled() {
                return Err(Error::cancelled());
            }
            let mut kept = Vec::new();
            for attachment in attachments {
                let path = match placed.get(&attachment.digest) {
                    Some(path) => path.clone(),
                    None => {
                        let name = file_name(&attachment.name, "attachment");
                        let target = free(dir, Path::new(ATTACHMENTS), &name, &mut taken);
                        let to = dir.join(&target);
                        let folder = dir.join(ATTACHMENTS);
                        std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
                        std::fs::copy(inner.store.attachment_path(&attachment.digest), &to)
                            .map_err(|error| failed(&to, error))?;
                        exported.attachments += 1;
                        let path = target.to_string_lossy().into_owned();
                        placed.insert(attachment.digest, path.clone());
                        path
                    }
                };
                kept.push(Kept {
                    name: attachment.name,
                    path,
                    mime: attachment.mime,
                    source: attachment.role == Role::Source,
                });
            }
            let folder: PathBuf = note
                .notebook
                .split('/')
                .filter(|part| !part.is_empty())
                .map(|part| file_name(part, "notebook"))
                .collect();
            let title = note::display_title(&note.title, &note.body);
            let target =
                free(dir, &folder, &format!("{}.md", file_name(&title, "note")), &mut taken);
            let path = dir.join(&target);
            let parent = path.parent().unwrap_or(dir);
            std::fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
            std::fs::write(&path, document(&note, kept)?).map_err(|error| failed(&path, error))?;
            exported.notes += 1;
            progress(ExportProgress { done: exported.notes, total: ids.len() });
        }
    }
    Ok(exported)
}

/// One note as a Markdown file.
fn document(note: &Note, attachments: Vec<Kept>) -> Result<String> {
    let date = |time: Timestamp| {
        jiff::Timestamp::from_millisecond(time.0).map(|time| time.to_string()).unwrap_or_default()
    };
    let (created, updated) = (date(note.created), date(note.updated));
    // Other programs read these; the person's own lines of the same name go before ours.
    let own = note.front_matter.as_str();
    let has = |key: &str| own.lines().any(|line| line.starts_with(&format!("{key}:")));
    let mut added = Vec::new();
    if !has("title") {
        added.push(("title", FrontValue::Text(&note.title)));
    }
    if !has("tags") && !note.tags.is_empty() {
        added.push(("tags", FrontValue::List(&note.tags)));
    }
    if !has("created") {
        added.push(("created", FrontValue::Text(&created)));
    }
    if !has("updated") {
        added.push(("updated", FrontValue::Text(&updated)));
    }
    let added = note::render_front_matter("", &added);
    let added = added.trim_end_matches('\n');
    let marker = Marker {
        title: note.title.clone(),
        notebook: note.notebook.clone(),
        tags: note.tags.clone(),
        kind: note.kind.as_str().to_owned(),
        pinned: note.pinned,
        created: note.created.0,
        updated: note.updated.0,
        attachments,
        lines: added.lines().count() + 1,
    };
    let json = serde_json::to_string(&marker).map_err(Error::internal)?;
    let parts: Vec<&str> = [own, added].into_iter().filter(|part| !part.is_empty()).collect();
    let front = parts.join("\n");
    let separator = if front.is_empty() { "" } else { "\n" };
    Ok(format!("---\n{front}{separator}{MARKER}{json}\n---\n{}", note.body))
}

/// A name that every file system takes.
fn file_name(name: &str, otherwise: &str) -> String {
    let clean = sanitize_filename::sanitize_with_options(
        name,
        sanitize_filename::Options { replacement: "-", truncate: false, windows: true },
    );
    let (stem, extension) = match clean.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 8 => (stem, format!(".{extension}")),
        _ => (clean.as_str(), String::new()),
    };
    let stem = &stem[..stem.floor_char_boundary(NAME_BYTES)];
    let name = format!("{}{extension}", stem.trim());
    // A name that starts with a dot would be hidden, and skipped as such by other programs.
    let name = name.trim_start_matches('.').trim();
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}

/// The first free name, compared without case, as some file systems do.
fn free(dir: &Path, folder: &Path, name: &str, taken: &mut HashSet<PathBuf>) -> PathBuf {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) => (stem, format!(".{extension}")),
        None => (name, String::new()),
    };
    let mut number = 1;
    loop {
        let candidate = match number {
            1 => folder.join(name),
            _ => folder.join(format!("{stem} ({number}){extension}")),
        };
        let key = PathBuf::from(dir.join(&candidate).to_string_lossy().to_lowercase());
        if taken.insert(key) {
            return candidate;
        }
        number += 1;
    }
}
