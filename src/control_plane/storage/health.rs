//! How the two databases are: what failed, how often, and what was lost by it. A failure is told
//! once, not with every batch; it ends when what failed is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;

use super::database::{LOGS, STATE};
use crate::shared::clock::Millis;

/// How the databases are.
#[derive(Debug, Default)]
pub struct Health {
    /// Bytes of details in the queue.
    pub(super) detail_bytes: AtomicUsize,
    /// Details that found no place in the queue, or could not be written.
    pub(super) details_dropped: AtomicU64,
    /// Batches that could not be written.
    errors: AtomicU64,
    logs: Condition,
    /// Rows that found no place in the queue, or were in such a batch.
    pub(super) rows_dropped: AtomicU64,
    /// Rows in the queue.
    pub(super) rows_waiting: AtomicUsize,
    state: Condition,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Database {
    Logs,
    State,
}

/// How one of them is.
#[derive(Debug, Default)]
struct Condition {
    /// Why nothing can be written; nothing when it can.
    failing: ArcSwapOption<String>,
    /// When that was told last, ms; 0 = never.
    told_ms: AtomicU64,
}

impl Health {
    /// Details that were lost.
    pub fn details_dropped(&self) -> u64 {
        self.details_dropped.load(Ordering::Relaxed)
    }

    /// Batches that could not be written.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Rows that were lost.
    pub fn rows_dropped(&self) -> u64 {
        self.rows_dropped.load(Ordering::Relaxed)
    }

    /// Why one of them, or both, cannot be written to now.
    pub fn failing(&self) -> Option<Arc<String>> {
        let (state, logs) = (self.state.failing.load_full(), self.logs.failing.load_full());
        match (state, logs) {
            (Some(state), Some(logs)) if state != logs => {
                Some(Arc::new(format!("{state}; {logs}")))
            }
            (state, logs) => state.or(logs),
        }
    }

    /// Whether this one cannot be written to.
    pub(super) fn is_failing(&self, database: Database) -> bool {
        self.of(database).failing.load().is_some()
    }

    /// Told when it begins, and no more than once in a while when it comes and goes.
    pub(super) fn failed(&self, database: Database, error: &rusqlite::Error) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let condition = self.of(database);
        let error = Arc::new(format!("{}: {}", database.name(), words(error)));
        let was_well = condition.failing.swap(Some(error.clone())).is_none();
        let now = Millis::now();
        let told = Millis(condition.told_ms.load(Ordering::Relaxed));
        if was_well && (told.0 == 0 || now.since(told) >= TOLD_AGAIN_MS) {
            condition.told_ms.store(now.0, Ordering::Relaxed);
            tracing::error!(%error, "storage fails: requests are served, and not kept");
        }
    }

    /// What failed was written.
    pub(super) fn is_well(&self, database: Database) {
        let failing = &self.of(database).failing;
        if failing.load().is_some() && failing.swap(None).is_some() {
            let (database, rows_dropped) = (database.name(), self.rows_dropped());
            // As loud as need be for who was told that it fails.
            tracing::warn!(database, rows_dropped, "storage works again");
        }
    }

    const fn of(&self, database: Database) -> &Condition {
        match database {
            Database::Logs => &self.logs,
            Database::State => &self.state,
        }
    }
}

impl Database {
    /// Its file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Logs => LOGS,
            Self::State => STATE,
        }
    }
}

/// The database's words with its code, which tells a full disk from a broken one.
fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(code, _) => {
            format!("{error} (SQLite code {})", code.extended_code)
        }
        _ => error.to_string(),
    }
}

/// A failure that comes and goes is told so often at most.
const TOLD_AGAIN_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_database_that_works_does_not_hide_that_the_other_fails() {
        let health = Health::default();
        let error = rusqlite::Error::InvalidQuery;
        health.failed(Database::Logs, &error);
        health.is_well(Database::State);
        let why = health.failing().expect("it fails");
        assert!(why.starts_with("logs.db: "), "{why}");
        health.failed(Database::State, &error);
        let why = health.failing().expect("both fail");
        assert!(why.contains("state.db: ") && why.contains("logs.db: "), "{why}");
        health.is_well(Database::Logs);
        health.is_well(Database::State);
        assert_eq!((health.failing(), health.errors()), (None, 2));
    }
}
