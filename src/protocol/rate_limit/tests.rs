//! The cases of BEHAVIOUR 3 and 6 on single heads.

use super::reading::{Reading, Readings};
use super::*;

type Head = [(&'static str, &'static str)];

fn limits(head: &'static Head) -> RateLimits<'static> {
    read(head.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

fn readings(head: &'static Head) -> Readings {
    Readings::of(&limits(head))
}

fn values(head: &'static Head) -> (Option<f64>, Option<f64>) {
    let found = readings(head);
    (found.five_hours.map(|it| it.value), found.seven_days.map(|it| it.value))
}

fn seconds(value: &str) -> Option<u64> {
    RetryAfter::read(value.as_bytes()).map(|wait| wait.us(NOW_MS) / 1_000_000)
}

/// 1994-11-06T08:49:37Z.
const NOW_MS: i64 = 784_111_777_000;

#[test]
fn l01_l07_retry_after_reads_seconds() {
    for (value, expected) in
        [("60", 60), ("120", 120), ("0", 0), ("3600", 3600), ("  60  ", 60), ("1.5", 1)]
    {
        assert_eq!(seconds(value), Some(expected), "{value}");
    }
}

#[test]
fn l02_retry_after_of_garbage_is_none() {
    for value in ["", "invalid", "abc123", "-60", "1e3", "NaN", "60s", "99999999999999999999"] {
        assert_eq!(seconds(value), None, "{value}");
    }
}

#[test]
fn l03_l04_retry_after_reads_dates_from_now_on() {
    assert_eq!(seconds("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120));
    assert_eq!(seconds("Sun, 06 Nov 1994 08:48:37 GMT"), Some(0));
}

#[test]
fn l05_l06_a_cooldown_is_at_most_two_days() {
    for (value, expected) in [
        ("999999", 172_800),
        ("500000", 172_800),
        ("Mon, 14 Nov 1994 16:49:37 GMT", 172_800),
        ("86400", 86_400),
        ("108000", 108_000),
        ("169200", 169_200),
        ("172800", 172_800),
    ] {
        let head = [(&b"Retry-After"[..], value.as_bytes())];
        let found = read(head.into_iter()).cooldown_ms(429, NOW_MS);
        assert_eq!(found, Some(expected * 1000), "{value}");
    }
}

#[test]
fn a12_to_a15_milliseconds_come_first_when_they_are_above_zero() {
    let cases: &[(&'static Head, Option<u64>)] = &[
        (&[], None),
        (&[("retry-after-ms", "2500")], Some(2_500)),
        (&[("retry-after-ms", " 1500 ")], Some(1_500)),
        (&[("retry-after-ms", "0.5")], Some(1)),
        (&[("retry-after-ms", "-100")], None),
        (&[("retry-after", "60")], Some(60_000)),
        (&[("retry-after", "0")], Some(0)),
        (&[("retry-after", "-5")], None),
        (&[("retry-after-ms", "1500"), ("retry-after", "30")], Some(1_500)),
        (&[("retry-after-ms", "invalid"), ("retry-after", "10")], Some(10_000)),
        (&[("retry-after-ms", "0"), ("retry-after", "5")], Some(5_000)),
        (&[("retry-after-ms", "0"), ("retry-after", "0")], Some(0)),
        (&[("retry-after-ms", "0")], None),
    ];
    for (head, expected) in cases {
        assert_eq!(limits(head).cooldown_ms(429, 0), *expected, "{head:?}");
    }
}

#[test]
fn a_cooldown_is_read_from_errors_only() {
    let found = limits(&[("retry-after", "7")]);
    for status in [200, 302, 400, 401, 404] {
        assert_eq!(found.cooldown_ms(status, 0), None, "{status}");
    }
    for status in [408, 409, 429, 500, 502, 503, 504, 529] {
        assert_eq!(found.cooldown_ms(status, 0), Some(7_000), "{status}");
    }
}

#[test]
fn without_retry_after_the_last_blocked_window_says_when() {
    let found = limits(&[
        ("anthropic-ratelimit-unified-5h-status", "allowed"),
        ("anthropic-ratelimit-unified-5h-reset", "9999"),
        ("anthropic-ratelimit-unified-7d-status", "rejected"),
        ("anthropic-ratelimit-unified-7d-reset", "500"),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", "1970-01-01T00:05:00Z"),
    ]);
    assert_eq!(found.cooldown_ms(429, 100_000), Some(400_000));
    assert_eq!(found.cooldown_ms(429, 600_000), None, "the window is free again");
    let go = limits(&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s")]);
    assert_eq!(go.cooldown_ms(429, 5), Some(360_000));
    let bare = limits(&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "9")]);
    assert_eq!(bare.cooldown_ms(429, 0), None, "Azure's unit is unclear");
}

#[test]
fn w08_a_head_without_windows_has_no_reading_to_replace_one() {
    let found = readings(&[("content-type", "application/json"), ("retry-after", "5")]);
    assert_eq!((found.five_hours, found.seven_days), (None, None));
    let only: &Head = &[("anthropic-ratelimit-unified-5h-utilization", "0.3")];
    assert_eq!(values(only), (Some(0.3), None), "an absent window stays as it was");
}

#[test]
fn w10_w11_utilization_reads_or_is_absent() {
    let both: &Head = &[
        ("Anthropic-Ratelimit-Unified-5h-Utilization", "0.42"),
        ("anthropic-ratelimit-unified-7d-utilization", "0.87"),
    ];
    assert_eq!(values(both), (Some(0.42), Some(0.87)));
    assert!(readings(both).has_signal());
    for head in [
        &[("anthropic-ratelimit-unified-weekly-utilization", "garbage")][..],
        &[("anthropic-ratelimit-unified-7d-utilization", "NaN")],
        &[("anthropic-ratelimit-unified-7d-utilization", "inf")],
        &[("anthropic-ratelimit-unified-7d-utilization", "-0.5")],
        &[
            ("anthropic-ratelimit-unified-7d-limit", "0"),
            ("anthropic-ratelimit-unified-7d-remaining", "0"),
        ],
    ] {
        assert!(!readings(head).has_signal(), "{head:?}");
    }
}

#[test]
fn w25_a_missing_value_is_what_is_not_left() {
    let head: &Head = &[
        ("anthropic-ratelimit-unified-5h-limit", "1000"),
        ("anthropic-ratelimit-unified-5h-remaining", "250"),
        ("anthropic-ratelimit-unified-7d-limit", "100000"),
        ("anthropic-ratelimit-unified-7d-remaining", "90000"),
    ];
    let (short, long) = values(head);
    assert_eq!(short, Some(0.75));
    assert!((long.unwrap() - 0.10).abs() < 1e-9);
}

#[test]
fn w26_overage_is_full_and_exhausted() {
    let found = readings(&[("anthropic-ratelimit-unified-5h-utilization", "1.28")]);
    let reading = found.five_hours.unwrap();
    assert!((reading.value - 1.0).abs() < f64::EPSILON && reading.is_exhausted());
    assert!(!Reading { value: 0.998, ..reading }.is_exhausted());
}

#[test]
fn w27_the_new_name_of_the_week_wins() {
    let weekly: &Head = &[("anthropic-ratelimit-unified-weekly-utilization", "0.42")];
    assert_eq!(values(weekly).1, Some(0.42));
    let both: &Head = &[
        ("anthropic-ratelimit-unified-weekly-utilization", "0.42"),
        ("anthropic-ratelimit-unified-7d-utilization", "0.90"),
    ];
    assert_eq!(values(both).1, Some(0.90));
}

#[test]
fn w33_a_reset_is_a_date_or_seconds_or_absent() {
    let reset = |head| readings(head).five_hours.unwrap().reset;
    let value = ("anthropic-ratelimit-unified-5h-utilization", "0.1");
    let name = "anthropic-ratelimit-unified-5h-reset";
    let date: &'static Head = Box::leak(Box::new([value, (name, "2025-11-15T00:56:36Z")]));
    let unix: &'static Head = Box::leak(Box::new([value, (name, "1763168196")]));
    let none: &'static Head = Box::leak(Box::new([value]));
    assert_eq!(reset(date), Some(1_763_168_196));
    assert_eq!(reset(unix), Some(1_763_168_196));
    assert_eq!(reset(none), None);
}

#[test]
fn w24_codex_windows_are_percent_and_have_their_usual_length() {
    let short: &Head =
        &[("x-codex-primary-used-percent", "1"), ("x-codex-primary-window-minutes", "300")];
    assert_eq!(values(short), (Some(0.01), None));
    let over: &Head =
        &[("x-codex-primary-used-percent", "150"), ("x-codex-secondary-used-percent", "25.5")];
    assert_eq!(values(over), (Some(1.0), Some(0.255)));
    let swapped: &Head =
        &[("x-codex-primary-used-percent", "9"), ("x-codex-primary-window-minutes", "10080")];
    assert_eq!(values(swapped), (None, Some(0.09)));
    let other: &Head = &[("x-codex-spark-primary-used-percent", "9")];
    assert_eq!(values(other), (None, None), "a limit of its own is not the plan");
}

#[test]
fn of_repeated_fields_the_first_counts_even_when_it_is_garbage() {
    let found = limits(&[
        ("X-RateLimit-Limit-Requests", "x"),
        ("x-ratelimit-limit-requests", "5"),
        ("retry-after", "soon"),
        ("Retry-After", "5"),
        ("request-id", ""),
        ("x-request-id", "second"),
        ("openai-organization", "o"),
        ("anthropic-organization-id", "a"),
    ]);
    assert_eq!((found.limits[0].limit, found.retry_after), (None, None));
    assert_eq!(found.request_id, Some(&b"second"[..]));
    assert_eq!(found.organization, Some(&b"a"[..]));
}

#[test]
fn a_head_full_of_limits_is_bounded() {
    let names: Vec<String> = (0..1000).map(|n| format!("x-ratelimit-limit-{n}")).collect();
    let found = read(names.iter().map(|name| (name.as_bytes(), &b"1"[..])));
    assert_eq!(found.limits.len(), ENTRIES_MAX);
}

#[test]
fn names_that_share_a_mark_are_told_apart_and_repeated_ones_are_not() {
    // More names than there are marks, each twice: the first value of each counts.
    let names: Vec<String> = (0..30).map(|n| format!("x-ratelimit-limit-name-{n:02}")).collect();
    let upper: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
    let first = names.iter().map(|name| (name.as_bytes(), &b"1"[..]));
    let second = upper.iter().map(|name| (name.as_bytes(), &b"2"[..]));
    let found = read(first.chain(second));
    assert_eq!(found.limits.len(), 30);
    assert!(found.limits.iter().all(|limit| limit.limit == Some(Number::Whole(1))));
}
