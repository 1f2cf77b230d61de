//! Whose turn it is among those that take turns: one counter for all workers, so that a cycle is
//! exact whoever asks. Never knows who they are.

use super::atomic::{AtomicU64, Ordering};

/// A counter that goes round.
#[derive(Debug)]
pub struct Turn(AtomicU64);

impl Turn {
    /// The next of `cycle` turns, counted from 0. Over `cycle` calls each comes once.
    pub fn next(&self, cycle: u32) -> u32 {
        let cycle = u64::from(cycle.max(1));
        // Relaxed: the count is all there is. It stays below the cycle, so that none is cut short
        // where the counter would wrap.
        let step = |turn: u64| Some((turn % cycle + 1) % cycle);
        let turn = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        u32::try_from(turn.unwrap_or_default() % cycle).unwrap_or(0)
    }

    /// What [`Self::next`] would give. Takes no turn.
    pub fn peek(&self, cycle: u32) -> u32 {
        let turn = self.0.load(Ordering::Relaxed) % u64::from(cycle.max(1));
        u32::try_from(turn).unwrap_or(0)
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn l23_turns_go_round_and_wrap_without_panic() {
        for cycle in [1, 3, 100] {
            let turn = Turn::default();
            for expected in (0..cycle).chain(0..cycle) {
                assert_eq!(turn.peek(cycle), expected);
                assert_eq!(turn.next(cycle), expected);
            }
        }
        let turn = Turn(AtomicU64::new(u64::MAX - 1));
        let first = turn.next(3);
        let after: Vec<u32> = (0..3).map(|_| turn.next(3)).collect();
        assert_eq!(after, [(first + 1) % 3, (first + 2) % 3, first]);
        assert_eq!(Turn::default().next(0), 0);
    }

    #[test]
    fn l26_ten_threads_take_each_turn_equally_often() {
        let (turn, taken) = (Turn::default(), [const { AtomicU32::new(0) }; 3]);
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| {
                    for _ in 0..99 {
                        let at = usize::try_from(turn.next(3)).unwrap();
                        taken.get(at).unwrap().fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        for count in &taken {
            assert_eq!(count.load(Ordering::Relaxed), 330);
        }
    }
}
