//! The real model: what it does with texts of every kind, and what it says about broken folders.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use embed::{EmbedError, Embedder, LocalModel, TinyModel, Usage};

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

/// Opens the installed model first, whose runtime library then serves the process.
fn has_runtime() -> bool {
    model_dir().is_some_and(|dir| LocalModel::open(&dir).is_ok())
}

fn refused(dir: &Path) -> String {
    match LocalModel::open_as(dir, None) {
        Err(error) => error.to_string(),
        Ok(model) => model.try_out().unwrap_err().to_string(),
    }
}

#[test]
fn any_folder_is_opened_as_it_says() {
    if !has_runtime() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("multilingual-e5-tiny");
    TinyModel { words: &["lighthouse"], ..TinyModel::default() }.write(&dir).unwrap();
    let model = LocalModel::open_as(&dir, None).unwrap();
    assert_eq!((model.name(), model.dims()), ("multilingual-e5-tiny".to_owned(), 48));
    let usage = model.usage();
    assert_eq!((&*usage.query_prefix, &*usage.passage_prefix), ("query: ", "passage: "));
    assert_eq!(model.languages(), None);
    // 128, less two special tokens and the eight of “passage:”.
    assert_eq!(model.max_tokens(), 128 - 2 - 8);
    let unrelated = model.try_out().unwrap();
    assert!((0.0..1.0).contains(&unrelated), "{unrelated}");
    let query = model.embed_query("the lighthouse").unwrap();
    let passage = model.embed_passage("the lighthouse").unwrap();
    assert!(cosine(&query, &passage) < 0.9999, "the prefixes differ");
    assert!(cosine(&passage, &model.embed(&["the lighthouse"]).unwrap()[0]) > 0.999);

    let plain = Usage { languages: vec!["de".to_owned()], ..Usage::default() };
    let other = LocalModel::open_as(&dir, Some(&plain)).unwrap();
    assert_ne!(other.model_id(), model.model_id());
    assert_eq!(other.languages().unwrap(), ["de"]);
    assert_eq!(
        other.embed_query("the lighthouse").unwrap(),
        other.embed_passage("the lighthouse").unwrap()
    );

    // As exporters lay it out: the ONNX file in a folder of its own, the pooling beside it.
    fs::create_dir(dir.join("onnx")).unwrap();
    fs::rename(dir.join("model.onnx"), dir.join("onnx/model.onnx")).unwrap();
    assert_eq!(LocalModel::open_as(&dir, None).unwrap().model_id(), model.model_id());
    fs::create_dir(dir.join("1_Pooling")).unwrap();
    let pooling = dir.join("1_Pooling/config.json");
    fs::write(&pooling, r#"{"pooling_mode_cls_token": true}"#).unwrap();
    let cls = LocalModel::open_as(&dir, None).unwrap();
    assert_ne!(cls.model_id(), model.model_id());
    // Its first token is the same for every text.
    assert!(cls.try_out().unwrap_err().to_string().contains("alike"));
    fs::write(&pooling, r#"{"pooling_mode_max_tokens": true}"#).unwrap();
    assert!(refused(&dir).contains("1_Pooling/config.json"));
    fs::remove_file(&pooling).unwrap();
    for name in ["a.onnx", "b.onnx"] {
        fs::copy(dir.join("onnx/model.onnx"), dir.join(name)).unwrap();
    }
    assert_eq!(LocalModel::open_as(&dir, None).unwrap().model_id(), model.model_id());
    fs::remove_file(dir.join("onnx/model.onnx")).unwrap();
    assert!(refused(&dir).contains("2 ONNX files"));
}

#[test]
fn what_does_not_fit_is_named() {
    if !has_runtime() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("model");
    let make = |model: TinyModel<'_>| model.write(&dir).unwrap();
    make(TinyModel::default());
    assert!(LocalModel::open_as(&dir, None).unwrap().try_out().is_ok());
    for name in [
        "model.onnx",
        "tokenizer.json",
        "config.json",
        "special_tokens_map.json",
        "tokenizer_config.json",
    ] {
        let path = dir.join(name);
        let bytes = fs::read(&path).unwrap();
        for broken in
            [None, Some(&b"{"[..]), Some(b""), Some(b"[1]"), Some(&bytes[..bytes.len() / 2])]
        {
            match broken {
                None => fs::remove_file(&path).unwrap(),
                Some(broken) => fs::write(&path, broken).unwrap(),
            }
            let error = refused(&dir);
            assert!(error.contains(name), "{name}, {broken:?}: {error}");
        }
        fs::write(&path, bytes).unwrap();
    }
    fs::write(dir.join("tokenizer_config.json"), r#"{"model_max_length": 128}"#).unwrap();
    assert!(refused(&dir).contains("pad_token"));
    make(TinyModel { outputs: &["this", "that"], ..TinyModel::default() });
    let error = refused(&dir);
    assert!(error.contains("model.onnx") && error.contains("this"), "{error}");
    for constant in [f32::NAN, f32::INFINITY, 0.0, 1.0] {
        make(TinyModel { constant: Some(constant), ..TinyModel::default() });
        let error = refused(&dir);
        assert!(error.contains("model.onnx"), "{constant}: {error}");
    }
    assert!(refused(&home.path().join("nowhere")).contains("nowhere"));
    fs::rename(dir.join("model.onnx"), dir.join("model.safetensors")).unwrap();
    assert!(refused(&dir).contains("model.safetensors are not in the ONNX format"));
}

#[test]
fn the_installed_model_finds_unrelated_texts_unrelated() {
    let Some(dir) = model_dir() else { return };
    let unrelated = LocalModel::open(&dir).unwrap().try_out().unwrap();
    println!("unrelated below {unrelated:.3}");
    assert!((0.1..0.3).contains(&unrelated), "{unrelated}");
}
