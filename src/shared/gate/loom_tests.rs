//! Gates in every interleaving of two or three threads; each model has a mutant that must fail.

use loom::sync::Arc;
use loom::sync::atomic::AtomicU32 as Count;
use loom::thread;

use super::*;

fn gate(cap: u32) -> &'static Gate {
    Box::leak(Box::new(Gate::new(cap)))
}

/// Takes one place and counts itself in and out; the count must stay within `cap`.
fn visit(take: impl FnOnce() -> Option<Permit>, inside: &Count, cap: u32) {
    let Some(permit) = take() else { return };
    let held = inside.fetch_add(1, Ordering::AcqRel) + 1;
    assert!(held <= cap, "above the cap");
    inside.fetch_sub(1, Ordering::AcqRel);
    drop(permit);
}

#[test]
fn t17_permits_stay_within_the_cap() {
    loom::model(|| {
        let gate = gate(1);
        let inside = Arc::new(Count::new(0));
        let threads = [0, 1].map(|_| {
            let inside = inside.clone();
            thread::spawn(move || visit(|| gate.try_acquire().ok(), &inside, 1))
        });
        visit(|| gate.try_acquire().ok(), &inside, 1);
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        assert_eq!(gate.in_flight(), 0);
    });
}

/// The mutant twin: looking at the count and then adding to it lets two in.
#[test]
#[should_panic(expected = "above the cap")]
fn looking_before_adding_is_caught() {
    loom::model(|| {
        let gate = gate(1);
        let look_then_add = || {
            if gate.in_flight() >= gate.cap() {
                return None;
            }
            gate.inner.word.fetch_add(1, Ordering::Acquire);
            Some(Permit { gate })
        };
        let inside = Arc::new(Count::new(0));
        let other = {
            let inside = inside.clone();
            thread::spawn(move || visit(look_then_add, &inside, 1))
        };
        visit(look_then_add, &inside, 1);
        drop(other.join());
    });
}

#[test]
fn the_count_is_never_above_the_cap_for_anyone_to_see() {
    loom::model(|| {
        let gate = gate(1);
        let other = thread::spawn(move || drop(gate.try_acquire()));
        let third = thread::spawn(move || drop(gate.try_acquire()));
        assert!(gate.in_flight() <= 1, "above the cap");
        other.join().expect("no thread panics");
        third.join().expect("no thread panics");
    });
}

/// The mutant twin: add-then-undo shows a count above the cap.
#[test]
#[should_panic(expected = "above the cap")]
fn adding_and_undoing_is_caught() {
    loom::model(|| {
        let gate = gate(1);
        let add_then_undo = move || {
            let count = gate.inner.word.fetch_add(1, Ordering::AcqRel) + 1;
            let permit = Permit { gate };
            (count <= 1).then_some(permit)
        };
        let other = thread::spawn(move || drop(add_then_undo()));
        let third = thread::spawn(move || drop(add_then_undo()));
        assert!(gate.in_flight() <= 1, "above the cap");
        drop(other.join());
        drop(third.join());
    });
}

#[test]
fn t14_two_gates_are_taken_both_or_none() {
    loom::model(|| {
        let (global, credential) = (gate(2), gate(1));
        let admit = move || {
            let mut permits = Permits::admit(Some(global), None).expect("two fit");
            let entered = permits.enter(None, credential).is_ok();
            // The guard moves to another thread with the body it belongs to.
            (permits, entered)
        };
        let other = thread::spawn(admit);
        let (mine, _) = admit();
        let (theirs, _) = other.join().expect("no thread panics");
        drop(mine);
        drop(theirs);
        assert_eq!([global.in_flight(), credential.in_flight()], [0, 0], "a place was lost");
    });
}

/// The mutant twin: a refusal that forgets the permit it already holds.
#[test]
#[should_panic(expected = "a place was lost")]
fn forgetting_the_first_permit_is_caught() {
    loom::model(|| {
        let (global, credential) = (gate(2), gate(1));
        let admit = move || {
            let global = global.try_acquire().expect("two fit");
            match credential.try_acquire() {
                Ok(credential) => drop((credential, global)),
                Err(AtCap { .. }) => std::mem::forget(global),
            }
        };
        let other = thread::spawn(admit);
        admit();
        other.join().expect("no thread panics");
        assert_eq!([global.in_flight(), credential.in_flight()], [0, 0], "a place was lost");
    });
}

/// What was done under the last permit is seen by who finds the count at zero and reuses the slot.
fn last_write_is_seen(release: impl FnOnce(Permit) + Send + 'static) {
    let gate = gate(0);
    let permit = gate.try_acquire().expect("no cap");
    let note = Arc::new(Count::new(0));
    let other = {
        let note = note.clone();
        thread::spawn(move || {
            note.store(7, Ordering::Relaxed);
            release(permit);
        })
    };
    if gate.in_flight() == 0 {
        assert_eq!(note.load(Ordering::Relaxed), 7, "an earlier tenant's write is missing");
    }
    other.join().expect("no thread panics");
}

#[test]
fn a_count_of_zero_means_that_all_writes_are_done() {
    loom::model(|| last_write_is_seen(drop));
}

/// The mutant twin: giving back without Release.
#[test]
#[should_panic(expected = "an earlier tenant's write is missing")]
fn giving_back_relaxed_is_caught() {
    loom::model(|| {
        last_write_is_seen(|permit| {
            permit.gate.inner.word.fetch_sub(1, Ordering::Relaxed);
            std::mem::forget(permit);
        });
    });
}

/// One waits for the only place while another gives it back: either it is told, or it finds the
/// place free.
fn wait_and_give_back(is_full: impl Fn(&'static Gate) -> bool + Copy + Send + Sync + 'static) {
    loom::model(move || {
        let gate = gate(1);
        let permit = gate.try_acquire().expect("it is free");
        let giver = thread::spawn(move || permit.release() & 0b10 != 0);
        let waits = is_full(gate);
        let is_told = giver.join().expect("no thread panics");
        assert!(!waits || is_told, "waits for good beside a free place");
    });
}

#[test]
fn nobody_waits_beside_a_free_place() {
    wait_and_give_back(|gate| {
        gate.announce(0b10);
        gate.is_full()
    });
}

/// The mutant twin: looking first and announcing then lets the place go by.
#[test]
#[should_panic(expected = "waits for good beside a free place")]
fn looking_before_announcing_is_caught() {
    wait_and_give_back(|gate| {
        let is_full = gate.is_full();
        gate.announce(0b10);
        is_full
    });
}

/// One finds a place free when it comes to wait, and loses it to another before it takes it. When
/// that one gives it back, the first is told.
fn lose_and_wait(announce: impl Fn(&'static Gate) + Copy + Send + Sync + 'static) {
    loom::model(move || {
        let gate = gate(1);
        let first = gate.try_acquire().expect("it is free");
        let rival = thread::spawn(move || {
            let told = first.release();
            gate.try_acquire().map_or(0, Permit::release) | told
        });
        announce(gate);
        let tried = gate.try_acquire();
        let is_served = tried.is_ok();
        drop(tried);
        let told = rival.join().expect("no thread panics");
        assert!(is_served || told & 0b10 != 0, "waits for good beside a free place");
    });
}

#[test]
fn who_loses_the_place_it_saw_is_told_of_the_next() {
    lose_and_wait(|gate| {
        gate.announce(0b10);
    });
}

/// The mutant twin: no announcement where a place seemed free (it was so once, and one request in
/// thousands waited until its time was over).
#[test]
#[should_panic(expected = "waits for good beside a free place")]
fn announcing_only_beside_a_full_gate_is_caught() {
    lose_and_wait(|gate| {
        if gate.is_full() {
            gate.announce(0b10);
        }
    });
}

/// Whoever has seen that a place was freed sees it free: else it would pass on a place that it
/// took for one it had tried already.
fn count_and_look(give_back: impl FnOnce(Permit) + Send + 'static) {
    let gate = gate(1);
    let permit = gate.try_acquire().expect("it is free");
    gate.announce(0b10);
    let giver = thread::spawn(move || give_back(permit));
    if gate.freed() == 1 {
        assert!(!gate.is_full(), "counted before it was free");
    }
    giver.join().expect("no thread panics");
}

#[test]
fn a_place_that_is_counted_as_freed_is_free() {
    loom::model(|| {
        count_and_look(|permit| {
            permit.release();
        });
    });
}

/// The mutant twin: counting first.
#[test]
#[should_panic(expected = "counted before it was free")]
fn counting_before_giving_back_is_caught() {
    loom::model(|| {
        count_and_look(|permit| {
            permit.gate.inner.freed.fetch_add(1, Ordering::Release);
            permit.gate.inner.word.fetch_sub(1, Ordering::Release);
            std::mem::forget(permit);
        });
    });
}
