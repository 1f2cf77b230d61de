//! The loop around `next`: a word that two threads may change, changed by compare-and-swap only.
//! Adds nothing but the retry; the rules are `transition`'s.

use super::reason::Reason;
use super::transition::{Event, Ladder, Recheck, next};
use super::word::{DEADLINE_MAX, Word};
use crate::shared::atomic::{AtomicU64, Ordering};
use crate::shared::clock::Millis;

/// The state word of a credential or of one of its classes. Any worker and the control plane
/// write it, each by [`StateWord::apply`].
#[derive(Debug)]
pub struct StateWord(AtomicU64);

/// A change that the caller made, and nobody else: the one who tells of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transition {
    /// The word before.
    pub from: Word,
    /// The word after.
    pub to: Word,
}

/// A provider's cooldown settings, as marks need them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// `cooldown.base`, `.ceiling` and `.jitter`.
    pub ladder: Ladder,
    /// `auth_recheck`; `None` when off.
    pub recheck: Option<Recheck>,
    /// `cooldown.retry_after_cap`, ms.
    pub wait_max_ms: u64,
}

/// A 429 as it is marked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark {
    /// Which limit.
    pub reason: Reason,
    /// Any number: what the ladder's jitter is made of.
    pub seed: u32,
    /// How long, ms, as the upstream said; absent, 0 or less: the ladder's next step.
    pub wait_ms: Option<i64>,
}

impl StateWord {
    /// A word that knows nothing.
    pub fn new() -> Self {
        Self(AtomicU64::new(Word::default().bits()))
    }

    /// The word as it is.
    #[inline]
    pub fn load(&self) -> Word {
        // Acquire: who sees a replaced credential's new word must see its new material version.
        Word::from_bits(self.0.load(Ordering::Acquire))
    }

    /// Knows nothing again, not even its epoch: only where no attempt of before can be left.
    pub(super) fn forget(&self) {
        // Relaxed: whoever makes the place ready publishes it.
        self.0.store(Word::default().bits(), Ordering::Relaxed);
    }

    /// Applies `event`; `None` when it changed nothing.
    pub fn apply(&self, event: Event, now: Millis) -> Option<Transition> {
        let mut from = self.load();
        loop {
            let to = next(from, event, now);
            if to == from {
                return None;
            }
            // AcqRel: publishes the material version and the class words that were written before,
            // and orders this change after the one it builds on.
            let swapped = self.0.compare_exchange_weak(
                from.bits(),
                to.bits(),
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match swapped {
                Ok(_) => return Some(Transition { from, to }),
                Err(seen) => from = Word::from_bits(seen),
            }
        }
    }
}

impl Default for StateWord {
    fn default() -> Self {
        Self::new()
    }
}

impl Mark {
    /// The event of this mark for an attempt that began with `began`.
    pub fn event(self, began: Word, policy: &Policy, now: Millis) -> Event {
        let reason = self.reason;
        match self.wait_ms.and_then(|wait_ms| u64::try_from(wait_ms).ok()) {
            Some(wait_ms) if wait_ms > 0 => {
                let until = now.plus(wait_ms.min(policy.wait_max_ms)).min(DEADLINE_MAX);
                Event::Limited { began, reason, until }
            }
            _ => {
                let (ladder, seed) = (policy.ladder, self.seed);
                Event::LimitedNoHeader { began, ladder, reason, seed }
            }
        }
    }
}

/// The right of one attempt to probe an auth-failed word. Dropped without a verdict, it makes the
/// word due again at once; a verdict changes the word, and then the drop changes nothing.
#[derive(Debug)]
#[must_use = "a dropped lease is given back"]
pub struct Lease {
    held: Word,
    taken: Millis,
    word: &'static StateWord,
}

impl Lease {
    /// Takes the lease of `word` until `until`; `None` when no probe is due or another one was
    /// faster.
    pub fn take(word: &'static StateWord, until: Millis, now: Millis) -> Option<Self> {
        let held = word.apply(Event::LeaseTaken { until }, now)?.to;
        Some(Self { held, taken: now, word })
    }

    /// The word that the lease made: what the probe's events carry.
    pub fn word(&self) -> Word {
        self.held
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // "Due now" said with the time of taking, which is not after now: a drop has no clock.
        let _settled = self.word.apply(Event::LeaseReturned { lease: self.held }, self.taken);
    }
}

#[cfg(all(test, tidegate_loom))]
mod loom_tests;

#[cfg(all(test, not(tidegate_loom)))]
mod tests;
