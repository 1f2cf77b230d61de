//! Rows of `state.db`. Values of keys come and go sealed.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::marks::Mark;

/// A key, or what was changed of a key of the file, as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    pub enabled: bool,
    /// The file's cap when `max_concurrent` was set: another one in the file ends it.
    pub file_max_concurrent: Option<u32>,
    /// `None`: the file's.
    pub max_concurrent: Option<u32>,
    pub name: String,
    pub provider: String,
    /// Names of callers.
    pub reserved_for: Vec<String>,
    /// `None`: a key of the file, or as it is stored already.
    pub sealed: Option<Vec<u8>>,
    /// Unix ms.
    pub updated_ms: u64,
}

/// What is to become of a stored key.
#[derive(Clone, Debug)]
pub enum Change {
    /// The header rules that are in no file are these, as JSON.
    HeaderRules(String),
    /// It is gone.
    Remove { name: String, provider: String },
    /// It is this from now on.
    Set(Stored),
}

/// All stored keys, in the order they were added.
pub(super) fn keys(state: &Connection) -> rusqlite::Result<Vec<Stored>> {
    let mut rows = state.prepare(
        "SELECT provider, name, sealed, max_concurrent, file_max_concurrent, enabled, \
         reserved_for, updated_ms FROM keys ORDER BY place",
    )?;
    let read = |row: &Row<'_>| {
        let reserved_for: String = row.get(6)?;
        Ok(Stored {
            enabled: row.get(5)?,
            file_max_concurrent: row.get(4)?,
            max_concurrent: row.get(3)?,
            name: row.get(1)?,
            provider: row.get(0)?,
            reserved_for: serde_json::from_str(&reserved_for).unwrap_or_default(),
            sealed: row.get(2)?,
            updated_ms: count(row, 7)?,
        })
    };
    rows.query_map([], read)?.collect()
}

/// All marks.
pub(super) fn marks(state: &Connection) -> rusqlite::Result<Vec<Mark>> {
    let mut rows = state.prepare(
        "SELECT provider, name, class, value_hash, auth_failed, until_ms, reason, streak \
         FROM marks",
    )?;
    let read = |row: &Row<'_>| {
        let until_ms: Option<i64> = row.get(5)?;
        let hash: i64 = row.get(3)?;
        Ok(Mark {
            auth_failed: row.get(4)?,
            class: row.get(2)?,
            name: row.get(1)?,
            provider: row.get(0)?,
            reason: row.get(6)?,
            streak: row.get(7)?,
            until_ms: until_ms.map(|ms| u64::try_from(ms).unwrap_or(0)),
            value_hash: hash.cast_unsigned(),
        })
    };
    rows.query_map([], read)?.collect()
}

/// The header rules that are in no file, as JSON; empty when none were ever set.
pub(super) fn header_rules(state: &Connection) -> rusqlite::Result<String> {
    let sql = "SELECT value FROM settings WHERE name = ?";
    let rules = state.query_row(sql, [HEADER_RULES], |row| row.get(0)).optional()?;
    Ok(rules.unwrap_or_default())
}

/// Puts `marks` in the place of all that were there.
pub(super) fn set_marks(state: &mut Connection, marks: &[Mark]) -> rusqlite::Result<()> {
    let change = state.transaction()?;
    change.execute("DELETE FROM marks", [])?;
    {
        let mut insert = change.prepare("INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        for mark in marks {
            insert.execute(params![
                mark.provider,
                mark.name,
                mark.class,
                mark.value_hash.cast_signed(),
                mark.auth_failed,
                mark.until_ms.map(u64::cast_signed),
                mark.reason,
                mark.streak,
            ])?;
        }
    }
    change.commit()
}

/// Carries out a change.
pub(super) fn change(state: &mut Connection, change: &Change) -> rusqlite::Result<()> {
    let transaction = state.transaction()?;
    match change {
        Change::HeaderRules(rules) => {
            let sql = "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)";
            transaction.execute(sql, params![HEADER_RULES, rules])?;
        }
        Change::Remove { name, provider } => {
            let sql = "DELETE FROM keys WHERE provider = ? AND name = ?";
            transaction.execute(sql, params![provider, name])?;
        }
        Change::Set(stored) => set(&transaction, stored)?,
    }
    transaction.commit()
}

fn set(transaction: &Transaction<'_>, stored: &Stored) -> rusqlite::Result<()> {
    let reserved_for = serde_json::to_string(&stored.reserved_for).unwrap_or_default();
    transaction.execute(
        "INSERT INTO keys (provider, name, sealed, max_concurrent, file_max_concurrent, enabled, \
         reserved_for, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (provider, name) DO UPDATE SET sealed = coalesce(excluded.sealed, sealed), \
         max_concurrent = excluded.max_concurrent, \
         file_max_concurrent = excluded.file_max_concurrent, enabled = excluded.enabled, \
         reserved_for = excluded.reserved_for, updated_ms = excluded.updated_ms",
        params![
            stored.provider,
            stored.name,
            stored.sealed,
            stored.max_concurrent,
            stored.file_max_concurrent,
            stored.enabled,
            reserved_for,
            stored.updated_ms.cast_signed(),
        ],
    )?;
    Ok(())
}

/// Name of a setting.
const HEADER_RULES: &str = "header_rules";

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    Ok(u64::try_from(value).unwrap_or(0))
}
