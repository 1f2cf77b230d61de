//! The response headers of each provider.
//!
//! Never holds a clock: reset instants are far in the future and say "nothing is used up".

use super::Dialect;
use crate::knobs::Say;

/// The provider's own headers for this status.
pub fn of(dialect: Dialect, status: u16, sequence: u64) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut headers: Vec<_> = match dialect {
        Dialect::Anthropic => {
            let id = ("request-id".to_owned(), format!("req_{sequence:024x}"));
            ANTHROPIC.iter().map(own).chain([id]).collect()
        }
        Dialect::Chat | Dialect::Completions | Dialect::Responses => {
            let id = ("x-request-id".to_owned(), format!("req_{sequence:032x}"));
            OPENAI.iter().map(own).chain([id]).collect()
        }
    };
    if matches!(status, 400 | 401) && dialect == Dialect::Anthropic {
        headers.push(("x-should-retry".to_owned(), "false".to_owned()));
    }
    headers
}

/// Applies `header.NAME` (the first of a name replaces the defaults) and `no_header.NAME`.
pub fn adjust(headers: &mut Vec<(String, String)>, say: &Say) {
    let named = |name: &str| {
        say.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
            || say.no_headers.iter().any(|own| own.eq_ignore_ascii_case(name))
    };
    headers.retain(|(name, _)| !named(name));
    headers.extend(say.headers.iter().cloned());
}

const ANTHROPIC: &[(&str, &str)] = &[
    ("cache-control", "no-cache"),
    ("anthropic-ratelimit-requests-limit", "4000"),
    ("anthropic-ratelimit-requests-remaining", "3999"),
    ("anthropic-ratelimit-requests-reset", "2099-01-01T00:00:00Z"),
    ("anthropic-ratelimit-input-tokens-limit", "2000000"),
    ("anthropic-ratelimit-input-tokens-remaining", "1999000"),
    ("anthropic-ratelimit-input-tokens-reset", "2099-01-01T00:00:00Z"),
    ("anthropic-ratelimit-output-tokens-limit", "400000"),
    ("anthropic-ratelimit-output-tokens-remaining", "400000"),
    ("anthropic-ratelimit-output-tokens-reset", "2099-01-01T00:00:00Z"),
    ("anthropic-ratelimit-tokens-limit", "2400000"),
    ("anthropic-ratelimit-tokens-remaining", "2399000"),
    ("anthropic-ratelimit-tokens-reset", "2099-01-01T00:00:00Z"),
    ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
    ("via", "1.1 mock"),
];

const OPENAI: &[(&str, &str)] = &[
    ("openai-organization", "mock-org"),
    ("openai-processing-ms", "12"),
    ("openai-project", "proj_mock"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "2000000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "1999975"),
    ("x-ratelimit-reset-requests", "6ms"),
    ("x-ratelimit-reset-tokens", "0s"),
];
