//! kill −9 at random moments: every acknowledged save is there, nothing else is, and both indexes
//! catch up to what a fresh rebuild holds.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine::Mode;

use crate::support::{draft, open, run, search, settle};

const ROUNDS: usize = 20;
const CHILD: &str = "COMMONPLACE_CRASH_CHILD";

/// The child's part: saves until it is killed, and says what was acknowledged.
#[test]
fn save_until_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    run(async {
        let engine = open(std::path::Path::new(&dir)).await;
        let start = engine.read(|read| Ok(read.counts("")?.notes)).await.unwrap();
        for number in start.. {
            let saves = (0..3).map(|part| {
                let engine = engine.clone();
                let title = format!("n{number}p{part}");
                tokio::spawn(async move {
                    let saved = engine
                        .save_note(None, None, draft(&title, &format!("body of {title}")))
                        .await;
                    saved.unwrap();
                    title
                })
            });
            for save in saves.collect::<Vec<_>>() {
                let title = save.await.unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "saved {title}").unwrap();
                out.flush().unwrap();
            }
        }
    });
}

#[test]
fn kill_at_random_moments() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    let mut seed = 0x9e37_79b9_u64;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::save_until_killed", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wanted = 1 + (seed >> 33) % 60;
        let pause = Duration::from_micros((seed >> 20) % 3_000);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            let line = line.unwrap();
            let Some((_, title)) = line.split_once("saved ") else { continue };
            acknowledged.push(title.to_owned());
            seen += 1;
            if seen == wanted {
                let until = Instant::now() + pause;
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= wanted, "round {round}: the child ended by itself after {seen} saves");
    }
    run(async {
        let engine = open(dir.path()).await;
        settle(&engine).await;
        let filter = engine::ListFilter { limit: 1_000_000, ..engine::ListFilter::default() };
        let (total, heads) = engine.list(filter).await.unwrap();
        let titles: std::collections::HashSet<&str> =
            heads.iter().map(|head| head.title.as_str()).collect();
        assert_eq!(titles.len(), total, "nothing was stored twice");
        for title in &acknowledged {
            assert!(titles.contains(title.as_str()), "{title} was acknowledged and is gone");
        }
        // At most the three saves under way at each kill were stored without an answer.
        assert!(total <= acknowledged.len() + ROUNDS * 3, "{total} of {}", acknowledged.len());
        assert_eq!(search(&engine, "body", Mode::Words).await.total, total);
        let status = engine.status_now().await.unwrap();
        assert_eq!((status.vectors, status.chunks), (total, total), "{status:?}");
        engine.rebuild_indexes().await.unwrap();
        settle(&engine).await;
        assert_eq!(search(&engine, "body", Mode::Words).await.total, total);
        engine.close().await.unwrap();
    });
}
