//! The data folder when something has happened to it.

use std::fs;
use std::path::Path;

use embed::{Embedder, FakeEmbedder};
use engine::Mode;

use crate::support::{ids, open, run, save, search, settle};

/// Deletes or damages parts of a data folder between two runs; every note must be found again, by
/// words and by meaning.
pub(crate) fn survives(name: &str, damage: impl Fn(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = run(async {
        let engine = open(dir.path()).await;
        let one = save(&engine, "One", "the lighthouse keeper").await;
        let two = save(&engine, "Two", "a harbour at night").await;
        settle(&engine).await;
        engine.close().await.unwrap();
        (one, two)
    });
    damage(dir.path());
    run(async {
        let engine = open(dir.path()).await;
        settle(&engine).await;
        assert_eq!(ids(&search(&engine, "lighthouse", Mode::Words).await), [one], "{name}");
        assert_eq!(
            search(&engine, "harbour at night", Mode::Meaning).await.hits[0].head.id,
            two,
            "{name}"
        );
        engine.close().await.unwrap();
    });
}

pub(crate) fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn both_indexes_are_made_anew_from_the_store() {
    survives("indexes deleted", |dir| {
        fs::remove_dir_all(dir.join("keyword")).unwrap();
        fs::remove_dir_all(dir.join("vector")).unwrap();
    });
    survives("indexes emptied", |dir| {
        for file in files(&dir.join("keyword")).into_iter().chain(files(&dir.join("vector"))) {
            fs::write(file, b"").unwrap();
        }
    });
    survives("indexes garbled", |dir| {
        for file in files(&dir.join("keyword")).into_iter().chain(files(&dir.join("vector"))) {
            let mut bytes = fs::read(&file).unwrap();
            for at in (0..bytes.len()).step_by(37) {
                bytes[at] ^= 0x55;
            }
            fs::write(file, bytes).unwrap();
        }
    });
    survives("indexes of another store", |dir| {
        let other = tempfile::tempdir().unwrap();
        run(async {
            let engine = open(other.path()).await;
            save(&engine, "Foreign", "lighthouse of another store").await;
            settle(&engine).await;
            engine.close().await.unwrap();
        });
        for index in ["keyword", "vector"] {
            fs::remove_dir_all(dir.join(index)).unwrap();
            fs::rename(other.path().join(index), dir.join(index)).unwrap();
        }
    });
}

#[test]
fn a_rebuild_embeds_nothing_again() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let id = save(&engine, "One", "the lighthouse keeper").await;
        settle(&engine).await;
        let last_vector_seq = || engine.read(|read| read.last_vector_seq(FakeEmbedder.model_id()));
        let before = last_vector_seq().await.unwrap();
        engine.rebuild_indexes().await.unwrap();
        settle(&engine).await;
        assert_eq!(ids(&search(&engine, "lighthouse", Mode::Words).await), [id]);
        assert_eq!(ids(&search(&engine, "the lighthouse keeper", Mode::Meaning).await), [id]);
        assert_eq!(last_vector_seq().await.unwrap(), before);
        engine.close().await.unwrap();
    });
}

#[test]
fn a_damaged_database_is_named_and_left_alone() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("store.db"), b"this is no database at all, but someone's text")
            .unwrap();
        let options = engine::Options::new(dir.path(), engine::ModelSource::None);
        let Err(error) = engine::Engine::open(options).await else { panic!("it opened") };
        assert!(error.message.contains("store.db"), "{error}");
        assert!(fs::read(dir.path().join("store.db")).unwrap().starts_with(b"this is no"));
    });
}
