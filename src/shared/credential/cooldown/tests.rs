//! Marks by case id, and leases, on one thread; then many threads on one word.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::thread;

use super::*;
use crate::shared::credential::word::State;

const POLICY: Policy = Policy {
    ladder: Ladder { base_ms: 60_000, ceiling_ms: 3_600_000, jitter_permille: 0 },
    recheck: Some(Recheck { ceiling_ms: 3_600_000, first_ms: 300_000 }),
    wait_max_ms: 172_800_000,
};

fn mark(word: &StateWord, wait_ms: Option<i64>, now: u64) -> Option<Transition> {
    let (now, mark) = (Millis(now), Mark { reason: Reason::RetryAfter, seed: 0, wait_ms });
    word.apply(mark.event(word.load(), &POLICY, now), now)
}

fn leaked() -> &'static StateWord {
    Box::leak(Box::default())
}

#[test]
fn a09_a_mark_lasts_exactly_as_long_as_it_says() {
    for (wait_ms, lasts) in [(Some(5_000), 5_000), (Some(1_500), 1_500), (None, 60_000)] {
        let word = StateWord::new();
        mark(&word, wait_ms, 100).unwrap();
        assert!(!word.load().is_available(Millis(100 + lasts - 1)), "{wait_ms:?}");
        assert!(word.load().is_available(Millis(100 + lasts)), "{wait_ms:?}");
    }
}

#[test]
fn a34_a35_a_wait_of_nothing_or_less_is_the_ladders() {
    for wait_ms in [0, -10_000, i64::MIN] {
        let word = StateWord::new();
        mark(&word, Some(wait_ms), 0).unwrap();
        assert!(!word.load().is_available(Millis(50_000)));
        assert!(word.load().is_available(Millis(65_000)));
    }
}

#[test]
fn a44_only_a_mark_that_changes_something_is_told() {
    let word = StateWord::new();
    assert!(mark(&word, Some(30_000), 0).is_some());
    let later = mark(&word, Some(60_000), 0).unwrap();
    assert_eq!(later.from.state(Millis(0)), State::Cooling { until: Millis(30_000) });
    assert!(mark(&word, Some(10_000), 0).is_none());
    assert_eq!(word.load().deadline(), Millis(60_000));
}

#[test]
fn l05_no_mark_lasts_over_the_cap() {
    for wait_ms in [i64::MAX, 999_999_000, 172_800_001] {
        let word = StateWord::new();
        mark(&word, Some(wait_ms), 7).unwrap();
        assert_eq!(word.load().deadline(), Millis(172_800_007));
    }
}

#[test]
fn a41_a42_many_threads_leave_the_longest_mark_or_auth_failed() {
    for auth_fails in [false, true] {
        let word = leaked();
        let began = word.load();
        let threads: Vec<_> = (0..10)
            .map(|index| {
                thread::spawn(move || {
                    let half = index % 2 == 0;
                    if half && auth_fails {
                        let (reason, recheck) = (Reason::Unauthorized, POLICY.recheck);
                        word.apply(Event::AuthFailed { began, reason, recheck }, Millis(0))
                    } else {
                        mark(word, Some(if half { 60_000 } else { 10_000 }), 0)
                    }
                })
            })
            .collect();
        let made = threads.into_iter().filter_map(|thread| thread.join().unwrap());
        assert!(made.count() >= 1);
        if auth_fails {
            assert!(matches!(word.load().state(Millis(65_000)), State::AuthFailed { .. }));
        } else {
            assert!(!word.load().is_available(Millis(50_000)));
            assert!(word.load().is_available(Millis(65_000)));
        }
    }
}

#[test]
fn a_transition_is_told_to_exactly_one_thread() {
    let word = leaked();
    let began = word.load();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(move || {
                let mark = Mark { reason: Reason::Ladder, seed: 0, wait_ms: None };
                word.apply(mark.event(began, &POLICY, Millis(0)), Millis(0)).is_some()
            })
        })
        .collect();
    let told = threads.into_iter().map(|thread| thread.join().unwrap());
    assert_eq!(told.filter(|&told| told).count(), 1);
}

fn auth_failed() -> &'static StateWord {
    let word = leaked();
    let (began, recheck) = (word.load(), POLICY.recheck);
    let event = Event::AuthFailed { began, reason: Reason::Unauthorized, recheck };
    word.apply(event, Millis(0)).unwrap();
    word
}

#[test]
fn a_lease_dropped_without_a_verdict_makes_the_word_due_at_once() {
    let word = auth_failed();
    let now = Millis(300_000);
    assert!(Lease::take(word, now.plus(6_000), Millis(299_999)).is_none());
    let lease = Lease::take(word, now.plus(6_000), now).unwrap();
    assert!(Lease::take(word, now.plus(6_000), now).is_none(), "one probe at a time");
    drop(lease);
    assert!(Lease::take(word, now.plus(6_000), now).is_some());
}

#[test]
fn a_lease_that_ran_out_is_taken_by_the_next_and_its_holder_disturbs_nobody() {
    let word = auth_failed();
    let slow = Lease::take(word, Millis(306_000), Millis(300_000)).unwrap();
    let quick = Lease::take(word, Millis(312_000), Millis(306_000)).unwrap();
    drop(slow);
    assert_eq!(word.load(), quick.word());
}

#[test]
fn a_probe_that_succeeds_clears_and_one_that_fails_doubles() {
    let word = auth_failed();
    let lease = Lease::take(word, Millis(306_000), Millis(300_000)).unwrap();
    let (began, reason, recheck) = (lease.word(), Reason::Unauthorized, POLICY.recheck);
    word.apply(Event::AuthFailed { began, reason, recheck }, Millis(301_000)).unwrap();
    drop(lease);
    assert_eq!(word.load().deadline(), Millis(901_000));

    let lease = Lease::take(word, Millis(907_000), Millis(901_000)).unwrap();
    word.apply(Event::Succeeded { began: lease.word() }, Millis(902_000)).unwrap();
    drop(lease);
    assert_eq!(word.load().state(Millis(902_000)), State::Available);
}
