//! Which header fields speak of limits. Never reads a value.

use crate::protocol::ascii::is_same;
use crate::protocol::http1::header::Known;

/// A field of interest, and what of its name is still to be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field<'a> {
    /// What follows `anthropic-ratelimit-`.
    Anthropic(&'a [u8]),
    /// What follows `x-`: `codex-…`.
    Codex(&'a [u8]),
    /// By rank: `request-id`, `x-request-id`, `apim-request-id`, then Anthropic's organization id
    /// and OpenAI's.
    Id(usize),
    /// `ratelimit`.
    Ietf,
    /// A number of the limit of that name.
    Limit(Kind, &'a [u8]),
    /// What follows `anthropic-priority-`.
    Priority(&'a [u8]),
    /// `retry-after`.
    RetryAfter,
    /// `retry-after-ms`.
    RetryAfterMs,
    /// `x-should-retry`.
    ShouldRetry,
}

impl<'a> Field<'a> {
    /// By its name, in any case. Most fields of a head are not of interest, which their first byte
    /// says; the others are told apart by as few comparisons as there can be.
    #[inline]
    pub fn of(name: &'a [u8]) -> Option<Self> {
        if let Some(rest) = after(name, b"anthropic-ratelimit-") {
            return Some(Self::Anthropic(rest));
        }
        match name.first()? | CASE {
            b'a' => Self::of_a(name),
            b'o' => is_same(name, b"openai-organization").then_some(Self::Id(4)),
            b'r' => Self::of_r(name),
            b'x' => Self::of_x(name),
            _ => None,
        }
    }

    /// By its name as a head's parser knows it: what is left of the name is a slice. Ids and other
    /// names that say nothing of limits are `None`.
    #[inline]
    pub fn of_known(known: Known, name: &'a [u8]) -> Option<Self> {
        let behind = |prefix: &[u8]| name.get(prefix.len()..);
        match known {
            Known::AnthropicPriority => behind(b"anthropic-priority-").map(Self::Priority),
            Known::AnthropicRateLimit => behind(b"anthropic-ratelimit-").map(Self::Anthropic),
            Known::RetryAfter => Some(Self::RetryAfter),
            Known::RetryAfterMs => Some(Self::RetryAfterMs),
            Known::XCodex => behind(b"x-").map(Self::Codex),
            Known::XRateLimit => Self::of_plain(behind(b"x-ratelimit-")?),
            _ => None,
        }
    }

    fn of_a(name: &'a [u8]) -> Option<Self> {
        if let Some(rest) = after(name, b"anthropic-priority-") {
            Some(Self::Priority(rest))
        } else if is_same(name, b"anthropic-organization-id") {
            Some(Self::Id(3))
        } else {
            is_same(name, b"apim-request-id").then_some(Self::Id(2))
        }
    }

    fn of_r(name: &'a [u8]) -> Option<Self> {
        let known: [(&[u8], Self); 4] = [
            (b"retry-after", Self::RetryAfter),
            (b"retry-after-ms", Self::RetryAfterMs),
            (b"request-id", Self::Id(0)),
            (b"ratelimit", Self::Ietf),
        ];
        let found = known.iter().find(|(it, _)| is_same(it, name));
        let limit = || Some(Self::Limit(Kind::of(after(name, b"ratelimit-")?)?, b""));
        found.map(|(_, field)| *field).or_else(limit)
    }

    fn of_x(name: &'a [u8]) -> Option<Self> {
        if is_same(name, b"x-request-id") {
            return Some(Self::Id(1));
        }
        if is_same(name, b"x-should-retry") {
            return Some(Self::ShouldRetry);
        }
        let Some(rest) = after(name, b"x-ratelimit-") else {
            return after(name, b"x-codex-")
                .map(|_| Self::Codex(after(name, b"x-").unwrap_or_default()));
        };
        Self::of_plain(rest)
    }

    /// What follows `x-ratelimit-`.
    fn of_plain(rest: &'a [u8]) -> Option<Self> {
        let cut = rest.iter().position(|&byte| byte == b'-').unwrap_or(rest.len());
        let (kind, name) = rest.split_at_checked(cut)?;
        // A dash without a name is no limit.
        match name {
            [b'-'] => None,
            _ => Some(Self::Limit(Kind::of(kind)?, name.strip_prefix(b"-").unwrap_or(name))),
        }
    }
}

/// What follows `prefix`, in any case.
#[inline]
pub fn after<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    is_same(start, prefix).then_some(rest)
}

/// What comes before `suffix`, in any case; `None` when that is nothing.
#[inline]
pub fn before<'a>(name: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let (rest, end) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
    (!rest.is_empty() && is_same(end, suffix)).then_some(rest)
}

/// Which number of a limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// How much there is.
    Limit,
    /// How much is left.
    Remaining,
    /// When it is full again.
    Reset,
}

impl Kind {
    /// By its word in a header.
    pub fn of(word: &[u8]) -> Option<Self> {
        let (known, kind): (&[u8], Self) = match word.len() {
            5 if word.first()? | CASE == b'l' => (b"limit", Self::Limit),
            5 => (b"reset", Self::Reset),
            9 => (b"remaining", Self::Remaining),
            _ => return None,
        };
        is_same(word, known).then_some(kind)
    }

    /// The word that `name` ends in behind a dash, and what comes before, which is not nothing.
    #[inline]
    pub fn at_end(name: &[u8]) -> Option<(&[u8], Self)> {
        match name.last()? | CASE {
            b'g' => Some((before(name, b"-remaining")?, Self::Remaining)),
            b't' => match before(name, b"-limit") {
                Some(name) => Some((name, Self::Limit)),
                None => Some((before(name, b"-reset")?, Self::Reset)),
            },
            _ => None,
        }
    }
}

/// The bit by which letters of both cases differ.
const CASE: u8 = 0x20;
