//! Imports as jobs: killed, paused, closed over and gone on with, and undone to the last notebook.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use commonplace_tests::measure::Lcg;
use embed::FakeEmbedder;
use engine::{
    Code, Engine, ImportId, ImportRequest, ImportState, ImportStatus, ItemState, ListFilter,
    ModelSource, OnChange, Options, View,
};
use note::Note;

use crate::support::{open, reader, run};

const ROUNDS: usize = 20;
/// Set in the child: its data folder. The files that it imports are beside it.
const CHILD: &str = "COMMONPLACE_IMPORTING_CHILD";
const FILES: usize = 1_500;
/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

async fn open_and_resume(dir: &Path) -> Engine {
    let model = ModelSource::Given(Arc::new(FakeEmbedder));
    let options = Options { reader: reader(), resume_imports: true, ..Options::new(dir, model) };
    Engine::open(options).await.unwrap()
}

async fn start(engine: &Engine, root: &Path, on_change: OnChange) -> ImportId {
    let roots = vec![root.to_owned()];
    engine.import(ImportRequest { roots, on_change, ..Default::default() }).await.unwrap()
}

async fn import(engine: &Engine, root: &Path, on_change: OnChange) -> ImportStatus {
    let id = start(engine, root, on_change).await;
    let status = engine.import_ended(id).await.unwrap();
    assert_eq!(status.found, status.imported + status.skipped + status.failed, "{status:?}");
    status
}

async fn notes_in(engine: &Engine, view: View) -> Vec<Note> {
    let filter = ListFilter { view, limit: 100_000, ..ListFilter::default() };
    let (_, heads) = engine.list(filter).await.unwrap();
    let ids: Vec<_> = heads.iter().map(|head| head.id).collect();
    engine.read(move |read| read.notes(&ids)).await.unwrap()
}

/// Some thousand files: notes in folders, some with a picture, one damaged document, one of no use.
fn files(folder: &Path) -> usize {
    for number in 0..FILES {
        let within = folder.join(format!("part {}", number % 7));
        fs::create_dir_all(&within).unwrap();
        let mut text = format!("text {number} {}", "and so on ".repeat(number % 90));
        if number % 10 == 0 {
            fs::write(within.join(format!("{number}.png")), [137, number as u8, 1]).unwrap();
            text.push_str(&format!("\n\n![[{number}.png]]"));
        }
        fs::write(within.join(format!("note {number}.md")), text).unwrap();
    }
    fs::write(folder.join("broken.pdf"), "%PDF-1.7 nothing").unwrap();
    fs::write(folder.join("unused.bin"), [0; 8]).unwrap();
    FILES + FILES.div_ceil(10) + 2
}

/// Every note is there once, with what it had in its file.
async fn check_whole(engine: &Engine, status: &ImportStatus, found: usize) {
    assert_eq!(status.state, ImportState::Done, "{status:?}");
    let counts = (status.found, status.imported, status.skipped, status.failed);
    assert_eq!(counts, (found, found - 2, 1, 1), "{status:?}");
    let notes = notes_in(engine, View::All).await;
    assert_eq!(notes.len(), FILES);
    let mut titles: HashMap<&str, &Note> = HashMap::new();
    for note in &notes {
        assert!(titles.insert(&note.title, note).is_none(), "{} is there twice", note.title);
    }
    for number in 0..FILES {
        let note = titles[format!("note {number}").as_str()];
        assert!(note.body.starts_with(&format!("text {number} ")));
        let id = note.id;
        let attached = engine.read(move |read| read.attachments(id)).await.unwrap().len();
        assert_eq!(attached, usize::from(number % 10 == 0), "note {number}");
    }
}

/// The child's part; as a test of its own it does nothing.
#[test]
fn the_child_imports_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    run(async {
        let engine = open_and_resume(&dir).await;
        let id = match engine.imports().await.unwrap().first() {
            Some(import) => import.id,
            None => start(&engine, &dir.with_extension("files"), OnChange::Update).await,
        };
        println!("\nopen");
        let ended = engine.import_ended(id).await.unwrap();
        println!("\nended {:?}", ended.state);
        std::future::pending::<()>().await;
    });
}

/// Lets a child import until some time after it began, or to the end.
fn import_and_kill(dir: &Path, random: &mut Lcg) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "jobs::the_child_imports_until_it_is_killed", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (sender, lines) = channel();
    let out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            drop(sender.send(line));
        }
    });
    let wait_for = |lines: &Receiver<String>, word: &str, time: Duration| loop {
        match lines.recv_timeout(time) {
            Ok(line) if line.starts_with(word) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    };
    assert!(wait_for(&lines, "open", PATIENCE), "the child never opened {}", dir.display());
    // At its end at the latest.
    wait_for(&lines, "ended", Duration::from_millis(random.below(250) as u64));
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "the child ended by itself");
    reader.join().unwrap();
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_stood() {
    let home = tempfile::tempdir().unwrap();
    let found = files(&home.path().join("0.files/Vault"));
    let mut random = Lcg(11);
    let (mut data, mut midway, mut whole) = (0, 0, 0);
    run(async {
        for round in 0..ROUNDS {
            let dir = home.path().join(data.to_string());
            import_and_kill(&dir, &mut random);
            // Without going on: what was recorded is what is there.
            let engine = open(&dir).await;
            let status = engine.imports().await.unwrap().remove(0);
            let (_, items) = engine
                .import_items(status.id, Some(ItemState::Imported), 0, usize::MAX >> 1)
                .await
                .unwrap();
            let recorded = items.iter().filter(|item| item.note.is_some()).count();
            let notes = notes_in(&engine, View::All).await.len();
            assert_eq!(notes, recorded, "round {round}: {status:?}");
            let last = round + 1 == ROUNDS;
            match status.state {
                ImportState::Paused if !last => midway += usize::from(notes > 0),
                ImportState::Paused => {
                    engine.resume_import(status.id).await.unwrap();
                    let status = engine.import_ended(status.id).await.unwrap();
                    check_whole(&engine, &status, found).await;
                    whole += 1;
                }
                _ => {
                    check_whole(&engine, &status, found).await;
                    whole += 1;
                    data += 1;
                    let next = home.path().join(format!("{data}.files"));
                    fs::rename(dir.with_extension("files"), next).unwrap();
                }
            }
            engine.close().await.unwrap();
        }
    });
    assert!(midway >= 3, "only {midway} of {ROUNDS} kills came in the middle");
    assert!(whole > 0, "no import came to its end");
}

#[test]
fn a_paused_import_goes_on_when_it_is_told_and_one_that_was_closed_over_by_itself() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let found = files(&source.path().join("Vault"));
        let engine = open(dir.path()).await;
        let mut progress = engine.import_progress();
        let id = start(&engine, &source.path().join("Vault"), OnChange::Update).await;
        progress.recv().await.unwrap();
        engine.pause_import(id);
        let paused = engine.import_ended(id).await.unwrap();
        assert_eq!(paused.state, ImportState::Paused, "{paused:?}");
        engine.close().await.unwrap();

        // It stays so until it is told: another start does not.
        let engine = open_and_resume(dir.path()).await;
        let stored = engine.import_status(id).await.unwrap();
        assert_eq!(stored.state, ImportState::Paused);
        assert_eq!(stored.imported, paused.imported);
        let mut progress = engine.import_progress();
        engine.resume_import(id).await.unwrap();
        progress.recv().await.unwrap();
        engine.close().await.unwrap();

        // Closed over while it ran: this process may leave it alone, another goes on.
        let engine = open(dir.path()).await;
        let cut_off = engine.import_status(id).await.unwrap();
        assert!(matches!(cut_off.state, ImportState::Paused | ImportState::Done), "{cut_off:?}");
        engine.close().await.unwrap();
        let engine = open_and_resume(dir.path()).await;
        let status = engine.import_ended(id).await.unwrap();
        check_whole(&engine, &status, found).await;
        let error = engine.resume_import(id).await.unwrap_err();
        assert_eq!(error.code, Code::Invalid, "{error}");
        let left = fs::read_dir(dir.path()).unwrap().flatten();
        let locks: Vec<_> = left
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("import-"))
            .collect();
        assert_eq!(locks, Vec::<String>::new());
        engine.close().await.unwrap();
    });
}

#[test]
fn a_paused_import_can_be_cancelled_and_undone() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        files(&source.path().join("Vault"));
        let engine = open(dir.path()).await;
        let mut progress = engine.import_progress();
        let id = start(&engine, &source.path().join("Vault"), OnChange::Update).await;
        progress.recv().await.unwrap();
        engine.pause_import(id);
        engine.import_ended(id).await.unwrap();
        engine.cancel_import(id).await.unwrap();
        let status = engine.import_status(id).await.unwrap();
        assert_eq!(status.state, ImportState::Cancelled);
        assert_eq!(status.found, status.imported + status.skipped + status.failed, "{status:?}");
        engine.undo_import(id).await.unwrap();
        assert_eq!(engine.status_now().await.unwrap().notes, 0);
        engine.close().await.unwrap();
    });
}

#[test]
fn an_undone_import_gives_back_what_it_changed_and_leaves_no_notebook() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let vault = source.path().join("Vault");
        fs::create_dir_all(vault.join("Deep/Deeper")).unwrap();
        let file = vault.join("Deep/Lease.md");
        fs::write(&file, "the first version #old").unwrap();
        fs::write(vault.join("Deep/Deeper/other.md"), "another").unwrap();
        let engine = open(dir.path()).await;
        let first = import(&engine, source.path(), OnChange::Update).await;
        let lease = |notes: &[Note]| {
            notes.iter().find(|note| note.title == "Lease").cloned().expect("it is there")
        };
        let before = lease(&notes_in(&engine, View::All).await);

        fs::write(vault.join("plan.png"), [137, 80]).unwrap();
        fs::write(&file, "the second version\n\n![[plan.png]]").unwrap();
        fs::write(vault.join("late.md"), "came with the second import").unwrap();
        let second = import(&engine, source.path(), OnChange::Update).await;
        assert_eq!(second.imported, 3, "{second:?}");
        let updated = lease(&notes_in(&engine, View::All).await);
        assert_eq!(updated.id, before.id);
        assert!(updated.body.contains("second version"));
        assert_eq!(engine.undo_import(second.id).await.unwrap(), 2);
        let notes = notes_in(&engine, View::All).await;
        let after = lease(&notes);
        assert_eq!(notes.len(), 2);
        assert_eq!(
            (&after.body, after.updated, &after.notebook, &after.all_tags),
            (&before.body, before.updated, &before.notebook, &before.all_tags)
        );
        let id = before.id;
        let (attachments, revisions) = engine
            .read(move |read| Ok((read.attachments(id)?, read.revisions(id)?)))
            .await
            .unwrap();
        assert_eq!(attachments, []);
        assert!(!revisions.is_empty(), "the second version is still to be had");
        // The file is still the one that this note came from.
        let third = import(&engine, source.path(), OnChange::Update).await;
        assert_eq!(lease(&notes_in(&engine, View::All).await).id, before.id);
        engine.undo_import(third.id).await.unwrap();

        engine.undo_import(first.id).await.unwrap();
        assert_eq!(notes_in(&engine, View::All).await, []);
        let notebooks = engine.read(|read| read.notebooks()).await.unwrap();
        assert_eq!(notebooks, []);
        engine.close().await.unwrap();
    });
}

#[test]
fn a_changed_file_is_skipped_or_kept_beside_its_note_if_the_person_says_so() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = source.path().join("a.md");
        fs::write(&file, "one").unwrap();
        let engine = open(dir.path()).await;
        import(&engine, source.path(), OnChange::Skip).await;
        fs::write(&file, "two").unwrap();
        let skipped = import(&engine, source.path(), OnChange::Skip).await;
        assert_eq!((skipped.imported, skipped.skipped), (0, 1), "{skipped:?}");
        let (_, items) = engine.import_items(skipped.id, None, 0, 9).await.unwrap();
        assert!(items[0].reason.as_ref().unwrap().contains("changed since"), "{items:?}");
        let bodies = async || {
            let notes = notes_in(&engine, View::All).await;
            let mut bodies: Vec<String> = notes.into_iter().map(|note| note.body).collect();
            bodies.sort();
            bodies
        };
        assert_eq!(bodies().await, ["one"]);
        let both = import(&engine, source.path(), OnChange::KeepBoth).await;
        assert_eq!(both.imported, 1, "{both:?}");
        assert_eq!(bodies().await, ["one", "two"]);
        // Undone, the file belongs to the first note again.
        engine.undo_import(both.id).await.unwrap();
        assert_eq!(bodies().await, ["one"]);
        import(&engine, source.path(), OnChange::Update).await;
        assert_eq!(bodies().await, ["two"]);
        engine.close().await.unwrap();
    });
}
