//! The field names we act on, each with a number, so that later steps match and never compare.
//!
//! Never decides what happens to a field: the exchange does, by these sets.

/// A field name the gateway acts on. [`Known::Other`] passes untouched.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Known {
    AcceptEncoding,
    AnthropicBeta,
    AnthropicOrganizationId,
    AnthropicVersion,
    ApiKey,
    Authorization,
    Connection,
    ContentEncoding,
    ContentLength,
    ContentType,
    Cookie,
    Date,
    Expect,
    Forwarded,
    Host,
    KeepAlive,
    Other,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    /// `anthropic-ratelimit-*`, `anthropic-priority-*`, `x-codex-*` and `x-ratelimit-*`.
    RateLimit,
    RequestId,
    RetryAfter,
    RetryAfterMs,
    Server,
    SetCookie,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    UserAgent,
    XApiKey,
    XClaudeCodeSessionId,
    /// `x-forwarded-*`.
    XForwarded,
    XRequestId,
    XShouldRetry,
    /// `x-tidegate-*`.
    XTidegate,
}

impl Known {
    /// The number of a field name in any case.
    pub fn of(name: &[u8]) -> Self {
        let Some(&first) = name.first() else { return Self::Other };
        let first = first | 0x20;
        let names = BY_LENGTH.get(name.len()).copied().unwrap_or_default();
        if names.iter().any(|(text, _)| text.first() == Some(&first)) {
            let mut lower = [0; 32];
            if let Some(start) = lower.get_mut(..name.len()) {
                start.copy_from_slice(name);
            }
            // All of it, not the name only: a fixed length is a few vector operations.
            lower.make_ascii_lowercase();
            let lower = lower.get(..name.len()).unwrap_or_default();
            if let Some(&(_, known)) = names.iter().find(|&&(text, _)| text == lower) {
                return known;
            }
        }
        // One byte tells families from the many other names that begin with `x-` or `a`.
        let telling = match first {
            b'x' => name.get(2),
            b'a' => name.get(10),
            _ => None,
        };
        match telling.map(|byte| byte | 0x20) {
            Some(b'c' | b'f' | b'p' | b'r' | b't') => Self::of_family(name),
            _ => Self::Other,
        }
    }

    fn of_family(name: &[u8]) -> Self {
        for &(prefix, known) in FAMILIES {
            if name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
                return known;
            }
        }
        Self::Other
    }

    /// Credentials of a caller or of ours. Never forwarded as they came.
    pub const fn is_auth(self) -> bool {
        matches!(self, Self::ApiKey | Self::Authorization | Self::XApiKey)
    }

    /// Decides where the body ends; always rebuilt (RFC 9112 section 6).
    pub const fn is_framing(self) -> bool {
        matches!(self, Self::ContentLength | Self::TransferEncoding)
    }

    /// Meant for the next hop only (RFC 9110 section 7.6.1, and the proxy pair of RFC 2616).
    pub const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::ProxyConnection
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }

    /// Meant for the head only: in trailers it could change framing or access after the fact.
    pub const fn is_forbidden_in_trailers(self) -> bool {
        matches!(
            self,
            Self::Authorization
                | Self::Connection
                | Self::ContentLength
                | Self::Host
                | Self::Trailer
                | Self::TransferEncoding
        )
    }

    /// This name as one bit of a set.
    pub(super) const fn bit(self) -> u64 {
        #[expect(clippy::as_conversions, reason = "an enum's number has no other const form")]
        let number = self as u8;
        1 << number
    }
}

/// Whether `name` with `_` read as `-` is a framing, hop-by-hop or auth name: CGI-like servers fold
/// the two, so such a field could shadow the one we set. Names without `_` are never aliases.
pub fn aliases_reserved(name: &[u8]) -> bool {
    let mut folded = [0; NAME_BYTES_MAX];
    let Some(folded) = folded.get_mut(..name.len()) else { return false };
    if !name.contains(&b'_') {
        return false;
    }
    for (to, &from) in folded.iter_mut().zip(name) {
        *to = if from == b'_' { b'-' } else { from };
    }
    let known = Known::of(folded);
    known.is_auth() || known.is_framing() || known.is_hop_by_hop() || known == Known::Host
}

/// Whether values of this field are secrets, which are never logged or stored in the clear.
pub fn is_secret(name: &[u8]) -> bool {
    let words = [&b"api-key"[..], b"api_key", b"authorization", b"cookie", b"token", b"secret"];
    words.iter().any(|word| crate::protocol::ascii::contains(name, word))
}

type Names = &'static [(&'static [u8], Known)];

/// The longest whole name below, in bytes.
const NAME_BYTES_MAX: usize = 25;

const FAMILIES: &[(&[u8], Known)] = &[
    (b"anthropic-ratelimit-", Known::RateLimit),
    (b"anthropic-priority-", Known::RateLimit),
    (b"x-codex-", Known::RateLimit),
    (b"x-ratelimit-", Known::RateLimit),
    (b"x-forwarded-", Known::XForwarded),
    (b"x-tidegate-", Known::XTidegate),
];

/// At index n: the names of n bytes, in lower case.
const BY_LENGTH: [Names; NAME_BYTES_MAX + 1] = [
    &[],
    &[],
    &[(b"te", Known::Te)],
    &[],
    &[(b"host", Known::Host), (b"date", Known::Date)],
    &[],
    &[(b"expect", Known::Expect), (b"cookie", Known::Cookie), (b"server", Known::Server)],
    &[(b"upgrade", Known::Upgrade), (b"api-key", Known::ApiKey), (b"trailer", Known::Trailer)],
    &[],
    &[(b"x-api-key", Known::XApiKey), (b"forwarded", Known::Forwarded)],
    &[
        (b"connection", Known::Connection),
        (b"user-agent", Known::UserAgent),
        (b"keep-alive", Known::KeepAlive),
        (b"request-id", Known::RequestId),
        (b"set-cookie", Known::SetCookie),
    ],
    &[(b"retry-after", Known::RetryAfter)],
    &[(b"content-type", Known::ContentType), (b"x-request-id", Known::XRequestId)],
    &[(b"authorization", Known::Authorization)],
    &[
        (b"content-length", Known::ContentLength),
        (b"anthropic-beta", Known::AnthropicBeta),
        (b"retry-after-ms", Known::RetryAfterMs),
        (b"x-should-retry", Known::XShouldRetry),
    ],
    &[(b"accept-encoding", Known::AcceptEncoding)],
    &[(b"content-encoding", Known::ContentEncoding), (b"proxy-connection", Known::ProxyConnection)],
    &[
        (b"transfer-encoding", Known::TransferEncoding),
        (b"anthropic-version", Known::AnthropicVersion),
    ],
    &[(b"proxy-authenticate", Known::ProxyAuthenticate)],
    &[(b"proxy-authorization", Known::ProxyAuthorization)],
    &[],
    &[],
    &[],
    &[],
    &[(b"x-claude-code-session-id", Known::XClaudeCodeSessionId)],
    &[(b"anthropic-organization-id", Known::AnthropicOrganizationId)],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_stands_at_its_length() {
        let mut count = 0;
        for (length, names) in BY_LENGTH.iter().enumerate() {
            for (text, known) in *names {
                assert_eq!(text.len(), length, "{text:?}");
                assert_eq!(text.to_ascii_lowercase(), *text);
                assert_eq!(Known::of(text), *known);
                assert_eq!(Known::of(&text.to_ascii_uppercase()), *known);
                count += 1;
            }
        }
        assert_eq!(count, 33);
    }

    #[test]
    fn a_prefix_names_a_family() {
        assert_eq!(Known::of(b"X-Tidegate-Provider"), Known::XTidegate);
        assert_eq!(Known::of(b"x-forwarded-for"), Known::XForwarded);
        assert_eq!(Known::of(b"Anthropic-RateLimit-Unified-5h-Reset"), Known::RateLimit);
        assert_eq!(Known::of(b"x-ratelimit-remaining-tokens"), Known::RateLimit);
        assert_eq!(Known::of(b"x-forwarded"), Known::Other);
        for (prefix, known) in FAMILIES {
            assert_eq!(Known::of(prefix), *known, "{prefix:?}");
            assert_eq!(Known::of(&prefix.to_ascii_uppercase()), *known, "{prefix:?}");
        }
    }

    #[test]
    fn near_misses_are_other() {
        for name in [&b""[..], b"hos", b"hosts", b"x_api_key", b"content-lengt\xe8", b"cooki\x65s"]
        {
            assert_eq!(Known::of(name), Known::Other, "{name:?}");
        }
    }

    #[test]
    fn an_alias_with_underscores_is_seen() {
        for name in [&b"x_api_key"[..], b"Content_Length", b"TRANSFER_encoding", b"api_key"] {
            assert!(aliases_reserved(name), "{name:?}");
        }
        for name in [&b"x-api-key"[..], b"my_field", b"content_type", b"", &[b'_'; 300]] {
            assert!(!aliases_reserved(name), "{name:?}");
        }
    }

    #[test]
    fn the_sets_hold_what_their_rule_says() {
        assert!(Known::TransferEncoding.is_framing() && Known::TransferEncoding.is_hop_by_hop());
        assert!(Known::XApiKey.is_auth() && !Known::XApiKey.is_hop_by_hop());
        assert!(!Known::Other.is_forbidden_in_trailers());
        assert!(is_secret(b"X-Goog-Api-Key") && is_secret(b"Set-Cookie") && !is_secret(b"accept"));
    }

    #[test]
    fn every_name_fits_in_the_set_of_seen_names() {
        assert!(u64::from(Known::XTidegate.bit().trailing_zeros()) < 64);
    }
}
