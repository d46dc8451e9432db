//! Two ranked lists become one. Scores are fused, not ranks: rank fusion gives a list that knows
//! nothing (a model that was never taught the language) as much say as one that is sure.

use std::collections::HashMap;

use note::NoteId;

/// How deep each list is read; scores are normalised over this many hits, so that a longer page
/// never changes the order of a shorter one.
pub(crate) const DEPTH: usize = 100;

/// One note in a list by words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ByWords {
    pub(crate) note: NoteId,
    pub(crate) score: f32,
    pub(crate) title_exact: bool,
}

/// One note in a list by meaning, with its best chunk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ByMeaning {
    pub(crate) note: NoteId,
    pub(crate) similarity: f32,
    pub(crate) chunk: u16,
}

/// One note of the fused list. `words` and `meaning` are the normalised parts, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fused {
    pub(crate) note: NoteId,
    pub(crate) score: f32,
    pub(crate) words: Option<f32>,
    pub(crate) meaning: Option<f32>,
    pub(crate) similarity: Option<f32>,
    pub(crate) chunk: Option<u16>,
    pub(crate) title_exact: bool,
}

/// The best chunk of each note, best first, at most [`DEPTH`] notes.
pub(crate) fn best_per_note(hits: &[vector::VectorHit]) -> Vec<ByMeaning> {
    let mut best: HashMap<NoteId, ByMeaning> = HashMap::with_capacity(hits.len());
    for hit in hits {
        let candidate = ByMeaning { note: hit.note, similarity: hit.similarity, chunk: hit.chunk };
        best.entry(hit.note)
            .and_modify(|held| {
                if candidate.similarity > held.similarity {
                    *held = candidate;
                }
            })
            .or_insert(candidate);
    }
    let mut notes: Vec<ByMeaning> = best.into_values().collect();
    notes.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.note.cmp(&b.note)));
    notes.truncate(DEPTH);
    notes
}

/// Min-max normalises the first [`DEPTH`] scores; later ones fall below the last of them.
fn normalise(scores: impl Iterator<Item = f32> + Clone) -> impl Fn(f32) -> f32 {
    let (low, high) = scores
        .take(DEPTH)
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), s| (low.min(s), high.max(s)));
    let span = high - low;
    move |score| if span > f32::EPSILON { ((score - low) / span).clamp(0.0, 1.0) } else { 1.0 }
}

/// Fuses both lists: `(1 − weight) · words + weight · meaning` of the normalised scores, where a
/// note that is missing from a list has 0 there. Exact titles come first; ties break by note.
pub(crate) fn fuse(words: &[ByWords], meaning: &[ByMeaning], weight: f32) -> Vec<Fused> {
    let of_words = normalise(words.iter().map(|hit| hit.score));
    let of_meaning = normalise(meaning.iter().map(|hit| hit.similarity));
    let mut fused: Vec<Fused> = words
        .iter()
        .map(|hit| {
            let part = of_words(hit.score);
            Fused {
                note: hit.note,
                score: (1.0 - weight) * part,
                words: Some(part),
                meaning: None,
                similarity: None,
                chunk: None,
                title_exact: hit.title_exact,
            }
        })
        .collect();
    let place: HashMap<NoteId, usize> =
        words.iter().enumerate().map(|(index, hit)| (hit.note, index)).collect();
    for hit in meaning {
        let part = of_meaning(hit.similarity);
        let index = *place.get(&hit.note).unwrap_or(&fused.len());
        if index == fused.len() {
            fused.push(Fused {
                note: hit.note,
                score: 0.0,
                words: None,
                meaning: None,
                similarity: None,
                chunk: None,
                title_exact: false,
            });
        }
        let entry = &mut fused[index];
        entry.score += weight * part;
        entry.meaning = Some(part);
        entry.similarity = Some(hit.similarity);
        entry.chunk = Some(hit.chunk);
    }
    fused.sort_by(|a, b| {
        b.title_exact
            .cmp(&a.title_exact)
            .then(b.score.total_cmp(&a.score))
            .then(b.words.unwrap_or(-1.0).total_cmp(&a.words.unwrap_or(-1.0)))
            .then(a.note.cmp(&b.note))
    });
    fused
}
