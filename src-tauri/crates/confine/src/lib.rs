//! A function over bytes in a process of its own, which can do nothing else: what it is given comes
//! and goes over one socket, and time, memory and output are limited. It knows nothing of documents.
//!
//! The process is the same program, or another one, whose `main` begins with [`serve_if_asked`].

#[cfg(unix)]
mod child;
#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod fence;
#[cfg(unix)]
mod worker;

use std::fmt;
use std::time::Duration;

#[cfg(unix)]
pub use child::serve_if_asked;
#[cfg(not(unix))]
pub use elsewhere::{Program, Worker, serve_if_asked};
#[cfg(unix)]
pub use worker::{Program, Worker};

/// The first argument of a confined process; the second is how many bytes of memory it may take.
pub const FLAG: &str = "--confined";

/// What one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the request to its first answer, and from each answer to the next.
    pub time: Duration,
    /// Bytes that the process may take beyond what it starts with.
    pub memory: u64,
    /// Bytes of all answers to one request.
    pub output: u64,
}

/// Why a request has no answer. The process is gone then; the next request gets another one.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    #[error("took longer than {} s", .0.as_secs_f64().ceil())]
    Slow(Duration),
    #[error("needed more than {} MB of memory", .0 >> 20)]
    Memory(u64),
    #[error("unpacks to more than {} MB", .0 >> 20)]
    Output(u64),
    /// What is known of it is for the log.
    #[error("its reader crashed")]
    Crashed(String),
    #[error("its reader could not be started: {0}")]
    NotStarted(String),
    #[error("cancelled")]
    Cancelled,
}

/// Which of the kernel's fences stand around a process, beside those of any process of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fences {
    /// No file can be opened, no network address be used (Linux's Landlock).
    pub landlock: bool,
    /// No system call but those of computing and of its one socket (Linux's seccomp).
    pub seccomp: bool,
}

impl Fences {
    pub fn complete(self) -> bool {
        self.landlock && self.seccomp
    }

    #[cfg(unix)]
    fn to_byte(self) -> u8 {
        u8::from(self.landlock) | u8::from(self.seccomp) << 1
    }

    #[cfg(unix)]
    fn of_byte(byte: u8) -> Fences {
        Fences { landlock: byte & 1 != 0, seccomp: byte & 2 != 0 }
    }
}

impl fmt::Display for Fences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.landlock, self.seccomp) {
            (true, true) => "a process of its own, Landlock and seccomp",
            (true, false) => "a process of its own and Landlock; this system has no seccomp",
            (false, true) => "a process of its own and seccomp; this system has no Landlock",
            (false, false) => "a process of its own; this system has neither Landlock nor seccomp",
        })
    }
}

/// The first thing that a confined process says, so that no other program is taken for one.
#[cfg(unix)]
const HELLO: [u8; 8] = *b"confine1";

/// How an answer begins: one of several, or the end of them. Its length in bytes follows
/// (`u32`, little-endian), then its bytes.
#[cfg(unix)]
mod answer {
    pub(crate) const ITEM: u8 = 1;
    pub(crate) const END: u8 = 2;
}
