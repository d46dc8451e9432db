//! The engine as a whole, on real folders: one binary, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

mod ask;
mod containers;
mod crash;
mod data;
mod faults;
mod finding;
mod import;
mod isolation;
mod jobs;
mod language_model;
mod model;
mod notes;
mod ranking;
mod search;
mod support;
mod tidy;
mod watch;
