//! Everything out again: a folder or an archive of Markdown that any other program reads, and that comes back
//! as the same notes; and single notes or a search's notes in the formats that people read. What plain Markdown cannot say stands in one line of front matter, the marker:
//! `commonplace: {…}` in JSON, which is YAML too.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use note::{FrontValue, Note, NoteDraft, NoteId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{AttachmentRef, Digest, ListFilter, ListSort, Role, View};
use tokio_util::sync::CancellationToken;

use crate::docx;
use crate::engine::{Engine, Inner};
use crate::error::{Error, Result};
use crate::html;
use crate::pages::{Page, Picture};
use crate::search::SearchRequest;

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

/// Which notes to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportNotes {
    /// Every note outside the trash.
    All,
    These(Vec<NoteId>),
    /// What a query finds, in its order: the first thousand.
    Found(String),
}

/// What to export notes as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A folder of Markdown with front matter and attachments, from which an import makes the same notes.
    Folder,
    /// The same in a zip with a description.
    Archive,
    /// One Markdown file; the files that its notes show lie in a folder beside it.
    Markdown,
    /// One page that stands alone.
    Html,
    Pdf,
    Docx,
}

/// Notes that a query exports at most.
const FOUND: usize = 1_000;
/// Described for whoever opens the archive without Commonplace. It has no extension, so that it is no note.
const README: &str = "README";
const ABOUT: &str = "This archive was written by Commonplace.

Every note is a Markdown file in UTF-8. Notebooks are folders. The YAML between the two --- lines at the
top of a file holds its title, tags and times (RFC 3339, UTC); below it is the text as it was written.
The last line of the YAML, `commonplace: {...}`, is JSON and holds what Markdown cannot say:

  title, notebook, tags  as they are in Commonplace
  kind                   what the note was before it was a note: note, markdown, pdf, ...
  pinned                 true or false
  created, updated       milliseconds since 1970-01-01 UTC
  attachments            name: as the note refers to it; path: in this archive; mime: media type;
                         source: true if the note was made from this file
  lines                  how many lines at the end of the YAML were added by the export, this one included

Attachments are in the folder attachments, each once. Notes in the trash and earlier versions of notes are
not in the archive. To have the notes back: unpack it and import the folder.
";

impl Engine {
    /// Writes every note outside the trash to `dir`, which must be new or empty, as Markdown with
    /// front matter, notebooks as folders, attachments in `attachments/`.
    pub async fn export(
        &self,
        dir: PathBuf,
        token: CancellationToken,
        progress: impl Fn(ExportProgress) + Send + 'static,
    ) -> Result<Exported> {
        self.export_as(ExportNotes::All, ExportFormat::Folder, dir, token, progress).await
    }

    /// Writes notes to `to`: a folder that must be new or empty, or a file, which is replaced once all of the new
    /// one is written.
    pub async fn export_as(
        &self,
        notes: ExportNotes,
        format: ExportFormat,
        to: PathBuf,
        token: CancellationToken,
        progress: impl Fn(ExportProgress) + Send + 'static,
    ) -> Result<Exported> {
        let ids = match notes {
            ExportNotes::These(ids) => ids,
            ExportNotes::All => {
                let filter = ListFilter {
                    view: View::All,
                    sort: ListSort::Created,
                    offset: 0,
                    limit: i32::MAX as usize,
                };
                self.list(filter).await?.1.into_iter().map(|head| head.id).collect()
            }
            ExportNotes::Found(text) => {
                let request = SearchRequest { text, limit: FOUND, ..SearchRequest::default() };
                let hits = self.search(request, token.clone()).await?.hits;
                hits.into_iter().map(|hit| hit.head.id).collect()
            }
        };
        if ids.is_empty() && format != ExportFormat::Folder && format != ExportFormat::Archive {
            return Err(Error::invalid("there is no note to export"));
        }
        self.blocking(move |inner| {
            let job = Job { inner, ids: &ids, token: &token, progress: &progress };
            match format {
                ExportFormat::Folder => job.folder(&to),
                ExportFormat::Archive => job.archive(&to),
                ExportFormat::Markdown => job.markdown(&to),
                ExportFormat::Html => job.pages(&to, |pages| Ok(html::html(pages).into_bytes())),
                ExportFormat::Docx => job.pages(&to, docx::docx),
                ExportFormat::Pdf => job.pages(&to, pdf),
            }
        })
        .await
    }
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::internal(format!("{}: {error}", path.display()))
}

/// Where an export's files go.
trait Sink {
    fn text(&mut self, path: &Path, text: &str) -> Result<()>;
    fn copy(&mut self, path: &Path, from: &Path) -> Result<()>;
}

struct FolderSink<'a>(&'a Path);

impl FolderSink<'_> {
    fn place(&self, path: &Path) -> Result<PathBuf> {
        let path = self.0.join(path);
        let parent = path.parent().unwrap_or(self.0);
        std::fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        Ok(path)
    }
}

impl Sink for FolderSink<'_> {
    fn text(&mut self, path: &Path, text: &str) -> Result<()> {
        let path = self.place(path)?;
        std::fs::write(&path, text).map_err(|error| failed(&path, error))
    }

    fn copy(&mut self, path: &Path, from: &Path) -> Result<()> {
        let path = self.place(path)?;
        std::fs::copy(from, &path).map(drop).map_err(|error| failed(&path, error))
    }
}

struct ArchiveSink<'a> {
    zip: zip::ZipWriter<std::fs::File>,
    path: &'a Path,
}

impl ArchiveSink<'_> {
    fn start(&mut self, path: &Path) -> Result<()> {
        let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
        // Beyond 4 GB the sizes take more room, which has to be said before.
        let options = zip::write::SimpleFileOptions::default().large_file(true);
        self.zip.start_file(names.join("/"), options).map_err(|error| failed(self.path, error))
    }
}

impl Sink for ArchiveSink<'_> {
    fn text(&mut self, path: &Path, text: &str) -> Result<()> {
        self.start(path)?;
        std::io::Write::write_all(&mut self.zip, text.as_bytes())
            .map_err(|error| failed(self.path, error))
    }

    fn copy(&mut self, path: &Path, from: &Path) -> Result<()> {
        self.start(path)?;
        let mut file = std::fs::File::open(from).map_err(|error| failed(from, error))?;
        std::io::copy(&mut file, &mut self.zip).map(drop).map_err(|error| failed(self.path, error))
    }
}

struct Job<'a> {
    inner: &'a Inner,
    ids: &'a [NoteId],
    token: &'a CancellationToken,
    progress: &'a dyn Fn(ExportProgress),
}

impl Job<'_> {
    fn folder(&self, dir: &Path) -> Result<Exported> {
        std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
        if std::fs::read_dir(dir).map_err(|error| failed(dir, error))?.next().is_some() {
            return Err(Error::invalid(format!(
                "{} is not empty: choose a new or empty folder, so that nothing in it is overwritten",
                dir.display()
            )));
        }
        self.write(&mut FolderSink(dir))
    }

    fn archive(&self, to: &Path) -> Result<Exported> {
        written_whole(to, |part| {
            let file = std::fs::File::create(part).map_err(|error| failed(part, error))?;
            let mut sink = ArchiveSink { zip: zip::ZipWriter::new(file), path: to };
            sink.text(Path::new(README), ABOUT)?;
            let exported = self.write(&mut sink)?;
            sink.zip.finish().map_err(|error| failed(to, error))?;
            Ok(exported)
        })
    }

    /// Calls `each` for every note with its attachments.
    fn notes(&self, mut each: impl FnMut(Note, Vec<AttachmentRef>) -> Result<()>) -> Result<()> {
        let mut done = 0;
        for page in self.ids.chunks(PAGE) {
            let notes = self.inner.store.read(|read| {
                read.notes(page)?
                    .into_iter()
                    .map(|note| Ok((read.attachments(note.id)?, note)))
                    .collect::<std::result::Result<Vec<_>, store::StoreError>>()
            })?;
            for (attachments, note) in notes {
                if self.token.is_cancelled() {
                    return Err(Error::cancelled());
                }
                each(note, attachments)?;
                done += 1;
                (self.progress)(ExportProgress { done, total: self.ids.len() });
            }
        }
        Ok(())
    }

    fn write(&self, sink: &mut dyn Sink) -> Result<Exported> {
        let mut taken: HashSet<PathBuf> = HashSet::new();
        let mut placed: HashMap<Digest, String> = HashMap::new();
        let mut exported = Exported::default();
        self.notes(|note, attachments| {
            let mut kept = Vec::new();
            for attachment in attachments {
                let path = match placed.get(&attachment.digest) {
                    Some(path) => path.clone(),
                    None => {
                        let name = file_name(&attachment.name, "attachment");
                        let target = free(Path::new(ATTACHMENTS), &name, &mut taken);
                        sink.copy(&target, &self.inner.store.attachment_path(&attachment.digest))?;
                        exported.attachments += 1;
                        let names: Vec<_> =
                            target.iter().map(|name| name.to_string_lossy()).collect();
                        let path = names.join("/");
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
            let target = free(&folder, &format!("{}.md", file_name(&title, "note")), &mut taken);
            sink.text(&target, &document(&note, kept)?)?;
            exported.notes += 1;
            Ok(())
        })?;
        Ok(exported)
    }

    /// One note with its own front matter, several with their titles as headings.
    fn markdown(&self, to: &Path) -> Result<Exported> {
        let stem = to.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let beside = format!("{stem} files");
        let folder = to.with_file_name(&beside);
        let mut taken: HashSet<PathBuf> = HashSet::new();
        let mut exported = Exported::default();
        let mut text = String::new();
        self.notes(|note, attachments| {
            let mut body = note.body.clone();
            let analysis = note::analyse(&body);
            let mut links: Vec<_> = analysis.links.iter().filter(|link| link.embed).collect();
            links.sort_by_key(|link| std::cmp::Reverse(link.range.start));
            let mut copied: HashMap<String, String> = HashMap::new();
            for link in links {
                let held = attachments.iter().find(|attachment| attachment.name == link.target);
                let Some(held) = held else { continue };
                let path = match copied.get(&held.name) {
                    Some(path) => path.clone(),
                    None => {
                        let name = held.name.rsplit('/').next().unwrap_or(&held.name);
                        let name = free(Path::new(""), &file_name(name, "file"), &mut taken);
                        let from = self.inner.store.attachment_path(&held.digest);
                        FolderSink(&folder).copy(&name, &from)?;
                        exported.attachments += 1;
                        let path = format!("{beside}/{}", name.display());
                        copied.insert(held.name.clone(), path.clone());
                        path
                    }
                };
                let alt = held.name.replace(['[', ']'], " ");
                body.replace_range(link.range.clone(), &format!("![{alt}](<{path}>)"));
            }
            let title = note::display_title(&note.title, &note.body);
            match self.ids {
                [_] if !note.front_matter.trim().is_empty() => {
                    text =
                        format!("---\n{}\n---\n{body}", note.front_matter.trim_end_matches('\n'));
                }
                [_] => text = body,
                _ => {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(&format!("# {title}\n\n{}\n", body.trim_end()));
                }
            }
            exported.notes += 1;
            Ok(())
        })?;
        written_whole(to, |part| std::fs::write(part, &text).map_err(|error| failed(part, error)))?;
        Ok(exported)
    }

    /// A file that is made of all notes at once.
    fn pages(&self, to: &Path, make: impl FnOnce(&[Page]) -> Result<Vec<u8>>) -> Result<Exported> {
        let mut pages = Vec::new();
        let mut exported = Exported::default();
        self.notes(|note, attachments| {
            let mut pictures = Vec::new();
            for attachment in attachments.into_iter().filter(|held| held.mime.starts_with("image/"))
            {
                let path = self.inner.store.attachment_path(&attachment.digest);
                let bytes = std::fs::read(&path).map_err(|error| failed(&path, error))?;
                pictures.push((attachment.name, Picture { mime: attachment.mime, bytes }));
            }
            exported.attachments += pictures.len();
            exported.notes += 1;
            let day = |time: Timestamp| {
                jiff::Timestamp::from_millisecond(time.0)
                    .map(|time| time.to_zoned(jiff::tz::TimeZone::system()).date().to_string())
            };
            let tags =
                note.all_tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" ");
            let meta = [note.notebook.clone(), tags, day(note.updated).unwrap_or_default()];
            pages.push(Page {
                title: note::display_title(&note.title, &note.body),
                meta: meta.into_iter().filter(|part| !part.is_empty()).collect(),
                body: note.body,
                pictures,
            });
            Ok(())
        })?;
        let bytes = make(&pages)?;
        if self.token.is_cancelled() {
            return Err(Error::cancelled());
        }
        written_whole(to, |part| {
            std::fs::write(part, &bytes).map_err(|error| failed(part, error))
        })?;
        Ok(exported)
    }
}

/// A PDF with the notes one after the other; pictures are named, not shown.
fn pdf(pages: &[Page]) -> Result<Vec<u8>> {
    let mut text = String::new();
    for page in pages {
        text.push_str(&format!("# {}\n\n{}\n\n", page.title, page.meta.join(" · ")));
        let mut body = page.body.clone();
        let analysis = note::analyse(&body);
        let mut links: Vec<_> =
            analysis.links.iter().filter(|link| link.wiki || link.embed).collect();
        links.sort_by_key(|link| std::cmp::Reverse(link.range.start));
        for link in links {
            let written = &body[link.range.clone()];
            let alias = written.rsplit_once('|').map(|(_, alias)| alias.trim_end_matches(']'));
            let shown = match link.embed {
                true => format!("[{}]", link.target),
                false => alias.unwrap_or(&link.target).to_owned(),
            };
            body.replace_range(link.range.clone(), &shown);
        }
        text.push_str(body.trim());
        text.push_str("\n\n");
    }
    let title = pages.first().map(|page| page.title.as_str()).unwrap_or_default();
    std::panic::catch_unwind(|| extract::write_pdf(title, &text))
        .map_err(|_| Error::internal("the PDF could not be made of this text"))?
        .map_err(Error::internal)
}

/// Writes a file under another name and puts it in its place when all of it is there.
fn written_whole<T>(to: &Path, write: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let name = to
        .file_name()
        .ok_or_else(|| Error::invalid(format!("{} is not the name of a file", to.display())))?;
    let part = to.with_file_name(format!(".{}.part", name.to_string_lossy()));
    let written = write(&part).and_then(|value| {
        std::fs::File::open(&part)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&part, to))
            .map_err(|error| failed(to, error))?;
        Ok(value)
    });
    if written.is_err() {
        // What failed is the news, not that its remains could not be removed.
        drop(std::fs::remove_file(&part));
    }
    written
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
pub(crate) fn file_name(name: &str, otherwise: &str) -> String {
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
fn free(folder: &Path, name: &str, taken: &mut HashSet<PathBuf>) -> PathBuf {
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
        let key = PathBuf::from(candidate.to_string_lossy().to_lowercase());
        if taken.insert(key) {
            return candidate;
        }
        number += 1;
    }
}
