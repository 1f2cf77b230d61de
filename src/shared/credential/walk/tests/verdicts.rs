//! What an attempt's answer does to the walk and to the words.

use super::*;

#[test]
fn a27_a_limited_key_is_not_asked_again_by_the_next_exchange() {
    let pool = pool(2);
    let mut walker = Walker::new(&pool, TERMS);
    let k0 = walker.next(at(0)).unwrap();
    assert!(walker.limited(&k0, Scope::Class, (wait(60), &POLICY), Millis(0)).is_some());
    let k1 = walker.next(at(0)).unwrap();
    walker.succeeded(&k1, Millis(0));
    assert_eq!((k0.index, k1.index), (0, 1));
    assert_eq!(walk(&pool, at(1)).0, [1]);
    assert_eq!(pool.keys()[0].slot.statistics().rate_limits.load(), 1);
}

#[test]
fn a07_a17_a18_verdicts_of_one_walk_leave_their_states() {
    let pool = pool(3);
    let mut walker = Walker::new(&pool, TERMS);
    let k0 = walker.next(at(0)).unwrap();
    walker.limited(&k0, Scope::Class, (wait(5), &POLICY), Millis(0)).unwrap();
    let k1 = walker.next(at(0)).unwrap();
    walker.auth_failed(&k1, Reason::Unauthorized, &POLICY, Millis(0)).unwrap();
    let k2 = walker.next(at(0)).unwrap();
    walker.succeeded(&k2, Millis(0));
    drop((k0, k1, k2));
    assert_eq!(walk(&pool, at(4)).0, [2]);
    assert_eq!(walk(&pool, at(5)).0, [0, 2]);
}

#[test]
fn a_whole_credential_limit_blocks_every_class() {
    let pool = pool(1);
    let mut walker = Walker::new(&pool, TERMS);
    let choice = walker.next(at(0)).unwrap();
    let mark = Mark { reason: Reason::FiveHour, ..wait(3_600) };
    walker.limited(&choice, Scope::Credential, (mark, &POLICY), Millis(0)).unwrap();
    let other = Terms { class: Class::Named(9), ..TERMS };
    assert!(Walker::new(&pool, other).next(at(0)).is_none());
    let end = Walker::new(&pool, other).exhausted(at(0));
    let claim = end.unified.unwrap();
    assert_eq!((claim.reason, claim.until), (Reason::FiveHour, Millis(3_600_000)));
}

#[test]
fn the_unified_claim_is_the_one_that_returns_first() {
    let pool = pool(3);
    let mut walker = Walker::new(&pool, TERMS);
    let marks = [(Reason::SevenDay, 9_000), (Reason::FiveHour, 3_600), (Reason::RetryAfter, 60)];
    for (reason, seconds) in marks {
        let choice = walker.next(at(0)).unwrap();
        let mark = Mark { reason, ..wait(seconds) };
        walker.limited(&choice, Scope::Credential, (mark, &POLICY), Millis(0)).unwrap();
    }
    let end = walker.exhausted(at(0));
    assert_eq!(end.first.map(|claim| claim.index), Some(2));
    assert_eq!((end.unified.map(|claim| claim.index), end.wait_ms), (Some(1), 60_000));
}

#[test]
fn marks_of_class_other_last_as_long_as_their_exchange() {
    let pool = pool(2);
    let terms = Terms { class: Class::Other, ..TERMS };
    let mut walker = Walker::new(&pool, terms);
    for seconds in [30, 0] {
        let choice = walker.next(at(0)).unwrap();
        assert_eq!(
            walker.limited(&choice, Scope::Class, (wait(seconds), &POLICY), Millis(0)),
            None
        );
    }
    let end = walker.exhausted(at(0));
    assert_eq!((end.cooling, end.wait_ms), (2, 30_000));
    assert_eq!(Walker::new(&pool, terms).next(at(0)).unwrap().index, 0);
}

#[test]
fn a19_a_403_is_marked_for_the_class_once_another_key_answers_otherwise() {
    let pool = pool(2);
    let mut walker = Walker::new(&pool, TERMS);
    let k0 = walker.next(at(0)).unwrap();
    walker.forbidden(&k0);
    assert_eq!(walk(&pool, at(0)).0, [0, 1], "provisional");
    let k1 = walker.next(at(0)).unwrap();
    let mut told = Vec::new();
    walker.settle(&POLICY, Millis(0), |index, transition| told.push((index, transition.to)));
    walker.succeeded(&k1, Millis(0));
    assert_eq!((told.len(), told[0].0), (1, 0));
    assert!(told[0].1.is_auth_failed());
    assert_eq!(walk(&pool, at(0)).0, [1]);
    let other = Terms { class: Class::Named(1), ..TERMS };
    assert_eq!(Walker::new(&pool, other).next(at(0)).unwrap().index, 0, "its class only");
    walker.settle(&POLICY, Millis(0), |_, _| panic!("marked twice"));
}

#[test]
fn when_every_tried_key_answers_403_none_is_marked() {
    let pool = pool(2);
    let mut walker = Walker::new(&pool, TERMS);
    while let Some(choice) = walker.next(at(0)) {
        walker.forbidden(&choice);
    }
    let end = walker.exhausted(at(0));
    assert_eq!((end.forbidden, end.tried, end.outcome()), (2, 2, Outcome::Forbidden));
    drop(walker);
    assert_eq!(walk(&pool, at(0)).0, [0, 1]);
}

#[test]
fn an_auth_failed_key_is_probed_by_one_exchange_at_a_time() {
    let pool = pool(1);
    let mut walker = Walker::new(&pool, TERMS);
    let choice = walker.next(at(0)).unwrap();
    walker.auth_failed(&choice, Reason::Unauthorized, &POLICY, Millis(0)).unwrap();
    drop(choice);
    assert!(Walker::new(&pool, TERMS).next(at(299)).is_none());

    let mut probing = Walker::new(&pool, TERMS);
    let probe = probing.next(at(300)).unwrap();
    assert!(probe.is_probe());
    assert!(Walker::new(&pool, TERMS).next(at(300)).is_none(), "one at a time");
    drop(probe);
    let mut probing = Walker::new(&pool, TERMS);
    let probe = probing.next(at(300)).unwrap();
    probing.succeeded(&probe, at(301).millis);
    drop(probe);
    let choice = Walker::new(&pool, TERMS).next(at(301)).unwrap();
    assert!(!choice.is_probe());
}

#[test]
fn a_class_that_failed_is_probed_under_a_lease_of_its_own() {
    let pool = pool(2);
    let mut walker = Walker::new(&pool, TERMS);
    let k0 = walker.next(at(0)).unwrap();
    walker.forbidden(&k0);
    walker.settle(&POLICY, Millis(0), |_, _| {});
    drop(k0);
    let mut probing = Walker::new(&pool, TERMS);
    let probe = probing.next(at(300)).unwrap();
    assert!(probe.is_probe() && probe.index == 0);
    // 403 again, and another key answers: the wait doubles.
    probing.forbidden(&probe);
    probing.settle(&POLICY, at(301).millis, |_, _| {});
    drop(probe);
    let word = pool.keys()[0].slot.class(CLASS).unwrap().load();
    assert_eq!(word.deadline(), at(901).millis);
}

#[test]
fn a_late_answer_about_a_key_that_was_reset_marks_nothing() {
    let pool = pool(1);
    let mut walker = Walker::new(&pool, TERMS);
    let choice = walker.next(at(0)).unwrap();
    pool.keys()[0].slot.reset().unwrap();
    assert!(walker.limited(&choice, Scope::Class, (wait(60), &POLICY), Millis(0)).is_none());
    assert!(walker.auth_failed(&choice, Reason::Billing, &POLICY, Millis(0)).is_none());
    assert_eq!(walk(&pool, at(0)).0, [0]);
}

#[test]
fn failures_for_money_are_told_apart_in_the_report() {
    let pool = pool(2);
    let mut walker = Walker::new(&pool, TERMS);
    for reason in [Reason::Billing, Reason::Unauthorized] {
        let choice = walker.next(at(0)).unwrap();
        walker.auth_failed(&choice, reason, &POLICY, Millis(0)).unwrap();
    }
    let end = walker.exhausted(at(0));
    assert_eq!((end.auth_failed, end.billing, end.outcome()), (2, 1, Outcome::AuthFailed));
}

#[test]
fn a_403_still_counts_when_the_key_got_another_value_meanwhile() {
    let pool = pool(1);
    let mut walker = Walker::new(&pool, TERMS);
    let choice = walker.next(at(0)).unwrap();
    walker.forbidden(&choice);
    pool.keys()[0].slot.replace_value(false).unwrap();
    assert!(walker.next(at(0)).is_none());
    assert_eq!(walker.exhausted(at(0)).outcome(), Outcome::Forbidden);
}
