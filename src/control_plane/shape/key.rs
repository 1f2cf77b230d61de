//! The shape `key`: a provider key and its state. Has a place for a hint, none for a value.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Quota, instant, instant_of_seconds, text};
use crate::config::snapshot::{Provider, ProviderKey};
use crate::shared::clock::Millis;
use crate::shared::credential::pool::PoolKey;
use crate::shared::credential::slot::Slot;
use crate::shared::credential::utilization::{Reading, Wall, Window};
use crate::shared::credential::word::{DEADLINE_MAX, State, Word};
use crate::shared::pools::ProviderPool;
use crate::shared::setup::Setup;

/// A provider key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = key)]
pub struct Key {
    provider: String,
    name: String,
    /// The value, masked.
    hint: String,
    /// `file` or `api`.
    origin: &'static str,
    /// `available`, `cooling`, `auth_failed` or `disabled`.
    state: &'static str,
    /// Until it is available, or probed, again; null = not by itself.
    until: Option<String>,
    reason: &'static str,
    /// Model classes that are not plainly available.
    classes: Vec<ClassState>,
    in_flight: u32,
    /// null: no cap.
    max_concurrent: Option<u32>,
    /// Callers it is kept for; empty = all.
    reserved_for: Vec<String>,
    /// When the admin API changed it last.
    updated_at: Option<String>,
    /// Steps up the ladder of cooldowns.
    streak: u8,
    /// By window, `5h` and `7d`.
    utilization: BTreeMap<&'static str, Utilization>,
    /// `requests` and `tokens`, as an answer told last.
    limits: BTreeMap<&'static str, Quota>,
    requests: u64,
    tokens: u64,
    last_used_at: Option<String>,
}

/// A model class and when it is back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = class)]
struct ClassState {
    class: String,
    state: &'static str,
    until: Option<String>,
}

/// What was read of a window.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = utilization)]
struct Utilization {
    /// The share that is used.
    value: f64,
    reset: Option<String>,
}

/// A key of a configuration with its state.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// As it runs.
    pub key: &'a ProviderKey,
    /// Its provider's state.
    pub pool: &'a ProviderPool,
    /// Its provider.
    pub provider: &'a Provider,
    /// Its own state.
    pub state: &'a PoolKey,
}

/// When things are read.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the clock of deadlines.
    pub millis: Millis,
    /// By the calendar.
    pub wall: Wall,
}

impl<'a> Known<'a> {
    /// All keys of a configuration, in order.
    pub fn all(setup: &'a Setup) -> impl Iterator<Item = Self> {
        let providers = setup.snapshot.providers.iter().zip(&setup.pools.providers);
        providers.flat_map(|(provider, pool)| {
            let keys = pool.keys.iter().zip(pool.pool.keys());
            keys.map(move |(key, state)| Self { key, pool, provider, state })
        })
    }

    /// The key of these names.
    pub fn find(setup: &'a Setup, provider: &str, name: &str) -> Option<Self> {
        Self::all(setup).find(|known| known.provider.name == provider && known.key.name == name)
    }

    /// Its slot.
    pub fn slot(&self) -> &'static Slot {
        self.state.slot
    }

    /// The shape.
    ///
    /// `limits`: what its provider said last of them.
    pub fn shape(&self, setup: &Setup, now: Now, limits: BTreeMap<&'static str, Quota>) -> Key {
        let Self { key, provider, .. } = *self;
        let slot = self.slot();
        let word = slot.credential().load();
        let callers = key.reserved_for.iter();
        let set = setup.pools.overlay.find(&provider.name, &key.name);
        let added = !provider.keys.iter().any(|own| own.name == key.name);
        let statistics = slot.statistics();
        let last_used = statistics.last_used.load();
        Key {
            provider: provider.name.clone(),
            name: key.name.clone(),
            hint: key.hint.clone(),
            origin: if added { "api" } else { "file" },
            state: state_of(word, now.millis),
            until: until_of(word, now),
            reason: word.reason().name(),
            classes: self.classes(now),
            in_flight: slot.gate().in_flight(),
            max_concurrent: Some(slot.gate().cap()).filter(|&cap| cap > 0),
            reserved_for: callers
                .filter_map(|&caller| Some(setup.snapshot.callers.get(caller)?.name.clone()))
                .collect(),
            updated_at: set.map(|set| instant(Wall(set.updated_ms))),
            streak: word.streak(),
            utilization: utilization(slot),
            limits,
            requests: statistics.requests.load(),
            tokens: statistics.tokens.load(),
            last_used_at: (last_used > 0).then(|| instant(Wall(last_used))),
        }
    }

    fn classes(&self, now: Now) -> Vec<ClassState> {
        let shaped = self.shut(now.millis).filter_map(|(class, word)| {
            let (state, until) = (state_of(word, now.millis), until_of(word, now));
            Some(ClassState { class: text(class)?, state, until })
        });
        shaped.collect()
    }

    /// The model classes that it is not available for, whatever its own state is.
    pub fn shut(self, now: Millis) -> impl Iterator<Item = (&'a str, Word)> {
        let words = (0_u8..).zip(self.slot().classes());
        words.filter_map(move |(index, word)| {
            let word = word.load();
            (!word.is_available(now)).then_some((self.pool.classes.name(index)?, word))
        })
    }
}

/// The state in CONFIG.md's words.
pub fn state_of(word: Word, now: Millis) -> &'static str {
    match word.state(now) {
        State::AuthFailed { .. } => "auth_failed",
        State::Available => "available",
        State::Cooling { .. } => "cooling",
        State::Off => "disabled",
    }
}

/// Milliseconds until it is available, or may be probed.
pub fn wait_ms(word: Word, now: Millis) -> Option<u64> {
    let until = match word.state(now) {
        State::AuthFailed { probe_at } => probe_at,
        State::Cooling { until } => until,
        State::Available | State::Off => return None,
    };
    (until < DEADLINE_MAX).then(|| until.since(now))
}

fn until_of(word: Word, now: Now) -> Option<String> {
    wait_ms(word, now.millis).map(|wait_ms| instant(Wall(now.wall.0 + wait_ms)))
}

fn utilization(slot: &Slot) -> BTreeMap<&'static str, Utilization> {
    let windows = [("5h", Window::FiveHour), ("7d", Window::SevenDay)];
    let read = windows.into_iter().filter_map(|(name, window)| {
        let Reading { reset, value, .. } = slot.windows().word(window).load()?;
        let reset = reset.and_then(|seconds| instant_of_seconds(i64::try_from(seconds).ok()?));
        Some((name, Utilization { value: f64::from(value) / 1_000.0, reset }))
    });
    read.collect()
}
