//! `anthropic-ratelimit-*`, `anthropic-priority-*` and the unified windows (PROTOCOL 1.3, 4).
//! Never decides what a rejected window means.

use crate::protocol::ascii::is_same;
use crate::protocol::rate_limit::field::{Kind, after, before};
use crate::protocol::rate_limit::time::{Number, rfc3339};
use crate::protocol::rate_limit::{Overage, RateLimits, Unified, Window, entry};

/// Notes the field `anthropic-ratelimit-` plus `name`, if it is about limits.
pub fn note<'a>(found: &mut RateLimits<'a>, name: &'a [u8], value: &'a [u8]) {
    match after(name, b"unified-") {
        None => note_limit(found, name, false, value),
        Some(b"") => {}
        Some(unified) => note_unified(found.unified.get_or_insert_default(), unified, value),
    }
}

/// Notes a number of the limit that `name` begins with.
pub fn note_limit<'a>(found: &mut RateLimits<'a>, name: &'a [u8], is_priority: bool, value: &[u8]) {
    if let Some((name, kind)) = Kind::at_end(name) {
        found.note_limit(name, is_priority, (kind, value));
    }
}

fn note_unified<'a>(unified: &mut Unified<'a>, name: &'a [u8], value: &'a [u8]) {
    if let Some(rest) = after(name, b"overage-") {
        return note_overage(unified.overage.get_or_insert_default(), rest, value);
    }
    let is = |known: &[u8]| is_same(name, known);
    match name.len() {
        5 if is(b"reset") => unified.reset = epoch(value),
        6 if is(b"status") => unified.status = Some(value),
        8 if is(b"fallback") => unified.fallback = Some(value),
        13 if is(b"upgrade-paths") => unified.upgrade_paths = Some(value),
        19 if is(b"fallback-percentage") => unified.fallback_percentage = Number::read(value),
        20 if is(b"representative-claim") => unified.representative_claim = Some(value),
        _ => note_window(unified, name, value),
    }
}

fn note_window<'a>(unified: &mut Unified<'a>, name: &'a [u8], value: &'a [u8]) {
    let Some((part, name)) = Part::at_end(name) else { return };
    if after(name, b"overage").is_some() {
        return;
    }
    let is_it = |window: &Window<'_>| is_same(window.name, name);
    let new = || Window { name, ..Window::default() };
    let Some(window) = entry(&mut unified.windows, is_it, new) else { return };
    note_part(window, part, value);
}

/// Notes what a field tells of a window.
pub fn note_part<'a>(window: &mut Window<'a>, part: Part, value: &'a [u8]) {
    match part {
        Part::Limit => window.limit = Number::read(value),
        Part::Remaining => window.remaining = Number::read(value),
        Part::Reset => {
            window.reset = epoch(value).and_then(|epoch| i64::try_from(epoch.times(1)).ok());
        }
        Part::Status => window.status = Some(value),
        Part::SurpassedThreshold => window.surpassed_threshold = Number::read(value),
        Part::Utilization => window.utilization = Number::read(value),
    }
}

/// What a field tells of a window.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// `limit`.
    Limit,
    /// `remaining`.
    Remaining,
    /// `reset`.
    Reset,
    /// `status`.
    Status,
    /// `surpassed-threshold`.
    SurpassedThreshold,
    /// `utilization`.
    Utilization,
}

impl Part {
    /// The words that `name` ends in, and what comes before, which is not nothing.
    fn at_end(name: &[u8]) -> Option<(Self, &[u8])> {
        // No two of them end alike, but for two.
        match name.last().map(|last| last | 0x20) {
            Some(b'd') => Some((Self::SurpassedThreshold, before(name, b"-surpassed-threshold")?)),
            Some(b'g') => Some((Self::Remaining, before(name, b"-remaining")?)),
            Some(b'n') => Some((Self::Utilization, before(name, b"-utilization")?)),
            Some(b's') => Some((Self::Status, before(name, b"-status")?)),
            Some(b't') => match before(name, b"-reset") {
                Some(window) => Some((Self::Reset, window)),
                None => Some((Self::Limit, before(name, b"-limit")?)),
            },
            _ => None,
        }
    }
}

fn note_overage<'a>(overage: &mut Overage<'a>, name: &[u8], value: &'a [u8]) {
    let is = |known: &[u8]| is_same(name, known);
    if is(b"status") {
        overage.status = Some(value);
    } else if is(b"reset") {
        overage.reset = Number::read(value);
    } else if is(b"utilization") {
        overage.utilization = Number::read(value);
    } else if is(b"surpassed-threshold") {
        overage.surpassed_threshold = Number::read(value);
    } else if is(b"in-use") {
        overage.in_use = Some(value);
    } else if is(b"disabled-reason") {
        overage.disabled_reason = Some(value);
    } else if is(b"period") {
        overage.period = Some(value);
    }
}

/// Seconds since 1970, written as such or as a date.
pub fn epoch(value: &[u8]) -> Option<Number> {
    let date = || u64::try_from(rfc3339(value)?).ok().map(Number::Whole);
    Number::read(value).or_else(date)
}
