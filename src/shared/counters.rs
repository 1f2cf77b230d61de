//! What one worker counts, on its own cache line; readers sum over workers.

use crossbeam::utils::CachePadded;

use super::atomic::{AtomicU32, AtomicU64, Ordering};

/// One worker's counters. Written by that worker alone, so plain load-and-store is enough.
#[derive(Debug, Default)]
pub struct Counters {
    /// TLS handshakes of clients that came to nothing.
    pub handshakes: Handshakes,
    inner: CachePadded<Inner>,
}

/// TLS handshakes that came to nothing, by why.
#[derive(Debug, Default)]
pub struct Handshakes {
    refused: AtomicU64,
    timed_out: AtomicU64,
}

impl Handshakes {
    /// One that was not acceptable, to either side.
    pub fn refused(&self) {
        count(&self.refused);
    }

    /// One that took too long (`timeouts.tls_handshake`).
    pub fn timed_out(&self) {
        count(&self.timed_out);
    }

    /// Both counts so far: refused, and timed out.
    pub fn read(&self) -> (u64, u64) {
        (self.refused.load(Ordering::Relaxed), self.timed_out.load(Ordering::Relaxed))
    }
}

#[derive(Debug, Default)]
struct Inner {
    beats: AtomicU64,
    connections: AtomicU32,
    in_flight: AtomicU32,
    panics: AtomicU64,
    turned_away: AtomicU64,
}

impl Counters {
    /// Client connections open on this worker.
    pub fn connections(&self) -> u32 {
        self.inner.connections.load(Ordering::Relaxed)
    }

    /// Exchanges under way on this worker.
    pub fn in_flight(&self) -> u32 {
        self.inner.in_flight.load(Ordering::Relaxed)
    }

    /// Connection tasks that panicked on this worker.
    pub fn panics(&self) -> u64 {
        self.inner.panics.load(Ordering::Relaxed)
    }

    /// How often this worker has looked after itself; it does so about once a second.
    pub fn beats(&self) -> u64 {
        self.inner.beats.load(Ordering::Relaxed)
    }

    /// This worker is alive.
    pub fn beat(&self) {
        count(&self.inner.beats);
    }

    /// Connections turned away for want of files, or over the limit, so far.
    pub fn turned_away(&self) -> u64 {
        self.inner.turned_away.load(Ordering::Relaxed)
    }

    /// A connection was turned away.
    pub fn turn_away(&self) {
        count(&self.inner.turned_away);
    }

    /// A connection opened.
    pub fn connection_opened(&self) {
        bump(&self.inner.connections, 1);
    }

    /// A connection closed.
    pub fn connection_closed(&self) {
        bump(&self.inner.connections, u32::MAX);
    }

    /// An exchange began.
    pub fn exchange_began(&self) {
        bump(&self.inner.in_flight, 1);
    }

    /// An exchange ended.
    pub fn exchange_ended(&self) {
        bump(&self.inner.in_flight, u32::MAX);
    }

    /// A connection task panicked.
    pub fn panicked(&self) {
        count(&self.inner.panics);
    }
}

/// Relaxed load and store: a count with one writer needs no locked instruction.
fn bump(count: &AtomicU32, by: u32) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

/// As [`bump`], by one.
fn count(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}
