use serde::Serialize;
use ts_rs::TS;

/// What the page acts on; every other failure is `internal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub(crate) enum ErrorCode {
    Conflict,
    NotFound,
    Invalid,
    /// Superseded by a newer request.
    Busy,
    ReadOnly,
    Internal,
}

/// What a command rejects with.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

pub(crate) type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError { code: ErrorCode::Invalid, message: message.into() }
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> ApiError {
        ApiError { code: ErrorCode::Internal, message: error.to_string() }
    }
}

impl From<engine::Error> for ApiError {
    fn from(error: engine::Error) -> Self {
        let code = match error.code {
            engine::Code::Conflict => ErrorCode::Conflict,
            engine::Code::NotFound => ErrorCode::NotFound,
            engine::Code::Invalid => ErrorCode::Invalid,
            engine::Code::Cancelled => ErrorCode::Busy,
            engine::Code::ReadOnly => ErrorCode::ReadOnly,
            engine::Code::Internal => ErrorCode::Internal,
        };
        ApiError { code, message: error.message }
    }
}
