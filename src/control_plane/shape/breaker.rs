//! Breakers as operators see them. Reads only.

use serde::Serialize;
use utoipa::ToSchema;

use crate::shared::breaker::State;
use crate::shared::clock::Millis;
use crate::shared::credential::model_class::Class;
use crate::shared::pools::ProviderPool;
use crate::shared::setup::Setup;

/// One breaker of a provider.
#[derive(Clone, Copy, Debug)]
pub struct Broken<'a> {
    /// `other`: all models without a class of their own.
    pub class: &'a str,
    pub provider: &'a str,
    pub state: State,
}

/// A breaker that is not closed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = breaker)]
pub struct BreakerShape {
    class: String,
    /// `open` or `half_open`.
    state: &'static str,
    /// Milliseconds until the first probe.
    wait_ms: u64,
}

impl<'a> Broken<'a> {
    /// Those of all providers that have breakers and of all classes with a name.
    pub fn all(setup: &'a Setup, now: Millis) -> impl Iterator<Item = Self> {
        let pairs = setup.snapshot.providers.iter().zip(&setup.pools.providers);
        pairs.filter(|(_, pool)| pool.breaker.is_some()).flat_map(move |(provider, pool)| {
            pool.breakers.states(now).filter_map(move |(class, state)| {
                let class = match class {
                    Class::Named(index) => pool.classes.name(index)?,
                    Class::Other => "other",
                };
                Some(Self { class, provider: &provider.name, state })
            })
        })
    }
}

/// The breakers of a provider that are not closed.
pub fn of_pool(pool: &ProviderPool, now: Millis) -> Vec<BreakerShape> {
    let states = pool.breakers.states(now).filter(|_| pool.breaker.is_some());
    let broken = states.filter(|(_, state)| *state != State::Closed);
    broken
        .filter_map(|(class, state)| {
            let class = match class {
                Class::Named(index) => pool.classes.name(index)?,
                Class::Other => "other",
            };
            let wait_ms = match state {
                State::Open { wait_ms } => wait_ms,
                State::Closed | State::HalfOpen => 0,
            };
            Some(BreakerShape { class: class.to_owned(), state: state.name(), wait_ms })
        })
        .collect()
}
