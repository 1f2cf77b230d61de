//! The storage thread: takes exchanges and writes them in batches. The only one that does; never in
//! anybody's way, and never waits for the disk to confirm: a batch is written within its time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::details::{self, Kept};
use super::file::File;
use super::health::Database;
use super::pages::Rows;
use super::{Health, Job, logs};
use crate::control_plane::shape::detail::More;
use crate::shared::clock::{Millis, WallClock};
use crate::shared::detail::Detail;
use crate::shared::setup::Setup;

/// The thread's own.
pub(super) struct Writer {
    /// Redacted, and not on the disk yet.
    details: Vec<Kept>,
    health: Arc<Health>,
    logs: File,
    retention: Duration,
    rows: Rows,
    /// When old rows are looked for next.
    sweep_at: Millis,
    wall: WallClock,
}

impl Writer {
    pub fn new(logs: File, retention: Duration, health: Arc<Health>) -> Self {
        Self {
            details: Vec::new(),
            health,
            logs,
            retention,
            rows: Rows::default(),
            sweep_at: Millis::now(),
            wall: WallClock::start(),
        }
    }

    /// Works until nobody can give work any more.
    pub fn run(mut self, work: &Receiver<Job>) {
        let mut write_at = Millis::now().plus(BATCH_MS);
        loop {
            let wait_ms = write_at.since(Millis::now());
            match work.recv_timeout(Duration::from_millis(wait_ms)) {
                Ok(Job::Detail(detail, setup)) => self.take_detail(&detail, &setup),
                Ok(Job::Rows(rows)) => {
                    self.health.rows_waiting.fetch_sub(rows.len(), Ordering::Relaxed);
                    self.rows.append(rows);
                }
                Ok(Job::Flush(answer)) => {
                    self.write();
                    answered(answer, ());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.write();
                    return;
                }
            }
            // A disk that fails is not tried with every row.
            let is_full = self.rows.len() >= BATCH_ROWS && !self.health.is_failing(Database::Logs);
            if is_full || Millis::now() >= write_at {
                self.write();
                write_at = Millis::now().plus(BATCH_MS);
            }
        }
    }

    fn take_detail(&mut self, detail: &Detail, setup: &Setup) {
        self.health.detail_bytes.fetch_sub(detail.weight(), Ordering::Relaxed);
        self.details.push(Kept {
            id: detail.id.as_str().to_owned(),
            shape: More::of(detail, setup).line(),
            unix_ms: detail.unix_ms,
        });
        if self.details.len() >= BATCH_DETAILS {
            self.write_details();
        }
    }

    /// What cannot be written is not kept: it may be large.
    fn write_details(&mut self) {
        let details = std::mem::take(&mut self.details);
        if !details.is_empty() && self.logs.with(|logs| details::insert(logs, &details)).is_none() {
            let lost = u64::try_from(details.len()).unwrap_or(0);
            self.health.details_dropped.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// Rows first: their second runs.
    fn write(&mut self) {
        self.write_rows();
        self.write_details();
        // Another thread sees to it long before, unless its disk is slower than this one writes.
        self.logs.checkpoint(LOG_MAX);
        let now = Millis::now();
        if now >= self.sweep_at {
            self.sweep_at = now.plus(SWEEP_MS);
            let (at, retention) = (self.wall.now(), self.retention);
            // Taking rows out proves nothing of what can be put in.
            let _told = self.logs.try_with(|logs| logs::sweep(logs, at, retention));
        }
    }

    fn write_rows(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            let wrote = self.logs.with(|logs| logs::insert(logs, &rows)).is_some();
            if !wrote && rows.len() <= ROWS_KEPT {
                self.rows = rows;
            } else if !wrote {
                let lost = u64::try_from(rows.len()).unwrap_or(0);
                self.health.rows_dropped.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }
}

/// Who asked may have left.
pub(super) fn answered<T>(answer: oneshot::Sender<T>, value: T) {
    let _gone = answer.send(value);
}

/// A row waits no longer for its batch, so that a crash loses far less than a second of them.
const BATCH_MS: u64 = 250;
/// Details that are written at once.
const BATCH_DETAILS: usize = 64;
/// No log of writes grows beyond it: four times what it is kept below.
const LOG_MAX: u64 = 64 * 1024 * 1024;
/// More are written at once.
const BATCH_ROWS: usize = 1_000;
/// Rows that wait for a disk that fails; with more of them all are lost.
const ROWS_KEPT: usize = 8_192;
/// How often old rows are looked for.
const SWEEP_MS: u64 = 60_000;
