//! The two databases: how each is opened, and its tables. Never touches a row.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

/// The states of keys: each change is on the disk before it is answered.
pub(super) fn open_state(directory: &Path) -> rusqlite::Result<Connection> {
    open(&directory.join(STATE), ("FULL", SMALL_PAGES), STATE_TABLES)
}

/// The exchanges: a crash of the machine may cost the last of them, one of the process none that
/// was written.
pub(super) fn open_logs(directory: &Path) -> rusqlite::Result<Connection> {
    open(&directory.join(LOGS), ("NORMAL", LARGE_PAGES), LOGS_TABLES)
}

/// A connection that cannot write.
pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Whether a database that is there can be written to, now.
pub(super) fn check(path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")
}

fn open(
    path: &Path,
    (synchronous, page_bytes): (&str, u32),
    tables: &[&str],
) -> rusqlite::Result<Connection> {
    // Made by us, so that nobody else can read it; SQLite gives its side files the same mode.
    let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    made.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // Says nothing to a file that has pages.
    connection.pragma_update(None, "page_size", page_bytes)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    // Only when asked to: a write that waits for it would be late, and where it fails, as on a full
    // disk, the write would be told to have failed though it is kept.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // So that the log's length tells how much is in it.
    connection.pragma_update(None, "journal_size_limit", 0)?;
    let steps = tables.iter().map(|step| M::up(step)).collect();
    let migrated = Migrations::new(steps).to_latest(&mut connection);
    migrated.map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => err,
        other => rusqlite::Error::ToSqlConversionFailure(Box::new(other)),
    })?;
    Ok(connection)
}

/// Another process's lock is waited for so long, by the storage thread alone.
const BUSY: Duration = Duration::from_millis(250);
/// What is put down at a time is a quarter of a megabyte.
const LARGE_PAGES: u32 = 16 * 1024;
/// What `SQLite` takes by itself.
const SMALL_PAGES: u32 = 4 * 1024;
/// The exchanges' file.
pub(super) const LOGS: &str = "logs.db";
/// The states' file.
pub(super) const STATE: &str = "state.db";

/// One entry per version of the schema; never changed, only added to.
const STATE_TABLES: &[&str] = &[
    "
    CREATE TABLE marks (
        provider TEXT NOT NULL, name TEXT NOT NULL, class TEXT NOT NULL,
        value_hash INTEGER NOT NULL, auth_failed INTEGER NOT NULL,
        until_ms INTEGER, reason TEXT NOT NULL, streak INTEGER NOT NULL,
        PRIMARY KEY (provider, name, class)
    ) WITHOUT ROWID;
    CREATE TABLE keys (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        provider TEXT NOT NULL, name TEXT NOT NULL,
        sealed BLOB, max_concurrent INTEGER, file_max_concurrent INTEGER,
        enabled INTEGER NOT NULL, reserved_for TEXT NOT NULL, updated_ms INTEGER NOT NULL,
        UNIQUE (provider, name)
    );
",
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",
];

/// As [`STATE_TABLES`].
const LOGS_TABLES: &[&str] = &[
    "
    CREATE TABLE requests (
        seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, id TEXT NOT NULL,
        model TEXT NOT NULL, status INTEGER NOT NULL, key TEXT NOT NULL, caller TEXT NOT NULL,
        conversation TEXT NOT NULL, shape TEXT NOT NULL
    );
    CREATE INDEX requests_at ON requests (at_ms);
    CREATE INDEX requests_id ON requests (id);
    CREATE INDEX requests_model ON requests (model, at_ms);
    CREATE INDEX requests_status ON requests (status, at_ms);
    CREATE INDEX requests_key ON requests (key, at_ms);
    CREATE INDEX requests_caller ON requests (caller, at_ms);
    CREATE INDEX requests_conversation ON requests (conversation, at_ms);
    CREATE TABLE sums (
        step_s INTEGER NOT NULL, start_s INTEGER NOT NULL,
        provider TEXT NOT NULL, key TEXT NOT NULL, caller TEXT NOT NULL, model TEXT NOT NULL,
        requests INTEGER NOT NULL, input INTEGER NOT NULL, cache_read INTEGER NOT NULL,
        cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
        output INTEGER NOT NULL, reasoning INTEGER NOT NULL, estimated INTEGER NOT NULL,
        duration_ms INTEGER NOT NULL,
        PRIMARY KEY (step_s, start_s, provider, key, caller, model)
    ) WITHOUT ROWID;
",
    super::details::TABLE,
    // Most rows have such a status, and many have no caller or conversation: their places in these
    // indexes cost more to write than they can save.
    "
    DROP INDEX requests_status;
    DROP INDEX requests_caller;
    DROP INDEX requests_conversation;
    CREATE INDEX requests_status ON requests (status, at_ms) WHERE status >= 300;
    CREATE INDEX requests_caller ON requests (caller, at_ms) WHERE caller <> '';
    CREATE INDEX requests_conversation ON requests (conversation, at_ms) WHERE conversation <> '';
",
    super::pages::TABLES,
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes the exchanges' file as a former version had it, and lets `fill` put rows into it.
    pub fn open_logs_of_version(directory: &Path, version: usize, fill: impl FnOnce(&Connection)) {
        let tables = LOGS_TABLES.get(..version).expect("there was such a version");
        fill(&open(&directory.join(LOGS), ("NORMAL", LARGE_PAGES), tables).expect("a database"));
    }
}
