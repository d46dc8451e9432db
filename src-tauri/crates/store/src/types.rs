use std::fmt;
use std::str::FromStr;

use note::{NoteId, Seq, Timestamp};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// The BLAKE3 hash of an attachment's bytes, which is also its name on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = ();

    /// Takes 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, ()> {
        blake3::Hash::from_hex(text).map(|hash| Digest(*hash.as_bytes())).map_err(|_| ())
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Digest)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportId(pub i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId(pub i64);

/// What a save or another change of one note came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    pub id: NoteId,
    pub seq: Seq,
    pub revision: u32,
    /// Nothing differed from what is stored, so nothing was written.
    pub unchanged: bool,
}

/// One embedded chunk to be stored.
#[derive(Clone, Debug)]
pub struct NewChunk<'a> {
    /// Byte range of the note's body.
    pub start: usize,
    pub end: usize,
    /// Headings above the chunk, outermost first, joined by ` › `.
    pub heading_path: String,
    /// Hash of the embedded text.
    pub digest: [u8; 16],
    pub vector: &'a [f32],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    pub ordinal: u16,
    /// Byte range of the note's body.
    pub start: usize,
    pub end: usize,
    pub heading_path: String,
}

/// A note whose vectors changed.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorChange {
    pub note: NoteId,
    pub vector_seq: Seq,
    /// By chunk ordinal; none if the note was deleted or has no text.
    pub vectors: Vec<Vec<f32>>,
    pub trashed: bool,
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$inner])* $variant),+ }

        impl $name {
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($word => Ok($name::$variant),)+ _ => Err(()) }
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.as_str().as_bytes())))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(|()| FromSqlError::InvalidType)
            }
        }
    };
}

words! {
    /// What an attachment is to its note.
    Role {
        /// The file that the note was imported from.
        Source = "source",
        /// A file that the note shows or links to.
        Embed = "embed",
    }
}

words! {
    ItemState { Pending = "pending", Imported = "imported", Skipped = "skipped", Failed = "failed" }
}

words! {
    /// What an import does with a file that is not as it was when it was imported before.
    #[derive(Default)]
    OnChange {
        /// Its note gets a new revision, unless that was edited here: then the file becomes a note of its own.
        #[default]
        Update = "update",
        /// It becomes a note of its own.
        KeepBoth = "keep-both",
        Skip = "skip",
    }
}

words! {
    ImportState {
        /// In the store also one that was cut off by a crash or by the end of the program.
        Running = "running",
        /// Stopped by the person, to be gone on with.
        Paused = "paused",
        Done = "done",
        Cancelled = "cancelled",
        Undone = "undone",
        Failed = "failed",
    }
}

words! {
    /// How a watched file and its note stand.
    FileState {
        /// They were equal when this was recorded.
        InStep = "in_step",
        /// The file is about to be written for the first time.
        Pending = "pending",
        /// The file vanished and the note was put in the trash for it.
        Gone = "gone",
    }
}

/// A file that belongs to a note; its bytes are in the attachments folder under `digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentRef {
    pub name: String,
    pub digest: Digest,
    pub mime: String,
    /// In bytes.
    pub size: u64,
    pub role: Role,
}

/// Which notes a list shows. Only [`View::Trash`] shows those in the trash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum View {
    #[default]
    All,
    /// A notebook and those below it, in any case.
    Notebook(String),
    /// A tag and those below it, in any case.
    Tag(String),
    Trash,
    UpdatedSince(Timestamp),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListSort {
    /// Newest first.
    #[default]
    Updated,
    /// Newest first.
    Created,
    /// A to Z, without regard to case.
    Title,
}

/// One page of a list; by default an empty one, so say how long it may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    pub view: View,
    pub sort: ListSort,
    pub offset: usize,
    pub limit: usize,
}

/// How often a person opened a note, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opens {
    pub count: u32,
    pub last: Timestamp,
}

/// One entry of the change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub seq: Seq,
    pub id: NoteId,
    pub deleted: bool,
}

/// How much there is; all but `trashed` leave out the notes in the trash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub notes: usize,
    pub trashed: usize,
    pub chunks: usize,
    /// Notes whose standing text is embedded.
    pub chunked_notes: usize,
    /// Notes whose standing text was not embedded for a stated reason.
    pub skipped: usize,
    pub open_tasks: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionHead {
    pub revision: u32,
    pub saved_at: Timestamp,
    pub title: String,
    /// Length of the body in characters.
    pub chars: usize,
}

/// What a person had written in an earlier version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    pub revision: u32,
    pub saved_at: Timestamp,
    pub title: String,
    pub body: String,
    pub front_matter: String,
    pub tags: Vec<String>,
}

/// Which tasks to list; the default is every open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskFilter {
    pub include_done: bool,
    pub note: Option<NoteId>,
    pub limit: usize,
}

impl Default for TaskFilter {
    fn default() -> Self {
        TaskFilter { include_done: false, note: None, limit: usize::MAX }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    pub note: NoteId,
    pub title: String,
    pub notebook: String,
    /// The how-manieth task of its note.
    pub ordinal: usize,
    /// Zero-based line of the body.
    pub line: usize,
    pub text: String,
    pub done: bool,
    /// `YYYY-MM-DD`
    pub due: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMatch {
    pub id: NoteId,
    /// The title or the alias that matched.
    pub title: String,
    pub notebook: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemCounts {
    pub pending: usize,
    pub imported: usize,
    pub skipped: usize,
    pub failed: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    pub id: ImportId,
    pub roots: Vec<String>,
    pub notebook: String,
    pub on_change: OnChange,
    pub state: ImportState,
    pub started: Timestamp,
    pub finished: Option<Timestamp>,
    pub error: Option<String>,
    /// Files that were found when it last looked, whether or not there is an item of them yet.
    pub found: usize,
    pub counts: ItemCounts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportItem {
    pub path: String,
    pub state: ItemState,
    pub reason: Option<String>,
    pub note: Option<NoteId>,
}

/// A file that was imported, as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub path: String,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    pub mtime: Timestamp,
    pub note: NoteId,
}

/// What an import put in the place of what an earlier one had made of the same file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The file as it was imported before, and its note.
    pub source: Source,
    /// What the note was then; `None` if it stayed so, and the file became another note.
    pub before: Option<Before>,
}

/// A note before an import gave it a new version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Kept under this number.
    pub revision: u32,
    pub updated: Timestamp,
    pub notebook: String,
    /// What was attached with the new version.
    pub attached: Vec<Digest>,
}

/// A folder that is kept in step with a notebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedFolder {
    pub id: FolderId,
    pub path: String,
    /// `None`: the notebook was deleted.
    pub notebook: Option<String>,
    pub paused: bool,
    /// A question about vanished files is open.
    pub asking: bool,
    /// The change of notes up to which its files are written.
    pub seq: Seq,
}

/// A file of a watched folder and its note, as they were when they were last equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedFile {
    /// Relative to the folder, with `/` between the names.
    pub path: String,
    pub note: NoteId,
    pub state: FileState,
    /// Of the file's bytes.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// When the file's content and its properties changed, in nanoseconds since 1970.
    pub modified: i64,
    pub changed: i64,
    /// Of what the note says, as the engine computes it.
    pub hash: [u8; 32],
}

/// A file of a watched folder that a note shows, as it was when it was attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedAttachment {
    /// Relative to the folder, with `/` between the names.
    pub path: String,
    pub note: NoteId,
    /// As the note refers to it.
    pub name: String,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// As in [`WatchedFile`].
    pub modified: i64,
    pub changed: i64,
}

/// What a scrub looked at and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubReport {
    pub notes: usize,
    pub attachments: usize,
    pub damage: Vec<Damage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The note's text does not match its hash.
    Note(NoteId),
    /// The attachment's bytes do not match its name.
    Attachment(Digest),
    /// A note refers to it, but the file is not there.
    MissingAttachment(Digest),
}
