//! What one configuration is at run time, published whole: the snapshot, the state it works on,
//! and what the data plane prepared for it. Immutable.

use std::any::Any;
use std::sync::Arc;

use super::callers::Callers;
use super::keyed_hash::KeyedHash;
use super::pools::Pools;
use crate::config::snapshot::Snapshot;

/// One configuration in force.
#[derive(Debug)]
pub struct Setup {
    /// Owners of gateway keys.
    pub callers: Callers,
    /// State of credentials and gates.
    pub pools: Pools,
    /// What the data plane made ready for this configuration (TLS settings); opaque here.
    pub prepared: Prepared,
    /// The configuration.
    pub snapshot: Arc<Snapshot>,
}

impl Setup {
    /// Of these parts.
    pub fn new(
        snapshot: Arc<Snapshot>,
        pools: Pools,
        prepared: Prepared,
        keyed: &KeyedHash,
    ) -> Self {
        Self { callers: Callers::new(&snapshot, keyed), pools, prepared, snapshot }
    }
}

/// A value that only the room which made it can look into.
pub type Prepared = Arc<dyn Any + Send + Sync>;
