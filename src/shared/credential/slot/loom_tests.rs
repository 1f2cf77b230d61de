//! New values, removals and reuse against attempts under way; each model has a mutant that fails.

use loom::thread;

use super::*;
use crate::shared::credential::table::{Roster, Table};

const NOW: Millis = Millis(1_000);
const CLASS: Class = Class::Named(0);

fn failed(began: Word) -> Event {
    Event::AuthFailed { began, reason: Reason::Unauthorized, recheck: None }
}

/// A worker with an old snapshot (version 1) gets 401 and reports it, while the value is replaced:
/// the new value must never be marked by what happened to the old one.
///
/// Both are threads of their own: loom does not try a spawned thread before the very first
/// accesses of the one that spawned it.
fn new_material(replace: impl FnOnce(&'static Slot) + Send + 'static) {
    let slot: &'static Slot = Box::leak(Box::default());
    let (_, version) = slot.move_in(0).expect("a fresh slot");
    let operator = thread::spawn(move || replace(slot));
    let worker = thread::spawn(move || {
        if let Some(seen) = slot.look(CLASS, version)
            && seen.credential.is_available(NOW)
        {
            slot.credential().apply(failed(seen.credential), NOW);
            if let Some(word) = slot.class(CLASS) {
                word.apply(failed(seen.class), NOW);
            }
        }
    });
    worker.join().expect("no thread panics");
    operator.join().expect("no thread panics");
    let seen = slot.look(CLASS, version + 1).expect("the new value is in force");
    let clean = seen.credential.is_available(NOW) && seen.class.is_available(NOW);
    assert!(clean, "the new value answers for the old one");
}

#[test]
fn new_material_is_never_marked_for_the_old() {
    loom::model(|| {
        new_material(|slot| {
            let _version = slot.replace_value(false);
        });
    });
}

/// The mutant twin: the version written after the word that says all is well.
#[test]
#[should_panic(expected = "the new value answers for the old one")]
fn publishing_the_version_last_is_caught() {
    loom::model(|| {
        new_material(|slot| {
            slot.head.credential.apply(Event::Disable, NOW);
            for word in &slot.classes {
                word.apply(Event::NewValue { disabled: false }, NOW);
            }
            slot.head.credential.apply(Event::NewValue { disabled: false }, NOW);
            slot.head.material.0.store(2, Ordering::Release);
        });
    });
}

/// The mutant twin: class words cleared without taking the credential off first.
#[test]
#[should_panic(expected = "the new value answers for the old one")]
fn clearing_classes_in_the_open_is_caught() {
    loom::model(|| {
        new_material(|slot| {
            for word in &slot.classes {
                word.apply(Event::NewValue { disabled: false }, NOW);
            }
            slot.head.material.0.store(2, Ordering::Release);
            slot.head.credential.apply(Event::NewValue { disabled: false }, NOW);
        });
    });
}

/// The last attempt of a tenant reports 401 and ends, while the control plane waits to reuse.
fn reuse(may_reuse: impl Fn(&mut Roster, &'static Slot) -> bool, tell: fn(Word) -> Event) {
    let mut roster = Roster::new(Table::leaked());
    let old = roster.claim(1).expect("a fresh table");
    let seen = old.slot.look(CLASS, old.version).expect("in force");
    let permit = old.slot.gate().try_acquire().expect("a free place");
    let stream = thread::spawn(move || {
        old.slot.credential().apply(tell(seen.credential), NOW);
        old.slot.statistics().tokens.add(7);
        drop(permit);
    });
    roster.retire(old.id, 2);
    if may_reuse(&mut roster, old.slot) {
        let new = roster.claim(1).expect("the slot is free");
        stream.join().expect("no thread panics");
        assert!(std::ptr::eq(new.slot, old.slot), "the place was free");
        assert_eq!(new.slot.gate().in_flight(), 0, "the next tenant pays for the last");
        assert_eq!(new.slot.statistics().tokens.load(), 0, "the next tenant pays for the last");
        assert!(new.slot.credential().load().is_available(NOW), "marked for the last tenant");
    } else {
        stream.join().expect("no thread panics");
    }
}

#[test]
fn a_slot_is_reused_when_its_last_attempt_has_ended() {
    loom::model(|| reuse(|roster, _| roster.reclaim(2) == 1, failed));
}

/// The mutant twin: a slot freed while a stream of its last tenant runs.
#[test]
#[should_panic(expected = "the next tenant pays for the last")]
fn reusing_while_a_stream_runs_is_caught() {
    loom::model(|| {
        reuse(
            |roster, _| {
                roster.reclaim_blindly();
                true
            },
            failed,
        );
    });
}
