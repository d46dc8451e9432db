use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

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
