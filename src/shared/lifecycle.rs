//! Running, draining, stopping: one byte that only ever goes forward.

use crossbeam::utils::CachePadded;

use super::atomic::{AtomicU8, Ordering};

/// Where the process is in its life. Ordered: a later phase never goes back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// Serving.
    Running,
    /// `/health` says 503, requests are still served, listeners still accept (`drain.lame_duck`).
    LameDuck,
    /// Another process has the listeners: nothing is accepted here any more, and connections end
    /// with the request that they carry or are opened for.
    HandedOver,
    /// Accept queues are emptied and listeners closed; exchanges under way end.
    Draining,
    /// The drain's deadline or a second signal: everything ends now.
    Stopping,
}

/// The process's phase, written by the control plane, read by every worker.
#[derive(Debug)]
pub struct Lifecycle {
    phase: CachePadded<AtomicU8>,
}

impl Lifecycle {
    /// Running.
    pub fn new() -> Self {
        Self { phase: CachePadded::new(AtomicU8::new(0)) }
    }

    /// The present phase.
    pub fn phase(&self) -> Phase {
        // Acquire: what was written before the phase moved is seen by who sees the phase.
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::LameDuck,
            2 => Phase::HandedOver,
            3 => Phase::Draining,
            _ => Phase::Stopping,
        }
    }

    /// Moves forward to `phase`; a phase already passed stays passed.
    pub fn advance(&self, phase: Phase) {
        let byte = match phase {
            Phase::Running => 0,
            Phase::LameDuck => 1,
            Phase::HandedOver => 2,
            Phase::Draining => 3,
            Phase::Stopping => 4,
        };
        // AcqRel: pairs with the Acquire in `phase`.
        self.phase.fetch_max(byte, Ordering::AcqRel);
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_phase_never_goes_back() {
        let lifecycle = Lifecycle::new();
        assert_eq!(lifecycle.phase(), Phase::Running);
        lifecycle.advance(Phase::Draining);
        lifecycle.advance(Phase::LameDuck);
        assert_eq!(lifecycle.phase(), Phase::Draining);
        lifecycle.advance(Phase::Stopping);
        assert_eq!(lifecycle.phase(), Phase::Stopping);
    }
}

#[cfg(all(test, tidegate_loom))]
mod loom_tests {
    use super::*;

    #[test]
    fn two_writers_leave_the_later_phase() {
        loom::model(|| {
            let lifecycle = loom::sync::Arc::new(Lifecycle::new());
            let other = {
                let lifecycle = lifecycle.clone();
                loom::thread::spawn(move || lifecycle.advance(Phase::Stopping))
            };
            lifecycle.advance(Phase::LameDuck);
            other.join().expect("the writer ends");
            assert_eq!(lifecycle.phase(), Phase::Stopping);
        });
    }

    /// The mutant twin: a plain store instead of `fetch_max` loses the later phase.
    #[test]
    #[should_panic(expected = "went back")]
    fn a_plain_store_is_caught() {
        loom::model(|| {
            let lifecycle = loom::sync::Arc::new(Lifecycle::new());
            let other = {
                let lifecycle = lifecycle.clone();
                loom::thread::spawn(move || lifecycle.phase.store(4, Ordering::Release))
            };
            lifecycle.phase.store(1, Ordering::Release);
            other.join().expect("the writer ends");
            assert_eq!(lifecycle.phase(), Phase::Stopping, "went back");
        });
    }
}
