//! What was counted since midnight UTC, for the status. Begins anew by itself on another day.
#![expect(clippy::disallowed_types, reason = "a mutex of this thread's own: no worker sees it")]

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use crate::shared::credential::utilization::Wall;
use crate::shared::journal::Record;
use crate::shared::tally::by_kind;

/// Sums of one day, as far as the records of it arrived.
#[derive(Debug, Default)]
pub struct Today {
    sums: Mutex<Sums>,
}

/// Sums of the exchanges that began on one day.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sums {
    /// Days since 1970.
    pub day: u64,
    /// Their times together.
    pub duration_ms: u64,
    /// How many.
    pub requests: u64,
    /// Their tokens of all kinds.
    pub tokens: u64,
}

/// The sums as they go out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = today)]
pub struct TodayShape {
    requests: u64,
    /// Of all kinds.
    tokens: u64,
    cost_usd: Option<f64>,
    mean_duration_ms: Option<u64>,
}

impl Today {
    /// Goes on from what was counted before a restart.
    pub fn resume(&self, sums: Sums) {
        *self.sums.lock().unwrap_or_else(PoisonError::into_inner) = sums;
    }

    /// Adds an exchange; one that began before the present day counts for no day.
    pub fn count(&self, record: &Record) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let day = day_of(Wall(record.asked.unix_ms));
        if day > sums.day {
            *sums = Sums { day, ..Sums::default() };
        }
        if day == sums.day {
            sums.requests += 1;
            sums.tokens += by_kind(&record.answered.usage).iter().sum::<u64>();
            sums.duration_ms += record.ended.duration_ms;
        }
    }

    /// The sums of the day of `now`.
    pub fn shape(&self, now: Wall) -> TodayShape {
        let sums = *self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = if sums.day == day_of(now) { sums } else { Sums::default() };
        TodayShape {
            requests: sums.requests,
            tokens: sums.tokens,
            cost_usd: None,
            mean_duration_ms: sums.duration_ms.checked_div(sums.requests),
        }
    }
}

/// Days since 1970.
pub fn day_of(at: Wall) -> u64 {
    at.0 / 86_400_000
}
