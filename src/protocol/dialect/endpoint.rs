//! The paths of the two APIs, without any prefix of ours. Decides by the bytes as received.

use super::Dialect;
use super::openai::include_usage;
use crate::protocol::request_facts::RequestFacts;

/// What a path asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Endpoint {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/messages`.
    Messages,
    /// `GET /v1/models`.
    Models,
    /// Anything else below `/v1/`: passed through unscanned.
    Other,
    /// `POST /v1/responses`.
    Responses,
}

impl Endpoint {
    /// The endpoint of a method and a path without query; `None` for paths not below `/v1/`.
    pub fn of(method: &[u8], path: &[u8]) -> Option<Self> {
        let rest = path.strip_prefix(b"/v1/")?;
        Some(match (method, rest) {
            (b"POST", b"messages") => Self::Messages,
            (b"POST", b"messages/count_tokens") => Self::CountTokens,
            (b"POST", b"chat/completions") => Self::ChatCompletions,
            (b"POST", b"responses") => Self::Responses,
            (b"POST", b"embeddings") => Self::Embeddings,
            (b"POST", b"completions") => Self::Completions,
            (b"GET", b"models") => Self::Models,
            _ => Self::Other,
        })
    }

    /// Its path, for messages; that of [`Endpoint::Other`] is not known.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::CountTokens => "/v1/messages/count_tokens",
            Self::Embeddings => "/v1/embeddings",
            Self::Messages => "/v1/messages",
            Self::Models => "/v1/models",
            Self::Other => "this path",
            Self::Responses => "/v1/responses",
        }
    }

    /// Whether the body is held and read for routing; others stream through.
    pub const fn is_scanned(self) -> bool {
        !matches!(self, Self::Models | Self::Other)
    }

    /// `body`, made to ask for usage, where streams of this endpoint tell it only when asked and
    /// `body` does not say. `facts` are those of `body`.
    pub fn ask_usage(self, body: &[u8], facts: &RequestFacts) -> Option<Vec<u8>> {
        match self {
            Self::ChatCompletions | Self::Completions => include_usage::add(body, facts),
            _ => None,
        }
    }

    /// The dialect that a path names by itself; `None` when both APIs have it.
    pub fn dialect(path: &[u8]) -> Option<Dialect> {
        let rest = path.strip_prefix(b"/v1/")?;
        let first = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
        match first {
            b"messages" | b"complete" => Some(Dialect::Anthropic),
            b"audio" | b"chat" | b"completions" | b"conversations" | b"embeddings" | b"images"
            | b"moderations" | b"realtime" | b"responses" => Some(Dialect::OpenAi),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_endpoint_exactly() {
        assert_eq!(Endpoint::of(b"POST", b"/v1/messages"), Some(Endpoint::Messages));
        assert_eq!(Endpoint::of(b"GET", b"/v1/messages"), Some(Endpoint::Other));
        assert_eq!(Endpoint::of(b"POST", b"/v1/messages/"), Some(Endpoint::Other));
        assert_eq!(Endpoint::of(b"POST", b"/v1/files"), Some(Endpoint::Other));
    }

    #[test]
    fn p16_v1evil_is_not_under_v1() {
        assert_eq!(Endpoint::of(b"POST", b"/v1evil"), None);
        assert_eq!(Endpoint::of(b"POST", b"/v1"), None);
        assert_eq!(Endpoint::of(b"POST", b"/V1/messages"), None);
    }

    #[test]
    fn shared_paths_name_no_dialect() {
        assert_eq!(Endpoint::dialect(b"/v1/models"), None);
        assert_eq!(Endpoint::dialect(b"/v1/files"), None);
        assert_eq!(Endpoint::dialect(b"/v1/messages/batches"), Some(Dialect::Anthropic));
        assert_eq!(Endpoint::dialect(b"/v1/responses/r1"), Some(Dialect::OpenAi));
    }
}
