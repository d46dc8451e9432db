//! Every place in a text where what a query asks for stands. Pure: reads no index.

use std::ops::Range;

use note::{Expr, Field, Query};
use rustc_hash::FxHashMap;

use crate::Matches;
use crate::analysis::{Shape, Tokenizer};
use crate::language::is_dense_stop_word;
use crate::plan::asked_for;
use crate::snippet::{Matcher, content_words, language_of};

/// Places of one text that are told.
const PLACES: usize = 5_000;
/// From so many pairs of neighbours on, a run of a script without spaces is a sentence, of which each pair
/// counts; a shorter one is a word.
const DENSE_SENTENCE: usize = 4;

/// Words that stand one after the other, by their numbers in the matcher.
struct Target {
    words: Vec<usize>,
    /// How many other words may stand between them.
    slop: usize,
    /// In quotes: no other form of a word will do.
    exact: bool,
}

/// A word of the text that is one of the query.
struct Found {
    /// Which word of the text it is.
    position: usize,
    range: Range<usize>,
    exact: bool,
}

/// `readable`: the parts of the text that count, in order.
pub(crate) fn matches(
    query: &Query,
    synonyms: &[String],
    text: &str,
    readable: &[Range<usize>],
) -> Matches {
    let mut tokenizer = Tokenizer::default();
    let mut matcher = Matcher::new(query, synonyms);
    let targets = targets(query, &matcher, &mut tokenizer);
    if targets.is_empty() {
        return Matches { places: Vec::new(), complete: true };
    }
    let language = language_of(text, &mut tokenizer);
    matcher.prepare(language);
    let mut found: FxHashMap<usize, Vec<Found>> = FxHashMap::default();
    let mut position = 0;
    for span in readable {
        let part = &text[span.clone()];
        tokenizer.tokenize(part, |token| {
            if let Some(word) = matcher.find(token.text, token.lower, token.shape, language) {
                let inside = matcher.range_in(part, &token, word);
                let exact = matcher.is_exact(word, token.text);
                let range = span.start + inside.start..span.start + inside.end;
                found.entry(word).or_default().push(Found { position, range, exact });
            }
            position += 1;
        });
    }
    let mut places: Vec<Range<usize>> =
        targets.iter().flat_map(|target| target.places(&found)).collect();
    places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start < last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    let complete = merged.len() <= PLACES;
    merged.truncate(PLACES);
    Matches { places: merged, complete }
}

impl Target {
    fn places(&self, found: &FxHashMap<usize, Vec<Found>>) -> Vec<Range<usize>> {
        let of = |word: usize| found.get(&word).map_or(&[][..], Vec::as_slice);
        let fits = |found: &&Found| found.exact || !self.exact;
        let first = of(self.words[0]).iter().filter(fits);
        let whole = first.filter_map(|first| {
            let mut last = first;
            for &word in &self.words[1..] {
                let places = of(word);
                let next = places.partition_point(|place| place.position <= last.position);
                last = places[next..].iter().find(fits)?;
            }
            let between = last.position - first.position + 1 - self.words.len();
            (between <= self.slop).then_some(first.range.start..last.range.end)
        });
        whole.collect()
    }
}

/// What to look for: each bare word by itself, "in" and "the" only where nothing else was asked for; each
/// phrase as a whole.
fn targets(query: &Query, matcher: &Matcher, tokenizer: &mut Tokenizer) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    let mut read = |text: &str| {
        let mut words = Vec::new();
        let mut dense = true;
        let mut in_run = false;
        tokenizer.tokenize(text, |token| {
            let closes = token.shape == Shape::Last && in_run;
            in_run = token.shape == Shape::Pair;
            dense &= token.shape != Shape::Word;
            if !closes && let Some(word) = matcher.number_of(token.text) {
                words.push(word);
            }
        });
        (words, dense)
    };
    asked_for(&query.expr, &mut |expr| match expr {
        Expr::Words(asked) => {
            for word in content_words(query, asked) {
                if word.field == Some(Field::Title) {
                    continue;
                }
                let (words, dense) = read(&word.text);
                if dense && words.len() >= DENSE_SENTENCE {
                    let pairs = words.into_iter();
                    let telling = pairs.filter(|&pair| !is_dense_stop_word(matcher.text_of(pair)));
                    targets.extend(telling.map(|pair| Target {
                        words: vec![pair],
                        slop: 0,
                        exact: false,
                    }));
                } else if !words.is_empty() {
                    targets.push(Target { words, slop: 0, exact: false });
                }
            }
        }
        Expr::Phrase { text, slop, field } if *field != Some(Field::Title) => {
            let (words, _) = read(text);
            if !words.is_empty() {
                targets.push(Target { words, slop: *slop as usize, exact: true });
            }
        }
        _ => {}
    });
    targets
}
