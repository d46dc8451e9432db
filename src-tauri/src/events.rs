//! What the shell tells the pages by itself.

use engine::Engine;
use tauri::{AppHandle, Emitter};
use tokio::sync::broadcast::error::RecvError;

use crate::MAIN;
use crate::dto::{
    AnswerProgress, ExportProgress, ImportStatus, IndexStatus, NotesChanged, WatchedFolder,
};

pub(crate) const NOTES_CHANGED: &str = "notes-changed";
pub(crate) const INDEX_STATUS: &str = "index-status";
pub(crate) const IMPORT_PROGRESS: &str = "import-progress";
pub(crate) const WATCHED_FOLDERS: &str = "watched-folders";
pub(crate) const EXPORT_PROGRESS: &str = "export-progress";
const ANSWER_PROGRESS: &str = "answer-progress";
const DUPLICATES_PROGRESS: &str = "duplicates-progress";
pub(crate) const OPEN_NOTE: &str = "open-note";
pub(crate) const QUICK_SHOWN: &str = "quick-shown";
/// The window is to be closed: the page saves what is being edited, then calls `close_app`.
pub(crate) const CLOSE_REQUESTED: &str = "close-requested";

/// A page that is gone is no error worth stopping for; anything else is worth a line in the log.
fn emit<T: serde::Serialize + Clone>(app: &AppHandle, event: &str, payload: T) {
    if let Err(error) = app.emit_to(MAIN, event, payload) {
        tracing::warn!(%error, event, "an event is not delivered");
    }
}

pub(crate) fn export_progress(app: &AppHandle, progress: ExportProgress) {
    emit(app, EXPORT_PROGRESS, progress);
}

/// The passages of a question, or what a model writes on.
pub(crate) fn answer_progress(app: &AppHandle, progress: AnswerProgress) {
    emit(app, ANSWER_PROGRESS, progress);
}

/// How far the search for duplicates is, 0 to 1.
pub(crate) fn duplicates_progress(app: &AppHandle, share: f32) {
    emit(app, DUPLICATES_PROGRESS, share);
}

/// Passes the engine's news on to the main window for as long as the engine lives.
pub(crate) fn forward(app: &AppHandle, engine: &Engine) {
    let (handle, mut changes) = (app.clone(), engine.changes());
    tauri::async_runtime::spawn(async move {
        loop {
            match changes.recv().await {
                Ok(changed) => emit(&handle, NOTES_CHANGED, NotesChanged::from(changed)),
                Err(RecvError::Lagged(_)) => {
                    let many = engine::NotesChanged { ids: Vec::new(), seq: note::Seq::default() };
                    emit(&handle, NOTES_CHANGED, NotesChanged::from(many));
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
    let (handle, mut status) = (app.clone(), engine.status());
    tauri::async_runtime::spawn(async move {
        let mut last = None;
        while status.changed().await.is_ok() {
            let now = Some(status.borrow_and_update().clone());
            if now != last {
                last.clone_from(&now);
                now.into_iter().for_each(|now| emit(&handle, INDEX_STATUS, IndexStatus::from(now)));
            }
        }
    });
    let (handle, mut folders) = (app.clone(), engine.folders());
    tauri::async_runtime::spawn(async move {
        while folders.changed().await.is_ok() {
            let now: Vec<_> =
                folders.borrow_and_update().iter().cloned().map(WatchedFolder::from).collect();
            emit(&handle, WATCHED_FOLDERS, now);
        }
    });
    let (handle, mut progress) = (app.clone(), engine.import_progress());
    tauri::async_runtime::spawn(async move {
        loop {
            match progress.recv().await {
                Ok(status) => emit(&handle, IMPORT_PROGRESS, ImportStatus::from(status)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
}
