//! Words that a person takes for the same: a note with one of a group is found by the others, a
//! little lower. Knows only texts; what is looked up for them is the planner's.

use note::{Expr, Query, Word};
use rustc_hash::FxHashMap;

use crate::analysis::{Shape, Tokenizer};
use crate::language::{Languages, Stems, stemming_languages};
use crate::plan::asked_for;

/// One word or phrase of a group.
#[derive(Clone, Debug)]
struct Member {
    text: String,
    /// What its tokens are known by: see [`keys`].
    tokens: Vec<Vec<String>>,
}

/// Groups of words with the same meaning.
#[derive(Debug, Default)]
pub(crate) struct Synonyms {
    groups: Vec<Vec<Member>>,
    /// By what their first tokens are known by: group and member.
    starts: FxHashMap<String, Vec<(usize, usize)>>,
}

/// Tokens of a text that mean the same as some words of a group.
pub(crate) struct Match<'a> {
    /// Which tokens, the first and the one behind the last.
    pub(crate) tokens: std::ops::Range<usize>,
    /// The other words and phrases of the group.
    pub(crate) others: Vec<&'a str>,
}

/// What a token is known by: itself, and its stems in those of the languages that its script has, so
/// that a group with "car" knows "cars".
fn keys(
    text: &str,
    lower: &str,
    shape: Shape,
    languages: Languages,
    stems: &mut Stems,
) -> Vec<String> {
    let mut keys = vec![text.to_owned()];
    if shape == Shape::Word {
        for language in stemming_languages(lower, languages) {
            keys.push(format!("{} {}", language.code(), stems.stem(language, lower)));
        }
    }
    keys
}

/// The tokens of a text by what they are known by. The last character of a run is known by nothing:
/// it is in the last pair.
fn tokens(
    text: &str,
    languages: Languages,
    tokenizer: &mut Tokenizer,
    stems: &mut Stems,
) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut in_run = false;
    tokenizer.tokenize(text, |token| {
        let closes = token.shape == Shape::Last && in_run;
        in_run = token.shape == Shape::Pair;
        found.push(match closes {
            true => Vec::new(),
            false => keys(token.text, token.lower, token.shape, languages, stems),
        });
    });
    found
}

impl Synonyms {
    pub(crate) fn new(groups: &[Vec<String>]) -> Synonyms {
        let (mut tokenizer, mut stems) = (Tokenizer::default(), Stems::default());
        let mut synonyms = Synonyms::default();
        for group in groups {
            let members = group.iter().map(|text| {
                let mut tokens = tokens(text, Languages::ALL, &mut tokenizer, &mut stems);
                let end = tokens.iter().rposition(|token| !token.is_empty());
                tokens.truncate(end.map_or(0, |end| end + 1));
                Member { text: text.clone(), tokens }
            });
            let members: Vec<Member> = members.filter(|member| !member.tokens.is_empty()).collect();
            let number = synonyms.groups.len();
            for (at, member) in members.iter().enumerate() {
                for key in &member.tokens[0] {
                    synonyms.starts.entry(key.clone()).or_default().push((number, at));
                }
            }
            synonyms.groups.push(members);
        }
        synonyms
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Where the words of groups stand in the tokens of a text, given by what they are known by.
    fn matches(&self, tokens: &[Vec<String>]) -> Vec<Match<'_>> {
        let mut found: Vec<Match<'_>> = Vec::new();
        for start in 0..tokens.len() {
            let mut seen: Vec<usize> = Vec::new();
            for &(group, at) in
                tokens[start].iter().filter_map(|key| self.starts.get(key)).flatten()
            {
                let member = &self.groups[group][at];
                let end = start + member.tokens.len();
                let stands = end <= tokens.len()
                    && tokens[start..end].iter().zip(&member.tokens).all(|(token, wanted)| {
                        token.is_empty() && wanted.is_empty()
                            || token.iter().any(|key| wanted.contains(key))
                    });
                if stands && !seen.contains(&group) {
                    seen.push(group);
                    let others = self.groups[group].iter().enumerate();
                    let others = others.filter(|(other, _)| *other != at);
                    found.push(Match {
                        tokens: start..end,
                        others: others.map(|(_, member)| member.text.as_str()).collect(),
                    });
                }
            }
        }
        found
    }

    /// Where the words of groups stand in the words of a query, whose tokens are counted through;
    /// those with a field ask for themselves. `present`: the languages that notes are in.
    pub(crate) fn in_words(
        &self,
        words: &[Word],
        present: Languages,
        tokenizer: &mut Tokenizer,
        stems: &mut Stems,
    ) -> Vec<Match<'_>> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut all = Vec::new();
        for word in words {
            let mut tokens = tokens(&word.text, present, tokenizer, stems);
            if word.field.is_some() {
                tokens.iter_mut().for_each(Vec::clear);
            }
            all.append(&mut tokens);
        }
        self.matches(&all)
    }

    /// The words and phrases that a query stands for beside its own.
    pub(crate) fn of_query(&self, query: &Query, present: Languages) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        if self.is_empty() {
            return found;
        }
        let (mut tokenizer, mut stems) = (Tokenizer::default(), Stems::default());
        asked_for(&query.expr, &mut |expr| {
            if let Expr::Words(words) = expr {
                for one in self.in_words(words, present, &mut tokenizer, &mut stems) {
                    for other in one.others {
                        if !found.iter().any(|known| known == other) {
                            found.push(other.to_owned());
                        }
                    }
                }
            }
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &[(usize, usize, &[&str])]) {
        let groups = [
            vec!["car", "automobile", "motor vehicle"],
            vec!["NYC", "New York"],
            vec!["敷金", "保証金"],
            vec!["Wohnung", "flat"],
            vec!["flat", "apartment"],
        ]
        .map(|group| group.into_iter().map(str::to_owned).collect::<Vec<String>>());
        let synonyms = Synonyms::new(&groups);
        let (mut tokenizer, mut stems) = (Tokenizer::default(), Stems::default());
        let word = |text: &str| Word { text: text.to_owned(), prefix: false, field: None };
        let words: Vec<Word> = query.split(' ').map(word).collect();
        let found = synonyms.in_words(&words, Languages::ALL, &mut tokenizer, &mut stems);
        let found: Vec<(usize, usize, &[&str])> = found
            .iter()
            .map(|one| (one.tokens.start, one.tokens.end, one.others.as_slice()))
            .collect();
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn words_of_groups_are_found_in_queries() {
        check("red house", &[]);
        check("red Car", &[(1, 2, &["automobile", "motor vehicle"])]);
        check("red cars", &[(1, 2, &["automobile", "motor vehicle"])]);
        check("motor vehicles sold", &[(0, 2, &["car", "automobile"])]);
        check("motor", &[]);
        check("hotels in new york", &[(2, 4, &["NYC"])]);
        check("敷金 car", &[(0, 1, &["保証金"]), (2, 3, &["automobile", "motor vehicle"])]);
        check("敷金", &[(0, 1, &["保証金"])]);
        check("die wohnungen", &[(1, 2, &["flat"])]);
        check("flat", &[(0, 1, &["Wohnung"]), (0, 1, &["apartment"])]);
    }
}
