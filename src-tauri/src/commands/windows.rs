use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager};
use tauri_plugin_clipboard_manager::ClipboardExt;
use tauri_plugin_opener::OpenerExt;

use super::Slot;
use crate::error::{ApiError, Result};
use crate::events::OPEN_NOTE;
use crate::{MAIN, QUICK};

#[derive(Clone, Serialize)]
struct OpenNote {
    id: i64,
    query: String,
}

#[tauri::command]
pub(crate) async fn hide_quick(app: AppHandle) -> Result<()> {
    if let Some(window) = app.get_webview_window(QUICK) {
        window.hide().map_err(ApiError::internal)?;
    }
    Ok(())
}

/// Shows a note in the main window, which comes to the front.
#[tauri::command]
pub(crate) async fn open_in_main(app: AppHandle, id: i64, query: String) -> Result<()> {
    hide_quick(app.clone()).await?;
    crate::bring_forward(&app);
    app.emit_to(MAIN, OPEN_NOTE, OpenNote { id, query }).map_err(ApiError::internal)
}

#[tauri::command]
pub(crate) async fn copy_text(app: AppHandle, text: String) -> Result<()> {
    app.clipboard().write_text(text).map_err(ApiError::internal)
}

/// Opens a link outside: only the web and mail, never a file or a program.
#[tauri::command]
pub(crate) async fn open_link(app: AppHandle, url: String) -> Result<()> {
    let parsed = tauri::Url::parse(&url)
        .map_err(|error| ApiError::invalid(format!("{url} is not a link: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https" | "mailto") {
        return Err(ApiError::invalid(format!(
            "only http, https and mailto links are opened, not {}:",
            parsed.scheme()
        )));
    }
    app.opener().open_url(parsed.as_str(), None::<&str>).map_err(ApiError::internal)
}

/// Opens a copy of an attachment with the system's program for its type, so that the kept file
/// stays as it was saved.
#[tauri::command]
pub(crate) async fn open_attachment(
    app: AppHandle,
    slot: Slot<'_>,
    digest: String,
    name: String,
) -> Result<()> {
    let engine = slot.get().await?;
    let digest: engine::Digest =
        digest.parse().map_err(|_| ApiError::invalid("that is no attachment's digest"))?;
    let source = engine.attachment_path(&digest);
    let folder = std::env::temp_dir().join("commonplace-open").join(digest.to_string());
    let name = std::path::Path::new(&name)
        .file_name()
        .ok_or_else(|| ApiError::invalid("the attachment has no name"))?
        .to_owned();
    let copy = folder.join(name);
    let to = copy.clone();
    tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        std::fs::copy(source, to)
    })
    .await
    .map_err(ApiError::internal)?
    .map_err(|error| ApiError::internal(format!("{}: {error}", copy.display())))?;
    app.opener().open_path(copy.to_string_lossy(), None::<&str>).map_err(ApiError::internal)
}

/// An error of the page, into the app's log.
#[tauri::command]
pub(crate) async fn report_error(message: String) -> Result<()> {
    tracing::error!(target: "page", "{message}");
    Ok(())
}

/// The page has saved what was being edited: the app may end.
#[tauri::command]
pub(crate) async fn close_app(app: AppHandle) -> Result<()> {
    app.exit(0);
    Ok(())
}
