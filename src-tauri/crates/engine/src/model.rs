//! Which embedding model is used: the installed one or a folder that the person picked, and the model with
//! its vector index as one generation, so that a search never mixes two.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::{Duration, Instant};

use embed::{Embedder, LocalModel, Usage};
use note::NoteId;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Inner};
use crate::error::{Error, Result};

/// Which embedding model to use where the person has picked none.
#[derive(Clone)]
pub enum ModelSource {
    /// The one that is installed beside the program (see [`embed::find_model_dir`]).
    Installed,
    Dir(PathBuf),
    Given(Arc<dyn Embedder>),
    /// None: searching by words only, also where the person picked one.
    None,
}

/// A model folder that the person picked, as it was then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelChoice {
    pub dir: PathBuf,
    pub name: String,
    /// Names what makes the vectors, so that changed files are noticed.
    pub id: String,
    /// Length of its vectors.
    pub dims: usize,
    pub query_prefix: String,
    pub passage_prefix: String,
    /// ISO 639-1 codes of the languages that it was taught; empty: any that matter.
    pub languages: Vec<String>,
    /// The cosine similarity below which it finds texts unrelated.
    pub unrelated: f32,
}

/// Below this cosine similarity all-MiniLM-L6-v2 calls two texts unrelated.
const UNRELATED: f32 = 0.18;

impl ModelChoice {
    /// The same files, used in the same way.
    fn is_same_model(&self, other: &ModelChoice) -> bool {
        self.dir == other.dir && self.id == other.id
    }

    pub fn usage(&self) -> Usage {
        Usage {
            query_prefix: self.query_prefix.clone(),
            passage_prefix: self.passage_prefix.clone(),
            languages: self.languages.clone(),
        }
    }

    fn open(&self) -> std::result::Result<Arc<dyn Embedder>, String> {
        let ways = "In the settings you can choose a model again, or go back to the one that comes with Commonplace.";
        match LocalModel::open_as(&self.dir, Some(&self.usage())) {
            Ok(model) if model.model_id() == self.id => Ok(Arc::new(model)),
            Ok(_) => Err(format!(
                "Search is by words only: the files in {} are not those of the model that was chosen. {ways}",
                self.dir.display()
            )),
            Err(error) => Err(format!("Search is by words only: {error}. {ways}")),
        }
    }
}

fn is_same_model(one: &Option<ModelChoice>, other: &Option<ModelChoice>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_same_model(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The embedding model, read into memory by the first who waits for it, once.
pub(crate) struct ModelSlot {
    source: ModelSource,
    choice: Option<ModelChoice>,
    loaded: OnceLock<std::result::Result<Arc<dyn Embedder>, String>>,
    loading: Mutex<()>,
}

impl ModelSlot {
    pub(crate) fn new(source: ModelSource, choice: Option<ModelChoice>) -> ModelSlot {
        ModelSlot { source, choice, loaded: OnceLock::new(), loading: Mutex::new(()) }
    }

    /// The model; without `wait`, an error while it is still being read.
    pub(crate) fn get(&self, wait: bool) -> Result<Arc<dyn Embedder>> {
        if self.loaded.get().is_none() {
            if !wait {
                return Err(Error::internal(
                    "Meaning is being prepared; these are the notes found by words.",
                ));
            }
            let _loading = self.loading.lock().expect("no panic while held");
            self.loaded.get_or_init(|| self.load());
        }
        match self.loaded.get() {
            Some(Ok(model)) => Ok(model.clone()),
            Some(Err(reason)) => Err(Error::internal(reason)),
            None => Err(Error::internal("the model is not loaded")),
        }
    }

    pub(crate) fn ready(&self) -> Option<Arc<dyn Embedder>> {
        self.loaded.get().and_then(|loaded| loaded.as_ref().ok()).cloned()
    }

    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self.loaded.get(), Some(Err(_)))
    }

    pub(crate) fn unavailable_reason(&self) -> Option<String> {
        self.loaded.get().and_then(|loaded| loaded.as_ref().err()).cloned()
    }

    fn load(&self) -> std::result::Result<Arc<dyn Embedder>, String> {
        let dir = match (&self.source, &self.choice) {
            (ModelSource::None, _) => return Err("Searching by meaning is off.".to_owned()),
            (_, Some(choice)) => return choice.open(),
            (ModelSource::Given(model), _) => return Ok(model.clone()),
            (ModelSource::Dir(dir), _) => dir.clone(),
            (ModelSource::Installed, _) => embed::find_model_dir().ok_or(
                "The embedding model is not installed, so search is by words only. \
                 `cargo xtask setup` fetches it; COMMONPLACE_MODEL may name its folder.",
            )?,
        };
        match LocalModel::open(&dir) {
            Ok(model) => Ok(Arc::new(model)),
            Err(error) => Err(format!("Search is by words only: {error}")),
        }
    }
}

/// A model and the vector index of what it embedded.
pub(crate) struct Generation {
    /// `None`: the installed model. Only its languages can change.
    choice: RwLock<Option<ModelChoice>>,
    pub(crate) model: ModelSlot,
    index: OnceLock<Arc<vector::VectorIndex>>,
    opening: Mutex<()>,
    /// The vector_seq up to which the vector index serves what is stored.
    pub(crate) applied: AtomicI64,
    /// Given up or replaced: nothing of it is indexed any more.
    retired: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl Generation {
    pub(crate) fn new(source: &ModelSource, choice: Option<ModelChoice>) -> Arc<Generation> {
        Arc::new(Generation {
            model: ModelSlot::new(source.clone(), choice.clone()),
            choice: RwLock::new(choice),
            index: OnceLock::new(),
            opening: Mutex::new(()),
            applied: AtomicI64::new(0),
            retired: AtomicBool::new(false),
            failure: Mutex::default(),
        })
    }

    pub(crate) fn choice(&self) -> Option<ModelChoice> {
        self.choice.read().expect("no panic while held").clone()
    }

    /// ISO 639-1 codes of the languages that the loaded model was taught; `None`: any that matter.
    pub(crate) fn languages(&self) -> Option<Vec<String>> {
        match self.choice() {
            Some(choice) => Some(choice.languages).filter(|languages| !languages.is_empty()),
            None => self.model.ready().and_then(|model| Some(model.languages()?.to_vec())),
        }
    }

    /// The vector index if it is open.
    pub(crate) fn index(&self) -> Option<Arc<vector::VectorIndex>> {
        self.index.get().cloned()
    }

    /// The vector index. It can be opened only when the model is known; `wait` loads the model.
    pub(crate) fn open_index(&self, inner: &Inner, wait: bool) -> Result<Arc<vector::VectorIndex>> {
        if let Some(index) = self.index.get() {
            return Ok(index.clone());
        }
        let model = self.model.get(wait)?;
        // Two threads may come here first: one opens, the other waits for it.
        let _opening = self.opening.lock().expect("no panic while held");
        if let Some(index) = self.index.get() {
            return Ok(index.clone());
        }
        let spec = vector::Spec {
            store_uuid: inner.store.uuid().to_owned(),
            model: model.model_id().to_owned(),
            dims: model.dims(),
        };
        let access =
            if inner.read_only() { vector::Access::ReadOnly } else { vector::Access::ReadWrite };
        let second = inner.store.read(|read| read.is_on_second_side(model.model_id()))?;
        let (index, opened) = vector::VectorIndex::open(&inner.vector_dir(second), &spec, access)?;
        if let vector::Opened::Fresh(reason) = opened {
            tracing::info!(%reason, "the vector index is made anew");
        }
        let index = Arc::new(index);
        Ok(self.index.get_or_init(|| index).clone())
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(crate) fn failed(&self, message: Option<String>) {
        if let Some(message) = &message {
            tracing::error!("{message}");
        }
        *self.failure.lock().expect("no panic while held") = message;
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().expect("no panic while held").clone()
    }

    /// The cosine similarity below which notes are not shown for their meaning alone.
    pub(crate) fn unrelated(&self) -> f32 {
        self.choice().map_or(UNRELATED, |choice| choice.unrelated)
    }
}

/// The generation that searches use, and the one that is made to take its place.
pub(crate) struct Generations {
    pub(crate) serving: Arc<Generation>,
    pub(crate) next: Option<Arc<Generation>>,
}

impl Generations {
    pub(crate) fn new(source: &ModelSource, choices: Choices) -> Generations {
        Generations {
            serving: Generation::new(source, choices.serving),
            next: choices.next.map(|choice| Generation::new(source, choice)),
        }
    }

    /// Becomes what the store remembers; true if a generation came or went.
    fn follow(&mut self, source: &ModelSource, choices: Choices) -> bool {
        let mut changed = false;
        if !is_same_model(&self.serving.choice(), &choices.serving) {
            let made = self.next.take_if(|next| is_same_model(&next.choice(), &choices.serving));
            let made = made.unwrap_or_else(|| Generation::new(source, choices.serving.clone()));
            std::mem::replace(&mut self.serving, made).retire();
            changed = true;
        }
        *self.serving.choice.write().expect("no panic while held") = choices.serving;
        let stays = match (&self.next, &choices.next) {
            (Some(next), Some(choice)) => is_same_model(&next.choice(), choice),
            (next, choice) => next.is_none() && choice.is_none(),
        };
        if !stays {
            let made = choices.next.map(|choice| Generation::new(source, choice));
            if let Some(old) = std::mem::replace(&mut self.next, made) {
                old.retire();
            }
            changed = true;
        } else if let (Some(next), Some(choice)) = (&self.next, choices.next) {
            *next.choice.write().expect("no panic while held") = choice;
        }
        changed
    }
}

impl Inner {
    pub(crate) fn serving(&self) -> Arc<Generation> {
        self.generations.read().expect("no panic while held").serving.clone()
    }

    pub(crate) fn next_generation(&self) -> Option<Arc<Generation>> {
        self.generations.read().expect("no panic while held").next.clone()
    }

    pub(crate) fn all_generations(&self) -> Vec<Arc<Generation>> {
        let held = self.generations.read().expect("no panic while held");
        [&held.serving].into_iter().chain(&held.next).cloned().collect()
    }

    /// Where one of the two vector indexes is that there can be.
    pub(crate) fn vector_dir(&self, second: bool) -> PathBuf {
        self.data_dir.join(if second { "vector-b" } else { "vector" })
    }

    /// Goes by what the store remembers of the person's choice, which another process may have changed.
    pub(crate) fn follow_choices(&self) -> Result<()> {
        let choices = self.store.read(Choices::read)?;
        let mut held = self.generations.write().expect("no panic while held");
        let changed = held.follow(&self.source, choices);
        drop(held);
        if changed {
            self.wake_meaning.wake();
            self.wake_vectors.wake();
            self.status_changed.notify_one();
        }
        Ok(())
    }

    /// Makes a model that serves the one in use, where the store still knows the installed one of an earlier
    /// version: at once, because that one is gone.
    pub(crate) fn use_installed(&self, serving: &Generation, id: String) -> Result<()> {
        let choice = serving.choice();
        Ok(self.store.write(store::Lane::Bulk, move |write| {
            // A change that was completed meanwhile stands.
            match is_same_model(&Choices::read(write)?.serving, &choice) {
                true => write.use_model(&id),
                false => Ok(()),
            }
        })?)
    }

    /// Changes the choice and goes by it.
    pub(crate) fn choose(
        &self,
        change: impl FnOnce(
            &mut store::Write<'_>,
            &mut Choices,
        ) -> std::result::Result<(), store::StoreError>
        + Send
        + 'static,
    ) -> Result<()> {
        self.store.write(store::Lane::Interactive, move |write| {
            let mut choices = Choices::read(write)?;
            change(write, &mut choices)?;
            choices.write(write)
        })?;
        self.follow_choices()
    }
}

/// A model folder that was looked at, before anything is changed.
#[derive(Clone, Debug)]
pub struct ModelPreview {
    pub choice: ModelChoice,
    /// Time to embed a passage of a hundred words.
    pub passage: Duration,
    /// Chunks that the present model made: about as many are to be embedded.
    pub chunks: usize,
}

impl ModelPreview {
    /// Opens a folder and tries the model out. `None`: used as the folder says.
    fn of(inner: &Inner, dir: &Path, usage: Option<&Usage>) -> Result<ModelPreview> {
        /// About a hundred words, as a chunk has.
        const PASSAGE: &str = "The tenant gets the deposit back within thirty days of moving out. ";
        let fits = |error: embed::EmbedError| Error::invalid(error.to_string());
        if dir.to_str().is_none() {
            let shown = dir.display();
            return Err(Error::invalid(format!("{shown}: the folder's name is not Unicode")));
        }
        let model = LocalModel::open_as(dir, usage).map_err(fits)?;
        let unrelated = model.try_out().map_err(fits)?;
        let started = Instant::now();
        model.embed_passage(&PASSAGE.repeat(8)).map_err(fits)?;
        let passage = started.elapsed();
        let usage = model.usage().clone();
        Ok(ModelPreview {
            choice: ModelChoice {
                dir: dir.to_owned(),
                name: model.name(),
                id: model.model_id().to_owned(),
                dims: model.dims(),
                query_prefix: usage.query_prefix,
                passage_prefix: usage.passage_prefix,
                languages: usage.languages,
                // As it is written down, so that what is read again is the same.
                unrelated: (unrelated * 1000.0).round() / 1000.0,
            },
            passage,
            chunks: inner.work_out_status()?.chunks,
        })
    }
}

impl Engine {
    /// Opens a model folder and tries it out; nothing is changed. `None`: used as the folder says.
    ///
    /// # Errors
    /// [`Code::Invalid`](crate::Code::Invalid) names the file that is missing or wrong.
    pub async fn preview_model(&self, dir: PathBuf, usage: Option<Usage>) -> Result<ModelPreview> {
        self.blocking(move |inner| ModelPreview::of(inner, &dir, usage.as_ref())).await
    }

    /// Uses the model in a folder from when all notes are embedded by it; until then the present one goes on.
    /// Choosing the present model again ends a change under way.
    ///
    /// # Errors
    /// As for [`Engine::preview_model`].
    pub async fn set_model(&self, dir: PathBuf, usage: Option<Usage>) -> Result<ModelChoice> {
        self.blocking(move |inner| {
            let choice = ModelPreview::of(inner, &dir, usage.as_ref())?.choice;
            inner.change_to(Some(choice.clone()))?;
            Ok(choice)
        })
        .await
    }

    /// Goes back to the installed model in the same way.
    ///
    /// # Errors
    /// If there is none.
    pub async fn reset_model(&self) -> Result<()> {
        self.blocking(|inner| {
            ModelSlot::new(inner.source.clone(), None).get(true)?;
            inner.change_to(None)
        })
        .await
    }

    /// Gives up a change of the model that is under way.
    pub async fn cancel_model_change(&self) -> Result<()> {
        self.blocking(|inner| {
            inner.choose(|write, choices| {
                choices.next = None;
                write.cancel_next_model()
            })
        })
        .await
    }

    /// What a note is written in, if the model was not taught it, so that searches by meaning do not find it:
    /// the language's name, as "Japanese". `None` also where the language is not told.
    pub async fn foreign_language(&self, id: NoteId) -> Result<Option<&'static str>> {
        self.blocking(move |inner| {
            let Some(languages) = inner.serving().languages() else { return Ok(None) };
            let languages: Vec<&str> = languages.iter().map(String::as_str).collect();
            if inner.keyword().mostly_in(&[id], &languages)?.contains(id) {
                return Ok(None);
            }
            let note = inner.store.read(|read| read.note(id))?;
            let note = note.ok_or_else(|| Error::not_found(format!("there is no note {id}")))?;
            let text = format!("{}\n{}", note.title, note::plain_text(&note.body));
            Ok(keyword::foreign_language(&text, &languages))
        })
        .await
    }

    /// The model that the person picked, if it is not the installed one.
    pub fn model_choice(&self) -> Option<ModelChoice> {
        self.inner.serving().choice()
    }

    /// What the model is being changed to, `None` within for the installed one.
    pub fn next_model_choice(&self) -> Option<Option<ModelChoice>> {
        self.inner.next_generation().map(|next| next.choice())
    }
}

impl Inner {
    fn change_to(&self, choice: Option<ModelChoice>) -> Result<()> {
        let wanted = choice.clone();
        self.choose(move |write, choices| {
            let stays = choices.next.as_ref().is_some_and(|next| is_same_model(next, &choice));
            if !stays {
                write.cancel_next_model()?;
            }
            choices.next = None;
            match is_same_model(&choices.serving, &choice) {
                true => choices.serving = choice,
                false => choices.next = Some(choice),
            }
            Ok(())
        })?;
        let mut held = self.generations.write().expect("no panic while held");
        if held.serving.model.is_unavailable() && is_same_model(&held.serving.choice(), &wanted) {
            // It is there again.
            let again = Generation::new(&self.source, wanted);
            std::mem::replace(&mut held.serving, again).retire();
            drop(held);
            self.wake_meaning.wake();
            self.wake_vectors.wake();
        }
        Ok(())
    }
}

/// What the store remembers of the person's choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Choices {
    /// `None`: the installed model.
    pub(crate) serving: Option<ModelChoice>,
    /// What to change to, if the person wants to.
    pub(crate) next: Option<Option<ModelChoice>>,
}

/// Settings that hold a [`ModelChoice`] as JSON; of the second, `null` is the installed model.
pub(crate) const MODEL_SETTING: &str = "model";
pub(crate) const NEXT_MODEL_SETTING: &str = "next_model";

impl Choices {
    pub(crate) fn read(read: &store::Read<'_>) -> std::result::Result<Choices, store::StoreError> {
        fn parsed<T: for<'a> Deserialize<'a>>(json: Option<String>) -> Option<T> {
            // An unreadable text counts as none, so that the app still starts.
            serde_json::from_str(&json?)
                .inspect_err(|error| tracing::error!(%error, "the chosen model is unreadable"))
                .ok()
        }
        Ok(Choices {
            serving: parsed(read.setting(MODEL_SETTING)?),
            next: parsed(read.setting(NEXT_MODEL_SETTING)?),
        })
    }

    pub(crate) fn write(
        &self,
        write: &mut store::Write<'_>,
    ) -> std::result::Result<(), store::StoreError> {
        let json = |choice: &Option<ModelChoice>| {
            serde_json::to_string(choice).expect("plain numbers and strings are valid JSON")
        };
        match &self.serving {
            None => write.delete_setting(MODEL_SETTING)?,
            some => write.put_setting(MODEL_SETTING, &json(some))?,
        }
        match &self.next {
            None => write.delete_setting(NEXT_MODEL_SETTING),
            Some(next) => write.put_setting(NEXT_MODEL_SETTING, &json(next)),
        }
    }
}
