//! The credentials of one provider, as a snapshot names them: in order, with what choosing needs.
//! Immutable; the state is the slots'.

use super::CredentialId;
use super::slot::Slot;

/// One provider's credentials and how they are chosen.
#[derive(Debug)]
pub struct Pool {
    keys: Box<[PoolKey]>,
    has_reserved: bool,
    select: Select,
}

/// One credential of a pool.
#[derive(Debug)]
pub struct PoolKey {
    /// Any stable hash of provider and name: what affinity weighs, so that a reload moves nobody.
    pub affinity: u64,
    /// Its tenancy.
    pub id: CredentialId,
    /// Indices of the callers it is kept for; empty = for all who have none of their own.
    pub reserved_for: Box<[u32]>,
    /// Its state.
    pub slot: &'static Slot,
    /// The version of the value that the snapshot holds.
    pub version: u64,
}

/// The order in which credentials are tried (`select`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Select {
    /// A conversation stays with its credential, so that provider caches stay warm.
    Affinity,
    /// Most unused quota first.
    Headroom,
    /// Fewest in flight first.
    LeastInFlight,
    /// List order.
    #[default]
    Priority,
    /// List order from the worker's next start.
    RoundRobin,
}

impl Pool {
    /// The pool of `keys`, in list order.
    pub fn new(keys: Vec<PoolKey>, select: Select) -> Self {
        let has_reserved = keys.iter().any(|key| !key.reserved_for.is_empty());
        Self { keys: keys.into(), has_reserved, select }
    }

    /// In list order.
    pub fn keys(&self) -> &[PoolKey] {
        &self.keys
    }

    /// How they are ordered.
    pub fn select(&self) -> Select {
        self.select
    }

    /// Whether `caller` has keys reserved for it here; it sees only those then.
    pub fn has_reserved_for(&self, caller: Option<u32>) -> bool {
        let is_theirs = |caller| self.keys.iter().any(|key| key.reserved_for.contains(&caller));
        self.has_reserved && caller.is_some_and(is_theirs)
    }
}
