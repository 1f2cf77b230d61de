//! The shapes of CONFIG.md as they go out: in the log, the live tail, the databases and the admin
//! API. Never holds a secret.

pub mod breaker;
pub mod detail;
pub mod header_rule;
pub mod key;
mod line;
pub mod request;

use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::shared::credential::utilization::Wall;

/// An instant in RFC 3339, UTC, to the millisecond at most.
pub fn instant(at: Wall) -> String {
    Instant::of(at).to_string()
}

/// The same of whole seconds; `None` for what no calendar holds.
pub fn instant_of_seconds(seconds: i64) -> Option<String> {
    Instant::of_seconds(seconds).map(|instant| instant.to_string())
}

/// An instant that is written in RFC 3339, UTC, to the millisecond at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instant(jiff::Timestamp);

impl Instant {
    /// Of the clock on the wall.
    pub fn of(at: Wall) -> Self {
        let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
        Self(jiff::Timestamp::from_millisecond(millis).unwrap_or_default())
    }

    /// Of whole seconds; `None` for what no calendar holds.
    pub fn of_seconds(seconds: i64) -> Option<Self> {
        jiff::Timestamp::from_second(seconds).ok().map(Self)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A hash in 16 hex digits.
#[derive(Clone, Copy, Debug)]
pub struct Hash(pub u64);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `None` for no text.
pub fn told(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// `None` for no text.
pub fn text(text: &str) -> Option<String> {
    told(text).map(str::to_owned)
}

/// What is left of a limit.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Quota {
    /// The most there is.
    #[serde(serialize_with = "plainly")]
    pub limit: Option<f64>,
    /// What is left.
    #[serde(serialize_with = "plainly")]
    pub remaining: Option<f64>,
    /// When it is whole again: an instant, a wait such as `6000000us`, or a bare number whose unit
    /// the provider does not tell.
    #[schema(value_type = Option<String>)]
    pub reset: Option<Reset>,
}

/// A whole number without a point: not every reader takes `4000.0` for a count.
#[expect(clippy::ref_option, reason = "what serde calls it with")]
fn plainly<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match *number {
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is whole, and in the range in which a float is exact"
        )]
        Some(whole) if (0.0..WHOLE_MAX).contains(&whole) && whole.fract() == 0.0 => {
            serializer.serialize_u64(whole as u64)
        }
        Some(other) => serializer.serialize_f64(other),
        None => serializer.serialize_none(),
    }
}

/// Two to the power of 53.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// When a limit is whole again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reset {
    At(Instant),
    Bare(f64),
    InMicros(u64),
}

impl Serialize for Reset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(instant) => serializer.collect_str(instant),
            Self::Bare(number) => serializer.collect_str(number),
            Self::InMicros(micros) => serializer.collect_str(&format_args!("{micros}us")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_written_without_a_point_and_others_as_they_are() {
        for (number, written) in [
            (Some(0.0), "0"),
            (Some(4_000.0), "4000"),
            (Some(1.5), "1.5"),
            (Some(-1.0), "-1.0"),
            (Some(WHOLE_MAX), "9007199254740992.0"),
            (Some(f64::NAN), "null"),
            (None, "null"),
        ] {
            let quota = Quota { limit: number, remaining: None, reset: None };
            let expected = format!("{{\"limit\":{written},\"remaining\":null,\"reset\":null}}");
            assert_eq!(serde_json::to_string(&quota).ok(), Some(expected));
        }
    }
}
