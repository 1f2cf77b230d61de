//! The only state that two threads touch. Lock-free; never waits, never allocates on a worker.
//!
//! | word | written by | read by |
//! | --- | --- | --- |
//! | `setup`, `addresses` ([`published::Published`]) | control plane | workers, by version |
//! | [`setup::Turning`] | control plane | workers that miss a key |
//! | [`lifecycle::Lifecycle`] | control plane | workers |
//! | [`pulse::Pulse`] | control plane | workers asked for their health |
//! | [`counters::Counters`] | its own worker | any worker's `/livez`, control plane |
//! | [`tally::Tally`] | its own worker | control plane |
//! | breakers ([`breaker::Breaker`]) | whoever has an event, by CAS | whoever is about to try |
//! | turns of strategies ([`turn::Turn`]) | any worker | any worker |
//! | names of models in labels ([`tally::Models`]) | any worker, each name once | all |
//! | [`worker_cell::WorkerCell`] (adopted version) | its own worker | control plane |
//! | [`journal::Journal`] | its own worker pushes | control plane pops |
//! | state words ([`credential::cooldown::StateWord`]) | whoever has an event | walks |
//! | readings ([`credential::utilization`]), statistics | whoever got a response | walks |
//! | material versions, generations, caps | control plane | walks |
//! | [`gate::Gate`] counts | whoever takes or drops a permit | all |
//! | brought keys ([`credential::byok::Byok`]) | any worker, by CAS | any worker |
//! | class names ([`credential::model_class::Classes`]) | any worker, each name once | all |
//! | [`pressure::Gauge`] | control plane | workers |
//! | [`handed::Handed`] | who made it, before it is shared | who takes |
//! | [`wake::Wake`] (an eventfd) | whoever has news | whose it is |

pub mod addresses;
pub mod breaker;
pub mod callers;
pub mod clock;
pub mod counters;
pub mod credential;
pub mod detail;
pub mod gate;
pub mod handed;
pub mod header_rules;
pub mod journal;
pub mod keyed_hash;
pub mod ledger;
pub mod lifecycle;
pub mod overlay;
pub mod pools;
pub mod pressure;
pub mod published;
pub mod pulse;
pub mod routing;
pub mod setup;
pub mod tally;
pub mod turn;
pub mod wake;
pub mod worker_cell;

mod atomic;

use std::sync::Arc;

use crate::config::snapshot::Snapshot;

use addresses::Addresses;
use clock::{Millis, WallClock};
use credential::table::TableFull;
use keyed_hash::KeyedHash;
use ledger::{Changes, Ledger};
use lifecycle::Lifecycle;
use published::Published;
use pulse::Pulse;
use setup::{Prepared, Setup, Turning};
use tally::Models;
use wake::Wake;
use worker_cell::WorkerCell;

/// Everything the two planes share, made once per process and never moved.
#[derive(Debug)]
pub struct Shared {
    /// What the names of upstream origins resolve to.
    pub addresses: Published<Addresses>,
    /// The control plane's bell: a journal has records, or a worker is done.
    pub bell: Wake,
    /// Hashes identities under the install's salt.
    pub keyed_hash: KeyedHash,
    /// Running, draining or stopping.
    pub lifecycle: Lifecycle,
    /// Names of models in labels.
    pub models: Models,
    /// Whether the control plane lives.
    pub pulse: Pulse,
    /// How near the process is to its memory limit.
    pub pressure: pressure::Gauge,
    /// The configuration in force, with its state.
    pub setup: Published<Setup>,
    /// Whether another configuration is being put in force this moment.
    pub turning: Turning,
    /// Calendar time by the monotonic clock.
    pub wall: WallClock,
    /// One cell per worker, by worker index.
    pub workers: Box<[WorkerCell]>,
}

impl Shared {
    /// Shared state for `workers` workers, and the book of who lives where in it, which belongs to
    /// the control plane.
    ///
    /// # Errors
    /// When the kernel refuses an eventfd (out of file descriptors), or there are more keys than
    /// the table has room for.
    pub fn new(
        snapshot: Arc<Snapshot>,
        prepared: Prepared,
        workers: usize,
        salt: &[u8; 32],
    ) -> std::io::Result<(Self, Ledger)> {
        let keyed_hash = KeyedHash::new(salt);
        let mut ledger = Ledger::new(keyed_hash.clone(), snapshot.limits.byok_entries);
        let (pools, _all_new) = ledger
            .turn(&snapshot, FIRST_VERSION)
            .map_err(|TableFull| std::io::Error::other("more keys than the table has room for"))?;
        let cells: std::io::Result<Vec<_>> = (0..workers).map(|_| WorkerCell::new()).collect();
        let models = Models::new();
        name_models(&models, &snapshot);
        let setup = Setup::new(snapshot, pools, prepared, &keyed_hash);
        let shared = Self {
            addresses: Published::new(Arc::default()),
            bell: Wake::new()?,
            keyed_hash,
            lifecycle: Lifecycle::new(),
            models,
            pulse: Pulse::new(Millis::now()),
            pressure: pressure::Gauge::new(),
            setup: Published::new(Arc::new(setup)),
            turning: Turning::default(),
            wall: WallClock::start(),
            workers: cells?.into_boxed_slice(),
        };
        Ok((shared, ledger))
    }

    /// Puts another configuration in force and wakes every worker. Returns its version and what
    /// became of the credentials. All or nothing; one caller at a time (the control plane).
    ///
    /// # Errors
    /// [`TableFull`] when there are more keys than the table has room for; nothing changed then.
    pub fn install(
        &self,
        ledger: &mut Ledger,
        snapshot: Arc<Snapshot>,
        prepared: Prepared,
    ) -> Result<(u64, Changes), TableFull> {
        name_models(&self.models, &snapshot);
        self.turning.set(true);
        let turned = ledger.turn(&snapshot, self.setup.version() + 1).map(|(pools, changes)| {
            let setup = Setup::new(snapshot, pools, prepared, &self.keyed_hash);
            (self.setup.publish(Arc::new(setup)), changes)
        });
        self.turning.set(false);
        self.wake_all();
        turned
    }

    /// The oldest configuration that a worker still runs on; workers that ended do not count.
    pub fn adopted(&self) -> u64 {
        let running = self.workers.iter().filter(|cell| !cell.has_ended());
        running.map(WorkerCell::adopted).min().unwrap_or(u64::MAX)
    }

    /// Exchanges under way over all workers. Not a snapshot: the counts are read one by one.
    pub fn in_flight(&self) -> u64 {
        self.workers.iter().map(|cell| u64::from(cell.counters.in_flight())).sum()
    }

    /// Client connections open on all workers, likewise.
    pub fn connections(&self) -> u64 {
        self.workers.iter().map(|cell| u64::from(cell.counters.connections())).sum()
    }

    /// Wakes every worker, so that idle ones adopt what was just published.
    pub fn wake_all(&self) {
        for cell in &self.workers {
            cell.wake.wake();
        }
    }
}

/// Gives the names of a configuration their labels, before those that clients bring.
fn name_models(models: &Models, snapshot: &Snapshot) {
    for (from, to) in snapshot.routes.iter().flat_map(|route| &route.strategy.model_map) {
        let _labels = (models.label(from, true), models.label(to, true));
    }
}

/// The version that a process begins with.
const FIRST_VERSION: u64 = 1;
