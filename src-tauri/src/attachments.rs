//! `attachment://localhost/DIGEST/NAME`: kept files for the page to show.

use tauri::http::{Request, Response, StatusCode, header};
use tauri::{Manager, Runtime, UriSchemeContext, UriSchemeResponder};

use crate::commands::EngineSlot;

/// Types that a page may show; everything else is sent as bytes without a type.
const SHOWN: [&str; 8] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/bmp",
    "image/avif",
    "image/svg+xml",
    "application/pdf",
];

#[expect(clippy::needless_pass_by_value, reason = "Tauri calls it so")]
pub(crate) fn serve<R: Runtime>(
    context: UriSchemeContext<'_, R>,
    request: Request<Vec<u8>>,
    responder: UriSchemeResponder,
) {
    let slot = context.app_handle().state::<EngineSlot>().inner().clone();
    tauri::async_runtime::spawn(async move {
        let (status, mime, bytes) = match read(&slot, request.uri().path()).await {
            Some((mime, bytes)) => (StatusCode::OK, mime, bytes),
            None => (StatusCode::NOT_FOUND, "text/plain".to_owned(), Vec::new()),
        };
        let response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, mime)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            // A picture may hold scripts (SVG): opened on its own, it may do nothing at all.
            .header(
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            )
            .header(header::CACHE_CONTROL, "max-age=31536000, immutable")
            .body(bytes);
        match response {
            Ok(response) => responder.respond(response),
            Err(error) => tracing::error!(%error, "an attachment cannot be sent"),
        }
    });
}

async fn read(slot: &EngineSlot, path: &str) -> Option<(String, Vec<u8>)> {
    let digest: engine::Digest = path.trim_start_matches('/').split('/').next()?.parse().ok()?;
    let engine = slot.get().await.ok()?;
    let attachment = engine.read(move |read| read.attachment(&digest)).await.ok()??;
    let mime = if SHOWN.contains(&attachment.mime.as_str()) {
        attachment.mime
    } else {
        "application/octet-stream".to_owned()
    };
    let bytes = tokio::fs::read(engine.attachment_path(&digest)).await.ok()?;
    Some((mime, bytes))
}
