//! Why a message is refused: a small verdict with the status and the words for its sender.
//!
//! Never carries bytes of the message: what was refused cannot leak into a log or an answer.

/// Why a message, or its body framing, is refused. After any of these the connection must close.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Refusal {
    /// A carriage return that no line feed follows.
    BareCr,
    /// A line feed that no carriage return precedes.
    BareLf,
    /// Chunk data runs on where its CRLF should be.
    ChunkEnd,
    /// A chunk extension outside the grammar of RFC 9112 section 7.1.1.
    ChunkExtension,
    /// A chunk line of more than [`super::chunked::LINE_BYTES_MAX`] bytes.
    ChunkLineTooLong,
    /// A chunk size that is missing, not hexadecimal, too large, or followed by junk.
    ChunkSize,
    /// `CONNECT`: this gateway opens no tunnels.
    Connect,
    /// `Content-Length` that is not one decimal of at most 2^63 - 1, or that stands there twice.
    ContentLength,
    /// `Authorization`, `X-Api-Key` or `Expect` more than once.
    DuplicateField,
    /// A field line that is not `name ":" value`: a bad name, a fold, or a space before the colon.
    FieldName,
    /// A control byte in a field value.
    FieldValue,
    /// Both `Transfer-Encoding` and `Content-Length`.
    FramingConflict,
    /// More bytes of head than the limit.
    HeadTooLarge,
    /// `Host` that is missing, repeated or malformed, or a malformed authority in the target.
    Host,
    /// A NUL byte in a line.
    Nul,
    /// A request line that is not method, target and version between single spaces.
    RequestLine,
    /// A request line longer than the limit.
    RequestLineTooLong,
    /// A status line that is not version, three digits and a reason.
    StatusLine,
    /// A target with a control byte or space, or in none of the four forms.
    Target,
    /// More fields than the limit.
    TooManyFields,
    /// A `Connection` field that nominates more names than we are ready to look up.
    TooManyNominated,
    /// A trailer field that has to stand in the head, where it decides framing or access.
    TrailerField,
    /// More bytes or fields of trailers than the limit.
    TrailersTooLarge,
    /// A transfer coding besides `chunked`.
    TransferCoding,
    /// `Transfer-Encoding` that is malformed, in HTTP/1.0, or does not end in one `chunked`.
    TransferEncoding,
    /// A version besides HTTP/1.x.
    Version,
}

/// The status for whatever an upstream sends that we refuse: the client is not to blame.
pub const UPSTREAM_STATUS: u16 = 502;

impl Refusal {
    /// The status for the client when its own request was refused. A refused response of an
    /// upstream is always [`UPSTREAM_STATUS`].
    pub const fn status(self) -> u16 {
        match self {
            Self::Connect => 405,
            Self::RequestLineTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields | Self::TrailersTooLarge => 431,
            Self::TransferCoding => 501,
            Self::Version => 505,
            _ => 400,
        }
    }

    /// Whether the rule belongs to a server, not to the grammar: such a message is well formed.
    pub const fn is_server_rule(self) -> bool {
        matches!(self, Self::Connect | Self::DuplicateField | Self::Host | Self::TransferCoding)
    }

    /// A short text for the sender of the message. Never holds a byte of it.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BareCr => "carriage return without line feed",
            Self::BareLf => "line feed without carriage return",
            Self::ChunkEnd => "chunk data is not followed by CRLF",
            Self::ChunkExtension => "malformed chunk extension",
            Self::ChunkLineTooLong => "chunk line too long",
            Self::ChunkSize => "malformed chunk size",
            Self::Connect => "CONNECT is not supported",
            Self::ContentLength => "invalid or repeated Content-Length",
            Self::DuplicateField => "a field that may occur once is repeated",
            Self::FieldName => "malformed header field",
            Self::FieldValue => "control character in a header field value",
            Self::FramingConflict => "Transfer-Encoding together with Content-Length",
            Self::HeadTooLarge => "header section too large",
            Self::Host => "missing, repeated or malformed Host",
            Self::Nul => "NUL in a line",
            Self::RequestLine => "malformed request line",
            Self::RequestLineTooLong => "request line too long",
            Self::StatusLine => "malformed status line",
            Self::Target => "malformed request target",
            Self::TooManyFields => "too many header fields",
            Self::TooManyNominated => "Connection nominates too many fields",
            Self::TrailerField => "a field that is not allowed in trailers",
            Self::TrailersTooLarge => "trailer section too large",
            Self::TransferCoding => "transfer coding not supported",
            Self::TransferEncoding => "invalid Transfer-Encoding",
            Self::Version => "HTTP version not supported",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_status_of_its_kind() {
        assert_eq!(Refusal::BareLf.status(), 400);
        assert_eq!(Refusal::Connect.status(), 405);
        assert_eq!(Refusal::RequestLineTooLong.status(), 414);
        assert_eq!(Refusal::TooManyFields.status(), 431);
        assert_eq!(Refusal::TransferCoding.status(), 501);
        assert_eq!(Refusal::Version.status(), 505);
    }

    #[test]
    fn only_rules_beyond_the_grammar_are_server_rules() {
        assert!(Refusal::Host.is_server_rule());
        assert!(!Refusal::ContentLength.is_server_rule());
        assert!(!Refusal::Version.is_server_rule());
    }

    #[test]
    fn a_verdict_fits_in_one_byte() {
        assert_eq!(size_of::<Refusal>(), 1);
    }
}
