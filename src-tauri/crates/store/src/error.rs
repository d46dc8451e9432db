use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use note::NoteId;
use rusqlite::ErrorCode;

use crate::{FolderId, ImportId};

pub type Result<T> = std::result::Result<T, StoreError>;

/// What can go wrong in the store. `Clone`, because one failed commit answers every op that shared it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no note {note}")]
    NoSuchNote { note: NoteId },
    #[error("there is no notebook “{notebook}”")]
    NoSuchNotebook { notebook: String },
    #[error("there is no import {}", .import.0)]
    NoSuchImport { import: ImportId },
    #[error("there is no watched folder {}", .folder.0)]
    NoSuchFolder { folder: FolderId },
    /// The note was changed since the version that the caller started from; nothing was written.
    #[error("note {note} was changed elsewhere: it is at version {current_revision} now")]
    Conflict { note: NoteId, current_revision: u32 },
    #[error("{what}")]
    Invalid { what: String },
    #[error(
        "{} was written by a newer Commonplace (its format is {found}, this one knows {known})",
        .path.display()
    )]
    NewerVersion { path: PathBuf, found: i64, known: i64 },
    /// The file is damaged or is something else; it is left as it is.
    #[error("{} is damaged or not a Commonplace store: {detail}", .path.display())]
    Corrupt { path: PathBuf, detail: String },
    #[error("{} is in use by another program that does not let go", .path.display())]
    Busy { path: PathBuf },
    #[error("no space is left to write {}", .path.display())]
    Full { path: PathBuf },
    #[error("{} cannot be written: the file or its folder is read-only", .path.display())]
    ReadOnly { path: PathBuf },
    #[error("{}: {source}", .path.display())]
    Sqlite { path: PathBuf, source: Arc<rusqlite::Error> },
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: Arc<io::Error> },
    /// A setting that durability rests on could not be had.
    #[error("{}: {detail}", .path.display())]
    Settings { path: PathBuf, detail: String },
    #[error("a change was given up because of an internal error: {detail}")]
    Panicked { detail: String },
    #[error("the store is closed")]
    Closed,
    /// A blocking write from an op, a `done` or a commit hook would wait for itself.
    #[error("a blocking write was asked for on the writer thread")]
    OnWriterThread,
}

impl StoreError {
    pub(crate) fn io(path: &Path, source: io::Error) -> StoreError {
        StoreError::Io { path: path.to_owned(), source: Arc::new(source) }
    }

    /// Names the file of a bare SQLite error and sorts out the kinds that a caller acts on.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        let StoreError::Sqlite { path: named, source } = self else { return self };
        if !named.as_os_str().is_empty() {
            return StoreError::Sqlite { path: named, source };
        }
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Corrupt { path, detail: source.to_string() }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
            Some(ErrorCode::DiskFull) => StoreError::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                StoreError::ReadOnly { path }
            }
            _ => StoreError::Sqlite { path, source },
        }
    }

    /// True if the database failed midway, so that what the op did so far must not be committed.
    pub(crate) fn is_storage(&self) -> bool {
        matches!(
            self,
            StoreError::Corrupt { .. }
                | StoreError::Busy { .. }
                | StoreError::Full { .. }
                | StoreError::ReadOnly { .. }
                | StoreError::Sqlite { .. }
                | StoreError::Io { .. }
        )
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { path: PathBuf::new(), source: Arc::new(source) }
    }
}
