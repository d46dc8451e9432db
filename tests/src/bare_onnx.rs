//! The ONNX runtime alone, as the baseline of the embedding rate: same model file, same batches.

use std::path::Path;

use anyhow::{Result, anyhow};
use ort::environment::Environment;
use ort::session::Session;
use ort::value::Tensor;
use tokenizers::Tokenizer;

/// Tokens that the model reads of a text.
const WINDOW: usize = 256;

pub struct BareOnnx {
    session: Session,
    tokenizer: Tokenizer,
}

/// Token ids of the texts of one batch, padded to the longest.
pub struct Batch {
    rows: usize,
    columns: usize,
    ids: Vec<i64>,
    mask: Vec<i64>,
}

impl BareOnnx {
    /// A process has one environment, so it is the embedder's.
    pub fn open(dir: &Path, environment: &Environment, threads: usize) -> Result<BareOnnx> {
        let mut tokenizer =
            Tokenizer::from_file(dir.join("tokenizer.json")).map_err(|error| anyhow!("{error}"))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(Some(tokenizers::TruncationParams {
                max_length: WINDOW,
                ..Default::default()
            }))
            .map_err(|error| anyhow!("{error}"))?;
        let session = Session::builder(environment)
            .map_err(|error| anyhow!("{error}"))?
            .with_intra_threads(threads)
            .map_err(|error| anyhow!("{error}"))?
            .commit_from_file(dir.join("model.onnx"))
            .map_err(|error| anyhow!("{error}"))?;
        Ok(BareOnnx { session, tokenizer })
    }

    /// Texts sorted by length and cut into batches of at most `tokens` tokens, padding included, as
    /// the embedder does.
    pub fn batches(&self, texts: &[&str], tokens: usize) -> Result<Vec<Batch>> {
        let mut encoded: Vec<Vec<i64>> = texts
            .iter()
            .map(|text| {
                let encoding =
                    self.tokenizer.encode_fast(*text, true).map_err(|error| anyhow!("{error}"))?;
                Ok(encoding.get_ids().iter().map(|id| i64::from(*id)).collect())
            })
            .collect::<Result<_>>()?;
        encoded.sort_by_key(Vec::len);
        let mut batches = Vec::new();
        let mut rest = &encoded[..];
        while !rest.is_empty() {
            let rows = (2..=rest.len())
                .take_while(|count| count * rest[count - 1].len() <= tokens)
                .last()
                .unwrap_or(1);
            let columns = rest[rows - 1].len();
            let mut batch = Batch { rows, columns, ids: Vec::new(), mask: Vec::new() };
            for ids in &rest[..rows] {
                batch.ids.extend(ids);
                batch.ids.resize(batch.ids.len() + columns - ids.len(), 0);
                batch.mask.extend(std::iter::repeat_n(1, ids.len()));
                batch.mask.resize(batch.mask.len() + columns - ids.len(), 0);
            }
            batches.push(batch);
            rest = &rest[rows..];
        }
        Ok(batches)
    }

    pub fn run(&mut self, batches: &[Batch]) -> Result<()> {
        for batch in batches {
            let shape = [batch.rows, batch.columns];
            let tensor = |values: Vec<i64>| {
                Tensor::from_array((shape, values)).map_err(|error| anyhow!("{error}"))
            };
            self.session
                .run(ort::inputs![
                    "input_ids" => tensor(batch.ids.clone())?,
                    "attention_mask" => tensor(batch.mask.clone())?,
                    "token_type_ids" => tensor(vec![0; batch.rows * batch.columns])?,
                ])
                .map_err(|error| anyhow!("{error}"))?;
        }
        Ok(())
    }
}
