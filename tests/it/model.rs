//! Changing the embedding model while the old one serves, and models that are gone or wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use embed::{FakeEmbedder, TinyModel, Usage};
use engine::{Code, Engine, IndexState, IndexStatus, Mode, ModelSource, Options};

use crate::support::{ids, open, open_with, run, save, search, settle};

/// Set in the child that changes models until it is killed: its data folder.
const CHILD: &str = "COMMONPLACE_MODEL_CHILD";
const PATIENCE: Duration = Duration::from_secs(60);

/// A model folder of a few kilobytes, or a line that says why not: it needs the runtime library.
fn tiny(home: &Path, name: &str, dims: usize) -> Option<PathBuf> {
    let installed = commonplace_tests::model_dir();
    if installed.is_none_or(|dir| embed::LocalModel::open(&dir).is_err()) {
        println!("skipped: no ONNX runtime is installed (cargo xtask setup)");
        return None;
    }
    let dir = home.join(name);
    let words = &["lighthouse", "harbour", "violin", "deposit"];
    TinyModel { dims, words, ..TinyModel::default() }.write(&dir).unwrap();
    Some(dir)
}

const NOTES: [(&str, &str); 4] = [
    ("One", "the lighthouse keeper wrote a letter"),
    ("Two", "a harbour at night, and a boat"),
    ("Three", "she tuned the violin before the concert"),
    ("Four", "the deposit comes back when you move out"),
];

async fn fill(engine: &Engine) -> Vec<note::NoteId> {
    let mut made = Vec::new();
    for (title, body) in NOTES {
        made.push(save(engine, title, body).await);
    }
    settle(engine).await;
    made
}

async fn until(engine: &Engine, what: &str, holds: impl Fn(&IndexStatus) -> bool) -> IndexStatus {
    let mut updates = engine.status();
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let status = engine.status_now().await.unwrap();
            if holds(&status) {
                return status;
            }
            // Some of it is done without a word from the store.
            let _ = tokio::time::timeout(Duration::from_millis(200), updates.changed()).await;
        }
    });
    match waited.await {
        Ok(status) => status,
        Err(_) => panic!("never {what}: {:?}", engine.status_now().await),
    }
}

async fn first_by_meaning(engine: &Engine, text: &str) -> Option<note::NoteId> {
    ids(&search(engine, text, Mode::Meaning).await).first().copied()
}

fn files_in(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

#[test]
fn the_old_model_serves_until_the_new_one_is_whole() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        let Some(model) = tiny(home.path(), "tiny", 48) else { return };
        let engine = open(dir.path()).await;
        let notes = fill(&engine).await;
        engine.pause_meaning(true).await.unwrap();
        let preview = engine.preview_model(model.clone(), None).await.unwrap();
        assert_eq!((preview.choice.name.as_str(), preview.choice.dims), ("tiny", 48));
        assert_eq!(preview.chunks, 4);
        assert_eq!(engine.status_now().await.unwrap().model_change, None);
        let usage = Usage { languages: vec!["de".to_owned()], ..Usage::default() };
        engine.set_model(model.clone(), Some(usage)).await.unwrap();
        let status = engine.status_now().await.unwrap();
        let change = status.model_change.clone().unwrap();
        assert_eq!((change.model.as_deref(), change.pending), (Some("tiny"), 4));
        assert_eq!((change.state, status.model.as_deref()), (IndexState::Paused, None));
        assert_eq!((status.meaning_pending, status.vectors), (0, 4));
        assert_eq!(first_by_meaning(&engine, "the lighthouse keeper").await, Some(notes[0]));

        // Halfway, with a note from meanwhile, it goes on after a restart.
        let late = save(&engine, "Five", "another violin").await;
        engine.close().await.unwrap();
        let engine = open(dir.path()).await;
        let change = engine.status_now().await.unwrap().model_change.unwrap();
        assert_eq!((change.state, change.pending), (IndexState::Paused, 5));
        engine.pause_meaning(false).await.unwrap();
        settle(&engine).await;
        let status = engine.status_now().await.unwrap();
        assert_eq!((status.model.as_deref(), &status.model_change), (Some("tiny"), &None));
        assert_eq!((status.vectors, status.chunks, status.meaning_pending), (5, 5, 0));
        assert_eq!(engine.model_choice().unwrap().languages, ["de"]);
        assert_eq!(first_by_meaning(&engine, "lighthouse").await, Some(notes[0]));
        let violins = ids(&search(&engine, "violin", Mode::Meaning).await);
        assert!(violins[..2].contains(&late) && violins[..2].contains(&notes[2]), "{violins:?}");
        // A save is embedded by the new one.
        let new = save(&engine, "Six", "the deposit, the deposit, the deposit").await;
        settle(&engine).await;
        assert_eq!(first_by_meaning(&engine, "deposit").await, Some(new));

        // What the old one left is freed.
        until_freed(&engine, &dir.path().join("vector")).await;
        assert!(files_in(&dir.path().join("vector-b")) > 0);
        engine.close().await.unwrap();
        let engine = open(dir.path()).await;
        settle(&engine).await;
        assert_eq!(first_by_meaning(&engine, "harbour").await, Some(notes[1]));
        engine.reset_model().await.unwrap();
        settle(&engine).await;
        assert_eq!(engine.model_choice(), None);
        assert_eq!(first_by_meaning(&engine, "a harbour at night").await, Some(notes[1]));
        until_freed(&engine, &dir.path().join("vector-b")).await;
        engine.close().await.unwrap();
    });
}

async fn until_freed(engine: &Engine, index: &Path) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while engine.read(|read| read.has_leftovers()).await.unwrap() || files_in(index) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("what the old model left is never freed");
}

#[test]
fn a_change_can_be_given_up() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        let Some(one) = tiny(home.path(), "one", 48) else { return };
        let Some(two) = tiny(home.path(), "two", 32) else { return };
        let engine = open(dir.path()).await;
        let notes = fill(&engine).await;
        engine.pause_meaning(true).await.unwrap();
        engine.set_model(one, None).await.unwrap();
        engine.cancel_model_change().await.unwrap();
        assert_eq!(engine.status_now().await.unwrap().model_change, None);
        // Changed one's mind twice: the last word counts.
        engine.pause_meaning(false).await.unwrap();
        engine.set_model(home.path().join("one"), None).await.unwrap();
        engine.set_model(two, None).await.unwrap();
        settle(&engine).await;
        assert_eq!(engine.model_choice().unwrap().name, "two");
        assert_eq!(first_by_meaning(&engine, "violin").await, Some(notes[2]));
        // The present one again: nothing to do.
        let present = home.path().join("two");
        engine.set_model(present, None).await.unwrap();
        assert_eq!(engine.status_now().await.unwrap().model_change, None);
        engine.close().await.unwrap();
    });
}

#[test]
fn a_folder_that_does_not_fit_changes_nothing() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        let Some(model) = tiny(home.path(), "tiny", 48) else { return };
        let engine = open(dir.path()).await;
        let notes = fill(&engine).await;
        for name in ["model.onnx", "tokenizer.json", "config.json"] {
            let path = model.join(name);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            let error = engine.set_model(model.clone(), None).await.unwrap_err();
            assert_eq!(error.code, Code::Invalid);
            assert!(error.message.contains(name), "{error}");
            fs::remove_file(&path).unwrap();
            let error = engine.set_model(model.clone(), None).await.unwrap_err();
            assert!(error.message.contains(name), "{error}");
            fs::write(&path, bytes).unwrap();
        }
        let status = engine.status_now().await.unwrap();
        assert_eq!((status.model, status.model_change), (None, None));
        assert_eq!(first_by_meaning(&engine, "the lighthouse keeper").await, Some(notes[0]));
        engine.close().await.unwrap();
    });
}

#[test]
fn a_model_that_is_gone_or_changed_is_told_and_can_be_left() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        let Some(model) = tiny(home.path(), "tiny", 48) else { return };
        let engine = open(dir.path()).await;
        let notes = fill(&engine).await;
        engine.set_model(model.clone(), None).await.unwrap();
        settle(&engine).await;
        engine.close().await.unwrap();

        let away = home.path().join("away");
        fs::rename(&model, &away).unwrap();
        let engine = open(dir.path()).await;
        let gone = |status: &IndexStatus| status.meaning_state == IndexState::Unavailable;
        let status = until(&engine, "unavailable", gone).await;
        assert!(status.message.unwrap().contains("/tiny: "));
        let found = search(&engine, "violin", Mode::Both).await;
        assert_eq!(ids(&found), [notes[2]]);
        assert!(found.degraded.unwrap().contains("words only"));
        // There again: chosen again, nothing is embedded anew.
        fs::rename(&away, &model).unwrap();
        engine.set_model(model.clone(), None).await.unwrap();
        settle(&engine).await;
        let status =
            until(&engine, "ready", |status| status.meaning_state == IndexState::Ready).await;
        assert_eq!((status.model_change, status.vectors), (None, 4));
        assert_eq!(first_by_meaning(&engine, "violin").await, Some(notes[2]));
        engine.close().await.unwrap();

        TinyModel { seed: 2, words: &["violin"], ..TinyModel::default() }.write(&model).unwrap();
        let engine = open(dir.path()).await;
        let status = until(&engine, "unavailable", gone).await;
        assert!(status.message.unwrap().contains("not those of the model that was chosen"));
        // The files as they are now are another model.
        engine.set_model(model.clone(), None).await.unwrap();
        settle(&engine).await;
        assert_eq!(first_by_meaning(&engine, "violin").await, Some(notes[2]));
        engine.close().await.unwrap();

        fs::remove_dir_all(&model).unwrap();
        let engine = open(dir.path()).await;
        until(&engine, "unavailable", gone).await;
        engine.reset_model().await.unwrap();
        settle(&engine).await;
        assert_eq!(engine.status_now().await.unwrap().model, None);
        assert_eq!(first_by_meaning(&engine, "the lighthouse keeper").await, Some(notes[0]));
        engine.close().await.unwrap();
    });
}

#[test]
fn a_next_model_that_vanishes_leaves_the_present_one_alone() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        let Some(model) = tiny(home.path(), "tiny", 48) else { return };
        let engine = open(dir.path()).await;
        let notes = fill(&engine).await;
        engine.pause_meaning(true).await.unwrap();
        engine.set_model(model.clone(), None).await.unwrap();
        engine.close().await.unwrap();
        fs::remove_dir_all(&model).unwrap();
        let engine = open(dir.path()).await;
        engine.pause_meaning(false).await.unwrap();
        // The present model may take longer to load than the next one to be missed.
        let status = until(&engine, "told", |status| {
            status.model_change.as_ref().is_some_and(|change| change.message.is_some())
                && status.meaning_state == IndexState::Ready
        })
        .await;
        assert_eq!(status.model_change.unwrap().state, IndexState::Unavailable);
        assert_eq!(first_by_meaning(&engine, "the lighthouse keeper").await, Some(notes[0]));
        engine.cancel_model_change().await.unwrap();
        settle(&engine).await;
        engine.close().await.unwrap();
    });
}

#[test]
fn a_note_in_a_language_that_the_model_was_not_taught_says_so() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        let Some(model) = tiny(home.path(), "tiny", 48) else { return };
        let engine = open(dir.path()).await;
        let notes = fill(&engine).await;
        let body = "敷金は退去後三十日以内に返還されます。鍵を忘れずに返してください。";
        let japanese = save(&engine, "敷金", body).await;
        let taught = |languages: &[&str]| Usage {
            languages: languages.iter().map(|code| (*code).to_owned()).collect(),
            ..Usage::default()
        };
        engine.set_model(model.clone(), Some(taught(&["en"]))).await.unwrap();
        settle(&engine).await;
        assert_eq!(engine.foreign_language(japanese).await.unwrap(), Some("Japanese"));
        assert_eq!(engine.foreign_language(notes[0]).await.unwrap(), None);
        let query = "退去した後に敷金はいつ返してもらえますか";
        let told = search(&engine, query, Mode::Both).await.degraded.unwrap();
        assert!(told.contains("not taught Japanese"), "{told}");
        assert_eq!(search(&engine, "the lighthouse keeper", Mode::Both).await.degraded, None);
        // Which languages it was taught is said of the same model: nothing is embedded again.
        engine.set_model(model, Some(taught(&[]))).await.unwrap();
        assert_eq!(engine.status_now().await.unwrap().model_change, None);
        assert_eq!(engine.foreign_language(japanese).await.unwrap(), None);
        assert_eq!(search(&engine, query, Mode::Both).await.degraded, None);
        engine.close().await.unwrap();
    });
}

#[test]
fn a_second_process_changes_the_model_and_sees_the_switch() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let home = tempfile::tempdir().unwrap();
        let Some(model) = tiny(home.path(), "tiny", 48) else { return };
        let app = open(dir.path()).await;
        let notes = fill(&app).await;
        let beside = open(dir.path()).await;
        assert!(beside.read_only());
        // The app writes its index down when it has been quiet.
        until(&beside, "caught up", |status| status.vectors == 4).await;
        assert_eq!(first_by_meaning(&beside, "a harbour at night").await, Some(notes[1]));
        beside.set_model(model, None).await.unwrap();
        let changed = |status: &IndexStatus| status.model.as_deref() == Some("tiny");
        until(&app, "changed", changed).await;
        let status = until(&beside, "changed there", |status| {
            changed(status) && status.meaning_state == IndexState::Ready && !status.vectors_behind
        })
        .await;
        assert_eq!((status.model_change, status.vectors), (None, 4));
        assert_eq!(first_by_meaning(&beside, "harbour").await, Some(notes[1]));
        beside.close().await.unwrap();
        app.close().await.unwrap();
    });
}

/// Not a test of its own: what the child of the one below does until it is killed.
#[test]
fn changing_models_until_killed() {
    let Some(dir) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    run(async {
        let model = ModelSource::Given(Arc::new(FakeEmbedder));
        let engine = Engine::open(Options::new(&dir, model)).await.unwrap();
        for round in 0.. {
            save(&engine, &format!("note {round}"), "the violin in the harbour").await;
            match engine.model_choice() {
                None => drop(engine.set_model(dir.with_extension("model"), None).await.unwrap()),
                Some(_) => engine.reset_model().await.unwrap(),
            }
            settle(&engine).await;
        }
    });
}

#[test]
fn a_kill_in_the_middle_of_a_change_loses_nothing() {
    const ROUNDS: u64 = 6;
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    let Some(made) = tiny(home.path(), "data.model", 48) else { return };
    assert_eq!(made, dir.with_extension("model"));
    let mut notes = run(async {
        let engine = open(&dir).await;
        for number in 0..60 {
            save(&engine, &format!("n{number}"), &format!("{number} letters from a lighthouse"))
                .await;
        }
        settle(&engine).await;
        engine.close().await.unwrap();
        60
    });
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "model::changing_models_until_killed", "--nocapture"])
            .env(CHILD, &dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(300 + round * 173 % 700));
        child.kill().unwrap();
        assert!(child.wait().unwrap().code().is_none(), "the child ended by itself");
        notes = run(async {
            let engine = open_with(&dir, ModelSource::Given(Arc::new(FakeEmbedder))).await;
            settle(&engine).await;
            let status = engine.status_now().await.unwrap();
            assert!(status.notes >= notes, "round {round}: {status:?}");
            assert_eq!((status.vectors, &status.model_change), (status.chunks, &None));
            assert_eq!(status.chunks, status.notes, "round {round}: a note has one chunk");
            assert!(first_by_meaning(&engine, "lighthouse").await.is_some());
            engine.close().await.unwrap();
            status.notes
        });
    }
}
