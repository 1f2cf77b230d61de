//! The unit that a provider's rate limits apply to: up to 64 named classes per provider, the rest
//! share `other` (BEHAVIOUR 1). A name is never recycled, so an index stays true.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use foldhash::quality::RandomState;

use crate::shared::atomic::{AtomicU64, Ordering};

/// A class of one provider.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// Index of its word in every slot of the provider; below [`CLASSES_MAX`].
    Named(u8),
    /// No room for a name: has no word, its marks cool only the walk of their own exchange.
    Other,
}

/// The names of one provider's classes. Workers add to it, each name once; nobody removes.
#[derive(Debug)]
pub struct Classes {
    /// Of the name with the same index; 0 = free. Claiming one is adding the name.
    hashes: [AtomicU64; CLASSES_MAX],
    hasher: RandomState,
    /// Set by whoever claimed the index, so never contended.
    names: [OnceLock<Box<str>>; CLASSES_MAX],
}

impl Classes {
    /// The configured names first: those of `model_class`, then of routes and model maps.
    pub fn new<'a>(configured: impl IntoIterator<Item = &'a str>) -> Self {
        let classes = Self {
            hashes: std::array::from_fn(|_| AtomicU64::new(0)),
            hasher: RandomState::default(),
            names: std::array::from_fn(|_| OnceLock::new()),
        };
        for name in configured {
            let _full = classes.intern(name);
        }
        classes
    }

    /// The class of a name that is already known; [`Class::Other`] for any other.
    pub fn find(&self, name: &str) -> Class {
        self.search(name, |_, _| false)
    }

    /// The class of a name, which is added if there is room: for configured names, and for those
    /// of an upstream 2xx or 429.
    pub fn intern(&self, name: &str) -> Class {
        if name.len() > NAME_BYTES_MAX {
            return Class::Other;
        }
        self.search(name, |free, hash| {
            // The hash is all there is to publish; Acquire so that a lost claim sees the winner's.
            free.compare_exchange(0, hash, Ordering::AcqRel, Ordering::Acquire).is_ok()
        })
    }

    /// The name at `index`; `None` when there is none, or it is being written this moment.
    pub fn name(&self, index: u8) -> Option<&str> {
        self.names.get(usize::from(index))?.get().map(AsRef::as_ref)
    }

    /// Walks the names in order; `claim` may take the first free place.
    fn search(&self, name: &str, claim: impl Fn(&AtomicU64, u64) -> bool) -> Class {
        // Keyed by the process, so that nobody can choose names that collide. 0 means free.
        let hash = self.hasher.hash_one(name).max(1);
        for (index, (word, kept)) in (0_u8..).zip(self.hashes.iter().zip(&self.names)) {
            let mut seen = word.load(Ordering::Acquire);
            if seen == 0 {
                if claim(word, hash) {
                    let _ours_alone = kept.set(name.into());
                    return Class::Named(index);
                }
                // Still free: nobody looks for a place. Else the claim was lost, maybe to a twin.
                seen = word.load(Ordering::Acquire);
                if seen == 0 {
                    return Class::Other;
                }
            }
            if seen == hash {
                return Class::Named(index);
            }
        }
        Class::Other
    }
}

/// The class name of a model: `matcher` knows the configured patterns; else the model without its
/// date suffix (`[-@]\d{4}-?\d{2}-?\d{2}$`) or `-latest`.
pub fn class_name<'a>(model: &'a str, matcher: impl FnOnce(&str) -> Option<&'a str>) -> &'a str {
    matcher(model).unwrap_or_else(|| without_date(model))
}

fn without_date(model: &str) -> &str {
    let rest = model.strip_suffix("-latest").or_else(|| {
        let rest = without_digits(model, 2)?;
        let rest = without_digits(rest.strip_suffix('-').unwrap_or(rest), 2)?;
        let rest = without_digits(rest.strip_suffix('-').unwrap_or(rest), 4)?;
        rest.strip_suffix(['-', '@'])
    });
    // A model that is nothing but a suffix is its own name.
    rest.filter(|rest| !rest.is_empty()).unwrap_or(model)
}

fn without_digits(text: &str, count: usize) -> Option<&str> {
    let (rest, digits) = text.split_at_checked(text.len().checked_sub(count)?)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(rest)
}

/// Named classes of one provider.
pub const CLASSES_MAX: usize = if cfg!(tidegate_loom) { 2 } else { 64 };

/// A longer name is `other`: names come from clients.
const NAME_BYTES_MAX: usize = 128;

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_date_or_latest_is_not_part_of_the_class() {
        for (model, class) in [
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("claude-3-5-sonnet@20240620", "claude-3-5-sonnet"),
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("gpt-4o-2024-0806", "gpt-4o"),
            ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
            ("gpt-4-0613", "gpt-4-0613"),
            ("o3", "o3"),
            ("-20240620", "-20240620"),
            ("", ""),
            ("ä2024-08-06", "ä2024-08-06"),
        ] {
            assert_eq!(class_name(model, |_| None), class);
        }
    }

    #[test]
    fn a_configured_pattern_comes_first() {
        let matcher = |model: &str| model.contains("opus").then_some("opus");
        assert_eq!(class_name("claude-opus-4-1-20250805", matcher), "opus");
        assert_eq!(class_name("claude-haiku-4-5-20251001", matcher), "claude-haiku-4-5");
    }

    proptest! {
        #[test]
        fn the_suffix_is_what_the_pattern_says(model in "[a-z0-9@-]{0,6}[0-9@-]{0,12}(-latest)?") {
            let pattern = regex::Regex::new(r"^(.+?)(?:[-@]\d{4}-?\d{2}-?\d{2}|-latest)$").unwrap();
            let expected = pattern.captures(&model).map_or(&*model, |c| c.get(1).unwrap().as_str());
            prop_assert_eq!(class_name(&model, |_| None), expected);
        }
    }

    #[test]
    fn names_are_added_once_in_order_and_the_65th_shares_other() {
        let classes = Classes::new(["opus", "sonnet", "opus"]);
        assert_eq!(classes.find("sonnet"), Class::Named(1));
        assert_eq!(classes.find("haiku"), Class::Other);
        for index in 2..64 {
            assert_eq!(classes.intern(&format!("model-{index}")), Class::Named(index));
        }
        assert_eq!(classes.intern("one-more"), Class::Other);
        assert_eq!(classes.intern("opus"), Class::Named(0));
        assert_eq!(classes.name(63), Some("model-63"));
        assert_eq!(classes.name(64), None);
        assert_eq!(Classes::new([]).intern(&"x".repeat(NAME_BYTES_MAX + 1)), Class::Other);
    }

    #[test]
    fn many_threads_agree_on_every_index() {
        let classes: &'static Classes = Box::leak(Box::new(Classes::new([])));
        let threads: Vec<_> = (0..8)
            .map(|shift| {
                std::thread::spawn(move || {
                    let names = (0..64).map(|index| format!("m{}", (index + shift * 8) % 64));
                    names.map(|name| (classes.intern(&name), name)).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut seen = std::collections::HashMap::new();
        for thread in threads {
            for (class, name) in thread.join().unwrap() {
                assert_ne!(class, Class::Other);
                assert_eq!(*seen.entry(name).or_insert(class), class);
            }
        }
        assert_eq!(seen.len(), 64);
    }
}

#[cfg(all(test, tidegate_loom))]
mod loom_tests {
    use super::*;

    fn twins(intern: impl Fn(&Classes) -> Class + Copy + Send + Sync + 'static) {
        let classes = loom::sync::Arc::new(Classes::new([]));
        let other = {
            let classes = classes.clone();
            loom::thread::spawn(move || intern(&classes))
        };
        let mine = intern(&classes);
        assert_eq!(mine, other.join().expect("no thread panics"), "one name, two classes");
    }

    #[test]
    fn one_name_seen_by_two_workers_is_one_class() {
        loom::model(|| twins(|classes| classes.intern("opus")));
    }

    /// The mutant twin: going on to the next place after a lost claim.
    #[test]
    #[should_panic(expected = "one name, two classes")]
    fn going_on_after_a_lost_claim_is_caught() {
        loom::model(|| {
            twins(|classes| {
                let hash = classes.hasher.hash_one("opus").max(1);
                for (index, word) in (0_u8..).zip(&classes.hashes) {
                    let free = word.load(Ordering::Acquire) == 0;
                    let claim = || {
                        word.compare_exchange(0, hash, Ordering::AcqRel, Ordering::Acquire).is_ok()
                    };
                    if free && claim() || !free && word.load(Ordering::Acquire) == hash {
                        return Class::Named(index);
                    }
                }
                Class::Other
            });
        });
    }
}
