//! Coarse monotonic milliseconds: 5 ns a reading, precise to a kernel tick. No calendar here.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds on the kernel's coarse monotonic clock.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Millis(pub u64);

impl Millis {
    /// Now, at most one kernel tick (1 to 10 ms) old.
    pub fn now() -> Self {
        let t = clock_gettime(ClockId::MonotonicCoarse);
        let seconds = u64::try_from(t.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(t.tv_nsec).unwrap_or(0);
        Self(seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000))
    }

    /// This instant and `ms` more; saturates.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant; 0 when `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
