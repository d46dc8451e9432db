//! Checks what a language model wrote against the passages that it was given: which citations there are,
//! and whether a passage says what the sentence says. Pure; how near two texts are by meaning is asked of
//! the caller.

use keyword::{TextWord, WordReader};

use super::Quote;
use super::evidence::is_negation;

/// What stands behind a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It stands in the passage as it is.
    Quoted,
    /// The passage says the same in other words, as far as words and meaning tell.
    Said,
    /// Nothing was found that says so.
    None,
}

/// One sentence of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Without its citations.
    pub text: String,
    /// Places among the quotes, from 0; only such as support it, or, where none does, those that were cited.
    pub cites: Vec<usize>,
    pub support: Support,
    /// It begins a line.
    pub begins_line: bool,
}

/// A sentence before it is checked.
#[derive(Debug, PartialEq)]
struct Cited {
    text: String,
    cites: Vec<usize>,
    begins_line: bool,
}

/// Share of a sentence's words that its passage must have; with less, it must be near by meaning too.
const ENOUGH: f32 = 0.75;
const SOME: f32 = 0.5;
const NEAR: f32 = 0.6;

/// The sentences of an answer, each with what supports it. Citations of passages that are not there are
/// dropped; where another passage supports a sentence and the cited one does not, that is cited instead.
/// `near`: similarity of two texts by meaning, 0 if that cannot be told.
pub(crate) fn check(
    answer: &str,
    quotes: &[Quote],
    near: &mut dyn FnMut(&str, &str) -> f32,
) -> Vec<Claim> {
    let mut reader = WordReader::default();
    cited(answer, quotes.len())
        .into_iter()
        .map(|sentence| {
            let mut supported = Vec::new();
            let mut best = Support::None;
            let others = (0..quotes.len()).filter(|index| !sentence.cites.contains(index));
            let order: Vec<usize> = sentence.cites.iter().copied().chain(others).collect();
            for index in order {
                let is_cited = sentence.cites.contains(&index);
                if !is_cited && best != Support::None {
                    break;
                }
                let found = support(&mut reader, &sentence.text, &quotes[index].text, near);
                if found != Support::None {
                    best = if best == Support::Quoted { best } else { found };
                    supported.push(index);
                }
            }
            let cites = if supported.is_empty() { sentence.cites } else { supported };
            Claim { text: sentence.text, cites, support: best, begins_line: sentence.begins_line }
        })
        .collect()
}

fn support(
    reader: &mut WordReader,
    sentence: &str,
    passage: &str,
    near: &mut dyn FnMut(&str, &str) -> f32,
) -> Support {
    let plain = |text: &str| note::fold(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let claim = plain(sentence);
    let claim = claim.trim_matches(|c: char| !c.is_alphanumeric());
    if claim.is_empty() {
        return Support::None;
    }
    if claim.contains(' ') && plain(passage).contains(claim) {
        return Support::Quoted;
    }
    let language = reader.language_of(passage);
    let said = reader.read(sentence, language);
    let content: Vec<&TextWord> = said.iter().filter(|word| !word.is_stop).collect();
    let held = reader.read(passage, language);
    let stands = |word: &TextWord| {
        held.iter().any(|other| other.folded == word.folded || other.stem == word.stem)
    };
    let is_number = |word: &TextWord| word.folded.starts_with(|c: char| c.is_ascii_digit());
    if content.is_empty() || content.iter().any(|word| is_number(word) && !stands(word)) {
        return Support::None;
    }
    let share = content.iter().filter(|word| stands(word)).count() as f32 / content.len() as f32;
    if share < SOME {
        return Support::None;
    }
    // The sentence of the passage that it comes from: there, "not" counts.
    let sentences = note::sentences(passage, 0..passage.len());
    let shared = |text: &str| {
        let words = reader.read(text, language);
        let share = content
            .iter()
            .filter(|word| {
                words.iter().any(|other| other.folded == word.folded || other.stem == word.stem)
            })
            .count();
        (share, words.iter().any(|word| is_negation(&word.folded)))
    };
    let mut shared = shared;
    let nearest = sentences
        .iter()
        .map(|range| (shared(&passage[range.clone()]), &passage[range.clone()]))
        .max_by_key(|((share, _), _)| *share);
    let Some(((_, negated), text)) = nearest else { return Support::None };
    if negated != said.iter().any(|word| is_negation(&word.folded)) {
        return Support::None;
    }
    if share >= ENOUGH || near(sentence, text) >= NEAR { Support::Said } else { Support::None }
}

/// Cuts an answer into sentences and takes the citations out of them. One that stands behind a sentence's
/// full stop belongs to that sentence.
fn cited(answer: &str, quotes: usize) -> Vec<Cited> {
    let mut plain = String::with_capacity(answer.len());
    let mut marks: Vec<(usize, usize)> = Vec::new();
    let mut rest = answer;
    while let Some(open) = rest.find('[') {
        let (before, bracket) = rest.split_at(open);
        plain.push_str(before);
        match bracket.find(']').and_then(|close| Some((close, numbers(&bracket[1..close])?))) {
            Some((close, numbers)) => {
                let kept = plain.trim_end().len();
                plain.truncate(kept.max(plain.trim_end_matches([' ', '\t']).len()));
                marks.extend(numbers.into_iter().map(|number| (plain.len(), number)));
                rest = &bracket[close + 1..];
            }
            None => {
                plain.push('[');
                rest = &bracket[1..];
            }
        }
    }
    plain.push_str(rest);
    let mut found: Vec<Cited> = Vec::new();
    let mut at = 0;
    let sentences = note::sentences(&plain, 0..plain.len());
    for (index, range) in sentences.iter().enumerate() {
        let until = sentences.get(index + 1).map_or(plain.len(), |next| next.start);
        let mut cites: Vec<usize> = Vec::new();
        for (_, number) in marks.iter().filter(|(place, _)| {
            (*place > range.start || index == 0)
                && (*place < until || *place <= range.end || index + 1 == sentences.len())
        }) {
            if (1..=quotes).contains(number) && !cites.contains(&(number - 1)) {
                cites.push(number - 1);
            }
        }
        let begins_line = index > 0 && plain[at..range.start].contains('\n');
        at = range.end;
        let text = plain[range.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
        found.push(Cited { text: text.replace(" .", "."), cites, begins_line });
    }
    found
}

/// The numbers of a citation: `1`, `1, 2`, `1-3`.
fn numbers(text: &str) -> Option<Vec<usize>> {
    const MOST: usize = 20;
    let mut numbers = Vec::new();
    for part in text.split([',', ';']) {
        let part = part.trim();
        match part.split_once(['-', '–']) {
            Some((from, until)) => {
                let (from, until): (usize, usize) =
                    (from.trim().parse().ok()?, until.trim().parse().ok()?);
                numbers.extend((from..=until).take(MOST));
            }
            None => numbers.push(part.parse().ok()?),
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use note::{NoteId, Timestamp};

    use super::super::Evidence;
    use super::*;

    fn quote(text: &str) -> Quote {
        Quote {
            note: NoteId(1),
            title: String::new(),
            notebook: String::new(),
            heading_path: String::new(),
            created: Timestamp(0),
            updated: Timestamp(0),
            range: 0..text.len(),
            place: (0, text.len()),
            text: text.to_owned(),
            best: 0..text.len(),
            score: 1.0,
            evidence: Evidence::default(),
        }
    }

    fn read(answer: &str) -> Vec<(String, Vec<usize>)> {
        cited(answer, 3).into_iter().map(|cited| (cited.text, cited.cites)).collect()
    }

    #[test]
    fn citations_are_read_and_invented_ones_dropped() {
        for (answer, expected) in [
            ("It is due in May [1].", vec![("It is due in May.", vec![0])]),
            (
                "It is due. [1] It was paid [2][3].",
                vec![("It is due.", vec![0]), ("It was paid.", vec![1, 2])],
            ),
            ("One [1, 3]. Two [7].", vec![("One.", vec![0, 2]), ("Two.", vec![])]),
            ("All of it [1-2]", vec![("All of it", vec![0, 1])]),
            ("See [the lease] and [9].", vec![("See [the lease] and.", vec![])]),
            ("", vec![]),
        ] {
            let expected: Vec<(String, Vec<usize>)> =
                expected.into_iter().map(|(text, cites)| (text.to_owned(), cites)).collect();
            assert_eq!(read(answer), expected, "{answer}");
        }
    }

    fn supported(answer: &str) -> Vec<(Vec<usize>, Support)> {
        let quotes = [
            quote("The landlord holds a deposit of 1,200 euros. It is returned within 30 days."),
            quote("The heating was not repaired before winter."),
        ];
        check(answer, &quotes, &mut |_, _| 0.0)
            .into_iter()
            .map(|claim| (claim.cites, claim.support))
            .collect()
    }

    #[test]
    fn sentences_are_checked_against_their_passages() {
        for (answer, expected) in [
            ("It is returned within 30 days [1].", (vec![0], Support::Quoted)),
            ("The landlord is holding the deposit of 1,200 euros [1].", (vec![0], Support::Said)),
            ("The landlord holds a deposit of 1,500 euros [1].", (vec![0], Support::None)),
            ("The heating was repaired before winter [2].", (vec![1], Support::None)),
            ("The cat sleeps on the sofa [1].", (vec![0], Support::None)),
            ("It is returned within 30 days [2].", (vec![0], Support::Quoted)),
            ("It is returned within 30 days.", (vec![0], Support::Quoted)),
        ] {
            assert_eq!(supported(answer), [expected], "{answer}");
        }
    }

    #[test]
    fn lines_are_kept() {
        let lines: Vec<bool> =
            cited("One. Two.\n- Three [1]", 1).iter().map(|cited| cited.begins_line).collect();
        assert_eq!(lines, [false, false, true]);
    }
}
