//! Prints what the store costs: `cargo run --release -p store --example figures [notes]`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use note::{Analysis, NoteDraft, NoteId, Seq, Timestamp};
use rusqlite::{Connection, params};
use store::{Lane, ListFilter, ListSort, NewChunk, Store, View};

const SAVES: usize = 400;
const BULK: usize = 38_000;

fn main() -> Result<(), Box<dyn Error>> {
    let notes = std::env::args().nth(1).map_or(Ok(100_000), |count| count.parse())?;
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    saves(folder.path())?;
    let store = Store::open(&folder.path().join("bulk"))?;
    bulk(&store, "small notes", BULK, 300)?;
    bulk(&store, "more notes", notes - BULK.min(notes), 1_300)?;
    chunks(&store)?;
    lists(&store)?;
    println!("resident memory: {} MB", resident()?);
    store.close()?;
    Ok(())
}

fn draft(number: usize, bytes: usize) -> NoteDraft {
    let words = ["lease", "deposit", "harbour", "tin", "of", "the", "review", "noted", "and"];
    let mut body = String::new();
    let mut seed = number;
    while body.len() < bytes {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        body.push_str(words[(seed >> 33) % words.len()]);
        body.push(if seed.is_multiple_of(11) { '\n' } else { ' ' });
    }
    NoteDraft {
        title: format!("Note {number} of many"),
        body,
        tags: if number.is_multiple_of(3) { vec![format!("tag{}", number % 50)] } else { vec![] },
        notebook: if number.is_multiple_of(2) {
            format!("Book/{}", number % 20)
        } else {
            String::new()
        },
        ..NoteDraft::default()
    }
}

/// A lone 2 kB save against a bare insert of the same text, taken in turns on the same disk.
fn saves(folder: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let store = Store::open(&folder.join("saves"))?;
    let bare = Connection::open(folder.join("bare.db"))?;
    bare.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000;
         CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL)",
    )?;
    let (mut plain, mut fresh, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..SAVES {
        let draft = draft(number, 2_000);
        let start = Instant::now();
        bare.prepare_cached("INSERT INTO notes (title, body) VALUES (?1, ?2)")?
            .execute(params![draft.title, draft.body])?;
        plain.push(start.elapsed());
        let copy = draft.clone();
        let start = Instant::now();
        let saved = store.write(Lane::Interactive, move |write| {
            write.save_note(None, None, &copy, &Analysis::default(), Timestamp(number as i64))
        })?;
        fresh.push(start.elapsed());
        let edited = NoteDraft { body: draft.body + " more", ..draft };
        let start = Instant::now();
        store.write(Lane::Interactive, move |write| {
            let now = Timestamp(number as i64 + 1);
            write.save_note(Some(saved.id), Some(1), &edited, &Analysis::default(), now)
        })?;
        again.push(start.elapsed());
    }
    let base = report("bare insert", &mut plain, None);
    report("new note", &mut fresh, Some(base));
    report("saved again, with a revision", &mut again, Some(base));
    store.close()?;
    Ok(())
}

fn report(what: &str, times: &mut [Duration], base: Option<Duration>) -> Duration {
    times.sort_unstable();
    let [p50, p95] = [times[times.len() / 2], times[times.len() * 95 / 100]];
    let ratio = base.map_or(String::new(), |base| {
        format!(", {:.2} of a bare insert", p50.as_secs_f64() / base.as_secs_f64())
    });
    println!("{what}: p50 {p50:.0?}, p95 {p95:.0?}{ratio}");
    p50
}

/// One op per note through the bulk lane, with a save now and then.
fn bulk(store: &Store, what: &str, count: usize, bytes: usize) -> Result<(), Box<dyn Error>> {
    let (answer, answers) = mpsc::channel();
    let mut waits = Vec::new();
    let busy = writer_time()?;
    let start = Instant::now();
    for number in 0..count {
        let draft = draft(number, bytes);
        let answer = answer.clone();
        let now = Timestamp(number as i64);
        store.submit(
            Lane::Bulk,
            move |write| write.save_note(None, None, &draft, &Analysis::default(), now),
            move |result| {
                let _ = answer.send(result);
            },
        );
        if number % 1_000 == 999 {
            let start = Instant::now();
            store.write(Lane::Interactive, |write| write.put_setting("theme", "\"dark\""))?;
            waits.push(start.elapsed());
        }
    }
    drop(answer);
    for result in answers {
        result?;
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    let busy = (writer_time()? - busy) / count as f64;
    println!(
        "bulk, {count} {what} of {bytes} bytes: {rate:.0} notes/s, {busy:.1} µs of the writer's CPU each"
    );
    if !waits.is_empty() {
        report("  a setting saved meanwhile", &mut waits, None);
    }
    Ok(())
}

fn chunks(store: &Store) -> Result<(), Box<dyn Error>> {
    let waiting = store.read(|read| read.unchunked("model", 5_000, true))?;
    let start = Instant::now();
    let count = waiting.len();
    for batch in waiting.chunks(32) {
        let batch = batch.to_vec();
        store.write(Lane::Bulk, move |write| {
            for (note, seq) in batch {
                let vector = vec![0.05; 384];
                let chunk = |number: u8| {
                    let mut digest = [number; 16];
                    digest[..8].copy_from_slice(&note.0.to_le_bytes());
                    NewChunk {
                        start: 0,
                        end: 1,
                        heading_path: String::new(),
                        digest,
                        vector: &vector,
                    }
                };
                write.put_chunks(note, seq, "model", &[chunk(1), chunk(2)])?;
            }
            Ok(())
        })?;
    }
    println!("chunks: {:.0} notes/s with two each", count as f64 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    let read = store.read(|read| read.vectors_since("model", Seq(0), 5_000))?;
    println!("vectors read back: {} notes in {:.0?}", read.len(), start.elapsed());
    Ok(())
}

fn lists(store: &Store) -> Result<(), Box<dyn Error>> {
    let page = |view: View, sort, offset| ListFilter { view, sort, offset, limit: 50 };
    let filters = [
        ("all by update", page(View::All, ListSort::Updated, 0)),
        ("all by title", page(View::All, ListSort::Title, 0)),
        ("all by creation, far down", page(View::All, ListSort::Created, 60_000)),
        ("notebook", page(View::Notebook("Book/4".to_owned()), ListSort::Updated, 0)),
        ("notebook with those below", page(View::Notebook("book".to_owned()), ListSort::Title, 0)),
        ("tag", page(View::Tag("tag7".to_owned()), ListSort::Updated, 0)),
        ("today", page(View::UpdatedSince(Timestamp(61_900)), ListSort::Updated, 0)),
        ("trash", page(View::Trash, ListSort::Updated, 0)),
    ];
    for (what, filter) in filters {
        timed(what, || Ok(store.read(|read| read.list(&filter))?.0))?;
    }
    timed("counts", || Ok(store.read(|read| read.counts("model"))?.notes))?;
    timed("tags", || Ok(store.read(|read| read.tags())?.len()))?;
    timed("notebooks", || Ok(store.read(|read| read.notebooks())?.len()))?;
    timed("names", || Ok(store.read(|read| read.complete_names("note 9", 20))?.len()))?;
    timed("a note", || Ok(store.read(|read| read.note(NoteId(70_000)))?.map_or(0, |_| 1)))?;
    timed("changes", || Ok(store.read(|read| read.changes_since(Seq(50_000), 1_000))?.len()))
}

fn timed(
    what: &str,
    mut run: impl FnMut() -> Result<usize, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..20 {
        let start = Instant::now();
        found = run()?;
        times.push(start.elapsed());
    }
    report(&format!("{what} ({found})"), &mut times, None);
    Ok(())
}

/// Microseconds of CPU that writer threads took, as Linux tells: what a busy machine does not blur.
fn writer_time() -> Result<f64, Box<dyn Error>> {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == "store-writer" {
            let times = fs::read_to_string(task.join("schedstat"))?;
            nanoseconds += times.split(' ').next().unwrap_or("0").parse::<f64>()?;
        }
    }
    Ok(nanoseconds / 1_000.0)
}

/// MB, as Linux tells.
fn resident() -> Result<usize, Box<dyn Error>> {
    let pages: usize =
        fs::read_to_string("/proc/self/statm")?.split(' ').nth(1).unwrap_or("0").parse()?;
    Ok(pages * 4_096 / 1_000_000)
}
