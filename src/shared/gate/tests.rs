//! Gates on one thread by case id, and under stress on several.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicU32 as Plain;
use std::thread;

use super::*;

/// Lives as long as the process, as gates do.
fn gate(cap: u32) -> &'static Gate {
    Box::leak(Box::new(Gate::new(cap)))
}

#[test]
fn t01_a_third_stream_is_refused_and_told_the_cap() {
    let gate = gate(2);
    let _streams = [gate.try_acquire().unwrap(), gate.try_acquire().unwrap()];
    assert_eq!(gate.try_acquire().unwrap_err(), AtCap { cap: 2 });
    assert!(gate.is_full());
}

#[test]
fn t02_the_end_of_a_body_frees_its_place() {
    let gate = gate(1);
    drop(gate.try_acquire().unwrap());
    assert_eq!(gate.in_flight(), 0);
    assert!(gate.try_acquire().is_ok());
}

#[test]
fn t03_a_global_cap_refuses_whoever_comes_second() {
    let (global, a, b) = (gate(1), gate(5), gate(5));
    let _streaming = Permits::admit(Some(global), Some(a)).unwrap();
    let refused = Permits::admit(Some(global), Some(b)).unwrap_err();
    assert_eq!(refused, Refused { cap: 1, subject: Subject::Global });
    assert_eq!((global.in_flight(), b.in_flight()), (1, 0));
}

#[test]
fn t13_a_panic_gives_every_permit_back_once() {
    let gates = [gate(2), gate(2), gate(2), gate(2)];
    let panicked = catch_unwind(|| {
        let mut permits = Permits::admit(Some(gates[0]), Some(gates[1])).unwrap();
        permits.enter(Some(gates[2]), gates[3]).unwrap();
        assert_eq!(gates.map(Gate::in_flight), [1; 4]);
        panic!("the handler fails");
    });
    assert!(panicked.is_err());
    assert_eq!(gates.map(Gate::in_flight), [0; 4]);
}

#[test]
fn t14_a_refusal_further_in_returns_what_was_granted() {
    let (global, caller) = (gate(9), gate(1));
    let _other = caller.try_acquire().unwrap();
    let refused = Permits::admit(Some(global), Some(caller)).unwrap_err();
    assert_eq!(refused, Refused { cap: 1, subject: Subject::Caller });
    assert_eq!(global.in_flight(), 0);

    let (provider, credential) = (gate(9), gate(1));
    let _stream = credential.try_acquire().unwrap();
    let mut permits = Permits::admit(Some(global), None).unwrap();
    let refused = permits.enter(Some(provider), credential).unwrap_err();
    assert_eq!(refused.subject.reason(), "credential_cap");
    assert_eq!((provider.in_flight(), global.in_flight()), (0, 1));
}

#[test]
fn t15_a_lowered_cap_refuses_until_enough_have_left() {
    let gate = gate(8);
    let mut streams: Vec<_> = (0..5).map(|_| gate.try_acquire().unwrap()).collect();
    gate.set_cap(2);
    while streams.len() >= 2 {
        assert_eq!(gate.try_acquire().unwrap_err(), AtCap { cap: 2 });
        streams.pop();
    }
    assert!(gate.try_acquire().is_ok());
}

#[test]
fn t16_the_next_attempt_holds_its_own_permits_only() {
    let (a, b, provider) = (gate(1), gate(1), gate(1));
    let mut permits = Permits::admit(None, None).unwrap();
    permits.enter(Some(provider), a).unwrap();
    // The provider's only place is free again before the next attempt asks for it.
    permits.enter(Some(provider), b).unwrap();
    assert_eq!([a, b, provider].map(Gate::in_flight), [0, 1, 1]);
    // The same credential once more.
    permits.enter(Some(provider), b).unwrap();
    permits.leave();
    assert_eq!([a, b, provider].map(Gate::in_flight), [0; 3]);
}

#[test]
fn a_freed_place_is_counted_only_while_somebody_waits_for_it() {
    let gate = gate(2);
    let (first, second) = (gate.try_acquire().unwrap(), gate.try_acquire().unwrap());
    drop(first);
    assert_eq!(gate.freed(), 0);
    assert!(gate.announce(1 << 31));
    assert_eq!((second.release(), gate.freed()), (1 << 31, 1));
    gate.withdraw(1 << 31);
    drop(gate.try_acquire().unwrap());
    assert_eq!(gate.freed(), 1);
}

#[test]
fn no_cap_never_refuses() {
    let gate = gate(0);
    let permits: Vec<_> = (0..10_000).map(|_| gate.try_acquire().unwrap()).collect();
    assert!(!gate.is_full());
    assert_eq!(gate.in_flight(), 10_000);
    drop(permits);
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn a_permit_ends_on_another_thread() {
    let gate = gate(1);
    let permit = gate.try_acquire().unwrap();
    thread::spawn(move || drop(permit)).join().unwrap();
    assert_eq!(gate.in_flight(), 0);
}

/// `TIDEGATE_STRESS=100000000 cargo test --release --lib t17_` for the long run.
#[test]
fn t17_many_threads_with_aborts_and_panics_never_exceed_the_cap() {
    let wanted = std::env::var("TIDEGATE_STRESS").ok().and_then(|text| text.parse().ok());
    let rounds: u64 = wanted.unwrap_or(1_000_000);
    for cap in [1, 3] {
        stress(cap, rounds / 2);
    }
}

/// `rounds` granted acquisitions over four threads, each with its release; `inside` counts for
/// itself who holds a permit.
fn stress(cap: u32, rounds: u64) {
    let (global, credential): (_, &'static Gate) = (gate(cap + 1), gate(cap));
    let inside: &'static Plain = Box::leak(Box::new(Plain::new(0)));
    let work = move |seed: u64| {
        let mut random = Random(seed);
        let (mut granted, mut refused) = (0, 0_u64);
        while granted < rounds / 4 {
            if one_exchange((global, credential), inside, &mut random) {
                granted += 1;
            } else {
                refused += 1;
                // A holder may wait for this very core.
                thread::yield_now();
            }
        }
        refused
    };
    let threads: Vec<_> = (1..5).map(|seed| thread::spawn(move || work(seed))).collect();
    let refused: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(refused > 0, "the cap was never reached");
    assert_eq!([global.in_flight(), credential.in_flight()], [0, 0]);
    println!("cap {cap}: {rounds} granted and given back, {refused} refused, never above");
}

fn one_exchange(
    (global, credential): (&'static Gate, &'static Gate),
    inside: &'static Plain,
    random: &mut Random,
) -> bool {
    let Ok(mut permits) = Permits::admit(Some(global), None) else { return false };
    if permits.enter(None, credential).is_err() {
        return false;
    }
    let held = inside.fetch_add(1, Ordering::AcqRel) + 1;
    let cap = credential.cap();
    assert!(held <= cap, "{held} inside, cap {cap}");
    let roll = random.next();
    if roll.is_multiple_of(7) {
        thread::yield_now();
    }
    inside.fetch_sub(1, Ordering::AcqRel);
    match roll {
        // A panic while the permits are held; rare, for unwinding costs microseconds.
        _ if roll.is_multiple_of(1_024) => {
            let panicked = catch_unwind(AssertUnwindSafe(move || {
                let _held = permits;
                // Past the hook: a hundred thousand messages would bury the test's own.
                resume_unwind(Box::new(()));
            }));
            assert!(panicked.is_err());
        }
        // An abort between two attempts.
        _ if roll.is_multiple_of(3) => drop(permits.leave()),
        _ => drop(permits),
    }
    true
}

/// Xorshift: small, seeded, good enough to mix branches.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
