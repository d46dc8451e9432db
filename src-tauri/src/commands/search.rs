use super::Slot;
use crate::dto::{Facets, FacetsRequest, Hits, SearchRequest};
use crate::error::Result;

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
