//! What outlives the process: states of keys (`state.db`) and exchanges (`logs.db`), written by a
//! thread each and read by short-lived others. Nobody waits for a disk but who asked for what is on
//! it: a full queue drops rows and counts them, a disk that fails is told once.
#![expect(clippy::disallowed_types, reason = "a mutex of this thread's own: no worker sees it")]

mod database;
pub mod details;
mod file;
mod health;
pub mod logs;
pub mod marks;
pub mod pages;
pub mod state;
pub mod sums;
mod waiter;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

pub use health::Health;

use super::today::Sums;
use crate::config::header_rule::HeaderRule;
use crate::control_plane::shape::header_rule::rules_of;
use crate::shared::credential::utilization::Wall;
use crate::shared::detail::Detail;
use crate::shared::setup::Setup;
use file::File;
use health::Database;
use marks::Mark;
use pages::Rows;
use state::{Change, Stored};

/// The way to the databases.
#[derive(Debug)]
pub struct Storage {
    directory: PathBuf,
    health: Arc<Health>,
    jobs: SyncSender<Job>,
    /// As they were kept last.
    marks: Mutex<Vec<Mark>>,
    /// What is to be on the disk before it is answered.
    promises: SyncSender<Promise>,
    readers: Semaphore,
}

/// What a former process left.
#[derive(Debug, Default)]
pub struct Left {
    /// Header rules that were set through the admin API.
    pub header_rules: Vec<HeaderRule>,
    /// Keys that were added or changed through the admin API, in the order they were added.
    pub keys: Vec<Stored>,
    /// States of keys.
    pub marks: Vec<Mark>,
    /// Of `keys`, those that are to be kept otherwise.
    pub resealed: Vec<Change>,
    /// What was counted since midnight.
    pub today: Sums,
}

/// Work for the writer of exchanges.
#[derive(Debug)]
enum Job {
    /// What is told beside an exchange, under the configuration whose keys must not be in it.
    Detail(Box<Detail>, Arc<Setup>),
    /// Writes what it has, and says so.
    Flush(oneshot::Sender<()>),
    /// Exchanges.
    Rows(Rows),
}

/// Work for the one who waits for the disk.
#[derive(Debug)]
enum Promise {
    /// As [`Job::Flush`].
    Flush(oneshot::Sender<()>),
    /// Another state of a key that an operator has set; answers once it is on the disk.
    Key(Box<Change>, oneshot::Sender<bool>),
    /// All states of keys that are to be kept.
    Marks(Vec<Mark>),
}

/// Whether the databases in `directory` can be written to; none that is missing is made.
///
/// # Errors
/// Why not, for people.
pub fn check(directory: &Path) -> Result<(), String> {
    for name in [database::STATE, database::LOGS] {
        let path = directory.join(name);
        if path.exists() {
            database::check(&path).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Ok(())
}

impl Storage {
    /// Opens the databases in `directory`, which is there, and starts their writers. Rows are kept
    /// for `retention`. A database that cannot be opened is tried again with each batch.
    ///
    /// # Errors
    /// When the kernel refuses a thread.
    pub fn open(directory: &Path, retention: Duration, now: Wall) -> std::io::Result<(Self, Left)> {
        let health = Arc::new(Health::default());
        let file = |database| File::new(database, directory, &health);
        let (mut state, mut logs) = (file(Database::State), file(Database::Logs));
        let left = Left::read(&mut state, &mut logs, now);
        let waiter = waiter::Waiter::new(state, file(Database::Logs));
        let writer = writer::Writer::new(logs, retention, health.clone());
        let (jobs, work) = sync_channel(JOBS_MAX);
        let (promises, promised) = sync_channel(PROMISES_MAX);
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("storage").spawn(move || writer.run(&work))?;
        thread("storage-wait").spawn(move || waiter.run(&promised))?;
        let readers = Semaphore::new(READERS_MAX);
        let (directory, marks) = (directory.to_owned(), Mutex::new(left.marks.clone()));
        Ok((Self { directory, health, jobs, marks, promises, readers }, left))
    }

    /// Keeps exchanges, or drops and counts them.
    pub fn keep(&self, rows: Rows) {
        let count = rows.len();
        let waiting = self.health.rows_waiting.fetch_add(count, Ordering::Relaxed);
        if waiting + count > ROWS_MAX || !self.send(Job::Rows(rows)) {
            self.health.rows_waiting.fetch_sub(count, Ordering::Relaxed);
            let lost = u64::try_from(count).unwrap_or(0);
            self.health.rows_dropped.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// Keeps what is told beside an exchange, or drops and counts it.
    pub fn keep_detail(&self, detail: Box<Detail>, setup: Arc<Setup>) {
        let bytes = detail.weight();
        let waiting = self.health.detail_bytes.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes > DETAIL_BYTES_MAX || !self.send(Job::Detail(detail, setup)) {
            self.health.detail_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.health.details_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps the states of all keys, unless they are as they were.
    pub fn keep_marks(&self, marks: Vec<Mark>) {
        let mut last = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != marks && self.promises.try_send(Promise::Marks(marks.clone())).is_ok() {
            *last = marks;
        }
    }

    /// Keeps what an operator has set; false when it could not be kept.
    pub async fn keep_key(&self, change: Change) -> bool {
        let (answer, answered) = oneshot::channel();
        let promise = Promise::Key(Box::new(change), answer);
        self.promises.try_send(promise).is_ok() && answered.await.unwrap_or(false)
    }

    /// Waits until all that was given so far is written, or could not be.
    pub async fn flush(&self) {
        let (of_rows, rows) = oneshot::channel();
        let (of_states, states) = oneshot::channel();
        let are_rows_asked = self.send(Job::Flush(of_rows));
        let are_states_asked = self.promises.try_send(Promise::Flush(of_states)).is_ok();
        // A writer that is gone has nothing to write.
        let _gone = tokio::time::timeout(FLUSH, async move {
            if are_rows_asked {
                let _gone = rows.await;
            }
            if are_states_asked {
                let _gone = states.await;
            }
        })
        .await;
    }

    /// Reads from the exchanges, on a thread of its own.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let _permit = self.readers.acquire().await.map_err(|error| error.to_string())?;
        let path = self.directory.join(database::LOGS);
        let answer = tokio::task::spawn_blocking(move || question(&database::open_to_read(&path)?));
        match answer.await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// How the databases are.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    fn send(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }
}

impl Left {
    /// What one database cannot tell is not there; the other one's is.
    fn read(state: &mut File, logs: &mut File, now: Wall) -> Self {
        let of_state = state.with(|state| {
            let header_rules = rules_of(&state::header_rules(state)?);
            Ok(Self {
                header_rules,
                keys: state::keys(state)?,
                marks: state::marks(state)?,
                ..Self::default()
            })
        });
        let today = logs.with(|logs| logs::day(logs, now)).unwrap_or_default();
        Self { today, ..of_state.unwrap_or_default() }
    }
}

/// Bytes of details that may wait for the disk.
const DETAIL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Jobs that may wait; each has what it brings bounded elsewhere.
const JOBS_MAX: usize = 8_192;
/// Changes of keys and of their states that may wait for the disk.
const PROMISES_MAX: usize = 64;
/// Rows that may wait for the writer: about 30 MB.
const ROWS_MAX: usize = 8_192;
/// Questions that are answered at a time.
const READERS_MAX: usize = 2;
/// How long the end of the process waits for the disk.
const FLUSH: Duration = Duration::from_secs(2);
