//! How full the two windows are that the utilization gate looks at (BEHAVIOUR 6).
//! Never remembers: freshness and merging are the credential's.

use super::time::Number;
use super::{CodexWindow, RateLimits, Window};
use crate::protocol::ascii::is_same;

/// The windows as one response tells them; absent ones keep their old reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Readings {
    /// The window of five hours.
    pub five_hours: Option<Reading>,
    /// The window of seven days.
    pub seven_days: Option<Reading>,
}

/// One window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Seconds since 1970 when it begins anew.
    pub reset: Option<i64>,
    /// The share in use, 0 to 1.
    pub value: f64,
}

impl Reading {
    /// Nothing worth trying is left.
    pub fn is_exhausted(&self) -> bool {
        self.value >= EXHAUSTED
    }
}

impl Readings {
    /// The readings of a head: unified windows, else those of Codex.
    pub fn of(limits: &RateLimits<'_>) -> Self {
        let unified = |name: &[u8]| {
            let windows = &limits.unified.as_ref()?.windows;
            let window = windows.iter().find(|window| is_same(window.name, name))?;
            of_window(window)
        };
        Self {
            five_hours: unified(b"5h").or_else(|| of_codex(limits, FIVE_HOURS_MINUTES)),
            // Older answers call it by its old name.
            seven_days: unified(b"7d")
                .or_else(|| unified(b"weekly"))
                .or_else(|| of_codex(limits, SEVEN_DAYS_MINUTES)),
        }
    }

    /// Whether there is any.
    pub const fn has_signal(&self) -> bool {
        self.five_hours.is_some() || self.seven_days.is_some()
    }
}

fn of_window(window: &Window<'_>) -> Option<Reading> {
    let told = window.utilization.map(Number::value);
    let value = told.or_else(|| {
        let (limit, remaining) = (window.limit?.value(), window.remaining?.value());
        (limit > 0.0).then(|| 1.0 - remaining / limit)
    })?;
    Some(Reading { reset: window.reset, value: value.clamp(0.0, 1.0) })
}

/// The window of the plan itself with that length; without a length the first is the short one.
fn of_codex(limits: &RateLimits<'_>, minutes: u64) -> Option<Reading> {
    let is_it = |window: &&CodexWindow<'_>| {
        let default = if window.is_secondary { SEVEN_DAYS_MINUTES } else { FIVE_HOURS_MINUTES };
        is_same(window.name, b"codex")
            && window.window_minutes.and_then(Number::whole).unwrap_or(default) == minutes
    };
    let window = limits.codex.iter().find(is_it)?;
    let value = window.used_percent?.value() / 100.0;
    let reset = window.reset_at.and_then(Number::whole);
    Some(Reading {
        reset: reset.and_then(|epoch| i64::try_from(epoch).ok()),
        value: value.clamp(0.0, 1.0),
    })
}

const EXHAUSTED: f64 = 0.999;
const FIVE_HOURS_MINUTES: u64 = 300;
const SEVEN_DAYS_MINUTES: u64 = 10_080;
