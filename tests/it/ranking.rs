//! How well search ranks on the judged set that ships with the project: never worse than the
//! committed table says.

use std::collections::HashMap;

use commonplace_tests::trec::{JudgedSet, Measures, score};
use commonplace_tests::workspace;
use engine::{Mode, ModelSource};
use note::NoteId;

use crate::support::{ids, open_with, real_model, run, save, search};

/// What rounding and another processor's arithmetic may cost.
const SLACK: f64 = 0.004;

/// Embedding is work for idle moments: on a busy machine it takes its time.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(180);

/// Scores every query in each mode and compares the means with the table.
fn check(modes: &[(Mode, &str)], model: ModelSource) {
    let dir = workspace().join("tests/fixtures/judged");
    let set = JudgedSet::read(&dir).unwrap();
    let table = std::fs::read_to_string(dir.join("scores.tsv")).unwrap();
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let engine = open_with(folder.path(), model).await;
        let mut documents: HashMap<NoteId, &String> = HashMap::new();
        for document in &set.corpus {
            // One by one, as a person saves: those are embedded at once.
            let id = save(&engine, &document.title, &document.text).await;
            documents.insert(id, &document.id);
        }
        tokio::time::timeout(PATIENCE, engine.settled()).await.unwrap().unwrap();
        for &(mode, name) in modes {
            let mut scores: Vec<Measures> = Vec::new();
            for topic in &set.topics {
                let hits = search(&engine, &topic.text, mode).await;
                let ranked: Vec<String> =
                    ids(&hits).iter().map(|id| documents[id].clone()).collect();
                scores.push(score(&ranked, &set.judgements[&topic.id]));
            }
            let found = Measures::mean(scores.iter());
            compare(&table, name, [found.ndcg10, found.recall10, found.mrr10]);
        }
        engine.close().await.unwrap();
    });
}

fn compare(table: &str, name: &str, measured: [f64; 3]) {
    let row = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let row = row.into_iter().find(|cells| cells[0] == name);
    let row = row.unwrap_or_else(|| panic!("no row {name} in scores.tsv"));
    println!("{name}\t{:.4}\t{:.4}\t{:.4}", measured[0], measured[1], measured[2]);
    for ((measure, found), cell) in
        ["nDCG@10", "R@10", "MRR@10"].iter().zip(measured).zip(&row[1..])
    {
        let committed: f64 = cell.parse().unwrap();
        assert!(
            found >= committed - SLACK,
            "{name}: {measure} fell to {found:.4} from {committed:.4} (tests/fixtures/judged/scores.tsv)"
        );
    }
}

#[test]
fn words_rank_as_well_as_before() {
    check(&[(Mode::Words, "words")], ModelSource::None);
}

#[test]
fn meaning_and_both_rank_as_well_as_before() {
    let Some(model) = real_model() else { return };
    check(&[(Mode::Meaning, "meaning"), (Mode::Both, "both")], model);
}
