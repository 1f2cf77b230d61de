//! Probes and failures in every interleaving; each model has a mutant that must fail.

use loom::thread;

use super::*;

const POLICY: Policy = Policy { ceiling_ms: 300_000, failures: 1, open_ms: 30_000, probes: 1 };
const T0: Millis = Millis(1_000);
const LATER: Millis = Millis(40_000);

fn half_open() -> &'static Breaker {
    let breaker: &'static Breaker = Box::leak(Box::default());
    let opened = breaker.enter(POLICY, T0).expect("it is closed").failed(T0);
    assert!(opened.is_some());
    breaker
}

/// Two ask for the one probe; `enter` says whether it got it.
fn two_probes(enter: impl Fn(&'static Breaker) -> bool + Copy + Send + 'static) {
    let breaker = half_open();
    let other = thread::spawn(move || enter(breaker));
    let own = enter(breaker);
    let other = other.join().expect("no thread panics");
    assert!(own != other, "not one probe: {own} {other}");
}

#[test]
fn of_two_that_ask_at_once_one_probes() {
    loom::model(|| {
        two_probes(|breaker| match breaker.enter(POLICY, LATER) {
            Ok(pass) => {
                std::mem::forget(pass);
                true
            }
            Err(_) => false,
        });
    });
}

/// The mutant twin: what was read may be old when it is written.
#[test]
#[should_panic(expected = "not one probe")]
fn loading_and_storing_lets_two_probe() {
    loom::model(|| {
        two_probes(|breaker| match next(breaker.word(), Event::Enter, &POLICY, LATER) {
            Some(word) => {
                breaker.0.0.store(word.bits(), Ordering::Release);
                true
            }
            None => false,
        });
    });
}

/// A probe fails while another of the same opening leaves: it is open, with nobody out.
#[test]
fn a_failure_and_a_leave_at_once_leave_it_open_and_empty() {
    loom::model(|| {
        let breaker = half_open();
        let policy = Policy { probes: 2, ..POLICY };
        let first = breaker.enter(policy, LATER).expect("half open");
        let second = breaker.enter(policy, LATER).expect("two may");
        let leaving = thread::spawn(move || drop(second));
        let opened = first.failed(LATER);
        leaving.join().expect("no thread panics");
        assert!(opened.is_some(), "the failure counts");
        let again = LATER.plus(60_000);
        let passes = [breaker.enter(policy, again), breaker.enter(policy, again)];
        assert!(passes.iter().all(Result::is_ok), "a lease of before is counted");
    });
}
