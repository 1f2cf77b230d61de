//! Entering and evicting in every interleaving; each model has a mutant that must fail.

use loom::thread;

use super::*;
use crate::shared::credential::utilization::{Reading, Wall, Window};

const A: u64 = 1 << 20;
const B: u64 = 1 << 21;
const READING: Reading = Reading { observed: Wall(1_790_000_000_000), reset: None, value: 900 };

/// Two enter at once by `enter`; keeps both guests to the end.
fn both(enter: impl Fn(u64) -> Option<Guest> + Copy + Send + 'static, keys: [u64; 2]) -> [bool; 2] {
    let threads = keys.map(|key| thread::spawn(move || enter(key)));
    let guests = threads.map(|thread| thread.join().expect("no thread panics"));
    let entered = [guests[0].is_some(), guests[1].is_some()];
    // Leaving is another model's.
    guests.into_iter().flatten().for_each(std::mem::forget);
    entered
}

#[test]
fn one_place_is_never_two_keys() {
    loom::model(|| {
        let byok = Byok::leaked(1);
        drop(byok.enter(A, 1));
        let entered = both(|key| byok.enter(key, 2), [A, B]);
        assert!(entered != [true, true], "two keys share an entry");
        assert!(entered != [false, false], "nobody got in");
    });
}

/// The mutant twin: looking whether it is in use, and storing then.
#[test]
#[should_panic(expected = "two keys share an entry")]
fn evicting_without_a_swap_is_caught() {
    loom::model(|| {
        let byok = Byok::leaked(1);
        drop(byok.enter(A, 1));
        let entered = both(
            |key| {
                let entry = &byok.sets[0][0];
                if entry.tenant.pin(key) {
                    return Some(Guest { entry });
                }
                let idle = entry.tenant.load() & PINS == 0;
                idle.then(|| entry.tenant.open(key)).map(|()| Guest { entry })
            },
            [A, B],
        );
        assert!(entered != [true, true], "two keys share an entry");
    });
}

/// A guest of A leaves a reading; two come for B: neither may see it.
fn newcomers(enter: impl Fn(&'static Byok) -> Option<Guest> + Copy + Send + 'static) {
    let byok = Byok::leaked(1);
    if let Some(guest) = byok.enter(A, 1) {
        guest.windows().word(Window::FiveHour).record(READING);
    }
    let threads = [0, 1].map(|_| {
        thread::spawn(move || {
            let guest = enter(byok);
            let seen = guest.as_ref().and_then(|g| g.windows().word(Window::FiveHour).load());
            assert_eq!(seen, None, "another key's reading");
        })
    });
    for thread in threads {
        thread.join().expect("another key's reading");
    }
    assert_eq!(byok.sets[0][0].tenant.load() & (PINS | UNREADY), 0, "a pin was lost");
}

#[test]
fn a_new_tenant_never_sees_the_last_ones_readings() {
    loom::model(|| newcomers(|byok| byok.enter(B, 2)));
}

/// The mutant twin: opened before it is cleared.
#[test]
#[should_panic(expected = "another key's reading")]
fn opening_before_clearing_is_caught() {
    loom::model(|| {
        newcomers(|byok| {
            let entry = &byok.sets[0][0];
            if entry.tenant.pin(B) {
                return Some(Guest { entry });
            }
            let tenant = entry.tenant.load();
            if tenant & PINS != 0 || !entry.tenant.evict(tenant, B) {
                return None;
            }
            entry.tenant.open(B);
            entry.windows.clear();
            Some(Guest { entry })
        });
    });
}

/// The last guest of A writes and leaves while B comes.
fn leaving(leave: impl Fn(Guest) + Send + Sync + Copy + 'static) {
    let byok = Byok::leaked(1);
    let guest = byok.enter(A, 1).expect("a free place");
    let last = thread::spawn(move || {
        guest.windows().word(Window::FiveHour).record(READING);
        leave(guest);
    });
    let next = thread::spawn(move || {
        if let Some(guest) = byok.enter(B, 2) {
            assert_eq!(guest.windows().word(Window::FiveHour).load(), None, "a late write");
        }
    });
    last.join().expect("no thread panics");
    next.join().expect("a late write");
}

#[test]
fn what_a_guest_wrote_is_over_when_it_left() {
    loom::model(|| leaving(drop));
}

/// The mutant twin: leaving before the last write.
#[test]
#[should_panic(expected = "a late write")]
fn leaving_before_the_last_write_is_caught() {
    loom::model(|| {
        leaving(|guest| {
            guest.entry.tenant.0.fetch_sub(1, Ordering::Release);
            let later = Reading { observed: Wall(READING.observed.0 + 1_000), ..READING };
            guest.windows().word(Window::FiveHour).record(later);
            std::mem::forget(guest);
        });
    });
}
