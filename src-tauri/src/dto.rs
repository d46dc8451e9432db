//! The wire: what the page and the shell say to each other. ts-rs writes the same types for the page
//! (`ui/src/api/generated`) when the tests run. Offsets into text are UTF-16, as JavaScript counts.

use std::ops::Range;
use std::path::Path;

use engine::ImportState;
use note::{NoteHead, Timestamp};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The UTF-16 offset of each of some ascending byte offsets of `text`.
struct Utf16<'a> {
    text: &'a str,
    bytes: usize,
    units: usize,
}

impl Utf16<'_> {
    fn at(&mut self, byte: usize) -> usize {
        if byte < self.bytes {
            (self.bytes, self.units) = (0, 0);
        }
        let byte = self.text.floor_char_boundary(byte);
        self.units += self.text[self.bytes..byte].encode_utf16().count();
        self.bytes = byte;
        self.units
    }
}

fn utf16(text: &str, ranges: &[Range<usize>]) -> Vec<(usize, usize)> {
    let mut place = Utf16 { text, bytes: 0, units: 0 };
    ranges.iter().map(|range| (place.at(range.start), place.at(range.end))).collect()
}

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub(crate) struct NoteDraft {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) front_matter: String,
    pub(crate) tags: Vec<String>,
    pub(crate) notebook: String,
    pub(crate) pinned: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Note {
    #[ts(type = "number")]
    pub(crate) id: i64,
    pub(crate) revision: u32,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) front_matter: String,
    pub(crate) tags: Vec<String>,
    pub(crate) all_tags: Vec<String>,
    pub(crate) notebook: String,
    pub(crate) kind: String,
    pub(crate) pinned: bool,
    #[ts(type = "number")]
    pub(crate) created: i64,
    #[ts(type = "number")]
    pub(crate) updated: i64,
    #[ts(type = "number | null")]
    pub(crate) trashed: Option<i64>,
    pub(crate) attachments: Vec<Attachment>,
}

impl Note {
    pub(crate) fn new(note: note::Note, attachments: Vec<engine::AttachmentRef>) -> Note {
        Note {
            id: note.id.0,
            revision: note.revision,
            title: note.title,
            body: note.body,
            front_matter: note.front_matter,
            tags: note.tags,
            all_tags: note.all_tags,
            notebook: note.notebook,
            kind: note.kind.to_string(),
            pinned: note.pinned,
            created: note.created.0,
            updated: note.updated.0,
            trashed: note.trashed.map(|time| time.0),
            attachments: attachments.into_iter().map(Attachment::from).collect(),
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Attachment {
    pub(crate) digest: String,
    pub(crate) name: String,
    pub(crate) mime: String,
    #[ts(type = "number")]
    pub(crate) size: u64,
    #[ts(type = "\"source\" | \"embed\"")]
    pub(crate) role: &'static str,
}

impl From<engine::AttachmentRef> for Attachment {
    fn from(attachment: engine::AttachmentRef) -> Self {
        Attachment {
            digest: attachment.digest.to_string(),
            name: attachment.name,
            mime: attachment.mime,
            size: attachment.size,
            role: attachment.role.as_str(),
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export, rename = "NoteHead")]
pub(crate) struct NoteHeadDto {
    #[ts(type = "number")]
    id: i64,
    title: String,
    excerpt: String,
    all_tags: Vec<String>,
    notebook: String,
    kind: String,
    pinned: bool,
    #[ts(type = "number")]
    created: i64,
    #[ts(type = "number")]
    updated: i64,
    #[ts(type = "number | null")]
    trashed: Option<i64>,
}

impl From<NoteHead> for NoteHeadDto {
    fn from(head: NoteHead) -> Self {
        NoteHeadDto {
            id: head.id.0,
            title: head.title,
            excerpt: head.excerpt,
            all_tags: head.all_tags,
            notebook: head.notebook,
            kind: head.kind.to_string(),
            pinned: head.pinned,
            created: head.created.0,
            updated: head.updated.0,
            trashed: head.trashed.map(|time| time.0),
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Saved {
    #[ts(type = "number")]
    id: i64,
    revision: u32,
    #[ts(type = "number")]
    seq: i64,
    unchanged: bool,
}

impl From<engine::Saved> for Saved {
    fn from(saved: engine::Saved) -> Self {
        Saved {
            id: saved.id.0,
            revision: saved.revision,
            seq: saved.seq.0,
            unchanged: saved.unchanged,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListView {
    All,
    Today,
    Notebook,
    Tag,
    Trash,
}

#[derive(Clone, Copy, Debug, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListSort {
    Updated,
    Created,
    Title,
}

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub(crate) struct ListRequest {
    #[ts(inline)]
    pub(crate) view: ListView,
    /// Of the notebook or tag.
    pub(crate) name: String,
    #[ts(inline)]
    pub(crate) sort: ListSort,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct NoteList {
    pub(crate) total: usize,
    pub(crate) notes: Vec<NoteHeadDto>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum Mode {
    #[default]
    Both,
    Words,
    Meaning,
}

impl From<engine::Mode> for Mode {
    fn from(mode: engine::Mode) -> Self {
        match mode {
            engine::Mode::Both => Mode::Both,
            engine::Mode::Words => Mode::Words,
            engine::Mode::Meaning => Mode::Meaning,
        }
    }
}

impl From<Mode> for engine::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Both => engine::Mode::Both,
            Mode::Words => engine::Mode::Words,
            Mode::Meaning => engine::Mode::Meaning,
        }
    }
}

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub(crate) struct SearchRequest {
    pub(crate) tab: String,
    #[ts(type = "number")]
    pub(crate) generation: u64,
    pub(crate) text: String,
    pub(crate) mode: Mode,
    pub(crate) typing: bool,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Snippet {
    text: String,
    marks: Vec<(usize, usize)>,
}

impl From<engine::Snippet> for Snippet {
    fn from(snippet: engine::Snippet) -> Self {
        Snippet { marks: utf16(&snippet.text, &snippet.marks), text: snippet.text }
    }
}

#[derive(Clone, Copy, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    Words,
    Meaning,
    Both,
    Title,
    Filter,
}

impl From<engine::Why> for Why {
    fn from(why: engine::Why) -> Self {
        match why {
            engine::Why::Words => Why::Words,
            engine::Why::Meaning => Why::Meaning,
            engine::Why::Both => Why::Both,
            engine::Why::Title => Why::Title,
            engine::Why::Filter => Why::Filter,
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Hit {
    #[ts(type = "number")]
    note: i64,
    title: String,
    title_marks: Vec<(usize, usize)>,
    notebook: String,
    all_tags: Vec<String>,
    kind: String,
    #[ts(type = "number")]
    updated: i64,
    score: f32,
    #[ts(inline)]
    why: Why,
    explanation: String,
    heading_path: String,
    snippet: Snippet,
    /// Of the best passage in the note's body.
    passage: Option<(usize, usize)>,
}

impl From<engine::Hit> for Hit {
    fn from(hit: engine::Hit) -> Self {
        Hit {
            note: hit.head.id.0,
            title_marks: utf16(&hit.head.title, &hit.title_marks),
            title: hit.head.title,
            notebook: hit.head.notebook,
            all_tags: hit.head.all_tags,
            kind: hit.head.kind.to_string(),
            updated: hit.head.updated.0,
            score: hit.score,
            why: hit.why.into(),
            explanation: hit.explanation,
            heading_path: hit.heading_path,
            snippet: hit.snippet.into(),
            passage: hit.passage,
        }
    }
}

/// A part of a note that answers a query.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Passage {
    heading_path: String,
    snippet: Snippet,
    /// In the note's body, from its first match on.
    range: (usize, usize),
    /// Places in it that match by words.
    matches: usize,
    similarity: Option<f32>,
    #[ts(inline)]
    why: Why,
}

impl From<engine::Passage> for Passage {
    fn from(passage: engine::Passage) -> Self {
        Passage {
            heading_path: passage.heading_path,
            snippet: passage.snippet.into(),
            range: passage.range,
            matches: passage.matches,
            similarity: passage.similarity,
            why: passage.why.into(),
        }
    }
}

/// Where a text matches a query, in order.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct TextMatches {
    places: Vec<(usize, usize)>,
    /// False if there are more than are told.
    complete: bool,
}

impl From<engine::TextMatches> for TextMatches {
    fn from(matches: engine::TextMatches) -> Self {
        TextMatches { places: matches.places, complete: matches.complete }
    }
}

/// A query that was asked before.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct PastQuery {
    text: String,
    mode: Mode,
    #[ts(type = "number")]
    asked: i64,
}

impl From<engine::PastQuery> for PastQuery {
    fn from(query: engine::PastQuery) -> Self {
        PastQuery { text: query.text, mode: query.mode.into(), asked: query.asked.0 }
    }
}

/// A note in a group of nearly identical ones.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Duplicate {
    note: NoteHeadDto,
    chars: usize,
    /// To the group's first note, 0 to 1.
    likeness: f32,
    identical: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Duplicates {
    /// Groups of notes, in each the one that was changed last first.
    groups: Vec<Vec<Duplicate>>,
    /// Groups that there are; no more than some hundred are told.
    found: usize,
    compared: usize,
}

impl From<engine::Duplicates> for Duplicates {
    fn from(found: engine::Duplicates) -> Self {
        let duplicate = |duplicate: engine::Duplicate| Duplicate {
            note: duplicate.head.into(),
            chars: duplicate.chars,
            likeness: duplicate.likeness,
            identical: duplicate.identical,
        };
        let groups = found.groups.into_iter();
        Duplicates {
            groups: groups.map(|group| group.notes.into_iter().map(duplicate).collect()).collect(),
            found: found.found,
            compared: found.compared,
        }
    }
}

/// A question that was asked before in the same conversation, and its answer as it was shown.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub(crate) struct Turn {
    question: String,
    answer: String,
}

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub(crate) struct AskRequest {
    /// The page's own name of this question: progress and `cancel_ask` go by it.
    pub(crate) name: String,
    question: String,
    /// The conversation so far, oldest first.
    before: Vec<Turn>,
}

impl From<AskRequest> for (engine::AskRequest, Vec<engine::Turn>) {
    fn from(request: AskRequest) -> Self {
        let asked =
            engine::AskRequest { question: request.question, ..engine::AskRequest::default() };
        let turn = |turn: Turn| engine::Turn { question: turn.question, answer: turn.answer };
        (asked, request.before.into_iter().map(turn).collect())
    }
}

/// A passage of a note, as it stands there.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Quote {
    #[ts(type = "number")]
    note: i64,
    title: String,
    notebook: String,
    heading_path: String,
    #[ts(type = "number")]
    updated: i64,
    /// In the note's body.
    range: (usize, usize),
    text: String,
    /// The sentence of the text that answers best.
    best: (usize, usize),
}

/// The passages that were found for a question.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Found {
    /// Best first.
    quotes: Vec<Quote>,
    /// False: these are only the nearest.
    answered: bool,
    /// Filters in the question.
    chips: Vec<String>,
    /// A period that was read from plain words, as a filter.
    period: Option<String>,
    degraded: Option<String>,
    took_ms: f64,
}

impl From<engine::Found> for Found {
    fn from(found: engine::Found) -> Self {
        let quote = |quote: engine::Quote| Quote {
            note: quote.note.0,
            best: utf16(&quote.text, std::slice::from_ref(&quote.best))
                .first()
                .copied()
                .unwrap_or_default(),
            title: quote.title,
            notebook: quote.notebook,
            heading_path: quote.heading_path,
            updated: quote.updated.0,
            range: quote.place,
            text: quote.text,
        };
        Found {
            quotes: found.quotes.into_iter().map(quote).collect(),
            answered: found.answered,
            chips: found.chips,
            period: found.period,
            degraded: found.degraded,
            took_ms: found.took.as_secs_f64() * 1000.0,
        }
    }
}

/// What stands behind a sentence of an answer: it is quoted, a passage says so, or nothing does.
#[derive(Clone, Copy, Debug, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Support {
    Quoted,
    Said,
    None,
}

/// One sentence of an answer.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Claim {
    text: String,
    /// Places among the quotes, from 0.
    cites: Vec<usize>,
    support: Support,
    begins_line: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Answer {
    found: Found,
    claims: Vec<Claim>,
    /// The language model that wrote it; null: the sentences are those of the notes.
    model: Option<String>,
    /// Why the model did not write it.
    failure: Option<String>,
}

impl From<engine::Answer> for Answer {
    fn from(answer: engine::Answer) -> Self {
        let claim = |claim: engine::Claim| Claim {
            text: claim.text,
            cites: claim.cites,
            support: match claim.support {
                engine::Support::Quoted => Support::Quoted,
                engine::Support::Said => Support::Said,
                engine::Support::None => Support::None,
            },
            begins_line: claim.begins_line,
        };
        Answer {
            found: answer.found.into(),
            claims: answer.claims.into_iter().map(claim).collect(),
            model: answer.model,
            failure: answer.failure,
        }
    }
}

/// News of a question that is being answered; what is null is not new.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct AnswerProgress {
    name: String,
    found: Option<Found>,
    /// The model answers so many others first.
    waiting: Option<usize>,
    /// What the model wrote on.
    text: Option<String>,
}

impl AnswerProgress {
    pub(crate) fn new(name: &str, progress: engine::AnswerProgress) -> AnswerProgress {
        let name = name.to_owned();
        let nothing = AnswerProgress { name, found: None, waiting: None, text: None };
        match progress {
            engine::AnswerProgress::Found(found) => {
                AnswerProgress { found: Some((*found).into()), ..nothing }
            }
            engine::AnswerProgress::Waiting(count) => {
                AnswerProgress { waiting: Some(count), ..nothing }
            }
            engine::AnswerProgress::Text(text) => AnswerProgress { text: Some(text), ..nothing },
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Chip {
    label: String,
    start: usize,
    end: usize,
    hint: Option<String>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Hits {
    tab: String,
    #[ts(type = "number")]
    generation: u64,
    hits: Vec<Hit>,
    total: usize,
    total_is_exact: bool,
    chips: Vec<Chip>,
    terms: Vec<String>,
    degraded: Option<String>,
    /// By words alone, because many searches waited: ask again for the notes by meaning.
    busy: bool,
    took_ms: f64,
    corrected: Vec<Corrected>,
    rescues: Vec<Rescue>,
}

/// A word that no note has, and those spelt nearly so that were searched instead.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Corrected {
    typed: String,
    used: Vec<String>,
}

/// A whole query that does find notes.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Rescue {
    text: String,
    /// What is different: the right spelling, or what was left out.
    change: String,
    total: usize,
    why: RescueKind,
}

#[derive(Clone, Copy, Debug, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RescueKind {
    Spelling,
    Filter,
    Phrase,
}

impl From<engine::Rescue> for Rescue {
    fn from(rescue: engine::Rescue) -> Rescue {
        Rescue {
            text: rescue.text,
            change: rescue.change,
            total: rescue.total,
            why: match rescue.why {
                engine::RescueKind::Spelling => RescueKind::Spelling,
                engine::RescueKind::Filter => RescueKind::Filter,
                engine::RescueKind::Phrase => RescueKind::Phrase,
            },
        }
    }
}

/// Which notes to count; `typing` as in a search.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub(crate) struct FacetsRequest {
    pub(crate) text: String,
    pub(crate) typing: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct FacetCount {
    value: String,
    count: usize,
    /// What narrows a query to these notes.
    filter: String,
}

/// How many of the notes with a query's words there are of each sort; the most frequent first.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Facets {
    total: usize,
    kinds: Vec<FacetCount>,
    tags: Vec<FacetCount>,
    notebooks: Vec<FacetCount>,
    years: Vec<FacetCount>,
}

impl From<engine::Facets> for Facets {
    fn from(facets: engine::Facets) -> Facets {
        let counts = |counts: Vec<engine::FacetCount>| {
            let count = |facet: engine::FacetCount| FacetCount {
                value: facet.value,
                count: facet.count,
                filter: facet.filter,
            };
            counts.into_iter().map(count).collect()
        };
        Facets {
            total: facets.total,
            kinds: counts(facets.kinds),
            tags: counts(facets.tags),
            notebooks: counts(facets.notebooks),
            years: counts(facets.years),
        }
    }
}

impl Hits {
    /// The answer to `request`, whose text the chips' offsets refer to.
    pub(crate) fn new(request: &SearchRequest, hits: engine::Hits) -> Hits {
        Hits {
            tab: request.tab.clone(),
            generation: request.generation,
            hits: hits.hits.into_iter().map(Hit::from).collect(),
            total: hits.total,
            total_is_exact: hits.total_is_exact,
            chips: hits
                .chips
                .into_iter()
                .map(|chip| {
                    let (start, end) = utf16(&request.text, std::slice::from_ref(&chip.range))[0];
                    Chip { label: chip.label, start, end, hint: chip.hint }
                })
                .collect(),
            terms: hits.terms,
            degraded: hits.degraded,
            busy: hits.busy,
            took_ms: hits.took.as_secs_f64() * 1000.0,
            corrected: hits
                .corrected
                .into_iter()
                .map(|(typed, used)| Corrected { typed, used })
                .collect(),
            rescues: hits.rescues.into_iter().map(Rescue::from).collect(),
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct IndexStatus {
    notes: usize,
    words_pending: usize,
    meaning_pending: usize,
    meaning_skipped: usize,
    chunks: usize,
    vectors: usize,
    #[ts(type = "\"ready\" | \"rebuilding\" | \"failed\"")]
    words_state: engine::IndexState,
    #[ts(
        type = "\"ready\" | \"loading\" | \"rebuilding\" | \"paused\" | \"waiting\" | \"unavailable\" | \"failed\""
    )]
    meaning_state: engine::IndexState,
    /// Why embedding holds back, in words.
    waiting_for: Option<String>,
    message: Option<String>,
    read_only: bool,
    /// Nothing can be saved in the data folder; `message` says why.
    unwritable: bool,
    /// The model that the person picked; none: the installed one.
    model: Option<String>,
    /// A change to another model is under way; all above is about the present one.
    model_change: Option<ModelChange>,
}

/// How far a change of the model is.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
struct ModelChange {
    /// None: to the installed one.
    model: Option<String>,
    /// Notes that it has not embedded yet.
    pending: usize,
    #[ts(
        type = "\"loading\" | \"rebuilding\" | \"paused\" | \"waiting\" | \"unavailable\" | \"failed\""
    )]
    state: engine::IndexState,
    message: Option<String>,
}

impl From<engine::IndexStatus> for IndexStatus {
    fn from(status: engine::IndexStatus) -> Self {
        IndexStatus {
            notes: status.notes,
            words_pending: status.words_pending,
            meaning_pending: status.meaning_pending,
            meaning_skipped: status.meaning_skipped,
            chunks: status.chunks,
            vectors: status.vectors,
            words_state: status.words_state,
            meaning_state: status.meaning_state,
            waiting_for: status.waiting_for,
            message: status.message,
            read_only: status.read_only,
            unwritable: status.unwritable,
            model: status.model,
            model_change: status.model_change.map(|change| ModelChange {
                model: change.model,
                pending: change.pending,
                state: change.state,
                message: change.message,
            }),
        }
    }
}

/// How the server of a language model is spoken to.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum LanguageModelApi {
    OpenAi,
    Ollama,
}

impl From<LanguageModelApi> for engine::LanguageModelApi {
    fn from(api: LanguageModelApi) -> Self {
        match api {
            LanguageModelApi::OpenAi => engine::LanguageModelApi::OpenAi,
            LanguageModelApi::Ollama => engine::LanguageModelApi::Ollama,
        }
    }
}

impl From<engine::LanguageModelApi> for LanguageModelApi {
    fn from(api: engine::LanguageModelApi) -> Self {
        match api {
            engine::LanguageModelApi::OpenAi => LanguageModelApi::OpenAi,
            engine::LanguageModelApi::Ollama => LanguageModelApi::Ollama,
        }
    }
}

/// How the language model is used that answers questions.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[ts(export)]
pub(crate) struct LanguageModel {
    enabled: bool,
    base_url: String,
    api: LanguageModelApi,
    model: String,
    /// 0 to 2; null: as the server has it.
    temperature: Option<f32>,
    /// Question, passages and answer together.
    context_tokens: u32,
    /// Beyond this machine; http:// before one allows it without encryption.
    allowed_hosts: Vec<String>,
    /// Kept from models, and from programs that ask over MCP.
    excluded_notebooks: Vec<String>,
}

impl From<LanguageModel> for engine::LanguageModel {
    fn from(settings: LanguageModel) -> Self {
        engine::LanguageModel {
            enabled: settings.enabled,
            base_url: settings.base_url,
            api: settings.api.into(),
            model: settings.model,
            temperature: settings.temperature,
            context_tokens: settings.context_tokens,
            allowed_hosts: settings.allowed_hosts,
            excluded_notebooks: settings.excluded_notebooks,
        }
    }
}

impl From<engine::LanguageModel> for LanguageModel {
    fn from(settings: engine::LanguageModel) -> Self {
        LanguageModel {
            enabled: settings.enabled,
            base_url: settings.base_url,
            api: settings.api.into(),
            model: settings.model,
            temperature: settings.temperature,
            context_tokens: settings.context_tokens,
            allowed_hosts: settings.allowed_hosts,
            excluded_notebooks: settings.excluded_notebooks,
        }
    }
}

/// Where a key is kept.
#[derive(Clone, Copy, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum KeyPlace {
    Keyring,
    /// Until the app is closed: there is no keyring.
    Session,
}

impl From<engine::KeyKept> for KeyPlace {
    fn from(kept: engine::KeyKept) -> Self {
        match kept {
            engine::KeyKept::Keyring => KeyPlace::Keyring,
            engine::KeyKept::Session => KeyPlace::Session,
        }
    }
}

/// What a short question to a language model showed.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct LanguageModelTrial {
    answer: String,
    first_token_ms: f64,
    whole_ms: f64,
}

impl From<engine::LanguageModelTrial> for LanguageModelTrial {
    fn from(trial: engine::LanguageModelTrial) -> Self {
        LanguageModelTrial {
            answer: trial.answer,
            first_token_ms: trial.first_token.as_secs_f64() * 1000.0,
            whole_ms: trial.whole.as_secs_f64() * 1000.0,
        }
    }
}

/// A server of language models on this machine.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct FoundLanguageModel {
    name: String,
    base_url: String,
    api: LanguageModelApi,
    models: Vec<String>,
}

impl From<engine::FoundLanguageModel> for FoundLanguageModel {
    fn from(found: engine::FoundLanguageModel) -> Self {
        FoundLanguageModel {
            name: found.name,
            base_url: found.base_url,
            api: found.api.into(),
            models: found.models,
        }
    }
}

/// How a model is used where its folder leaves it open.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[ts(export)]
pub(crate) struct ModelUsage {
    query_prefix: String,
    passage_prefix: String,
    /// ISO 639-1 codes of the languages that it was taught; empty: any.
    languages: Vec<String>,
}

impl From<ModelUsage> for engine::Usage {
    fn from(usage: ModelUsage) -> Self {
        let ModelUsage { query_prefix, passage_prefix, languages } = usage;
        engine::Usage { query_prefix, passage_prefix, languages }
    }
}

/// A model folder.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ModelInfo {
    dir: String,
    name: String,
    dims: usize,
    usage: ModelUsage,
}

impl From<engine::ModelChoice> for ModelInfo {
    fn from(choice: engine::ModelChoice) -> Self {
        ModelInfo {
            dir: choice.dir.display().to_string(),
            name: choice.name,
            dims: choice.dims,
            usage: ModelUsage {
                query_prefix: choice.query_prefix,
                passage_prefix: choice.passage_prefix,
                languages: choice.languages,
            },
        }
    }
}

/// A model folder that was tried out, before anything is changed.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ModelPreview {
    model: ModelInfo,
    /// About how long it takes to prepare all notes with it.
    seconds: f64,
}

impl From<engine::ModelPreview> for ModelPreview {
    fn from(preview: engine::ModelPreview) -> Self {
        let seconds = preview.passage.as_secs_f64() * preview.chunks as f64;
        ModelPreview { model: preview.choice.into(), seconds }
    }
}

/// A model that can be downloaded elsewhere.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct CatalogueModel {
    repository: String,
    page: String,
    dims: usize,
    files: Vec<String>,
    languages: &'static str,
    licence: &'static str,
    /// About how large the ONNX file is.
    megabytes: u32,
}

impl From<engine::CatalogueModel> for CatalogueModel {
    fn from(model: engine::CatalogueModel) -> Self {
        CatalogueModel {
            page: model.page(),
            repository: model.repository,
            dims: model.dims,
            files: model.files,
            languages: model.languages,
            licence: model.licence,
            megabytes: model.megabytes,
        }
    }
}

/// What the engine is doing and how quickly.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Diagnostics {
    version: &'static str,
    data_dir: String,
    store: StoreDiagnostics,
    words: WordsDiagnostics,
    meaning: MeaningDiagnostics,
    searches: SearchesDiagnostics,
    operations: Vec<OperationLatency>,
    #[ts(type = "number | null")]
    resident_bytes: Option<u64>,
    #[ts(type = "number | null")]
    anonymous_bytes: Option<u64>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
struct StoreDiagnostics {
    notes: usize,
    trashed: usize,
    #[ts(type = "number")]
    last_seq: i64,
    waiting_interactive: usize,
    waiting_bulk: usize,
    #[ts(type = "number")]
    database_bytes: u64,
    #[ts(type = "number")]
    log_bytes: u64,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
struct WordsDiagnostics {
    #[ts(type = "string")]
    state: engine::IndexState,
    #[ts(type = "number")]
    cursor: i64,
    pending: usize,
    segments: usize,
    notes_in_memory: usize,
    generation: u32,
    #[ts(type = "number")]
    bytes: u64,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
struct MeaningDiagnostics {
    #[ts(type = "string")]
    state: engine::IndexState,
    waiting_for: Option<String>,
    model: Option<String>,
    dims: Option<usize>,
    pending: usize,
    skipped: usize,
    vectors: usize,
    graphs: usize,
    #[ts(type = "number")]
    generation: u64,
    #[ts(type = "number")]
    bytes: u64,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
struct SearchesDiagnostics {
    permits: usize,
    running: usize,
    waiting: usize,
    #[ts(type = "number")]
    cancelled: u64,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
struct OperationLatency {
    name: String,
    #[ts(type = "number")]
    count: u64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    buckets: Vec<LatencyBucket>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
struct LatencyBucket {
    up_to_ms: f64,
    #[ts(type = "number")]
    count: u64,
}

impl Diagnostics {
    pub(crate) fn new(data_dir: &Path, now: engine::Diagnostics) -> Diagnostics {
        let engine::Diagnostics { store, words, meaning, searches, .. } = now;
        Diagnostics {
            version: env!("CARGO_PKG_VERSION"),
            data_dir: data_dir.display().to_string(),
            store: StoreDiagnostics {
                notes: store.notes,
                trashed: store.trashed,
                last_seq: store.last_seq,
                waiting_interactive: store.waiting_interactive,
                waiting_bulk: store.waiting_bulk,
                database_bytes: store.database_bytes,
                log_bytes: store.log_bytes,
            },
            words: WordsDiagnostics {
                state: words.state,
                cursor: words.cursor,
                pending: words.pending,
                segments: words.segments,
                notes_in_memory: words.notes_in_memory,
                generation: words.generation,
                bytes: words.bytes,
            },
            meaning: MeaningDiagnostics {
                state: meaning.state,
                waiting_for: meaning.waiting_for,
                model: meaning.model,
                dims: meaning.dims,
                pending: meaning.pending,
                skipped: meaning.skipped,
                vectors: meaning.vectors,
                graphs: meaning.graphs,
                generation: meaning.generation,
                bytes: meaning.bytes,
            },
            searches: SearchesDiagnostics {
                permits: searches.permits,
                running: searches.running,
                waiting: searches.waiting,
                cancelled: searches.cancelled,
            },
            operations: now
                .operations
                .into_iter()
                .map(|operation| OperationLatency {
                    name: operation.name,
                    count: operation.count,
                    p50_ms: operation.p50_ms,
                    p95_ms: operation.p95_ms,
                    p99_ms: operation.p99_ms,
                    max_ms: operation.max_ms,
                    buckets: operation
                        .buckets
                        .into_iter()
                        .map(|bucket| LatencyBucket {
                            up_to_ms: bucket.up_to_ms,
                            count: bucket.count,
                        })
                        .collect(),
                })
                .collect(),
            resident_bytes: now.resident_bytes,
            anonymous_bytes: now.anonymous_bytes,
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ImportStatus {
    #[ts(type = "number")]
    id: i64,
    roots: Vec<String>,
    notebook: String,
    #[ts(
        type = "\"scanning\" | \"running\" | \"paused\" | \"done\" | \"cancelled\" | \"undone\" | \"failed\""
    )]
    state: &'static str,
    found: usize,
    imported: usize,
    skipped: usize,
    failed: usize,
    #[ts(type = "number")]
    started: i64,
    #[ts(type = "number | null")]
    finished: Option<i64>,
    /// The file that was finished last.
    current: Option<String>,
    /// Files per second.
    rate: f64,
    seconds_left: Option<f64>,
    error: Option<String>,
}

impl From<engine::ImportStatus> for ImportStatus {
    fn from(status: engine::ImportStatus) -> Self {
        ImportStatus {
            id: status.id.0,
            roots: status.roots,
            notebook: status.notebook,
            state: match status.state {
                ImportState::Running if status.scanning => "scanning",
                ImportState::Running => "running",
                ImportState::Paused => "paused",
                ImportState::Done => "done",
                ImportState::Cancelled => "cancelled",
                ImportState::Undone => "undone",
                ImportState::Failed => "failed",
            },
            found: status.found,
            imported: status.imported,
            skipped: status.skipped,
            failed: status.failed,
            started: status.started.0,
            finished: status.finished.map(|time| time.0),
            current: status.current,
            rate: status.rate,
            seconds_left: status.seconds_left,
            error: status.error,
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ImportItem {
    path: String,
    #[ts(type = "\"pending\" | \"imported\" | \"skipped\" | \"failed\"")]
    state: &'static str,
    reason: Option<String>,
    #[ts(type = "number | null")]
    note: Option<i64>,
}

impl From<engine::ImportItem> for ImportItem {
    fn from(item: engine::ImportItem) -> Self {
        ImportItem {
            path: item.path,
            state: item.state.as_str(),
            reason: item.reason,
            note: item.note.map(|note| note.0),
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ImportItems {
    pub(crate) total: usize,
    pub(crate) items: Vec<ImportItem>,
}

/// Which notes to export.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum ExportWhat {
    All,
    Notes(#[ts(type = "Array<number>")] Vec<i64>),
    /// What a query finds.
    Query(String),
}

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub(crate) struct ExportRequest {
    pub(crate) what: ExportWhat,
    #[ts(type = "\"folder\" | \"archive\" | \"markdown\" | \"html\" | \"pdf\" | \"docx\"")]
    pub(crate) format: String,
    /// Offered as the file's name, without an extension.
    pub(crate) name: String,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ExportProgress {
    pub(crate) done: usize,
    pub(crate) total: usize,
}

/// A folder that is kept in step with a notebook.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct WatchedFolder {
    #[ts(type = "number")]
    id: i64,
    path: String,
    /// None: it was deleted.
    notebook: Option<String>,
    #[ts(
        type = "\"in_step\" | \"catching_up\" | \"paused\" | \"missing\" | \"asking\" | \"failed\" | \"elsewhere\""
    )]
    state: engine::FolderState,
    /// Files that are in step with their notes.
    files: usize,
    /// Changes on both sides that were kept twice, since the app started.
    #[ts(type = "number")]
    conflicts: u64,
    question: Option<FolderQuestion>,
    /// An empty path means the folder itself.
    problems: Vec<FolderProblem>,
}

/// Files vanished: what is to become of their notes?
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct FolderQuestion {
    missing: usize,
    of: usize,
    /// Some of them.
    examples: Vec<String>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct FolderProblem {
    path: String,
    reason: String,
}

#[derive(Clone, Copy, Debug, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum FolderAnswer {
    Keep,
    Trash,
    LookAgain,
}

impl From<FolderAnswer> for engine::FolderAnswer {
    fn from(answer: FolderAnswer) -> Self {
        match answer {
            FolderAnswer::Keep => engine::FolderAnswer::Keep,
            FolderAnswer::Trash => engine::FolderAnswer::Trash,
            FolderAnswer::LookAgain => engine::FolderAnswer::LookAgain,
        }
    }
}

impl From<engine::FolderStatus> for WatchedFolder {
    fn from(folder: engine::FolderStatus) -> Self {
        let problem = |(path, reason)| FolderProblem { path, reason };
        WatchedFolder {
            id: folder.id.0,
            path: folder.path.display().to_string(),
            notebook: folder.notebook,
            state: folder.state,
            files: folder.files,
            conflicts: folder.conflicts,
            question: folder.question.map(|question| FolderQuestion {
                missing: question.missing,
                of: question.of,
                examples: question.examples,
            }),
            problems: folder.problems.into_iter().map(problem).collect(),
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Task {
    #[ts(type = "number")]
    note: i64,
    note_title: String,
    notebook: String,
    ordinal: usize,
    line: usize,
    text: String,
    done: bool,
    /// `YYYY-MM-DD`
    due: Option<String>,
}

impl From<engine::TaskRow> for Task {
    fn from(task: engine::TaskRow) -> Self {
        Task {
            note: task.note.0,
            note_title: task.title,
            notebook: task.notebook,
            ordinal: task.ordinal,
            line: task.line,
            text: task.text,
            done: task.done,
            due: task.due,
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Backlink {
    #[ts(type = "number")]
    pub(crate) note: i64,
    pub(crate) title: String,
    pub(crate) excerpt: String,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct RevisionHead {
    revision: u32,
    #[ts(type = "number")]
    saved: i64,
    title: String,
    chars: usize,
}

impl From<engine::RevisionHead> for RevisionHead {
    fn from(head: engine::RevisionHead) -> Self {
        let Timestamp(saved) = head.saved_at;
        RevisionHead { revision: head.revision, saved, title: head.title, chars: head.chars }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Revision {
    pub(crate) revision: u32,
    #[ts(type = "number")]
    pub(crate) saved: i64,
    pub(crate) title: String,
    pub(crate) body: String,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Notebook {
    pub(crate) path: String,
    pub(crate) count: usize,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Tag {
    pub(crate) tag: String,
    pub(crate) count: usize,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct Sidebar {
    pub(crate) notes: usize,
    pub(crate) today: usize,
    pub(crate) trashed: usize,
    pub(crate) open_tasks: usize,
    pub(crate) running_imports: usize,
    pub(crate) notebooks: Vec<Notebook>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) saved_searches: Vec<SavedSearch>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub(crate) struct SavedSearch {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) mode: Mode,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct NameCompletion {
    #[ts(type = "number")]
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) notebook: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// What an import does with a file that has changed since it was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnChange {
    #[default]
    Update,
    KeepBoth,
    Skip,
}

impl From<OnChange> for engine::OnChange {
    fn from(choice: OnChange) -> Self {
        match choice {
            OnChange::Update => engine::OnChange::Update,
            OnChange::KeepBoth => engine::OnChange::KeepBoth,
            OnChange::Skip => engine::OnChange::Skip,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Density {
    #[default]
    Comfortable,
    Compact,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub(crate) struct Settings {
    #[ts(inline)]
    pub(crate) theme: Theme,
    /// Of the quick-search window, as Tauri writes accelerators: `Ctrl+Alt+Space`.
    pub(crate) hotkey: String,
    /// Why the hotkey does not work, if it does not.
    pub(crate) hotkey_error: Option<String>,
    #[ts(inline)]
    pub(crate) density: Density,
    pub(crate) meaning_paused: bool,
    pub(crate) meaning_on_battery: bool,
    pub(crate) saved_searches: Vec<SavedSearch>,
    /// Queries are remembered.
    pub(crate) search_history: bool,
    pub(crate) data_dir: String,
    pub(crate) version: String,
    /// Pixels of the editor's text.
    pub(crate) font_size: u32,
    #[ts(inline)]
    pub(crate) on_change: OnChange,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            theme: Theme::default(),
            hotkey: "Ctrl+Alt+Space".to_owned(),
            hotkey_error: None,
            density: Density::default(),
            meaning_paused: false,
            meaning_on_battery: false,
            saved_searches: Vec::new(),
            search_history: true,
            data_dir: String::new(),
            version: String::new(),
            font_size: 16,
            on_change: OnChange::default(),
        }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct NotesChanged {
    /// Empty: many.
    #[ts(type = "Array<number>")]
    ids: Vec<i64>,
    #[ts(type = "number")]
    seq: i64,
}

impl From<engine::NotesChanged> for NotesChanged {
    fn from(changed: engine::NotesChanged) -> Self {
        NotesChanged { ids: changed.ids.iter().map(|id| id.0).collect(), seq: changed.seq.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_ranges_become_utf16_ranges() {
        let text = "a😀é日b";
        assert_eq!(
            utf16(text, &[0..1, 1..5, 5..7, 7..10, 10..11]),
            [(0, 1), (1, 3), (3, 4), (4, 5), (5, 6)]
        );
        assert_eq!(utf16(text, &[10..11, 1..5]), [(5, 6), (1, 3)]);
        assert_eq!(utf16(text, &[2..99, 0..0]), [(1, 6), (0, 0)]);
    }
}
