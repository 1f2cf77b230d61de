//! The shapes of CONFIG.md as they go out: in the log, the live tail, the databases and the admin
//! API. Never holds a secret.

pub mod detail;
pub mod key;
pub mod request;

use serde::Serialize;
use utoipa::ToSchema;

use crate::shared::credential::utilization::Wall;

/// An instant in RFC 3339, UTC, to the millisecond at most.
pub fn instant(at: Wall) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or_default().to_string()
}

/// The same of whole seconds; `None` for what no calendar holds.
pub fn instant_of_seconds(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

/// `None` for no text.
pub fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
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
    pub reset: Option<String>,
}
