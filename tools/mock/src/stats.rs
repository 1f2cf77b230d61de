//! Counters, one set per worker so that workers never share a cache line.
//!
//! Never reset by themselves; `POST /__mock/reset` leaves them too.

use std::sync::atomic::{AtomicU64, Ordering};

/// One worker's counters.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    accepted: AtomicU64,
    answered: AtomicU64,
    bytes_out: AtomicU64,
    closed: AtomicU64,
    received: AtomicU64,
}

/// The sum over workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub accepted: u64,
    pub answered: u64,
    pub bytes_out: u64,
    pub closed: u64,
    pub received: u64,
}

impl Totals {
    /// Requests whose answer is not over.
    pub fn in_flight(&self) -> u64 {
        self.received.saturating_sub(self.answered)
    }
}

// Relaxed everywhere: they are read as statistics and order nothing.
impl Counters {
    /// A connection came.
    pub fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection is gone.
    pub fn closed(&self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// A request head was read.
    pub fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer, or what a fault left of it, is over.
    pub fn answered(&self, bytes: u64) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds this worker to `totals`.
    pub fn add_to(&self, totals: &mut Totals) {
        totals.accepted += self.accepted.load(Ordering::Relaxed);
        totals.answered += self.answered.load(Ordering::Relaxed);
        totals.bytes_out += self.bytes_out.load(Ordering::Relaxed);
        totals.closed += self.closed.load(Ordering::Relaxed);
        totals.received += self.received.load(Ordering::Relaxed);
    }
}
