use super::Slot;
use crate::dto::{FoundLanguageModel, KeyPlace, LanguageModel, LanguageModelTrial};
use crate::error::Result;

/// The settings of the language model that answers questions; never its key.
#[tauri::command]
pub(crate) async fn get_language_model(slot: Slot<'_>) -> Result<LanguageModel> {
    Ok(slot.get().await?.language_model().await?.into())
}

/// Stores the settings and gives them as stored.
#[tauri::command]
pub(crate) async fn save_language_model(
    slot: Slot<'_>,
    settings: LanguageModel,
) -> Result<LanguageModel> {
    Ok(slot.get().await?.set_language_model(settings.into()).await?.into())
}

/// Where the key for an address is kept, if there is one.
#[tauri::command]
pub(crate) async fn get_language_model_key(
    slot: Slot<'_>,
    base_url: String,
) -> Result<Option<KeyPlace>> {
    Ok(slot.get().await?.language_model_key(&base_url).await?.map(KeyPlace::from))
}

/// Keeps a key for the host of an address; it is never given back.
#[tauri::command]
pub(crate) async fn save_language_model_key(
    slot: Slot<'_>,
    base_url: String,
    key: String,
) -> Result<KeyPlace> {
    Ok(slot.get().await?.set_language_model_key(&base_url, key).await?.into())
}

#[tauri::command]
pub(crate) async fn delete_language_model_key(slot: Slot<'_>, base_url: String) -> Result<()> {
    Ok(slot.get().await?.remove_language_model_key(&base_url).await?)
}

/// Puts a short question to the model of these settings, stored or not. No note is sent.
#[tauri::command]
pub(crate) async fn test_language_model(
    slot: Slot<'_>,
    settings: LanguageModel,
) -> Result<LanguageModelTrial> {
    Ok(slot.get().await?.test_language_model(settings.into()).await?.into())
}

/// The models of the server of these settings, stored or not.
#[tauri::command]
pub(crate) async fn list_language_models(
    slot: Slot<'_>,
    settings: LanguageModel,
) -> Result<Vec<String>> {
    Ok(slot.get().await?.list_language_models(settings.into()).await?)
}

/// Ends a test, a list or a look for servers that is under way.
#[tauri::command]
pub(crate) async fn cancel_language_model_test(slot: Slot<'_>) -> Result<()> {
    slot.get().await?.cancel_language_model_test();
    Ok(())
}

/// Servers at the usual ports of this machine.
#[tauri::command]
pub(crate) async fn detect_language_models(slot: Slot<'_>) -> Result<Vec<FoundLanguageModel>> {
    let found = slot.get().await?.detect_language_models().await?;
    Ok(found.into_iter().map(FoundLanguageModel::from).collect())
}
