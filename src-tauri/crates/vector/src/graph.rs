//! One usearch graph: built in memory, written once, then memory-mapped and never changed.

use std::fs;
use std::path::Path;

use half::f16;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use crate::VectorError;
use crate::flat::{Key, chunk_of, note_of};

/// Neighbours per node; the usual value, recall no longer grows above it at this size.
const CONNECTIVITY: usize = 16;
/// Candidates looked at while building.
const EXPANSION_ADD: usize = 128;
/// Candidates looked at while searching: recall@10 above 0.98 on graphs of this size.
const EXPANSION_SEARCH: usize = 128;

/// A searchable graph over one segment.
#[derive(Debug)]
pub(crate) struct Graph {
    index: Mapped,
    /// The notes in it in ascending order, each with the ordinal of its last chunk.
    pub(crate) notes: Vec<(i64, u16)>,
    pub(crate) vectors: usize,
}

struct Mapped(Index);

impl std::fmt::Debug for Mapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({})", self.0.size())
    }
}

fn empty_index(dims: usize) -> Result<Index, VectorError> {
    Index::new(&IndexOptions {
        dimensions: dims,
        metric: MetricKind::IP,
        quantization: ScalarKind::F16,
        connectivity: CONNECTIVITY,
        expansion_add: EXPANSION_ADD,
        expansion_search: EXPANSION_SEARCH,
        multi: false,
    })
    .map_err(usearch_error)
}

fn usearch_error(error: impl std::fmt::Display) -> VectorError {
    VectorError::Usearch(error.to_string())
}

fn utf8(path: &Path) -> Result<&str, VectorError> {
    path.to_str().ok_or_else(|| VectorError::damaged(path, "usearch needs a path in UTF-8"))
}

/// usearch takes half precision numbers as their bits.
fn bits(vector: &[f16]) -> Vec<i16> {
    vector.iter().map(|number| number.to_bits() as i16).collect()
}

/// A graph in the making.
pub(crate) struct Builder {
    index: Index,
    keys: Vec<Key>,
}

impl Builder {
    pub(crate) fn new(dims: usize, capacity: usize) -> Result<Builder, VectorError> {
        let index = empty_index(dims)?;
        index.reserve_capacity_and_threads(capacity, 3).map_err(usearch_error)?;
        Ok(Builder { index, keys: Vec::with_capacity(capacity) })
    }

    pub(crate) fn add(&mut self, key: Key, vector: &[f16]) -> Result<(), VectorError> {
        self.index.add(key, usearch::f16::from_i16s(&bits(vector))).map_err(usearch_error)?;
        self.keys.push(key);
        Ok(())
    }

    /// Writes the graph to `path` and makes it durable; gives the notes in it.
    pub(crate) fn write(mut self, path: &Path) -> Result<Vec<(i64, u16)>, VectorError> {
        self.index.save(utf8(path)?).map_err(usearch_error)?;
        fs::File::open(path).and_then(|file| file.sync_all()).map_err(VectorError::io(path))?;
        self.keys.sort_unstable();
        let mut notes: Vec<(i64, u16)> = Vec::new();
        for &key in &self.keys {
            match notes.last_mut() {
                Some((note, last)) if *note == note_of(key) => *last = chunk_of(key),
                _ => notes.push((note_of(key), chunk_of(key))),
            }
        }
        Ok(notes)
    }
}

impl Graph {
    /// Maps a file whose hash was checked by the caller just now: usearch itself trusts it.
    /// At most `threads` searches may run at a time.
    pub(crate) fn map(
        path: &Path,
        dims: usize,
        notes: Vec<(i64, u16)>,
        vectors: usize,
        threads: usize,
    ) -> Result<Graph, VectorError> {
        let index = empty_index(dims)?;
        // Before the view: it takes over the number of threads, and a view cannot be grown later.
        index.reserve_capacity_and_threads(0, threads).map_err(usearch_error)?;
        index.view(utf8(path)?).map_err(usearch_error)?;
        if index.size() != vectors || index.dimensions() != dims {
            return Err(VectorError::damaged(
                path,
                "holds another number of vectors than recorded",
            ));
        }
        index.change_expansion_search(EXPANSION_SEARCH);
        Ok(Graph { index: Mapped(index), notes, vectors })
    }

    /// The keys of about the `k` nearest vectors that `keep` lets through.
    pub(crate) fn nearest(
        &self,
        query: &[f32],
        k: usize,
        keep: Option<&dyn Fn(i64) -> bool>,
    ) -> Result<Vec<Key>, VectorError> {
        let matches = match keep {
            None => self.index.0.search(query, k),
            Some(keep) => self.index.0.filtered_search(query, k, |key| keep(note_of(key))),
        };
        Ok(matches.map_err(usearch_error)?.keys)
    }

    /// Reads one vector into `into`.
    pub(crate) fn read(&self, key: Key, into: &mut Vec<f16>) -> Result<(), VectorError> {
        let mut bits = vec![0i16; self.index.0.dimensions()];
        let found =
            self.index.0.get(key, usearch::f16::from_mut_i16s(&mut bits)).map_err(usearch_error)?;
        if found != 1 {
            return Err(VectorError::Usearch(format!("no vector for note {}", note_of(key))));
        }
        into.clear();
        into.extend(bits.iter().map(|&bits| f16::from_bits(bits as u16)));
        Ok(())
    }

    /// Highest chunk ordinal of a note that is in it.
    pub(crate) fn last_chunk(&self, note: i64) -> Option<u16> {
        let at = self.notes.binary_search_by_key(&note, |&(note, _)| note).ok()?;
        Some(self.notes[at].1)
    }
}
