//! Folders that are kept in step with a notebook, and what each of their files was when the two were last equal.

use note::{NoteId, Seq, Timestamp};
use rusqlite::{Row, params};

use crate::text::{notebook_path, path_key};
use crate::{
    FolderId, Read, Result, StoreError, WatchedAttachment, WatchedFile, WatchedFolder, Write,
};

const SELECT_FOLDER: &str = "
SELECT watched_folders.id, watched_folders.path, notebooks.path, paused, asking, seq
FROM watched_folders LEFT JOIN notebooks ON notebooks.id = notebook";
/// The notes of a folder's notebook and those below it.
const IN_FOLDER: &str = "notebook IN (
SELECT below.id FROM watched_folders AS folder JOIN notebooks AS root ON root.id = folder.notebook
     JOIN notebooks AS below
          ON below.key = root.key OR (below.key > root.key || '/' AND below.key < root.key || '0')
WHERE folder.id = ?1)";

impl Write<'_> {
    /// Begins to keep a folder in step with a notebook, which is made if need be.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if the folder is watched already, or the notebook is another watched
    /// folder's, within such a one, or around it.
    pub fn add_watched_folder(
        &mut self,
        path: &str,
        notebook: &str,
        now: Timestamp,
    ) -> Result<FolderId> {
        self.change(|write| {
            let notebook = notebook_path(notebook);
            let key = path_key(&notebook);
            for other in write.watched_folders()? {
                if other.path == path {
                    let what = format!("{path} is a watched folder already");
                    return Err(StoreError::Invalid { what });
                }
                let Some(held) = other.notebook else { continue };
                let held_key = path_key(&held);
                let within = |inner: &str, outer: &str| {
                    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                if within(&key, &held_key) || within(&held_key, &key) {
                    let what = format!(
                        "the notebook “{notebook}” overlaps with “{held}”, which is kept in step with {}",
                        other.path
                    );
                    return Err(StoreError::Invalid { what });
                }
            }
            write.create_notebook(&notebook)?;
            write.execute(
                "INSERT INTO watched_folders (path, notebook, added)
                 SELECT ?1, id, ?3 FROM notebooks WHERE key = ?2",
                params![path, key, now.0],
            )?;
            Ok(FolderId(write.conn.last_insert_rowid()))
        })
    }

    /// Forgets a folder; its files and notes stay as they are.
    pub fn remove_watched_folder(&mut self, folder: FolderId) -> Result<()> {
        self.change(|write| {
            write.execute("DELETE FROM watched_files WHERE folder = ?1", [folder.0])?;
            write.execute("DELETE FROM watched_attachments WHERE folder = ?1", [folder.0])?;
            match write.execute("DELETE FROM watched_folders WHERE id = ?1", [folder.0])? {
                0 => Err(StoreError::NoSuchFolder { folder }),
                _ => Ok(()),
            }
        })
    }

    pub fn set_folder_paused(&mut self, folder: FolderId, paused: bool) -> Result<()> {
        let sql = "UPDATE watched_folders SET paused = ?2 WHERE id = ?1";
        self.change(|write| match write.execute(sql, params![folder.0, paused])? {
            0 => Err(StoreError::NoSuchFolder { folder }),
            _ => Ok(()),
        })
    }

    /// Whether a question about vanished files is open.
    pub fn set_folder_asking(&mut self, folder: FolderId, asking: bool) -> Result<()> {
        let sql = "UPDATE watched_folders SET asking = ?2 WHERE id = ?1";
        self.change(|write| write.execute(sql, params![folder.0, asking]).map(drop))
    }

    /// Records up to which change of notes the folder's files are written.
    pub fn set_folder_seq(&mut self, folder: FolderId, seq: Seq) -> Result<()> {
        let sql = "UPDATE watched_folders SET seq = ?2 WHERE id = ?1";
        self.change(|write| write.execute(sql, params![folder.0, seq.0]).map(drop))
    }

    /// Records how a file and its note stand; replaces what was known of either.
    pub fn put_watched_file(&mut self, folder: FolderId, file: &WatchedFile) -> Result<()> {
        self.change(|write| {
            write.execute(
                "DELETE FROM watched_files WHERE folder = ?1 AND note = ?2 AND path <> ?3",
                params![folder.0, file.note.0, file.path],
            )?;
            write.execute(
                "INSERT OR REPLACE INTO watched_files
                     (folder, path, note, state, digest, size, modified, changed, hash)
                 SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM watched_folders WHERE id = ?1",
                params![
                    folder.0,
                    file.path,
                    file.note.0,
                    file.state,
                    file.digest,
                    file.size as i64,
                    file.modified,
                    file.changed,
                    file.hash,
                ],
            )?;
            Ok(())
        })
    }

    pub fn delete_watched_file(&mut self, folder: FolderId, path: &str) -> Result<()> {
        let sql = "DELETE FROM watched_files WHERE folder = ?1 AND path = ?2";
        self.change(|write| write.execute(sql, params![folder.0, path]).map(drop))
    }

    /// Records which file an attachment of a note was read from or written to.
    pub fn put_watched_attachment(
        &mut self,
        folder: FolderId,
        attachment: &WatchedAttachment,
    ) -> Result<()> {
        self.change(|write| {
            write.execute(
                "INSERT OR REPLACE INTO watched_attachments
                     (folder, path, note, name, digest, size, modified, changed)
                 SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM watched_folders WHERE id = ?1",
                params![
                    folder.0,
                    attachment.path,
                    attachment.note.0,
                    attachment.name,
                    attachment.digest,
                    attachment.size as i64,
                    attachment.modified,
                    attachment.changed,
                ],
            )?;
            Ok(())
        })
    }
}

impl Read<'_> {
    /// Every watched folder, the first added first.
    pub fn watched_folders(&self) -> Result<Vec<WatchedFolder>> {
        self.rows(&format!("{SELECT_FOLDER} ORDER BY watched_folders.id"), [], folder_from_row)
    }

    pub fn watched_folder(&self, folder: FolderId) -> Result<Option<WatchedFolder>> {
        let sql = format!("{SELECT_FOLDER} WHERE watched_folders.id = ?1");
        self.row(&sql, [folder.0], folder_from_row)
    }

    /// Every file of a folder that is known, by path.
    pub fn watched_files(&self, folder: FolderId) -> Result<Vec<WatchedFile>> {
        self.rows(
            "SELECT path, note, state, digest, size, modified, changed, hash
             FROM watched_files WHERE folder = ?1 ORDER BY path",
            [folder.0],
            |row| {
                Ok(WatchedFile {
                    path: row.get(0)?,
                    note: NoteId(row.get(1)?),
                    state: row.get(2)?,
                    digest: row.get(3)?,
                    size: row.get::<_, i64>(4)?.cast_unsigned(),
                    modified: row.get(5)?,
                    changed: row.get(6)?,
                    hash: row.get(7)?,
                })
            },
        )
    }

    pub fn watched_attachments(&self, folder: FolderId) -> Result<Vec<WatchedAttachment>> {
        self.rows(
            "SELECT path, note, name, digest, size, modified, changed
             FROM watched_attachments WHERE folder = ?1 ORDER BY path",
            [folder.0],
            |row| {
                Ok(WatchedAttachment {
                    path: row.get(0)?,
                    note: NoteId(row.get(1)?),
                    name: row.get(2)?,
                    digest: row.get(3)?,
                    size: row.get::<_, i64>(4)?.cast_unsigned(),
                    modified: row.get(5)?,
                    changed: row.get(6)?,
                })
            },
        )
    }

    /// Notes of the folder's notebook, and notes that it has a file for, that changed after `since`; deleted
    /// ones among them.
    pub fn folder_changes(&self, folder: FolderId, since: Seq) -> Result<Vec<NoteId>> {
        let has_file =
            "(SELECT 1 FROM watched_files AS file WHERE file.folder = ?1 AND file.note =";
        self.rows(
            &format!(
                "SELECT id FROM notes WHERE seq > ?2 AND ({IN_FOLDER} OR EXISTS {has_file} id))
                 UNION ALL
                 SELECT note FROM tombstones WHERE seq > ?2 AND EXISTS {has_file} tombstones.note)"
            ),
            params![folder.0, since.0],
            |row| Ok(NoteId(row.get(0)?)),
        )
    }

    /// Notes of the folder's notebook, outside the trash, that have no file: `(note, title, notebook)`.
    pub fn notes_without_file(&self, folder: FolderId) -> Result<Vec<(NoteId, String, String)>> {
        self.rows(
            &format!(
                "SELECT notes.id, title, notebooks.path
                 FROM notes JOIN notebooks ON notebooks.id = notebook
                 WHERE trashed IS NULL AND {IN_FOLDER} AND NOT EXISTS (
                     SELECT 1 FROM watched_files WHERE folder = ?1 AND note = notes.id)
                 ORDER BY notes.id"
            ),
            [folder.0],
            |row| Ok((NoteId(row.get(0)?), row.get(1)?, row.get(2)?)),
        )
    }

    /// Whether some watched folder has a file for the note.
    pub fn has_watched_file(&self, note: NoteId) -> Result<bool> {
        let sql = "SELECT 1 FROM watched_files WHERE note = ?1 LIMIT 1";
        Ok(self.row(sql, [note.0], |_| Ok(()))?.is_some())
    }
}

fn folder_from_row(row: &Row<'_>) -> rusqlite::Result<WatchedFolder> {
    Ok(WatchedFolder {
        id: FolderId(row.get(0)?),
        path: row.get(1)?,
        notebook: row.get(2)?,
        paused: row.get(3)?,
        asking: row.get(4)?,
        seq: Seq(row.get(5)?),
    })
}
