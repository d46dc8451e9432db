//! Lists the app's commands, so that each window may call only those that its capability names.

const COMMANDS: &[&str] = &[
    "create_note",
    "save_note",
    "get_note",
    "trash_notes",
    "restore_notes",
    "delete_notes",
    "empty_trash",
    "set_pinned",
    "list_revisions",
    "get_revision",
    "restore_revision",
    "get_backlinks",
    "get_related",
    "list_tasks",
    "toggle_task",
    "open_daily_note",
    "add_attachment",
    "list_notes",
    "move_notes",
    "get_sidebar",
    "create_notebook",
    "rename_notebook",
    "delete_notebook",
    "complete_names",
    "complete_tags",
    "resolve_name",
    "search",
    "cancel_search",
    "start_import",
    "list_imports",
    "get_import_items",
    "cancel_import",
    "retry_import",
    "undo_import",
    "pick_import_paths",
    "export_notes",
    "get_settings",
    "save_settings",
    "set_hotkey",
    "get_status",
    "diagnostics",
    "rebuild_indexes",
    "get_session",
    "save_session",
    "first_run",
    "create_welcome",
    "delete_welcome",
    "hide_quick",
    "open_in_main",
    "copy_text",
    "open_link",
    "open_attachment",
    "report_error",
    "close_app",
];

fn main() {
    // A custom pattern is not watched by tauri-build itself.
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(tauri_build::AppManifest::new().commands(COMMANDS));
    tauri_build::try_build(attributes).expect("tauri.conf.json and the capabilities are valid");
}
