//! Judged retrieval sets in BEIR layout, and trec_eval's measures over them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Document {
    #[serde(rename = "_id")]
    pub id: String,
    #[serde(default)]
    pub title: String,
    pub text: String,
}

#[derive(Deserialize)]
pub struct Topic {
    #[serde(rename = "_id")]
    pub id: String,
    pub text: String,
}

/// Grade of each judged document, by query.
pub type Judgements = BTreeMap<String, HashMap<String, i64>>;

/// One folder with `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`.
pub struct JudgedSet {
    pub name: String,
    pub corpus: Vec<Document>,
    pub topics: Vec<Topic>,
    pub judgements: Judgements,
}

impl JudgedSet {
    pub fn read(dir: &Path) -> Result<JudgedSet> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let judgements = read_judgements(&dir.join("qrels/test.tsv"))?;
        let mut topics: Vec<Topic> = read_lines(&dir.join("queries.jsonl"))?;
        topics.retain(|topic| judgements.contains_key(&topic.id));
        Ok(JudgedSet { name, corpus: read_lines(&dir.join("corpus.jsonl"))?, topics, judgements })
    }
}

/// The rows of a JSON-lines file.
///
/// # Errors
/// The file cannot be read, or a line is not of that form.
pub fn read_lines<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| path.display().to_string())?;
        if !line.trim().is_empty() {
            rows.push(
                serde_json::from_str(&line)
                    .with_context(|| format!("{}, line {}", path.display(), number + 1))?,
            );
        }
    }
    Ok(rows)
}

fn read_judgements(path: &Path) -> Result<Judgements> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut judgements = Judgements::new();
    for (number, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
        let [query, document, grade] = cells[..] else { continue };
        if query == "query-id" {
            continue;
        }
        let grade: i64 =
            grade.parse().with_context(|| format!("{}, line {}", path.display(), number + 1))?;
        judgements.entry(query.to_owned()).or_default().insert(document.to_owned(), grade);
    }
    // Queries without a relevant document cannot be scored.
    judgements.retain(|_, grades| grades.values().any(|grade| *grade > 0));
    Ok(judgements)
}

/// trec_eval's measures of one query, or their means over several.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measures {
    pub ndcg10: f64,
    pub recall10: f64,
    pub recall100: f64,
    pub mrr10: f64,
}

impl Measures {
    pub fn mean<'a>(of: impl Iterator<Item = &'a Measures>) -> Measures {
        let (mut sum, mut count) = (Measures::default(), 0.0f64);
        for one in of {
            sum.ndcg10 += one.ndcg10;
            sum.recall10 += one.recall10;
            sum.recall100 += one.recall100;
            sum.mrr10 += one.mrr10;
            count += 1.0;
        }
        let count = count.max(1.0);
        Measures {
            ndcg10: sum.ndcg10 / count,
            recall10: sum.recall10 / count,
            recall100: sum.recall100 / count,
            mrr10: sum.mrr10 / count,
        }
    }
}

/// Scores one ranked list of document ids as trec_eval does: linear gain, log2 discount.
pub fn score(ranked: &[String], grades: &HashMap<String, i64>) -> Measures {
    let gain = |document: &String| grades.get(document).copied().unwrap_or(0).max(0) as f64;
    let discount = |rank: usize| (rank as f64 + 2.0).log2();
    let dcg: f64 = ranked.iter().take(10).enumerate().map(|(i, id)| gain(id) / discount(i)).sum();
    let mut ideal: Vec<i64> = grades.values().copied().filter(|grade| *grade > 0).collect();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    let idcg: f64 =
        ideal.iter().take(10).enumerate().map(|(i, grade)| *grade as f64 / discount(i)).sum();
    let relevant: HashSet<&String> =
        grades.iter().filter(|(_, grade)| **grade > 0).map(|(id, _)| id).collect();
    let found = |depth: usize| {
        ranked.iter().take(depth).filter(|id| relevant.contains(id)).count() as f64
            / relevant.len() as f64
    };
    let first = ranked.iter().take(10).position(|id| relevant.contains(id));
    Measures {
        ndcg10: dcg / idcg,
        recall10: found(10),
        recall100: found(100),
        mrr10: first.map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0)),
    }
}

/// The scores of every judged query, in the order of `judgements`; one without a list counts as 0.
pub fn score_all(run: &HashMap<String, Vec<String>>, judgements: &Judgements) -> Vec<Measures> {
    judgements
        .iter()
        .map(|(query, grades)| run.get(query).map_or(Measures::default(), |ids| score(ids, grades)))
        .collect()
}

/// The 95 % confidence interval of the mean: percentiles of the means of 2,000 resamples
/// (Efron's bootstrap), the same in every run.
pub fn confidence(values: &[f64]) -> (f64, f64) {
    const RESAMPLES: usize = 2_000;
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mut random = fastrand::Rng::with_seed(7);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let sum: f64 = values.iter().map(|_| values[random.usize(..values.len())]).sum();
            sum / values.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    (means[RESAMPLES * 25 / 1000], means[RESAMPLES * 975 / 1000])
}

/// One word of `text` misspelt: a letter left out, one too many (of those in the text), replaced by
/// one, or swapped with the next. `None` where no word has three letters of an alphabet.
pub fn with_typo(text: &str, random: &mut fastrand::Rng) -> Option<String> {
    const LEAST: usize = 3;
    // Scripts without spaces have no words to misspell.
    let spelt = |c: char| c.is_alphabetic() && c < '\u{e00}';
    let words: Vec<&str> = text.split_whitespace().collect();
    let letters: Vec<char> = text.chars().filter(|&c| spelt(c)).collect();
    let eligible: Vec<usize> = (0..words.len())
        .filter(|&at| words[at].chars().filter(|&c| spelt(c)).count() >= LEAST)
        .collect();
    let word = *random.choice(&eligible)?;
    let whole: Vec<char> = words[word].chars().collect();
    let places: Vec<usize> = (0..whole.len()).filter(|&at| spelt(whole[at])).collect();
    loop {
        let mut chars = whole.clone();
        let at = *random.choice(&places)?;
        let letter = *random.choice(&letters)?;
        match random.u8(..4) {
            0 => drop(chars.remove(at)),
            1 => chars.insert(at, letter),
            2 => chars[at] = letter,
            _ if at + 1 < chars.len() && spelt(chars[at + 1]) => chars.swap(at, at + 1),
            _ => continue,
        }
        if chars != whole {
            let misspelt: String = chars.into_iter().collect();
            let mut words: Vec<&str> = words.clone();
            words[word] = &misspelt;
            return Some(words.join(" "));
        }
    }
}

/// The best measured systems of others on a set, from a table `| set | system | nDCG@10 | R@10 |
/// R@100 | MRR@10 |` in a `README.md` in one of the two folders above the set's.
pub fn baselines(dir: &Path) -> Vec<(String, Measures)> {
    let Some(name) = dir.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let above = dir.ancestors().skip(1).take(2);
    let texts = above.filter_map(|folder| std::fs::read_to_string(folder.join("README.md")).ok());
    let mut found = Vec::new();
    for line in texts.collect::<Vec<_>>().iter().flat_map(|text| text.lines()) {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [set, system, figures @ ..] = &cells[..] else { continue };
        let figures: Vec<f64> = figures.iter().filter_map(|cell| cell.parse().ok()).collect();
        if *set == name
            && let [ndcg10, recall10, recall100, mrr10] = figures[..]
        {
            let measures = Measures { ndcg10, recall10, recall100, mrr10 };
            found.push(((*system).to_owned(), measures));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_as_trec_eval_does() {
        let grades = HashMap::from([("a".to_owned(), 2), ("b".to_owned(), 1), ("c".to_owned(), 0)]);
        let judgements = Judgements::from([
            ("q".to_owned(), grades),
            ("unanswered".to_owned(), HashMap::from([("a".to_owned(), 1)])),
        ]);
        let run =
            HashMap::from([("q".to_owned(), ["c", "b", "x", "a"].map(str::to_owned).to_vec())]);
        let measures = Measures::mean(score_all(&run, &judgements).iter());
        let dcg = 1.0 / 3f64.log2() + 2.0 / 5f64.log2();
        let ideal = 2.0 + 1.0 / 3f64.log2();
        assert!((measures.ndcg10 - dcg / ideal / 2.0).abs() < 1e-12);
        assert_eq!((measures.recall10, measures.mrr10), (0.5, 0.25));
    }

    #[test]
    fn an_interval_holds_the_mean_and_narrows() {
        let values: Vec<f64> = (0..400).map(|at| f64::from(at % 2)).collect();
        let (low, high) = confidence(&values);
        assert!(low < 0.5 && 0.5 < high && high - low < 0.12, "{low} {high}");
        let (few_low, few_high) = confidence(&values[..20]);
        assert!(few_high - few_low > high - low);
    }

    #[test]
    fn a_typo_changes_one_word() {
        let mut random = fastrand::Rng::with_seed(1);
        for text in ["When is the deposit repaid?", "Wann wird die Kaution zurückgezahlt"] {
            for _ in 0..200 {
                let typo = with_typo(text, &mut random).unwrap();
                let changed = text.split(' ').zip(typo.split(' ')).filter(|(a, b)| a != b).count();
                assert_eq!((changed, typo.split(' ').count()), (1, text.split(' ').count()));
            }
        }
        assert_eq!(with_typo("敷金は いつ to", &mut random), None);
    }
}
