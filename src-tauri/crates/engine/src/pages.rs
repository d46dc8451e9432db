//! Notes as pages: what is common to the formats that people read.

use pulldown_cmark::{Event, Options, Parser};

/// A picture that a note shows.
pub(crate) struct Picture {
    pub(crate) mime: String,
    pub(crate) bytes: Vec<u8>,
}

/// One note on its way to paper or to somebody else.
pub(crate) struct Page {
    pub(crate) title: String,
    /// Notebook, tags and date, for the line below the title.
    pub(crate) meta: Vec<String>,
    pub(crate) body: String,
    /// By the name that the note refers to them with.
    pub(crate) pictures: Vec<(String, Picture)>,
}

impl Page {
    /// The picture that an embed means.
    pub(crate) fn picture(&self, target: &str) -> Option<&Picture> {
        let decoded = decode(target);
        let wanted = |name: &str| name == target || name == decoded;
        self.pictures.iter().find(|(name, _)| wanted(name)).map(|(_, picture)| picture)
    }
}

/// The text of a link's target: Markdown writes blanks and others in percent.
fn decode(target: &str) -> String {
    let bytes = target.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                plain.push(byte);
                at += 3;
            }
            _ => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).unwrap_or_else(|_| target.to_owned())
}

pub(crate) fn parse(body: &str) -> impl Iterator<Item = Event<'_>> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM
        | Options::ENABLE_WIKILINKS;
    Parser::new_ext(body, options)
}

/// Whether a link may be followed from a file that others get.
pub(crate) fn is_outside(address: &str) -> bool {
    let lower = address.trim_start().to_ascii_lowercase();
    ["http://", "https://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme))
}
