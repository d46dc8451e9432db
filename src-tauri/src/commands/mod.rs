//! What the page may ask for: each command translates, calls the engine once, translates back.

pub(crate) mod ask;
pub(crate) mod exports;
pub(crate) mod folders;
pub(crate) mod imports;
pub(crate) mod language_model;
pub(crate) mod model;
pub(crate) mod notes;
pub(crate) mod organise;
pub(crate) mod search;
pub(crate) mod settings;
pub(crate) mod windows;

use std::sync::Arc;

use engine::Engine;
use note::NoteId;
use tokio::sync::watch;

use crate::error::{ApiError, Result};

/// The engine, once it is open: the window is there before it.
#[derive(Clone)]
pub(crate) struct EngineSlot(Arc<watch::Sender<Option<std::result::Result<Engine, ApiError>>>>);

impl EngineSlot {
    pub(crate) fn new() -> EngineSlot {
        EngineSlot(Arc::new(watch::Sender::new(None)))
    }

    pub(crate) fn fill(&self, opened: std::result::Result<Engine, ApiError>) {
        self.0.send_replace(Some(opened));
    }

    /// The engine as soon as it is open, or why it could not be opened.
    pub(crate) async fn get(&self) -> Result<Engine> {
        let mut receiver = self.0.subscribe();
        let opened = receiver.wait_for(Option::is_some).await.map_err(ApiError::internal)?;
        opened.clone().unwrap_or_else(|| Err(ApiError::internal("the engine is closed")))
    }

    pub(crate) fn now(&self) -> Option<Engine> {
        self.0.borrow().as_ref().and_then(|opened| opened.as_ref().ok()).cloned()
    }
}

pub(crate) type Slot<'a> = tauri::State<'a, EngineSlot>;

pub(crate) fn ids(ids: Vec<i64>) -> Vec<NoteId> {
    ids.into_iter().map(NoteId).collect()
}
