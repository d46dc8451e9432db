use std::path::PathBuf;

use note::NoteId;
use tauri::AppHandle;
use tauri_plugin_dialog::DialogExt;

use super::Slot;
use crate::dto::{CatalogueModel, ModelInfo, ModelPreview, ModelUsage};
use crate::error::{ApiError, Result};

/// The model that the person picked, if any.
#[tauri::command]
pub(crate) async fn get_model(slot: Slot<'_>) -> Result<Option<ModelInfo>> {
    Ok(slot.get().await?.model_choice().map(ModelInfo::from))
}

/// The system's picker; nothing if it was cancelled.
#[tauri::command]
pub(crate) async fn pick_model_folder(app: AppHandle) -> Result<Option<PathBuf>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // The page may have been closed meanwhile.
    app.dialog().file().pick_folder(move |picked| drop(sender.send(picked)));
    let picked = receiver.await.map_err(ApiError::internal)?;
    picked.map(|path| path.into_path().map_err(ApiError::internal)).transpose()
}

/// Tries a model folder out; nothing is changed.
#[tauri::command]
pub(crate) async fn preview_model(slot: Slot<'_>, dir: PathBuf) -> Result<ModelPreview> {
    Ok(slot.get().await?.preview_model(dir, None).await?.into())
}

#[tauri::command]
pub(crate) async fn set_model(slot: Slot<'_>, dir: PathBuf, usage: ModelUsage) -> Result<()> {
    slot.get().await?.set_model(dir, Some(usage.into())).await?;
    Ok(())
}

/// Back to the model that comes with the app.
#[tauri::command]
pub(crate) async fn reset_model(slot: Slot<'_>) -> Result<()> {
    Ok(slot.get().await?.reset_model().await?)
}

#[tauri::command]
pub(crate) async fn cancel_model_change(slot: Slot<'_>) -> Result<()> {
    Ok(slot.get().await?.cancel_model_change().await?)
}

#[tauri::command]
pub(crate) async fn list_models() -> Result<Vec<CatalogueModel>> {
    Ok(engine::catalogue().into_iter().map(CatalogueModel::from).collect())
}

/// The name of a note's language if the model was not taught it.
#[tauri::command]
pub(crate) async fn get_foreign_language(slot: Slot<'_>, id: i64) -> Result<Option<String>> {
    Ok(slot.get().await?.foreign_language(NoteId(id)).await?.map(str::to_owned))
}
