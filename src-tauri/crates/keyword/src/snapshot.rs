//! What one search sees: the segments on disk and the notes in memory at one moment, as one range
//! of document numbers. Never changes; a new state is a new snapshot.

use std::io;
use std::sync::Arc;

use note::{NoteId, NoteSet, Timestamp};

use crate::document::{Facet, Pool};
use crate::language::Languages;
use crate::segment::{DiskSegment, FreshNote, Segment};

/// A set of document numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn new(span: usize) -> Bits {
        Bits(vec![0; span.div_ceil(64)])
    }

    pub(crate) fn insert(&mut self, at: u32) {
        self.0[at as usize / 64] |= 1 << (at % 64);
    }

    /// Documents of a part that begins at `base`.
    pub(crate) fn insert_all(&mut self, base: u32, docs: &[u32]) {
        for doc in docs {
            self.insert(base + doc);
        }
    }

    pub(crate) fn remove(&mut self, at: u32) -> bool {
        let held = self.contains(at);
        self.0[at as usize / 64] &= !(1 << (at % 64));
        held
    }

    pub(crate) fn contains(&self, at: u32) -> bool {
        self.0[at as usize / 64] & (1 << (at % 64)) != 0
    }

    pub(crate) fn and(&mut self, other: &Bits) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine &= theirs;
        }
    }

    pub(crate) fn or(&mut self, other: &Bits) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    pub(crate) fn and_not(&mut self, other: &Bits) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine &= !theirs;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// Those from `from` (a multiple of 64) up to below `until`; nothing else is set up to the next
    /// multiple of 64.
    pub(crate) fn iter_between(&self, from: u32, until: u32) -> impl Iterator<Item = u32> + '_ {
        let words = from as usize / 64..(until as usize).div_ceil(64);
        words.flat_map(|index| ones(index, self.0[index]))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().enumerate().flat_map(|(index, &word)| ones(index, word))
    }
}

/// The document numbers in one word of [`Bits`].
fn ones(index: usize, word: u64) -> impl Iterator<Item = u32> {
    let mut rest = word;
    std::iter::from_fn(move || {
        (rest != 0).then(|| {
            let bit = rest.trailing_zeros();
            rest &= rest - 1;
            index as u32 * 64 + bit
        })
    })
}

/// A segment and the number of its first document.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) base: u32,
    pub(crate) segment: Arc<Segment>,
}

/// The committed segments without what newer notes in memory hide.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    parts: Vec<Part>,
    span: u32,
    live: Bits,
    trashed: Bits,
    notes: usize,
    length: u64,
    languages: Languages,
}

impl Disk {
    /// `alive`: for each segment the documents that are not deleted.
    pub(crate) fn new(segments: Vec<(Arc<DiskSegment>, Vec<u32>)>) -> Disk {
        let mut disk = Disk::default();
        for (segment, alive) in segments {
            let base = disk.span;
            let part = Arc::new(Segment::Disk(Arc::clone(&segment)));
            disk.span = aligned(base + part.max_doc());
            disk.live.0.resize(disk.span as usize / 64, 0);
            disk.trashed.0.resize(disk.span as usize / 64, 0);
            for doc in alive {
                disk.live.insert(base + doc);
                disk.notes += 1;
                disk.length += u64::from(part.length(doc));
            }
            for &doc in &segment.trashed {
                disk.trashed.insert(base + doc);
            }
            disk.languages = disk.languages.union(segment.languages);
            disk.parts.push(Part { base, segment: part });
        }
        disk
    }

    /// Takes a note's committed version out of sight.
    pub(crate) fn hide(&mut self, id: NoteId) -> io::Result<()> {
        for part in &self.parts {
            let Segment::Disk(segment) = &*part.segment else { continue };
            for doc in segment.docs_of(id)? {
                if self.live.remove(part.base + doc) {
                    self.notes -= 1;
                    self.length -= u64::from(part.segment.length(doc));
                }
            }
        }
        Ok(())
    }

    /// The notes on disk, in no order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = NoteId> + '_ {
        self.parts.iter().flat_map(|part| {
            (0..part.segment.max_doc())
                .filter(|doc| self.live.contains(part.base + doc))
                .map(|doc| part.segment.id(doc))
        })
    }
}

fn aligned(span: u32) -> u32 {
    span.next_multiple_of(64)
}

pub(crate) struct Snapshot {
    pub(crate) parts: Vec<Part>,
    /// Document numbers are below this.
    pub(crate) span: u32,
    pub(crate) live: Bits,
    pub(crate) trashed: Bits,
    /// Live notes, trashed ones included.
    pub(crate) notes: usize,
    /// Sum of their lengths in words.
    pub(crate) length: u64,
    pub(crate) languages: Languages,
}

impl Snapshot {
    /// `fresh`: notes in memory in order of their ids; `disk` already hides their old versions.
    pub(crate) fn new(disk: &Disk, fresh: Vec<Arc<FreshNote>>) -> Snapshot {
        let mut snapshot = Snapshot {
            parts: disk.parts.clone(),
            span: disk.span,
            live: disk.live.clone(),
            trashed: disk.trashed.clone(),
            notes: disk.notes,
            length: disk.length,
            languages: disk.languages,
        };
        if !fresh.is_empty() {
            let base = disk.span;
            snapshot.span = aligned(base + fresh.len() as u32);
            snapshot.live.0.resize(snapshot.span as usize / 64, 0);
            snapshot.trashed.0.resize(snapshot.span as usize / 64, 0);
            for (note, at) in fresh.iter().zip(base..) {
                snapshot.live.insert(at);
                snapshot.notes += 1;
                if note.trashed {
                    snapshot.trashed.insert(at);
                }
            }
            let segment = Segment::Fresh(fresh);
            snapshot.length +=
                (0..segment.max_doc()).map(|doc| u64::from(segment.length(doc))).sum::<u64>();
            snapshot.languages = snapshot.languages.union(segment.languages());
            snapshot.parts.push(Part { base, segment: Arc::new(segment) });
        }
        snapshot
    }

    /// The part that holds a document, and its number there.
    pub(crate) fn place(&self, at: u32) -> (&Segment, u32) {
        let index = self.parts.partition_point(|part| part.base <= at) - 1;
        let part = &self.parts[index];
        (&part.segment, at - part.base)
    }

    pub(crate) fn id(&self, at: u32) -> NoteId {
        let (segment, doc) = self.place(at);
        segment.id(doc)
    }

    /// Those of the notes that are mostly in one of the languages, given by their codes.
    pub(crate) fn mostly_in(&self, notes: &[NoteId], languages: &[&str]) -> io::Result<NoteSet> {
        let mut ats = Vec::with_capacity(notes.len());
        for note in notes {
            ats.extend(self.find(*note)?);
        }
        ats.sort_unstable();
        let mut found = NoteSet::default();
        for part in &self.parts {
            let from = ats.partition_point(|at| *at < part.base);
            let until = ats.partition_point(|at| *at < part.base + part.segment.max_doc());
            let docs: Vec<u32> = ats[from..until].iter().map(|at| at - part.base).collect();
            for language in languages {
                let term = Facet::Mostly(language).term();
                part.segment.among(Pool::Filter, &term, &docs, &mut |doc| {
                    found.insert(part.segment.id(doc));
                })?;
            }
        }
        Ok(found)
    }

    /// When each of the notes was changed last; those that are not here are left out.
    pub(crate) fn updated(&self, notes: &[NoteId]) -> io::Result<Vec<(NoteId, Timestamp)>> {
        let mut found = Vec::with_capacity(notes.len());
        for &note in notes {
            if let Some(at) = self.find(note)? {
                let (segment, doc) = self.place(at);
                found.push((note, Timestamp(segment.updated(doc))));
            }
        }
        Ok(found)
    }

    /// The live document of a note.
    pub(crate) fn find(&self, id: NoteId) -> io::Result<Option<u32>> {
        let term = Facet::Id(id).term();
        let mut found = None;
        for part in &self.parts {
            part.segment.each(Pool::Filter, &term, &mut |docs, _| {
                let mut ats = docs.iter().map(|doc| part.base + doc);
                found = ats.find(|at| self.live.contains(*at)).or(found);
            })?;
        }
        Ok(found)
    }
}
