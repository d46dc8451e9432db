//! Folders that are kept in step with a notebook: real folders, changed as other programs change them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use embed::FakeEmbedder;
use engine::{
    Code, Engine, FolderAnswer, FolderId, FolderState, FolderStatus, FolderWatch, ImportRequest,
    ListFilter, ModelSource, Options, View, draft_of,
};
use note::{Note, NoteDraft, NoteId};

use crate::support::run;

const PATIENCE: Duration = Duration::from_secs(60);
const NOTEBOOK: &str = "Vault";

/// An engine, and a folder beside it.
struct Place {
    home: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { home: tempfile::tempdir().unwrap() };
        fs::create_dir(place.folder()).unwrap();
        place
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("vault")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.folder().join(path)).ok()
    }

    async fn open(&self, folders: FolderWatch) -> Engine {
        let model = ModelSource::Given(Arc::new(FakeEmbedder));
        let options = Options { folders, ..Options::new(self.home.path().join("data"), model) };
        Engine::open(options).await.unwrap()
    }

    /// An engine that watches the folder and has caught up with it.
    async fn watching(&self, folders: FolderWatch) -> (Engine, FolderId) {
        let engine = self.open(folders).await;
        let id = engine.watch_folder(self.folder(), NOTEBOOK.into()).await.unwrap();
        stands(&engine, FolderState::InStep).await;
        (engine, id)
    }

    /// The folder's files, without what is hidden.
    fn files(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.folder()];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.file_name().unwrap().to_string_lossy().starts_with('.') {
                    continue;
                }
                if path.is_dir() {
                    left.push(path);
                } else {
                    let name =
                        path.strip_prefix(self.folder()).unwrap().to_string_lossy().into_owned();
                    found.insert(name, fs::read_to_string(&path).unwrap_or_default());
                }
            }
        }
        found
    }
}

async fn notes(engine: &Engine) -> BTreeMap<String, Note> {
    let filter = ListFilter { limit: 100_000, ..ListFilter::default() };
    let (_, heads) = engine.list(filter).await.unwrap();
    let ids: Vec<NoteId> = heads.iter().map(|head| head.id).collect();
    let notes = engine.read(move |read| read.notes(&ids)).await.unwrap();
    notes.into_iter().map(|note| (note.title.clone(), note)).collect()
}

async fn trashed(engine: &Engine) -> usize {
    let filter = ListFilter { view: View::Trash, limit: 1, ..ListFilter::default() };
    engine.list(filter).await.unwrap().0
}

/// Waits until the one folder stands so that `wanted` is true.
async fn folder(
    engine: &Engine,
    what: &str,
    wanted: impl Fn(&FolderStatus) -> bool,
) -> FolderStatus {
    let mut folders = engine.folders();
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let [status] = folders.borrow_and_update().as_slice()
                && wanted(status)
            {
                return status.clone();
            }
            folders.changed().await.unwrap();
        }
    });
    let found = found.await;
    found.unwrap_or_else(|_| panic!("{what} never came: {:?}", *engine.folders().borrow()))
}

async fn stands(engine: &Engine, state: FolderState) -> FolderStatus {
    folder(engine, &format!("{state:?}"), |status| status.state == state).await
}

/// Waits until something is true of files and notes, looking again whenever one of them may have changed.
async fn until<F: Future<Output = bool>>(
    engine: &Engine,
    what: &str,
    test: impl Fn() -> F,
) -> Duration {
    let started = Instant::now();
    let (mut folders, mut changes) = (engine.folders(), engine.changes());
    let reached = tokio::time::timeout(PATIENCE, async {
        while !test().await {
            tokio::select! {
                changed = folders.changed() => changed.unwrap(),
                _ = changes.recv() => {}
            }
        }
    });
    if reached.await.is_err() {
        panic!("{what} never came: {:?}", *engine.folders().borrow());
    }
    started.elapsed()
}

async fn edit(engine: &Engine, title: &str, change: impl Fn(&mut NoteDraft)) {
    let held = notes(engine).await.remove(title).unwrap();
    let mut draft = draft_of(&held);
    change(&mut draft);
    engine.save_note(Some(held.id), Some(held.revision), draft).await.unwrap();
}

async fn body_is(engine: &Engine, title: &str, body: &str) -> bool {
    notes(engine).await.get(title).is_some_and(|note| note.body == body)
}

#[test]
fn a_change_on_either_side_shows_on_the_other() {
    for how in [FolderWatch::Told, FolderWatch::Polled] {
        run(async {
            let place = Place::new();
            place.write(
                "Lease.md",
                "\u{feff}---\r\naliases: [L]   # mine\r\n---\r\n\r\nthe deposit\r\nthe rent\r\n",
            );
            place.write("Deep/er/Plan.md", "see ![[plan.png]]\n");
            place.write("pictures/plan.png", "a picture");
            place.write(".git/HEAD", "ref");
            place.write(".syncthing.Half.md.tmp", "half");
            place.write("~syncthing~Half.md.tmp", "half");
            let (engine, _) = place.watching(how).await;
            let here = notes(&engine).await;
            assert_eq!(here.keys().collect::<Vec<_>>(), ["Lease", "Plan"]);
            assert_eq!(here["Plan"].notebook, "Vault/Deep/er");
            assert_eq!(here["Lease"].body, "the deposit\nthe rent\n");
            let plan = here["Plan"].id;
            let attached = engine.read(move |read| read.attachments(plan)).await.unwrap();
            assert_eq!(attached.len(), 1);

            // From the folder: a change, a new file, a picture.
            place.write("Lease.md", "---\naliases: [L]   # mine\n---\n\nthe deposit is paid\n");
            let took = until(&engine, "the change", || async {
                body_is(&engine, "Lease", "the deposit is paid\n").await
            });
            println!("{how:?}: a file's change was a note after {:?}", took.await);
            place.write("Deep/New.md", "fresh");
            until(&engine, "the new file", || async { body_is(&engine, "New", "fresh").await })
                .await;
            place.write("pictures/plan.png", "another picture");
            until(&engine, "the picture", || async {
                let now = engine.read(move |read| read.attachments(plan)).await.unwrap();
                now.len() == 1 && now[0].digest != attached[0].digest
            })
            .await;

            // From here: a change, tags, a title, a place, a new note with a picture.
            place.write(
                "Lease.md",
                "\u{feff}---\r\naliases: [L]   # mine\r\n---\r\n\r\nthe deposit\r\nthe rent\r\n",
            );
            until(&engine, "the old text", || async {
                body_is(&engine, "Lease", "the deposit\nthe rent\n").await
            })
            .await;
            edit(&engine, "Lease", |draft| draft.body = draft.body.replace("rent", "rent is due"))
                .await;
            let expected = "\u{feff}---\r\naliases: [L]   # mine\r\n---\r\n\r\nthe deposit\r\nthe rent is due\r\n";
            let took = until(&engine, "the written change", || async {
                place.read("Lease.md").as_deref() == Some(expected)
            });
            println!("{how:?}: a note's change was in its file after {:?}", took.await);
            edit(&engine, "New", |draft| draft.tags = vec!["home/x".into()]).await;
            until(&engine, "the tag", || async {
                place
                    .read("Deep/New.md")
                    .is_some_and(|text| text.contains("- home/x") && text.ends_with("---\nfresh"))
            })
            .await;
            edit(&engine, "New", |draft| draft.title = "Old: why?".into()).await;
            until(&engine, "the new name", || async {
                place.read("Deep/Old- why-.md").is_some() && place.read("Deep/New.md").is_none()
            })
            .await;
            let moved = notes(&engine).await["Old: why?"].id;
            engine.move_notes(vec![moved], "Vault/Else where".into()).await.unwrap();
            until(&engine, "the new place", || async {
                place.read("Else where/Old- why-.md").is_some()
            })
            .await;
            let made = engine
                .save_note(
                    None,
                    None,
                    NoteDraft {
                        title: "Made here".into(),
                        notebook: "vault".into(),
                        body: "![[drawn.png]]".into(),
                        ..NoteDraft::default()
                    },
                )
                .await
                .unwrap();
            engine.attach(made.id, "drawn.png".into(), b"drawn".to_vec()).await.unwrap();
            until(&engine, "the new note's file", || async {
                place.read("Made here.md").as_deref() == Some("![[drawn.png]]")
                    && place.read("drawn.png").as_deref() == Some("drawn")
            })
            .await;

            // A file that is attached later, while the text stays as it is.
            engine.attach(made.id, "later.png".into(), b"later".to_vec()).await.unwrap();
            until(&engine, "the file attached later", || async {
                place.read("later.png").as_deref() == Some("later")
            })
            .await;

            // Each of them is there once, and the names stay as they are.
            stands(&engine, FolderState::InStep).await;
            let titles: Vec<String> = notes(&engine).await.into_keys().collect();
            assert_eq!(titles, ["Lease", "Made here", "Old: why?", "Plan"]);
            let names: Vec<String> = place.files().into_keys().collect();
            assert_eq!(
                names,
                [
                    "Deep/er/Plan.md",
                    "Else where/Old- why-.md",
                    "Lease.md",
                    "Made here.md",
                    "drawn.png",
                    "later.png",
                    "pictures/plan.png",
                    "~syncthing~Half.md.tmp"
                ]
            );

            // Out of the notebook, or into the trash: the file goes to the folder's trash.
            engine.trash(vec![made.id]).await.unwrap();
            until(&engine, "the trashed file", || async {
                place.read(".trash/Made here.md").is_some() && place.read("Made here.md").is_none()
            })
            .await;
            engine.restore(vec![made.id]).await.unwrap();
            until(&engine, "the restored file", || async { place.read("Made here.md").is_some() })
                .await;
            engine.close().await.unwrap();
        });
    }
}

#[test]
fn what_changed_on_both_sides_is_kept_twice() {
    run(async {
        let place = Place::new();
        place.write("Lease.md", "one\n");
        let (engine, id) = place.watching(FolderWatch::Told).await;
        engine.pause_folder(id, true).await.unwrap();
        stands(&engine, FolderState::Paused).await;
        edit(&engine, "Lease", |draft| draft.body = "mine\n".into()).await;
        place.write("Lease.md", "theirs\n");
        // Syncthing has its own way to say the same.
        place.write("Lease.sync-conflict-20260102-030405-ABCDEFG.md", "somebody else's\n");
        engine.pause_folder(id, false).await.unwrap();
        until(&engine, "both versions", || async {
            notes(&engine).await.len() == 3 && place.files().len() == 3
        })
        .await;
        let status = stands(&engine, FolderState::InStep).await;
        assert_eq!(status.conflicts, 1);
        let here = notes(&engine).await;
        assert_eq!(here["Lease"].body, "theirs\n");
        assert_eq!(
            place.read("Lease.md").unwrap(),
            "theirs\n",
            "a file that another program wrote is never replaced"
        );
        assert_eq!(here["Lease (conflict 2026-01-02 03.04)"].body, "somebody else's\n");
        let (title, copy) = here.iter().find(|(_, note)| note.body == "mine\n").unwrap();
        assert!(title.starts_with("Lease (conflict 20"), "{title}");
        assert_eq!(place.read(&format!("{title}.md")).unwrap(), "mine\n");
        assert_eq!(copy.notebook, NOTEBOOK);
        let held = here["Lease"].id;
        let revisions = engine.read(move |read| read.revisions(held)).await.unwrap();
        assert!(!revisions.is_empty(), "the note's own version is among its revisions, too");

        // The same change on both sides is none.
        engine.pause_folder(id, true).await.unwrap();
        edit(&engine, "Lease", |draft| draft.body = "agreed\n".into()).await;
        place.write("Lease.md", "agreed\n");
        engine.pause_folder(id, false).await.unwrap();
        stands(&engine, FolderState::InStep).await;
        assert_eq!(notes(&engine).await.len(), 3);

        // An edit wins over a deletion, whichever side it is on.
        engine.pause_folder(id, true).await.unwrap();
        edit(&engine, "Lease", |draft| draft.body = "kept here\n".into()).await;
        fs::remove_file(place.folder().join("Lease.md")).unwrap();
        engine.trash(vec![copy.id]).await.unwrap();
        place.write(&format!("{title}.md"), "kept there\n");
        engine.pause_folder(id, false).await.unwrap();
        until(&engine, "both edits", || async {
            place.read("Lease.md").as_deref() == Some("kept here\n")
                && body_is(&engine, title, "kept there\n").await
        })
        .await;
        assert_eq!(notes(&engine).await[title].id, copy.id);
        engine.close().await.unwrap();
    });
}

#[test]
fn a_renamed_file_stays_its_note_and_a_deleted_one_can_be_had_back() {
    run(async {
        let place = Place::new();
        for number in 0..8 {
            place.write(&format!("{number}.md"), &format!("text {number}"));
        }
        let (engine, _) = place.watching(FolderWatch::Told).await;
        let before = notes(&engine).await["3"].id;
        fs::create_dir(place.folder().join("sub")).unwrap();
        fs::rename(place.folder().join("3.md"), place.folder().join("sub/three.md")).unwrap();
        until(&engine, "the rename", || async {
            notes(&engine)
                .await
                .get("three")
                .is_some_and(|note| note.id == before && note.notebook == "Vault/sub")
        })
        .await;
        stands(&engine, FolderState::InStep).await;
        assert_eq!((notes(&engine).await.len(), trashed(&engine).await), (8, 0));

        // Written anew and renamed over the old one, as editors and Syncthing do.
        place.write(".tmp-4", "new 4");
        fs::rename(place.folder().join(".tmp-4"), place.folder().join("4.md")).unwrap();
        until(&engine, "the replaced file", || async { body_is(&engine, "4", "new 4").await })
            .await;

        // A new text under the old time and size.
        let path = place.folder().join("5.md");
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "next 5").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        until(&engine, "the file with an old time", || async {
            body_is(&engine, "5", "next 5").await
        })
        .await;

        let five = notes(&engine).await["5"].id;
        fs::remove_file(&path).unwrap();
        until(&engine, "the deletion", || async { trashed(&engine).await == 1 }).await;
        place.write("5.md", "next 5");
        until(&engine, "the return", || async { trashed(&engine).await == 0 }).await;
        assert_eq!(notes(&engine).await["5"].id, five);

        // A note that is restored here gets its file back.
        fs::remove_file(&path).unwrap();
        until(&engine, "the second deletion", || async { trashed(&engine).await == 1 }).await;
        engine.restore(vec![five]).await.unwrap();
        until(&engine, "the file", || async { place.read("5.md").as_deref() == Some("next 5") })
            .await;
        engine.close().await.unwrap();
    });
}

#[test]
fn an_emptied_or_vanished_folder_deletes_nothing_unasked() {
    run(async {
        let place = Place::new();
        for number in 0..20 {
            place.write(&format!("{number}.md"), &format!("text {number}"));
        }
        let (engine, id) = place.watching(FolderWatch::Told).await;
        let empty = || {
            for entry in fs::read_dir(place.folder()).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        };

        // The folder itself goes and comes back.
        let aside = place.home.path().join("aside");
        fs::rename(place.folder(), &aside).unwrap();
        stands(&engine, FolderState::Missing).await;
        assert_eq!((notes(&engine).await.len(), trashed(&engine).await), (20, 0));
        fs::rename(&aside, place.folder()).unwrap();
        stands(&engine, FolderState::InStep).await;

        // Emptied: the question stays, also over a restart, until it is answered.
        empty();
        let status = stands(&engine, FolderState::Asking).await;
        let question = status.question.unwrap();
        assert_eq!((question.missing, question.of), (20, 20));
        assert!(question.examples.contains(&"0.md".to_owned()), "{question:?}");
        engine.close().await.unwrap();
        let engine = place.open(FolderWatch::Told).await;
        stands(&engine, FolderState::Asking).await;
        assert_eq!((notes(&engine).await.len(), trashed(&engine).await), (20, 0));
        // What is written meanwhile is not lost, and what comes back is no longer asked about.
        place.write("new.md", "meanwhile");
        until(&engine, "the new file", || async { body_is(&engine, "new", "meanwhile").await })
            .await;
        place.write("0.md", "text 0");
        folder(&engine, "one less", |status| {
            status.question.as_ref().is_some_and(|question| question.missing == 19)
        })
        .await;
        engine.answer_folder(id, FolderAnswer::LookAgain).unwrap();
        stands(&engine, FolderState::Asking).await;
        engine.answer_folder(id, FolderAnswer::Keep).unwrap();
        stands(&engine, FolderState::InStep).await;
        assert_eq!(place.files().len(), 21);
        assert_eq!(place.read("7.md").unwrap(), "text 7");
        assert_eq!((notes(&engine).await.len(), trashed(&engine).await), (21, 0));

        empty();
        stands(&engine, FolderState::Asking).await;
        engine.answer_folder(id, FolderAnswer::Trash).unwrap();
        stands(&engine, FolderState::InStep).await;
        assert_eq!((notes(&engine).await.len(), trashed(&engine).await), (0, 21));
        engine.close().await.unwrap();
    });
}

#[test]
fn a_thousand_files_come_in_and_stay_the_same() {
    run(async {
        let place = Place::new();
        for number in 0..1_000 {
            place.write(
                &format!("{}/note {number}.md", number % 10),
                &format!("---\ntags: [t{}]\n---\ntext of {number}\n", number % 7),
            );
        }
        let before = place.files();
        let started = Instant::now();
        let (engine, _) = place.watching(FolderWatch::Told).await;
        println!("a thousand files were notes after {:?}", started.elapsed());
        assert_eq!(notes(&engine).await.len(), 1_000);
        assert_eq!(place.files(), before);
        edit(&engine, "note 500", |draft| draft.body = "changed\n".into()).await;
        let took = until(&engine, "the change", || async {
            place.read("0/note 500.md").is_some_and(|text| text.ends_with("changed\n"))
        });
        println!("among a thousand, a note's change was in its file after {:?}", took.await);
        let written = stands(&engine, FolderState::InStep).await.written;
        assert_eq!(written, 1, "one note was changed, one file was written");
        engine.close().await.unwrap();

        // A start with nothing to do does nothing; one with changes on both sides finds them.
        place.write("1/note 1.md", "changed while nobody looked");
        let engine = place.open(FolderWatch::Told).await;
        until(&engine, "the missed change", || async {
            body_is(&engine, "note 1", "changed while nobody looked").await
        })
        .await;
        let status = stands(&engine, FolderState::InStep).await;
        assert_eq!((status.read, status.written, status.files), (1, 0, 1_000), "{status:?}");
        engine.close().await.unwrap();
    });
}

#[test]
fn a_folder_that_was_imported_or_watched_before_is_not_doubled() {
    run(async {
        let place = Place::new();
        place.write("a.md", "one");
        place.write("Deep/b.md", "two");
        let engine = place.open(FolderWatch::Told).await;
        let request = ImportRequest { roots: vec![place.folder()], ..ImportRequest::default() };
        let import = engine.import(request).await.unwrap();
        engine.import_ended(import).await.unwrap();
        let imported: Vec<NoteId> = notes(&engine).await.values().map(|note| note.id).collect();
        place.write("a.md", "one, changed since");
        let id = engine.watch_folder(place.folder(), "Other".into()).await.unwrap();
        stands(&engine, FolderState::InStep).await;
        let here = notes(&engine).await;
        assert_eq!(here.values().map(|note| note.id).collect::<Vec<_>>(), imported);
        assert_eq!(
            (here["a"].body.as_str(), here["b"].notebook.as_str()),
            ("one, changed since", "Other/Deep")
        );

        engine.unwatch_folder(id).await.unwrap();
        edit(&engine, "b", |draft| draft.body = "two, changed here".into()).await;
        engine.watch_folder(place.folder(), "other".into()).await.unwrap();
        until(&engine, "both versions", || async { place.files().len() == 3 }).await;
        stands(&engine, FolderState::InStep).await;
        let here = notes(&engine).await;
        assert_eq!(here.len(), 3, "{:?}", here.keys());
        assert_eq!(
            (here["a"].body.as_str(), here["b"].body.as_str()),
            ("one, changed since", "two")
        );

        // What overlaps is refused, with the reason.
        for (path, notebook) in [
            (place.folder(), "Elsewhere"),
            (place.folder().join("Deep"), "Elsewhere"),
            (place.home.path().join("data"), "Elsewhere"),
            (place.home.path().to_owned(), "Elsewhere"),
            (place.folder().join("a.md"), "Elsewhere"),
            (place.home.path().join("none"), "Elsewhere"),
        ] {
            let error = engine.watch_folder(path.clone(), notebook.into()).await.unwrap_err();
            assert_eq!(error.code, Code::Invalid, "{error}");
            assert!(error.message.contains(path.to_str().unwrap()), "{error}");
        }
        let second = place.home.path().join("second");
        fs::create_dir(&second).unwrap();
        for notebook in ["OTHER", "Other/Deep"] {
            let error = engine.watch_folder(second.clone(), notebook.into()).await.unwrap_err();
            assert!(error.message.contains("overlaps"), "{error}");
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn links_out_of_the_folder_are_never_followed() {
    run(async {
        let place = Place::new();
        let outside = place.home.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret.md"), "secret").unwrap();
        place.write("a.md", "![[secret.png]]");
        std::os::unix::fs::symlink(&outside, place.folder().join("out")).unwrap();
        std::os::unix::fs::symlink(outside.join("secret.md"), place.folder().join("linked.md"))
            .unwrap();
        std::os::unix::fs::symlink(outside.join("secret.md"), place.folder().join("secret.png"))
            .unwrap();
        let (engine, _) = place.watching(FolderWatch::Told).await;
        let here = notes(&engine).await;
        assert_eq!(here.keys().collect::<Vec<_>>(), ["a"]);
        let id = here["a"].id;
        assert!(engine.read(move |read| read.attachments(id)).await.unwrap().is_empty());
        let draft =
            NoteDraft { title: "in".into(), notebook: "Vault/out".into(), ..NoteDraft::default() };
        engine.save_note(None, None, draft).await.unwrap();
        folder(&engine, "a problem", |status| {
            status.problems.iter().any(|(path, reason)| path == "out" && reason.contains("link"))
        })
        .await;
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        engine.close().await.unwrap();
    });
}

/// Set in a child of these tests: what it is to do, and where.
const CHILD: &str = "COMMONPLACE_WATCH_CHILD";
const HOME: &str = "COMMONPLACE_WATCH_HOME";
const ROUND: &str = "COMMONPLACE_WATCH_ROUND";

fn child(task: &str, home: &Path) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "watch::the_child_does_as_it_is_told", "--nocapture"])
        .env(CHILD, task)
        .env(HOME, home);
    child
}

/// The children's part; as a test of its own it does nothing.
#[test]
fn the_child_does_as_it_is_told() {
    let (Ok(task), Some(home)) = (std::env::var(CHILD), std::env::var_os(HOME)) else { return };
    let home = PathBuf::from(home);
    run(async {
        let options = Options::new(home.join("data"), ModelSource::None);
        let engine = Engine::open(options).await.unwrap();
        match task.as_str() {
            "work" => {
                let round = std::env::var(ROUND).unwrap();
                for number in 0.. {
                    let number = format!("{round}-{number}");
                    let title = format!("made {number}");
                    let draft = NoteDraft {
                        title,
                        notebook: NOTEBOOK.into(),
                        body: format!("here {number}"),
                        ..NoteDraft::default()
                    };
                    let saved = engine.save_note(None, None, draft.clone()).await.unwrap();
                    let next = NoteDraft { body: format!("here {number}, again"), ..draft };
                    engine.save_note(Some(saved.id), None, next).await.unwrap();
                    let file = home.join("vault").join(format!("theirs {number}.md"));
                    fs::write(file, format!("there {number}")).unwrap();
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            }
            _ => without_rights(&engine, &home).await,
        }
    });
}

#[test]
fn kill_in_the_middle_doubles_and_loses_nothing() {
    let place = Place::new();
    place.write("start.md", "start");
    run(async {
        let (engine, _) = place.watching(FolderWatch::Told).await;
        engine.close().await.unwrap();
    });
    for round in 0..6_u64 {
        let mut working = child("work", place.home.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(350 + 170 * round));
        working.kill().unwrap();
        working.wait().unwrap();
        run(async {
            let engine = place.open(FolderWatch::Told).await;
            let in_step = until(&engine, "every file and note", || async {
                let (here, there) = (notes(&engine).await, place.files());
                here.len() == there.len()
                    && here
                        .iter()
                        .all(|(title, note)| there.get(&format!("{title}.md")) == Some(&note.body))
            });
            in_step.await;
            stands(&engine, FolderState::InStep).await;
            let (total, _) =
                engine.list(ListFilter { limit: 1, ..ListFilter::default() }).await.unwrap();
            assert_eq!(total, place.files().len(), "a note came twice");
            assert_eq!(trashed(&engine).await, 0);
            assert!(
                notes(&engine).await.keys().all(|title| !title.contains('(')),
                "nothing came twice"
            );
            engine.close().await.unwrap();
        });
    }
    assert!(place.files().len() > 20, "hardly anything was done");
}

#[test]
fn what_may_not_be_read_or_written_is_told_and_counts_as_nothing_gone() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    for path in ["a.md", "b.md", "closed/c.md", "closed/d.md", "closed/e.md"] {
        place.write(path, "text");
    }
    let mut nobody = child("rights", place.home.path());
    let is_root = fs::metadata(place.home.path()).is_ok_and(|home| {
        use std::os::unix::fs::MetadataExt;
        home.uid() == 0
    });
    if is_root {
        // Nothing is forbidden to root: somebody else has to try.
        const NOBODY: u32 = 65_534;
        let mut left = vec![place.home.path().to_owned()];
        while let Some(path) = left.pop() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            if path.is_dir() {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        let copy = place.home.path().join("test");
        // By a process of its own: a child that another test starts meanwhile would hold the copy open.
        let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        nobody = Command::new(copy);
        nobody
            .args(["--exact", "watch::the_child_does_as_it_is_told", "--nocapture"])
            .env(CHILD, "rights")
            .env(HOME, place.home.path())
            .current_dir(place.home.path())
            .uid(NOBODY)
            .gid(NOBODY);
    }
    let output = nobody.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// As somebody who is not root.
async fn without_rights(engine: &Engine, home: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let vault = home.join("vault");
    let allow = |path: &str, mode: u32| {
        fs::set_permissions(vault.join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    engine.watch_folder(vault.clone(), NOTEBOOK.into()).await.unwrap();
    stands(engine, FolderState::InStep).await;
    assert_eq!(notes(engine).await.len(), 5);

    // A folder that may not be looked into is not an empty one.
    allow("closed", 0o000);
    fs::write(vault.join("a.md"), "changed").unwrap();
    allow("b.md", 0o000);
    folder(engine, "two problems", |status| {
        let of = |name: &str| {
            status
                .problems
                .iter()
                .any(|(path, reason)| path == name && reason.contains("ermission denied"))
        };
        of("closed") && of("b.md")
    })
    .await;
    until(engine, "the change beside it", || async { body_is(engine, "a", "changed").await }).await;
    assert_eq!((notes(engine).await.len(), trashed(engine).await), (5, 0));

    // What cannot be written stays on the list until it can.
    allow("closed", 0o555);
    edit(engine, "c", |draft| draft.body = "changed here".into()).await;
    folder(engine, "a file that cannot be written", |status| {
        status.state == FolderState::Failed
            && status
                .problems
                .iter()
                .any(|(path, reason)| path == "closed/c.md" && reason.contains("cannot be written"))
    })
    .await;
    allow("closed", 0o755);
    allow("b.md", 0o644);
    stands(engine, FolderState::InStep).await;
    until(engine, "the written change", || async {
        fs::read_to_string(vault.join("closed/c.md")).is_ok_and(|text| text == "changed here")
    })
    .await;
    engine.close().await.unwrap();
}
