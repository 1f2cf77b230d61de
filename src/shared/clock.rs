//! Coarse monotonic milliseconds: 5 ns a reading, precise to a kernel tick. No calendar here.

use rustix::time::{ClockId, clock_gettime};

use super::credential::utilization::Wall;

/// Milliseconds on the kernel's coarse monotonic clock.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Millis(pub u64);

impl Millis {
    /// Now, at most one kernel tick (1 to 10 ms) old.
    pub fn now() -> Self {
        Self(read(ClockId::MonotonicCoarse))
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

/// Calendar time: the wall clock as it stood at start, and the monotonic time since. Setting the
/// clock back disturbs nothing.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    at: Millis,
    unix_ms: u64,
}

impl WallClock {
    /// The wall clock as it stands now.
    pub fn start() -> Self {
        Self { at: Millis::now(), unix_ms: read(ClockId::RealtimeCoarse) }
    }

    /// Now.
    pub fn now(&self) -> Wall {
        Wall(self.unix_ms.saturating_add(Millis::now().since(self.at)))
    }
}

/// Nanoseconds on the kernel's monotonic clock: 20 ns a reading, for spans and nothing else.
pub fn precise_ns() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(t.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(t.tv_nsec).unwrap_or(0))
}

fn read(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    let seconds = u64::try_from(t.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(t.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}
