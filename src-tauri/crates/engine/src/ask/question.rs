//! A question in plain words: what of it narrows, what is looked for, and what sort of thing would answer
//! it. Pure.

use note::{Chip, Clock};

/// What sort of thing answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expects {
    /// A person, a place, an organisation.
    Name,
    Time,
    Number,
    /// Anything else.
    Thing,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    /// Without its filters.
    pub(crate) text: String,
    /// In the query language; empty if nothing narrows.
    pub(crate) filters: String,
    /// The filters as shown, those made of words like "last week" among them.
    pub(crate) chips: Vec<String>,
    /// Narrows by date, which was read from plain words: those may have been meant otherwise.
    pub(crate) dates: Option<String>,
    pub(crate) expects: Expects,
}

/// What asks and what merely carries a question, in the languages that the default model or many notes
/// are in; grammar words that are no stop words elsewhere.
const QUESTION_WORDS: &str = " what which who whom whose when where why how does did do is are was were \
    many much long often far old tell me please know any anything something there can could would should \
    have has had been be kind type name called wer was wann wo warum wie welche welcher welches viele viel \
    gibt qui que quoi quand où pourquoi comment combien quel quelle quién qué cuándo dónde cómo cuánto \
    cuántos cuál chi cosa quando dove perché come quanto quale ";

/// Words of one's own notes rather than of what they say.
const OWN_WORDS: &str = " note notes noted notiz notizen ";

/// Periods that a person says in words, and their value in the query language.
const PERIODS: [(&str, &str); 17] = [
    ("today", "today"),
    ("yesterday", "yesterday"),
    ("this week", "7d"),
    ("last week", "\"last week\""),
    ("in the last week", "7d"),
    ("in the past week", "7d"),
    ("this month", "\"this month\""),
    ("last month", "\"last month\""),
    ("this year", "\"this year\""),
    ("last year", "\"last year\""),
    ("heute", "today"),
    ("gestern", "yesterday"),
    ("letzte woche", "\"last week\""),
    ("letzten monat", "\"last month\""),
    ("dieses jahr", "\"this year\""),
    ("letztes jahr", "\"last year\""),
    ("ayer", "yesterday"),
];

/// What a date must stand behind to be that of the note: bare years are mostly what notes speak of.
const WRITTEN: [&str; 12] = [
    "notes from ",
    "notes of ",
    "note from ",
    "notes in ",
    "written in ",
    "wrote in ",
    "saved in ",
    "noted in ",
    "written on ",
    "saved on ",
    "wrote on ",
    "notes since ",
];

/// Says that a single day is that of writing.
const WRITING: [&str; 7] = ["write", "wrote", "written", "save", "note", "notier", "geschrieben"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Question {
    pub(crate) fn read(asked: &str, clock: &Clock) -> Question {
        let query = note::parse(asked, false, clock);
        let is_filter = |chip: &&Chip| {
            let text = &asked[chip.range.clone()];
            // In a sentence, "NOT" is only said loudly.
            let said = text.starts_with(['"', '“', '”', '„']) || text.starts_with("NOT");
            chip.hint.is_none() && !said
        };
        let mut plain = String::with_capacity(asked.len());
        let (mut filters, mut chips) = (Vec::new(), Vec::new());
        let mut at = 0;
        for chip in query.chips.iter().filter(is_filter) {
            // Of nested ones the outer one says all.
            if chip.range.start < at {
                continue;
            }
            plain.push_str(&asked[at..chip.range.start]);
            at = chip.range.end;
            filters.push(asked[chip.range.clone()].to_owned());
            chips.push(chip.label.clone());
        }
        plain.push_str(&asked[at..]);
        let mut text = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        let dates = match filters.iter().any(|filter| is_date_filter(filter)) {
            true => None,
            false => take_dates(&mut text, clock),
        };
        let expects = expects(&text);
        Question { text, filters: filters.join(" "), chips, dates, expects }
    }

    /// The question for the index of words: filters, then what it asks about; without question words,
    /// unless nothing else is left.
    pub(crate) fn query_text(&self, with_dates: bool) -> String {
        let words: Vec<String> = bare_words(&self.text).map(str::to_owned).collect();
        let content: Vec<&String> = words.iter().filter(|word| !is_question_word(word)).collect();
        let mut parts = Vec::new();
        if !self.filters.is_empty() {
            parts.push(self.filters.clone());
        }
        if let Some(dates) = self.dates.as_ref().filter(|_| with_dates) {
            parts.push(dates.clone());
        }
        if content.is_empty() {
            parts.extend(words);
        } else {
            parts.extend(content.into_iter().cloned());
        }
        parts.join(" ")
    }

    /// The question as a person would ask it who had not asked another one before: with the words of that.
    pub(crate) fn after(self, earlier: &Question) -> Question {
        let filters = if self.filters.is_empty() { earlier.filters.clone() } else { self.filters };
        let chips = if self.chips.is_empty() { earlier.chips.clone() } else { self.chips };
        Question {
            text: format!("{} {}", earlier.text, self.text),
            filters,
            chips,
            dates: self.dates.or_else(|| earlier.dates.clone()),
            expects: self.expects,
        }
    }

    /// Words that are neither grammar nor part of asking.
    pub(crate) fn content_words(&self) -> usize {
        bare_words(&self.text).filter(|word| !is_question_word(word)).count()
    }

    /// Whether it speaks of something that was said before it.
    pub(crate) fn leans_on_what_was_said(&self) -> bool {
        /// A question with fewer words of its own says too little to be looked for.
        const FEW: usize = 2;
        const PRONOUNS: &str = " it its they them their theirs he him his she her hers this that these \
            those one ones there then es sie ihn ihm ihr deren dessen il elle ils elles lui leur ello \
            ellos ellas ";
        let points = bare_words(&self.text)
            .any(|word| PRONOUNS.contains(&format!(" {} ", word.to_lowercase())));
        points || self.content_words() < FEW
    }
}

pub(crate) fn is_question_word(word: &str) -> bool {
    let word = format!(" {} ", word.to_lowercase());
    QUESTION_WORDS.contains(&word) || OWN_WORDS.contains(&word)
}

/// Words without anything that the query language reads as more than a word.
fn bare_words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .flat_map(|word| word.split(['"', '“', '”', '„', '(', ')', ':', '<', '>', '#', '*']))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '+'))
        .filter(|word| !word.is_empty())
        .map(|word| match word {
            "OR" => "or",
            "AND" => "and",
            "NOT" => "not",
            word => word,
        })
}

fn is_date_filter(filter: &str) -> bool {
    ["created", "updated", "before", "after", "newer_than", "older_than"]
        .iter()
        .any(|key| filter.trim_start_matches('-').to_ascii_lowercase().starts_with(key))
}

/// Takes the period in which notes were written out of a question, as a filter.
fn take_dates(text: &mut String, clock: &Clock) -> Option<String> {
    // Only what keeps its length in lower case can be cut by the places found in it.
    let lower = text.to_lowercase();
    if lower.len() != text.len() {
        return None;
    }
    let stands_alone = |at: usize, length: usize| {
        let before = lower[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        let after = lower[at + length..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        before && after
    };
    let (range, value) = 'found: {
        for lead in WRITTEN {
            if let Some(at) = lower.find(lead)
                && stands_alone(at, lead.trim_end().len())
                && let Some((length, value)) = date_at(&lower[at + lead.len()..])
            {
                break 'found (at + lead.len()..at + lead.len() + length, value);
            }
        }
        let mut periods: Vec<(&str, &str)> = PERIODS.to_vec();
        periods.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        for (words, value) in periods {
            if let Some(at) = lower.find(words).filter(|at| stands_alone(*at, words.len()))
                // What is due today was hardly written today.
                && (words.contains(' ') || WRITING.iter().any(|word| lower.contains(word)))
            {
                break 'found (at..at + words.len(), value.to_owned());
            }
        }
        return None;
    };
    let filter = format!("(created:{value} OR updated:{value})");
    let understood = note::parse(&format!("created:{value}"), false, clock);
    if understood.chips.iter().any(|chip| chip.hint.is_some()) {
        return None;
    }
    text.replace_range(range, "");
    *text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ?", "?");
    Some(filter)
}

/// A year, a month with or without its year, or a day as ISO 8601 has it, at the beginning of a text in
/// lower case: its length and its value in the query language.
fn date_at(text: &str) -> Option<(usize, String)> {
    let word =
        |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(text.len());
    let first = word(text);
    let is_year = |text: &str| {
        text.len() == 4 && text.parse::<u16>().is_ok_and(|year| (1900..2200).contains(&year))
    };
    if is_year(&text[..first]) {
        return Some((first, text[..first].to_owned()));
    }
    if first >= 7
        && is_year(&text[..4])
        && text[4..first].bytes().all(|b| b == b'-' || b.is_ascii_digit())
    {
        return Some((first, text[..first].to_owned()));
    }
    let month = MONTHS.iter().position(|month| *month == &text[..first])? + 1;
    let rest = text[first..].trim_start();
    let second = word(rest);
    is_year(&rest[..second]).then(|| {
        let length = text.len() - rest.len() + second;
        (length, format!("{}-{month:02}", &rest[..second]))
    })
}

fn expects(text: &str) -> Expects {
    const TIMES: [&str; 14] = [
        "when ",
        "what year",
        "which year",
        "what date",
        "what day",
        "what month",
        "what century",
        "what decade",
        "what time",
        "in what year",
        "since when",
        "wann ",
        "quand ",
        "cuándo ",
    ];
    const NUMBERS: [&str; 14] = [
        "how many",
        "how much",
        "how old",
        "how long",
        "how far",
        "how large",
        "how tall",
        "how big",
        "what percentage",
        "what number",
        "what percent",
        "wie viel",
        "combien",
        "cuánt",
    ];
    const NAMES: [&str; 9] =
        ["who ", "whom ", "whose ", "where ", "wer ", "wo ", "qui ", "quién ", "dónde "];
    let lower = format!("{} ", text.to_lowercase());
    let has = |list: &[&str]| {
        list.iter().any(|words| {
            lower.find(words).is_some_and(|at| {
                lower[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric())
            })
        })
    };
    if has(&NUMBERS) {
        Expects::Number
    } else if has(&TIMES) {
        Expects::Time
    } else if has(&NAMES) {
        Expects::Name
    } else {
        Expects::Thing
    }
}

#[cfg(test)]
mod tests {
    use note::Timestamp;

    use super::*;

    fn read(text: &str) -> Question {
        Question::read(text, &Clock { now: Timestamp(1_789_997_400_000), utc_offset: 0 })
    }

    #[test]
    fn filters_are_taken_out_and_question_words_dropped() {
        for (asked, text, query) in [
            (
                "in:Work what did we agree on rent?",
                "what did we agree on rent?",
                "in:Work we agree on rent",
            ),
            ("Who wrote \"The Gate\"?", "Who wrote \"The Gate\"?", "wrote The Gate"),
            ("what is NOT due?", "what is NOT due?", "not due"),
            ("why?", "why?", "why"),
            ("tag:home/lease deposit -draft", "deposit", "tag:home/lease -draft deposit"),
            ("foo:bar costs", "foo:bar costs", "foo bar costs"),
        ] {
            let question = read(asked);
            assert_eq!(question.text, text, "{asked}");
            assert_eq!(question.query_text(true), query, "{asked}");
        }
    }

    #[test]
    fn periods_of_writing_become_filters_and_other_dates_do_not() {
        let week = "(created:\"last week\" OR updated:\"last week\")";
        for (asked, text, dates) in [
            ("What did I write last week about rent?", "What did I write about rent?", Some(week)),
            (
                "What did my notes from 2024 say of rent?",
                "What did my notes from say of rent?",
                Some("(created:2024 OR updated:2024)"),
            ),
            (
                "notes from March 2025 about rent",
                "notes from about rent",
                Some("(created:2025-03 OR updated:2025-03)"),
            ),
            ("When did Tesla move in 1887?", "When did Tesla move in 1887?", None),
            ("created:2024 what happened last week?", "what happened last week?", None),
        ] {
            let question = read(asked);
            assert_eq!(
                (question.text.as_str(), question.dates.as_deref()),
                (text, dates),
                "{asked}"
            );
        }
    }

    #[test]
    fn what_would_answer() {
        for (asked, expected) in [
            ("How many keys are there?", Expects::Number),
            ("In what year did it begin?", Expects::Time),
            ("Who has the keys?", Expects::Name),
            ("What is a key?", Expects::Thing),
            ("Anywhere?", Expects::Thing),
        ] {
            assert_eq!(read(asked).expects, expected, "{asked}");
        }
    }

    #[test]
    fn follow_ups_lean_on_what_was_said() {
        for (asked, leans) in [
            ("And when is it due?", true),
            ("Why?", true),
            ("How much deposit does the landlord hold?", false),
        ] {
            assert_eq!(read(asked).leans_on_what_was_said(), leans, "{asked}");
        }
    }
}
