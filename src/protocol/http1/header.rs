//! The field names we act on, each with a number, so that later steps match and never compare.
//!
//! Never decides what happens to a field: the exchange does, by these sets.

use crate::protocol::ascii::{is_same, starts_with};

/// A field name the gateway acts on. [`Known::Other`] passes untouched.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Known {
    AcceptEncoding,
    AnthropicBeta,
    AnthropicOrganizationId,
    /// `anthropic-priority-*`.
    AnthropicPriority,
    /// `anthropic-ratelimit-*`.
    AnthropicRateLimit,
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
    OpenaiOrganization,
    Other,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
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
    /// `x-codex-*`.
    XCodex,
    /// `x-forwarded-*`.
    XForwarded,
    XGoogApiKey,
    /// `x-ratelimit-*`.
    XRateLimit,
    XRequestId,
    XShouldRetry,
    /// `x-tidegate-*`.
    XTidegate,
}

impl Known {
    /// The number of a field name in any case.
    pub fn of(name: &[u8]) -> Self {
        let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return Self::Other };
        if let Some(place) = BY_PLACE.get(place_of(name.len(), first, last))
            && place.name.len() == name.len()
        {
            let [head, tail] = ends_of(name);
            let difference = (head ^ place.ends[0]) | (tail ^ place.ends[1]);
            // Ends that are the same are all of a short name.
            if difference == 0 && name.len() <= 16 {
                return place.known;
            }
            if difference & !CASES == 0 {
                return Self::of_place(name, place);
            }
        }
        if matches!(first | CASE, b'a' | b'x') { Self::of_family(name) } else { Self::Other }
    }

    #[inline(never)]
    fn of_place(name: &[u8], place: &Place) -> Self {
        if is_same(name, place.name) { place.known } else { Self::of_family(name) }
    }

    /// One byte tells families from the many other names that begin with `x-` or `a`.
    #[inline(never)]
    fn of_family(name: &[u8]) -> Self {
        let is_of_anthropic = matches!(name.first(), Some(b'a' | b'A'));
        let telling = if is_of_anthropic { name.get(10) } else { name.get(2) };
        let (prefix, known): (&[u8], Self) = match telling.map(|byte| byte | CASE) {
            Some(b'c') => (b"x-codex-", Self::XCodex),
            Some(b'f') => (b"x-forwarded-", Self::XForwarded),
            // Not by its place, which `x-should-retry` has.
            Some(b'g') if name.len() == GOOG_KEY.len() => (GOOG_KEY, Self::XGoogApiKey),
            Some(b'p') => (b"anthropic-priority-", Self::AnthropicPriority),
            Some(b'r') if is_of_anthropic => (b"anthropic-ratelimit-", Self::AnthropicRateLimit),
            Some(b'r') => (b"x-ratelimit-", Self::XRateLimit),
            Some(b't') => (b"x-tidegate-", Self::XTidegate),
            _ => return Self::Other,
        };
        if starts_with(name, prefix) { known } else { Self::Other }
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

    /// Says something of the limits of a credential.
    pub const fn is_of_limits(self) -> bool {
        self.bit() & Self::OF_LIMITS != 0
    }

    /// The names of [`Known::is_of_limits`] as one set.
    pub(super) const OF_LIMITS: u64 = Self::AnthropicPriority.bit()
        | Self::AnthropicRateLimit.bit()
        | Self::RetryAfter.bit()
        | Self::RetryAfterMs.bit()
        | Self::XCodex.bit()
        | Self::XRateLimit.bit();

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
    if name.len() > NAME_BYTES_MAX || !name.contains(&b'_') {
        return false;
    }
    let mut folded = [0; NAME_BYTES_MAX];
    let Some(folded) = folded.get_mut(..name.len()) else { return false };
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

/// A name in its place.
struct Place {
    ends: [u64; 2],
    known: Known,
    name: &'static [u8],
}

/// Where a name stands in [`BY_PLACE`]: no two of the names below share their place.
#[inline]
const fn place_of(length: usize, first: u8, last: u8) -> usize {
    #[expect(clippy::as_conversions, reason = "const; a byte fits")]
    let (first, last) = ((first | CASE) as usize, (last | CASE) as usize);
    (length * 9 + first * 3 + last) % PLACES
}

/// The first eight bytes of a name and its last eight; of short names four, or one.
#[inline]
const fn ends_of(name: &[u8]) -> [u64; 2] {
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        return [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
    }
    #[expect(clippy::as_conversions, reason = "const; to a wider type")]
    match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => {
            [u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64]
        }
        _ => match name {
            [first, .., last] => [*first as u64, *last as u64],
            _ => [0, 0],
        },
    }
}

/// The bit by which letters of both cases differ.
const CASE: u8 = 0x20;

const CASES: u64 = u64::from_ne_bytes([CASE; 8]);

const GOOG_KEY: &[u8] = b"x-goog-api-key";

/// The longest whole name below, in bytes.
const NAME_BYTES_MAX: usize = 25;

const PLACES: usize = 64;

/// Whole names in lower case; families are in `Known::of_family`.
const NAMES: &[(&[u8], Known)] = &[
    (b"accept-encoding", Known::AcceptEncoding),
    (b"anthropic-beta", Known::AnthropicBeta),
    (b"anthropic-organization-id", Known::AnthropicOrganizationId),
    (b"anthropic-version", Known::AnthropicVersion),
    (b"api-key", Known::ApiKey),
    (b"authorization", Known::Authorization),
    (b"connection", Known::Connection),
    (b"content-encoding", Known::ContentEncoding),
    (b"content-length", Known::ContentLength),
    (b"content-type", Known::ContentType),
    (b"cookie", Known::Cookie),
    (b"date", Known::Date),
    (b"expect", Known::Expect),
    (b"forwarded", Known::Forwarded),
    (b"host", Known::Host),
    (b"keep-alive", Known::KeepAlive),
    (b"openai-organization", Known::OpenaiOrganization),
    (b"proxy-authenticate", Known::ProxyAuthenticate),
    (b"proxy-authorization", Known::ProxyAuthorization),
    (b"proxy-connection", Known::ProxyConnection),
    (b"request-id", Known::RequestId),
    (b"retry-after", Known::RetryAfter),
    (b"retry-after-ms", Known::RetryAfterMs),
    (b"server", Known::Server),
    (b"set-cookie", Known::SetCookie),
    (b"te", Known::Te),
    (b"trailer", Known::Trailer),
    (b"transfer-encoding", Known::TransferEncoding),
    (b"upgrade", Known::Upgrade),
    (b"user-agent", Known::UserAgent),
    (b"x-api-key", Known::XApiKey),
    (b"x-claude-code-session-id", Known::XClaudeCodeSessionId),
    (b"x-request-id", Known::XRequestId),
    (b"x-should-retry", Known::XShouldRetry),
];

static BY_PLACE: [Place; PLACES] = {
    let mut table = [const { Place { ends: [0; 2], known: Known::Other, name: b"" } }; PLACES];
    let mut rest = NAMES;
    while let [(name, known), tail @ ..] = rest {
        let (Some(first), Some(last)) = (name.first(), name.last()) else {
            panic!("a name has a byte")
        };
        #[expect(clippy::indexing_slicing, reason = "const; below the modulus")]
        let place = &mut table[place_of(name.len(), *first, *last)];
        assert!(place.name.is_empty(), "two names share a place");
        assert!(name.len() != 3, "its ends are not all of it");
        *place = Place { ends: ends_of(name), known: *known, name };
        rest = tail;
    }
    table
};

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (text, known) in NAMES {
            assert!(text.len() <= NAME_BYTES_MAX, "{text:?}");
            assert_eq!(text.to_ascii_lowercase(), *text);
            assert_eq!(Known::of(text), *known);
            assert_eq!(Known::of(&text.to_ascii_uppercase()), *known);
            for place in 0..text.len() {
                let mut other = text.to_vec();
                *other.get_mut(place).unwrap() = b'~';
                assert_eq!(Known::of(&other), Known::Other, "{text:?} with another byte");
            }
        }
        assert_eq!(NAMES.len(), 34);
    }

    #[test]
    fn a_prefix_names_a_family() {
        assert_eq!(Known::of(b"X-Tidegate-Provider"), Known::XTidegate);
        assert_eq!(Known::of(b"x-forwarded-for"), Known::XForwarded);
        assert_eq!(Known::of(b"Anthropic-RateLimit-Unified-5h-Reset"), Known::AnthropicRateLimit);
        assert_eq!(Known::of(b"x-ratelimit-remaining-tokens"), Known::XRateLimit);
        assert_eq!(Known::of(b"x-forwarded"), Known::Other);
        assert_eq!(Known::of(b"X-Goog-Api-Key"), Known::XGoogApiKey);
        assert_eq!(Known::of(b"x-goog-api-keys"), Known::Other);
        assert_eq!(Known::of(b"x-goog-api-kez"), Known::Other);
        let families: [(&[u8], _); 6] = [
            (b"anthropic-ratelimit-", Known::AnthropicRateLimit),
            (b"anthropic-priority-", Known::AnthropicPriority),
            (b"x-codex-", Known::XCodex),
            (b"x-ratelimit-", Known::XRateLimit),
            (b"x-forwarded-", Known::XForwarded),
            (b"x-tidegate-", Known::XTidegate),
        ];
        for (prefix, known) in families {
            assert_eq!(Known::of(prefix), known, "{prefix:?}");
            assert_eq!(Known::of(&prefix.to_ascii_uppercase()), known, "{prefix:?}");
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
