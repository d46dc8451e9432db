use crate::Timestamp;

/// What Commonplace reads of a note's YAML front matter. Unknown keys stay in the raw text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrontMatter {
    pub title: Option<String>,
    /// `tags`, `tag`, `keywords`: a list, or one string with commas or spaces; without `#`.
    pub tags: Vec<String>,
    pub aliases: Vec<String>,
    pub created: Option<Timestamp>,
    pub updated: Option<Timestamp>,
    pub pinned: bool,
    /// Notebook path as written by an export.
    pub notebook: Option<String>,
    /// Word of [`crate::Kind`] as written by an export.
    pub kind: Option<String>,
}

impl FrontMatter {
    /// Reads YAML; what is malformed is ignored, never an error: the raw text is kept anyway.
    pub fn parse(yaml: &str) -> FrontMatter {
        let _ = yaml;
        FrontMatter::default()
    }
}

/// Splits `---`-fenced YAML at the very start off a document: `(yaml, rest)`.
pub fn split_front_matter(text: &str) -> (Option<&str>, &str) {
    (None, text)
}
