use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// The right to write the indexes of one data folder, held for the life of the process. The
/// operating system releases it however the process ends.
pub(crate) struct DataLock {
    _file: File,
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
            .map_err(|error| Error::internal(format!("{}: {error}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(DataLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(Error::internal(format!("{}: {error}", path.display())))
            }
        }
    }
}
