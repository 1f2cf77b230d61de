//! What operators set beside the configuration: keys that were added, caps and switches of keys of
//! the file (CONFIG.md, Keys). Immutable; the control plane makes another one.

use std::sync::Arc;

use crate::config::Secret;
use crate::config::header_rule::HeaderRule;
use crate::config::snapshot::{Provider, ProviderKey, Snapshot};

/// All that was set, in the order it was.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// They act after those of the file.
    pub header_rules: Vec<HeaderRule>,
    /// Names are unique in a provider.
    pub keys: Vec<Overlaid>,
}

/// What was set of one key.
#[derive(Clone, Debug)]
pub struct Overlaid {
    /// Its value and its callers, when it was added; a key of the file has its own.
    pub added: Option<Added>,
    /// Whether it is used at all.
    pub enabled: bool,
    /// The file's cap when `max_concurrent` was set: another one in the file wins.
    pub file_max_concurrent: Option<u32>,
    /// Attempts at a time; `None`: the file's.
    pub max_concurrent: Option<u32>,
    /// Its name.
    pub name: String,
    /// Its provider.
    pub provider: String,
    /// Unix ms of the last change.
    pub updated_ms: u64,
}

/// A key that is in no file.
#[derive(Clone, Debug)]
pub struct Added {
    /// Names of the callers it is kept for; empty = all.
    pub reserved_for: Vec<String>,
    /// Its value.
    pub value: Arc<Secret>,
}

impl Overlay {
    /// What was set of the key of these names.
    pub fn find(&self, provider: &str, name: &str) -> Option<&Overlaid> {
        self.keys.iter().find(|key| key.provider == provider && key.name == name)
    }

    /// Whether the key of these names is used.
    pub fn is_enabled(&self, provider: &str, name: &str) -> bool {
        self.find(provider, name).is_none_or(|key| key.enabled)
    }

    /// The keys of a provider: those of the file with what was set of them, then those added. A key
    /// of the file wins over an added one of its name.
    pub fn keys_of(&self, snapshot: &Snapshot, provider: &Provider) -> Vec<ProviderKey> {
        let own = provider.keys.iter().map(|key| {
            let set = self.find(&provider.name, &key.name).and_then(|set| {
                let is_as_it_was = set.file_max_concurrent == Some(key.max_concurrent);
                set.max_concurrent.filter(|_| is_as_it_was && set.added.is_none())
            });
            ProviderKey { max_concurrent: set.unwrap_or(key.max_concurrent), ..key.clone() }
        });
        let is_in_file = |name: &str| provider.keys.iter().any(|key| key.name == name);
        let added = self.keys.iter().filter_map(|set| {
            let added = set.added.as_ref()?;
            if set.provider != provider.name || is_in_file(&set.name) {
                return None;
            }
            Some(ProviderKey {
                hint: added.value.hint(),
                max_concurrent: set.max_concurrent.unwrap_or(0),
                name: set.name.clone(),
                reserved_for: callers(snapshot, &added.reserved_for),
                value: added.value.clone(),
            })
        });
        own.chain(added).collect()
    }
}

/// Indices of callers. Of names that none has any more stays one that nobody has: a key that was
/// somebody's own must not become everybody's.
fn callers(snapshot: &Snapshot, names: &[String]) -> Vec<usize> {
    let index = |name: &String| snapshot.callers.iter().position(|caller| caller.name == *name);
    let mut found: Vec<usize> = names.iter().filter_map(index).collect();
    found.sort_unstable();
    if found.is_empty() && !names.is_empty() {
        found.extend(usize::try_from(u32::MAX));
    }
    found
}
