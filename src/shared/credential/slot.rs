//! One credential's atomics: its state words, its gate, the version of its material, its readings.
//! Never holds the material itself: that is the snapshot's, told apart by version.

use crossbeam::utils::CachePadded;

use super::CredentialId;
use super::cooldown::{StateWord, Transition};
use super::model_class::{CLASSES_MAX, Class};
use super::reason::Reason;
use super::transition::Event;
use super::utilization::{ReadingWord, Wall, Windows};
use super::word::Word;
use crate::shared::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::shared::clock::Millis;
use crate::shared::gate::Gate;

/// A place for one credential. Outlives reloads; its tenants differ by generation.
///
/// Workers write the words (by events), the gate, the readings and the statistics; the control
/// plane writes caps, versions and generations, and the operator's events.
#[derive(Debug)]
pub struct Slot {
    classes: [StateWord; CLASSES_MAX],
    class_readings: [ReadingWord; CLASSES_MAX],
    gate: Gate,
    head: CachePadded<Head>,
    statistics: CachePadded<Statistics>,
    windows: Windows,
}

/// What every walk reads, on one line.
#[derive(Debug)]
struct Head {
    credential: StateWord,
    generation: AtomicU32,
    material: MaterialVersion,
}

/// Counts the values that a slot has had: a snapshot's copy is the one in force when equal.
#[derive(Debug)]
struct MaterialVersion(AtomicU64);

/// The two words that an attempt loaded before it was sent; its events carry them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seen {
    /// Of the attempt's model class; clear for [`Class::Other`].
    pub class: Word,
    /// Of the credential.
    pub credential: Word,
}

/// Out of epochs: the credential has to take a fresh slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Worn;

/// What a stored state says of one word (BEHAVIOUR 3, restored after restart).
#[derive(Clone, Copy, Debug)]
pub struct Restored {
    /// Failed authentication, rather than limited.
    pub auth_failed: bool,
    /// Until when, on this process's clock.
    pub deadline: Millis,
    /// Why.
    pub reason: Reason,
    /// The step of the ladder or the doubling.
    pub streak: u8,
}

impl Slot {
    /// A slot without a tenant.
    pub fn new() -> Self {
        Self {
            classes: std::array::from_fn(|_| StateWord::new()),
            class_readings: std::array::from_fn(|_| ReadingWord::default()),
            gate: Gate::new(0),
            head: CachePadded::new(Head {
                credential: StateWord::new(),
                generation: AtomicU32::new(0),
                material: MaterialVersion(AtomicU64::new(0)),
            }),
            statistics: CachePadded::default(),
            windows: Windows::default(),
        }
    }

    /// The words for an attempt, or `None` when `version` is not of the value in force: class word
    /// first, then the credential's, then the version (BEHAVIOUR 3). In this order nobody can hold
    /// an old value together with a word of the new one.
    #[inline]
    pub fn look(&self, class: Class, version: u64) -> Option<Seen> {
        let class = self.class(class).map_or(Word::default(), StateWord::load);
        let credential = self.head.credential.load();
        (self.material_version() == version).then_some(Seen { class, credential })
    }

    /// The credential's state word.
    pub fn credential(&self) -> &StateWord {
        &self.head.credential
    }

    /// The state word of a class; `other` has none.
    pub fn class(&self, class: Class) -> Option<&StateWord> {
        match class {
            Class::Named(index) => self.classes.get(usize::from(index)),
            Class::Other => None,
        }
    }

    /// All class words, by class index.
    pub fn classes(&self) -> &[StateWord] {
        &self.classes
    }

    /// What is in flight with the credential, and its cap.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The unified windows.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// Requests and tokens of a class, whichever is used more; `other` has none.
    pub fn class_reading(&self, class: Class) -> Option<&ReadingWord> {
        match class {
            Class::Named(index) => self.class_readings.get(usize::from(index)),
            Class::Other => None,
        }
    }

    /// Counts for people.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Thousandths of the quota that are left by the last readings; 1,000 when nothing is known.
    pub fn headroom(&self, class: Class, floor_ms: u64, now: Wall) -> u16 {
        let by_class = self.class_reading(class).and_then(|word| word.used(floor_ms, now));
        let used = self.windows.utilization(floor_ms, now).used().max(by_class);
        1_000 - used.unwrap_or(0).min(1_000)
    }

    /// The version of the value in force.
    pub fn material_version(&self) -> u64 {
        // Acquire pairs with the Release in `replace_value`.
        self.head.material.0.load(Ordering::Acquire)
    }

    /// Which tenant the slot has; 0 = it never had one.
    pub fn generation(&self) -> u32 {
        // Acquire: who sees the generation sees the slot as made ready for it.
        self.head.generation.load(Ordering::Acquire)
    }

    /// Whether `id` is the present tenant.
    pub fn is_of(&self, id: CredentialId) -> bool {
        self.generation() == id.generation
    }

    /// Another value under the same name; returns its version. Control plane only. Nothing known
    /// of the old value holds; reports about it change nothing any more.
    ///
    /// # Errors
    /// [`Worn`]: take a fresh slot.
    pub fn replace_value(&self, disabled: bool) -> Result<u64, Worn> {
        if self.is_worn() {
            return Err(Worn);
        }
        // No clock: none of these events has a time.
        let now = Millis(0);
        self.head.credential.apply(Event::Disable, now);
        for word in &self.classes {
            word.apply(Event::NewValue { disabled: false }, now);
        }
        self.windows.clear();
        self.class_readings.iter().for_each(ReadingWord::clear);
        // One writer, so load and add is enough. Release: the version comes after the class words.
        let version = self.head.material.0.load(Ordering::Relaxed) + 1;
        self.head.material.0.store(version, Ordering::Release);
        self.head.credential.apply(Event::NewValue { disabled }, now);
        Ok(version)
    }

    /// Forgets cooldowns, failures and streaks; a disabled credential stays so.
    ///
    /// # Errors
    /// [`Worn`]: take a fresh slot.
    pub fn reset(&self) -> Result<Transition, Worn> {
        if self.is_worn() {
            return Err(Worn);
        }
        for word in &self.classes {
            word.apply(Event::Reset, Millis(0));
        }
        self.head.credential.apply(Event::Reset, Millis(0)).ok_or(Worn)
    }

    /// Takes up what a stored state says, where nothing is known yet.
    pub fn restore(&self, class: Option<Class>, stored: Restored) -> Option<Transition> {
        let Restored { auth_failed, deadline, reason, streak } = stored;
        let event = Event::Restored { auth_failed, deadline, reason, streak };
        let word = match class {
            Some(class) => self.class(class)?,
            None => &self.head.credential,
        };
        word.apply(event, Millis(0))
    }

    /// Whether any word has run out of epochs.
    pub fn is_worn(&self) -> bool {
        let classes = self.classes.iter().any(|word| word.load().is_worn());
        classes || self.head.credential.load().is_worn()
    }

    /// Makes the slot ready for its next tenant and returns its generation and first version.
    /// Control plane only, when nothing is in flight and no snapshot names the slot.
    pub(super) fn move_in(&self, cap: u32) -> Result<(u32, u64), Worn> {
        let version = self.replace_value(false)?;
        self.gate.set_cap(cap);
        self.statistics.clear();
        let generation = self.head.generation.load(Ordering::Relaxed).wrapping_add(1).max(1);
        // Release pairs with the Acquire in `generation`.
        self.head.generation.store(generation, Ordering::Release);
        Ok((generation, version))
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

/// What a credential was used for. Each count by itself is exact; together they are no snapshot.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Auth failures that took it out of rotation.
    pub auth_failures: Count,
    /// Unix ms of the last attempt.
    pub last_used: Count,
    /// 429 answers.
    pub rate_limits: Count,
    /// Attempts.
    pub requests: Count,
    /// Tokens of all kinds.
    pub tokens: Count,
}

/// A number that is only counted.
#[derive(Debug)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub fn add(&self, by: u64) {
        // Relaxed: nothing is published by a count.
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Moves forward to `value`; an earlier one changes nothing.
    pub fn advance(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    /// The count.
    pub fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Count {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Statistics {
    pub(super) fn clear(&self) {
        let all = [&self.auth_failures, &self.last_used, &self.rate_limits, &self.requests];
        for count in all.into_iter().chain([&self.tokens]) {
            count.0.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, tidegate_loom))]
mod loom_tests;

#[cfg(all(test, not(tidegate_loom)))]
mod tests;
