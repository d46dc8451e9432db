//! One search: both indexes side by side, fused at the note, with what a person sees of each hit.

use std::collections::HashMap;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use note::{Chip, Note, NoteHead, NoteId, NoteSet, Query, Sort, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::diagnostics::Operation;
use crate::engine::Inner;
use crate::error::{Code, Error, Result};
use crate::fuse::{self, ByMeaning, ByWords, DEPTH, Fused};
use crate::model::Generation;
use crate::narrow::{self, Rescue};
use crate::passages::utf16;

/// Which index answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Both,
    Words,
    Meaning,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Both => "both",
            Mode::Words => "words",
            Mode::Meaning => "meaning",
        }
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "both" => Ok(Mode::Both),
            "words" => Ok(Mode::Words),
            "meaning" => Ok(Mode::Meaning),
            _ => Err(Error::invalid(format!("mode must be both, words or meaning, not {text:?}"))),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct SearchRequest {
    pub text: String,
    pub mode: Mode,
    /// The caret stands behind the last word, so it is a prefix.
    pub typing: bool,
    pub offset: usize,
    pub limit: usize,
    /// Wait for the model to be loaded instead of answering by words alone.
    pub wait_for_model: bool,
}

/// Why a hit is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Words,
    Meaning,
    Both,
    Title,
    /// Listed by filters alone.
    Filter,
}

/// Shown text with the byte ranges that matched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snippet {
    pub text: String,
    pub marks: Vec<Range<usize>>,
}

#[derive(Clone, Debug)]
pub struct Hit {
    pub head: NoteHead,
    pub title_marks: Vec<Range<usize>>,
    pub score: f32,
    /// Share of the best score by words, 0 to 1.
    pub words: Option<f32>,
    /// Cosine similarity of the best chunk.
    pub similarity: Option<f32>,
    pub why: Why,
    /// The score's parts in a sentence.
    pub explanation: String,
    pub heading_path: String,
    pub snippet: Snippet,
    /// Where the best passage stands in the note's body, where meaning found one, in UTF-16 units:
    /// what an editor counts in.
    pub passage: Option<(usize, usize)>,
}

#[derive(Clone, Debug, Default)]
pub struct Hits {
    pub hits: Vec<Hit>,
    pub total: usize,
    /// False where notes found by meaning alone are added to those found by words.
    pub total_is_exact: bool,
    pub chips: Vec<Chip>,
    /// Words to mark in a preview.
    pub terms: Vec<String>,
    /// What the answer lacks and why.
    pub degraded: Option<String>,
    /// By words alone, because many searches waited: asking again gives the notes by meaning too.
    pub busy: bool,
    /// Words that no note has, folded, with those spelt nearly so that were searched instead.
    pub corrected: Vec<(String, Vec<String>)>,
    /// Queries near this one that find something, where this one finds nothing by words.
    pub rescues: Vec<Rescue>,
    pub took: Duration,
}

/// Time in which the next key follows while a person types.
const KEYSTROKE: Duration = Duration::from_millis(100);
/// Length of a shown snippet in characters.
const SNIPPET_CHARS: usize = 220;
/// A note longer than this (bytes) gets its snippet from its best window instead of its whole text.
const LONG_NOTE: usize = 32 * 1024;
/// Window of a long note that is searched for a snippet at a time, and how many of them.
const WINDOW: usize = 8 * 1024;
const WINDOWS: usize = 16;
/// More chunks than hits are asked for, since several may belong to one note.
const CHUNKS_PER_NOTE: usize = 3;
/// Said where nothing is found by words and the model cannot read the query.
const FOREIGN: &str =
    "The model for meaning was not taught this language: notes are found by words alone.";

/// A ranked list before anything is read from the store, as evaluation wants it too.
pub(crate) struct Ranked {
    pub(crate) fused: Vec<Fused>,
    total: usize,
    total_is_exact: bool,
    pub(crate) degraded: Option<String>,
    filters_only: bool,
    /// As in [`Hits`].
    corrected: Vec<(String, Vec<String>)>,
    /// The words were searched, and no note has them.
    no_words: bool,
    /// Whose chunks the list by meaning is of.
    model: Option<String>,
    /// What the list by meaning is near to.
    pub(crate) vector: Option<Vec<f32>>,
}

pub(crate) async fn search(
    inner: &Arc<Inner>,
    request: SearchRequest,
    token: CancellationToken,
) -> Result<Hits> {
    let operation = match request.mode {
        Mode::Words => Operation::SearchWords,
        Mode::Meaning => Operation::SearchMeaning,
        Mode::Both => Operation::SearchBoth,
    };
    let found = find(inner, request, token).await;
    match &found {
        Ok(hits) => inner.meters.record(operation, hits.took),
        Err(error) if error.code == Code::Cancelled => {
            inner.meters.searches_cancelled.fetch_add(1, Ordering::Relaxed);
        }
        Err(_) => {}
    }
    found
}

#[tracing::instrument(level = "debug", name = "search", skip_all, fields(mode = ?request.mode, typing = request.typing))]
async fn find(
    inner: &Arc<Inner>,
    request: SearchRequest,
    token: CancellationToken,
) -> Result<Hits> {
    let started = Instant::now();
    let (_permit, crowded) = permit(inner, &token, request.typing).await?;
    let query = Arc::new(note::parse(&request.text, request.typing, &inner.clock()));
    // When more searches wait than can run, what is still being typed is answered by words alone.
    let busy = crowded && request.typing && request.mode == Mode::Both && inner.meters.is_crowded();
    let request = match busy {
        true => SearchRequest { mode: Mode::Words, ..request },
        false => request,
    };
    let ranked = rank(inner, &query, &request, &token).await?;
    let task_inner = inner.clone();
    let task_token = token.clone();
    let span = tracing::debug_span!("present hits");
    let mut hits = tokio::task::spawn_blocking(move || {
        let _in_span = span.entered();
        present(&task_inner, &query, ranked, &request, &task_token)
    })
    .await
    .map_err(Error::internal)??;
    hits.busy = busy;
    hits.took = started.elapsed();
    Ok(hits)
}

/// The right to use the CPU, and whether it had to be waited for. It comes before everything else: a
/// search that was superseded while it queued costs nothing. Semaphores are fair: no tab is overtaken
/// for ever. Where searches queue, one that is still being typed lets the others go ahead until the
/// next keystroke would have come: most are superseded by then.
pub(crate) async fn permit<'a>(
    inner: &'a Inner,
    token: &CancellationToken,
    typing: bool,
) -> Result<(tokio::sync::SemaphorePermit<'a>, bool)> {
    if let Ok(permit) = inner.search_permits.try_acquire() {
        return Ok((permit, false));
    }
    inner.meters.searches_waiting.fetch_add(1, Ordering::Relaxed);
    let permit = tokio::select! {
        biased;
        () = token.cancelled() => Err(Error::cancelled()),
        permit = async {
            if typing && inner.meters.is_crowded() {
                tokio::time::sleep(KEYSTROKE).await;
            }
            inner.search_permits.acquire().await
        } => permit.map_err(|_| Error::new(Code::Internal, "the engine is closed")),
    };
    inner.meters.searches_waiting.fetch_sub(1, Ordering::Relaxed);
    permit.map(|permit| (permit, true))
}

/// The ranked notes for one query, both lists made at the same time.
pub(crate) async fn rank(
    inner: &Arc<Inner>,
    query: &Arc<Query>,
    request: &SearchRequest,
    token: &CancellationToken,
) -> Result<Ranked> {
    rank_as(inner, query, query.meaning_text(), request, token).await
}

/// As [`rank`], where what is near by meaning is that of another text than the query's words.
pub(crate) async fn rank_as(
    inner: &Arc<Inner>,
    query: &Arc<Query>,
    meaning_text: String,
    request: &SearchRequest,
    token: &CancellationToken,
) -> Result<Ranked> {
    let serving = inner.serving();
    let no_text = meaning_text.trim().is_empty();
    let like = query.like.clone();
    let lists_only = no_text && like.is_none();
    let by_meaning = !lists_only
        && query.sort == Sort::Relevance
        && match request.mode {
            // Who names a note asks for its meaning in any mode.
            _ if like.is_some() => true,
            Mode::Words => false,
            Mode::Meaning => true,
            Mode::Both => !query.is_quoted(),
        };
    let by_words = !by_meaning || (request.mode != Mode::Meaning && !no_text);
    let depth = (request.offset + request.limit).max(DEPTH);

    let words_task = by_words.then(|| {
        let (inner, query, token) = (inner.clone(), query.clone(), token.clone());
        let span = tracing::debug_span!("search by words");
        tokio::task::spawn_blocking(move || {
            let _in_span = span.entered();
            let index = inner.keyword();
            index.search(
                &query,
                &keyword::Search { limit: depth, offset: 0, cancelled: &|| token.is_cancelled() },
            )
        })
    });
    let meaning_task = by_meaning.then(|| {
        let (inner, query, token) = (inner.clone(), query.clone(), token.clone());
        let (serving, wait) = (serving.clone(), request.wait_for_model);
        let span = tracing::debug_span!("search by meaning");
        tokio::task::spawn_blocking(move || {
            let _in_span = span.entered();
            let near = match &like {
                Some(name) => Near::Note(name),
                None => Near::Text(&meaning_text),
            };
            meaning_list(&inner, &serving, &query, near, wait, &token)
        })
    });

    let mut degraded = None;
    let (mut words, mut total, mut complete, mut matching) = (Vec::new(), 0, true, None);
    let (mut corrected, mut no_words, mut coverage) = (Vec::new(), false, 1.0);
    if let Some(task) = words_task {
        match task.await.map_err(Error::internal)? {
            Ok(found) => {
                total = found.total;
                complete = found.complete;
                corrected = found.corrected;
                no_words = total == 0;
                coverage = found.coverage;
                matching = Some(found.matching);
                words = found
                    .hits
                    .into_iter()
                    .map(|hit| ByWords {
                        note: hit.note,
                        score: hit.score,
                        title_exact: hit.title_exact,
                        updated: hit.updated,
                    })
                    .collect();
            }
            Err(keyword::KeywordError::Cancelled) => return Err(Error::cancelled()),
            Err(error) if by_meaning => {
                degraded =
                    Some(format!("Searching by words failed ({error}); showing notes by meaning."));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let (mut meaning, mut vector) = (Vec::new(), None);
    if let Some(task) = meaning_task {
        match task.await.map_err(Error::internal)? {
            Ok(list) => {
                meaning = list.notes;
                vector = Some(list.vector);
                degraded = degraded.or(list.incomplete);
            }
            Err(error) if error.code == Code::Cancelled => return Err(error),
            Err(error) => degraded = Some(error.message),
        }
    }
    if token.is_cancelled() {
        return Err(Error::cancelled());
    }
    if !by_meaning {
        let mut fused: Vec<Fused> = words
            .iter()
            .map(|hit| Fused {
                score: hit.score,
                words: Some(hit.score),
                title_exact: hit.title_exact,
                ..Fused::new(hit.note)
            })
            .collect();
        if !lists_only && query.sort == Sort::Relevance {
            prefer(inner, &mut fused, &words)?;
        }
        return Ok(Ranked {
            fused,
            total,
            total_is_exact: complete,
            degraded,
            filters_only: lists_only,
            corrected,
            no_words,
            model: None,
            vector: None,
        });
    }
    let unrelated = serving.unrelated();
    let languages = serving.languages().filter(|_| by_words);
    if let Some(languages) = &languages
        && words.is_empty()
        && !keyword::is_written_in(&query.meaning_text(), &str_slices(languages))
    {
        meaning.clear();
        degraded = degraded.or(Some(FOREIGN.to_owned()));
    }
    let understood = match &languages {
        Some(languages) => Some(understood(inner, &str_slices(languages), &words, &meaning)?),
        None => None,
    };
    let understood =
        |note: NoteId| understood.as_ref().is_none_or(|understood| understood.contains(note));
    let weight = match by_words {
        true => fuse::meaning_weight(&words, &meaning, coverage, understood),
        false => 1.0,
    };
    let mut fused = fuse::fuse(&words, &meaning, weight, understood);
    if by_words {
        fused.retain(|hit| hit.words.is_some() || hit.similarity.is_some_and(|s| s >= unrelated));
    } else {
        if query.like.is_some() {
            fused.retain(|hit| hit.similarity.is_some_and(|s| s >= unrelated));
        }
        total = fused.len();
    }
    prefer(inner, &mut fused, &words)?;
    let mut only_meaning = 0;
    for hit in fused.iter().filter(|hit| hit.words.is_none()) {
        // Some have the words and are only too far down to be in the list.
        let has_words = match &matching {
            Some(matching) => matching.contains(hit.note)?,
            None => false,
        };
        only_meaning += usize::from(!has_words);
    }
    let total = if by_words { total + only_meaning } else { total };
    Ok(Ranked {
        fused,
        total,
        total_is_exact: complete && only_meaning == 0,
        degraded,
        filters_only: false,
        corrected,
        no_words,
        model: serving.model.ready().map(|model| model.model_id().to_owned()),
        vector,
    })
}

/// Orders hits that are about as good as each other by use and age.
fn prefer(inner: &Inner, fused: &mut [Fused], words: &[ByWords]) -> Result<()> {
    let mut updated: HashMap<NoteId, Timestamp> =
        words.iter().take(2 * DEPTH).map(|hit| (hit.note, hit.updated)).collect();
    let first = fused.iter().take(DEPTH).map(|hit| hit.note);
    let others: Vec<NoteId> = first.filter(|note| !updated.contains_key(note)).collect();
    updated.extend(inner.keyword().updated(&others)?);
    let scale = fused.iter().map(|hit| hit.score).fold(0.0, f32::max);
    let opens = inner.opens.read().expect("no panic while held");
    fuse::prefer(
        fused,
        scale,
        inner.clock().now,
        |note| opens.get(&note).copied(),
        |note| updated.get(&note).copied(),
    );
    Ok(())
}

/// What a list by meaning is near to.
#[derive(Clone, Copy)]
enum Near<'a> {
    Text(&'a str),
    /// The note of this name.
    Note(&'a str),
}

struct MeaningList {
    notes: Vec<ByMeaning>,
    vector: Vec<f32>,
    incomplete: Option<String>,
}

fn meaning_list(
    inner: &Inner,
    serving: &Generation,
    query: &Query,
    near: Near<'_>,
    wait: bool,
    token: &CancellationToken,
) -> Result<MeaningList> {
    let model = serving.model.get(wait)?;
    let index = serving.open_index(inner, wait)?;
    let (vector, itself) = match near {
        Near::Text(text) => {
            let vector =
                tracing::debug_span!("embed the query").in_scope(|| model.embed_query(text))?;
            (vector, None)
        }
        Near::Note(name) => {
            let Some(note) = inner.store.read(|read| read.resolve_name(name))? else {
                return Err(Error::not_found(format!("There is no note called “{name}”.")));
            };
            let Some(centre) = centre(inner, model.as_ref(), note)? else {
                return Err(Error::not_found(format!("“{name}” is not prepared for meaning yet.")));
            };
            (centre, Some(note))
        }
    };
    if token.is_cancelled() {
        return Err(Error::cancelled());
    }
    let allowed = match query.filter_expr() {
        Some(expr) => Some(inner.keyword().matching(&expr)?),
        None => None,
    };
    let hits = index.search(&vector, DEPTH * CHUNKS_PER_NOTE, allowed.as_ref())?;
    let status = inner.status.borrow();
    let incomplete = (status.meaning_pending > 0).then(|| {
        format!(
            "Meaning is being prepared: {} of {} notes.",
            status.notes.saturating_sub(status.meaning_pending),
            status.notes
        )
    });
    let incomplete = incomplete.or_else(|| match near {
        Near::Text(text) => foreign(serving, text),
        Near::Note(_) => None,
    });
    let mut notes = fuse::best_per_note(&hits);
    notes.retain(|hit| Some(hit.note) != itself);
    Ok(MeaningList { notes, vector, incomplete })
}

/// What a query in a language that the model was not taught has to expect.
fn foreign(serving: &Generation, text: &str) -> Option<String> {
    let languages = serving.languages()?;
    let language = keyword::foreign_language(text, &str_slices(&languages))?;
    Some(format!(
        "The language model was not taught {language}: what it finds by meaning counts for little."
    ))
}

fn str_slices(languages: &[String]) -> Vec<&str> {
    languages.iter().map(String::as_str).collect()
}

/// The notes of both lists in one of the languages.
fn understood(
    inner: &Inner,
    languages: &[&str],
    words: &[ByWords],
    meaning: &[ByMeaning],
) -> Result<NoteSet> {
    let notes = words.iter().map(|hit| hit.note).chain(meaning.iter().map(|hit| hit.note));
    let notes: NoteSet = notes.collect();
    let notes: Vec<NoteId> = notes.iter().collect();
    Ok(inner.keyword().mostly_in(&notes, languages)?)
}

/// Reads what is shown of one page of a ranked list.
fn present(
    inner: &Inner,
    query: &Query,
    ranked: Ranked,
    request: &SearchRequest,
    token: &CancellationToken,
) -> Result<Hits> {
    let page: Vec<Fused> =
        ranked.fused.into_iter().skip(request.offset).take(request.limit).collect();
    let ids: Vec<NoteId> = page.iter().map(|hit| hit.note).collect();
    let (notes, ranges) = inner.store.read(|read| {
        let notes = read.notes(&ids)?;
        let mut ranges = Vec::with_capacity(page.len());
        for hit in &page {
            ranges.push(match hit.chunk {
                Some(ordinal) => read
                    .chunks(ranked.model.as_deref().unwrap_or_default(), hit.note)?
                    .into_iter()
                    .find(|chunk| chunk.ordinal == ordinal),
                None => None,
            });
        }
        Ok((notes, ranges))
    })?;
    let mut hits = Vec::with_capacity(page.len());
    for (fused, chunk) in page.into_iter().zip(ranges) {
        if token.is_cancelled() {
            return Err(Error::cancelled());
        }
        // A note deleted since it was ranked is simply not shown.
        let Some(note) = notes.iter().find(|note| note.id == fused.note) else { continue };
        let heading_path = chunk.as_ref().map(|c| c.heading_path.clone()).unwrap_or_default();
        let passage = chunk.and_then(|c| {
            let range = c.start..c.end;
            note.body.get(range.clone()).is_some().then_some(range)
        });
        let snippet = snippet(inner, query, note, &fused, passage.clone());
        let passage = passage.map(|range| utf16(&note.body, range));
        let title = note::display_title(&note.title, &note.body);
        let title_marks =
            inner.keyword().snippet(query, &title, title.chars().count().max(1)).marks;
        hits.push(Hit {
            explanation: explain(&fused, ranked.filters_only, query.sort),
            why: why(&fused, ranked.filters_only),
            title_marks,
            score: fused.score,
            words: fused.words,
            similarity: fused.similarity,
            heading_path,
            snippet,
            passage,
            head: head_of(note, title),
        });
    }
    let rescues = match ranked.no_words && !query.text.trim().is_empty() {
        true => narrow::rescues(inner, query, hits.is_empty() && request.offset == 0)?,
        false => Vec::new(),
    };
    Ok(Hits {
        hits,
        total: ranked.total,
        total_is_exact: ranked.total_is_exact,
        chips: query.chips.clone(),
        terms: inner.keyword().highlight_terms(query),
        degraded: ranked.degraded,
        busy: false,
        corrected: ranked.corrected,
        rescues,
        took: Duration::ZERO,
    })
}

pub(crate) fn head_of(note: &Note, title: String) -> NoteHead {
    NoteHead {
        id: note.id,
        title,
        excerpt: String::new(),
        all_tags: note.all_tags.clone(),
        notebook: note.notebook.clone(),
        kind: note.kind,
        pinned: note.pinned,
        created: note.created,
        updated: note.updated,
        trashed: note.trashed,
    }
}

fn why(hit: &Fused, filters_only: bool) -> Why {
    match (hit.words, hit.meaning) {
        _ if filters_only => Why::Filter,
        _ if hit.title_exact => Why::Title,
        (Some(_), Some(_)) => Why::Both,
        (None, Some(_)) => Why::Meaning,
        _ => Why::Words,
    }
}

fn explain(hit: &Fused, filters_only: bool, sort: Sort) -> String {
    if filters_only {
        return match sort {
            Sort::Created => "listed by creation date".to_owned(),
            Sort::Title => "listed by title".to_owned(),
            Sort::Relevance | Sort::Updated => "listed by date of change".to_owned(),
        };
    }
    let mut parts = Vec::new();
    let share = |part: f32, weight: f32, of: &str| match weight {
        1.0 => format!("{of} {part:.2}"),
        _ => format!("{of} {part:.2} × {weight:.2}"),
    };
    let weight = hit.meaning_weight;
    if let Some(words) = hit.words {
        parts.push(share(words, 1.0 - weight, "by words"));
    }
    if let (Some(part), Some(similarity)) = (hit.meaning, hit.similarity) {
        let part = share(part, weight, "by meaning");
        parts.push(format!("{part} (similarity {similarity:.2})"));
    }
    if let Some(opens) = hit.opens.filter(|_| hit.opened > 0.0) {
        let times =
            if opens.count == 1 { "once".to_owned() } else { format!("{} times", opens.count) };
        parts.push(format!("opened {times} {:.3}", hit.opened));
    }
    if hit.changed > 0.0 {
        parts.push(format!("changed lately {:.3}", hit.changed));
    }
    let mut text = format!("{} = {:.3}", parts.join(" + "), hit.score);
    if hit.foreign {
        text.push_str("; in a language that the model for meaning was not taught");
    }
    if hit.title_exact {
        text.insert_str(0, "first, since its title is exactly this; ");
    }
    text
}

/// The shown passage: where the words are, or the chunk that meaning found, or the note's start.
fn snippet(
    inner: &Inner,
    query: &Query,
    note: &Note,
    hit: &Fused,
    passage: Option<Range<usize>>,
) -> Snippet {
    let cut = |text: &str| {
        let cut = inner.keyword().snippet(query, text, SNIPPET_CHARS);
        (cut.matched_words, Snippet { text: cut.text, marks: cut.marks })
    };
    let of_passage = passage.map(|range| cut(&note::plain_text_range(&note.body, range)));
    let strong_meaning = hit.words.is_none();
    if let Some((matched, snippet)) = of_passage {
        if strong_meaning || matched > 0 {
            return snippet;
        }
        if note.body.len() > LONG_NOTE {
            let (found, best) = best_window(&note.body, &cut);
            return if found > 0 { best } else { snippet };
        }
        let (found, whole) = cut(&note::plain_text(&note.body));
        return if found > 0 { whole } else { snippet };
    }
    if note.body.len() > LONG_NOTE {
        return best_window(&note.body, &cut).1;
    }
    cut(&note::plain_text(&note.body)).1
}

/// The snippet of the first windows of a long note that holds most of the query's words.
fn best_window(body: &str, cut: &dyn Fn(&str) -> (usize, Snippet)) -> (usize, Snippet) {
    let mut best = (0, Snippet::default());
    let mut start = 0;
    for window in 0..WINDOWS {
        if start >= body.len() {
            break;
        }
        let mut end = body.floor_char_boundary((start + WINDOW).min(body.len()));
        if end < body.len()
            && let Some(line) = body[start..end].rfind('\n')
            && line > WINDOW / 2
        {
            end = start + line + 1;
        }
        let found = cut(&note::plain_text_range(body, start..end));
        if window == 0 || found.0 > best.0 {
            best = found;
        }
        start = end;
    }
    best
}

/// The notes nearest to one note by meaning, without itself.
pub(crate) fn related(inner: &Inner, id: NoteId, limit: usize) -> Result<Vec<Hit>> {
    let serving = inner.serving();
    let model = serving.model.get(false)?;
    let index = serving.open_index(inner, false)?;
    let unrelated = serving.unrelated();
    let Some(centre) = centre(inner, model.as_ref(), id)? else { return Ok(Vec::new()) };
    let hits = index.search(&centre, (limit + 1) * CHUNKS_PER_NOTE * 2, None)?;
    let nearest: Vec<ByMeaning> = fuse::best_per_note(&hits)
        .into_iter()
        .filter(|hit| hit.note != id && hit.similarity >= unrelated)
        .take(limit)
        .collect();
    let ids: Vec<NoteId> = nearest.iter().map(|hit| hit.note).collect();
    let heads = inner.store.read(|read| read.heads(&ids))?;
    Ok(nearest
        .into_iter()
        .filter_map(|near| {
            let head = heads.iter().find(|head| head.id == near.note && head.trashed.is_none())?;
            Some(Hit {
                snippet: Snippet { text: head.excerpt.clone(), marks: Vec::new() },
                head: head.clone(),
                title_marks: Vec::new(),
                score: near.similarity,
                words: None,
                similarity: Some(near.similarity),
                why: Why::Meaning,
                explanation: format!("similarity {:.2}", near.similarity),
                heading_path: String::new(),
                passage: None,
            })
        })
        .collect())
}

/// What a query is near to by meaning, for looking at one note; `None` if it asks for no meaning, the model is
/// not ready, or it was not taught the language of that note.
pub(crate) fn query_vector(inner: &Inner, query: &Query, note: NoteId) -> Result<Option<Vec<f32>>> {
    let serving = inner.serving();
    let Some(model) = serving.model.ready() else { return Ok(None) };
    if let Some(languages) = serving.languages()
        && !inner.keyword().mostly_in(&[note], &str_slices(&languages))?.contains(note)
    {
        return Ok(None);
    }
    if let Some(name) = &query.like {
        let like = inner.store.read(|read| read.resolve_name(name))?;
        return like.map_or(Ok(None), |like| centre(inner, model.as_ref(), like));
    }
    let text = query.meaning_text();
    if text.trim().is_empty() {
        return Ok(None);
    }
    Ok(Some(model.embed_query(&text)?))
}

/// The middle of a note's chunks; `None` while it has none.
fn centre(inner: &Inner, model: &dyn embed::Embedder, note: NoteId) -> Result<Option<Vec<f32>>> {
    let vectors = inner.store.read(|read| read.chunk_vectors(model.model_id(), note))?;
    Ok(mean(vectors.iter().map(|(_, vector)| vector.as_slice())))
}

/// Unit-length mean of unit vectors.
fn mean<'a>(vectors: impl Iterator<Item = &'a [f32]>) -> Option<Vec<f32>> {
    let mut sum: Vec<f32> = Vec::new();
    for vector in vectors {
        sum.resize(vector.len(), 0.0);
        for (total, value) in sum.iter_mut().zip(vector) {
            *total += value;
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    (length > 0.0).then(|| {
        sum.iter_mut().for_each(|value| *value /= length);
        sum
    })
}
