//! What one configuration is at run time, published whole: the snapshot, the state it works on,
//! and what the data plane prepared for it. Immutable.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use super::atomic::{AtomicU8, Ordering};
use super::callers::Callers;
use super::header_rules::HeaderRules;
use super::keyed_hash::KeyedHash;
use super::pools::Pools;
use crate::config::snapshot::Snapshot;

/// One configuration in force.
#[derive(Debug)]
pub struct Setup {
    /// Owners of gateway keys.
    pub callers: Callers,
    /// Header rules in force.
    pub header_rules: HeaderRules,
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
        let rules = snapshot.header_rules.iter().chain(&pools.overlay.header_rules);
        let header_rules = HeaderRules::new(rules);
        let callers = Callers::new(&snapshot, keyed);
        Self { callers, header_rules, pools, prepared, snapshot }
    }
}

/// Whether the control plane is between taking credentials away and publishing the configuration
/// that does without them.
#[derive(Debug)]
pub struct Turning(AtomicU8);

impl Turning {
    pub(super) fn set(&self, is_turning: bool) {
        // Release: who sees the end sees what was published before it. The changes to credentials
        // that follow the beginning are release operations themselves.
        self.0.store(u8::from(is_turning), Ordering::Release);
    }

    /// Whether it is. To be asked before the newest configuration is looked at.
    pub fn is_set(&self) -> bool {
        // Acquire pairs with the Release in `set`.
        self.0.load(Ordering::Acquire) == 1
    }
}

impl Default for Turning {
    fn default() -> Self {
        Self(AtomicU8::new(0))
    }
}

/// A value that only the room which made it can look into, but for what it tells everybody.
pub type Prepared = Arc<dyn MadeReady>;

/// What the data plane made ready of a configuration.
pub trait MadeReady: Any + Debug + Send + Sync {
    /// When the first of the listeners' certificates expires, in seconds of Unix time; `None`
    /// without TLS.
    fn certificate_expires(&self) -> Option<u64>;
}

/// Nothing is made ready.
impl MadeReady for () {
    fn certificate_expires(&self) -> Option<u64> {
        None
    }
}

#[cfg(all(test, tidegate_loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::super::atomic::AtomicU64;
    use super::super::published::Published;
    use super::*;

    /// A key is taken away, then the configuration without it is published. Who misses the key
    /// must learn that there is, or will be, another configuration.
    fn miss_a_key(
        learns: impl Fn(&Turning, &Published<u8>) -> bool + Copy + Send + Sync + 'static,
    ) {
        loom::model(move || {
            let published = Arc::new(Published::new(std::sync::Arc::new(1)));
            let (turning, gone) = (Arc::new(Turning::default()), Arc::new(AtomicU64::new(0)));
            let control = {
                let (published, turning, gone) = (published.clone(), turning.clone(), gone.clone());
                thread::spawn(move || {
                    turning.set(true);
                    gone.store(1, Ordering::Release);
                    published.publish(std::sync::Arc::new(2));
                    turning.set(false);
                })
            };
            if gone.load(Ordering::Acquire) == 1 {
                assert!(learns(&turning, &published), "a missing key was believed");
            }
            control.join().expect("no thread panics");
        });
    }

    #[test]
    fn who_misses_a_key_learns_of_the_turn() {
        miss_a_key(|turning, published| turning.is_set() || published.version() == 2);
    }

    /// The mutant twin: looking for the newest first, and for the turn then, falls between.
    #[test]
    #[should_panic(expected = "a missing key was believed")]
    fn looking_for_the_newest_first_is_caught() {
        miss_a_key(|turning, published| published.version() == 2 || turning.is_set());
    }
}
