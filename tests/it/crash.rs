//! kill −9 at random moments of everything at once: every acknowledged save is there, nothing else
//! is, and both indexes catch up to what a fresh rebuild holds.

use std::process::Command;
use std::sync::Arc;

use commonplace_tests::crash::{Crashes, child_folder, work_until_killed};
use embed::FakeEmbedder;
use engine::ModelSource;

use crate::support::run;

/// `cargo xtask bench crash` does ten times as many, with the real model.
const ROUNDS: usize = 20;

fn model() -> ModelSource {
    ModelSource::Given(Arc::new(FakeEmbedder))
}

/// The child's part; as a test of its own it does nothing.
#[test]
fn the_child_works_until_it_is_killed() {
    let Some(dir) = child_folder() else { return };
    run(work_until_killed(&dir, model())).unwrap();
}

#[test]
fn kill_at_random_moments() {
    let mut crashes = Crashes::new(model(), Arc::new(FakeEmbedder)).unwrap();
    run(async {
        for _ in 0..ROUNDS {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "crash::the_child_works_until_it_is_killed", "--nocapture"]);
            crashes.round(child).await.unwrap();
        }
    });
    assert!(crashes.acknowledged() > ROUNDS, "hardly anything was saved");
    assert_eq!(crashes.lost, Vec::<String>::new());
}
