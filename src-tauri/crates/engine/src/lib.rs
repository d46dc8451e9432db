//! The one API: saving, indexing, searching and importing at the same time, over one data folder.
//! It knows nothing of windows or of the wire; it alone knows tokio.

mod ask;
mod containers;
mod diagnostics;
mod docx;
mod duplicates;
mod engine;
mod error;
mod export;
mod fuse;
mod history;
mod html;
mod import;
mod indexer;
mod language_model;
mod lock;
mod log;
mod manners;
mod model;
mod narrow;
mod ocr;
mod pages;
mod passages;
mod priority;
mod probe;
mod reading;
mod search;
mod status;
mod watch;

/// For every program with an engine: notes are made on one thread and freed on another, on which glibc's
/// allocator waits for locks and keeps what was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use ask::{
    Answer, AnswerProgress, AskRequest, Claim, Evidence, Found, Generate, Quote, Support, Turn,
};
pub use diagnostics::{
    Diagnostics, LatencyBucket, MeaningDiagnostics, OperationLatency, SearchesDiagnostics,
    StoreDiagnostics, WordsDiagnostics,
};
pub use duplicates::{Duplicate, DuplicateGroup, Duplicates};
/// What a caller of [`Engine::set_model`] says and sees.
pub use embed::{CatalogueModel, Usage, catalogue};
pub use engine::{Engine, FolderWatch, NotesChanged, Options, Saved, default_data_dir, draft_of};
pub use error::{Code, Error, Result};
pub use export::{ExportFormat, ExportNotes, ExportProgress, Exported};
pub use history::PastQuery;
pub use import::{ImportRequest, ImportStatus};
pub use language_model::{Generating, LanguageModel};
/// What a caller of [`Engine::generate`] and of the language model's settings says and sees.
pub use llm::{
    Api as LanguageModelApi, Finish, Found as FoundLanguageModel, Kept as KeyKept, Message,
    Role as MessageRole, Stop, Trial as LanguageModelTrial,
};
pub use log::start_log;
pub use model::{ModelChoice, ModelPreview, ModelSource};
pub use narrow::{FacetCount, Facets, Rescue, RescueKind};
pub use passages::{Passage, TextMatches};
pub use probe::{Findability, Probe, ProbeKind};
pub use reading::{Reader, reader, serve_documents};
pub use search::{Hit, Hits, Mode, SearchRequest, Snippet, Why};
pub use status::{IndexState, IndexStatus, ModelChange};
/// The store's words that a caller reads and lists with.
pub use store::{
    AttachmentRef, Digest, FolderId, ImportId, ImportItem, ImportState, ItemState, ListFilter,
    ListSort, OnChange, Removed, RevisionHead, Role, TaskFilter, TaskRow, View,
};
pub use watch::{FolderAnswer, FolderQuestion, FolderState, FolderStatus};
