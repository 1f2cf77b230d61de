//! Walks by case id; every pool is made of real slots, on a fake clock.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;
use crate::shared::credential::exhausted::Outcome;
use crate::shared::credential::table::{Roster, Table};
use crate::shared::credential::transition::{Ladder, Recheck};
use crate::shared::credential::utilization::{Reading, Window};

mod order;
mod verdicts;

const POLICY: Policy = Policy {
    ladder: Ladder { base_ms: 60_000, ceiling_ms: 3_600_000, jitter_permille: 0 },
    recheck: Some(Recheck { ceiling_ms: 3_600_000, first_ms: 300_000 }),
    wait_max_ms: 172_800_000,
};
const CLASS: Class = Class::Named(0);
const TERMS: Terms = Terms {
    below: None,
    caller: None,
    class: CLASS,
    conversation: 0,
    floor_ms: 600_000,
    probe_ms: 6_000,
    start: 0,
};
/// The wall clock at the fake clock's zero.
const WALL: u64 = 1_790_000_000_000;

fn at(seconds: u64) -> Now {
    Now { millis: Millis(seconds * 1_000), wall: Wall(WALL + seconds * 1_000) }
}

fn keys(count: u64) -> Vec<PoolKey> {
    let mut roster = Roster::new(Table::leaked());
    let key = |index: u64| {
        let claimed = roster.claim(0).unwrap();
        let affinity = mix(index + 1);
        let (id, slot, version) = (claimed.id, claimed.slot, claimed.version);
        PoolKey { affinity, id, reserved_for: [].into(), slot, version }
    };
    (0..count).map(key).collect()
}

fn pool(count: u64) -> Pool {
    Pool::new(keys(count), Select::Priority)
}

fn wait(seconds: i64) -> Mark {
    Mark { reason: Reason::RetryAfter, seed: 0, wait_ms: Some(seconds * 1_000) }
}

/// Marks key `index` as another exchange would have.
fn limit(pool: &Pool, index: usize, seconds: i64) {
    let word = pool.keys()[index].slot.class(CLASS).unwrap();
    word.apply(wait(seconds).event(word.load(), &POLICY, Millis(0)), Millis(0));
}

/// Fails key `index` as another exchange would have.
fn fail(pool: &Pool, index: usize) {
    let word = pool.keys()[index].slot.credential();
    let (reason, recheck) = (Reason::Unauthorized, None);
    word.apply(Event::AuthFailed { began: word.load(), reason, recheck }, Millis(0)).unwrap();
}

/// All keys that a fresh walk gives out at `now`, and what it says then.
fn walk(pool: &Pool, now: Now) -> (Vec<usize>, Exhausted) {
    let mut walker = Walker::new(pool, TERMS);
    let mut order = Vec::new();
    while let Some(choice) = walker.next(now) {
        order.push(choice.index);
    }
    (order, walker.exhausted(now))
}

#[test]
fn a30_three_valid_keys_come_in_order_and_there_is_nothing_to_wait_for() {
    let (order, end) = walk(&pool(3), at(0));
    assert_eq!((order, end.wait_ms, end.outcome()), (vec![0, 1, 2], 0, Outcome::Tried));
}

#[test]
fn a31_a_cooling_key_is_skipped() {
    let pool = pool(3);
    limit(&pool, 0, 60);
    assert_eq!(walk(&pool, at(0)).0, [1, 2]);
}

#[test]
fn a32_auth_failed_keys_are_skipped() {
    let pool = pool(3);
    fail(&pool, 0);
    fail(&pool, 1);
    let (order, end) = walk(&pool, at(0));
    assert_eq!((order, end.wait_ms, end.auth_failed), (vec![2], 0, 2));
}

#[test]
fn a33_a43_l11_a_cooldown_that_is_over_is_no_cooldown() {
    let pool = pool(2);
    limit(&pool, 0, 30);
    assert_eq!(walk(&pool, at(29)).0, [1]);
    assert_eq!(walk(&pool, at(30)).0, [0, 1]);
    assert_eq!(walk(&pool, at(35)).0, [0, 1]);
}

#[test]
fn a34_a35_no_wait_or_less_cools_by_the_ladder() {
    for seconds in [0, -10] {
        let pool = pool(2);
        limit(&pool, 0, seconds);
        assert_eq!(walk(&pool, at(50)).0, [1]);
        assert_eq!(walk(&pool, at(65)).0, [0, 1]);
    }
}

#[test]
fn a36_a_shorter_mark_does_not_shorten() {
    let pool = pool(1);
    limit(&pool, 0, 60);
    limit(&pool, 0, 10);
    let (order, end) = walk(&pool, at(15));
    assert_eq!((order, end.wait_ms), (vec![], 45_000));
    assert_eq!(walk(&pool, at(65)).0, [0]);
}

#[test]
fn a37_a38_the_wait_is_the_shortest() {
    for (seconds, wait_ms) in [(&[60, 10, 30][..], 10_000), (&[60, 60], 60_000)] {
        let pool = pool(u64::try_from(seconds.len()).unwrap());
        for (index, &seconds) in seconds.iter().enumerate() {
            limit(&pool, index, seconds);
        }
        let (order, end) = walk(&pool, at(0));
        assert_eq!((order, end.wait_ms, end.outcome()), (vec![], wait_ms, Outcome::RateLimited));
    }
}

#[test]
fn a39_keys_that_all_failed_authentication_are_no_rate_limit() {
    let pool = pool(2);
    fail(&pool, 0);
    fail(&pool, 1);
    let (order, end) = walk(&pool, at(0));
    assert_eq!((order, end.auth_failed, end.outcome()), (vec![], 2, Outcome::AuthFailed));
}

#[test]
fn a40_a46_one_cooling_key_among_failed_ones_is_worth_the_wait() {
    let pool = pool(3);
    fail(&pool, 0);
    limit(&pool, 1, 60);
    fail(&pool, 2);
    let (_, end) = walk(&pool, at(0));
    assert_eq!((end.wait_ms, end.outcome()), (60_000, Outcome::RateLimited));
}

#[test]
fn a45_two_walks_have_positions_of_their_own_and_share_the_state() {
    let pool = pool(3);
    let (mut a, mut b) = (Walker::new(&pool, TERMS), Walker::new(&pool, TERMS));
    let first = a.next(at(0)).unwrap();
    assert_eq!((first.index, b.next(at(0)).unwrap().index), (0, 0));
    limit(&pool, 1, 60);
    assert_eq!(a.next(at(0)).unwrap().index, 2);
    assert_eq!(b.next(at(0)).unwrap().index, 2);
}

#[test]
fn a_removed_key_is_not_chosen_any_more() {
    let pool = pool(2);
    let mut walker = Walker::new(&pool, TERMS);
    let first = walker.next(at(0)).unwrap();
    assert!(first.is_open(CLASS, Millis(0)));
    for key in pool.keys() {
        key.slot.credential().apply(Event::Remove, Millis(0)).unwrap();
    }
    assert!(!first.is_open(CLASS, Millis(0)));
    assert!(walker.next(at(0)).is_none());
    assert_eq!(walker.exhausted(at(0)).outcome(), Outcome::NoUsableKey);
}

#[test]
fn a_key_with_another_value_than_the_snapshots_is_skipped() {
    let pool = pool(2);
    pool.keys()[0].slot.replace_value(false).unwrap();
    assert_eq!(walk(&pool, at(0)).0, [1]);
}

#[test]
fn reserved_keys_are_for_their_callers_who_see_no_others() {
    let mut keys = keys(4);
    keys[1].reserved_for = [7].into();
    keys[3].reserved_for = [7, 9].into();
    let pool = Pool::new(keys, Select::Priority);
    let seen_by = |caller| {
        let mut walker = Walker::new(&pool, Terms { caller, ..TERMS });
        std::iter::from_fn(|| walker.next(at(0)).map(|choice| choice.index)).collect::<Vec<_>>()
    };
    assert_eq!(seen_by(Some(7)), [1, 3]);
    assert_eq!(seen_by(Some(9)), [3]);
    assert_eq!(seen_by(Some(8)), [0, 2]);
    assert_eq!(seen_by(None), [0, 2]);

    let reserved: Vec<_> =
        self::keys(1).into_iter().map(|key| PoolKey { reserved_for: [7].into(), ..key }).collect();
    let pool = Pool::new(reserved, Select::Priority);
    let walker = Walker::new(&pool, TERMS);
    assert_eq!(walker.exhausted(at(0)).outcome(), Outcome::NoKey);
    let empty = Pool::new(Vec::new(), Select::RoundRobin);
    let mut walker = Walker::new(&empty, TERMS);
    assert!(walker.next(at(0)).is_none());
    assert_eq!(walker.exhausted(at(0)).outcome(), Outcome::NoKey);
}

#[test]
fn a_key_at_its_cap_is_skipped_and_reported() {
    let pool = pool(2);
    for key in pool.keys() {
        key.slot.gate().set_cap(3);
    }
    let full: Vec<_> = (0..3).map(|_| pool.keys()[0].slot.gate().try_acquire().unwrap()).collect();
    assert_eq!(walk(&pool, at(0)).0, [1]);

    let mut walker = Walker::new(&pool, TERMS);
    let choice = walker.next(at(0)).unwrap();
    walker.refused(&choice);
    assert!(walker.next(at(0)).is_none());
    let end = walker.exhausted(at(0));
    assert_eq!((end.at_cap, end.cap_sum, end.tried), (2, 6, 0));
    assert_eq!(end.outcome(), Outcome::AtCap);

    limit(&pool, 1, 60);
    let walker = Walker::new(&pool, TERMS);
    assert_eq!(walker.exhausted(at(0)).outcome(), Outcome::RateLimitedBriefly);
    drop(full);
}
