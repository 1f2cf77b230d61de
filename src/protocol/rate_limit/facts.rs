//! Of all that a head says of limits, what a verdict asks for. Never judges.

use super::{RateLimits, Reset, Window};
use crate::protocol::verdict::{LimitFacts, Rejected};

/// The facts of an answer that came at `now_unix_ms`.
pub fn facts(limits: &RateLimits<'_>, now_unix_ms: i64) -> LimitFacts {
    let wait_ms = |unix_s: Option<i64>| Rejected {
        reset_ms: unix_s.and_then(|at| at.checked_mul(1_000)?.checked_sub(now_unix_ms)),
    };
    let unified = limits.unified.as_ref();
    let windows = || unified.into_iter().flat_map(|unified| &unified.windows);
    let rejected = |is_it: &dyn Fn(&[u8]) -> bool| {
        let mut windows = windows().filter(|window| window.is_rejected());
        windows.find(|window| is_it(window.name)).map(|window: &Window<'_>| wait_ms(window.reset))
    };
    let named = |name: &'static [u8]| move |other: &[u8]| other.eq_ignore_ascii_case(name);
    let overage = unified.and_then(|unified| unified.overage.as_ref()).filter(|overage| {
        overage.status.is_some_and(|status| status.eq_ignore_ascii_case(b"rejected"))
    });
    let overage_reset = |reset: super::time::Number| i64::try_from(reset.whole()?).ok();
    LimitFacts {
        empty_reset_ms: empty_reset_ms(limits, now_unix_ms),
        five_hour: rejected(&named(b"5h")),
        overage: overage.map(|overage| wait_ms(overage.reset.and_then(overage_reset))),
        retry_after_ms: limits.wait_us(now_unix_ms).map(|us| us.div_ceil(1_000)),
        seven_day: rejected(&named(b"7d")).or_else(|| rejected(&named(b"weekly"))),
        seven_day_model: rejected(&is_model_window),
        seven_day_overage_included: rejected(&named(OVERAGE_INCLUDED)),
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

/// `7d_opus` and its like: the seven days of one family of models.
fn is_model_window(name: &[u8]) -> bool {
    let is_seven_days = name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"7d_"));
    is_seven_days && !name.eq_ignore_ascii_case(OVERAGE_INCLUDED)
}

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
