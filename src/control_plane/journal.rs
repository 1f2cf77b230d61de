//! Hands what workers recorded to those who want it: one JSON line per exchange on stderr and one
//! structured line per failure (BEHAVIOUR 9), the live tail, metrics, storage. Keeps no record.

use super::plane::Plane;
use super::shape::request::Request;
use super::storage::Row;
use crate::shared::journal::{BreakerState, Entry, KeyState, Record};

/// Empties every worker's queue, and returns once each has seen that this reader sleeps.
pub fn drain(plane: &Plane) {
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    let mut are_keys_changed = false;
    for cell in &plane.shared.workers {
        loop {
            while let Some(entry) = cell.journal.pop() {
                match entry {
                    Entry::Breaker(state) => write_breaker(&state),
                    Entry::Detail(detail) => {
                        if let Some(storage) = &plane.storage {
                            storage.keep_detail(detail, plane.shared.setup.load());
                        }
                    }
                    Entry::Exchange(record) => {
                        hand_out(plane, record, (&mut lines, &mut rows));
                    }
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
    keep(plane, &mut rows);
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

/// One job for many rows: each would wake the storage thread.
fn keep(plane: &Plane, rows: &mut Vec<Row>) {
    if let Some(storage) = &plane.storage
        && !rows.is_empty()
    {
        storage.keep(std::mem::take(rows));
    }
}

fn hand_out(plane: &Plane, record: Record, (lines, rows): (&mut Vec<u8>, &mut Vec<Row>)) {
    if let Some(code) = record.ended.code {
        write_failure(&record, code);
    }
    plane.today.count(&record);
    plane.metrics.observed.exchange(&record);
    let is_logged = tracing::enabled!(tracing::Level::INFO);
    if !is_logged && plane.storage.is_none() && !plane.events.has_tails() {
        return;
    }
    // Written once, for all who want it.
    let start = lines.len();
    Request::of(&record).write(lines);
    let line = lines.get(start..).unwrap_or_default();
    plane.events.send(line);
    if plane.storage.is_some() {
        let shape = String::from_utf8_lossy(line).into();
        rows.push(Row { record: Box::new(record), shape });
        if rows.len() >= ROWS_AT_ONCE {
            keep(plane, rows);
        }
    }
    if is_logged {
        lines.push(b'\n');
    } else {
        lines.truncate(start);
    }
    if lines.len() >= LINES_BYTES_MAX {
        flush(plane, lines);
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

/// A provider that fails again and again needs somebody (BEHAVIOUR 6).
fn write_breaker(state: &BreakerState) {
    let (provider, model) = (state.provider.as_str(), state.model.as_str());
    if let Some(wait_ms) = state.wait_ms {
        tracing::warn!(provider, model, wait_ms, "breaker open");
    } else {
        tracing::info!(provider, model, "breaker closed");
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
/// Rows gather up to so many before they are handed over.
const ROWS_AT_ONCE: usize = 256;
/// A rest that somebody should know of (BEHAVIOUR 3).
const LONG_WAIT_MS: u64 = 24 * 3_600_000;
