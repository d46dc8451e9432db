//! Answers from the notes: a question is looked up as a search is, the passages found are judged by what
//! they say, and the best are quoted. What a language model writes from them is checked against them.
//! Has no network and no tools: a model is whatever is a [`Generate`].

mod answer;
mod evidence;
mod prompt;
mod proof;
mod question;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use embed::Embedder;
use keyword::WordReader;
use note::{Note, NoteId, Timestamp};
use tokio_util::sync::CancellationToken;

pub(crate) use answer::answer;
pub use answer::{Answer, AnswerProgress, Generate};
pub use evidence::Evidence;
use evidence::{Asked, Judged};
pub use prompt::Turn;
pub use proof::{Claim, Support};
use question::Question;

use crate::engine::Inner;
use crate::error::{Error, Result};
use crate::language_model::{is_within, narrowing};
use crate::passages::{self, Part};
use crate::search::{self, Mode, SearchRequest};

/// A question and what narrows where its answer is looked for.
#[derive(Clone, Debug, Default)]
pub struct AskRequest {
    /// In plain words; filters of the query language may stand among them.
    pub question: String,
    /// What was asked before in the same conversation, oldest first.
    pub before: Vec<String>,
    /// Notebooks that are left out, with those below them.
    pub exclude: Vec<String>,
    /// At most this many passages.
    pub limit: usize,
    /// Wait for the embedding model to be loaded instead of answering by words alone.
    pub wait_for_model: bool,
}

/// A passage of a note, quoted as it stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    pub note: NoteId,
    pub title: String,
    pub notebook: String,
    pub heading_path: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// Bytes of the note's body that the text is equal to.
    pub range: Range<usize>,
    /// The same in UTF-16 units: what an editor counts in.
    pub place: (usize, usize),
    pub text: String,
    /// The sentence that answers best, in bytes of the text.
    pub best: Range<usize>,
    /// How likely it is the passage that answers, 0 to 1: comparable within one question.
    pub score: f32,
    pub evidence: Evidence,
}

/// What the notes say to a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Best first.
    pub quotes: Vec<Quote>,
    /// The evidence is strong enough to speak of an answer; else the quotes are only what is nearest.
    pub answered: bool,
    /// How likely the first quotes answer, 0 to 1.
    pub confidence: f32,
    /// Filters in the question, as shown.
    pub chips: Vec<String>,
    /// A period that was read from plain words and narrowed the search, as a filter.
    pub period: Option<String>,
    /// What the search lacked and why.
    pub degraded: Option<String>,
    pub took: Duration,
}

/// Notes whose passages are judged.
const NOTES: usize = 14;
/// Passages of one note that are judged; of longer notes those nearest and those with most of the words.
const PARTS: usize = 6;
/// A longer note is not looked through for words: its passages are those nearest by meaning.
const READ: usize = 512 * 1024;
/// Passages whose sentences are compared with the question, and sentences of each.
const COMPARED: usize = 3;
const SENTENCES: usize = 2;
/// Passages that touch are quoted as one up to this length in bytes.
const JOINED: usize = 1600;
/// Passages that are quoted unless the caller says otherwise.
const QUOTES: usize = 5;

/// One passage while it is judged.
struct Candidate<'a> {
    note: &'a Note,
    part: Part,
    retrieval: f32,
    sentences: Vec<Range<usize>>,
    judged: Judged<'a>,
    best: usize,
    evidence: Evidence,
    score: f32,
}

/// Finds the passages that answer a question.
pub(crate) async fn find(
    inner: &Arc<Inner>,
    request: AskRequest,
    token: CancellationToken,
) -> Result<Found> {
    let started = Instant::now();
    let clock = inner.clock();
    let mut question = Question::read(&request.question, &clock);
    if question.leans_on_what_was_said()
        && let Some(last) = request.before.last()
    {
        question = question.after(&Question::read(last, &clock));
    }
    let (_permit, _) = search::permit(inner, &token, false).await?;
    let mut found = look_up(inner, &question, &request, true, &token).await?;
    if question.dates.is_some() && !found.answered {
        // The period may have been part of what was asked.
        let without = look_up(inner, &question, &request, false, &token).await?;
        if without.answered || found.quotes.is_empty() {
            found = without;
        }
    }
    found.took = started.elapsed();
    Ok(found)
}

async fn look_up(
    inner: &Arc<Inner>,
    question: &Question,
    request: &AskRequest,
    with_dates: bool,
    token: &CancellationToken,
) -> Result<Found> {
    // So that they take no places among the hits; alternatives in the question may get around it.
    let excluded = narrowing(&request.exclude);
    let text = format!("{excluded}{}", question.query_text(with_dates));
    let query = Arc::new(note::parse(&text, false, &inner.clock()));
    let search = SearchRequest {
        text,
        mode: Mode::Both,
        limit: NOTES,
        wait_for_model: request.wait_for_model,
        ..SearchRequest::default()
    };
    let ranked = search::rank_as(inner, &query, question.text.clone(), &search, token).await?;
    let best = ranked.fused.iter().map(|hit| hit.score).fold(f32::EPSILON, f32::max);
    let notes: Vec<(NoteId, f32)> =
        ranked.fused.iter().take(NOTES).map(|hit| (hit.note, hit.score / best)).collect();
    let task = (inner.clone(), question.clone(), ranked.vector, request.clone(), token.clone());
    let span = tracing::debug_span!("judge passages");
    let mut found = tokio::task::spawn_blocking(move || {
        let _in_span = span.entered();
        let (inner, question, target, request, token) = task;
        judge(&inner, &question, &query, &notes, target.as_deref(), &request, &token)
    })
    .await
    .map_err(Error::internal)??;
    found.degraded = ranked.degraded;
    found.chips.clone_from(&question.chips);
    found.period = question.dates.clone().filter(|_| with_dates);
    Ok(found)
}

fn judge(
    inner: &Inner,
    question: &Question,
    query: &note::Query,
    ranked: &[(NoteId, f32)],
    target: Option<&[f32]>,
    request: &AskRequest,
    token: &CancellationToken,
) -> Result<Found> {
    let ids: Vec<NoteId> = ranked.iter().map(|(id, _)| *id).collect();
    let notes = inner.store.read(|read| read.notes(&ids))?;
    let model = inner.serving().model.ready();
    let mut reader = WordReader::default();
    let language = reader.language_of(&question.text);
    let words = reader.read(&question.text, language);
    let rarity = inner.keyword().rarity(&words)?;
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    for (id, retrieval) in ranked {
        if token.is_cancelled() {
            return Err(Error::cancelled());
        }
        // A note deleted since it was ranked is simply not quoted.
        let Some(note) = notes.iter().find(|note| note.id == *id) else { continue };
        if is_within(&note.notebook, &request.exclude) {
            continue;
        }
        let language = reader.language_of(&note.body);
        let words = reader.read(&question.text, language);
        let asked = Asked::new(&words, &rarity, question.expects);
        for part in promising(inner, query, note, target)? {
            candidates.push(Candidate::read(&mut reader, &asked, note, part, *retrieval, language));
        }
    }
    sort(&mut candidates);
    if let (Some(model), Some(target)) = (&model, target) {
        for candidate in candidates.iter_mut().take(COMPARED) {
            if token.is_cancelled() {
                return Err(Error::cancelled());
            }
            let language = reader.language_of(&candidate.note.body);
            let words = reader.read(&question.text, language);
            let asked = Asked::new(&words, &rarity, question.expects);
            candidate.compare(model.as_ref(), target, &asked)?;
        }
        let first = candidates.len().min(COMPARED);
        sort(&mut candidates[..first]);
    }
    let (confidence, least) = match (candidates.first(), target) {
        (Some(first), Some(_)) => (evidence::answers(&first.evidence), evidence::ANSWERED),
        (Some(first), None) => {
            (evidence::answers_by_words(&first.evidence), evidence::ANSWERED_BY_WORDS)
        }
        (None, _) => (0.0, f32::INFINITY),
    };
    let limit = if request.limit == 0 { QUOTES } else { request.limit };
    let quotes = quote(candidates, limit);
    Ok(Found {
        answered: confidence >= least && !quotes.is_empty(),
        confidence,
        quotes,
        ..Found::default()
    })
}

fn sort(candidates: &mut [Candidate<'_>]) {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
}

/// The parts of a note that may answer.
fn promising(
    inner: &Inner,
    query: &note::Query,
    note: &Note,
    target: Option<&[f32]>,
) -> Result<Vec<Part>> {
    let mut parts = passages::parts(inner, note, target)?;
    if parts.len() <= PARTS {
        return Ok(parts);
    }
    let places = match note.body.len() <= READ {
        true => inner.keyword().matches(query, &note.body, &note::readable(&note.body)).places,
        false => Vec::new(),
    };
    let matches = |part: &Part| {
        let from = places.partition_point(|place| place.start < part.range.start);
        let until = places.partition_point(|place| place.start < part.range.end);
        let mut words: Vec<String> =
            places[from..until].iter().map(|place| note::fold(&note.body[place.clone()])).collect();
        words.sort();
        words.dedup();
        words.len() as f32
    };
    let mut valued: Vec<(f32, Part)> = parts
        .drain(..)
        .map(|part| (matches(&part) * 0.1 + part.similarity.unwrap_or(0.0), part))
        .collect();
    valued.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    valued.truncate(PARTS);
    Ok(valued.into_iter().map(|(_, part)| part).collect())
}

impl<'a> Candidate<'a> {
    fn read(
        reader: &mut WordReader,
        asked: &Asked,
        note: &'a Note,
        part: Part,
        retrieval: f32,
        language: keyword::TextLanguage,
    ) -> Candidate<'a> {
        let sentences = note::sentences(&note.body, part.range.clone());
        let judged = Judged {
            sentences: sentences
                .iter()
                .map(|range| {
                    let text = &note.body[range.clone()];
                    (text, reader.read(text, language))
                })
                .collect(),
            title: reader.read(&format!("{} {}", note.title, part.heading_path), language),
            bytes: part.range.len(),
        };
        let mut candidate = Candidate {
            note,
            part,
            retrieval,
            sentences,
            judged,
            best: 0,
            evidence: Evidence::default(),
            score: 0.0,
        };
        let values = candidate.judged.sentence_values(asked);
        candidate.settle(asked, best_of(&values), None);
        candidate
    }

    /// Takes one sentence for the best.
    fn settle(&mut self, asked: &Asked, best: usize, similarity: Option<f32>) {
        self.best = best;
        let near = self.part.similarity.unwrap_or(0.0);
        self.evidence = Evidence {
            retrieval: self.retrieval,
            similarity: near,
            sentence_similarity: similarity.unwrap_or(near),
            ..self.judged.evidence(asked, best)
        };
        self.score = evidence::order(&self.evidence);
    }

    /// Compares the sentences that have most of the words with the question by meaning.
    fn compare(&mut self, model: &dyn Embedder, target: &[f32], asked: &Asked) -> Result<()> {
        let mut values = self.judged.sentence_values(asked);
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        let mut nearest: Option<f32> = None;
        for &index in order.iter().take(SENTENCES) {
            let text = format!("{}. {}", self.note.title, self.judged.sentences[index].0);
            let vector = model.embed_passage(&text)?;
            let near: f32 = vector.iter().zip(target).map(|(a, b)| a * b).sum();
            values[index] += near;
            nearest = Some(nearest.map_or(near, |nearest| nearest.max(near)));
        }
        order.truncate(SENTENCES);
        let best = order.into_iter().max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0);
        self.settle(asked, best, nearest);
        Ok(())
    }
}

fn best_of(values: &[f32]) -> usize {
    let best = values.iter().enumerate().max_by(|(ai, a), (bi, b)| a.total_cmp(b).then(bi.cmp(ai)));
    best.map_or(0, |(index, _)| index)
}

/// The quotes of the best passages: those of equal text once, those that touch as one.
fn quote(candidates: Vec<Candidate<'_>>, limit: usize) -> Vec<Quote> {
    let mut quotes: Vec<Quote> = Vec::new();
    for candidate in candidates {
        let body = &candidate.note.body;
        let text = &body[candidate.part.range.clone()];
        let start = candidate.part.range.start + text.len() - text.trim_start().len();
        let range = start..start + text.trim().len();
        if range.is_empty() || quotes.iter().any(|known| known.text == body[range.clone()]) {
            continue;
        }
        let touching = quotes.iter_mut().find(|known| {
            let gap = match known.range.end <= range.start {
                true => known.range.end..range.start,
                false => range.end..known.range.start,
            };
            let whole = known.range.start.min(range.start)..known.range.end.max(range.end);
            known.note == candidate.note.id
                && whole.len() <= JOINED
                && body.get(gap).is_some_and(|gap| gap.trim().is_empty())
        });
        if let Some(known) = touching {
            let best = known.best.start + known.range.start..known.best.end + known.range.start;
            known.range = known.range.start.min(range.start)..known.range.end.max(range.end);
            known.best = best.start - known.range.start..best.end - known.range.start;
            known.text = body[known.range.clone()].to_owned();
            known.place = passages::utf16(body, known.range.clone());
            continue;
        }
        if quotes.len() == limit {
            break;
        }
        let sentence = candidate.sentences.get(candidate.best).cloned().unwrap_or(range.clone());
        let best = sentence.start.max(range.start) - range.start
            ..sentence.end.clamp(range.start, range.end) - range.start;
        quotes.push(Quote {
            note: candidate.note.id,
            title: note::display_title(&candidate.note.title, body),
            notebook: candidate.note.notebook.clone(),
            heading_path: passages::with_page(body, candidate.part.heading_path, range.start),
            created: candidate.note.created,
            updated: candidate.note.updated,
            place: passages::utf16(body, range.clone()),
            text: body[range.clone()].to_owned(),
            best,
            range,
            score: candidate.score,
            evidence: candidate.evidence,
        });
    }
    quotes
}
