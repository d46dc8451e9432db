//! Documents in, everything out again.

use std::fs;
use std::path::Path;

use engine::{
    Engine, ExportFormat, ExportNotes, ImportRequest, ImportState, ImportStatus, ItemState, Mode,
};
use note::{Note, NoteDraft};
use tokio_util::sync::CancellationToken;

use crate::support::{draft, open, run, search, settle, shared};

async fn import(engine: &Engine, root: &Path) -> ImportStatus {
    let request = ImportRequest { roots: vec![root.to_owned()], ..ImportRequest::default() };
    let id = engine.import(request).await.unwrap();
    let status = engine.import_ended(id).await.unwrap();
    assert_eq!(status.found, status.imported + status.skipped + status.failed, "{status:?}");
    status
}

async fn all_notes(engine: &Engine) -> Vec<Note> {
    let filter = engine::ListFilter { limit: 100_000, ..engine::ListFilter::default() };
    let (_, heads) = engine.list(filter).await.unwrap();
    let ids: Vec<_> = heads.iter().map(|head| head.id).collect();
    engine.read(move |read| read.notes(&ids)).await.unwrap()
}

fn vault(root: &Path) {
    let vault = root.join("Vault");
    fs::create_dir_all(vault.join("Deep/Deeper")).unwrap();
    fs::create_dir_all(vault.join(".obsidian")).unwrap();
    fs::create_dir_all(vault.join("files")).unwrap();
    fs::write(vault.join(".obsidian/app.json"), "{}").unwrap();
    fs::write(vault.join("Start.md"), "---\ntags: [home, a/b]\naliases: [Begin]\nodd: {x: 1}\n---\nSee [[Lease|the lease]] and ![[plan.png]] #inline\n").unwrap();
    fs::write(vault.join("Deep/Lease.md"), "# Lease\n\nBack to [[Begin]].\n").unwrap();
    fs::write(vault.join("Deep/Deeper/latin.txt"), b"gr\xfc\xdfe aus K\xf6ln, viele Gr\xfc\xdfe")
        .unwrap();
    fs::write(vault.join("files/plan.png"), [0x89, b'P', b'N', b'G', 1, 2, 3]).unwrap();
    fs::write(vault.join("files/unused.bin"), [0u8; 8]).unwrap();
    fs::write(vault.join("broken.pdf"), b"%PDF-1.7 nothing").unwrap();
    fs::write(vault.join("page.html"), "<html><head><title>A page</title></head><body><p>Some <b>bold</b> words on a page.</p></body></html>").unwrap();
}

#[test]
fn every_file_of_a_vault_is_accounted_for_and_sources_stay_as_they_are() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        vault(source.path());
        let engine = open(dir.path()).await;
        let status = import(&engine, &source.path().join("Vault")).await;
        assert_eq!(status.state, ImportState::Done);
        // Four documents and the picture that one of them shows; the PDF is damaged; the rest is no document.
        assert_eq!(
            (status.found, status.imported, status.skipped, status.failed),
            (7, 5, 1, 1),
            "{status:?}"
        );
        let (total, failed) =
            engine.import_items(status.id, Some(ItemState::Failed), 0, 10).await.unwrap();
        assert_eq!(total, 1);
        assert!(failed[0].path.ends_with("broken.pdf") && failed[0].reason.is_some(), "{failed:?}");

        let notes = all_notes(&engine).await;
        let start = notes.iter().find(|note| note.title == "Start").unwrap();
        assert_eq!(start.notebook, "Vault");
        assert_eq!(start.all_tags, ["a/b", "home", "inline"]);
        assert!(start.front_matter.contains("odd: {x: 1}"));
        let lease = notes.iter().find(|note| note.title == "Lease").unwrap();
        assert_eq!(lease.notebook, "Vault/Deep");
        let (start_id, lease_id) = (start.id, lease.id);
        engine
            .read(move |read| {
                assert_eq!(read.attachments(start_id)?.len(), 1);
                assert_eq!(read.resolve_name("begin")?, Some(start_id));
                let to_lease: Vec<_> =
                    read.backlinks(lease_id)?.into_iter().map(|(from, _)| from).collect();
                assert_eq!(to_lease, [start_id]);
                Ok(())
            })
            .await
            .unwrap();
        settle(&engine).await;
        assert_eq!(search(&engine, "grüße köln", Mode::Words).await.hits.len(), 1);
        assert_eq!(search(&engine, "type:html bold", Mode::Words).await.hits.len(), 1);
        assert_eq!(
            search(&engine, "has:attachment type:markdown", Mode::Words).await.hits.len(),
            1
        );

        // Once more: all is recognised; one changed file becomes a revision of its note.
        let again = import(&engine, &source.path().join("Vault")).await;
        assert_eq!((again.imported, again.failed), (0, 1), "{again:?}");
        fs::write(
            source.path().join("Vault/Deep/Lease.md"),
            "# Lease\n\nNow with a second page.\n",
        )
        .unwrap();
        let changed = import(&engine, &source.path().join("Vault")).await;
        assert_eq!(changed.imported, 1, "{changed:?}");
        assert!(engine.note(lease_id).await.unwrap().body.contains("second page"));
        assert_eq!(engine.read(move |read| read.revisions(lease_id)).await.unwrap().len(), 1);

        // A note that was edited here is never replaced by its file.
        let edited = NoteDraft {
            body: "my own words".into(),
            ..engine::draft_of(&engine.note(lease_id).await.unwrap())
        };
        engine.save_note(Some(lease_id), None, edited).await.unwrap();
        fs::write(source.path().join("Vault/Deep/Lease.md"), "# Lease\n\nA third page.\n").unwrap();
        assert_eq!(import(&engine, &source.path().join("Vault")).await.imported, 1);
        assert_eq!(engine.note(lease_id).await.unwrap().body, "my own words");
        engine.close().await.unwrap();
    });
}

#[test]
fn an_undone_import_leaves_the_trash_full_and_the_rest_untouched() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(source.path().join("a.md"), "one").unwrap();
        fs::write(source.path().join("b.md"), "two").unwrap();
        let engine = open(dir.path()).await;
        crate::support::save(&engine, "Mine", "three").await;
        let status = import(&engine, source.path()).await;
        assert_eq!(engine.undo_import(status.id).await.unwrap(), 2);
        assert_eq!(engine.import_status(status.id).await.unwrap().state, ImportState::Undone);
        assert_eq!(all_notes(&engine).await.len(), 1);
        assert_eq!(import(&engine, source.path()).await.imported, 2, "it can be imported again");
        engine.close().await.unwrap();
    });
}

#[test]
fn a_cancelled_import_accounts_for_every_file() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for number in 0..2_000 {
            fs::write(source.path().join(format!("{number}.md")), format!("text {number}"))
                .unwrap();
        }
        let engine = open(dir.path()).await;
        let request =
            ImportRequest { roots: vec![source.path().to_owned()], ..ImportRequest::default() };
        let id = engine.import(request).await.unwrap();
        engine.cancel_import(id).await.unwrap();
        let status = engine.import_ended(id).await.unwrap();
        assert_eq!(status.found, status.imported + status.skipped + status.failed, "{status:?}");
        let stored = all_notes(&engine).await.len();
        assert_eq!(stored, status.imported);
        if status.found > 0 {
            let retried = engine.retry_import(id).await.unwrap();
            engine.import_ended(retried).await.unwrap();
            assert_eq!(all_notes(&engine).await.len(), status.found);
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn what_is_exported_comes_back_as_the_same_notes() {
    run(async {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let out = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let mut drafts = vec![
            NoteDraft {
                notebook: "Work/Leases".into(),
                tags: vec!["home/lease".into()],
                pinned: true,
                ..draft("A: \"quoted\" title / slash", "body\n")
            },
            NoteDraft {
                front_matter: "aliases: [Second]\ntags: [own]\n# a comment".into(),
                ..draft("Same", "one\n\n---\n\ntwo")
            },
            draft("same", "the same title in another case"),
            draft("", "no title, only text"),
            draft("Empty", ""),
            draft("日本語 📄", "本文です\r\nwith a carriage return"),
        ];
        drafts.push(NoteDraft {
            notebook: "Work".into(),
            ..draft(".hidden", "---\nlooks: like front matter\n---\n")
        });
        for draft in drafts {
            engine.save_note(None, None, draft).await.unwrap();
        }
        let with_file = crate::support::save(&engine, "Plan", "![[plan.png]]").await;
        engine.attach(with_file, "plan.png".into(), vec![1, 2, 3]).await.unwrap();
        let target = out.path().join("export");
        let exported =
            engine.export(target.clone(), CancellationToken::new(), |_| ()).await.unwrap();
        assert_eq!((exported.notes, exported.attachments), (8, 1));
        let error =
            engine.export(target.clone(), CancellationToken::new(), |_| ()).await.unwrap_err();
        assert!(error.message.contains("not empty"), "{error}");

        let second = open(other.path()).await;
        let status = import(&second, &target).await;
        assert_eq!((status.imported, status.failed), (9, 0), "{status:?}");
        let comparable = |note: &Note| {
            (
                note.title.clone(),
                note.body.clone(),
                note.front_matter.clone(),
                note.tags.clone(),
                note.notebook.clone(),
                note.kind,
                note.pinned,
                note.created,
                note.updated,
            )
        };
        let sorted = |mut notes: Vec<Note>| {
            notes.sort_by_key(|note| (note.title.clone(), note.body.clone()));
            notes.iter().map(comparable).collect::<Vec<_>>()
        };
        assert_eq!(sorted(all_notes(&second).await), sorted(all_notes(&engine).await));
        let plan = all_notes(&second).await.into_iter().find(|note| note.title == "Plan").unwrap();
        assert_eq!(second.read(move |read| read.attachments(plan.id)).await.unwrap().len(), 1);
        second.close().await.unwrap();
        engine.close().await.unwrap();
    });
}

#[test]
fn an_archive_comes_back_and_notes_go_out_in_every_format() {
    run(async {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let out = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let text = "# Part\n\nThe *deposit* für Ελλάδα и Россия, see [[Plan|the plan]].\n\n- [x] paid\n- one\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n![[plan.png]]\n";
        let draft = NoteDraft {
            notebook: "Work/Leases".into(),
            tags: vec!["home/lease".into()],
            pinned: true,
            ..draft("Lease: \"2024\"", text)
        };
        let lease = engine.save_note(None, None, draft).await.unwrap().id;
        // The smallest PNG: one pixel.
        let png: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";
        engine.attach(lease, "plan.png".into(), png.to_vec()).await.unwrap();
        crate::support::save(&engine, "Plan", "nothing yet").await;
        let export = |notes, format, name: &str| {
            let to = out.path().join(name);
            engine.export_as(notes, format, to, CancellationToken::new(), |_| ())
        };

        let archive = export(ExportNotes::All, ExportFormat::Archive, "all.zip").await.unwrap();
        assert_eq!((archive.notes, archive.attachments), (2, 1));
        let file = fs::File::open(out.path().join("all.zip")).unwrap();
        let unpacked = out.path().join("unpacked");
        zip::ZipArchive::new(file).unwrap().extract(&unpacked).unwrap();
        assert!(fs::read_to_string(unpacked.join("README")).unwrap().contains("import the folder"));
        let second = open(other.path()).await;
        let status = import(&second, &unpacked).await;
        assert_eq!((status.imported, status.skipped, status.failed), (3, 1, 0), "{status:?}");
        let comparable = |notes: Vec<Note>| {
            let mut notes: Vec<_> = notes
                .into_iter()
                .map(|note| {
                    (
                        note.title,
                        note.body,
                        note.front_matter,
                        note.tags,
                        note.notebook,
                        note.pinned,
                        note.created,
                        note.updated,
                    )
                })
                .collect();
            notes.sort_by(|one, other| one.0.cmp(&other.0));
            notes
        };
        assert_eq!(comparable(all_notes(&second).await), comparable(all_notes(&engine).await));
        second.close().await.unwrap();

        let one = || ExportNotes::These(vec![lease]);
        let markdown = export(one(), ExportFormat::Markdown, "one.md").await.unwrap();
        assert_eq!((markdown.notes, markdown.attachments), (1, 1));
        let written = fs::read_to_string(out.path().join("one.md")).unwrap();
        assert!(written.contains("![plan.png](<one files/plan.png>)"), "{written}");
        assert_eq!(fs::read(out.path().join("one files/plan.png")).unwrap(), png);

        let found = ExportNotes::Found("title:plan OR title:lease".into());
        assert_eq!(export(found, ExportFormat::Html, "found.html").await.unwrap().notes, 2);
        let page = fs::read_to_string(out.path().join("found.html")).unwrap();
        assert!(
            page.contains("<h1>Lease: &quot;2024&quot;</h1>")
                && page.contains("data:image/png;base64,iVBOR")
        );
        assert!(page.contains("<em>deposit</em>") && page.contains("☑ paid"));

        for (format, name) in [(ExportFormat::Docx, "one.docx"), (ExportFormat::Pdf, "one.pdf")] {
            export(one(), format, name).await.unwrap();
            let bytes = fs::read(out.path().join(name)).unwrap();
            let read =
                extract::extract(&extract::Input { file_name: name, bytes: &bytes }).unwrap();
            for words in
                ["Lease", "deposit", "für", "Ελλάδα", "Россия", "the plan", "paid", "Work/Leases"]
            {
                assert!(read.body.contains(words), "{name} lacks {words}: {}", read.body);
            }
        }
        let docx = fs::read(out.path().join("one.docx")).unwrap();
        let read =
            extract::extract(&extract::Input { file_name: "one.docx", bytes: &docx }).unwrap();
        assert_eq!(read.attachments.len(), 1);
        assert!(read.body.contains("# Part") && read.body.contains("| 1 | 2 |"), "{}", read.body);

        // What goes wrong leaves nothing behind, and what was there stays.
        let token = CancellationToken::new();
        token.cancel();
        let to = out.path().join("one.pdf");
        let before = fs::read(&to).unwrap();
        let error = engine
            .export_as(one(), ExportFormat::Pdf, to.clone(), token, |_| ())
            .await
            .unwrap_err();
        assert_eq!(error.code, engine::Code::Cancelled);
        assert_eq!(fs::read(&to).unwrap(), before);
        let error =
            export(ExportNotes::Found("nosuchword".into()), ExportFormat::Html, "none.html")
                .await
                .unwrap_err();
        assert_eq!(error.code, engine::Code::Invalid, "{error}");
        assert!(!out.path().join("none.html").exists());
        assert!(
            fs::read_dir(out.path()).unwrap().all(|entry| !entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .ends_with(".part"))
        );
        engine.close().await.unwrap();
    });
}

#[test]
fn a_real_vault_comes_in_whole() {
    let Some(vault) = shared("vaults/obsidian-help-en") else { return };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        let status = import(&engine, &vault).await;
        assert_eq!(status.failed, 0, "{status:?}");
        let notes = all_notes(&engine).await;
        let read = std::process::Command::new("find")
            .arg(&vault)
            .args(["-name", "*.md", "-o", "-name", "*.json"])
            .output()
            .unwrap();
        let files = String::from_utf8(read.stdout).unwrap().lines().count();
        assert_eq!(notes.len(), files);
        settle(&engine).await;
        assert!(search(&engine, "\"community plugins\"", Mode::Words).await.total > 5);
        let again = import(&engine, &vault).await;
        assert_eq!(again.imported + again.failed, again.imported, "{again:?}");
        assert_eq!(all_notes(&engine).await.len(), notes.len(), "nothing came in twice");
        engine.close().await.unwrap();
    });
}

#[test]
fn what_cannot_be_imported_is_said_at_once() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).await;
        for roots in [vec![], vec!["/does/not/exist".into()], vec![dir.path().to_owned()]] {
            let error = engine
                .import(ImportRequest { roots, ..ImportRequest::default() })
                .await
                .unwrap_err();
            assert_eq!(error.code, engine::Code::Invalid, "{error}");
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn text_on_scanned_pages_is_found() {
    if std::process::Command::new("tesseract").arg("--version").output().is_err() {
        println!("skipped: tesseract is not installed");
        return;
    }
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let scans = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scan");
        for name in ["letter.pdf", "page.png"] {
            fs::copy(scans.join(name), source.path().join(name)).unwrap();
        }
        // Its pictures are damaged: it comes in all the same, and says so.
        let whole = fs::read(scans.join("page.png")).unwrap();
        fs::write(source.path().join("cut.png"), &whole[..whole.len() / 2]).unwrap();
        let engine = open(dir.path()).await;
        let status = import(&engine, source.path()).await;
        assert_eq!((status.imported, status.failed), (3, 0), "{status:?}");
        let notes = all_notes(&engine).await;
        let body = |title: &str| notes.iter().find(|n| n.title == title).unwrap().body.clone();
        assert_eq!(
            body("letter"),
            "The boiler was inspected\non the ninth of October.\n\n<!-- page 2 -->\n\nThe next inspection is due\nafter three winters.\n"
        );
        assert!(body("page").ends_with("\nThe boiler was inspected\non the ninth of October.\n"));
        let (_, items) =
            engine.import_items(status.id, Some(ItemState::Imported), 0, 10).await.unwrap();
        let said = |name: &str| {
            let item = items.iter().find(|item| item.path.ends_with(name)).unwrap();
            item.reason.clone().unwrap()
        };
        assert_eq!(said("letter.pdf"), "The text of 2 pages was recognised from pictures.");
        assert!(said("cut.png").starts_with("Not all text on its pictures could be recognised."));
        settle(&engine).await;
        let hits = search(&engine, "inspection winters", Mode::Words).await;
        assert_eq!(hits.hits[0].head.title, "letter");
        engine.close().await.unwrap();
    });
}
