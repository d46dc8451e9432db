//! A process of its own, because the runtime library that was opened first stays.
#![allow(clippy::unwrap_used)]

use std::fs;

use embed::{EmbedError, LocalModel};

#[test]
fn a_missing_or_wrong_runtime_library_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("nowhere");
    assert!(
        matches!(LocalModel::open(&missing), Err(EmbedError::Io { path, .. }) if path == missing)
    );
    assert!(
        matches!(LocalModel::open(dir.path()), Err(EmbedError::NoRuntime(path)) if path == dir.path())
    );
    let library = dir.path().join("libonnxruntime.so.1");
    fs::write(&library, b"not a library").unwrap();
    assert!(
        matches!(LocalModel::open(dir.path()), Err(EmbedError::Runtime { path, .. }) if path == library)
    );
}
