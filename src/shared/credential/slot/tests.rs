//! What an operator does to a slot, and what late reports then may not do.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use crate::shared::credential::utilization::{Reading, Window};
use crate::shared::credential::word::{EPOCH_MAX, State};

const NOW: Millis = Millis(1_000);
const OPUS: Class = Class::Named(3);

fn limited(began: Word) -> Event {
    Event::Limited { began, reason: Reason::FiveHour, until: Millis(90_000) }
}

fn slot() -> (&'static Slot, u64) {
    let slot: &'static Slot = Box::leak(Box::default());
    let (_, version) = slot.move_in(2).unwrap();
    (slot, version)
}

#[test]
fn one_limited_class_never_blocks_another() {
    let (slot, version) = slot();
    let seen = slot.look(OPUS, version).unwrap();
    slot.class(OPUS).unwrap().apply(limited(seen.class), NOW).unwrap();
    assert!(!slot.look(OPUS, version).unwrap().class.is_available(NOW));
    let haiku = slot.look(Class::Named(4), version).unwrap();
    assert!(haiku.class.is_available(NOW) && haiku.credential.is_available(NOW));
    assert_eq!(slot.look(Class::Other, version).unwrap().class, Word::default());
}

#[test]
fn a_new_value_hides_the_slot_from_old_snapshots_and_forgets_the_old_one() {
    let (slot, version) = slot();
    let seen = slot.look(OPUS, version).unwrap();
    slot.class(OPUS).unwrap().apply(limited(seen.class), NOW).unwrap();
    let reading = Reading { observed: Wall(1_790_000_000_000), reset: None, value: 700 };
    slot.windows().word(Window::FiveHour).record(reading);

    let newer = slot.replace_value(false).unwrap();
    assert_eq!((slot.look(OPUS, version), newer), (None, version + 1));
    let fresh = slot.look(OPUS, newer).unwrap();
    assert!(fresh.class.is_available(NOW) && fresh.credential.is_available(NOW));
    assert_eq!(slot.headroom(OPUS, 600_000, reading.observed), 1_000);

    assert_eq!(slot.credential().apply(limited(seen.credential), NOW), None, "a late report");
    assert_eq!(slot.class(OPUS).unwrap().apply(limited(seen.class), NOW), None);
}

#[test]
fn a_new_value_of_a_disabled_credential_stays_disabled() {
    let (slot, _) = slot();
    let version = slot.replace_value(true).unwrap();
    assert!(slot.look(OPUS, version).unwrap().credential.is_off());
}

#[test]
fn a_reset_clears_word_classes_and_streak() {
    let (slot, version) = slot();
    let seen = slot.look(OPUS, version).unwrap();
    slot.class(OPUS).unwrap().apply(limited(seen.class), NOW).unwrap();
    slot.credential().apply(limited(seen.credential), NOW).unwrap();
    let told = slot.reset().unwrap();
    assert_eq!(told.from.state(NOW), State::Cooling { until: Millis(90_000) });
    let seen = slot.look(OPUS, version).unwrap();
    assert!(seen.class.is_available(NOW) && seen.credential.is_available(NOW));
}

#[test]
fn a_worn_slot_refuses_reset_and_new_value() {
    let (slot, _) = slot();
    while slot.credential().load().epoch() < EPOCH_MAX {
        slot.reset().unwrap();
    }
    let before = slot.credential().load();
    assert_eq!((slot.reset(), slot.replace_value(false)), (Err(Worn), Err(Worn)));
    assert_eq!(slot.credential().load(), before, "a refusal leaves nothing half done");
}

#[test]
fn a_stored_state_is_taken_up_once() {
    let (slot, version) = slot();
    let reason = Reason::SevenDay;
    let stored = Restored { auth_failed: false, deadline: Millis(5_000), reason, streak: 2 };
    assert!(slot.restore(None, stored).is_some());
    assert!(slot.restore(Some(OPUS), Restored { auth_failed: true, ..stored }).is_some());
    let seen = slot.look(OPUS, version).unwrap();
    assert_eq!(seen.credential.state(NOW), State::Cooling { until: Millis(5_000) });
    assert_eq!(seen.class.state(NOW), State::AuthFailed { probe_at: Millis(5_000) });
    assert!(slot.restore(None, Restored { deadline: Millis(9_000), ..stored }).is_none());
    assert!(slot.restore(Some(Class::Other), stored).is_none());
}

#[test]
fn headroom_is_what_the_tightest_reading_leaves() {
    let (slot, _) = slot();
    let observed = Wall(1_790_000_000_000);
    assert_eq!(slot.headroom(OPUS, 600_000, observed), 1_000);
    let reading = |value| Reading { observed, reset: Some(1_790_000_900), value };
    slot.windows().word(Window::SevenDay).record(reading(300));
    slot.class_reading(OPUS).unwrap().record(reading(800));
    assert_eq!(slot.headroom(OPUS, 600_000, observed), 200);
    assert_eq!(slot.headroom(Class::Other, 600_000, observed), 700);
}

#[test]
fn statistics_count_and_begin_anew_with_a_tenant() {
    let (slot, _) = slot();
    slot.statistics().tokens.add(5);
    slot.statistics().tokens.add(7);
    slot.statistics().last_used.advance(9);
    slot.statistics().last_used.advance(8);
    assert_eq!((slot.statistics().tokens.load(), slot.statistics().last_used.load()), (12, 9));
    slot.move_in(0).unwrap();
    assert_eq!((slot.statistics().tokens.load(), slot.statistics().last_used.load()), (0, 0));
}
