//! Six and more threads in random interleavings, where loom's search would not end.
//!
//! `RUSTFLAGS="--cfg tidegate_shuttle" cargo test --lib shuttle_tests`
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicU32, Ordering};
use shuttle::thread;

use super::byok::Byok;
use super::cooldown::{Mark, Policy};
use super::model_class::Class;
use super::pool::{Pool, PoolKey, Select};
use super::reason::Reason;
use super::table::{Roster, Table};
use super::transition::{Ladder, Recheck};
use super::utilization::{Reading, Wall, Window};
use super::walk::{Now, Terms, Walker};
use crate::protocol::verdict::Scope;
use crate::shared::clock::Millis;
use crate::shared::gate::Gate;

const POLICY: Policy = Policy {
    ladder: Ladder { base_ms: 60_000, ceiling_ms: 3_600_000, jitter_permille: 0 },
    recheck: Some(Recheck { ceiling_ms: 3_600_000, first_ms: 300_000 }),
    wait_max_ms: 172_800_000,
};
const CLASS: Class = Class::Named(0);
const NOW: Now = Now { millis: Millis(1_000), wall: Wall(1_790_000_000_000) };
const THREADS: usize = 6;

fn pool(count: u64, cap: u32) -> &'static Pool {
    let mut roster = Roster::new(Table::leaked());
    let key = |affinity| {
        let claimed = roster.claim(cap).unwrap();
        let (id, slot, version) = (claimed.id, claimed.slot, claimed.version);
        PoolKey { affinity, id, reserved_for: [].into(), slot, version }
    };
    Box::leak(Box::new(Pool::new((0..count).map(key).collect(), Select::Priority)))
}

fn walker(pool: &'static Pool) -> Walker<'static> {
    let terms = Terms {
        below: None,
        caller: None,
        class: CLASS,
        conversation: 0,
        floor_ms: 0,
        probe_ms: 6_000,
        start: 0,
    };
    Walker::new(pool, terms)
}

fn on_all_threads<T: Send + 'static>(work: impl Fn() -> T + Clone + Send + 'static) -> Vec<T> {
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let work = work.clone();
            thread::spawn(move || work())
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn t17_six_threads_never_exceed_the_cap() {
    shuttle::check_random(
        || {
            let gate: &'static Gate = Box::leak(Box::new(Gate::new(2)));
            let inside = Arc::new(AtomicU32::new(0));
            on_all_threads(move || {
                for _ in 0..3 {
                    let Ok(permit) = gate.try_acquire() else { continue };
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 2, "above the cap");
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            });
            assert_eq!(gate.in_flight(), 0);
        },
        RUNS,
    );
}

#[test]
fn a_burst_over_two_keys_is_told_once_per_key_and_climbs_one_step() {
    shuttle::check_random(
        || {
            let pool = pool(2, 0);
            let told = on_all_threads(move || {
                let mut walker = walker(pool);
                let mut told = Vec::new();
                while let Some(choice) = walker.next(NOW) {
                    let mark = Mark { reason: Reason::Ladder, seed: 0, wait_ms: None };
                    let mark = (mark, &POLICY);
                    let made = walker.limited(&choice, Scope::Class, mark, NOW.millis);
                    told.extend(made.map(|_| choice.index));
                }
                told
            });
            let mut told = told.concat();
            told.sort_unstable();
            assert_eq!(told, [0, 1]);
            for key in pool.keys() {
                assert_eq!(key.slot.class(CLASS).unwrap().load().streak(), 1);
            }
        },
        RUNS,
    );
}

#[test]
fn verdicts_of_all_kinds_against_an_operator_leave_no_permit_and_no_lease() {
    shuttle::check_random(
        || {
            let pool = pool(2, 2);
            let operator = thread::spawn(move || {
                let _told = pool.keys()[0].slot.reset();
                let _version = pool.keys()[1].slot.replace_value(false);
            });
            on_all_threads(move || one_exchange(pool));
            operator.join().unwrap();
            for key in pool.keys() {
                assert_eq!(key.slot.gate().in_flight(), 0);
                let word = key.slot.credential().load();
                // A lease that was not given back would end at 7,000.
                assert_ne!(word.deadline(), NOW.millis.plus(6_000));
            }
            // The new value is not marked for the old one.
            assert!(pool.keys()[1].slot.credential().load().is_available(NOW.millis));
        },
        RUNS,
    );
}

fn one_exchange(pool: &'static Pool) {
    let mut walker = walker(pool);
    while let Some(choice) = walker.next(NOW) {
        let Ok(_permit) = choice.key.slot.gate().try_acquire() else {
            walker.refused(&choice);
            continue;
        };
        assert!(choice.key.slot.gate().in_flight() <= 2, "above the cap");
        let policy = Policy { recheck: Some(Recheck { ceiling_ms: 0, first_ms: 0 }), ..POLICY };
        match thread_rng().gen_range(0..4) {
            0 => walker.succeeded(&choice, NOW.millis),
            1 => drop(walker.auth_failed(&choice, Reason::Unauthorized, &policy, NOW.millis)),
            2 => walker.forbidden(&choice),
            _ => return,
        }
    }
}

#[test]
fn six_guests_of_nine_keys_see_their_own_readings_only() {
    shuttle::check_random(
        || {
            let byok = Byok::leaked(8);
            on_all_threads(move || {
                let key: u16 = thread_rng().gen_range(1..10);
                let Some(guest) = byok.enter(u64::from(key) << 32, key.into()) else { return };
                let word = guest.windows().word(Window::FiveHour);
                if let Some(seen) = word.load() {
                    assert_eq!(seen.value, key, "another key's reading");
                }
                word.record(Reading { observed: NOW.wall, reset: None, value: key });
            });
        },
        RUNS,
    );
}

/// Random schedules per test.
const RUNS: usize = 500;
