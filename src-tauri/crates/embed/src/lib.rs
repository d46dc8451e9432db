//! Text to vectors on this machine: the [`Embedder`] trait, the one that runs a model folder
//! through fastembed and the ONNX runtime, and two stand-ins for tests. Knows nothing of notes.

mod catalogue;
mod fake;
mod folder;
mod local;
mod onnx;
mod runtime;
mod tiny;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use catalogue::{CatalogueModel, catalogue};
pub use fake::FakeEmbedder;
pub use folder::Usage;
pub use local::{BATCH_TOKENS, LocalModel, find_model_dir};
pub use tiny::TinyModel;

/// Turns texts into vectors of unit length; near in meaning is near in direction. Never fails for
/// what a text is: empty, huge or odd text gives a vector too.
pub trait Embedder: Send + Sync {
    /// Changes whenever the vectors would.
    fn model_id(&self) -> &str;

    /// Length of each vector.
    fn dims(&self) -> usize;

    /// What the model reads of one text at most, in tokens as [`count_tokens`](Self::count_tokens)
    /// counts; the rest is cut off.
    fn max_tokens(&self) -> usize;

    fn count_tokens(&self, text: &str) -> usize;

    /// ISO 639-1 codes of the languages that it was taught; `None`: any that matter.
    fn languages(&self) -> Option<&[String]>;

    /// Embeds what somebody asks, at once: never waits for [`embed`](Self::embed).
    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError>;

    /// Embeds one passage to be found, at once as well.
    fn embed_passage(&self, text: &str) -> Result<Vec<f32>, EmbedError>;

    /// Embeds any number of passages, in batches that suit the model; vectors in the order of the texts.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError>;

    /// Gives back memory that only [`embed`](Self::embed) needs, if it was not called for `idle`.
    fn release_idle(&self, idle: Duration);
}

#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: there is no such file, and a model folder needs it", .0.display())]
    Missing(PathBuf),
    #[error("{}: there is no ONNX runtime library (libonnxruntime…) in this folder", .0.display())]
    NoRuntime(PathBuf),
    #[error("{}: the ONNX runtime cannot be used (1.24 or newer is needed): {reason}", path.display())]
    Runtime { path: PathBuf, reason: String },
    #[error("{}: the model cannot be used: {reason}", path.display())]
    Model { path: PathBuf, reason: String },
    #[error("embedding failed: {0}")]
    Run(String),
}
