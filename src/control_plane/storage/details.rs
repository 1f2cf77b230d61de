//! Rows of `logs.db` beside the exchanges: what `storage.detail` and `storage.bodies` ask for, one
//! text each. Plain SQL; never looks into the text.

use rusqlite::{Connection, OptionalExtension, params};

/// What is kept beside an exchange.
#[derive(Debug)]
pub struct Kept {
    /// The exchange's.
    pub id: String,
    /// The shape `more`, JSON.
    pub shape: String,
    /// When the exchange began, ms since 1970.
    pub unix_ms: u64,
}

/// Adds them, all or none.
pub(super) fn insert(logs: &mut Connection, kept: &[Kept]) -> rusqlite::Result<()> {
    let batch = logs.transaction()?;
    {
        let sql = "INSERT INTO details (at_ms, id, shape) VALUES (?, ?, ?)";
        let mut insert = batch.prepare(sql)?;
        for Kept { id, shape, unix_ms } in kept {
            insert.execute(params![unix_ms.cast_signed(), id, shape])?;
        }
    }
    batch.commit()
}

/// Takes out those that began before `before_ms`, a part at a time.
pub(super) fn sweep(logs: &Connection, before_ms: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM details WHERE seq IN \
               (SELECT seq FROM details WHERE at_ms < ? ORDER BY at_ms LIMIT ?)";
    logs.execute(sql, params![before_ms, SWEPT_MAX]).map(drop)
}

/// What is kept beside one exchange.
///
/// # Errors
/// The database's.
pub fn one(logs: &Connection, id: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT shape FROM details WHERE id = ? LIMIT 1";
    logs.query_row(sql, [id], |row| row.get(0)).optional()
}

/// Rows that one sweep takes out: each may hold two bodies.
const SWEPT_MAX: u32 = 5_000;

/// The table.
pub(super) const TABLE: &str = "
    CREATE TABLE details (
        seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, id TEXT NOT NULL, shape TEXT NOT NULL
    );
    CREATE INDEX details_at ON details (at_ms);
    CREATE INDEX details_id ON details (id);
";
