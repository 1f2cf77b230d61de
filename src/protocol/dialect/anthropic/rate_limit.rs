//! `anthropic-ratelimit-*`, `anthropic-priority-*` and the unified windows (PROTOCOL 1.3, 4).
//! Never decides what a rejected window means.

use crate::protocol::rate_limit::field::{Kind, after, before};
use crate::protocol::rate_limit::time::{Number, rfc3339};
use crate::protocol::rate_limit::{Overage, RateLimits, Unified, Window, entry};

/// Notes the field `anthropic-` plus `name`, if it is about limits.
pub fn note<'a>(found: &mut RateLimits<'a>, name: &'a [u8], value: &'a [u8]) {
    if let Some(unified) = after(name, b"ratelimit-unified-") {
        if !unified.is_empty() {
            note_unified(found.unified.get_or_insert_default(), unified, value);
        }
        return;
    }
    let tiers = [(&b"ratelimit-"[..], false), (b"priority-", true)];
    for (prefix, is_priority) in tiers {
        let Some(rest) = after(name, prefix) else { continue };
        let Some(dash) = rest.iter().rposition(|&byte| byte == b'-') else { return };
        let (name, kind) = rest.split_at_checked(dash).unwrap_or_default();
        if let Some(kind) = Kind::of(kind.get(1..).unwrap_or_default())
            && !name.is_empty()
        {
            found.note_limit((name, is_priority), kind, value);
        }
    }
}

fn note_unified<'a>(unified: &mut Unified<'a>, name: &'a [u8], value: &'a [u8]) {
    if let Some(rest) = after(name, b"overage-") {
        return note_overage(unified.overage.get_or_insert_default(), rest, value);
    }
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
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
    let parts: [&[u8]; 6] =
        [b"-status", b"-reset", b"-utilization", b"-surpassed-threshold", b"-limit", b"-remaining"];
    let found = parts.iter().enumerate().find_map(|(i, part)| Some((i, before(name, part)?)));
    let Some((part, name)) = found else { return };
    if after(name, b"overage").is_some() {
        return;
    }
    let is_same = |window: &Window<'_>| window.name.eq_ignore_ascii_case(name);
    let Some(window) = entry(&mut unified.windows, is_same, Window { name, ..Window::default() })
    else {
        return;
    };
    match part {
        0 => window.status = Some(value),
        1 => window.reset = epoch(value).and_then(|epoch| i64::try_from(epoch.times(1)).ok()),
        2 => window.utilization = Number::read(value),
        3 => window.surpassed_threshold = Number::read(value),
        4 => window.limit = Number::read(value),
        _ => window.remaining = Number::read(value),
    }
}

fn note_overage<'a>(overage: &mut Overage<'a>, name: &[u8], value: &'a [u8]) {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
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
