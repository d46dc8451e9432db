//! How findable notes are: searches for notes by what is known to stand in them, and counts how far
//! up they come. Reads only.

use note::{NoteId, fold};
use store::{ListFilter, ListSort, Read, View};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::search::{Mode, SearchRequest};

/// Notes whose heads are read at a time while some are drawn.
const PAGE: usize = 10_000;
/// Words of a passage that are typed, and the fewest that a line must have to give any.
const PASSAGE_WORDS: usize = 8;
const LEAST_WORDS: usize = 5;
/// The same for lines of a script without spaces, in characters.
const PASSAGE_CHARS: usize = 14;
const LEAST_CHARS: usize = 10;
/// How deep a note is looked for.
const DEPTH: usize = 10;

/// What of a note is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Its title, whole.
    Title,
    /// Some words in a row from its text, without signs.
    Passage,
}

impl ProbeKind {
    pub fn name(self) -> &'static str {
        match self {
            ProbeKind::Title => "title",
            ProbeKind::Passage => "passage",
        }
    }
}

/// A query that one known note should answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub text: String,
    pub note: NoteId,
    pub kind: ProbeKind,
    /// Title and beginning of the note: one with the same is as good.
    twin: (String, String),
}

/// How far up probed notes came.
#[derive(Clone, Debug, Default)]
pub struct Findability {
    pub asked: usize,
    /// Probes whose note was the first hit.
    pub first: usize,
    /// Probes whose note was among the first ten hits.
    pub in_ten: usize,
    /// Sum of 1 / rank over those.
    reciprocal: f64,
    /// Probes whose note was not the first hit.
    pub missed: Vec<Probe>,
}

impl Findability {
    pub fn share_first(&self) -> f64 {
        self.first as f64 / self.asked.max(1) as f64
    }

    pub fn share_in_ten(&self) -> f64 {
        self.in_ten as f64 / self.asked.max(1) as f64
    }

    /// Mean reciprocal rank within the first ten hits.
    pub fn mrr(&self) -> f64 {
        self.reciprocal / self.asked.max(1) as f64
    }
}

impl Engine {
    /// Probes for at most `sample` notes, drawn by `seed`: a title and a passage each, where the note
    /// has such. The same seed over the same notes gives the same probes.
    pub async fn probes(&self, sample: usize, seed: u64) -> Result<Vec<Probe>> {
        self.read(move |read| {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut probes = Vec::new();
            for id in drawn(read, sample, &mut random)? {
                let Some(note) = read.note(id)? else { continue };
                let title = note::display_title(&note.title, &note.body);
                let text = note::plain_text(&note.body);
                let twin = (fold(&title), note.body.clone());
                let mut add = |text: String, kind: ProbeKind| {
                    if text.chars().any(char::is_alphanumeric) {
                        probes.push(Probe { text, note: id, kind, twin: twin.clone() });
                    }
                };
                add(title, ProbeKind::Title);
                add(passage(&text, &mut random), ProbeKind::Passage);
            }
            Ok(probes)
        })
        .await
    }

    /// Searches for every probe in one mode.
    ///
    /// # Errors
    /// The first search that fails, or that `token` was cancelled.
    pub async fn findability(
        &self,
        probes: &[Probe],
        mode: Mode,
        token: &CancellationToken,
    ) -> Result<Findability> {
        let mut found = Findability::default();
        for probe in probes {
            if token.is_cancelled() {
                return Err(Error::cancelled());
            }
            let request = SearchRequest {
                text: probe.text.clone(),
                mode,
                limit: DEPTH,
                wait_for_model: true,
                ..SearchRequest::default()
            };
            let hits = self.search(request, token.child_token()).await?.hits;
            let mut rank = hits.iter().position(|hit| hit.head.id == probe.note);
            // Who types a title cannot say which of two notes of this title is meant.
            for (at, hit) in hits.iter().enumerate().take(rank.unwrap_or(hits.len())) {
                let same_title = fold(&hit.head.title) == probe.twin.0;
                let same = match probe.kind {
                    ProbeKind::Title => same_title,
                    ProbeKind::Passage => {
                        same_title && self.note(hit.head.id).await?.body == probe.twin.1
                    }
                };
                if same {
                    rank = Some(at);
                    break;
                }
            }
            found.asked += 1;
            found.first += usize::from(rank == Some(0));
            found.in_ten += usize::from(rank.is_some());
            found.reciprocal += rank.map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0));
            if rank != Some(0) {
                found.missed.push(probe.clone());
            }
        }
        Ok(found)
    }
}

/// `sample` of the notes that are not in the trash, each as likely as any other (Vitter's algorithm
/// R), in the order of their creation.
fn drawn(
    read: &Read<'_>,
    sample: usize,
    random: &mut fastrand::Rng,
) -> std::result::Result<Vec<NoteId>, store::StoreError> {
    let mut kept: Vec<NoteId> = Vec::new();
    let mut seen = 0;
    loop {
        let (_, heads) = read.list(&ListFilter {
            view: View::All,
            sort: ListSort::Created,
            offset: seen,
            limit: PAGE,
        })?;
        for head in &heads {
            if kept.len() < sample {
                kept.push(head.id);
            } else if sample > 0 {
                let at = random.usize(..=seen);
                if at < sample {
                    kept[at] = head.id;
                }
            }
            seen += 1;
        }
        if heads.len() < PAGE {
            kept.sort_unstable();
            return Ok(kept);
        }
    }
}

/// Some words in a row of one line, without signs, so that none is taken for part of the query
/// language; empty if no line is long enough.
fn passage(text: &str, random: &mut fastrand::Rng) -> String {
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect())
        .collect();
    let wordy: Vec<&Vec<&str>> = lines.iter().filter(|words| words.len() >= LEAST_WORDS).collect();
    if let Some(words) = random.choice(&wordy) {
        let from = random.usize(..=words.len().saturating_sub(PASSAGE_WORDS));
        let words = words[from..].iter().take(PASSAGE_WORDS);
        return words.map(|word| word.to_lowercase()).collect::<Vec<_>>().join(" ");
    }
    let dense = |word: &&&str| word.chars().count() >= LEAST_CHARS;
    let runs: Vec<&str> = lines.iter().flatten().filter(dense).copied().collect();
    let Some(run) = random.choice(&runs) else { return String::new() };
    let from = random.usize(..=run.chars().count().saturating_sub(PASSAGE_CHARS));
    run.chars().skip(from).take(PASSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_plain_words_of_one_line() {
        let mut random = fastrand::Rng::with_seed(1);
        for text in [
            "# Lease\nThe deposit (three months' rent) is NOT returned before -- or after -- May.",
            "敷金は退去後三十日以内に返還されます。公立図書館は毎週月曜日が休館日です。",
        ] {
            for _ in 0..50 {
                let words = passage(text, &mut random);
                let plain = |c: char| c.is_alphanumeric() || c == ' ';
                assert!(
                    words.chars().count() >= LEAST_CHARS && words.chars().all(plain),
                    "{words}"
                );
                assert!(!words.contains("NOT"), "{words}");
            }
        }
        assert_eq!(passage("too short\n\n- a\n- b", &mut random), "");
    }
}
