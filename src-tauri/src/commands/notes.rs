use std::path::PathBuf;

use engine::Role;
use note::NoteId;
use tauri::ipc::{InvokeBody, Request};

use super::{Slot, ids};
use crate::dto::{Attachment, Backlink, Hit, Note, NoteDraft, Revision, RevisionHead, Saved, Task};
use crate::error::{ApiError, Result};

/// Shown of a note that links here.
const EXCERPT_CHARS: usize = 160;

#[tauri::command]
pub(crate) async fn create_note(slot: Slot<'_>, draft: NoteDraft) -> Result<Saved> {
    Ok(slot.get().await?.save_note(None, None, new_draft(draft)).await?.into())
}

#[tauri::command]
pub(crate) async fn save_note(
    slot: Slot<'_>,
    id: i64,
    base_revision: u32,
    draft: NoteDraft,
) -> Result<Saved> {
    let engine = slot.get().await?;
    let held = engine.note(NoteId(id)).await?;
    let draft =
        note::NoteDraft { kind: held.kind, created: Some(held.created), ..new_draft(draft) };
    Ok(engine.save_note(Some(NoteId(id)), Some(base_revision), draft).await?.into())
}

fn new_draft(draft: NoteDraft) -> note::NoteDraft {
    note::NoteDraft {
        title: draft.title,
        body: draft.body,
        front_matter: draft.front_matter,
        tags: draft.tags,
        notebook: draft.notebook,
        pinned: draft.pinned,
        ..note::NoteDraft::default()
    }
}

#[tauri::command]
pub(crate) async fn get_note(slot: Slot<'_>, id: i64) -> Result<Note> {
    let engine = slot.get().await?;
    let note = engine.note(NoteId(id)).await?;
    let attachments = engine.read(move |read| read.attachments(NoteId(id))).await?;
    Ok(Note::new(note, attachments))
}

#[tauri::command]
pub(crate) async fn count_open(slot: Slot<'_>, id: i64) -> Result<()> {
    Ok(slot.get().await?.count_open(NoteId(id)).await?)
}

#[tauri::command]
pub(crate) async fn trash_notes(slot: Slot<'_>, ids: Vec<i64>) -> Result<()> {
    Ok(slot.get().await?.trash(self::ids(ids)).await?)
}

#[tauri::command]
pub(crate) async fn restore_notes(slot: Slot<'_>, ids: Vec<i64>) -> Result<()> {
    Ok(slot.get().await?.restore(self::ids(ids)).await?)
}

#[tauri::command]
pub(crate) async fn delete_notes(slot: Slot<'_>, ids: Vec<i64>) -> Result<()> {
    Ok(slot.get().await?.delete(self::ids(ids)).await?)
}

#[tauri::command]
pub(crate) async fn empty_trash(slot: Slot<'_>) -> Result<usize> {
    Ok(slot.get().await?.empty_trash().await?)
}

#[tauri::command]
pub(crate) async fn set_pinned(slot: Slot<'_>, id: i64, pinned: bool) -> Result<Saved> {
    Ok(slot.get().await?.set_pinned(NoteId(id), pinned).await?.into())
}

#[tauri::command]
pub(crate) async fn list_revisions(slot: Slot<'_>, id: i64) -> Result<Vec<RevisionHead>> {
    let heads = slot.get().await?.read(move |read| read.revisions(NoteId(id))).await?;
    Ok(heads.into_iter().map(RevisionHead::from).collect())
}

#[tauri::command]
pub(crate) async fn get_revision(slot: Slot<'_>, id: i64, revision: u32) -> Result<Revision> {
    let kept =
        slot.get().await?.read(move |read| read.revision(NoteId(id), revision)).await?.ok_or_else(
            || engine::Error::not_found(format!("note {id} has no revision {revision}")),
        )?;
    Ok(Revision {
        revision: kept.revision,
        saved: kept.saved_at.0,
        title: kept.title,
        body: kept.body,
    })
}

#[tauri::command]
pub(crate) async fn restore_revision(slot: Slot<'_>, id: i64, revision: u32) -> Result<Saved> {
    Ok(slot.get().await?.restore_revision(NoteId(id), revision).await?.into())
}

#[tauri::command]
pub(crate) async fn get_backlinks(slot: Slot<'_>, id: i64) -> Result<Vec<Backlink>> {
    let links = slot
        .get()
        .await?
        .read(move |read| {
            let links = read.backlinks(NoteId(id))?;
            let mut rows: Vec<Backlink> = Vec::new();
            for (from, range) in links {
                if rows.iter().any(|row| row.note == from.0) {
                    continue;
                }
                let Some(note) = read.note(from)?.filter(|note| note.trashed.is_none()) else {
                    continue;
                };
                rows.push(Backlink {
                    note: from.0,
                    title: note::display_title(&note.title, &note.body),
                    excerpt: around(&note.body, range.start),
                });
            }
            Ok(rows)
        })
        .await?;
    Ok(links)
}

/// The paragraph of a body that holds one byte offset, as readable text.
fn around(body: &str, offset: usize) -> String {
    let offset = body.floor_char_boundary(offset);
    let start = body[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = body[offset..].find('\n').map_or(body.len(), |at| offset + at);
    note::excerpt(&note::plain_text(&body[start..end]), EXCERPT_CHARS)
}

#[tauri::command]
pub(crate) async fn get_related(slot: Slot<'_>, id: i64, limit: usize) -> Result<Vec<Hit>> {
    let hits = slot.get().await?.related(NoteId(id), limit).await?;
    Ok(hits.into_iter().map(Hit::from).collect())
}

#[tauri::command]
pub(crate) async fn list_tasks(slot: Slot<'_>, include_done: bool) -> Result<Vec<Task>> {
    let filter = engine::TaskFilter { include_done, ..engine::TaskFilter::default() };
    let tasks = slot.get().await?.read(move |read| read.tasks(&filter)).await?;
    Ok(tasks.into_iter().map(Task::from).collect())
}

#[tauri::command]
pub(crate) async fn toggle_task(
    slot: Slot<'_>,
    note: i64,
    line: usize,
    done: bool,
) -> Result<Saved> {
    Ok(slot.get().await?.toggle_task(NoteId(note), line, done).await?.into())
}

#[tauri::command]
pub(crate) async fn open_daily_note(slot: Slot<'_>) -> Result<i64> {
    Ok(slot.get().await?.daily_note().await?.0)
}

/// The bytes are the request's raw body; note and name stand in its headers.
#[tauri::command]
pub(crate) async fn add_attachment(slot: Slot<'_>, request: Request<'_>) -> Result<Attachment> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| ApiError::invalid(format!("the header {name} is missing")))
    };
    let note: i64 = header("x-note")?
        .parse()
        .map_err(|_| ApiError::invalid("the header x-note is not a note's number"))?;
    let name = percent_encoding::percent_decode_str(header("x-name")?)
        .decode_utf8()
        .map_err(ApiError::internal)?
        .into_owned();
    let InvokeBody::Raw(bytes) = request.body() else {
        return Err(ApiError::invalid("an attachment is sent as raw bytes"));
    };
    let attachment = slot.get().await?.attach(NoteId(note), name, bytes.clone()).await?;
    debug_assert!(attachment.role == Role::Embed);
    Ok(attachment.into())
}

/// A picture's file that was dropped on a note; the file itself stays as it is.
#[tauri::command]
pub(crate) async fn add_attachment_file(
    slot: Slot<'_>,
    note: i64,
    path: PathBuf,
) -> Result<Attachment> {
    Ok(slot.get().await?.attach_picture(NoteId(note), path).await?.into())
}
