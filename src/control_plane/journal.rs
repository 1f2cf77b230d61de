//! Writes what workers recorded: one structured line per failed forward (BEHAVIOUR 9).

use crate::shared::Shared;
use crate::shared::journal::Record;

/// Empties every worker's queue.
pub fn write_all(shared: &Shared) {
    for cell in &shared.workers {
        while let Some(record) = cell.journal.pop() {
            write(&record);
        }
    }
}

fn write(record: &Record) {
    tracing::warn!(
        request_id = &*record.id,
        code = record.code,
        status = record.status,
        method = &*record.method,
        path = &*record.path,
        query = &*record.query,
        model = &*record.model,
        stream = record.streams,
        thinking = record.thinks,
        body_bytes = record.body_bytes,
        anthropic_beta = &*record.beta,
        attempts = record.attempts,
        elapsed_ms = record.elapsed_ms,
        phase = record.phase,
        cause = &*record.cause,
        upstream = &*record.provider,
        "request failed"
    );
}
