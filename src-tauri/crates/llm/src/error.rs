use std::time::Duration;

/// Why a language model gave no answer, as a person may read it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("cancelled")]
    Cancelled,
    #[error("this is no address of a language model: {0}")]
    Address(String),
    #[error("{host} is not among the hosts that notes may be sent to")]
    HostNotAllowed { host: String },
    #[error("{host} would be spoken to without encryption: use https, or allow http://{host}")]
    PlainHttp { host: String },
    #[error("the key is for {of}, not for {host}")]
    ForeignKey { of: String, host: String },
    #[error("the key holds characters that no key has")]
    MalformedKey,
    #[error("nothing listens at {host}: is the model's server running?")]
    NotRunning { host: String },
    #[error("{host} does not answer: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("{host} did not begin to answer within {} s", .limit.as_secs_f64().ceil())]
    NoFirstToken { host: String, limit: Duration },
    #[error("{host} fell silent in the middle of its answer for {} s", .limit.as_secs_f64().ceil())]
    Stalled { host: String, limit: Duration },
    #[error("{host} took longer than {} minutes", .limit.as_secs_f64().ceil() as u64 / 60)]
    Endless { host: String, limit: Duration },
    #[error("{host} refuses the key, or wants one{}", note(.message))]
    Unauthorised { host: String, message: String },
    #[error("{host} has no such model or address{}", note(.message))]
    NotFound { host: String, message: String },
    /// After the retries that are worth making.
    #[error("{host} is busy{}{}", later(.retry_after), note(.message))]
    Busy { host: String, retry_after: Option<Duration>, message: String },
    #[error("{host} reports an error ({status}){}", note(.message))]
    Status { host: String, status: u16, message: String },
    /// In the middle of a stream that began well.
    #[error("{host} reports an error: {message}")]
    Reported { host: String, message: String },
    #[error("{host} sends elsewhere, which is not followed")]
    Redirect { host: String },
    #[error("{host} answers with {content_type}: it is no language model's server")]
    NotAModel { host: String, content_type: String },
    #[error("{host} sent what cannot be read: {reason}")]
    Garbled { host: String, reason: String },
    #[error("{host} broke off in the middle of its answer")]
    BrokenOff { host: String },
    #[error(
        "{host} sent an empty answer; the question and its passages may be longer than its context"
    )]
    Empty { host: String },
    #[error("{host} sent more than {limit} bytes")]
    TooLong { host: String, limit: usize },
    #[error("the keyring: {0}")]
    Keyring(String),
    #[error("no thread could be started: {0}")]
    Thread(String),
}

pub type Result<T> = std::result::Result<T, Error>;

fn note(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn later(wait: &Option<Duration>) -> String {
    wait.map(|wait| format!(", and asks to try again in {} s", wait.as_secs())).unwrap_or_default()
}
