//! A turn to another configuration, and what stays.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::path::PathBuf;

use super::*;
use crate::config::{self, Environment, Sources};
use crate::shared::clock::Millis;
use crate::shared::credential::model_class::Class;
use crate::shared::credential::reason::Reason;
use crate::shared::credential::transition::Event;

/// The snapshot of one provider `p` with these keys, and more tables behind it.
fn snapshot(keys: &[(&str, &str)], more: &str) -> Arc<Snapshot> {
    let mut text = "[[provider]]\nname = \"p\"\ndialect = \"anthropic\"\n\
                    base_url = \"http://127.0.0.1:1\"\n"
        .to_owned();
    for (name, value) in keys {
        let lines = ["[[provider.key]]\nname = \"", name, "\"\nvalue = \"", value, "\"\n"];
        text.push_str(&lines.concat());
    }
    text.push_str(more);
    load(&text)
}

#[expect(clippy::disallowed_methods, reason = "a configuration is read from a file")]
fn load(text: &str) -> Arc<Snapshot> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("tidegate-ledger-{}-{number}.toml", std::process::id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, text).unwrap();
    let loaded = config::load(&Sources {
        directory: PathBuf::new(),
        environment: Environment::fixed([]),
        file: Some(file.clone()),
        flags: config::Flags::default(),
        stderr_is_terminal: false,
    });
    std::fs::remove_file(&file).unwrap();
    loaded.unwrap().snapshot
}

fn ledger() -> Ledger {
    Ledger::new(KeyedHash::new(&[7; 32]), 8)
}

fn named(keys: &[&str]) -> Vec<Named> {
    keys.iter().map(|key| Named { provider: "p".to_owned(), key: (*key).to_owned() }).collect()
}

fn cool(pools: &Pools, at: usize) {
    let word = pools.providers[0].pool.keys()[at].slot.credential();
    let (began, reason) = (word.load(), Reason::RetryAfter);
    word.apply(Event::Limited { began, reason, until: Millis(99_000) }, Millis(1)).unwrap();
}

#[test]
fn an_unchanged_key_keeps_slot_and_state_wherever_it_stands_now() {
    let mut ledger = ledger();
    let (before, _) = ledger.turn(&snapshot(&[("a", "k-1"), ("b", "k-2")], ""), 1).unwrap();
    cool(&before, 0);
    let (after, changes) =
        ledger.turn(&snapshot(&[("c", "k-3"), ("b", "k-2"), ("a", "k-1")], ""), 2).unwrap();
    let (old, new) = (before.providers[0].pool.keys(), after.providers[0].pool.keys());
    assert_eq!((old[0].id, old[0].version), (new[2].id, new[2].version));
    assert!(!new[2].slot.credential().load().is_available(Millis(2)));
    assert_eq!(changes, Changes { added: named(&["c"]), ..Changes::default() });
}

#[test]
fn another_value_under_the_same_name_is_known_nothing_of() {
    let mut ledger = ledger();
    let (before, _) = ledger.turn(&snapshot(&[("a", "k-1")], ""), 1).unwrap();
    cool(&before, 0);
    let (after, changes) = ledger.turn(&snapshot(&[("a", "k-9")], ""), 2).unwrap();
    let (old, new) = (&before.providers[0].pool.keys()[0], &after.providers[0].pool.keys()[0]);
    assert_eq!(changes.replaced, named(&["a"]));
    assert!(new.slot.credential().load().is_available(Millis(2)));
    assert!(old.slot.look(Class::Other, old.version).is_none(), "the old value is not used");
    assert!(new.slot.look(Class::Other, new.version).is_some());
}

#[test]
fn a_removed_key_is_off_at_once_and_its_slot_free_once_all_have_moved_on() {
    let mut ledger = ledger();
    let (before, _) = ledger.turn(&snapshot(&[("a", "k-1"), ("b", "k-2")], ""), 1).unwrap();
    let (_after, changes) = ledger.turn(&snapshot(&[("a", "k-1")], ""), 2).unwrap();
    let gone = &before.providers[0].pool.keys()[1];
    assert_eq!(changes.removed, named(&["b"]));
    assert!(gone.slot.credential().load().is_off());
    assert_eq!((ledger.reclaim(1), ledger.reclaim(2)), (0, 1));
}

#[test]
fn the_gates_of_a_name_stay_and_count_on() {
    let caller = "[[caller]]\nname = \"alice\"\nkey = \"tg-0123456789abcdef\"\n";
    let mut ledger = ledger();
    let (before, _) = ledger.turn(&snapshot(&[("a", "k-1")], caller), 1).unwrap();
    let _held = (before.callers[0].try_acquire().unwrap(), before.global.try_acquire().unwrap());
    let _attempt = before.providers[0].gate.try_acquire().unwrap();
    let (after, _) = ledger.turn(&snapshot(&[("a", "k-1")], caller), 2).unwrap();
    let counts = [after.callers[0], after.global, after.providers[0].gate].map(Gate::in_flight);
    assert_eq!(counts, [1, 1, 1]);
}

#[test]
fn class_names_that_were_learnt_stay_where_they_were() {
    let mut ledger = ledger();
    let one = snapshot(&[("a", "k-1")], "");
    let (before, _) = ledger.turn(&one, 1).unwrap();
    let learnt = before.providers[0].learn_class(&one.providers[0], Some("claude-x-20250101"));
    let (after, _) = ledger.turn(&one, 2).unwrap();
    assert_eq!(learnt, Class::Named(0));
    assert_eq!(after.providers[0].class_of(&one.providers[0], Some("claude-x-latest")), learnt);
}

#[test]
fn only_equal_ways_to_reach_a_provider_have_one_number() {
    let mut ledger = ledger();
    let second = "[[provider]]\nname = \"q\"\ndialect = \"openai\"\n\
                  base_url = \"http://127.0.0.1:1/v1\"\n\
                  [[provider]]\nname = \"r\"\ndialect = \"openai\"\n\
                  base_url = \"https://127.0.0.1:1\"\n";
    let (pools, _) = ledger.turn(&snapshot(&[], second), 1).unwrap();
    let origins: Vec<_> = pools.providers.iter().map(|provider| provider.origin).collect();
    assert_eq!(origins, [0, 0, 1]);
}
