//! How well a passage answers a question, from what can be counted: which of the question's words it has,
//! how rare those are, how close together they stand, what it lacks, and how near it is by meaning. Two
//! logistic functions of that: one orders passages, one says whether the best one answers at all. Their
//! weights come from `cargo xtask eval-ask --fit`, on one half of the questions. Pure.

use keyword::TextWord;

use super::question::{Expects, is_question_word};

/// A word of the question that a passage should have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AskedWord {
    pub(crate) folded: String,
    pub(crate) stem: String,
    /// How rare it is among the notes, 0 to 1.
    pub(crate) rarity: f32,
    pub(crate) is_name: bool,
    pub(crate) is_number: bool,
    /// Its place among the words of the question.
    pub(crate) position: usize,
}

/// What is looked for in a passage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) words: Vec<AskedWord>,
    pub(crate) expects: Expects,
    pub(crate) negated: bool,
    /// All of its words, folded: an answer is none of them.
    pub(crate) said: Vec<String>,
}

const NEGATIONS: &str = " not no never none nobody nothing neither nor without cannot isn wasn aren weren don \
    doesn didn won couldn wouldn shouldn hasn haven hadn unable nicht kein keine keinen nie niemals ohne \
    ne pas jamais sans nunca sin non mai senza ";

pub(crate) fn is_negation(folded: &str) -> bool {
    NEGATIONS.contains(&format!(" {folded} "))
}

impl Asked {
    /// `rarity`: that of each word.
    pub(crate) fn new(
        question: &str,
        words: &[TextWord],
        rarity: &[f32],
        expects: Expects,
    ) -> Asked {
        let asked = words.iter().zip(rarity).enumerate().filter(|(_, (word, _))| {
            !word.is_stop && !is_question_word(&word.folded) && !is_negation(&word.folded)
        });
        let words_asked = asked.map(|(position, (word, rarity))| {
            let text = &question[word.range.clone()];
            AskedWord {
                folded: word.folded.clone(),
                stem: word.stem.clone(),
                rarity: rarity.max(0.05),
                is_name: position > 0 && text.starts_with(char::is_uppercase),
                is_number: text.starts_with(|c: char| c.is_ascii_digit()),
                position,
            }
        });
        Asked {
            words: words_asked.collect(),
            expects,
            negated: words.iter().any(|word| is_negation(&word.folded)),
            said: words.iter().map(|word| word.folded.clone()).collect(),
        }
    }
}

/// What was counted of one passage; shares are 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Share of the best note's score that its note has.
    pub retrieval: f32,
    /// Similarity of the passage to the question, and of its nearest sentence.
    pub similarity: f32,
    pub sentence_similarity: f32,
    /// Share of the question's words, by rarity, in the passage with its title; in its best sentence; and
    /// in that with its neighbours and the title.
    pub coverage: f32,
    pub sentence_coverage: f32,
    pub window_coverage: f32,
    /// Share of the question's pairs of neighbouring words that stand close together.
    pub adjacency: f32,
    /// Rarity of the rarest word that the passage lacks; of names and of numbers that it lacks.
    pub missing: f32,
    pub missing_name: f32,
    pub missing_number: f32,
    /// The best sentence with its neighbours has something of the sort that answers.
    pub fits: f32,
    /// Exactly one of question and sentence is negated.
    pub negation: f32,
    /// Bytes of the passage, in thousands.
    pub length: f32,
    /// How many words the question has, in tens.
    pub asked: f32,
    /// Missing words by count, in the window.
    pub missing_count: f32,
    /// Rarity of the rarest word that is missing around the best sentence.
    pub window_missing: f32,
}

/// Passages are ordered by these, sentences are found by the same words.
pub(crate) const FEATURES: usize = 16;

impl Evidence {
    /// In the order of the weights.
    pub fn features(&self) -> [f32; FEATURES] {
        [
            self.retrieval,
            self.similarity,
            self.sentence_similarity,
            self.coverage,
            self.sentence_coverage,
            self.window_coverage,
            self.adjacency,
            self.missing,
            self.missing_name,
            self.missing_number,
            self.fits,
            self.negation,
            self.length,
            self.asked,
            self.missing_count,
            self.window_missing,
        ]
    }
}

/// How well a word stands in a text: 1 as it is, less in another form.
fn strength(asked: &AskedWord, words: &[TextWord]) -> f32 {
    let mut best = 0.0f32;
    for word in words {
        if word.folded == asked.folded {
            return 1.0;
        }
        if word.stem == asked.stem {
            best = best.max(0.95);
        } else if best < 0.6 && is_akin(&word.folded, &asked.folded) {
            best = 0.6;
        }
    }
    best
}

/// Derived from the same word, as far as its beginning tells.
fn is_akin(a: &str, b: &str) -> bool {
    const BEGINNING: usize = 5;
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    same >= BEGINNING && same * 10 >= a.len().max(b.len()) * 6
}

fn strengths(asked: &Asked, words: &[TextWord]) -> Vec<f32> {
    asked.words.iter().map(|word| strength(word, words)).collect()
}

fn share(asked: &Asked, strengths: &[f32]) -> f32 {
    let all: f32 = asked.words.iter().map(|word| word.rarity).sum();
    if all <= 0.0 {
        return 0.0;
    }
    let held: f32 =
        asked.words.iter().zip(strengths).map(|(word, strength)| word.rarity * strength).sum();
    held / all
}

/// Of each asked word the larger strength.
fn either(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a.max(*b)).collect()
}

/// A passage as it is judged: its sentences as words, each with the text that they were read from.
pub(crate) struct Judged<'a> {
    pub(crate) sentences: Vec<(&'a str, Vec<TextWord>)>,
    /// Of the title and the headings above.
    pub(crate) title: Vec<TextWord>,
    pub(crate) bytes: usize,
}

impl Judged<'_> {
    /// The words of each sentence by how many of the question's it has, itself and beside its neighbours.
    pub(crate) fn sentence_values(&self, asked: &Asked) -> Vec<f32> {
        let own: Vec<Vec<f32>> =
            self.sentences.iter().map(|(_, words)| strengths(asked, words)).collect();
        let of_title = strengths(asked, &self.title);
        own.iter()
            .enumerate()
            .map(|(index, own_strengths)| {
                let fit = fits(asked, self.sentences[index].0, &self.sentences[index].1);
                share(asked, own_strengths)
                    + 0.3 * share(asked, &self.around(&own, &of_title, index))
                    + 0.15 * fit
            })
            .collect()
    }

    fn around(&self, own: &[Vec<f32>], of_title: &[f32], index: usize) -> Vec<f32> {
        let mut all = either(&own[index], of_title);
        if index > 0 {
            all = either(&all, &own[index - 1]);
        }
        if let Some(next) = own.get(index + 1) {
            all = either(&all, next);
        }
        all
    }

    /// What is counted when `best` is the sentence that answers best.
    pub(crate) fn evidence(&self, asked: &Asked, best: usize) -> Evidence {
        let own: Vec<Vec<f32>> =
            self.sentences.iter().map(|(_, words)| strengths(asked, words)).collect();
        let of_title = strengths(asked, &self.title);
        let whole = own.iter().fold(of_title.clone(), |all, own| either(&all, own));
        let mut found = Evidence {
            coverage: share(asked, &whole),
            length: self.bytes as f32 / 1000.0,
            asked: asked.said.len() as f32 / 10.0,
            adjacency: self.adjacency(asked),
            ..Evidence::default()
        };
        for (word, strength) in asked.words.iter().zip(&whole) {
            let lacking = word.rarity * (1.0 - strength);
            found.missing = found.missing.max(lacking);
            if word.is_name {
                found.missing_name = found.missing_name.max(lacking);
            }
            if word.is_number {
                found.missing_number = found.missing_number.max(1.0 - strength);
            }
        }
        let Some((text, words)) = self.sentences.get(best) else { return found };
        let window = self.around(&own, &of_title, best);
        found.sentence_coverage = share(asked, &own[best]);
        found.window_coverage = share(asked, &window);
        for (word, strength) in asked.words.iter().zip(&window) {
            found.window_missing = found.window_missing.max(word.rarity * (1.0 - strength));
            found.missing_count += (1.0 - strength) / asked.words.len() as f32;
        }
        found.fits = fits(asked, text, words);
        let negated = words.iter().any(|word| is_negation(&word.folded));
        found.negation = f32::from(u8::from(negated != asked.negated));
        found
    }

    fn adjacency(&self, asked: &Asked) -> f32 {
        /// Words further apart than this, other words between them included, say nothing of each other.
        const NEAR: usize = 4;
        let (mut all, mut held) = (0.0, 0.0);
        let same = |word: &TextWord, asked: &AskedWord| {
            word.folded == asked.folded || word.stem == asked.stem
        };
        for pair in asked.words.windows(2) {
            if pair[1].position - pair[0].position > NEAR - 1 {
                continue;
            }
            let weight = pair[0].rarity.min(pair[1].rarity);
            all += weight;
            let found = self.sentences.iter().any(|(_, words)| {
                words.iter().enumerate().any(|(at, word)| {
                    same(word, &pair[0])
                        && words[at.saturating_sub(NEAR)..words.len().min(at + NEAR + 1)]
                            .iter()
                            .any(|word| same(word, &pair[1]))
                })
            });
            held += if found { weight } else { 0.0 };
        }
        if all > 0.0 { held / all } else { 0.5 }
    }
}

/// Whether a sentence has something new of the sort that answers; a half where any words would do.
fn fits(asked: &Asked, text: &str, words: &[TextWord]) -> f32 {
    const TIMES: &str = " january february march april may june july august september october november \
        december monday tuesday wednesday thursday friday saturday sunday century decade year years day \
        days spring summer autumn winter morning evening noon midnight januar februar märz mai juni juli \
        oktober dezember montag dienstag mittwoch donnerstag freitag samstag sonntag jahr jahre ";
    const NUMBERS: &str = " one two three four five six seven eight nine ten eleven twelve thirteen twenty \
        thirty forty fifty hundred thousand million billion half quarter third twice once dozen several \
        eins zwei drei vier fünf sechs sieben acht neun zehn hundert tausend ";
    let found = words.iter().enumerate().any(|(index, word)| {
        if asked.said.contains(&word.folded) {
            return false;
        }
        let listed = |list: &str| list.contains(&format!(" {} ", word.folded));
        let digits = word.folded.starts_with(|c: char| c.is_ascii_digit());
        match asked.expects {
            Expects::Number => digits || listed(NUMBERS),
            Expects::Time => digits || listed(TIMES),
            Expects::Name => {
                index > 0
                    && !word.is_stop
                    && text[word.range.clone()].starts_with(char::is_uppercase)
            }
            Expects::Thing => !word.is_stop,
        }
    });
    match asked.expects {
        Expects::Thing => 0.5,
        _ => f32::from(u8::from(found)),
    }
}

/// Weights and a bias: a logistic function of [`Evidence::features`].
struct Logistic {
    bias: f32,
    weights: [f32; FEATURES],
}

impl Logistic {
    fn of(&self, evidence: &Evidence) -> f32 {
        let sum: f32 = evidence
            .features()
            .iter()
            .zip(&self.weights)
            .map(|(value, weight)| value * weight)
            .sum();
        1.0 / (1.0 + (-(self.bias + sum)).exp())
    }
}

const ORDER: Logistic = Logistic {
    bias: -3.0,
    weights: [2.0, 2.0, 2.0, 1.5, 1.5, 1.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0],
};

/// How likely a passage is the one that answers, beside others; 0 to 1.
pub(crate) fn order(evidence: &Evidence) -> f32 {
    ORDER.of(evidence)
}
