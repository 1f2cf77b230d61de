//! One door to the atomics, so that the models under `cfg(tidegate_loom)` run the same code.

#[cfg(not(tidegate_loom))]
pub(super) use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

#[cfg(tidegate_loom)]
pub(super) use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};
