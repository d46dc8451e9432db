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
    /// The model was not taught the note's language: its words alone count.
    pub(crate) foreign: bool,
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

/// Min-max normalises by the first [`DEPTH`] scores.
fn normalise(scores: impl Iterator<Item = f32> + Clone) -> impl Fn(f32) -> f32 {
    let (low, high) = scores
        .take(DEPTH)
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), s| (low.min(s), high.max(s)));
    let span = high - low;
    move |score| if span > f32::EPSILON { ((score - low) / span).clamp(0.0, 1.0) } else { 1.0 }
}

/// Fuses both lists: `(1 − weight) · words + weight · meaning` of the normalised scores, where a
/// note that is missing from a list has 0 there. For notes that are not `understood` the weight is
/// 0. Exact titles come first; ties keep the order by words.
pub(crate) fn fuse(
    words: &[ByWords],
    meaning: &[ByMeaning],
    weight: f32,
    understood: impl Fn(NoteId) -> bool,
) -> Vec<Fused> {
    let of_words = normalise(words.iter().map(|hit| hit.score));
    let of_meaning = normalise(meaning.iter().map(|hit| hit.similarity));
    let mut fused: Vec<Fused> = words
        .iter()
        .enumerate()
        .map(|(rank, hit)| {
            // Deeper hits count nothing here, so that a longer list never changes the order above it.
            let part = if rank < DEPTH { of_words(hit.score) } else { 0.0 };
            let foreign = !understood(hit.note);
            Fused {
                note: hit.note,
                score: if foreign { part } else { (1.0 - weight) * part },
                words: Some(part),
                meaning: None,
                similarity: None,
                chunk: None,
                title_exact: hit.title_exact,
                foreign,
            }
        })
        .collect();
    let place: HashMap<NoteId, usize> =
        words.iter().enumerate().map(|(index, hit)| (hit.note, index)).collect();
    for hit in meaning.iter().filter(|hit| understood(hit.note)) {
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
                foreign: false,
            });
        }
        let entry = &mut fused[index];
        entry.score += weight * part;
        entry.meaning = Some(part);
        entry.similarity = Some(hit.similarity);
        entry.chunk = Some(hit.chunk);
    }
    // Stable, so equal scores keep the order of the lists, which is the same for every page.
    fused.sort_by(|a, b| b.title_exact.cmp(&a.title_exact).then(b.score.total_cmp(&a.score)));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[(i64, f32)]) -> Vec<ByWords> {
        list.iter()
            .map(|&(id, score)| ByWords { note: NoteId(id), score, title_exact: false })
            .collect()
    }

    fn meaning(list: &[(i64, f32)]) -> Vec<ByMeaning> {
        list.iter()
            .map(|&(id, similarity)| ByMeaning { note: NoteId(id), similarity, chunk: 0 })
            .collect()
    }

    fn check(by_words: &[(i64, f32)], by_meaning: &[(i64, f32)], weight: f32, expected: &[i64]) {
        let order: Vec<i64> = fuse(&words(by_words), &meaning(by_meaning), weight, |_| true)
            .iter()
            .map(|hit| hit.note.0)
            .collect();
        assert_eq!(order, expected, "{by_words:?} {by_meaning:?} {weight}");
    }

    #[test]
    fn both_lists_have_their_say() {
        check(&[(1, 9.0), (2, 5.0), (3, 1.0)], &[], 0.5, &[1, 2, 3]);
        check(&[], &[(4, 0.9), (5, 0.2)], 0.5, &[4, 5]);
        check(&[(1, 9.0), (2, 8.0), (3, 1.0)], &[(2, 0.8), (9, 0.1)], 0.5, &[2, 1, 3, 9]);
        check(&[(1, 9.0), (2, 1.0)], &[(2, 0.8), (3, 0.1)], 0.0, &[1, 2, 3]);
    }

    #[test]
    fn notes_that_the_model_cannot_read_are_ranked_by_their_words() {
        let by_words = words(&[(1, 9.0), (2, 8.0), (3, 1.0)]);
        let by_meaning = meaning(&[(3, 0.9), (4, 0.8), (2, 0.1)]);
        let fused = fuse(&by_words, &by_meaning, 0.5, |_| false);
        let order: Vec<i64> = fused.iter().map(|hit| hit.note.0).collect();
        assert_eq!(order, [1, 2, 3]);
        assert!(fused.iter().all(|hit| hit.foreign && hit.meaning.is_none()));
        // One that it can read is not pushed back by the others.
        let fused = fuse(&by_words, &by_meaning, 0.5, |note| note.0 == 4);
        assert!(fused.iter().any(|hit| hit.note == NoteId(4) && hit.meaning.is_some()));
    }

    #[test]
    fn an_exact_title_comes_first() {
        let mut by_words = words(&[(1, 9.0), (2, 1.0)]);
        by_words[1].title_exact = true;
        let fused = fuse(&by_words, &meaning(&[(1, 0.9)]), 0.5, |_| true);
        assert_eq!(fused[0].note, NoteId(2));
    }

    #[test]
    fn a_longer_list_keeps_the_order_of_a_shorter_one() {
        let all: Vec<(i64, f32)> = (0..150).map(|id| (id, 7.0)).collect();
        let near: Vec<(i64, f32)> = (60..140).map(|id| (id, 0.3 + id as f32 / 1000.0)).collect();
        let order = |depth: usize| -> Vec<i64> {
            fuse(&words(&all[..depth]), &meaning(&near), 0.5, |_| true)
                .iter()
                .map(|h| h.note.0)
                .collect()
        };
        let (short, long) = (order(100), order(150));
        assert_eq!(short[..], long[..short.len()]);
    }

    #[test]
    fn a_note_counts_by_its_best_chunk() {
        let hit = |id, chunk, similarity| vector::VectorHit { note: NoteId(id), chunk, similarity };
        let notes = best_per_note(&[hit(1, 0, 0.2), hit(2, 3, 0.5), hit(1, 4, 0.7)]);
        let found: Vec<(i64, u16)> = notes.iter().map(|hit| (hit.note.0, hit.chunk)).collect();
        assert_eq!(found, [(1, 4), (2, 3)]);
    }
}
