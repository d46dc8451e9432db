//! Help with a query: what its notes have in common, to narrow it by, and what would find something
//! where it finds nothing.

use std::collections::HashMap;

use jiff::civil;
use jiff::tz::Offset;
use note::{Expr, Query, Timestamp};

use crate::engine::Inner;
use crate::error::{Error, Result};

/// Values of each sort that are offered.
const FACETS: usize = 12;
/// Other queries that are offered.
const RESCUES: usize = 3;
/// Notes older than this are counted with none of the years.
const FIRST_YEAR: i16 = 1970;

/// One value that notes have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetCount {
    /// As shown: `pdf`, `home/lease`, `2025`.
    pub value: String,
    pub count: usize,
    /// What narrows a query to these notes: `tag:home/lease`.
    pub filter: String,
}

/// How many of the notes with a query's words there are of each sort; the most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// All notes with the words.
    pub total: usize,
    pub kinds: Vec<FacetCount>,
    pub tags: Vec<FacetCount>,
    pub notebooks: Vec<FacetCount>,
    /// By creation, the latest first.
    pub years: Vec<FacetCount>,
}

/// What another query has that finds more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RescueKind {
    /// Words spelt as notes spell them.
    Spelling,
    /// One filter less.
    Filter,
    /// Words without their quotes.
    Phrase,
}

/// A whole query that does find notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescue {
    pub text: String,
    /// What is different, as shown: the right spelling, or what was left out.
    pub change: String,
    /// Notes that it finds by words.
    pub total: usize,
    pub why: RescueKind,
}

pub(crate) fn facets(inner: &Inner, text: &str, typing: bool) -> Result<Facets> {
    let clock = inner.clock();
    let query = note::parse(text, typing, &clock);
    let offset = Offset::from_seconds(clock.utc_offset).map_err(Error::internal)?;
    let now = jiff::Timestamp::from_millisecond(clock.now.0).map_err(Error::internal)?;
    let this_year = offset.to_datetime(now).year();
    let years: Vec<i16> = (FIRST_YEAR..=this_year + 1).collect();
    let starts = years
        .iter()
        .map(|year| {
            let start = offset.to_timestamp(civil::date(*year, 1, 1).at(0, 0, 0, 0));
            Ok(Timestamp(start.map_err(Error::internal)?.as_millisecond()))
        })
        .collect::<Result<Vec<Timestamp>>>()?;
    let counts = inner.keyword().facets(&query, FACETS, &starts, &|| false)?;
    let (tags, notebooks) = inner.store.read(|read| Ok((read.tags()?, read.notebooks()?)))?;
    Ok(Facets {
        total: counts.total,
        kinds: counts
            .kinds
            .into_iter()
            .map(|(kind, count)| facet("type", kind.as_str().to_owned(), count))
            .collect(),
        tags: named("tag", counts.tags, tags.iter().map(|(tag, _)| tag.as_str())),
        notebooks: named("in", counts.notebooks, notebooks.iter().map(|(path, _)| path.as_str())),
        years: years
            .iter()
            .zip(counts.periods)
            .rev()
            .filter(|(_, count)| *count > 0)
            .take(FACETS)
            .map(|(year, count)| facet("created", year.to_string(), count))
            .collect(),
    })
}

fn facet(key: &str, value: String, count: usize) -> FacetCount {
    let plain = value.chars().all(|c| c.is_alphanumeric() || "/-_.".contains(c));
    let filter = if plain { format!("{key}:{value}") } else { format!("{key}:\"{value}\"") };
    FacetCount { value, count, filter }
}

/// Counts of folded paths, under the names that people gave them.
fn named<'a>(
    key: &str,
    counts: Vec<(String, usize)>,
    names: impl Iterator<Item = &'a str>,
) -> Vec<FacetCount> {
    let mut shown: HashMap<String, &str> = HashMap::new();
    for name in names {
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        for end in ends {
            shown.entry(note::fold(&name[..end])).or_insert(&name[..end]);
        }
    }
    counts
        .into_iter()
        .map(|(folded, count)| {
            let value = shown.get(&folded).map_or(folded, |name| (*name).to_owned());
            facet(key, value, count)
        })
        // A filter cannot say it.
        .filter(|facet| !facet.value.contains('"'))
        .collect()
}

/// Queries near this one that find something: in nearer spellings and, if it found nothing at all,
/// with less asked for.
pub(crate) fn rescues(inner: &Inner, query: &Query, found_nothing: bool) -> Result<Vec<Rescue>> {
    let index = inner.keyword();
    let mut tried: Vec<(String, String, RescueKind)> = Vec::new();
    let misspelt = index.misspelt(query)?;
    if !misspelt.is_empty() {
        let right: Vec<&str> = misspelt.iter().map(|(_, right)| right.as_str()).collect();
        tried.push((respelt(&query.text, &misspelt), right.join(" "), RescueKind::Spelling));
    }
    for chip in query.chips.iter().filter(|chip| found_nothing && chip.hint.is_none()) {
        let asked = &query.text[chip.range.clone()];
        let (before, after) = (&query.text[..chip.range.start], &query.text[chip.range.end..]);
        let bare = asked.trim_matches(|c: char| !c.is_alphanumeric());
        tried.push(match asked.starts_with(['"', '“', '„', '«']) {
            true => (format!("{before}{bare}{after}"), chip.label.clone(), RescueKind::Phrase),
            false => {
                let rest = format!("{} {}", before.trim_end(), after.trim_start());
                (rest.trim().to_owned(), chip.label.clone(), RescueKind::Filter)
            }
        });
    }
    let mut rescues = Vec::new();
    for (text, change, why) in tried {
        let expr = note::parse(&text, false, &inner.clock()).expr;
        if expr == Expr::All || text == query.text {
            continue;
        }
        let total = index.count(&expr)?;
        if total > 0 {
            rescues.push(Rescue { text, change, total, why });
        }
    }
    // Spelling first, then what was in the way of most notes.
    rescues.sort_by_key(|rescue| {
        (rescue.why != RescueKind::Spelling, std::cmp::Reverse(rescue.total))
    });
    rescues.truncate(RESCUES);
    Ok(rescues)
}

/// The text with words replaced, where they stand alone; `right`: folded words and their replacements.
fn respelt(text: &str, right: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        let folded = note::fold(word);
        match right.iter().find(|(wrong, _)| *wrong == folded) {
            Some((_, right)) => out.push_str(right),
            None => out.push_str(word),
        }
        out.push_str(&part[word.len()..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_where_they_stand_alone() {
        let right = [("landlrod".to_owned(), "landlord".to_owned())];
        for (text, expected) in [
            ("Landlrod's deposit", "landlord's deposit"),
            ("\"the landlrod\" -x", "\"the landlord\" -x"),
            ("landlrods", "landlrods"),
            ("", ""),
            ("ü landlrod", "ü landlord"),
        ] {
            assert_eq!(respelt(text, &right), expected, "{text}");
        }
    }

    #[test]
    fn folded_paths_get_their_names_back() {
        let counts = vec![("home".to_owned(), 3), ("home/my lease".to_owned(), 1)];
        let facets = named("in", counts, ["Home/My Lease"].into_iter());
        let told: Vec<(&str, usize, &str)> =
            facets.iter().map(|f| (f.value.as_str(), f.count, f.filter.as_str())).collect();
        assert_eq!(told, [("Home", 3, "in:Home"), ("Home/My Lease", 1, "in:\"Home/My Lease\"")]);
    }
}
