//! `[storage]` as it runs: what is kept of exchanges, and where.

use std::path::PathBuf;
use std::sync::Arc;

use super::Millis;
use crate::config::secret::Secret;

/// `[storage]`.
#[derive(Debug)]
pub struct Storage {
    /// Of which exchanges bodies are kept.
    pub bodies: Bodies,
    /// What is kept of an exchange beside its record.
    pub detail: Detail,
    /// What keys of the admin API are sealed under; at least 32 bytes.
    pub master_key: Option<Arc<Secret>>,
    /// A directory, which need not exist yet; `None`: nothing is kept.
    pub path: Option<PathBuf>,
    /// What they were sealed under before.
    pub previous_master_key: Option<Arc<Secret>>,
    /// How long requests are kept one by one.
    pub retention: Millis,
}

/// Whose bodies are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bodies {
    All,
    /// Of exchanges that failed.
    Errors,
    Off,
}

/// What is kept of exchanges; each holds what those before it do.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Detail {
    Off,
    /// What the provider said of limits, and each attempt where there was more than one.
    Limits,
    /// Each attempt, and when each part of the answer came.
    Timings,
    /// Fields of both heads.
    Headers,
}
