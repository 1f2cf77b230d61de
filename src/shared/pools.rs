//! The credentials' state by provider of a snapshot, and that of credentials clients bring.
//! Immutable but for the state itself, which lives in stable slots outside any snapshot (D9).

use super::credential::byok::Byok;
use super::credential::model_class::Classes;
use super::credential::pool::{Pool, PoolKey, Select};
use super::credential::table::{Roster, TableFull};
use super::keyed_hash::KeyedHash;
use crate::config::snapshot::{Provider, Snapshot};

/// State for every credential of a snapshot.
#[derive(Debug)]
pub struct Pools {
    byok: &'static Byok,
    providers: Vec<ProviderPool>,
}

/// One provider's.
#[derive(Debug)]
pub struct ProviderPool {
    /// The model classes that its limits apply to.
    pub classes: Classes,
    /// Its keys, in the snapshot's order.
    pub pool: Pool,
}

impl Pools {
    /// Claims a slot for each key of `snapshot`.
    ///
    /// # Errors
    /// [`TableFull`] when there are more keys than the table has room for.
    pub fn new(
        snapshot: &Snapshot,
        roster: &mut Roster,
        keyed: &KeyedHash,
    ) -> Result<Self, TableFull> {
        let providers: Result<Vec<_>, _> =
            snapshot.providers.iter().map(|p| ProviderPool::new(p, roster, keyed)).collect();
        Ok(Self { byok: Byok::leaked(BYOK_ENTRIES), providers: providers? })
    }

    /// The state of the provider at `index` of the snapshot.
    pub fn provider(&self, index: usize) -> Option<&ProviderPool> {
        self.providers.get(index)
    }

    /// The state of credentials that clients bring.
    pub fn byok(&self) -> &'static Byok {
        self.byok
    }
}

impl ProviderPool {
    fn new(provider: &Provider, roster: &mut Roster, keyed: &KeyedHash) -> Result<Self, TableFull> {
        let mut keys = Vec::with_capacity(provider.keys.len());
        for key in &provider.keys {
            let claimed = roster.claim(NO_CAP)?;
            keys.push(PoolKey {
                affinity: keyed.of(&[provider.name.as_bytes(), key.name.as_bytes()]),
                id: claimed.id,
                reserved_for: Box::default(),
                slot: claimed.slot,
                version: claimed.version,
            });
        }
        Ok(Self { classes: Classes::new([]), pool: Pool::new(keys, Select::default()) })
    }
}

/// Entries for credentials that clients bring (`limits.byok_entries`).
const BYOK_ENTRIES: usize = 10_000;
/// Keys of the file have no cap of their own.
const NO_CAP: u32 = 0;
