//! Words of a query → the terms to look up for them.

use std::ops::Range;
use std::sync::Arc;

use icu_segmenter::WordSegmenter;
use icu_segmenter::options::WordBreakInvariantOptions;
use note::{Expr, Field, Word};
use rustc_hash::FxHashSet;

use crate::analysis::{Shape, Tokenizer};
use crate::document::{Origin, Pool, stem_term};
use crate::language::{
    Language, Languages, Stems, TextLanguage, is_dense_stop_word, stemming_languages,
    stop_word_languages,
};
use crate::synonyms::Synonyms;

/// Groups of more words than this are questions or pasted text rather than key words.
pub(crate) const LONG_GROUP: usize = 12;

/// How much an occurrence counts by where it stands and how it matches; the body's word itself
/// counts one.
pub(crate) struct Weights {
    /// A word that only shares its stem.
    pub(crate) stem: f32,
    pub(crate) title: f32,
    /// Headings (on top of their place in the body) and tags.
    pub(crate) label: f32,
}

pub(crate) const WEIGHTS: Weights = Weights { stem: 0.9, title: 1.6, label: 0.4 };

/// A term and the weight of each of its occurrences.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    pub(crate) pool: Pool,
    pub(crate) term: String,
    pub(crate) weight: f32,
}

/// A position in a phrase, the folded word there, and whether one that begins so will do.
pub(crate) type Slot = (u32, String, bool);

/// What counts a little less than each occurrence of a word that a synonym stands for.
const SYNONYM_WEIGHT: f32 = 0.7;

/// Another word or phrase that counts as a unit's own.
#[derive(Clone, Debug)]
pub(crate) struct Synonym {
    /// As the person wrote it.
    pub(crate) text: String,
    /// Of a single word.
    pub(crate) sources: Vec<Source>,
    /// Of several words, which must follow each other; empty for one.
    pub(crate) slots: Vec<Slot>,
    pub(crate) weight: f32,
}

/// One token of a query word.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// Folded.
    pub(crate) text: String,
    pub(crate) shape: Shape,
    pub(crate) sources: Vec<Source>,
    pub(crate) synonyms: Vec<Synonym>,
    /// Notes with words that begin like this match as well.
    pub(crate) prefix: bool,
    pub(crate) field: Option<Field>,
    /// Its place among the tokens of the group.
    pub(crate) position: u32,
}

/// One word of a query: a note has it if it has all units of one alternative.
#[derive(Clone, Debug)]
pub(crate) struct PlannedWord {
    pub(crate) units: Vec<Unit>,
    /// Indices of `units`.
    pub(crate) alternatives: Vec<Vec<usize>>,
    pub(crate) stop: bool,
}

/// Plans words; remembers stems.
#[derive(Default)]
pub(crate) struct Planner {
    tokenizer: Tokenizer,
    stems: Stems,
    pub(crate) synonyms: Arc<Synonyms>,
    /// Room for an evaluation's numbers, one for each document.
    pub(crate) scores: Vec<f32>,
    pub(crate) counts: Vec<f32>,
}

impl Planner {
    /// Plans bare words for an index that holds notes in `present`. Words without a token are
    /// left out, doubles as well.
    pub(crate) fn words(&mut self, words: &[Word], present: Languages) -> Vec<PlannedWord> {
        let present = self.narrowed(words, present);
        let mut planned: Vec<PlannedWord> = Vec::new();
        let mut position = 0;
        let mut seen = FxHashSet::default();
        for word in words {
            let start = position;
            let mut units: Vec<Unit> = Vec::new();
            let mut ranges = Vec::new();
            let tokenizer = &mut self.tokenizer;
            let stems = &mut self.stems;
            tokenizer.tokenize(&word.text, |token| {
                let inside = token.shape == Shape::Last
                    && units.last().is_some_and(|unit| {
                        unit.shape == Shape::Pair && unit.position + 1 == position
                    });
                if !inside {
                    units.push(Unit {
                        text: token.text.to_owned(),
                        shape: token.shape,
                        sources: sources(
                            token.text,
                            token.lower,
                            token.shape,
                            word.field,
                            present,
                            stems,
                        ),
                        synonyms: Vec::new(),
                        prefix: token.shape == Shape::Last,
                        field: word.field,
                        position,
                    });
                    ranges.push(token.range);
                }
                position += 1;
            });
            let Some(last) = units.last_mut() else { continue };
            last.prefix |= word.prefix && last.shape == Shape::Word;
            if !seen.insert((word.text.clone(), word.field, word.prefix)) {
                continue;
            }
            let stop = units.len() == 1 && !units[0].prefix && word.field.is_none();
            let alternatives = split_runs(&word.text, &mut units, ranges);
            planned.push(PlannedWord { units, alternatives, stop });
            debug_assert!(start < position);
        }
        mark_stop_words(&mut planned, present);
        self.add_synonyms(words, &mut planned, present);
        planned
    }

    /// Gives the units of words that belong to a group the other words of the group.
    fn add_synonyms(&mut self, words: &[Word], planned: &mut [PlannedWord], present: Languages) {
        let synonyms = Arc::clone(&self.synonyms);
        for found in synonyms.in_words(words, present, &mut self.tokenizer, &mut self.stems) {
            let others: Vec<Synonym> =
                found.others.iter().map(|text| self.synonym(text, present)).collect();
            for word in planned.iter_mut() {
                let single = word.units.len() == 1 && found.tokens.len() == 1;
                for unit in &mut word.units {
                    if unit.field.is_none() && found.tokens.contains(&(unit.position as usize)) {
                        unit.synonyms.extend(others.iter().cloned());
                        word.stop &= !single;
                    }
                }
            }
        }
    }

    fn synonym(&mut self, text: &str, present: Languages) -> Synonym {
        let slots = self.phrase(text);
        let mut sources = Vec::new();
        if slots.len() == 1 {
            let (tokenizer, stems) = (&mut self.tokenizer, &mut self.stems);
            tokenizer.tokenize(text, |token| {
                if sources.is_empty() {
                    sources =
                        self::sources(token.text, token.lower, token.shape, None, present, stems);
                    for source in &mut sources {
                        source.weight *= SYNONYM_WEIGHT;
                    }
                }
            });
        }
        let slots = if slots.len() == 1 { Vec::new() } else { slots };
        Synonym { text: text.to_owned(), sources, slots, weight: SYNONYM_WEIGHT }
    }

    /// A long text tells its language; a few words may be of any that the notes are in.
    fn narrowed(&mut self, words: &[Word], present: Languages) -> Languages {
        if words.len() <= LONG_GROUP {
            return present;
        }
        let mut text = String::new();
        for word in words {
            text.push_str(&word.text);
            text.push(' ');
        }
        let mut marks = Vec::new();
        self.tokenizer.tokenize(&text, |token| marks.push(stop_word_languages(token.lower)));
        TextLanguage::detect(&text, marks.into_iter()).narrow(present)
    }

    /// The words of a phrase: for each position the folded token, and whether any token that
    /// begins like it will do (a single character of a script without spaces).
    pub(crate) fn phrase(&mut self, text: &str) -> Vec<Slot> {
        let mut slots: Vec<Slot> = Vec::new();
        let mut position = 0;
        let mut in_run = false;
        self.tokenizer.tokenize(text, |token| {
            match token.shape {
                Shape::Last if in_run => in_run = false,
                shape => {
                    slots.push((position, token.text.to_owned(), shape == Shape::Last));
                    in_run = shape == Shape::Pair;
                }
            }
            position += 1;
        });
        slots
    }

    /// The tokens of several texts, joined by spaces, as [`crate::document::Facet::Title`] has them.
    pub(crate) fn joined<'a>(&mut self, texts: impl Iterator<Item = &'a str>) -> String {
        let mut joined = String::new();
        for text in texts {
            self.tokenizer.tokenize(text, |token| {
                if !joined.is_empty() {
                    joined.push(' ');
                }
                joined.push_str(token.text);
            });
        }
        joined
    }
}

fn sources(
    text: &str,
    lower: &str,
    shape: Shape,
    field: Option<Field>,
    present: Languages,
    stems: &mut Stems,
) -> Vec<Source> {
    let mut found: Vec<Source> = Vec::new();
    let mut add = |pool: Pool, term: String, weight: f32| {
        if !found.iter().any(|source| source.pool == pool && source.term == term) {
            found.push(Source { pool, term, weight });
        }
    };
    let (body, title) = (field != Some(Field::Title), field != Some(Field::Body));
    let mut surface = |word: &str, weight: f32| {
        if body {
            add(Pool::Text, word.to_owned(), weight);
        }
        if title {
            add(Pool::Title, word.to_owned(), weight * WEIGHTS.title);
        }
        if field.is_none() {
            add(Pool::Stem, stem_term(Origin::Label, "", word), weight * WEIGHTS.label);
        }
    };
    surface(text, 1.0);
    if shape != Shape::Word {
        return found;
    }
    let mut stemmed: Vec<(Language, String)> = Vec::new();
    for language in stemming_languages(lower, present) {
        let stem = stems.stem(language, lower);
        // The Spanish "see" is no "se".
        if stem != text && stop_word_languages(stem).contains(language) {
            continue;
        }
        // A stem that is a word itself is not indexed a second time.
        surface(stem, WEIGHTS.stem);
        stemmed.push((language, stem.to_owned()));
    }
    for (language, stem) in stemmed {
        let code = language.code();
        if body {
            add(Pool::Stem, stem_term(Origin::Body, code, &stem), WEIGHTS.stem);
        }
        if title {
            let weight = WEIGHTS.stem * WEIGHTS.title;
            add(Pool::Stem, stem_term(Origin::Title, code, &stem), weight);
        }
        if field.is_none() {
            let weight = WEIGHTS.stem * WEIGHTS.label;
            add(Pool::Stem, stem_term(Origin::Label, code, &stem), weight);
        }
    }
    found
}

/// What must be there for a word to be there: all of its tokens; but a run without spaces holds
/// several words, and any one of them will do. Takes out the tokens of the run's stop words.
fn split_runs(text: &str, units: &mut Vec<Unit>, mut ranges: Vec<Range<usize>>) -> Vec<Vec<usize>> {
    if units.iter().all(|unit| unit.shape == Shape::Word) {
        return vec![(0..units.len()).collect()];
    }
    let segmenter = WordSegmenter::new_auto(WordBreakInvariantOptions::default());
    let breaks: Vec<usize> = segmenter.segment_str(text).collect();
    let mut words: Vec<Range<usize>> = breaks.windows(2).map(|pair| pair[0]..pair[1]).collect();
    let is_stop = |at: usize| {
        words.iter().any(|word| word.contains(&at) && is_dense_stop_word(&text[word.clone()]))
    };
    let carries = |unit: &Unit, range: &Range<usize>| {
        unit.shape == Shape::Word
            || text[range.clone()].char_indices().any(|(at, _)| !is_stop(range.start + at))
    };
    let kept: Vec<bool> =
        units.iter().zip(&ranges).map(|(unit, range)| carries(unit, range)).collect();
    if kept.contains(&true) {
        let mut flags = kept.iter();
        units.retain(|_| flags.next() == Some(&true));
        let mut flags = kept.iter();
        ranges.retain(|_| flags.next() == Some(&true));
        words.retain(|word| !is_dense_stop_word(&text[word.clone()]));
    }
    let mut found: Vec<Vec<usize>> = Vec::new();
    let mut short: Vec<Vec<usize>> = Vec::new();
    for word in words {
        let inside: Vec<usize> = (0..units.len())
            .filter(|&unit| word.start <= ranges[unit].start && ranges[unit].end <= word.end)
            .collect();
        if inside.is_empty() {
            // A single character: the pairs that it is part of.
            let touched = (0..units.len())
                .filter(|&unit| ranges[unit].start < word.end && word.start < ranges[unit].end);
            short.extend(touched.map(|unit| vec![unit]));
        } else {
            found.push(inside);
        }
    }
    if found.is_empty() { short } else { found }
}

/// Marks the stop words of the language that the group has most of, unless it has nothing else.
fn mark_stop_words(words: &mut [PlannedWord], present: Languages) {
    let mut known = present;
    known.insert(Language::ENGLISH);
    let mut counts = [0; 32];
    let marks: Vec<Languages> = words
        .iter()
        .map(|word| match word.stop {
            true => stop_word_languages(&word.units[0].text),
            false => Languages::default(),
        })
        .collect();
    for mark in &marks {
        for language in mark.iter().filter(|&language| known.contains(language)) {
            counts[language.index()] += 1;
        }
    }
    // English first among equals: it is the most common second language of notes.
    let Some(language) = Language::all()
        .filter(|&language| known.contains(language))
        .max_by_key(|&language| (counts[language.index()], std::cmp::Reverse(language.index())))
    else {
        return;
    };
    let all = marks.iter().all(|mark| mark.contains(language));
    for (word, mark) in words.iter_mut().zip(marks) {
        word.stop = !all && mark.contains(language);
    }
}

/// Whether the query asks for trashed notes.
pub(crate) fn wants_trashed(expr: &Expr) -> bool {
    match expr {
        Expr::Filter(note::Filter::Is(note::IsFlag::Trashed)) => true,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(wants_trashed),
        _ => false,
    }
}

/// The words and phrases that are asked for, those under a `Not` left out.
pub(crate) fn asked_for<'a>(expr: &'a Expr, visit: &mut impl FnMut(&'a Expr)) {
    match expr {
        Expr::Words(_) | Expr::Phrase { .. } => visit(expr),
        Expr::And(parts) | Expr::Or(parts) => {
            for part in parts {
                asked_for(part, visit);
            }
        }
        Expr::All | Expr::Filter(_) | Expr::Not(_) => {}
    }
}

/// The text that would have to be a title as a whole: the query's bare words or its one phrase,
/// beside filters only.
pub(crate) fn whole_text(expr: &Expr) -> Option<Vec<&str>> {
    match expr {
        Expr::Words(words) if words.iter().all(|word| word.field != Some(Field::Body)) => {
            Some(words.iter().map(|word| word.text.as_str()).collect())
        }
        Expr::Phrase { text, slop: 0, field: None | Some(Field::Title) } => Some(vec![text]),
        Expr::And(parts) => {
            let mut whole = None;
            for part in parts {
                match part {
                    Expr::Words(_) | Expr::Phrase { .. } if whole.is_none() => {
                        whole = Some(whole_text(part)?);
                    }
                    Expr::Filter(_) | Expr::Not(_) | Expr::All => {}
                    _ => return None,
                }
            }
            whole
        }
        _ => None,
    }
}
