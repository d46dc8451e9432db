//! The passage of a text that shows best why a query found it. Pure: reads no index.

use std::ops::Range;

use note::{Expr, Field, Query, Word};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Snippet;
use crate::analysis::{Shape, Token, Tokenizer};
use crate::language::{Language, Stems, TextLanguage, stop_word_languages};
use crate::plan::asked_for;

/// Bytes around the first match that are looked through for the best passage.
const SCANNED: usize = 64 * 1024;
/// Bytes of a text that are searched for a first match at all.
const SEARCHED: usize = 4 * 1024 * 1024;

/// One word of the query.
struct Wanted {
    text: String,
    lower: String,
    prefix: bool,
    /// Stop words are marked, but draw no passage.
    weight: f32,
}

/// The words of a query as a text is searched for them.
pub(crate) struct Matcher {
    wanted: Vec<Wanted>,
    exact: FxHashMap<String, usize>,
    /// First characters of the words: what begins with none of them is passed over quickly.
    firsts: FxHashSet<char>,
    stems: Stems,
    stemmed: FxHashMap<(Language, String), usize>,
}

struct Match {
    range: Range<usize>,
    word: usize,
}

impl Matcher {
    pub(crate) fn new(query: &Query, synonyms: &[String]) -> Matcher {
        let mut tokenizer = Tokenizer::default();
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut exact = FxHashMap::default();
        let mut add = |text: &str, prefix: bool, quoted: bool| {
            let mut in_run = false;
            let from = wanted.len();
            tokenizer.tokenize(text, |token| {
                let closes = token.shape == Shape::Last && in_run;
                in_run = token.shape == Shape::Pair;
                if closes || exact.contains_key(token.text) {
                    return;
                }
                let stop = !quoted && stop_word_languages(token.text).contains(Language::ENGLISH);
                exact.insert(token.text.to_owned(), wanted.len());
                wanted.push(Wanted {
                    text: token.text.to_owned(),
                    lower: token.lower.to_owned(),
                    prefix: token.shape == Shape::Last,
                    weight: if stop { 0.05 } else { 1.0 },
                });
            });
            if prefix
                && wanted.len() > from
                && let Some(last) = wanted.last_mut()
            {
                last.prefix = true;
                last.weight = 1.0;
            }
        };
        asked_for(&query.expr, &mut |expr| match expr {
            Expr::Words(words) => {
                for word in words.iter().filter(|word| word.field != Some(Field::Title)) {
                    add(&word.text, word.prefix, false);
                }
            }
            Expr::Phrase { text, field, .. } if *field != Some(Field::Title) => {
                add(text, false, true);
            }
            _ => {}
        });
        for text in synonyms {
            add(text, false, false);
        }
        let firsts = wanted.iter().filter_map(|word| word.text.chars().next()).collect();
        Matcher { wanted, exact, firsts, stems: Stems::default(), stemmed: FxHashMap::default() }
    }

    /// Prepares the stems of the query's words for a text's language.
    pub(crate) fn prepare(&mut self, language: TextLanguage) {
        self.stemmed.clear();
        for (index, word) in self.wanted.iter().enumerate() {
            if let Some(language) = language.of_word(&word.lower) {
                let stem = self.stems.stem(language, &word.lower).to_owned();
                self.stemmed.entry((language, stem)).or_insert(index);
            }
        }
    }

    /// The number of the query's word that a token is a form of.
    pub(crate) fn find(
        &mut self,
        text: &str,
        lower: &str,
        shape: Shape,
        language: TextLanguage,
    ) -> Option<usize> {
        let first = text.chars().next()?;
        if !self.firsts.contains(&first) {
            return None;
        }
        if let Some(&word) = self.exact.get(text) {
            return Some(word);
        }
        let begun = self.wanted.iter().position(|word| word.prefix && text.starts_with(&word.text));
        if begun.is_some() || shape != Shape::Word {
            return begun;
        }
        let language = language.of_word(lower)?;
        let stem = self.stems.stem(language, lower).to_owned();
        self.stemmed.get(&(language, stem)).copied()
    }

    pub(crate) fn number_of(&self, text: &str) -> Option<usize> {
        self.exact.get(text).copied()
    }

    pub(crate) fn text_of(&self, word: usize) -> &str {
        &self.wanted[word].text
    }

    /// The token is the word itself or begins with it, if that will do.
    pub(crate) fn is_exact(&self, word: usize, text: &str) -> bool {
        let wanted = &self.wanted[word];
        wanted.text == text || (wanted.prefix && text.starts_with(&wanted.text))
    }

    /// What of a token's bytes the word stands for: of a pair that only begins with it, the first character.
    pub(crate) fn range_in(&self, text: &str, token: &Token<'_>, word: usize) -> Range<usize> {
        let Range { start, end } = token.range;
        if token.shape != Shape::Pair || self.wanted[word].text == token.text {
            return start..end;
        }
        let second = token.text.chars().next_back().map_or(0, char::len_utf8);
        let first = text.floor_char_boundary(end.saturating_sub(second));
        start..if first > start { first } else { end }
    }
}

pub(crate) fn snippet(query: &Query, synonyms: &[String], text: &str, max_chars: usize) -> Snippet {
    let text = &text[..text.floor_char_boundary(SEARCHED)];
    let mut matcher = Matcher::new(query, synonyms);
    let mut tokenizer = Tokenizer::default();
    let language = language_of(text, &mut tokenizer);
    matcher.prepare(language);
    let matches = matches(text, &mut matcher, &mut tokenizer, language);
    let window = best_window(text, &matches, &matcher.wanted, max_chars);
    cut(text, window, &matches, max_chars)
}

/// As when the note was indexed, from the beginning of the text.
pub(crate) fn language_of(text: &str, tokenizer: &mut Tokenizer) -> TextLanguage {
    const SAMPLE: usize = 4096;
    let sample = &text[..text.floor_char_boundary(SAMPLE)];
    let mut marks = Vec::new();
    tokenizer.tokenize(sample, |token| marks.push(stop_word_languages(token.lower)));
    TextLanguage::detect(sample, marks.into_iter())
}

/// The matches in the first stretch of text that has any.
fn matches(
    text: &str,
    matcher: &mut Matcher,
    tokenizer: &mut Tokenizer,
    language: TextLanguage,
) -> Vec<Match> {
    let mut found: Vec<Match> = Vec::new();
    if matcher.wanted.is_empty() {
        return found;
    }
    let mut from = 0;
    while from < text.len() {
        let mut end = text.floor_char_boundary((from + SCANNED).min(text.len()));
        // Cut between words.
        if end < text.len()
            && let Some(space) = text[from..end].rfind(char::is_whitespace)
            && space > 0
        {
            end = from + space;
        }
        let stretch = &text[from..end];
        tokenizer.tokenize(stretch, |token| {
            if let Some(word) = matcher.find(token.text, token.lower, token.shape, language) {
                let inside = matcher.range_in(stretch, &token, word);
                found.push(Match { range: from + inside.start..from + inside.end, word });
            }
        });
        if found.iter().any(|found| matcher.wanted[found.word].weight >= 1.0) {
            break;
        }
        from = end.max(from + 1);
        while !text.is_char_boundary(from) {
            from += 1;
        }
    }
    found
}

/// The window with the most different words, close together, as early as possible; a range of
/// the text that holds its matches.
fn best_window(
    text: &str,
    matches: &[Match],
    wanted: &[Wanted],
    max_chars: usize,
) -> Option<Range<usize>> {
    let mut best: Option<(f32, Range<usize>)> = None;
    let mut counts = vec![0u32; wanted.len()];
    let mut value = 0.0f32;
    let mut first = 0;
    for (last, newest) in matches.iter().enumerate() {
        counts[newest.word] += 1;
        value += gain(counts[newest.word], wanted[newest.word].weight);
        // Bytes stand in for characters here: the cut measures exactly.
        while first < last && newest.range.end - matches[first].range.start > max_chars {
            let word = matches[first].word;
            value -= gain(counts[word], wanted[word].weight);
            counts[word] -= 1;
            first += 1;
        }
        let range = matches[first].range.start..newest.range.end;
        // Matches that stand together are worth a little more than those far apart.
        let spread = range.len() as f32 / max_chars.max(1) as f32;
        let score = value - 0.1 * spread.min(1.0);
        if best.as_ref().is_none_or(|(known, _)| score > known + 1e-3) && range.end <= text.len() {
            best = Some((score, range));
        }
    }
    best.map(|(_, range)| range)
}

/// What the `count`-th occurrence of a word adds.
fn gain(count: u32, weight: f32) -> f32 {
    if count == 1 { weight } else { weight * 0.1 / count as f32 }
}

/// Cuts `max_chars` characters around the window, at words where it can, on one line.
fn cut(text: &str, window: Option<Range<usize>>, matches: &[Match], max_chars: usize) -> Snippet {
    let window = window.unwrap_or(0..0);
    let inside = text[window.clone()].chars().take(max_chars).count();
    let spare = max_chars.saturating_sub(inside);
    // A third of the room before the first match, the rest after the last.
    let mut start = back(text, window.start, spare / 3);
    let before = text[start..window.start].chars().count();
    let mut end = forth(text, window.start, inside + spare - before);
    if end == text.len() {
        let shown = text[window.start..end].chars().count();
        start = back(text, window.start, max_chars - shown.min(max_chars));
    }
    if start > 0 && start < window.start {
        start = word_start(text, start, window.start);
    }
    if end < text.len() && end > window.end {
        end = word_end(text, window.end, end);
    }
    shown(text, start..end, matches)
}

fn back(text: &str, from: usize, chars: usize) -> usize {
    text[..from].char_indices().rev().take(chars).last().map_or(from, |(at, _)| at)
}

fn forth(text: &str, from: usize, chars: usize) -> usize {
    text[from..].char_indices().nth(chars).map_or(text.len(), |(at, _)| from + at)
}

/// The next line or word after `start`, if one begins soon; a passage best starts with a line.
fn word_start(text: &str, start: usize, latest: usize) -> usize {
    let stretch = &text[start..latest];
    if let Some(at) = stretch.rfind('\n') {
        return start + at + 1;
    }
    if text[..start].ends_with(char::is_whitespace) {
        return start;
    }
    match stretch.find(char::is_whitespace) {
        Some(at) if at < 40 => start + at,
        _ => start,
    }
}

fn word_end(text: &str, earliest: usize, end: usize) -> usize {
    if text[end..].starts_with(char::is_whitespace) {
        return end;
    }
    match text[earliest..end].rfind(char::is_whitespace) {
        Some(at) if end - (earliest + at) < 40 => earliest + at,
        _ => end,
    }
}

/// The stretch with runs of white space as one space, and its marks.
fn shown(text: &str, range: Range<usize>, matches: &[Match]) -> Snippet {
    let mut snippet = Snippet::default();
    let mut words = FxHashSet::default();
    let mut spans: Vec<Range<usize>> = Vec::new();
    for found in matches {
        if found.range.start >= range.start && found.range.end <= range.end {
            words.insert(found.word);
            match spans.last_mut() {
                // Pairs of dense scripts overlap.
                Some(last) if found.range.start <= last.end => {
                    last.end = last.end.max(found.range.end);
                }
                _ => spans.push(found.range.clone()),
            }
        }
    }
    snippet.matched_words = words.len();
    let mut spans = spans.into_iter().peekable();
    let mut open = None;
    let slice = &text[range.clone()];
    for (offset, c) in slice.char_indices() {
        let at = range.start + offset;
        if let Some(span) = spans.peek()
            && open.is_none()
            && at >= span.start
        {
            open = Some(snippet.text.len());
        }
        if c.is_whitespace() || c.is_control() {
            if !snippet.text.is_empty() && !snippet.text.ends_with(' ') {
                snippet.text.push(' ');
            }
        } else {
            snippet.text.push(c);
        }
        if let (Some(from), Some(span)) = (open, spans.peek())
            && at + c.len_utf8() >= span.end
        {
            if snippet.text.len() > from {
                snippet.marks.push(from..snippet.text.len());
            }
            open = None;
            spans.next();
        }
    }
    snippet.text.truncate(snippet.text.trim_end().len());
    let end = snippet.text.len();
    for mark in &mut snippet.marks {
        mark.end = mark.end.min(end);
    }
    snippet.marks.retain(|mark| mark.start < mark.end);
    snippet
}

pub(crate) fn highlight_terms(query: &Query, synonyms: &[String]) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        let text = text.trim();
        if !text.is_empty() && !terms.iter().any(|known| known == text) {
            terms.push(text.to_owned());
        }
    };
    asked_for(&query.expr, &mut |expr| match expr {
        Expr::Words(words) => content_words(query, words).for_each(|word| add(&word.text)),
        Expr::Phrase { text, .. } => add(text),
        _ => {}
    });
    synonyms.iter().for_each(|text| add(text));
    terms
}

/// Those of a query's words that are to be marked: "in" and "the" only where nothing else was asked for.
pub(crate) fn content_words<'a>(
    query: &Query,
    words: &'a [Word],
) -> impl Iterator<Item = &'a Word> + use<'a> {
    let language = TextLanguage::detect(
        &query.text,
        query.text.split_whitespace().map(|word| stop_word_languages(&note::fold(word))),
    );
    let is_content = move |word: &&Word| {
        word.prefix || !language.is_stop_word(stop_word_languages(&note::fold(&word.text)))
    };
    let any_content = words.iter().any(|word| is_content(&word));
    words.iter().filter(move |word| !any_content || is_content(word))
}
