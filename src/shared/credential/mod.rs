//! Credentials: their state in atomic words, the table they live in, the order they are tried.
//! Never holds a secret: material lives in snapshots, here are only slots and versions.

pub mod byok;
pub mod cooldown;
pub mod exhausted;
pub mod model_class;
pub mod pool;
pub mod reason;
pub mod slot;
pub mod table;
pub mod transition;
pub mod utilization;
pub mod visited;
pub mod walk;
pub mod word;

/// Where a credential lives: stable over reloads, told apart from earlier tenants of the slot.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CredentialId {
    /// Which tenant of the slot, from 1.
    pub generation: u32,
    /// Index of the shard in the table.
    pub shard: u16,
    /// Index of the slot in its shard.
    pub slot: u16,
}

#[cfg(all(test, tidegate_shuttle))]
mod shuttle_tests;
