//! What is known of one watched socket, and how its waits are ended. Knows no other socket.

use std::task::Waker;

use super::fault::{Cause, Wait};
use super::fd::Fd;
use super::wheel::Entry;
use crate::shared::clock::Millis;

/// One place in the table of watches.
pub struct Slot {
    /// Who ended a wait, if anybody did.
    pub cause: Option<Cause>,
    /// The bound on the wait under way.
    pub deadline: Option<Deadline>,
    /// Whom the socket leads to.
    pub end: End,
    /// `None` = free.
    pub fd: Option<Fd>,
    /// Counted up whenever the slot becomes free.
    pub generation: u32,
    /// Bytes of a request that are held for this connection.
    pub held: usize,
    /// Whether the connection waits for a request, and for which.
    pub idle: Idle,
    /// What the peer's hang-up ends.
    pub on_hangup: OnHangup,
    /// How much of the connection the peer has ended, as far as reported.
    pub peer: Peer,
    /// The tick at which the wheel looks at this slot; `u64::MAX` = not queued.
    pub queued: u64,
    /// What was shut from here.
    shut: Shut,
    /// Who waits for the peer's hang-up, or for the end of a wait that is not on the socket alone.
    pub waiter: Option<Waker>,
}

/// A bound on a wait.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// When the wait ends.
    pub at: Millis,
    /// Which wait.
    pub wait: Wait,
}

/// Whom a socket leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// A client.
    Downstream,
    /// A provider.
    Upstream,
}

/// Whether a connection waits for a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Idle {
    /// It does not.
    No,
    /// For its first one.
    First,
    /// For its next one.
    Next,
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
pub enum OnHangup {
    /// This socket's waits and those of the other one, once the peer is as far as `from`.
    End {
        /// How far the peer must have closed.
        from: Peer,
        /// The slot of the other socket.
        other: Option<Entry>,
    },
    /// Nothing: only remembered.
    Remember,
}

/// What was shut from here. Ordered: nothing is ever opened again.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Shut {
    Nothing,
    Reads,
    Both,
}

impl Slot {
    /// A slot that watches nothing.
    pub fn free() -> Self {
        Self {
            cause: None,
            deadline: None,
            end: End::Downstream,
            fd: None,
            generation: 0,
            held: 0,
            idle: Idle::No,
            on_hangup: OnHangup::Remember,
            peer: Peer::Open,
            queued: u64::MAX,
            shut: Shut::Nothing,
            waiter: None,
        }
    }

    /// Frees the slot for another socket.
    pub fn clear(&mut self) {
        let generation = self.generation.wrapping_add(1);
        *self = Self { generation, ..Self::free() };
    }

    /// Takes in a report that the peer `ended` its side. False when it says nothing new: the kernel
    /// reports a shutdown of our own as if it were the peer's, and each further one again.
    pub fn hears(&mut self, ended: Peer) -> bool {
        let is_ours = match self.shut {
            Shut::Nothing => false,
            Shut::Reads => ended == Peer::HalfClosed,
            Shut::Both => true,
        };
        if is_ours || ended <= self.peer {
            return false;
        }
        self.peer = ended;
        true
    }

    /// Ends the wait whose deadline has come.
    pub fn end_for(&mut self, wait: Wait) {
        match wait {
            Wait::Park => {
                self.cause.get_or_insert(Cause::Deadline(wait));
                self.waiter.take().into_iter().for_each(Waker::wake);
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

    /// Ends waits to read; the socket can still be written to.
    pub fn end_reads(&mut self, cause: Cause) {
        if let Some(fd) = self.fd {
            self.cause.get_or_insert(cause);
            self.shut = self.shut.max(Shut::Reads);
            fd.end_reads();
        }
    }

    /// Ends all waits.
    pub fn end_both(&mut self, cause: Cause) {
        if let Some(fd) = self.fd {
            self.cause.get_or_insert(cause);
            self.shut = Shut::Both;
            fd.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_once_and_only_when_it_goes_further() {
        let mut slot = Slot::free();
        assert!(slot.hears(Peer::HalfClosed));
        assert!(!slot.hears(Peer::HalfClosed));
        assert!(slot.hears(Peer::Broken));
        assert!(!slot.hears(Peer::HalfClosed));
        assert_eq!(slot.peer, Peer::Broken);
    }

    #[test]
    fn what_was_shut_from_here_is_no_hang_up_of_the_peer() {
        let mut slot = Slot { shut: Shut::Reads, ..Slot::free() };
        assert!(!slot.hears(Peer::HalfClosed));
        assert!(slot.hears(Peer::Broken), "a reset is the peer's");
        let mut slot = Slot { shut: Shut::Both, ..Slot::free() };
        assert!(!slot.hears(Peer::Broken));
        assert_eq!(slot.peer, Peer::Open);
    }
}
