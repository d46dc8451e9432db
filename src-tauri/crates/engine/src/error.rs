use std::fmt;

/// What a caller can act on; everything else is `Internal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The note was changed elsewhere since it was read: show both versions.
    Conflict,
    NotFound,
    /// The request itself is wrong: the message says what is accepted.
    Invalid,
    /// Superseded or cancelled by the caller.
    Cancelled,
    /// Another process holds the data folder, and this needs its indexes; or nothing can be written there.
    ReadOnly,
    Internal,
}

/// An error as a person may read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    pub code: Code,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error { code, message: message.into() }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(Code::Invalid, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Error::new(Code::NotFound, message)
    }

    pub fn cancelled() -> Self {
        Error::new(Code::Cancelled, "cancelled")
    }

    pub(crate) fn internal(message: impl fmt::Display) -> Self {
        Error::new(Code::Internal, message.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<store::StoreError> for Error {
    fn from(error: store::StoreError) -> Self {
        let code = match &error {
            store::StoreError::Conflict { .. } => Code::Conflict,
            store::StoreError::NoSuchNote { .. }
            | store::StoreError::NoSuchNotebook { .. }
            | store::StoreError::NoSuchImport { .. }
            | store::StoreError::NoSuchFolder { .. } => Code::NotFound,
            store::StoreError::Invalid { .. } => Code::Invalid,
            store::StoreError::ReadOnly { .. } => Code::ReadOnly,
            _ => Code::Internal,
        };
        Error::new(code, error.to_string())
    }
}

impl From<keyword::KeywordError> for Error {
    fn from(error: keyword::KeywordError) -> Self {
        match error {
            keyword::KeywordError::Cancelled => Error::cancelled(),
            error => Error::internal(error),
        }
    }
}

impl From<vector::VectorError> for Error {
    fn from(error: vector::VectorError) -> Self {
        Error::internal(error)
    }
}

impl From<embed::EmbedError> for Error {
    fn from(error: embed::EmbedError) -> Self {
        Error::internal(error)
    }
}

impl From<llm::Error> for Error {
    fn from(error: llm::Error) -> Self {
        match error {
            llm::Error::Cancelled => Error::cancelled(),
            llm::Error::Address(_)
            | llm::Error::HostNotAllowed { .. }
            | llm::Error::PlainHttp { .. }
            | llm::Error::MalformedKey => Error::invalid(error.to_string()),
            error => Error::internal(error),
        }
    }
}
