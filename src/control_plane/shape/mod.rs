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
    pub limit: Option<f64>,
    /// What is left.
    pub remaining: Option<f64>,
    /// When it is whole again: an instant, a wait such as `6000000us`, or a bare number whose unit
    /// the provider does not tell.
    #[schema(value_type = Option<String>)]
    pub reset: Option<Reset>,
}

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
