//! How well a passage answers a question, from what can be counted: which of the question's words it has,
//! how rare those are, how close together they stand, what it lacks, and how near it is by meaning. Two
//! logistic functions of that: one orders passages, one says whether the best one answers at all. What they
//! are worth, `cargo xtask eval-ask` tells on the half of the questions that they were not fitted to. Pure.

use keyword::TextWord;

use super::question::{Expects, is_question_word};

/// A word of the question that a passage should have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AskedWord {
    pub(crate) folded: String,
    pub(crate) stem: String,
    /// How rare it is among the notes, 0 to 1.
    pub(crate) rarity: f32,
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
    /// Superlatives and the like, which stop words and rarity pass over.
    pub(crate) extremes: Vec<String>,
}

/// What a word counts at least, however common it is.
const COMMON: f32 = 0.05;

const NEGATIONS: &str = " not no never none nobody nothing neither nor without cannot isn wasn aren weren don \
    doesn didn won couldn wouldn shouldn hasn haven hadn unable nicht kein keine keinen nie niemals ohne \
    ne pas jamais sans nunca sin non mai senza ";

pub(crate) fn is_negation(folded: &str) -> bool {
    NEGATIONS.contains(&format!(" {folded} "))
}

/// Words that narrow a question and that lists of stop words pass over.
const EXTREMES: &str = " first last only most least all every any best worst largest smallest biggest highest \
    lowest oldest newest latest earliest longest shortest main other same second third final ";

/// Words that say the opposite of each other.
const OPPOSITES: [(&str, &str); 60] = [
    ("first", "last"),
    ("last", "next"),
    ("most", "least"),
    ("more", "less"),
    ("more", "fewer"),
    ("many", "few"),
    ("high", "low"),
    ("higher", "lower"),
    ("highest", "lowest"),
    ("large", "small"),
    ("larger", "smaller"),
    ("largest", "smallest"),
    ("big", "small"),
    ("long", "short"),
    ("longer", "shorter"),
    ("longest", "shortest"),
    ("old", "new"),
    ("older", "younger"),
    ("oldest", "newest"),
    ("oldest", "youngest"),
    ("early", "late"),
    ("earlier", "later"),
    ("earliest", "latest"),
    ("before", "after"),
    ("begin", "end"),
    ("began", "ended"),
    ("start", "end"),
    ("started", "ended"),
    ("above", "below"),
    ("north", "south"),
    ("northern", "southern"),
    ("east", "west"),
    ("eastern", "western"),
    ("left", "right"),
    ("up", "down"),
    ("upper", "lower"),
    ("inside", "outside"),
    ("internal", "external"),
    ("increase", "decrease"),
    ("increased", "decreased"),
    ("rise", "fall"),
    ("rose", "fell"),
    ("gain", "lose"),
    ("won", "lost"),
    ("win", "lose"),
    ("buy", "sell"),
    ("bought", "sold"),
    ("open", "closed"),
    ("public", "private"),
    ("rich", "poor"),
    ("strong", "weak"),
    ("primary", "secondary"),
    ("major", "minor"),
    ("best", "worst"),
    ("better", "worse"),
    ("always", "never"),
    ("with", "without"),
    ("same", "different"),
    ("true", "false"),
    ("allowed", "forbidden"),
];

/// Whether a text that lacks `asked` has its opposite: one of a known pair, or the same word with or without
/// a negating beginning.
fn has_opposite(asked: &str, folded: &dyn Fn(&str) -> bool) -> bool {
    const BEGINNINGS: [&str; 8] = ["un", "in", "im", "non", "dis", "ir", "il", "anti"];
    OPPOSITES.iter().any(|(a, b)| (*a == asked && folded(b)) || (*b == asked && folded(a)))
        || BEGINNINGS.iter().any(|beginning| {
            folded(&format!("{beginning}{asked}"))
                || asked.strip_prefix(beginning).is_some_and(|rest| rest.len() > 3 && folded(rest))
        })
}

impl Asked {
    /// `rarity`: that of each word.
    pub(crate) fn new(words: &[TextWord], rarity: &[f32], expects: Expects) -> Asked {
        let asked = words.iter().zip(rarity).enumerate().filter(|(_, (word, _))| {
            !word.is_stop && !is_question_word(&word.folded) && !is_negation(&word.folded)
        });
        let words_asked = asked.map(|(position, (word, rarity))| AskedWord {
            folded: word.folded.clone(),
            stem: word.stem.clone(),
            rarity: rarity.max(COMMON),
            position,
        });
        Asked {
            words: words_asked.collect(),
            expects,
            negated: words.iter().any(|word| is_negation(&word.folded)),
            extremes: words
                .iter()
                .filter(|word| EXTREMES.contains(&format!(" {} ", word.folded)))
                .map(|word| word.folded.clone())
                .collect(),
            said: words.iter().map(|word| word.folded.clone()).collect(),
        }
    }
}

/// What was counted of one passage; shares are 0 to 1, and what is so or not so is 1 or 0.
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
    /// The best sentence has something of the sort that answers, which the question does not say.
    pub fits: f32,
    /// Share of the question's words in the best short stretch around the best sentence.
    pub compactness: f32,
    /// The question asks for what is not so: a passage seldom says that.
    pub negated: f32,
    /// The opposite of a word of the question stands around the best sentence.
    pub opposite: f32,
    /// Exactly one of question and sentence is negated.
    pub contrary: f32,
    /// Words like "first" and "only" that are asked for and not there.
    pub extremes: f32,
    /// Bytes of the passage, in thousands: a long one has words by chance.
    pub length: f32,
    /// Words of the question, in tens: a long one says more.
    pub asked: f32,
}

pub(crate) const FEATURES: usize = 15;

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
            self.fits,
            self.compactness,
            self.negated,
            self.opposite,
            self.contrary,
            self.extremes,
            self.length,
            self.asked,
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
        let Some((text, words)) = self.sentences.get(best) else { return found };
        let window = self.around(&own, &of_title, best);
        found.sentence_coverage = share(asked, &own[best]);
        found.window_coverage = share(asked, &window);
        found.negated = f32::from(u8::from(asked.negated));
        let from = best.saturating_sub(1);
        let near = &self.sentences[from..self.sentences.len().min(best + 2)];
        let folded =
            |text: &str| near.iter().any(|(_, words)| words.iter().any(|word| word.folded == text));
        let only_there = |text: &str| folded(text) && !asked.said.iter().any(|said| said == text);
        let opposite =
            asked.said.iter().any(|word| !folded(word) && has_opposite(word, &only_there));
        found.opposite = f32::from(u8::from(opposite));
        let lacking = asked.extremes.iter().filter(|word| !folded(word)).count();
        found.extremes = lacking as f32;
        found.compactness = self.compactness(asked, best);
        found.fits = fits(asked, text, words);
        let negated = words.iter().any(|word| is_negation(&word.folded));
        found.contrary = f32::from(u8::from(negated != asked.negated));
        found
    }

    /// The largest share of the question's words that stands in a stretch around the best sentence of at most
    /// three times as many words as it has.
    fn compactness(&self, asked: &Asked, best: usize) -> f32 {
        let stretch = asked.words.len() * 3 + 2;
        let from = best.saturating_sub(1);
        let words: Vec<&TextWord> = self.sentences[from..self.sentences.len().min(best + 2)]
            .iter()
            .flat_map(|(_, words)| words)
            .collect();
        let held: Vec<Option<usize>> = words
            .iter()
            .map(|word| {
                asked
                    .words
                    .iter()
                    .position(|asked| word.folded == asked.folded || word.stem == asked.stem)
            })
            .collect();
        let all: f32 = asked.words.iter().map(|word| word.rarity).sum();
        let mut most = 0.0f32;
        for start in 0..held.len() {
            let mut found = vec![false; asked.words.len()];
            for held in held[start..held.len().min(start + stretch)].iter().flatten() {
                found[*held] = true;
            }
            let value: f32 = asked
                .words
                .iter()
                .zip(&found)
                .filter(|(_, found)| **found)
                .map(|(word, _)| word.rarity)
                .sum();
            most = most.max(value);
        }
        if all > 0.0 { most / all } else { 0.0 }
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
        let features = evidence.features();
        let sum: f32 =
            features.iter().zip(&self.weights).map(|(value, weight)| value * weight).sum();
        1.0 / (1.0 + (-(self.bias + sum)).exp())
    }
}

/// Round numbers: weights fitted to the tuned half of squad-dev order its passages no better.
const ORDER: Logistic = Logistic {
    bias: -3.0,
    weights: [2.0, 2.0, 2.0, 1.5, 1.5, 1.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
};

/// Fitted to whether a question of the tuned half of squad-dev has an answer at all, with L2 regularisation of
/// the standardised features (C = 0.1) and both classes of equal weight. What only tells how that set was made,
/// such as that questions without an answer have more of their words in one passage, is left out.
const ANSWERS: Logistic = Logistic {
    bias: -3.65,
    weights: [
        0.0, 1.11, 2.88, 0.0, 0.0, 0.65, 0.0, 0.58, 0.93, -0.95, -1.79, -0.83, -0.41, -1.15, 0.84,
    ],
};

/// Below this a question counts as not answered: less than a tenth of the answered ones of either half lie there.
pub(crate) const ANSWERED: f32 = 0.305;
/// The same, where nothing is known of meaning: by the words around the best sentence alone.
pub(crate) const ANSWERED_BY_WORDS: f32 = 0.6;

/// How likely a passage is the one that answers, beside others; 0 to 1.
pub(crate) fn order(evidence: &Evidence) -> f32 {
    ORDER.of(evidence)
}

/// How likely the notes answer the question if this is the best passage; 0 to 1.
pub(crate) fn answers(evidence: &Evidence) -> f32 {
    ANSWERS.of(evidence)
}

/// The same by words alone.
pub(crate) fn answers_by_words(evidence: &Evidence) -> f32 {
    0.6 * evidence.window_coverage + 0.4 * evidence.compactness
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyword::WordReader;

    const PASSAGE: &str = "The lease began in 2021. The landlord keeps a deposit of 1,200 euros. \
        It is returned within 30 days after the keys are handed over.";

    fn judge(question: &str, expects: Expects) -> Evidence {
        let mut reader = WordReader::default();
        let language = reader.language_of(PASSAGE);
        let words = reader.read(question, language);
        let asked = Asked::new(&words, &vec![0.5; words.len()], expects);
        let sentences: Vec<_> = note::sentences(PASSAGE, 0..PASSAGE.len())
            .into_iter()
            .map(|range| (&PASSAGE[range.clone()], reader.read(&PASSAGE[range], language)))
            .collect();
        let judged = Judged { sentences, title: Vec::new(), bytes: PASSAGE.len() };
        let values = judged.sentence_values(&asked);
        let best = (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap();
        judged.evidence(&asked, best)
    }

    #[test]
    fn what_is_said_counts_and_what_is_not_said_does_not() {
        let asked = judge("How many euros of deposit does the landlord keep?", Expects::Number);
        let other = judge("How many hens does the farmer keep?", Expects::Number);
        assert!(asked.coverage > 0.9 && asked.sentence_coverage > 0.9, "{asked:?}");
        assert!(other.coverage < asked.coverage && order(&other) < order(&asked));
        assert!(answers_by_words(&asked) > ANSWERED_BY_WORDS);
        assert!(answers_by_words(&other) < ANSWERED_BY_WORDS);
        assert_eq!(asked.fits, 1.0);
    }

    #[test]
    fn negations_and_opposites_are_seen() {
        let plain = judge("When did the lease begin?", Expects::Time);
        let negated = judge("When did the lease not begin?", Expects::Time);
        let opposite = judge("When was the lease ended after it began?", Expects::Time);
        assert_eq!((plain.negated, plain.contrary), (0.0, 0.0));
        assert_eq!((negated.negated, negated.contrary), (1.0, 1.0));
        assert_eq!(opposite.opposite, 0.0, "both stand in the question");
        let opposite = judge("Is it returned before the keys are handed over?", Expects::Thing);
        assert_eq!(opposite.opposite, 1.0);
    }
}
