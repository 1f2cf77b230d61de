//! The questions a dialect answers. One exchange serves all dialects by asking here.
//! Never knows which provider or credential serves.

pub mod anthropic;
pub mod endpoint;
pub mod openai;
pub mod translate;

use endpoint::Endpoint;

/// The API family a path or a provider speaks.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Dialect {
    /// Anthropic Messages and its siblings.
    #[default]
    Anthropic,
    /// OpenAI Chat Completions, Responses, Embeddings and their siblings.
    OpenAi,
}

/// An error that the gateway itself has to tell a client.
#[derive(Clone, Copy, Debug)]
pub struct ErrorBody<'a> {
    /// The `x-tidegate-error` code (CONFIG.md).
    pub code: &'a str,
    /// The error's type where it is not the one that its status has.
    pub kind: Option<&'a str>,
    /// For people. Never holds a secret.
    pub message: &'a str,
    /// The gateway's id of the request.
    pub request_id: &'a str,
    /// Seconds until the limit it tells of is over, where clients read that from the body.
    pub resets_in_s: Option<u64>,
    /// The HTTP status, or the one it would have had before the stream began.
    pub status: u16,
}

impl Dialect {
    /// The name in the configuration, which is also its path prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
        }
    }

    /// Writes `error` as this dialect's JSON error body.
    pub fn write_error(self, out: &mut Vec<u8>, error: ErrorBody<'_>) {
        match self {
            Self::Anthropic => anthropic::error::write(out, error),
            Self::OpenAi => openai::error::write(out, error),
        }
    }

    /// Writes the event that tells a client of `endpoint` that its stream broke (BEHAVIOUR 8).
    pub fn write_error_event(self, out: &mut Vec<u8>, endpoint: Endpoint, error: ErrorBody<'_>) {
        match (self, endpoint) {
            (Self::Anthropic, _) => anthropic::error::write_event(out, error),
            (Self::OpenAi, Endpoint::Responses) => openai::error::write_failed_event(out, error),
            (Self::OpenAi, _) => openai::error::write_data_line(out, error),
        }
    }
}
