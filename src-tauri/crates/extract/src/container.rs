//! Files that hold many documents: archives, mailboxes and the exports of other apps. Their items are
//! given out one by one, so that memory is bounded however large the file is, and each is accounted
//! for: as a document, as attached to one, as skipped or as failed.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use zip::ZipArchive;

use crate::links::{self, Change};
use crate::{
    Attachments, ExtractError, Extracted, Failure, Input, MAX_INPUT, bear, enex, extension, joplin,
    json_notes, keep, logseq, mbox, notion, picture, simplenote,
};

/// One thing within a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Where it stands in the container, with `/`; within one in it: `inner.zip › a.md`. Unique in its
    /// container, and the same whenever that is read. Never absolute, and without `..`.
    pub path: String,
    /// Notebook below the one that receives the container, with `/`; may be empty.
    pub notebook: String,
    pub outcome: Outcome,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Document(Box<Extracted>),
    /// No document, but shown by one and kept with it.
    Attached,
    /// Not a document, with the reason.
    Skipped(String),
    /// Could not be read, with the reason.
    Failed(String),
}

/// Bytes that can be read from any place, as a file's or those in memory.
pub trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// A file of a [`Tree`].
#[derive(Clone, Debug)]
pub struct TreeFile {
    /// Below the tree's root, with `/`.
    pub path: String,
    /// In bytes, as far as is known before reading it.
    pub size: u64,
    /// Unix milliseconds.
    pub modified_ms: Option<i64>,
    /// Why it is not to be read.
    pub refused: Option<String>,
}

/// Files below one root: an archive's, or a folder's that the caller reads.
pub trait Tree {
    fn files(&self) -> &[TreeFile];
    /// The bytes of the file at that index, or why they cannot be read.
    fn read(&mut self, at: usize) -> Result<Vec<u8>, String>;
    /// What of the tree is lost, if any.
    fn damage(&self) -> Option<String> {
        None
    }
}

/// Called for each item; `Break` ends the reading.
pub type Visit<'a> = &'a mut dyn FnMut(Item) -> ControlFlow<()>;

/// Joins the paths of containers within containers.
pub const WITHIN: &str = " › ";
/// Files in one archive; a person's largest exports have some hundred thousand.
const MAX_FILES: usize = 1_000_000;
/// Containers within containers that are opened.
const MAX_DEPTH: usize = 4;
/// What a container may unpack to in all: this many bytes, and this many times its own size.
const UNPACKED: u64 = 1 << 30;
const UNPACKED_RATIO: u64 = 50;
/// Bytes of attachments that one note keeps; the files beyond are items of their own.
const MAX_ATTACHED: u64 = 256 << 20;
/// A longer path is no name that anyone gave.
const MAX_PATH: usize = 2_000;
/// Bytes of a file that tell what it is.
pub const HEAD_BYTES: usize = 4096;
/// What belongs to programs and systems, never to a person.
const PROGRAM_FOLDERS: [&str; 9] = [
    "__MACOSX",
    ".obsidian",
    ".git",
    ".trash",
    ".logseq",
    "node_modules",
    ".stfolder",
    ".stversions",
    "@eaDir",
];
const PROGRAM_FILES: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Zip,
    Tar,
    Enex,
    Mbox,
    Simplenote,
    Roam,
    Lines,
}

fn form(file_name: &str, head: &[u8]) -> Option<Form> {
    Some(match extension(file_name).as_str() {
        "zip" | "textpack" | "bear2bk" | "bearbk" => Form::Zip,
        "jex" | "tar" => Form::Tar,
        "enex" => Form::Enex,
        "mbox" | "mbx" => Form::Mbox,
        "json" if simplenote::is_export(head) => Form::Simplenote,
        "json" if json_notes::is_roam(head) => Form::Roam,
        "jsonl" | "ndjson" if json_notes::are_notes(head) => Form::Lines,
        // Mailboxes often have no ending at all.
        "" if mbox::is_mailbox(head) => Form::Mbox,
        _ => return None,
    })
}

/// Whether a file holds many documents, by its name and its first [`HEAD_BYTES`] bytes. With no bytes
/// at all the name alone decides.
pub fn is_container(file_name: &str, head: &[u8]) -> bool {
    form(file_name, head).is_some()
}

/// Gives out what is in a container.
///
/// # Errors
/// Of another type, encrypted, too large, or damaged: then what could be read of it was given out.
pub fn read_container(
    file_name: &str,
    source: &mut dyn Source,
    visit: Visit<'_>,
) -> Result<(), ExtractError> {
    let size = source.seek(SeekFrom::End(0)).unwrap_or(0);
    let left = UNPACKED.saturating_add(size.saturating_mul(UNPACKED_RATIO));
    let mut sink = Sink {
        visit,
        prefix: String::new(),
        notebook: String::new(),
        left: Rc::new(Cell::new(left)),
        taken: HashMap::new(),
        depth: 0,
        stopped: false,
    };
    read(file_name, source, &mut sink).map_err(|failure| failure.named(file_name))
}

/// Gives out what other apps exported into a folder: notes and all that belongs to them. Returns for
/// each of the tree's files whether it was part of such an export.
///
/// # Errors
/// An export that is too large to be read.
pub fn read_exports(
    name: &str,
    tree: &mut dyn Tree,
    visit: Visit<'_>,
) -> Result<Vec<bool>, ExtractError> {
    let mut sink = Sink {
        visit,
        prefix: String::new(),
        notebook: String::new(),
        left: Rc::new(Cell::new(u64::MAX)),
        taken: HashMap::new(),
        depth: 0,
        stopped: false,
    };
    let mut files = Files::new(tree);
    exports(&mut files, &mut sink).map_err(|failure| failure.named(name))?;
    Ok(files.states.iter().map(|state| *state != State::Left).collect())
}

/// Whether [`read_exports`] may find an export among files of these paths: a quick look at names.
pub fn may_be_export<'a>(paths: impl Iterator<Item = &'a str>) -> bool {
    let mut twins = HashSet::new();
    for path in paths {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let app = path.contains(".textbundle/")
            || path.ends_with("logseq/config.edn")
            || name == "notes.json"
            || (extension == "md" && joplin::is_id(stem))
            || notion::id_of(stem).is_some();
        if app {
            return true;
        }
        if matches!(extension, "json" | "html") && !twins.insert((dir, stem)) {
            return true;
        }
    }
    false
}

fn read(file_name: &str, source: &mut dyn Source, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| Failure::Damaged(error.to_string());
    source.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut head = Vec::new();
    (&mut *source).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
    source.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let stem = notebook_name(name.rsplit_once('.').map_or(name, |(stem, _)| stem));
    match form(name, &head) {
        Some(Form::Zip) => {
            let mut tree = ZipTree::open(source, sink.left.clone())?;
            walk(&stem, &mut tree, sink)
        }
        Some(Form::Tar) => {
            let mut tree = TarTree::open(source, sink.left.clone())?;
            walk(&stem, &mut tree, sink)
        }
        Some(Form::Enex) => enex::read(&mut BufReader::new(source), &stem, sink),
        Some(Form::Mbox) => mbox::read(&mut BufReader::new(source), &stem, sink),
        Some(Form::Lines) => json_notes::lines(&mut BufReader::new(source), sink),
        Some(form @ (Form::Simplenote | Form::Roam)) => {
            let mut bytes = Vec::new();
            source.take(MAX_INPUT as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
            if bytes.len() > MAX_INPUT {
                return Err(Failure::TooLarge(MAX_INPUT));
            }
            match form {
                Form::Roam => json_notes::roam(&bytes, sink),
                _ => simplenote::read(&bytes, sink),
            }
        }
        None => Err(Failure::Unsupported),
    }
}

/// Where items go.
pub(crate) struct Sink<'a> {
    visit: Visit<'a>,
    /// The path of the container within the outermost one, ready to be set before an item's.
    prefix: String,
    notebook: String,
    /// Bytes that may still be unpacked.
    left: Rc<Cell<u64>>,
    /// Digests of the paths that were given out, in lower case, with the number for the next one like it.
    taken: HashMap<u64, u64>,
    depth: usize,
    stopped: bool,
}

impl Sink<'_> {
    /// Gives out one item; its path gets a number if there was one like it. False: no more are wanted.
    pub(crate) fn put(&mut self, path: &str, notebook: &str, outcome: Outcome) -> bool {
        if self.stopped {
            return false;
        }
        let path = self.unique(path);
        let notebook = joined(&self.notebook, notebook);
        let path = format!("{}{path}", self.prefix);
        self.stopped = (self.visit)(Item { path, notebook, outcome }).is_break();
        !self.stopped
    }

    fn unique(&mut self, path: &str) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let digest = |path: &str| {
            let mut hasher = DefaultHasher::new();
            (self.prefix.as_str(), path.to_lowercase()).hash(&mut hasher);
            hasher.finish()
        };
        let first = digest(path);
        let Some(mut number) = self.taken.insert(first, 2) else { return path.to_owned() };
        let (stem, extension) = match path.rsplit_once('.') {
            Some((stem, extension)) if !extension.contains(['/', ' ']) => {
                (stem, format!(".{extension}"))
            }
            _ => (path, String::new()),
        };
        loop {
            let path = format!("{stem} ({number}){extension}");
            number += 1;
            self.taken.insert(first, number);
            if self.taken.insert(digest(&path), 2).is_none() {
                return path;
            }
        }
    }

    pub(crate) fn document(&mut self, path: &str, notebook: &str, document: Extracted) -> bool {
        self.put(path, notebook, Outcome::Document(Box::new(document)))
    }

    pub(crate) fn failed(&mut self, path: &str, reason: impl Into<String>) -> bool {
        self.put(path, "", Outcome::Failed(reason.into()))
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }
}

/// A part of a notebook's path from a file's or another notebook's name.
pub(crate) fn notebook_name(name: &str) -> String {
    let name = name.replace(['/', '\\'], "-");
    name.split_whitespace().collect::<Vec<_>>().join(" ").trim_matches('.').to_owned()
}

/// An item's path from its title.
pub(crate) fn path_of(title: &str) -> String {
    let name = notebook_name(title);
    let name: String = name.chars().filter(|c| !c.is_control()).take(120).collect();
    if name.is_empty() { "Untitled".to_owned() } else { name }
}

pub(crate) fn joined(above: &str, below: &str) -> String {
    let parts = [above, below].into_iter().flat_map(|path| path.split('/'));
    parts.map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Left,
    /// Its item was given out, or it has none.
    Done,
    Attached,
}

/// The files of a tree while it is read: by path, by name, and what became of each.
pub(crate) struct Files<'t> {
    tree: &'t mut dyn Tree,
    /// Lower-case paths and names.
    by_path: HashMap<String, usize>,
    by_name: HashMap<String, Vec<usize>>,
    states: Vec<State>,
}

impl<'t> Files<'t> {
    fn new(tree: &'t mut dyn Tree) -> Files<'t> {
        let mut by_path = HashMap::new();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut states = Vec::new();
        for (at, file) in tree.files().iter().enumerate() {
            let ignored = is_of_program(&file.path);
            states.push(if ignored { State::Done } else { State::Left });
            if !ignored && file.refused.is_none() {
                let key = file.path.to_lowercase();
                let name = key.rsplit('/').next().unwrap_or_default().to_owned();
                by_name.entry(name).or_default().push(at);
                by_path.entry(key).or_insert(at);
            }
        }
        Files { tree, by_path, by_name, states }
    }

    pub(crate) fn path(&self, at: usize) -> &str {
        &self.tree.files()[at].path
    }

    pub(crate) fn file(&self, at: usize) -> &TreeFile {
        &self.tree.files()[at]
    }

    /// Files of which nothing became yet, in the tree's order.
    pub(crate) fn left(&self) -> Vec<usize> {
        let readable = |at: &usize| {
            self.states[*at] == State::Left && self.tree.files()[*at].refused.is_none()
        };
        (0..self.states.len()).filter(readable).collect()
    }

    pub(crate) fn all(&self) -> std::ops::Range<usize> {
        0..self.states.len()
    }

    pub(crate) fn read(&mut self, at: usize) -> Result<Vec<u8>, String> {
        self.tree.read(at)
    }

    /// The file needs no item of its own any more.
    pub(crate) fn done(&mut self, at: usize) {
        self.states[at] = State::Done;
    }

    pub(crate) fn is_left(&self, at: usize) -> bool {
        self.states[at] == State::Left
    }

    pub(crate) fn was_attached(&self, at: usize) -> bool {
        self.states[at] == State::Attached
    }

    pub(crate) fn at_path(&self, path: &str) -> Option<usize> {
        self.by_path.get(&path.to_lowercase()).copied()
    }

    /// The file that a target means, from a folder: by its path, by the end of its path, by its name.
    pub(crate) fn find(&self, folder: &str, target: &str) -> Option<usize> {
        if target.is_empty() || links::has_scheme(target) {
            return None;
        }
        let from = if target.starts_with('/') { "" } else { folder };
        if let Some(at) = self.at_path(&resolved(from, target)) {
            return Some(at);
        }
        let key = target.trim_start_matches(['.', '/']).to_lowercase();
        let named = self.by_name.get(key.rsplit('/').next()?)?;
        let ends = |at: &&usize| {
            let path = self.path(**at).to_lowercase();
            path == key || path.ends_with(&format!("/{key}"))
        };
        named.iter().find(ends).or(named.first()).copied()
    }

    /// Keeps a file with a note; the name that it got there. `None` if it cannot be read, or if the
    /// note's attachments are too large already.
    pub(crate) fn attach(&mut self, at: usize, attachments: &mut Attachments) -> Option<String> {
        self.attach_as(at, None, attachments)
    }

    /// As [`Files::attach`], under another name than the file's own.
    pub(crate) fn attach_as(
        &mut self,
        at: usize,
        name: Option<&str>,
        attachments: &mut Attachments,
    ) -> Option<String> {
        let held: u64 = attachments.files.iter().map(|file| file.bytes.len() as u64).sum();
        if held.saturating_add(self.file(at).size) > MAX_ATTACHED {
            return None;
        }
        let bytes = self.read(at).ok()?;
        let name = attachments.add(name.unwrap_or(split(self.path(at)).1), bytes);
        if self.states[at] == State::Left {
            self.states[at] = State::Attached;
        }
        Some(name)
    }

    /// Attaches the files that a Markdown text shows or, where `all` says so, links to.
    pub(crate) fn attach_shown(
        &mut self,
        folder: &str,
        body: &str,
        all: bool,
        attachments: &mut Attachments,
    ) -> String {
        links::rewrite(body, &mut |link| {
            let known = attachments.files.iter().any(|file| file.name == link.target);
            if known || !(link.embed || all) {
                return None;
            }
            let at = self.find(folder, &link.target)?;
            // A note within a note is shown from the note itself.
            if extension(self.path(at)) == "md" {
                return None;
            }
            self.attach(at, attachments).map(Change::Target)
        })
    }
}

/// A target's path from a folder; what leads above the root stays at it.
pub(crate) fn resolved(folder: &str, target: &str) -> String {
    crate::package::resolve(folder, &target.replace('\\', "/"))
}

/// The folder of a path, and the name.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn is_of_program(path: &str) -> bool {
    let (dir, name) = split(path);
    dir.split('/').any(|part| PROGRAM_FOLDERS.contains(&part))
        || PROGRAM_FILES.contains(&name)
        || name.starts_with("._")
}

/// Gives out all of a tree: apps' exports by their own rules, the rest as a folder's files.
fn walk(stem: &str, tree: &mut dyn Tree, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let damage = tree.damage();
    let mut files = Files::new(tree);
    for at in 0..files.states.len() {
        let Some(reason) = files.file(at).refused.clone() else { continue };
        if files.is_left(at) {
            files.done(at);
            if !sink.failed(files.path(at), reason) {
                return Ok(());
            }
        }
    }
    exports(&mut files, sink)?;
    plain(stem, &mut files, sink)?;
    match damage {
        Some(damage) if !sink.stopped => Err(Failure::Damaged(damage)),
        _ => Ok(()),
    }
}

/// Gives out what apps exported into the tree.
fn exports(files: &mut Files<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    joplin::read(files, sink)?;
    bear::read(files, sink)?;
    simplenote::read_tree(files, sink)?;
    keep::read(files, sink)?;
    logseq::read(files, sink)?;
    notion::read(files, sink)
}

/// Gives out the files that belong to no app's export.
fn plain(stem: &str, files: &mut Files<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let left = files.left();
    // Where all is in one folder, the archive's own name says nothing more.
    let mut tops = left.iter().map(|at| files.path(*at).split_once('/').map(|(top, _)| top));
    let first = tops.next().flatten();
    let one_top = first.is_some() && tops.all(|top| top == first);
    let only_parts = left.iter().all(|at| is_container(split(files.path(*at)).1, &[]));
    let base = if one_top || only_parts { "" } else { stem };
    let mut others = Vec::new();
    for at in left {
        if sink.stopped || !files.is_left(at) {
            continue;
        }
        let path = files.path(at).to_owned();
        let (dir, name) = split(&path);
        let notebook = joined(base, dir);
        if files.file(at).size > MAX_INPUT as u64 {
            files.done(at);
            let limit = MAX_INPUT >> 20;
            sink.failed(&path, format!("too large: at most {limit} MB are read"));
            continue;
        }
        let by_name = is_container(name, &[]);
        if !by_name && (!crate::supported(name) || picture::is_picture(name)) {
            others.push(at);
            continue;
        }
        let bytes = match files.read(at) {
            Ok(bytes) => bytes,
            Err(reason) => {
                files.done(at);
                sink.failed(&path, reason);
                continue;
            }
        };
        files.done(at);
        if by_name || is_container(name, &bytes[..bytes.len().min(HEAD_BYTES)]) {
            nested(&path, &notebook, bytes, sink);
            continue;
        }
        match read_document(name, &bytes) {
            Ok(mut document) => {
                let mut attachments =
                    Attachments { files: std::mem::take(&mut document.attachments) };
                document.body = files.attach_shown(dir, &document.body, false, &mut attachments);
                document.attachments = attachments.files;
                keep_source(&mut document, name, bytes);
                document.updated_ms = document.updated_ms.or(files.file(at).modified_ms);
                sink.document(&path, &notebook, document);
            }
            Err(reason) => {
                sink.failed(&path, reason);
            }
        }
    }
    // Where notes show pictures, as in a vault, pictures are attachments, also those that none shows.
    let is_vault = others.iter().any(|at| files.states[*at] == State::Attached);
    for at in others {
        let path = files.path(at).to_owned();
        let (dir, name) = split(&path);
        let attached = files.states[at] == State::Attached;
        if sink.stopped || !(attached || files.is_left(at)) {
            continue;
        }
        files.done(at);
        if attached {
            sink.put(&path, "", Outcome::Attached);
            continue;
        }
        let alone = !picture::belongs_to_page(&path) && !is_vault;
        if !(picture::is_picture(name) && alone) {
            sink.put(&path, "", Outcome::Skipped(no_document(name)));
            continue;
        }
        let read = files.read(at).and_then(|bytes| read_document(name, &bytes));
        match read {
            Ok(document) => sink.document(&path, &joined(base, dir), document),
            Err(reason) => sink.failed(&path, reason),
        };
    }
    Ok(())
}

/// Why a file of that name is skipped.
fn no_document(name: &str) -> String {
    match extension(name).as_str() {
        "" => "not a document that Commonplace reads".to_owned(),
        extension => format!("not a document that Commonplace reads (.{extension})"),
    }
}

/// Reads one document of a container; why not, without its name.
pub(crate) fn read_document(name: &str, bytes: &[u8]) -> Result<Extracted, String> {
    // One that its reader cannot bear is not to take the others with it.
    let read = AssertUnwindSafe(|| crate::extract(&Input { file_name: name, bytes }));
    let read = catch_unwind(read).map_err(|_| "damaged: its reader gave up".to_owned())?;
    read.map_err(|error| {
        let text = error.to_string();
        text.strip_prefix(&format!("{name}: ")).unwrap_or(&text).to_owned()
    })
}

/// Keeps the file itself where the Markdown says less than it: a container's file cannot be read again
/// by its path.
fn keep_source(document: &mut Extracted, name: &str, bytes: Vec<u8>) {
    if std::mem::take(&mut document.keep_original) {
        let mut attachments = Attachments { files: std::mem::take(&mut document.attachments) };
        let known = attachments.files.len();
        let kept = attachments.add(name, bytes);
        document.attachments = attachments.files;
        if document.attachments.len() > known {
            document.original = Some(kept);
        }
    }
}

/// A container within one.
fn nested(path: &str, notebook: &str, bytes: Vec<u8>, sink: &mut Sink<'_>) {
    if sink.depth + 1 >= MAX_DEPTH {
        sink.failed(path, "containers within containers are opened to a depth of three");
        return;
    }
    let prefix = sink.unique(path);
    let prefix = format!("{}{prefix}{WITHIN}", sink.prefix);
    let notebook = joined(&sink.notebook, notebook);
    let outer = (
        std::mem::replace(&mut sink.prefix, prefix),
        std::mem::replace(&mut sink.notebook, notebook),
    );
    sink.depth += 1;
    let result = read(path, &mut Cursor::new(bytes), sink);
    sink.depth -= 1;
    (sink.prefix, sink.notebook) = outer;
    if let Err(failure) = result {
        sink.failed(path, failure.reason());
    }
}

/// A path as it may stand below a root; `None` if it leads out of it.
fn clean_path(name: &str) -> Option<String> {
    let name = name.replace('\\', "/");
    let drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if name.starts_with('/') || drive || name.len() > MAX_PATH {
        return None;
    }
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part.replace(|c: char| c.is_control(), " ")),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn entry(name: &str, size: u64, modified_ms: Option<i64>, refused: Option<&str>) -> TreeFile {
    let clean = clean_path(name);
    let unsafe_name = clean.is_none().then_some("its name leads out of the archive");
    let path = clean.unwrap_or_else(|| {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
        shown.replace("..", "·").trim_start_matches(['/', '\\']).to_owned()
    });
    let too_large = (size > MAX_INPUT as u64).then_some("too large to be unpacked");
    let refused = refused.or(unsafe_name).or(too_large).map(str::to_owned);
    TreeFile { path, size, modified_ms, refused }
}

/// Reads at most what is left to be unpacked.
fn unpack(mut from: impl Read, declared: u64, left: &Cell<u64>) -> Result<Vec<u8>, String> {
    let limit = left.get().min(MAX_INPUT as u64);
    let mut bytes = Vec::with_capacity(declared.min(limit).min(64 << 20) as usize);
    let result = Read::by_ref(&mut from).take(limit + 1).read_to_end(&mut bytes);
    left.set(left.get().saturating_sub(bytes.len() as u64));
    if bytes.len() as u64 > limit {
        return Err("unpacks to more than is allowed: an archive that is far larger than it seems"
            .to_owned());
    }
    match result {
        Ok(_) if (bytes.len() as u64) < declared => Err("damaged: its end is missing".to_owned()),
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("damaged: {error}")),
    }
}

struct ZipTree<'a> {
    zip: ZipArchive<&'a mut dyn Source>,
    files: Vec<TreeFile>,
    /// The archive's number of each file: folders have none here.
    numbers: Vec<usize>,
    left: Rc<Cell<u64>>,
}

impl<'a> ZipTree<'a> {
    fn open(source: &'a mut dyn Source, left: Rc<Cell<u64>>) -> Result<Self, Failure> {
        let mut zip = ZipArchive::new(source)
            .map_err(|error| Failure::Damaged(format!("not a readable zip file ({error})")))?;
        if zip.len() > MAX_FILES {
            return Err(Failure::TooMany(MAX_FILES));
        }
        let (mut files, mut numbers) = (Vec::with_capacity(zip.len()), Vec::new());
        for number in 0..zip.len() {
            let listed = zip.name_for_index(number).unwrap_or_default().to_owned();
            let file = match zip.by_index_raw(number) {
                Ok(file) if file.is_dir() => continue,
                Ok(file) => {
                    // Names without a flag are UTF-8 more often than the code page of DOS.
                    let raw = std::str::from_utf8(file.name_raw());
                    let name = raw.unwrap_or_else(|_| file.name()).to_owned();
                    let refused = if file.is_symlink() {
                        Some("a link to another file, which is not followed")
                    } else if file.encrypted() {
                        Some("encrypted; remove the archive's password and import it again")
                    } else {
                        None
                    };
                    let modified = file.last_modified().and_then(|time| {
                        let date = jiff::civil::DateTime::new(
                            time.year() as i16,
                            time.month() as i8,
                            time.day() as i8,
                            time.hour() as i8,
                            time.minute() as i8,
                            time.second().min(59) as i8,
                            0,
                        );
                        let zoned = date.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
                        Some(zoned.timestamp().as_millisecond())
                    });
                    entry(&name, file.size(), modified, refused)
                }
                Err(error) => entry(&listed, 0, None, Some(&format!("damaged: {error}"))),
            };
            files.push(file);
            numbers.push(number);
        }
        Ok(ZipTree { zip, files, numbers, left })
    }
}

impl Tree for ZipTree<'_> {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&mut self, at: usize) -> Result<Vec<u8>, String> {
        let file =
            self.zip.by_index(self.numbers[at]).map_err(|error| format!("damaged: {error}"))?;
        let size = file.size();
        unpack(file, size, &self.left)
    }
}

struct TarTree<'a> {
    source: &'a mut dyn Source,
    files: Vec<TreeFile>,
    starts: Vec<u64>,
    left: Rc<Cell<u64>>,
    damage: Option<String>,
}

impl<'a> TarTree<'a> {
    fn open(source: &'a mut dyn Source, left: Rc<Cell<u64>>) -> Result<Self, Failure> {
        let (mut files, mut starts) = (Vec::new(), Vec::new());
        let mut damage = None;
        {
            let mut archive = tar::Archive::new(BufReader::new(&mut *source));
            let entries =
                archive.entries_with_seek().map_err(|error| Failure::Damaged(error.to_string()))?;
            for tar_entry in entries {
                let found = match tar_entry {
                    Ok(found) => found,
                    Err(error) => {
                        damage = Some(format!("what follows in it is lost ({error})"));
                        break;
                    }
                };
                let kind = found.header().entry_type();
                if kind.is_dir() {
                    continue;
                }
                if files.len() == MAX_FILES {
                    return Err(Failure::TooMany(MAX_FILES));
                }
                let refused = (!kind.is_file() && !kind.is_contiguous())
                    .then_some("a link to another file, which is not followed");
                let name = String::from_utf8_lossy(&found.path_bytes()).into_owned();
                let seconds = found.header().mtime().ok().and_then(|time| i64::try_from(time).ok());
                let modified = seconds.and_then(|seconds| seconds.checked_mul(1000));
                files.push(entry(&name, found.size(), modified, refused));
                starts.push(found.raw_file_position());
            }
        }
        if files.is_empty() {
            let reason = damage.unwrap_or_else(|| "it is empty, or no tar archive".to_owned());
            return Err(Failure::Damaged(reason));
        }
        Ok(TarTree { source, files, starts, left, damage })
    }
}

impl Tree for TarTree<'_> {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn read(&mut self, at: usize) -> Result<Vec<u8>, String> {
        let size = self.files[at].size;
        let start = self.source.seek(SeekFrom::Start(self.starts[at]));
        start.map_err(|error| format!("damaged: {error}"))?;
        unpack(Read::by_ref(&mut self.source).take(size), size, &self.left)
    }

    fn damage(&self) -> Option<String> {
        self.damage.clone()
    }
}
