//! The attachments folder: files named by the hash of their bytes, so they are written once and never change.
//! Those that nothing refers to any more are removed long after.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::{Digest, Read, Result, Store, StoreError};

const ATTACHMENTS: &str = "attachments";
/// Ends the name of a file that is being removed.
const UNUSED: &str = ".unused";

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
        // As of now it is wanted: whoever removes what is unused sees that, or has moved it away already.
        let touched = File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        if touched.is_ok() && path.exists() {
            return Ok(digest);
        }
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

/// What [`Store::remove_unused_attachments`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    pub files: usize,
    pub bytes: u64,
}

/// Whether a file's bytes were wanted within the last `grace`.
fn is_fresh(path: &Path, grace: Duration) -> io::Result<bool> {
    let modified = fs::metadata(path)?.modified()?;
    // A time that is yet to come is no reason to remove anything.
    Ok(SystemTime::now().duration_since(modified).is_ok_and(|age| age < grace)
        || modified > SystemTime::now())
}

impl Store {
    /// Removes the files that no note refers to and that nobody has put or wanted for `grace`, which has to be
    /// longer than an import keeps a file before its note is stored. A few files at a time are looked up, so that
    /// nothing waits for it; stops early when `cancelled` says so.
    ///
    /// # Errors
    /// Names the file or folder that could not be read or removed; what was removed until then stays so.
    pub fn remove_unused_attachments(
        &self,
        grace: Duration,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Removed> {
        let mut removed = Removed::default();
        let top = self.dir().join(ATTACHMENTS);
        let entries = |folder: &Path| -> Result<Vec<PathBuf>> {
            let found = match fs::read_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                found => found.map_err(|error| StoreError::io(folder, error))?,
            };
            let paths = found.map(|entry| entry.map(|entry| entry.path()));
            paths.collect::<io::Result<_>>().map_err(|error| StoreError::io(folder, error))
        };
        for folder in entries(&top)? {
            if cancelled() {
                return Ok(removed);
            }
            if !folder.is_dir() {
                continue;
            }
            for path in entries(&folder)? {
                if cancelled() {
                    return Ok(removed);
                }
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let plain = name.strip_prefix('.').unwrap_or(&name).split('.').next();
                // A name that is none of ours is somebody else's file.
                let Some(digest) = plain.and_then(|plain| plain.parse().ok()) else { continue };
                if let Some(bytes) = self.remove_unused(&path, &digest, grace)? {
                    removed.files += 1;
                    removed.bytes += bytes;
                }
            }
        }
        Ok(removed)
    }

    /// The size of a file that was removed. It is an attachment, or what a crash left of one that was being
    /// written or removed.
    fn remove_unused(&self, path: &Path, digest: &Digest, grace: Duration) -> Result<Option<u64>> {
        let io = |error| StoreError::io(path, error);
        let home = self.attachment_path(digest);
        let is_used = || self.read(|read| read.is_attached(digest));
        let aside = home.with_file_name(format!(".{digest}{UNUSED}"));
        if path == home {
            if is_used()? || is_fresh(path, grace).map_err(io)? {
                return Ok(None);
            }
            // Away first: whoever puts the same bytes from now on writes them anew, and whoever found
            // them here just before has touched them.
            fs::rename(path, &aside).map_err(io)?;
        } else if path != aside && is_fresh(path, grace).map_err(io)? {
            return Ok(None);
        }
        if (path == home || path == aside) && (is_used()? || is_fresh(&aside, grace).map_err(io)?) {
            fs::rename(&aside, &home).map_err(io)?;
            return Ok(None);
        }
        let last = if path == home { &aside } else { path };
        let size = fs::metadata(last).map_err(io)?.len();
        fs::remove_file(last).map_err(io)?;
        Ok(Some(size))
    }

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

impl Read<'_> {
    /// Whether some note, in the trash or not, refers to these bytes.
    pub fn is_attached(&self, digest: &Digest) -> Result<bool> {
        let sql = "SELECT 1 FROM attachments WHERE digest = ?1 LIMIT 1";
        Ok(self.row(sql, [digest], |_| Ok(()))?.is_some())
    }
}
