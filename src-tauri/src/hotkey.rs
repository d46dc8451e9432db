//! The global key that opens quick search.

use std::sync::Mutex;

use tauri::{AppHandle, Emitter, Manager, Runtime};
use tauri_plugin_global_shortcut::{GlobalShortcutExt, Shortcut, ShortcutState};

use crate::QUICK;
use crate::events::QUICK_SHOWN;

/// The registered key, and why the wanted one is not registered.
#[derive(Default)]
pub(crate) struct Hotkey {
    error: Mutex<Option<String>>,
}

impl Hotkey {
    pub(crate) fn error(&self) -> Option<String> {
        self.error.lock().expect("no panic while held").clone()
    }

    /// Replaces the registered key. An empty text means: none.
    pub(crate) fn register(&self, app: &AppHandle, wanted: &str) {
        let result = register(app, wanted.trim());
        if let Err(error) = &result {
            tracing::warn!("{error}");
        }
        *self.error.lock().expect("no panic while held") = result.err();
    }
}

fn register(app: &AppHandle, wanted: &str) -> Result<(), String> {
    let keys = app.global_shortcut();
    keys.unregister_all().map_err(|error| format!("The old key cannot be released: {error}"))?;
    if wanted.is_empty() {
        return Ok(());
    }
    let shortcut: Shortcut =
        wanted.parse().map_err(|error| format!("{wanted} is not a key combination: {error}"))?;
    keys.register(shortcut).map_err(|error| {
        format!(
            "{wanted} could not be registered ({error}). Another program may hold it, or the desktop \
             keeps global keys to itself: choose another key, or bind `commonplace quick` in the \
             desktop's own settings."
        )
    })?;
    if std::env::var_os("WAYLAND_DISPLAY").is_some() {
        return Err(format!(
            "Under Wayland, {wanted} works only while a window of an X program has the focus. Bind \
             `commonplace quick` in the desktop's own settings instead."
        ));
    }
    Ok(())
}

/// The plugin, with what the key does.
pub(crate) fn plugin<R: Runtime>() -> tauri::plugin::TauriPlugin<R> {
    tauri_plugin_global_shortcut::Builder::new()
        .with_handler(|app, _, event| {
            if event.state == ShortcutState::Pressed {
                toggle_quick(app);
            }
        })
        .build()
}

/// Hides the quick window if it has the focus, else shows it, empty and focused.
pub(crate) fn toggle_quick<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window(QUICK) else { return };
    let shown = (|| {
        if window.is_visible()? && window.is_focused()? {
            return window.hide();
        }
        window.show()?;
        // Before it is shown, X11 window managers place it as they like.
        window.center()?;
        window.set_focus()?;
        app.emit_to(QUICK, QUICK_SHOWN, ())
    })();
    if let Err(error) = shown {
        tracing::error!(%error, "the quick-search window cannot be shown");
    }
}
