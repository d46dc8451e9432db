//! The document store: everything a person owns, in one SQLite file.
