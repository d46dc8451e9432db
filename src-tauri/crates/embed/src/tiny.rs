//! A real model folder of a few kilobytes for tests: an ONNX file that looks each token up in a table of
//! random vectors, and a tokenizer of letters and some whole words.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::onnx::{
    GRAPH_INITIALIZER, GRAPH_NODE, MODEL_GRAPH, NODE_INPUT, NODE_OP_TYPE, NODE_OUTPUT, TENSOR_DIMS,
    TENSOR_NAME, put_bytes, put_varint,
};

/// Field numbers: onnx.proto of ONNX 1.17.
const MODEL_IR_VERSION: u64 = 1;
const MODEL_OPSET: u64 = 8;
const OPSET_VERSION: u64 = 2;
const GRAPH_NAME: u64 = 2;
const GRAPH_INPUT: u64 = 11;
const GRAPH_OUTPUT: u64 = 12;
const TENSOR_TYPE: u64 = 2;
const TENSOR_RAW: u64 = 9;
const FLOAT: u64 = 1;
const INT64: u64 = 7;

/// The weight of a whole word beside that of a letter.
const WORD: f32 = 8.0;

/// What to make. Texts that share a word of `words` are near each other.
pub struct TinyModel<'a> {
    pub dims: usize,
    /// Another one gives other vectors.
    pub seed: u64,
    pub words: &'a [&'a str],
    /// Names of its outputs: `last_hidden_state`, if it is to be like others.
    pub outputs: &'a [&'a str],
    /// Every number in its table, instead of random ones.
    pub constant: Option<f32>,
}

impl Default for TinyModel<'_> {
    fn default() -> Self {
        TinyModel { dims: 48, seed: 1, words: &[], outputs: &["last_hidden_state"], constant: None }
    }
}

impl TinyModel<'_> {
    /// Writes the folder's files.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        const SPECIAL: [&str; 4] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
        let letters: Vec<String> = ('a'..='z')
            .chain('0'..='9')
            .chain(".,:;!?-'\"()[]#*_/=+<>|".chars())
            .flat_map(|letter| [letter.to_string(), format!("##{letter}")])
            .collect();
        let tokens = SPECIAL.into_iter().chain(letters.iter().map(String::as_str));
        let tokens: Vec<&str> = tokens.chain(self.words.iter().copied()).collect();
        fs::create_dir_all(dir)?;
        fs::write(dir.join("model.onnx"), self.onnx(tokens.len()))?;
        let vocabulary: Map<String, Value> =
            tokens.iter().zip(0..).map(|(token, id)| ((*token).to_owned(), json!(id))).collect();
        let special = |at: usize| json!({"id": SPECIAL[at], "ids": [at], "tokens": [SPECIAL[at]]});
        let piece = |at: usize| json!({"SpecialToken": {"id": SPECIAL[at], "type_id": 0}});
        let text = |name: &str| json!({"Sequence": {"id": name, "type_id": 0}});
        let added: Vec<Value> = (0..SPECIAL.len())
            .map(|at| {
                json!({"id": at, "content": SPECIAL[at], "single_word": false, "lstrip": false,
                       "rstrip": false, "normalized": false, "special": true})
            })
            .collect();
        let tokenizer = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                           "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [piece(2), text("A"), piece(3)],
                "pair": [piece(2), text("A"), piece(3), text("B"), piece(3)],
                "special_tokens": {"[CLS]": special(2), "[SEP]": special(3)},
            },
            "decoder": null,
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocabulary},
        });
        let put = |name: &str, value: &Value| fs::write(dir.join(name), value.to_string());
        put("tokenizer.json", &tokenizer)?;
        put("config.json", &json!({"model_type": "bert", "pad_token_id": 0}))?;
        put("tokenizer_config.json", &json!({"model_max_length": 128, "pad_token": "[PAD]"}))?;
        put("special_tokens_map.json", &json!({"pad_token": "[PAD]", "unk_token": "[UNK]"}))
    }

    fn onnx(&self, tokens: usize) -> Vec<u8> {
        let first_word = tokens - self.words.len();
        let mut table = Vec::with_capacity(tokens * self.dims * 4);
        for token in 0..tokens {
            let mut numbers = vec![0u8; self.dims];
            let mut hasher = blake3::Hasher::new();
            hasher.update(&self.seed.to_le_bytes()).update(&token.to_le_bytes());
            hasher.finalize_xof().fill(&mut numbers);
            let weight = if token < first_word { 1.0 } else { WORD };
            for number in numbers {
                let number = weight * (f32::from(number) / 127.5 - 1.0);
                table.extend(self.constant.unwrap_or(number).to_le_bytes());
            }
        }
        let mut tensor = Vec::new();
        for size in [tokens, self.dims] {
            put_varint(&mut tensor, TENSOR_DIMS << 3);
            put_varint(&mut tensor, size as u64);
        }
        put_number(&mut tensor, TENSOR_TYPE, FLOAT);
        put_bytes(&mut tensor, TENSOR_NAME, b"table");
        put_bytes(&mut tensor, TENSOR_RAW, &table);
        let mut graph = Vec::new();
        for output in self.outputs {
            let mut node = Vec::new();
            put_bytes(&mut node, NODE_INPUT, b"table");
            put_bytes(&mut node, NODE_INPUT, b"input_ids");
            put_bytes(&mut node, NODE_OUTPUT, output.as_bytes());
            put_bytes(&mut node, NODE_OP_TYPE, b"Gather");
            put_bytes(&mut graph, GRAPH_NODE, &node);
        }
        put_bytes(&mut graph, GRAPH_NAME, b"tiny");
        put_bytes(&mut graph, GRAPH_INITIALIZER, &tensor);
        for input in ["input_ids", "attention_mask"] {
            put_bytes(&mut graph, GRAPH_INPUT, &value(input, INT64, &["batch", "length"], None));
        }
        for output in self.outputs {
            let shape = &["batch", "length"];
            put_bytes(&mut graph, GRAPH_OUTPUT, &value(output, FLOAT, shape, Some(self.dims)));
        }
        let mut opset = Vec::new();
        put_number(&mut opset, OPSET_VERSION, 13);
        let mut model = Vec::new();
        put_number(&mut model, MODEL_IR_VERSION, 8);
        put_bytes(&mut model, MODEL_OPSET, &opset);
        put_bytes(&mut model, MODEL_GRAPH, &graph);
        model
    }
}

fn put_number(out: &mut Vec<u8>, field: u64, number: u64) {
    put_varint(out, field << 3);
    put_varint(out, number);
}

/// A `ValueInfoProto`: a name, a type and a shape of named and at last one fixed size.
fn value(name: &str, kind: u64, shape: &[&str], last: Option<usize>) -> Vec<u8> {
    let mut sizes = Vec::new();
    for size in shape {
        let mut dim = Vec::new();
        put_bytes(&mut dim, 2, size.as_bytes());
        put_bytes(&mut sizes, 1, &dim);
    }
    if let Some(last) = last {
        let mut dim = Vec::new();
        put_number(&mut dim, 1, last as u64);
        put_bytes(&mut sizes, 1, &dim);
    }
    let mut tensor = Vec::new();
    put_number(&mut tensor, 1, kind);
    put_bytes(&mut tensor, 2, &sizes);
    let mut info = Vec::new();
    put_bytes(&mut info, 1, name.as_bytes());
    let mut of = Vec::new();
    put_bytes(&mut of, 1, &tensor);
    put_bytes(&mut info, 2, &of);
    info
}
