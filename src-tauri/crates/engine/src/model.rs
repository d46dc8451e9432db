use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use embed::Embedder;

use crate::error::{Error, Result};

/// Which embedding model to use.
#[derive(Clone)]
pub enum ModelSource {
    /// The one that is installed beside the program (see [`embed::find_model_dir`]).
    Installed,
    Dir(PathBuf),
    Given(Arc<dyn Embedder>),
    /// None: searching by words only.
    None,
}

/// The embedding model, read into memory by the first who waits for it, once.
pub(crate) struct ModelSlot {
    source: ModelSource,
    loaded: OnceLock<std::result::Result<Arc<dyn Embedder>, String>>,
    loading: Mutex<()>,
}

impl ModelSlot {
    pub(crate) fn new(source: ModelSource) -> ModelSlot {
        ModelSlot { source, loaded: OnceLock::new(), loading: Mutex::new(()) }
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
        let dir = match &self.source {
            ModelSource::Given(model) => return Ok(model.clone()),
            ModelSource::None => return Err("Searching by meaning is off.".to_owned()),
            ModelSource::Dir(dir) => dir.clone(),
            ModelSource::Installed => embed::find_model_dir().ok_or(
                "The embedding model is not installed, so search is by words only. \
                 `cargo xtask setup` fetches it; COMMONPLACE_MODEL may name its folder.",
            )?,
        };
        match embed::LocalModel::open(&dir) {
            Ok(model) => Ok(Arc::new(model)),
            Err(error) => Err(format!("Search is by words only: {error}")),
        }
    }
}
