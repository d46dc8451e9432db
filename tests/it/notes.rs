//! Saving, changing, organising.

use engine::{Code, ListFilter, Mode, TaskFilter, View, draft_of};
use note::NoteDraft;

use crate::support::{draft, ids, open, run, save, search, settle};

#[test]
fn a_conflicting_save_changes_nothing_and_an_overwritten_version_is_kept() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let id = save(&engine, "Lease", "first version").await;
        let first = engine.note(id).await.unwrap();
        let mine = NoteDraft { body: "my version".into(), ..draft_of(&first) };
        engine.save_note(Some(id), Some(first.revision), mine).await.unwrap();
        let theirs = NoteDraft { body: "their version".into(), ..draft_of(&first) };
        let error = engine.save_note(Some(id), Some(first.revision), theirs).await.unwrap_err();
        assert_eq!(error.code, Code::Conflict);
        assert_eq!(engine.note(id).await.unwrap().body, "my version");

        let kept = engine.read(move |read| read.revisions(id)).await.unwrap();
        assert_eq!(kept.len(), 1, "the overwritten version is there: {kept:?}");
        engine.restore_revision(id, kept[0].revision).await.unwrap();
        assert_eq!(engine.note(id).await.unwrap().body, "first version");
        let kept = engine.read(move |read| read.revisions(id)).await.unwrap();
        assert_eq!(kept.len(), 2, "what was restored over is kept too: {kept:?}");
        engine.close().await.unwrap();
    });
}

#[test]
fn trash_restore_and_delete_are_seen_by_every_search() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let id = save(&engine, "Moving out", "boxes and tape").await;
        settle(&engine).await;
        for mode in [Mode::Words, Mode::Meaning, Mode::Both] {
            assert_eq!(ids(&search(&engine, "boxes and tape", mode).await), [id], "{mode:?}");
        }
        engine.trash(vec![id]).await.unwrap();
        settle(&engine).await;
        for mode in [Mode::Words, Mode::Meaning, Mode::Both] {
            assert!(search(&engine, "boxes", mode).await.hits.is_empty(), "{mode:?}");
        }
        assert_eq!(ids(&search(&engine, "boxes is:trashed", Mode::Words).await), [id]);
        engine.restore(vec![id]).await.unwrap();
        settle(&engine).await;
        assert_eq!(ids(&search(&engine, "boxes and tape", Mode::Meaning).await), [id]);
        engine.trash(vec![id]).await.unwrap();
        assert_eq!(engine.empty_trash().await.unwrap(), 1);
        settle(&engine).await;
        assert!(search(&engine, "boxes is:trashed", Mode::Words).await.hits.is_empty());
        assert_eq!(engine.note(id).await.unwrap_err().code, Code::NotFound);
        engine.close().await.unwrap();
    });
}

#[test]
fn ticking_a_task_writes_back_to_its_note() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let id = save(&engine, "Today", "# List\n\n- [ ] call 📅 2026-03-01\n- [x] write\n").await;
        let open_tasks = engine.read(|read| read.tasks(&TaskFilter::default())).await.unwrap();
        assert_eq!(open_tasks.len(), 1);
        assert_eq!(open_tasks[0].due.as_deref(), Some("2026-03-01"));
        engine.toggle_task(id, open_tasks[0].line, true).await.unwrap();
        let body = engine.note(id).await.unwrap().body;
        assert_eq!(body, "# List\n\n- [x] call 📅 2026-03-01\n- [x] write\n");
        assert!(engine.read(|read| read.tasks(&TaskFilter::default())).await.unwrap().is_empty());
        let error = engine.toggle_task(id, 0, true).await.unwrap_err();
        assert_eq!(error.code, Code::NotFound);
        engine.close().await.unwrap();
    });
}

#[test]
fn notebooks_are_renamed_with_all_below_and_deleted_upwards() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let inner = NoteDraft { notebook: "Work/Leases".into(), ..draft("Lease", "text") };
        let id = engine.save_note(None, None, inner).await.unwrap().id;
        engine.rename_notebook("Work".into(), "Office".into()).await.unwrap();
        assert_eq!(engine.note(id).await.unwrap().notebook, "Office/Leases");
        let filter = ListFilter {
            view: View::Notebook("office".into()),
            limit: 10,
            ..ListFilter::default()
        };
        assert_eq!(engine.list(filter).await.unwrap().0, 1);
        settle(&engine).await;
        assert_eq!(ids(&search(&engine, "in:office", Mode::Words).await), [id]);
        engine.delete_notebook("Office/Leases".into()).await.unwrap();
        assert_eq!(engine.note(id).await.unwrap().notebook, "Office");
        engine.close().await.unwrap();
    });
}

#[test]
fn bad_titles_and_notebooks_are_refused_by_name() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        for bad in
            [draft("two\nlines", "x"), NoteDraft { notebook: "a\u{7}".into(), ..draft("x", "y") }]
        {
            let error = engine.save_note(None, None, bad).await.unwrap_err();
            assert_eq!(error.code, Code::Invalid, "{error}");
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn a_second_engine_reads_beside_the_first_and_what_it_saves_is_indexed_there() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path()).await;
        save(&first, "From the window", "alpha").await;
        settle(&first).await;
        let second = open(dir.path()).await;
        assert!(second.read_only() && !first.read_only());
        settle(&second).await;
        assert_eq!(search(&second, "alpha", Mode::Both).await.hits.len(), 1);
        let mut changes = first.changes();
        let id = save(&second, "From the command line", "beta").await;
        while search(&first, "beta", Mode::Words).await.hits.is_empty() {
            changes.recv().await.unwrap();
        }
        assert_eq!(ids(&search(&first, "beta", Mode::Words).await), [id]);
        second.close().await.unwrap();
        first.close().await.unwrap();
    });
}
