//! Orders of candidates by strategy: exact over a cycle, whatever the numbers.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use crate::config::route::{ByokWay, Gate, Strategy};
use crate::config::snapshot::{Millis, Timeouts};

fn route(gate: Option<Gate>, plan: Plan) -> Route {
    let ms = Millis(1);
    Route {
        byok: ByokWay::Direct,
        matches: Match::default(),
        max_attempts: 8,
        name: "r".to_owned(),
        strategy: Strategy { gate, model_map: vec![("big".into(), "small".into())], plan },
        timeouts: Timeouts {
            byte_idle: ms,
            client_body_idle: ms,
            client_head: ms,
            connect: ms,
            exchange: None,
            keep_alive: ms,
            response_head: ms,
            response_head_stream: ms,
            tls_handshake: ms,
            upstream_idle: ms,
            write_stall: ms,
        },
    }
}

fn asked(route: &Route, turn: u32) -> Vec<(usize, Role, Option<Box<str>>)> {
    let mut found = Vec::new();
    each_candidate(route, Some("big"), turn, |c| found.push((c.provider, c.role, c.model)));
    found
}

fn order(plan: Plan, turn: u32) -> Vec<usize> {
    asked(&route(None, plan), turn).into_iter().map(|(provider, ..)| provider).collect()
}

#[test]
fn l23_round_robin_cycles_and_goes_on_with_the_next() {
    let orders: Vec<_> = (0..4).map(|turn| order(Plan::RoundRobin(vec![5, 6, 7]), turn)).collect();
    assert_eq!(orders, [[5, 6, 7], [6, 7, 5], [7, 5, 6], [5, 6, 7]]);
    assert_eq!(order(Plan::RoundRobin(vec![9]), u32::MAX), [9]);
    let hundred: Vec<usize> = (0..100).collect();
    for turn in 0..100 {
        let first = order(Plan::RoundRobin(hundred.clone()), turn)[0];
        assert_eq!(first, usize::try_from(turn).unwrap());
    }
}

#[test]
fn l24_weights_are_exact_over_a_cycle_and_spread() {
    let list = vec![(0, 70), (1, 20), (2, 10)];
    let plan = Plan::Weighted(list.clone());
    assert_eq!(plan.cycle(), 100);
    let firsts: Vec<usize> = (0..100).map(|turn| order(plan.clone(), turn)[0]).collect();
    for (provider, weight) in list {
        let count = firsts.iter().filter(|&&first| first == provider).count();
        assert_eq!(count, usize::try_from(weight).unwrap());
    }
    let longest = firsts.chunk_by(|a, b| a == b).map(<[usize]>::len).max();
    assert!(longest <= Some(7), "{firsts:?}");
    assert_eq!(order(plan, 3).len(), 3, "the others follow");
}

#[test]
fn l25_the_largest_sum_of_weights_does_not_overflow() {
    let list = vec![(0, u32::MAX - 1), (1, 1)];
    let plan = Plan::Weighted(list.clone());
    assert_eq!(plan.cycle(), u32::MAX);
    for turn in [0, 1, u32::MAX - 1, u32::MAX] {
        assert_eq!(order(plan.clone(), turn).len(), 2);
    }
    assert_eq!(weighted(&[], 3), None);
    assert_eq!(weighted(&[(4, 0)], 3), None, "no weight at all");
    for total in 1..=300 {
        assert_eq!(divisor(stride(total), total), 1, "{total}");
    }
}

#[test]
fn l14_primaries_come_before_alternatives_and_only_those_are_mapped() {
    let plan = Plan::LimitsAlternative { primaries: vec![0, 1], alternatives: vec![2, 3] };
    assert_eq!(plan.providers(), [0, 1, 2, 3]);
    let small = || Some("small".into());
    assert_eq!(
        asked(&route(None, plan), 0),
        [
            (0, Role::Route, None),
            (1, Role::Route, None),
            (2, Role::Alternative, small()),
            (3, Role::Alternative, small()),
        ]
    );
}

#[test]
fn a_gate_asks_its_primary_by_the_callers_name_and_maps_inside_only() {
    let gate = Some(Gate { primary: 4, threshold: 950 });
    let route = route(gate, Plan::Priority(vec![1, 4]));
    let mut found = Vec::new();
    each_candidate(&route, Some("big"), 0, |candidate| found.push(candidate));
    assert_eq!((found[0].below, found[0].role, &found[0].model), (Some(950), Role::Bypass, &None));
    for (candidate, provider) in found[1..].iter().zip([1, 4]) {
        assert_eq!((candidate.provider, candidate.role), (provider, Role::Inner));
        assert_eq!((candidate.below, candidate.model.as_deref()), (None, Some("small")));
    }
}
