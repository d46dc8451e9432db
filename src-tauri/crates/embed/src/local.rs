use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastembed::{
    InitOptionsUserDefined, OutputKey, Pooling, SingleBatchOutput, TextEmbedding,
    UserDefinedEmbeddingModel,
};
use ort::environment::Environment;
use tokenizers::Tokenizer;

use crate::folder::{Files, MULTILINGUAL_VOCABULARY, Usage, folder_name, wrong};
use crate::onnx::narrow_tables;
use crate::runtime::environment;
use crate::{EmbedError, Embedder};

/// Tokens of one batch, padding included. Larger ones are no faster on a core and keep their
/// memory: 64 texts of 256 tokens would hold 3 GB.
pub const BATCH_TOKENS: usize = 256;

/// Bytes of a text that are looked at: a window of ordinary words needs a tenth of it.
const TEXT_BYTES: usize = 16 * 1024;

/// Bytes tokenized at a time when counting, so that a huge text costs no memory.
const COUNT_BYTES: usize = 32 * 1024;

/// Which of a model's outputs is its answer: a finished sentence vector if there is one.
const OUTPUTS: [OutputKey; 5] = [
    OutputKey::OnlyOne,
    OutputKey::ByName("sentence_embedding"),
    OutputKey::ByName("text_embeds"),
    OutputKey::ByName("last_hidden_state"),
    OutputKey::ByName("token_embeddings"),
];

/// How alike a text's vectors must be, alone and beside a longer one: a model quantised while it runs
/// gives 0.98, one that reads the padding too gives anything.
const SAME: f32 = 0.9;

/// A model for which texts with nothing in common are this alike gives one vector for everything.
const ALL_ALIKE: f32 = 0.99;

/// Tokens that must be left for a passage itself.
const MIN_TOKENS: usize = 8;

/// Texts about nothing in common, to see how alike the model finds those.
const UNRELATED: [&str; 12] = [
    "The tenant gets the deposit back within thirty days of moving out.",
    "Bees find their way home by the position of the sun.",
    "Whisk the egg whites until they are stiff, then fold in the sugar.",
    "The quarterly report is due on the first Monday of the month.",
    "A violin has four strings, tuned in perfect fifths.",
    "Restart the server after the configuration file was changed.",
    "Glaciers carve valleys in the shape of the letter U.",
    "Her passport expires in March, so she has to renew it soon.",
    "The striker scored twice in the second half of the match.",
    "Vaccines train the immune system to recognise a virus.",
    "In chess, the king may castle only if he has not moved yet.",
    "Paint the window frames before winter, the old coat is flaking.",
];

/// A model folder and the runtime library as an embedder, on two sessions: queries never wait for a batch.
pub struct LocalModel {
    dir: PathBuf,
    onnx_path: PathBuf,
    environment: Environment,
    usage: Usage,
    model_id: String,
    dims: usize,
    /// Tokens read of one text; of them the model's own, and those of the passages' prefix.
    window: usize,
    special: usize,
    prefix: usize,
    tokenizer: Tokenizer,
    query: Mutex<Session>,
    batch: Mutex<Batch>,
}

/// A session takes over 100 MB, so the one for batches is open only while there are some.
enum Batch {
    Closed,
    Open { session: Box<Session>, used: Instant },
}

struct Session {
    model: TextEmbedding,
    pooling: Pooling,
}

impl LocalModel {
    /// Opens the model in `dir`, which holds the runtime library too, and takes about 0.3 s. Fails with
    /// the path of what is missing or unusable, also if the runtime library is older than 1.24. The
    /// library opened first serves the whole process.
    pub fn open(dir: &Path) -> Result<LocalModel, EmbedError> {
        LocalModel::with_environment(dir, None, environment(dir)?)
    }

    /// Opens any folder with a model and its tokenizer; the runtime library is that of the installed
    /// model, unless the folder has its own. `None`: used as the folder says.
    ///
    /// # Errors
    /// As for [`LocalModel::open`].
    pub fn open_as(dir: &Path, usage: Option<&Usage>) -> Result<LocalModel, EmbedError> {
        let environment = match environment(dir) {
            Err(EmbedError::NoRuntime(missing)) => match find_model_dir() {
                Some(installed) => environment(&installed)?,
                None => return Err(EmbedError::NoRuntime(missing)),
            },
            found => found?,
        };
        LocalModel::with_environment(dir, usage, environment)
    }

    fn with_environment(
        dir: &Path,
        given: Option<&Usage>,
        environment: Environment,
    ) -> Result<LocalModel, EmbedError> {
        let files = Files::read(dir)?;
        let mut usage = given.unwrap_or(&files.usage).clone();
        let model_id = files.model_id(&usage);
        let (onnx_path, window) = (files.onnx_path.clone(), files.window);
        let may_be_english = given.is_none() && files.is_english;
        let mut query = Session::open(dir, &environment, files)?;
        let mut tokenizer = query.model.tokenizer.clone();
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| wrong(&dir.join("tokenizer.json"), error.to_string()))?;
        if may_be_english && tokenizer.get_vocab_size(false) < MULTILINGUAL_VOCABULARY {
            usage.languages.push("en".to_owned());
        }
        let count = |text: &str, special: bool| {
            tokenizer.encode_fast(text, special).map_or(0, |found| found.len())
        };
        let (special, prefix) = (count("", true), count(&usage.passage_prefix, false));
        if special + prefix + MIN_TOKENS > window {
            let reason = "its window is too small for the prefix of passages";
            return Err(wrong(&onnx_path, reason));
        }
        let probe = query.run(&["."]).map_err(|error| wrong(&onnx_path, error.to_string()))?;
        Ok(LocalModel {
            dir: dir.to_owned(),
            onnx_path,
            environment,
            usage,
            model_id,
            dims: probe[0].len(),
            window,
            special,
            prefix,
            tokenizer,
            query: Mutex::new(query),
            batch: Mutex::new(Batch::Closed),
        })
    }

    /// What the bench needs to measure the runtime alone in the same process.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What a person calls it.
    pub fn name(&self) -> String {
        folder_name(&self.dir)
    }

    /// As it was given, or as the folder says.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Tries whether its vectors are of any use, which `open` does not. Returns the cosine similarity below
    /// which it finds texts unrelated: the mean of those about nothing in common and twice their deviation.
    ///
    /// # Errors
    /// [`EmbedError::Model`] for vectors that do not tell texts apart, or that change with the texts beside.
    pub fn try_out(&self) -> Result<f32, EmbedError> {
        let failed = |error: EmbedError| match error {
            EmbedError::Run(reason) => wrong(&self.onnx_path, reason),
            error => error,
        };
        let odd = ["", "敷金は十日以内に支払う。", "\u{feff}👩‍👩‍👧 e\u{301}"];
        let long = UNRELATED.concat();
        for text in odd.iter().chain(&UNRELATED[..2]) {
            let alone = self.embed_passage(text).map_err(failed)?;
            let beside = lock(&self.query)
                .run(&[&self.passage(text), &self.passage(&long)])
                .map_err(failed)?;
            let alike = cosine(&alone, &beside[0]);
            if alike < SAME {
                let reason = format!(
                    "a text has another vector when a longer one is read with it (similarity {alike:.2})"
                );
                return Err(wrong(&self.onnx_path, reason));
            }
        }
        let mut similarities = Vec::new();
        let passages: Vec<Vec<f32>> = UNRELATED
            .iter()
            .map(|text| self.embed_passage(text))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        for (at, text) in UNRELATED.iter().enumerate() {
            let query = self.embed_query(text).map_err(failed)?;
            let others = passages.iter().enumerate().filter(|(other, _)| *other != at);
            similarities.extend(others.map(|(_, passage)| cosine(&query, passage)));
        }
        let count = similarities.len() as f32;
        let mean = similarities.iter().sum::<f32>() / count;
        let square = similarities.iter().map(|one| (one - mean).powi(2)).sum::<f32>() / count;
        if mean > ALL_ALIKE {
            let reason = format!(
                "it finds texts with nothing in common alike (similarity {mean:.3}), so it tells nothing"
            );
            return Err(wrong(&self.onnx_path, reason));
        }
        Ok(mean + 2.0 * square.sqrt())
    }

    fn passage(&self, text: &str) -> String {
        self.prefixed(&self.usage.passage_prefix, text)
    }

    /// What the model reads of a text: never nothing.
    fn prefixed(&self, prefix: &str, text: &str) -> String {
        let text = start(text.trim_start(), TEXT_BYTES);
        let nothing = self.special + self.prefix == 0 && self.count_tokens(text) == 0;
        [prefix, if nothing { "." } else { text }].concat()
    }

    /// Opens the batch session again, if the model is still the same.
    fn batch_session(&self) -> Result<Box<Session>, EmbedError> {
        let files = Files::read(&self.dir)?;
        if files.model_id(&self.usage) != self.model_id {
            return Err(wrong(&self.onnx_path, "its files were changed while it was in use"));
        }
        Session::open(&self.dir, &self.environment, files).map(Box::new)
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
        self.window - self.special - self.prefix
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

    fn languages(&self) -> Option<&[String]> {
        Some(self.usage.languages.as_slice()).filter(|languages| !languages.is_empty())
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        lock(&self.query).run_one(&self.prefixed(&self.usage.query_prefix, text))
    }

    fn embed_passage(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        lock(&self.query).run_one(&self.passage(text))
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let texts: Vec<String> = texts.iter().map(|text| self.passage(text)).collect();
        let mut order: Vec<(usize, usize)> = texts
            .iter()
            .map(|text| (self.count_tokens(text) + self.special).min(self.window))
            .zip(0..)
            .collect();
        order.sort_unstable();
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut rest = &order[..];
        while !rest.is_empty() {
            // Sorted by length, so the last text of a batch says how wide it is padded.
            let fits = |&count: &usize| count * rest[count - 1].0 <= BATCH_TOKENS;
            let count = (2..=rest.len()).take_while(fits).last().unwrap_or(1);
            let batch: Vec<&str> = rest[..count].iter().map(|&(_, at)| &*texts[at]).collect();
            // Locked anew for each batch, so that a lone note gets in between.
            let mut held = lock(&self.batch);
            if matches!(&*held, Batch::Closed) {
                *held = Batch::Open { session: self.batch_session()?, used: Instant::now() };
            }
            if let Batch::Open { session, used } = &mut *held {
                for (&(_, at), vector) in rest.iter().zip(session.run(&batch)?) {
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

impl Session {
    fn open(dir: &Path, environment: &Environment, files: Files) -> Result<Session, EmbedError> {
        let onnx = narrow_tables(&files.onnx).unwrap_or(files.onnx);
        let mut model = UserDefinedEmbeddingModel::new(onnx, files.tokenizer);
        for (name, bytes) in files.weights {
            model = model.with_external_initializer(name, bytes);
        }
        // One thread: two make a query 3 ms quicker but spin on the core that the rest of the search needs.
        let options = InitOptionsUserDefined::new()
            .with_environment(environment.clone())
            .with_max_length(files.window)
            .with_intra_threads(1)
            // The arena never gives memory back.
            .with_execution_providers(vec![
                ort::ep::CPU::default().with_arena_allocator(false).build(),
            ]);
        match TextEmbedding::try_new_from_user_defined(model, options) {
            Ok(model) => Ok(Session { model, pooling: files.pooling }),
            Err(error) => Err(Files::blame(dir, &files.onnx_path, &error.to_string())),
        }
    }

    /// One batch; vectors of unit length.
    fn run(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let pooling = self.pooling.clone();
        let vectors = self
            .model
            .transform(texts, Some(texts.len()))
            .and_then(|output| {
                output.export_with_transformer(|batches: &[SingleBatchOutput]| {
                    let mut vectors = Vec::with_capacity(texts.len());
                    for batch in batches {
                        let pooled =
                            batch.select_and_pool_output(&&OUTPUTS[..], Some(pooling.clone()))?;
                        vectors.extend(pooled.rows().into_iter().map(|row| row.to_vec()));
                    }
                    Ok(vectors)
                })
            })
            .map_err(|error| EmbedError::Run(error.to_string()))?;
        if vectors.len() != texts.len() {
            return Err(EmbedError::Run("the model gave another number of vectors".to_owned()));
        }
        vectors.into_iter().map(unit).collect()
    }

    fn run_one(&mut self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.run(&[text])?
            .pop()
            .ok_or_else(|| EmbedError::Run("the model gave no vector".to_owned()))
    }
}

fn unit(mut vector: Vec<f32>) -> Result<Vec<f32>, EmbedError> {
    let norm = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if !norm.is_finite() || norm == 0.0 {
        return Err(EmbedError::Run("the model gave a vector without a direction".to_owned()));
    }
    vector.iter_mut().for_each(|number| *number /= norm);
    Ok(vector)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
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
