//! Imports of files that hold many documents, and of folders that other apps exported: their items
//! come one by one, each is an item of the import, and the links between them are set in the end.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::UNIX_EPOCH;

use extract::{HEAD_BYTES, Item, Tree, TreeFile, WITHIN};
use note::{FrontMatter, Kind, NoteDraft, NoteId, Timestamp};
use store::{Digest, ItemState, Lane, OnChange, Role};

use crate::engine::draft_of;
use crate::error::Result;
use crate::export;
use crate::import::{
    BATCH, Budget, CANCELLED, Earlier, Files, Found, Importer, Known, LEFT_ALONE, NewNote, Outcome,
    Prepared, Stop, join_notebook, normal,
};
use crate::priority::{Priority, set_priority};
use crate::reading::{DocumentReader, Unread, caught, without_text};

/// Notes whose links are looked at in one go.
const PAGE: usize = 256;
/// Links without a note that are named; of more, the number is told.
const NAMED: usize = 8;

/// The file on the disk that an item's path begins with.
pub(crate) fn outermost(path: &str) -> &str {
    path.split(WITHIN).next().unwrap_or(path)
}

/// Whether a file holds many documents. Its first bytes are only read where the name leaves it open.
pub(crate) fn is_container(path: &Path, name: &str) -> bool {
    let open = match name.rsplit_once('.') {
        None => true,
        Some((_, ending)) => {
            ["json", "jsonl", "ndjson"].iter().any(|known| ending.eq_ignore_ascii_case(known))
        }
    };
    if !open {
        return extract::is_container(name, &[]);
    }
    let mut head = Vec::new();
    // What cannot be read is told when it is to be imported.
    let read =
        File::open(path).and_then(|file| file.take(HEAD_BYTES as u64).read_to_end(&mut head));
    read.is_ok() && extract::is_container(name, &head)
}

/// A folder on the disk, as a tree that other apps' exports are looked for in.
struct Folder<'a> {
    files: Vec<TreeFile>,
    paths: Vec<&'a Path>,
}

impl Tree for Folder<'_> {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&mut self, at: usize) -> std::result::Result<Vec<u8>, String> {
        std::fs::read(self.paths[at]).map_err(|error| format!("cannot be read: {error}"))
    }
}

fn millis(metadata: &std::fs::Metadata) -> Option<i64> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_millis() as i64)
}

impl Importer<'_> {
    /// Imports what other apps exported into the folders; the paths of all that belongs to it.
    pub(crate) fn import_exports(
        &self,
        roots: &[PathBuf],
        files: &Files,
        done: &HashSet<PathBuf>,
    ) -> Result<HashSet<PathBuf>> {
        let mut handled = HashSet::new();
        let mut all: Vec<&Path> = files.paths.iter().map(|path| &**path).collect();
        all.sort_unstable();
        for root in roots {
            let below = |path: &Path| {
                let path = path.strip_prefix(root).ok()?;
                let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
                (!parts.is_empty()).then(|| parts.join("/"))
            };
            let files: Vec<(&Path, String)> =
                all.iter().filter_map(|path| Some((*path, below(path)?))).collect();
            if !extract::may_be_export(files.iter().map(|(_, path)| path.as_str())) {
                continue;
            }
            let mut tree = Folder { files: Vec::new(), paths: Vec::new() };
            for (path, below) in files {
                let metadata = std::fs::metadata(path).ok();
                tree.files.push(TreeFile {
                    path: below,
                    size: metadata.as_ref().map_or(0, std::fs::Metadata::len),
                    modified_ms: metadata.as_ref().and_then(millis),
                    refused: None,
                });
                tree.paths.push(path);
            }
            let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // The name of Notion's folder says nothing.
            let own =
                if name.starts_with("Export-") { None } else { root.file_name().map(Path::new) };
            let notebook = join_notebook(&self.notebook, own);
            let mut belongs = Vec::new();
            self.stream(done, |send| {
                let result = caught(|| {
                    let read = extract::read_exports(&name, &mut tree, &mut |item| {
                        let path = root.join(&item.path).to_string_lossy().into_owned();
                        send(path, &notebook, item)
                    });
                    read.map_err(|error| error.to_string())
                });
                match result {
                    Ok(flags) => belongs = flags,
                    // Then its files are imported one by one.
                    Err(reason) => {
                        tracing::warn!(root = %root.display(), reason, "an export could not be read");
                    }
                }
            })?;
            let mut counted = 0;
            for (path, belongs) in tree.paths.iter().zip(belongs) {
                if belongs && handled.insert(path.to_path_buf()) && !done.contains(*path) {
                    counted += 1;
                }
            }
            // They were found as files, and again as items.
            self.job.update(|status| status.found -= counted);
        }
        Ok(handled)
    }

    /// Pictures that are to be notes of their own, and the other files. Where notes show pictures of what was
    /// dropped, as in a vault, its pictures are attachments, also those that no note shows.
    pub(crate) fn alone(
        &self,
        roots: &[PathBuf],
        others: Vec<Found>,
        shown: &HashSet<PathBuf>,
    ) -> Result<(Vec<Found>, Vec<Found>)> {
        let root_of = |path: &Path| roots.iter().find(|root| path.starts_with(root));
        let pictured = |path: &&PathBuf| extract::is_picture(&path.to_string_lossy());
        let mut vaults: HashSet<&PathBuf> =
            shown.iter().filter(pictured).filter_map(|path| root_of(path)).collect();
        let (mut pictures, mut rest) = (Vec::new(), Vec::new());
        for file in others {
            let path = file.path.to_string_lossy();
            let picture = extract::is_picture(&path) && !extract::belongs_to_page(&path);
            if !picture || shown.contains(&*file.path) || self.job.token.is_cancelled() {
                rest.push(file);
                continue;
            }
            // One that cannot be read is told when it is to be imported.
            let digest = std::fs::read(&file.path).ok().map(|bytes| Digest::of(&bytes));
            let attached = self.inner.store.read(|read| {
                let known = read.source_by_path(&path)?.is_some();
                Ok::<_, store::StoreError>(match digest {
                    Some(digest) if !known => read.is_attached(&digest)?,
                    _ => false,
                })
            })?;
            if attached {
                vaults.extend(root_of(&file.path));
                rest.push(file);
            } else {
                pictures.push(file);
            }
        }
        let among = |file: &Found| root_of(&file.path).is_some_and(|root| vaults.contains(root));
        let (attachments, pictures) = pictures.into_iter().partition::<Vec<_>, _>(among);
        rest.extend(attachments);
        Ok((pictures, rest))
    }

    /// Imports what is in the containers. `done`: what is recorded of an earlier run.
    pub(crate) fn import_containers(
        &self,
        containers: &[Found],
        done: &HashSet<PathBuf>,
    ) -> Result<()> {
        for container in containers {
            let path = container.path.to_string_lossy().into_owned();
            let mut items = 0;
            let mut result = Ok(());
            if !self.job.token.is_cancelled() {
                self.stream(done, |send| {
                    result = self.read_container(&container.path, &mut |item| {
                        items += 1;
                        let path = format!("{path}{WITHIN}{}", item.path);
                        send(path, &container.notebook, item)
                    });
                })?;
            }
            // The container itself is an item only where its contents are not all there is to say.
            let own = match result {
                _ if self.job.token.is_cancelled() => match self.stop() {
                    Stop::Cancel => Some((ItemState::Skipped, CANCELLED.to_owned())),
                    // It is come to again.
                    Stop::Pause | Stop::Close => return Ok(()),
                },
                Err(reason) => Some((ItemState::Failed, reason)),
                Ok(()) if items == 0 => {
                    Some((ItemState::Skipped, "there is nothing in it to import".to_owned()))
                }
                Ok(()) => None,
            };
            match own {
                Some((state, reason)) => self.record_all(&[path], state, &reason)?,
                None => self.job.update(|status| status.found -= 1),
            }
        }
        Ok(())
    }

    /// Gives out what is in a container, read in a confined process; why not, in words for the person.
    /// One that is too large to be handed over is read here, as a stream.
    fn read_container(
        &self,
        path: &Path,
        each: &mut dyn FnMut(Item) -> ControlFlow<()>,
    ) -> std::result::Result<(), String> {
        let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > extract::MAX_INPUT as u64 {
            let file = File::open(path).map_err(unreadable)?;
            return caught(|| {
                extract::read_container(&name, &mut BufReader::new(file), each)
                    .map_err(|error| error.to_string())
            });
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let input = extract::Input { file_name: &name, bytes: &bytes };
        let mut reader = DocumentReader::new(&self.inner.reader);
        match reader.read_items(&input, &self.job.token, each) {
            Err(Unread::Failed(reason)) => Err(reason),
            // The job's token says so, too.
            Ok(()) | Err(Unread::Cancelled) => Ok(()),
        }
    }

    /// Runs what gives out items beside the writing of those that it gave out. `send` takes an item's
    /// path in the import, the notebook that receives its container, and the item.
    fn stream(
        &self,
        done: &HashSet<PathBuf>,
        give_out: impl FnOnce(&mut dyn FnMut(String, &str, Item) -> ControlFlow<()>) + Send,
    ) -> Result<()> {
        let budget = Arc::new(Budget::default());
        let (sender, receiver) = sync_channel::<Prepared>(BATCH);
        std::thread::scope(|scope| {
            let to_write = budget.clone();
            scope.spawn(move || {
                set_priority(Priority::Lower);
                give_out(&mut |path, notebook, item| {
                    if done.contains(Path::new(&path)) {
                        return ControlFlow::Continue(());
                    }
                    self.send_item(path, notebook, item, &to_write, &sender)
                });
            });
            self.write_prepared(&[], &receiver, &budget)
        })
    }

    fn send_item(
        &self,
        path: String,
        notebook: &str,
        item: Item,
        budget: &Budget,
        sender: &SyncSender<Prepared>,
    ) -> ControlFlow<()> {
        if self.job.token.is_cancelled() {
            return ControlFlow::Break(());
        }
        let bytes = match &item.outcome {
            extract::Outcome::Document(document) => {
                let attached: usize =
                    document.attachments.iter().map(|file| file.bytes.len()).sum();
                document.body.len() + attached
            }
            _ => 0,
        };
        budget.take(bytes);
        let outcome = match item.outcome {
            extract::Outcome::Document(mut document) => {
                if self.recognise(&mut document).is_err() {
                    budget.give(bytes);
                    return ControlFlow::Break(());
                }
                self.of_item(&path, notebook, &item.notebook, *document)
                    .unwrap_or_else(|error| Outcome::Failed(error.message))
            }
            extract::Outcome::Attached => Outcome::Attached,
            extract::Outcome::Skipped(reason) => Outcome::Skipped { reason, note: None },
            extract::Outcome::Failed(reason) => Outcome::Failed(reason),
        };
        self.job.update(|status| status.found += 1);
        match sender.send(Prepared { path, bytes, outcome }) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => {
                budget.give(bytes);
                ControlFlow::Break(())
            }
        }
    }

    /// Reads what is written on the pictures of a scanned document.
    ///
    /// # Errors
    /// [`Unread::Cancelled`] alone.
    fn recognise(&self, document: &mut extract::Extracted) -> std::result::Result<(), Unread> {
        if document.scanned == 0 {
            return Ok(());
        }
        let own = match &document.original {
            Some(name) => document.attachments.iter().position(|file| file.name == *name),
            None => (document.kind == "image" && !document.attachments.is_empty()).then_some(0),
        };
        let Some(own) = own else {
            document.warnings.push(without_text(document));
            return Ok(());
        };
        let file = document.attachments[own].clone();
        let input = extract::Input { file_name: &file.name, bytes: &file.bytes };
        DocumentReader::new(&self.inner.reader).recognise(&input, document, &self.job.token)
    }

    /// The note that an item becomes.
    fn of_item(
        &self,
        path: &str,
        notebook: &str,
        below: &str,
        document: extract::Extracted,
    ) -> Result<Outcome> {
        let file = std::fs::metadata(outermost(path)).ok();
        let mtime = file.as_ref().and_then(millis).map(Timestamp);
        let mtime = mtime.unwrap_or_else(|| self.inner.clock().now);
        let exported = export::read_marker(&document.front_matter);
        let front_matter = match &exported {
            Some(marker) => marker.original_front_matter.clone(),
            None => document.front_matter.clone(),
        };
        let meta = FrontMatter::parse(&front_matter);
        let name = path.rsplit(['/', '›']).next().unwrap_or(path).trim();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let title =
            document.title.or_else(|| meta.title.clone()).unwrap_or_else(|| stem.to_owned());
        let updated = document.updated_ms.map_or(mtime, Timestamp);
        let parts = [notebook, below].into_iter().filter(|part| !part.is_empty());
        let mut draft = NoteDraft {
            title: title.lines().next().unwrap_or_default().trim().to_owned(),
            body: document.body,
            front_matter,
            tags: document.tags,
            notebook: parts.collect::<Vec<_>>().join("/"),
            kind: document.kind.parse().unwrap_or(Kind::Text),
            pinned: meta.pinned,
            created: meta.created.or(document.created_ms.map(Timestamp)).or(Some(updated)),
            updated: Some(updated),
        };
        if let Some(marker) = exported {
            marker.apply(&mut draft, &self.notebook);
        }
        let mtime = draft.updated.unwrap_or(updated);
        let mut attachments = Vec::new();
        for file in &document.attachments {
            let source = document.original.as_ref() == Some(&file.name);
            let role = if source { Role::Source } else { Role::Embed };
            attachments.push(self.keep(&file.name, &file.bytes, role)?);
        }
        let digest = digest(&draft, &attachments);
        let earlier = match self.known_item(path, &digest)? {
            Known::New => None,
            Known::Changed(earlier) if self.on_change == OnChange::Skip => {
                let note = Some(earlier.source.note);
                return Ok(Outcome::Skipped { reason: LEFT_ALONE.to_owned(), note });
            }
            Known::Changed(earlier) => Some(earlier),
            Known::Unchanged { reason, note } => {
                return Ok(Outcome::Skipped { reason, note: Some(note) });
            }
        };
        let analysis = note::analyse(&draft.body);
        let tags = store::all_tags(&draft, &meta, &analysis);
        Ok(Outcome::Note(Box::new(NewNote {
            size: draft.body.len() as u64,
            draft,
            analysis,
            tags,
            // Edited here since it was imported: the new version becomes a note of its own.
            update: earlier
                .as_ref()
                .filter(|earlier| self.on_change == OnChange::Update && !earlier.edited)
                .map(|earlier| earlier.source.note),
            before: earlier.map(|earlier| earlier.source),
            digest,
            mtime,
            attachments,
            attached: Vec::new(),
            warning: (!document.warnings.is_empty()).then(|| document.warnings.join("; ")),
        })))
    }

    fn known_item(&self, path: &str, digest: &Digest) -> Result<Known> {
        let known = self.inner.store.read(|read| {
            let held = |source: &store::Source| {
                let heads = read.heads(&[source.note])?;
                Ok::<_, store::StoreError>(heads.into_iter().find(|head| head.trashed.is_none()))
            };
            if let Some(source) = read.source_by_path(path)?
                && let Some(head) = held(&source)?
            {
                return Ok(if source.digest == *digest {
                    let reason = "already imported, unchanged".to_owned();
                    Known::Unchanged { reason, note: source.note }
                } else {
                    Known::Changed(Earlier { edited: head.updated != source.mtime, source })
                });
            }
            for source in read.source_by_digest(digest)? {
                // The same archive, from where it is no more.
                if !Path::new(outermost(&source.path)).exists() && held(&source)?.is_some() {
                    let reason = format!("already imported from {}, unchanged", source.path);
                    return Ok(Known::Unchanged { reason, note: source.note });
                }
            }
            Ok(Known::New)
        })?;
        Ok(known)
    }

    /// Sets the links of the notes that came in: those that mean another file by its path lead to its
    /// note, and what leads nowhere is told with the item.
    pub(crate) fn link(&self) -> Result<()> {
        let import = self.id();
        let items = self.inner.store.read(|read| {
            read.import_items(import, Some(ItemState::Imported), 0, i32::MAX as usize)
        })?;
        for page in items.chunks(PAGE) {
            if self.job.token.is_cancelled() {
                return Ok(());
            }
            let mut changes: Vec<(NoteId, HashMap<String, String>)> = Vec::new();
            let mut told: Vec<(String, String, NoteId)> = Vec::new();
            self.inner.store.read(|read| {
                for item in page {
                    let Some(note) = item.note else { continue };
                    let mut found = HashMap::new();
                    let mut lost = Vec::new();
                    for target in read.dangling(note)? {
                        match at_path(read, &item.path, &target)? {
                            Some(place) => drop(found.insert(target, place)),
                            None => lost.push(target),
                        }
                    }
                    if !found.is_empty() {
                        changes.push((note, found));
                    }
                    if !lost.is_empty() {
                        let more = lost.len().saturating_sub(NAMED);
                        lost.truncate(NAMED);
                        let mut text = format!("links to what is not there: {}", lost.join(", "));
                        if more > 0 {
                            text.push_str(&format!(" and {more} more"));
                        }
                        let reason = item.reason.iter().cloned().chain([text]);
                        told.push((item.path.clone(), reason.collect::<Vec<_>>().join("; "), note));
                    }
                }
                Ok::<_, store::StoreError>(())
            })?;
            if changes.is_empty() && told.is_empty() {
                continue;
            }
            let now = self.inner.clock().now;
            self.inner.store.write(Lane::Bulk, move |write| {
                for (id, places) in &changes {
                    let Some(note) = write.note(*id)? else { continue };
                    let body = linked(&note.body, places);
                    let draft = NoteDraft { body, updated: Some(note.updated), ..draft_of(&note) };
                    write.save_note(Some(*id), None, &draft, &note::analyse(&draft.body), now)?;
                }
                for (path, reason, note) in &told {
                    write.put_import_item(
                        import,
                        path,
                        ItemState::Imported,
                        Some(reason),
                        Some(*note),
                    )?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// What tells one version of an item from another.
fn digest(draft: &NoteDraft, attachments: &[store::AttachmentRef]) -> Digest {
    let mut bytes = Vec::new();
    let files: Vec<String> = attachments.iter().map(|file| file.digest.to_string()).collect();
    let created = draft.created.map_or(0, |time| time.0).to_string();
    let (tags, files) = (draft.tags.join("\n"), files.join("\n"));
    for part in [&draft.title, &draft.body, &draft.front_matter, &tags, &created, &files] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Digest::of(&bytes)
}

/// What a link is set to that means a file by its path from the one at `from`: the note of that file.
fn at_path(
    read: &store::Read<'_>,
    from: &str,
    target: &str,
) -> std::result::Result<Option<String>, store::StoreError> {
    let (container, inner) = match from.rsplit_once(WITHIN) {
        Some((container, inner)) => (format!("{container}{WITHIN}"), inner),
        None => (String::new(), from),
    };
    let parent = Path::new(inner).parent().unwrap_or(Path::new(""));
    let path = normal(&parent.join(target));
    for ending in ["", ".md"] {
        let source = format!("{container}{}{ending}", path.to_string_lossy());
        let Some(source) = read.source_by_path(&source)? else { continue };
        let heads = read.heads(&[source.note])?;
        let Some(head) = heads.into_iter().next().filter(|head| !head.title.is_empty()) else {
            continue;
        };
        let sure = read.resolve_name(&head.title)? == Some(head.id);
        let place = if sure || head.notebook.is_empty() {
            head.title
        } else {
            format!("{}/{}", head.notebook, head.title)
        };
        return Ok(Some(place));
    }
    Ok(None)
}

/// A text whose links to these targets lead to notes by their names.
fn linked(body: &str, places: &HashMap<String, String>) -> String {
    let mut out = body.to_owned();
    for link in note::analyse(body).links.iter().rev() {
        let Some(place) = places.get(&link.target) else { continue };
        let Some(source) = body.get(link.range.clone()) else { continue };
        let mark = if link.embed { "!" } else { "" };
        let shown = if link.wiki {
            source.split_once('|').map(|(_, text)| text.trim_end_matches("]]"))
        } else {
            let text = source.trim_start_matches('!').strip_prefix('[');
            text.and_then(|text| text.rsplit_once("](")).map(|(text, _)| text)
        };
        let fits = |text: &str| !text.contains(['[', ']', '|', '\n', '#', '^']);
        let shown = shown.filter(|text| !text.is_empty());
        if !fits(place) || shown.is_some_and(|text| !fits(text)) {
            continue;
        }
        let heading =
            link.heading.as_ref().map(|heading| format!("#{heading}")).unwrap_or_default();
        let shown = shown.filter(|text| *text != place).map(|text| format!("|{text}"));
        let text = format!("{mark}[[{place}{heading}{}]]", shown.unwrap_or_default());
        out.replace_range(link.range.clone(), &text);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_notes() {
        let places = HashMap::from([("a/b.md".to_owned(), "The page".to_owned())]);
        assert_eq!(
            linked(
                "[x](a/b.md#Top) [[a/b.md]] [The page](a/b.md) [y](c.md) `[x](a/b.md)`",
                &places
            ),
            "[[The page#Top|x]] [[The page]] [[The page]] [y](c.md) `[x](a/b.md)`"
        );
        assert_eq!(outermost("/x/a.zip › b.zip › c.md"), "/x/a.zip");
    }
}
