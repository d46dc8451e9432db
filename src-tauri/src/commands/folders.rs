use std::path::PathBuf;

use engine::FolderId;

use super::Slot;
use crate::dto::{FolderAnswer, WatchedFolder};
use crate::error::Result;

#[tauri::command]
pub(crate) async fn list_folders(slot: Slot<'_>) -> Result<Vec<WatchedFolder>> {
    Ok(slot.get().await?.list_folders().await?.into_iter().map(WatchedFolder::from).collect())
}

/// An empty notebook means one of the folder's name.
#[tauri::command]
pub(crate) async fn watch_folder(slot: Slot<'_>, path: PathBuf, notebook: String) -> Result<i64> {
    Ok(slot.get().await?.watch_folder(path, notebook).await?.0)
}

#[tauri::command]
pub(crate) async fn unwatch_folder(slot: Slot<'_>, id: i64) -> Result<()> {
    Ok(slot.get().await?.unwatch_folder(FolderId(id)).await?)
}

#[tauri::command]
pub(crate) async fn pause_folder(slot: Slot<'_>, id: i64, paused: bool) -> Result<()> {
    Ok(slot.get().await?.pause_folder(FolderId(id), paused).await?)
}

#[tauri::command]
pub(crate) async fn answer_folder(slot: Slot<'_>, id: i64, answer: FolderAnswer) -> Result<()> {
    Ok(slot.get().await?.answer_folder(FolderId(id), answer.into())?)
}
