//! One thread: its callers or its arrivals, its connections, its counts.
//!
//! Never shares a connection with another thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use tidegate_tools::ladder;
use tidegate_tools::tick::{now_ns, sleep_until};

use super::exchange::{self, Turn};
use super::link::Link;
use super::{Load, Way};
use crate::scenario::Request;
use crate::schedule::{Arrivals, caller_start};
use crate::stats::{Interval, Stats};
use crate::units::ns;

/// What the threads of a run share.
#[derive(Debug)]
pub struct Shared {
    pub begin_ns: u64,
    /// Requests begun, all threads together.
    pub begun: AtomicU64,
    pub load: Load,
    /// Set by Ctrl-C.
    pub stop: Arc<AtomicBool>,
    pub way: Way,
}

/// What a thread tells.
#[derive(Debug)]
pub enum Report {
    Done(Box<Stats>),
    Failed(String),
    /// What happened since the last one.
    Second {
        index: usize,
        interval: Box<Interval>,
    },
}

/// What the tasks of a thread share.
pub struct Local {
    pub address: SocketAddr,
    /// Callers of a closed loop that go on.
    callers: Cell<u64>,
    /// Nothing begins after this.
    pub end_ns: Option<u64>,
    idle: RefCell<Vec<Link>>,
    in_flight: Cell<u64>,
    pub load: Load,
    /// Measured from here on.
    pub mark_ns: u64,
    pub second: RefCell<Interval>,
    shared: Arc<Shared>,
    pub stats: RefCell<Stats>,
    waiting: RefCell<VecDeque<Turn>>,
}

/// Runs thread `index` to its end.
pub fn run(index: u64, shared: &Arc<Shared>, reports: &Sender<Report>) {
    let cores = &shared.load.cores;
    let place = usize::try_from(index).unwrap_or(0).checked_rem(cores.len());
    if let Some(&id) = place.and_then(|place| cores.get(place)) {
        core_affinity::set_for_current(core_affinity::CoreId { id });
    }
    let local = Rc::new(Local::new(Arc::clone(shared)));
    let done = ladder::drive(shared.load.rung, local.work(index, reports.clone()));
    let report = match done {
        Ok(stats) => Report::Done(stats),
        Err(error) => Report::Failed(format!("no runtime: {error}")),
    };
    // Whoever listens may have been told to stop.
    let _ = reports.send(report);
}

impl Local {
    fn new(shared: Arc<Shared>) -> Self {
        let load = shared.load.clone();
        let mark_ns = shared.begin_ns + ns(load.warmup);
        Self {
            address: shared.way.address,
            callers: Cell::new(0),
            end_ns: load.duration.map(|duration| mark_ns + ns(duration)),
            idle: RefCell::default(),
            in_flight: Cell::new(0),
            load,
            mark_ns,
            second: RefCell::default(),
            shared,
            stats: RefCell::default(),
            waiting: RefCell::default(),
        }
    }

    /// The request with this number.
    pub fn request(&self, number: u64) -> &Request {
        let requests = &self.shared.way.requests;
        let place = usize::try_from(number).unwrap_or(0).checked_rem(requests.len());
        place.and_then(|place| requests.get(place)).expect("a way has at least one request")
    }

    async fn work(self: &Rc<Self>, index: u64, reports: Sender<Report>) -> Box<Stats> {
        let idle = self.hold_idle(index).await;
        let ticker = monoio::spawn(Rc::clone(self).tell_seconds(reports));
        if self.load.arrivals == Arrivals::Closed {
            self.closed_loop(index).await;
        } else {
            self.open_loop(index).await;
        }
        self.drain().await;
        drop(ticker);
        drop(idle);
        let mut stats = self.stats.take();
        let waiting = u64::try_from(self.waiting.borrow().len()).unwrap_or(0);
        stats.counts.unfinished = self.in_flight.get() + waiting;
        Box::new(stats)
    }

    async fn hold_idle(&self, index: u64) -> Vec<Link> {
        let mut idle = Vec::new();
        for _ in (index..self.load.idle).step_by(usize::try_from(self.load.threads).unwrap_or(1)) {
            if let Ok(link) = Link::connect(self.address).await {
                idle.push(link);
            }
        }
        idle
    }

    async fn closed_loop(self: &Rc<Self>, index: u64) {
        let threads = usize::try_from(self.load.threads).unwrap_or(1);
        for caller in (index..self.load.connections).step_by(threads) {
            self.callers.set(self.callers.get() + 1);
            monoio::spawn(Rc::clone(self).call(caller));
        }
        let is_over = || self.end_ns.is_some_and(|end| now_ns() >= end);
        while self.callers.get() > 0 && !self.is_stopped() && !is_over() {
            sleep_until(now_ns() + CALLERS_LOOK_NS).await;
        }
    }

    /// One caller: a request, an answer, a pause, again.
    async fn call(self: Rc<Self>, caller: u64) {
        let begin = self.shared.begin_ns + caller_start(caller, ns(self.load.ramp));
        self.wait_until(begin).await;
        let mut link = None;
        while let Some(number) = self.may_begin(now_ns()) {
            let turn = self.turn(number, now_ns());
            self.in_flight.set(self.in_flight.get() + 1);
            let left = exchange::run(&self, turn, link.take()).await;
            link = left.link;
            self.in_flight.set(self.in_flight.get() - 1);
            let mut pause = ns(self.load.behaviour.think);
            if left.is_failed && link.is_none() {
                // A target that is gone must not be asked as fast as it refuses.
                pause = pause.max(FAILED_PAUSE_NS);
            }
            if pause > 0 {
                self.wait_until(now_ns() + pause).await;
            }
        }
        self.callers.set(self.callers.get() - 1);
    }

    async fn open_loop(self: &Rc<Self>, index: u64) {
        let moments = self.load.arrivals.of_thread(index, self.load.threads, self.load.seed);
        for (number, moment) in moments {
            let intended = self.shared.begin_ns + moment;
            if self.end_ns.is_some_and(|end| intended >= end) {
                break;
            }
            self.wait_until(intended).await;
            if self.may_begin(intended).is_none() {
                break;
            }
            self.arrive(self.turn(number, intended));
        }
    }

    fn arrive(self: &Rc<Self>, turn: Turn) {
        let most = (self.load.connections / self.load.threads).max(1);
        if self.in_flight.get() >= most {
            self.stats.borrow_mut().counts.queued += 1;
            self.waiting.borrow_mut().push_back(turn);
            return;
        }
        self.in_flight.set(self.in_flight.get() + 1);
        monoio::spawn(Rc::clone(self).serve(turn));
    }

    /// One arrival, and those that waited for its connection.
    async fn serve(self: Rc<Self>, turn: Turn) {
        let mut next = Some(turn);
        while let Some(turn) = next {
            let idle = self.idle.borrow_mut().pop();
            let left = exchange::run(&self, turn, idle).await;
            self.idle.borrow_mut().extend(left.link);
            next = self.waiting.borrow_mut().pop_front();
        }
        self.in_flight.set(self.in_flight.get() - 1);
    }

    fn turn(&self, number: u64, intended_ns: u64) -> Turn {
        Turn { intended_ns, is_measured: intended_ns >= self.mark_ns, number }
    }

    /// The number of a request that may begin now; none when the run is over.
    fn may_begin(&self, at_ns: u64) -> Option<u64> {
        if self.is_stopped() || self.end_ns.is_some_and(|end| at_ns >= end) {
            return None;
        }
        // Relaxed: a plain counter.
        let number = self.shared.begun.fetch_add(1, Ordering::Relaxed);
        self.load.limit.is_none_or(|limit| number < limit).then_some(number)
    }

    fn is_stopped(&self) -> bool {
        // Relaxed: it orders nothing, and a little later is soon enough.
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// Ends early when the run is stopped.
    async fn wait_until(&self, moment_ns: u64) {
        loop {
            let now = now_ns();
            if now >= moment_ns || self.is_stopped() {
                return;
            }
            sleep_until(moment_ns.min(now + LOOK_EVERY_NS)).await;
        }
    }

    async fn drain(&self) {
        let until = now_ns() + ns(self.load.drain);
        while self.in_flight.get() > 0 && now_ns() < until && !self.is_stopped() {
            sleep_until(now_ns() + DRAIN_LOOK_NS).await;
        }
    }

    async fn tell_seconds(self: Rc<Self>, reports: Sender<Report>) {
        for index in 0.. {
            let end = u64::try_from(index + 1).unwrap_or(u64::MAX).saturating_mul(SECOND_NS);
            sleep_until(self.shared.begin_ns.saturating_add(end)).await;
            let mut interval = Box::new(self.second.take());
            interval.in_flight = self.in_flight.get();
            if reports.send(Report::Second { index, interval }).is_err() {
                return;
            }
        }
    }
}

const CALLERS_LOOK_NS: u64 = 5_000_000;
const DRAIN_LOOK_NS: u64 = 1_000_000;
const FAILED_PAUSE_NS: u64 = 10_000_000;
const LOOK_EVERY_NS: u64 = 50_000_000;
const SECOND_NS: u64 = 1_000_000_000;
