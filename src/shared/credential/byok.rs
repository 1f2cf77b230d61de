//! State of credentials that callers bring themselves: a bounded part beside the table, entered
//! and evicted by workers. Never holds a key: a keyed digest of it is all that comes in.

use super::cooldown::StateWord;
use super::slot::Statistics;
use super::utilization::Windows;
use crate::shared::atomic::{AtomicU64, Ordering};

/// Entries of brought credentials: sets of eight, the least recently used of a set goes first.
/// Two workers that bring a new key in the same nanoseconds may give it two entries for a while.
#[derive(Debug)]
pub struct Byok {
    sets: Box<[[Entry; WAYS]]>,
}

/// What is known of one brought credential.
#[derive(Debug, Default)]
pub struct Entry {
    /// Unix ms.
    last_used: LastUsed,
    state: StateWord,
    statistics: Statistics,
    tenant: TenantWord,
    windows: Windows,
}

/// `[tag:47][unready:1][pins:16]`: whose entry it is and how many attempts hold it, in one word,
/// so that no one can evict what another one enters. All zero: free.
#[derive(Debug)]
struct TenantWord(AtomicU64);

#[derive(Debug)]
struct LastUsed(AtomicU64);

/// An entry in use. It keeps its tenant until the guest is dropped.
#[derive(Debug)]
#[must_use = "a dropped guest lets its entry be evicted"]
pub struct Guest {
    entry: &'static Entry,
}

impl Byok {
    /// A part of `entries` (`limits.byok_entries`), rounded up to whole sets, for the rest of the
    /// process.
    pub fn leaked(entries: usize) -> &'static Self {
        let sets = entries.div_ceil(WAYS).max(1);
        let new_set = |_| std::array::from_fn(|_| Entry::default());
        Box::leak(Box::new(Self { sets: (0..sets).map(new_set).collect() }))
    }

    /// The entry of `digest` (keyed, so that nobody can choose it), made if there is none.
    /// `None` when all entries of its set are in use, or its entry is made ready this moment: the
    /// exchange goes on without one.
    pub fn enter(&'static self, digest: u64, now_unix_ms: u64) -> Option<Guest> {
        let sets = u64::try_from(self.sets.len()).ok()?;
        let set = self.sets.get(usize::try_from(digest % sets).ok()?)?;
        // The set is chosen by the low bits and a remainder; the tag is the high ones.
        let tag = (digest | 1 << TAG_SHIFT) & TAG;
        for _ in 0..TRIES_MAX {
            let entry = match set.iter().find(|entry| entry.tenant.load() & TAG == tag) {
                Some(entry) => entry.tenant.pin(tag).then_some(entry),
                None if set.iter().all(|entry| entry.tenant.is_in_use()) => return None,
                None => claim(set, tag),
            };
            if let Some(entry) = entry {
                entry.last_used.0.store(now_unix_ms, Ordering::Relaxed);
                return Some(Guest { entry });
            }
            let is_unready = |entry: &Entry| entry.tenant.load() & !PINS == tag | UNREADY;
            if set.iter().any(is_unready) {
                return None;
            }
        }
        None
    }
}

/// Takes the free or else least recently used entry of `set`. `None` when another worker was
/// faster, or all are in use.
fn claim(set: &'static [Entry], tag: u64) -> Option<&'static Entry> {
    let idle = set.iter().filter(|entry| !entry.tenant.is_in_use());
    let idle = idle.map(|entry| (entry, entry.tenant.load() & TAG));
    let age = |(entry, tenant): &(&Entry, u64)| match tenant {
        0 => 0,
        _ => entry.last_used.0.load(Ordering::Relaxed).max(1),
    };
    let (entry, tenant) = idle.min_by_key(age)?;
    if !entry.tenant.evict(tenant, tag) {
        return None;
    }
    // Nobody else has a way in until the word says ready, and nobody of before is left.
    entry.state.forget();
    entry.statistics.clear();
    entry.windows.clear();
    entry.tenant.open(tag);
    Some(entry)
}

impl TenantWord {
    fn load(&self) -> u64 {
        // Relaxed: only looked at; what follows from it is done by a compare-and-swap.
        self.0.load(Ordering::Relaxed)
    }

    fn is_in_use(&self) -> bool {
        self.load() & (PINS | UNREADY) != 0
    }

    /// Adds a pin, if the entry is still of `tag`, ready, and not pinned beyond counting.
    fn pin(&self, tag: u64) -> bool {
        let pinned =
            |tenant: u64| (tenant & !PINS == tag && tenant & PINS < PINS).then_some(tenant + 1);
        // Acquire pairs with `open`: the entry is seen as made ready.
        self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, pinned).is_ok()
    }

    /// Makes an unused entry that of `tag`, pinned once and not ready.
    fn evict(&self, tenant: u64, tag: u64) -> bool {
        // Acquire pairs with the Release of the last guest: its writes come before the clearing.
        let taken = tag | UNREADY | 1;
        self.0.compare_exchange(tenant, taken, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn open(&self, tag: u64) {
        // Release: who sees it ready sees it cleared. Nobody else writes an unready word.
        self.0.store(tag | 1, Ordering::Release);
    }
}

impl Default for TenantWord {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Default for LastUsed {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Guest {
    /// The entry's state. It never refuses the caller's own attempts.
    pub fn state(&self) -> &StateWord {
        &self.entry.state
    }

    /// Counts for people.
    pub fn statistics(&self) -> &Statistics {
        &self.entry.statistics
    }

    /// The unified windows.
    pub fn windows(&self) -> &Windows {
        &self.entry.windows
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Release: what was written under the pin comes before an eviction.
        let before = self.entry.tenant.0.fetch_sub(1, Ordering::Release);
        debug_assert!(before & PINS > 0, "a guest left twice");
    }
}

const PINS: u64 = 0xffff;
const TAG: u64 = !(PINS | UNREADY);
const TAG_SHIFT: u32 = 17;
/// Lost races after which an exchange goes on without an entry.
const TRIES_MAX: usize = 8;
const UNREADY: u64 = 1 << 16;
/// Entries per set.
const WAYS: usize = if cfg!(tidegate_loom) { 1 } else { 8 };

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::thread;

    use super::*;
    use crate::shared::credential::utilization::{Reading, Wall, Window};

    const READING: Reading = Reading { observed: Wall(1_790_000_000_000), reset: None, value: 900 };

    fn digest(index: u64) -> u64 {
        index.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn a_key_finds_its_entry_again() {
        let byok = Byok::leaked(100);
        for index in 1..=50 {
            let guest = byok.enter(digest(index), index).unwrap();
            guest.statistics().requests.add(index);
        }
        for index in 1..=50 {
            let guest = byok.enter(digest(index), index).unwrap();
            assert_eq!(guest.statistics().requests.load(), index);
        }
    }

    #[test]
    fn the_least_recently_used_goes_first_and_leaves_nothing_behind() {
        let byok = Byok::leaked(8);
        for index in 1..=8 {
            let guest = byok.enter(digest(index), 100 + index).unwrap();
            guest.windows().word(Window::FiveHour).record(READING);
        }
        drop(byok.enter(digest(1), 200).unwrap());
        let newcomer = byok.enter(digest(9), 201).unwrap();
        assert_eq!(newcomer.windows().word(Window::FiveHour).load(), None);
        let kept = byok.enter(digest(1), 202).unwrap();
        assert_eq!(kept.windows().word(Window::FiveHour).load().unwrap().value, 900);
        let gone = byok.enter(digest(2), 203).unwrap();
        assert_eq!(gone.windows().word(Window::FiveHour).load(), None);
    }

    #[test]
    fn an_entry_in_use_is_never_evicted() {
        let byok = Byok::leaked(8);
        let guests: Vec<_> = (1..=8).map(|i| byok.enter(digest(i), 1).unwrap()).collect();
        assert!(byok.enter(digest(9), 2).is_none(), "the exchange goes on without an entry");
        assert!(byok.enter(digest(3), 2).is_some());
        drop(guests);
        assert!(byok.enter(digest(9), 3).is_some());
    }

    #[test]
    fn a_digest_of_zero_is_a_key_like_any_other() {
        let byok = Byok::leaked(8);
        byok.enter(0, 1).unwrap().statistics().requests.add(1);
        assert_eq!(byok.enter(0, 2).unwrap().statistics().requests.load(), 1);
    }

    #[test]
    fn many_threads_and_more_keys_than_places_leave_every_pin_returned() {
        let byok = Byok::leaked(16);
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                thread::spawn(move || {
                    for round in 0..5_000 {
                        let key = (round * 7 + seed * 3) % 40;
                        let Some(guest) = byok.enter(digest(key), round) else { continue };
                        // Its own key's readings only: each key writes its own value.
                        let value = u16::try_from(key).unwrap();
                        if let Some(seen) = guest.windows().word(Window::FiveHour).load() {
                            assert_eq!(seen.value, value, "another key's reading");
                        }
                        let reading = Reading { value, ..READING };
                        guest.windows().word(Window::FiveHour).record(reading);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let pins = byok.sets.iter().flatten().map(|entry| entry.tenant.load() & PINS);
        assert_eq!(pins.sum::<u64>(), 0);
    }
}

#[cfg(all(test, tidegate_loom))]
mod loom_tests;
