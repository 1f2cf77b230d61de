//! Whether the control plane lives: it notes the time as it works, and workers look when they are
//! asked for their health. Never waits.

use super::atomic::{AtomicU64, Ordering};
use super::clock::Millis;

/// When the control plane was last seen at work.
#[derive(Debug)]
pub struct Pulse(AtomicU64);

/// How the control plane is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ControlPlane {
    /// It has failed and will not work again in this process.
    Failed,
    /// At work.
    Ok,
    /// Not seen at work for 10 s.
    Stuck,
}

impl Pulse {
    /// At work at `now`.
    pub fn new(now: Millis) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// At work at `now`; a plane that has failed stays so.
    pub fn beat(&self, now: Millis) {
        // Relaxed: nothing is published by it. One writer, so no beat is lost to a race.
        if self.0.load(Ordering::Relaxed) != FAILED {
            self.0.store(now.0, Ordering::Relaxed);
        }
    }

    /// It will not work again.
    pub fn fail(&self) {
        self.0.store(FAILED, Ordering::Relaxed);
    }

    /// How it is at `now`.
    pub fn of(&self, now: Millis) -> ControlPlane {
        match self.0.load(Ordering::Relaxed) {
            FAILED => ControlPlane::Failed,
            last if now.since(Millis(last)) > SILENCE_MS => ControlPlane::Stuck,
            _ => ControlPlane::Ok,
        }
    }
}

impl ControlPlane {
    /// The word for health answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Ok => "ok",
            Self::Stuck => "stuck",
        }
    }
}

const FAILED: u64 = u64::MAX;
/// It beats each second.
const SILENCE_MS: u64 = 10_000;

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    #[test]
    fn silence_is_noticed_and_a_failure_is_for_good() {
        let pulse = Pulse::new(Millis(5));
        assert_eq!(pulse.of(Millis(5 + SILENCE_MS)), ControlPlane::Ok);
        assert_eq!(pulse.of(Millis(6 + SILENCE_MS)), ControlPlane::Stuck);
        pulse.beat(Millis(20_000));
        assert_eq!(pulse.of(Millis(20_001)), ControlPlane::Ok);
        assert_eq!(pulse.of(Millis(3)), ControlPlane::Ok, "clocks of two cores may differ");
        pulse.fail();
        pulse.beat(Millis(20_002));
        assert_eq!(pulse.of(Millis(20_003)), ControlPlane::Failed);
    }
}
