//! Changes of notes, notebooks and settings, inside a transaction of the writer thread.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::path::Path;

use note::{Analysis, FrontMatter, Kind, NoteDraft, NoteId, Seq, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::text::{
    clean_tags, content_hash, excerpt, join_tags, link_key, name_key, notebook_path, path_key,
    title_key,
};
use crate::{Read, Result, Saved, StoreError};

/// An overwritten version is kept as a revision if none was kept for this long (milliseconds).
const KEEP_EVERY: i64 = 5 * 60 * 1_000;

/// Bits of `notes.parts`: which derived tables hold rows of the note, so that a save leaves the others alone.
const ALIASES: i64 = 1;
const LINKS: i64 = 2;
const TASKS: i64 = 4;

const SELECT_STANDING: &str = "
SELECT revision, seq, pinned, notebook, kind, created, updated, kept, trashed,
       vector_seq > 0 OR vector_seq_b > 0, size, parts, hash, tags, all_tags, title_key, title
FROM notes WHERE id = ?1";
const INSERT_NOTE: &str = "
INSERT INTO notes (seq, revision, pinned, notebook, kind, created, updated, saved, size, parts, hash,
                   tags, all_tags, title_key, title, excerpt, chunked_seq, chunked_seq_b)
VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
const INSERT_BODY: &str = "INSERT INTO bodies (note, body, front_matter) VALUES (?1, ?2, ?3)";
const UPDATE_NOTE: &str = "
UPDATE notes SET seq = ?2, revision = ?3, kind = ?4, updated = ?5, saved = ?6, kept = ?7, size = ?8,
       parts = ?9, hash = ?10, tags = ?11, all_tags = ?12, excerpt = ?13,
       chunked_seq = CASE WHEN ?14 AND chunked_seq = seq THEN ?2 ELSE chunked_seq END,
       chunked_seq_b = CASE WHEN ?14 AND chunked_seq_b = seq THEN ?2 ELSE chunked_seq_b END
WHERE id = ?1";
/// Apart, because each of these columns is in indexes that most saves need not touch.
const UPDATE_PLACE: &str = "UPDATE notes SET pinned = ?2, notebook = ?3 WHERE id = ?1";
const UPDATE_CREATED: &str = "UPDATE notes SET created = ?2 WHERE id = ?1";
const UPDATE_TITLE: &str = "UPDATE notes SET title_key = ?2, title = ?3 WHERE id = ?1";
const UPDATE_BODY: &str = "UPDATE bodies SET body = ?2, front_matter = ?3 WHERE note = ?1";
/// A change that leaves the text as it is: what was embedded stays so.
const UPDATE_SEQ: &str = "
UPDATE notes SET seq = ?2,
       chunked_seq = CASE WHEN chunked_seq = seq THEN ?2 ELSE chunked_seq END,
       chunked_seq_b = CASE WHEN chunked_seq_b = seq THEN ?2 ELSE chunked_seq_b END
WHERE id = ?1";
const UPDATE_TRASHED: &str = "UPDATE notes SET trashed = ?2 WHERE id = ?1";
/// The vector indexes hear of it, if they know the note.
const UPDATE_VECTOR_SEQ: &str = "
UPDATE notes SET vector_seq = CASE WHEN vector_seq > 0 THEN ?2 ELSE 0 END,
       vector_seq_b = CASE WHEN vector_seq_b > 0 THEN ?2 ELSE 0 END
WHERE id = ?1";
const KEEP_REVISION: &str = "
INSERT OR IGNORE INTO revisions (note, revision, saved, chars, hash, tags, title, front_matter, body)
SELECT id, revision, saved, length(body), hash, tags, title, front_matter, body
FROM notes JOIN bodies ON note = id WHERE id = ?1";

/// Numbers and changes of a transaction in hand.
#[derive(Default)]
pub(crate) struct TransactionState {
    seq: Option<Counter>,
    vector_seq: Option<i64>,
    /// Which sides are in use, see [`Write::sides`].
    pub(crate) sides: Option<[bool; 2]>,
    changed: Vec<(NoteId, Seq)>,
    op: OpState,
}

/// The highest number in use: as the transaction found it, and now.
#[derive(Clone, Copy)]
struct Counter {
    found: i64,
    last: i64,
}

#[derive(Default)]
struct OpState {
    changed: HashMap<NoteId, Seq>,
    failure: Option<StoreError>,
}

impl TransactionState {
    pub(crate) fn keep_op(&mut self) {
        self.changed.extend(std::mem::take(&mut self.op).changed);
    }

    pub(crate) fn drop_op(&mut self) {
        self.op = OpState::default();
        self.sides = None;
    }

    pub(crate) fn take_changed(&mut self) -> Vec<(NoteId, Seq)> {
        std::mem::take(&mut self.changed)
    }

    /// The highest seq when the transaction began, if it asked.
    pub(crate) fn found_seq(&self) -> Option<Seq> {
        self.seq.map(|counter| Seq(counter.found))
    }
}

/// The right to change the store, inside one op. Every [`Read`] works on it too and sees the op's own changes.
///
/// Each method either does all of its work or fails before any change; if the database itself
/// fails midway, the whole op is rolled back, even if it goes on and returns `Ok`.
pub struct Write<'a> {
    read: Read<'a>,
    pub(crate) conn: &'a Connection,
    path: &'a Path,
    pub(crate) state: &'a mut TransactionState,
}

impl<'a> Deref for Write<'a> {
    type Target = Read<'a>;

    fn deref(&self) -> &Read<'a> {
        &self.read
    }
}

/// What is stored of a note, without its text.
struct Standing {
    revision: u32,
    seq: i64,
    pinned: bool,
    notebook: i64,
    kind: String,
    created: i64,
    updated: i64,
    kept: Option<i64>,
    trashed: Option<i64>,
    has_vectors: bool,
    size: i64,
    parts: i64,
    hash: [u8; 32],
    tags: String,
    all_tags: String,
    title_key: String,
    title: String,
}

impl Standing {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Standing> {
        Ok(Standing {
            revision: row.get(0)?,
            seq: row.get(1)?,
            pinned: row.get(2)?,
            notebook: row.get(3)?,
            kind: row.get(4)?,
            created: row.get(5)?,
            updated: row.get(6)?,
            kept: row.get(7)?,
            trashed: row.get(8)?,
            has_vectors: row.get(9)?,
            size: row.get(10)?,
            parts: row.get(11)?,
            hash: row.get(12)?,
            tags: row.get(13)?,
            all_tags: row.get(14)?,
            title_key: row.get(15)?,
            title: row.get(16)?,
        })
    }

    fn saved(&self, id: NoteId) -> Saved {
        Saved { id, seq: Seq(self.seq), revision: self.revision, unchanged: true }
    }
}

impl<'a> Write<'a> {
    pub(crate) fn new(
        conn: &'a Connection,
        path: &'a Path,
        state: &'a mut TransactionState,
    ) -> Write<'a> {
        Write { read: Read::new(conn), conn, path, state }
    }

    /// Why the op must not be committed, if so.
    pub(crate) fn storage_failure(&mut self) -> Option<StoreError> {
        self.state.op.failure.take()
    }

    /// Runs a change of several statements; if the database fails in it, the op is marked.
    pub(crate) fn change<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        run(self).map_err(|error| {
            let error = error.at(self.path);
            if error.is_storage() {
                self.state.op.failure.get_or_insert_with(|| error.clone());
            }
            error
        })
    }

    pub(crate) fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        Ok(self.conn.prepare_cached(sql)?.execute(params)?)
    }

    /// The next change number, for `note`. Read from the database once per transaction, because another process
    /// may have taken some.
    fn next_seq(&mut self) -> Result<Seq> {
        let mut counter = match self.state.seq {
            Some(counter) => counter,
            None => {
                let found = self.read.last_seq()?.0;
                Counter { found, last: found }
            }
        };
        counter.last += 1;
        self.state.seq = Some(counter);
        Ok(Seq(counter.last))
    }

    pub(crate) fn next_vector_seq(&mut self) -> Result<i64> {
        let last = match self.state.vector_seq {
            Some(last) => last,
            None => self.read.highest_vector_seq()?,
        };
        self.state.vector_seq = Some(last + 1);
        Ok(last + 1)
    }

    fn note_changed(&mut self, id: NoteId, seq: Seq) {
        self.state.op.changed.insert(id, seq);
    }

    fn standing(&self, id: NoteId) -> Result<Standing> {
        self.conn
            .prepare_cached(SELECT_STANDING)?
            .query_row([id.0], Standing::from_row)
            .optional()?
            .ok_or(StoreError::NoSuchNote { note: id })
    }

    /// Saves a note; `None` makes a new one. `now`: the time of the save.
    ///
    /// The overwritten version is kept as a revision if its text differs and none was kept in the
    /// last five minutes, or if the body shrinks by half or more. A draft equal to what is stored
    /// changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the draft differs and `base_revision` is not what is stored: nothing is changed then.
    pub fn save_note(
        &mut self,
        id: Option<NoteId>,
        base_revision: Option<u32>,
        draft: &NoteDraft,
        analysis: &Analysis,
        now: Timestamp,
    ) -> Result<Saved> {
        self.change(|write| match id {
            None => write.insert_note(draft, analysis, now),
            Some(id) => write.update_note(id, base_revision, draft, analysis, now),
        })
    }

    fn insert_note(
        &mut self,
        draft: &NoteDraft,
        analysis: &Analysis,
        now: Timestamp,
    ) -> Result<Saved> {
        let notebook = self.notebook_id(&draft.notebook)?;
        let seq = self.next_seq()?;
        let derived = Derived::of(draft, analysis);
        let excerpt = excerpt(&analysis.text);
        let [chunked_seq, chunked_seq_b] = self.sides()?.map(|used| if used { 0 } else { -1 });
        self.execute(
            INSERT_NOTE,
            params![
                seq.0,
                draft.pinned,
                notebook,
                draft.kind.as_str(),
                draft.created.unwrap_or(now).0,
                draft.updated.unwrap_or(now).0,
                now.0,
                draft.body.len() as i64,
                derived.parts(analysis),
                derived.hash,
                derived.tags,
                derived.all_tags,
                title_key(&draft.title, &excerpt),
                draft.title,
                excerpt,
                chunked_seq,
                chunked_seq_b,
            ],
        )?;
        let id = NoteId(self.conn.last_insert_rowid());
        self.execute(INSERT_BODY, params![id.0, draft.body, draft.front_matter])?;
        self.put_tags(id, "", &derived.all_tags)?;
        self.put_parts(id, 0, &derived, analysis)?;
        self.note_changed(id, seq);
        Ok(Saved { id, seq, revision: 1, unchanged: false })
    }

    fn update_note(
        &mut self,
        id: NoteId,
        base_revision: Option<u32>,
        draft: &NoteDraft,
        analysis: &Analysis,
        now: Timestamp,
    ) -> Result<Saved> {
        let standing = self.standing(id)?;
        let derived = Derived::of(draft, analysis);
        let notebook = self.find_notebook(&draft.notebook)?;
        let same_text = derived.hash == standing.hash;
        let moved = notebook != Some(standing.notebook) || draft.pinned != standing.pinned;
        let created = draft.created.map_or(standing.created, |time| time.0);
        if same_text
            && !moved
            && draft.kind.as_str() == standing.kind
            && created == standing.created
            && draft.updated.is_none_or(|time| time.0 == standing.updated)
        {
            return Ok(standing.saved(id));
        }
        if base_revision.is_some_and(|base| base != standing.revision) {
            return Err(StoreError::Conflict { note: id, current_revision: standing.revision });
        }
        let seq = self.next_seq()?;
        let revision = standing.revision + 1;
        let size = draft.body.len() as i64;
        let shrank = size <= standing.size / 2 && standing.size > 0;
        // A clock that went back must not keep revisions from being kept.
        let due = standing.kept.is_none_or(|kept| now.0 < kept || now.0 - kept >= KEEP_EVERY);
        let keep = !same_text && (due || shrank);
        if keep {
            self.execute(KEEP_REVISION, [id.0])?;
        }
        let excerpt = excerpt(&analysis.text);
        self.execute(
            UPDATE_NOTE,
            params![
                id.0,
                seq.0,
                revision,
                draft.kind.as_str(),
                draft.updated.unwrap_or(now).0,
                now.0,
                if keep { Some(now.0) } else { standing.kept },
                size,
                derived.parts(analysis),
                derived.hash,
                derived.tags,
                derived.all_tags,
                excerpt,
                same_text,
            ],
        )?;
        if moved {
            let notebook = self.notebook_id(&draft.notebook)?;
            self.execute(UPDATE_PLACE, params![id.0, draft.pinned, notebook])?;
        }
        if created != standing.created {
            self.execute(UPDATE_CREATED, params![id.0, created])?;
        }
        let title_key = title_key(&draft.title, &excerpt);
        if title_key != standing.title_key || draft.title != standing.title {
            self.execute(UPDATE_TITLE, params![id.0, title_key, draft.title])?;
        }
        if !same_text {
            self.execute(UPDATE_BODY, params![id.0, draft.body, draft.front_matter])?;
        }
        if standing.trashed.is_none() {
            self.put_tags(id, &standing.all_tags, &derived.all_tags)?;
        }
        self.put_parts(id, standing.parts, &derived, analysis)?;
        self.note_changed(id, seq);
        Ok(Saved { id, seq, revision, unchanged: false })
    }

    /// Keeps the version that stands now as a revision, whatever the time since the last one.
    pub fn keep_revision(&mut self, id: NoteId, now: Timestamp) -> Result<()> {
        self.change(|write| {
            write.standing(id)?;
            write.execute(KEEP_REVISION, [id.0])?;
            write.execute("UPDATE notes SET kept = ?2 WHERE id = ?1", params![id.0, now.0])?;
            Ok(())
        })
    }

    /// Puts a note in the trash at the given time, or takes it out. Like the other changes below it takes a new
    /// seq but no new revision, so that an open editor is not put in conflict, and nothing is embedded again.
    pub fn set_trashed(&mut self, id: NoteId, trashed: Option<Timestamp>) -> Result<Saved> {
        self.change(|write| {
            let standing = write.standing(id)?;
            if standing.trashed.is_some() == trashed.is_some() {
                return Ok(standing.saved(id));
            }
            let seq = write.next_seq()?;
            if standing.has_vectors {
                let vector_seq = write.next_vector_seq()?;
                write.execute(UPDATE_VECTOR_SEQ, [id.0, vector_seq])?;
            }
            write.execute(UPDATE_SEQ, [id.0, seq.0])?;
            write.execute(UPDATE_TRASHED, params![id.0, trashed.map(|time| time.0)])?;
            // Tags are counted without asking whether the note is in the trash.
            match trashed {
                Some(_) => write.put_tags(id, &standing.all_tags, "")?,
                None => write.put_tags(id, "", &standing.all_tags)?,
            }
            write.note_changed(id, seq);
            Ok(Saved { seq, unchanged: false, ..standing.saved(id) })
        })
    }

    pub fn set_pinned(&mut self, id: NoteId, pinned: bool) -> Result<Saved> {
        self.change(|write| {
            let standing = write.standing(id)?;
            if standing.pinned == pinned {
                return Ok(standing.saved(id));
            }
            write.execute(UPDATE_PLACE, params![id.0, pinned, standing.notebook])?;
            write.bump(id, &standing)
        })
    }

    /// Puts a note in a notebook, which is made if need be; an empty path takes it out of any.
    pub fn move_note(&mut self, id: NoteId, notebook: &str) -> Result<Saved> {
        self.change(|write| {
            let standing = write.standing(id)?;
            let notebook = write.notebook_id(notebook)?;
            if standing.notebook == notebook {
                return Ok(standing.saved(id));
            }
            write.execute(UPDATE_PLACE, params![id.0, standing.pinned, notebook])?;
            write.bump(id, &standing)
        })
    }

    /// Replaces the tags that are set on a note; `analysis` is that of its stored body.
    pub fn set_tags(&mut self, id: NoteId, tags: &[String], analysis: &Analysis) -> Result<Saved> {
        self.change(|write| {
            let standing = write.standing(id)?;
            let Some(stored) = write.read.note(id)? else {
                return Err(StoreError::NoSuchNote { note: id });
            };
            let draft = NoteDraft {
                title: stored.title,
                body: stored.body,
                front_matter: stored.front_matter,
                tags: tags.to_vec(),
                ..NoteDraft::default()
            };
            let derived = Derived::of(&draft, analysis);
            if derived.tags == standing.tags && derived.all_tags == standing.all_tags {
                return Ok(standing.saved(id));
            }
            write.execute(
                "UPDATE notes SET tags = ?2, all_tags = ?3, hash = ?4 WHERE id = ?1",
                params![id.0, derived.tags, derived.all_tags, derived.hash],
            )?;
            if standing.trashed.is_none() {
                write.put_tags(id, &standing.all_tags, &derived.all_tags)?;
            }
            write.bump(id, &standing)
        })
    }

    /// Gives a note whose text stays as it is a new seq.
    fn bump(&mut self, id: NoteId, standing: &Standing) -> Result<Saved> {
        let seq = self.next_seq()?;
        self.execute(UPDATE_SEQ, [id.0, seq.0])?;
        self.note_changed(id, seq);
        Ok(Saved { seq, unchanged: false, ..standing.saved(id) })
    }

    /// Makes a change that hangs on a note visible in the change log; one seq per op is enough for that.
    pub(crate) fn touch(&mut self, id: NoteId) -> Result<Seq> {
        if let Some(&seq) = self.state.op.changed.get(&id) {
            return Ok(seq);
        }
        let standing = self.standing(id)?;
        Ok(self.bump(id, &standing)?.seq)
    }

    /// Deletes a note for good, with its revisions; only its number stays, in the change log.
    pub fn delete_note(&mut self, id: NoteId) -> Result<Seq> {
        self.change(|write| {
            let standing = write.standing(id)?;
            let seq = write.next_seq()?;
            let vector_seq = write.next_vector_seq()?;
            write.put_tags(id, &standing.all_tags, "")?;
            write.delete_chunks(id)?;
            for sql in [
                "DELETE FROM notes WHERE id = ?1",
                "DELETE FROM bodies WHERE note = ?1",
                "DELETE FROM revisions WHERE note = ?1",
                "DELETE FROM aliases WHERE note = ?1",
                "DELETE FROM links WHERE note = ?1",
                "DELETE FROM tasks WHERE note = ?1",
                "DELETE FROM attachments WHERE note = ?1",
                "DELETE FROM sources WHERE note = ?1",
                "DELETE FROM opens WHERE note = ?1",
            ] {
                write.execute(sql, [id.0])?;
            }
            write.execute(
                "INSERT INTO tombstones (note, seq, vector_seq) VALUES (?1, ?2, ?3)",
                params![id.0, seq.0, vector_seq],
            )?;
            write.note_changed(id, seq);
            Ok(seq)
        })
    }

    /// Makes a notebook and those above it; one that exists already is fine.
    pub fn create_notebook(&mut self, path: &str) -> Result<()> {
        self.change(|write| match write.notebook_id(path)? {
            0 => Err(StoreError::Invalid { what: "a notebook needs a name".to_owned() }),
            _ => Ok(()),
        })
    }

    /// Renames or moves a notebook with all below it; if `to` exists, the two become one. Returns the number of
    /// notes that changed place.
    pub fn rename_notebook(&mut self, from: &str, to: &str) -> Result<usize> {
        self.change(|write| {
            let (from, to) = (notebook_path(from), notebook_path(to));
            let (from_key, to_key) = (path_key(&from), path_key(&to));
            if to.is_empty() {
                return Err(StoreError::Invalid { what: "a notebook needs a name".to_owned() });
            }
            if is_below(&to_key, &from_key) {
                let what = format!("“{from}” cannot be moved into itself");
                return Err(StoreError::Invalid { what });
            }
            let notebooks = write.notebooks_from(&from_key)?;
            if notebooks.is_empty() {
                return Err(StoreError::NoSuchNotebook { notebook: from });
            }
            if let Some((parent, _)) = to.rsplit_once('/') {
                write.notebook_id(parent)?;
            }
            let depth = from.split('/').count();
            let mut notes = write.notes_from(&from_key)?;
            let mut moved = 0;
            for (id, path) in notebooks {
                let rest: Vec<&str> = path.split('/').skip(depth).collect();
                let new_path =
                    if rest.is_empty() { to.clone() } else { format!("{to}/{}", rest.join("/")) };
                let new_id = match write.find_notebook(&new_path)? {
                    Some(other) if other != id => {
                        write.execute("DELETE FROM notebooks WHERE id = ?1", [id])?;
                        write.execute(
                            "UPDATE watched_folders SET notebook = ?2 WHERE notebook = ?1",
                            [id, other],
                        )?;
                        other
                    }
                    _ => {
                        write.execute(
                            "UPDATE notebooks SET path = ?2, key = ?3 WHERE id = ?1",
                            params![id, new_path, path_key(&new_path)],
                        )?;
                        id
                    }
                };
                moved += write.refile(&notes.remove(&id).unwrap_or_default(), new_id)?;
            }
            Ok(moved)
        })
    }

    /// Deletes a notebook and those below it; their notes go to the one above. Returns the number of notes moved.
    pub fn delete_notebook(&mut self, path: &str) -> Result<usize> {
        self.change(|write| {
            let path = notebook_path(path);
            let notebooks = write.notebooks_from(&path_key(&path))?;
            if notebooks.is_empty() {
                return Err(StoreError::NoSuchNotebook { notebook: path });
            }
            let parent = match path.rsplit_once('/') {
                Some((parent, _)) => write.notebook_id(parent)?,
                None => 0,
            };
            let mut notes = write.notes_from(&path_key(&path))?;
            let mut moved = 0;
            for (id, _) in notebooks {
                moved += write.refile(&notes.remove(&id).unwrap_or_default(), parent)?;
                write.execute("DELETE FROM notebooks WHERE id = ?1", [id])?;
            }
            Ok(moved)
        })
    }

    /// Moves notes to a notebook and announces them; also those that are in it already, because its name changed.
    fn refile(&mut self, notes: &[NoteId], to: i64) -> Result<usize> {
        for &id in notes {
            let standing = self.standing(id)?;
            if standing.notebook != to {
                self.execute(UPDATE_PLACE, params![id.0, standing.pinned, to])?;
            }
            self.bump(id, &standing)?;
        }
        Ok(notes.len())
    }

    /// All notes of a notebook and those below it, by notebook: one pass, as there is no index for it.
    fn notes_from(&self, key: &str) -> Result<HashMap<i64, Vec<NoteId>>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT notebook, id FROM notes WHERE notebook IN (
                 SELECT id FROM notebooks WHERE key = ?1 OR (key > ?1 || '/' AND key < ?1 || '0'))",
        )?;
        let mut rows = statement.query([key])?;
        let mut notes: HashMap<i64, Vec<NoteId>> = HashMap::new();
        while let Some(row) = rows.next()? {
            notes.entry(row.get(0)?).or_default().push(NoteId(row.get(1)?));
        }
        Ok(notes)
    }

    /// A notebook and those below it: `(id, path)`, outermost first.
    fn notebooks_from(&self, key: &str) -> Result<Vec<(i64, String)>> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT id, path FROM notebooks
                 WHERE key = ?1 OR (key > ?1 || '/' AND key < ?1 || '0') ORDER BY key",
            )?
            .query_map([key], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?)
    }

    /// 0 stands for no notebook; `None`: there is none of that name yet.
    fn find_notebook(&self, path: &str) -> Result<Option<i64>> {
        let path = notebook_path(path);
        if path.is_empty() {
            return Ok(Some(0));
        }
        Ok(self
            .conn
            .prepare_cached("SELECT id FROM notebooks WHERE key = ?1")?
            .query_row([path_key(&path)], |row| row.get(0))
            .optional()?)
    }

    /// The number of a notebook, which is made with those above it if need be.
    fn notebook_id(&self, path: &str) -> Result<i64> {
        if let Some(id) = self.find_notebook(path)? {
            return Ok(id);
        }
        // The spelling of what stands above is kept.
        let mut standing = String::new();
        for name in notebook_path(path).split('/') {
            if !standing.is_empty() {
                standing.push('/');
            }
            standing.push_str(name);
            let key = path_key(&standing);
            self.execute(
                "INSERT OR IGNORE INTO notebooks (path, key) VALUES (?1, ?2)",
                [&standing, &key],
            )?;
            let sql = "SELECT path FROM notebooks WHERE key = ?1";
            standing = self.row(sql, [key], |row| row.get(0))?.unwrap_or(standing);
        }
        let id = self.find_notebook(path)?;
        Ok(id.expect("the notebook was made just now"))
    }

    /// Brings the tag rows of a note from one joined list to another.
    fn put_tags(&self, id: NoteId, standing: &str, wanted: &str) -> Result<()> {
        if standing == wanted {
            return Ok(());
        }
        let (standing, wanted): (HashSet<&str>, HashSet<&str>) =
            (standing.lines().collect(), wanted.lines().collect());
        for &tag in standing.difference(&wanted) {
            self.execute(
                "DELETE FROM note_tags WHERE key = ?1 AND note = ?2",
                params![path_key(tag), id.0],
            )?;
        }
        for &tag in wanted.difference(&standing) {
            self.execute(
                "INSERT INTO note_tags (key, note, tag) VALUES (?1, ?2, ?3)",
                params![path_key(tag), id.0, tag],
            )?;
        }
        Ok(())
    }

    /// Rewrites aliases, links and tasks; `standing` tells which of them have rows.
    fn put_parts(
        &self,
        id: NoteId,
        standing: i64,
        derived: &Derived,
        analysis: &Analysis,
    ) -> Result<()> {
        if standing & ALIASES != 0 {
            self.execute("DELETE FROM aliases WHERE note = ?1", [id.0])?;
        }
        for alias in &derived.aliases {
            self.execute(
                "INSERT OR IGNORE INTO aliases (note, key, alias) VALUES (?1, ?2, ?3)",
                params![id.0, name_key(alias), alias],
            )?;
        }
        if standing & LINKS != 0 {
            self.execute("DELETE FROM links WHERE note = ?1", [id.0])?;
        }
        for link in &analysis.links {
            self.execute(
                "INSERT OR IGNORE INTO links (note, start, finish, key, target) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    id.0,
                    link.range.start as i64,
                    link.range.end as i64,
                    link_key(&link.target),
                    link.target,
                ],
            )?;
        }
        if standing & TASKS != 0 {
            self.execute("DELETE FROM tasks WHERE note = ?1", [id.0])?;
        }
        for (ordinal, task) in analysis.tasks.iter().enumerate() {
            self.execute(
                "INSERT INTO tasks (note, ordinal, line, done, due, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![id.0, ordinal as i64, task.line as i64, task.done, task.due, task.text],
            )?;
        }
        Ok(())
    }

    /// Counts that a person opened a note; one that is gone is not counted.
    pub fn count_open(&mut self, id: NoteId, now: Timestamp) -> Result<()> {
        self.change(|write| {
            write.execute(
                "INSERT INTO opens (note, count, last) SELECT id, 1, ?2 FROM notes WHERE id = ?1
                 ON CONFLICT (note) DO UPDATE SET count = count + 1, last = excluded.last",
                [id.0, now.0],
            )?;
            Ok(())
        })
    }

    /// Stores a setting as JSON text.
    pub fn put_setting(&mut self, key: &str, json: &str) -> Result<()> {
        self.change(|write| {
            write.execute(
                "INSERT INTO settings (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [key, json],
            )?;
            Ok(())
        })
    }

    pub fn delete_setting(&mut self, key: &str) -> Result<()> {
        self.change(|write| {
            write.execute("DELETE FROM settings WHERE key = ?1", [key])?;
            Ok(())
        })
    }
}

/// True if `path` is strictly below `above`; both are keys.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

/// The tags that a draft is found by: those set on it, those of its front matter and those in its text; sorted.
pub fn all_tags(draft: &NoteDraft, front_matter: &FrontMatter, analysis: &Analysis) -> Vec<String> {
    let every = draft.tags.iter().chain(&front_matter.tags).chain(&analysis.tags);
    let mut tags = clean_tags(every.map(String::as_str));
    tags.sort_unstable();
    tags
}

/// What is stored of a draft beside its own words.
struct Derived {
    hash: [u8; 32],
    /// Joined, in the order they were set.
    tags: String,
    /// Set tags, those of the front matter and those in the text; joined and sorted.
    all_tags: String,
    aliases: Vec<String>,
}

impl Derived {
    fn of(draft: &NoteDraft, analysis: &Analysis) -> Derived {
        let front_matter = if draft.front_matter.trim().is_empty() {
            FrontMatter::default()
        } else {
            FrontMatter::parse(&draft.front_matter)
        };
        let tags = join_tags(&clean_tags(draft.tags.iter().map(String::as_str)));
        let all_tags = all_tags(draft, &front_matter, analysis);
        let mut aliases = front_matter.aliases;
        aliases.retain(|alias| !name_key(alias).is_empty());
        Derived {
            hash: content_hash(&draft.title, &draft.body, &draft.front_matter, &tags),
            tags,
            all_tags: join_tags(&all_tags),
            aliases,
        }
    }

    fn parts(&self, analysis: &Analysis) -> i64 {
        let bit = |there: bool, bit: i64| if there { bit } else { 0 };
        bit(!self.aliases.is_empty(), ALIASES)
            | bit(!analysis.links.is_empty(), LINKS)
            | bit(!analysis.tasks.is_empty(), TASKS)
    }
}

/// The stored word of a kind; a word of a later version counts as a plain note.
pub(crate) fn kind_from(word: &str) -> Kind {
    word.parse().unwrap_or_default()
}
