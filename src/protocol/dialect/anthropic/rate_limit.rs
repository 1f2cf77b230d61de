//! `anthropic-ratelimit-*`, `anthropic-priority-*` and the unified windows (PROTOCOL 1.3, 4).
//! Never decides what a rejected window means.

use crate::protocol::ascii::is_same;
use crate::protocol::rate_limit::field::{Kind, after, before};
use crate::protocol::rate_limit::time::{Number, rfc3339};
use crate::protocol::rate_limit::{Overage, RateLimits, Unified, Window, entry};

/// Notes the field `anthropic-` plus `name`, if it is about limits.
pub fn note<'a>(found: &mut RateLimits<'a>, name: &'a [u8], value: &'a [u8]) {
    let (rest, is_priority) = match after(name, b"ratelimit-") {
        Some(rest) => (rest, false),
        None => match after(name, b"priority-") {
            Some(rest) => (rest, true),
            None => return,
        },
    };
    if !is_priority && let Some(unified) = after(rest, b"unified-") {
        if !unified.is_empty() {
            note_unified(found.unified.get_or_insert_default(), unified, value);
        }
        return;
    }
    let Some(dash) = rest.iter().rposition(|&byte| byte == b'-') else { return };
    let (name, kind) = rest.split_at_checked(dash).unwrap_or_default();
    if let Some(kind) = Kind::of(kind.get(1..).unwrap_or_default())
        && !name.is_empty()
    {
        found.note_limit((name, is_priority), kind, value);
    }
}

fn note_unified<'a>(unified: &mut Unified<'a>, name: &'a [u8], value: &'a [u8]) {
    if let Some(rest) = after(name, b"overage-") {
        return note_overage(unified.overage.get_or_insert_default(), rest, value);
    }
    let is = |known: &[u8]| is_same(name, known);
    if is(b"status") {
        unified.status = Some(value);
    } else if is(b"reset") {
        unified.reset = epoch(value);
    } else if is(b"representative-claim") {
        unified.representative_claim = Some(value);
    } else if is(b"fallback") {
        unified.fallback = Some(value);
    } else if is(b"fallback-percentage") {
        unified.fallback_percentage = Number::read(value);
    } else if is(b"upgrade-paths") {
        unified.upgrade_paths = Some(value);
    } else {
        note_window(unified, name, value);
    }
}

fn note_window<'a>(unified: &mut Unified<'a>, name: &'a [u8], value: &'a [u8]) {
    // No two of them end alike, but for two.
    let parts: &[&[u8]] = match name.last().map(u8::to_ascii_lowercase) {
        Some(b'd') => &[b"-surpassed-threshold"],
        Some(b'g') => &[b"-remaining"],
        Some(b'n') => &[b"-utilization"],
        Some(b's') => &[b"-status"],
        Some(b't') => &[b"-reset", b"-limit"],
        _ => return,
    };
    let found = parts.iter().find_map(|part| Some((*part, before(name, part)?)));
    let Some((part, name)) = found else { return };
    if after(name, b"overage").is_some() {
        return;
    }
    let is_it = |window: &Window<'_>| is_same(window.name, name);
    let Some(window) = entry(&mut unified.windows, is_it, Window { name, ..Window::default() })
    else {
        return;
    };
    match part {
        b"-limit" => window.limit = Number::read(value),
        b"-remaining" => window.remaining = Number::read(value),
        b"-reset" => {
            window.reset = epoch(value).and_then(|epoch| i64::try_from(epoch.times(1)).ok());
        }
        b"-status" => window.status = Some(value),
        b"-surpassed-threshold" => window.surpassed_threshold = Number::read(value),
        _ => window.utilization = Number::read(value),
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
fn epoch(value: &[u8]) -> Option<Number> {
    let date = || u64::try_from(rfc3339(value)?).ok().map(Number::Whole);
    Number::read(value).or_else(date)
}
