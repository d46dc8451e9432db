//! The index on real folders: recall, durability, damage, concurrency.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use note::{NoteId, NoteSet, Seq};
use proptest::prelude::*;
use vector::{Access, Opened, Spec, VectorError, VectorHit, VectorIndex};

const DIMS: usize = 48;

fn spec() -> Spec {
    Spec { store_uuid: "store".into(), model: "model".into(), dims: DIMS }
}

fn open(dir: &Path) -> (VectorIndex, Opened) {
    VectorIndex::open(dir, &spec(), Access::ReadWrite).unwrap()
}

/// Numbers without a pattern, the same each time (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Roughly normal, around zero.
    fn normal(&mut self) -> f32 {
        (0..6).map(|_| (self.next() % 2001) as f32 / 1000.0 - 1.0).sum()
    }

    fn unit(&mut self, around: Option<&[f32]>) -> Vec<f32> {
        let mut vector: Vec<f32> = (0..DIMS)
            .map(|i| around.map_or(0.0, |center| 8.0 * center[i]) + self.normal())
            .collect();
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        vector
    }
}

fn put(index: &VectorIndex, note: i64, vectors: &[Vec<f32>]) {
    let slices: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
    index.replace(NoteId(note), &slices).unwrap();
}

fn maintain(index: &VectorIndex) -> bool {
    index.maintain(&|| false).unwrap()
}

type Model = BTreeMap<i64, Vec<Vec<f32>>>;

fn exact(model: &Model, query: &[f32], k: usize, allowed: Option<&NoteSet>) -> Vec<(i64, u16)> {
    let mut all: Vec<(f32, i64, u16)> = model
        .iter()
        .filter(|&(&note, _)| allowed.is_none_or(|allowed| allowed.contains(NoteId(note))))
        .flat_map(|(&note, vectors)| {
            vectors.iter().enumerate().map(move |(chunk, vector)| {
                (vector.iter().zip(query).map(|(x, y)| x * y).sum(), note, chunk as u16)
            })
        })
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    all.into_iter().take(k).map(|(_, note, chunk)| (note, chunk)).collect()
}

fn keys(hits: &[VectorHit]) -> Vec<(i64, u16)> {
    hits.iter().map(|hit| (hit.note.0, hit.chunk)).collect()
}

fn check_order(hits: &[VectorHit]) {
    for pair in hits.windows(2) {
        let order = pair[1].similarity.total_cmp(&pair[0].similarity);
        assert!(
            order.then((pair[0].note, pair[0].chunk).cmp(&(pair[1].note, pair[1].chunk))).is_lt()
        );
    }
}

/// Clustered vectors as real texts give: 20,000 in 200 clusters.
fn clustered(random: &mut Random, notes: i64) -> Model {
    let centers: Vec<Vec<f32>> = (0..200).map(|_| random.unit(None)).collect();
    (1..=notes)
        .map(|note| {
            let center = &centers[(random.next() % 200) as usize];
            let chunks = 1 + random.next() % 3;
            (note, (0..chunks).map(|_| random.unit(Some(center))).collect())
        })
        .collect()
}

#[test]
fn finds_what_brute_force_finds() {
    let dir = tempfile::tempdir().unwrap();
    let (index, opened) = open(dir.path());
    assert!(matches!(opened, Opened::Fresh(_)));
    let mut random = Random(1);
    let mut model = clustered(&mut random, 13_000);
    for (&note, vectors) in &model {
        put(&index, note, vectors);
        if note % 4_000 == 0 {
            maintain(&index);
        }
    }
    // Some change and some go once they are in a graph.
    for note in (1..13_000).step_by(13) {
        if note % 2 == 0 {
            model.remove(&note);
            index.remove(NoteId(note)).unwrap();
        } else {
            let vectors = vec![random.unit(None)];
            put(&index, note, &vectors);
            model.insert(note, vectors);
        }
    }
    maintain(&index);
    index.save(Seq(9)).unwrap();
    drop(index);
    let (index, opened) = open(dir.path());
    assert_eq!((opened, index.cursor()), (Opened::Kept, Seq(9)));
    assert_eq!(index.note_count(), model.len());
    assert_eq!(index.vector_count(), model.values().map(Vec::len).sum::<usize>());

    let queries: Vec<Vec<f32>> = (0..60)
        .map(|_| {
            let near = &model.values().nth((random.next() % 10_000) as usize).unwrap()[0];
            random.unit(Some(near))
        })
        .collect();
    for per_mille in [1000u64, 500, 100, 10, 1] {
        let allowed: NoteSet = model
            .keys()
            .filter(|_| random.next() % 1000 < per_mille)
            .map(|&note| NoteId(note))
            .collect();
        let allowed = (per_mille < 1000).then_some(&allowed);
        let (mut found, mut wanted) = (0, 0);
        for query in &queries {
            let expected = exact(&model, query, 10, allowed);
            let hits = index.search(query, 10, allowed).unwrap();
            check_order(&hits);
            let hits = keys(&hits);
            assert!(hits.iter().all(|&(note, _)| allowed.is_none_or(|a| a.contains(NoteId(note)))));
            wanted += expected.len();
            found += expected.iter().filter(|key| hits.contains(key)).count();
        }
        let recall = found as f64 / wanted as f64;
        println!("recall@10 at {per_mille} per mille: {recall:.4}");
        assert!(recall >= 0.95, "recall {recall} at {per_mille} per mille");
    }
}

#[test]
fn refuses_what_it_cannot_hold() {
    let dir = tempfile::tempdir().unwrap();
    let (index, _) = open(dir.path());
    let good = vec![0.1; DIMS];
    let huge = vec![1e9; DIMS];
    let nan = vec![f32::NAN; DIMS];
    assert!(matches!(index.replace(NoteId(1), &[&good, &huge]), Err(VectorError::NotFinite)));
    assert!(matches!(index.replace(NoteId(1), &[&nan]), Err(VectorError::NotFinite)));
    assert!(matches!(index.replace(NoteId(1), &[&good[1..]]), Err(VectorError::Dims { .. })));
    assert!(matches!(index.replace(NoteId(-1), &[&good]), Err(VectorError::NoteNumber(_))));
    assert!(matches!(
        index.replace(NoteId(1), &vec![&good[..]; 65_537]),
        Err(VectorError::TooMany { count: 65_537, .. })
    ));
    assert_eq!(index.vector_count(), 0);
    assert!(matches!(index.search(&nan, 3, None), Err(VectorError::NotFinite)));
    assert!(index.search(&good, 3, None).unwrap().is_empty());
    index.replace(NoteId(1), &vec![&good[..]; 65_536]).unwrap();
    assert_eq!(index.vectors_of(NoteId(1)).unwrap().len(), 65_536);
    index.replace(NoteId(1), &[]).unwrap();
    assert!(index.vectors_of(NoteId(1)).unwrap().is_empty());
    assert_eq!(index.search(&good, 0, None).unwrap(), []);
    index.replace(NoteId(1), &[&good]).unwrap();
    assert!(index.search(&good, 3, Some(&NoteSet::default())).unwrap().is_empty());
    assert_eq!(index.search(&good, usize::MAX, None).unwrap().len(), 1);
}

#[test]
fn another_store_model_or_width_starts_fresh() {
    for other in [
        Spec { store_uuid: "other".into(), ..spec() },
        Spec { model: "other".into(), ..spec() },
        Spec { dims: 4, ..spec() },
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (index, _) = open(dir.path());
        put(&index, 1, &[vec![0.5; DIMS]]);
        index.save(Seq(3)).unwrap();
        drop(index);
        let (index, opened) = VectorIndex::open(dir.path(), &other, Access::ReadWrite).unwrap();
        assert!(matches!(opened, Opened::Fresh(_)), "{other:?}: {opened:?}");
        assert_eq!((index.cursor(), index.vector_count()), (Seq(0), 0));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Replace(i64, u8),
    Remove(i64),
    Fill(i64),
    Save,
    Maintain,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..40i64, 1..4u8).prop_map(|(note, chunks)| Step::Replace(note, chunks)),
        3 => (1..40i64).prop_map(Step::Remove),
        1 => (1..40i64).prop_map(Step::Fill),
        2 => Just(Step::Save),
        1 => Just(Step::Maintain),
        2 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens, it holds what a map holds; reopening goes back to the last save.
    #[test]
    fn behaves_like_a_map(steps in prop::collection::vec(step(), 1..30), seed: u64) {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random(seed);
        let (mut index, _) = open(dir.path());
        let (mut model, mut saved): (Model, (i64, Model)) = Default::default();
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Replace(note, chunks) => {
                    let vectors: Vec<_> = (0..chunks).map(|_| random.unit(None)).collect();
                    put(&index, note, &vectors);
                    model.insert(note, vectors);
                }
                Step::Remove(note) => {
                    prop_assert_eq!(index.remove(NoteId(note)).unwrap(), model.remove(&note).is_some());
                }
                // Rewrites one note until its segment is full.
                Step::Fill(note) => {
                    let vectors = vec![random.unit(None); 1500];
                    (0..6).for_each(|_| put(&index, note, &vectors));
                    put(&index, note, &vectors[..1]);
                    model.insert(note, vectors[..1].to_vec());
                }
                Step::Save => {
                    index.save(Seq(at as i64)).unwrap();
                    saved = (at as i64, model.clone());
                }
                Step::Maintain => {
                    // A rebuild saves too, under the old cursor: what is replayed then is already there.
                    if maintain(&index) {
                        saved.1 = model.clone();
                    }
                }
                Step::Reopen => {
                    drop(index);
                    let opened;
                    (index, opened) = open(dir.path());
                    if saved.0 > 0 {
                        prop_assert_eq!(opened, Opened::Kept);
                    }
                    prop_assert_eq!(index.cursor(), Seq(saved.0));
                    model = saved.1.clone();
                }
            }
            prop_assert_eq!(index.note_count(), model.len());
            prop_assert_eq!(index.vector_count(), model.values().map(Vec::len).sum::<usize>());
        }
        for (&note, vectors) in &model {
            let held = index.vectors_of(NoteId(note)).unwrap();
            prop_assert_eq!(held.len(), vectors.len());
            for (held, vector) in held.iter().zip(vectors) {
                prop_assert!(held.iter().zip(vector).all(|(a, b)| (a - b).abs() < 1e-3));
            }
            let hits = index.search(&vectors[0], 1, None).unwrap();
            prop_assert!(hits[0].similarity > 0.99);
        }
    }
}

/// An index with two graphs, rows and hidden notes, saved in `dir`.
fn small_saved(dir: &Path) -> Model {
    let (index, _) = open(dir);
    let mut random = Random(5);
    let mut model = Model::new();
    for note in 1..=2_200i64 {
        let vectors: Vec<_> = (0..4).map(|_| random.unit(None)).collect();
        put(&index, note, &vectors);
        model.insert(note, vectors);
    }
    maintain(&index);
    for note in (1..400).step_by(9) {
        index.remove(NoteId(note)).unwrap();
        model.remove(&note);
    }
    index.save(Seq(77)).unwrap();
    model
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn damage_anywhere_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let model = small_saved(dir.path());
    let whole: Vec<(PathBuf, Vec<u8>)> = files(dir.path())
        .into_iter()
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect();
    assert!(whole.iter().any(|(path, _)| path.extension().is_some_and(|end| end == "graph")));
    let mut random = Random(3);
    for round in 0..120 {
        for path in files(dir.path()) {
            fs::remove_file(path).unwrap();
        }
        for (path, bytes) in &whole {
            fs::write(path, bytes).unwrap();
        }
        let (path, bytes) = &whole[round % whole.len()];
        let mut bytes = bytes.clone();
        let at = (random.next() % bytes.len() as u64) as usize;
        match round / whole.len() % 4 {
            0 => bytes[at] ^= 1 << (random.next() % 8),
            1 => bytes.truncate(at),
            2 => bytes.iter_mut().skip(at).take(4096).for_each(|byte| *byte = 0),
            _ => bytes.clear(),
        }
        fs::write(path, &bytes).unwrap();
        for access in [Access::ReadOnly, Access::ReadWrite] {
            let (index, opened) = VectorIndex::open(dir.path(), &spec(), access).unwrap();
            match opened {
                Opened::Kept => {
                    for (&note, vectors) in model.iter().take(50) {
                        let hits = index.search(&vectors[1], 1, None).unwrap();
                        assert_eq!(keys(&hits), [(note, 1)], "{}", path.display());
                    }
                }
                Opened::Fresh(_) => assert_eq!((index.cursor(), index.vector_count()), (Seq(0), 0)),
            }
            if access == Access::ReadWrite {
                put(&index, 1, &[vec![0.5; DIMS]]);
                index.save(Seq(100)).unwrap();
            }
        }
        let (index, opened) = open(dir.path());
        assert_eq!((opened, index.cursor()), (Opened::Kept, Seq(100)));
    }
}

#[test]
fn an_unfinished_save_is_as_if_it_never_began() {
    let dir = tempfile::tempdir().unwrap();
    let model = small_saved(dir.path());
    // What a crash leaves behind: rows without their manifest, half a manifest, half a graph.
    for path in
        files(dir.path()).iter().filter(|path| path.extension().is_some_and(|end| end == "rows"))
    {
        let mut bytes = fs::read(path).unwrap();
        bytes.extend([7; 1000]);
        fs::write(path, bytes).unwrap();
    }
    fs::write(dir.path().join("manifest-99.json"), b"half").unwrap();
    fs::write(dir.path().join("segment-9.tmp"), b"half").unwrap();
    for round in 0..3i64 {
        let (index, opened) = open(dir.path());
        assert_eq!(opened, Opened::Kept);
        assert_eq!(index.cursor(), Seq(if round == 0 { 77 } else { round - 1 }));
        assert_eq!(index.note_count(), model.len() + round as usize);
        put(&index, 5_000 + round, &[vec![0.3; DIMS]]);
        index.save(Seq(round)).unwrap();
    }
}

#[test]
fn a_second_process_follows() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, _) = open(dir.path());
    put(&writer, 1, &[vec![0.5; DIMS]]);
    writer.save(Seq(1)).unwrap();
    let (reader, opened) = VectorIndex::open(dir.path(), &spec(), Access::ReadOnly).unwrap();
    assert_eq!((opened, reader.vector_count()), (Opened::Kept, 1));
    assert!(matches!(reader.save(Seq(2)), Err(VectorError::ReadOnly)));
    assert!(matches!(reader.remove(NoteId(1)), Err(VectorError::ReadOnly)));
    assert!(!reader.reload().unwrap());
    let mut random = Random(4);
    for note in 2..=9_000 {
        put(&writer, note, &[random.unit(None)]);
    }
    for seq in 2..8 {
        maintain(&writer);
        put(&writer, 9_000 + seq, &[random.unit(None)]);
        writer.save(Seq(seq)).unwrap();
    }
    assert_eq!(reader.vector_count(), 1);
    assert!(reader.reload().unwrap());
    assert_eq!((reader.cursor(), reader.vector_count()), (Seq(7), writer.vector_count()));
}

#[test]
fn searches_go_on_while_everything_else_happens() {
    let dir = tempfile::tempdir().unwrap();
    let (index, _) = open(dir.path());
    let done = AtomicBool::new(false);
    // Never changed: it must be found at every moment.
    let anchor = Random(42).unit(None);
    put(&index, 1, std::slice::from_ref(&anchor));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (index, done, anchor) = (&index, &done, &anchor);
            scope.spawn(move || {
                let mut random = Random(thread);
                let some: NoteSet = (1..20_000).step_by(2).map(NoteId).collect();
                while !done.load(Ordering::Relaxed) {
                    let hits = index.search(anchor, 5, None).unwrap();
                    assert_eq!(hits[0].note, NoteId(1));
                    check_order(&hits);
                    let hits = index.search(&random.unit(None), 20, Some(&some)).unwrap();
                    assert!(hits.iter().all(|hit| hit.note.0 % 2 == 1));
                }
            });
        }
        let writer = scope.spawn(|| {
            let mut random = Random(1000);
            for note in 2..20_000 {
                let vector = random.unit(None);
                put(&index, note, &[vector]);
                if note % 7 == 0 {
                    index.remove(NoteId(2 + (random.next() % note as u64) as i64)).unwrap();
                }
                if note % 1000 == 0 {
                    index.save(Seq(note)).unwrap();
                }
            }
        });
        while !writer.is_finished() {
            maintain(&index);
        }
        writer.join().unwrap();
        maintain(&index);
        done.store(true, Ordering::Relaxed);
    });
    let count = index.vector_count();
    index.save(Seq(50_000)).unwrap();
    drop(index);
    let (index, opened) = open(dir.path());
    assert_eq!((opened, index.vector_count()), (Opened::Kept, count));
}

#[test]
fn a_cancelled_rebuild_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (index, _) = open(dir.path());
    let mut random = Random(8);
    for note in 1..9_000 {
        put(&index, note, &[random.unit(None)]);
    }
    let asked = std::sync::atomic::AtomicUsize::new(0);
    assert!(!index.maintain(&|| asked.fetch_add(1, Ordering::Relaxed) > 5).unwrap());
    assert_eq!(index.vector_count(), 8_999);
    assert!(maintain(&index) && !maintain(&index));
    assert_eq!(index.vector_count(), 8_999);
}
