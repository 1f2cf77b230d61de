//! What providers said last of a key's limits, by records of exchanges: for the admin API alone.
//! Bounded by the keys there are.
#![expect(clippy::disallowed_types, reason = "a mutex of this thread's own: no worker sees it")]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use super::shape::Quota;
use crate::protocol::json::text::Text;
use crate::shared::journal::Record;

/// By provider and key.
#[derive(Debug, Default)]
pub struct Quotas {
    last: Mutex<HashMap<Names, ByName>>,
}

/// Of a provider and a key.
type Names = (Text<64>, Text<64>);
/// `requests` and `tokens`.
type ByName = BTreeMap<&'static str, Quota>;

impl Quotas {
    /// Takes in what a record says. A limit that it does not speak of stays as it was.
    pub fn note(&self, Record { answered, ended, texts, .. }: &Record) {
        let Some(limits) = &answered.limits else { return };
        if ended.key.is_empty() || (limits.requests.is_none() && limits.tokens.is_none()) {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= KEYS_MAX {
            // Those that are still used come back with their next answer.
            last.clear();
        }
        let known = last.entry(names(texts.of(ended.provider), texts.of(ended.key))).or_default();
        let told = [("requests", &limits.requests), ("tokens", &limits.tokens)];
        for (name, quota) in told {
            if let Some(quota) = quota {
                known.insert(name, Quota::of(quota));
            }
        }
    }

    /// What is known of a key.
    pub fn of(&self, provider: &str, key: &str) -> ByName {
        let names = names(provider, key);
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(&names).cloned().unwrap_or_default()
    }
}

fn names(provider: &str, key: &str) -> Names {
    (Text::cut(provider.as_bytes()), Text::cut(key.as_bytes()))
}

/// Brought keys are noted by their hints too.
const KEYS_MAX: usize = 4_096;
