use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The right to write the indexes of one data folder, held for the life of the process. The
/// operating system releases it however the process ends.
pub(crate) struct DataLock {
    file: File,
}

/// Whether this process may write the indexes of a data folder.
pub(crate) enum Claim {
    Held(DataLock),
    /// Another process holds the lock.
    Elsewhere,
    /// Nobody can write there; why, as a person may read it.
    Unwritable(String),
}

impl DataLock {
    pub(crate) fn take(data_dir: &Path) -> Result<Claim> {
        let path = data_dir.join("lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
                ) =>
            {
                return Ok(Claim::Unwritable(format!(
                    "{} cannot be written: it is read-only, or belongs to somebody else ({error})",
                    data_dir.display()
                )));
            }
            Err(error) => return Err(Error::internal(format!("{}: {error}", path.display()))),
        };
        match file.try_lock() {
            Ok(()) => Ok(Claim::Held(DataLock { file })),
            Err(TryLockError::WouldBlock) => Ok(Claim::Elsewhere),
            Err(TryLockError::Error(error)) => {
                Err(Error::internal(format!("{}: {error}", path.display())))
            }
        }
    }

    /// Lets the next one have it before this process ends.
    pub(crate) fn release(&self) -> Result<()> {
        self.file.unlock().map_err(Error::internal)
    }
}

/// The right to run one import, so that no two processes do.
pub(crate) struct ImportLock {
    file: File,
    path: PathBuf,
}

impl ImportLock {
    fn path(data_dir: &Path, import: i64) -> PathBuf {
        data_dir.join(format!("import-{import}.lock"))
    }

    /// `None` if another process runs it.
    pub(crate) fn take(data_dir: &Path, import: i64) -> Result<Option<ImportLock>> {
        let path = ImportLock::path(data_dir, import);
        let failed = |error| Error::internal(format!("{}: {error}", path.display()));
        let file = File::create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(ImportLock { file, path })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Whether a process runs an import.
    pub(crate) fn is_held(data_dir: &Path, import: i64) -> bool {
        File::open(ImportLock::path(data_dir, import))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Lets go of it before the process ends.
    pub(crate) fn release(&self) {
        // Whoever takes it looks first whether the import has ended.
        let released = std::fs::remove_file(&self.path).and_then(|()| self.file.unlock());
        if let Err(error) = released {
            tracing::warn!(%error, path = %self.path.display(), "an import's lock was not released");
        }
    }
}
