//! Ends waits from outside: deadlines and hang-ups, by `shutdown(fd)` on the socket waited on.
//!
//! Never drops a future: a pending read or write then ends by itself and gives its buffer back
//! (D3). Each stream holds a [`Watch`]; a watch is forgotten before its socket closes, so a reused
//! fd number can never be hit.

mod ends;

use std::cell::RefCell;
use std::future::poll_fn;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use rustix::event::epoll;

use super::fault::{Cause, Limit, Wait};
use super::fd::Fd;
use super::slot::{Deadline, OnHangup, Slot};
use super::wheel::{Entry, Wheel};
use crate::shared::clock::Millis;

pub use super::slot::{End, Idle, Peer};

/// One worker's watches: the deadline wheel and the hang-up reports.
pub struct Watchers {
    epoll: OwnedFd,
    sleeper: RefCell<Option<Waker>>,
    table: RefCell<Table>,
}

struct Table {
    free: Vec<u32>,
    slots: Vec<Slot>,
    /// The tick at which the ticker will look next; later arms need not wake it.
    wakes_at: u64,
    wheel: Wheel,
}

impl Watchers {
    /// No watches yet.
    ///
    /// # Errors
    /// When the kernel refuses an epoll instance.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            sleeper: RefCell::new(None),
            table: RefCell::new(Table {
                free: Vec::new(),
                slots: Vec::new(),
                wakes_at: u64::MAX,
                wheel: Wheel::new(tick(Millis::now())),
            }),
        })
    }

    /// Watches `fd`. The caller keeps the watch in front of the stream that owns the socket.
    pub fn watch(self: &Rc<Self>, fd: Fd, end: End) -> Watch {
        let mut table = self.table.borrow_mut();
        let slot = table.free.pop().unwrap_or_else(|| {
            table.slots.push(Slot::free());
            // Sockets are bounded by the limit on open files, far below 2^32.
            u32::try_from(table.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let generation = match table.slot(slot) {
            Some(entry) => {
                entry.fd = Some(fd);
                entry.end = end;
                entry.generation
            }
            None => 0,
        };
        drop(table);
        let entry = Entry { generation, slot };
        // Without a report a hang-up is noticed by the next read or write instead.
        let _unreported = fd.report_hangup(self.epoll.as_fd(), token(entry));
        Watch { watchers: self.clone(), entry }
    }

    /// The worker's ticker: ends waits whose deadline has come. Never returns.
    pub async fn tick(&self) {
        loop {
            let next = self.fire();
            self.sleep_until(next).await;
        }
    }

    /// Acts on the hang-ups reported so far; called when [`Watchers::hangup_fd`] is readable.
    pub fn hear_hangups(&self) {
        let mut events = Vec::with_capacity(64);
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let spare = rustix::buffer::spare_capacity(&mut events);
        if epoll::wait(&self.epoll, spare, Some(&now)).is_err() {
            return; // interrupted: the report stays and is heard next time
        }
        for event in events {
            let (token, flags) = (event.data.u64(), event.flags);
            let entry = Entry { generation: upper(token), slot: lower(token) };
            if flags.intersects(epoll::EventFlags::IN) {
                self.answered_early(entry);
            }
            if flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP) {
                self.hung_up(entry, Peer::Broken);
            } else if flags.intersects(epoll::EventFlags::RDHUP) {
                self.hung_up(entry, Peer::HalfClosed);
            }
        }
    }

    /// The epoll fd, to wait on.
    pub fn hangup_fd(&self) -> &OwnedFd {
        &self.epoll
    }

    fn hung_up(&self, entry: Entry, ended: Peer) {
        let mut table = self.table.borrow_mut();
        if !table.current(entry).is_some_and(|slot| slot.hears(ended)) {
            return;
        }
        table.end_after_hangup(entry);
        let waiter = table.current(entry).and_then(|slot| slot.waiter.take());
        drop(table);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// A peer that answers while it is still written to may have stopped reading: what it has not
    /// taken in a moment will not be taken.
    fn answered_early(&self, entry: Entry) {
        self.bound(entry, Wait::EarlyAnswer, EARLY_ANSWER_MS);
    }

    fn bound(&self, entry: Entry, wait: Wait, ms: u64) {
        let at = Millis::now().plus(ms);
        let due = tick_after(at);
        let mut table = self.table.borrow_mut();
        let Some(slot) = table.current(entry) else { return };
        slot.deadline = Some(Deadline { at, wait });
        if slot.queued <= due {
            return; // the wheel will look in time and put it back
        }
        let queued = table.wheel.insert(due, entry);
        if let Some(slot) = table.current(entry) {
            slot.queued = queued;
        }
        if queued < table.wakes_at {
            table.wakes_at = queued;
            if let Some(sleeper) = self.sleeper.take() {
                sleeper.wake();
            }
        }
    }

    /// Ends what is due and returns the tick to look at next.
    fn fire(&self) -> u64 {
        let mut table = self.table.borrow_mut();
        let now = Millis::now();
        while let Some((at, popped)) = table.wheel.pop(tick(now)) {
            for entry in &popped {
                table.look_at(*entry, at, now);
            }
            table.wheel.recycle(at, popped);
        }
        table.wakes_at = table.wheel.next().unwrap_or(u64::MAX);
        table.wakes_at
    }

    async fn sleep_until(&self, next: u64) {
        let wait = if next == u64::MAX {
            FAR
        } else {
            let at = next.saturating_mul(TICK_MS);
            Duration::from_millis(at.saturating_sub(Millis::now().0) + 1)
        };
        let mut sleep = pin!(monoio::time::sleep(wait));
        poll_fn(|cx| {
            if self.table.borrow().wakes_at < next {
                return Poll::Ready(());
            }
            self.sleeper.replace(Some(cx.waker().clone()));
            sleep.as_mut().poll(cx)
        })
        .await;
    }
}

impl std::fmt::Debug for Watchers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watchers").finish_non_exhaustive()
    }
}

impl Table {
    fn slot(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }

    fn current(&mut self, entry: Entry) -> Option<&mut Slot> {
        self.slot(entry.slot).filter(|s| s.generation == entry.generation && s.fd.is_some())
    }

    /// Ends what a hang-up as far as the one reported ends.
    fn end_after_hangup(&mut self, entry: Entry) {
        let Some(slot) = self.current(entry) else { return };
        let OnHangup::End { from, other } = slot.on_hangup else { return };
        if slot.peer < from {
            return;
        }
        slot.end_both(Cause::ClientGone);
        if let Some(other) = other.and_then(|other| self.current(other)) {
            other.end_both(Cause::ClientGone);
        }
    }

    fn look_at(&mut self, entry: Entry, at: u64, now: Millis) {
        let Some(slot) = self.current(entry) else { return };
        if slot.queued != at {
            return; // queued again for another tick: that one counts
        }
        slot.queued = u64::MAX;
        let Some(deadline) = slot.deadline else { return };
        if deadline.at <= now {
            slot.deadline = None;
            slot.end_for(deadline.wait);
            return;
        }
        let queued = self.wheel.insert(tick_after(deadline.at), entry);
        if let Some(slot) = self.current(entry) {
            slot.queued = queued;
        }
    }
}

/// The watch over one socket. Dropped before the socket closes.
#[derive(Debug)]
pub struct Watch {
    entry: Entry,
    watchers: Rc<Watchers>,
}

impl Watch {
    /// Bounds the wait that begins now; replaces the bound before it.
    pub fn arm(&self, (wait, ms): Limit) {
        match ms {
            Some(ms) => self.watchers.bound(self.entry, wait, ms),
            None => self.disarm(),
        }
    }

    /// Waits until somebody has ended this socket's wait. May be dropped at any time.
    pub async fn ended(&self) {
        poll_fn(|cx| {
            if self.cause().is_some() {
                return Poll::Ready(());
            }
            self.with(|slot| slot.waiter = Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// While `wanted`, an answer of this peer ends a write to it that makes no progress, with an
    /// error and no cause: the answer can be read.
    pub fn on_answer_end_writes(&self, wanted: bool) {
        let Some(fd) = self.with(|slot| slot.fd).flatten() else { return };
        // Unregistered: such a write ends by its own deadline.
        let _late = fd.report_input(self.watchers.epoll.as_fd(), token(self.entry), wanted);
    }

    /// No wait is bound any more.
    pub fn disarm(&self) {
        self.with(|slot| slot.deadline = None);
    }

    /// Who ended this socket's wait, if anybody did.
    pub fn cause(&self) -> Option<Cause> {
        self.with(|slot| slot.cause).flatten()
    }

    /// Forgets the cause: the socket is used on, in the direction that was not ended.
    pub fn forgive(&self) {
        self.with(|slot| slot.cause = None);
    }

    /// Whether this connection waits for a request, so that a drain may end it.
    pub fn set_idle(&self, idle: Idle) {
        self.with(|slot| slot.idle = idle);
    }

    /// How many bytes of a request are held for this connection.
    pub fn set_held(&self, bytes: usize) {
        self.with(|slot| slot.held = bytes);
    }

    /// How much of the connection the peer has ended, as far as reported.
    pub fn peer(&self) -> Peer {
        self.with(|slot| slot.peer).unwrap_or(Peer::Broken)
    }

    /// Waits until the peer has hung up as far as `from`. May be dropped at any time.
    pub async fn hung_up(&self, from: Peer) {
        poll_fn(|cx| {
            if self.peer() >= from {
                return Poll::Ready(());
            }
            self.with(|slot| slot.waiter = Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// From now on this peer's hang-up, once as far as `from`, ends the waits of both sockets.
    pub fn on_hangup_end(&self, from: Peer, other: Option<&Self>) {
        let other = other.map(|watch| watch.entry);
        self.with(|slot| slot.on_hangup = OnHangup::End { from, other });
        self.watchers.table.borrow_mut().end_after_hangup(self.entry);
    }

    /// From now on a hang-up of this peer is only remembered.
    pub fn on_hangup_remember(&self) {
        self.with(|slot| slot.on_hangup = OnHangup::Remember);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        self.watchers.table.borrow_mut().current(self.entry).map(act)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut table = self.watchers.table.borrow_mut();
        if let Some(slot) = table.current(self.entry) {
            slot.clear();
            table.free.push(self.entry.slot);
        }
    }
}

fn tick(at: Millis) -> u64 {
    at.0 / TICK_MS
}

/// The first tick at which `at` has passed.
fn tick_after(at: Millis) -> u64 {
    at.0.div_ceil(TICK_MS)
}

fn token(entry: Entry) -> u64 {
    u64::from(entry.generation) << 32 | u64::from(entry.slot)
}

fn upper(token: u64) -> u32 {
    u32::try_from(token >> 32).unwrap_or(0)
}

fn lower(token: u64) -> u32 {
    u32::try_from(token & u64::from(u32::MAX)).unwrap_or(0)
}

/// Deadlines are checked this often: late by at most this, never early.
const TICK_MS: u64 = 20;
/// How long a peer that has answered may take for what is being written to it.
const EARLY_ANSWER_MS: u64 = 500;
/// A sleep with nothing to wait for.
const FAR: Duration = Duration::from_secs(3_600);
