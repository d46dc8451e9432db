//! What a person asked for, parsed. Parsing is total: any text gives a query.

use std::ops::Range;

use crate::parse::asked_words;
use crate::{Kind, Timestamp, fold};

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
    /// A tag and those below it, as [`crate::fold`] gives it, without `#`.
    Tag(String),
    /// A notebook and those below it, as [`crate::fold`] gives its path.
    Notebook(String),
    Kind(Kind),
    Created(TimeRange),
    Updated(TimeRange),
    Is(IsFlag),
    Has(HasFlag),
    /// Links to a note of this name, as [`link_name`] gives it.
    LinksTo(String),
    /// Has an open task due on one of these days.
    Due(DayRange),
}

/// Days as `YYYY-MM-DD`, half-open `[from, until)`; `None` is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayRange {
    pub from: Option<String>,
    pub until: Option<String>,
}

impl DayRange {
    /// `day` as `YYYY-MM-DD`.
    pub fn contains(&self, day: &str) -> bool {
        self.from.as_deref().is_none_or(|from| from <= day)
            && self.until.as_deref().is_none_or(|until| day < until)
    }
}

/// The name of a note as links and queries give it, folded: without its folder and `.md`.
pub fn link_name(target: &str) -> String {
    let name = target.trim().rsplit('/').next().unwrap_or_default();
    let stem = name.strip_suffix(".md").or_else(|| name.strip_suffix(".MD")).unwrap_or(name);
    fold(stem.trim())
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
    /// Near the note of this name by meaning.
    pub like: Option<String>,
    pub chips: Vec<Chip>,
}

impl Query {
    /// The tree without its scoring parts: bare words count as "every note", while filters, phrases,
    /// words in a field and everything under a `Not` stay. `None` if nothing narrows. This is what
    /// limits a search by meaning.
    pub fn filter_expr(&self) -> Option<Expr> {
        match narrowing(&self.expr) {
            Expr::All => None,
            expr => Some(expr),
        }
    }

    /// The words and phrases that are asked for (not negated), joined by spaces in their order:
    /// what is embedded. Empty if there are none.
    pub fn meaning_text(&self) -> String {
        asked_words(&self.text).join(" ")
    }

    /// True if the person asked for exact text only: all that scores stands in quotes.
    pub fn is_quoted(&self) -> bool {
        let (words, phrases) = count_scoring(&self.expr);
        words == 0 && phrases > 0
    }
}

fn narrowing(expr: &Expr) -> Expr {
    match expr {
        Expr::All => Expr::All,
        Expr::Words(words) if words.iter().any(|word| word.field.is_none()) => Expr::All,
        Expr::Words(_) | Expr::Phrase { .. } | Expr::Filter(_) | Expr::Not(_) => expr.clone(),
        Expr::And(parts) => {
            let mut parts: Vec<Expr> =
                parts.iter().map(narrowing).filter(|part| *part != Expr::All).collect();
            match parts.len() {
                0 => Expr::All,
                1 => parts.remove(0),
                _ => Expr::And(parts),
            }
        }
        Expr::Or(branches) => {
            let branches: Vec<Expr> = branches.iter().map(narrowing).collect();
            // What one branch leaves open, the whole leaves open.
            if branches.contains(&Expr::All) { Expr::All } else { Expr::Or(branches) }
        }
    }
}

/// Words and phrases that add to the score, not counting negated ones.
fn count_scoring(expr: &Expr) -> (usize, usize) {
    match expr {
        Expr::Words(words) => (words.len(), 0),
        Expr::Phrase { .. } => (0, 1),
        Expr::All | Expr::Filter(_) | Expr::Not(_) => (0, 0),
        Expr::And(parts) | Expr::Or(parts) => parts
            .iter()
            .map(count_scoring)
            .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn read(text: &str) -> Query {
        parse(text, false, &Clock { now: Timestamp(1_789_997_400_000), utc_offset: 0 })
    }

    #[test]
    fn what_narrows_is_kept() {
        for (text, narrowed) in [
            ("a b", None),
            ("a AND b", None),
            ("a tag:x", Some("tag:x")),
            ("a tag:x is:todo", Some("tag:x is:todo")),
            ("a \"b c\"", Some("\"b c\"")),
            ("a -b", Some("-b")),
            ("a -(b tag:x)", Some("-(b tag:x)")),
            ("a OR tag:x", None),
            ("tag:y (a OR tag:x)", Some("tag:y")),
            ("(a tag:z) OR tag:x", Some("tag:z OR tag:x")),
            ("title:a b", Some("title:a")),
        ] {
            let expected = narrowed.map(|text| read(text).expr);
            assert_eq!(read(text).filter_expr(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_asked_for() {
        for (text, meaning, quoted) in [
            ("", "", false),
            ("a \"b c\" d", "a b c d", false),
            ("a -b -(c d) tag:x", "a", false),
            ("\"b c\" tag:x -a", "b c", true),
            ("\"a\" OR \"b\"", "a b", true),
            ("tag:x", "", false),
            ("title:a*", "a", false),
        ] {
            let query = read(text);
            assert_eq!(
                (query.meaning_text().as_str(), query.is_quoted()),
                (meaning, quoted),
                "{text}"
            );
        }
    }
}
