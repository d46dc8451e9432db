//! Where in one note a query is answered: its best passages by words and by meaning, and every place that
//! matches. Worked out for one note when a person asks for it.

use std::ops::Range;
use std::sync::Arc;

use note::{Note, NoteId, Query};

use crate::engine::Inner;
use crate::error::{Error, Result};
use crate::indexer::HEADINGS;
use crate::search::{self, Mode, Snippet, Why};

/// A part of a note that answers a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    pub heading_path: String,
    pub snippet: Snippet,
    /// Where it stands in the body, from its first match on, in UTF-16 units.
    pub range: (usize, usize),
    /// How many places in it match by words.
    pub matches: usize,
    /// Cosine similarity to the query, where it is near.
    pub similarity: Option<f32>,
    pub why: Why,
}

/// Where words and phrases of a query stand in a text, in UTF-16 units, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextMatches {
    pub places: Vec<(usize, usize)>,
    /// False if there are more than are told.
    pub complete: bool,
}

/// Length of a passage as it is shown, in characters: two lines of a narrow list.
const SHOWN: usize = 140;
/// Passages of one note that are told.
const PASSAGES: usize = 8;
/// A passage is near by meaning if it is not further from the note's nearest than this.
const NEAR: f32 = 0.15;
/// Words of a passage, where the model has not cut the note yet.
const WORDS: usize = 150;

/// A part of the body before it is known whether it answers.
pub(crate) struct Part {
    pub(crate) range: Range<usize>,
    pub(crate) heading_path: String,
    pub(crate) similarity: Option<f32>,
}

/// The best passages of a note for a query, in the order in which they stand there; none for a query of
/// filters only.
pub(crate) fn passages(
    inner: &Arc<Inner>,
    id: NoteId,
    text: &str,
    mode: Mode,
) -> Result<Vec<Passage>> {
    let query = note::parse(text, false, &inner.clock());
    let note = inner.store.read(|read| read.note(id))?;
    let note = note.ok_or_else(|| Error::not_found(format!("There is no note {id}.")))?;
    let target = match mode {
        Mode::Words => None,
        Mode::Both if query.is_quoted() && query.like.is_none() => None,
        Mode::Both | Mode::Meaning => search::query_vector(inner, &query, id)?,
    };
    let parts = parts(inner, &note, target.as_deref())?;
    let places = match mode {
        Mode::Meaning => Vec::new(),
        Mode::Both | Mode::Words => {
            inner.keyword().matches(&query, &note.body, &note::readable(&note.body)).places
        }
    };
    let unrelated = inner.serving().unrelated();
    let nearest = parts.iter().filter_map(|part| part.similarity).fold(unrelated, f32::max);
    let mut found: Vec<(f32, Passage)> = Vec::new();
    for part in parts {
        let from = places.partition_point(|place| place.start < part.range.start);
        let until = places.partition_point(|place| place.start < part.range.end);
        let near = part.similarity.filter(|s| *s >= unrelated.max(nearest - NEAR));
        if from < until || near.is_some() {
            found.push(passage(inner, &query, &note.body, part, near, &places[from..until]));
        }
    }
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    found.truncate(PASSAGES);
    let mut passages: Vec<Passage> = found.into_iter().map(|(_, passage)| passage).collect();
    passages.sort_by_key(|passage| passage.range);
    Ok(passages)
}

/// A passage, and how good it is beside others of its note.
fn passage(
    inner: &Inner,
    query: &Query,
    body: &str,
    part: Part,
    near: Option<f32>,
    places: &[Range<usize>],
) -> (f32, Passage) {
    let cut = |text: &str| inner.keyword().snippet(query, text, SHOWN);
    let snippet = cut(&note::plain_text_range(body, part.range.clone()));
    let start = places.first().map_or(part.range.start, |place| place.start);
    // Different words first, then how often they come, which counts ever less.
    let by_words = snippet.matched_words as f32 + (1.0 + places.len() as f32).ln() * 0.2;
    let value = if places.is_empty() { 0.0 } else { by_words } + near.unwrap_or(0.0);
    let passage = Passage {
        heading_path: with_page(body, part.heading_path, start),
        snippet: Snippet { text: snippet.text, marks: snippet.marks },
        range: utf16(body, start..part.range.end.max(start)),
        matches: places.len(),
        similarity: near,
        why: match (places.is_empty(), near.is_some()) {
            (true, _) => Why::Meaning,
            (false, true) => Why::Both,
            (false, false) => Why::Words,
        },
    };
    (value, passage)
}

/// The heading path with the page of a PDF that a place is on, as its import marked them.
pub(crate) fn with_page(body: &str, heading_path: String, at: usize) -> String {
    const MARK: &str = "<!-- page ";
    let before = &body[..body.floor_char_boundary(at)];
    let number = match before.rfind(MARK) {
        Some(mark) => before[mark + MARK.len()..].split(' ').next().unwrap_or_default(),
        None if body.contains(MARK) => "1",
        None => return heading_path,
    };
    match heading_path.as_str() {
        "" => format!("Page {number}"),
        path => format!("{path}{HEADINGS}Page {number}"),
    }
}

/// The note as the model has cut it, or cut by its words where that is still to come.
pub(crate) fn parts(inner: &Inner, note: &Note, target: Option<&[f32]>) -> Result<Vec<Part>> {
    let model = inner.serving().model.ready();
    if let Some(model) = &model {
        let (fresh, chunks, vectors) = inner.store.read(|read| {
            Ok((
                read.unchunked_of(model.model_id(), &[note.id])?.is_empty(),
                read.chunks(model.model_id(), note.id)?,
                read.chunk_vectors(model.model_id(), note.id)?,
            ))
        })?;
        let whole = chunks.iter().all(|chunk| note.body.get(chunk.start..chunk.end).is_some());
        if fresh && whole && !chunks.is_empty() && chunks.len() == vectors.len() {
            let near = |vector: &[f32]| {
                target.map(|target| target.iter().zip(vector).map(|(a, b)| a * b).sum())
            };
            let parts = chunks.into_iter().zip(vectors).map(|(chunk, (_, vector))| Part {
                range: chunk.start..chunk.end,
                heading_path: chunk.heading_path,
                similarity: near(&vector),
            });
            return Ok(parts.collect());
        }
    }
    let words = |text: &str| text.split_whitespace().count();
    let chunks = note::chunk(&note.title, &note.body, WORDS, &words);
    let parts = chunks.into_iter().map(|chunk| Part {
        range: chunk.range,
        heading_path: chunk.heading_path.join(HEADINGS),
        similarity: None,
    });
    Ok(parts.collect())
}

/// Every place in a text that matches a query by words; `markdown`: the text is a note's body, of which
/// only what is read counts.
pub(crate) fn matches(inner: &Inner, text: &str, query: &str, markdown: bool) -> TextMatches {
    let query = note::parse(query, false, &inner.clock());
    let readable = match markdown {
        true => note::readable(text),
        false => std::iter::once(0..text.len()).collect(),
    };
    let found = inner.keyword().matches(&query, text, &readable);
    let mut units = Units { text, at: 0, units: 0 };
    let place = |place: Range<usize>| (units.of(place.start), units.of(place.end));
    TextMatches { places: found.places.into_iter().map(place).collect(), complete: found.complete }
}

/// Counts UTF-16 units up to ascending byte offsets.
struct Units<'a> {
    text: &'a str,
    at: usize,
    units: usize,
}

impl Units<'_> {
    fn of(&mut self, byte: usize) -> usize {
        self.units += self.text[self.at..byte].encode_utf16().count();
        self.at = byte;
        self.units
    }
}

/// A byte range in UTF-16 units: what an editor counts in.
pub(crate) fn utf16(text: &str, range: Range<usize>) -> (usize, usize) {
    let mut units = Units { text, at: 0, units: 0 };
    (units.of(range.start), units.of(range.end))
}
