//! Exports of other apps: each note in them an item, and the links between them set.

use std::fs;
use std::path::Path;

use engine::{Engine, ImportRequest, ImportState, ImportStatus, ItemState, Mode};
use note::Note;

use crate::support::{open, run, search, settle};

async fn import(engine: &Engine, root: &Path) -> ImportStatus {
    let request = ImportRequest { roots: vec![root.to_owned()], ..ImportRequest::default() };
    let id = engine.import(request).await.unwrap();
    let status = engine.import_ended(id).await.unwrap();
    assert_eq!(status.found, status.imported + status.skipped + status.failed, "{status:?}");
    let (listed, _) = engine.import_items(id, None, 0, 10_000).await.unwrap();
    assert_eq!(status.found, listed, "{status:?}");
    status
}

async fn note(engine: &Engine, title: &str) -> Note {
    let title = title.to_owned();
    let found = engine.read(move |read| {
        let id = read.resolve_name(&title)?.expect("a note of that title");
        Ok(read.note(id)?.expect("it exists"))
    });
    found.await.unwrap()
}

const NOTES: &str = r#"<?xml version="1.0"?><en-export>
<note><title>Lease</title><content><![CDATA[<en-note><div>See <a href="evernote:///view/1/s1/a/b/">Landlord</a> and <a href="evernote:///view/1/s1/c/d/">Nobody</a>.</div><en-todo/>Sign it</en-note>]]></content><created>20240101T000000Z</created><updated>20240102T000000Z</updated><tag>home</tag><resource><data encoding="base64">aGVsbG8=</data><mime>text/plain</mime><resource-attributes><file-name>terms.txt</file-name></resource-attributes></resource></note>
<note><title>Landlord</title><content><![CDATA[<en-note>Mr Miller, telephone</en-note>]]></content></note></en-export>"#;

#[test]
fn an_export_becomes_notes_with_links_and_is_recognised_again() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let export = source.path().join("Flat.enex");
        fs::write(&export, NOTES).unwrap();
        let engine = open(dir.path()).await;
        let status = import(&engine, &export).await;
        assert_eq!((status.state, status.imported), (ImportState::Done, 2), "{status:?}");
        let lease = note(&engine, "Lease").await;
        assert_eq!((lease.notebook.as_str(), lease.kind.as_str()), ("Flat", "evernote"));
        assert_eq!(lease.all_tags, ["home"]);
        assert_eq!(lease.updated.0, 1_704_153_600_000);
        let (lease_id, landlord) = (lease.id, note(&engine, "Landlord").await.id);
        engine
            .read(move |read| {
                assert_eq!(read.attachments(lease_id)?.len(), 1);
                let from: Vec<_> =
                    read.backlinks(landlord)?.into_iter().map(|(id, _)| id).collect();
                assert_eq!(from, [lease_id]);
                Ok(())
            })
            .await
            .unwrap();
        // What could not be linked is told with the item.
        let (_, items) =
            engine.import_items(status.id, Some(ItemState::Imported), 0, 10).await.unwrap();
        let item = items.iter().find(|item| item.path.ends_with(" › Lease")).unwrap();
        assert!(item.reason.as_deref().unwrap().contains("Nobody"), "{item:?}");
        settle(&engine).await;
        assert_eq!(search(&engine, "type:evernote telephone", Mode::Words).await.hits.len(), 1);

        let again = import(&engine, &export).await;
        assert_eq!((again.imported, again.skipped), (0, 2), "{again:?}");
        fs::write(&export, NOTES.replace("telephone", "address")).unwrap();
        let changed = import(&engine, &export).await;
        assert_eq!((changed.imported, changed.skipped), (1, 1), "{changed:?}");
        assert_eq!(note(&engine, "Landlord").await.id, landlord);

        // What was read before the damage stays; the file is told as failed, and can be tried again.
        fs::write(
            source.path().join("Torn.enex"),
            &NOTES.replace("Lease", "Rent")[..NOTES.len() - 60],
        )
        .unwrap();
        let torn = import(&engine, &source.path().join("Torn.enex")).await;
        assert!(torn.imported == 1 && torn.failed == 2, "{torn:?}");
        let retried = engine.retry_import(torn.id).await.unwrap();
        let retried = engine.import_ended(retried).await.unwrap();
        assert_eq!((retried.imported, retried.skipped), (0, 1), "{retried:?}");
        assert_eq!(engine.undo_import(torn.id).await.unwrap(), 1);
        engine.close().await.unwrap();
    });
}

#[test]
fn folders_that_apps_exported_are_read_as_such() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = |n: u8| format!("{n:032x}");
        let raw = source.path().join("Joplin");
        fs::create_dir_all(raw.join("resources")).unwrap();
        fs::write(
            raw.join(format!("{}.md", id(1))),
            format!(
                "First\n\nto [it](:/{}) ![](:/{})\n\nid: {}\nparent_id: {}\ntype_: 1",
                id(2),
                id(4),
                id(1),
                id(7)
            ),
        )
        .unwrap();
        fs::write(
            raw.join(format!("{}.md", id(2))),
            format!("Second\n\nhere\n\nid: {}\nparent_id: {}\ntype_: 1", id(2), id(7)),
        )
        .unwrap();
        fs::write(
            raw.join(format!("{}.md", id(7))),
            format!("Book\n\nid: {}\nparent_id: \ntype_: 2", id(7)),
        )
        .unwrap();
        fs::write(
            raw.join(format!("{}.md", id(4))),
            format!("a.png\n\nid: {}\nfile_extension: png\ntype_: 4", id(4)),
        )
        .unwrap();
        fs::write(raw.join(format!("resources/{}.png", id(4))), b"\x89PNG").unwrap();
        fs::write(raw.join("readme.md"), "of my own").unwrap();
        fs::write(raw.join("alone.png"), b"\x89PNG\r\n\x1a\n").unwrap();
        let engine = open(dir.path()).await;
        let status = import(&engine, &raw).await;
        // Two notes and the picture of one; a file of one's own, and a picture that no note shows.
        assert_eq!((status.imported, status.failed), (5, 0), "{status:?}");
        let first = note(&engine, "First").await;
        assert_eq!(
            (first.notebook.as_str(), first.body.as_str()),
            ("Joplin/Book", "to [[Second|it]] ![](a.png)\n")
        );
        assert_eq!(note(&engine, "alone").await.kind.as_str(), "image");
        assert_eq!(note(&engine, "readme").await.notebook, "Joplin");
        assert_eq!(import(&engine, &raw).await.imported, 1, "the picture that a note shows");
        engine.close().await.unwrap();
    });
}

#[test]
fn links_to_files_lead_to_their_notes() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(source.path().join("deep")).unwrap();
        fs::write(
            source.path().join("a.md"),
            "see [the plan](deep/plan-2024.md#Top) and [[nowhere]]",
        )
        .unwrap();
        fs::write(
            source.path().join("deep/plan-2024.md"),
            "---\ntitle: The great plan\n---\nback to [a](../a.md)",
        )
        .unwrap();
        let engine = open(dir.path()).await;
        let status = import(&engine, source.path()).await;
        assert_eq!(status.imported, 2);
        let a = note(&engine, "a").await;
        assert_eq!(a.body, "see [[The great plan#Top|the plan]] and [[nowhere]]");
        assert_eq!(note(&engine, "The great plan").await.body, "back to [a](../a.md)");
        assert_eq!(import(&engine, source.path()).await.imported, 0, "still the same files");
        engine.close().await.unwrap();
    });
}
