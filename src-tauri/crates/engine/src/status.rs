use serde::Serialize;

/// Where an index stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexState {
    /// Serves all that it was given.
    #[default]
    Ready,
    /// The model is being read into memory.
    Loading,
    /// Being made anew from the store; serves what it has so far.
    Rebuilding,
    /// The person paused it.
    Paused,
    /// It holds back for a moment; `IndexStatus::waiting_for` says why.
    Waiting,
    /// There is no model on this machine.
    Unavailable,
    /// An error stopped it; it tries again by itself. `IndexStatus::message` says why.
    Failed,
}

/// Why embedding does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Paused,
    /// The words lane is behind and has better use for the CPU.
    Words,
    Typing,
    Battery,
}

impl Waiting {
    /// `None`: the person knows.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Waiting::Paused => None,
            Waiting::Words => Some("Waiting until all notes are found by words"),
            Waiting::Typing => Some("Waiting while you type"),
            Waiting::Battery => Some("Waiting until the computer is plugged in"),
        }
    }
}

/// What is searchable right now. `notes` = searchable by words + `words_pending`; notes searchable
/// by meaning + `meaning_pending` + `meaning_skipped` = `notes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IndexStatus {
    /// Notes outside the trash.
    pub notes: usize,
    pub trashed: usize,
    /// Changes that the keyword index does not show yet.
    pub words_pending: usize,
    /// Notes whose present text is not embedded yet.
    pub meaning_pending: usize,
    /// Notes with nothing to embed, or that could not be embedded.
    pub meaning_skipped: usize,
    /// Chunks stored with their vector.
    pub chunks: usize,
    /// Vectors in the vector index.
    pub vectors: usize,
    /// Stored vectors are still on their way into the vector index.
    pub vectors_behind: bool,
    pub words_state: IndexState,
    pub meaning_state: IndexState,
    /// Why embedding holds back, in words.
    pub waiting_for: Option<String>,
    pub message: Option<String>,
    /// Another process holds the data folder: this one reads, and saves through the store alone.
    pub read_only: bool,
    /// Nothing can be saved in the data folder; `message` says why.
    pub unwritable: bool,
    /// The model that the person picked; `None`: the installed one.
    pub model: Option<String>,
    /// A change to another model is under way; all above is about the present one.
    pub model_change: Option<ModelChange>,
}

/// How far a change of the model is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelChange {
    /// `None`: to the installed one.
    pub model: Option<String>,
    /// Notes outside the trash that it has not embedded yet.
    pub pending: usize,
    pub state: IndexState,
    /// Why it does not go on.
    pub message: Option<String>,
}

impl IndexStatus {
    /// True when both indexes hold everything that they can.
    pub fn is_settled(&self) -> bool {
        let meaning_done =
            matches!(self.meaning_state, IndexState::Unavailable | IndexState::Paused)
                || (self.meaning_pending == 0
                    && !self.vectors_behind
                    && self.meaning_state == IndexState::Ready);
        let changed = self.model_change.as_ref().is_none_or(|change| {
            use IndexState::{Failed, Paused, Unavailable};
            matches!(change.state, Failed | Paused | Unavailable)
        });
        self.words_pending == 0 && self.words_state == IndexState::Ready && meaning_done && changed
    }
}
