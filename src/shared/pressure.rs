//! How near the process is to its memory limit, in steps that workers act on (HARDENING 2).

use crossbeam::utils::CachePadded;

use super::atomic::{AtomicU8, Ordering};

/// What memory pressure asks for. Ordered: each step asks for all before it too.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Pressure {
    /// Nothing.
    Calm,
    /// Idle connections are kept for a quarter of the time.
    Tight,
    /// No connection is kept.
    NoKeepAlive,
    /// New requests are answered 503.
    Refuse,
    /// New connections are let in slowly.
    Pause,
    /// Those who hold most are let go.
    Shed,
}

impl Pressure {
    /// Lowest first.
    const ALL: [Self; 6] =
        [Self::Calm, Self::Tight, Self::NoKeepAlive, Self::Refuse, Self::Pause, Self::Shed];

    /// The percentage of the limit from which on it holds.
    const fn floor_percent(self) -> u64 {
        match self {
            Self::Calm => 0,
            Self::Tight => 80,
            Self::NoKeepAlive => 88,
            Self::Refuse => 92,
            Self::Pause => 95,
            Self::Shed => 97,
        }
    }

    /// For the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Tight => "tight",
            Self::NoKeepAlive => "no_keep_alive",
            Self::Refuse => "refuse",
            Self::Pause => "pause",
            Self::Shed => "shed",
        }
    }

    /// What so many percent of the limit ask for when it was `self` so far: up at once, down once
    /// it is two percent below, so that it does not flutter.
    #[must_use]
    pub fn at(self, percent: u64) -> Self {
        let up = Self::highest(percent);
        if up >= self { up } else { Self::highest(percent + 2).min(self) }
    }

    fn highest(percent: u64) -> Self {
        let reached = Self::ALL.into_iter().rev().find(|step| percent >= step.floor_percent());
        reached.unwrap_or(Self::Calm)
    }
}

/// The present pressure, written by the control plane, read by every worker.
#[derive(Debug)]
pub struct Gauge {
    word: CachePadded<AtomicU8>,
}

impl Gauge {
    /// Calm.
    pub fn new() -> Self {
        Self { word: CachePadded::new(AtomicU8::new(0)) }
    }

    /// The present pressure.
    pub fn pressure(&self) -> Pressure {
        // Relaxed: publishes nothing else.
        let step = usize::from(self.word.load(Ordering::Relaxed));
        Pressure::ALL.get(step).copied().unwrap_or(Pressure::Shed)
    }

    /// From now on it is this much.
    pub fn set(&self, pressure: Pressure) {
        let step = Pressure::ALL.iter().position(|one| *one == pressure);
        let step = step.and_then(|step| u8::try_from(step).ok()).unwrap_or(0);
        self.word.store(step, Ordering::Relaxed);
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_step_begins_at_its_percentage_and_ends_two_below() {
        let mut pressure = Pressure::Calm;
        for (percent, expected) in [
            (79, Pressure::Calm),
            (80, Pressure::Tight),
            (79, Pressure::Tight),
            (77, Pressure::Calm),
            (97, Pressure::Shed),
            (96, Pressure::Shed),
            (94, Pressure::Pause),
            (92, Pressure::Refuse),
            (91, Pressure::Refuse),
            (86, Pressure::NoKeepAlive),
            (85, Pressure::Tight),
            (0, Pressure::Calm),
            (200, Pressure::Shed),
        ] {
            pressure = pressure.at(percent);
            assert_eq!(pressure, expected, "{percent}");
            let gauge = Gauge::new();
            gauge.set(pressure);
            assert_eq!(gauge.pressure(), pressure);
        }
    }
}
