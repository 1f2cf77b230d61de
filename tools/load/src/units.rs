//! Between integers, floats and text: the few conversions that reports need.
//!
//! Never loses more than a float's precision: 9 * 10^15 is far above any count here.

use std::time::Duration;

/// A count as a float.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "there is no From, and counts stay below 2^53"
)]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// A float as a count: negative and NaN are 0, too large is the maximum.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
pub fn count(number: f64) -> u64 {
    number as u64
}

/// Nanoseconds as milliseconds.
pub fn ms(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e6
}

/// A duration in nanoseconds.
pub fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// `1 234 567` for people.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `50ms`, `1m 30s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; such as 50ms, 10s or 2m"))
}

/// `512`, `100KB`, `1MiB`; at most 1 GiB.
pub fn size(text: &str) -> Result<usize, String> {
    let size: bytesize::ByteSize =
        text.parse().map_err(|_| format!("`{text}` is not a size such as 512, 100KB or 1MiB"))?;
    let bytes = usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
    if bytes <= 1 << 30 { Ok(bytes) } else { Err(format!("`{text}` is more than 1 GiB")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_three() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn floats_become_counts_without_wrapping() {
        assert_eq!((count(-1.0), count(f64::NAN), count(2.9)), (0, 0, 2));
        assert_eq!(count(1e30), u64::MAX);
    }

    #[test]
    fn sizes_have_a_limit() {
        assert_eq!(size("100KB"), Ok(100_000));
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert!(size("2GiB").is_err() && size("x").is_err());
    }
}
