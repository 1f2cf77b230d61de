//! The control plane's book of what outlives a configuration: which credential lives in which
//! slot, which caller and provider has which gate. Turns a snapshot into [`Pools`]; credentials
//! that did not change keep their state. Never read by a worker.

use std::collections::HashMap;
use std::sync::Arc;

use super::breaker::{self, Breakers};
use super::clock::Millis;
use super::credential::byok::Byok;
use super::credential::cooldown::Policy;
use super::credential::model_class::Classes;
use super::credential::pool::{Pool, PoolKey, Select};
use super::credential::table::{Claimed, Roster, Table, TableFull};
use super::credential::transition::{Event, Ladder, Recheck};
use super::gate::Gate;
use super::keyed_hash::KeyedHash;
use super::overlay::Overlay;
use super::pools::{Pools, ProviderPool, name_of};
use super::turn::Turn;
use crate::config::route::{Plan, Route};
use crate::config::snapshot::{self, Origin, Provider, ProviderKey, Snapshot};

/// Who lives where. One per process; its owner is the slots' one writer.
#[derive(Debug)]
pub struct Ledger {
    byok: &'static Byok,
    callers: HashMap<String, &'static Gate>,
    global: &'static Gate,
    keyed: KeyedHash,
    origins: Vec<Reached>,
    overlay: Arc<Overlay>,
    providers: HashMap<String, Known>,
    roster: Roster,
    turns: HashMap<String, &'static Turn>,
}

/// How a provider is reached: connections are reused only where all of it is equal.
#[derive(Debug, Eq, PartialEq)]
struct Reached {
    extra_ca: Vec<Vec<u8>>,
    origin: Origin,
}

/// What is kept of a provider as long as some configuration names it.
#[derive(Debug)]
struct Known {
    breakers: &'static Breakers,
    classes: Arc<Classes>,
    gate: &'static Gate,
    keys: HashMap<String, Resident>,
}

/// A credential in its slot.
#[derive(Clone, Copy, Debug)]
struct Resident {
    claimed: Claimed,
    /// Keyed hash of its value.
    value: u64,
}

/// A credential by name.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Named {
    /// Its provider.
    pub provider: String,
    /// Its name.
    pub key: String,
}

/// What a new configuration did to the credentials.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// New ones.
    pub added: Vec<Named>,
    /// Gone: no attempt begins with them.
    pub removed: Vec<Named>,
    /// Under their old name, with another value; nothing known of the old one holds.
    pub replaced: Vec<Named>,
}

impl Ledger {
    /// A book with nobody in it, with room for `byok_entries` brought credentials.
    pub fn new(keyed: KeyedHash, byok_entries: usize) -> Self {
        Self {
            byok: Byok::leaked(byok_entries),
            callers: HashMap::new(),
            global: leak(0),
            keyed,
            origins: Vec::new(),
            overlay: Arc::default(),
            providers: HashMap::new(),
            roster: Roster::new(Table::leaked()),
            turns: HashMap::new(),
        }
    }

    /// What operators have set, from the next turn on. Returns what they had.
    pub fn overlay(&mut self, overlay: Arc<Overlay>) -> Arc<Overlay> {
        std::mem::replace(&mut self.overlay, overlay)
    }

    /// The state for `snapshot`, which will be published as `version` right after. Credentials
    /// that it does not name begin no attempt from now on.
    ///
    /// # Errors
    /// [`TableFull`] when there are more keys than the table has room for; nothing changed then.
    pub fn turn(
        &mut self,
        snapshot: &Snapshot,
        version: u64,
    ) -> Result<(Pools, Changes), TableFull> {
        let overlay = self.overlay.clone();
        let with_keys = |(index, provider)| {
            let models = models_of(snapshot, index);
            Keyed { keys: overlay.keys_of(snapshot, provider), models, provider }
        };
        let keyed: Vec<Keyed<'_>> = snapshot.providers.iter().enumerate().map(with_keys).collect();
        let fresh = self.claim_all(&keyed)?;
        let mut turn = Turning { changes: Changes::default(), fresh, version };
        self.leave(&keyed, &mut turn);
        let providers = keyed.into_iter().map(|keyed| {
            let origin = self.origin_of(keyed.provider);
            self.pool_of(keyed, origin, &mut turn)
        });
        let providers = providers.collect();
        // Nobody needed them: a worn slot whose value stays is not left.
        for claimed in turn.fresh {
            self.roster.retire(claimed.id, NOBODYS);
        }
        self.global.set_cap(snapshot.concurrency.global);
        let callers = snapshot.callers.iter().map(|caller| {
            let gate = *self.callers.entry(caller.name.clone()).or_insert_with(|| leak(0));
            gate.set_cap(caller.max_concurrent);
            gate
        });
        let callers = callers.collect();
        let turns = snapshot.routes.iter().map(|route| {
            let turn = self.turns.entry(route.name.clone());
            *turn.or_insert_with(|| Box::leak(Box::default()))
        });
        let turns = turns.collect();
        let (byok, global) = (self.byok, self.global);
        let pools = Pools { byok, callers, global, overlay, providers, turns };
        Ok((pools, turn.changes))
    }

    /// Frees the slots of credentials that are gone, now that every worker runs on `adopted` or
    /// newer. Returns how many.
    pub fn reclaim(&mut self, adopted: u64) -> usize {
        self.roster.reclaim(adopted)
    }

    /// Slots for all credentials that need one, before anything is changed.
    fn claim_all(&mut self, keyed: &[Keyed<'_>]) -> Result<Vec<Claimed>, TableFull> {
        let mut fresh: Vec<Claimed> = Vec::new();
        for Keyed { keys, provider, .. } in keyed {
            let known = self.providers.get(&provider.name);
            for key in keys {
                let resident = known.and_then(|known| known.keys.get(&key.name));
                if resident.is_some_and(|resident| !resident.claimed.slot.is_worn()) {
                    continue;
                }
                let Ok(claimed) = self.roster.claim(key.max_concurrent) else {
                    for claimed in fresh {
                        self.roster.retire(claimed.id, NOBODYS);
                    }
                    return Err(TableFull);
                };
                fresh.push(claimed);
            }
        }
        Ok(fresh)
    }

    /// Retires what is named no more.
    fn leave(&mut self, keyed: &[Keyed<'_>], turn: &mut Turning) {
        let roster = &mut self.roster;
        for (name, known) in &mut self.providers {
            let stays = keyed.iter().find(|keyed| keyed.provider.name == *name);
            known.keys.retain(|key, resident| {
                let stays = stays.is_some_and(|keyed| keyed.keys.iter().any(|k| k.name == *key));
                if !stays {
                    roster.retire(resident.claimed.id, turn.version);
                    turn.changes.removed.push(Named { provider: name.clone(), key: key.clone() });
                }
                stays
            });
        }
        self.providers.retain(|name, _| keyed.iter().any(|keyed| keyed.provider.name == *name));
        turn.changes.removed.sort();
    }

    fn pool_of(&mut self, keyed: Keyed<'_>, origin: usize, turn: &mut Turning) -> ProviderPool {
        let provider = keyed.provider;
        let known = self.providers.entry(provider.name.clone()).or_insert_with(|| Known {
            breakers: Box::leak(Box::default()),
            classes: Arc::new(Classes::new([])),
            gate: leak(0),
            keys: HashMap::new(),
        });
        known.gate.set_cap(provider.max_concurrent);
        for class in &provider.model_classes {
            // Without room for a name its models share `other`.
            let _full = known.classes.intern(&class.class);
        }
        for model in keyed.models {
            let _full = known.classes.intern(name_of(provider, model));
        }
        let (mut keys, mut states) = (Vec::new(), Vec::new());
        for key in keyed.keys {
            let value = self.keyed.of(&[key.value.expose().as_bytes()]);
            let resident = settle(
                known.keys.get(&key.name).copied(),
                (value, !self.overlay.is_enabled(&provider.name, &key.name)),
                &mut turn.fresh,
            );
            let name = || Named { provider: provider.name.clone(), key: key.name.clone() };
            match resident.change {
                Change::Added => turn.changes.added.push(name()),
                Change::Kept => {}
                Change::Replaced => turn.changes.replaced.push(name()),
            }
            let Some(claimed) = resident.claimed else { continue };
            if let Some(old) = resident.left {
                self.roster.retire(old.id, turn.version);
            }
            claimed.slot.gate().set_cap(key.max_concurrent);
            let is_enabled = self.overlay.is_enabled(&provider.name, &key.name);
            let event = if is_enabled { Event::Enable } else { Event::Disable };
            claimed.slot.credential().apply(event, Millis(0));
            known.keys.insert(key.name.clone(), Resident { claimed, value });
            states.push(PoolKey {
                affinity: self.keyed.of(&[provider.name.as_bytes(), key.name.as_bytes()]),
                id: claimed.id,
                reserved_for: key.reserved_for.iter().filter_map(|&i| i.try_into().ok()).collect(),
                slot: claimed.slot,
                version: claimed.version,
            });
            keys.push(key);
        }
        ProviderPool {
            breaker: provider.breaker.map(breaker_of),
            breakers: known.breakers,
            classes: known.classes.clone(),
            gate: known.gate,
            keys,
            origin,
            policy: policy_of(provider),
            pool: Pool::new(states, select_of(provider.select)),
        }
    }

    /// The number of the provider's way to be reached; equal ways have one number for good.
    fn origin_of(&mut self, provider: &Provider) -> usize {
        let extra_ca = provider.extra_ca.iter().map(|ca| ca.as_ref().to_vec()).collect();
        let reached = Reached { extra_ca, origin: provider.origin.clone() };
        self.origins.iter().position(|known| *known == reached).unwrap_or_else(|| {
            self.origins.push(reached);
            self.origins.len() - 1
        })
    }
}

/// A provider with all its keys, those of operators included.
struct Keyed<'a> {
    keys: Vec<ProviderKey>,
    /// Names that rules give models here.
    models: Vec<&'a str>,
    provider: &'a Provider,
}

/// The names that rules give models at the provider of this index.
fn models_of(snapshot: &Snapshot, index: usize) -> Vec<&str> {
    let leads_there = |route: &&Route| match &route.strategy.plan {
        Plan::LimitsAlternative { alternatives, .. } => alternatives.contains(&index),
        plan => plan.providers().contains(&index),
    };
    let routes = snapshot.routes.iter().filter(leads_there);
    routes.flat_map(|route| &route.strategy.model_map).map(|(_, to)| to.as_str()).collect()
}

/// A turn to another configuration, under way.
struct Turning {
    changes: Changes,
    /// Slots that were claimed for those who need one.
    fresh: Vec<Claimed>,
    version: u64,
}

/// What became of a credential.
struct Settled {
    change: Change,
    /// Where it lives now; `None` only if slots ran out, which was checked before.
    claimed: Option<Claimed>,
    /// The worn slot that it left.
    left: Option<Claimed>,
}

enum Change {
    Added,
    Kept,
    Replaced,
}

/// The credential's slot: its old one, as it is or with another value, or a fresh one.
fn settle(
    resident: Option<Resident>,
    (value, disabled): (u64, bool),
    fresh: &mut Vec<Claimed>,
) -> Settled {
    let Some(Resident { claimed, value: before }) = resident else {
        return Settled { change: Change::Added, claimed: fresh.pop(), left: None };
    };
    if before == value {
        return Settled { change: Change::Kept, claimed: Some(claimed), left: None };
    }
    match claimed.slot.replace_value(disabled) {
        Ok(version) => {
            let claimed = Some(Claimed { version, ..claimed });
            Settled { change: Change::Replaced, claimed, left: None }
        }
        Err(_worn) => {
            Settled { change: Change::Replaced, claimed: fresh.pop(), left: Some(claimed) }
        }
    }
}

fn breaker_of(breaker: snapshot::Breaker) -> breaker::Policy {
    breaker::Policy {
        ceiling_ms: breaker.ceiling.0,
        failures: breaker.failures,
        open_ms: breaker.open.0,
        probes: breaker.probes,
    }
}

fn policy_of(provider: &Provider) -> Policy {
    let cooldown = provider.cooldown;
    Policy {
        ladder: Ladder {
            base_ms: cooldown.base.0,
            ceiling_ms: cooldown.ceiling.0,
            jitter_permille: cooldown.jitter_permille,
        },
        recheck: provider.auth_recheck.map(|first| Recheck {
            ceiling_ms: RECHECK_CEILING_MS.max(first.0),
            first_ms: first.0,
        }),
        wait_max_ms: cooldown.retry_after_cap.0,
    }
}

fn select_of(select: snapshot::Select) -> Select {
    match select {
        snapshot::Select::Affinity => Select::Affinity,
        snapshot::Select::Headroom => Select::Headroom,
        snapshot::Select::LeastInFlight => Select::LeastInFlight,
        snapshot::Select::Priority => Select::Priority,
        snapshot::Select::RoundRobin => Select::RoundRobin,
    }
}

/// A gate for the rest of the process: one per name that a configuration ever held.
fn leak(cap: u32) -> &'static Gate {
    Box::leak(Box::new(Gate::new(cap)))
}

/// A slot that no snapshot ever named is free at once.
const NOBODYS: u64 = 0;
/// Where the doubling of `auth_recheck` ends: an hour (BEHAVIOUR 3).
const RECHECK_CEILING_MS: u64 = 3_600_000;

#[cfg(test)]
mod tests;
