//! Exchanges of one worker that wait for a permit or for a key to come back, first come first
//! served, bounded (BEHAVIOUR 5 and 7). Never holds a permit: who is called tries again.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::local::Local;
use super::notify::{First, first};
use crate::data_plane::io::watch::{Peer, Watch};
use crate::shared::clock::Millis;
use crate::shared::gate::{Gate, Permits};
use crate::shared::lifecycle::Phase;

/// The gates of which any would do.
pub type Wanted = Vec<&'static Gate>;

/// The queue of one worker.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Which freeing of a gate was last handed on to other workers: each hands on each once, so
    /// that a place that nobody can use goes round and no further.
    handed_on: RefCell<Vec<(&'static Gate, u32)>>,
    queue: RefCell<VecDeque<Rc<Ticket>>>,
    /// Where the next round over other workers begins.
    round: Cell<u32>,
}

#[derive(Debug)]
struct Ticket {
    is_called: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    wanted: Wanted,
}

/// A place in the queue. Left by dropping it; what it was called for then goes to the next.
#[derive(Debug)]
pub struct Place {
    local: Rc<Local>,
    ticket: Rc<Ticket>,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// There may be a place now.
    Called,
    /// The client left.
    ClientGone,
    /// The process is stopping.
    Stopping,
    /// The time is over.
    TimedOut,
}

impl Waiting {
    /// Whether somebody waits already for what one who comes now wants.
    pub fn is_wanted(&self, wanted: &[&'static Gate]) -> bool {
        let queue = self.queue.borrow();
        queue.iter().any(|ticket| ticket.wanted.iter().any(|&gate| contains(wanted, gate)))
    }

    /// Calls as many as there are places free, in the order they came.
    pub fn call(&self) {
        let queue = self.queue.borrow();
        for ticket in queue.iter().filter(|ticket| !ticket.is_called.get()) {
            let has_room = |&gate: &&'static Gate| {
                let called = queue
                    .iter()
                    .filter(|other| other.is_called.get() && contains(&other.wanted, gate));
                u32::try_from(called.count()).is_ok_and(|called| called < gate.room())
            };
            if ticket.wanted.iter().any(has_room) {
                ticket.call();
            }
        }
    }

    /// Calls everybody: what they wait for may have changed altogether.
    pub fn call_all(&self) {
        self.queue.borrow().iter().for_each(|ticket| ticket.call());
    }

    /// Calls one that waits behind `ticket` for a place that this one could not use: a key that
    /// rests for its model may serve another's. False when there is none.
    fn pass_on(&self, ticket: &Rc<Ticket>) -> bool {
        let queue = self.queue.borrow();
        let mut behind = queue.iter().skip_while(|other| !Rc::ptr_eq(other, ticket)).skip(1);
        let is_free = |gate: &'static Gate| contains(&ticket.wanted, gate) && gate.room() > 0;
        let next = behind
            .find(|other| !other.is_called.get() && other.wanted.iter().any(|&gate| is_free(gate)));
        if let Some(next) = next {
            next.call();
        }
        next.is_some()
    }

    /// Whether nobody here could use what is free at `gate`.
    fn has_handed_on(&self, gate: &'static Gate) -> bool {
        let handed_on = self.handed_on.borrow();
        handed_on.iter().any(|&(known, freed)| std::ptr::eq(known, gate) && freed == gate.freed())
    }

    /// Whether what is free at `gate` has not been handed on by this worker yet; it has now.
    fn hands_on(&self, gate: &'static Gate) -> bool {
        let (mut handed_on, freed) = (self.handed_on.borrow_mut(), gate.freed());
        let known = handed_on.iter_mut().find(|(known, _)| std::ptr::eq(*known, gate));
        if let Some((_, last)) = known {
            return std::mem::replace(last, freed) != freed;
        }
        handed_on.push((gate, freed));
        true
    }

    /// Announces everybody anew: another worker with the same bit may have withdrawn it.
    fn announce(&self, mask: u32) {
        for gate in self.queue.borrow().iter().flat_map(|ticket| &ticket.wanted) {
            let _known_already = gate.announce(mask);
        }
    }

    /// True when an announcement was withdrawn, with which others may share the bit.
    fn leave(&self, gone: &Rc<Ticket>, mask: u32) -> bool {
        let mut queue = self.queue.borrow_mut();
        queue.retain(|ticket| !Rc::ptr_eq(ticket, gone));
        if queue.is_empty() {
            self.handed_on.borrow_mut().clear();
        }
        let mut withdrawn = false;
        for &gate in &gone.wanted {
            if !queue.iter().any(|ticket| contains(&ticket.wanted, gate)) {
                gate.withdraw(mask);
                withdrawn = true;
            }
        }
        withdrawn
    }
}

impl Ticket {
    fn call(&self) {
        self.is_called.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Place {
    /// A place at the end of the queue, for one that wants any of `wanted`; none of them: it waits
    /// for time only. `None` when there are `places_max` waiting.
    pub fn take(local: &Rc<Local>, wanted: Wanted, places_max: usize) -> Option<Self> {
        let mut queue = local.waiting.queue.borrow_mut();
        if queue.len() >= places_max {
            return None;
        }
        // Before it looks, and also where it finds a place: another worker may take that one.
        for gate in &wanted {
            let _is_news = gate.announce(local.mask());
        }
        // Those before come first, but for what none of them could use.
        let has_room = |gate: &&'static Gate| {
            let before = queue.iter().filter(|other| contains(&other.wanted, gate));
            let places = u32::try_from(before.count()).is_ok_and(|before| before < gate.room());
            places || gate.room() > 0 && local.waiting.has_handed_on(gate)
        };
        let is_called = Cell::new(wanted.iter().any(has_room));
        let ticket = Rc::new(Ticket { is_called, waker: RefCell::new(None), wanted });
        queue.push_back(ticket.clone());
        Some(Self { local: local.clone(), ticket })
    }

    /// Whether it is one for these gates.
    pub fn is_for(&self, wanted: &[&'static Gate]) -> bool {
        let own = &self.ticket.wanted;
        own.len() == wanted.len() && own.iter().all(|&gate| contains(wanted, gate))
    }

    /// It was called and is served by nothing that is free: waits on, and lets others have that.
    pub fn wait_on(&self) {
        for gate in &self.ticket.wanted {
            // A gate that had no cap before: a place of it may have gone by unannounced.
            if gate.announce(self.local.mask()) {
                self.ticket.is_called.set(true);
            }
        }
        if !self.local.waiting.pass_on(&self.ticket) {
            self.local.hand_on(&self.ticket.wanted);
        }
    }

    /// Waits to be called, until `end` at most.
    pub async fn wait(&self, end: Millis, client: &Watch, gone_from: Peer) -> Turn {
        let left = Duration::from_millis(end.since(Millis::now()));
        let called = poll_fn(|cx| {
            if self.ticket.is_called.take() {
                return Poll::Ready(());
            }
            self.ticket.waker.replace(Some(cx.waker().clone()));
            Poll::Pending
        });
        let stopping = async {
            while self.local.shared.lifecycle.phase() < Phase::Stopping {
                self.local.phase_changed.wait().await;
            }
        };
        let ended = first(first(client.hung_up(gone_from), stopping), monoio::time::sleep(left));
        match first(called, ended).await {
            First::A(()) => Turn::Called,
            First::B(First::A(First::A(()))) => Turn::ClientGone,
            First::B(First::A(First::B(()))) => Turn::Stopping,
            First::B(First::B(())) => Turn::TimedOut,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.local.waiting.leave(&self.ticket, self.local.mask()) {
            self.local.wake_namesakes();
        }
        // It may have been called for a place that it does not take.
        for gate in &self.ticket.wanted {
            if !gate.is_full() {
                self.local.waiting.call();
                self.local.wake_waiting(&[gate.waiting()]);
            }
        }
    }
}

/// An exchange's permits. However they are given back, who waits for one is told.
#[derive(Debug)]
pub struct Admission {
    local: Rc<Local>,
    /// The permits.
    pub permits: Permits,
}

impl Admission {
    /// None yet.
    pub fn new(local: &Rc<Local>) -> Self {
        Self { local: local.clone(), permits: Permits::default() }
    }

    /// Gives back those of the attempt.
    pub fn leave(&mut self) {
        let waiting = self.permits.leave();
        self.local.wake_waiting(&waiting);
    }

    /// Gives back all.
    pub fn release(&mut self) {
        let waiting = self.permits.release();
        self.local.wake_waiting(&waiting);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.release();
    }
}

impl Local {
    /// This worker's bit among those that wait.
    fn mask(&self) -> u32 {
        1_u32.rotate_left(u32::try_from(self.index()).unwrap_or(0))
    }

    /// Calls as many of those who wait here as there are places free.
    pub fn call_waiting(&self) {
        if self.shared.workers.len() > MASK_BITS {
            self.waiting.announce(self.mask());
        }
        self.waiting.call();
    }

    /// This worker's bit was withdrawn: those who share it, where there are more workers than bits,
    /// announce themselves anew.
    fn wake_namesakes(&self) {
        let (first, workers) = (self.index() % MASK_BITS, self.shared.workers.iter().enumerate());
        for (index, cell) in workers.skip(first).step_by(MASK_BITS) {
            if index != self.index() {
                cell.wake.wake();
            }
        }
    }

    /// Places are free for which these workers wait: wakes one of each, round robin.
    fn wake_waiting(&self, waiting: &[u32]) {
        for &mask in waiting.iter().filter(|&&mask| mask != 0) {
            let round = self.waiting.round.get();
            let bit = mask.rotate_right(round).trailing_zeros().wrapping_add(round) % u32::BITS;
            self.waiting.round.set((bit + 1) % u32::BITS);
            self.wake_workers(bit);
        }
    }

    /// Nobody here can use what is free of `wanted`: whoever waits on the next worker may.
    fn hand_on(&self, wanted: &[&'static Gate]) {
        let own = u32::try_from(self.index() % MASK_BITS).unwrap_or(0);
        for &gate in wanted.iter().filter(|gate| gate.room() > 0) {
            let from_next = gate.waiting().rotate_right(own + 1);
            if from_next == 0 || !self.waiting.hands_on(gate) {
                continue;
            }
            let bit = usize::try_from(from_next.trailing_zeros() + own + 1).unwrap_or(0);
            let others = self.shared.workers.iter().enumerate().skip(bit % MASK_BITS);
            for (_, cell) in others.step_by(MASK_BITS).filter(|(index, _)| *index != self.index()) {
                cell.wake.wake();
            }
        }
    }

    /// Wakes the workers that share `bit`: all of them beyond 32, one up to there.
    fn wake_workers(&self, bit: u32) {
        let first = usize::try_from(bit).unwrap_or(0);
        for (index, cell) in self.shared.workers.iter().enumerate().skip(first).step_by(MASK_BITS) {
            if index == self.index() {
                self.waiting.call();
            } else {
                cell.wake.wake();
            }
        }
    }
}

fn contains(gates: &[&'static Gate], gate: &'static Gate) -> bool {
    gates.iter().any(|other| std::ptr::eq(*other, gate))
}

/// Workers that can be told apart by a gate.
const MASK_BITS: usize = 32;
