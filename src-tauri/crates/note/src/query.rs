//! What a person asked for, parsed. Parsing is total: any text gives a query.

use std::ops::Range;

use crate::{Kind, Timestamp};

/// "Now" and the person's time zone, as relative dates need them.
#[derive(Clone, Debug)]
pub struct Clock {
    pub now: Timestamp,
    /// Offset of local time from UTC in seconds.
    pub utc_offset: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    Title,
    Body,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    pub text: String,
    /// `word*`, or the last word while it is being typed.
    pub prefix: bool,
    pub field: Option<Field>,
}

/// Half-open `[from, until)`; `None` is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsFlag {
    /// Has an open task.
    Todo,
    /// Has tasks, and none is open.
    Done,
    Pinned,
    Trashed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HasFlag {
    Task,
    Link,
    Attachment,
    Image,
}

/// Narrows, never scores.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// A tag and those below it; folded to lower case.
    Tag(String),
    /// A notebook and those below it; folded to lower case.
    Notebook(String),
    Kind(Kind),
    Created(TimeRange),
    Updated(TimeRange),
    Is(IsFlag),
    Has(HasFlag),
}

/// The query as a tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Every note.
    All,
    /// Adjacent bare words: notes with any of them, those with more of them and closer together
    /// ranked higher. Never empty.
    Words(Vec<Word>),
    /// Exact words in order; `slop`: how many other words may stand between them.
    Phrase {
        text: String,
        slop: u32,
        field: Option<Field>,
    },
    Filter(Filter),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By score; a query of only filters lists by `updated` instead.
    #[default]
    Relevance,
    Updated,
    Created,
    Title,
}

/// One understood part of the query, shown under the box; removing it cuts `range` out of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    /// As shown: `tag:home`, `−draft`, `"the deposit"`.
    pub label: String,
    /// Byte range of the query text.
    pub range: Range<usize>,
    /// Why it was not understood as a filter, if it looks like one: shown as a hint.
    pub hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// As typed.
    pub text: String,
    pub expr: Expr,
    pub sort: Sort,
    pub chips: Vec<Chip>,
}

impl Query {
    /// The tree without its scoring parts: bare words count as "every note", while filters, phrases
    /// and everything under a `Not` stay. `None` if nothing narrows. This is what limits a search by meaning.
    pub fn filter_expr(&self) -> Option<Expr> {
        None
    }

    /// The words and phrases that are asked for (not negated), joined by spaces in their order:
    /// what is embedded. Empty if there are none.
    pub fn meaning_text(&self) -> String {
        self.text.clone()
    }

    /// True if the person asked for exact text only: all that scores stands in quotes.
    pub fn is_quoted(&self) -> bool {
        false
    }
}

/// Parses what was typed by the grammar of the query language. `typing`: the caret stands at the
/// end, so the last bare word is a prefix.
pub fn parse(text: &str, typing: bool, clock: &Clock) -> Query {
    let _ = (typing, clock);
    Query { text: text.to_owned(), expr: Expr::All, sort: Sort::Relevance, chips: Vec::new() }
}
