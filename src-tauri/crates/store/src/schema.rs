//! The tables, the numbered migrations that make them, and how a connection is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use crate::{Result, StoreError, backup};

/// "Cmpl": marks the file as Commonplace's (`PRAGMA application_id`).
const APPLICATION_ID: i64 = 0x436d_706c;
/// Older ones can lose commits when the write-ahead log restarts.
const SQLITE_VERSION: i32 = 3_051_003;
/// How long one process waits for another's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages in the log before it is copied into the database: fewer copies in bulk than the default of
/// 1,000, and still only 8 MB to look through.
const CHECKPOINT_PAGES: i64 = 2_000;
/// The log's file is cut back to this many bytes after a checkpoint.
const LOG_LIMIT: i64 = 64 << 20;
/// Page cache of the writer and of each reader in KiB; the system's own cache stands behind them.
const WRITER_CACHE: i64 = 8_192;
const READER_CACHE: i64 = 2_048;
/// Prepared statements kept per connection: more than there are in the crate.
const STATEMENTS: usize = 160;

/// Schema changes in order: the one at index `i` leads to `user_version` `i + 1`. Those that were
/// released are never edited.
pub(crate) const MIGRATIONS: &[&str] =
    &[VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6];

/// `notes` holds what lists and scans need; texts are apart in `bodies`, so that neither a list nor a change
/// of a flag drags them through the page cache. Whatever else hangs on a note is derived from its
/// text, except its revisions and attachments.
///
/// Every index on `notes` is paid for in each save: those on `created` and on the title are only
/// touched if these change. `notebook` ends the sort indexes so that a notebook's list is read from
/// them alone. `notes_unchunked` holds just what waits to be embedded.
///
/// A chunk's id is `note << 16 | ordinal`: a note's chunks lie together without another index.
const VERSION_1: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('uuid', lower(hex(randomblob(16))));
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE notebooks (id INTEGER PRIMARY KEY, path TEXT NOT NULL, key TEXT NOT NULL UNIQUE);

CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    seq INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    pinned INTEGER NOT NULL,
    notebook INTEGER NOT NULL,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    saved INTEGER NOT NULL,
    kept INTEGER,
    trashed INTEGER,
    chunked_seq INTEGER NOT NULL DEFAULT 0,
    vector_seq INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0,
    skipped TEXT,
    size INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    hash BLOB NOT NULL,
    tags TEXT NOT NULL,
    all_tags TEXT NOT NULL,
    title_key TEXT NOT NULL,
    title TEXT NOT NULL,
    excerpt TEXT NOT NULL
);
CREATE UNIQUE INDEX notes_seq ON notes (seq);
CREATE INDEX notes_updated ON notes (pinned, updated, notebook) WHERE trashed IS NULL;
CREATE INDEX notes_created ON notes (pinned, created, notebook) WHERE trashed IS NULL;
CREATE INDEX notes_title ON notes (pinned DESC, title_key, notebook) WHERE trashed IS NULL;
CREATE INDEX notes_trash ON notes (trashed) WHERE trashed IS NOT NULL;
CREATE INDEX notes_unchunked ON notes (seq) WHERE chunked_seq <> seq AND trashed IS NULL;
CREATE INDEX notes_skipped ON notes (trashed) WHERE skipped IS NOT NULL;
CREATE INDEX notes_vectors ON notes (vector_seq, trashed, chunks) WHERE vector_seq > 0;

CREATE TABLE bodies (note INTEGER PRIMARY KEY, body TEXT NOT NULL, front_matter TEXT NOT NULL);

CREATE TABLE tombstones (
    note INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL UNIQUE,
    vector_seq INTEGER NOT NULL UNIQUE
);

CREATE TABLE revisions (
    note INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    saved INTEGER NOT NULL,
    chars INTEGER NOT NULL,
    hash BLOB NOT NULL,
    tags TEXT NOT NULL,
    title TEXT NOT NULL,
    front_matter TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (note, revision)
);

CREATE TABLE note_tags (
    key TEXT NOT NULL,
    note INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (key, note)
) WITHOUT ROWID;

CREATE TABLE aliases (
    note INTEGER NOT NULL,
    key TEXT NOT NULL,
    alias TEXT NOT NULL,
    PRIMARY KEY (note, key)
) WITHOUT ROWID;
CREATE INDEX aliases_key ON aliases (key);

CREATE TABLE links (
    note INTEGER NOT NULL,
    start INTEGER NOT NULL,
    finish INTEGER NOT NULL,
    key TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (note, start)
) WITHOUT ROWID;
CREATE INDEX links_key ON links (key);

CREATE TABLE tasks (
    note INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    line INTEGER NOT NULL,
    done INTEGER NOT NULL,
    due TEXT,
    text TEXT NOT NULL,
    PRIMARY KEY (note, ordinal)
) WITHOUT ROWID;
CREATE INDEX tasks_open ON tasks (note) WHERE done = 0;

CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    model INTEGER NOT NULL,
    start INTEGER NOT NULL,
    finish INTEGER NOT NULL,
    digest BLOB NOT NULL,
    heading_path TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX chunks_digest ON chunks (digest);

CREATE TABLE attachments (
    note INTEGER NOT NULL,
    digest BLOB NOT NULL,
    name TEXT NOT NULL,
    mime TEXT NOT NULL,
    size INTEGER NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (note, digest, name)
) WITHOUT ROWID;
CREATE INDEX attachments_digest ON attachments (digest);

CREATE TABLE imports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    notebook TEXT NOT NULL,
    state TEXT NOT NULL,
    started INTEGER NOT NULL,
    finished INTEGER,
    error TEXT
);
CREATE TABLE import_roots (
    import INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (import, ordinal)
) WITHOUT ROWID;
CREATE TABLE import_items (
    import INTEGER NOT NULL,
    path TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    note INTEGER,
    PRIMARY KEY (import, path)
) WITHOUT ROWID;

CREATE TABLE sources (
    path TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    note INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sources_digest ON sources (digest);
CREATE INDEX sources_note ON sources (note);
";

/// Source files by number: with the path as the key of the table, each of its indexes held every path once more.
/// Eight bytes of a digest tell files apart.
const VERSION_2: &str = "
CREATE TABLE source_files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    note INTEGER NOT NULL
);
INSERT INTO source_files (path, digest, size, mtime, note)
SELECT path, digest, size, mtime, note FROM sources ORDER BY path;
DROP TABLE sources;
ALTER TABLE source_files RENAME TO sources;
CREATE INDEX sources_digest ON sources (substr(digest, 1, 8));
CREATE INDEX sources_note ON sources (note);
";

/// What an import that was cut off or paused needs to go on, and one that is undone to put back.
const VERSION_3: &str = "
ALTER TABLE imports ADD COLUMN on_change TEXT NOT NULL DEFAULT 'update';
ALTER TABLE imports ADD COLUMN found INTEGER NOT NULL DEFAULT 0;
CREATE TABLE import_replaced (
    import INTEGER NOT NULL,
    path TEXT NOT NULL,
    note INTEGER NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    revision INTEGER,
    updated INTEGER,
    notebook TEXT,
    attached BLOB,
    PRIMARY KEY (import, path)
) WITHOUT ROWID;
";

/// `seq`: up to which change of notes the files are written. `modified` and `changed` are nanoseconds of the
/// file's times, `hash` is that of the note's content. Rows of a note outlive it, so that its file follows it.
const VERSION_4: &str = "
CREATE TABLE watched_folders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    notebook INTEGER NOT NULL,
    added INTEGER NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    asking INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE watched_files (
    folder INTEGER NOT NULL,
    path TEXT NOT NULL,
    note INTEGER NOT NULL,
    state TEXT NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (folder, path)
) WITHOUT ROWID;
CREATE INDEX watched_files_note ON watched_files (note, folder);
CREATE TABLE watched_attachments (
    folder INTEGER NOT NULL,
    path TEXT NOT NULL,
    note INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (folder, path, note)
) WITHOUT ROWID;
";

/// How often a person opened a note, and when last (milliseconds).
const VERSION_5: &str = "
CREATE TABLE opens (note INTEGER PRIMARY KEY, count INTEGER NOT NULL, last INTEGER NOT NULL);
";

/// Chunks of two models side by side, so that one can serve while the next is made. Each model has a side,
/// 0 or 1: the columns of `notes` without a suffix and those with `_b`, and bit 48 of a chunk's id.
/// -1 in `chunked_seq`: the side is not in use, and the note is in none of its indexes.
const VERSION_6: &str = "
ALTER TABLE models ADD COLUMN side INTEGER;
UPDATE models SET side = 0 WHERE name = (SELECT value FROM meta WHERE key = 'model');
CREATE UNIQUE INDEX models_side ON models (side) WHERE side IS NOT NULL;
ALTER TABLE notes ADD COLUMN chunked_seq_b INTEGER NOT NULL DEFAULT -1;
ALTER TABLE notes ADD COLUMN vector_seq_b INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notes ADD COLUMN chunks_b INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notes ADD COLUMN skipped_b TEXT;
DROP INDEX notes_unchunked;
CREATE INDEX notes_unchunked ON notes (seq)
    WHERE chunked_seq <> seq AND chunked_seq >= 0 AND trashed IS NULL;
CREATE INDEX notes_unchunked_b ON notes (seq)
    WHERE chunked_seq_b <> seq AND chunked_seq_b >= 0 AND trashed IS NULL;
CREATE INDEX notes_skipped_b ON notes (trashed) WHERE skipped_b IS NOT NULL;
CREATE INDEX notes_vectors_b ON notes (vector_seq_b, trashed, chunks_b) WHERE vector_seq_b > 0;
";

/// Opens the database for writing, creates or migrates it, and asserts what durability rests on.
pub(crate) fn open_writer(path: &Path, backups: &Path, migrations: &[&str]) -> Result<Connection> {
    let mut conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    let settings = |detail: String| StoreError::Settings { path: path.to_owned(), detail };
    if rusqlite::version_number() < SQLITE_VERSION {
        return Err(settings(format!("SQLite {} is too old", rusqlite::version())));
    }
    conn.busy_timeout(BUSY_TIMEOUT)?;
    check_version(&conn, path, migrations.len())?;
    let journal: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !journal.eq_ignore_ascii_case("wal") {
        return Err(settings(format!("the journal is “{journal}”, not a write-ahead log")));
    }
    conn.execute_batch("PRAGMA synchronous = FULL")?;
    let synchronous: i64 = conn.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
    if synchronous != 2 {
        return Err(settings(format!("synchronous is {synchronous}, not 2 (FULL)")));
    }
    set_pragma(&conn, "cache_size", -WRITER_CACHE)?;
    // What a savepoint would undo is kept in memory, not in a file.
    conn.execute_batch("PRAGMA temp_store = MEMORY")?;
    set_pragma(&conn, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    set_pragma(&conn, "journal_size_limit", LOG_LIMIT)?;
    keep_statements(&conn)?;
    migrate(&mut conn, path, backups, migrations)?;
    Ok(conn)
}

/// How the database's file is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Through the log, which other connections may be writing.
    Shared,
    /// Nobody can write it, so that SQLite needs neither a log nor locks, for which it would make files.
    Immutable,
}

impl Access {
    /// For a folder that cannot be written. A log that a crash left there is read where SQLite can.
    pub(crate) fn unwritable(path: &Path) -> Result<Access> {
        let exists = path.try_exists().map_err(|error| StoreError::io(path, error))?;
        if !exists {
            return Err(StoreError::ReadOnly { path: path.to_owned() });
        }
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
        Ok(if log { Access::Shared } else { Access::Immutable })
    }
}

/// Opens a connection that cannot write.
pub(crate) fn open_reader(path: &Path, access: Access) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = match access {
        Access::Shared => Connection::open_with_flags(path, flags)?,
        Access::Immutable => {
            let uri = format!("{}?immutable=1", file_uri(path));
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
        }
    };
    conn.busy_timeout(BUSY_TIMEOUT)?;
    set_pragma(&conn, "cache_size", -READER_CACHE)?;
    keep_statements(&conn)?;
    Ok(conn)
}

/// A path as SQLite's URI filenames have it (sqlite.org/uri.html).
fn file_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'%' | b'?' | b'#' => uri.push_str(&format!("%{byte:02x}")),
            byte if byte.is_ascii() => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri
}

/// Refuses a database that would have to be migrated, which needs writing.
pub(crate) fn check_current(conn: &Connection, path: &Path) -> Result<()> {
    check_version(conn, path, MIGRATIONS.len())?;
    if user_version(conn)? < MIGRATIONS.len() as i64 {
        return Err(StoreError::ReadOnly { path: path.to_owned() });
    }
    Ok(())
}

/// Keeps prepared statements, and their plans whatever is bound to them: otherwise SQLite prepares
/// each statement on a table with partial indexes anew when its parameters change.
fn keep_statements(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Some pragmas answer with a row and some do not.
fn set_pragma(conn: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    conn.query_row(&format!("PRAGMA {name} = {value}"), [], |_| Ok(())).optional()?;
    Ok(())
}

fn user_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Refuses a file that is not ours or is from the future, before anything is written to it.
fn check_version(conn: &Connection, path: &Path, known: usize) -> Result<()> {
    let found = user_version(conn)?;
    let application: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = found == 0 && application == 0 && tables == 0;
    if !fresh && application != APPLICATION_ID {
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            detail: "it is another program's database".to_owned(),
        });
    }
    let known = known as i64;
    if found > known {
        return Err(StoreError::NewerVersion { path: path.to_owned(), found, known });
    }
    Ok(())
}

fn migrate(conn: &mut Connection, path: &Path, backups: &Path, migrations: &[&str]) -> Result<()> {
    loop {
        let found = user_version(conn)?;
        if usize::try_from(found).is_ok_and(|found| found >= migrations.len()) {
            return check_version(conn, path, migrations.len());
        }
        if found > 0 {
            backup::before_migration(conn, backups, found)?;
        }
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been quicker.
        let current = user_version(&transaction)?;
        if current == found {
            let step = usize::try_from(found).ok().and_then(|step| migrations.get(step));
            transaction.execute_batch(step.expect("a version below the newest has a migration"))?;
            set_pragma(&transaction, "application_id", APPLICATION_ID)?;
            set_pragma(&transaction, "user_version", found + 1)?;
        }
        transaction.commit()?;
    }
}
