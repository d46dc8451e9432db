//! What helps a person to find their way in what was found: passages, matches, past queries, duplicates.

use std::sync::{Arc, Mutex};

use engine::{Code, Engine, Mode, Why};
use note::NoteId;

use crate::support::{draft, open, run, save, settle};

async fn passages(
    engine: &Engine,
    id: NoteId,
    text: &str,
    mode: Mode,
) -> Vec<(String, Why, usize)> {
    let found = engine.passages(id, text.to_owned(), mode).await.unwrap();
    found.into_iter().map(|passage| (passage.heading_path, passage.why, passage.matches)).collect()
}

/// A note of several sections, each long enough to be a chunk of its own.
fn long_note() -> String {
    let filler = "Nothing in this part is about money or about homes at all. ".repeat(30);
    format!(
        "# Deposit\n\nThe deposits are returned within 30 days. {filler}\n\n# Weather\n\n{filler}\n\n\
         # Keys\n\nThe landlord keeps the deposit until the keys are back. {filler}\n"
    )
}

#[test]
fn a_long_note_has_several_passages_where_words_stand() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let body = long_note();
        let id = save(&engine, "Flat", &body).await;
        let check = async |engine: &Engine| {
            let found =
                engine.passages(id, "deposit landlord".to_owned(), Mode::Words).await.unwrap();
            let told: Vec<&str> = found.iter().map(|p| p.heading_path.as_str()).collect();
            assert_eq!(told, ["Deposit", "Keys"]);
            assert!(found.iter().all(|passage| passage.why == Why::Words));
            assert_eq!(found[1].matches, 2);
            for passage in &found {
                let units: Vec<u16> = body.encode_utf16().collect();
                let shown = String::from_utf16(&units[passage.range.0..passage.range.1]).unwrap();
                assert!(
                    shown.starts_with("deposits")
                        || shown.starts_with("Deposit")
                        || shown.starts_with("landlord"),
                    "begins at its first match: {}",
                    &shown[..40]
                );
                assert!(!passage.snippet.marks.is_empty());
            }
        };
        // Before the model has cut the note, and after.
        check(&engine).await;
        settle(&engine).await;
        check(&engine).await;
        assert_eq!(passages(&engine, id, "is:todo", Mode::Both).await, []);
        assert_eq!(passages(&engine, id, "xyzzy", Mode::Words).await, []);
        let missing = engine.passages(NoteId(999), "a".to_owned(), Mode::Both).await.unwrap_err();
        assert_eq!(missing.code, Code::NotFound);
        engine.close().await.unwrap();
    });
}

#[test]
fn passages_by_meaning_and_pages_of_a_pdf_are_told() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let filler = "Words of another kind fill this page to its end. ".repeat(40);
        let body = format!(
            "The first page. {filler}\n\n<!-- page 2 -->\n\nOn refunds: the deposit. {filler}"
        );
        let id = save(&engine, "Report", &body).await;
        settle(&engine).await;
        let found = engine.passages(id, "refunds deposit".to_owned(), Mode::Both).await.unwrap();
        assert!(found.iter().any(|p| p.heading_path == "Page 2" && p.matches == 2), "{found:?}");
        let near = engine.passages(id, "words of another kind".to_owned(), Mode::Meaning).await;
        let near = near.unwrap();
        assert!(!near.is_empty());
        assert!(near.iter().all(|p| p.why == Why::Meaning && p.similarity.is_some()), "{near:?}");
        engine.close().await.unwrap();
    });
}

#[test]
fn matches_of_a_text_are_counted_in_utf16() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let text = "😀 [deposit](https://deposit.example) Übermut **deposits** 東京";
        let check = async |query: &str, markdown: bool, expected: &[&str]| {
            let found = engine.matches(text.to_owned(), query.to_owned(), markdown).await.unwrap();
            let units: Vec<u16> = text.encode_utf16().collect();
            let told: Vec<String> = found
                .places
                .iter()
                .map(|place| String::from_utf16(&units[place.0..place.1]).unwrap())
                .collect();
            assert_eq!(told, expected, "{query}");
            assert!(found.complete);
        };
        check("deposit", true, &["deposit", "deposits"]).await;
        check("deposit", false, &["deposit", "deposit", "deposits"]).await;
        check("ubermut", true, &["Übermut"]).await;
        check("東京 -deposit", true, &["東京"]).await;
        check("tag:home", true, &[]).await;
        engine.close().await.unwrap();
    });
}

#[test]
fn queries_are_remembered_until_they_are_to_be_forgotten() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let texts = async |engine: &Engine| -> Vec<(String, Mode)> {
            let past = engine.past_queries().await.unwrap();
            past.into_iter().map(|query| (query.text, query.mode)).collect()
        };
        let remember = async |engine: &Engine, text: &str, mode| {
            engine.remember_query(text.to_owned(), mode).await.unwrap();
        };
        remember(&engine, "lease ", Mode::Both).await;
        remember(&engine, "tax", Mode::Words).await;
        remember(&engine, "lease", Mode::Both).await;
        remember(&engine, "  ", Mode::Both).await;
        remember(&engine, &"pasted ".repeat(200), Mode::Both).await;
        let expected = [("lease".to_owned(), Mode::Both), ("tax".to_owned(), Mode::Words)];
        assert_eq!(texts(&engine).await, expected);
        engine.close().await.unwrap();

        let engine = open(dir.path()).await;
        assert_eq!(texts(&engine).await, expected, "after a restart");
        engine.forget_query("lease".to_owned(), Mode::Both).await.unwrap();
        assert_eq!(texts(&engine).await, expected[1..]);
        for at in 0..150 {
            remember(&engine, &format!("query {at}"), Mode::Both).await;
        }
        assert_eq!(texts(&engine).await.len(), 100, "bounded");
        engine.keep_queries(false).await.unwrap();
        remember(&engine, "private", Mode::Both).await;
        assert_eq!(texts(&engine).await, []);
        engine.keep_queries(true).await.unwrap();
        remember(&engine, "lease", Mode::Both).await;
        engine.forget_queries().await.unwrap();
        assert_eq!(texts(&engine).await, []);
        engine.close().await.unwrap();
    });
}

#[test]
fn nearly_identical_notes_are_grouped() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let words = |seed: u64| -> String {
            // One step on from seed 0 lies seed 1: the same text but for a word.
            let mut state = seed + 1;
            let mut next = move || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state >> 40
            };
            (0..150).map(|_| format!("word{} ", next() % 9_973)).collect()
        };
        let mut drafts: Vec<_> =
            (0..300).map(|at| draft(&format!("Note {at}"), &words(at))).collect();
        let first = drafts.len();
        drafts.push(draft("Lease", &format!("The lease of the flat. {}", words(1_000))));
        drafts.push(draft("Lease", &format!("The lease of the flat. {}", words(1_000))));
        drafts.push(draft("Lease copy", &format!("The lease of a flat! {}", words(1_000))));
        drafts.push(draft("Shopping", "milk and bread"));
        drafts.push(draft("Shopping", "Milk and bread."));
        drafts.push(draft("Other list", "milk and eggs"));
        drafts.push(draft("Empty", ""));
        drafts.push(draft("Empty", ""));
        let ids: Vec<NoteId> =
            engine.save_notes(drafts).await.unwrap().into_iter().map(|saved| saved.id).collect();
        let shares = Arc::new(Mutex::new(Vec::new()));
        let told = shares.clone();
        let found = engine.duplicates(move |share| told.lock().unwrap().push(share)).await.unwrap();
        assert_eq!((found.found, found.compared), (2, 306));
        let mut groups: Vec<Vec<NoteId>> = Vec::new();
        for group in &found.groups {
            let mut members: Vec<NoteId> = group.notes.iter().map(|note| note.head.id).collect();
            members.sort();
            groups.push(members);
        }
        assert_eq!(groups, [ids[first..first + 3].to_vec(), ids[first + 3..first + 5].to_vec()]);
        let lease = &found.groups[0].notes;
        assert_eq!(lease[0].likeness, 1.0);
        assert!(lease.iter().any(|note| note.likeness < 1.0 && note.likeness > 0.9), "{lease:?}");
        assert_eq!(lease.iter().filter(|note| note.head.title == "Lease").count(), 2);
        {
            let shares = shares.lock().unwrap();
            assert!(shares.is_sorted() && shares.last() == Some(&1.0), "{shares:?}");
        }
        // What is in the trash is no duplicate any more.
        engine.trash(ids[first + 3..first + 4].to_vec()).await.unwrap();
        assert_eq!(engine.duplicates(|_| {}).await.unwrap().found, 1);
        engine.close().await.unwrap();
    });
}

#[test]
fn the_search_for_duplicates_can_be_cancelled() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let drafts = (0..2_000)
            .map(|at| {
                draft(
                    &format!("Note {at}"),
                    "the same text in every one of them, with words enough to be compared in full",
                )
            })
            .collect();
        engine.save_notes(drafts).await.unwrap();
        let canceller = engine.clone();
        let cancelled = engine.duplicates(move |_| canceller.cancel_duplicates()).await;
        assert_eq!(cancelled.unwrap_err().code, Code::Cancelled);
        let found = engine.duplicates(|_| {}).await.unwrap();
        assert_eq!((found.found, found.groups[0].notes.len()), (1, 50));
        engine.close().await.unwrap();
    });
}
