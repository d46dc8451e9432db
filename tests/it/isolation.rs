//! Documents of others are read where nothing is to be had, and whatever they do to their reader, the
//! import goes on.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use embed::FakeEmbedder;
use engine::{
    Engine, ImportRequest, ImportState, ImportStatus, ItemState, ModelSource, Options, Reader,
};

use crate::support::{READER, reader, run};

async fn open(dir: &Path, reader: Reader) -> Engine {
    let model = ModelSource::Given(Arc::new(FakeEmbedder));
    Engine::open(Options { reader, ..Options::new(dir, model) }).await.unwrap()
}

async fn import(engine: &Engine, root: &Path) -> ImportStatus {
    let request = ImportRequest { roots: vec![root.to_owned()], ..ImportRequest::default() };
    let id = engine.import(request).await.unwrap();
    let status = engine.import_ended(id).await.unwrap();
    assert_eq!(status.found, status.imported + status.skipped + status.failed, "{status:?}");
    status
}

/// What became of each file, by its name: the text of its note, or the reason why there is none.
async fn outcomes(engine: &Engine, status: &ImportStatus) -> Vec<(String, ItemState, String)> {
    let (_, items) = engine.import_items(status.id, None, 0, 1000).await.unwrap();
    let mut outcomes = Vec::new();
    for item in items {
        let name = Path::new(&item.path).file_stem().unwrap().to_string_lossy().into_owned();
        let text = match item.note {
            Some(note) => engine.note(note).await.unwrap().body,
            None => item.reason.unwrap_or_default(),
        };
        outcomes.push((name, item.state, text));
    }
    outcomes
}

fn orders(folder: &Path, orders: &[(&str, String)]) {
    for (name, order) in orders {
        fs::write(folder.join(format!("{name}.pdf")), format!("misbehave: {order}")).unwrap();
    }
}

/// A plain docx with one paragraph of so many zeros.
fn docx(path: &Path, zeros: usize) {
    let mut archive = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("word/document.xml", options).unwrap();
    archive.write_all(br#"<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>"#).unwrap();
    let portion = vec![b'0'; 1 << 20];
    for at in (0..zeros).step_by(portion.len()) {
        archive.write_all(&portion[..portion.len().min(zeros - at)]).unwrap();
    }
    archive.write_all(b"</w:t></w:r></w:p></w:body></w:document>").unwrap();
    archive.finish().unwrap();
}

#[test]
fn a_reader_can_open_no_file_and_no_socket_and_start_nothing() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = dirs::home_dir().map(|home| home.join(".ssh")).filter(|path| path.exists());
        let secret = secret.unwrap_or_else(|| PathBuf::from("/etc/passwd"));
        let open_port = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = open_port.local_addr().unwrap();
        let written = dir.path().join("written");
        orders(
            source.path(),
            &[
                ("secret", format!("open {}", secret.display())),
                ("itself", format!("open {}", source.path().join("itself.pdf").display())),
                ("store", format!("open {}", dir.path().join("store.db").display())),
                ("create", format!("create {}", written.display())),
                ("connect", format!("connect {port}")),
                ("listen", "listen 127.0.0.1:0".to_owned()),
                ("datagram", "datagram 127.0.0.1:0".to_owned()),
                ("bus", "local-socket /run/dbus/system_bus_socket".to_owned()),
                ("start", "start /bin/true".to_owned()),
                ("signal", format!("signal {}", std::process::id())),
            ],
        );
        let engine = open(dir.path(), reader()).await;
        let status = import(&engine, source.path()).await;
        let outcomes = outcomes(&engine, &status).await;
        assert_eq!((status.imported, status.failed), (10, 0), "{outcomes:?}");
        if !cfg!(target_os = "linux") {
            println!("skipped: only Linux has these fences");
            return;
        }
        for (name, _, text) in outcomes {
            assert!(text.contains("refused, "), "{name}: {text}");
        }
        assert!(!written.exists());
        engine.close().await.unwrap();
    });
}

#[test]
fn a_reader_that_misbehaves_fails_its_file_alone() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let words = ["loop", "allocate", "abort", "exit", "overflow", "panic", "print", "nonsense"];
        orders(source.path(), &words.map(|word| (word, word.to_owned())));
        for number in 0..20 {
            docx(&source.path().join(format!("good{number}.docx")), 10 + number);
        }
        let limited = reader().with_limits(Duration::from_secs(10), 128 << 20);
        let engine = open(dir.path(), limited).await;
        let status = import(&engine, source.path()).await;
        assert_eq!(status.state, ImportState::Done);
        for (name, state, text) in outcomes(&engine, &status).await {
            let (expected, said) = match name.as_str() {
                "loop" => (ItemState::Failed, "took longer than 10 s"),
                "allocate" => (ItemState::Failed, "needed more than 128 MB of memory"),
                "abort" | "exit" | "overflow" | "nonsense" => {
                    (ItemState::Failed, "its reader crashed")
                }
                "panic" => (ItemState::Failed, "damaged: its reader gave up"),
                "print" => (ItemState::Imported, "print: printed"),
                good => {
                    assert!(good.starts_with("good"), "{good}");
                    (ItemState::Imported, "0000000000")
                }
            };
            assert_eq!(state, expected, "{name}: {text}");
            assert!(text.contains(said), "{name}: {text}");
        }
        engine.close().await.unwrap();
    });
}

#[test]
fn a_zip_bomb_is_left_before_it_is_unpacked() {
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        docx(&source.path().join("bomb.docx"), 1 << 30);
        let engine = open(dir.path(), reader()).await;
        let status = import(&engine, source.path()).await;
        let (_, state, reason) = outcomes(&engine, &status).await.remove(0);
        assert_eq!(state, ItemState::Failed);
        assert!(reason.contains("unpacks to more"), "{reason}");
        engine.close().await.unwrap();
    });
}

/// Processes of one program, by their numbers.
fn processes(program: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == program) {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn a_reader_holds_nothing_open_and_goes_with_a_cancelled_import() {
    if !Path::new("/proc/self/fd").exists() {
        println!("skipped: this system does not tell what a process holds open");
        return;
    }
    run(async {
        let (dir, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // A program of its own, so that its processes are told from those of other tests.
        let program = dir.path().canonicalize().unwrap().join("reader");
        fs::copy(READER, &program).unwrap();
        orders(source.path(), &[("a", "loop".to_owned()), ("b", "loop".to_owned())]);
        fs::write(source.path().join("c.pdf"), "misbehave: loop").unwrap();
        let engine = open(&dir.path().join("data"), Reader::program(&program)).await;
        let request =
            ImportRequest { roots: vec![source.path().to_owned()], ..ImportRequest::default() };
        let id = engine.import(request).await.unwrap();
        let busy = commonplace_tests::desk::wait_for("two readers at work", async || {
            let found = processes(&program);
            let confined = found.iter().filter(|process| {
                let status = fs::read_to_string(process.join("status")).unwrap_or_default();
                status.contains("Seccomp:\t2")
            });
            Ok((confined.count() == 2).then_some(found))
        });
        for process in busy.await.unwrap() {
            let open = fs::read_dir(process.join("fd")).unwrap().flatten();
            let mut open: Vec<String> =
                open.map(|fd| fd.file_name().to_string_lossy().into_owned()).collect();
            open.sort();
            assert_eq!(open, ["0", "1", "2", "3"], "its socket twice, nowhere, its last words");
        }
        engine.cancel_import(id).await.unwrap();
        let status = engine.import_ended(id).await.unwrap();
        assert_eq!((status.state, status.skipped), (ImportState::Cancelled, 3), "{status:?}");
        assert_eq!(processes(&program), Vec::<PathBuf>::new());
        engine.close().await.unwrap();
    });
}
