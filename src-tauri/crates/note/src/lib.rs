//! The domain's words: notes, chunks, tasks, links and queries; chunking and the query grammar.
//! Pure: no I/O, no clock, no randomness; what depends on "now" takes it as an argument.

mod chunk;
mod front_matter;
mod id;
mod markdown;
mod note;
mod query;
mod set;

pub use chunk::{Chunk, chunk};
pub use front_matter::{FrontMatter, split_front_matter};
pub use id::{NoteId, Seq, Timestamp};
pub use markdown::{Analysis, Heading, Link, Task, analyse, plain_text};
pub use note::{Kind, Note, NoteDraft, NoteHead};
pub use query::{
    Chip, Clock, Expr, Field, Filter, HasFlag, IsFlag, Query, Sort, TimeRange, Word, parse,
};
pub use set::NoteSet;
