//! A large store that looks like a real one: notes made of the lines and the vocabulary of real
//! files (so that words follow Zipf's law), with lengths, dates, notebooks and tags spread as people's
//! are, and vectors scattered around those of real texts, so that they cluster. Seeded: the same
//! notes in every run. Built once, outside the repository, for every bench that asks.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use engine::{Engine, ModelSource, Options};
use note::{Analysis, Kind, NoteDraft, NoteId, Seq, Timestamp};
use store::{Lane, NewChunk, Store};

/// Counts up when the notes come out differently: folders of another version are built anew.
const VERSION: u32 = 1;
const BATCH: usize = 500;
/// Real notes that the synthetic ones are made of, and embedded chunks in which there are as many.
const BASES: usize = 6_000;
pub const ENOUGH: usize = 12_000;
/// Bytes of text for each chunk, as the real chunker cuts English prose.
const CHUNK_BYTES: usize = 1_000;
/// Share of words that are drawn from the vocabulary instead of being the line's own.
const DRAWN: f64 = 0.2;
/// The days that creation dates are spread over, the recent ones more densely.
const DAYS: f64 = 15.0 * 365.0;
/// 2026-11-01, so that a seeded store is the same on any day.
const NOW: i64 = 1_793_491_200_000;

/// Where stores that take long to make are kept between runs: `$COMMONPLACE_BENCH`, or the user's
/// cache folder.
pub fn home() -> Result<PathBuf> {
    let home = match std::env::var_os("COMMONPLACE_BENCH") {
        Some(dir) => PathBuf::from(dir),
        None => dirs::cache_dir().context("there is no cache folder")?.join("commonplace-bench"),
    };
    std::fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
    Ok(home)
}

/// One real note and the vector of its first chunk.
struct Base {
    title: String,
    notebook: String,
    lines: Vec<Range<usize>>,
    body: String,
    vector: Vec<f32>,
}

/// What the synthetic notes are made of: the notes of an imported and embedded folder.
pub struct Bases {
    model: String,
    bases: Vec<Base>,
    /// Notes of one language each, by number: words are drawn within it.
    groups: Vec<Vec<usize>>,
    group_of: Vec<usize>,
}

impl Bases {
    /// Reads the notes of the data folder `filled` that are embedded by `model`.
    pub fn read(filled: &Path, model: &str) -> Result<Bases> {
        let store = Store::open(filled)?;
        let mut bases = Vec::new();
        let mut after = Seq(0);
        while bases.len() < BASES {
            let page = store.read(|read| read.vectors_since(model, after, 512))?;
            let Some(last) = page.last() else { break };
            after = last.vector_seq;
            let ids: Vec<NoteId> = page.iter().map(|change| change.note).collect();
            let notes = store.read(|read| read.notes(&ids))?;
            for note in notes {
                let change = page.iter().find(|change| change.note == note.id);
                let Some(vector) = change.and_then(|change| change.vectors.first()) else {
                    continue;
                };
                let mut at = 0;
                let lines = note
                    .body
                    .split_inclusive('\n')
                    .map(|line| {
                        at += line.len();
                        at - line.len()..at
                    })
                    .filter(|range| !note.body[range.clone()].trim().is_empty())
                    .collect();
                bases.push(Base {
                    title: note.title,
                    notebook: note.notebook,
                    lines,
                    body: note.body,
                    vector: vector.clone(),
                });
            }
        }
        store.close()?;
        bases.truncate(BASES);
        if bases.len() < BASES {
            bail!("{} holds {} embedded notes: too few", filled.display(), bases.len());
        }
        let mut names: Vec<&str> = bases.iter().map(|base| language(&base.notebook)).collect();
        let group_names: Vec<String> = {
            names.sort_unstable();
            names.dedup();
            names.into_iter().map(str::to_owned).collect()
        };
        let mut groups = vec![Vec::new(); group_names.len()];
        let mut group_of = Vec::with_capacity(bases.len());
        for (at, base) in bases.iter().enumerate() {
            let name = language(&base.notebook);
            let group = group_names.binary_search_by(|other| other.as_str().cmp(name));
            let group = group.expect("every name is in the list");
            groups[group].push(at);
            group_of.push(group);
        }
        Ok(Bases { model: model.to_owned(), bases, groups, group_of })
    }

    /// A data folder of `count` synthetic notes with both indexes complete; built if it is not there.
    pub async fn folder(&self, count: usize, model: &Path) -> Result<PathBuf> {
        let dir = home()?.join(format!("notes-{count}"));
        let done = dir.join("complete");
        let version = VERSION.to_string();
        if std::fs::read_to_string(&done).is_ok_and(|found| found == version) {
            return Ok(dir);
        }
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        let started = Instant::now();
        eprintln!("making {count} notes in {}, once for all later runs …", dir.display());
        self.write_store(&dir, count)?;
        eprintln!("  stored after {:.0} s; indexing …", started.elapsed().as_secs_f64());
        let options = Options::new(&dir, ModelSource::Dir(model.to_owned()));
        let engine = Engine::open(Options { eager: true, ..options }).await?;
        engine.settled().await?;
        engine.close().await?;
        eprintln!("  indexed after {:.0} s; building graphs …", started.elapsed().as_secs_f64());
        self.build_graphs(&dir)?;
        eprintln!("  complete after {:.0} s", started.elapsed().as_secs_f64());
        std::fs::write(&done, version)?;
        Ok(dir)
    }

    /// What the vector index of a folder must have been made of.
    pub fn spec(&self, store_uuid: &str) -> vector::Spec {
        vector::Spec {
            store_uuid: store_uuid.to_owned(),
            model: self.model.clone(),
            dims: self.bases[0].vector.len(),
        }
    }

    /// How many real notes there are.
    pub fn len(&self) -> usize {
        self.bases.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bases.is_empty()
    }

    /// The vector of a real note.
    pub fn vector(&self, number: usize) -> &[f32] {
        &self.bases[number].vector
    }

    /// What the product does in the background over time, all at once.
    fn build_graphs(&self, dir: &Path) -> Result<()> {
        let store = Store::open(dir)?;
        let spec = self.spec(store.uuid());
        store.close()?;
        let (index, _) =
            vector::VectorIndex::open(&dir.join("vector"), &spec, vector::Access::ReadWrite)?;
        index.maintain(&|| false)?;
        index.save(index.cursor())?;
        Ok(())
    }

    fn write_store(&self, dir: &Path, count: usize) -> Result<()> {
        std::fs::create_dir_all(dir)?;
        let store = Store::open(dir)?;
        let (sender, receiver) = sync_channel::<Vec<Made>>(8);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for first in (0..count).step_by(BATCH) {
                    let numbers = first..count.min(first + BATCH);
                    if sender.send(numbers.map(|number| self.make(number)).collect()).is_err() {
                        return;
                    }
                }
            });
            for batch in receiver {
                let model = self.model.clone();
                store.write(Lane::Bulk, move |write| {
                    for made in &batch {
                        let now = made.draft.updated.unwrap_or(Timestamp(NOW));
                        let saved = write.save_note(None, None, &made.draft, &made.found, now)?;
                        let rows: Vec<NewChunk<'_>> = made
                            .chunks
                            .iter()
                            .map(|(range, digest, vector)| NewChunk {
                                start: range.start,
                                end: range.end,
                                heading_path: String::new(),
                                digest: *digest,
                                vector,
                            })
                            .collect();
                        write.put_chunks(saved.id, saved.seq, &model, &rows)?;
                    }
                    Ok(())
                })?;
            }
            Ok::<(), anyhow::Error>(())
        })?;
        store.close()?;
        Ok(())
    }

    fn make(&self, number: usize) -> Made {
        let mut random = fastrand::Rng::with_seed(number as u64 + 1);
        let at = random.usize(..self.bases.len());
        let base = &self.bases[at];
        let group = &self.groups[self.group_of[at]];
        // Log-normal around 600 bytes: most notes are short, a few are long.
        let length = (600.0 * (0.8 * f64::from(gaussian(&mut random))).exp()).clamp(60.0, 40_000.0);
        let mut body = String::with_capacity(length as usize + 200);
        let mut source = base;
        while body.len() < length as usize {
            let Some(range) = source.lines.get(random.usize(..source.lines.len().max(1))) else {
                source = &self.bases[group[random.usize(..group.len())]];
                continue;
            };
            self.line(&source.body[range.clone()], group, &mut random, &mut body);
            if random.bool() {
                body.push('\n');
            }
            if random.f64() < 0.1 {
                source = &self.bases[group[random.usize(..group.len())]];
            }
        }
        // Vocabularies never stop growing (Heaps' law): names, products, codes.
        if random.f64() < 0.3 {
            body.push_str(&made_up(&mut random));
            body.push('\n');
        }
        let chunks = (0..body.len())
            .step_by(CHUNK_BYTES)
            .enumerate()
            .map(|(ordinal, start)| {
                let floor = |at: usize| body.floor_char_boundary(at.min(body.len()));
                let digest = blake3::hash(format!("{number} {ordinal}").as_bytes());
                let mut short = [0; 16];
                short.copy_from_slice(&digest.as_bytes()[..16]);
                let vector = scattered(&base.vector, &mut random);
                (floor(start)..floor(start + CHUNK_BYTES), short, vector)
            })
            .collect();
        let age = DAYS * random.f64() * random.f64() * 86_400_000.0;
        let created = NOW - age as i64;
        let updated = created + (age * random.f64() * random.f64()) as i64;
        let tags = (0..random.usize(..3))
            .map(|_| format!("topic-{}", (500.0 * random.f64().powi(3)) as usize))
            .collect();
        let draft = NoteDraft {
            title: format!("{} {}", base.title, number / self.bases.len()),
            body,
            tags,
            notebook: base.notebook.clone(),
            kind: if random.f64() < 0.05 { Kind::Pdf } else { Kind::default() },
            pinned: random.f64() < 0.0002,
            created: Some(Timestamp(created)),
            updated: Some(Timestamp(updated)),
            ..NoteDraft::default()
        };
        Made { found: note::analyse(&draft.body), draft, chunks }
    }

    /// Appends a line with some of its words drawn anew: a random place in a text of the same
    /// language draws each word as often as it is used.
    fn line(&self, line: &str, group: &[usize], random: &mut fastrand::Rng, out: &mut String) {
        for word in line.split_inclusive(' ') {
            let plain = word.len() > 4 && word.trim_end().chars().all(char::is_alphabetic);
            if plain && random.f64() < DRAWN {
                let other = &self.bases[group[random.usize(..group.len())]].body;
                let at = other.floor_char_boundary(random.usize(..=other.len()));
                let mut words = other[at..].split_whitespace().skip(1);
                if let Some(drawn) = words.find(|word| word.chars().all(char::is_alphabetic)) {
                    out.push_str(drawn);
                    out.push_str(&word[word.trim_end().len()..]);
                    continue;
                }
            }
            out.push_str(word);
        }
    }
}

struct Made {
    draft: NoteDraft,
    found: Analysis,
    chunks: Vec<(Range<usize>, [u8; 16], Vec<f32>)>,
}

/// The folder of the corpus that tells the language: `pages.de` of `…/pages.de/linux`.
fn language(notebook: &str) -> &str {
    notebook.split('/').find(|name| name.starts_with("pages")).unwrap_or(notebook)
}

fn made_up(random: &mut fastrand::Rng) -> String {
    const SYLLABLES: [&str; 32] = [
        "ba", "cor", "del", "fi", "gor", "hem", "iv", "jun", "kas", "lo", "mir", "nul", "op",
        "pra", "quo", "ril", "sa", "tor", "ul", "ver", "wim", "xan", "yor", "zed", "bri", "cla",
        "dro", "fle", "gra", "plu", "sti", "tre",
    ];
    (0..4).map(|_| SYLLABLES[random.usize(..SYLLABLES.len())]).collect()
}

/// Box and Muller's: normally distributed around 0 with deviation 1.
fn gaussian(random: &mut fastrand::Rng) -> f32 {
    let radius = (-2.0 * (1.0 - random.f32()).ln()).sqrt();
    radius * (std::f32::consts::TAU * random.f32()).cos()
}

/// A unit vector at a cosine of about 0.82 to 0.98 from `vector`.
pub fn scattered(vector: &[f32], random: &mut fastrand::Rng) -> Vec<f32> {
    let spread = (0.2 + 0.5 * random.f32()) / (vector.len() as f32).sqrt();
    let mut moved: Vec<f32> =
        vector.iter().map(|number| number + spread * gaussian(random)).collect();
    let length = moved.iter().map(|number| number * number).sum::<f32>().sqrt();
    moved.iter_mut().for_each(|number| *number /= length);
    moved
}
