//! The only state that two threads touch. Lock-free; never waits, never allocates on a worker.
//!
//! | word | written by | read by |
//! | --- | --- | --- |
//! | `snapshot`, `addresses` ([`published::Published`]) | control plane | workers, by version |
//! | [`lifecycle::Lifecycle`] | control plane | workers |
//! | [`counters::Counters`] | its own worker | any worker's `/livez`, control plane |
//! | [`worker_cell::WorkerCell`] (adopted version) | its own worker | control plane |
//! | [`journal::Journal`] | its own worker pushes | control plane pops |
//! | state words ([`credential::cooldown::StateWord`]) | whoever has an event | walks |
//! | readings ([`credential::utilization`]), statistics | whoever got a response | walks |
//! | material versions, generations, caps | control plane | walks |
//! | [`gate::Gate`] counts | whoever takes or drops a permit | all |
//! | brought keys ([`credential::byok::Byok`]) | any worker, by CAS | any worker |
//! | class names ([`credential::model_class::Classes`]) | any worker, each name once | all |
//! | [`wake::Wake`] (an eventfd) | whoever has news | whose it is |

pub mod addresses;
pub mod clock;
pub mod counters;
pub mod credential;
pub mod gate;
pub mod journal;
pub mod lifecycle;
pub mod published;
pub mod wake;
pub mod worker_cell;

mod atomic;

use std::sync::Arc;

use crate::config::snapshot::Snapshot;

use addresses::Addresses;
use lifecycle::Lifecycle;
use published::Published;
use wake::Wake;
use worker_cell::WorkerCell;

/// Everything the two planes share, made once per process and never moved.
#[derive(Debug)]
pub struct Shared {
    /// What the names of upstream origins resolve to.
    pub addresses: Published<Addresses>,
    /// The control plane's bell: a journal has records, or a worker is done.
    pub bell: Wake,
    /// Running, draining or stopping.
    pub lifecycle: Lifecycle,
    /// The configuration in force.
    pub snapshot: Published<Snapshot>,
    /// One cell per worker, by worker index.
    pub workers: Box<[WorkerCell]>,
}

impl Shared {
    /// Shared state for `workers` workers.
    ///
    /// # Errors
    /// When the kernel refuses an eventfd (out of file descriptors).
    pub fn new(snapshot: Arc<Snapshot>, workers: usize) -> std::io::Result<Self> {
        let cells: std::io::Result<Vec<_>> = (0..workers).map(|_| WorkerCell::new()).collect();
        Ok(Self {
            addresses: Published::new(Arc::default()),
            bell: Wake::new()?,
            lifecycle: Lifecycle::new(),
            snapshot: Published::new(snapshot),
            workers: cells?.into_boxed_slice(),
        })
    }

    /// Exchanges under way over all workers. Not a snapshot: the counts are read one by one.
    pub fn in_flight(&self) -> u64 {
        self.workers.iter().map(|cell| u64::from(cell.counters.in_flight())).sum()
    }

    /// Wakes every worker, so that idle ones adopt what was just published.
    pub fn wake_all(&self) {
        for cell in &self.workers {
            cell.wake.wake();
        }
    }
}
