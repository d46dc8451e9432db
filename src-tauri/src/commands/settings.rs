use engine::Engine;
use include_dir::{Dir, include_dir};
use tauri::{AppHandle, State};

use super::Slot;
use crate::dto::{Diagnostics, IndexStatus, Settings};
use crate::error::{ApiError, Result};
use crate::hotkey::Hotkey;

const SETTINGS: &str = "settings";
const SESSION: &str = "session";
const GREETED: &str = "greeted";
const WELCOME_NOTEBOOK: &str = "Welcome";
static WELCOME: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/welcome");

/// Settings as stored; a text that cannot be read counts as none, so that the app still starts.
pub(crate) async fn stored_settings(engine: &Engine) -> Result<Settings> {
    let stored = engine.setting(SETTINGS).await?;
    Ok(stored
        .and_then(|json| {
            serde_json::from_str(&json)
                .inspect_err(|error| tracing::error!(%error, "the settings are unreadable"))
                .ok()
        })
        .unwrap_or_default())
}

async fn store_settings(engine: &Engine, settings: &Settings) -> Result<()> {
    let json = serde_json::to_string(settings).map_err(ApiError::internal)?;
    Ok(engine.set_setting(SETTINGS, json).await?)
}

/// Stored settings with what is only known while the app runs.
async fn present(engine: &Engine, hotkey: &Hotkey) -> Result<Settings> {
    let settings = stored_settings(engine).await?;
    Ok(Settings {
        hotkey_error: hotkey.error(),
        data_dir: engine.data_dir().display().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..settings
    })
}

#[tauri::command]
pub(crate) async fn get_settings(slot: Slot<'_>, hotkey: State<'_, Hotkey>) -> Result<Settings> {
    present(&slot.get().await?, &hotkey).await
}

/// Stores all but the hotkey, which is `set_hotkey`'s.
#[tauri::command]
pub(crate) async fn save_settings(
    slot: Slot<'_>,
    hotkey: State<'_, Hotkey>,
    settings: Settings,
) -> Result<Settings> {
    let engine = slot.get().await?;
    let held = stored_settings(&engine).await?;
    if settings.meaning_paused != held.meaning_paused {
        engine.pause_meaning(settings.meaning_paused).await?;
    }
    if settings.meaning_on_battery != held.meaning_on_battery {
        engine.allow_meaning_on_battery(settings.meaning_on_battery).await?;
    }
    if settings.search_history != held.search_history {
        engine.keep_queries(settings.search_history).await?;
    }
    store_settings(&engine, &Settings { hotkey: held.hotkey, hotkey_error: None, ..settings })
        .await?;
    present(&engine, &hotkey).await
}

/// Registers a hotkey; one that the system refuses is stored all the same and reported in
/// `hotkey_error`, so that the person sees what is set and why it does nothing.
#[tauri::command]
pub(crate) async fn set_hotkey(
    app: AppHandle,
    slot: Slot<'_>,
    state: State<'_, Hotkey>,
    hotkey: String,
) -> Result<Settings> {
    let engine = slot.get().await?;
    state.register(&app, &hotkey);
    let held = stored_settings(&engine).await?;
    store_settings(&engine, &Settings { hotkey, hotkey_error: None, ..held }).await?;
    present(&engine, &state).await
}

/// Groups of words and phrases that the person takes for the same.
#[tauri::command]
pub(crate) async fn get_synonyms(slot: Slot<'_>) -> Result<Vec<Vec<String>>> {
    Ok(slot.get().await?.synonyms().await?)
}

/// Stores the groups and gives them as stored: without doubles and groups of fewer than two.
#[tauri::command]
pub(crate) async fn save_synonyms(
    slot: Slot<'_>,
    groups: Vec<Vec<String>>,
) -> Result<Vec<Vec<String>>> {
    Ok(slot.get().await?.set_synonyms(groups).await?)
}

#[tauri::command]
pub(crate) async fn get_status(slot: Slot<'_>) -> Result<IndexStatus> {
    Ok(slot.get().await?.status_now().await?.into())
}

#[tauri::command]
pub(crate) async fn diagnostics(slot: Slot<'_>) -> Result<Diagnostics> {
    let engine = slot.get().await?;
    Ok(Diagnostics::new(engine.data_dir(), engine.diagnostics().await?))
}

#[tauri::command]
pub(crate) async fn rebuild_indexes(slot: Slot<'_>) -> Result<()> {
    Ok(slot.get().await?.rebuild_indexes().await?)
}

#[tauri::command]
pub(crate) async fn get_session(slot: Slot<'_>) -> Result<String> {
    Ok(slot.get().await?.setting(SESSION).await?.unwrap_or_default())
}

#[tauri::command]
pub(crate) async fn save_session(slot: Slot<'_>, json: String) -> Result<()> {
    Ok(slot.get().await?.set_setting(SESSION, json).await?)
}

/// True until the person has chosen how to start.
#[tauri::command]
pub(crate) async fn first_run(slot: Slot<'_>) -> Result<bool> {
    let engine = slot.get().await?;
    Ok(engine.setting(GREETED).await?.is_none() && engine.status_now().await?.notes == 0)
}

#[tauri::command]
pub(crate) async fn create_welcome(slot: Slot<'_>) -> Result<()> {
    let engine = slot.get().await?;
    let mut drafts = Vec::new();
    for file in WELCOME.files() {
        let text =
            file.contents_utf8().ok_or_else(|| ApiError::internal("a welcome note is not text"))?;
        let (front_matter, body) = note::split_front_matter(text);
        let title = file.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        drafts.push(note::NoteDraft {
            title,
            body: body.to_owned(),
            front_matter: front_matter.unwrap_or_default().to_owned(),
            notebook: WELCOME_NOTEBOOK.to_owned(),
            ..note::NoteDraft::default()
        });
    }
    engine.save_notes(drafts).await?;
    Ok(engine.set_setting(GREETED, "true".to_owned()).await?)
}

/// Puts the welcome notes into the trash.
#[tauri::command]
pub(crate) async fn delete_welcome(slot: Slot<'_>) -> Result<()> {
    let engine = slot.get().await?;
    let (_, heads) = engine
        .list(engine::ListFilter {
            view: engine::View::Notebook(WELCOME_NOTEBOOK.to_owned()),
            limit: i32::MAX as usize,
            ..engine::ListFilter::default()
        })
        .await?;
    engine.trash(heads.into_iter().map(|head| head.id).collect()).await?;
    Ok(engine.delete_notebook(WELCOME_NOTEBOOK.to_owned()).await?)
}
