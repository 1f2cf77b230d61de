//! The windows of Codex (PROTOCOL 3.2) and the draft header of the IETF (PROTOCOL 2.5); plain
//! `x-ratelimit-*` need no more than their names. Never decides what a full window means.

use crate::protocol::rate_limit::field::before;
use crate::protocol::rate_limit::time::Number;
use crate::protocol::rate_limit::{CodexWindow, Ietf, RateLimits, entry};

/// Notes the field `x-` plus `name`, which begins with `codex-`, if it is about a window.
pub fn note_codex<'a>(found: &mut RateLimits<'a>, name: &'a [u8], value: &[u8]) {
    let parts: [&[u8]; 3] = [b"-used-percent", b"-window-minutes", b"-reset-at"];
    let part = parts.iter().enumerate().find_map(|(i, part)| Some((i, before(name, part)?)));
    let Some((part, rest)) = part else { return };
    let (limit, is_secondary) = match (before(rest, b"-primary"), before(rest, b"-secondary")) {
        (Some(limit), _) => (limit, false),
        (None, Some(limit)) => (limit, true),
        (None, None) => return,
    };
    if !is_limit_name(limit) {
        return;
    }
    let is_same = |window: &CodexWindow<'_>| {
        window.is_secondary == is_secondary && window.name.eq_ignore_ascii_case(limit)
    };
    let new = || CodexWindow { is_secondary, name: limit, ..CodexWindow::default() };
    let Some(window) = entry(&mut found.codex, is_same, new) else { return };
    match part {
        0 => window.used_percent = Number::read(value),
        1 => window.window_minutes = Number::read(value),
        _ => window.reset_at = Number::read(value),
    }
}

/// Reads `"name";r=remaining;t=seconds`. Of repeated parameters the last counts.
pub fn ietf(value: &[u8]) -> Ietf<'_> {
    let mut parts = value.split(|&byte| byte == b';');
    let first = parts.next().unwrap_or_default();
    let mut found = Ietf::default();
    let name = first.strip_prefix(b"\"").unwrap_or(first);
    let name = name.strip_suffix(b"\"").unwrap_or(name);
    let has_more = first.len() < value.len();
    found.policy = Some(name).filter(|name| has_more && !name.is_empty() && !name.contains(&b'"'));
    for part in parts {
        match part {
            [b'r', b'=', number @ ..] => found.remaining = Number::read(number),
            [b't', b'=', number @ ..] => found.reset_s = Number::read(number),
            _ => {}
        }
    }
    found
}

/// `codex`, and words of letters and digits after dashes.
fn is_limit_name(name: &[u8]) -> bool {
    let mut words = name.split(|&byte| byte == b'-');
    let is_word = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_alphanumeric);
    words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"codex")) && words.all(is_word)
}
