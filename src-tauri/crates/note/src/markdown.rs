use std::ops::Range;

/// What the text of a note says about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    pub headings: Vec<Heading>,
    pub links: Vec<Link>,
    /// `#tag` in running text (not in code or links), without `#`, in order, without doubles.
    pub tags: Vec<String>,
    pub tasks: Vec<Task>,
    pub has_image: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Heading {
    pub level: u8,
    pub text: String,
    pub range: Range<usize>,
}

/// A link to another note or file: `[[Target#Heading|alias]]`, `![[embed.png]]`, `[text](other.md)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The target as written, without heading or alias, percent-decoded.
    pub target: String,
    pub heading: Option<String>,
    /// `![[…]]` or `![…](…)`.
    pub embed: bool,
    /// `true` for `[[…]]`, `false` for `[…](…)`.
    pub wiki: bool,
    /// Byte range of the whole link in the body.
    pub range: Range<usize>,
}

/// One `- [ ]` line.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub text: String,
    pub done: bool,
    /// `YYYY-MM-DD` from `📅 …` or `due:…`.
    pub due: Option<String>,
    /// Byte range of the box `[ ]` in the body: what ticking rewrites.
    pub marker: Range<usize>,
    /// Zero-based line of the task in the body.
    pub line: usize,
}

/// Finds headings, links, tags and tasks in one pass over a Markdown body.
pub fn analyse(body: &str) -> Analysis {
    let _ = body;
    Analysis::default()
}

/// The readable text of a Markdown body: no markup, blocks on lines of their own.
pub fn plain_text(body: &str) -> String {
    body.to_owned()
}
