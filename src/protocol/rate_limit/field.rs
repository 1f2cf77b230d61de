//! Which fields of a head say something of limits. Never reads their values.

use super::{Kind, after};

pub(super) enum Field<'a> {
    Anthropic(&'a [u8]),
    Codex(&'a [u8]),
    Id(usize),
    Ietf,
    Limit(Kind, &'a [u8]),
    RetryAfter,
    RetryAfterMs,
    ShouldRetry,
}

impl<'a> Field<'a> {
    pub(super) fn of(name: &'a [u8]) -> Option<Self> {
        let known: [(&[u8], Self); 9] = [
            (b"retry-after", Self::RetryAfter),
            (b"retry-after-ms", Self::RetryAfterMs),
            (b"x-should-retry", Self::ShouldRetry),
            (b"request-id", Self::Id(0)),
            (b"x-request-id", Self::Id(1)),
            (b"apim-request-id", Self::Id(2)),
            (b"anthropic-organization-id", Self::Id(3)),
            (b"openai-organization", Self::Id(4)),
            (b"ratelimit", Self::Ietf),
        ];
        if let Some((_, field)) = known.into_iter().find(|(it, _)| it.eq_ignore_ascii_case(name)) {
            return Some(field);
        }
        if let Some(rest) = after(name, b"anthropic-") {
            return Some(Self::Anthropic(rest));
        }
        if let Some(rest) = after(name, b"x-ratelimit-") {
            let cut = rest.iter().position(|&byte| byte == b'-').unwrap_or(rest.len());
            let (kind, name) = rest.split_at_checked(cut)?;
            // A dash without a name is no limit.
            return match name {
                [b'-'] => None,
                _ => Some(Self::Limit(Kind::of(kind)?, name.strip_prefix(b"-").unwrap_or(name))),
            };
        }
        if let Some(rest) = after(name, b"ratelimit-") {
            return Some(Self::Limit(Kind::of(rest)?, b""));
        }
        after(name, b"x-codex-").map(|_| Self::Codex(after(name, b"x-").unwrap_or_default()))
    }
}
