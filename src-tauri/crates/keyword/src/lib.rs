//! The keyword index: tantivy behind the domain's words. One document per note; what is not yet
//! committed to disk is searched in memory, so a saved note is found at once. Knows nothing of
//! SQLite, of vectors, or of who calls it.

mod analysis;
mod document;
mod facets;
mod index;
mod language;
mod matches;
mod plan;
mod reading;
mod schema;
mod search;
mod segment;
mod snapshot;
mod snippet;
mod synonyms;
mod words;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use note::{NoteId, Timestamp};

use crate::snapshot::{Bits, Snapshot};

pub use document::NoteDocument;
pub use facets::FacetCounts;
pub use index::{KeywordIndex, WRITER_THREADS};
pub use language::{TextLanguage, foreign_language, is_written_in};
pub use schema::GENERATION;
pub use words::{TextWord, WordReader};

/// One change of the index. Applying a change twice changes nothing.
#[derive(Clone, Debug)]
pub enum Change {
    Put(Box<NoteDocument>),
    Delete(NoteId),
}

/// Who may write: one process at a time; any number may read beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    ReadOnly,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    Kept,
    /// Nothing usable, for this reason: the index is empty and its cursor zero.
    Fresh(String),
}

/// Which part of the hits to return, and whether the searcher still wants them.
pub struct Search<'a> {
    /// At most this many hits.
    pub limit: usize,
    /// Leave out this many first.
    pub offset: usize,
    /// Asked every few milliseconds at most; `true` ends the search with [`KeywordError::Cancelled`].
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeywordHit {
    pub note: NoteId,
    /// BM25 and bonuses: comparable within one search; zero when nothing scores.
    pub score: f32,
    /// The whole query is this note's title.
    pub title_exact: bool,
    pub updated: Timestamp,
}

#[derive(Clone)]
pub struct KeywordHits {
    /// Best first; in the query's sort order if it names one.
    pub hits: Vec<KeywordHit>,
    /// All notes that match.
    pub total: usize,
    /// False if the beginning of a word stands for so many that some were left out: then more match.
    pub complete: bool,
    /// Words that no note has, folded, and those spelt nearly so that were searched instead, the
    /// nearest first.
    pub corrected: Vec<(String, Vec<String>)>,
    /// The share of the query's words, weighed by how rare they are, that the first hit has.
    pub coverage: f32,
    /// The notes that match, also those too far down to be among the hits.
    pub matching: Matching,
}

/// The notes that a search found.
#[derive(Clone)]
pub struct Matching {
    snapshot: Arc<Snapshot>,
    bits: Bits,
}

impl Matching {
    /// # Errors
    /// [`KeywordError::Damaged`] when the files cannot be read.
    pub fn contains(&self, note: NoteId) -> Result<bool, KeywordError> {
        Ok(self.snapshot.find(note)?.is_some_and(|at| self.bits.contains(at)))
    }
}

/// The best passage of a text for a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snippet {
    pub text: String,
    /// What matched: ascending byte ranges of `text` that do not touch each other.
    pub marks: Vec<Range<usize>>,
    /// How many different words of the query stand in `text`.
    pub matched_words: usize,
}

/// Where in a text the words and phrases of a query stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matches {
    /// Byte ranges in order that do not overlap; a phrase is one.
    pub places: Vec<Range<usize>>,
    /// False if there are more than are told.
    pub complete: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum KeywordError {
    #[error("the search was cancelled")]
    Cancelled,
    #[error("the keyword index was opened for reading only")]
    ReadOnly,
    #[error("the keyword index is closed")]
    Closed,
    #[error("the keyword index is damaged: {0}")]
    Damaged(String),
    #[error("keyword index folder {folder}: {source}")]
    Folder { folder: PathBuf, source: std::io::Error },
    #[error("reading the keyword index: {0}")]
    Read(#[from] std::io::Error),
    #[error("keyword index: {0}")]
    Index(#[from] tantivy::TantivyError),
}
