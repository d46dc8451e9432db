use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, mpsc};

use note::{Analysis, NoteDraft, NoteId, analyse};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use note::Timestamp;
use std::time::{Duration, SystemTime};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const MODEL: &str = "model";

fn open() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn at(minutes: i64) -> Timestamp {
    Timestamp(NOW.0 + minutes * 60_000)
}

fn draft(title: &str, body: &str) -> NoteDraft {
    NoteDraft { title: title.to_owned(), body: body.to_owned(), ..NoteDraft::default() }
}

fn save_at(
    store: &Store,
    id: Option<NoteId>,
    base: Option<u32>,
    draft: &NoteDraft,
    now: Timestamp,
) -> Result<Saved> {
    let draft = draft.clone();
    store.write(Lane::Interactive, move |write| {
        write.save_note(id, base, &draft, &analyse(&draft.body), now)
    })
}

fn add(store: &Store, draft: &NoteDraft) -> NoteId {
    save_at(store, None, None, draft, NOW).unwrap().id
}

fn note(store: &Store, id: NoteId) -> note::Note {
    store.read(|read| read.note(id)).unwrap().unwrap()
}

fn list(store: &Store, view: View, sort: ListSort) -> Vec<i64> {
    let filter = ListFilter { view, sort, offset: 0, limit: 100 };
    let (total, heads) = store.read(|read| read.list(&filter)).unwrap();
    assert_eq!(total, heads.len());
    heads.iter().map(|head| head.id.0).collect()
}

/// The files as a killed process would leave them: copied while the store is open.
fn as_if_killed(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}

#[test]
fn a_save_comes_back_whole() {
    let (dir, store) = open();
    let written = NoteDraft {
        title: "Zürich 東京 👩‍👩‍👧 \u{202e}rtl".to_owned(),
        body: "First *words* #inline\n\n- [ ] call 📅 2026-12-01\n- [x] done\n[[Other]]".to_owned(),
        front_matter: "tags: [front]\naliases: [Turicum]".to_owned(),
        tags: vec!["#Work/Lease".to_owned(), " work/lease".to_owned(), "two words".to_owned()],
        notebook: " Home // Büro /".to_owned(),
        kind: note::Kind::Pdf,
        pinned: true,
        created: Some(Timestamp(5)),
        updated: Some(Timestamp(6)),
    };
    let id = add(&store, &written);
    let stored = note(&store, id);
    assert_eq!(stored.title, written.title);
    assert_eq!(stored.body, written.body);
    assert_eq!(stored.front_matter, written.front_matter);
    assert_eq!(stored.tags, ["Work/Lease", "two words"]);
    assert_eq!(stored.all_tags, ["Work/Lease", "front", "inline", "two words"]);
    assert_eq!(stored.notebook, "Home/Büro");
    assert_eq!((stored.kind, stored.pinned), (note::Kind::Pdf, true));
    assert_eq!((stored.created, stored.updated), (Timestamp(5), Timestamp(6)));
    assert_eq!((stored.revision, stored.seq, stored.trashed), (1, Seq(1), None));
    let tasks =
        store.read(|read| read.tasks(&TaskFilter { include_done: true, ..Default::default() }));
    let tasks = tasks.unwrap();
    assert_eq!(tasks.iter().map(|task| task.done).collect::<Vec<_>>(), [false, true]);
    assert_eq!(tasks[0].due.as_deref(), Some("2026-12-01"));
    let head = store.read(|read| read.heads(&[NoteId(99), id])).unwrap().remove(0);
    assert!(head.excerpt.starts_with("First words"), "{}", head.excerpt);
    store.close().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(note(&store, id), stored);
    assert_eq!(store.last_seq(), Seq(1));
}

#[test]
fn the_same_content_is_no_change_and_a_stale_base_is_a_conflict() {
    let (_dir, store) = open();
    let id = add(&store, &draft("a", "one"));
    let same = save_at(&store, Some(id), Some(7), &draft("a", "one"), at(1)).unwrap();
    assert_eq!(same, Saved { id, seq: Seq(1), revision: 1, unchanged: true });
    let second = save_at(&store, Some(id), Some(1), &draft("a", "one two"), at(1)).unwrap();
    assert_eq!((second.revision, second.seq), (2, Seq(2)));
    match save_at(&store, Some(id), Some(1), &draft("a", "other"), at(2)) {
        Err(StoreError::Conflict { note, current_revision: 2 }) => assert_eq!(note, id),
        other => panic!("{other:?}"),
    }
    assert_eq!(note(&store, id).body, "one two");
    // Without a base the writer knows what it does.
    assert_eq!(save_at(&store, Some(id), None, &draft("a", "x"), at(2)).unwrap().revision, 3);
    assert!(matches!(
        save_at(&store, Some(NoteId(99)), None, &draft("", ""), NOW),
        Err(StoreError::NoSuchNote { note: NoteId(99) })
    ));
}

#[test]
fn overwritten_versions_are_kept() {
    let (_dir, store) = open();
    let long = "word ".repeat(100);
    let id = add(&store, &draft("a", &long));
    let kept = || -> Vec<u32> {
        let heads = store.read(|read| read.revisions(id)).unwrap();
        heads.iter().map(|head| head.revision).collect()
    };
    let save = |body: &str, minute: i64| {
        save_at(&store, Some(id), None, &draft("a", body), at(minute)).unwrap();
    };
    save(&format!("{long}1"), 1);
    assert_eq!(kept(), [1], "the first change");
    save(&format!("{long}12"), 2);
    assert_eq!(kept(), [1], "less than five minutes later");
    save("gone", 3);
    assert_eq!(kept(), [3, 1], "it shrank");
    store.write(Lane::Interactive, move |write| write.keep_revision(id, at(4))).unwrap();
    assert_eq!(kept(), [4, 3, 1], "asked for");
    save("gone and back", 9);
    assert_eq!(kept(), [4, 3, 1], "kept already");
    save("gone and back again", 14);
    assert_eq!(kept(), [5, 4, 3, 1], "five minutes later");
    save("the clock went back", -60);
    assert_eq!(kept(), [6, 5, 4, 3, 1], "a clock that went back");
    let first = store.read(|read| read.revision(id, 1)).unwrap().unwrap();
    assert_eq!((first.body, first.saved_at), (long, NOW));
    // Moving is no new text.
    let moved = NoteDraft { notebook: "b".to_owned(), ..draft("a", "the clock went back") };
    save_at(&store, Some(id), None, &moved, at(60)).unwrap();
    assert_eq!(kept().len(), 5);
}

#[test]
fn ops_share_transactions_and_fail_alone() {
    let (dir, store) = open();
    let changed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&changed);
    store.on_commit(Box::new(move |ids, seq| {
        seen.lock().unwrap().extend_from_slice(ids);
        assert!(seq > Seq(0));
    }));
    let (release, released) = mpsc::channel::<()>();
    store.submit(Lane::Interactive, move |_| Ok(released.recv()), |_| {});
    let (answer, answers) = mpsc::channel();
    for number in 0..100 {
        let answer = answer.clone();
        let op = move |write: &mut Write<'_>| {
            let text = draft(&format!("n{number}"), "");
            let saved = write.save_note(None, None, &text, &Analysis::default(), NOW)?;
            match number % 10 {
                3 => Err(StoreError::Invalid { what: "on purpose".to_owned() }),
                7 => panic!("on purpose"),
                _ => Ok(saved.id),
            }
        };
        let lane = if number % 2 == 0 { Lane::Bulk } else { Lane::Interactive };
        store.submit(lane, op, move |result| answer.send((number, result)).unwrap());
    }
    release.send(()).unwrap();
    drop(answer);
    let mut ids = Vec::new();
    for (number, result) in answers {
        match (number % 10, result) {
            (3, Err(StoreError::Invalid { .. })) | (7, Err(StoreError::Panicked { .. })) => {}
            (3 | 7, other) => panic!("{number}: {other:?}"),
            (_, result) => ids.push(result.unwrap()),
        }
    }
    assert_eq!(ids.len(), 80);
    assert!(store.inner.shared.commits.load(Ordering::Acquire) < 100, "none were shared");
    let copy = as_if_killed(dir.path());
    let again = Store::open(copy.path()).unwrap();
    assert_eq!(again.read(|read| read.notes(&ids)).unwrap().len(), 80);
    assert_eq!(again.read(|read| read.counts(MODEL)).unwrap().notes, 80);
    store.close().unwrap();
    ids.sort_unstable();
    let mut changed = std::mem::take(&mut *changed.lock().unwrap());
    changed.sort_unstable();
    assert_eq!(changed, ids);
}

#[test]
fn a_person_goes_ahead_of_bulk() {
    let (_dir, store) = open();
    let (release, released) = mpsc::channel::<()>();
    store.submit(Lane::Bulk, move |_| Ok(released.recv()), |_| {});
    let order = Arc::new(Mutex::new(Vec::new()));
    for (lane, number) in (0..50).map(|n| (Lane::Bulk, n)).chain([(Lane::Interactive, 99)]) {
        let order = Arc::clone(&order);
        let op = move |_: &mut Write<'_>| {
            order.lock().unwrap().push(number);
            Ok(())
        };
        store.submit(lane, op, |_| {});
    }
    release.send(()).unwrap();
    store.close().unwrap();
    let order = order.lock().unwrap();
    assert_eq!((order.len(), order[0], order[1]), (51, 99, 0));
}

#[test]
fn sixty_four_threads_save_at_once() {
    let (dir, store) = open();
    let ids: Vec<NoteId> = thread::scope(|scope| {
        let savers: Vec<_> = (0..64)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    let save = |number| add(store, &draft(&format!("{thread} {number}"), "text"));
                    (0..10).map(save).collect::<Vec<_>>()
                })
            })
            .collect();
        savers.into_iter().flat_map(|saver| saver.join().unwrap()).collect()
    });
    assert_eq!(store.last_seq(), Seq(640));
    let copy = as_if_killed(dir.path());
    let again = Store::open(copy.path()).unwrap();
    assert_eq!(again.read(|read| read.notes(&ids)).unwrap().len(), 640);
    let changes = again.read(|read| read.changes_since(Seq(0), 1_000)).unwrap();
    let seqs: Vec<i64> = changes.iter().map(|change| change.seq.0).collect();
    assert_eq!(seqs, (1..=640).collect::<Vec<_>>());
}

#[test]
fn a_closed_store_answers_so() {
    let (_dir, store) = open();
    let (answer, answers) = mpsc::channel();
    for _ in 0..50 {
        let answer = answer.clone();
        let op = |write: &mut Write<'_>| write.put_setting("a", "1");
        store.submit(Lane::Bulk, op, move |result| answer.send(result).unwrap());
    }
    store.close().unwrap();
    store.close().unwrap();
    drop(answer);
    assert_eq!(answers.iter().filter(Result::is_ok).count(), 50, "queued before is done");
    let late = store.write(Lane::Interactive, |write| write.put_setting("a", "2"));
    assert!(matches!(late, Err(StoreError::Closed)));
    assert!(matches!(store.read(|read| read.settings()), Err(StoreError::Closed)));
}

#[test]
fn a_blocking_write_on_the_writer_thread_is_refused() {
    let (_dir, store) = open();
    let inside = store.clone();
    let answer = store
        .write(Lane::Interactive, move |_| Ok(inside.write(Lane::Bulk, |_| Ok(())).is_err()))
        .unwrap();
    assert!(answer);
}

#[test]
fn a_full_disk_fails_the_save_and_nothing_else() {
    let (_dir, store) = open();
    let id = add(&store, &draft("a", "small"));
    let limit = |pages: i64| {
        store
            .write(Lane::Interactive, move |write| {
                write.row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            })
            .unwrap();
    };
    let pages = store
        .read(|read| read.row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)))
        .unwrap()
        .unwrap();
    limit(pages + 2);
    let big = draft("b", &"x".repeat(1_000_000));
    match save_at(&store, None, None, &big, NOW) {
        Err(StoreError::Full { path }) => assert!(path.ends_with(DATABASE)),
        other => panic!("{other:?}"),
    }
    // Even an op that goes on after the failure stores nothing.
    let swallowed = store.write(Lane::Interactive, {
        let big = big.clone();
        move |write| {
            let _ = write.save_note(None, None, &big, &Analysis::default(), NOW);
            Ok(())
        }
    });
    assert!(matches!(swallowed, Err(StoreError::Full { .. })), "{swallowed:?}");
    assert_eq!(note(&store, id).body, "small");
    limit(1 << 30);
    let saved = save_at(&store, None, None, &big, NOW).unwrap();
    assert_eq!(saved.seq, Seq(2), "a failed save takes no seq");
    assert_eq!(store.read(|read| read.counts(MODEL)).unwrap().notes, 2);
}

#[test]
fn ids_and_seqs_are_never_used_again() {
    let (dir, store) = open();
    let first = add(&store, &draft("a", ""));
    let second = add(&store, &draft("b", ""));
    store.write(Lane::Interactive, move |write| write.delete_note(second)).unwrap();
    store.close().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.last_seq(), Seq(3));
    let third = add(&store, &draft("c", ""));
    assert_eq!(third, NoteId(3));
    let changes = store.read(|read| read.changes_since(Seq(0), 10)).unwrap();
    assert_eq!(
        changes,
        [
            Change { seq: Seq(1), id: first, deleted: false },
            Change { seq: Seq(3), id: second, deleted: true },
            Change { seq: Seq(4), id: third, deleted: false },
        ]
    );
    assert_eq!(store.read(|read| read.changes_since(Seq(1), 1)).unwrap()[0].id, second);
}

#[test]
fn two_processes_share_a_store() {
    let (dir, store) = open();
    let other = Store::open(dir.path()).unwrap();
    assert!(!store.poll_external().unwrap());
    let mine = add(&store, &draft("mine", ""));
    assert!(!store.poll_external().unwrap(), "our own change");
    let theirs = add(&other, &draft("theirs", ""));
    assert_ne!(mine, theirs);
    assert!(store.poll_external().unwrap());
    assert!(!store.poll_external().unwrap());
    assert_eq!(store.last_seq(), Seq(2));
    add(&other, &draft("theirs", "again"));
    let next = save_at(&store, None, None, &draft("mine", "again"), NOW).unwrap();
    assert_eq!(next.seq, Seq(4));
    assert!(store.poll_external().unwrap(), "seen by the writer on its way");
    other.write(Lane::Bulk, |write| write.put_setting("theme", "1")).unwrap();
    assert!(store.poll_external().unwrap(), "a change without a seq");
    assert_eq!(store.uuid(), other.uuid());
}

#[test]
fn lists_are_sorted_and_filtered() {
    let (_dir, store) = open();
    let make = |title: &str, notebook: &str, tag: &str, pinned: bool, time: i64| {
        let tags = vec![tag.to_owned()];
        let notebook = notebook.to_owned();
        let draft = NoteDraft { tags, notebook, pinned, ..draft(title, "") };
        save_at(&store, None, None, &draft, at(time)).unwrap().id
    };
    let b = make("b", "Work", "x", false, 1);
    let a = make("Ä", "work/Leases", "x/y", false, 2);
    let c = make("c", "Workshop", "xy", true, 0);
    let t = make("trashed", "Work", "x", false, 9);
    store.write(Lane::Interactive, move |write| write.set_trashed(t, Some(at(10)))).unwrap();
    let notebook = |path: &str| View::Notebook(path.to_owned());
    let tag = |tag: &str| View::Tag(tag.to_owned());
    let check = |view, sort, expected: &[NoteId]| {
        let expected: Vec<i64> = expected.iter().map(|id| id.0).collect();
        assert_eq!(list(&store, view, sort), expected);
    };
    check(View::All, ListSort::Updated, &[c, a, b]);
    check(View::All, ListSort::Created, &[c, a, b]);
    check(View::All, ListSort::Title, &[c, a, b]);
    check(notebook("WORK"), ListSort::Updated, &[a, b]);
    check(notebook("Work/Leases"), ListSort::Title, &[a]);
    check(notebook("none"), ListSort::Title, &[]);
    check(tag("#X"), ListSort::Title, &[a, b]);
    check(tag("xy"), ListSort::Created, &[c]);
    check(View::Trash, ListSort::Updated, &[t]);
    check(View::UpdatedSince(at(1)), ListSort::Updated, &[a, b]);
    let filter = ListFilter { view: View::All, sort: ListSort::Updated, offset: 1, limit: 1 };
    let (total, page) = store.read(|read| read.list(&filter)).unwrap();
    assert_eq!((total, page[0].id), (3, a));
    let tags = store.read(|read| read.tags()).unwrap();
    assert_eq!(tags, [("x".into(), 1), ("x/y".into(), 1), ("xy".into(), 1)]);
    assert_eq!(store.read(|read| read.complete_tags("X", 2)).unwrap(), ["x", "x/y"]);
    let expected = [("Work".into(), 1), ("Work/Leases".into(), 1), ("Workshop".into(), 1)];
    assert_eq!(store.read(|read| read.notebooks()).unwrap(), expected);
    store.write(Lane::Interactive, move |write| write.set_trashed(t, None)).unwrap();
    check(tag("x"), ListSort::Title, &[a, b, t]);
}

#[test]
fn notebooks_are_renamed_and_deleted_with_what_is_below() {
    let (_dir, store) = open();
    let make = |notebook: &str| {
        add(&store, &NoteDraft { notebook: notebook.to_owned(), ..draft(notebook, "") })
    };
    let (top, below, aside) = (make("A"), make("A/B/C"), make("AB"));
    let place = |id| note(&store, id).notebook;
    let rename = |from: &str, to: &str| {
        let (from, to) = (from.to_owned(), to.to_owned());
        store.write(Lane::Interactive, move |write| write.rename_notebook(&from, &to))
    };
    let before = store.last_seq();
    assert_eq!(rename("a", "X/Y").unwrap(), 2);
    assert_eq!([place(top), place(below), place(aside)], ["X/Y", "X/Y/B/C", "AB"]);
    assert_eq!(store.read(|read| read.changes_since(before, 9)).unwrap().len(), 2);
    assert!(matches!(rename("X", "X/Y/Z"), Err(StoreError::Invalid { .. })));
    assert!(matches!(rename("none", "B"), Err(StoreError::NoSuchNotebook { .. })));
    assert_eq!(rename("X/Y", "X/y").unwrap(), 2, "only its case");
    assert_eq!(rename("X/Y/B", "AB").unwrap(), 1, "into one that exists");
    assert_eq!([place(below), place(aside)], ["AB/C", "AB"]);
    let delete = |path: &str| {
        let path = path.to_owned();
        store.write(Lane::Interactive, move |write| write.delete_notebook(&path)).unwrap()
    };
    assert_eq!(delete("AB/C"), 1);
    assert_eq!(delete("X"), 1);
    assert_eq!([place(top), place(below)], ["", "AB"]);
    let paths = store.read(|read| read.notebooks()).unwrap();
    assert_eq!(paths, [("AB".to_owned(), 2)]);
    assert!(store.write(Lane::Bulk, |write| write.create_notebook(" / ")).is_err());
}

#[test]
fn names_lead_to_notes() {
    let (_dir, store) = open();
    let make = |title: &str, notebook: &str, body: &str| {
        add(&store, &NoteDraft { notebook: notebook.to_owned(), ..draft(title, body) })
    };
    let plan = make("Plan", "Home", "");
    let other = make("plan", "Work/Old", "");
    let slash = make("TCP/IP", "", "");
    let zurich = add(
        &store,
        &NoteDraft { front_matter: "aliases: [Turicum, plan]".to_owned(), ..draft("Zürich", "") },
    );
    let source =
        make("s", "", "[[plan]] [[Work/Old/Plan]] [[tcp/ip]] [x](../Old/plan.md) [[turicum|z]]");
    for (name, expected) in [
        ("PLAN", Some(plan)),
        ("plan.md", Some(plan)),
        ("Work/Old/plan", Some(other)),
        ("Old/Plan.md", Some(other)),
        ("../old/plan", Some(other)),
        ("Nowhere/plan", Some(plan)),
        ("tcp/ip", Some(slash)),
        ("Turicum", Some(zurich)),
        ("zu\u{308}rich", Some(zurich)),
        ("none", None),
        ("", None),
        ("/", None),
        (".md", None),
    ] {
        assert_eq!(store.read(|read| read.resolve_name(name)).unwrap(), expected, "{name}");
    }
    let body = note(&store, source).body;
    for (id, expected) in [
        (plan, vec!["[[plan]]"]),
        (other, vec!["[[Work/Old/Plan]]", "[x](../Old/plan.md)"]),
        (slash, vec!["[[tcp/ip]]"]),
        (zurich, vec!["[[turicum|z]]"]),
        (source, vec![]),
        (NoteId(99), vec![]),
    ] {
        let links = store.read(|read| read.backlinks(id)).unwrap();
        let texts: Vec<&str> = links.iter().map(|(_, range)| &body[range.clone()]).collect();
        assert_eq!(texts, expected);
    }
    let names = store.read(|read| read.complete_names("PL", 9)).unwrap();
    assert_eq!(names.iter().map(|name| name.id).collect::<Vec<_>>(), [plan, other, zurich]);
    assert_eq!(store.read(|read| read.complete_names("", 2)).unwrap().len(), 2);
    store.write(Lane::Bulk, move |write| write.set_trashed(source, Some(NOW))).unwrap();
    assert_eq!(store.read(|read| read.backlinks(plan)).unwrap(), []);
}

fn put_chunks(store: &Store, note: NoteId, seq: Seq, model: &'static str, numbers: &[f32]) -> bool {
    let numbers = numbers.to_vec();
    store
        .write(Lane::Bulk, move |write| {
            let vectors: Vec<[f32; 2]> = numbers.iter().map(|&number| [number, 1.0]).collect();
            let chunks: Vec<NewChunk<'_>> = vectors
                .iter()
                .map(|vector| NewChunk {
                    start: 0,
                    end: 1,
                    heading_path: "A › B".to_owned(),
                    digest: [vector[0] as u8; 16],
                    vector,
                })
                .collect();
            write.put_chunks(note, seq, model, &chunks)
        })
        .unwrap()
}

#[test]
fn chunks_follow_their_note() {
    let (_dir, store) = open();
    let a = add(&store, &draft("a", "text"));
    let b = add(&store, &draft("b", "text"));
    let unchunked = |model: &str| -> Vec<i64> {
        let notes = store.read(|read| read.unchunked(model, 9, true)).unwrap();
        assert_eq!(store.read(|read| read.pending_chunks_count(model)).unwrap(), notes.len());
        notes.iter().map(|(id, _)| id.0).collect()
    };
    assert_eq!(unchunked(MODEL), [b.0, a.0]);
    assert!(put_chunks(&store, a, Seq(1), MODEL, &[1.0, 2.0]));
    assert!(!put_chunks(&store, b, Seq(1), MODEL, &[3.0]), "its seq moved on");
    assert_eq!(unchunked(MODEL), [b.0]);
    let skip = move |write: &mut Write<'_>| write.skip_chunks(b, Seq(2), MODEL, "too odd");
    assert!(store.write(Lane::Bulk, skip).unwrap());
    assert_eq!(unchunked(MODEL), [0i64; 0]);
    assert_eq!(store.read(|read| read.skipped(MODEL, 9)).unwrap(), [(b, "too odd".to_owned())]);
    let counts = store.read(|read| read.counts(MODEL)).unwrap();
    assert_eq!((counts.chunks, counts.chunked_notes, counts.skipped), (2, 1, 1));
    // Flags and places are not text.
    store.write(Lane::Interactive, move |write| write.move_note(a, "Work")).unwrap();
    store.write(Lane::Interactive, move |write| write.set_pinned(b, true)).unwrap();
    assert_eq!(unchunked(MODEL), [0i64; 0]);
    let vectors = store.read(|read| read.chunk_vectors(MODEL, a)).unwrap();
    assert_eq!(vectors, [([1; 16], vec![1.0, 1.0]), ([2; 16], vec![2.0, 1.0])]);
    let second = store.read(|read| read.chunk_vector(MODEL, a, 1)).unwrap();
    assert_eq!(second, Some(vec![2.0, 1.0]));
    let known = store.read(|read| read.vectors_by_digest(MODEL, &[[2; 16], [9; 16]])).unwrap();
    assert_eq!(known.len(), 1);
    let chunks = store.read(|read| read.chunks(MODEL, a)).unwrap();
    assert_eq!((chunks.len(), chunks[1].ordinal, &*chunks[1].heading_path), (2, 1, "A › B"));
    let since = |seq| store.read(|read| read.vectors_since(MODEL, seq, 9)).unwrap();
    let all = since(Seq(0));
    assert_eq!(all.iter().map(|change| change.note).collect::<Vec<_>>(), [a, b]);
    let seen = all[1].vector_seq;
    store.write(Lane::Interactive, move |write| write.set_trashed(a, Some(NOW))).unwrap();
    let trashed = since(seen);
    assert_eq!((trashed.len(), trashed[0].trashed, trashed[0].vectors.len()), (1, true, 2));
    store.write(Lane::Interactive, move |write| write.delete_note(a)).unwrap();
    let deleted = since(trashed[0].vector_seq);
    assert_eq!((deleted.len(), deleted[0].note, deleted[0].vectors.len()), (1, a, 0));
    // Chunks of a model that nobody asked for are not taken.
    let seq = note(&store, b).seq;
    assert_eq!(unchunked("other"), [b.0]);
    assert!(!put_chunks(&store, b, seq, "other", &[5.0]));
    // One that takes the place at once: everything waits again, and its vectors are apart.
    store.write(Lane::Bulk, |write| write.use_model("other")).unwrap();
    assert!(put_chunks(&store, b, seq, "other", &[5.0]));
    assert_eq!(unchunked(MODEL), [b.0]);
    assert_eq!(store.read(|read| read.chunk_vectors(MODEL, b)).unwrap(), []);
    // New text waits for its chunks.
    save_at(&store, Some(b), None, &draft("b", "new"), NOW).unwrap();
    assert_eq!(unchunked("other"), [b.0]);
}

/// Calls a step that goes on after a note, until it is done.
fn step_through(store: &Store, step: fn(&mut Write<'_>, NoteId, usize) -> Result<Option<NoteId>>) {
    let mut after = NoteId(0);
    while let Some(last) = store.write(Lane::Bulk, move |write| step(write, after, 2)).unwrap() {
        after = last;
    }
}

fn pending(store: &Store, model: &str) -> usize {
    store.read(|read| read.pending_chunks_count(model)).unwrap()
}

fn chunk_rows(dir: &TempDir) -> i64 {
    let conn = Connection::open(dir.path().join("store.db")).unwrap();
    conn.query_row("SELECT count(*) FROM chunks", [], |row| row.get(0)).unwrap()
}

#[test]
fn the_next_model_is_made_beside_the_one_in_use() {
    let (dir, store) = open();
    let notes: Vec<NoteId> =
        (0..5).map(|n| add(&store, &draft(&format!("n{n}"), "text"))).collect();
    let chunk = |note: NoteId, model: &'static str, numbers: &[f32]| {
        let seq = self::note(&store, note).seq;
        put_chunks(&store, note, seq, model, numbers)
    };
    for &note in &notes {
        assert!(chunk(note, MODEL, &[1.0, 2.0]));
    }
    let switch = || store.write(Lane::Bulk, |write| write.switch_model("next")).unwrap();
    let begin = || store.write(Lane::Bulk, |write| write.begin_next_model("next"));
    begin().unwrap();
    let again = |model: &'static str| {
        store.write(Lane::Bulk, move |write| write.begin_next_model(model)).is_err()
    };
    assert!(again(MODEL) && again("third"));
    assert!(!switch(), "not all notes are on its list");
    step_through(&store, |write, after, limit| write.list_for_next_model(after, limit));
    assert_eq!((pending(&store, "next"), pending(&store, MODEL)), (5, 0));
    for &note in &notes[..3] {
        assert!(chunk(note, "next", &[7.0]));
    }
    assert!(!switch(), "two notes would be lost to searches");
    // What happens to a note meanwhile happens on both sides.
    let [a, b, ..] = notes[..] else { unreachable!() };
    store.write(Lane::Interactive, move |write| write.set_pinned(a, true)).unwrap();
    store.write(Lane::Interactive, move |write| write.set_trashed(b, Some(NOW))).unwrap();
    save_at(&store, Some(notes[2]), None, &draft("n2", "changed"), NOW).unwrap();
    let fresh = add(&store, &draft("fresh", "text"));
    assert_eq!((pending(&store, "next"), pending(&store, MODEL)), (4, 2));
    let seen = |model: &'static str| -> Vec<(i64, bool, usize)> {
        store
            .read(|read| read.vectors_since(model, Seq(0), 99))
            .unwrap()
            .iter()
            .map(|change| (change.note.0, change.trashed, change.vectors.len()))
            .collect()
    };
    let (n, gone) = (|at: usize| notes[at].0, b.0);
    assert_eq!(seen("next"), [(n(0), false, 1), (n(2), false, 1), (gone, true, 1)]);
    assert_eq!(seen(MODEL).len(), 5);
    let last = |model: &'static str| store.read(|read| read.last_vector_seq(model)).unwrap();
    assert_eq!(last("next"), last(MODEL), "the trash is news to both");
    for note in [notes[2], notes[3], notes[4], fresh] {
        assert!(chunk(note, "next", &[8.0, 9.0, 10.0]));
    }
    assert!(last("next") > last(MODEL));
    assert!(switch());
    assert!(!switch());
    assert_eq!(store.read(|read| read.model_in_use()).unwrap().as_deref(), Some("next"));
    let counts = store.read(|read| read.counts("next")).unwrap();
    assert_eq!((counts.chunks, counts.chunked_notes), (13, 5));
    assert_eq!(store.read(|read| read.chunks("next", fresh)).unwrap().len(), 3);
    assert_eq!(store.read(|read| read.chunks(MODEL, a)).unwrap().len(), 0);
    assert!(!chunk(a, MODEL, &[1.0]), "the old model is out");
    // What it left is freed step by step, and then there is room for another.
    assert!(store.read(|read| read.has_leftovers()).unwrap());
    assert!(again("third"));
    assert_eq!(chunk_rows(&dir), 10 + 14);
    step_through(&store, |write, after, limit| write.free_leftovers(after, limit));
    assert!(!store.read(|read| read.has_leftovers()).unwrap());
    assert_eq!(chunk_rows(&dir), 14);
    // The way back, given up halfway.
    store.write(Lane::Bulk, |write| write.begin_next_model(MODEL)).unwrap();
    step_through(&store, |write, after, limit| write.list_for_next_model(after, limit));
    assert_eq!(pending(&store, MODEL), 5);
    assert!(chunk(a, MODEL, &[1.0]));
    store.write(Lane::Bulk, |write| write.cancel_next_model()).unwrap();
    assert!(!chunk(a, MODEL, &[1.0]));
    step_through(&store, |write, after, limit| write.free_leftovers(after, limit));
    assert_eq!((chunk_rows(&dir), pending(&store, "next")), (14, 0));
    store.write(Lane::Interactive, move |write| write.delete_note(a)).unwrap();
    assert_eq!(chunk_rows(&dir), 13);
}

#[test]
fn unused_attachments_are_removed_and_no_others() {
    const DAY: Duration = Duration::from_secs(86_400);
    let (_dir, store) = open();
    let put = |bytes: &[u8]| {
        let digest = store.put_attachment(bytes).unwrap();
        (digest, store.attachment_path(&digest))
    };
    let age = |path: &Path| {
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - 2 * DAY).unwrap();
    };
    let attach = |note: NoteId, digest: Digest| {
        let row = AttachmentRef {
            name: "a.png".into(),
            digest,
            mime: "image/png".into(),
            size: 3,
            role: Role::Embed,
        };
        store.write(Lane::Interactive, move |write| write.attach(note, &row)).unwrap();
    };
    let (held, trashed) = (add(&store, &draft("held", "")), add(&store, &draft("trashed", "")));
    let ((used, used_path), (last, last_path)) = (put(b"used"), put(b"last"));
    attach(held, used);
    attach(trashed, last);
    store.write(Lane::Interactive, move |write| write.set_trashed(trashed, Some(NOW))).unwrap();
    let (_, unused) = put(b"unused");
    let (_, young) = put(b"young");
    let (_, wanted) = put(b"wanted again");
    let remains = unused.with_file_name(format!(".{used}.1.2"));
    fs::write(&remains, "half").unwrap();
    // A removal that a crash cut short, of what is wanted after all.
    let (back, back_path) = put(b"back");
    attach(held, back);
    let aside = back_path.with_file_name(format!(".{back}.unused"));
    fs::rename(&back_path, &aside).unwrap();
    let foreign = unused.with_file_name("notes.txt");
    fs::write(&foreign, "not ours").unwrap();
    for path in [&used_path, &last_path, &unused, &wanted, &remains, &aside, &foreign] {
        age(path);
    }
    // An import that is under way finds the bytes it is about to attach.
    put(b"wanted again");
    let removed = store.remove_unused_attachments(DAY, &|| false).unwrap();
    assert_eq!(removed, Removed { files: 2, bytes: 10 });
    for path in [&used_path, &last_path, &young, &wanted, &back_path, &foreign] {
        assert!(path.exists(), "{}", path.display());
    }
    assert!(!unused.exists() && !remains.exists() && !aside.exists());
    // Emptied out of the trash it goes as well; the same bytes can be put again.
    store.write(Lane::Interactive, move |write| write.delete_note(trashed)).unwrap();
    assert_eq!(store.remove_unused_attachments(DAY, &|| true).unwrap(), Removed::default());
    assert_eq!(store.remove_unused_attachments(DAY, &|| false).unwrap().files, 1);
    assert!(!last_path.exists());
    put(b"last");
    assert!(last_path.exists());
    assert!(store.scrub(&|| false).unwrap().damage.is_empty());
}

#[test]
fn attachments_are_kept_once() {
    let (dir, store) = open();
    let digest = store.put_attachment(b"bytes").unwrap();
    assert_eq!(store.put_attachment(b"bytes").unwrap(), digest);
    assert_eq!(digest.to_string().parse(), Ok(digest));
    assert_eq!(fs::read(store.attachment_path(&digest)).unwrap(), b"bytes");
    let folder = store.attachment_path(&digest).parent().unwrap().to_owned();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let id = add(&store, &draft("a", ""));
    let attachment = AttachmentRef {
        name: "scan “1”.pdf".to_owned(),
        digest,
        mime: "application/pdf".to_owned(),
        size: 5,
        role: Role::Source,
    };
    let tie = attachment.clone();
    let seq = store.write(Lane::Interactive, move |write| write.attach(id, &tie)).unwrap();
    assert_eq!(seq, Seq(2), "the indexes hear of it");
    let stored = store.read(|read| read.attachment(&digest)).unwrap();
    assert_eq!(store.read(|read| read.attachments(id)).unwrap(), [attachment]);
    assert_eq!(stored.map(|stored| stored.name), Some("scan “1”.pdf".to_owned()));
    assert_eq!(store.scrub(&|| false).unwrap().damage, []);
    fs::write(store.attachment_path(&digest), b"bytez").unwrap();
    assert_eq!(store.scrub(&|| false).unwrap().damage, [Damage::Attachment(digest)]);
    let backup = dir.path().join("copy");
    assert!(matches!(store.backup(&backup), Err(StoreError::Corrupt { .. })));
    fs::remove_file(store.attachment_path(&digest)).unwrap();
    assert_eq!(store.scrub(&|| false).unwrap().damage, [Damage::MissingAttachment(digest)]);
    assert!(store.write(Lane::Interactive, move |write| write.detach(id, &digest)).unwrap());
    assert!(!store.write(Lane::Interactive, move |write| write.detach(id, &digest)).unwrap());
    assert_eq!(store.scrub(&|| true).unwrap(), ScrubReport::default());
}

#[test]
fn imports_are_remembered() {
    let (_dir, store) = open();
    let id = add(&store, &draft("a", ""));
    let digest = Digest::of(b"x");
    let import = store
        .write(Lane::Bulk, move |write| {
            let import = write.begin_import(
                &["/a\nb".to_owned(), "/c".to_owned()],
                "In",
                OnChange::Skip,
                NOW,
            )?;
            write.put_import_item(import, "/c/1", ItemState::Pending, None, None)?;
            write.put_import_item(import, "/c/1", ItemState::Imported, None, Some(id))?;
            write.put_import_item(import, "/c/2", ItemState::Failed, Some("torn"), None)?;
            write.record_source("/c/1", &digest, 1, at(-9), id)?;
            Ok(import)
        })
        .unwrap();
    let finish =
        move |write: &mut Write<'_>| write.set_import_state(import, ImportState::Done, None, at(1));
    store.write(Lane::Bulk, finish).unwrap();
    let stored = store.read(|read| read.imports()).unwrap().remove(0);
    assert_eq!(stored.roots, ["/a\nb", "/c"]);
    assert_eq!((stored.state, stored.finished), (ImportState::Done, Some(at(1))));
    assert_eq!(stored.counts, ItemCounts { imported: 1, failed: 1, ..Default::default() });
    assert_eq!(store.read(|read| read.import(import)).unwrap(), Some(stored));
    let failed = store.read(|read| read.import_items(import, Some(ItemState::Failed), 0, 9));
    assert_eq!(failed.unwrap()[0].reason.as_deref(), Some("torn"));
    assert_eq!(store.read(|read| read.import_items(import, None, 1, 9)).unwrap().len(), 1);
    assert_eq!(store.read(|read| read.source_by_digest(&digest)).unwrap()[0].note, id);
    assert_eq!(store.read(|read| read.source_by_path("/c/1")).unwrap().unwrap().mtime, at(-9));
    store.write(Lane::Bulk, move |write| write.delete_note(id)).unwrap();
    assert_eq!(store.read(|read| read.source_by_path("/c/1")).unwrap(), None);
    let missing =
        |write: &mut Write<'_>| write.set_import_state(ImportId(9), ImportState::Done, None, NOW);
    assert!(matches!(store.write(Lane::Bulk, missing), Err(StoreError::NoSuchImport { .. })));
}

#[test]
fn a_backup_is_a_store() {
    let (dir, store) = open();
    let digest = store.put_attachment(b"bytes").unwrap();
    let id = add(&store, &draft("a", "text"));
    let attachment = AttachmentRef {
        name: "n".to_owned(),
        digest,
        mime: String::new(),
        size: 5,
        role: Role::Embed,
    };
    store.write(Lane::Bulk, move |write| write.attach(id, &attachment)).unwrap();
    let to = dir.path().join("backup of “it”");
    store.backup(&to).unwrap();
    assert!(matches!(store.backup(&to), Err(StoreError::Invalid { .. })), "not over another");
    let copy = Store::open(&to).unwrap();
    assert_eq!(copy.uuid(), store.uuid());
    assert_eq!(note(&copy, id), note(&store, id));
    assert_eq!(fs::read(copy.attachment_path(&digest)).unwrap(), b"bytes");
    assert_eq!(
        copy.scrub(&|| false).unwrap(),
        ScrubReport { notes: 1, attachments: 1, damage: vec![] }
    );
    // Rot in a text is found by its hash alone.
    let rot = move |write: &mut Write<'_>| {
        write.execute("UPDATE bodies SET body = 'texu' WHERE note = ?1", [id.0])
    };
    store.write(Lane::Bulk, rot).unwrap();
    assert_eq!(store.scrub(&|| false).unwrap().damage, [Damage::Note(id)]);
    let failed = store.backup(&dir.path().join("second"));
    assert!(matches!(failed, Err(StoreError::Corrupt { .. })), "{failed:?}");
}

#[test]
fn older_stores_are_migrated_after_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let first = &*schema::MIGRATIONS.concat();
    let store = Store::open_with(dir.path(), &[first]).unwrap();
    let id = add(&store, &draft("a", "text"));
    let uuid = store.uuid().to_owned();
    store.close().unwrap();
    assert!(!dir.path().join(BACKUPS).exists());

    let broken = Store::open_with(dir.path(), &[first, "CREATE TABLE t (a); nonsense"]);
    assert!(matches!(broken, Err(StoreError::Sqlite { .. })));
    let steps = [first, "ALTER TABLE notes ADD COLUMN mood TEXT", "CREATE TABLE t (a)"];
    let store = Store::open_with(dir.path(), &steps).unwrap();
    assert_eq!((store.uuid(), note(&store, id).body.as_str()), (&*uuid, "text"));
    store.close().unwrap();
    let mut backups: Vec<_> = fs::read_dir(dir.path().join(BACKUPS))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    backups.sort();
    assert_eq!(backups.len(), 3, "one before each step, that which failed too");
    let names: Vec<_> =
        backups.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert!(names[0].starts_with("store-v1-") && names[2].starts_with("store-v2-"), "{names:?}");
    let copy = Connection::open(&backups[0]).unwrap();
    let notes: i64 = copy.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).unwrap();
    assert_eq!(notes, 1);

    match Store::open_with(dir.path(), &[first]) {
        Err(StoreError::NewerVersion { found: 3, known: 1, .. }) => {}
        other => panic!("{:?}", other.map(drop)),
    }
}

#[test]
fn what_is_no_store_is_named_and_left_alone() {
    let check = |content: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(DATABASE);
        fs::write(&path, content).unwrap();
        match Store::open(dir.path()) {
            Err(StoreError::Corrupt { path: named, .. }) => assert_eq!(named, path),
            other => panic!("{:?}", other.map(drop)),
        }
        assert_eq!(fs::read(&path).unwrap(), content);
    };
    check(b"this is a text file, and not a short one at that, or so it would seem to anybody");
    check(&[0xff; 9_000]);
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    check(&fs::read(&foreign).unwrap());

    // A store whose pages are gone.
    let (dir, store) = open();
    add(&store, &draft("a", "text"));
    store.close().unwrap();
    let path = dir.path().join(DATABASE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4_096..].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let opened = Store::open(dir.path());
    assert!(matches!(&opened, Err(StoreError::Corrupt { .. })), "{:?}", opened.map(drop));

    // No folder can be made here.
    fs::write(dir.path().join("file"), b"").unwrap();
    let opened = Store::open(&dir.path().join("file/store"));
    assert!(matches!(&opened, Err(StoreError::Io { .. })));
    fs::create_dir_all(dir.path().join("odd").join(DATABASE)).unwrap();
    match Store::open(&dir.path().join("odd")) {
        Err(error) => assert!(error.to_string().contains(DATABASE), "{error}"),
        Ok(_) => panic!("opened a folder"),
    }
    // An empty file is what a crash at the very first start leaves.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(DATABASE), b"").unwrap();
    Store::open(dir.path()).unwrap();
}

#[test]
fn a_huge_note_is_a_note() {
    let (_dir, store) = open();
    let body = "naïve #tag words ".repeat(50_000_000 / 18);
    let title = "t".repeat(1_000_000);
    let huge = draft(&title, &body);
    let write = huge.clone();
    let id = store
        .write(Lane::Bulk, move |w| w.save_note(None, None, &write, &Analysis::default(), NOW))
        .unwrap()
        .id;
    let stored = note(&store, id);
    assert!(stored.body == huge.body && stored.title == huge.title);
    let tags: Vec<String> = (0..200_000).map(|number| format!("t{number}")).collect();
    let many = move |write: &mut Write<'_>| write.set_tags(id, &tags, &Analysis::default());
    store.write(Lane::Bulk, many).unwrap();
    assert_eq!(note(&store, id).tags.len(), 200_000);
    store.write(Lane::Bulk, move |write| write.delete_note(id)).unwrap();
    assert_eq!(store.read(|read| read.tags()).unwrap(), []);
}

#[derive(Clone, Debug)]
enum Op {
    Add { text: u8, notebook: u8, pinned: bool },
    Save { which: u8, text: u8, notebook: u8, stale: bool },
    Trash { which: u8, on: bool },
    Pin { which: u8, on: bool },
    Move { which: u8, notebook: u8 },
    Tags { which: u8, tag: u8 },
    Delete { which: u8 },
    Chunk { which: u8, count: u8 },
    Rename { from: u8, to: u8 },
    Reopen,
}

fn any_op() -> impl Strategy<Value = Op> {
    let (n, t, b) = (0..6u8, 0..5u8, any::<bool>());
    prop_oneof![
        3 => (t.clone(), t.clone(), b).prop_map(|(text, notebook, pinned)| Op::Add { text, notebook, pinned }),
        4 => (n.clone(), t.clone(), t.clone(), b).prop_map(|(which, text, notebook, stale)| Op::Save { which, text, notebook, stale }),
        2 => (n.clone(), b).prop_map(|(which, on)| Op::Trash { which, on }),
        1 => (n.clone(), b).prop_map(|(which, on)| Op::Pin { which, on }),
        1 => (n.clone(), t.clone()).prop_map(|(which, notebook)| Op::Move { which, notebook }),
        1 => (n.clone(), t.clone()).prop_map(|(which, tag)| Op::Tags { which, tag }),
        1 => n.clone().prop_map(|which| Op::Delete { which }),
        3 => (n, 0..4u8).prop_map(|(which, count)| Op::Chunk { which, count }),
        1 => (t.clone(), t).prop_map(|(from, to)| Op::Rename { from, to }),
        1 => Just(Op::Reopen),
    ]
}

/// What a store should hold, kept the simple way.
#[derive(Default)]
struct Model {
    notes: BTreeMap<i64, ModelNote>,
    deleted: BTreeMap<i64, i64>,
    seq: i64,
}

#[derive(Clone, Default)]
struct ModelNote {
    text: u8,
    tag: Option<u8>,
    notebook: String,
    pinned: bool,
    trashed: bool,
    revision: u32,
    seq: i64,
    chunks: Option<usize>,
}

fn place(number: u8) -> String {
    ["", "A", "A/B", "A/B/C", "D"][usize::from(number)].to_owned()
}

fn body(text: u8) -> String {
    format!("- [ ] do {text}\n- [x] did\n#in{text} [[n{text}]]")
}

impl ModelNote {
    fn draft(&self) -> NoteDraft {
        NoteDraft {
            tags: self.tag.iter().map(|tag| format!("set{tag}")).collect(),
            notebook: self.notebook.clone(),
            pinned: self.pinned,
            ..draft(&format!("n{}", self.text), &body(self.text))
        }
    }
}

impl Model {
    fn changed(&mut self, id: i64) -> &mut ModelNote {
        self.seq += 1;
        let note = self.notes.get_mut(&id).unwrap();
        note.seq = self.seq;
        note
    }

    fn apply(&mut self, op: &Op, store: &Store) {
        let pick = |which: u8| {
            let count = self.notes.len().max(1);
            self.notes.keys().nth(usize::from(which) % count).copied()
        };
        match *op {
            Op::Add { text, notebook, pinned } => {
                let note = ModelNote {
                    text,
                    notebook: place(notebook),
                    pinned,
                    revision: 1,
                    ..ModelNote::default()
                };
                let id = add(store, &note.draft());
                assert!(
                    self.notes.insert(id.0, note).is_none() && !self.deleted.contains_key(&id.0)
                );
                self.changed(id.0);
            }
            Op::Save { which, text, notebook, stale } => {
                let Some(id) = pick(which) else { return };
                let held = self.notes[&id].clone();
                let wanted = ModelNote { text, notebook: place(notebook), ..held };
                let base = if stale { held.revision + 1 } else { held.revision };
                let result = save_at(store, Some(NoteId(id)), Some(base), &wanted.draft(), NOW);
                let same = held.text == text && held.notebook == wanted.notebook;
                match result {
                    Ok(saved) if same => assert!(saved.unchanged),
                    Ok(saved) => {
                        assert!(!stale && saved.revision == held.revision + 1);
                        let held = self.changed(id);
                        if held.text != text {
                            held.chunks = None;
                        }
                        held.text = text;
                        held.notebook = wanted.notebook;
                        held.revision += 1;
                    }
                    Err(StoreError::Conflict { .. }) => assert!(stale && !same),
                    Err(error) => panic!("{error}"),
                }
            }
            Op::Trash { which, on } => {
                let Some(id) = pick(which) else { return };
                let time = on.then_some(NOW);
                let op = move |write: &mut Write<'_>| write.set_trashed(NoteId(id), time);
                let saved = store.write(Lane::Interactive, op).unwrap();
                assert_eq!(saved.unchanged, self.notes[&id].trashed == on);
                if !saved.unchanged {
                    self.changed(id).trashed = on;
                }
            }
            Op::Pin { which, on } => {
                let Some(id) = pick(which) else { return };
                let op = move |write: &mut Write<'_>| write.set_pinned(NoteId(id), on);
                if !store.write(Lane::Interactive, op).unwrap().unchanged {
                    self.changed(id).pinned = on;
                }
            }
            Op::Move { which, notebook } => {
                let Some(id) = pick(which) else { return };
                let to = place(notebook);
                let op = move |write: &mut Write<'_>| write.move_note(NoteId(id), &to);
                if !store.write(Lane::Bulk, op).unwrap().unchanged {
                    self.changed(id).notebook = place(notebook);
                }
            }
            Op::Tags { which, tag } => {
                let Some(id) = pick(which) else { return };
                let text = self.notes[&id].text;
                let op = move |write: &mut Write<'_>| {
                    write.set_tags(NoteId(id), &[format!("set{tag}")], &analyse(&body(text)))
                };
                if !store.write(Lane::Bulk, op).unwrap().unchanged {
                    self.changed(id).tag = Some(tag);
                }
            }
            Op::Delete { which } => {
                let Some(id) = pick(which) else { return };
                let op = move |write: &mut Write<'_>| write.delete_note(NoteId(id));
                store.write(Lane::Bulk, op).unwrap();
                self.changed(id);
                self.notes.remove(&id);
                self.deleted.insert(id, self.seq);
            }
            Op::Chunk { which, count } => {
                let Some(id) = pick(which) else { return };
                let numbers: Vec<f32> = (0..count).map(f32::from).collect();
                let note = self.notes.get_mut(&id).unwrap();
                assert!(put_chunks(store, NoteId(id), Seq(note.seq), MODEL, &numbers));
                note.chunks = Some(numbers.len());
            }
            Op::Rename { from, to } => {
                let (from, to) = (place(from), place(to));
                if from.is_empty() || to.is_empty() || is_in(&to, &from) {
                    return;
                }
                let op = {
                    let (from, to) = (from.clone(), to.clone());
                    move |write: &mut Write<'_>| write.rename_notebook(&from, &to)
                };
                let moved = match store.write(Lane::Bulk, op) {
                    Ok(moved) => moved,
                    Err(StoreError::NoSuchNotebook { .. }) => 0,
                    Err(error) => panic!("{error}"),
                };
                let inside: Vec<i64> = self
                    .notes
                    .iter()
                    .filter(|(_, note)| is_in(&note.notebook, &from))
                    .map(|(&id, _)| id)
                    .collect();
                assert_eq!(moved, inside.len());
                for id in inside {
                    let note = self.changed(id);
                    note.notebook = format!("{to}{}", &note.notebook[from.len()..]);
                    // The order of seqs within one op is the store's business.
                    note.seq = self::note(store, NoteId(id)).seq.0;
                }
            }
            Op::Reopen => {}
        }
    }

    fn check(&self, store: &Store) {
        let ids: Vec<NoteId> = self.notes.keys().map(|&id| NoteId(id)).collect();
        let stored = store.read(|read| read.notes(&ids)).unwrap();
        assert_eq!(stored.len(), ids.len());
        let mut changes: BTreeMap<i64, (i64, bool)> =
            self.deleted.iter().map(|(&id, &seq)| (seq, (id, true))).collect();
        let (mut tags, mut live, mut waiting, mut chunks) = (BTreeMap::new(), 0, Vec::new(), 0);
        for (stored, note) in stored.iter().zip(self.notes.values()) {
            let draft = note.draft();
            assert_eq!((&stored.title, &stored.body), (&draft.title, &draft.body));
            assert_eq!((&stored.tags, &stored.notebook), (&draft.tags, &draft.notebook));
            assert_eq!((stored.pinned, stored.trashed.is_some()), (note.pinned, note.trashed));
            assert_eq!((stored.revision, stored.seq.0), (note.revision, note.seq));
            changes.insert(note.seq, (stored.id.0, false));
            if !note.trashed {
                live += 1;
                for tag in
                    [Some(format!("in{}", note.text)), note.tag.map(|tag| format!("set{tag}"))]
                {
                    *tags.entry(tag).or_insert(0) += 1;
                }
                match note.chunks {
                    Some(count) => chunks += count,
                    None => waiting.push(stored.id.0),
                }
            }
        }
        tags.remove(&None);
        store
            .read(|read| {
                let log = read.changes_since(Seq(0), 1_000)?;
                let log: Vec<_> = log.iter().map(|c| (c.seq.0, (c.id.0, c.deleted))).collect();
                assert_eq!(log, changes.into_iter().collect::<Vec<_>>());
                let found: Vec<_> =
                    read.tags()?.into_iter().map(|(tag, n)| (Some(tag), n)).collect();
                assert_eq!(found, tags.into_iter().collect::<Vec<_>>());
                let counts = read.counts(MODEL)?;
                assert_eq!((counts.notes, counts.trashed), (live, self.notes.len() - live));
                assert_eq!(counts.open_tasks, live);
                assert_eq!(read.tasks(&TaskFilter::default())?.len(), live);
                let mut unchunked: Vec<i64> =
                    read.unchunked(MODEL, 1_000, false)?.iter().map(|(id, _)| id.0).collect();
                unchunked.sort_unstable();
                assert_eq!(unchunked, waiting);
                let held: usize = self
                    .notes
                    .values()
                    .filter(|note| !note.trashed)
                    .filter_map(|note| note.chunks)
                    .sum();
                assert_eq!(held, chunks);
                Ok(())
            })
            .unwrap();
        assert_eq!(store.last_seq(), Seq(self.seq));
        assert_eq!(store.scrub(&|| false).unwrap().damage, []);
        for sort in [ListSort::Updated, ListSort::Created, ListSort::Title] {
            assert_eq!(list(store, View::All, sort).len(), live);
            let inside =
                self.notes.values().filter(|note| !note.trashed && is_in(&note.notebook, "A"));
            assert_eq!(list(store, View::Notebook("a".to_owned()), sort).len(), inside.count());
        }
    }
}

fn is_in(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_of_changes_is_as_the_model_has_it(ops in prop::collection::vec(any_op(), 1..40)) {
        let (dir, mut store) = open();
        let mut model = Model::default();
        for op in &ops {
            model.apply(op, &store);
            if let Op::Reopen = op {
                drop(store);
                store = Store::open(dir.path()).unwrap();
            }
        }
        model.check(&store);
    }
}
