//! Circuit breakers (BEHAVIOUR 6): one word per provider and model class, changed only by
//! compare-and-swap through one pure function. Says whether an attempt may begin; never makes one,
//! never waits.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;

use super::atomic::{AtomicU64, Ordering};
use super::clock::Millis;
use super::credential::model_class::{CLASSES_MAX, Class};
use word::{Event, Word, next};

mod word;

pub use word::{Policy, State};

/// The breakers of one provider. Outlive configurations, as the states of keys do.
#[derive(Debug)]
pub struct Breakers {
    hasher: RandomState,
    named: [Breaker; CLASSES_MAX],
    /// Of models whose class has no name yet, or never gets one: a model that fails from the start
    /// must not stand in the way of others that have no name either. By a hash that nobody can
    /// choose, so that few share one.
    unnamed: Box<[Breaker]>,
}

/// One breaker.
#[derive(Debug, Default)]
pub struct Breaker(BreakerWord);

#[derive(Debug)]
struct BreakerWord(AtomicU64);

/// Leave to make an attempt. Tell what came of it; dropped without a word it counts for nothing,
/// and a probe's place is free again.
#[derive(Debug)]
#[must_use = "a dropped pass gives its place back"]
pub struct Pass<'b> {
    breaker: &'b Breaker,
    /// The opening it belongs to: what is told later than the next one changes nothing.
    epoch: u64,
    is_probe: bool,
    is_told: bool,
    policy: Policy,
}

impl Breakers {
    /// All closed.
    pub fn new() -> Self {
        Self {
            hasher: RandomState::default(),
            named: std::array::from_fn(|_| Breaker::default()),
            unnamed: (0..UNNAMED).map(|_| Breaker::default()).collect(),
        }
    }

    /// The breaker of a class; `name` is that of its class or model, where it has no place of its
    /// own.
    pub fn of(&self, class: Class, name: &str) -> &Breaker {
        let named = match class {
            Class::Named(index) => self.named.get(usize::from(index)),
            Class::Other => None,
        };
        named.unwrap_or_else(|| {
            let places = u64::try_from(UNNAMED).unwrap_or(1);
            let place = usize::try_from(self.hasher.hash_one(name) % places).unwrap_or(0);
            // A remainder is below the number of places.
            self.unnamed.get(place).unwrap_or(&self.named[0])
        })
    }

    /// Each breaker with the class it is of, those of classes without a name as one: the one that
    /// is furthest from closed.
    pub fn states(&self, now: Millis) -> impl Iterator<Item = (Class, State)> {
        let named = (0_u8..).zip(&self.named);
        let named = named.map(move |(index, breaker)| (Class::Named(index), breaker.state(now)));
        let unnamed = self.unnamed.iter().map(move |breaker| breaker.state(now));
        let worst = unnamed.max_by_key(State::severity).unwrap_or(State::Closed);
        named.chain(std::iter::once((Class::Other, worst)))
    }
}

impl Default for Breakers {
    fn default() -> Self {
        Self::new()
    }
}

impl Breaker {
    /// Leave for one attempt.
    ///
    /// # Errors
    /// Milliseconds until another try may be worth it, when it is open or all probes are out.
    pub fn enter(&self, policy: Policy, now: Millis) -> Result<Pass<'_>, u64> {
        let mut refused = 0;
        // Acquire pairs with the Release of whoever opened it: of what it was opened for nothing
        // is read, but the order of openings stays that of their words.
        let entered = self.0.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |bits| {
            let word = Word::of(bits);
            match word.state(now) {
                State::Closed => Some(bits),
                State::Open { wait_ms } => {
                    refused = wait_ms;
                    None
                }
                State::HalfOpen => {
                    refused = FULL_WAIT_MS;
                    next(word, Event::Enter, &policy, now).map(Word::bits)
                }
            }
        });
        let before = Word::of(entered.map_err(|_| refused)?);
        let is_probe = before.state(now) != State::Closed;
        let epoch = before.epoch();
        Ok(Pass { breaker: self, epoch, is_probe, is_told: false, policy })
    }

    /// What it is now.
    pub fn state(&self, now: Millis) -> State {
        self.word().state(now)
    }

    fn word(&self) -> Word {
        Word::of(self.0.0.load(Ordering::Acquire))
    }

    /// The state before and after, where the event changed anything.
    fn apply(&self, event: Event, policy: &Policy, now: Millis) -> Option<(State, State)> {
        let changed = self.0.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |bits| {
            next(Word::of(bits), event, policy, now).map(Word::bits)
        });
        let before = Word::of(changed.ok()?);
        let after = next(before, event, policy, now)?;
        Some((before.state(now), after.state(now)))
    }
}

impl Default for BreakerWord {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl<'b> Pass<'b> {
    /// The model has got a class of its own, with a breaker of its own: what is known of the model
    /// goes along. Of probes that are out meanwhile only this one does.
    pub fn move_to(&mut self, to: &'b Breaker) {
        if std::ptr::eq(self.breaker, to) {
            return;
        }
        let word = self.breaker.word();
        let moved = word.with_leases(u8::from(self.is_probe));
        // Only a breaker that nothing is known of takes it over, and only one that nobody else has
        // changed meanwhile is left clean. AcqRel as in `apply`.
        let (all, done) = (Ordering::AcqRel, Ordering::Acquire);
        let _known = to.0.0.compare_exchange(0, moved.bits(), all, done);
        let left = self.breaker.0.0.compare_exchange(word.bits(), 0, all, done);
        if left.is_err() && self.is_probe {
            let event = Event::Left { epoch: self.epoch };
            let _changed = self.breaker.apply(event, &self.policy, Millis(0));
        }
        self.breaker = to;
    }

    /// The provider failed. The new state, when that opened the breaker.
    pub fn failed(mut self, now: Millis) -> Option<State> {
        self.is_told = true;
        let event = Event::Failed { epoch: self.epoch, is_probe: self.is_probe };
        let (_, after) = self.breaker.apply(event, &self.policy, now)?;
        Some(after).filter(|after| matches!(after, State::Open { .. }))
    }

    /// The provider answered. True when that closed the breaker.
    pub fn succeeded(mut self, now: Millis) -> bool {
        self.is_told = true;
        let event = Event::Succeeded { epoch: self.epoch, is_probe: self.is_probe };
        let changed = self.breaker.apply(event, &self.policy, now);
        changed.is_some_and(|(before, after)| before != State::Closed && after == State::Closed)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe && !self.is_told {
            let event = Event::Left { epoch: self.epoch };
            let _changed = self.breaker.apply(event, &self.policy, Millis(0));
        }
    }
}

/// Until a probe that is out may have come back.
const FULL_WAIT_MS: u64 = 1_000;
/// Places for models without a class of their own.
/// Two models share one by a chance of 1 in 4,096.
const UNNAMED: usize = if cfg!(tidegate_loom) { 1 } else { 4_096 };

#[cfg(all(test, not(tidegate_loom)))]
mod tests;

#[cfg(all(test, tidegate_loom))]
mod loom_tests;
