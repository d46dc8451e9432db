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

fn read_lines<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>> {
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

/// Means over all judged queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Measures {
    pub ndcg10: f64,
    pub recall10: f64,
    pub recall100: f64,
    pub mrr10: f64,
}

/// Scores a run (ranked document ids by query) as trec_eval does: linear gain, log2 discount; a
/// query without hits counts as 0.
pub fn score(run: &HashMap<String, Vec<String>>, judgements: &Judgements) -> Measures {
    let mut sum = Measures::default();
    for (query, grades) in judgements {
        let ranked = run.get(query).map(Vec::as_slice).unwrap_or_default();
        let gain = |document: &String| grades.get(document).copied().unwrap_or(0).max(0) as f64;
        let discount = |rank: usize| (rank as f64 + 2.0).log2();
        let dcg: f64 =
            ranked.iter().take(10).enumerate().map(|(i, id)| gain(id) / discount(i)).sum();
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
        sum.ndcg10 += dcg / idcg;
        sum.recall10 += found(10);
        sum.recall100 += found(100);
        sum.mrr10 += ranked
            .iter()
            .take(10)
            .position(|id| relevant.contains(id))
            .map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0));
    }
    let count = judgements.len().max(1) as f64;
    Measures {
        ndcg10: sum.ndcg10 / count,
        recall10: sum.recall10 / count,
        recall100: sum.recall100 / count,
        mrr10: sum.mrr10 / count,
    }
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
        let measures = score(&run, &judgements);
        let dcg = 1.0 / 3f64.log2() + 2.0 / 5f64.log2();
        let ideal = 2.0 + 1.0 / 3f64.log2();
        assert!((measures.ndcg10 - dcg / ideal / 2.0).abs() < 1e-12);
        assert_eq!((measures.recall10, measures.mrr10), (0.5, 0.25));
    }
}
