//! What lies on disk: segment files and manifests. A manifest names every file of one generation
//! with its hash; nothing is used before its hash was checked, because usearch crashes on a flipped bit.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Spec, VectorError};

/// Raised when the layout of the files changes; another format is rebuilt.
const FORMAT: u32 = 1;

/// One generation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    store_uuid: String,
    model: String,
    pub(crate) dims: usize,
    pub(crate) generation: u64,
    pub(crate) cursor: i64,
    /// The segment that takes new vectors.
    pub(crate) open: u32,
    pub(crate) segments: Vec<Entry>,
}

/// One segment of a generation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// The first `rows` rows of a file that grows; `dead` are superseded ones.
    Rows { id: u32, rows: usize, blake3: String, dead: Vec<usize> },
    /// A graph and the table of its notes; `hidden` notes live elsewhere or nowhere by now.
    Graph { id: u32, vectors: usize, blake3: String, notes_blake3: String, hidden: Vec<i64> },
}

impl Entry {
    pub(crate) fn id(&self) -> u32 {
        match self {
            Entry::Rows { id, .. } | Entry::Graph { id, .. } => *id,
        }
    }

    fn files(&self) -> Vec<String> {
        match self {
            Entry::Rows { id, .. } => vec![rows_name(*id)],
            Entry::Graph { id, .. } => vec![graph_name(*id), notes_name(*id)],
        }
    }
}

pub(crate) fn rows_name(id: u32) -> String {
    format!("segment-{id}.rows")
}

pub(crate) fn graph_name(id: u32) -> String {
    format!("segment-{id}.graph")
}

pub(crate) fn notes_name(id: u32) -> String {
    format!("segment-{id}.notes")
}

fn manifest_name(generation: u64) -> String {
    format!("manifest-{generation}.json")
}

impl Manifest {
    pub(crate) fn new(
        spec: &Spec,
        generation: u64,
        cursor: i64,
        open: u32,
        segments: Vec<Entry>,
    ) -> Manifest {
        Manifest {
            format: FORMAT,
            store_uuid: spec.store_uuid.clone(),
            model: spec.model.clone(),
            dims: spec.dims,
            generation,
            cursor,
            open,
            segments,
        }
    }

    /// Why this generation is of no use for `spec`, if so.
    pub(crate) fn mismatch(&self, spec: &Spec) -> Option<String> {
        if self.format != FORMAT {
            Some(format!("format {} is not {FORMAT}", self.format))
        } else if self.store_uuid != spec.store_uuid {
            Some("it belongs to another store".to_owned())
        } else if self.model != spec.model {
            Some(format!("it was made with the model {}, not {}", self.model, spec.model))
        } else if self.dims != spec.dims {
            Some(format!("its vectors have {} dimensions, not {}", self.dims, spec.dims))
        } else {
            None
        }
    }

    /// Names of all files of this generation, its own included.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let own = manifest_name(self.generation);
        self.segments.iter().flat_map(Entry::files).chain([own]).collect()
    }

    /// Reads one manifest: a line with the hash of the rest, then JSON.
    pub(crate) fn read(dir: &Path, generation: u64) -> Result<Manifest, VectorError> {
        let path = dir.join(manifest_name(generation));
        let text = fs::read(&path).map_err(VectorError::io(&path))?;
        let end = text
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or_else(|| VectorError::damaged(&path, "it has no hash"))?;
        let (hash, body) = (&text[..end], &text[end + 1..]);
        if hash != blake3::hash(body).to_hex().as_bytes() {
            return Err(VectorError::damaged(&path, "its hash does not match"));
        }
        serde_json::from_slice(body).map_err(|error| VectorError::damaged(&path, error.to_string()))
    }

    /// Writes it durably: when this returns, this is the newest generation.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), VectorError> {
        let path = dir.join(manifest_name(self.generation));
        let body = serde_json::to_vec(self).expect("plain numbers and strings are valid JSON");
        let mut text = format!("{}\n", blake3::hash(&body).to_hex()).into_bytes();
        text.extend(body);
        write_durably(&path, &text)?;
        sync_folder(dir)
    }
}

/// Generations that have a manifest, newest first.
pub(crate) fn generations(dir: &Path) -> Result<Vec<u64>, VectorError> {
    let mut found: Vec<u64> = names(dir)?
        .iter()
        .filter_map(|name| name.strip_prefix("manifest-")?.strip_suffix(".json")?.parse().ok())
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

fn names(dir: &Path) -> Result<Vec<String>, VectorError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(VectorError::io(dir)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(VectorError::io(dir))?.file_name().into_string());
    }
    Ok(names)
}

/// Deletes the index's own files except those in `keep`. What cannot be deleted (in use on some
/// systems) stays until the next time.
pub(crate) fn sweep(dir: &Path, keep: &BTreeSet<String>) -> Result<(), VectorError> {
    for name in names(dir)? {
        let ours = name.starts_with("manifest-") || name.starts_with("segment-");
        if ours && !keep.contains(&name) {
            remove(&dir.join(name));
        }
    }
    Ok(())
}

pub(crate) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(path = %path.display(), %error, "an old index file stays for now");
    }
}

/// A temporary name beside `path`, swept away if it is left behind.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), VectorError> {
    let temporary = temporary(path);
    let mut file = File::create(&temporary).map_err(VectorError::io(&temporary))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(VectorError::io(&temporary))?;
    fs::rename(&temporary, path).map_err(VectorError::io(path))
}

/// Makes creations and renames in `dir` durable.
pub(crate) fn sync_folder(dir: &Path) -> Result<(), VectorError> {
    // Only Unix can open a folder as a file; elsewhere the rename itself is what there is.
    if cfg!(unix) {
        File::open(dir).and_then(|folder| folder.sync_all()).map_err(VectorError::io(dir))?;
    }
    Ok(())
}

/// The blake3 hash of a whole file, in hexadecimal.
pub(crate) fn hash_file(path: &Path) -> Result<String, VectorError> {
    let mut file = File::open(path).map_err(VectorError::io(path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(VectorError::io(path))?;
        if read == 0 {
            return Ok(hasher.finalize().to_hex().to_string());
        }
        hasher.update(&buffer[..read]);
    }
}

/// The table of notes of a graph: number and last ordinal each, little-endian.
pub(crate) fn encode_notes(notes: &[(i64, u16)]) -> Vec<u8> {
    notes
        .iter()
        .flat_map(|(note, last)| [&note.to_le_bytes()[..], &last.to_le_bytes()].concat())
        .collect()
}

pub(crate) fn decode_notes(bytes: &[u8]) -> Vec<(i64, u16)> {
    let mut notes = Vec::with_capacity(bytes.len() / 10);
    for entry in bytes.chunks_exact(10) {
        let (note, last) = entry.split_at(8);
        let note = i64::from_le_bytes(note.try_into().expect("eight bytes were split off"));
        notes.push((note, u16::from_le_bytes([last[0], last[1]])));
    }
    notes
}
