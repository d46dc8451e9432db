//! The attachments folder: files named by the hash of their bytes, so they are written once and never change.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Digest, Result, Store, StoreError};

const ATTACHMENTS: &str = "attachments";

/// `<folder of a store>/attachments/ab/abcdef…`
pub(crate) fn path_in(dir: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    dir.join(ATTACHMENTS).join(&name[..2]).join(name)
}

/// Stores bytes under their hash, durably; does nothing if they are there already.
pub(crate) fn put(dir: &Path, bytes: &[u8]) -> Result<Digest> {
    /// Tells apart the temporary files of one process.
    static NEXT: AtomicU64 = AtomicU64::new(0);

    let digest = Digest::of(bytes);
    let path = path_in(dir, &digest);
    // A file of another length is the remains of a damaged disk: what is right replaces it.
    if fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == bytes.len() as u64) {
        return Ok(digest);
    }
    let folder = path.parent().expect("an attachment is in a folder");
    fs::create_dir_all(folder).map_err(|error| StoreError::io(folder, error))?;
    let temporary = folder.join(format!(
        ".{digest}.{}.{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ));
    let written = write_durably(&temporary, &path, bytes);
    if let Err(error) = written {
        // What failed is the news, not that its remains could not be removed.
        let _ = fs::remove_file(&temporary);
        return Err(StoreError::io(&path, error));
    }
    for folder in folder.ancestors().take(3) {
        sync_folder(folder)?;
    }
    Ok(digest)
}

fn write_durably(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(temporary, path)
}

/// Makes a renamed or new name in a folder durable. Windows has no such call, and needs none.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| StoreError::io(folder, error))?;
    }
    Ok(())
}

impl Store {
    /// Keeps bytes durably under their hash; the same bytes are kept once. They belong to no note until
    /// [`crate::Write::attach`] ties them to one.
    pub fn put_attachment(&self, bytes: &[u8]) -> Result<Digest> {
        put(self.dir(), bytes)
    }

    /// Where the bytes of a digest are, if they are kept.
    pub fn attachment_path(&self, digest: &Digest) -> PathBuf {
        path_in(self.dir(), digest)
    }
}
