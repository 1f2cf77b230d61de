//! The thread that waits for the disk, so that the one that writes exchanges does not: puts states
//! of keys where a crash of the machine leaves them, and moves exchanges into their database
//! proper. Never holds an exchange.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::file::File;
use super::marks::Mark;
use super::writer::answered;
use super::{Promise, state};

/// The thread's own.
pub(super) struct Waiter {
    /// A connection beside the writer's.
    logs: File,
    /// The newest states that are not on the disk yet.
    marks: Option<Vec<Mark>>,
    state: File,
}

impl Waiter {
    pub fn new(state: File, logs: File) -> Self {
        Self { logs, marks: None, state }
    }

    /// Works until nobody can give work any more.
    pub fn run(mut self, work: &Receiver<Promise>) {
        loop {
            match work.recv_timeout(LOOK) {
                Ok(Promise::Key(change, answer)) => {
                    let kept = self.state.with(|state| state::change(state, &change));
                    answered(answer, kept.is_some());
                }
                Ok(Promise::Marks(marks)) => {
                    self.marks = Some(marks);
                    self.write_marks();
                }
                Ok(Promise::Flush(answer)) => {
                    self.write_marks();
                    answered(answer, ());
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.write_marks();
                    self.logs.checkpoint(LOGS_LOG_MAX);
                    // The writer may have made the file anew by the next time.
                    self.logs.close();
                    self.state.checkpoint(STATE_LOG_MAX);
                }
                Err(RecvTimeoutError::Disconnected) => return self.write_marks(),
            }
        }
    }

    /// What could not be written stays to be written.
    fn write_marks(&mut self) {
        if let Some(marks) = self.marks.take()
            && self.state.with(|state| state::set_marks(state, &marks)).is_none()
        {
            self.marks = Some(marks);
        }
    }
}

/// How often it looks at what failed, and how long the logs of writes are.
const LOOK: Duration = Duration::from_millis(500);
/// Exchanges are moved in steps of as much as `SQLite` would by itself.
const LOGS_LOG_MAX: u64 = 16 * 1024 * 1024;
/// The same for states.
const STATE_LOG_MAX: u64 = 4 * 1024 * 1024;
