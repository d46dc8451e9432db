//! The segments in memory and which of them holds each note. A note's vectors lie in one segment,
//! so that a change never touches a graph: the old ones are hidden, the new ones become rows.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

use half::f16;
use note::{NoteId, NoteSet};

use crate::flat::{Flat, Key, Rows, Scorer, chunk_of, key, note_of};
use crate::graph::Graph;
use crate::{VectorError, VectorHit};

/// Rows after which a flat segment is closed and waits to become a graph: 8,192 rows are searched
/// in about a millisecond, and a smaller graph saves nothing.
pub(crate) const OPEN_ROWS: usize = 8192;

/// Samples taken of a filter to estimate how much it lets through.
const FILTER_SAMPLES: usize = 2048;

/// Where a note's vectors lie.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The segment it was put into; see [`State::home`].
    birth: u32,
    /// First row, in a flat segment.
    row: u32,
    /// Ordinal of the last chunk.
    last: u16,
}

impl Place {
    fn count(self) -> usize {
        usize::from(self.last) + 1
    }
}

#[derive(Debug)]
pub(crate) struct GraphSegment {
    pub(crate) graph: Arc<Graph>,
    pub(crate) blake3: String,
    pub(crate) notes_blake3: String,
    /// Notes in the graph that live elsewhere or nowhere by now.
    pub(crate) hidden: NoteSet,
    pub(crate) hidden_vectors: usize,
}

impl GraphSegment {
    pub(crate) fn new(graph: Graph, blake3: String, notes_blake3: String) -> GraphSegment {
        let hidden = NoteSet::default();
        GraphSegment { graph: Arc::new(graph), blake3, notes_blake3, hidden, hidden_vectors: 0 }
    }

    pub(crate) fn hide(&mut self, note: i64) {
        if let Some(last) = self.graph.last_chunk(note)
            && self.hidden.insert(NoteId(note))
        {
            self.hidden_vectors += usize::from(last) + 1;
        }
    }

    pub(crate) fn live(&self) -> usize {
        self.graph.vectors - self.hidden_vectors
    }
}

#[derive(Debug)]
pub(crate) enum Segment {
    Flat(Flat),
    Graph(GraphSegment),
}

/// A segment as it was when a rebuild began.
pub(crate) enum Source {
    Flat { id: u32, rows: Arc<Rows>, dead: Vec<bool> },
    Graph { id: u32, graph: Arc<Graph>, hidden: NoteSet },
}

impl Source {
    pub(crate) fn id(&self) -> u32 {
        match self {
            Source::Flat { id, .. } | Source::Graph { id, .. } => *id,
        }
    }

    /// Vectors in it, the superseded ones included.
    pub(crate) fn size(&self) -> usize {
        match self {
            Source::Flat { rows, .. } => rows.len(),
            Source::Graph { graph, .. } => graph.vectors,
        }
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) dims: usize,
    pub(crate) segments: BTreeMap<u32, Segment>,
    /// The flat segment that takes new vectors.
    pub(crate) open: u32,
    pub(crate) next: u32,
    places: HashMap<i64, Place>,
    /// Which segment now holds what was put into a segment: a merge changes a few entries here
    /// instead of the place of every note.
    home: HashMap<u32, u32>,
    vectors: usize,
    /// Changed since the last save.
    pub(crate) dirty: bool,
}

impl State {
    pub(crate) fn new(dims: usize, first: u32) -> State {
        State {
            dims,
            segments: BTreeMap::from([(first, Segment::Flat(Flat::new(dims)))]),
            open: first,
            next: first + 1,
            places: HashMap::new(),
            home: HashMap::from([(first, first)]),
            vectors: 0,
            dirty: false,
        }
    }

    /// Puts segments read from disk together; an error says what does not fit.
    pub(crate) fn assemble(
        dims: usize,
        open: u32,
        segments: BTreeMap<u32, Segment>,
    ) -> Result<State, String> {
        let mut state = State::new(dims, segments.keys().max().map_or(0, |id| id + 1));
        for (&id, segment) in &segments {
            match segment {
                Segment::Flat(flat) => {
                    for row in flat.live_rows() {
                        let key = flat.rows.keys[row];
                        state.settle(note_of(key), chunk_of(key), id, row)?;
                    }
                }
                Segment::Graph(sealed) => {
                    for &(note, last) in &sealed.graph.notes {
                        if !sealed.hidden.contains(NoteId(note)) {
                            let place = Place { birth: id, row: 0, last };
                            if state.places.insert(note, place).is_some() {
                                return Err(format!("note {note} is in two segments"));
                            }
                            state.vectors += place.count();
                        }
                    }
                }
            }
        }
        state.home.extend(segments.keys().map(|&id| (id, id)));
        state.segments.extend(segments);
        if matches!(state.segments.get(&open), Some(Segment::Flat(_))) {
            let fresh = std::mem::replace(&mut state.open, open);
            state.segments.remove(&fresh);
            state.home.remove(&fresh);
        }
        Ok(state)
    }

    fn settle(&mut self, note: i64, chunk: u16, id: u32, row: usize) -> Result<(), String> {
        self.vectors += 1;
        if chunk == 0 {
            let place = Place { birth: id, row: row as u32, last: 0 };
            return match self.places.insert(note, place) {
                None => Ok(()),
                Some(_) => Err(format!("note {note} is there twice")),
            };
        }
        match self.places.get_mut(&note) {
            Some(place)
                if place.birth == id
                    && place.count() == usize::from(chunk)
                    && place.row as usize + place.count() == row =>
            {
                place.last = chunk;
                Ok(())
            }
            _ => Err(format!("the chunks of note {note} are out of order")),
        }
    }

    pub(crate) fn vectors(&self) -> usize {
        self.vectors
    }

    pub(crate) fn notes(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn take_id(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// Forgets a note's vectors; false if it had none.
    pub(crate) fn remove(&mut self, note: i64) -> bool {
        let Some(place) = self.places.remove(&note) else { return false };
        self.vectors -= place.count();
        self.dirty = true;
        match self.segments.get_mut(&self.home[&place.birth]) {
            Some(Segment::Flat(flat)) => {
                let first = place.row as usize;
                (first..first + place.count()).for_each(|row| flat.kill(row));
            }
            Some(Segment::Graph(sealed)) => sealed.hide(note),
            None => unreachable!("every home is a segment"),
        }
        true
    }

    /// Puts a note's vectors in place of what it had. `vectors` is not empty.
    pub(crate) fn replace(&mut self, note: i64, vectors: &[Vec<f16>]) {
        self.remove(note);
        let open = self.open_flat();
        if open.rows.len() > 0 && open.rows.len() + vectors.len() > OPEN_ROWS {
            self.roll();
        }
        let birth = self.open;
        let flat = self.open_flat();
        let row = flat.rows.len() as u32;
        for (chunk, vector) in vectors.iter().enumerate() {
            flat.push(key(note, chunk as u16), vector);
        }
        self.places.insert(note, Place { birth, row, last: (vectors.len() - 1) as u16 });
        self.vectors += vectors.len();
        self.dirty = true;
    }

    fn open_flat(&mut self) -> &mut Flat {
        match self.segments.get_mut(&self.open) {
            Some(Segment::Flat(flat)) => flat,
            _ => unreachable!("the open segment is flat"),
        }
    }

    /// Opens a new flat segment. One of mostly dead rows is not worth a graph: its live rows move over.
    fn roll(&mut self) {
        let id = self.take_id();
        let mut fresh = Flat::new(self.dims);
        let full = self.open;
        if let Some(Segment::Flat(flat)) = self.segments.get(&full)
            && flat.live() <= OPEN_ROWS / 2
        {
            for row in flat.live_rows() {
                let key = flat.rows.keys[row];
                let moved = fresh.push(key, flat.rows.row(row));
                if chunk_of(key) == 0
                    && let Some(place) = self.places.get_mut(&note_of(key))
                {
                    (place.birth, place.row) = (id, moved as u32);
                }
            }
            self.segments.remove(&full);
            self.home.remove(&full);
        }
        self.segments.insert(id, Segment::Flat(fresh));
        self.home.insert(id, id);
        self.open = id;
    }

    pub(crate) fn source(&self, id: u32) -> Source {
        match &self.segments[&id] {
            Segment::Flat(flat) => {
                Source::Flat { id, rows: Arc::clone(&flat.rows), dead: flat.dead.clone() }
            }
            Segment::Graph(sealed) => Source::Graph {
                id,
                graph: Arc::clone(&sealed.graph),
                hidden: sealed.hidden.clone(),
            },
        }
    }

    /// Puts `rebuilt` in place of its sources, hiding what changed since they were taken.
    pub(crate) fn swap(&mut self, sources: &[Source], id: u32, rebuilt: Option<GraphSegment>) {
        let mut rebuilt = rebuilt;
        for source in sources {
            let Some(now) = self.segments.remove(&source.id()) else { continue };
            let Some(rebuilt) = &mut rebuilt else { continue };
            match (source, now) {
                (Source::Flat { rows, dead, .. }, Segment::Flat(now)) => {
                    for (row, was_dead) in dead.iter().enumerate() {
                        if now.dead[row] && !was_dead {
                            rebuilt.hide(note_of(rows.keys[row]));
                        }
                    }
                }
                (Source::Graph { hidden, .. }, Segment::Graph(now)) => {
                    for note in now.hidden.iter().filter(|&note| !hidden.contains(note)) {
                        rebuilt.hide(note.0);
                    }
                }
                _ => unreachable!("a segment keeps its kind"),
            }
        }
        for home in self.home.values_mut() {
            if sources.iter().any(|source| source.id() == *home) {
                *home = id;
            }
        }
        if let Some(rebuilt) = rebuilt {
            self.segments.insert(id, Segment::Graph(rebuilt));
        }
        self.home.retain(|_, home| self.segments.contains_key(home));
        self.dirty = true;
    }

    /// Reads a note's vectors in order.
    pub(crate) fn vectors_of(&self, note: i64) -> Result<Vec<Vec<f16>>, VectorError> {
        let mut vectors = Vec::new();
        self.each_vector(note, &mut |_, vector| vectors.push(vector.to_vec()))?;
        Ok(vectors)
    }

    fn each_vector(&self, note: i64, seen: &mut dyn FnMut(Key, &[f16])) -> Result<(), VectorError> {
        let Some(place) = self.places.get(&note) else { return Ok(()) };
        let mut buffer = Vec::new();
        for chunk in 0..=place.last {
            let key = key(note, chunk);
            match &self.segments[&self.home[&place.birth]] {
                Segment::Flat(flat) => {
                    seen(key, flat.rows.row(place.row as usize + usize::from(chunk)))
                }
                Segment::Graph(sealed) => {
                    sealed.graph.read(key, &mut buffer)?;
                    seen(key, &buffer);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn search(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&NoteSet>,
    ) -> Result<Vec<VectorHit>, VectorError> {
        let mut scorer = Scorer::new(query);
        let mut best = Best { k, heap: BinaryHeap::new() };
        if let Some(allowed) = allowed
            && self.few_survive(allowed)
        {
            for note in allowed.iter() {
                self.each_vector(note.0, &mut |key, vector| {
                    best.offer(key, scorer.similarity(vector))
                })?;
            }
            return Ok(best.into_hits());
        }
        let mut buffer = Vec::new();
        for segment in self.segments.values() {
            match segment {
                Segment::Flat(flat) => {
                    for row in flat.live_rows() {
                        let key = flat.rows.keys[row];
                        if allowed.is_none_or(|allowed| allowed.contains(NoteId(note_of(key)))) {
                            best.offer(key, scorer.similarity(flat.rows.row(row)));
                        }
                    }
                }
                Segment::Graph(sealed) => {
                    let keep = |note: i64| {
                        !sealed.hidden.contains(NoteId(note))
                            && allowed.is_none_or(|allowed| allowed.contains(NoteId(note)))
                    };
                    let plain = allowed.is_none() && sealed.hidden.is_empty();
                    let keep: Option<&dyn Fn(i64) -> bool> = if plain { None } else { Some(&keep) };
                    for key in sealed.graph.nearest(query, k, keep)? {
                        sealed.graph.read(key, &mut buffer)?;
                        best.offer(key, scorer.similarity(&buffer));
                    }
                }
            }
        }
        Ok(best.into_hits())
    }

    /// Is it quicker to score every allowed vector than to walk graphs past the others? A walk
    /// costs about 1 / share, a full scoring about 1 µs per vector; a walk that finds few survivors
    /// also loses recall.
    fn few_survive(&self, allowed: &NoteSet) -> bool {
        if self.places.is_empty() || allowed.is_empty() {
            return true;
        }
        let step = allowed.len() / FILTER_SAMPLES + 1;
        let (mut sampled, mut held) = (0usize, 0usize);
        for note in allowed.iter().step_by(step) {
            sampled += 1;
            held += usize::from(self.places.contains_key(&note.0));
        }
        let survivors = allowed.len() as f64 * held as f64 / sampled as f64;
        let share = survivors / self.places.len() as f64;
        let vectors = share * self.vectors as f64;
        vectors <= 4096.0 || share < 0.05 || (share < 0.12 && vectors <= 30_000.0)
    }
}

/// The `k` best so far; ties go to the lower note and chunk.
struct Best {
    k: usize,
    /// The worst on top.
    heap: BinaryHeap<Ranked>,
}

#[derive(PartialEq)]
struct Ranked {
    similarity: f32,
    key: Key,
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    /// Greater is worse.
    fn cmp(&self, other: &Ranked) -> Ordering {
        other.similarity.total_cmp(&self.similarity).then(self.key.cmp(&other.key))
    }
}

impl Best {
    fn offer(&mut self, key: Key, similarity: f32) {
        let ranked = Ranked { similarity, key };
        if self.heap.len() < self.k {
            self.heap.push(ranked);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
    }

    fn into_hits(self) -> Vec<VectorHit> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|Ranked { similarity, key }| VectorHit {
                note: NoteId(note_of(key)),
                chunk: chunk_of(key),
                similarity,
            })
            .collect()
    }
}
