//! Chunks and their vectors: the truth that the vector index is built from.

use std::collections::HashMap;

use half::f16;
use note::{NoteId, Seq};
use rusqlite::params;

use crate::read::sql_int;
use crate::{NewChunk, Read, Result, StoreError, StoredChunk, VectorChange, Write};

/// Chunks that a note may have: an ordinal has 16 bits.
const CHUNKS: usize = 1 << 16;

fn chunk_id(note: NoteId, ordinal: u16) -> i64 {
    (note.0 << 16) | i64::from(ordinal)
}

/// The first and the last id that a note's chunks can have.
fn chunk_ids(note: NoteId) -> [i64; 2] {
    [chunk_id(note, 0), chunk_id(note, u16::MAX)]
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
    /// has changed since or is gone. The first chunks of another model make all notes unchunked.
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
        let model = self.use_model(model)?;
        self.delete_chunks(note)?;
        for (ordinal, chunk) in (0..=u16::MAX).zip(chunks) {
            self.execute(
                "INSERT INTO chunks (id, model, start, finish, digest, heading_path, vector)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    chunk_id(note, ordinal),
                    model,
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
            "UPDATE notes SET chunked_seq = ?2, vector_seq = ?3, chunks = ?4, skipped = ?5 WHERE id = ?1",
            params![note.0, note_seq.0, vector_seq, chunks.len() as i64, skipped],
        )?;
        Ok(true)
    }

    pub(crate) fn delete_chunks(&self, note: NoteId) -> Result<()> {
        self.execute("DELETE FROM chunks WHERE id BETWEEN ?1 AND ?2", chunk_ids(note))?;
        Ok(())
    }

    /// The model's number, after making it the one whose chunks count.
    fn use_model(&mut self, model: &str) -> Result<i64> {
        if !self.is_current_model(model)? {
            self.execute("INSERT OR IGNORE INTO models (name) VALUES (?1)", [model])?;
            self.execute(
                "INSERT INTO meta (key, value) VALUES ('model', ?1)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [model],
            )?;
            self.execute(
                "UPDATE notes SET chunked_seq = 0, chunks = 0, skipped = NULL WHERE chunked_seq <> 0",
                [],
            )?;
        }
        let id = self.model_id(model)?;
        Ok(id.expect("a model in use has a number"))
    }
}

impl Read<'_> {
    /// True if `model` made the chunks that count.
    pub(crate) fn is_current_model(&self, model: &str) -> Result<bool> {
        let current =
            self.row("SELECT value = ?1 FROM meta WHERE key = 'model'", [model], |row| row.get(0))?;
        Ok(current.unwrap_or(false))
    }

    fn model_id(&self, model: &str) -> Result<Option<i64>> {
        self.row("SELECT id FROM models WHERE name = ?1", [model], |row| row.get(0))
    }

    /// Notes not in the trash whose standing text is not embedded by `model`, with the seq to chunk them at;
    /// by seq, the highest or the lowest first.
    pub fn unchunked(
        &self,
        model: &str,
        limit: usize,
        newest_first: bool,
    ) -> Result<Vec<(NoteId, Seq)>> {
        let stale = if self.is_current_model(model)? { "AND chunked_seq <> seq" } else { "" };
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
        let stale = if self.is_current_model(model)? { "AND chunked_seq <> seq" } else { "" };
        let sql = format!("SELECT seq FROM notes WHERE id = ?1 AND trashed IS NULL {stale}");
        let mut found = Vec::new();
        for note in notes {
            if let Some(seq) = self.row(&sql, [note.0], |row| row.get(0))? {
                found.push((*note, Seq(seq)));
            }
        }
        Ok(found)
    }

    /// How many notes [`Read::unchunked`] has in all.
    pub fn pending_chunks_count(&self, model: &str) -> Result<usize> {
        if self.is_current_model(model)? {
            self.count(
                "SELECT count(*) FROM notes INDEXED BY notes_unchunked
                 WHERE trashed IS NULL AND chunked_seq <> seq",
                [],
            )
        } else {
            self.count("SELECT count(*) FROM notes WHERE trashed IS NULL", [])
        }
    }

    /// Notes that were not embedded, with the reason.
    pub fn skipped(&self, limit: usize) -> Result<Vec<(NoteId, String)>> {
        self.rows(
            "SELECT id, skipped FROM notes
             WHERE skipped IS NOT NULL AND trashed IS NULL AND chunked_seq = seq LIMIT ?1",
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
        let changed = self.rows(
            "SELECT vector_seq, id, trashed IS NOT NULL FROM notes WHERE vector_seq > 0 AND vector_seq > ?1
             UNION ALL SELECT vector_seq, note, 0 FROM tombstones WHERE vector_seq > ?1
             ORDER BY vector_seq LIMIT ?2",
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
        let Some(model) = self.model_id(model)? else { return Ok(Vec::new()) };
        let [first, last] = chunk_ids(note);
        self.rows(
            "SELECT digest, vector FROM chunks WHERE id BETWEEN ?1 AND ?2 AND model = ?3 ORDER BY id",
            [first, last, model],
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
        let Some(model) = self.model_id(model)? else { return Ok(vec![None; places.len()]) };
        places
            .iter()
            .map(|&(note, ordinal)| {
                self.row(
                    "SELECT vector FROM chunks WHERE id = ?1 AND model = ?2",
                    [chunk_id(note, ordinal), model],
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

    /// Where a note's chunks lie, by ordinal.
    pub fn chunks(&self, note: NoteId) -> Result<Vec<StoredChunk>> {
        self.rows(
            "SELECT id & 65535, start, finish, heading_path FROM chunks WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
            chunk_ids(note),
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
