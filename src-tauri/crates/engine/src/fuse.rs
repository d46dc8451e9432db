//! Two ranked lists become one. Scores are fused, not ranks: rank fusion gives a list that knows
//! nothing (a model that was never taught the language) as much say as one that is sure.

use std::collections::HashMap;

use note::{NoteId, Timestamp};
use store::Opens;

/// How deep each list is read; scores are normalised over this many hits, so that a longer page
/// never changes the order of a shorter one.
pub(crate) const DEPTH: usize = 100;

/// What use and a recent change add at most, as a share of what the best hit can have: enough to
/// order hits that are about as good as each other, and no more.
const OPENED: f32 = 0.02;
const CHANGED: f32 = 0.01;
/// Days after which an opening or a change counts half.
const HALF_LIFE: f32 = 30.0;
/// Openings that give half of [`OPENED`].
const OFTEN: f32 = 3.0;

/// How much meaning counts where both lists are equally sure, how much it matters which is surer, and
/// between what it stays. Tuned on one half of the judged sets of `cargo xtask eval --halves`.
const EVEN: f32 = 0.5;
const SURENESS: f32 = 0.8;
const LEAST: f32 = 0.15;
const MOST: f32 = 0.85;
/// The hit that the first one is compared with, and hits by words that tell a query's language.
const COMPARED: usize = 5;
const TELLING: usize = 10;

/// One note in a list by words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ByWords {
    pub(crate) note: NoteId,
    pub(crate) score: f32,
    pub(crate) title_exact: bool,
    pub(crate) updated: Timestamp,
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
    /// How much of the score is the part by meaning; the rest is the part by words.
    pub(crate) meaning_weight: f32,
    /// What these add to the score, and why: how often the note was opened, when it was changed.
    pub(crate) opened: f32,
    pub(crate) opens: Option<Opens>,
    pub(crate) changed: f32,
}

impl Fused {
    pub(crate) fn new(note: NoteId) -> Fused {
        Fused {
            note,
            score: 0.0,
            words: None,
            meaning: None,
            similarity: None,
            chunk: None,
            title_exact: false,
            foreign: false,
            meaning_weight: 0.0,
            opened: 0.0,
            opens: None,
            changed: 0.0,
        }
    }
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

/// How much meaning counts in one query, 0 to 1: more, the farther its first hit stands out from those
/// that follow, and less, the farther the first hit by words does. `coverage`:
/// the share of the query's words that the first hit has: with only some of them it is not sure. A query is taken to
/// be in the language of the notes that have its words: as far as the model was not taught that, meaning
/// says nothing.
pub(crate) fn meaning_weight(
    words: &[ByWords],
    meaning: &[ByMeaning],
    coverage: f32,
    understood: impl Fn(NoteId) -> bool,
) -> f32 {
    let (Some(by_words), Some(by_meaning)) = (words.first(), meaning.first()) else {
        return if words.is_empty() { 1.0 } else { 0.0 };
    };
    let lead = |first: f32, other: f32| if first > 0.0 { (first - other) / first } else { 0.0 };
    // A note that is not in the list has none of the words; of its meaning nothing is known.
    let other = words.get(COMPARED).map_or(0.0, |hit| hit.score);
    let words_lead = lead(by_words.score, other) * coverage;
    let other = meaning.get(COMPARED).or(meaning.last()).map_or(0.0, |hit| hit.similarity);
    let meaning_lead = lead(by_meaning.similarity, other);
    let weight = (EVEN + SURENESS * (meaning_lead - words_lead)).clamp(LEAST, MOST);
    let (mut all, mut readable) = (0.0, 0.0);
    for hit in words.iter().take(TELLING) {
        all += hit.score;
        readable += if understood(hit.note) { hit.score } else { 0.0 };
    }
    if all > 0.0 { weight * readable / all } else { weight }
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
                score: if foreign { part } else { (1.0 - weight) * part },
                words: Some(part),
                title_exact: hit.title_exact,
                foreign,
                meaning_weight: if foreign { 0.0 } else { weight },
                ..Fused::new(hit.note)
            }
        })
        .collect();
    let place: HashMap<NoteId, usize> =
        words.iter().enumerate().map(|(index, hit)| (hit.note, index)).collect();
    for hit in meaning.iter().filter(|hit| understood(hit.note)) {
        let part = of_meaning(hit.similarity);
        let index = *place.get(&hit.note).unwrap_or(&fused.len());
        if index == fused.len() {
            fused.push(Fused { meaning_weight: weight, ..Fused::new(hit.note) });
        }
        let entry = &mut fused[index];
        entry.score += weight * part;
        entry.meaning = Some(part);
        entry.similarity = Some(hit.similarity);
        entry.chunk = Some(hit.chunk);
    }
    rank(&mut fused);
    fused
}

/// Stable, so that equal scores keep the order of the lists, which is the same for every page.
fn rank(fused: &mut [Fused]) {
    fused.sort_by(|a, b| b.title_exact.cmp(&a.title_exact).then(b.score.total_cmp(&a.score)));
}

/// Among the first [`DEPTH`] hits, prefers a little those that are opened often or were changed
/// lately. `scale`: what the best hit could have.
pub(crate) fn prefer(
    fused: &mut [Fused],
    scale: f32,
    now: Timestamp,
    opens: impl Fn(NoteId) -> Option<Opens>,
    updated: impl Fn(NoteId) -> Option<Timestamp>,
) {
    // Whole days, so that notes of one import are not told apart by who came first.
    let freshness = |time: Timestamp| {
        let days = (now.0 - time.0).max(0) / (24 * 60 * 60 * 1000);
        (-(days as f32) / HALF_LIFE).exp2()
    };
    let first = fused.len().min(DEPTH);
    for hit in &mut fused[..first] {
        hit.opens = opens(hit.note);
        hit.opened = hit.opens.map_or(0.0, |opens| {
            let count = opens.count as f32;
            OPENED * scale * count / (count + OFTEN) * freshness(opens.last)
        });
        hit.changed = updated(hit.note).map_or(0.0, |time| CHANGED * scale * freshness(time));
        hit.score += hit.opened + hit.changed;
    }
    rank(&mut fused[..first]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[(i64, f32)]) -> Vec<ByWords> {
        list.iter()
            .map(|&(id, score)| ByWords {
                note: NoteId(id),
                score,
                title_exact: false,
                updated: Timestamp(0),
            })
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
    fn the_surer_list_counts_more() {
        let flat: Vec<(i64, f32)> = (0..20).map(|id| (id, 5.0 - id as f32 / 100.0)).collect();
        let peaked: Vec<(i64, f32)> = (0..20).map(|id| (id, 5.0 / (id + 1) as f32)).collect();
        let weight = |by_words: &[(i64, f32)], by_meaning: &[(i64, f32)], coverage: f32| {
            meaning_weight(&words(by_words), &meaning(by_meaning), coverage, |_| true)
        };
        assert!((weight(&flat, &flat, 1.0) - EVEN).abs() < 0.01);
        assert!((weight(&peaked, &peaked, 1.0) - EVEN).abs() < 0.01);
        assert!(weight(&peaked, &flat, 1.0) < 0.2);
        assert!(weight(&flat, &peaked, 1.0) > 0.8);
        assert!(
            weight(&peaked, &flat, 0.2) > weight(&peaked, &flat, 1.0),
            "it has few of the words"
        );
        assert!(weight(&[(1, 5.0)], &flat, 1.0) < 0.2, "one note alone has the words");
        assert_eq!(weight(&[], &flat, 0.0), 1.0);
        assert_eq!(weight(&flat, &[], 1.0), 0.0);
        let foreign = meaning_weight(&words(&flat), &meaning(&peaked), 1.0, |_| false);
        assert_eq!(foreign, 0.0);
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
    fn use_and_age_order_what_is_about_as_good() {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let now = Timestamp(1_000 * DAY);
        let order = |list: &[(i64, f32)]| -> Vec<i64> {
            let mut fused = fuse(&words(list), &[], 0.0, |_| true);
            let opens = |note: NoteId| {
                (note.0 == 3).then_some(Opens { count: 9, last: Timestamp(999 * DAY) })
            };
            let updated = |note: NoteId| Some(Timestamp((900 + 10 * note.0) * DAY));
            prefer(&mut fused, 1.0, now, opens, updated);
            fused.iter().map(|hit| hit.note.0).collect()
        };
        // Equals: the one in use, then the one changed last.
        assert_eq!(order(&[(1, 5.0), (2, 5.0), (3, 5.0), (4, 1.0)]), [3, 2, 1, 4]);
        // What is clearly better stays first.
        assert_eq!(order(&[(1, 5.0), (3, 4.0), (4, 1.0)]), [1, 3, 4]);
    }

    #[test]
    fn a_note_counts_by_its_best_chunk() {
        let hit = |id, chunk, similarity| vector::VectorHit { note: NoteId(id), chunk, similarity };
        let notes = best_per_note(&[hit(1, 0, 0.2), hit(2, 3, 0.5), hit(1, 4, 0.7)]);
        let found: Vec<(i64, u16)> = notes.iter().map(|hit| (hit.note.0, hit.chunk)).collect();
        assert_eq!(found, [(1, 4), (2, 3)]);
    }
}
