//! The words of any text in the forms in which searches compare them, and how rare each is among the notes.

use std::io;
use std::ops::Range;

use crate::analysis::{Shape, Tokenizer};
use crate::document::{Origin, Pool, stem_term};
use crate::language::{Language, Stems, TextLanguage, is_dense_stop_word, stop_word_languages};
use crate::snapshot::Snapshot;
use crate::snippet::language_of;

/// One word of a text; in scripts without spaces, a pair of neighbouring characters.
#[derive(Clone, Debug, PartialEq)]
pub struct TextWord {
    /// Bytes of the text.
    pub range: Range<usize>,
    pub folded: String,
    /// By the rules of the text's language; the folded word where it has none.
    pub stem: String,
    /// It carries grammar rather than meaning.
    pub is_stop: bool,
    language: Option<Language>,
}

/// Cuts texts into words; remembers the forms of those that it has seen.
#[derive(Default)]
pub struct WordReader {
    tokenizer: Tokenizer,
    stems: Stems,
}

impl WordReader {
    /// The language that the beginning of a text is in.
    pub fn language_of(&mut self, text: &str) -> TextLanguage {
        language_of(text, &mut self.tokenizer)
    }

    /// The words of a text in their order, stemmed by the rules of a language.
    pub fn read(&mut self, text: &str, language: TextLanguage) -> Vec<TextWord> {
        let mut words = Vec::new();
        let mut in_run = false;
        let stems = &mut self.stems;
        self.tokenizer.tokenize(text, |token| {
            let closes = token.shape == Shape::Last && in_run;
            in_run = token.shape == Shape::Pair;
            if closes {
                return;
            }
            let of_word = language.of_word(token.lower).filter(|_| token.shape == Shape::Word);
            let stem = match of_word {
                Some(language) => stems.stem(language, token.lower).to_owned(),
                None => token.text.to_owned(),
            };
            let is_stop = match token.shape {
                Shape::Word => language.is_stop_word(stop_word_languages(token.lower)),
                Shape::Pair | Shape::Last => is_dense_stop_word(token.text),
            };
            words.push(TextWord {
                range: token.range.clone(),
                folded: token.text.to_owned(),
                stem,
                is_stop,
                language: of_word,
            });
        });
        words
    }
}

/// `ln((N + 1) / (n + 1)) / ln(N + 1)` of N notes of which n have the word.
pub(crate) fn rarity(snapshot: &Snapshot, word: &TextWord) -> io::Result<f32> {
    let (mut as_it_is, mut as_stem) = (0, 0);
    let stem = word
        .language
        .filter(|_| word.stem != word.folded)
        .map(|language| stem_term(Origin::Body, language.code(), &word.stem));
    for part in &snapshot.parts {
        as_it_is += part.segment.count(Pool::Text, &word.folded)?;
        if let Some(stem) = &stem {
            as_stem += part.segment.count(Pool::Stem, stem)?;
        }
        // A stem that is a word itself is no term of its own.
        if word.stem != word.folded {
            as_it_is += part.segment.count(Pool::Text, &word.stem)?;
        }
    }
    let all = snapshot.notes.max(1) as f32;
    let having = (as_it_is.max(as_stem) as f32).min(all);
    Ok(((all + 1.0) / (having + 1.0)).ln() / (all + 1.0).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_stems_and_stop_words_are_told() {
        let mut reader = WordReader::default();
        let text = "Where does the landlord keep our deposits and the keys of the houses?";
        let language = reader.language_of(text);
        let words = reader.read(text, language);
        let content: Vec<(&str, &str)> = words
            .iter()
            .filter(|word| !word.is_stop)
            .map(|word| (&text[word.range.clone()], word.stem.as_str()))
            .collect();
        assert!(content.contains(&("deposits", "deposit")), "{content:?}");
        assert!(!content.iter().any(|(word, _)| *word == "the"), "{content:?}");
    }
}
