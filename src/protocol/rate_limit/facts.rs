//! Of all that a head says of limits, what a verdict asks for. Never judges.

use super::{RateLimits, Reset, Unified};
use crate::protocol::ascii::{is_same, starts_with};
use crate::protocol::verdict::{LimitFacts, Rejected};

/// The facts of an answer that came at `now_unix_ms`.
pub fn facts(limits: &RateLimits<'_>, now_unix_ms: i64) -> LimitFacts {
    let mut facts = LimitFacts {
        empty_reset_ms: empty_reset_ms(limits, now_unix_ms),
        retry_after_ms: limits.wait_us(now_unix_ms).map(|us| us.div_ceil(1_000)),
        ..LimitFacts::default()
    };
    if let Some(unified) = &limits.unified {
        note_rejected(&mut facts, unified, now_unix_ms);
    }
    facts
}

/// Notes which windows refuse requests; of several of one kind the first.
fn note_rejected(facts: &mut LimitFacts, unified: &Unified<'_>, now_unix_ms: i64) {
    let rejected = |unix_s: Option<i64>| Rejected {
        reset_ms: unix_s.and_then(|at| at.checked_mul(1_000)?.checked_sub(now_unix_ms)),
    };
    let mut weekly = None;
    for window in unified.windows.iter().filter(|window| window.is_rejected()) {
        let is = |known: &[u8]| is_same(window.name, known);
        let kind = if is(b"5h") {
            &mut facts.five_hour
        } else if is(b"7d") {
            &mut facts.seven_day
        } else if is(b"weekly") {
            &mut weekly
        } else if is(OVERAGE_INCLUDED) {
            &mut facts.seven_day_overage_included
        } else if starts_with(window.name, MODEL) {
            &mut facts.seven_day_model
        } else {
            continue;
        };
        kind.get_or_insert_with(|| rejected(window.reset));
    }
    facts.seven_day = facts.seven_day.or(weekly);
    if let Some(overage) = &unified.overage
        && overage.status.is_some_and(|status| is_same(status, b"rejected"))
    {
        let reset = overage.reset.and_then(|reset| i64::try_from(reset.whole()?).ok());
        facts.overage = Some(rejected(reset));
    }
}

/// When the last of the empty requests or tokens windows is full again, ms from now.
fn empty_reset_ms(limits: &RateLimits<'_>, now_unix_ms: i64) -> Option<i64> {
    let empty = limits.limits.iter().filter(|limit| limit.is_empty());
    let waits = empty.filter_map(|limit| match limit.reset? {
        Reset::Epoch(seconds) => seconds.checked_mul(1_000)?.checked_sub(now_unix_ms),
        Reset::In(us) => i64::try_from(us.div_ceil(1_000)).ok(),
        // Azure's bare numbers have no unit that one could rely on.
        Reset::Bare(_) | Reset::Unreadable => None,
    });
    waits.max()
}

/// What the seven days of one family of models begin with: `7d_opus` and its like.
const MODEL: &[u8] = b"7d_";
/// The seven days with overage included.
const OVERAGE_INCLUDED: &[u8] = b"7d_oi";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::rate_limit::read;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn of(headers: &[(&str, &str)]) -> LimitFacts {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        facts(&read(headers), NOW_MS)
    }

    #[test]
    fn each_rejected_window_is_told_by_its_kind_with_its_wait() {
        let told = of(&[
            ("anthropic-ratelimit-unified-5h-status", "rejected"),
            ("anthropic-ratelimit-unified-5h-reset", "1800000060"),
            ("anthropic-ratelimit-unified-7d-status", "allowed"),
            ("anthropic-ratelimit-unified-7d_opus-status", "rejected"),
            ("anthropic-ratelimit-unified-7d_oi-status", "rejected"),
            ("anthropic-ratelimit-unified-7d_oi-reset", "1800000120"),
        ]);
        assert_eq!(told.five_hour, Some(Rejected { reset_ms: Some(60_000) }));
        assert_eq!(told.seven_day, None);
        assert_eq!(told.seven_day_model, Some(Rejected { reset_ms: None }));
        assert_eq!(told.seven_day_overage_included, Some(Rejected { reset_ms: Some(120_000) }));
    }

    #[test]
    fn the_later_of_two_empty_windows_says_how_long() {
        let told = of(&[
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        assert_eq!(told.empty_reset_ms, Some(360_000));
        let azure =
            of(&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "17")]);
        assert_eq!(azure.empty_reset_ms, None);
    }

    #[test]
    fn an_explicit_zero_and_a_past_date_stay_zero() {
        assert_eq!(of(&[("retry-after", "0")]).retry_after_ms, Some(0));
        let past = ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(of(&[past]).retry_after_ms, Some(0));
        assert_eq!(of(&[("retry-after-ms", "1500")]).retry_after_ms, Some(1_500));
    }

    #[test]
    fn numbers_from_another_world_do_no_harm() {
        let huge = "99999999999999999999999999";
        let told = of(&[
            ("retry-after", huge),
            ("anthropic-ratelimit-unified-5h-status", "rejected"),
            ("anthropic-ratelimit-unified-5h-reset", "9223372036854775807"),
        ]);
        assert_eq!(told.five_hour, Some(Rejected { reset_ms: None }));
    }
}
