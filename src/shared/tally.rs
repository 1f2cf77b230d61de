//! What one worker counts by label: requests and tokens by provider, model and status, faults by
//! provider and kind. Written by that worker alone, summed by readers, never dropped (DESIGN D11).
//! A label that is new costs one allocation; there is room for so many and no more.

use std::hash::{BuildHasher, Hash};
use std::sync::OnceLock;

use foldhash::quality::RandomState;

use super::atomic::{AtomicU64, Ordering};
use super::credential::model_class::{Class, Classes};
use crate::protocol::usage::figures::Usage;

/// One worker's labelled counts.
#[derive(Debug)]
pub struct Tally {
    alternatives: Table<AlternativeKey, 1>,
    faults: Table<FaultKey, 1>,
    served: Table<ServedKey, COUNTS>,
}

/// A name of a model that may stand in a label, or all others together.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Model(u8);

/// The names of models that may stand in labels: the first 100 that an upstream answered with a
/// 2xx, whoever asked. Any worker adds, each name once; nobody removes.
#[derive(Debug)]
pub struct Models {
    first: Classes,
    second: Classes,
}

/// What exchanges are told apart by.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ServedKey {
    /// Which model.
    pub model: Model,
    /// Asked last; empty when none was.
    pub provider: Box<str>,
    /// What the client got.
    pub status: u16,
}

/// What happened to them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Served {
    /// 429 answers of the provider, those that another key made good included.
    pub rate_limits: u64,
    /// Of the output tokens, those of reasoning.
    pub reasoning: u64,
    /// How many there were.
    pub requests: u64,
    /// Their tokens, as [`KINDS`].
    pub tokens: [u64; KINDS.len()],
}

impl Served {
    /// Takes in what another worker counted.
    pub fn add(&mut self, other: &Self) {
        self.rate_limits += other.rate_limits;
        self.reasoning += other.reasoning;
        self.requests += other.requests;
        for (sum, tokens) in self.tokens.iter_mut().zip(other.tokens) {
            *sum += tokens;
        }
    }
}

/// What went wrong and is only counted.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Fault {
    /// An exchange was over a cap; which one.
    AdmissionReject(&'static str),
    /// An answer could not be looked into; why.
    BodyUnobserved(&'static str),
    /// A walk over a provider's keys ended without an answer; why.
    PoolExhausted(&'static str),
    /// An attempt got no answer, or half of one; how.
    UpstreamError(&'static str),
}

/// An alternative that served in the place of a limited primary.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AlternativeKey {
    /// Who served.
    pub alternative: Box<str>,
    /// Which model.
    pub model: Model,
    /// Who would have.
    pub primary: Box<str>,
}

/// A fault at a provider; empty where none has to do with it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct FaultKey {
    /// What.
    pub fault: Fault,
    /// Whose.
    pub provider: Box<str>,
}

impl Tally {
    /// An exchange ended.
    pub fn exchange(&self, key: (&str, Model, u16), usage: &Usage) {
        let row = self.served_row(key);
        row[REQUESTS].add(1);
        row[REASONING].add(usage.reasoning.unwrap_or(0));
        for (count, tokens) in row.iter().zip(by_kind(usage)) {
            count.add(tokens);
        }
    }

    /// A provider answered 429.
    pub fn rate_limit(&self, provider: &str, model: Model) {
        self.served_row((provider, model, 429))[RATE_LIMITS].add(1);
    }

    /// Something went wrong.
    pub fn fault(&self, provider: &str, fault: Fault) {
        let is_it = |key: &FaultKey| key.fault == fault && *key.provider == *provider;
        let make = || FaultKey { fault, provider: provider.into() };
        self.faults.row((provider, fault), is_it, make)[0].add(1);
    }

    /// An alternative served in the place of a limited primary.
    pub fn alternative(&self, primary: &str, alternative: &str, model: Model) {
        let is_it = |key: &AlternativeKey| {
            key.model == model && *key.primary == *primary && *key.alternative == *alternative
        };
        let make =
            || AlternativeKey { alternative: alternative.into(), model, primary: primary.into() };
        self.alternatives.row((primary, alternative, model), is_it, make)[0].add(1);
    }

    /// All uses of alternatives so far.
    pub fn alternatives(&self) -> impl Iterator<Item = (Option<&AlternativeKey>, u64)> {
        self.alternatives.rows().map(|(key, [count])| (key, count))
    }

    /// All exchanges so far; what there was no room for stands under the empty key with status 0.
    pub fn served(&self) -> impl Iterator<Item = (Option<&ServedKey>, Served)> {
        self.served.rows().map(|(key, counts)| {
            let [input, read, written, written_1h, output, reasoning, requests, limits] = counts;
            let tokens = [input, read, written, written_1h, output];
            (key, Served { rate_limits: limits, reasoning, requests, tokens })
        })
    }

    /// All faults so far.
    pub fn faults(&self) -> impl Iterator<Item = (Option<&FaultKey>, u64)> {
        self.faults.rows().map(|(key, [count])| (key, count))
    }

    fn served_row(&self, (provider, model, status): (&str, Model, u16)) -> &[Count; COUNTS] {
        let is_it = |key: &ServedKey| {
            key.status == status && key.model == model && *key.provider == *provider
        };
        let make = || ServedKey { model, provider: provider.into(), status };
        self.served.row((provider, model, status), is_it, make)
    }
}

impl Default for Tally {
    fn default() -> Self {
        let alternatives = Table::new(ALTERNATIVES_MAX);
        Self { alternatives, faults: Table::new(FAULTS_MAX), served: Table::new(SERVED_MAX) }
    }
}

impl Models {
    /// None yet.
    pub fn new() -> Self {
        Self { first: Classes::new([]), second: Classes::new([]) }
    }

    /// The label of `model`, which is added if it was `answered` with a 2xx and there is room.
    pub fn label(&self, model: &str, answered: bool) -> Model {
        if model.is_empty() {
            return Model::OTHER;
        }
        let search =
            |names: &Classes| if answered { names.intern(model) } else { names.find(model) };
        match search(&self.first) {
            Class::Named(index) => Model(index),
            Class::Other => match search(&self.second) {
                Class::Named(index) if index < MODELS_MAX - FIRST => Model(FIRST + index),
                _ => Model::OTHER,
            },
        }
    }

    /// The name in labels.
    pub fn name(&self, model: Model) -> &str {
        let name = match model.0.checked_sub(FIRST) {
            None => self.first.name(model.0),
            Some(index) => self.second.name(index),
        };
        name.unwrap_or("other")
    }
}

impl Default for Models {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// No model, or one too many.
    pub const OTHER: Self = Self(u8::MAX);
}

/// Tokens by kind. A write to a cache whose lifetime was not told counts as the shorter one, which
/// is what providers have by default.
pub fn by_kind(usage: &Usage) -> [u64; KINDS.len()] {
    let known = |count: Option<u64>| count.unwrap_or(0);
    [
        known(usage.input),
        known(usage.cache_read),
        known(usage.cache_write_5m).saturating_add(known(usage.cache_write)),
        known(usage.cache_write_1h),
        known(usage.output),
    ]
}

/// Rows of counts by key. One thread adds rows and counts; others read.
#[derive(Debug)]
struct Table<K, const N: usize> {
    /// Those that found no row.
    crowd: [Count; N],
    hasher: RandomState,
    rows: Box<[OnceLock<Box<Row<K, N>>>]>,
}

#[derive(Debug)]
struct Row<K, const N: usize> {
    counts: [Count; N],
    key: K,
}

#[derive(Debug)]
struct Count(AtomicU64);

impl<K, const N: usize> Table<K, N> {
    fn new(rows: usize) -> Self {
        Self {
            crowd: std::array::from_fn(|_| Count::default()),
            hasher: RandomState::default(),
            rows: (0..rows).map(|_| OnceLock::new()).collect(),
        }
    }

    /// The row of a key, which is made if there is room.
    fn row(
        &self,
        hashed: impl Hash,
        is_it: impl Fn(&K) -> bool,
        make: impl FnOnce() -> K,
    ) -> &[Count; N] {
        let all = self.rows.len();
        let hash = self.hasher.hash_one(hashed);
        let start = usize::try_from(hash % u64::try_from(all).unwrap_or(1)).unwrap_or(0);
        let (before, after) = self.rows.split_at(start.min(all));
        for place in after.iter().chain(before).take(PROBES_MAX) {
            match place.get() {
                Some(row) if is_it(&row.key) => return &row.counts,
                Some(_) => {}
                // The one writer: nobody sets it meanwhile.
                None => {
                    let counts = std::array::from_fn(|_| Count::default());
                    return &place.get_or_init(|| Box::new(Row { counts, key: make() })).counts;
                }
            }
        }
        &self.crowd
    }

    fn rows(&self) -> impl Iterator<Item = (Option<&K>, [u64; N])> {
        let load = |counts: &[Count; N]| counts.each_ref().map(Count::load);
        let rows = self.rows.iter().filter_map(OnceLock::get);
        let rows = rows.map(move |row| (Some(&row.key), load(&row.counts)));
        rows.chain(std::iter::once((None, load(&self.crowd))))
    }
}

impl Count {
    /// Relaxed load and store: one writer, and nothing is published by a count.
    fn add(&self, by: u64) {
        self.0.store(self.load().wrapping_add(by), Ordering::Relaxed);
    }

    fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Count {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

/// Kinds of tokens, as metrics call them; disjoint.
pub const KINDS: [&str; 5] = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"];

/// Names of models in labels (CONFIG.md).
pub const MODELS_MAX: u8 = 100;

/// Tokens by kind first, then these.
const COUNTS: usize = KINDS.len() + 3;
const REASONING: usize = KINDS.len();
const REQUESTS: usize = KINDS.len() + 1;
const RATE_LIMITS: usize = KINDS.len() + 2;
/// Names in the first list.
const FIRST: u8 = 64;
const ALTERNATIVES_MAX: usize = 512;
const FAULTS_MAX: usize = 512;
const SERVED_MAX: usize = 4_096;
/// A table so crowded that a key's row is not found within so many is as good as full.
const PROBES_MAX: usize = 64;

#[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
const _: () = assert!(size_of::<[Count; COUNTS]>() == 64, "a row's counts are one cache line");

#[cfg(all(test, tidegate_loom))]
mod loom_tests;

#[cfg(all(test, not(tidegate_loom)))]
mod tests;
