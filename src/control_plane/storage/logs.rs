//! Sums of exchanges in `logs.db`, by minute, hour and day, put down with their pages. Plain SQL;
//! never decides when.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, Transaction, params, params_from_iter};

use super::details;
use super::pages::{self, FIGURES, Head, Rows};
use crate::control_plane::today::{Sums, day_of};
use crate::shared::credential::utilization::Wall;

/// Adds exchanges and their sums, all or none.
pub(super) fn insert(logs: &mut Connection, rows: &Rows) -> rusqlite::Result<()> {
    let batch = logs.transaction()?;
    pages::insert(&batch, rows)?;
    let mut minutes: BTreeMap<(u64, Labels<'_>), [u64; FIGURES]> = BTreeMap::new();
    let mut alike = (0, Labels::default(), [0; FIGURES]);
    for head in &rows.heads {
        let of = (head.unix_ms / 60_000, labels(head));
        // Neighbours are much alike.
        if (alike.0, alike.1) != of {
            add(minutes.entry((alike.0, alike.1)).or_default(), alike.2);
            alike = (of.0, of.1, [0; FIGURES]);
        }
        add(&mut alike.2, head.figures);
    }
    add(minutes.entry((alike.0, alike.1)).or_default(), alike.2);
    minutes.retain(|_, figures| figures != &[0; FIGURES]);
    let mut sums: BTreeMap<(u64, u64, Labels<'_>), [u64; FIGURES]> = BTreeMap::new();
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

fn add(sums: &mut [u64; FIGURES], figures: [u64; FIGURES]) {
    for (sum, figure) in sums.iter_mut().zip(figures) {
        *sum = sum.saturating_add(figure);
    }
}

/// What sums are told apart by; the model is the one that the provider was asked for. Models that
/// were not answered are nobody's: their names are the clients' own.
fn labels(head: &Head) -> Labels<'_> {
    let is_answered = (200..300).contains(&head.status);
    let model = if is_answered { head.model_routed.as_str() } else { "" };
    [head.provider.as_str(), head.key.as_str(), head.caller.as_str(), model]
}

fn add_sums(
    batch: &Transaction<'_>,
    sums: &BTreeMap<(u64, u64, Labels<'_>), [u64; FIGURES]>,
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
    pages::sweep(logs, before_ms)?;
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

/// Minute, hour, day.
const STEPS_S: [u64; 3] = [60, 3_600, 86_400];
/// Sums by minute are for a look at what happens now.
const MINUTES_KEPT_S: i64 = 2 * 86_400;

#[cfg(test)]
mod tests;
