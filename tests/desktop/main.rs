//! The real window, driven as a person would: through WebDriver, real keys, and real files dragged onto it.
//! Each test has its own X server, window manager, session bus and home; a picture of the whole screen is kept of
//! each step in tests/artefacts. Needs `cargo build --release --workspace` first, as `cargo xtask test` does.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

mod app;
mod real_window;
