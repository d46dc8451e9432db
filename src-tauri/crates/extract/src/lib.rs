//! Bytes of a foreign document to title, Markdown, attachments and warnings. Pure: no I/O, no
//! threads, and no knowledge of notes, stores or other first-party crates. Work and memory are
//! bounded for hostile input.

mod bear;
mod blocks;
mod clean;
mod container;
mod date;
mod docx;
mod enex;
mod enml;
mod epub;
mod html;
mod inline;
mod joplin;
mod json;
mod json_notes;
mod keep;
mod links;
mod logseq;
mod mail;
mod mbox;
mod notion;
mod odf;
mod opml;
mod org;
mod package;
mod pdf;
mod picture;
mod pptx;
mod rst;
mod rtf;
mod scan;
mod sheet;
mod simplenote;
mod text;
mod xlsx;
mod xml;

use serde::{Deserialize, Deserializer, Serialize};

pub use container::{
    HEAD_BYTES, Item, Outcome, Source, Tree, TreeFile, Visit, WITHIN, is_container, may_be_export,
    read_container, read_exports,
};
pub use picture::{belongs_to_page, is_picture};
pub use scan::{Pixels, pixels, with_recognised};

/// Largest input in bytes; check the size before reading a file.
pub const MAX_INPUT: usize = 256 << 20;

/// A file to read: the name only tells the type, by its extension.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub file_name: &'a str,
    pub bytes: &'a [u8],
}

/// What a document holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extracted {
    /// `None` if the document has none of its own: its file name stands in.
    pub title: Option<String>,
    /// Markdown with `\n` line ends. Attachments are referred to by name: `![alt](name)`.
    pub body: String,
    /// YAML without the `---` lines: the document's own for Markdown, else `source`, `author` and
    /// `created` as far as known; empty if there is none.
    pub front_matter: String,
    /// Keywords of the document's metadata. Empty for Markdown, whose tags are in its front matter.
    pub tags: Vec<String>,
    /// One of [`KINDS`].
    #[serde(deserialize_with = "known_kind")]
    pub kind: KindName,
    /// Unix milliseconds, from the document's metadata.
    pub created_ms: Option<i64>,
    /// Unix milliseconds, from the document's metadata.
    pub updated_ms: Option<i64>,
    pub attachments: Vec<Embedded>,
    /// What was lost or guessed, one sentence each.
    pub warnings: Vec<String>,
    /// Whether the Markdown says less than the file, so that the file is to be kept with the note.
    pub keep_original: bool,
    /// The attachment that is the file itself, if a container's reader kept it already.
    pub original: Option<String>,
    /// Pages whose text, if there is any, only a look at [`pixels`] finds: scans, a photograph.
    pub scanned: usize,
}

/// A word of [`KINDS`].
pub type KindName = &'static str;

/// What a document may be.
pub const KINDS: [&str; 29] = [
    "markdown",
    "text",
    "html",
    "pdf",
    "docx",
    "odt",
    "rtf",
    "epub",
    "xlsx",
    "xls",
    "ods",
    "csv",
    "pptx",
    "odp",
    "eml",
    "ipynb",
    "json",
    "keep",
    "org",
    "rst",
    "opml",
    "evernote",
    "joplin",
    "notion",
    "bear",
    "simplenote",
    "logseq",
    "roam",
    "image",
];

fn known_kind<'de, D: Deserializer<'de>>(from: D) -> Result<KindName, D::Error> {
    let kind = String::deserialize(from)?;
    let known = KINDS.iter().find(|known| **known == kind).copied();
    // `Extracted::default()` has none.
    known
        .or(kind.is_empty().then_some(""))
        .ok_or_else(|| serde::de::Error::custom(format!("“{kind}” is no kind of document")))
}

/// A file that was inside the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedded {
    /// Unique within its document; letters, digits, `.`, `_` and `-` only.
    pub name: String,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum ExtractError {
    #[error("{file}: files of type “{extension}” cannot be imported")]
    Unsupported { file: String, extension: String },
    #[error("{file}: larger than {limit} bytes, or unpacks to more")]
    TooLarge { file: String, limit: usize },
    #[error("{file}: holds more than {limit} files")]
    TooMany { file: String, limit: usize },
    #[error("{file}: encrypted; remove its password and import it again")]
    Encrypted { file: String },
    #[error("{file}: not text, although its name says so")]
    Binary { file: String },
    #[error("{file}: damaged: {reason}")]
    Damaged { file: String, reason: String },
}

/// Why a reader gave up; [`extract`] adds the file's name.
#[derive(Debug)]
enum Failure {
    Unsupported,
    TooLarge(usize),
    TooMany(usize),
    Encrypted,
    Binary,
    Damaged(String),
}

impl Failure {
    fn named(self, file: &str) -> ExtractError {
        let extension = extension(file);
        let file = file.to_owned();
        match self {
            Failure::Unsupported => ExtractError::Unsupported { file, extension },
            Failure::TooMany(limit) => ExtractError::TooMany { file, limit },
            Failure::TooLarge(limit) => ExtractError::TooLarge { file, limit },
            Failure::Encrypted => ExtractError::Encrypted { file },
            Failure::Binary => ExtractError::Binary { file },
            Failure::Damaged(reason) => ExtractError::Damaged { file, reason },
        }
    }

    /// Why, without a file's name.
    fn reason(self) -> String {
        let text = self.named("").to_string();
        text.strip_prefix(": ").unwrap_or(&text).to_owned()
    }
}

#[derive(Clone, Copy)]
enum Format {
    Markdown,
    Text,
    Html,
    Pdf,
    Docx,
    Xlsx,
    Xls,
    Csv,
    Tsv,
    Epub,
    Rtf,
    Mail,
    Notebook,
    Json,
    JsonLines,
    Org,
    Rst,
    Opml,
    Pptx,
    OpenDocument(&'static str),
    Picture,
}

fn extension(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    match name.rsplit_once('.') {
        Some((_, extension)) => extension.to_lowercase(),
        None => String::new(),
    }
}

fn format(extension: &str) -> Option<Format> {
    Some(match extension {
        "md" | "markdown" | "mdown" => Format::Markdown,
        "txt" | "text" | "log" => Format::Text,
        "html" | "htm" | "xhtml" => Format::Html,
        "pdf" => Format::Pdf,
        "docx" => Format::Docx,
        "xlsx" | "xlsm" | "xltx" => Format::Xlsx,
        "xls" | "xlt" => Format::Xls,
        "pptx" | "pptm" | "ppsx" | "potx" => Format::Pptx,
        "odt" | "ott" => Format::OpenDocument("odt"),
        "ods" | "ots" => Format::OpenDocument("ods"),
        "odp" | "otp" => Format::OpenDocument("odp"),
        "epub" => Format::Epub,
        "rtf" => Format::Rtf,
        "eml" => Format::Mail,
        "ipynb" => Format::Notebook,
        "json" => Format::Json,
        "org" => Format::Org,
        "rst" | "rest" => Format::Rst,
        "opml" => Format::Opml,
        "jsonl" | "ndjson" => Format::JsonLines,
        "csv" => Format::Csv,
        "tsv" | "tab" => Format::Tsv,
        _ if is_picture(&format!(".{extension}")) => Format::Picture,
        _ => return None,
    })
}

impl Format {
    /// Read by code that takes text alone, in time and memory of a small multiple of its length.
    fn is_plain(self) -> bool {
        matches!(
            self,
            Format::Markdown
                | Format::Text
                | Format::Org
                | Format::Rst
                | Format::Csv
                | Format::Tsv
                | Format::Json
                | Format::JsonLines
        )
    }
}

/// Whether a file of this name is better read in a process of its own: archives, binary formats and
/// whatever else large libraries take apart.
pub fn is_risky(file_name: &str) -> bool {
    format(&extension(file_name)).is_some_and(|format| !format.is_plain())
}

/// Whether [`extract`] reads files of this name.
pub fn supported(file_name: &str) -> bool {
    format(&extension(file_name)).is_some()
}

/// Reads one document.
///
/// # Errors
/// Of another type, too large, encrypted, binary where text was expected, or too damaged to read.
pub fn extract(input: &Input<'_>) -> Result<Extracted, ExtractError> {
    let extension = extension(input.file_name);
    let Some(format) = format(&extension) else {
        return Err(ExtractError::Unsupported { file: input.file_name.to_owned(), extension });
    };
    let result = if input.bytes.len() > MAX_INPUT {
        Err(Failure::TooLarge(MAX_INPUT))
    } else {
        match format {
            Format::Markdown => text::markdown(input.bytes),
            Format::Text => text::plain(input.bytes),
            Format::Html => html::html(input.bytes),
            Format::Pdf => pdf::pdf(input.bytes),
            Format::Docx => docx::docx(input.bytes),
            Format::Xlsx => xlsx::xlsx(input.bytes),
            Format::Xls => sheet::xls(input.bytes),
            Format::Pptx => pptx::pptx(input.bytes),
            Format::OpenDocument(kind) => odf::odf(input.bytes, kind),
            Format::Epub => epub::epub(input.bytes),
            Format::Rtf => rtf::rtf(input.bytes),
            Format::Mail => mail::eml(input.bytes),
            Format::Notebook => json::notebook(input.bytes),
            Format::Json => json::json(input.bytes),
            Format::JsonLines => json::lines(input.bytes),
            Format::Org => org::org(input.bytes),
            Format::Rst => rst::rst(input.bytes),
            Format::Opml => opml::opml(input.bytes),
            Format::Csv => sheet::csv(input.bytes, None),
            Format::Tsv => sheet::csv(input.bytes, Some(b'\t')),
            Format::Picture => picture::picture(input.file_name, input.bytes),
        }
    };
    result.map_err(|failure| failure.named(input.file_name))
}

/// The way back for one format: a PDF of Markdown, on A4, with fonts of its own for Latin, Greek and Cyrillic. Here
/// because this room has the PDF library.
///
/// # Errors
/// What the library says.
pub fn write_pdf(title: &str, markdown: &str) -> Result<Vec<u8>, String> {
    pdf_oxide::api::PdfBuilder::new()
        .title(title)
        .page_size(pdf_oxide::writer::PageSize::A4)
        .from_markdown(markdown)
        .map(pdf_oxide::api::Pdf::into_bytes)
        .map_err(|error| error.to_string())
}

/// MIME type by a file name's extension, `application/octet-stream` if it is unknown.
pub fn media_type(file_name: &str) -> &'static str {
    match extension(file_name).as_str() {
        "png" | "apng" => "image/png",
        "jpg" | "jpeg" | "jpe" | "jfif" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "bmp" => "image/bmp",
        "ico" => "image/vnd.microsoft.icon",
        "tif" | "tiff" => "image/tiff",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "emf" => "image/emf",
        "wmf" => "image/wmf",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "3gp" => "video/3gpp",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "ogv" => "video/ogg",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "pdf" => "application/pdf",
        "md" | "markdown" | "mdown" => "text/markdown",
        "txt" | "text" | "log" | "org" | "rst" => "text/plain",
        "html" | "htm" => "text/html",
        "xhtml" => "application/xhtml+xml",
        "css" => "text/css",
        "csv" => "text/csv",
        "tsv" | "tab" => "text/tab-separated-values",
        "json" | "canvas" => "application/json",
        "xml" => "application/xml",
        "yaml" | "yml" | "base" => "application/yaml",
        "jsonl" | "ndjson" => "application/jsonl",
        "ipynb" => "application/x-ipynb+json",
        "opml" => "text/x-opml",
        "eml" => "message/rfc822",
        "zip" => "application/zip",
        "epub" => "application/epub+zip",
        "rtf" => "application/rtf",
        "doc" => "application/msword",
        "xls" => "application/vnd.ms-excel",
        "ppt" => "application/vnd.ms-powerpoint",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        "odp" => "application/vnd.oasis.opendocument.presentation",
        _ => "application/octet-stream",
    }
}

/// Collects attachments, giving each a safe name of its own. Equal bytes are kept once.
#[derive(Default)]
struct Attachments {
    files: Vec<Embedded>,
}

impl Attachments {
    /// The name under which `bytes` were kept.
    fn add(&mut self, name: &str, bytes: Vec<u8>) -> String {
        if let Some(same) = self.files.iter().find(|file| file.bytes == bytes) {
            return same.name.clone();
        }
        let safe: String = name
            .chars()
            .map(|c| if c.is_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
            .collect();
        let safe = safe.trim_matches(['.', '-']);
        let (stem, extension) = match safe.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            _ => (if safe.is_empty() { "file" } else { safe }, String::new()),
        };
        let stem: String = stem.chars().take(80).collect();
        let extension: String = extension.chars().take(12).collect();
        let mut name = format!("{stem}{extension}");
        let mut n = 1;
        while self.files.iter().any(|file| file.name.eq_ignore_ascii_case(&name)) {
            n += 1;
            name = format!("{stem}-{n}{extension}");
        }
        self.files.push(Embedded { name: name.clone(), bytes });
        name
    }
}

/// A tag as another app has it, as one word.
fn tag(name: &str) -> Option<String> {
    let name = one_line(name)?;
    let name = name.trim_matches(['#', ' ']).replace([' ', ','], "-");
    let name = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    (!name.is_empty()).then_some(name)
}

/// The title that a Markdown text opens with as its first heading, and the text below it.
fn title_line(text: &str) -> (Option<String>, &str) {
    let start = text.trim_start_matches(['\u{feff}', '\n', ' ']);
    let Some(rest) = start.strip_prefix("# ") else { return (None, text) };
    let (title, body) = rest.split_once('\n').unwrap_or((rest, ""));
    match one_line(&inline::unescaped(title.trim().trim_end_matches('#'))) {
        Some(title) => (Some(title), body.trim_start_matches('\n')),
        None => (None, text),
    }
}

/// YAML lines of the keys that have a value, quoted so that any text is safe.
fn yaml(entries: &[(&str, Option<&str>)]) -> String {
    let mut out = String::new();
    for (key, value) in entries {
        let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else { continue };
        let simple = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-');
        if key.chars().all(simple) && key.starts_with(char::is_alphabetic) {
            out.push_str(key);
        } else {
            quoted(key, &mut out);
        }
        out.push_str(": ");
        quoted(value, &mut out);
        out.push('\n');
    }
    out
}

/// A YAML string in quotes.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars().take(2000) {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// One line without needless white space; `None` if nothing is left.
fn one_line(text: &str) -> Option<String> {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line = line.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(300).collect();
    (!line.is_empty()).then_some(line)
}

/// A title from a document's metadata, unless it is one that a program made up.
fn document_title(text: &str) -> Option<String> {
    let title = one_line(text)?;
    let title = title.strip_prefix("Microsoft Word - ").unwrap_or(&title);
    let stem = |ending: &str| {
        title.len().checked_sub(ending.len()).and_then(|at| {
            title.get(at..).filter(|end| end.eq_ignore_ascii_case(ending)).map(|_| &title[..at])
        })
    };
    let title = [".docx", ".doc", ".pdf", ".odt", ".tex", ".dvi"]
        .iter()
        .find_map(|e| stem(e))
        .unwrap_or(title);
    let lower = title.to_lowercase();
    let made_up =
        ["untitled", "word document", "powerpoint presentation", "microsoft word", "none"];
    let made_up = made_up.contains(&lower.as_str())
        || lower.strip_prefix("document").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    (!made_up && title.chars().any(char::is_alphanumeric)).then(|| title.to_owned())
}

/// Keywords separated by commas or semicolons.
fn keywords(text: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split([',', ';', '\n']).filter_map(one_line).take(50) {
        let tag = tag.trim_start_matches('#').replace(' ', "-");
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}
