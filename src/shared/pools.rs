//! The credentials' state by provider of a snapshot, that of credentials clients bring, and the
//! gates of all who are counted. Immutable but for the state itself, which lives in stable slots
//! and gates outside any snapshot (D9).

use std::sync::Arc;

use super::breaker::{self, Breaker, Breakers};
use super::credential::byok::Byok;
use super::credential::cooldown::Policy;
use super::credential::model_class::{Class, Classes, class_name};
use super::credential::pool::Pool;
use super::gate::Gate;
use super::overlay::Overlay;
use super::turn::Turn;
use crate::config::snapshot::{Provider, ProviderKey};

/// State for every credential, caller and provider of a snapshot.
#[derive(Debug)]
pub struct Pools {
    /// The state of credentials that clients bring.
    pub byok: &'static Byok,
    /// In the snapshot's order.
    pub callers: Vec<&'static Gate>,
    /// All exchanges together.
    pub global: &'static Gate,
    /// What operators set beside the snapshot.
    pub overlay: Arc<Overlay>,
    /// In the snapshot's order.
    pub providers: Vec<ProviderPool>,
    /// Whose turn it is, by rule, in the snapshot's order.
    pub turns: Vec<&'static Turn>,
}

/// One provider's.
#[derive(Debug)]
pub struct ProviderPool {
    /// When its breakers open; `None`: never.
    pub breaker: Option<breaker::Policy>,
    /// Its breakers.
    pub breakers: &'static Breakers,
    /// The model classes that its limits apply to.
    pub classes: Arc<Classes>,
    /// Its attempts.
    pub gate: &'static Gate,
    /// Its keys, those of operators after those of the file; side by side with the pool's.
    pub keys: Vec<ProviderKey>,
    /// Which way it is reached; equal numbers can share connections.
    pub origin: usize,
    /// How long its keys rest.
    pub policy: Policy,
    /// The state of its keys.
    pub pool: Pool,
}

impl ProviderPool {
    /// The class of `model`, as far as it is known; without a model there is none.
    pub fn class_of(&self, provider: &Provider, model: Option<&str>) -> Class {
        model.map_or(Class::Other, |model| self.classes.find(name_of(provider, model)))
    }

    /// The breaker of `model`, which is of `class`.
    pub fn breaker_of(
        &self,
        class: Class,
        provider: &Provider,
        model: Option<&str>,
    ) -> &'static Breaker {
        let name = match (class, model) {
            (Class::Other, Some(model)) => name_of(provider, model),
            _ => "",
        };
        self.breakers.of(class, name)
    }

    /// The same once an answer has shown the model to be real: its name is kept.
    pub fn learn_class(&self, provider: &Provider, model: Option<&str>) -> Class {
        model.map_or(Class::Other, |model| self.classes.intern(name_of(provider, model)))
    }
}

/// The name of the class of `model`.
pub fn name_of<'a>(provider: &'a Provider, model: &'a str) -> &'a str {
    class_name(model, |model| {
        let mut classes = provider.model_classes.iter();
        classes.find(|class| class.pattern.is_match(model)).map(|class| class.class.as_str())
    })
}
