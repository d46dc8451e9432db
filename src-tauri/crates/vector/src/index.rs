//! [`VectorIndex`]: the segments in memory, their files, and the rebuilding in the background.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::thread::available_parallelism;

use note::{NoteId, NoteSet, Seq};

use crate::files::{self, Entry, Manifest};
use crate::flat::{Flat, Rows, halves, key};
use crate::graph::{Builder, Graph};
use crate::state::{GraphSegment, OPEN_ROWS, Segment, Source, State};
use crate::{Access, Opened, Spec, VectorError, VectorHit};

/// Vectors in the largest graph that a merge makes: building one takes about 1 kB of memory and
/// 1 ms of one core per vector, and eight of them still answer for a million in a few milliseconds.
const LARGEST_GRAPH: usize = 160_000;

/// Graphs of about one size are merged when there are this many.
const MERGE_AT: usize = 4;

/// The index over all chunks of a store. Share it in an `Arc`; every method takes `&self`.
pub struct VectorIndex {
    dir: PathBuf,
    spec: Spec,
    access: Access,
    state: RwLock<State>,
    disk: Mutex<Disk>,
    /// One rebuild at a time.
    maintenance: Mutex<()>,
    /// Its files were deleted: none is written any more.
    gone: AtomicBool,
    permits: Permits,
}

/// What is known of the files.
struct Disk {
    generation: u64,
    cursor: i64,
    /// File names of the generations on disk, the newest last: two.
    kept: VecDeque<BTreeSet<String>>,
    logs: HashMap<u32, Log>,
}

/// The part of a growing file of rows that is on disk.
#[derive(Clone)]
struct Log {
    rows: usize,
    hasher: blake3::Hasher,
}

struct Loaded {
    state: State,
    disk: Disk,
}

impl VectorIndex {
    /// Opens the index in `dir`, making the folder if need be. Checks the hash of every file, which
    /// takes about 0.3 s for a million vectors. What is damaged, missing or made of something else
    /// is no error but [`Opened::Fresh`]; errors are those of the file system.
    pub fn open(
        dir: &Path,
        spec: &Spec,
        access: Access,
    ) -> Result<(VectorIndex, Opened), VectorError> {
        if access == Access::ReadWrite {
            fs::create_dir_all(dir).map_err(VectorError::io(dir))?;
        }
        let permits = Permits::new(available_parallelism().map_or(4, usize::from) + 2);
        let (loaded, opened) = match load_newest(dir, spec, permits.total)? {
            Ok(loaded) => (loaded, Opened::Kept),
            Err(reason) => {
                let generation = files::generations(dir)?.first().copied().unwrap_or(0);
                let disk =
                    Disk { generation, cursor: 0, kept: VecDeque::new(), logs: HashMap::new() };
                (Loaded { state: State::new(spec.dims, 0), disk }, Opened::Fresh(reason))
            }
        };
        if access == Access::ReadWrite {
            let keep = loaded.disk.kept.iter().flatten().cloned().collect();
            files::sweep(dir, &keep)?;
        }
        let index = VectorIndex {
            dir: dir.to_owned(),
            spec: spec.clone(),
            access,
            state: RwLock::new(loaded.state),
            disk: Mutex::new(loaded.disk),
            maintenance: Mutex::new(()),
            gone: AtomicBool::new(false),
            permits,
        };
        Ok((index, opened))
    }

    /// The vector_seq of the last durable save.
    pub fn cursor(&self) -> Seq {
        Seq(lock(&self.disk).cursor)
    }

    pub fn vector_count(&self) -> usize {
        self.read().vectors()
    }

    /// Segments that are searched as graphs.
    pub fn graphs(&self) -> usize {
        let state = self.read();
        state.segments.values().filter(|segment| matches!(segment, Segment::Graph(_))).count()
    }

    /// Counts the saves.
    pub fn generation(&self) -> u64 {
        lock(&self.disk).generation
    }

    pub fn note_count(&self) -> usize {
        self.read().notes()
    }

    /// Puts `vectors` (of unit length, one per chunk in order) in place of what the note had; an
    /// empty slice removes it. Found by the next search; durable with the next [`save`](Self::save).
    /// Takes microseconds. Fails for vectors of another length, with numbers that are not finite,
    /// and when open for reading only; then nothing is changed.
    pub fn replace(&self, note: NoteId, vectors: &[&[f32]]) -> Result<(), VectorError> {
        self.writable()?;
        if vectors.is_empty() {
            return self.remove(note).map(drop);
        }
        if u32::try_from(note.0).is_err() {
            return Err(VectorError::NoteNumber(note));
        }
        if vectors.len() > usize::from(u16::MAX) + 1 {
            return Err(VectorError::TooMany { note, count: vectors.len() });
        }
        let mut rounded = Vec::with_capacity(vectors.len());
        for vector in vectors {
            self.check_dims(vector)?;
            rounded.push(halves(vector)?);
        }
        self.write().replace(note.0, &rounded);
        Ok(())
    }

    /// Forgets a note; false if it had no vectors.
    pub fn remove(&self, note: NoteId) -> Result<bool, VectorError> {
        self.writable()?;
        Ok(self.write().remove(note.0))
    }

    /// A note's vectors in the order of its chunks, rounded to half precision; empty if it has none.
    pub fn vectors_of(&self, note: NoteId) -> Result<Vec<Vec<f32>>, VectorError> {
        let vectors = self.read().vectors_of(note.0)?;
        Ok(vectors.iter().map(|vector| vector.iter().map(|half| half.to_f32()).collect()).collect())
    }

    /// The `k` chunks nearest to `query` (of unit length) among the notes in `allowed`, the best
    /// first, ties by note and chunk. A note may appear with several chunks. Goes on while the
    /// index is saved or rebuilt.
    pub fn search(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&NoteSet>,
    ) -> Result<Vec<VectorHit>, VectorError> {
        self.check_dims(query)?;
        if query.iter().any(|number| !number.is_finite()) {
            return Err(VectorError::NotFinite);
        }
        let _permit = self.permits.take();
        let state = self.read();
        let k = k.min(state.vectors());
        if k == 0 { Ok(Vec::new()) } else { state.search(query, k, allowed) }
    }

    /// Makes everything up to `vector_seq` durable: appends the new rows, then writes a manifest.
    /// The generation before stays on disk. If it fails, the last generation still holds.
    pub fn save(&self, vector_seq: Seq) -> Result<(), VectorError> {
        self.writable()?;
        let mut disk = lock(&self.disk);
        if disk.cursor == vector_seq.0 && !self.read().dirty {
            return Ok(());
        }
        self.persist(&mut disk, vector_seq.0)
    }

    /// Turns full segments into graphs, merges small graphs, drops hidden vectors; true if it did
    /// anything. Takes about a second of one core per thousand vectors, so it belongs on a
    /// background thread; searches, changes and saves go on meanwhile. With nothing to do it
    /// returns at once, so call it after every batch. Stops soon after being `cancelled` (0.1 s, while
    /// writing a large graph 0.5 s); what was not finished is done the next time.
    pub fn maintain(&self, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<bool, VectorError> {
        self.writable()?;
        let _one = lock(&self.maintenance);
        let mut worked = false;
        while !cancelled() {
            let Some(ids) = plan(&self.read()) else { break };
            if !self.rebuild(&ids, cancelled)? {
                break;
            }
            worked = true;
        }
        Ok(worked)
    }

    /// Forgets every vector; the cursor goes back to zero. Durable with the next
    /// [`save`](Self::save).
    pub fn clear(&self) -> Result<(), VectorError> {
        self.writable()?;
        let _one = lock(&self.maintenance);
        let mut disk = lock(&self.disk);
        let mut state = self.write();
        *state = State::new(self.spec.dims, state.next);
        state.dirty = true;
        disk.cursor = 0;
        disk.logs.clear();
        Ok(())
    }

    /// Deletes the files of an index that nobody needs any more; searches under way still end well. Later
    /// changes and saves fail.
    pub fn delete_files(&self) -> Result<(), VectorError> {
        self.writable()?;
        self.gone.store(true, Ordering::Release);
        let _one = lock(&self.maintenance);
        let _disk = lock(&self.disk);
        files::sweep(&self.dir, &BTreeSet::new())
    }

    /// For a read-only index: takes over the newest generation; true if there was a newer one.
    pub fn reload(&self) -> Result<bool, VectorError> {
        if self.access == Access::ReadWrite {
            return Ok(false);
        }
        let mut disk = lock(&self.disk);
        if files::generations(&self.dir)?.first().is_none_or(|&newest| newest <= disk.generation) {
            return Ok(false);
        }
        match load_newest(&self.dir, &self.spec, self.permits.total)? {
            Ok(loaded) if loaded.disk.generation > disk.generation => {
                *self.write() = loaded.state;
                *disk = loaded.disk;
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(reason) => {
                tracing::warn!(
                    reason,
                    "the newest vector index cannot be read; keeping the one in use"
                );
                Ok(false)
            }
        }
    }

    fn check_dims(&self, vector: &[f32]) -> Result<(), VectorError> {
        if vector.len() == self.spec.dims {
            Ok(())
        } else {
            Err(VectorError::Dims { expected: self.spec.dims, found: vector.len() })
        }
    }

    fn writable(&self) -> Result<(), VectorError> {
        let writable = self.access == Access::ReadWrite && !self.gone.load(Ordering::Acquire);
        if writable { Ok(()) } else { Err(VectorError::ReadOnly) }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn persist(&self, disk: &mut Disk, cursor: i64) -> Result<(), VectorError> {
        self.writable()?;
        self.write().dirty = false;
        let written = self.write_generation(disk, cursor);
        if written.is_err() {
            self.write().dirty = true;
        }
        written
    }

    fn write_generation(&self, disk: &mut Disk, cursor: i64) -> Result<(), VectorError> {
        let (open, mut entries, tails) = {
            let state = self.read();
            let mut tails = Vec::new();
            let mut entries = Vec::new();
            for (&id, segment) in &state.segments {
                entries.push(match segment {
                    Segment::Flat(flat) => {
                        let on_disk = disk.logs.get(&id).map_or(0, |log| log.rows);
                        tails.push((id, flat.rows.tail(on_disk)));
                        let dead = (0..flat.rows.len()).filter(|&row| flat.dead[row]).collect();
                        Entry::Rows { id, rows: flat.rows.len(), blake3: String::new(), dead }
                    }
                    Segment::Graph(sealed) => Entry::Graph {
                        id,
                        vectors: sealed.graph.vectors,
                        blake3: sealed.blake3.clone(),
                        notes_blake3: sealed.notes_blake3.clone(),
                        hidden: sealed.hidden.iter().map(|note| note.0).collect(),
                    },
                });
            }
            (state.open, entries, tails)
        };
        let mut logs = HashMap::new();
        for (id, tail) in tails {
            logs.insert(id, self.append(disk.logs.get(&id), id, &tail)?);
        }
        for entry in &mut entries {
            if let Entry::Rows { id, blake3, .. } = entry {
                *blake3 = logs[id].hasher.finalize().to_hex().to_string();
            }
        }
        files::sync_folder(&self.dir)?;
        let generation = disk.generation + 1;
        let manifest = Manifest::new(&self.spec, generation, cursor, open, entries);
        manifest.write(&self.dir)?;
        (disk.generation, disk.cursor, disk.logs) = (generation, cursor, logs);
        disk.kept.push_back(manifest.files());
        while disk.kept.len() > 2 {
            let old = disk.kept.pop_front().expect("longer than two");
            for name in old.iter().filter(|name| !disk.kept.iter().any(|kept| kept.contains(*name)))
            {
                files::remove(&self.dir.join(name));
            }
        }
        Ok(())
    }

    /// Appends rows to a segment's file and makes them durable.
    fn append(&self, log: Option<&Log>, id: u32, tail: &Rows) -> Result<Log, VectorError> {
        let mut log = log.cloned().unwrap_or(Log { rows: 0, hasher: blake3::Hasher::new() });
        if tail.len() == 0 && log.rows > 0 {
            return Ok(log);
        }
        let path = self.dir.join(files::rows_name(id));
        let start = (log.rows * Rows::row_bytes(self.spec.dims)) as u64;
        let bytes = tail.encode();
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(VectorError::io(&path))?;
        // Anything behind `start` is left over from a save that did not get to its manifest.
        file.set_len(start)
            .and_then(|()| file.seek(SeekFrom::Start(start)))
            .and_then(|_| file.write_all(&bytes))
            .and_then(|()| file.sync_all())
            .map_err(VectorError::io(&path))?;
        log.rows += tail.len();
        log.hasher.update(&bytes);
        Ok(log)
    }

    /// Makes one graph of the live vectors in `ids`. False if it was cancelled.
    fn rebuild(
        &self,
        ids: &[u32],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, VectorError> {
        let (id, sources) = {
            let mut state = self.write();
            let id = state.take_id();
            (id, ids.iter().map(|&id| state.source(id)).collect::<Vec<_>>())
        };
        let rebuilt = match self.build(&sources, cancelled)? {
            None => return Ok(false),
            Some((_, 0)) => None,
            Some((builder, vectors)) => Some(self.seal(id, builder, vectors)?),
        };
        self.write().swap(&sources, id, rebuilt);
        let mut disk = lock(&self.disk);
        let cursor = disk.cursor;
        self.persist(&mut disk, cursor)?;
        Ok(true)
    }

    fn build(
        &self,
        sources: &[Source],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<(Builder, usize)>, VectorError> {
        let capacity = sources.iter().map(Source::size).sum();
        let mut builder = Builder::new(self.spec.dims, capacity)?;
        let mut added = 0usize;
        let mut buffer = Vec::new();
        for source in sources {
            match source {
                Source::Flat { rows, dead, .. } => {
                    for row in (0..rows.len()).filter(|&row| !dead[row]) {
                        if added.is_multiple_of(16) && cancelled() {
                            return Ok(None);
                        }
                        builder.add(rows.keys[row], rows.row(row))?;
                        added += 1;
                    }
                }
                Source::Graph { graph, hidden, .. } => {
                    for &(note, last) in &graph.notes {
                        if hidden.contains(NoteId(note)) {
                            continue;
                        }
                        for chunk in 0..=last {
                            if added.is_multiple_of(16) && cancelled() {
                                return Ok(None);
                            }
                            graph.read(key(note, chunk), &mut buffer)?;
                            builder.add(key(note, chunk), &buffer)?;
                            added += 1;
                        }
                    }
                }
            }
        }
        Ok(Some((builder, added)))
    }

    /// Writes a finished graph and opens it as a mapped file.
    fn seal(&self, id: u32, builder: Builder, vectors: usize) -> Result<GraphSegment, VectorError> {
        let path = self.dir.join(files::graph_name(id));
        let temporary = files::temporary(&path);
        let notes = builder.write(&temporary)?;
        let blake3 = files::hash_file(&temporary)?;
        fs::rename(&temporary, &path).map_err(VectorError::io(&path))?;
        let table = files::encode_notes(&notes);
        files::write_durably(&self.dir.join(files::notes_name(id)), &table)?;
        files::sync_folder(&self.dir)?;
        let graph = Graph::map(&path, self.spec.dims, notes, vectors, self.permits.total)?;
        Ok(GraphSegment::new(graph, blake3, blake3::hash(&table).to_hex().to_string()))
    }
}

/// Which segments to rebuild into one, if any.
fn plan(state: &State) -> Option<Vec<u32>> {
    let take = |candidates: &[(usize, u32)]| -> Vec<u32> {
        let mut sum = 0;
        let fits = candidates.iter().take_while(|(live, _)| {
            sum += live;
            sum <= LARGEST_GRAPH
        });
        let ids: Vec<u32> = fits.map(|&(_, id)| id).collect();
        if ids.is_empty() {
            candidates.first().map(|&(_, id)| id).into_iter().collect()
        } else {
            ids
        }
    };
    let mut full = Vec::new();
    let mut tiers: BTreeMap<u32, Vec<(usize, u32)>> = BTreeMap::new();
    for (&id, segment) in &state.segments {
        match segment {
            Segment::Flat(flat) if id != state.open => full.push((flat.live(), id)),
            Segment::Flat(_) => {}
            Segment::Graph(sealed) if sealed.hidden_vectors * 4 > sealed.graph.vectors => {
                return Some(vec![id]);
            }
            Segment::Graph(sealed) => {
                let tier = (sealed.live() / OPEN_ROWS).max(1).ilog2() / 2;
                tiers.entry(tier).or_default().push((sealed.live(), id));
            }
        }
    }
    if !full.is_empty() {
        return Some(take(&full));
    }
    tiers.into_values().filter(|tier| tier.len() >= MERGE_AT).find_map(|mut tier| {
        tier.sort_unstable();
        let ids = take(&tier);
        (ids.len() > 1).then_some(ids)
    })
}

/// The newest generation that is whole and made for `spec`, or why there is none.
fn load_newest(
    dir: &Path,
    spec: &Spec,
    threads: usize,
) -> Result<Result<Loaded, String>, VectorError> {
    // A writer in another process may delete a generation while it is read here: then there is a newer one.
    for _ in 0..4 {
        let generations = files::generations(dir)?;
        let mut reason = None;
        for (at, &generation) in generations.iter().enumerate() {
            match load(dir, spec, generation, threads) {
                Ok(mut loaded) => {
                    if let Some(Ok(older)) =
                        generations.get(at + 1).map(|&older| Manifest::read(dir, older))
                    {
                        loaded.disk.kept.push_front(older.files());
                    }
                    loaded.disk.generation = generations[0];
                    return Ok(Ok(loaded));
                }
                Err(why) => {
                    tracing::warn!(
                        generation,
                        why,
                        "this generation of the vector index is of no use"
                    );
                    reason.get_or_insert(why);
                }
            }
        }
        if files::generations(dir)? == generations {
            return Ok(Err(reason.unwrap_or_else(|| "there is no vector index yet".to_owned())));
        }
    }
    Ok(Err("the vector index changes too quickly to be read".to_owned()))
}

fn load(dir: &Path, spec: &Spec, generation: u64, threads: usize) -> Result<Loaded, String> {
    let manifest = Manifest::read(dir, generation).map_err(|error| error.to_string())?;
    if let Some(mismatch) = manifest.mismatch(spec) {
        return Err(mismatch);
    }
    let mut segments = BTreeMap::new();
    let mut logs = HashMap::new();
    for entry in &manifest.segments {
        let segment = load_segment(dir, spec.dims, entry, threads, &mut logs)
            .map_err(|error| error.to_string())?;
        segments.insert(entry.id(), segment);
    }
    let state = State::assemble(spec.dims, manifest.open, segments)?;
    let kept = VecDeque::from([manifest.files()]);
    Ok(Loaded { state, disk: Disk { generation, cursor: manifest.cursor, kept, logs } })
}

fn load_segment(
    dir: &Path,
    dims: usize,
    entry: &Entry,
    threads: usize,
    logs: &mut HashMap<u32, Log>,
) -> Result<Segment, VectorError> {
    match entry {
        Entry::Rows { id, rows, blake3, dead } => {
            let path = dir.join(files::rows_name(*id));
            let mut bytes = fs::read(&path).map_err(VectorError::io(&path))?;
            bytes.truncate(rows.saturating_mul(Rows::row_bytes(dims)));
            let mut hasher = blake3::Hasher::new();
            hasher.update(&bytes);
            if hasher.finalize().to_hex().as_str() != blake3 {
                return Err(VectorError::damaged(&path, "its hash does not match"));
            }
            let mut flat = Flat::of(Rows::decode(dims, &bytes));
            if flat.rows.len() != *rows || dead.iter().any(|row| row >= rows) {
                return Err(VectorError::damaged(
                    &path,
                    "it has another number of rows than recorded",
                ));
            }
            dead.iter().for_each(|&row| flat.kill(row));
            logs.insert(*id, Log { rows: *rows, hasher });
            Ok(Segment::Flat(flat))
        }
        Entry::Graph { id, vectors, blake3, notes_blake3, hidden } => {
            let path = dir.join(files::notes_name(*id));
            let table = fs::read(&path).map_err(VectorError::io(&path))?;
            if blake3::hash(&table).to_hex().as_str() != notes_blake3 {
                return Err(VectorError::damaged(&path, "its hash does not match"));
            }
            let path = dir.join(files::graph_name(*id));
            if files::hash_file(&path)? != *blake3 {
                return Err(VectorError::damaged(&path, "its hash does not match"));
            }
            let graph = Graph::map(&path, dims, files::decode_notes(&table), *vectors, threads)?;
            let mut sealed = GraphSegment::new(graph, blake3.clone(), notes_blake3.clone());
            hidden.iter().for_each(|&note| sealed.hide(note));
            Ok(Segment::Graph(sealed))
        }
    }
}

/// usearch has a fixed number of places for searches at one time and refuses more: wait instead.
struct Permits {
    total: usize,
    free: Mutex<usize>,
    returned: Condvar,
}

struct Permit<'a>(&'a Permits);

impl Permits {
    fn new(total: usize) -> Permits {
        Permits { total, free: Mutex::new(total), returned: Condvar::new() }
    }

    fn take(&self) -> Permit<'_> {
        let free = lock(&self.free);
        let mut free = self
            .returned
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free) += 1;
        self.0.returned.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
