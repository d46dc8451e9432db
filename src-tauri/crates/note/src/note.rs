use std::fmt;
use std::str::FromStr;

use crate::{NoteId, Seq, Timestamp};

/// What a note was before it was a note; `type:` filters by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Written here.
    #[default]
    Note,
    Markdown,
    Text,
    Html,
    Pdf,
    Docx,
    Odt,
    Rtf,
    Epub,
    Xlsx,
    Xls,
    Ods,
    Csv,
    Pptx,
    Odp,
    Eml,
    Ipynb,
    Json,
    Keep,
    Org,
    Rst,
    Opml,
    Evernote,
    Joplin,
    Notion,
    Bear,
    Simplenote,
    Logseq,
    Roam,
    /// A picture alone.
    Image,
}

impl Kind {
    pub const ALL: [Kind; 30] = [
        Kind::Note,
        Kind::Markdown,
        Kind::Text,
        Kind::Html,
        Kind::Pdf,
        Kind::Docx,
        Kind::Odt,
        Kind::Rtf,
        Kind::Epub,
        Kind::Xlsx,
        Kind::Xls,
        Kind::Ods,
        Kind::Csv,
        Kind::Pptx,
        Kind::Odp,
        Kind::Eml,
        Kind::Ipynb,
        Kind::Json,
        Kind::Keep,
        Kind::Org,
        Kind::Rst,
        Kind::Opml,
        Kind::Evernote,
        Kind::Joplin,
        Kind::Notion,
        Kind::Bear,
        Kind::Simplenote,
        Kind::Logseq,
        Kind::Roam,
        Kind::Image,
    ];

    /// The word used in queries, in front matter and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Note => "note",
            Kind::Markdown => "markdown",
            Kind::Text => "text",
            Kind::Html => "html",
            Kind::Pdf => "pdf",
            Kind::Docx => "docx",
            Kind::Odt => "odt",
            Kind::Rtf => "rtf",
            Kind::Epub => "epub",
            Kind::Xlsx => "xlsx",
            Kind::Xls => "xls",
            Kind::Ods => "ods",
            Kind::Csv => "csv",
            Kind::Pptx => "pptx",
            Kind::Odp => "odp",
            Kind::Eml => "eml",
            Kind::Ipynb => "ipynb",
            Kind::Json => "json",
            Kind::Keep => "keep",
            Kind::Org => "org",
            Kind::Rst => "rst",
            Kind::Opml => "opml",
            Kind::Evernote => "evernote",
            Kind::Joplin => "joplin",
            Kind::Notion => "notion",
            Kind::Bear => "bear",
            Kind::Simplenote => "simplenote",
            Kind::Logseq => "logseq",
            Kind::Roam => "roam",
            Kind::Image => "image",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();

    /// Takes the word itself or a usual file extension, in any case.
    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "note" => Kind::Note,
            "markdown" | "md" => Kind::Markdown,
            "text" | "txt" => Kind::Text,
            "html" | "htm" | "web" => Kind::Html,
            "pdf" => Kind::Pdf,
            "docx" | "word" => Kind::Docx,
            "odt" => Kind::Odt,
            "rtf" => Kind::Rtf,
            "epub" | "ebook" => Kind::Epub,
            "xlsx" | "excel" => Kind::Xlsx,
            "xls" => Kind::Xls,
            "ods" => Kind::Ods,
            "csv" | "tsv" => Kind::Csv,
            "pptx" | "powerpoint" => Kind::Pptx,
            "odp" => Kind::Odp,
            "eml" | "mail" | "email" => Kind::Eml,
            "ipynb" | "jupyter" | "notebook" => Kind::Ipynb,
            "json" | "jsonl" => Kind::Json,
            "keep" => Kind::Keep,
            "org" => Kind::Org,
            "rst" => Kind::Rst,
            "opml" => Kind::Opml,
            "evernote" | "enex" => Kind::Evernote,
            "joplin" | "jex" => Kind::Joplin,
            "notion" => Kind::Notion,
            "bear" => Kind::Bear,
            "simplenote" => Kind::Simplenote,
            "logseq" => Kind::Logseq,
            "roam" => Kind::Roam,
            "image" | "picture" | "photo" => Kind::Image,
            _ => return Err(()),
        })
    }
}

/// What a person writes: everything of a note that is theirs to set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NoteDraft {
    /// One line; may be empty, then the first words of the body stand in for it.
    pub title: String,
    /// Markdown without front matter.
    pub body: String,
    /// The raw YAML between the `---` lines, kept as it was; empty if there is none.
    pub front_matter: String,
    /// Tags set on the note, without `#`, `/` for nesting. Tags in the body's text are not here.
    pub tags: Vec<String>,
    /// Path with `/` between the names, empty for none: `Work/Leases`.
    pub notebook: String,
    pub kind: Kind,
    pub pinned: bool,
    /// `None`: the time of the first save.
    pub created: Option<Timestamp>,
    /// `None`: the time of this save.
    pub updated: Option<Timestamp>,
}

/// One stored note.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub id: NoteId,
    pub seq: Seq,
    /// 1 for the first version, one more for each kept version after it.
    pub revision: u32,
    pub title: String,
    pub body: String,
    pub front_matter: String,
    /// Set tags (see [`NoteDraft::tags`]).
    pub tags: Vec<String>,
    /// Set tags and those in the text, sorted, without doubles: what `tag:` finds.
    pub all_tags: Vec<String>,
    pub notebook: String,
    pub kind: Kind,
    pub pinned: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// When it was put in the trash, if it is there.
    pub trashed: Option<Timestamp>,
}

/// A note without its body: what a list shows.
#[derive(Clone, Debug, PartialEq)]
pub struct NoteHead {
    pub id: NoteId,
    pub title: String,
    /// The first 200 characters or so of plain text.
    pub excerpt: String,
    pub all_tags: Vec<String>,
    pub notebook: String,
    pub kind: Kind,
    pub pinned: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub trashed: Option<Timestamp>,
}
