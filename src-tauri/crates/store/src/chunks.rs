//! Chunks and their vectors: the truth that the vector index is built from.

use std::collections::HashMap;

use half::f16;
use note::{NoteId, Seq};
use rusqlite::params;

use crate::read::sql_int;
use crate::{NewChunk, Read, Result, StoreError, StoredChunk, VectorChange, Write};

/// Chunks that a note may have: an ordinal has 16 bits.
const CHUNKS: usize = 1 << 16;

/// Set while the other side still holds what a model left there.
const LEFTOVERS: &str = "leftovers";
/// Set once every note is on the list of the next model.
const NEXT_LISTED: &str = "next_listed";

/// Where the chunks of one model are: see [`crate::schema`].
#[derive(Clone, Copy)]
pub(crate) struct Side {
    /// The model's number.
    model: i64,
    b: bool,
}

impl Side {
    /// A statement with the side's columns: `{b}` stands for their suffix.
    pub(crate) fn sql(self, text: &str) -> String {
        sql(self.b, text)
    }

    fn chunk_id(self, note: NoteId, ordinal: u16) -> i64 {
        chunk_id(self.b, note, ordinal)
    }

    /// The first and the last id that a note's chunks can have.
    fn chunk_ids(self, note: NoteId) -> [i64; 2] {
        [self.chunk_id(note, 0), self.chunk_id(note, u16::MAX)]
    }
}

fn sql(b: bool, text: &str) -> String {
    text.replace("{b}", if b { "_b" } else { "" })
}

fn chunk_id(b: bool, note: NoteId, ordinal: u16) -> i64 {
    (i64::from(b) << 48) | (note.0 << 16) | i64::from(ordinal)
}

/// Numbers as little-endian half floats: for unit vectors as good as what a model puts out, in half the space.
fn to_blob(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect()
}

fn from_blob(blob: &[u8]) -> Vec<f32> {
    let (numbers, _) = blob.as_chunks::<2>();
    numbers.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect()
}

impl Write<'_> {
    /// Replaces the chunks of a note, as cut from its version at `note_seq`; false, with nothing changed, if it
    /// has changed since or is gone, or if `model` is neither in use nor the next. The first model of a store
    /// is in use from its first chunks on.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for more than 65,536 chunks.
    pub fn put_chunks(
        &mut self,
        note: NoteId,
        note_seq: Seq,
        model: &str,
        chunks: &[NewChunk<'_>],
    ) -> Result<bool> {
        if chunks.len() > CHUNKS {
            let what = format!("note {note} has {} chunks, more than {CHUNKS}", chunks.len());
            return Err(StoreError::Invalid { what });
        }
        self.change(|write| write.replace_chunks(note, note_seq, model, chunks, None))
    }

    /// Marks a note as not to be embedded, for a reason, until it changes; returns as [`Write::put_chunks`] does.
    pub fn skip_chunks(
        &mut self,
        note: NoteId,
        note_seq: Seq,
        model: &str,
        reason: &str,
    ) -> Result<bool> {
        self.change(|write| write.replace_chunks(note, note_seq, model, &[], Some(reason)))
    }

    fn replace_chunks(
        &mut self,
        note: NoteId,
        note_seq: Seq,
        model: &str,
        chunks: &[NewChunk<'_>],
        skipped: Option<&str>,
    ) -> Result<bool> {
        let stands =
            self.row("SELECT seq FROM notes WHERE id = ?1", [note.0], |row| row.get::<_, i64>(0))?;
        if stands != Some(note_seq.0) {
            return Ok(false);
        }
        if self.side_of(model)?.is_none() && self.model_in_use()?.is_none() {
            self.put_in_use(model)?;
        }
        let Some(side) = self.side_of(model)? else { return Ok(false) };
        let [first, last] = side.chunk_ids(note);
        self.execute("DELETE FROM chunks WHERE id BETWEEN ?1 AND ?2", [first, last])?;
        for (ordinal, chunk) in (0..=u16::MAX).zip(chunks) {
            self.execute(
                "INSERT INTO chunks (id, model, start, finish, digest, heading_path, vector)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    side.chunk_id(note, ordinal),
                    side.model,
                    chunk.start as i64,
                    chunk.end as i64,
                    chunk.digest,
                    chunk.heading_path,
                    to_blob(chunk.vector),
                ],
            )?;
        }
        let vector_seq = self.next_vector_seq()?;
        self.execute(
            &side.sql(
                "UPDATE notes SET chunked_seq{b} = ?2, vector_seq{b} = ?3, chunks{b} = ?4, skipped{b} = ?5
                 WHERE id = ?1",
            ),
            params![note.0, note_seq.0, vector_seq, chunks.len() as i64, skipped],
        )?;
        Ok(true)
    }

    pub(crate) fn delete_chunks(&self, note: NoteId) -> Result<()> {
        for b in [false, true] {
            let ids = [chunk_id(b, note, 0), chunk_id(b, note, u16::MAX)];
            self.execute("DELETE FROM chunks WHERE id BETWEEN ?1 AND ?2", ids)?;
        }
        Ok(())
    }

    /// Makes `model` the one in use in place of the one that was, at once: every note waits for its chunks. For
    /// a model that replaces one which is gone; [`Write::begin_next`] is the gentle way. Ends a change under way.
    pub fn use_model(&mut self, model: &str) -> Result<()> {
        self.change(|write| {
            if write.model_in_use()?.as_deref() == Some(model) {
                return Ok(());
            }
            write.cancel_next_model()?;
            write.put_in_use(model)
        })
    }

    fn put_in_use(&mut self, model: &str) -> Result<()> {
        let b = self.side_in_use()?;
        self.execute(
            &sql(
                b,
                "UPDATE notes SET chunked_seq{b} = 0, chunks{b} = 0, skipped{b} = NULL WHERE chunked_seq{b} <> 0",
            ),
            [],
        )?;
        self.execute("UPDATE models SET side = NULL WHERE side = ?1", [b])?;
        self.put_on_side(model, b)?;
        self.set_model_in_use(model)
    }

    fn set_model_in_use(&self, model: &str) -> Result<()> {
        self.execute(
            "INSERT INTO meta (key, value) VALUES ('model', ?1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [model],
        )?;
        Ok(())
    }

    fn put_on_side(&mut self, model: &str, b: bool) -> Result<()> {
        self.execute("INSERT OR IGNORE INTO models (name) VALUES (?1)", [model])?;
        self.execute("UPDATE models SET side = ?2 WHERE name = ?1", params![model, b])?;
        self.state.sides = None;
        Ok(())
    }

    /// Begins the chunks of another model beside those in use, which stay as they are. Then
    /// [`Write::list_for_next_model`] has to be called until it is done.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if the model is in use, another one is next, or there are leftovers of one.
    pub fn begin_next_model(&mut self, model: &str) -> Result<()> {
        self.change(|write| {
            let next = write.next_model()?;
            if next.as_deref() == Some(model) {
                return Ok(());
            }
            let in_use = write.model_in_use()?.as_deref() == Some(model);
            if in_use || next.is_some() || write.has_leftovers()? {
                let what = format!("the model {model} cannot be the next one now");
                return Err(StoreError::Invalid { what });
            }
            let b = !write.side_in_use()?;
            write.put_on_side(model, b)
        })
    }

    /// Puts up to `limit` notes with ids above `after` on the list of what the next model has to embed; the last
    /// of them, or `None` when that was all. Listing again is harmless.
    pub fn list_for_next_model(&mut self, after: NoteId, limit: usize) -> Result<Option<NoteId>> {
        self.change(|write| {
            let b = !write.side_in_use()?;
            let last = write.nth_note(after, limit)?;
            let until = last.map_or(i64::MAX, |last| last.0);
            write.execute(
                &sql(
                    b,
                    "UPDATE notes SET chunked_seq{b} = 0
                     WHERE id > ?1 AND id <= ?2 AND chunked_seq{b} < 0",
                ),
                [after.0, until],
            )?;
            if last.is_none() && write.next_model()?.is_some() {
                write.set_flag(NEXT_LISTED)?;
            }
            Ok(last)
        })
    }

    /// Makes the next model the one in use, in one step, if it misses no more notes than the one in use does;
    /// false, with nothing changed, if it does. What the old one leaves is for [`Write::free_leftovers`].
    pub fn switch_model(&mut self, next: &str) -> Result<bool> {
        self.change(|write| {
            if !write.next_model_is_ready(next)? {
                return Ok(false);
            }
            let old = write.side_in_use()?;
            write.execute("UPDATE models SET side = NULL WHERE side = ?1", [old])?;
            write.set_model_in_use(next)?;
            write.leave()?;
            Ok(true)
        })
    }

    /// Gives up the next model, if there is one; what it leaves is for [`Write::free_leftovers`].
    pub fn cancel_next_model(&mut self) -> Result<()> {
        self.change(|write| match write.next_model()? {
            None => Ok(()),
            Some(next) => {
                write.execute("UPDATE models SET side = NULL WHERE name = ?1", [next])?;
                write.leave()
            }
        })
    }

    fn leave(&mut self) -> Result<()> {
        self.state.sides = None;
        self.execute("DELETE FROM meta WHERE key = ?1", [NEXT_LISTED])?;
        self.set_flag(LEFTOVERS)
    }

    /// Frees what a model left behind of up to `limit` notes with ids above `after`; the last of them, or `None`
    /// when that was all.
    pub fn free_leftovers(&mut self, after: NoteId, limit: usize) -> Result<Option<NoteId>> {
        self.change(|write| {
            if !write.has_leftovers()? {
                return Ok(None);
            }
            let b = !write.side_in_use()?;
            let last = write.nth_note(after, limit)?;
            let until = last.unwrap_or(NoteId(u32::MAX.into()));
            let ids = [chunk_id(b, after, u16::MAX), chunk_id(b, until, u16::MAX)];
            write.execute("DELETE FROM chunks WHERE id > ?1 AND id <= ?2", ids)?;
            write.execute(
                &sql(
                    b,
                    "UPDATE notes SET chunked_seq{b} = -1, vector_seq{b} = 0, chunks{b} = 0, skipped{b} = NULL
                     WHERE id > ?1 AND id <= ?2 AND chunked_seq{b} >= 0",
                ),
                [after.0, until.0],
            )?;
            if last.is_none() {
                write.execute("DELETE FROM meta WHERE key = ?1", [LEFTOVERS])?;
            }
            Ok(last)
        })
    }

    /// The `limit`th note after `after`, if there are as many.
    fn nth_note(&self, after: NoteId, limit: usize) -> Result<Option<NoteId>> {
        let offset = sql_int(limit.saturating_sub(1));
        self.row(
            "SELECT id FROM notes WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2",
            [after.0, offset],
            |row| row.get(0).map(NoteId),
        )
    }

    fn set_flag(&self, key: &str) -> Result<()> {
        self.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?1, '')", [key])?;
        Ok(())
    }

    /// Which sides are in use: new notes wait on them.
    pub(crate) fn sides(&mut self) -> Result<[bool; 2]> {
        if let Some(sides) = self.state.sides {
            return Ok(sides);
        }
        let mut sides = [false; 2];
        sides[usize::from(self.side_in_use()?)] = true;
        if self.next_model()?.is_some() {
            sides = [true; 2];
        }
        self.state.sides = Some(sides);
        Ok(sides)
    }
}

impl Read<'_> {
    /// Whose chunks are searched.
    pub fn model_in_use(&self) -> Result<Option<String>> {
        self.row("SELECT value FROM meta WHERE key = 'model'", [], |row| row.get(0))
    }

    /// Whose chunks are being made to take the place of those in use.
    pub fn next_model(&self) -> Result<Option<String>> {
        self.row(
            "SELECT name FROM models WHERE side IS NOT NULL
             AND name IS NOT (SELECT value FROM meta WHERE key = 'model')",
            [],
            |row| row.get(0),
        )
    }

    /// True once every note is on the next model's list: from then on its counts are true.
    pub fn next_model_listed(&self) -> Result<bool> {
        self.flag(NEXT_LISTED)
    }

    /// True if a model left something behind that is not freed yet.
    pub fn has_leftovers(&self) -> Result<bool> {
        self.flag(LEFTOVERS)
    }

    /// Which of the two places for a vector index is `model`'s: if it has none yet, that of the model in use.
    pub fn is_on_second_side(&self, model: &str) -> Result<bool> {
        self.side_of(model)?.map_or_else(|| self.side_in_use(), |side| Ok(side.b))
    }

    /// True if `next` could take the place of the model in use: it misses no more notes.
    pub fn next_model_is_ready(&self, next: &str) -> Result<bool> {
        if self.next_model()?.as_deref() != Some(next) || !self.next_model_listed()? {
            return Ok(false);
        }
        let missing = self.pending_chunks_count(next)?;
        Ok(match self.model_in_use()? {
            Some(model) if missing > 0 => missing <= self.pending_chunks_count(&model)?,
            _ => true,
        })
    }

    fn flag(&self, key: &str) -> Result<bool> {
        Ok(self.row("SELECT 1 FROM meta WHERE key = ?1", [key], |_| Ok(()))?.is_some())
    }

    fn side_in_use(&self) -> Result<bool> {
        let side = self.row(
            "SELECT side FROM models WHERE name = (SELECT value FROM meta WHERE key = 'model')",
            [],
            |row| row.get::<_, Option<bool>>(0),
        )?;
        Ok(side.flatten().unwrap_or(false))
    }

    pub(crate) fn side_of(&self, model: &str) -> Result<Option<Side>> {
        self.row(
            "SELECT id, side FROM models WHERE name = ?1 AND side IS NOT NULL",
            [model],
            |row| Ok(Side { model: row.get(0)?, b: row.get(1)? }),
        )
    }

    fn model_id(&self, model: &str) -> Result<Option<i64>> {
        self.row("SELECT id FROM models WHERE name = ?1", [model], |row| row.get(0))
    }

    /// The highest number of a change of vectors in this snapshot, of any model.
    pub(crate) fn highest_vector_seq(&self) -> Result<i64> {
        let found = self.row(
            "SELECT max((SELECT coalesce(max(vector_seq), 0) FROM notes WHERE vector_seq > 0),
                        (SELECT coalesce(max(vector_seq_b), 0) FROM notes WHERE vector_seq_b > 0),
                        (SELECT coalesce(max(vector_seq), 0) FROM tombstones))",
            [],
            |row| row.get(0),
        )?;
        Ok(found.unwrap_or(0))
    }

    /// The highest number of a change of `model`'s vectors in this snapshot.
    pub fn last_vector_seq(&self, model: &str) -> Result<Seq> {
        let Some(side) = self.side_of(model)? else { return Ok(Seq(0)) };
        let found = self.row(
            &side.sql(
                "SELECT max((SELECT coalesce(max(vector_seq{b}), 0) FROM notes WHERE vector_seq{b} > 0),
                            (SELECT coalesce(max(vector_seq), 0) FROM tombstones))",
            ),
            [],
            |row| row.get(0),
        )?;
        Ok(Seq(found.unwrap_or(0)))
    }

    /// Notes not in the trash whose standing text is not embedded by `model`, with the seq to chunk them at;
    /// by seq, the highest or the lowest first.
    pub fn unchunked(
        &self,
        model: &str,
        limit: usize,
        newest_first: bool,
    ) -> Result<Vec<(NoteId, Seq)>> {
        let stale = self.stale(model)?;
        let direction = if newest_first { "DESC" } else { "ASC" };
        self.rows(
            &format!(
                "SELECT id, seq FROM notes WHERE trashed IS NULL {stale} ORDER BY seq {direction} LIMIT ?1"
            ),
            [sql_int(limit)],
            |row| Ok((NoteId(row.get(0)?), Seq(row.get(1)?))),
        )
    }

    /// Those of some notes that [`Read::unchunked`] has, too.
    pub fn unchunked_of(&self, model: &str, notes: &[NoteId]) -> Result<Vec<(NoteId, Seq)>> {
        let stale = self.stale(model)?;
        let sql = format!("SELECT seq FROM notes WHERE id = ?1 AND trashed IS NULL {stale}");
        let mut found = Vec::new();
        for note in notes {
            if let Some(seq) = self.row(&sql, [note.0], |row| row.get(0))? {
                found.push((*note, Seq(seq)));
            }
        }
        Ok(found)
    }

    /// Which of the notes wait for a model: all, while it is not in use.
    fn stale(&self, model: &str) -> Result<String> {
        let side = self.side_of(model)?;
        Ok(side.map_or_else(String::new, |side| {
            side.sql("AND chunked_seq{b} <> seq AND chunked_seq{b} >= 0")
        }))
    }

    /// How many notes [`Read::unchunked`] has in all.
    pub fn pending_chunks_count(&self, model: &str) -> Result<usize> {
        match self.side_of(model)? {
            Some(side) => self.count(
                &side.sql(
                    "SELECT count(*) FROM notes INDEXED BY notes_unchunked{b}
                     WHERE trashed IS NULL AND chunked_seq{b} <> seq AND chunked_seq{b} >= 0",
                ),
                [],
            ),
            None => self.count("SELECT count(*) FROM notes WHERE trashed IS NULL", []),
        }
    }

    /// Notes that `model` did not embed, with the reason.
    pub fn skipped(&self, model: &str, limit: usize) -> Result<Vec<(NoteId, String)>> {
        let Some(side) = self.side_of(model)? else { return Ok(Vec::new()) };
        self.rows(
            &side.sql(
                "SELECT id, skipped{b} FROM notes
                 WHERE skipped{b} IS NOT NULL AND trashed IS NULL AND chunked_seq{b} = seq LIMIT ?1",
            ),
            [sql_int(limit)],
            |row| Ok((NoteId(row.get(0)?), row.get(1)?)),
        )
    }

    /// Notes whose vectors changed after `vector_seq`, in order, at most `limit` notes; only `model`'s vectors.
    pub fn vectors_since(
        &self,
        model: &str,
        vector_seq: Seq,
        limit: usize,
    ) -> Result<Vec<VectorChange>> {
        let Some(side) = self.side_of(model)? else { return Ok(Vec::new()) };
        let changed = self.rows(
            &side.sql(
                "SELECT vector_seq{b}, id, trashed IS NOT NULL FROM notes
                 WHERE vector_seq{b} > 0 AND vector_seq{b} > ?1
                 UNION ALL SELECT vector_seq, note, 0 FROM tombstones WHERE vector_seq > ?1
                 ORDER BY 1 LIMIT ?2",
            ),
            [vector_seq.0, sql_int(limit)],
            |row| Ok((Seq(row.get(0)?), NoteId(row.get(1)?), row.get(2)?)),
        )?;
        changed
            .into_iter()
            .map(|(vector_seq, note, trashed)| {
                let vectors = self.chunk_vectors(model, note)?;
                let vectors = vectors.into_iter().map(|(_, vector)| vector).collect();
                Ok(VectorChange { note, vector_seq, vectors, trashed })
            })
            .collect()
    }

    /// Digests and vectors of a note's chunks, by ordinal.
    pub fn chunk_vectors(&self, model: &str, note: NoteId) -> Result<Vec<([u8; 16], Vec<f32>)>> {
        let Some(side) = self.side_of(model)? else { return Ok(Vec::new()) };
        let [first, last] = side.chunk_ids(note);
        self.rows(
            "SELECT digest, vector FROM chunks WHERE id BETWEEN ?1 AND ?2 AND model = ?3 ORDER BY id",
            [first, last, side.model],
            |row| Ok((row.get(0)?, from_blob(row.get_ref(1)?.as_blob()?))),
        )
    }

    pub fn chunk_vector(
        &self,
        model: &str,
        note: NoteId,
        ordinal: u16,
    ) -> Result<Option<Vec<f32>>> {
        Ok(self.vectors_at(model, &[(note, ordinal)])?.pop().flatten())
    }

    /// The vectors of chunks, in the given order.
    pub fn vectors_at(
        &self,
        model: &str,
        places: &[(NoteId, u16)],
    ) -> Result<Vec<Option<Vec<f32>>>> {
        let Some(side) = self.side_of(model)? else { return Ok(vec![None; places.len()]) };
        places
            .iter()
            .map(|&(note, ordinal)| {
                self.row(
                    "SELECT vector FROM chunks WHERE id = ?1 AND model = ?2",
                    [side.chunk_id(note, ordinal), side.model],
                    |row| Ok(from_blob(row.get_ref(0)?.as_blob()?)),
                )
            })
            .collect()
    }

    /// Those of the vectors that are stored already, wherever: the same text is not embedded twice.
    pub fn vectors_by_digest(
        &self,
        model: &str,
        digests: &[[u8; 16]],
    ) -> Result<HashMap<[u8; 16], Vec<f32>>> {
        let mut found = HashMap::new();
        let Some(model) = self.model_id(model)? else { return Ok(found) };
        for digest in digests {
            let vector = self.row(
                "SELECT vector FROM chunks WHERE digest = ?1 AND model = ?2 LIMIT 1",
                params![digest, model],
                |row| Ok(from_blob(row.get_ref(0)?.as_blob()?)),
            )?;
            if let Some(vector) = vector {
                found.insert(*digest, vector);
            }
        }
        Ok(found)
    }

    /// Where the chunks lie that `model` has of a note, by ordinal.
    pub fn chunks(&self, model: &str, note: NoteId) -> Result<Vec<StoredChunk>> {
        let Some(side) = self.side_of(model)? else { return Ok(Vec::new()) };
        self.rows(
            "SELECT id & 65535, start, finish, heading_path FROM chunks WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
            side.chunk_ids(note),
            |row| {
                Ok(StoredChunk {
                    ordinal: row.get(0)?,
                    start: row.get(1)?,
                    end: row.get(2)?,
                    heading_path: row.get(3)?,
                })
            },
        )
    }
}
