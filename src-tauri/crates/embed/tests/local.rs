//! The real model: what it does with texts of every kind, and what it says about broken folders.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use embed::{EmbedError, Embedder, LocalModel};

fn model_dir() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/model");
    if dir.join("model.onnx").is_file() {
        return Some(dir);
    }
    println!("skipped: no model in assets/model");
    None
}

fn copy_model(to: &Path) -> Option<()> {
    for entry in fs::read_dir(model_dir()?).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    Some(())
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[test]
fn any_text_gives_a_unit_vector_and_batches_change_nothing() {
    let Some(dir) = model_dir() else { return };
    let model = LocalModel::open(&dir).unwrap();
    let huge = "The tenant pays the deposit. ".repeat(10 << 20 >> 4);
    let no_spaces = "x".repeat(10 << 20);
    let texts = [
        "",
        " \n\t ",
        "a",
        "The tenant pays the deposit within ten days.",
        "敷金は十日以内に支払う。",
        "\u{0}\u{feff}\u{200d}👩‍👩‍👧‍👦\u{202e}e\u{301}",
        "[MASK] [CLS] [PAD]",
        &huge,
        &no_spaces,
    ];
    let vectors = model.embed(&texts).unwrap();
    assert_eq!(vectors.len(), texts.len());
    for (text, vector) in texts.iter().zip(&vectors) {
        assert_eq!(vector.len(), model.dims());
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-3);
        let alone = model.embed_query(text).unwrap();
        let name: String = text.chars().take(20).collect();
        assert!(cosine(vector, &alone) > 0.999, "{name:?} differs in a batch");
    }
    assert!(model.embed(&[]).unwrap().is_empty());
    model.release_idle(Duration::ZERO);
    assert!(cosine(&model.embed(&texts[3..6]).unwrap()[0], &vectors[3]) > 0.999);

    let near = model.embed_query("Who has to put down a security payment for the flat?").unwrap();
    let far = model.embed_query("How do bees find their way home?").unwrap();
    assert!(cosine(&near, &vectors[3]) > cosine(&far, &vectors[3]) + 0.2);
}

#[test]
fn counts_tokens_beyond_the_window() {
    let Some(dir) = model_dir() else { return };
    let model = LocalModel::open(&dir).unwrap();
    assert_eq!((model.dims(), model.max_tokens()), (384, 254));
    for (text, tokens) in [("", 0), ("  ", 0), ("a house", 2), ("unaffable!", 4), ("敷金", 2)] {
        assert_eq!(model.count_tokens(text), tokens, "{text:?}");
    }
    let words = "house ".repeat(100_000);
    assert_eq!(model.count_tokens(&words), 100_000);
}

#[test]
fn a_broken_folder_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    // The library first: another one that serves the process hides a missing one.
    if copy_model(dir.path()).is_none() {
        return;
    }
    let whole = LocalModel::open(dir.path()).unwrap();
    for name in ["model.onnx", "tokenizer.json", "config.json", "tokenizer_config.json"] {
        let path = dir.path().join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(matches!(LocalModel::open(dir.path()), Err(EmbedError::Model { .. })), "{name}");
        fs::remove_file(&path).unwrap();
        let error = LocalModel::open(dir.path()).err().unwrap().to_string();
        assert!(error.contains(name), "{error}");
        fs::write(&path, &bytes).unwrap();
    }
    let path = dir.path().join("tokenizer.json");
    let mut text = fs::read(&path).unwrap();
    text.push(b'\n');
    fs::write(&path, text).unwrap();
    let changed = LocalModel::open(dir.path()).unwrap();
    assert_ne!(changed.model_id(), whole.model_id());
    // The batch session opens late; the folder is no longer what it was.
    assert!(whole.embed(&["one", "two", "three"]).is_err());
    assert!(whole.embed_query("one").is_ok());
}
