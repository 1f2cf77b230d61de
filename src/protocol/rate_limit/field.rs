//! Which header fields speak of limits. Never reads a value.

/// A field of interest, and what of its name is still to be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field<'a> {
    /// What follows `anthropic-`.
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
    /// `retry-after`.
    RetryAfter,
    /// `retry-after-ms`.
    RetryAfterMs,
    /// `x-should-retry`.
    ShouldRetry,
}

impl<'a> Field<'a> {
    /// By its name, in any case.
    pub fn of(name: &'a [u8]) -> Option<Self> {
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

/// What follows `prefix`, in any case.
pub fn after<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// What comes before `suffix`, in any case; `None` when that is nothing.
pub fn before<'a>(name: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let (rest, end) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
    (!rest.is_empty() && end.eq_ignore_ascii_case(suffix)).then_some(rest)
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
        [(&b"limit"[..], Self::Limit), (b"remaining", Self::Remaining), (b"reset", Self::Reset)]
            .into_iter()
            .find_map(|(known, kind)| word.eq_ignore_ascii_case(known).then_some(kind))
    }
}
