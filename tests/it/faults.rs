//! What goes wrong around the engine: a full disk, damaged indexes, a folder that cannot be written,
//! a second process. It says what is wrong, serves what it can, repairs what it may, loses nothing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use engine::{Engine, Mode, ModelSource, Options};

use crate::data::{files, survives};
use crate::support::{draft, ids, open, run, save, search, settle};

const OTHER: &str = "COMMONPLACE_OTHER_PROCESS";

/// A small disk of its own, which only root can have.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    /// `None`, and a line that says so, where nothing can be mounted.
    fn mount() -> Option<Disk> {
        let disk = Disk { dir: tempfile::tempdir().unwrap() };
        match disk.run("mount", &["-t", "tmpfs", "-o", "size=16m", "tmpfs"]) {
            Ok(()) => Some(disk),
            Err(why) => {
                println!("skipped: no small disk can be mounted: {why}");
                None
            }
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let ran = Command::new(program).args(arguments).arg(self.dir.path()).output();
        let ran = ran.map_err(|error| format!("{program}: {error}"))?;
        let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        ran.status.success().then_some(()).ok_or(said)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let mut ballast = fs::File::create(self.dir.path().join("ballast")).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn clear(&self) {
        fs::remove_file(self.dir.path().join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A disk that was not mounted, or is in use by a failed test, stays as it is.
        drop(self.run("umount", &[]));
    }
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let Some(disk) = Disk::mount() else { return };
    run(async {
        let engine = open(&disk.data()).await;
        let kept = save(&engine, "Kept", "the lighthouse keeper").await;
        settle(&engine).await;
        disk.fill();
        let mut acknowledged = vec![kept];
        let big = "wide open spaces ".repeat(1000);
        let error = loop {
            match engine.save_note(None, None, draft("Big", &big)).await {
                Ok(saved) => acknowledged.push(saved.id),
                Err(error) => break error,
            }
        };
        assert!(error.message.contains("no space is left"), "{error}");
        assert_eq!(ids(&search(&engine, "lighthouse", Mode::Both).await)[0], kept);
        disk.clear();
        let after = save(&engine, "After", "a harbour at night").await;
        acknowledged.push(after);
        settle(&engine).await;
        assert_eq!(ids(&search(&engine, "harbour", Mode::Words).await), [after]);
        engine.close().await.unwrap();

        disk.fill();
        match Engine::open(Options::new(disk.data(), ModelSource::None)).await {
            Ok(engine) => {
                assert_eq!(ids(&search(&engine, "lighthouse", Mode::Words).await), [kept]);
                // What cannot be written is not told to be.
                drop(engine.close().await);
            }
            Err(error) => assert!(error.message.contains("no space is left"), "{error}"),
        }
        disk.clear();
        let engine = open(&disk.data()).await;
        settle(&engine).await;
        for id in acknowledged {
            engine.note(id).await.unwrap();
        }
        assert_eq!(ids(&search(&engine, "lighthouse", Mode::Words).await), [kept]);
        engine.close().await.unwrap();
    });
}

#[test]
fn a_folder_that_cannot_be_written_is_served_and_named() {
    let Some(disk) = Disk::mount() else { return };
    let kept = run(async {
        let engine = open(&disk.data()).await;
        let kept = save(&engine, "Kept", "the lighthouse keeper").await;
        settle(&engine).await;
        engine.close().await.unwrap();
        kept
    });
    disk.run("mount", &["-o", "remount,ro"]).unwrap();
    run(async {
        let engine = open(&disk.data()).await;
        let status = engine.status_now().await.unwrap();
        assert!(status.read_only && status.unwritable, "{status:?}");
        let message = status.message.unwrap();
        assert!(message.contains("read-only"), "{message}");
        assert!(message.contains(&disk.data().display().to_string()), "{message}");
        for mode in [Mode::Words, Mode::Meaning, Mode::Both] {
            assert_eq!(ids(&search(&engine, "lighthouse", mode).await), [kept], "{mode:?}");
        }
        assert_eq!(engine.note(kept).await.unwrap().title, "Kept");
        let refused = engine.save_note(None, None, draft("More", "a harbour at night")).await;
        let error = refused.unwrap_err();
        assert_eq!(error.code, engine::Code::ReadOnly);
        assert!(error.message.contains("read-only"), "{error}");
        engine.close().await.unwrap();
    });
    let empty = Disk::mount().unwrap();
    empty.run("mount", &["-o", "remount,ro"]).unwrap();
    run(async {
        let opened = Engine::open(Options::new(empty.dir.path(), ModelSource::None)).await;
        let Err(error) = opened else { panic!("it opened") };
        assert!(error.message.contains("read-only"), "{error}");
    });
    disk.run("mount", &["-o", "remount,rw"]).unwrap();
    run(async {
        let engine = open(&disk.data()).await;
        assert_eq!(search(&engine, "lighthouse", Mode::Words).await.hits.len(), 1);
        engine.close().await.unwrap();
    });
}

#[test]
fn damaged_indexes_are_made_anew() {
    let change = |dir: &Path, damage: fn(&mut Vec<u8>)| {
        for file in files(&dir.join("keyword")).into_iter().chain(files(&dir.join("vector"))) {
            let mut bytes = fs::read(&file).unwrap();
            damage(&mut bytes);
            fs::write(file, bytes).unwrap();
        }
    };
    survives("indexes cut in half", |dir| change(dir, |bytes| bytes.truncate(bytes.len() / 2)));
    survives("one bit flipped in each file", |dir| {
        // Cut off in the middle of its work: files that were closed in order are not looked through.
        drop(fs::remove_file(dir.join("keyword/clean")));
        change(dir, |bytes| {
            let middle = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(middle) {
                *byte ^= 0x10;
            }
        });
    });
    survives("an index of another generation", |dir| {
        let meta = dir.join("keyword/meta.json");
        let text = fs::read_to_string(&meta).unwrap();
        let other = text.replace(r#"generation\":"#, r#"generation\":9"#);
        assert_ne!(text, other);
        fs::write(meta, other).unwrap();
    });
}

#[test]
fn indexes_that_know_more_than_the_store_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store.db");
    let (one, older) = run(async {
        let engine = open(dir.path()).await;
        let one = save(&engine, "One", "the lighthouse keeper").await;
        settle(&engine).await;
        engine.close().await.unwrap();
        (one, fs::read(&store).unwrap())
    });
    run(async {
        let engine = open(dir.path()).await;
        save(&engine, "Two", "a harbour at night").await;
        settle(&engine).await;
        engine.close().await.unwrap();
    });
    // As when a person puts an older copy of the store back.
    fs::write(&store, older).unwrap();
    run(async {
        let engine = open(dir.path()).await;
        settle(&engine).await;
        assert_eq!(search(&engine, "harbour", Mode::Words).await.total, 0);
        assert_eq!(ids(&search(&engine, "harbour at night", Mode::Meaning).await), [one]);
        let three = save(&engine, "Three", "an island in the fog").await;
        settle(&engine).await;
        assert_eq!(ids(&search(&engine, "island", Mode::Words).await), [three]);
        let status = engine.status_now().await.unwrap();
        assert_eq!((status.notes, status.vectors), (2, 2), "{status:?}");
        engine.close().await.unwrap();
    });
}

/// The other process's part: saves until it is killed. As a test of its own it does nothing.
#[test]
fn the_other_process_saves_until_it_is_killed() {
    let Some(dir) = std::env::var_os(OTHER) else { return };
    run(async {
        let engine = open(Path::new(&dir)).await;
        for number in 0.. {
            save(&engine, &format!("Theirs {number}"), "a text of theirs").await;
            let mut out = std::io::stdout().lock();
            writeln!(out, "saved {number}").unwrap();
            out.flush().unwrap();
        }
    });
}

#[test]
fn two_processes_save_at_once_and_the_second_outlives_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::the_other_process_saves_until_it_is_killed", "--nocapture"])
        .env(OTHER, dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(other.stdout.take().unwrap()).lines();
    let mut saved = lines.map(Result::unwrap).filter(|line| line.contains("saved"));
    assert!(saved.next().is_some());
    run(async {
        let engine = open(dir.path()).await;
        assert!(engine.read_only());
        for number in 0..20 {
            save(&engine, &format!("Mine {number}"), "a text of mine").await;
        }
        other.kill().unwrap();
        other.wait().unwrap();
        let theirs = 1 + saved.count();
        save(&engine, "Mine 20", "a text of mine").await;
        let (total, _) = engine.list(engine::ListFilter::default()).await.unwrap();
        // One save may have been under way.
        assert!((theirs + 21..=theirs + 22).contains(&total), "{total}, {theirs} of theirs");
        engine.close().await.unwrap();

        let engine = open(dir.path()).await;
        assert!(!engine.read_only());
        settle(&engine).await;
        assert_eq!(search(&engine, "mine", Mode::Words).await.total, 21);
        assert_eq!(search(&engine, "theirs", Mode::Words).await.total, total - 21);
        engine.close().await.unwrap();
    });
}
