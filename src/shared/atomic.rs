//! One door to the atomics, so that the models run the same code: every interleaving of few
//! threads under `cfg(tidegate_loom)`, random ones of many under `cfg(tidegate_shuttle)`.

#[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
pub(super) use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

#[cfg(tidegate_loom)]
pub(super) use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

#[cfg(tidegate_shuttle)]
pub(super) use shuttle::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};
