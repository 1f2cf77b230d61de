//! Questions about the sums in `logs.db`: by which columns, over which time. Plain SQL whose words
//! are all ours.

use rusqlite::{Connection, Row};

/// What sums are told apart by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum By {
    Caller,
    Day,
    Hour,
    Key,
    Model,
    Provider,
}

/// Which sums, over whole steps of time.
#[derive(Clone, Debug)]
pub struct Question {
    pub by: Vec<By>,
    /// Unix seconds, inclusive.
    pub from_s: i64,
    step_s: i64,
    /// Unix seconds, exclusive.
    pub to_s: i64,
}

/// One of the sums.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sum {
    pub cache_read: i64,
    pub cache_write_1h: i64,
    pub cache_write_5m: i64,
    pub duration_ms: i64,
    /// Exchanges that may have used more than was seen.
    pub estimated: i64,
    pub input: i64,
    pub output: i64,
    pub reasoning: i64,
    pub requests: i64,
}

impl By {
    /// Of a name in a query.
    pub fn of_name(name: &str) -> Option<Self> {
        let all = [Self::Caller, Self::Day, Self::Hour, Self::Key, Self::Model, Self::Provider];
        all.into_iter().find(|by| by.name() == name)
    }

    /// The name in queries and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Key => "key",
            Self::Model => "model",
            Self::Provider => "provider",
        }
    }

    /// Whether it cuts time.
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Hour)
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Day => "strftime('%Y-%m-%d', start_s, 'unixepoch')",
            Self::Hour => "strftime('%Y-%m-%dT%H:00:00Z', start_s, 'unixepoch')",
            _ => self.name(),
        }
    }
}

impl Question {
    /// Of this span, unix ms, widened to whole days, or hours where hours are asked for.
    pub fn between(from_ms: i64, to_ms: i64, by: Vec<By>) -> Self {
        let step_s = if by.contains(&By::Hour) { 3_600 } else { 86_400 };
        let from_s = from_ms.div_euclid(1_000).div_euclid(step_s) * step_s;
        let to_s = (to_ms + 1_000 * step_s - 1).div_euclid(1_000 * step_s) * step_s;
        Self { by, from_s, step_s, to_s }
    }

    /// One row per combination that there is.
    ///
    /// # Errors
    /// The database's.
    pub fn rows(&self, logs: &Connection) -> rusqlite::Result<Vec<(Vec<String>, Sum)>> {
        let columns: Vec<&str> = self.by.iter().map(|by| by.column()).collect();
        let columns = columns.join(", ");
        let places: Vec<String> = (1..=self.by.len()).map(|place| place.to_string()).collect();
        let places = places.join(", ");
        let sql = format!(
            "SELECT {columns}, {FIGURES} FROM sums \
             WHERE step_s = ? AND start_s >= ? AND start_s < ? GROUP BY {places} ORDER BY {places}"
        );
        let count = self.by.len();
        let read = |row: &Row<'_>| {
            let labels: rusqlite::Result<Vec<String>> = (0..count).map(|at| row.get(at)).collect();
            Ok((labels?, sum(row, count)?))
        };
        logs.prepare(&sql)?.query_map([self.step_s, self.from_s, self.to_s], read)?.collect()
    }

    /// All of it together.
    ///
    /// # Errors
    /// The database's.
    pub fn totals(&self, logs: &Connection) -> rusqlite::Result<Sum> {
        let sql =
            format!("SELECT {FIGURES} FROM sums WHERE step_s = ? AND start_s >= ? AND start_s < ?");
        logs.query_row(&sql, [self.step_s, self.from_s, self.to_s], |row| sum(row, 0))
    }
}

fn sum(row: &Row<'_>, first: usize) -> rusqlite::Result<Sum> {
    let figure = |place: usize| {
        Ok::<i64, rusqlite::Error>(row.get::<_, Option<i64>>(first + place)?.unwrap_or(0))
    };
    Ok(Sum {
        requests: figure(0)?,
        input: figure(1)?,
        cache_read: figure(2)?,
        cache_write_5m: figure(3)?,
        cache_write_1h: figure(4)?,
        output: figure(5)?,
        reasoning: figure(6)?,
        estimated: figure(7)?,
        duration_ms: figure(8)?,
    })
}

const FIGURES: &str = "sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), \
                       sum(cache_write_1h), sum(output), sum(reasoning), sum(estimated), \
                       sum(duration_ms)";
