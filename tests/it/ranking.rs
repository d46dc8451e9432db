//! How well search ranks on the judged set that ships with the project: never worse than the
//! committed table says.

use std::collections::HashMap;

use commonplace_tests::trec::{JudgedSet, Measures, score};
use commonplace_tests::workspace;
use engine::{Mode, ModelSource};
use note::{NoteDraft, NoteId};

use crate::support::{draft, ids, open_with, real_model, run, search, settle};

/// What rounding and another processor's arithmetic may cost.
const SLACK: f64 = 0.004;

/// Scores every query in one mode and compares the means with the table.
fn check(mode: Mode, name: &str, model: ModelSource) {
    let dir = workspace().join("tests/fixtures/judged");
    let set = JudgedSet::read(&dir).unwrap();
    let table = std::fs::read_to_string(dir.join("scores.tsv")).unwrap();
    let committed = table.lines().find_map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        (cells[0] == name).then(|| cells[1..].iter().map(|cell| cell.parse().unwrap()).collect())
    });
    let committed: Vec<f64> = committed.unwrap_or_else(|| panic!("no row {name} in scores.tsv"));
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let engine = open_with(folder.path(), model).await;
        let drafts: Vec<NoteDraft> =
            set.corpus.iter().map(|document| draft(&document.title, &document.text)).collect();
        let saved = engine.save_notes(drafts).await.unwrap();
        let documents: HashMap<NoteId, &String> =
            saved.iter().map(|saved| saved.id).zip(set.corpus.iter().map(|d| &d.id)).collect();
        settle(&engine).await;
        let mut scores: Vec<Measures> = Vec::new();
        for topic in &set.topics {
            let hits = search(&engine, &topic.text, mode).await;
            let ranked: Vec<String> = ids(&hits).iter().map(|id| documents[id].clone()).collect();
            scores.push(score(&ranked, &set.judgements[&topic.id]));
        }
        engine.close().await.unwrap();
        let found = Measures::mean(scores.iter());
        println!("{name}\t{:.4}\t{:.4}\t{:.4}", found.ndcg10, found.recall10, found.mrr10);
        let measured = [found.ndcg10, found.recall10, found.mrr10];
        for (measure, (found, committed)) in
            ["nDCG@10", "R@10", "MRR@10"].iter().zip(measured.iter().zip(&committed))
        {
            assert!(
                *found >= committed - SLACK,
                "{name}: {measure} fell to {found:.4} from {committed:.4} (tests/fixtures/judged/scores.tsv)"
            );
        }
    });
}

#[test]
fn words_rank_as_well_as_before() {
    check(Mode::Words, "words", ModelSource::None);
}

#[test]
fn meaning_ranks_as_well_as_before() {
    let Some(model) = real_model() else { return };
    check(Mode::Meaning, "meaning", model);
}

#[test]
fn both_rank_as_well_as_before() {
    let Some(model) = real_model() else { return };
    check(Mode::Both, "both", model);
}
