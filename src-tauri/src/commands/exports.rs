use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use engine::{ExportFormat, ExportNotes};
use tauri::{AppHandle, State};
use tauri_plugin_dialog::DialogExt;
use tokio_util::sync::CancellationToken;

use super::{Slot, ids};
use crate::dto::{ExportProgress, ExportRequest, ExportWhat};
use crate::error::{ApiError, Result};
use crate::events;

/// The page is told this often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The export that is running, if one is: the page shows one at a time.
#[derive(Default)]
pub(crate) struct RunningExport(Mutex<CancellationToken>);

/// Asks where to, and exports; tells where, or nothing if that was cancelled.
#[tauri::command]
pub(crate) async fn export_notes(
    app: AppHandle,
    slot: Slot<'_>,
    running: State<'_, RunningExport>,
    request: ExportRequest,
) -> Result<Option<PathBuf>> {
    let engine = slot.get().await?;
    let format = match request.format.as_str() {
        "folder" => ExportFormat::Folder,
        "archive" => ExportFormat::Archive,
        "markdown" => ExportFormat::Markdown,
        "html" => ExportFormat::Html,
        "pdf" => ExportFormat::Pdf,
        "docx" => ExportFormat::Docx,
        other => return Err(ApiError::invalid(format!("there is no format {other:?}"))),
    };
    let notes = match request.what {
        ExportWhat::All => ExportNotes::All,
        ExportWhat::Notes(notes) => ExportNotes::These(ids(notes)),
        ExportWhat::Query(text) => ExportNotes::Found(text),
    };
    let Some(to) = ask(&app, format, &request.name).await? else { return Ok(None) };
    let token = CancellationToken::new();
    running.0.lock().expect("no panic while held").clone_from(&token);
    let (handle, last) = (app.clone(), Mutex::new(None::<Instant>));
    let progress = move |at: engine::ExportProgress| {
        let mut last = last.lock().expect("no panic while held");
        if last.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL) || at.done == at.total {
            *last = Some(Instant::now());
            events::export_progress(&handle, ExportProgress { done: at.done, total: at.total });
        }
    };
    match engine.export_as(notes, format, to.clone(), token, progress).await {
        Ok(_) => Ok(Some(to)),
        Err(error) if error.code == engine::Code::Cancelled => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[tauri::command]
pub(crate) async fn cancel_export(running: State<'_, RunningExport>) -> Result<()> {
    running.0.lock().expect("no panic while held").cancel();
    Ok(())
}

/// The system's dialog: a file, or a folder in which a new one is made.
async fn ask(app: &AppHandle, format: ExportFormat, name: &str) -> Result<Option<PathBuf>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // The page may have been closed meanwhile.
    let answer = move |picked| drop(sender.send(picked));
    let dialog = app.dialog().file();
    let kind = match format {
        ExportFormat::Folder => {
            dialog.pick_folder(answer);
            let Some(picked) = receiver.await.map_err(ApiError::internal)? else { return Ok(None) };
            let new = jiff::Zoned::now().strftime("Commonplace %Y-%m-%d %H.%M.%S").to_string();
            return Ok(Some(picked.into_path().map_err(ApiError::internal)?.join(new)));
        }
        ExportFormat::Archive => "zip",
        ExportFormat::Markdown => "md",
        ExportFormat::Html => "html",
        ExportFormat::Pdf => "pdf",
        ExportFormat::Docx => "docx",
    };
    let name: String = name
        .chars()
        .map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '-' } else { c })
        .take(100)
        .collect();
    let name = match name.trim().trim_start_matches('.') {
        "" => "Notes",
        name => name,
    };
    dialog.set_file_name(format!("{name}.{kind}")).add_filter(kind, &[kind]).save_file(answer);
    let Some(picked) = receiver.await.map_err(ApiError::internal)? else { return Ok(None) };
    let path = picked.into_path().map_err(ApiError::internal)?;
    let named = path.extension().is_some_and(|found| found.eq_ignore_ascii_case(kind));
    Ok(Some(if named { path } else { PathBuf::from(format!("{}.{kind}", path.display())) }))
}

/// Asks where to, and writes a copy of an attachment there; false if that was cancelled.
#[tauri::command]
pub(crate) async fn save_attachment(
    app: AppHandle,
    slot: Slot<'_>,
    digest: String,
    name: String,
) -> Result<bool> {
    let digest: engine::Digest =
        digest.parse().map_err(|_| ApiError::invalid("that is no attachment's digest"))?;
    let source = slot.get().await?.attachment_path(&digest);
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    app.dialog().file().set_file_name(name).save_file(move |picked| drop(sender.send(picked)));
    let Some(picked) = receiver.await.map_err(ApiError::internal)? else { return Ok(false) };
    let to = picked.into_path().map_err(ApiError::internal)?;
    let shown = to.display().to_string();
    tokio::fs::copy(source, to)
        .await
        .map_err(|error| ApiError::internal(format!("{shown}: {error}")))?;
    Ok(true)
}
