//! The window: wires the engine to the pages. Everything that a note is lives in the crates below.

#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod attachments;
mod commands;
mod dto;
mod error;
mod events;
mod hotkey;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use engine::{Engine, ModelSource, Options};
use tauri::{AppHandle, Emitter, Manager, RunEvent, WindowEvent};

use commands::EngineSlot;
use commands::settings::stored_settings;
use error::ApiError;
use hotkey::Hotkey;

/// Labels of the two windows.
pub(crate) const MAIN: &str = "main";
pub(crate) const QUICK: &str = "quick";
/// A page that does not answer cannot keep the app from closing for longer than this.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// What the command line asked for.
struct Args {
    data_dir: PathBuf,
    quick: bool,
    /// File that gets every span.
    trace: Option<PathBuf>,
}

impl Args {
    fn read(args: impl Iterator<Item = String>) -> anyhow::Result<Args> {
        let mut data_dir = std::env::var_os("COMMONPLACE_DATA").map(PathBuf::from);
        let (mut quick, mut trace) = (false, None);
        let mut args = args.skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--data" => {
                    data_dir = Some(args.next().context("--data wants a folder")?.into());
                }
                "--quick" => quick = true,
                "--trace" => trace = Some(args.next().context("--trace wants a file")?.into()),
                other => anyhow::bail!(
                    "{other} is not known. Usage: commonplace-desktop [--data DIR] [--quick] [--trace FILE]"
                ),
            }
        }
        let data_dir = data_dir
            .or_else(engine::default_data_dir)
            .context("this system names no folder for data: give one with --data DIR")?;
        Ok(Args { data_dir: std::path::absolute(data_dir)?, quick, trace })
    }
}

fn main() -> anyhow::Result<()> {
    let reader = engine::reader();
    let args = Args::read(std::env::args()).and_then(|args| {
        engine::start_log("warn,engine=info", args.trace.as_deref()).context("--trace")?;
        Ok(args)
    });
    let args = match args {
        Ok(args) => args,
        Err(error) => {
            eprintln!("commonplace-desktop: {error:#}");
            std::process::exit(2);
        }
    };
    let slot = EngineSlot::new();
    let options = Options::new(&args.data_dir, ModelSource::Installed);
    let options = Options { reader, resume_imports: true, ..options };
    open_engine(slot.clone(), options);

    // One app for each data folder; a second start only brings the first one forward.
    let folder = blake3::hash(args.data_dir.as_os_str().as_encoded_bytes()).to_hex();
    let single = tauri_plugin_single_instance::Builder::new()
        .dbus_id(format!("org.commonplace.desktop.d{}", &folder[..16]))
        .callback(|app, argv, _| {
            if argv.iter().any(|arg| arg == "--quick") {
                hotkey::toggle_quick(app);
            } else {
                bring_forward(app);
            }
        })
        .build();
    let quick = args.quick;
    let setup_slot = slot.clone();
    tauri::Builder::default()
        .plugin(single)
        .plugin(hotkey::plugin())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_opener::init())
        .plugin(tauri_plugin_clipboard_manager::init())
        .manage(slot)
        .manage(commands::ask::Questions::default())
        .manage(commands::exports::RunningExport::default())
        .manage(Hotkey::default())
        .register_asynchronous_uri_scheme_protocol("attachment", attachments::serve)
        .setup(move |app| {
            let (handle, slot) = (app.handle().clone(), setup_slot);
            tauri::async_runtime::spawn(async move {
                // A failure to open is shown by the page, whose every command gets it.
                let Ok(engine) = slot.get().await else { return };
                events::forward(&handle, &engine);
                let wanted = match stored_settings(&engine).await {
                    Ok(settings) => settings.hotkey,
                    Err(error) => {
                        tracing::error!("the settings cannot be read: {}", error.message);
                        return;
                    }
                };
                handle.state::<Hotkey>().register(&handle, &wanted);
                if quick {
                    hotkey::toggle_quick(&handle);
                }
            });
            Ok(())
        })
        .on_window_event(|window, event| match (window.label(), event) {
            (MAIN, WindowEvent::CloseRequested { api, .. }) => {
                api.prevent_close();
                close_when_saved(window.app_handle());
            }
            (QUICK, WindowEvent::CloseRequested { api, .. }) => {
                api.prevent_close();
                if let Err(error) = window.hide() {
                    tracing::warn!(%error, "the quick-search window cannot be hidden");
                }
            }
            _ => {}
        })
        .invoke_handler(tauri::generate_handler![
            commands::notes::create_note,
            commands::notes::save_note,
            commands::notes::get_note,
            commands::notes::count_open,
            commands::notes::trash_notes,
            commands::notes::restore_notes,
            commands::notes::delete_notes,
            commands::notes::empty_trash,
            commands::notes::set_pinned,
            commands::notes::list_revisions,
            commands::notes::get_revision,
            commands::notes::restore_revision,
            commands::notes::get_backlinks,
            commands::notes::get_related,
            commands::notes::list_tasks,
            commands::notes::toggle_task,
            commands::notes::open_daily_note,
            commands::notes::add_attachment,
            commands::notes::add_attachment_file,
            commands::organise::list_notes,
            commands::organise::move_notes,
            commands::organise::get_sidebar,
            commands::organise::create_notebook,
            commands::organise::rename_notebook,
            commands::organise::delete_notebook,
            commands::organise::complete_names,
            commands::organise::complete_tags,
            commands::organise::resolve_name,
            commands::search::search,
            commands::search::cancel_search,
            commands::search::facets,
            commands::search::count_hits,
            commands::search::passages,
            commands::search::find_matches,
            commands::search::past_queries,
            commands::search::remember_query,
            commands::search::forget_query,
            commands::search::forget_queries,
            commands::search::find_duplicates,
            commands::search::cancel_duplicates,
            commands::ask::ask,
            commands::ask::cancel_ask,
            commands::ask::get_generator,
            commands::imports::start_import,
            commands::imports::list_imports,
            commands::imports::get_import_items,
            commands::imports::cancel_import,
            commands::imports::pause_import,
            commands::imports::resume_import,
            commands::imports::retry_import,
            commands::imports::undo_import,
            commands::imports::pick_import_paths,
            commands::exports::export_notes,
            commands::exports::cancel_export,
            commands::exports::save_attachment,
            commands::folders::list_folders,
            commands::folders::watch_folder,
            commands::folders::unwatch_folder,
            commands::folders::pause_folder,
            commands::folders::answer_folder,
            commands::settings::get_settings,
            commands::settings::save_settings,
            commands::settings::get_synonyms,
            commands::settings::save_synonyms,
            commands::settings::set_hotkey,
            commands::settings::get_status,
            commands::settings::diagnostics,
            commands::settings::rebuild_indexes,
            commands::model::get_model,
            commands::model::pick_model_folder,
            commands::model::preview_model,
            commands::model::set_model,
            commands::model::reset_model,
            commands::model::cancel_model_change,
            commands::model::list_models,
            commands::model::get_foreign_language,
            commands::language_model::get_language_model,
            commands::language_model::save_language_model,
            commands::language_model::get_language_model_key,
            commands::language_model::save_language_model_key,
            commands::language_model::delete_language_model_key,
            commands::language_model::test_language_model,
            commands::language_model::list_language_models,
            commands::language_model::cancel_language_model_test,
            commands::language_model::detect_language_models,
            commands::settings::get_session,
            commands::settings::save_session,
            commands::settings::first_run,
            commands::settings::create_welcome,
            commands::settings::delete_welcome,
            commands::windows::hide_quick,
            commands::windows::open_in_main,
            commands::windows::copy_text,
            commands::windows::open_link,
            commands::windows::open_attachment,
            commands::windows::report_error,
            commands::windows::close_app,
        ])
        .build(tauri::generate_context!())?
        .run(|app, event| {
            if let RunEvent::Exit = event
                && let Some(engine) = app.state::<EngineSlot>().now()
                && let Err(error) = tauri::async_runtime::block_on(engine.close())
            {
                tracing::error!(%error, "the engine did not close cleanly");
            }
        });
    Ok(())
}

/// Opens the engine while the window is being made.
fn open_engine(slot: EngineSlot, options: Options) {
    tauri::async_runtime::spawn(async move {
        let opened = Engine::open(options).await;
        if let Err(error) = &opened {
            tracing::error!(%error, "the data folder cannot be opened");
        }
        slot.fill(opened.map_err(ApiError::from));
    });
}

/// Shows the main window in front of all others.
pub(crate) fn bring_forward(app: &AppHandle) {
    let Some(window) = app.get_webview_window(MAIN) else { return };
    let shown = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::error!(%error, "the main window cannot be brought forward");
    }
}

/// Lets the page save what is being edited, then ends the app.
fn close_when_saved(app: &AppHandle) {
    let handle = app.clone();
    if let Err(error) = app.emit_to(MAIN, events::CLOSE_REQUESTED, ()) {
        tracing::warn!(%error, "the page was not told to save");
    }
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(CLOSE_PATIENCE).await;
        tracing::warn!("the page did not answer; closing without it");
        handle.exit(0);
    });
}
