//! One watched folder: finds what changed on either side since the two were equal, and brings the other
//! side up to it. What changed on both is kept twice.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use note::{Analysis, FrontMatter, FrontValue, Kind, Note, NoteDraft, NoteId, Seq, Timestamp};
use store::{
    AttachmentRef, Digest, FileState, FolderId, Lane, Role, Saved, StoreError, WatchedAttachment,
    WatchedFile, Write,
};

use super::file::{self, Old, Stamp};
use super::names;
use super::scan::{Scan, scan};
use super::{FolderAnswer, FolderQuestion, FolderState};
use crate::engine::{Inner, draft_of};
use crate::error::{Error, Result};
use crate::export::file_name;
use crate::import::{Files, resolve};
use crate::indexer::ParsedNote;

/// A file is read once it has looked the same for this long: programs write in pieces.
const SETTLE: Duration = Duration::from_millis(250);
/// One that was emptied gets longer: many programs empty a file before they write it.
const SETTLE_EMPTY: Duration = Duration::from_millis(1_500);
/// A file counts as gone when it was away for this long: programs delete and write anew, and a rename is
/// seen as both.
const GONE: Duration = Duration::from_millis(900);
/// More files than this gone at once, or more than half of all: the person is asked.
const HANDFUL: usize = 5;
/// What "at once" means for files that go one after the other.
const AT_ONCE: Duration = Duration::from_secs(60);
/// Files that one change of the store takes in, and their bytes.
const BATCH: usize = 32;
const BATCH_BYTES: usize = 4 << 20;
/// Of a question: files that are named.
const NAMED: usize = 5;
/// The store is told how far the notes are written at most this often; what comes twice does no harm.
const SEQ_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Folder {
    id: FolderId,
    pub(super) root: PathBuf,
    files: BTreeMap<String, WatchedFile>,
    paths: HashMap<NoteId, String>,
    attachments: BTreeMap<String, Vec<WatchedAttachment>>,
    /// Notes that may differ from their files.
    changed: BTreeSet<NoteId>,
    seq: Seq,
    stored_seq: (Seq, Instant),
    asking: bool,
    /// Files that were seen to change, and since when they look as they do.
    settling: HashMap<String, (Stamp, Instant)>,
    /// Files that were not there, and since when.
    missing: BTreeMap<String, Instant>,
    /// When notes were put in the trash for a file that vanished.
    trashed: VecDeque<Instant>,
    pub(super) question: Option<FolderQuestion>,
    pub(super) problems: BTreeMap<String, String>,
    /// Files of the last look, for what notes embed.
    embeddable: Files,
    others: BTreeMap<String, Stamp>,
    /// Every file was looked at, so that a note without one has none.
    looked: bool,
    pub(super) folders: Vec<PathBuf>,
    pub(super) tally: Tally,
    /// How long the last look took.
    pub(super) look: Duration,
    again: Option<Duration>,
    /// The next pass is to look at the files, whoever asks for it.
    pub(super) wants_look: bool,
}

/// Whether a note and its file need no more work.
enum Outcome {
    Done,
    /// The file is not as it was: the next look sees to it.
    Look,
    /// Not before the person has answered.
    Wait,
}

/// What was done since the folder is watched by this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) read: u64,
    pub(super) written: u64,
    pub(super) conflicts: u64,
}

/// A file as it was read.
struct Text {
    stamp: Stamp,
    digest: Digest,
    bytes: Vec<u8>,
    front_matter: String,
    title: Option<String>,
    body: String,
}

/// A file on its way into the store.
struct Incoming {
    path: String,
    stamp: Stamp,
    digest: Digest,
    draft: NoteDraft,
    analysis: Arc<Analysis>,
    attachments: Vec<(AttachmentRef, String, Stamp)>,
    target: Target,
}

enum Target {
    New,
    Update {
        note: NoteId,
        revision: u32,
        /// The note was last written here, so that its version is kept as a revision.
        keep: bool,
        restore: bool,
        /// What the note says, where both were changed.
        copy: Option<Box<NoteDraft>>,
    },
}

/// What became of it.
struct Applied {
    saved: Saved,
    copy: Option<NoteId>,
    row: WatchedFile,
}

impl Folder {
    pub(super) fn load(inner: &Inner, watched: &store::WatchedFolder) -> Result<Folder> {
        let id = watched.id;
        let (files, attachments) = inner
            .store
            .read(|read| Ok((read.watched_files(id)?, read.watched_attachments(id)?)))?;
        let mut folder = Folder {
            id,
            root: PathBuf::from(&watched.path),
            files: BTreeMap::new(),
            paths: HashMap::new(),
            attachments: BTreeMap::new(),
            changed: BTreeSet::new(),
            seq: watched.seq,
            stored_seq: (watched.seq, Instant::now()),
            asking: watched.asking,
            settling: HashMap::new(),
            missing: BTreeMap::new(),
            trashed: VecDeque::new(),
            question: None,
            problems: BTreeMap::new(),
            embeddable: Files::default(),
            others: BTreeMap::new(),
            looked: false,
            folders: Vec::new(),
            tally: Tally::default(),
            look: Duration::ZERO,
            again: None,
            wants_look: false,
        };
        for file in files {
            // A file that was about to be written may not have been.
            if file.state == FileState::Pending {
                folder.changed.insert(file.note);
            }
            folder.hold(&file);
        }
        for attachment in attachments {
            folder.hold_attachment(attachment);
        }
        Ok(folder)
    }

    /// Files that are in step.
    pub(super) fn count(&self) -> usize {
        self.files.values().filter(|file| file.state == FileState::InStep).count()
    }

    /// Whether a path that was told to have changed is not as it is known to be.
    pub(super) fn is_news(&self, path: &Path) -> bool {
        let Ok(relative) = path.strip_prefix(&self.root) else { return false };
        let Some(relative) = relative.to_str() else { return true };
        if relative.split('/').any(super::scan::is_ignored) {
            return false;
        }
        match self.files.get(relative) {
            Some(row) => Stamp::at(path) != Some(stamp_of(row)),
            None => true,
        }
    }

    fn hold(&mut self, file: &WatchedFile) {
        if let Some(old) = self.paths.insert(file.note, file.path.clone())
            && old != file.path
        {
            self.files.remove(&old);
        }
        if let Some(replaced) = self.files.insert(file.path.clone(), file.clone())
            && replaced.note != file.note
        {
            self.paths.remove(&replaced.note);
        }
    }

    fn hold_attachment(&mut self, attachment: WatchedAttachment) {
        let held = self.attachments.entry(attachment.path.clone()).or_default();
        held.retain(|other| other.note != attachment.note);
        held.push(attachment);
    }

    fn drop_row(&mut self, inner: &Inner, path: &str) -> Result<()> {
        let (id, name) = (self.id, path.to_owned());
        inner.store.write(Lane::Bulk, move |write| write.delete_watched_file(id, &name))?;
        if let Some(row) = self.files.remove(path) {
            self.paths.remove(&row.note);
        }
        Ok(())
    }

    fn put_rows(&mut self, inner: &Inner, rows: Vec<WatchedFile>) -> Result<()> {
        let id = self.id;
        let rows = inner.store.write(Lane::Bulk, move |write| {
            rows.iter().try_for_each(|row| write.put_watched_file(id, row))?;
            Ok(rows)
        })?;
        rows.iter().for_each(|row| self.hold(row));
        Ok(())
    }

    fn come_again(&mut self, after: Duration) {
        self.again = Some(self.again.map_or(after, |already| already.min(after)));
    }

    fn problem(&mut self, path: &str, reason: impl Into<String>) {
        self.problems.insert(path.to_owned(), reason.into());
    }

    /// Brings both sides in step as far as is possible now; says how they stand, and when to come again.
    pub(super) fn pass(
        &mut self,
        inner: &Arc<Inner>,
        look: bool,
        answer: Option<FolderAnswer>,
        enter: &mut dyn FnMut(&Path),
    ) -> Result<(FolderState, Option<Duration>)> {
        self.again = None;
        let id = self.id;
        let Some(watched) = inner.store.read(|read| read.watched_folder(id))? else {
            return Ok((FolderState::Paused, None));
        };
        let Some(notebook) = watched.notebook else {
            return Err(Error::invalid(
                "its notebook was deleted: stop watching the folder, or watch it anew with another",
            ));
        };
        if !self.root.is_dir() {
            // Nothing is known of files in a folder that is not there.
            self.looked = false;
            self.settling.clear();
            self.missing.clear();
            return Ok((FolderState::Missing, None));
        }
        if look || self.wants_look {
            self.wants_look = false;
            self.problems.clear();
            self.look(inner, &notebook, answer, enter)?;
        }
        if !inner.closing.is_cancelled() {
            self.write_notes(inner, &notebook)?;
        }
        self.store_seq(inner, false)?;
        let state = if self.question.is_some() {
            FolderState::Asking
        } else if self.again.is_some() || !self.looked {
            FolderState::CatchingUp
        } else if !self.changed.is_empty() {
            FolderState::Failed
        } else {
            FolderState::InStep
        };
        Ok((state, self.again))
    }

    /// Records how far the notes are written, so that the next start has less to compare.
    pub(super) fn store_seq(&mut self, inner: &Inner, closing: bool) -> Result<()> {
        let due = closing || self.stored_seq.1.elapsed() >= SEQ_INTERVAL;
        if due && self.changed.is_empty() && self.stored_seq.0 != self.seq {
            let (id, seq) = (self.id, self.seq);
            inner.store.write(Lane::Bulk, move |write| write.set_folder_seq(id, seq))?;
            self.stored_seq = (seq, Instant::now());
        }
        Ok(())
    }

    fn look(
        &mut self,
        inner: &Arc<Inner>,
        notebook: &str,
        answer: Option<FolderAnswer>,
        enter: &mut dyn FnMut(&Path),
    ) -> Result<()> {
        let started = Instant::now();
        let found = scan(&self.root, enter).map_err(|error| {
            Error::invalid(format!("{} cannot be read: {error}", self.root.display()))
        })?;
        self.look = started.elapsed();
        for (folder, reason) in &found.closed {
            self.problem(folder, reason.as_str());
        }
        for name in &found.unnamed {
            self.problem(name, "its name is not text in UTF-8");
        }
        self.folders = found.folders.iter().cloned().collect();
        self.embeddable =
            Files::new(found.others.keys().map(|path| self.root.join(path).into()).collect());
        self.others.clone_from(&found.others);
        if !self.looked {
            for left in &found.temporary {
                // What a crash left may be the only copy of what another program wrote.
                if let Err(error) = file::to_trash(&self.root, left) {
                    self.problem(left, error.to_string());
                }
            }
        }
        let now = Instant::now();
        let mut fresh = Vec::new();
        let mut waits = false;
        for (path, stamp) in &found.notes {
            if inner.closing.is_cancelled() {
                return Ok(());
            }
            let row = self.files.get(path).map(|row| (row.state, row.note, stamp_of(row)));
            let is_known = row.is_some_and(|(state, ..)| state == FileState::InStep);
            if is_known && row.is_some_and(|(.., known)| known == *stamp) {
                self.settling.remove(path);
                continue;
            }
            if !self.has_settled(path, *stamp, now) {
                waits = true;
                continue;
            }
            if is_known {
                self.read_changed(inner, notebook, path)?;
            } else if let Some((FileState::Pending, note, _)) = row {
                self.changed.insert(note);
            } else {
                fresh.push(path.clone());
            }
        }
        self.settling
            .retain(|path, _| found.notes.contains_key(path) || found.others.contains_key(path));
        self.note_missing(&found);
        self.read_fresh(inner, notebook, fresh)?;
        self.read_attachments(inner, &found)?;
        self.looked = !waits;
        self.answer_missing(inner, notebook, answer)
    }

    /// Whether a changed file has looked the same for long enough; if not, the pass is to come again.
    fn has_settled(&mut self, path: &str, stamp: Stamp, now: Instant) -> bool {
        let (seen, since) = *self
            .settling
            .entry(path.to_owned())
            .and_modify(|held| {
                if held.0 != stamp {
                    *held = (stamp, now);
                }
            })
            .or_insert((stamp, now));
        let emptied = seen.size == 0 && self.files.get(path).is_some_and(|row| row.size > 0);
        let wanted = if emptied { SETTLE_EMPTY } else { SETTLE };
        let left = wanted.saturating_sub(now.duration_since(since));
        if !left.is_zero() {
            self.come_again(left);
        }
        left.is_zero()
    }

    /// `None`: it is being written to, or gone, or cannot be read, which is told.
    fn read(&mut self, path: &str) -> Option<Text> {
        let read = file::read_whole(&self.root.join(path));
        let (stamp, bytes) = match read {
            Ok(Some(read)) => read,
            Ok(None) => {
                self.come_again(SETTLE);
                return None;
            }
            Err(error) => {
                self.problem(path, format!("cannot be read: {error}"));
                return None;
            }
        };
        let input = extract::Input { file_name: "note.md", bytes: &bytes };
        match extract::extract(&input) {
            Ok(read) => Some(Text {
                stamp,
                digest: Digest::of(&bytes),
                front_matter: read.front_matter,
                title: read.title,
                body: read.body,
                bytes,
            }),
            Err(error) => {
                self.problem(path, error.to_string());
                None
            }
        }
    }

    /// What a file says, as a note; `held`: the note that it is.
    fn draft(
        &self,
        inner: &Inner,
        notebook: &str,
        path: &str,
        text: &Text,
        held: Option<&Note>,
    ) -> NoteDraft {
        let meta = FrontMatter::parse(&text.front_matter);
        let (folder, stem) = names::parts(path);
        let said = text.title.clone().or_else(|| meta.title.clone());
        let title = match (said, held) {
            (Some(title), _) => title,
            (None, Some(held)) if names::stem_fits(stem, &held.title) => held.title.clone(),
            _ => names::title_of(stem),
        };
        let title = title.lines().next().unwrap_or_default().trim().to_owned();
        let same_front_matter =
            held.filter(|held| same_yaml(&front_matter_of(held), &text.front_matter));
        let (front_matter, tags) = match same_front_matter {
            Some(held) => (held.front_matter.clone(), held.tags.clone()),
            None => (text.front_matter.clone(), Vec::new()),
        };
        let below = held.and_then(|held| below(&held.notebook, notebook));
        let place = match (held, below) {
            (Some(held), Some(below)) if names::folder_fits(folder, below) => held.notebook.clone(),
            _ => match names::notebook_of(folder).as_str() {
                "" => notebook.to_owned(),
                folder => format!("{notebook}/{folder}"),
            },
        };
        let now = inner.clock().now;
        let modified = Timestamp(text.stamp.modified / 1_000_000).min(now);
        let born = fs::metadata(self.root.join(path)).ok().and_then(|found| found.created().ok());
        let born = born
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map(|since| Timestamp(since.as_millis() as i64));
        NoteDraft {
            title,
            body: text.body.clone(),
            front_matter,
            tags,
            notebook: place,
            kind: held.map_or(Kind::Markdown, |held| held.kind),
            pinned: held.map_or(meta.pinned, |held| held.pinned),
            created: meta.created.or(held.map(|held| held.created)).or(born).or(Some(modified)),
            updated: Some(modified),
        }
    }

    fn incoming(
        &mut self,
        inner: &Inner,
        path: &str,
        text: &Text,
        draft: NoteDraft,
        target: Target,
    ) -> Result<Incoming> {
        let analysis = Arc::new(note::analyse(&draft.body));
        let whole = self.root.join(path);
        let parent = whole.parent().unwrap_or(&self.root).to_owned();
        let mut attachments: Vec<(AttachmentRef, String, Stamp)> = Vec::new();
        for link in analysis.links.iter().filter(|link| link.embed) {
            let Some(from) = resolve(&link.target, &parent, &self.embeddable) else { continue };
            if attachments.iter().any(|(held, ..)| held.name == link.target) {
                continue;
            }
            let relative = relative(&self.root, &from);
            match file::read_whole(&from) {
                Ok(Some((stamp, bytes))) => {
                    let row = AttachmentRef {
                        name: link.target.clone(),
                        digest: inner.store.put_attachment(&bytes)?,
                        mime: extract::media_type(&link.target).to_owned(),
                        size: bytes.len() as u64,
                        role: Role::Embed,
                    };
                    attachments.push((row, relative, stamp));
                }
                Ok(None) => self.come_again(SETTLE),
                Err(error) => self.problem(&relative, format!("cannot be read: {error}")),
            }
        }
        let (stamp, digest) = (text.stamp, text.digest);
        Ok(Incoming { path: path.to_owned(), stamp, digest, draft, analysis, attachments, target })
    }

    /// Stores what files say; false if a note was changed at the same moment, so that nothing was stored.
    fn store(&mut self, inner: &Arc<Inner>, notebook: &str, batch: Vec<Incoming>) -> Result<bool> {
        if batch.is_empty() {
            return Ok(true);
        }
        let (id, root, now) = (self.id, notebook.to_owned(), inner.clock().now);
        let lane = if batch.len() > 4 { Lane::Bulk } else { Lane::Interactive };
        let analyses: Vec<_> = batch.iter().map(|incoming| incoming.analysis.clone()).collect();
        let attached: Vec<Vec<_>> =
            batch.iter().map(|incoming| incoming.attachments.clone()).collect();
        let applied = inner.store.write(lane, move |write| {
            batch
                .iter()
                .map(|incoming| apply(write, id, &root, incoming, now))
                .collect::<std::result::Result<Vec<_>, _>>()
        });
        let applied = match applied {
            Ok(applied) => applied,
            Err(StoreError::Conflict { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut touched = Vec::new();
        for ((applied, analysis), attached) in applied.into_iter().zip(analyses).zip(attached) {
            self.tally.read += 1;
            self.settling.remove(&applied.row.path);
            if !applied.saved.unchanged {
                let Saved { id, seq, .. } = applied.saved;
                inner.parsed.put([(id, seq, ParsedNote::Analysis(analysis))]);
            }
            touched.push(applied.saved.id);
            if let Some(copy) = applied.copy {
                self.tally.conflicts += 1;
                touched.push(copy);
                self.changed.insert(copy);
            }
            for (row, path, stamp) in attached {
                self.hold_attachment(watched_attachment(applied.saved.id, &row, path, stamp));
            }
            self.hold(&applied.row);
        }
        if lane == Lane::Interactive {
            inner.saved(&touched);
        }
        Ok(true)
    }

    /// A known file does not look as it did.
    fn read_changed(&mut self, inner: &Arc<Inner>, notebook: &str, path: &str) -> Result<()> {
        let Some(text) = self.read(path) else { return Ok(()) };
        let Some(row) = self.files.get(path).cloned() else { return Ok(()) };
        if text.digest == row.digest {
            return self.put_rows(inner, vec![with_stamp(row, text.stamp)]);
        }
        self.both(inner, notebook, &row, &text)
    }

    /// A file says something else than when it was in step; its note may, too.
    fn both(
        &mut self,
        inner: &Arc<Inner>,
        notebook: &str,
        row: &WatchedFile,
        text: &Text,
    ) -> Result<()> {
        let note = inner.store.read(|read| read.note(row.note))?;
        let Some(note) =
            note.filter(|note| note.trashed.is_some() || below(&note.notebook, notebook).is_some())
        else {
            // The note went elsewhere or for good: the file is a new one.
            self.drop_row(inner, &row.path)?;
            self.come_again(Duration::ZERO);
            return Ok(());
        };
        let draft = self.draft(inner, notebook, &row.path, text, Some(&note));
        let untouched = hash_of(&note, notebook) == row.hash || note.trashed.is_some();
        let equal = note.trashed.is_none() && says_the_same(&draft, &note);
        if equal {
            let hash = hash_of(&note, notebook);
            let row = WatchedFile { digest: text.digest, hash, ..row.clone() };
            self.settling.remove(&row.path);
            return self.put_rows(inner, vec![with_stamp(row, text.stamp)]);
        }
        let copy = (!untouched).then(|| conflict_copy(inner, &note));
        // Its version came from the file if it has the file's time: then it is no version of the person's here.
        let keep = note.updated.0 != row.modified / 1_000_000;
        let target = Target::Update {
            note: note.id,
            revision: note.revision,
            keep,
            restore: note.trashed.is_some(),
            copy,
        };
        let incoming = self.incoming(inner, &row.path, text, draft, target)?;
        if !self.store(inner, notebook, vec![incoming])? {
            self.come_again(Duration::ZERO);
        }
        Ok(())
    }

    /// Which known files are not there.
    fn note_missing(&mut self, found: &Scan) {
        let now = Instant::now();
        let mut missing = BTreeMap::new();
        for row in self.files.values().filter(|row| row.state == FileState::InStep) {
            if !found.notes.contains_key(&row.path) && !found.may_hold(&row.path) {
                let since = self.missing.get(&row.path).copied().unwrap_or(now);
                missing.insert(row.path.clone(), since);
            }
        }
        self.missing = missing;
    }

    /// Files that are not known: renamed ones, ones that come back, ones that a note stands for already,
    /// and new ones.
    fn read_fresh(&mut self, inner: &Arc<Inner>, notebook: &str, fresh: Vec<String>) -> Result<()> {
        if fresh.is_empty() {
            return Ok(());
        }
        let id = self.id;
        // Only as long as there may be such notes: once, when the folder is added.
        let alone = inner.store.read(|read| read.notes_without_file(id))?;
        let mut standing: HashMap<String, NoteId> = HashMap::new();
        for (note, title, place) in alone {
            let Some(place) = below(&place, notebook) else { continue };
            let folder = names::folder_for(&self.root, place);
            let path = join(&folder, &format!("{}.md", file_name(&title, "note")));
            standing.entry(path.to_lowercase()).or_insert(note);
        }
        let gone: HashMap<Digest, String> = self
            .files
            .values()
            .filter(|row| row.state == FileState::Gone)
            .map(|row| (row.digest, row.path.clone()))
            .collect();
        let mut batch = Vec::new();
        let mut bytes = 0;
        for path in fresh {
            if inner.closing.is_cancelled() {
                return Ok(());
            }
            let Some(text) = self.read(&path) else { continue };
            if let Some(from) = self.renamed_from(&path, &text.digest) {
                self.rename(inner, notebook, &from, &path, &text)?;
                continue;
            }
            let back = self
                .files
                .get(&path)
                .filter(|row| row.state == FileState::Gone)
                .map(|row| row.path.clone())
                .or_else(|| gone.get(&text.digest).cloned());
            if let Some(row) = back.and_then(|back| self.files.get(&back).cloned()) {
                let trashed = inner
                    .store
                    .read(|read| read.note(row.note))?
                    .is_some_and(|note| note.trashed.is_some());
                if trashed {
                    let row = WatchedFile { path: path.clone(), ..row };
                    self.both(inner, notebook, &row, &text)?;
                    continue;
                }
                self.drop_row(inner, &row.path)?;
            }
            if let Some(note) = self.stands_for(inner, &path, &standing)? {
                standing.retain(|_, other| *other != note.0);
                self.pair(inner, notebook, &path, &text, note)?;
                continue;
            }
            let draft = self.draft(inner, notebook, &path, &text, None);
            bytes += text.bytes.len();
            batch.push(self.incoming(inner, &path, &text, draft, Target::New)?);
            if batch.len() >= BATCH || bytes >= BATCH_BYTES {
                self.store(inner, notebook, std::mem::take(&mut batch))?;
                bytes = 0;
            }
        }
        self.store(inner, notebook, batch).map(drop)
    }

    /// The vanished file that a new one with the same bytes was; of several the one of the same name.
    fn renamed_from(&self, path: &str, digest: &Digest) -> Option<String> {
        let (_, name) = names::parts(path);
        let mut candidates = self
            .missing
            .keys()
            .filter(|old| self.files.get(*old).is_some_and(|row| row.digest == *digest));
        let first = candidates.clone().next()?;
        Some(candidates.find(|old| names::parts(old).1 == name).unwrap_or(first).clone())
    }

    fn rename(
        &mut self,
        inner: &Arc<Inner>,
        notebook: &str,
        from: &str,
        to: &str,
        text: &Text,
    ) -> Result<()> {
        let Some(row) = self.files.get(from).cloned() else { return Ok(()) };
        self.missing.remove(from);
        let note = inner.store.read(|read| read.note(row.note))?;
        let moved = with_stamp(WatchedFile { path: to.to_owned(), ..row }, text.stamp);
        let Some(note) =
            note.filter(|note| hash_of(note, notebook) == row.hash && note.trashed.is_none())
        else {
            // The note was changed as well: it is written into the file under its new name.
            self.changed.insert(row.note);
            self.settling.remove(to);
            return self.put_rows(inner, vec![moved]);
        };
        let mut draft = self.draft(inner, notebook, to, text, Some(&note));
        // A new name is no new text.
        draft.updated = Some(note.updated);
        let target = Target::Update {
            note: note.id,
            revision: note.revision,
            keep: false,
            restore: false,
            copy: None,
        };
        let incoming = self.incoming(inner, to, text, draft, target)?;
        if !self.store(inner, notebook, vec![incoming])? {
            self.come_again(Duration::ZERO);
        }
        Ok(())
    }

    /// The note, without a file so far, that a new file stands for: one that was imported from it, or one that
    /// would be written to it. With it: whether the note is still as the import made it.
    fn stands_for(
        &self,
        inner: &Inner,
        path: &str,
        standing: &HashMap<String, NoteId>,
    ) -> Result<Option<(NoteId, bool)>> {
        let absolute = self.root.join(path).to_string_lossy().into_owned();
        let imported = inner.store.read(|read| {
            let Some(source) = read.source_by_path(&absolute)? else { return Ok(None) };
            let heads = read.heads(&[source.note])?;
            let held = heads.first().filter(|head| head.trashed.is_none());
            let free = !read.has_watched_file(source.note)?;
            Ok(held.filter(|_| free).map(|head| (head.id, head.updated == source.mtime)))
        })?;
        Ok(imported.or_else(|| standing.get(&path.to_lowercase()).map(|note| (*note, false))))
    }

    /// Makes a file and a note that stood apart one.
    fn pair(
        &mut self,
        inner: &Arc<Inner>,
        notebook: &str,
        path: &str,
        text: &Text,
        (note, untouched): (NoteId, bool),
    ) -> Result<()> {
        let Some(note) = inner.store.read(|read| read.note(note))? else { return Ok(()) };
        let draft = self.draft(inner, notebook, path, text, Some(&note));
        let same_text =
            draft.body == note.body && same_yaml(&draft.front_matter, &note.front_matter);
        let copy = (!untouched && !same_text).then(|| conflict_copy(inner, &note));
        let target = Target::Update {
            note: note.id,
            revision: note.revision,
            keep: !same_text,
            restore: false,
            copy,
        };
        let incoming = self.incoming(inner, path, text, draft, target)?;
        if !self.store(inner, notebook, vec![incoming])? {
            self.come_again(Duration::ZERO);
        }
        Ok(())
    }

    /// Pictures and other files that notes show and that were changed.
    fn read_attachments(&mut self, inner: &Arc<Inner>, found: &Scan) -> Result<()> {
        let mut changed = Vec::new();
        for (path, held) in &self.attachments {
            let Some(stamp) = found.others.get(path) else { continue };
            let known = |row: &&WatchedAttachment| {
                (row.size, row.modified, row.changed) != (stamp.size, stamp.modified, stamp.changed)
            };
            changed.extend(held.iter().filter(known).cloned());
        }
        for row in changed {
            let settled = found
                .others
                .get(&row.path)
                .is_some_and(|stamp| self.has_settled(&row.path, *stamp, Instant::now()));
            if !settled {
                continue;
            }
            let (stamp, bytes) = match file::read_whole(&self.root.join(&row.path)) {
                Ok(Some(read)) => read,
                Ok(None) => {
                    self.come_again(SETTLE);
                    continue;
                }
                Err(error) => {
                    self.problem(&row.path, format!("cannot be read: {error}"));
                    continue;
                }
            };
            let digest = inner.store.put_attachment(&bytes)?;
            let new = AttachmentRef {
                name: row.name.clone(),
                digest,
                mime: extract::media_type(&row.name).to_owned(),
                size: bytes.len() as u64,
                role: Role::Embed,
            };
            let now = watched_attachment(row.note, &new, row.path.clone(), stamp);
            let (id, stored, old) = (self.id, now.clone(), row.digest);
            let noted = inner.store.write(Lane::Bulk, move |write| {
                let held = write.attachments(stored.note)?;
                let shown = held.iter().any(|held| held.digest == old && held.name == stored.name);
                if shown && old != digest {
                    write.detach(stored.note, &old)?;
                    write.attach(stored.note, &new)?;
                }
                write.put_watched_attachment(id, &stored)?;
                Ok(shown)
            })?;
            self.tally.read += u64::from(noted);
            self.settling.remove(&row.path);
            self.hold_attachment(now);
        }
        Ok(())
    }

    /// Files that are gone: their notes follow them into the trash, unless so many are gone that the person is to
    /// say what it means.
    fn answer_missing(
        &mut self,
        inner: &Arc<Inner>,
        notebook: &str,
        answer: Option<FolderAnswer>,
    ) -> Result<()> {
        // Who answers has seen them all.
        let answered = matches!(answer, Some(FolderAnswer::Keep | FolderAnswer::Trash));
        let gone: Vec<String> = self
            .missing
            .iter()
            .filter(|(_, since)| answered || since.elapsed() >= GONE)
            .map(|(path, _)| path.clone())
            .collect();
        if let Some(latest) = self.missing.values().max()
            && gone.len() < self.missing.len()
        {
            self.come_again(GONE.saturating_sub(latest.elapsed()));
            // One after the other they may become many.
            if answer.is_none() && !self.asking {
                return Ok(());
            }
        }
        match answer {
            Some(FolderAnswer::Trash) => {
                self.ask(inner, false)?;
                return self.trash(inner, notebook, &gone);
            }
            Some(FolderAnswer::Keep) => {
                self.ask(inner, false)?;
                let rows = gone.iter().filter_map(|path| self.files.get(path).cloned());
                let rows: Vec<_> =
                    rows.map(|row| WatchedFile { state: FileState::Pending, ..row }).collect();
                self.changed.extend(rows.iter().map(|row| row.note));
                self.missing.clear();
                return self.put_rows(inner, rows);
            }
            Some(FolderAnswer::LookAgain) | None => {}
        }
        if self.missing.is_empty() {
            return self.ask(inner, false);
        }
        while self.trashed.front().is_some_and(|at| at.elapsed() > AT_ONCE) {
            self.trashed.pop_front();
        }
        let at_once = self.missing.len() + self.trashed.len();
        let all = self.count() + self.trashed.len();
        if self.asking || at_once > HANDFUL || at_once * 2 > all {
            self.ask(inner, true)?;
            self.question = Some(FolderQuestion {
                missing: self.missing.len(),
                of: self.count(),
                examples: self.missing.keys().take(NAMED).cloned().collect(),
            });
            return Ok(());
        }
        self.trash(inner, notebook, &gone)
    }

    fn ask(&mut self, inner: &Inner, asking: bool) -> Result<()> {
        if !asking {
            self.question = None;
        }
        if asking != self.asking {
            let id = self.id;
            inner
                .store
                .write(Lane::Interactive, move |write| write.set_folder_asking(id, asking))?;
            self.asking = asking;
        }
        Ok(())
    }

    /// Puts the notes of vanished files in the trash; one that was edited since is written again instead.
    fn trash(&mut self, inner: &Arc<Inner>, notebook: &str, gone: &[String]) -> Result<()> {
        let id = self.id;
        let now = inner.clock().now;
        for slice in gone.chunks(BATCH) {
            let rows: Vec<_> =
                slice.iter().filter_map(|path| self.files.get(path).cloned()).collect();
            let root = notebook.to_owned();
            let rows = inner.store.write(Lane::Interactive, move |write| {
                let mut rows = rows;
                for row in &mut rows {
                    row.state = match write.note(row.note)? {
                        Some(note) if note.trashed.is_some() => FileState::Gone,
                        Some(note) if hash_of(&note, &root) == row.hash => {
                            write.set_trashed(note.id, Some(now))?;
                            FileState::Gone
                        }
                        Some(_) => FileState::Pending,
                        None => FileState::Gone,
                    };
                    write.put_watched_file(id, row)?;
                }
                Ok(rows)
            })?;
            let touched: Vec<NoteId> = rows.iter().map(|row| row.note).collect();
            for row in rows {
                self.missing.remove(&row.path);
                self.tally.read += 1;
                match row.state {
                    FileState::Pending => drop(self.changed.insert(row.note)),
                    _ => self.trashed.push_back(Instant::now()),
                }
                self.hold(&row);
            }
            inner.saved(&touched);
        }
        Ok(())
    }

    /// Brings files up to what was changed here.
    fn write_notes(&mut self, inner: &Arc<Inner>, notebook: &str) -> Result<()> {
        let (id, since) = (self.id, self.seq);
        let (last, changed) =
            inner.store.read(|read| Ok((read.last_seq()?, read.folder_changes(id, since)?)))?;
        self.seq = last;
        self.changed.extend(changed);
        let mut new = Vec::new();
        for note in self.changed.clone() {
            if inner.closing.is_cancelled() {
                return Ok(());
            }
            let path = self.paths.get(&note).cloned();
            let result = match path.and_then(|path| self.files.get(&path).cloned()) {
                Some(row) => self.write_known(inner, notebook, &row),
                None => {
                    new.push((note, None));
                    continue;
                }
            };
            self.done(note, result?)?;
        }
        // A file that was not looked at yet may be this note's.
        if !self.looked {
            return Ok(());
        }
        for slice in new.chunks(BATCH) {
            if inner.closing.is_cancelled() {
                return Ok(());
            }
            self.write_new(inner, notebook, slice)?;
        }
        Ok(())
    }

    /// Strikes a note off the list of those that may differ, unless something stood in the way.
    fn done(&mut self, note: NoteId, result: io::Result<Outcome>) -> Result<()> {
        let path = self.paths.get(&note).cloned().unwrap_or_else(|| format!("note {note}"));
        match result {
            Ok(Outcome::Done) => drop(self.changed.remove(&note)),
            Ok(Outcome::Look) => {
                self.wants_look = true;
                self.come_again(SETTLE);
            }
            Ok(Outcome::Wait) => {}
            Err(error) => self.problem(&path, format!("cannot be written: {error}")),
        }
        Ok(())
    }

    /// A note that has a file.
    fn write_known(
        &mut self,
        inner: &Arc<Inner>,
        notebook: &str,
        row: &WatchedFile,
    ) -> Result<io::Result<Outcome>> {
        let note = inner.store.read(|read| read.note(row.note))?;
        let here = note
            .as_ref()
            .filter(|note| note.trashed.is_none() && below(&note.notebook, notebook).is_some());
        let Some(here) = here else {
            if row.state == FileState::InStep {
                return self.file_to_trash(inner, row);
            }
            if note.is_none() || row.state == FileState::Pending {
                self.drop_row(inner, &row.path)?;
            }
            return Ok(Ok(Outcome::Done));
        };
        let hash = hash_of(here, notebook);
        if row.state == FileState::InStep && hash == row.hash {
            // Something may have been attached to it.
            let written = self.write_attachments(inner, here, &row.path)?;
            return Ok(written.map(|()| Outcome::Done));
        }
        if self.missing.contains_key(&row.path) && self.asking {
            return Ok(Ok(Outcome::Wait));
        }
        let whole = self.root.join(&row.path);
        let read = match file::read_whole(&whole) {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let Some((_, bytes)) = read else {
            return match fs::symlink_metadata(&whole) {
                Ok(found) if found.is_file() => Ok(Ok(Outcome::Look)),
                Ok(_) => Ok(Err(io::Error::other("a folder or a link is in its place"))),
                // It may have been renamed.
                Err(_) if row.state == FileState::InStep => Ok(Ok(Outcome::Look)),
                Err(_) => {
                    self.drop_row(inner, &row.path)?;
                    let wanted = [(row.note, Some(row.path.clone()))];
                    self.write_new(inner, notebook, &wanted).map(|()| Ok(Outcome::Done))
                }
            };
        };
        let digest = Digest::of(&bytes);
        if row.state == FileState::Pending && digest == row.digest {
            // Written just before the last process ended.
            let row = WatchedFile { state: FileState::InStep, ..row.clone() };
            let row = match Stamp::at(&whole) {
                Some(stamp) => with_stamp(row, stamp),
                None => return Ok(Ok(Outcome::Look)),
            };
            self.put_rows(inner, vec![row.clone()])?;
            return self.write_known(inner, notebook, &row);
        }
        if row.state != FileState::InStep {
            // Somebody else's file by now: the note gets one of another name.
            self.drop_row(inner, &row.path)?;
            let wanted = [(row.note, None)];
            return self.write_new(inner, notebook, &wanted).map(|()| Ok(Outcome::Done));
        }
        let Some(text) = self.read(&row.path) else { return Ok(Ok(Outcome::Look)) };
        if text.digest != row.digest {
            return self.both(inner, notebook, row, &text).map(|()| Ok(Outcome::Done));
        }
        let old = Old { bytes: &text.bytes, front_matter: &text.front_matter, body: &text.body };
        let wanted = file::render(Some(&old), &front_matter_of(here), &here.body);
        let mut row = WatchedFile { hash, ..row.clone() };
        if wanted != text.bytes {
            match file::replace(&whole, &wanted, &row.digest) {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(Outcome::Look)),
                Err(error) => return Ok(Err(error)),
            }
            row.digest = Digest::of(&wanted);
            self.tally.written += 1;
        }
        let Some(stamp) = Stamp::at(&whole) else { return Ok(Ok(Outcome::Look)) };
        row = with_stamp(row, stamp);
        self.put_rows(inner, vec![row.clone()])?;
        if let Err(error) = self.write_attachments(inner, here, &row.path)? {
            return Ok(Err(error));
        }
        self.move_file(inner, notebook, here, &row)
    }

    /// Gives a file the name and the place that its note has.
    fn move_file(
        &mut self,
        inner: &Arc<Inner>,
        notebook: &str,
        note: &Note,
        row: &WatchedFile,
    ) -> Result<io::Result<Outcome>> {
        let (folder, stem) = names::parts(&row.path);
        let place = below(&note.notebook, notebook).unwrap_or_default();
        let titled = FrontMatter::parse(&note.front_matter).title.is_some();
        let name_fits = titled || names::stem_fits(stem, &note.title);
        let place_fits = names::folder_fits(folder, place);
        if name_fits && place_fits {
            return Ok(Ok(Outcome::Done));
        }
        let folder =
            if place_fits { folder.to_owned() } else { names::folder_for(&self.root, place) };
        let stem = if name_fits { stem.to_owned() } else { file_name(&note.title, "note") };
        let parent = self.root.join(&folder);
        if let Err(error) = file::make_folders(&self.root, &parent) {
            return Ok(Err(error));
        }
        let extension =
            row.path.rsplit_once('.').map_or("md", |(_, extension)| extension).to_owned();
        let from = self.root.join(&row.path);
        for number in 1.. {
            let to = numbered(&folder, &stem, &extension, number);
            if to == row.path {
                return Ok(Ok(Outcome::Done));
            }
            match file::rename_new(&from, &self.root.join(&to)) {
                Ok(true) => {
                    let stamp = Stamp::at(&self.root.join(&to)).unwrap_or(stamp_of(row));
                    self.tally.written += 1;
                    self.put_rows(
                        inner,
                        vec![with_stamp(WatchedFile { path: to, ..*row }, stamp)],
                    )?;
                    break;
                }
                Ok(false) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Outcome::Done))
    }

    /// The note went to the trash, elsewhere, or for good: its file follows, unless it says something new.
    fn file_to_trash(
        &mut self,
        inner: &Arc<Inner>,
        row: &WatchedFile,
    ) -> Result<io::Result<Outcome>> {
        let whole = self.root.join(&row.path);
        let bytes = match fs::read(&whole) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.missing.remove(&row.path);
                return self.drop_row(inner, &row.path).map(|()| Ok(Outcome::Done));
            }
            Err(error) => return Ok(Err(error)),
        };
        if Digest::of(&bytes) != row.digest {
            return Ok(Ok(Outcome::Look));
        }
        if let Err(error) = file::to_trash(&self.root, &row.path) {
            return Ok(Err(error));
        }
        self.tally.written += 1;
        self.drop_row(inner, &row.path).map(|()| Ok(Outcome::Done))
    }

    /// Files for notes that have none. Each is announced to the store before it is made, so that after a crash it
    /// is not taken for somebody else's. A path is the one that the note had.
    fn write_new(
        &mut self,
        inner: &Arc<Inner>,
        notebook: &str,
        wanted: &[(NoteId, Option<String>)],
    ) -> Result<()> {
        let ids: Vec<NoteId> = wanted.iter().map(|(id, _)| *id).collect();
        let notes = inner.store.read(|read| read.notes(&ids))?;
        let mut pending: Vec<(WatchedFile, Vec<u8>, &Note)> = Vec::new();
        for (id, held) in wanted {
            let note = notes.iter().find(|note| note.id == *id);
            let place = note
                .filter(|note| note.trashed.is_none())
                .and_then(|note| Some((note, below(&note.notebook, notebook)?)));
            let Some((note, place)) = place else {
                self.changed.remove(id);
                continue;
            };
            let folder = match held {
                Some(path) if names::folder_fits(names::parts(path).0, place) => {
                    names::parts(path).0.to_owned()
                }
                _ => names::folder_for(&self.root, place),
            };
            if let Err(error) = file::make_folders(&self.root, &self.root.join(&folder)) {
                self.problem(&folder, format!("cannot be made: {error}"));
                continue;
            }
            let stem = file_name(&note::display_title(&note.title, &note.body), "note");
            let path = held
                .iter()
                .filter(|path| names::parts(path).0 == folder)
                .cloned()
                .chain((1..).map(|number| numbered(&folder, &stem, "md", number)))
                .find(|path| {
                    !self.files.contains_key(path)
                        && fs::symlink_metadata(self.root.join(path)).is_err()
                        && !pending
                            .iter()
                            .any(|(row, ..)| row.path.to_lowercase() == path.to_lowercase())
                })
                .expect("numbers do not end");
            let bytes = file::render(None, &front_matter_of(note), &note.body);
            let row = WatchedFile {
                path,
                note: note.id,
                state: FileState::Pending,
                digest: Digest::of(&bytes),
                size: 0,
                modified: 0,
                changed: 0,
                hash: hash_of(note, notebook),
            };
            pending.push((row, bytes, note));
        }
        self.put_rows(inner, pending.iter().map(|(row, ..)| row.clone()).collect())?;
        let mut written = Vec::new();
        for (row, bytes, note) in pending {
            let whole = self.root.join(&row.path);
            let result = match file::write_new(&whole, &bytes) {
                Ok(true) => {
                    let Some(stamp) = Stamp::at(&whole) else { continue };
                    self.tally.written += 1;
                    let row = WatchedFile { state: FileState::InStep, ..row };
                    written.push(with_stamp(row.clone(), stamp));
                    self.write_attachments(inner, note, &row.path)?.map(|()| Outcome::Done)
                }
                // Somebody was quicker: the next look makes the two one.
                Ok(false) => Ok(Outcome::Look),
                Err(error) => Err(error),
            };
            self.done(note.id, result)?;
        }
        self.put_rows(inner, written)
    }

    /// Puts the files that a note embeds beside it, where the folder does not have them.
    fn write_attachments(
        &mut self,
        inner: &Arc<Inner>,
        note: &Note,
        path: &str,
    ) -> Result<io::Result<()>> {
        let held = inner.store.read(|read| read.attachments(note.id))?;
        let embeds = held.into_iter().filter(|attachment| attachment.role == Role::Embed);
        let whole = self.root.join(path);
        let parent = whole.parent().unwrap_or(&self.root).to_owned();
        for attachment in embeds {
            let is_there = self.attachments.values().flatten().any(|known| {
                known.note == note.id
                    && known.name == attachment.name
                    && known.digest == attachment.digest
            });
            let plain = Path::new(&attachment.name)
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            if is_there || !plain || attachment.name.split('/').any(super::scan::is_ignored) {
                continue;
            }
            let target = parent.join(&attachment.name);
            let bytes = fs::read(inner.store.attachment_path(&attachment.digest))
                .map_err(|error| Error::internal(format!("{}: {error}", attachment.name)))?;
            let made = file::make_folders(&self.root, target.parent().unwrap_or(&self.root))
                .and_then(|()| file::write_new(&target, &bytes));
            let relative = relative(&self.root, &target);
            match made {
                Ok(true) => self.tally.written += 1,
                Ok(false) => {
                    let same = file::read_whole(&target).is_ok_and(|found| {
                        found.is_some_and(|(_, found)| Digest::of(&found) == attachment.digest)
                    });
                    if !same {
                        self.problem(
                            &relative,
                            format!("another file of this name is there, so the one that “{path}” shows is kept in Commonplace alone"),
                        );
                        continue;
                    }
                }
                Err(error) => return Ok(Err(error)),
            }
            let Some(stamp) = Stamp::at(&target) else { continue };
            let row = watched_attachment(note.id, &attachment, relative, stamp);
            let (id, stored) = (self.id, row.clone());
            inner
                .store
                .write(Lane::Bulk, move |write| write.put_watched_attachment(id, &stored))?;
            self.hold_attachment(row);
        }
        Ok(Ok(()))
    }
}

/// Stores what one file says and how it stands, in one transaction.
fn apply(
    write: &mut Write<'_>,
    folder: FolderId,
    notebook: &str,
    incoming: &Incoming,
    now: Timestamp,
) -> std::result::Result<Applied, StoreError> {
    let mut copied = None;
    let (id, base) = match &incoming.target {
        Target::New => (None, None),
        Target::Update { note, revision, keep, restore, copy } => {
            if let Some(copy) = copy {
                let attachments = write.attachments(*note)?;
                let saved = write.save_note(None, None, copy, &note::analyse(&copy.body), now)?;
                for attachment in &attachments {
                    write.attach(saved.id, attachment)?;
                }
                copied = Some(saved.id);
            }
            if *keep || copy.is_some() {
                write.keep_revision(*note, now)?;
            }
            if *restore {
                write.set_trashed(*note, None)?;
            }
            (Some(*note), Some(*revision))
        }
    };
    let mut saved = write.save_note(id, base, &incoming.draft, &incoming.analysis, now)?;
    for (attachment, path, stamp) in &incoming.attachments {
        let held = write.attachments(saved.id)?;
        if !held.contains(attachment) {
            for other in held.iter().filter(|held| held.name == attachment.name) {
                write.detach(saved.id, &other.digest)?;
            }
            saved.seq = write.attach(saved.id, attachment)?;
        }
        let row = watched_attachment(saved.id, attachment, path.clone(), *stamp);
        write.put_watched_attachment(folder, &row)?;
    }
    let note = write.note(saved.id)?.ok_or(StoreError::NoSuchNote { note: saved.id })?;
    let row = WatchedFile {
        path: incoming.path.clone(),
        note: saved.id,
        state: FileState::InStep,
        digest: incoming.digest,
        size: 0,
        modified: 0,
        changed: 0,
        hash: hash_of(&note, notebook),
    };
    let row = with_stamp(row, incoming.stamp);
    write.put_watched_file(folder, &row)?;
    Ok(Applied { saved, copy: copied, row })
}

/// The hash of what a file holds of its note: two notes of one hash have one file.
fn hash_of(note: &Note, root: &str) -> [u8; 32] {
    let place = below(&note.notebook, root).unwrap_or(&note.notebook).to_lowercase();
    let mut hasher = blake3::Hasher::new();
    for part in [&note.title, &note.body, &note.front_matter, &note.tags.join("\n"), &place] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// A note's front matter with the tags that are set on it.
fn front_matter_of(note: &Note) -> String {
    let meta = FrontMatter::parse(&note.front_matter);
    let mut set: Vec<(&str, FrontValue<'_>)> = Vec::new();
    let mut tags = meta.tags.clone();
    let lower: Vec<String> = tags.iter().map(|tag| tag.to_lowercase()).collect();
    tags.extend(note.tags.iter().filter(|tag| !lower.contains(&tag.to_lowercase())).cloned());
    if tags.len() > meta.tags.len() {
        set.push(("tags", FrontValue::List(&tags)));
    }
    if meta.title.as_ref().is_some_and(|title| *title != note.title) {
        set.push(("title", FrontValue::Text(&note.title)));
    }
    match set.is_empty() {
        true => note.front_matter.clone(),
        false => note::render_front_matter(&note.front_matter, &set),
    }
}

fn same_yaml(one: &str, other: &str) -> bool {
    one.trim_end_matches('\n') == other.trim_end_matches('\n')
}

fn says_the_same(draft: &NoteDraft, note: &Note) -> bool {
    draft.title == note.title
        && draft.body == note.body
        && draft.notebook.to_lowercase() == note.notebook.to_lowercase()
        && draft.tags == note.tags
        && same_yaml(&draft.front_matter, &note.front_matter)
}

fn conflict_copy(inner: &Inner, note: &Note) -> Box<NoteDraft> {
    let title = note::display_title(&note.title, &note.body);
    let title = names::conflict_title(&title, inner.clock().now);
    // A title in the front matter would stand above this one.
    let titled = FrontMatter::parse(&note.front_matter).title.is_some();
    let front_matter = match titled {
        true => {
            note::render_front_matter(&note.front_matter, &[("title", FrontValue::Text(&title))])
        }
        false => note.front_matter.clone(),
    };
    Box::new(NoteDraft { title, front_matter, pinned: false, ..draft_of(note) })
}

/// The part of a notebook path below `root`; `None` if it is not within.
fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let mut names = path.split('/');
    for wanted in root.split('/') {
        if names.next()?.to_lowercase() != wanted.to_lowercase() {
            return None;
        }
    }
    let rest: usize = names.map(|name| name.len() + 1).sum();
    Some(&path[path.len() - rest.saturating_sub(1)..])
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn numbered(folder: &str, stem: &str, extension: &str, number: usize) -> String {
    match number {
        1 => join(folder, &format!("{stem}.{extension}")),
        _ => join(folder, &format!("{stem} ({number}).{extension}")),
    }
}

/// A path below the folder with `/` between the names.
fn relative(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

fn stamp_of(row: &WatchedFile) -> Stamp {
    Stamp { size: row.size, modified: row.modified, changed: row.changed }
}

fn with_stamp(row: WatchedFile, stamp: Stamp) -> WatchedFile {
    WatchedFile { size: stamp.size, modified: stamp.modified, changed: stamp.changed, ..row }
}

fn watched_attachment(
    note: NoteId,
    attachment: &AttachmentRef,
    path: String,
    stamp: Stamp,
) -> WatchedAttachment {
    WatchedAttachment {
        path,
        note,
        name: attachment.name.clone(),
        digest: attachment.digest,
        size: stamp.size,
        modified: stamp.modified,
        changed: stamp.changed,
    }
}
