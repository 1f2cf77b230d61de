//! Hands what workers recorded to those who want it: one JSON line per exchange on stderr and one
//! structured line per failure (BEHAVIOUR 9), the live tail, metrics, storage. Keeps no record.

use super::plane::Plane;
use super::shape::request::Request;
use super::storage::pages::{PAGE_ROWS, Rows};
use crate::shared::journal::{BreakerState, Entry, KeyState, Record};

/// Empties every worker's queue, and returns once each has seen that this reader sleeps.
pub fn drain(plane: &Plane) {
    let mut rows = Rows::default();
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
                        hand_out(plane, &record, &mut rows);
                        cell.journal.give_back(record);
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
    flush(plane, &mut rows);
    if are_keys_changed {
        plane.keep_states();
    }
}

/// One write for many lines, and one job for many rows: each would wake the threads behind.
fn flush(plane: &Plane, rows: &mut Rows) {
    if rows.lines.is_empty() {
        return;
    }
    if tracing::enabled!(tracing::Level::INFO) {
        plane.log.put(&rows.lines);
    }
    match &plane.storage {
        Some(storage) => storage.keep(std::mem::take(rows)),
        None => rows.clear(),
    }
}

fn hand_out(plane: &Plane, record: &Record, rows: &mut Rows) {
    if let Some(code) = record.ended.code {
        write_failure(record, code);
    }
    plane.today.count(record);
    plane.metrics.observed.exchange(record);
    plane.quotas.note(record);
    let is_logged = tracing::enabled!(tracing::Level::INFO);
    if !is_logged && plane.storage.is_none() && !plane.events.has_tails() {
        return;
    }
    // Written once, for all who want it.
    let start = rows.lines.len();
    Request::of(record).write(&mut rows.lines);
    plane.events.send(rows.lines.get(start..).unwrap_or_default());
    rows.lines.push(b'\n');
    if plane.storage.is_some() {
        rows.push(record);
    }
    if rows.len() >= ROWS_AT_ONCE || rows.lines.len() >= LINES_BYTES_MAX {
        flush(plane, rows);
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

fn write_failure(Record { asked, ended, texts, .. }: &Record, code: &str) {
    tracing::warn!(
        request_id = texts.of(asked.id),
        code,
        status = ended.status,
        method = texts.of(asked.method),
        path = texts.of(asked.path),
        query = texts.of(asked.query),
        model = texts.of(asked.model),
        stream = asked.streams,
        thinking = asked.thinks,
        body_bytes = asked.body_bytes,
        anthropic_beta = texts.of(asked.beta),
        attempts = ended.attempts,
        cap_value = ended.cap,
        caller = texts.of(asked.caller),
        elapsed_ms = ended.duration_ms,
        phase = ended.phase,
        cause = texts.of(ended.cause),
        upstream = texts.of(ended.provider),
        "request failed"
    );
}

/// Lines gather up to so many bytes before they are handed over.
const LINES_BYTES_MAX: usize = 512 * 1024;
/// Exchanges gather up to so many before they are handed over.
const ROWS_AT_ONCE: usize = PAGE_ROWS;
/// A rest that somebody should know of (BEHAVIOUR 3).
const LONG_WAIT_MS: u64 = 24 * 3_600_000;
