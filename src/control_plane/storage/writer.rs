//! The storage thread: takes jobs, writes in batches, opens anew what failed or was deleted. The
//! only one that writes; never in anybody's way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::details::{self, Kept};
use super::health::Database;
use super::marks::Mark;
use super::pages::Rows;
use super::{Health, Job, database, logs, state};
use crate::control_plane::shape::detail::More;
use crate::shared::clock::{Millis, WallClock};
use crate::shared::credential::utilization::Wall;
use crate::shared::detail::Detail;
use crate::shared::setup::Setup;

/// The thread's own.
pub(super) struct Writer {
    /// Redacted, and not on the disk yet.
    details: Vec<Kept>,
    directory: PathBuf,
    health: Arc<Health>,
    logs: Option<Connection>,
    /// The newest states that are not on the disk yet.
    marks: Option<Vec<Mark>>,
    retention: Duration,
    rows: Rows,
    state: Option<Connection>,
    /// When old rows are looked for next.
    sweep_at: Millis,
    wall: WallClock,
}

impl Writer {
    pub fn new(directory: PathBuf, retention: Duration, health: Arc<Health>) -> Self {
        Self {
            details: Vec::new(),
            directory,
            health,
            logs: None,
            marks: None,
            retention,
            rows: Rows::default(),
            state: None,
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
                Ok(Job::Marks(marks)) => {
                    self.marks = Some(marks);
                    self.write_marks();
                }
                Ok(Job::Key(change, answer)) => {
                    let kept = self.with_state(|state| state::change(state, &change));
                    answered(answer, kept);
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
        if !details.is_empty() && !self.with_logs(|logs| details::insert(logs, &details)) {
            let lost = u64::try_from(details.len()).unwrap_or(0);
            self.health.details_dropped.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// Rows first: their second runs, while states wait for the disk to confirm.
    fn write(&mut self) {
        self.write_rows();
        self.write_marks();
        self.write_details();
        let now = Millis::now();
        if now >= self.sweep_at {
            self.sweep_at = now.plus(SWEEP_MS);
            let (at, retention) = (self.wall.now(), self.retention);
            self.sweep(at, retention);
        }
    }

    fn write_rows(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            let wrote = self.with_logs(|logs| logs::insert(logs, &rows));
            if !wrote && rows.len() <= ROWS_KEPT {
                self.rows = rows;
            } else if !wrote {
                let lost = u64::try_from(rows.len()).unwrap_or(0);
                self.health.rows_dropped.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }

    /// What could not be written stays to be written.
    fn write_marks(&mut self) {
        if let Some(marks) = self.marks.take()
            && !self.with_state(|state| state::set_marks(state, &marks))
        {
            self.marks = Some(marks);
        }
    }

    /// Taking rows out proves nothing of what can be put in.
    fn sweep(&mut self, at: Wall, retention: Duration) {
        let directory = &self.directory;
        let path = directory.join(database::LOGS);
        let opened = opened(&mut self.logs, &path, || database::open_logs(directory));
        if let Err(error) = opened.and_then(|logs| logs::sweep(logs, at, retention)) {
            self.logs = None;
            self.health.failed(Database::Logs, &error);
        }
    }

    fn with_state(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<()>) -> bool {
        let directory = &self.directory;
        let path = directory.join(database::STATE);
        let opened = opened(&mut self.state, &path, || database::open_state(directory));
        let done = opened.and_then(work);
        if done.is_err() {
            self.state = None;
        }
        self.judge(Database::State, done)
    }

    fn with_logs(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<()>) -> bool {
        let directory = &self.directory;
        let path = directory.join(database::LOGS);
        let opened = opened(&mut self.logs, &path, || database::open_logs(directory));
        let done = opened.and_then(work);
        if done.is_err() {
            self.logs = None;
        }
        self.judge(Database::Logs, done)
    }

    fn judge(&self, database: Database, done: rusqlite::Result<()>) -> bool {
        match done {
            Ok(()) => {
                self.health.is_well(database);
                true
            }
            Err(error) => {
                self.health.failed(database, &error);
                false
            }
        }
    }
}

/// The connection, made anew when there is none or its file is gone: what is written to a deleted
/// file is lost without a word.
fn opened<'c>(
    kept: &'c mut Option<Connection>,
    path: &Path,
    open: impl FnOnce() -> rusqlite::Result<Connection>,
) -> rusqlite::Result<&'c mut Connection> {
    if !path.exists() {
        *kept = None;
    }
    match kept {
        Some(connection) => Ok(connection),
        None => Ok(kept.insert(open()?)),
    }
}

/// Who asked may have left.
fn answered<T>(answer: oneshot::Sender<T>, value: T) {
    let _gone = answer.send(value);
}

/// A row waits no longer for its batch, so that a crash loses at most a second of them.
const BATCH_MS: u64 = 250;
/// Details that are written at once.
const BATCH_DETAILS: usize = 64;
/// More are written at once.
const BATCH_ROWS: usize = 1_000;
/// Rows that wait for a disk that fails; with more of them all are lost.
const ROWS_KEPT: usize = 8_192;
/// How often old rows are looked for.
const SWEEP_MS: u64 = 60_000;
