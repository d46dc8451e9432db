use std::path::PathBuf;

use engine::{ImportId, ImportRequest};
use tauri::AppHandle;
use tauri_plugin_dialog::DialogExt;

use super::Slot;
use crate::dto::{ImportItem, ImportItems, ImportStatus, OnChange};
use crate::error::{ApiError, Result};

#[tauri::command]
pub(crate) async fn start_import(
    slot: Slot<'_>,
    paths: Vec<PathBuf>,
    notebook: String,
    on_change: OnChange,
) -> Result<i64> {
    let request = ImportRequest { roots: paths, notebook, on_change: on_change.into() };
    Ok(slot.get().await?.import(request).await?.0)
}

#[tauri::command]
pub(crate) async fn list_imports(slot: Slot<'_>) -> Result<Vec<ImportStatus>> {
    Ok(slot.get().await?.imports().await?.into_iter().map(ImportStatus::from).collect())
}

#[tauri::command]
pub(crate) async fn get_import_items(
    slot: Slot<'_>,
    id: i64,
    state: Option<String>,
    offset: usize,
    limit: usize,
) -> Result<ImportItems> {
    let state = state
        .map(|state| {
            state.parse().map_err(|_| {
                ApiError::invalid(format!(
                    "state must be pending, imported, skipped or failed, not {state:?}"
                ))
            })
        })
        .transpose()?;
    let (total, items) = slot.get().await?.import_items(ImportId(id), state, offset, limit).await?;
    Ok(ImportItems { total, items: items.into_iter().map(ImportItem::from).collect() })
}

#[tauri::command]
pub(crate) async fn cancel_import(slot: Slot<'_>, id: i64) -> Result<()> {
    Ok(slot.get().await?.cancel_import(ImportId(id)).await?)
}

#[tauri::command]
pub(crate) async fn pause_import(slot: Slot<'_>, id: i64) -> Result<()> {
    slot.get().await?.pause_import(ImportId(id));
    Ok(())
}

#[tauri::command]
pub(crate) async fn resume_import(slot: Slot<'_>, id: i64) -> Result<()> {
    Ok(slot.get().await?.resume_import(ImportId(id)).await?)
}

#[tauri::command]
pub(crate) async fn retry_import(slot: Slot<'_>, id: i64) -> Result<i64> {
    Ok(slot.get().await?.retry_import(ImportId(id)).await?.0)
}

#[tauri::command]
pub(crate) async fn undo_import(slot: Slot<'_>, id: i64) -> Result<()> {
    slot.get().await?.undo_import(ImportId(id)).await?;
    Ok(())
}

/// The system's picker; empty if it was cancelled.
#[tauri::command]
pub(crate) async fn pick_import_paths(app: AppHandle, folders: bool) -> Result<Vec<PathBuf>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let dialog = app.dialog().file();
    let answer = move |picked: Option<Vec<tauri_plugin_dialog::FilePath>>| {
        // The page may have been closed meanwhile.
        drop(sender.send(picked.unwrap_or_default()));
    };
    if folders {
        dialog.pick_folders(answer);
    } else {
        dialog.pick_files(answer);
    }
    let picked = receiver.await.map_err(ApiError::internal)?;
    picked.into_iter().map(|path| path.into_path().map_err(ApiError::internal)).collect()
}
