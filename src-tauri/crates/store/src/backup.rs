//! Verified copies, and the search for bit rot, which SQLite itself does not notice.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use note::NoteId;
use rusqlite::{Connection, OpenFlags};

use crate::attachments::{path_in, put, sync_folder};
use crate::text::content_hash;
use crate::{DATABASE, Damage, Digest, Read, Result, ScrubReport, Store, StoreError};

/// Notes or attachments checked per snapshot, so that a scrub never holds one for long.
const PAGE: i64 = 200;

impl Store {
    /// Copies the store as it is now into `to`, a folder that is empty or not there yet, and verifies the copy:
    /// [`Store::open`] can open it. Saving goes on meanwhile.
    ///
    /// # Errors
    /// Names what could not be copied; damage that is found is an error too, and the copy is left for inspection
    /// as `store.db.part`.
    pub fn backup(&self, to: &Path) -> Result<()> {
        let io = |error| StoreError::io(to, error);
        fs::create_dir_all(to).map_err(io)?;
        if fs::read_dir(to).map_err(io)?.next().is_some() {
            let what = format!("{} is not empty: a backup needs a folder of its own", to.display());
            return Err(StoreError::Invalid { what });
        }
        let database = to.join(DATABASE);
        // Not within a snapshot: SQLite takes its own for the copy.
        let conn = self.inner.reader()?;
        let copied = copy_database(&conn, &database).map_err(|error| error.at(&database));
        self.inner.give_back(conn);
        for digest in copied? {
            let from = self.attachment_path(&digest);
            let bytes = fs::read(&from).map_err(|error| StoreError::io(&from, error))?;
            if put(to, &bytes)? != digest {
                let detail = "the attachment does not match its hash".to_owned();
                return Err(StoreError::Corrupt { path: from, detail });
            }
        }
        sync_folder(to)
    }

    /// Compares every note and attachment with its hash. Reads everything in small steps; stops early
    /// when `cancelled` says so, with what was found until then.
    pub fn scrub(&self, cancelled: &dyn Fn() -> bool) -> Result<ScrubReport> {
        let mut report = ScrubReport::default();
        let mut after = 0;
        while !cancelled() {
            let (last, notes, damaged) = self.read(|read| check_notes(read, after))?;
            report.notes += notes;
            report.damage.extend(damaged.into_iter().map(Damage::Note));
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        let digests = self.read(attachment_digests)?;
        for digest in digests {
            if cancelled() {
                break;
            }
            report.attachments += 1;
            match fs::read(path_in(self.dir(), &digest)) {
                Ok(bytes) if Digest::of(&bytes) == digest => {}
                Ok(_) => report.damage.push(Damage::Attachment(digest)),
                Err(_) => report.damage.push(Damage::MissingAttachment(digest)),
            }
        }
        Ok(report)
    }
}

/// Checks one page of notes after a number: `(last checked or None at the end, how many, damaged ones)`.
fn check_notes(read: &Read<'_>, after: i64) -> Result<(Option<i64>, usize, Vec<NoteId>)> {
    let mut statement = read.conn.prepare_cached(
        "SELECT id, hash, title, tags, coalesce(body, ''), coalesce(front_matter, '')
         FROM notes LEFT JOIN bodies ON note = id WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = statement.query([after, PAGE])?;
    let (mut last, mut count, mut damaged) = (None, 0, Vec::new());
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let hash: [u8; 32] = row.get(1)?;
        // Damaged text may not even be UTF-8.
        let text = |column| row.get_ref(column).ok().and_then(|value| value.as_str().ok());
        let found = match (text(2), text(4), text(5), text(3)) {
            (Some(title), Some(body), Some(front_matter), Some(tags)) => {
                Some(content_hash(title, body, front_matter, tags))
            }
            _ => None,
        };
        if found != Some(hash) {
            damaged.push(NoteId(id));
        }
        last = Some(id);
        count += 1;
    }
    Ok((last, count, damaged))
}

/// Copies the database before its tables are changed, into `backups`, and verifies the copy.
pub(crate) fn before_migration(conn: &Connection, backups: &Path, version: i64) -> Result<()> {
    fs::create_dir_all(backups).map_err(|error| StoreError::io(backups, error))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut path = backups.join(format!("store-v{version}-{now}.db"));
    let mut again = 1;
    while path.exists() {
        again += 1;
        path = backups.join(format!("store-v{version}-{now}-{again}.db"));
    }
    copy_file(conn, &path, quick_check)
}

/// Copies the database and checks every note in the copy; returns the attachments that it refers to.
fn copy_database(conn: &Connection, path: &Path) -> Result<Vec<Digest>> {
    copy_file(conn, path, |copy| {
        quick_check(copy)?;
        let read = Read::new(copy);
        let mut after = 0;
        while let (Some(last), _, damaged) = check_notes(&read, after)? {
            if let Some(note) = damaged.first() {
                let detail = format!("note {note} does not match its hash");
                return Err(StoreError::Corrupt { path: path.to_owned(), detail });
            }
            after = last;
        }
        attachment_digests(&read)
    })
}

fn attachment_digests(read: &Read<'_>) -> Result<Vec<Digest>> {
    read.rows("SELECT DISTINCT digest FROM attachments", [], |row| row.get(0))
}

/// Writes a compact copy beside `path`, verifies it and gives it its name, durably.
fn copy_file<T>(
    conn: &Connection,
    path: &Path,
    verify: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let part = PathBuf::from(format!("{}.part", path.display()));
    let io = |error| StoreError::io(path, error);
    let name = part.to_str().ok_or_else(|| StoreError::Invalid {
        what: format!("{} is not a name that SQLite can write to", path.display()),
    })?;
    conn.execute("VACUUM INTO ?1", [name])?;
    let copy = Connection::open_with_flags(&part, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|error| StoreError::from(error).at(&part))?;
    let verified = verify(&copy).map_err(|error| error.at(&part))?;
    drop(copy);
    fs::File::open(&part).and_then(|file| file.sync_all()).map_err(io)?;
    fs::rename(&part, path).map_err(io)?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(verified)
}

fn quick_check(conn: &Connection) -> Result<()> {
    let found: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt {
            path: PathBuf::from(conn.path().unwrap_or_default()),
            detail: found,
        })
    }
}
