//! Every `select`, last choices, and how affinity holds on a replay of conversations.

use super::*;

fn order(pool: &Pool, terms: Terms) -> Vec<usize> {
    let mut walker = Walker::new(pool, terms);
    std::iter::from_fn(|| walker.next(at(0)).map(|choice| choice.index)).collect()
}

fn used(pool: &Pool, index: usize, value: u16) {
    let reading = Reading { observed: Wall(WALL), reset: None, value };
    pool.keys()[index].slot.windows().word(Window::FiveHour).record(reading);
}

fn empty(pool: &Pool, index: usize) {
    let reading = Reading { observed: Wall(WALL), reset: Some(WALL / 1_000 + 30), value: 1_000 };
    pool.keys()[index].slot.class_reading(CLASS).unwrap().record(reading);
}

#[test]
fn round_robin_begins_where_the_worker_is() {
    let pool = Pool::new(keys(3), Select::RoundRobin);
    for (start, expected) in
        [(0, [0, 1, 2]), (1, [1, 2, 0]), (5, [2, 0, 1]), (usize::MAX, [0, 1, 2])]
    {
        assert_eq!(order(&pool, Terms { start, ..TERMS }), expected, "{start}");
    }
}

#[test]
fn least_in_flight_counts_what_is_in_flight() {
    let pool = Pool::new(keys(3), Select::LeastInFlight);
    let gates: Vec<_> = pool.keys().iter().map(|key| key.slot.gate()).collect();
    let _busy = [gates[0].try_acquire(), gates[0].try_acquire(), gates[1].try_acquire()];
    assert_eq!(order(&pool, TERMS), [2, 1, 0]);
}

#[test]
fn headroom_prefers_the_most_unused_and_the_unknown_counts_as_unused() {
    let pool = Pool::new(keys(4), Select::Headroom);
    used(&pool, 0, 600);
    used(&pool, 1, 200);
    used(&pool, 2, 900);
    assert_eq!(order(&pool, TERMS), [3, 1, 0, 2]);
}

#[test]
fn a_key_with_nothing_remaining_is_the_last_choice_until_its_reset() {
    let pool = pool(3);
    empty(&pool, 0);
    assert_eq!(order(&pool, TERMS), [1, 2, 0]);
    assert_eq!(order(&pool, Terms { class: Class::Named(1), ..TERMS }), [0, 1, 2]);
    assert_eq!(walk(&pool, at(30)).0, [0, 1, 2]);
    // Alone it is used: providers' resets mean fully replenished.
    limit(&pool, 1, 60);
    limit(&pool, 2, 60);
    assert_eq!(order(&pool, TERMS), [0]);
}

#[test]
fn under_the_gate_only_keys_below_the_threshold_are_seen() {
    let pool = pool(3);
    used(&pool, 0, 950);
    used(&pool, 1, 949);
    assert_eq!(order(&pool, Terms { below: Some(950), ..TERMS }), [1, 2]);
}

#[test]
fn pools_beyond_the_inline_set_are_walked_whole() {
    let pool = pool(300);
    assert_eq!(order(&pool, TERMS), (0..300).collect::<Vec<_>>());
}

/// The first key of a conversation's next turn.
fn first(pool: &Pool, conversation: u64) -> usize {
    Walker::new(pool, Terms { conversation, ..TERMS }).next(at(0)).unwrap().index
}

#[test]
fn affinity_keeps_conversations_and_moves_only_those_of_a_cooling_key() {
    let pool = Pool::new(keys(8), Select::Affinity);
    let conversations: Vec<u64> =
        (1..=1_000_u64).map(|n| mix(n.wrapping_mul(0x1234_5678_9abc))).collect();
    let homes: Vec<usize> = conversations.iter().map(|&c| first(&pool, c)).collect();
    // Ten turns each, all conversations interleaved.
    let mut same = 0;
    for _ in 0..10 {
        same +=
            conversations.iter().zip(&homes).filter(|&(&c, &home)| first(&pool, c) == home).count();
    }
    assert!(same * 100 >= 99 * 10_000, "{same} of 10,000 turns stayed");
    for key in 0..8 {
        let share = homes.iter().filter(|&&home| home == key).count();
        assert!((75..=175).contains(&share), "{share} of 1,000 live with key {key}");
    }

    limit(&pool, 3, 60);
    let moved: Vec<_> =
        conversations.iter().zip(&homes).filter(|&(&c, &home)| first(&pool, c) != home).collect();
    println!("{same} of 10,000 turns stayed, {} of 1,000 moved", moved.len());
    assert!(moved.len() <= 1_000 / 8 + 50, "{} moved", moved.len());
    assert!(moved.iter().all(|&(_, &home)| home == 3), "only those of the cooling key");
}

#[test]
fn affinity_does_not_depend_on_the_place_in_the_list() {
    let ordered = Pool::new(keys(8), Select::Affinity);
    let reversed = Pool::new(keys(8).into_iter().rev().collect(), Select::Affinity);
    for conversation in (0..200).map(mix) {
        assert_eq!(first(&ordered, conversation), 7 - first(&reversed, conversation));
    }
}

#[test]
fn health_and_headroom_override_affinity() {
    let pool = Pool::new(keys(8), Select::Affinity);
    let home = first(&pool, 42);
    used(&pool, home, 999);
    let next = first(&pool, 42);
    assert_ne!(next, home, "an exhausted home is left");
    fail(&pool, next);
    assert!(![home, next].contains(&first(&pool, 42)));
}
