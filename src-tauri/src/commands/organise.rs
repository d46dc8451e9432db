use engine::{ListFilter, View};
use note::Timestamp;

use super::{Slot, ids};
use crate::commands::settings::stored_settings;
use crate::dto::{
    ListRequest, ListSort, ListView, NameCompletion, NoteHeadDto, NoteList, Notebook, Sidebar, Tag,
};
use crate::error::Result;

const COMPLETIONS: usize = 20;

/// The first moment of today where the person is.
fn today() -> Timestamp {
    let start = jiff::Zoned::now().start_of_day();
    Timestamp(start.map_or(0, |start| start.timestamp().as_millisecond()))
}

#[tauri::command]
pub(crate) async fn list_notes(slot: Slot<'_>, request: ListRequest) -> Result<NoteList> {
    let filter = ListFilter {
        view: match request.view {
            ListView::All => View::All,
            ListView::Today => View::UpdatedSince(today()),
            ListView::Notebook => View::Notebook(request.name),
            ListView::Tag => View::Tag(request.name),
            ListView::Trash => View::Trash,
        },
        sort: match request.sort {
            ListSort::Updated => engine::ListSort::Updated,
            ListSort::Created => engine::ListSort::Created,
            ListSort::Title => engine::ListSort::Title,
        },
        offset: request.offset,
        limit: request.limit,
    };
    let (total, heads) = slot.get().await?.list(filter).await?;
    Ok(NoteList { total, notes: heads.into_iter().map(NoteHeadDto::from).collect() })
}

#[tauri::command]
pub(crate) async fn move_notes(slot: Slot<'_>, ids: Vec<i64>, notebook: String) -> Result<()> {
    Ok(slot.get().await?.move_notes(self::ids(ids), notebook).await?)
}

#[tauri::command]
pub(crate) async fn get_sidebar(slot: Slot<'_>) -> Result<Sidebar> {
    let engine = slot.get().await?;
    let imports = engine.imports().await?;
    let saved_searches = stored_settings(&engine).await?.saved_searches;
    let sidebar = engine
        .read(move |read| {
            let counts = read.counts("")?;
            let today =
                ListFilter { view: View::UpdatedSince(today()), limit: 0, ..ListFilter::default() };
            Ok(Sidebar {
                notes: counts.notes,
                today: read.list(&today)?.0,
                trashed: counts.trashed,
                open_tasks: counts.open_tasks,
                running_imports: imports
                    .iter()
                    .filter(|import| import.state == engine::ImportState::Running)
                    .count(),
                notebooks: read
                    .notebooks()?
                    .into_iter()
                    .map(|(path, count)| Notebook { path, count })
                    .collect(),
                tags: read.tags()?.into_iter().map(|(tag, count)| Tag { tag, count }).collect(),
                saved_searches,
            })
        })
        .await?;
    Ok(sidebar)
}

#[tauri::command]
pub(crate) async fn create_notebook(slot: Slot<'_>, path: String) -> Result<()> {
    Ok(slot.get().await?.create_notebook(path).await?)
}

#[tauri::command]
pub(crate) async fn rename_notebook(slot: Slot<'_>, from: String, to: String) -> Result<()> {
    Ok(slot.get().await?.rename_notebook(from, to).await?)
}

#[tauri::command]
pub(crate) async fn delete_notebook(slot: Slot<'_>, path: String) -> Result<()> {
    Ok(slot.get().await?.delete_notebook(path).await?)
}

#[tauri::command]
pub(crate) async fn complete_names(slot: Slot<'_>, prefix: String) -> Result<Vec<NameCompletion>> {
    let engine = slot.get().await?;
    let names = engine.read(move |read| read.complete_names(&prefix, COMPLETIONS)).await?;
    Ok(names
        .into_iter()
        .map(|name| NameCompletion { id: name.id.0, title: name.title, notebook: name.notebook })
        .collect())
}

#[tauri::command]
pub(crate) async fn complete_tags(slot: Slot<'_>, prefix: String) -> Result<Vec<String>> {
    Ok(slot.get().await?.read(move |read| read.complete_tags(&prefix, COMPLETIONS)).await?)
}

#[tauri::command]
pub(crate) async fn resolve_name(slot: Slot<'_>, name: String) -> Result<Option<i64>> {
    let id = slot.get().await?.read(move |read| read.resolve_name(&name)).await?;
    Ok(id.map(|id| id.0))
}
