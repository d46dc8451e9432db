//! One client for language models over HTTP: servers that speak OpenAI's chat completions, and Ollama's own
//! way of chatting. It knows nothing of notes; it alone may reach the network, and the system's keyring.
//!
//! Calls are synchronous and made on a thread of their own, whose connection the caller's thread cuts when it
//! is cancelled or a time is over: so every call ends within [`TICK`] of either, whatever the server does.

mod call;
mod client;
mod detect;
mod endpoint;
mod error;
mod keys;
mod secret;
mod wire;

pub use call::TICK;
pub use client::{Client, Finish, Message, Role, Stop, Timing, Trial};
pub use detect::{Found, detect};
pub use endpoint::{Api, Endpoint, check_allowed_host};
pub use error::{Error, Result};
pub use keys::{Kept, Keys};
pub use secret::Secret;
