//! The journeys.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use commonplace_tests::desk::Desk;

use crate::app::{App, Page, QUERY_BAR};

const HITS: &str = "[role=tabpanel]:not([hidden]) [role=listbox][aria-label=Hits] [role=option]";
const TABS: &str = "[role=tablist][aria-label='Open tabs'] [role=tab]";
const ACTIVE_TAB: &str = "[role=tablist][aria-label='Open tabs'] [role=tab][aria-selected=true]";
const TITLE: &str = "[role=tabpanel]:not([hidden]) [aria-label=Title]";
const EDITOR: &str = "[role=tabpanel]:not([hidden]) .cm-content";
const SAVED: &str = "[role=tabpanel]:not([hidden]) [role=toolbar][aria-label=Note] [role=status]";
const STATUS: &str = "footer[aria-label=Status]";

/// A desk, or `None` with the reason printed.
fn desk(name: &str) -> Result<Option<Desk>> {
    match Desk::open(name)? {
        Ok(desk) => Ok(Some(desk)),
        Err(why) => {
            println!("skipped: {why}");
            Ok(None)
        }
    }
}

#[tokio::test]
async fn the_first_start_offers_the_welcome_notebook() -> Result<()> {
    let Some(desk) = desk("first-start")? else { return Ok(()) };
    let app = App::start(&desk).await?;
    app.picture("first-start").await?;
    app.find_text("main.first button", "welcome notebook").await?.click().await?;
    app.find_text("[role=tabpanel]:not([hidden]) [role=option]", "Search cheat-sheet").await?;
    app.picture("welcome-notes").await?;
    app.close().await
}

/// The journey of a first day.
#[tokio::test]
async fn notes_are_imported_searched_written_and_found_again() -> Result<()> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/vaults");
    if !shared.is_dir() {
        println!("skipped: {} is not there", shared.display());
        return Ok(());
    }
    // The others come along so that the import is still running while it is searched.
    let vaults = ["en", "ar", "de", "ja", "ru", "zh"]
        .map(|language| shared.join(format!("obsidian-help-{language}")));
    let Some(desk) = desk("journey")? else { return Ok(()) };
    let app = App::start(&desk).await?;
    app.picture("first-start").await?;
    app.find_text("main.first button", "welcome notebook").await?.click().await?;
    app.find_text("[role=tabpanel]:not([hidden]) [role=option]", "Search cheat-sheet").await?;

    // A folder from another program's window, dropped on this one.
    desk.focus(crate::app::MAIN_TITLE).await?;
    app.look_at(Page::Main).await?;
    let overlay = async || {
        app.find_text("[role=status]", "Drop to import").await?;
        app.picture("dragged-over").await
    };
    desk.drag_files(&vaults, (700, 450), overlay).await?;
    app.find_text("[role=tabpanel]:not([hidden]) h2", "obsidian-help-en")
        .await
        .context("the import opens in a tab")?;
    app.picture("import-running").await?;

    // Two searches in tabs of their own, while it runs.
    app.find("button[aria-label='New search tab']").await?.click().await?;
    app.search("backlinks").await?;
    app.find_text(HITS, "Backlinks").await?;
    app.picture("search-by-words").await?;
    app.find("button[aria-label='New search tab']").await?.click().await?;
    app.search("keep the same notes on my phone and my laptop").await?;
    app.find_text(HITS, "Sync").await?;
    println!("the status bar after two searches: {:?}", app.texts(STATUS).await?);
    app.picture("search-by-meaning").await?;

    // A third search that finds nothing yet stays open while its note is written.
    app.find("button[aria-label='New search tab']").await?.click().await?;
    app.search("\"quokka enclosure\"").await?;
    app.find_text("[role=tabpanel]:not([hidden])", "Nothing found").await?;
    app.picture("nothing-found").await?;
    desk.press("ctrl+n")?;
    app.find(TITLE).await?;
    desk.type_text("Zoo visit")?;
    app.wait_for("the typed title", async || {
        Ok((app.value(TITLE).await? == "Zoo visit").then_some(()))
    })
    .await?;
    let editor = app.find(EDITOR).await?;
    editor.click().await?;
    desk.type_text("The quokka enclosure opens at nine.")?;
    app.find_text(EDITOR, "opens at nine.").await?;
    app.find_text(SAVED, "Saved").await?;
    app.picture("note-written").await?;
    app.find_text(TABS, "quokka enclosure").await?.click().await?;
    app.find_text(HITS, "Zoo visit").await?;
    app.picture("note-appears-in-open-search").await?;

    // The searches kept their own queries and hits.
    app.find_text(TABS, "backlinks").await?.click().await?;
    app.wait_for("the first search's query", async || {
        Ok((app.value(QUERY_BAR).await? == "backlinks").then_some(()))
    })
    .await?;
    app.find_text(HITS, "Backlinks").await?;
    app.find_text(STATUS, "notes").await?;
    let before = app.texts(TABS).await?;
    app.picture("before-restart").await?;

    app.close().await?;
    let app = App::start(&desk).await?;
    let after = app.wait_for("the tabs of before", async || {
        let tabs = app.texts(TABS).await?;
        Ok((tabs.len() == before.len()).then_some(tabs))
    });
    let after = after.await?;
    ensure!(after == before, "the tabs were {before:?} and are {after:?}");
    app.wait_for("the query of before", async || {
        Ok((app.value(QUERY_BAR).await? == "backlinks").then_some(()))
    })
    .await?;
    app.find_text(HITS, "Backlinks").await?;
    app.picture("after-restart").await?;
    app.find_text(TABS, "Zoo visit").await?.click().await?;
    app.find_text(EDITOR, "The quokka enclosure opens at nine.").await?;
    app.picture("note-after-restart").await?;
    app.find_text(TABS, "backlinks").await?.click().await?;

    // From anywhere: the hotkey, a few words, Enter.
    desk.press("ctrl+alt+space")?;
    desk.focus("quick search").await?;
    desk.type_text("quokka enclosure")?;
    app.look_at(Page::Quick).await?;
    app.find_text("[role=option][aria-selected=true]", "Zoo visit").await?;
    app.picture("quick-search").await?;
    desk.press("Return")?;
    app.look_at(Page::Main).await?;
    app.find_text(ACTIVE_TAB, "Zoo visit").await?;
    app.find_text(EDITOR, "The quokka enclosure opens at nine.").await?;
    app.picture("opened-from-quick-search").await?;
    app.close().await
}
