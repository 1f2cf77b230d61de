//! What an answer says of limits, kept with the credential that was really sent (BEHAVIOUR 2.4, 6).
//! From every answer, errors included, before any early return. Never judges: it only remembers.

use super::Exchange;
use super::attempt::Call;
use super::authenticate::Credential;
use super::judge::is_judged_error;
use crate::protocol::rate_limit::facts::facts;
use crate::protocol::rate_limit::reading::{Reading as Told, Readings};
use crate::protocol::rate_limit::summary::Summary;
use crate::protocol::rate_limit::{self, Limit, RateLimits, Reset};
use crate::protocol::verdict::LimitFacts;
use crate::shared::credential::model_class::Class;
use crate::shared::credential::utilization::{Reading, Wall, Window, Windows, permille};

impl Exchange<'_> {
    /// Reads the limits of an answer's head, keeps them with `credential`, leaves in `call` what
    /// the record shows of them, and returns what the verdict on an error asks for.
    pub(super) fn note_limits(
        &self,
        credential: Credential<'_>,
        class: Class,
        call: &mut Call,
    ) -> LimitFacts {
        let (head, bytes) = (&call.answered.head, call.answered.buffer.filled());
        let Some(limits) = rate_limit::of_head(&head.fields, bytes) else {
            return LimitFacts::default();
        };
        match credential {
            Credential::Pool(_, key) => {
                keep_windows(key.slot.windows(), &limits, self.began);
                if let Some(word) = key.slot.class_reading(class)
                    && let Some(reading) = quota(&limits, self.began)
                {
                    word.record(reading);
                }
            }
            Credential::Own(field) => {
                if let Some(guest) = self.brought(field) {
                    keep_windows(guest.windows(), &limits, self.began);
                }
            }
        }
        let (summary, status) = (Summary::of(&limits), call.answered.head.status);
        // Of other answers nobody asks.
        let told = is_judged_error(status).then(|| {
            let now_ms = self.client.local.shared.wall.now().0;
            facts(&limits, i64::try_from(now_ms).unwrap_or(i64::MAX))
        });
        call.limits = summary;
        told.unwrap_or_default()
    }
}

fn keep_windows(windows: &Windows, limits: &RateLimits<'_>, observed: Wall) {
    let told = Readings::of(limits);
    for (window, reading) in
        [(Window::FiveHour, told.five_hours), (Window::SevenDay, told.seven_days)]
    {
        // An absent window keeps its old reading (W-08, W-15).
        if let Some(reading) = reading.and_then(|told| of_window(told, observed)) {
            windows.word(window).record(reading);
        }
    }
}

fn of_window(told: Told, observed: Wall) -> Option<Reading> {
    let reset = told.reset.and_then(|seconds| u64::try_from(seconds).ok());
    Some(Reading { observed, reset, value: permille(told.value)? })
}

/// Requests or tokens, whichever is used more.
fn quota(limits: &RateLimits<'_>, observed: Wall) -> Option<Reading> {
    let plain = limits.limits.iter().filter(|limit| !limit.is_priority);
    plain.filter_map(|limit| of_quota(limit, observed)).max_by_key(|reading| reading.value)
}

fn of_quota(limit: &Limit<'_>, observed: Wall) -> Option<Reading> {
    let (all, left) = (limit.limit?.value(), limit.remaining?.value());
    let value = (all > 0.0).then(|| permille(1.0 - (left / all).min(1.0)))??;
    let reset = match limit.reset {
        Some(Reset::Epoch(seconds)) => u64::try_from(seconds).ok(),
        Some(Reset::In(micros)) => Some((observed.0 + micros.div_ceil(1_000)).div_ceil(1_000)),
        // Bare resets never say when (Azure).
        Some(Reset::Bare(_) | Reset::Unreadable) | None => None,
    };
    Some(Reading { observed, reset, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Wall = Wall(1_800_000_000_000);

    fn limits<'a>(fields: &'a [(&'a str, &'a str)]) -> RateLimits<'a> {
        rate_limit::read(fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())))
    }

    #[test]
    fn w15_an_absent_window_keeps_its_old_reading() {
        let windows = Windows::default();
        let both = [
            ("anthropic-ratelimit-unified-5h-utilization", "0.2"),
            ("anthropic-ratelimit-unified-7d-utilization", "0.99"),
        ];
        keep_windows(&windows, &limits(&both), AT);
        let later = Wall(AT.0 + 1_000);
        let one = [("anthropic-ratelimit-unified-5h-utilization", "0.3")];
        keep_windows(&windows, &limits(&one), later);
        let held = windows.utilization(600_000, later);
        assert_eq!((held.five_hour, held.seven_day), (Some(300), Some(990)));
    }

    #[test]
    fn w08_an_answer_without_windows_keeps_both() {
        let windows = Windows::default();
        let both = [
            ("anthropic-ratelimit-unified-5h-utilization", "0.99"),
            ("anthropic-ratelimit-unified-weekly-utilization", "0.99"),
        ];
        keep_windows(&windows, &limits(&both), AT);
        keep_windows(&windows, &limits(&[("retry-after", "3")]), Wall(AT.0 + 1));
        let held = windows.utilization(600_000, Wall(AT.0 + 1));
        assert_eq!((held.five_hour, held.seven_day), (Some(990), Some(990)));
    }

    #[test]
    fn of_requests_and_tokens_the_scarcer_counts() {
        let fields = [
            ("x-ratelimit-limit-requests", "100"),
            ("x-ratelimit-remaining-requests", "90"),
            ("x-ratelimit-limit-tokens", "1000"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1.5s"),
        ];
        let reading = quota(&limits(&fields), AT).unwrap();
        assert_eq!((reading.value, reading.reset), (1_000, Some(1_800_000_002)));
    }

    #[test]
    fn more_left_than_there_is_is_nothing_used() {
        let fields =
            [("x-ratelimit-limit-tokens", "10"), ("x-ratelimit-remaining-tokens", "99999")];
        assert_eq!(quota(&limits(&fields), AT).map(|reading| reading.value), Some(0));
    }
}
