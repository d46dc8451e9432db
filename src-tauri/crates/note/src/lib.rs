//! The domain's words: notes, chunks, tasks, links and queries; chunking and the query grammar.
//! Pure: no I/O, no clock, no randomness; what depends on "now" takes it as an argument.

mod chunk;
mod fold;
mod front_matter;
mod id;
mod markdown;
mod note;
mod parse;
mod query;
mod sentence;
mod set;

pub use chunk::{Chunk, chunk};
pub use fold::{display_title, excerpt, fold};
pub use front_matter::{FrontMatter, FrontValue, render_front_matter, split_front_matter};
pub use id::{NoteId, Seq, Timestamp};
pub use markdown::{
    Analysis, Heading, Link, Task, analyse, plain_text, plain_text_range, readable,
};
pub use note::{Kind, Note, NoteDraft, NoteHead};
pub use parse::parse;
pub use query::{
    Chip, Clock, DayRange, Expr, Field, Filter, HasFlag, IsFlag, Query, Sort, TimeRange, Word,
    link_name,
};
pub use sentence::sentences;
pub use set::NoteSet;
