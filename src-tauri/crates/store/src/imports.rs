//! What came from outside: attachments of notes, imports and their items, source files.

use std::collections::{HashMap, HashSet};

use note::{NoteDraft, NoteId, NoteSet, Timestamp};
use rusqlite::{Row, params};

use crate::read::sql_int;
use crate::text::path_key;
use crate::{
    AttachmentRef, Before, Digest, Import, ImportId, ImportItem, ImportState, ItemCounts,
    ItemState, OnChange, Read, Replaced, Result, Source, StoreError, Write,
};

impl Write<'_> {
    /// Ties a stored attachment to a note, or replaces the tie of the same name and digest. The note takes a new seq.
    pub fn attach(&mut self, note: NoteId, attachment: &AttachmentRef) -> Result<note::Seq> {
        self.change(|write| {
            let seq = write.touch(note)?;
            write.execute(
                "INSERT OR REPLACE INTO attachments (note, digest, name, mime, size, role)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    note.0,
                    attachment.digest,
                    attachment.name,
                    attachment.mime,
                    attachment.size as i64,
                    attachment.role,
                ],
            )?;
            Ok(seq)
        })
    }

    /// Unties an attachment from a note; false if it was not tied. The file stays.
    pub fn detach(&mut self, note: NoteId, digest: &Digest) -> Result<bool> {
        self.change(|write| {
            let untied = write.execute(
                "DELETE FROM attachments WHERE note = ?1 AND digest = ?2",
                params![note.0, digest],
            )?;
            if untied > 0 {
                write.touch(note)?;
            }
            Ok(untied > 0)
        })
    }

    /// Records that an import of files and folders into a notebook begins.
    pub fn begin_import(
        &mut self,
        roots: &[String],
        notebook: &str,
        on_change: OnChange,
        now: Timestamp,
    ) -> Result<ImportId> {
        self.change(|write| {
            write.execute(
                "INSERT INTO imports (notebook, on_change, state, started) VALUES (?1, ?2, ?3, ?4)",
                params![notebook, on_change, ImportState::Running, now.0],
            )?;
            let id = write.conn.last_insert_rowid();
            for (ordinal, root) in roots.iter().enumerate() {
                write.execute(
                    "INSERT INTO import_roots (import, ordinal, path) VALUES (?1, ?2, ?3)",
                    params![id, ordinal as i64, root],
                )?;
            }
            Ok(ImportId(id))
        })
    }

    /// Records what became of one file of an import.
    pub fn put_import_item(
        &mut self,
        import: ImportId,
        path: &str,
        state: ItemState,
        reason: Option<&str>,
        note: Option<NoteId>,
    ) -> Result<()> {
        self.change(|write| {
            write.execute(
                "INSERT INTO import_items (import, path, state, reason, note) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (import, path) DO UPDATE
                 SET state = excluded.state, reason = excluded.reason, note = excluded.note",
                params![import.0, path, state, reason, note.map(|note| note.0)],
            )?;
            Ok(())
        })
    }

    /// Moves an import to another state; `now` becomes its end unless it runs again.
    pub fn set_import_state(
        &mut self,
        import: ImportId,
        state: ImportState,
        error: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        self.change(|write| {
            let finished = (state != ImportState::Running).then_some(now.0);
            let found = write.execute(
                "UPDATE imports SET state = ?2, finished = ?3, error = ?4 WHERE id = ?1",
                params![import.0, state, finished, error],
            )?;
            if found == 0 { Err(StoreError::NoSuchImport { import }) } else { Ok(()) }
        })
    }

    /// Records how many files an import has found, those included of which there is no item yet.
    pub fn set_import_found(&mut self, import: ImportId, found: usize) -> Result<()> {
        self.change(|write| {
            write.execute(
                "UPDATE imports SET found = ?2 WHERE id = ?1",
                params![import.0, sql_int(found)],
            )?;
            Ok(())
        })
    }

    /// Records what an import puts in the place of an earlier one, so that it can be undone.
    pub fn put_replaced(&mut self, import: ImportId, replaced: &Replaced) -> Result<()> {
        let Replaced { source, before } = replaced;
        self.change(|write| {
            // The first is what stood before the import.
            write.execute(
                "INSERT OR IGNORE INTO import_replaced (import, path, note, digest, size, mtime,
                     revision, updated, notebook, attached)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    import.0,
                    source.path,
                    source.note.0,
                    source.digest,
                    source.size as i64,
                    source.mtime.0,
                    before.as_ref().map(|before| before.revision),
                    before.as_ref().map(|before| before.updated.0),
                    before.as_ref().map(|before| before.notebook.as_str()),
                    before.as_ref().map(|before| {
                        before.attached.iter().flat_map(|digest| digest.0).collect::<Vec<u8>>()
                    }),
                ],
            )?;
            Ok(())
        })
    }

    /// Puts back what stood before an import, and forgets that it was replaced. What stands now is kept
    /// as a revision. A note that is in the trash or gone stays there.
    pub fn put_back(
        &mut self,
        import: ImportId,
        replaced: &Replaced,
        now: Timestamp,
    ) -> Result<()> {
        let Replaced { source, before } = replaced;
        self.change(|write| {
            let note = write.note(source.note)?.filter(|note| note.trashed.is_none());
            if let (Some(note), Some(before)) = (note, before)
                && let Some(revision) = write.revision(note.id, before.revision)?
            {
                write.keep_revision(note.id, now)?;
                let draft = NoteDraft {
                    title: revision.title,
                    body: revision.body,
                    front_matter: revision.front_matter,
                    tags: revision.tags,
                    notebook: before.notebook.clone(),
                    kind: note.kind,
                    pinned: note.pinned,
                    created: Some(note.created),
                    updated: Some(before.updated),
                };
                let analysis = note::analyse(&draft.body);
                write.save_note(Some(note.id), None, &draft, &analysis, now)?;
                for digest in &before.attached {
                    write.detach(note.id, digest)?;
                }
            }
            if write.note(source.note)?.is_some() {
                let Source { path, digest, size, mtime, note } = source;
                write.record_source(path, digest, *size, *mtime, *note)?;
            }
            write.execute(
                "DELETE FROM import_replaced WHERE import = ?1 AND path = ?2",
                params![import.0, source.path],
            )?;
            Ok(())
        })
    }

    /// Deletes the notebooks that hold notes of `undone` and none outside the trash, and those above them that
    /// are empty then; `keep` and those above it stay. The notes go to the one above.
    pub fn delete_emptied_notebooks(&mut self, undone: &[NoteId], keep: &str) -> Result<()> {
        let undone: HashSet<NoteId> = undone.iter().copied().collect();
        self.change(|write| {
            let mut emptied: HashSet<String> = HashSet::new();
            let mut used: HashSet<String> = HashSet::new();
            let notebooks: Vec<(i64, String)> =
                write.rows("SELECT id, path FROM notebooks", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let paths: HashMap<i64, &str> =
                notebooks.iter().map(|(id, path)| (*id, path.as_str())).collect();
            let notes =
                write.rows("SELECT id, notebook, trashed IS NULL FROM notes", [], |row| {
                    Ok((NoteId(row.get(0)?), row.get::<_, i64>(1)?, row.get::<_, bool>(2)?))
                })?;
            for (note, notebook, live) in notes {
                let Some(path) = paths.get(&notebook) else { continue };
                if live {
                    used.extend(with_those_above(path));
                } else if undone.contains(&note) {
                    emptied.extend(with_those_above(path));
                }
            }
            let mut above: HashSet<String> = with_those_above(keep).collect();
            above.extend(used);
            let mut gone: Vec<&str> = notebooks
                .iter()
                .map(|(_, path)| path.as_str())
                .filter(|path| {
                    let key = path_key(path);
                    emptied.contains(&key) && !above.contains(&key)
                })
                .collect();
            gone.sort_by_key(|path| std::cmp::Reverse(path.len()));
            for path in gone {
                // Another, empty one that the person made stands below it.
                let below = write.rows(
                    "SELECT 1 FROM notebooks WHERE key > ?1 || '/' AND key < ?1 || '0' LIMIT 1",
                    [path_key(path)],
                    |_| Ok(()),
                )?;
                if below.is_empty() {
                    write.delete_notebook(path)?;
                }
            }
            Ok(())
        })
    }

    /// Records which note a file became, so that importing it again is recognised. Forgotten with the note.
    pub fn record_source(
        &mut self,
        path: &str,
        digest: &Digest,
        size: u64,
        mtime: Timestamp,
        note: NoteId,
    ) -> Result<()> {
        self.change(|write| {
            write.execute(
                "INSERT INTO sources (path, digest, size, mtime, note) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (path) DO UPDATE SET digest = excluded.digest, size = excluded.size,
                     mtime = excluded.mtime, note = excluded.note",
                params![path, digest, size as i64, mtime.0, note.0],
            )?;
            Ok(())
        })
    }
}

/// The keys of a notebook's path and of those above it.
fn with_those_above(path: &str) -> impl Iterator<Item = String> {
    let key = path_key(path);
    let mut ends: Vec<usize> = key.match_indices('/').map(|(at, _)| at).collect();
    ends.push(key.len());
    ends.into_iter().map(move |end| key[..end].to_owned())
}

const SELECT_IMPORT: &str =
    "SELECT id, notebook, on_change, state, started, finished, error, found FROM imports";
const SELECT_SOURCE: &str = "SELECT path, digest, size, mtime, note FROM sources";
const SELECT_ATTACHMENT: &str = "SELECT name, digest, mime, size, role FROM attachments";

impl Read<'_> {
    /// A note's attachments by name, the source file first.
    pub fn attachments(&self, note: NoteId) -> Result<Vec<AttachmentRef>> {
        self.rows(
            &format!("{SELECT_ATTACHMENT} WHERE note = ?1 ORDER BY role DESC, name, digest"),
            [note.0],
            attachment_from_row,
        )
    }

    /// Which of some notes have attachments.
    pub fn with_attachments(&self, notes: &[NoteId]) -> Result<NoteSet> {
        const HAS: &str = "SELECT 1 FROM attachments WHERE note = ?1 LIMIT 1";
        let mut found = NoteSet::default();
        for note in notes {
            if self.row(HAS, [note.0], |_| Ok(()))?.is_some() {
                found.insert(*note);
            }
        }
        Ok(found)
    }

    /// An attachment as some note refers to it.
    pub fn attachment(&self, digest: &Digest) -> Result<Option<AttachmentRef>> {
        self.row(
            &format!("{SELECT_ATTACHMENT} WHERE digest = ?1 ORDER BY note LIMIT 1"),
            [digest],
            attachment_from_row,
        )
    }

    /// Every import, newest first.
    pub fn imports(&self) -> Result<Vec<Import>> {
        self.rows(&format!("{SELECT_IMPORT} ORDER BY id DESC"), [], import_from_row)?
            .into_iter()
            .map(|import| self.completed(import))
            .collect()
    }

    pub fn import(&self, id: ImportId) -> Result<Option<Import>> {
        self.row(&format!("{SELECT_IMPORT} WHERE id = ?1"), [id.0], import_from_row)?
            .map(|import| self.completed(import))
            .transpose()
    }

    /// Adds roots and counts.
    fn completed(&self, mut import: Import) -> Result<Import> {
        import.roots = self.rows(
            "SELECT path FROM import_roots WHERE import = ?1 ORDER BY ordinal",
            [import.id.0],
            |row| row.get(0),
        )?;
        let counts = self.rows(
            "SELECT state, count(*) FROM import_items WHERE import = ?1 GROUP BY state",
            [import.id.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        for (state, count) in counts {
            match state {
                ItemState::Pending => import.counts.pending = count,
                ItemState::Imported => import.counts.imported = count,
                ItemState::Skipped => import.counts.skipped = count,
                ItemState::Failed => import.counts.failed = count,
            }
        }
        Ok(import)
    }

    /// One page of an import's files by path; only those in `state`, if given.
    pub fn import_items(
        &self,
        import: ImportId,
        state: Option<ItemState>,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<ImportItem>> {
        self.rows(
            "SELECT path, state, reason, note FROM import_items
             WHERE import = ?1 AND (?2 IS NULL OR state = ?2) ORDER BY path LIMIT ?3 OFFSET ?4",
            params![import.0, state, sql_int(limit), sql_int(offset)],
            |row| {
                Ok(ImportItem {
                    path: row.get(0)?,
                    state: row.get(1)?,
                    reason: row.get(2)?,
                    note: row.get::<_, Option<i64>>(3)?.map(NoteId),
                })
            },
        )
    }

    /// The files of an import that something became of already.
    pub fn import_paths(&self, import: ImportId) -> Result<Vec<String>> {
        self.rows(
            "SELECT path FROM import_items WHERE import = ?1 AND state <> ?2",
            params![import.0, ItemState::Pending],
            |row| row.get(0),
        )
    }

    /// What an import put in the place of earlier ones.
    pub fn replaced(&self, import: ImportId) -> Result<Vec<Replaced>> {
        self.rows(
            "SELECT path, digest, size, mtime, note, revision, updated, notebook, attached
             FROM import_replaced WHERE import = ?1",
            [import.0],
            |row| {
                let source = source_from_row(row)?;
                let Some(revision) = row.get(5)? else {
                    return Ok(Replaced { source, before: None });
                };
                let attached: Vec<u8> = row.get(8)?;
                let (attached, _) = attached.as_chunks();
                let before = Before {
                    revision,
                    updated: Timestamp(row.get(6)?),
                    notebook: row.get(7)?,
                    attached: attached.iter().map(|digest| Digest(*digest)).collect(),
                };
                Ok(Replaced { source, before: Some(before) })
            },
        )
    }

    /// Imported files with these bytes.
    pub fn source_by_digest(&self, digest: &Digest) -> Result<Vec<Source>> {
        self.rows(
            &format!(
                "{SELECT_SOURCE} WHERE substr(digest, 1, 8) = substr(?1, 1, 8) AND digest = ?1 ORDER BY path"
            ),
            [digest],
            source_from_row,
        )
    }

    pub fn source_by_path(&self, path: &str) -> Result<Option<Source>> {
        self.row(&format!("{SELECT_SOURCE} WHERE path = ?1"), [path], source_from_row)
    }
}

fn attachment_from_row(row: &Row<'_>) -> rusqlite::Result<AttachmentRef> {
    Ok(AttachmentRef {
        name: row.get(0)?,
        digest: row.get(1)?,
        mime: row.get(2)?,
        size: row.get::<_, i64>(3)?.cast_unsigned(),
        role: row.get(4)?,
    })
}

fn import_from_row(row: &Row<'_>) -> rusqlite::Result<Import> {
    Ok(Import {
        id: ImportId(row.get(0)?),
        roots: Vec::new(),
        notebook: row.get(1)?,
        on_change: row.get(2)?,
        state: row.get(3)?,
        started: Timestamp(row.get(4)?),
        finished: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        error: row.get(6)?,
        found: row.get(7)?,
        counts: ItemCounts::default(),
    })
}

fn source_from_row(row: &Row<'_>) -> rusqlite::Result<Source> {
    Ok(Source {
        path: row.get(0)?,
        digest: row.get(1)?,
        size: row.get::<_, i64>(2)?.cast_unsigned(),
        mtime: Timestamp(row.get(3)?),
        note: NoteId(row.get(4)?),
    })
}
