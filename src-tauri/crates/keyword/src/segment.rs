//! One part of what is searched: a tantivy segment on disk, or the notes in memory that are not
//! on disk yet. Both answer the same questions, so that searching does not know which is which.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use note::{NoteId, Timestamp};
use tantivy::columnar::{Column, StrColumn};
use tantivy::postings::{Postings, SegmentPostings, TermInfo};
use tantivy::query::{DfaWrapper, FuzzyTermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, InvertedIndexReader, SegmentReader, TERMINATED, Term};

use crate::document::{Facet, Lines, Pool};
use crate::language::{Language, Languages};
use crate::schema::Fields;

/// Takes ascending documents in blocks, with how often a term stands in each: one call for each document would
/// take longer than the work itself.
pub(crate) type Visit<'a> = dyn FnMut(&[u32], &[u32]) + 'a;

/// As many as tantivy puts in one block, each once.
const ONCE: [u32; 128] = [1; 128];

pub(crate) enum Segment {
    Disk(Arc<DiskSegment>),
    Fresh(Vec<Arc<FreshNote>>),
}

/// A committed tantivy segment, deletions apart.
pub(crate) struct DiskSegment {
    max_doc: u32,
    pools: [Arc<InvertedIndexReader>; 4],
    ids: Vec<NoteId>,
    created: Column<i64>,
    updated: Column<i64>,
    title: Option<StrColumn>,
    lengths: Vec<u16>,
    pub(crate) trashed: Vec<u32>,
    pub(crate) languages: Languages,
}

/// A note in memory: the sorted terms of each pool with their positions.
pub(crate) struct FreshNote {
    pub(crate) id: NoteId,
    created: Timestamp,
    updated: Timestamp,
    pub(crate) trashed: bool,
    pub(crate) length: u32,
    sort_title: String,
    pub(crate) languages: Languages,
    pools: [Vec<(Box<str>, Vec<u32>)>; 4],
}

impl FreshNote {
    pub(crate) fn new(lines: &Lines) -> FreshNote {
        let pools = Pool::ALL.map(|pool| {
            let mut places: Vec<(&str, u32)> = lines.pool(pool).lines().zip(0..).collect();
            places.sort_unstable();
            places
                .chunk_by(|a, b| a.0 == b.0)
                .map(|chunk| (chunk[0].0.into(), chunk.iter().map(|&(_, at)| at).collect()))
                .collect()
        });
        FreshNote {
            id: lines.id,
            created: lines.created,
            updated: lines.updated,
            trashed: lines.trashed,
            length: lines.length,
            sort_title: lines.sort_title.clone(),
            languages: lines.languages,
            pools,
        }
    }

    fn find(&self, pool: Pool, term: &str) -> Option<&[u32]> {
        let terms = &self.pools[pool as usize];
        let at = terms.binary_search_by(|(known, _)| (**known).cmp(term)).ok()?;
        Some(&terms[at].1)
    }

    fn with_prefix<'a>(
        &'a self,
        pool: Pool,
        prefix: &'a str,
    ) -> impl Iterator<Item = &'a (Box<str>, Vec<u32>)> {
        let terms = &self.pools[pool as usize];
        let from = terms.partition_point(|(known, _)| **known < *prefix);
        terms[from..].iter().take_while(move |(known, _)| known.starts_with(prefix))
    }
}

impl DiskSegment {
    pub(crate) fn open(reader: &SegmentReader, fields: Fields) -> tantivy::Result<DiskSegment> {
        let pool = |pool: Pool| reader.inverted_index(fields.pool(pool));
        let pools = [pool(Pool::Text)?, pool(Pool::Title)?, pool(Pool::Stem)?, pool(Pool::Filter)?];
        let columns = reader.fast_fields();
        let (id, length) = (columns.i64("id")?, columns.u64("length")?);
        let mut segment = DiskSegment {
            max_doc: reader.max_doc(),
            pools,
            ids: (0..reader.max_doc()).map(|doc| NoteId(id.first(doc).unwrap_or(0))).collect(),
            created: columns.i64("created")?,
            updated: columns.i64("updated")?,
            title: columns.str("sort_title")?,
            lengths: (0..reader.max_doc())
                .map(|doc| length.first(doc).unwrap_or(0).try_into().unwrap_or(u16::MAX))
                .collect(),
            trashed: Vec::new(),
            languages: Languages::default(),
        };
        let mut trashed = Vec::new();
        segment.each(Pool::Filter, &Facet::Trashed.term(), false, &mut |docs, _| {
            trashed.extend_from_slice(docs);
        })?;
        segment.trashed = trashed;
        for language in Language::all() {
            if segment.info(Pool::Filter, &Facet::Language(language.code()).term())?.is_some() {
                segment.languages.insert(language);
            }
        }
        Ok(segment)
    }

    fn info(&self, pool: Pool, term: &str) -> io::Result<Option<TermInfo>> {
        self.pools[pool as usize].terms().get(term.as_bytes())
    }

    fn each(&self, pool: Pool, term: &str, counted: bool, visit: &mut Visit<'_>) -> io::Result<()> {
        match self.info(pool, term)? {
            Some(info) => self.each_of(pool, &info, counted, visit),
            None => Ok(()),
        }
    }

    fn each_of(
        &self,
        pool: Pool,
        info: &TermInfo,
        counted: bool,
        visit: &mut Visit<'_>,
    ) -> io::Result<()> {
        let option = if counted { IndexRecordOption::WithFreqs } else { IndexRecordOption::Basic };
        let mut block =
            self.pools[pool as usize].read_block_postings_from_terminfo(info, option)?;
        while !block.docs().is_empty() {
            let docs = block.docs();
            if counted {
                visit(docs, block.freqs());
            } else {
                visit(docs, &ONCE[..docs.len()]);
            }
            block.advance();
        }
        Ok(())
    }

    /// The first `scan` terms with a prefix, and whether these are all: as many of the most frequent
    /// ones as have `postings` documents together.
    fn prefixed(
        &self,
        pool: Pool,
        prefix: &str,
        (scan, postings): (usize, usize),
    ) -> io::Result<(Vec<TermInfo>, bool)> {
        let terms = self.pools[pool as usize].terms();
        let mut range = terms.range().ge(prefix.as_bytes());
        if let Some(end) = after_prefix(prefix) {
            range = range.lt(end);
        }
        let mut stream = range.without_keys().into_stream()?;
        let mut infos = Vec::new();
        let mut sum = 0;
        while infos.len() < scan && stream.advance() {
            sum += stream.value().doc_freq as usize;
            infos.push(stream.value().clone());
        }
        let mut complete = infos.len() < scan;
        if sum > postings {
            complete = false;
            infos.sort_unstable_by_key(|info| {
                (std::cmp::Reverse(info.doc_freq), info.postings_range.start)
            });
            let mut left = postings;
            let fits = infos.iter().position(|info| {
                let fits = left >= info.doc_freq as usize;
                left = left.saturating_sub(info.doc_freq as usize);
                !fits
            });
            // The first is read whatever it costs: it is one word's.
            infos.truncate(fits.unwrap_or(infos.len()).max(1));
        }
        Ok((infos, complete))
    }

    pub(crate) fn docs_of(&self, id: NoteId) -> io::Result<Vec<u32>> {
        let mut docs = Vec::new();
        self.each(Pool::Filter, &Facet::Id(id).term(), false, &mut |found, _| {
            docs.extend_from_slice(found);
        })?;
        Ok(docs)
    }
}

/// The first string behind all that start with `prefix`.
fn after_prefix(prefix: &str) -> Option<Vec<u8>> {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return Some(end);
        }
        end.pop();
    }
    None
}

/// Reads the positions of one term, document by document, upwards.
pub(crate) enum Positions<'a> {
    Disk(Box<SegmentPostings>),
    Fresh(&'a [Arc<FreshNote>], Pool, String),
}

impl Positions<'_> {
    /// Appends the term's positions in `doc`, which must not be below the last one asked for.
    pub(crate) fn read(&mut self, doc: u32, out: &mut Vec<u32>) {
        match self {
            Positions::Disk(postings) => {
                let at = postings.doc();
                if at != TERMINATED && (at == doc || (at < doc && postings.seek(doc) == doc)) {
                    postings.append_positions_with_offset(0, out);
                }
            }
            Positions::Fresh(notes, pool, term) => {
                if let Some(places) = notes[doc as usize].find(*pool, term) {
                    out.extend_from_slice(places);
                }
            }
        }
    }
}

/// How many words the notes of a segment have.
pub(crate) enum Lengths<'a> {
    Disk(&'a [u16]),
    Fresh(&'a [Arc<FreshNote>]),
}

impl Lengths<'_> {
    pub(crate) fn of(&self, doc: u32) -> u16 {
        match self {
            Lengths::Disk(lengths) => lengths[doc as usize],
            Lengths::Fresh(notes) => notes[doc as usize].length.try_into().unwrap_or(u16::MAX),
        }
    }
}

impl Segment {
    pub(crate) fn max_doc(&self) -> u32 {
        match self {
            Segment::Disk(segment) => segment.max_doc,
            Segment::Fresh(notes) => notes.len() as u32,
        }
    }

    pub(crate) fn languages(&self) -> Languages {
        match self {
            Segment::Disk(segment) => segment.languages,
            Segment::Fresh(notes) => {
                notes.iter().fold(Languages::default(), |all, note| all.union(note.languages))
            }
        }
    }

    pub(crate) fn id(&self, doc: u32) -> NoteId {
        match self {
            Segment::Disk(segment) => segment.ids[doc as usize],
            Segment::Fresh(notes) => notes[doc as usize].id,
        }
    }

    pub(crate) fn created(&self, doc: u32) -> i64 {
        match self {
            Segment::Disk(segment) => segment.created.first(doc).unwrap_or(0),
            Segment::Fresh(notes) => notes[doc as usize].created.0,
        }
    }

    pub(crate) fn updated(&self, doc: u32) -> i64 {
        match self {
            Segment::Disk(segment) => segment.updated.first(doc).unwrap_or(0),
            Segment::Fresh(notes) => notes[doc as usize].updated.0,
        }
    }

    /// Visits the documents that were created, or updated, in a range of times (milliseconds).
    pub(crate) fn within(
        &self,
        created: bool,
        range: RangeInclusive<i64>,
        visit: &mut dyn FnMut(u32),
    ) {
        match self {
            Segment::Disk(segment) => {
                let column = if created { &segment.created } else { &segment.updated };
                // tantivy takes a range below all values for one that ends at the lowest.
                if *range.end() < column.min_value() || *range.start() > column.max_value() {
                    return;
                }
                let mut docs = Vec::new();
                column.get_docids_for_value_range(range, 0..segment.max_doc, &mut docs);
                docs.into_iter().for_each(visit);
            }
            Segment::Fresh(notes) => {
                for (note, doc) in notes.iter().zip(0..) {
                    let time = if created { note.created } else { note.updated };
                    if range.contains(&time.0) {
                        visit(doc);
                    }
                }
            }
        }
    }

    /// Orders documents of this segment as [`Segment::sort_title`] does, without reading it.
    pub(crate) fn title_rank(&self, doc: u32) -> Option<u64> {
        match self {
            Segment::Disk(segment) => segment.title.as_ref()?.term_ords(doc).next(),
            Segment::Fresh(_) => None,
        }
    }

    pub(crate) fn sort_title(&self, doc: u32) -> io::Result<String> {
        match self {
            Segment::Disk(segment) => {
                let mut title = String::new();
                if let Some(column) = &segment.title
                    && let Some(ord) = column.term_ords(doc).next()
                {
                    column.ord_to_str(ord, &mut title)?;
                }
                Ok(title)
            }
            Segment::Fresh(notes) => Ok(notes[doc as usize].sort_title.clone()),
        }
    }

    /// What [`Segment::length`] gives, for many documents.
    pub(crate) fn lengths(&self) -> Lengths<'_> {
        match self {
            Segment::Disk(segment) => Lengths::Disk(&segment.lengths),
            Segment::Fresh(notes) => Lengths::Fresh(notes),
        }
    }

    /// Words of the note without stop words.
    pub(crate) fn length(&self, doc: u32) -> u32 {
        u32::from(self.lengths().of(doc))
    }

    /// Visits the documents with the term.
    pub(crate) fn each(&self, pool: Pool, term: &str, visit: &mut Visit<'_>) -> io::Result<()> {
        match self {
            Segment::Disk(segment) => segment.each(pool, term, pool != Pool::Filter, visit),
            Segment::Fresh(notes) => {
                for (note, doc) in notes.iter().zip(0..) {
                    if let Some(places) = note.find(pool, term) {
                        visit(&[doc], &[places.len() as u32]);
                    }
                }
                Ok(())
            }
        }
    }

    /// Visits those of the ascending `docs` that have the term.
    pub(crate) fn among(
        &self,
        pool: Pool,
        term: &str,
        docs: &[u32],
        visit: &mut dyn FnMut(u32),
    ) -> io::Result<()> {
        match self {
            Segment::Disk(segment) => {
                let Some(info) = segment.info(pool, term)? else { return Ok(()) };
                let mut postings = segment.pools[pool as usize]
                    .read_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
                for &doc in docs {
                    if postings.doc() < doc {
                        postings.seek(doc);
                    }
                    if postings.doc() == doc {
                        visit(doc);
                    }
                }
            }
            Segment::Fresh(notes) => {
                for &doc in
                    docs.iter().filter(|doc| notes[**doc as usize].find(pool, term).is_some())
                {
                    visit(doc);
                }
            }
        }
        Ok(())
    }

    /// Visits the documents of the terms with a prefix, once for each term; of the most frequent ones
    /// if looking at all would exceed `limits` (terms, documents). False if not all were visited.
    /// Between terms `go_on` is asked.
    pub(crate) fn each_prefixed(
        &self,
        pool: Pool,
        prefix: &str,
        limits: (usize, usize),
        go_on: &mut dyn FnMut() -> bool,
        visit: &mut Visit<'_>,
    ) -> io::Result<bool> {
        match self {
            Segment::Disk(segment) => {
                let (infos, complete) = segment.prefixed(pool, prefix, limits)?;
                for (index, info) in infos.iter().enumerate() {
                    if index % 32 == 31 && !go_on() {
                        return Ok(false);
                    }
                    segment.each_of(pool, info, false, visit)?;
                }
                Ok(complete)
            }
            Segment::Fresh(notes) => {
                for (note, doc) in notes.iter().zip(0..) {
                    for (_, places) in note.with_prefix(pool, prefix) {
                        visit(&[doc], &[places.len().min(1) as u32]);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Documents that hold the term, deleted ones included.
    pub(crate) fn count(&self, pool: Pool, term: &str) -> io::Result<u32> {
        match self {
            Segment::Disk(segment) => Ok(segment.info(pool, term)?.map_or(0, |info| info.doc_freq)),
            Segment::Fresh(notes) => {
                Ok(notes.iter().filter(|note| note.find(pool, term).is_some()).count() as u32)
            }
        }
    }

    /// Terms spelt nearly alike, with how many documents have them.
    pub(crate) fn similar(
        &self,
        pool: Pool,
        spelling: &Spelling<'_>,
        visit: &mut dyn FnMut(&str, u32),
    ) -> io::Result<()> {
        match self {
            Segment::Disk(segment) => {
                let terms = segment.pools[pool as usize].terms();
                let mut search = terms.search(&spelling.automaton);
                if let Some(first) = spelling.first {
                    search = search.ge(first);
                    if let Some(end) = after_prefix(first) {
                        search = search.lt(end);
                    }
                }
                let mut stream = search.into_stream()?;
                while let Some((key, info)) = stream.next() {
                    if let Ok(term) = std::str::from_utf8(key) {
                        visit(term, info.doc_freq);
                    }
                }
            }
            Segment::Fresh(notes) => {
                for note in notes {
                    for (term, _) in &note.pools[pool as usize] {
                        if spelling.first.is_none_or(|first| term.starts_with(first))
                            && spelling.edits(term) <= usize::from(spelling.distance)
                        {
                            visit(term, 1);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// `None` if no document has the term.
    pub(crate) fn positions(&self, pool: Pool, term: &str) -> io::Result<Option<Positions<'_>>> {
        Ok(match self {
            Segment::Disk(segment) => match segment.info(pool, term)? {
                Some(info) => {
                    let postings = segment.pools[pool as usize].read_postings_from_terminfo(
                        &info,
                        IndexRecordOption::WithFreqsAndPositions,
                    )?;
                    Some(Positions::Disk(Box::new(postings)))
                }
                None => None,
            },
            Segment::Fresh(notes) => Some(Positions::Fresh(notes, pool, term.to_owned())),
        })
    }

    /// The terms with a prefix, at most `cap`, in order.
    pub(crate) fn terms_prefixed(
        &self,
        pool: Pool,
        prefix: &str,
        cap: usize,
    ) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        match self {
            Segment::Disk(segment) => {
                let terms = segment.pools[pool as usize].terms();
                let mut range = terms.range().ge(prefix.as_bytes());
                if let Some(end) = after_prefix(prefix) {
                    range = range.lt(end);
                }
                let mut stream = range.into_stream()?;
                while found.len() < cap && stream.advance() {
                    found.push(String::from_utf8_lossy(stream.key()).into_owned());
                }
            }
            Segment::Fresh(notes) => {
                for note in notes {
                    found.extend(
                        note.with_prefix(pool, prefix).take(cap).map(|(term, _)| term.to_string()),
                    );
                }
                found.sort_unstable();
                found.dedup();
                found.truncate(cap);
            }
        }
        Ok(found)
    }
}

/// A word and how far from it others may be spelt.
pub(crate) struct Spelling<'a> {
    word: &'a str,
    distance: u8,
    prefix: bool,
    /// The first letter, where that must be right: a dictionary is walked many times faster so.
    first: Option<&'a str>,
    automaton: DfaWrapper,
}

impl<'a> Spelling<'a> {
    /// Within `distance` edits, 2 at most, of `word`; or of a beginning, for a prefix. Two edits
    /// leave the first letter alone.
    pub(crate) fn new(word: &'a str, distance: u8, prefix: bool) -> tantivy::Result<Self> {
        // The field is of no matter to the automaton.
        let term = Term::from_field_text(Field::from_field_id(0), word);
        let query = if prefix {
            FuzzyTermQuery::new_prefix(term, distance, true)
        } else {
            FuzzyTermQuery::new(term, distance, true)
        };
        let first = (distance > 1)
            .then(|| word.chars().next().map(|first| &word[..first.len_utf8()]))
            .flatten();
        Ok(Spelling { word, distance, prefix, first, automaton: query.automaton()? })
    }

    pub(crate) fn edits(&self, other: &str) -> usize {
        edit_distance(self.word, other, self.prefix)
    }
}

/// Edits (insert, delete, replace, swap of neighbours) from `word` to `other`, or to the nearest
/// beginning of it. At least 3 when the lengths alone say so.
fn edit_distance(word: &str, other: &str, prefix: bool) -> usize {
    const FAR: usize = 3;
    let a: Vec<char> = word.chars().collect();
    let b: Vec<char> = other.chars().take(a.len() + FAR).collect();
    if a.len() >= b.len() + FAR || (!prefix && b.len() >= a.len() + FAR) {
        return FAR;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=a.len()).collect();
    let mut nearest = last[a.len()];
    for (i, &cb) in b.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &ca) in a.iter().enumerate() {
            let mut best = (last[j] + usize::from(ca != cb)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && ca == b[i - 1] && a[j - 1] == cb {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
        nearest = nearest.min(last[a.len()]);
    }
    if prefix { nearest } else { last[a.len()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits() {
        for (word, other, prefix, expected) in [
            ("deposit", "deposit", false, 0),
            ("deposti", "deposit", false, 1),
            ("depsit", "deposit", false, 1),
            ("depositt", "deposit", false, 1),
            ("debosid", "deposit", false, 2),
            ("lease", "deposit", false, 5),
            ("a", "deposit", false, 3),
            ("depsi", "deposit", true, 1),
            ("dep", "deposit", true, 0),
            ("über", "uber", false, 1),
        ] {
            assert_eq!(edit_distance(word, other, prefix), expected, "{word} {other}");
        }
    }

    #[test]
    fn ends_of_prefixes() {
        for (prefix, end) in [("ab", Some(b"ac".to_vec())), ("", None), ("z", Some(b"{".to_vec()))]
        {
            assert_eq!(after_prefix(prefix), end);
        }
    }
}
