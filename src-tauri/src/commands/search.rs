use note::NoteId;
use tauri::AppHandle;

use super::Slot;
use crate::dto::{
    Duplicates, Facets, FacetsRequest, Hits, Mode, Passage, PastQuery, SearchRequest, TextMatches,
};
use crate::error::Result;
use crate::events;

/// A newer search of the same tab cancels this one, which then rejects with `busy`.
#[tauri::command]
pub(crate) async fn search(slot: Slot<'_>, request: SearchRequest) -> Result<Hits> {
    let hits = slot
        .get()
        .await?
        .search_in_tab(
            &request.tab,
            engine::SearchRequest {
                text: request.text.clone(),
                mode: request.mode.into(),
                typing: request.typing,
                offset: request.offset,
                limit: request.limit,
                wait_for_model: false,
            },
        )
        .await?;
    Ok(Hits::new(&request, hits))
}

#[tauri::command]
pub(crate) async fn cancel_search(slot: Slot<'_>, tab: String) -> Result<()> {
    slot.get().await?.cancel_search(&tab);
    Ok(())
}

#[tauri::command]
pub(crate) async fn facets(slot: Slot<'_>, request: FacetsRequest) -> Result<Facets> {
    Ok(slot.get().await?.facets(request.text, request.typing).await?.into())
}

/// How many notes each query finds by words.
#[tauri::command]
pub(crate) async fn count_hits(slot: Slot<'_>, texts: Vec<String>) -> Result<Vec<usize>> {
    Ok(slot.get().await?.count(texts).await?)
}

/// The best passages of one note for a query.
#[tauri::command]
pub(crate) async fn passages(
    slot: Slot<'_>,
    note: i64,
    text: String,
    mode: Mode,
) -> Result<Vec<Passage>> {
    let passages = slot.get().await?.passages(NoteId(note), text, mode.into()).await?;
    Ok(passages.into_iter().map(Passage::from).collect())
}

/// Every place in a text that matches a query; `markdown`: it is a note's body as it is stored.
#[tauri::command]
pub(crate) async fn find_matches(
    slot: Slot<'_>,
    text: String,
    query: String,
    markdown: bool,
) -> Result<TextMatches> {
    Ok(slot.get().await?.matches(text, query, markdown).await?.into())
}

#[tauri::command]
pub(crate) async fn past_queries(slot: Slot<'_>) -> Result<Vec<PastQuery>> {
    let queries = slot.get().await?.past_queries().await?;
    Ok(queries.into_iter().map(PastQuery::from).collect())
}

#[tauri::command]
pub(crate) async fn remember_query(slot: Slot<'_>, text: String, mode: Mode) -> Result<()> {
    Ok(slot.get().await?.remember_query(text, mode.into()).await?)
}

#[tauri::command]
pub(crate) async fn forget_query(slot: Slot<'_>, text: String, mode: Mode) -> Result<()> {
    Ok(slot.get().await?.forget_query(text, mode.into()).await?)
}

#[tauri::command]
pub(crate) async fn forget_queries(slot: Slot<'_>) -> Result<()> {
    Ok(slot.get().await?.forget_queries().await?)
}

/// Groups of nearly identical notes; the main window is told how far it is.
#[tauri::command]
pub(crate) async fn find_duplicates(app: AppHandle, slot: Slot<'_>) -> Result<Duplicates> {
    let engine = slot.get().await?;
    let found = engine.duplicates(move |share| events::duplicates_progress(&app, share)).await?;
    Ok(found.into())
}

#[tauri::command]
pub(crate) async fn cancel_duplicates(slot: Slot<'_>) -> Result<()> {
    slot.get().await?.cancel_duplicates();
    Ok(())
}
