//! The head fields that tell of limits, in the names and formats of the other API. Never invents:
//! a limit is told only where both have a name for it, a reset only where its time is known.
//! `retry-after` is the same in both, and passes elsewhere.

use jiff::Timestamp;

use crate::protocol::dialect::Dialect;
use crate::protocol::http1::write::decimal;
use crate::protocol::rate_limit::time::Number;
use crate::protocol::rate_limit::{self, Limit, Reset};

/// Writes the lines of the head for a client of `to` that an answer of `from` has in `fields`.
/// `now`: seconds since 1970, when the answer came. Nothing for a client of the same API.
pub fn write<'a, F>(out: &mut Vec<u8>, from: Dialect, to: Dialect, now: u64, fields: F)
where
    F: Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
{
    if from == to {
        return;
    }
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let found = rate_limit::read(fields);
    for name in NAMES {
        let is_it = |limit: &&Limit<'_>| {
            !limit.is_priority && limit.name.eq_ignore_ascii_case(name.as_bytes())
        };
        let Some(limit) = found.limits.iter().find(is_it) else { continue };
        for (kind, number) in [("limit", limit.limit), ("remaining", limit.remaining)] {
            if let Some(number) = number.and_then(Number::whole) {
                field_name(out, to, kind, name);
                decimal(out, number);
                out.extend_from_slice(b"\r\n");
            }
        }
        let until = limit.reset.and_then(|reset| epoch_ms(reset, now));
        if let Some(value) = until.and_then(|until| written(to, until, now)) {
            field_name(out, to, "reset", name);
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// `name: `, as the API calls it.
fn field_name(out: &mut Vec<u8>, to: Dialect, kind: &str, name: &str) {
    let [first, second, third] = match to {
        Dialect::Anthropic => ["anthropic-ratelimit-", name, kind],
        Dialect::OpenAi => ["x-ratelimit-", kind, name],
    };
    for text in [first, second, "-", third, ": "] {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Milliseconds since 1970. `None` where the unit is unclear.
fn epoch_ms(reset: Reset, now: i64) -> Option<i64> {
    match reset {
        Reset::Bare(_) | Reset::Unreadable => None,
        Reset::Epoch(seconds) => seconds.checked_mul(1_000),
        Reset::In(us) => now.checked_mul(1_000)?.checked_add_unsigned(us.div_ceil(1_000)),
    }
}

/// RFC 3339 in whole seconds, rounded up, or a duration as Go writes it.
fn written(to: Dialect, until_ms: i64, now: i64) -> Option<String> {
    match to {
        Dialect::Anthropic => {
            let seconds = until_ms.checked_add(999)?.div_euclid(1_000);
            Some(Timestamp::from_second(seconds).ok()?.to_string())
        }
        Dialect::OpenAi => {
            let left = until_ms.checked_sub(now.checked_mul(1_000)?)?.max(0) / 1_000;
            let (hours, minutes, seconds) = (left / 3_600, left / 60 % 60, left % 60);
            Some(match (hours, minutes) {
                (0, 0) => format!("{seconds}s"),
                (0, _) => format!("{minutes}m{seconds}s"),
                _ => format!("{hours}h{minutes}m{seconds}s"),
            })
        }
    }
}

/// Limits that both APIs name, and name alike.
const NAMES: [&str; 2] = ["requests", "tokens"];

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{Anthropic, OpenAi};

    /// 2025-11-15T00:56:36Z.
    const NOW: u64 = 1_763_168_196;

    fn told(from: Dialect, to: Dialect, fields: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        write(&mut out, from, to, NOW, fields);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn anthropics_limits_are_told_as_openai_tells_them() {
        let fields = [
            ("Anthropic-Ratelimit-Requests-Limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2025-11-15T00:56:37Z"),
            ("anthropic-ratelimit-tokens-reset", "2025-11-15T02:00:00Z"),
            ("anthropic-ratelimit-tokens-limit", "90000"),
            ("anthropic-ratelimit-input-tokens-limit", "50000"),
            ("anthropic-priority-input-tokens-limit", "7"),
            ("anthropic-ratelimit-unified-5h-utilization", "0.5"),
            ("retry-after", "3"),
        ];
        let wanted = "x-ratelimit-limit-requests: 50\r\nx-ratelimit-remaining-requests: 49\r\n\
            x-ratelimit-reset-requests: 1s\r\nx-ratelimit-limit-tokens: 90000\r\n\
            x-ratelimit-reset-tokens: 1h3m24s\r\n";
        assert_eq!(told(Anthropic, OpenAi, &fields), wanted);
    }

    #[test]
    fn openais_limits_are_told_as_anthropic_tells_them() {
        let fields = [
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-tokens", "1999"),
            ("x-ratelimit-reset-requests", "8.64s"),
            ("x-ratelimit-reset-tokens", "6m0s"),
            ("x-ratelimit-limit-input-images", "5"),
        ];
        let wanted = "anthropic-ratelimit-requests-limit: 10000\r\n\
            anthropic-ratelimit-requests-reset: 2025-11-15T00:56:45Z\r\n\
            anthropic-ratelimit-tokens-remaining: 1999\r\n\
            anthropic-ratelimit-tokens-reset: 2025-11-15T01:02:36Z\r\n";
        assert_eq!(told(OpenAi, Anthropic, &fields), wanted);
    }

    #[test]
    fn what_is_unclear_or_past_or_of_the_same_api_is_not_made_up() {
        let unclear = [("x-ratelimit-reset-requests", "500"), ("x-ratelimit-limit-tokens", "-1")];
        assert_eq!(told(OpenAi, Anthropic, &unclear), "");
        let huge = [("x-ratelimit-reset-tokens", "99999999999h")];
        assert_eq!(told(OpenAi, Anthropic, &huge), "");
        let past = [("anthropic-ratelimit-tokens-reset", "1999-01-01T00:00:00Z")];
        assert_eq!(told(Anthropic, OpenAi, &past), "x-ratelimit-reset-tokens: 0s\r\n");
        assert_eq!(told(Anthropic, Anthropic, &past), "");
        let twice = [("x-ratelimit-limit-tokens", "1"), ("X-RateLimit-Limit-Tokens", "2")];
        assert_eq!(told(OpenAi, Anthropic, &twice), "anthropic-ratelimit-tokens-limit: 1\r\n");
    }

    #[test]
    fn a_reset_there_and_back_is_the_same() {
        let there = told(
            Anthropic,
            OpenAi,
            &[("anthropic-ratelimit-tokens-reset", "2025-11-16T03:04:05Z")],
        );
        let (name, value) = there.trim().split_once(": ").unwrap();
        let back = told(OpenAi, Anthropic, &[(name, value)]);
        assert_eq!(back, "anthropic-ratelimit-tokens-reset: 2025-11-16T03:04:05Z\r\n");
    }
}
