//! One slot per watched socket: its deadline, what a hang-up of its peer ends, who ended it.
//! Knows sockets by number only, and no task.

use monoio::io::Canceller;

use crate::data_plane::io::fault::{Cause, Wait};
use crate::data_plane::io::fd::Fd;
use crate::data_plane::io::wheel::{Entry, Wheel};
use crate::shared::clock::Millis;

pub(super) struct Table {
    pub(super) free: Vec<u32>,
    pub(super) slots: Vec<Slot>,
    /// The tick at which the ticker will look next; later arms need not wake it.
    pub(super) wakes_at: u64,
    pub(super) wheel: Wheel,
}

pub(super) struct Slot {
    /// Ends a read without ending the connection; only while one holds a buffer.
    pub(super) canceller: Option<Canceller>,
    pub(super) cause: Option<Cause>,
    pub(super) deadline: Option<Deadline>,
    pub(super) end: End,
    /// `None` = free.
    pub(super) fd: Option<Fd>,
    pub(super) generation: u32,
    pub(super) idle: bool,
    pub(super) on_hangup: OnHangup,
    pub(super) peer: Peer,
    /// The tick at which the wheel looks at this slot; `u64::MAX` = not queued.
    pub(super) queued: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) at: Millis,
    pub(super) wait: Wait,
}

/// Whom a socket leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// A client.
    Downstream,
    /// A provider.
    Upstream,
}

/// How much of a connection the peer has ended. Ordered: it never comes back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Peer {
    /// Nothing.
    Open,
    /// FIN seen: it sends no more, but may still read.
    HalfClosed,
    /// Both directions closed, or reset.
    Broken,
}

/// What a hang-up of this socket's peer ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OnHangup {
    /// This socket's waits and those of the other one, once the peer is as far as `from`.
    End { from: Peer, other: Option<Entry> },
    /// Nothing: only remembered.
    Remember,
}

impl Table {
    pub(super) fn slot(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }

    pub(super) fn current(&mut self, entry: Entry) -> Option<&mut Slot> {
        self.slot(entry.slot).filter(|s| s.generation == entry.generation && s.fd.is_some())
    }

    /// A peer that answers while it is still written to may have stopped reading: what it has not
    /// taken in a moment will not be taken.
    pub(super) fn answered_early(&mut self, entry: Entry) {
        let at = Millis::now().plus(EARLY_ANSWER_MS);
        let queued = self.wheel.insert(tick_after(at), entry);
        self.wakes_at = self.wakes_at.min(queued);
        if let Some(slot) = self.current(entry) {
            slot.deadline = Some(Deadline { at, wait: Wait::EarlyAnswer });
            slot.queued = queued;
        }
    }

    pub(super) fn look_at(&mut self, entry: Entry, at: u64, now: Millis) {
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

impl Slot {
    pub(super) fn free() -> Self {
        Self {
            canceller: None,
            cause: None,
            deadline: None,
            end: End::Downstream,
            fd: None,
            generation: 0,
            idle: false,
            on_hangup: OnHangup::Remember,
            peer: Peer::Open,
            queued: u64::MAX,
        }
    }

    pub(super) fn end_for(&mut self, wait: Wait) {
        match wait {
            Wait::Park => {
                self.cause.get_or_insert(Cause::Deadline(wait));
                // The read is awaited to its end and may still bring data (D3).
                drop(self.canceller.take().map(Canceller::cancel));
            }
            // The answer is there to be read.
            Wait::EarlyAnswer => {
                if let Some(fd) = self.fd {
                    fd.end_writes();
                }
            }
            // The answer to a slow client still has to go out.
            Wait::Exchange if self.end == End::Downstream => {
                self.end_reads(Cause::Deadline(wait));
            }
            Wait::ClientHead | Wait::ClientBody | Wait::KeepAlive | Wait::Linger => {
                self.end_reads(Cause::Deadline(wait));
            }
            _ => self.end_both(Cause::Deadline(wait)),
        }
    }

    pub(super) fn end_reads(&mut self, cause: Cause) {
        if let Some(fd) = self.fd {
            self.cause.get_or_insert(cause);
            fd.end_reads();
        }
    }

    pub(super) fn end_both(&mut self, cause: Cause) {
        if let Some(fd) = self.fd {
            self.cause.get_or_insert(cause);
            fd.end();
        }
    }
}

pub(super) fn tick(at: Millis) -> u64 {
    at.0 / TICK_MS
}

/// The first tick at which `at` has passed.
pub(super) fn tick_after(at: Millis) -> u64 {
    at.0.div_ceil(TICK_MS)
}

/// Deadlines are checked this often: late by at most this, never early.
pub(super) const TICK_MS: u64 = 20;
/// How long a peer that has answered may take for what is being written to it.
const EARLY_ANSWER_MS: u64 = 500;
