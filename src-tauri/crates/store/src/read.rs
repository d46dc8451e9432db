//! Questions about notes, lists, names and tasks, answered from one snapshot.

use std::collections::HashMap;
use std::ops::Range;

use note::{Note, NoteHead, NoteId, Seq, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use crate::text::{link_key, name_key, notebook_path, path_key, split_tags, without_extension};
use crate::write::kind_from;
use crate::{
    Change, Counts, ListFilter, ListSort, NameMatch, Opens, Result, Revision, RevisionHead,
    TaskFilter, TaskRow, View,
};

const SELECT_HEAD: &str = "
SELECT notes.id, title, excerpt, all_tags, coalesce(path, ''), kind, pinned, created, updated, trashed
FROM notes LEFT JOIN notebooks ON notebooks.id = notes.notebook WHERE notes.id = ?1";
const SELECT_NOTE: &str = "
SELECT notes.id, seq, revision, title, body, front_matter, tags, all_tags, coalesce(path, ''), kind, pinned,
       created, updated, trashed
FROM notes JOIN bodies ON bodies.note = notes.id LEFT JOIN notebooks ON notebooks.id = notes.notebook
WHERE notes.id = ?1";
const LAST_SEQ: &str = "
SELECT max((SELECT coalesce(max(seq), 0) FROM notes), (SELECT coalesce(max(seq), 0) FROM tombstones))";
const CHANGES: &str = "
SELECT seq, id, 0 FROM notes WHERE seq > ?1 UNION ALL SELECT seq, note, 1 FROM tombstones WHERE seq > ?1
ORDER BY seq LIMIT ?2";
/// Notebooks of a path and below, tags likewise: `0` is the character after `/`.
const IN_NOTEBOOK: &str = "notebook IN (
SELECT id FROM notebooks WHERE key = ?1 OR (key > ?1 || '/' AND key < ?1 || '0'))";
const IN_TAG: &str = "id IN (
SELECT note FROM note_tags WHERE key = ?1 OR (key > ?1 || '/' AND key < ?1 || '0'))";

/// One consistent view of the store.
pub struct Read<'a> {
    pub(crate) conn: &'a Connection,
}

impl<'a> Read<'a> {
    pub(crate) fn new(conn: &'a Connection) -> Read<'a> {
        Read { conn }
    }

    /// All rows of a query.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map(params, row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The row of a query, if it has one.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.conn.prepare_cached(sql)?.query_row(params, row).optional()?)
    }

    fn number(&self, sql: &str, params: impl rusqlite::Params) -> Result<i64> {
        Ok(self.conn.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
    }

    pub(crate) fn count(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        Ok(usize::try_from(self.number(sql, params)?).unwrap_or(0))
    }

    /// The highest id that a note has; zero without notes.
    pub fn last_note(&self) -> Result<NoteId> {
        Ok(NoteId(self.number("SELECT coalesce(max(id), 0) FROM notes", [])?))
    }

    /// Ids, titles and texts of notes that are not trashed, by id, from the one after `after` on.
    pub fn texts_after(
        &self,
        after: NoteId,
        limit: usize,
    ) -> Result<Vec<(NoteId, String, String)>> {
        self.rows(
            "SELECT id, title, body FROM notes JOIN bodies ON bodies.note = notes.id
             WHERE id > ?1 AND trashed IS NULL ORDER BY id LIMIT ?2",
            [after.0, sql_int(limit)],
            |row| Ok((NoteId(row.get(0)?), row.get(1)?, row.get(2)?)),
        )
    }

    pub fn note(&self, id: NoteId) -> Result<Option<Note>> {
        self.row(SELECT_NOTE, [id.0], note_from_row)
    }

    /// Those of the notes that exist, in the given order.
    pub fn notes(&self, ids: &[NoteId]) -> Result<Vec<Note>> {
        ids.iter().filter_map(|&id| self.note(id).transpose()).collect()
    }

    /// Those of the notes that exist, without their texts, in the given order.
    pub fn heads(&self, ids: &[NoteId]) -> Result<Vec<NoteHead>> {
        ids.iter()
            .filter_map(|&id| self.row(SELECT_HEAD, [id.0], head_from_row).transpose())
            .collect()
    }

    /// One page of a list, and how long all of it is. Pinned notes come first except in the trash.
    pub fn list(&self, filter: &ListFilter) -> Result<(usize, Vec<NoteHead>)> {
        let (index, order) = match filter.sort {
            ListSort::Updated => ("notes_updated", "updated DESC, notebook DESC, id DESC"),
            ListSort::Created => ("notes_created", "created DESC, notebook DESC, id DESC"),
            ListSort::Title => ("notes_title", "title_key, notebook, id"),
        };
        let (from, only, argument): (String, String, Box<dyn ToSql>) = match &filter.view {
            View::All => {
                (format!("notes INDEXED BY {index}"), "trashed IS NULL".to_owned(), Box::new(""))
            }
            View::Notebook(path) => (
                format!("notes INDEXED BY {index}"),
                format!("trashed IS NULL AND {IN_NOTEBOOK}"),
                Box::new(path_key(&notebook_path(path))),
            ),
            View::Tag(tag) => (
                "notes".to_owned(),
                format!("trashed IS NULL AND {IN_TAG}"),
                Box::new(path_key(tag.trim().trim_matches(['#', '/']))),
            ),
            View::Trash => ("notes".to_owned(), "trashed IS NOT NULL".to_owned(), Box::new("")),
            View::UpdatedSince(time) => (
                "notes".to_owned(),
                "trashed IS NULL AND pinned IN (0, 1) AND updated >= ?1".to_owned(),
                Box::new(time.0),
            ),
        };
        let pinned = if filter.view == View::Trash { "" } else { "pinned DESC, " };
        // Naming `?1` keeps the parameters the same for every view.
        let total = self.count(
            &format!("SELECT count(*) FROM {from} WHERE {only} AND ?1 IS NOT NULL"),
            [&argument],
        )?;
        let ids = self.rows(
            &format!(
                "SELECT id FROM {from} WHERE {only} AND ?1 IS NOT NULL
                 ORDER BY {pinned}{order} LIMIT ?2 OFFSET ?3"
            ),
            params![argument, sql_int(filter.limit), sql_int(filter.offset)],
            |row| Ok(NoteId(row.get(0)?)),
        )?;
        Ok((total, self.heads(&ids)?))
    }

    /// The highest change number of this snapshot.
    pub fn last_seq(&self) -> Result<Seq> {
        self.number(LAST_SEQ, []).map(Seq)
    }

    /// What changed after `seq`, in order; each note once, at its latest change.
    pub fn changes_since(&self, seq: Seq, limit: usize) -> Result<Vec<Change>> {
        self.rows(CHANGES, [seq.0, sql_int(limit)], |row| {
            Ok(Change { seq: Seq(row.get(0)?), id: NoteId(row.get(1)?), deleted: row.get(2)? })
        })
    }

    /// How many changes [`Read::changes_since`] has in all.
    pub fn count_changes_since(&self, seq: Seq) -> Result<usize> {
        let notes = self.count("SELECT count(*) FROM notes WHERE seq > ?1", [seq.0])?;
        Ok(notes + self.count("SELECT count(*) FROM tombstones WHERE seq > ?1", [seq.0])?)
    }

    /// Every notebook, sorted by path, with the number of notes directly in it. Parents are always listed.
    pub fn notebooks(&self) -> Result<Vec<(String, usize)>> {
        // Counted here: SQLite would sort 100,000 rows to group them, which takes ten times as long.
        let mut statement = self.conn.prepare_cached(
            "SELECT notebook FROM notes INDEXED BY notes_updated WHERE trashed IS NULL",
        )?;
        let mut rows = statement.query([])?;
        let mut counts: HashMap<i64, usize> = HashMap::new();
        while let Some(row) = rows.next()? {
            *counts.entry(row.get(0)?).or_default() += 1;
        }
        self.rows("SELECT id, path FROM notebooks ORDER BY key", [], |row| {
            let id: i64 = row.get(0)?;
            Ok((row.get(1)?, counts.get(&id).copied().unwrap_or(0)))
        })
    }

    /// Every tag in use, sorted, with the number of notes that carry just it.
    pub fn tags(&self) -> Result<Vec<(String, usize)>> {
        self.rows("SELECT min(tag), count(*) FROM note_tags GROUP BY key ORDER BY key", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// How much there is. `model`: whose chunks count.
    pub fn counts(&self, model: &str) -> Result<Counts> {
        let notes = self.count("SELECT count(*) FROM notes WHERE trashed IS NULL", [])?;
        let trashed = self.count("SELECT count(*) FROM notes WHERE trashed IS NOT NULL", [])?;
        let open = self.count("SELECT count(*) FROM tasks WHERE done = 0", [])?;
        let hidden = self.count(
            "SELECT count(*) FROM notes CROSS JOIN tasks ON note = id
             WHERE trashed IS NOT NULL AND done = 0",
            [],
        )?;
        let mut counts =
            Counts { notes, trashed, open_tasks: open.saturating_sub(hidden), ..Counts::default() };
        if let Some(side) = self.side_of(model)? {
            counts.chunks = self.count(
                &side.sql(
                    "SELECT coalesce(sum(chunks{b}), 0) FROM notes INDEXED BY notes_vectors{b}
                     WHERE vector_seq{b} > 0 AND trashed IS NULL",
                ),
                [],
            )?;
            counts.skipped = self.count(
                &side.sql(
                    "SELECT count(*) FROM notes
                     WHERE skipped{b} IS NOT NULL AND trashed IS NULL AND chunked_seq{b} = seq",
                ),
                [],
            )?;
            let pending = self.pending_chunks_count(model)?;
            counts.chunked_notes = notes.saturating_sub(pending + counts.skipped);
        }
        Ok(counts)
    }

    /// The kept versions of a note, newest first; the standing one is not among them.
    pub fn revisions(&self, id: NoteId) -> Result<Vec<RevisionHead>> {
        self.rows(
            "SELECT revision, saved, title, chars FROM revisions WHERE note = ?1 ORDER BY revision DESC",
            [id.0],
            |row| {
                Ok(RevisionHead {
                    revision: row.get(0)?,
                    saved_at: Timestamp(row.get(1)?),
                    title: row.get(2)?,
                    chars: row.get(3)?,
                })
            },
        )
    }

    pub fn revision(&self, id: NoteId, revision: u32) -> Result<Option<Revision>> {
        self.row(
            "SELECT revision, saved, title, body, front_matter, tags FROM revisions
             WHERE note = ?1 AND revision = ?2",
            params![id.0, revision],
            |row| {
                Ok(Revision {
                    revision: row.get(0)?,
                    saved_at: Timestamp(row.get(1)?),
                    title: row.get(2)?,
                    body: row.get(3)?,
                    front_matter: row.get(4)?,
                    tags: split_tags(row.get_ref(5)?.as_str()?),
                })
            },
        )
    }

    /// The links to a note from notes that are not in the trash: whose they are and their byte range there.
    pub fn backlinks(&self, id: NoteId) -> Result<Vec<(NoteId, Range<usize>)>> {
        let Some(title) = self
            .row("SELECT title FROM notes WHERE id = ?1", [id.0], |row| row.get::<_, String>(0))?
        else {
            return Ok(Vec::new());
        };
        let mut names = self.rows("SELECT alias FROM aliases WHERE note = ?1", [id.0], |row| {
            row.get::<_, String>(0)
        })?;
        names.push(title);
        let mut keys: Vec<String> = names.iter().map(|name| link_key(name)).collect();
        keys.retain(|key| !key.is_empty());
        keys.sort_unstable();
        keys.dedup();
        // The same target leads to the same note wherever it stands.
        let mut resolved: HashMap<String, bool> = HashMap::new();
        let mut found = Vec::new();
        for key in keys {
            let links = self.rows(
                "SELECT note, start, finish, target FROM links CROSS JOIN notes ON id = note
                 WHERE key = ?1 AND trashed IS NULL",
                [key],
                |row| {
                    let range = row.get::<_, usize>(1)?..row.get::<_, usize>(2)?;
                    Ok((NoteId(row.get(0)?), range, row.get::<_, String>(3)?))
                },
            )?;
            for (note, range, target) in links {
                let leads_here = match resolved.get(&target) {
                    Some(&known) => known,
                    None => {
                        let known = self.resolve_name(&target)? == Some(id);
                        resolved.insert(target, known);
                        known
                    }
                };
                if leads_here {
                    found.push((note, range));
                }
            }
        }
        found.sort_unstable_by_key(|(note, range)| (*note, range.start));
        Ok(found)
    }

    /// The targets of a note's links that mean neither a note nor one of its attachments, in the text's order.
    pub fn dangling(&self, id: NoteId) -> Result<Vec<String>> {
        let targets = self.rows(
            "SELECT target FROM links WHERE note = ?1
             AND target NOT IN (SELECT name FROM attachments WHERE note = ?1) ORDER BY start",
            [id.0],
            |row| row.get::<_, String>(0),
        )?;
        let mut dangling: Vec<String> = Vec::new();
        for target in targets {
            if !dangling.contains(&target) && self.resolve_name(&target)?.is_none() {
                dangling.push(target);
            }
        }
        Ok(dangling)
    }

    /// The note that a link's target means: one at that notebook path, else one of that title, else one of that
    /// alias, else one of the path's last name; the oldest if there are several. `.md` may stand at the end.
    pub fn resolve_name(&self, name: &str) -> Result<Option<NoteId>> {
        let stem = without_extension(name.trim());
        let last = match stem.rsplit_once('/') {
            None => None,
            Some((dir, last)) => {
                let places: Vec<&str> =
                    dir.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
                let place = path_key(&notebook_path(&places.join("/")));
                let notes = self.titled(last)?;
                let exact = notes.iter().find(|(_, notebook)| *notebook == place);
                let ending = format!("/{place}");
                let within = || notes.iter().find(|(_, notebook)| notebook.ends_with(&ending));
                if let Some((id, _)) = exact.or_else(within) {
                    return Ok(Some(*id));
                }
                Some(last)
            }
        };
        for name in [Some(stem), Some(name), last].into_iter().flatten() {
            if let Some((id, _)) = self.titled(name)?.first() {
                return Ok(Some(*id));
            }
            let alias = self.row(
                "SELECT note FROM aliases CROSS JOIN notes ON id = note
                 WHERE key = ?1 AND trashed IS NULL ORDER BY note LIMIT 1",
                [name_key(name)],
                |row| Ok(NoteId(row.get(0)?)),
            )?;
            if alias.is_some() {
                return Ok(alias);
            }
        }
        Ok(None)
    }

    /// Notes of a title with the keys of their notebooks, oldest first.
    fn titled(&self, title: &str) -> Result<Vec<(NoteId, String)>> {
        let key = name_key(title);
        if key.is_empty() {
            return Ok(Vec::new());
        }
        self.rows(
            "SELECT notes.id, coalesce(key, '') FROM notes LEFT JOIN notebooks ON notebooks.id = notebook
             WHERE trashed IS NULL AND pinned IN (0, 1) AND title_key = ?1 AND title <> ''
             ORDER BY notes.id",
            [key],
            |row| Ok((NoteId(row.get(0)?), row.get(1)?)),
        )
    }

    /// Titles and aliases that begin with `prefix`, sorted; without a prefix the notes changed last.
    pub fn complete_names(&self, prefix: &str, limit: usize) -> Result<Vec<NameMatch>> {
        let key = name_key(prefix);
        let named = |row: &Row<'_>| {
            Ok(NameMatch { id: NoteId(row.get(0)?), title: row.get(1)?, notebook: row.get(2)? })
        };
        if key.is_empty() {
            return self.rows(
                "SELECT notes.id, title, coalesce(path, '')
                 FROM notes LEFT JOIN notebooks ON notebooks.id = notebook
                 WHERE trashed IS NULL AND title <> '' ORDER BY updated DESC LIMIT ?1",
                [sql_int(limit)],
                named,
            );
        }
        let end = format!("{key}{}", char::MAX);
        let mut names = self.rows(
            "SELECT notes.id, title, coalesce(path, '')
             FROM notes LEFT JOIN notebooks ON notebooks.id = notebook
             WHERE trashed IS NULL AND pinned IN (0, 1) AND title_key >= ?1 AND title_key < ?2
                   AND title <> ''
             ORDER BY title_key, notes.id LIMIT ?3",
            params![key, end, sql_int(limit)],
            named,
        )?;
        names.extend(self.rows(
            "SELECT notes.id, alias, coalesce(path, '')
             FROM aliases CROSS JOIN notes ON notes.id = note
                  LEFT JOIN notebooks ON notebooks.id = notebook
             WHERE trashed IS NULL AND aliases.key >= ?1 AND aliases.key < ?2
             ORDER BY aliases.key, notes.id LIMIT ?3",
            params![key, end, sql_int(limit)],
            named,
        )?);
        names.sort_by_cached_key(|name| (name_key(&name.title), name.id));
        names.truncate(limit);
        Ok(names)
    }

    /// Tags that begin with `prefix`, those on most notes first.
    pub fn complete_tags(&self, prefix: &str, limit: usize) -> Result<Vec<String>> {
        let key = path_key(prefix.trim_start_matches('#'));
        let end = format!("{key}{}", char::MAX);
        self.rows(
            "SELECT min(tag) FROM note_tags WHERE key >= ?1 AND key < ?2
             GROUP BY key ORDER BY count(*) DESC, key LIMIT ?3",
            params![key, end, sql_int(limit)],
            |row| row.get(0),
        )
    }

    /// Tasks of notes that are not in the trash: open ones first, then those due first, then those of the
    /// note changed last.
    pub fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskRow>> {
        let done = if filter.include_done { "" } else { "AND done = 0" };
        let note = if filter.note.is_some() { "AND note = ?1" } else { "AND ?1 IS NULL" };
        self.rows(
            &format!(
                "SELECT note, title, coalesce(path, ''), ordinal, line, text, done, due
                 FROM tasks CROSS JOIN notes ON notes.id = note
                      LEFT JOIN notebooks ON notebooks.id = notebook
                 WHERE trashed IS NULL {done} {note}
                 ORDER BY done, due IS NULL, due, updated DESC, note, ordinal LIMIT ?2"
            ),
            params![filter.note.map(|note| note.0), sql_int(filter.limit)],
            |row| {
                Ok(TaskRow {
                    note: NoteId(row.get(0)?),
                    title: row.get(1)?,
                    notebook: row.get(2)?,
                    ordinal: row.get(3)?,
                    line: row.get(4)?,
                    text: row.get(5)?,
                    done: row.get(6)?,
                    due: row.get(7)?,
                })
            },
        )
    }

    /// Every note that was ever opened.
    pub fn opens(&self) -> Result<Vec<(NoteId, Opens)>> {
        self.rows("SELECT note, count, last FROM opens", [], |row| {
            let opens = Opens { count: row.get(1)?, last: Timestamp(row.get(2)?) };
            Ok((NoteId(row.get(0)?), opens))
        })
    }

    /// A setting's JSON text.
    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        self.row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get(0))
    }

    /// Every setting with its JSON text.
    pub fn settings(&self) -> Result<Vec<(String, String)>> {
        self.rows("SELECT key, value FROM settings", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

/// SQLite's integers are signed; a limit beyond them is none.
pub(crate) fn sql_int(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn head_from_row(row: &Row<'_>) -> rusqlite::Result<NoteHead> {
    Ok(NoteHead {
        id: NoteId(row.get(0)?),
        title: row.get(1)?,
        excerpt: row.get(2)?,
        all_tags: split_tags(row.get_ref(3)?.as_str()?),
        notebook: row.get(4)?,
        kind: kind_from(row.get_ref(5)?.as_str()?),
        pinned: row.get(6)?,
        created: Timestamp(row.get(7)?),
        updated: Timestamp(row.get(8)?),
        trashed: row.get::<_, Option<i64>>(9)?.map(Timestamp),
    })
}

fn note_from_row(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note {
        id: NoteId(row.get(0)?),
        seq: Seq(row.get(1)?),
        revision: row.get(2)?,
        title: row.get(3)?,
        body: row.get(4)?,
        front_matter: row.get(5)?,
        tags: split_tags(row.get_ref(6)?.as_str()?),
        all_tags: split_tags(row.get_ref(7)?.as_str()?),
        notebook: row.get(8)?,
        kind: kind_from(row.get_ref(9)?.as_str()?),
        pinned: row.get(10)?,
        created: Timestamp(row.get(11)?),
        updated: Timestamp(row.get(12)?),
        trashed: row.get::<_, Option<i64>>(13)?.map(Timestamp),
    })
}
