//! What lies in a model folder: the ONNX file, the tokenizer's files and the small files in which
//! sentence-transformers says how a model is to be used. Where they are silent, the model's family tells.
//! Format: <https://sbert.net/docs/package_reference/sentence_transformer/models.html>.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fastembed::{Pooling, TokenizerFiles};
use serde_json::Value;
use tokenizers::Tokenizer;

use crate::EmbedError;

/// Tokens read of one text, the model's own included: what MiniLM was trained on, and more than any
/// chunk has. Shorter where a model cannot read as much.
const WINDOW: usize = 256;
/// A model that reads less than this cannot be told anything.
const MIN_WINDOW: usize = 16;

/// Where the ONNX file may be, the first that is there is used.
const ONNX_FILES: [&str; 8] = [
    "model.onnx",
    "onnx/model.onnx",
    "model_optimized.onnx",
    "onnx/model_optimized.onnx",
    "model_quantized.onnx",
    "onnx/model_quantized.onnx",
    "model_int8.onnx",
    "onnx/model_int8.onnx",
];

/// Weights that need another program.
const OTHER_WEIGHTS: [&str; 3] = ["model.safetensors", "pytorch_model.bin", "tf_model.h5"];

/// Vocabularies of one language have some ten thousand tokens (BERT's English one 30,522), those of
/// multilingual models a multiple (mBERT 119,547, XLM-R 250,002).
pub(crate) const MULTILINGUAL_VOCABULARY: usize = 60_000;
const OTHER_LANGUAGES: [&str; 5] = ["multilingual", "bge-m3", "labse", "distiluse", "-zh"];

/// How a model is to be used, as far as its files leave it open. The prefixes are put before each text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub query_prefix: String,
    pub passage_prefix: String,
    /// ISO 639-1 codes of the languages that it was taught; empty: any that matter. Of use only for
    /// languages that are told apart by their words.
    pub languages: Vec<String>,
}

/// What a family of models wants, told by their names: from the models' cards.
pub(crate) struct Family {
    /// All of these are in the name.
    named: &'static [&'static str],
    pooling: Pooling,
    query: &'static str,
    passage: &'static str,
}

const SEARCHING: &str = "Represent this sentence for searching relevant passages: ";

/// The first that fits counts.
const FAMILIES: [Family; 12] = [
    Family {
        named: &["e5-", "instruct"],
        pooling: Pooling::Mean,
        query: "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
        passage: "",
    },
    Family { named: &["e5-"], pooling: Pooling::Mean, query: "query: ", passage: "passage: " },
    Family { named: &["bge-m3"], pooling: Pooling::Cls, query: "", passage: "" },
    Family {
        named: &["bge-", "-zh"],
        pooling: Pooling::Cls,
        query: "为这个句子生成表示以用于检索相关文章：",
        passage: "",
    },
    Family { named: &["bge-", "-en"], pooling: Pooling::Cls, query: SEARCHING, passage: "" },
    Family { named: &["arctic-embed", "v2"], pooling: Pooling::Cls, query: "query: ", passage: "" },
    Family { named: &["arctic-embed"], pooling: Pooling::Cls, query: SEARCHING, passage: "" },
    Family { named: &["mxbai-embed"], pooling: Pooling::Cls, query: SEARCHING, passage: "" },
    Family {
        named: &["nomic-embed"],
        pooling: Pooling::Mean,
        query: "search_query: ",
        passage: "search_document: ",
    },
    Family {
        named: &["modernbert-embed"],
        pooling: Pooling::Mean,
        query: "search_query: ",
        passage: "search_document: ",
    },
    Family { named: &["gte-", "v1.5"], pooling: Pooling::Cls, query: "", passage: "" },
    Family {
        named: &["embeddinggemma"],
        pooling: Pooling::Mean,
        query: "task: search result | query: ",
        passage: "title: none | text: ",
    },
];

impl Family {
    pub(crate) fn of(name: &str) -> Option<&'static Family> {
        let name = name.to_lowercase();
        FAMILIES.iter().find(|family| family.named.iter().all(|part| name.contains(part)))
    }
}

/// The files of a model folder, in memory only while a session is made of them.
pub(crate) struct Files {
    pub(crate) onnx_path: PathBuf,
    pub(crate) onnx: Vec<u8>,
    /// Weights that are kept beside the ONNX file, by file name.
    pub(crate) weights: Vec<(String, Vec<u8>)>,
    pub(crate) tokenizer: TokenizerFiles,
    pub(crate) pooling: Pooling,
    /// Tokens read of one text, the model's own included.
    pub(crate) window: usize,
    /// What the folder says of it.
    pub(crate) usage: Usage,
    /// The name does not say that it was taught other languages.
    pub(crate) is_english: bool,
}

impl Files {
    /// Reads a folder; what is missing or says something impossible is named.
    pub(crate) fn read(dir: &Path) -> Result<Files, EmbedError> {
        let onnx_path = onnx_file(dir)?;
        let tokenizer = TokenizerFiles {
            tokenizer_file: read(&dir.join("tokenizer.json"))?,
            config_file: read(&dir.join("config.json"))?,
            special_tokens_map_file: read(&dir.join("special_tokens_map.json"))?,
            tokenizer_config_file: read(&dir.join("tokenizer_config.json"))?,
        };
        let config = json(&dir.join("config.json"), &tokenizer.config_file)?;
        let path = dir.join("special_tokens_map.json");
        json(&path, &tokenizer.special_tokens_map_file)?;
        let path = dir.join("tokenizer_config.json");
        let tokenizer_config = json(&path, &tokenizer.tokenizer_config_file)?;
        let padding = &tokenizer_config["pad_token"];
        if padding.as_str().or_else(|| padding["content"].as_str()).is_none() {
            return Err(wrong(&path, "it names no “pad_token”"));
        }
        if tokenizer_config["model_max_length"].as_f64().is_none() {
            return Err(wrong(&path, "it has no number “model_max_length”"));
        }
        let known_as = config["_name_or_path"].as_str().unwrap_or_default();
        let name = format!("{} {known_as}", folder_name(dir));
        let family = Family::of(&name);
        let lower = name.to_lowercase();
        let named = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
        let (query_prefix, passage_prefix) = match prompts(dir)? {
            Some(prompts) => prompts,
            None => family.map_or_else(Default::default, |family| {
                (family.query.to_owned(), family.passage.to_owned())
            }),
        };
        Ok(Files {
            onnx: read(&onnx_path)?,
            weights: weights(&onnx_path)?,
            pooling: match pooling(dir)? {
                Some(pooling) => pooling,
                None => family.map_or(Pooling::Mean, |family| family.pooling.clone()),
            },
            window: window(dir, &config, &tokenizer_config)?,
            is_english: !named(&OTHER_LANGUAGES),
            usage: Usage { query_prefix, passage_prefix, languages: Vec::new() },
            onnx_path,
            tokenizer,
        })
    }

    /// Names all that makes a vector: the weights, the tokenizer, the prefixes and how much of a text is read.
    pub(crate) fn model_id(&self, usage: &Usage) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.onnx).update(&self.tokenizer.tokenizer_file);
        for (_, bytes) in &self.weights {
            hasher.update(bytes);
        }
        if self.pooling != Pooling::Mean {
            hasher.update(b"cls");
        }
        for prefix in [&usage.query_prefix, &usage.passage_prefix] {
            if !prefix.is_empty() {
                hasher.update(&(prefix.len() as u64).to_le_bytes()).update(prefix.as_bytes());
            }
        }
        format!("onnx-{}-{}", &hasher.finalize().to_hex()[..16], self.window)
    }

    /// What is wrong if no session can be made of the files: the tokenizer, or else the model.
    pub(crate) fn blame(dir: &Path, onnx_path: &Path, reason: &str) -> EmbedError {
        let path = dir.join("tokenizer.json");
        match Tokenizer::from_file(&path) {
            Err(error) => wrong(&path, format!("it is no tokenizer: {error}")),
            Ok(_) => wrong(onnx_path, reason),
        }
    }
}

/// What a person calls the model in a folder: the folder's name, or the repository's if it lies in a
/// cache of downloads (`models--owner--name/snapshots/hash`).
pub(crate) fn folder_name(dir: &Path) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let above = dir.parent().filter(|above| name(above) == "snapshots");
    match above.and_then(Path::parent).map(name) {
        Some(repository) => repository.rsplit("--").next().unwrap_or_default().to_owned(),
        None => name(dir),
    }
}

pub(crate) fn wrong(path: &Path, reason: impl Into<String>) -> EmbedError {
    EmbedError::Model { path: path.to_owned(), reason: reason.into() }
}

fn read(path: &Path) -> Result<Vec<u8>, EmbedError> {
    fs::read(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => EmbedError::Missing(path.to_owned()),
        _ => EmbedError::Io { path: path.to_owned(), source },
    })
}

/// A small file that a folder may have.
fn optional(path: &Path) -> Result<Option<Value>, EmbedError> {
    match read(path) {
        Ok(bytes) => json(path, &bytes).map(Some),
        Err(EmbedError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn json(path: &Path, bytes: &[u8]) -> Result<Value, EmbedError> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| wrong(path, format!("it is not valid JSON: {error}")))?;
    if value.is_object() { Ok(value) } else { Err(wrong(path, "it is no JSON object")) }
}

fn onnx_file(dir: &Path) -> Result<PathBuf, EmbedError> {
    if let Some(found) = ONNX_FILES.iter().map(|name| dir.join(name)).find(|path| path.is_file()) {
        return Ok(found);
    }
    fs::read_dir(dir).map_err(|source| EmbedError::Io { path: dir.to_owned(), source })?;
    let mut others: Vec<PathBuf> = [dir.to_owned(), dir.join("onnx")]
        .iter()
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flat_map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())))
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    others.sort();
    match others.as_slice() {
        [] => {
            let onnx = dir.join("model.onnx");
            match OTHER_WEIGHTS.iter().find(|name| dir.join(name).is_file()) {
                Some(name) => Err(wrong(
                    &onnx,
                    format!("it is missing, and the weights in {name} are not in the ONNX format"),
                )),
                None => Err(EmbedError::Missing(onnx)),
            }
        }
        [one] => Ok(one.clone()),
        [one, ..] => Err(wrong(
            one,
            format!("it is one of {} ONNX files: call the one to use model.onnx", others.len()),
        )),
    }
}

/// Files in which an exporter left the weights of a large model.
fn weights(onnx_path: &Path) -> Result<Vec<(String, Vec<u8>)>, EmbedError> {
    let name = onnx_path.file_name().unwrap_or_default().to_string_lossy();
    let mut found = Vec::new();
    for name in [format!("{name}_data"), format!("{name}.data")] {
        let path = onnx_path.with_file_name(&name);
        if path.is_file() {
            found.push((name, read(&path)?));
        }
    }
    Ok(found)
}

/// How the tokens' vectors become one, from `1_Pooling/config.json`.
fn pooling(dir: &Path) -> Result<Option<Pooling>, EmbedError> {
    let path = dir.join("1_Pooling/config.json");
    let Some(config) = optional(&path)? else { return Ok(None) };
    let mut modes: Vec<&str> = config["pooling_mode"].as_str().into_iter().collect();
    let flags = config.as_object().into_iter().flatten();
    modes.extend(flags.filter_map(|(key, value)| {
        key.strip_prefix("pooling_mode_").filter(|_| value.as_bool() == Some(true))
    }));
    match modes.as_slice() {
        ["mean_tokens" | "mean"] => Ok(Some(Pooling::Mean)),
        ["cls_token" | "cls"] => Ok(Some(Pooling::Cls)),
        [] => Err(wrong(&path, "it names no pooling")),
        modes => {
            let modes = modes.join(" + ");
            Err(wrong(
                &path,
                format!("the pooling {modes} is not supported, only mean and cls are"),
            ))
        }
    }
}

/// The prefixes of queries and of passages, from `config_sentence_transformers.json`.
fn prompts(dir: &Path) -> Result<Option<(String, String)>, EmbedError> {
    let Some(config) = optional(&dir.join("config_sentence_transformers.json"))? else {
        return Ok(None);
    };
    let Some(prompts) = config["prompts"].as_object() else { return Ok(None) };
    let of = |names: &[&str]| names.iter().find_map(|name| prompts.get(*name)?.as_str());
    let query = of(&["query", "retrieval_query", "s2p_query"]);
    let passage = of(&["document", "passage", "retrieval_passage"]);
    if query.is_none() && passage.is_none() {
        return Ok(None);
    }
    Ok(Some((query.unwrap_or_default().to_owned(), passage.unwrap_or_default().to_owned())))
}

fn window(dir: &Path, config: &Value, tokenizer_config: &Value) -> Result<usize, EmbedError> {
    /// Their positions begin behind the one for padding.
    const OFFSET_POSITIONS: [&str; 4] = ["roberta", "xlm-roberta", "camembert", "mpnet"];
    let sentence = optional(&dir.join("sentence_bert_config.json"))?;
    let offset = match config["model_type"].as_str() {
        Some(kind) if OFFSET_POSITIONS.contains(&kind) => 2.0,
        _ => 0.0,
    };
    let limits = [
        sentence.as_ref().and_then(|sentence| sentence["max_seq_length"].as_f64()),
        // A huge number stands for "no limit".
        tokenizer_config["model_max_length"].as_f64(),
        config["max_position_embeddings"].as_f64().map(|positions| positions - offset),
    ];
    let shortest = limits.into_iter().flatten().fold(WINDOW as f64, f64::min);
    if shortest < MIN_WINDOW as f64 {
        let path = dir.join("tokenizer_config.json");
        return Err(wrong(&path, format!("the model reads only {shortest} tokens of a text")));
    }
    Ok(shortest as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_name(name: &str, pooling: Option<&Pooling>, query: &str) {
        let family = Family::of(name);
        assert_eq!(family.map(|family| &family.pooling), pooling, "{name}");
        assert_eq!(family.map_or("", |family| family.query), query, "{name}");
    }

    #[test]
    fn families_are_told_by_name() {
        check_name("multilingual-e5-small", Some(&Pooling::Mean), "query: ");
        check_name("intfloat/e5-base-v2", Some(&Pooling::Mean), "query: ");
        check_name("bge-m3", Some(&Pooling::Cls), "");
        check_name("BAAI/bge-small-en-v1.5", Some(&Pooling::Cls), SEARCHING);
        check_name("snowflake-arctic-embed-l-v2.0", Some(&Pooling::Cls), "query: ");
        check_name("all-MiniLM-L6-v2", None, "");
        check_name("my e5 notes", None, "");
    }

    #[test]
    fn folders_are_called_by_what_they_hold() {
        assert_eq!(folder_name(Path::new("/models/e5-small")), "e5-small");
        let cached = "/cache/models--intfloat--multilingual-e5-small/snapshots/0a1b2c";
        assert_eq!(folder_name(Path::new(cached)), "multilingual-e5-small");
    }

    #[test]
    fn small_files_say_how_a_model_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(pooling(dir.path()).unwrap().is_none());
        for (text, expected) in [
            (r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#, "Cls"),
            (r#"{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#, "Mean"),
            (r#"{"word_embedding_dimension": 8, "pooling_mode": "mean"}"#, "Mean"),
            (r#"{"pooling_mode_max_tokens": true}"#, "max_tokens is not supported"),
            (
                r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#,
                "not supported",
            ),
            ("{}", "no pooling"),
            ("[]", "no JSON object"),
            ("{", "1_Pooling/config.json"),
        ] {
            put("1_Pooling/config.json", text);
            let found = match pooling(dir.path()) {
                Ok(pooling) => format!("{pooling:?}"),
                Err(error) => error.to_string(),
            };
            assert!(found.contains(expected), "{text}: {found}");
        }
        assert!(prompts(dir.path()).unwrap().is_none());
        put(
            "config_sentence_transformers.json",
            r#"{"prompts": {"query": "q: ", "document": "d: "}}"#,
        );
        assert_eq!(prompts(dir.path()).unwrap(), Some(("q: ".to_owned(), "d: ".to_owned())));
        put("config_sentence_transformers.json", r#"{"prompts": {}}"#);
        assert!(prompts(dir.path()).unwrap().is_none());
    }

    #[test]
    fn the_shortest_limit_counts() {
        let dir = tempfile::tempdir().unwrap();
        let of = |config: &str, tokenizer: &str| {
            let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            window(dir.path(), &value(config), &value(tokenizer)).ok()
        };
        let unlimited = r#"{"model_max_length": 1e30}"#;
        assert_eq!(of(r#"{"max_position_embeddings": 512}"#, unlimited), Some(256));
        assert_eq!(of("{}", r#"{"model_max_length": 128}"#), Some(128));
        let roberta = r#"{"model_type": "xlm-roberta", "max_position_embeddings": 130}"#;
        assert_eq!(of(roberta, unlimited), Some(128));
        assert_eq!(of("{}", r#"{"model_max_length": 4}"#), None);
        fs::write(dir.path().join("sentence_bert_config.json"), r#"{"max_seq_length": 64}"#)
            .unwrap();
        assert_eq!(of("{}", unlimited), Some(64));
    }
}
