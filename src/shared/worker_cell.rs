//! What one worker shows to the other threads.

use crossbeam::utils::CachePadded;

use super::atomic::{AtomicU8, AtomicU64, Ordering};
use super::counters::Counters;
use super::journal::Journal;
use super::tally::Tally;
use super::wake::Wake;

/// One worker's cell. `adopted`, `counters` and `tally` are written by that worker alone.
#[derive(Debug)]
pub struct WorkerCell {
    adopted: CachePadded<AtomicU64>,
    done: AtomicU8,
    /// Its counters.
    pub counters: Counters,
    /// Its records.
    pub journal: Journal,
    /// What it counts by label.
    pub tally: Tally,
    /// Its bell.
    pub wake: Wake,
}

impl WorkerCell {
    /// A cell of a worker that has adopted nothing.
    ///
    /// # Errors
    /// When the kernel refuses an eventfd.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            adopted: CachePadded::new(AtomicU64::new(0)),
            done: AtomicU8::new(0),
            counters: Counters::default(),
            journal: Journal::new(),
            tally: Tally::default(),
            wake: Wake::new()?,
        })
    }

    /// The worker runs on snapshot `version` from now on; 0 = it has not begun.
    pub fn acknowledge(&self, version: u64) {
        // Release: the worker's last use of the old snapshot comes before its word.
        self.adopted.store(version, Ordering::Release);
    }

    /// The worker has ended: drained, or failed at its start.
    pub fn end(&self) {
        // Release: all it did comes before.
        self.done.store(1, Ordering::Release);
    }

    /// Whether the worker has ended.
    pub fn has_ended(&self) -> bool {
        // Acquire pairs with `end`.
        self.done.load(Ordering::Acquire) == 1
    }

    /// The snapshot version that the worker runs on.
    pub fn adopted(&self) -> u64 {
        // Acquire pairs with `acknowledge`.
        self.adopted.load(Ordering::Acquire)
    }
}
