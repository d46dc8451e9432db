use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};

/// The right to write the indexes of one data folder, held for the life of the process. The
/// operating system releases it however the process ends.
pub(crate) struct DataLock {
    file: File,
}

impl DataLock {
    /// `None` if another process holds it.
    pub(crate) fn take(data_dir: &Path) -> Result<Option<DataLock>> {
        let path = data_dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| match error.kind() {
                ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                    Error::internal(format!(
                        "{} cannot be written: it is read-only, or belongs to somebody else ({error})",
                        data_dir.display()
                    ))
                }
                _ => Error::internal(format!("{}: {error}", path.display())),
            })?;
        match file.try_lock() {
            Ok(()) => Ok(Some(DataLock { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
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
