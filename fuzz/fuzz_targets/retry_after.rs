//! A wait is read, bounded or absent; whole seconds as a plain reading has it. Input: now, value.
#![no_main]
use tidegate::protocol::rate_limit::{RetryAfter, time};
libfuzzer_sys::fuzz_target!(|input: (i64, &str)| {
    let (now, value) = input;
    let found = RetryAfter::read(value.as_bytes());
    let us = found.map(|wait| wait.us(now));
    let text = value.trim_matches([' ', '\t']);
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        assert_eq!(us, text.parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1_000_000)));
    }
    assert!(!text.starts_with(['-', '+']) || found.is_none());
    let _ = (time::go_duration(value.as_bytes()), time::rfc3339(value.as_bytes()));
});
