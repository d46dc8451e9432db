use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastembed::{
    InitOptionsUserDefined, Pooling, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel,
};
use ort::environment::Environment;
use tokenizers::Tokenizer;

use crate::onnx::narrow_tables;
use crate::runtime::environment;
use crate::{EmbedError, Embedder};

/// Tokens the model reads, its two own included: what MiniLM was trained on.
const WINDOW: usize = 256;
const SPECIAL_TOKENS: usize = 2;
/// Vocabularies of one language have some ten thousand tokens (BERT's English one 30,522), those of
/// multilingual models a multiple (mBERT 119,547, XLM-R 250,002).
const MULTILINGUAL_VOCABULARY: usize = 60_000;

/// Tokens of one batch, padding included. Larger ones are no faster on a core and keep their
/// memory: 64 texts of 256 tokens would hold 3 GB.
pub const BATCH_TOKENS: usize = 256;

/// Bytes of a text that are looked at: a window of ordinary words needs a tenth of it.
const TEXT_BYTES: usize = 16 * 1024;

/// Bytes tokenized at a time when counting, so that a huge text costs no memory.
const COUNT_BYTES: usize = 32 * 1024;

/// A model folder (`model.onnx`, its tokenizer files and the runtime library) as an embedder, on
/// two sessions: queries never wait for a batch.
pub struct LocalModel {
    dir: PathBuf,
    environment: Environment,
    model_id: String,
    dims: usize,
    tokenizer: Tokenizer,
    query: Mutex<TextEmbedding>,
    batch: Mutex<Batch>,
}

/// A session takes over 100 MB, so the one for batches is open only while there are some.
enum Batch {
    Closed,
    Open { session: Box<TextEmbedding>, used: Instant },
}

impl LocalModel {
    /// Opens the model in `dir`, which takes about 0.3 s. Fails with the path of what is missing or
    /// unusable, also if the runtime library is older than 1.24. The library opened first serves
    /// the whole process.
    pub fn open(dir: &Path) -> Result<LocalModel, EmbedError> {
        let environment = environment(dir)?;
        let files = Files::read(dir)?;
        let model_id = files.model_id();
        let mut query = session(dir, &environment, files)?;
        let mut tokenizer = query.tokenizer.clone();
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| model_error(dir, &error))?;
        let probe = run(&mut query, &["."]).map_err(|error| model_error(dir, &error))?;
        Ok(LocalModel {
            dir: dir.to_owned(),
            environment,
            model_id,
            dims: probe[0].len(),
            tokenizer,
            query: Mutex::new(query),
            batch: Mutex::new(Batch::Closed),
        })
    }

    /// What the bench needs to measure the runtime alone in the same process.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Opens the batch session again, if the model is still the same.
    fn batch_session(&self) -> Result<Box<TextEmbedding>, EmbedError> {
        let files = Files::read(&self.dir)?;
        if files.model_id() != self.model_id {
            return Err(model_error(&self.dir, &"its files were changed while it was in use"));
        }
        session(&self.dir, &self.environment, files).map(Box::new)
    }
}

impl Embedder for LocalModel {
    fn model_id(&self) -> &str {
        &self.model_id
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn max_tokens(&self) -> usize {
        WINDOW - SPECIAL_TOKENS
    }

    fn count_tokens(&self, text: &str) -> usize {
        let mut rest = text;
        let mut count = 0;
        while !rest.is_empty() {
            let piece = start(rest, COUNT_BYTES);
            // At the last white space if there is one, for a word cut in two counts differently.
            let piece = match piece.rfind(char::is_whitespace) {
                Some(at) if piece.len() < rest.len() && at > 0 => &piece[..at],
                _ => piece,
            };
            count +=
                self.tokenizer.encode_fast(piece, false).map_or(piece.len(), |found| found.len());
            rest = &rest[piece.len()..];
        }
        count
    }

    fn languages(&self) -> Option<&[&str]> {
        (self.tokenizer.get_vocab_size(false) < MULTILINGUAL_VOCABULARY).then_some(&["en"])
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let mut vectors = run(&mut lock(&self.query), &[start(text.trim_start(), TEXT_BYTES)])?;
        vectors.pop().ok_or_else(|| EmbedError::Run("the model gave no vector".to_owned()))
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let texts: Vec<&str> =
            texts.iter().map(|text| start(text.trim_start(), TEXT_BYTES)).collect();
        let mut order: Vec<(usize, usize)> = texts
            .iter()
            .map(|text| (self.count_tokens(text) + SPECIAL_TOKENS).min(WINDOW))
            .zip(0..)
            .collect();
        order.sort_unstable();
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut rest = &order[..];
        while !rest.is_empty() {
            // Sorted by length, so the last text of a batch says how wide it is padded.
            let fits = |&count: &usize| count * rest[count - 1].0 <= BATCH_TOKENS;
            let count = (2..=rest.len()).take_while(fits).last().unwrap_or(1);
            let batch: Vec<&str> = rest[..count].iter().map(|&(_, at)| texts[at]).collect();
            // Locked anew for each batch, so that a lone note gets in between.
            let mut held = lock(&self.batch);
            if matches!(&*held, Batch::Closed) {
                *held = Batch::Open { session: self.batch_session()?, used: Instant::now() };
            }
            if let Batch::Open { session, used } = &mut *held {
                for (&(_, at), vector) in rest.iter().zip(run(session, &batch)?) {
                    vectors[at] = vector;
                }
                *used = Instant::now();
            }
            rest = &rest[count..];
        }
        Ok(vectors)
    }

    /// It is the batch session, over 100 MB; opening it again takes about 0.3 s.
    fn release_idle(&self, idle: Duration) {
        // Busy is not idle, so there is nothing to wait for.
        if let Ok(mut batch) = self.batch.try_lock()
            && matches!(&*batch, Batch::Open { used, .. } if used.elapsed() >= idle)
        {
            *batch = Batch::Closed;
        }
    }
}

/// The files of a model folder, in memory only while a session is made of them.
struct Files {
    onnx: Vec<u8>,
    tokenizer: TokenizerFiles,
}

impl Files {
    fn read(dir: &Path) -> Result<Files, EmbedError> {
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read(&path).map_err(|source| EmbedError::Io { path, source })
        };
        let tokenizer = TokenizerFiles {
            tokenizer_file: read("tokenizer.json")?,
            config_file: read("config.json")?,
            special_tokens_map_file: read("special_tokens_map.json")?,
            tokenizer_config_file: read("tokenizer_config.json")?,
        };
        Ok(Files { onnx: read("model.onnx")?, tokenizer })
    }

    /// Names all that makes a vector: the weights, the tokenizer and how much of a text is read.
    fn model_id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.onnx).update(&self.tokenizer.tokenizer_file);
        format!("onnx-{}-{WINDOW}", &hasher.finalize().to_hex()[..16])
    }
}

fn session(
    dir: &Path,
    environment: &Environment,
    files: Files,
) -> Result<TextEmbedding, EmbedError> {
    let onnx = narrow_tables(&files.onnx).unwrap_or(files.onnx);
    let model = UserDefinedEmbeddingModel::new(onnx, files.tokenizer).with_pooling(Pooling::Mean);
    // One thread: two make a query 3 ms quicker but spin on the core that the rest of the search needs.
    let options = InitOptionsUserDefined::new()
        .with_environment(environment.clone())
        .with_max_length(WINDOW)
        .with_intra_threads(1)
        // The arena never gives memory back.
        .with_execution_providers(vec![
            ort::ep::CPU::default().with_arena_allocator(false).build(),
        ]);
    TextEmbedding::try_new_from_user_defined(model, options)
        .map_err(|error| model_error(dir, &error))
}

fn run(session: &mut TextEmbedding, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
    let vectors = session
        .embed(texts, Some(texts.len()))
        .map_err(|error| EmbedError::Run(error.to_string()))?;
    if vectors.len() != texts.len() {
        return Err(EmbedError::Run("the model gave another number of vectors".to_owned()));
    }
    Ok(vectors)
}

fn model_error(dir: &Path, reason: &impl ToString) -> EmbedError {
    EmbedError::Model { path: dir.join("model.onnx"), reason: reason.to_string() }
}

/// At most `bytes` from the start of a text, cut between characters.
fn start(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder of the model: `$COMMONPLACE_MODEL`, else `assets/model` in a folder above the running
/// program, else `../lib/commonplace/model` beside it. `None` if none of them has a `model.onnx`.
pub fn find_model_dir() -> Option<PathBuf> {
    let has_model = |dir: &PathBuf| dir.join("model.onnx").is_file();
    if let Some(dir) = env::var_os("COMMONPLACE_MODEL") {
        return Some(PathBuf::from(dir)).filter(has_model);
    }
    let program = env::current_exe().ok()?;
    let program = program.canonicalize().unwrap_or(program);
    let beside = program.parent()?.parent().map(|dir| dir.join("lib/commonplace/model"));
    program.ancestors().skip(1).map(|dir| dir.join("assets/model")).chain(beside).find(has_model)
}
