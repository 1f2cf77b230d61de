//! What one worker owns: buffers, watches, upstream connections, its copy of the snapshot.
//! `Rc` and `!Send`: nothing here is ever touched by another thread.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Seat;
use super::guard::CatchPanic;
use super::notify::Notify;
use super::request_id::{RequestId, RequestIds};
use super::runtime::Rung;
use super::sockets::Listener;
use super::waiting::Waiting;
use crate::data_plane::downstream::listener::accept_loop;
use crate::data_plane::exchange::overhead::Polled;
use crate::data_plane::io::buffer::Buffers;
use crate::data_plane::io::tls::configs::TlsConfigs;
use crate::data_plane::io::watch::Watchers;
use crate::data_plane::prepared::Prepared;
use crate::data_plane::upstream::pool::Pool;
use crate::shared::Shared;
use crate::shared::addresses::Addresses;
use crate::shared::lifecycle::Phase;
use crate::shared::pressure::Pressure;
use crate::shared::published::Adopted;
use crate::shared::setup::Setup;
use crate::shared::worker_cell::WorkerCell;

/// One worker's own state.
#[derive(Debug)]
pub struct Local {
    /// Open listeners; the worker is done when this and the connections are 0.
    pub accepting: Cell<usize>,
    /// Free buffers.
    pub buffers: Buffers,
    /// Rung when new addresses were adopted.
    pub addresses_changed: Notify,
    /// Connections that wait with all they need for a request.
    pub parking: Parking,
    /// Rung when the process's phase moved.
    pub phase_changed: Notify,
    /// Client connections that all workers together may hold; `None` = no limit.
    pub connection_limit: Option<u64>,
    /// The exchange that is polled now.
    pub polled: Polled,
    /// Idle upstream connections.
    pub pool: Pool,
    /// The rung this worker drives its I/O on.
    pub rung: Rung,
    /// The state shared with the other threads.
    pub shared: Arc<Shared>,
    /// Exchanges that wait for a permit or a key.
    pub waiting: Waiting,
    /// Deadlines and hang-ups.
    pub watchers: Rc<Watchers>,
    addresses: RefCell<Adopted<Addresses>>,
    index: usize,
    ids: RequestIds,
    listening: RefCell<Vec<Listening>>,
    rounds: RefCell<Vec<usize>>,
    setup: RefCell<Adopted<Setup>>,
    working: RefCell<Rc<Working>>,
}

/// A listener that this worker accepts on.
#[derive(Debug)]
struct Listening {
    is_over: Rc<Cell<bool>>,
    listener: Arc<Listener>,
}

/// One configuration as this worker works with it. An `Rc`, so that an exchange that holds it
/// touches no reference count that other workers touch (D9).
#[derive(Debug)]
pub struct Working {
    prepared: Arc<Prepared>,
    setup: Arc<Setup>,
    /// TLS settings by provider, and for clients.
    pub tls: TlsConfigs,
}

impl std::ops::Deref for Working {
    type Target = Setup;

    fn deref(&self) -> &Setup {
        &self.setup
    }
}

impl Working {
    fn new(setup: &Arc<Setup>) -> Rc<Self> {
        let prepared: Arc<dyn Any + Send + Sync> = setup.prepared.clone();
        let prepared: Arc<Prepared> = prepared.downcast().unwrap_or_default();
        Rc::new(Self { tls: prepared.tls.clone(), prepared, setup: setup.clone() })
    }
}

impl Local {
    /// The state of the worker in `seat`.
    ///
    /// # Errors
    /// When the kernel refuses an epoll instance.
    pub fn new(seat: &Seat) -> std::io::Result<Self> {
        let shared = seat.shared.clone();
        let setup = Adopted::new(&shared.setup);
        let working = Working::new(setup.value());
        Ok(Self {
            accepting: Cell::new(0),
            addresses: RefCell::new(Adopted::new(&shared.addresses)),
            addresses_changed: Notify::default(),
            buffers: Buffers::touched(TOUCHED_SMALL, TOUCHED_LARGE),
            connection_limit: seat.connection_limit,
            ids: RequestIds::new(),
            listening: RefCell::default(),
            index: seat.index,
            parking: Parking::default(),
            phase_changed: Notify::default(),
            polled: Polled::default(),
            pool: Pool::default(),
            rung: seat.rung,
            rounds: RefCell::default(),
            setup: RefCell::new(setup),
            shared,
            waiting: Waiting::default(),
            watchers: Rc::new(Watchers::new()?),
            working: RefCell::new(working),
        })
    }

    /// This worker's cell in the shared state.
    ///
    /// # Panics
    /// Never: a worker is started per cell.
    pub fn cell(&self) -> &WorkerCell {
        self.shared.workers.get(self.index).expect("a worker is started per cell")
    }

    /// The configuration in force; adopts a newer one first. Once per exchange.
    pub fn setup(&self) -> Rc<Working> {
        let mut adopted = self.setup.borrow_mut();
        if adopted.refresh(&self.shared.setup) {
            self.working.replace(Working::new(adopted.value()));
            // Caps and keys may be others now.
            self.waiting.call_all();
            self.cell().acknowledge(adopted.version());
            // Whoever published it waits for this worker's word.
            self.shared.bell.wake();
        }
        self.working.borrow().clone()
    }

    /// Where this worker's next round over the keys of the provider at `index` begins: one place
    /// further each time, and not where the other workers begin.
    pub fn next_round(&self, index: usize) -> usize {
        let mut rounds = self.rounds.borrow_mut();
        if rounds.len() <= index {
            rounds.resize(index + 1, self.index);
        }
        let Some(round) = rounds.get_mut(index) else { return 0 };
        *round = round.wrapping_add(1);
        *round
    }

    /// This worker's number.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The newest addresses there are.
    pub fn addresses(&self) -> Arc<Addresses> {
        let mut adopted = self.addresses.borrow_mut();
        if adopted.refresh(&self.shared.addresses) {
            // Those who wait for a name may have it now.
            self.addresses_changed.notify();
        }
        adopted.value().clone()
    }

    /// Tells the control plane which snapshot this worker began with.
    pub fn acknowledge(&self) {
        self.cell().acknowledge(self.setup.borrow().version());
    }

    /// Adopts whatever is newer than what this worker has.
    pub fn adopt(&self) {
        drop(self.setup());
        drop(self.addresses());
    }

    /// Accepts on the listeners of the configuration in force and on no others.
    pub fn listen(self: &Rc<Self>) {
        if self.shared.lifecycle.phase() > Phase::LameDuck {
            return;
        }
        let wanted = &self.working.borrow().prepared.listeners;
        let mut listening = self.listening.borrow_mut();
        listening.retain(|open| {
            let stays = wanted.iter().any(|listener| Arc::ptr_eq(listener, &open.listener));
            open.is_over.set(!stays);
            stays
        });
        for listener in wanted {
            if listening.iter().any(|open| Arc::ptr_eq(listener, &open.listener)) {
                continue;
            }
            let is_over = Rc::new(Cell::new(false));
            while let Some(socket) = listener.take(self.index) {
                self.spawn(accept_loop(self.clone(), socket, is_over.clone()));
            }
            listening.push(Listening { is_over, listener: listener.clone() });
        }
    }

    /// How long an idle connection is kept now.
    pub fn keep_alive_ms(&self) -> u64 {
        let ms = self.setup().snapshot.timeouts.keep_alive.0;
        if self.shared.pressure.pressure() >= Pressure::Tight { ms / 4 } else { ms }
    }

    /// Does what memory pressure asks of what is there already.
    pub fn bear_pressure(&self) {
        let pressure = self.shared.pressure.pressure();
        if pressure >= Pressure::Shed {
            self.watchers.end_largest();
        }
        if pressure >= Pressure::NoKeepAlive {
            self.watchers.end_idle(false);
        }
        if pressure >= Pressure::Tight {
            self.watchers.hurry_idle(self.keep_alive_ms());
        }
    }

    /// A fresh request id: unique over workers and restarts.
    pub fn request_id(&self) -> RequestId {
        self.ids.next()
    }

    /// Whether the drain is over on this worker.
    pub fn is_done(&self) -> bool {
        let phase = self.shared.lifecycle.phase();
        let served = self.accepting.get() == 0 && self.cell().counters.connections() == 0;
        phase > Phase::LameDuck && served
    }

    /// Runs `task` beside all others; a panic in it is counted and ends nothing else.
    pub fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let (local, guarded) = (self.clone(), CatchPanic::new(task));
        // Detached: the task owns all it needs and reports through `local`.
        drop(monoio::spawn(async move {
            if guarded.await.is_err() {
                local.cell().counters.panicked();
            }
        }));
    }

    /// Once a second: closes upstream connections that idled too long, and frees buffers that a
    /// burst has left. Never returns.
    pub async fn keep_house(&self) {
        loop {
            monoio::time::sleep(HOUSEKEEPING).await;
            self.cell().counters.beat();
            self.pool.sweep(self.setup().snapshot.timeouts.upstream_idle.0);
            self.buffers.trim(TOUCHED_SMALL, TOUCHED_LARGE);
        }
    }
}

/// Bounds how many connections of a worker wait with all they need for a request.
#[derive(Debug, Default)]
pub struct Parking {
    inside: Cell<usize>,
}

impl Parking {
    /// Takes a place if there is one; give it back with [`Parking::leave`].
    pub fn try_enter(&self) -> bool {
        let inside = self.inside.get();
        let enters = inside < PARKING_MAX;
        if enters {
            self.inside.set(inside + 1);
        }
        enters
    }

    /// Gives a place back.
    pub fn leave(&self) {
        self.inside.set(self.inside.get().saturating_sub(1));
    }
}

/// Connections of a worker that may wait so, each with some kilobytes.
const PARKING_MAX: usize = 256;
/// How often a worker looks after its pools.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// Small buffers touched before the first accept: 1 MiB.
const TOUCHED_SMALL: usize = 64;
/// Large buffers touched before the first accept: 512 KiB.
const TOUCHED_LARGE: usize = 8;
