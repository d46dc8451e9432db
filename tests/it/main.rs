//! The engine as a whole, on real folders: one binary, so that it is linked once.

mod crash;
mod data;
mod import;
mod notes;
mod search;
mod support;
mod tidy;
