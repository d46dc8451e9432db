//! Notes that say nearly the same, found over all of them when a person asks. Texts are compared by their
//! runs of three words: MinHash with locality-sensitive hashing (Broder 1997; Indyk and Motwani 1998) finds
//! what may be alike without comparing each note with each, and what it finds is then compared in full.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use note::{NoteHead, NoteId};
use tokio_util::sync::CancellationToken;

use crate::engine::Inner;
use crate::error::{Error, Result};

/// A note in a group of alike ones.
#[derive(Clone, Debug)]
pub struct Duplicate {
    pub head: NoteHead,
    pub chars: usize,
    /// Share of the runs of three words that it and the group's first note have in common, 0 to 1.
    pub likeness: f32,
    /// Title and text are those of the group's first note.
    pub identical: bool,
}

/// Notes that are all nearly the same as the first, which was changed last.
#[derive(Clone, Debug)]
pub struct DuplicateGroup {
    pub notes: Vec<Duplicate>,
}

#[derive(Clone, Debug, Default)]
pub struct Duplicates {
    /// Those with most text first.
    pub groups: Vec<DuplicateGroup>,
    /// Groups that were found, of which only so many are told.
    pub found: usize,
    /// Notes that were compared.
    pub compared: usize,
}

/// Groups that are told, and notes of each.
const GROUPS: usize = 500;
const MEMBERS: usize = 50;
/// Notes read from the store at a time.
const PAGE: usize = 256;
/// Words of a run.
const RUN: usize = 3;
/// A note with fewer words is alike to another only if both say the same.
const SHORT: usize = 12;
/// Two texts are nearly the same if they share this part of their runs: about one word in nine may differ.
const ALIKE: f32 = 0.7;
/// Bands of rows: what shares 0.7 of its runs falls together in one of them in 99 of 100 cases.
const BANDS: usize = 16;
const ROWS: usize = 4;
const BINS: usize = BANDS * ROWS;
/// Groups with which a note is compared in one bucket.
const CANDIDATES: usize = 4;
/// The part of the work that reading is.
const READING: f32 = 0.85;

/// Finds groups of nearly identical notes. Holds 72 bytes for each note, and the texts of two at a time.
/// `progress` is told a share of the whole, 0 to 1.
pub(crate) fn find(
    inner: &Arc<Inner>,
    token: &CancellationToken,
    progress: &dyn Fn(f32),
) -> Result<Duplicates> {
    let total = inner.store.read(|read| read.last_note())?.0.max(1);
    let mut ids: Vec<NoteId> = Vec::new();
    let mut keys: Vec<[u32; BANDS]> = Vec::new();
    let mut reader = Shingler::default();
    let mut after = NoteId(0);
    loop {
        if token.is_cancelled() {
            return Err(Error::cancelled());
        }
        let page = inner.store.read(|read| read.texts_after(after, PAGE))?;
        let Some((last, _, _)) = page.last() else { break };
        after = *last;
        for (id, title, body) in &page {
            if body.trim().is_empty() {
                continue;
            }
            ids.push(*id);
            keys.push(reader.keys(title, body));
        }
        progress(READING * (after.0 as f32 / total as f32).min(1.0));
    }
    let mut groups =
        Groups { inner, ids: &ids, parent: (0..ids.len()).collect(), apart: HashSet::new() };
    let mut order: Vec<usize> = (0..ids.len()).collect();
    for (band, done) in (1..=BANDS).enumerate() {
        order.sort_unstable_by_key(|&at| (keys[at][band], at));
        for bucket in order.chunk_by(|&a, &b| keys[a][band] == keys[b][band]) {
            if token.is_cancelled() {
                return Err(Error::cancelled());
            }
            if bucket.len() > 1 {
                groups.join_alike(bucket)?;
            }
        }
        progress(READING + (1.0 - READING) * done as f32 / BANDS as f32);
    }
    let found = groups.into_groups();
    present(inner, found, ids.len(), token)
}

/// Which notes belong together, as a forest: each note's parent, a root's being itself.
struct Groups<'a> {
    inner: &'a Inner,
    ids: &'a [NoteId],
    parent: Vec<usize>,
    /// Pairs of roots that were compared and are not alike.
    apart: HashSet<(usize, usize)>,
}

impl Groups<'_> {
    fn root(&mut self, mut at: usize) -> usize {
        while self.parent[at] != at {
            self.parent[at] = self.parent[self.parent[at]];
            at = self.parent[at];
        }
        at
    }

    /// Joins those of a bucket that are alike; each is compared with a few groups of the bucket at most, so
    /// that a bucket of any size costs no more than its notes.
    fn join_alike(&mut self, bucket: &[usize]) -> Result<()> {
        let mut roots: Vec<(usize, Vec<u64>)> = Vec::new();
        for &at in bucket {
            let root = self.root(at);
            if roots.iter().any(|(known, _)| *known == root) {
                continue;
            }
            let pair = |known: usize| (known.min(root), known.max(root));
            if roots.len() == CANDIDATES
                && roots.iter().all(|(known, _)| self.apart.contains(&pair(*known)))
            {
                continue;
            }
            let shingles = self.shingles(root)?;
            let like = roots.iter().find(|(known, others)| {
                !self.apart.contains(&pair(*known)) && likeness(others, &shingles) >= ALIKE
            });
            if let Some((known, _)) = like {
                self.parent[root] = *known;
                continue;
            }
            self.apart.extend(roots.iter().map(|(known, _)| pair(*known)));
            if roots.len() < CANDIDATES {
                roots.push((root, shingles));
            }
        }
        Ok(())
    }

    fn shingles(&self, at: usize) -> Result<Vec<u64>> {
        let id = self.ids[at];
        let note = self.inner.store.read(|read| read.note(id))?;
        // A note deleted meanwhile is like none.
        Ok(note.map(|note| shingles(&note.title, &note.body)).unwrap_or_default())
    }

    fn into_groups(mut self) -> Vec<Vec<NoteId>> {
        let mut members: HashMap<usize, Vec<NoteId>> = HashMap::new();
        for at in 0..self.ids.len() {
            let root = self.root(at);
            members.entry(root).or_default().push(self.ids[at]);
        }
        members.into_values().filter(|group| group.len() > 1).collect()
    }
}

/// Reads what is shown of each group and compares its notes with the first of them.
fn present(
    inner: &Inner,
    found: Vec<Vec<NoteId>>,
    compared: usize,
    token: &CancellationToken,
) -> Result<Duplicates> {
    let mut groups = Vec::with_capacity(found.len());
    for mut ids in found {
        if token.is_cancelled() {
            return Err(Error::cancelled());
        }
        ids.sort_unstable();
        ids.truncate(MEMBERS);
        let (mut notes, heads) =
            inner.store.read(|read| Ok((read.notes(&ids)?, read.heads(&ids)?)))?;
        notes.retain(|note| note.trashed.is_none());
        notes.sort_by_key(|note| (std::cmp::Reverse(note.updated), note.id));
        let Some(first) = notes.first() else { continue };
        let kept = shingles(&first.title, &first.body);
        let alike: Vec<Duplicate> = notes
            .iter()
            .filter_map(|note| {
                Some(Duplicate {
                    head: heads.iter().find(|head| head.id == note.id)?.clone(),
                    chars: note.body.chars().count(),
                    likeness: likeness(&kept, &shingles(&note.title, &note.body)),
                    identical: note.title == first.title && note.body == first.body,
                })
            })
            .collect();
        if alike.len() > 1 {
            groups.push(DuplicateGroup { notes: alike });
        }
    }
    let found = groups.len();
    groups.sort_by_key(|group| {
        let first = &group.notes[0];
        (std::cmp::Reverse(first.chars), first.head.id)
    });
    groups.truncate(GROUPS);
    Ok(Duplicates { groups, found, compared })
}

/// Share of the runs that two texts have in common (Jaccard); both ascending, without doubles.
fn likeness(a: &[u64], b: &[u64]) -> f32 {
    let (mut i, mut j, mut shared) = (0, 0, 0usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                i += 1;
                j += 1;
            }
        }
    }
    let all = a.len() + b.len() - shared;
    if all == 0 { 0.0 } else { shared as f32 / all as f32 }
}

/// A text's runs of three words, ascending and without doubles; a short text with its title as a whole.
fn shingles(title: &str, body: &str) -> Vec<u64> {
    let mut found = Vec::new();
    Shingler::default().each(title, body, |shingle| found.push(shingle));
    found.sort_unstable();
    found.dedup();
    found
}

#[derive(Default)]
struct Shingler {
    words: Vec<u64>,
}

impl Shingler {
    fn each(&mut self, title: &str, body: &str, mut tell: impl FnMut(u64)) {
        self.words.clear();
        words(body, &mut self.words);
        if self.words.len() < SHORT {
            words(title, &mut self.words);
            tell(self.words.iter().fold(1, |run, word| mix(run ^ word)));
            return;
        }
        for run in self.words.windows(RUN) {
            tell(run.iter().fold(0, |run, word| mix(run ^ word)));
        }
    }

    /// The least run of each bin (one-permutation MinHash; Li, Owen and Zhang 2012), an empty bin taking its
    /// neighbour's (Shrivastava and Li 2014), band by band as one number.
    fn keys(&mut self, title: &str, body: &str) -> [u32; BANDS] {
        let mut bins = [u64::MAX; BINS];
        self.each(title, body, |shingle| {
            let bin = &mut bins[(shingle >> 32) as usize % BINS];
            *bin = (*bin).min(shingle & 0xffff_ffff);
        });
        let held = bins;
        for (at, bin) in bins.iter_mut().enumerate() {
            let steps = (0..BINS).find(|step| held[(at + step) % BINS] != u64::MAX);
            let steps = steps.unwrap_or(0);
            *bin =
                mix(held[(at + steps) % BINS].wrapping_add(steps as u64) ^ ((steps as u64) << 40));
        }
        let mut keys = [0; BANDS];
        for (key, rows) in keys.iter_mut().zip(bins.chunks_exact(ROWS)) {
            *key = rows.iter().fold(0, |key, row| mix(key ^ row)) as u32;
        }
        keys
    }
}

/// The words of a text as numbers, whatever their case; of scripts without spaces each character.
fn words(text: &str, out: &mut Vec<u64>) {
    let mut word = 0u64;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word = mix(word ^ u64::from(c.to_ascii_lowercase()));
            continue;
        }
        let dense = matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..);
        let is_word = c.is_alphanumeric();
        if is_word && !dense {
            word = c.to_lowercase().fold(word, |word, c| mix(word ^ u64::from(c)));
            continue;
        }
        if word != 0 {
            out.push(std::mem::take(&mut word));
        }
        if is_word {
            out.push(mix(u64::from(c)));
        }
    }
    if word != 0 {
        out.push(word);
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014) after its constant.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: usize, seed: u64) -> Vec<String> {
        (0..words as u64).map(|at| format!("w{}", mix(seed ^ (at << 8)) % 5_000)).collect()
    }

    fn shares_a_band(a: &str, b: &str) -> bool {
        let mut reader = Shingler::default();
        let (a, b) = (reader.keys("", a), reader.keys("", b));
        a.iter().zip(b).any(|(a, b)| *a == b)
    }

    #[test]
    fn likeness_is_the_share_of_common_runs() {
        let like = |a: &str, b: &str| likeness(&shingles("t", a), &shingles("t", b));
        let words = text(200, 1);
        let whole = words.join(" ");
        assert_eq!(like(&whole, &whole), 1.0);
        assert_eq!(like(&whole, &whole.to_uppercase()), 1.0);
        assert_eq!(like(&whole, &text(200, 2).join(" ")), 0.0);
        let mut changed = words;
        changed[100] = "other".to_owned();
        let one = like(&whole, &changed.join(" "));
        assert!((0.96..1.0).contains(&one), "{one}");
        assert_eq!(like("buy milk", "Buy milk!"), 1.0);
        assert_eq!(like("buy milk", "buy bread"), 0.0);
        assert!(like("東京大学の図書館で本を借りた", "東京大学の図書館で本を読んだ") > 0.5);
        assert_eq!(likeness(&[], &[]), 0.0);
    }

    #[test]
    fn alike_texts_share_a_band_and_others_seldom_do() {
        let (mut missed, mut stray) = (0, 0);
        for seed in 0..300 {
            let words = text(120, seed);
            let mut changed = words.clone();
            // Three words of 120: a likeness of about 0.86.
            for at in [20, 60, 100] {
                changed[at] = "other".to_owned();
            }
            missed += usize::from(!shares_a_band(&words.join(" "), &changed.join(" ")));
            stray +=
                usize::from(shares_a_band(&words.join(" "), &text(120, seed + 9_000).join(" ")));
        }
        assert!(missed <= 1, "{missed} of 300 missed");
        assert!(stray <= 1, "{stray} of 300 strayed");
    }
}
