//! A breaker on a fake clock: when it opens, what passes while it is, what closes it.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::word::{Event, Word, next};
use super::*;

const POLICY: Policy = Policy { ceiling_ms: 300_000, failures: 5, open_ms: 30_000, probes: 3 };
const T0: Millis = Millis(1_000_000);

fn fail(breaker: &Breaker, now: Millis) -> Option<State> {
    breaker.enter(POLICY, now).unwrap().failed(now)
}

fn opened() -> Breaker {
    let breaker = Breaker::default();
    for _ in 0..4 {
        assert_eq!(fail(&breaker, T0), None);
    }
    assert_eq!(fail(&breaker, T0), Some(State::Open { wait_ms: 30_000 }));
    breaker
}

#[test]
fn a49_five_failures_in_a_row_open_it_and_a_success_between_does_not() {
    let breaker = Breaker::default();
    for _ in 0..3 {
        for _ in 0..4 {
            fail(&breaker, T0);
        }
        assert!(!breaker.enter(POLICY, T0).unwrap().succeeded(T0));
    }
    assert_eq!(breaker.state(T0), State::Closed);
    let breaker = opened();
    assert_eq!(breaker.enter(POLICY, T0).unwrap_err(), 30_000);
    assert_eq!(breaker.enter(POLICY, T0.plus(29_999)).unwrap_err(), 1);
}

#[test]
fn a49_half_open_lets_three_probes_pass_and_three_successes_close_it() {
    let breaker = opened();
    let later = T0.plus(30_000);
    assert_eq!(breaker.state(later), State::HalfOpen);
    let probes: Vec<Pass<'_>> = (0..3).map(|_| breaker.enter(POLICY, later).unwrap()).collect();
    assert_eq!(breaker.enter(POLICY, later).unwrap_err(), FULL_WAIT_MS);
    let closed: Vec<bool> = probes.into_iter().map(|probe| probe.succeeded(later)).collect();
    assert_eq!(closed, [false, false, true]);
    assert_eq!(breaker.state(later), State::Closed);
    assert_eq!(fail(&breaker, later), None, "counts from the start");
}

#[test]
fn a49_a_failed_probe_opens_it_again_for_twice_as_long_up_to_the_ceiling() {
    let (breaker, mut now) = (opened(), T0);
    let mut waits = Vec::new();
    let mut wait_ms = 30_000;
    for _ in 0..6 {
        now = now.plus(wait_ms);
        let Some(State::Open { wait_ms: longer }) = fail(&breaker, now) else { panic!("open") };
        wait_ms = longer;
        waits.push(wait_ms);
    }
    assert_eq!(waits, [60_000, 120_000, 240_000, 300_000, 300_000, 300_000]);
}

#[test]
fn a_probe_that_is_dropped_gives_its_place_back_and_counts_for_nothing() {
    let breaker = opened();
    let later = T0.plus(30_000);
    for _ in 0..10 {
        let probes: Vec<Pass<'_>> = (0..3).map(|_| breaker.enter(POLICY, later).unwrap()).collect();
        drop(probes);
    }
    assert_eq!(breaker.state(later), State::HalfOpen);
}

#[test]
fn what_began_before_an_opening_changes_nothing_after_it() {
    let breaker = Breaker::default();
    let early = breaker.enter(POLICY, T0).unwrap();
    let earlier = breaker.enter(POLICY, T0).unwrap();
    for _ in 0..5 {
        fail(&breaker, T0);
    }
    let later = T0.plus(30_000);
    let (one, two) = (breaker.enter(POLICY, later).unwrap(), breaker.enter(POLICY, later).unwrap());
    assert!(!early.succeeded(later), "it is no probe");
    assert!(one.failed(later).is_some(), "open for a minute");
    let opened = breaker.word();
    assert!(!two.succeeded(later));
    assert_eq!(earlier.failed(later), None);
    assert_eq!(breaker.word(), opened);
}

#[test]
fn a_model_that_gets_a_class_takes_its_breaker_along() {
    let breakers = Breakers::new();
    let (unnamed, named) = (breakers.of(Class::Other, "m"), breakers.of(Class::Named(3), "m"));
    for _ in 0..5 {
        fail(unnamed, T0);
    }
    let later = T0.plus(30_000);
    let mut probe = unnamed.enter(POLICY, later).unwrap();
    probe.move_to(named);
    assert!(!probe.succeeded(later));
    assert_eq!((unnamed.state(later), named.state(later)), (State::Closed, State::HalfOpen));
    assert!(!named.enter(POLICY, later).unwrap().succeeded(later));
    let mut last = named.enter(POLICY, later).unwrap();
    last.move_to(named);
    assert!(last.succeeded(later), "three in all");
}

#[test]
fn another_class_is_untouched_and_models_without_a_class_seldom_share() {
    let breakers = Breakers::new();
    let of = |class, name: &str| std::ptr::from_ref(breakers.of(class, name));
    assert_ne!(of(Class::Named(0), ""), of(Class::Named(1), ""));
    assert_eq!(of(Class::Other, "m"), of(Class::Other, "m"));
    let places: std::collections::BTreeSet<_> =
        (0..1_000).map(|n| of(Class::Other, &format!("m{n}"))).collect();
    assert!(places.len() > 800, "{}", places.len());
    for _ in 0..5 {
        fail(breakers.of(Class::Other, "m"), T0);
    }
    let open = breakers.states(T0).filter(|(_, state)| *state != State::Closed);
    let open: Vec<_> = open.collect();
    assert_eq!(open, [(Class::Other, State::Open { wait_ms: 30_000 })]);
}

proptest! {
    #[test]
    fn a_word_reads_back(bits in any::<u64>()) {
        prop_assert_eq!(Word::of(Word::of(bits).bits()), Word::of(bits));
    }

    /// Whatever happens in whatever order, probes out and succeeded are never more than allowed.
    #[test]
    fn probes_are_bounded_in_every_order(steps in proptest::collection::vec(0_u8..6, 0..60)) {
        let (mut word, mut now) = (Word::default(), T0);
        let mut out: Vec<u64> = Vec::new();
        for step in steps {
            let probe = out.first().copied();
            let event = match (step, probe) {
                (0, _) => Event::Enter,
                (1, _) => Event::Failed { epoch: word.epoch(), is_probe: false },
                (2, _) => { now = now.plus(20_000); continue }
                (3, Some(epoch)) => { out.remove(0); Event::Failed { epoch, is_probe: true } }
                (4, Some(epoch)) => { out.remove(0); Event::Succeeded { epoch, is_probe: true } }
                (5, Some(epoch)) => { out.remove(0); Event::Left { epoch } }
                _ => continue,
            };
            let Some(after) = next(word, event, &POLICY, now) else { continue };
            if matches!(event, Event::Enter) {
                out.push(word.epoch());
            }
            word = after;
            let of_now = out.iter().filter(|&&epoch| epoch == word.epoch()).count();
            prop_assert!(of_now <= 3, "{:?}", word);
        }
    }
}
