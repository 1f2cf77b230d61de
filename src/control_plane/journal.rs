//! Hands what workers recorded to those who want it: one JSON line per exchange on stderr and one
//! structured line per failure (BEHAVIOUR 9), the live tail, metrics, storage. Keeps no record.

use super::plane::Plane;
use super::shape::request::Request;
use crate::shared::journal::{Entry, KeyState, Record};

/// Empties every worker's queue, and returns once each has seen that this reader sleeps.
pub fn drain(plane: &Plane) {
    let mut lines = Vec::new();
    let mut are_keys_changed = false;
    for cell in &plane.shared.workers {
        loop {
            while let Some(entry) = cell.journal.pop() {
                match entry {
                    Entry::Detail(detail) => {
                        if let Some(storage) = &plane.storage {
                            storage.keep_detail(detail, plane.shared.setup.load());
                        }
                    }
                    Entry::Exchange(record) => hand_out(plane, &record, &mut lines),
                    Entry::KeyState(state) => {
                        are_keys_changed = true;
                        plane.metrics.observed.key_state(&state);
                        write_key_state(&state);
                    }
                }
            }
            if cell.journal.fall_asleep() {
                break;
            }
        }
    }
    flush(plane, &mut lines);
    if are_keys_changed {
        plane.keep_states();
    }
}

/// One write for many lines.
fn flush(plane: &Plane, lines: &mut Vec<u8>) {
    if !lines.is_empty() {
        plane.log.put(lines);
        lines.clear();
    }
}

fn hand_out(plane: &Plane, record: &Record, lines: &mut Vec<u8>) {
    if let Some(code) = record.ended.code {
        write_failure(record, code);
    }
    plane.today.count(record);
    plane.metrics.observed.exchange(record);
    if let Some(storage) = &plane.storage {
        storage.keep(record);
    }
    let is_logged = tracing::enabled!(tracing::Level::INFO);
    if is_logged || plane.events.has_tails() {
        let line = Request::of(record).line();
        plane.events.send(&line);
        if is_logged {
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
            if lines.len() >= LINES_BYTES_MAX {
                flush(plane, lines);
            }
        }
    }
}

/// A key that failed authentication needs somebody; one that is limited comes back by itself
/// (BEHAVIOUR 9).
fn write_key_state(state: &KeyState) {
    let KeyState { class, key, is_auth_failed, provider, reason, wait_ms } = state;
    let (provider, key, class) = (provider.as_str(), key.as_str(), class.as_str());
    if *is_auth_failed {
        tracing::warn!(provider, key, class, reason, recheck_ms = wait_ms, "key failed");
        return;
    }
    tracing::info!(provider, key, class, reason, wait_ms, "key cooling");
    if wait_ms.is_some_and(|wait_ms| wait_ms > LONG_WAIT_MS) {
        tracing::warn!(provider, key, class, wait_ms, "key cooling for more than a day");
    }
}

fn write_failure(Record { asked, ended, .. }: &Record, code: &str) {
    tracing::warn!(
        request_id = asked.id.as_str(),
        code,
        status = ended.status,
        method = asked.method.as_str(),
        path = asked.path.as_str(),
        query = asked.query.as_str(),
        model = asked.model.as_str(),
        stream = asked.streams,
        thinking = asked.thinks,
        body_bytes = asked.body_bytes,
        anthropic_beta = asked.beta.as_str(),
        attempts = ended.attempts,
        cap_value = ended.cap,
        caller = asked.caller.as_str(),
        elapsed_ms = ended.duration_ms,
        phase = ended.phase,
        cause = ended.cause.as_str(),
        upstream = ended.provider.as_str(),
        "request failed"
    );
}

/// Lines gather up to so many bytes before they are written.
const LINES_BYTES_MAX: usize = 64 * 1024;
/// A rest that somebody should know of (BEHAVIOUR 3).
const LONG_WAIT_MS: u64 = 24 * 3_600_000;
