//! Limit headers in a place of fixed size, for the record of an exchange. Keeps what CONFIG.md's
//! shape `request` shows; judges nothing.

use super::time::Number;
use super::{Limit, RateLimits, Reset, Unified};
use crate::protocol::json::text::Text;

/// What a head said of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Requests per period.
    pub requests: Option<Quota>,
    /// Tokens per period.
    pub tokens: Option<Quota>,
    /// The windows of a subscription.
    pub unified: Option<UnifiedSummary>,
}

/// One limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quota {
    /// The most there is.
    pub limit: Option<f64>,
    /// What is left.
    pub remaining: Option<f64>,
    /// When it is whole again, in the form it was told.
    pub reset: Option<ResetSeen>,
}

/// When a limit is whole again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResetSeen {
    /// At this instant: seconds since 1970.
    Epoch(i64),
    /// In so many microseconds.
    InMicros(u64),
    /// A bare number, whose unit nobody knows (Azure).
    Unknown(f64),
}

/// The windows of a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UnifiedSummary {
    /// The window of five hours.
    pub five_hour: Option<WindowSeen>,
    /// `fallback-percentage`.
    pub fallback_percentage: Option<f64>,
    /// `overage-status`.
    pub overage_status: Text<24>,
    /// `representative-claim`.
    pub representative_claim: Text<32>,
    /// The window of seven days.
    pub seven_day: Option<WindowSeen>,
    /// `status`: the verdict on the request.
    pub status: Text<24>,
}

/// One window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WindowSeen {
    /// Seconds since 1970.
    pub reset: Option<i64>,
    /// The share that is used; may be above 1.
    pub utilization: Option<f64>,
}

impl Summary {
    /// Of what was read of a head. `None` when it says nothing of limits.
    pub fn of(limits: &RateLimits<'_>) -> Option<Self> {
        let quota = |name: &[u8]| {
            let mut plain = limits.limits.iter().filter(|limit| !limit.is_priority);
            plain.find(|limit| limit.name == name).map(Quota::of)
        };
        let summary = Self {
            requests: quota(b"requests"),
            tokens: quota(b"tokens"),
            unified: limits.unified.as_ref().map(UnifiedSummary::of),
        };
        (summary != Self::default()).then_some(summary)
    }
}

impl Quota {
    fn of(limit: &Limit<'_>) -> Self {
        Self {
            limit: limit.limit.map(Number::value),
            remaining: limit.remaining.map(Number::value),
            reset: limit.reset.and_then(|reset| match reset {
                Reset::Bare(number) => Some(ResetSeen::Unknown(number.value())),
                Reset::Epoch(seconds) => Some(ResetSeen::Epoch(seconds)),
                Reset::In(micros) => Some(ResetSeen::InMicros(micros)),
                Reset::Unreadable => None,
            }),
        }
    }
}

impl UnifiedSummary {
    fn of(unified: &Unified<'_>) -> Self {
        let window = |name: &[u8]| {
            let found = unified.windows.iter().find(|window| window.name == name)?;
            Some(WindowSeen {
                reset: found.reset,
                utilization: found.utilization.map(Number::value),
            })
        };
        Self {
            five_hour: window(b"5h"),
            fallback_percentage: unified.fallback_percentage.map(Number::value),
            overage_status: Text::cut(
                unified.overage.as_ref().and_then(|o| o.status).unwrap_or_default(),
            ),
            representative_claim: Text::cut(unified.representative_claim.unwrap_or_default()),
            // The older name of the same window (BEHAVIOUR 6).
            seven_day: window(b"7d").or_else(|| window(b"weekly")),
            status: Text::cut(unified.status.unwrap_or_default()),
        }
    }
}
