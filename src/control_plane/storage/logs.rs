//! Rows of `logs.db`: exchanges, one by one, and their sums by minute, hour and day. Plain SQL;
//! never decides when.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, params, params_from_iter};

use super::{Row, details};
use crate::control_plane::shape::Hash;
use crate::control_plane::today::{Sums, day_of};
use crate::shared::credential::utilization::Wall;
use crate::shared::journal::Record;
use crate::shared::tally::by_kind;

/// Which exchanges, newest first.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Older than this place in the list.
    pub before: Option<(i64, i64)>,
    /// Column and value; the columns are ours.
    pub equal: Vec<(&'static str, Value)>,
    /// Unix ms, inclusive.
    pub from_ms: Option<i64>,
    pub limit: u32,
    /// Unix ms, exclusive.
    pub to_ms: Option<i64>,
}

/// An exchange in its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its place in the list.
    pub place: (i64, i64),
    /// The shape `request`, JSON.
    pub shape: String,
}

/// Adds exchanges and their sums, all or none.
pub(super) fn insert(logs: &mut Connection, rows: &[Row]) -> rusqlite::Result<()> {
    let batch = logs.transaction()?;
    let mut minutes: BTreeMap<(u64, Labels<'_>), [u64; SUMS]> = BTreeMap::new();
    {
        let mut insert = batch.prepare(
            "INSERT INTO requests (at_ms, id, model, status, key, caller, conversation, shape) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for Row { record, shape } in rows {
            let Record { asked, ended, .. } = record.as_ref();
            insert.execute(params![
                asked.unix_ms.cast_signed(),
                asked.id.as_str(),
                asked.model.as_str(),
                ended.status,
                ended.key.as_str(),
                asked.caller.as_str(),
                asked.conversation.map(|hash| Hash(hash).to_string()).unwrap_or_default(),
                shape,
            ])?;
            let minute = asked.unix_ms / 60_000;
            add(minutes.entry((minute, labels(record))).or_default(), figures(record));
        }
    }
    let mut sums: BTreeMap<(u64, u64, Labels<'_>), [u64; SUMS]> = BTreeMap::new();
    for ((minute, labels), figures) in minutes {
        for step_s in STEPS_S {
            let start_s = minute * 60 / step_s * step_s;
            add(sums.entry((step_s, start_s, labels)).or_default(), figures);
        }
    }
    add_sums(&batch, &sums)?;
    batch.commit()
}

/// Provider, key, caller, model.
type Labels<'r> = [&'r str; 4];

fn add(sums: &mut [u64; SUMS], figures: [u64; SUMS]) {
    for (sum, figure) in sums.iter_mut().zip(figures) {
        *sum = sum.saturating_add(figure);
    }
}

/// What sums are told apart by. Models that were not answered are nobody's: their names are the
/// clients' own.
fn labels(Record { asked, ended, .. }: &Record) -> Labels<'_> {
    let is_answered = (200..300).contains(&ended.status);
    let model = if is_answered { asked.model.as_str() } else { "" };
    [ended.provider.as_str(), ended.key.as_str(), asked.caller.as_str(), model]
}

fn figures(Record { answered, ended, .. }: &Record) -> [u64; SUMS] {
    let [input, read, written, written_1h, output] = by_kind(&answered.usage);
    let reasoning = answered.usage.reasoning.unwrap_or(0);
    let estimated = u64::from(answered.estimated);
    [1, input, read, written, written_1h, output, reasoning, estimated, ended.duration_ms]
}

fn add_sums(
    batch: &Transaction<'_>,
    sums: &BTreeMap<(u64, u64, Labels<'_>), [u64; SUMS]>,
) -> rusqlite::Result<()> {
    let mut add = batch.prepare(
        "INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (step_s, start_s, provider, key, caller, model) DO UPDATE SET \
         requests = requests + excluded.requests, input = input + excluded.input, \
         cache_read = cache_read + excluded.cache_read, \
         cache_write_5m = cache_write_5m + excluded.cache_write_5m, \
         cache_write_1h = cache_write_1h + excluded.cache_write_1h, \
         output = output + excluded.output, reasoning = reasoning + excluded.reasoning, \
         estimated = estimated + excluded.estimated, \
         duration_ms = duration_ms + excluded.duration_ms",
    )?;
    for ((step_s, start_s, labels), figures) in sums {
        let times = [step_s, start_s].map(|&number| Value::Integer(number.cast_signed()));
        let labels = labels.iter().map(|&label| Value::Text(label.to_owned()));
        let figures = figures.iter().map(|&figure| Value::Integer(figure.cast_signed()));
        add.execute(params_from_iter(times.into_iter().chain(labels).chain(figures)))?;
    }
    Ok(())
}

/// Takes out what is older than it may be, a part at a time.
pub(super) fn sweep(logs: &mut Connection, now: Wall, retention: Duration) -> rusqlite::Result<()> {
    let now_ms = now.0.cast_signed();
    let before_ms = now_ms - i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    logs.execute(
        "DELETE FROM requests WHERE seq IN \
         (SELECT seq FROM requests WHERE at_ms < ? ORDER BY at_ms LIMIT ?)",
        params![before_ms, SWEPT_MAX],
    )?;
    details::sweep(logs, before_ms)?;
    let minutes_before_s = now_ms / 1_000 - MINUTES_KEPT_S;
    let sql = "DELETE FROM sums WHERE step_s = ? AND start_s < ?";
    logs.execute(sql, params![60, minutes_before_s])?;
    logs.execute(sql, params![3_600, before_ms / 1_000])?;
    Ok(())
}

/// The sums of the day of `now`.
pub(super) fn day(logs: &Connection, now: Wall) -> rusqlite::Result<Sums> {
    let day = day_of(now);
    let sql = "SELECT coalesce(sum(requests), 0), coalesce(sum(input + cache_read + \
               cache_write_5m + cache_write_1h + output), 0), coalesce(sum(duration_ms), 0) \
               FROM sums WHERE step_s = 86400 AND start_s = ?";
    logs.query_row(sql, [(day * 86_400).cast_signed()], |row| {
        let [requests, tokens, duration_ms] = [row.get(0)?, row.get(1)?, row.get(2)?];
        let whole = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Sums {
            day,
            duration_ms: whole(duration_ms),
            requests: whole(requests),
            tokens: whole(tokens),
        })
    })
}

impl Wanted {
    /// The list, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn list(&self, logs: &Connection) -> rusqlite::Result<Vec<Placed>> {
        let (sql, values) = self.sql();
        let mut rows = logs.prepare(&sql)?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Placed { place: (row.get(0)?, row.get(1)?), shape: row.get(2)? })
        };
        rows.query_map(params_from_iter(values), read)?.collect()
    }

    fn sql(&self) -> (String, Vec<Value>) {
        let mut terms: Vec<String> = Vec::new();
        let mut values = Vec::new();
        for (column, value) in &self.equal {
            terms.push(format!("{column} = ?"));
            values.push(value.clone());
            // What a partial index is for is said in its own words.
            terms.extend(is_indexed(column, value).map(str::to_owned));
        }
        if let Some((at_ms, seq)) = self.before {
            terms.push("(at_ms, seq) < (?, ?)".to_owned());
            values.extend([Value::Integer(at_ms), Value::Integer(seq)]);
        }
        for (term, bound) in [("at_ms >= ?", self.from_ms), ("at_ms < ?", self.to_ms)] {
            if let Some(bound) = bound {
                terms.push(term.to_owned());
                values.push(Value::Integer(bound));
            }
        }
        let filter = if terms.is_empty() { "1" } else { &terms.join(" AND ") };
        values.push(Value::Integer(i64::from(self.limit)));
        let sql = format!(
            "SELECT at_ms, seq, shape FROM requests WHERE {filter} \
             ORDER BY at_ms DESC, seq DESC LIMIT ?"
        );
        (sql, values)
    }
}

/// The condition of a partial index that serves a filter. Without one, rows are taken in the order
/// of their time: most of them are such.
fn is_indexed(column: &str, value: &Value) -> Option<&'static str> {
    match (column, value) {
        ("status", Value::Integer(status)) if *status >= 300 => Some("status >= 300"),
        ("caller", Value::Text(name)) if !name.is_empty() => Some("caller <> ''"),
        ("conversation", Value::Text(hash)) if !hash.is_empty() => Some("conversation <> ''"),
        _ => None,
    }
}

/// One exchange by its id.
///
/// # Errors
/// The database's.
pub fn one(logs: &Connection, id: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT shape FROM requests WHERE id = ? LIMIT 1";
    logs.query_row(sql, [id], |row| row.get(0)).optional()
}

/// What is kept beside each key of the sums.
pub const SUMS: usize = 9;
/// Minute, hour, day.
const STEPS_S: [u64; 3] = [60, 3_600, 86_400];
/// Sums by minute are for a look at what happens now.
const MINUTES_KEPT_S: i64 = 2 * 86_400;
/// Rows that one sweep takes out.
const SWEPT_MAX: u32 = 20_000;

#[cfg(test)]
mod tests;
