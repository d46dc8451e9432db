//! Vectors as plain rows in memory, searched exactly: what has not become a graph yet. Adding is a
//! copy, so a new note is found at once and no graph wears out under changes.

use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::VectorError;

/// Number of the note in the upper bits, ordinal of the chunk in the lower 16.
pub(crate) type Key = u64;

pub(crate) fn key(note: i64, chunk: u16) -> Key {
    ((note as u64) << 16) | u64::from(chunk)
}

pub(crate) fn note_of(key: Key) -> i64 {
    (key >> 16) as i64
}

pub(crate) fn chunk_of(key: Key) -> u16 {
    (key & 0xffff) as u16
}

/// Keys and, row by row, their vectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) dims: usize,
    pub(crate) keys: Vec<Key>,
    pub(crate) values: Vec<f16>,
}

impl Rows {
    pub(crate) fn new(dims: usize) -> Rows {
        Rows { dims, keys: Vec::new(), values: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn row(&self, index: usize) -> &[f16] {
        &self.values[index * self.dims..(index + 1) * self.dims]
    }

    pub(crate) fn push(&mut self, key: Key, vector: &[f16]) {
        self.keys.push(key);
        self.values.extend_from_slice(vector);
    }

    /// Bytes of one row on disk: the key, then the numbers, all little-endian.
    pub(crate) fn row_bytes(dims: usize) -> usize {
        8 + 2 * dims
    }

    /// A copy of the rows behind the first `from`.
    pub(crate) fn tail(&self, from: usize) -> Rows {
        Rows {
            dims: self.dims,
            keys: self.keys[from..].to_vec(),
            values: self.values[from * self.dims..].to_vec(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len() * Self::row_bytes(self.dims));
        for index in 0..self.len() {
            bytes.extend_from_slice(&self.keys[index].to_le_bytes());
            bytes.extend(self.row(index).iter().flat_map(|number| number.to_le_bytes()));
        }
        bytes
    }

    pub(crate) fn decode(dims: usize, bytes: &[u8]) -> Rows {
        let mut rows = Rows::new(dims);
        for row in bytes.chunks_exact(Self::row_bytes(dims)) {
            let (key, numbers) = row.split_at(8);
            rows.keys.push(Key::from_le_bytes(key.try_into().expect("eight bytes were split off")));
            rows.values
                .extend(numbers.chunks_exact(2).map(|two| f16::from_le_bytes([two[0], two[1]])));
        }
        rows
    }
}

/// Rows, some of them superseded.
#[derive(Clone, Debug)]
pub(crate) struct Flat {
    /// Shared with a rebuild or a save in progress; copied on the rare write that meets one.
    pub(crate) rows: Arc<Rows>,
    pub(crate) dead: Vec<bool>,
    pub(crate) dead_count: usize,
}

impl Flat {
    pub(crate) fn new(dims: usize) -> Flat {
        Flat::of(Rows::new(dims))
    }

    pub(crate) fn of(rows: Rows) -> Flat {
        Flat { dead: vec![false; rows.len()], rows: Arc::new(rows), dead_count: 0 }
    }

    /// Appends a row and says which one it is.
    pub(crate) fn push(&mut self, key: Key, vector: &[f16]) -> usize {
        Arc::make_mut(&mut self.rows).push(key, vector);
        self.dead.push(false);
        self.rows.len() - 1
    }

    pub(crate) fn kill(&mut self, row: usize) {
        if !std::mem::replace(&mut self.dead[row], true) {
            self.dead_count += 1;
        }
    }

    pub(crate) fn live(&self) -> usize {
        self.rows.len() - self.dead_count
    }

    pub(crate) fn live_rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows.len()).filter(|&row| !self.dead[row])
    }
}

/// Rounds to half precision.
pub(crate) fn halves(vector: &[f32]) -> Result<Vec<f16>, VectorError> {
    let halves: Vec<f16> = vector.iter().map(|&number| f16::from_f32(number)).collect();
    if halves.iter().all(|number| number.is_finite()) {
        Ok(halves)
    } else {
        Err(VectorError::NotFinite)
    }
}

/// A query that scores stored vectors, always in the same order of additions, so that a chunk has
/// one similarity wherever its vector lies.
pub(crate) struct Scorer<'a> {
    query: &'a [f32],
    buffer: Vec<f32>,
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(query: &'a [f32]) -> Scorer<'a> {
        Scorer { query, buffer: vec![0.0; query.len()] }
    }

    pub(crate) fn similarity(&mut self, vector: &[f16]) -> f32 {
        vector.convert_to_f32_slice(&mut self.buffer);
        const LANES: usize = 16;
        let mut sums = [0.0f32; LANES];
        let (a, b) = (self.query.chunks_exact(LANES), self.buffer.chunks_exact(LANES));
        let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
        for (x, y) in a.zip(b) {
            for lane in 0..LANES {
                sums[lane] += x[lane] * y[lane];
            }
        }
        sums.iter().sum::<f32>() + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_encoding_and_score_like_a_dot_product() {
        for dims in [1, 3, 16, 50] {
            let mut rows = Rows::new(dims);
            for note in 0..4i64 {
                let vector: Vec<f32> = (0..dims).map(|i| (note as f32 - i as f32) / 64.0).collect();
                rows.push(key(note, 7), &halves(&vector).unwrap());
            }
            let back = Rows::decode(dims, &rows.encode());
            assert_eq!((&back.keys, &back.values), (&rows.keys, &rows.values));
            assert_eq!((note_of(back.keys[2]), chunk_of(back.keys[2])), (2, 7));
            let query: Vec<f32> = (0..dims).map(|i| i as f32 / 8.0).collect();
            let exact: f32 = query.iter().zip(back.row(2)).map(|(x, y)| x * y.to_f32()).sum();
            assert!((Scorer::new(&query).similarity(back.row(2)) - exact).abs() < 1e-3);
        }
        assert!(halves(&[1.0, f32::NAN]).is_err() && halves(&[70_000.0]).is_err());
    }
}
