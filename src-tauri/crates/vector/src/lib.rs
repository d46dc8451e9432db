//! The vector index: which chunks mean something like a query. Segments of vectors, the full ones
//! as memory-mapped usearch graphs behind verified files, the newest as plain rows in memory. It
//! is a cache of what the store holds: it knows vectors and note numbers, never texts.

mod files;
mod flat;
mod graph;
mod index;
mod state;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use note::NoteId;

pub use index::VectorIndex;

/// Deletes the files of an index that is not open, if there are any.
pub fn delete_files(dir: &Path) -> Result<(), VectorError> {
    files::sweep(dir, &BTreeSet::new())
}

/// May this process write the index's files?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The one process that holds the data folder's lock.
    ReadWrite,
    /// Follows another process's saves, see [`VectorIndex::reload`].
    ReadOnly,
}

/// What an index must have been made of to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub store_uuid: String,
    /// Which model made the vectors.
    pub model: String,
    /// Length of each vector.
    pub dims: usize,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Usable up to its cursor.
    Kept,
    /// Nothing usable, and why: the index is empty with cursor zero and wants every vector again.
    Fresh(String),
}

/// One chunk near the query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VectorHit {
    pub note: NoteId,
    /// Ordinal of the chunk in its note.
    pub chunk: u16,
    /// Dot product, that is the cosine for vectors of unit length: -1 to 1.
    pub similarity: f32,
}

#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("usearch: {0}")]
    Usearch(String),
    #[error("a vector has {found} dimensions, the index has {expected}")]
    Dims { expected: usize, found: usize },
    #[error("a vector holds a number that is not finite or too large for half precision")]
    NotFinite,
    #[error("note {note}: {count} vectors are more than a note may have (65,536)")]
    TooMany { note: NoteId, count: usize },
    #[error("note {0}: its number does not fit the index")]
    NoteNumber(NoteId),
    #[error("the vector index is open for reading only, or was deleted")]
    ReadOnly,
}

impl VectorError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> VectorError + '_ {
        move |source| VectorError::Io { path: path.to_owned(), source }
    }

    fn damaged(path: &Path, reason: impl Into<String>) -> VectorError {
        VectorError::Damaged { path: path.to_owned(), reason: reason.into() }
    }
}
