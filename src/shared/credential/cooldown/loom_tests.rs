//! The loop and the lease in every interleaving; each model has a mutant that must fail.

use loom::thread;

use super::*;
use crate::shared::credential::word::State;

fn leaked(word: Word) -> &'static StateWord {
    Box::leak(Box::new(StateWord(AtomicU64::new(word.bits()))))
}

const NOW: Millis = Millis(1_000);
const LADDER: Ladder = Ladder { base_ms: 60_000, ceiling_ms: 3_600_000, jitter_permille: 0 };

fn limited(began: Word, wait_ms: u64) -> Event {
    Event::Limited { began, reason: Reason::RetryAfter, until: NOW.plus(wait_ms) }
}

fn apply_once(word: &StateWord, event: Event) {
    let _told = word.apply(event, NOW);
}

/// How the loop must not be: what was read may be old when it is written.
fn load_then_store(word: &StateWord, event: Event) {
    word.0.store(next(word.load(), event, NOW).bits(), Ordering::Release);
}

/// A cooling word; its probe succeeds while a longer mark of the same time comes in.
fn mark_against_clear(apply: impl Fn(&StateWord, Event) + Copy + Send + 'static) {
    let began = next(Word::default(), limited(Word::default(), 10), NOW);
    let word = leaked(began);
    let clearing = thread::spawn(move || apply(word, Event::Succeeded { began }));
    let marking = thread::spawn(move || apply(word, limited(began, 9_000)));
    clearing.join().expect("no thread panics");
    marking.join().expect("no thread panics");
    let after = word.load();
    // Either the clear came first, and the mark was of an epoch that is over; or the mark did, and
    // the word was no longer the one the probe began with.
    let cleared = after.epoch() == 1 && after.state(NOW) == State::Available;
    let marked = after.epoch() == 0 && after.deadline() == NOW.plus(9_000);
    let both = cleared || marked;
    assert!(both, "a mix: {after:?}");
}

#[test]
fn a_mark_and_a_clear_at_once_leave_one_of_the_two() {
    loom::model(|| mark_against_clear(apply_once));
}

/// The mutant twin: a mark that does not look at the epoch outlives the clear.
#[test]
#[should_panic(expected = "a mix")]
fn a_mark_without_its_epoch_is_caught() {
    loom::model(|| {
        mark_against_clear(|word, event| {
            let event = match event {
                Event::Limited { .. } => limited(word.load(), 9_000),
                other => other,
            };
            apply_once(word, event);
        });
    });
}

/// Two attempts that began together answer 429 without a header; a third mark names a time.
fn two_ladder_marks(apply: impl Fn(&StateWord, Event) + Copy + Send + 'static) {
    let began = Word::default();
    let word = leaked(began);
    let reason = Reason::Ladder;
    let event = Event::LimitedNoHeader { began, ladder: LADDER, reason, seed: 0 };
    let threads = [event, limited(began, 90_000), event]
        .map(|event| thread::spawn(move || apply(word, event)));
    for thread in threads {
        thread.join().expect("no thread panics");
    }
    let after = word.load();
    assert!(after.streak() <= 1, "one burst counted twice");
    assert_eq!(after.deadline(), NOW.plus(90_000), "a longer mark was lost");
}

#[test]
fn two_ladder_marks_at_once_count_once_and_lose_no_longer_mark() {
    loom::model(|| two_ladder_marks(apply_once));
}

/// The mutant twin: a plain store loses the mark that came in between.
#[test]
#[should_panic(expected = "a longer mark was lost")]
fn storing_what_was_read_is_caught() {
    loom::model(|| two_ladder_marks(load_then_store));
}

/// The mutant twin: each mark as one of an attempt that saw the other's.
#[test]
#[should_panic(expected = "one burst counted twice")]
fn forgetting_what_the_attempt_saw_is_caught() {
    loom::model(|| {
        two_ladder_marks(|word, event| {
            let event = match event {
                Event::LimitedNoHeader { ladder, reason, seed, .. } => {
                    Event::LimitedNoHeader { began: word.load(), ladder, reason, seed }
                }
                other => other,
            };
            apply_once(word, event);
        });
    });
}

/// The word of a credential that failed authentication, whose probe is due.
fn due() -> &'static StateWord {
    let began = Word::default();
    let recheck = Some(Recheck { ceiling_ms: 1, first_ms: 1 });
    let event = Event::AuthFailed { began, reason: Reason::Unauthorized, recheck };
    leaked(next(began, event, Millis(0)))
}

/// Two want to probe; whoever may must be alone.
fn single_winner(take: impl Fn(&'static StateWord) -> Option<Word> + Copy + Send + 'static) {
    let word = due();
    let threads = [0, 1].map(|_| thread::spawn(move || take(word).is_some()));
    let [a, b] = threads.map(|thread| thread.join().expect("no thread panics"));
    assert!(a != b, "not one winner");
}

#[test]
fn one_probe_wins() {
    loom::model(|| {
        single_winner(|word| {
            let lease = Lease::take(word, NOW.plus(6_000), NOW)?;
            let held = lease.word();
            // Held for the rest of the model.
            std::mem::forget(lease);
            Some(held)
        });
    });
}

/// The mutant twin: looking whether a probe is due, and taking it then.
#[test]
#[should_panic(expected = "not one winner")]
fn looking_before_leasing_is_caught() {
    loom::model(|| {
        single_winner(|word| {
            let seen = word.load();
            let is_due = seen.is_probe_due(NOW);
            load_then_store(word, Event::LeaseTaken { until: NOW.plus(6_000) });
            is_due.then_some(seen)
        });
    });
}

/// A probe is dropped without a verdict while the operator disables the credential.
fn dropped_lease(give_back: impl FnOnce(Lease) + Send + 'static) {
    let word = due();
    let lease = Lease::take(word, NOW.plus(6_000), NOW).expect("nobody else probes");
    let operator = thread::spawn(move || apply_once(word, Event::Disable));
    let probe = thread::spawn(move || give_back(lease));
    probe.join().expect("no thread panics");
    operator.join().expect("no thread panics");
    assert!(word.load().is_off(), "a disabled credential came back");
}

#[test]
fn a_dropped_lease_undoes_nothing_but_itself() {
    loom::model(|| dropped_lease(drop));
    loom::model(|| {
        let word = due();
        let lease = Lease::take(word, NOW.plus(6_000), NOW).expect("nobody else probes");
        let other = thread::spawn(move || Lease::take(word, NOW.plus(6_000), NOW).is_some());
        drop(lease);
        let taken_and_returned = other.join().expect("no thread panics");
        assert!(word.load().is_probe_due(NOW), "nobody may probe ({taken_and_returned})");
    });
}

/// The mutant twin: storing the word as it was before the lease.
#[test]
#[should_panic(expected = "a disabled credential came back")]
fn restoring_the_old_word_is_caught() {
    loom::model(|| {
        dropped_lease(|lease| {
            let due = next(lease.held, Event::LeaseReturned { lease: lease.held }, NOW);
            lease.word.0.store(due.bits(), Ordering::Release);
            std::mem::forget(lease);
        });
    });
}

/// A stream succeeds with a credential that the control plane removes meanwhile.
fn removal(succeed: impl FnOnce(&StateWord, Event) + Send + 'static) {
    // Cooling, so that the success of the very word would clear it.
    let began = next(Word::default(), limited(Word::default(), 9_000), NOW);
    let word = leaked(began);
    let control = thread::spawn(move || apply_once(word, Event::Remove));
    let stream = thread::spawn(move || succeed(word, Event::Succeeded { began }));
    stream.join().expect("no thread panics");
    control.join().expect("no thread panics");
    assert!(word.load().is_off(), "a removed credential came back");
}

#[test]
fn a_removal_outlives_the_success_of_a_stream_that_runs() {
    loom::model(|| removal(apply_once));
}

/// The mutant twin: a success that stores over what came in between.
#[test]
#[should_panic(expected = "a removed credential came back")]
fn storing_a_clear_over_a_removal_is_caught() {
    loom::model(|| removal(load_then_store));
}
