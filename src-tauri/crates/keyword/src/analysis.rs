//! Text → tokens: the one way in which notes, queries and snippets are cut into words.
//!
//! Words are runs of letters, digits and marks, compared in folded form (NFKC, lower case, no
//! accents). Scripts written without spaces give one token for each character: the pair it forms
//! with the next one, and the last character alone, so that any substring can be found and a
//! phrase is exact. Knows nothing of languages, fields or tantivy.

use std::ops::Range;

use rustc_hash::FxHashMap;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest token in bytes; what is longer (encoded blobs) is cut, in notes and queries alike.
const MAX_TOKEN: usize = 128;
/// Remembered forms of words that are not ASCII: about a megabyte.
const MAX_FORMS: usize = 16_384;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Word,
    /// Two neighbours in a run of a script without spaces.
    Pair,
    /// The last character of such a run; it closes the run.
    Last,
}

/// One token. Each takes one position; positions count up from zero.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token<'a> {
    /// Folded: what is indexed and looked up.
    pub(crate) text: &'a str,
    /// Lower case with its accents: what stemmers want.
    pub(crate) lower: &'a str,
    /// Bytes of the original text.
    pub(crate) range: Range<usize>,
    pub(crate) shape: Shape,
}

struct Forms {
    folded: Box<str>,
    lower: Box<str>,
}

/// Cuts text into tokens; remembers the forms of words it has seen.
#[derive(Default)]
pub(crate) struct Tokenizer {
    forms: FxHashMap<Box<str>, Forms>,
    lower: String,
    run: Vec<(char, Range<usize>)>,
    pair: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Gap,
    Word,
    /// A script written without spaces between words.
    Dense,
}

impl Tokenizer {
    pub(crate) fn tokenize(&mut self, text: &str, mut sink: impl FnMut(Token<'_>)) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            if byte.is_ascii() {
                if !byte.is_ascii_alphanumeric() {
                    at += 1;
                    continue;
                }
                let start = at;
                let mut upper = false;
                while at < bytes.len() && bytes[at].is_ascii_alphanumeric() {
                    upper |= bytes[at].is_ascii_uppercase();
                    at += 1;
                }
                let joined = at < bytes.len() && !bytes[at].is_ascii() && {
                    let next = char_at(text, at);
                    class(next) == Class::Word || is_joiner(next) || is_combining_mark(next)
                };
                if joined {
                    at = self.word(text, start, &mut sink);
                } else {
                    at = symbol_end(bytes, start, at);
                    let word = &text[start..at];
                    let cut = &word[..word.len().min(MAX_TOKEN)];
                    let form = if upper {
                        self.lower.clear();
                        self.lower.push_str(cut);
                        self.lower.make_ascii_lowercase();
                        &self.lower
                    } else {
                        cut
                    };
                    sink(Token { text: form, lower: form, range: start..at, shape: Shape::Word });
                }
                at = skip_possessive(text, at);
            } else {
                let c = char_at(text, at);
                at = match class(c) {
                    Class::Gap => at + c.len_utf8(),
                    Class::Word => {
                        let end = self.word(text, at, &mut sink);
                        skip_possessive(text, end)
                    }
                    Class::Dense => self.dense(text, at, &mut sink),
                };
            }
        }
    }

    /// Emits the word at `start`, which is not all ASCII; returns its end.
    fn word(&mut self, text: &str, start: usize, sink: &mut impl FnMut(Token<'_>)) -> usize {
        let end = text[start..]
            .char_indices()
            .find(|&(_, c)| class(c) != Class::Word && !is_joiner(c) && !is_combining_mark(c))
            .map_or(text.len(), |(offset, _)| start + offset);
        let word = &text[start..end];
        if !self.forms.contains_key(word) {
            if self.forms.len() >= MAX_FORMS {
                self.forms.clear();
            }
            let lower = lower_form(word);
            let folded = fold_form(&lower);
            self.forms.insert(word.into(), Forms { folded, lower });
        }
        let forms = &self.forms[word];
        if !forms.folded.is_empty() {
            sink(Token {
                text: &forms.folded,
                lower: &forms.lower,
                range: start..end,
                shape: Shape::Word,
            });
        }
        end
    }

    /// Emits the run of dense script at `start`; returns its end.
    fn dense(&mut self, text: &str, start: usize, sink: &mut impl FnMut(Token<'_>)) -> usize {
        self.run.clear();
        let mut at = start;
        while at < text.len() {
            let c = char_at(text, at);
            if is_plain_dense(c) {
                let end = at + c.len_utf8();
                let marked = end < text.len() && is_dense_mark(char_at(text, end));
                if !marked {
                    self.run.push((c, at..end));
                    at = end;
                    continue;
                }
            } else if class(c) != Class::Dense && !(is_dense_mark(c) || is_joiner(c)) {
                break;
            }
            // A cluster: the character and what composes with it.
            let mut end = at + c.len_utf8();
            while end < text.len() && is_dense_mark(char_at(text, end)) {
                end += char_at(text, end).len_utf8();
            }
            for composed in text[at..end].nfkc().filter(|&c| !is_joiner(c)) {
                if composed.is_alphanumeric() || is_combining_mark(composed) {
                    self.run.push((composed, at..end));
                }
            }
            at = end;
        }
        for (index, (c, range)) in self.run.iter().enumerate() {
            self.pair.clear();
            self.pair.push(*c);
            let mut range = range.clone();
            let shape = match self.run.get(index + 1) {
                Some((next, next_range)) => {
                    self.pair.push(*next);
                    range.end = next_range.end;
                    Shape::Pair
                }
                None => Shape::Last,
            };
            sink(Token { text: &self.pair, lower: &self.pair, range, shape });
        }
        at
    }
}

fn char_at(text: &str, at: usize) -> char {
    text[at..].chars().next().expect("`at` is before a character")
}

/// `c#` and `c++` are words; any other sign is a gap.
fn symbol_end(bytes: &[u8], start: usize, end: usize) -> usize {
    if end - start != 1 || !bytes[start].is_ascii_alphabetic() {
        return end;
    }
    let rest = &bytes[end..];
    let signs = if rest.starts_with(b"++") {
        2
    } else if rest.starts_with(b"#") {
        1
    } else {
        return end;
    };
    match rest.get(signs) {
        Some(next) if next.is_ascii_alphanumeric() || *next == b'+' || *next == b'#' => end,
        _ => end + signs,
    }
}

/// The `'s` of "Anna's" is no word.
fn skip_possessive(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let Some(tail) = rest.strip_prefix('\'').or_else(|| rest.strip_prefix('’')) else {
        return at;
    };
    let mut chars = tail.chars();
    let ends = matches!(chars.next(), Some('s' | 'S'))
        && chars.next().is_none_or(|c| class(c) == Class::Gap && !is_combining_mark(c));
    if ends { text.len() - tail.len() + 1 } else { at }
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Class::Word } else { Class::Gap };
    }
    // The letters of most text, without asking the Unicode tables.
    if matches!(c, '\u{c0}'..='\u{24f}' | '\u{388}'..='\u{3ff}' | '\u{400}'..='\u{481}' | '\u{621}'..='\u{64a}')
        && !matches!(c, '×' | '÷' | '\u{38b}' | '\u{38d}' | '\u{3a2}' | '\u{3f6}' | '\u{640}')
    {
        return Class::Word;
    }
    if c < '\u{e00}' {
        return if c.is_alphanumeric() { Class::Word } else { Class::Gap };
    }
    match c {
        // Thai, Lao; Burmese; Khmer.
        '\u{e01}'..='\u{e3a}'
        | '\u{e40}'..='\u{e4e}'
        | '\u{e81}'..='\u{ecf}'
        | '\u{edc}'..='\u{edf}'
        | '\u{1000}'..='\u{103f}'
        | '\u{1050}'..='\u{108f}'
        | '\u{1780}'..='\u{17d3}' => Class::Dense,
        // Hangul: the spaces stand between phrases, particles are glued on.
        '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{ac00}'..='\u{d7a3}' => Class::Dense,
        // Han, Kana, Bopomofo.
        '\u{2e80}'..='\u{2fdf}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{3029}'
        | '\u{3041}'..='\u{3096}'
        | '\u{309d}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'..='\u{30ff}'
        | '\u{3105}'..='\u{312f}'
        | '\u{31a0}'..='\u{31bf}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}'
        | '\u{20000}'..='\u{3ffff}' => Class::Dense,
        c if c.is_alphanumeric() => Class::Word,
        _ => Class::Gap,
    }
}

/// Dense characters that NFKC leaves alone whatever follows, marks excepted.
fn is_plain_dense(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30fe}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{e01}'..='\u{e32}' | '\u{e34}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}')
}

/// What composes with the dense character before it: voicing marks, vowel and final jamo.
fn is_dense_mark(c: char) -> bool {
    matches!(c, '\u{3099}' | '\u{309a}' | '\u{ff9e}' | '\u{ff9f}' | '\u{1160}'..='\u{11ff}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Invisible characters inside words: they neither part nor count.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{640}')
}

fn lower_form(word: &str) -> Box<str> {
    let shown: String = word.chars().filter(|&c| !is_joiner(c)).collect();
    let lower: String = shown
        .nfkc()
        .flat_map(char::to_lowercase)
        .filter(|&c| c.is_alphanumeric() || is_combining_mark(c))
        .collect();
    cut(&lower.nfc().collect::<String>()).into()
}

/// Folds a word in lower case: accents as everywhere in Commonplace, and what Arabic and Hebrew
/// writers leave out or vary (vowel signs, hamza on alef, final forms of ya and ta).
pub(crate) fn fold_form(lower: &str) -> Box<str> {
    let folded: String = note::fold(lower)
        .chars()
        .filter_map(|c| match c {
            '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c7}' => {
                None
            }
            'أ' | 'إ' | 'آ' | 'ٱ' => Some('ا'),
            'ى' => Some('ي'),
            'ة' => Some('ه'),
            c => (c.is_alphanumeric() || is_combining_mark(c)).then_some(c),
        })
        .collect();
    cut(&folded).into()
}

fn cut(word: &str) -> &str {
    &word[..word.floor_char_boundary(MAX_TOKEN)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        Tokenizer::default().tokenize(text, |token| out.push(token.text.to_owned()));
        out
    }

    #[test]
    fn cuts_and_folds() {
        for (text, expected) in [
            ("", ""),
            (" \n\t-_.!", ""),
            ("The Quick-brown fox_jumps 3.14", "the quick brown fox jumps 3 14"),
            ("Anna's dogs’ O'Reilly don't it’s", "anna dogs o reilly don t it"),
            ("C++ and C# but not a#b, c+ or c##", "c++ and c# but not a b c or c"),
            ("Größe ÜBER Straße", "grosse uber strasse"),
            ("l'été À l’hôtel œuvre", "l ete a l hotel oeuvre"),
            ("Ёлка и мой ЙОД", "елка и мой йод"),
            ("İstanbul ıssız", "istanbul issiz"),
            ("ＦＵＬＬ ﬁne ①", "full fine 1"),
            ("soft\u{ad}hyphen zero\u{200b}width", "softhyphen zerowidth"),
            ("cafe\u{301} café", "cafe cafe"),
            ("東京大学", "東京 京大 大学 学"),
            ("東", "東"),
            ("2020年の東京Tower", "2020 年の の東 東京 京 tower"),
            ("ガ カ\u{3099} ｶﾞ", "ガ ガ ガ"),
            ("コーヒー・茶", "コー ーヒ ヒー ー 茶"),
            ("학교에", "학교 교에 에"),
            ("\u{1112}\u{1161}\u{11ab}글", "한글 글"),
            ("中文。分词", "中文 文 分词 词"),
            ("ไทย", "ไท ทย ย"),
            ("كِتَاب مدرسةـ أحمد", "كتاب مدرسه احمد"),
            ("हिन्दी", "हिन्दी"),
            ("👍 ok ❤\u{fe0f} 1\u{fe0f}\u{20e3}", "ok 1"),
        ] {
            assert_eq!(tokens(text).join(" "), expected, "{text:?}");
        }
    }

    #[test]
    fn long_blobs_are_cut() {
        assert_eq!(tokens(&"A".repeat(5000))[0].len(), MAX_TOKEN);
        assert!(tokens(&"é".repeat(5000))[0].len() <= MAX_TOKEN);
    }

    #[test]
    fn ranges_are_those_of_the_original() {
        let text = "Über ｶﾞｽ'n Anna's";
        let mut seen = Vec::new();
        Tokenizer::default().tokenize(text, |token| seen.push(&text[token.range]));
        assert_eq!(seen, ["Über", "ｶﾞｽ", "ｽ", "n", "Anna"]);
    }

    proptest! {
        #[test]
        fn any_text_gives_sound_tokens(text in "\\PC{0,60}") {
            let mut end = 0;
            Tokenizer::default().tokenize(&text, |token| {
                assert!(!token.text.is_empty() && !token.text.contains(['\n', ' ']));
                assert!(token.range.start < token.range.end);
                assert!(text.get(token.range.clone()).is_some());
                assert!(token.range.end >= end);
                end = token.range.end;
            });
        }

        #[test]
        fn tokens_of_tokens_are_themselves(text in "[a-zäöéßÉ '日本ยก-]{0,40}") {
            for token in tokens(&text).iter().filter(|token| token.is_ascii()) {
                assert_eq!(&tokens(token), std::slice::from_ref(token));
            }
        }
    }
}
