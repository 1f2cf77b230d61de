//! Readings by case id, their packing, and many threads on one credential.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::thread;

use proptest::prelude::*;

use super::*;

const FLOOR: u64 = 600_000;
const MINUTE: u64 = 60_000;
/// A whole second in 2026.
const T0: u64 = 1_790_000_000_000;

fn reading(value: u16, after_ms: u64) -> Reading {
    Reading { observed: Wall(T0 + after_ms), reset: None, value }
}

fn windows(five_hour: Option<u16>, seven_day: Option<u16>) -> Windows {
    let windows = Windows::default();
    for (window, value) in [(Window::FiveHour, five_hour), (Window::SevenDay, seven_day)] {
        if let Some(value) = value {
            assert!(windows.word(window).record(reading(value, 0)));
        }
    }
    windows
}

fn after(windows: &Windows, ms: u64) -> Utilization {
    windows.utilization(FLOOR, Wall(T0 + ms))
}

#[test]
fn w02_w03_a_credential_without_a_reading_is_cold_and_below() {
    let cold = after(&Windows::default(), 0);
    assert_eq!(cold, Utilization::default());
    assert!(cold.is_below(950) && !cold.is_exhausted());
}

#[test]
fn w04_to_w07_the_threshold_counts_from_itself_on() {
    for (five_hour, seven_day, below) in [
        (Some(500), Some(500), true),
        (Some(950), Some(100), false),
        (Some(100), Some(960), false),
        (Some(200), None, true),
        (Some(949), Some(949), true),
    ] {
        assert_eq!(after(&windows(five_hour, seven_day), 0).is_below(950), below);
    }
}

#[test]
fn w08_w15_an_absent_window_keeps_its_reading() {
    let windows = windows(None, Some(990));
    windows.word(Window::FiveHour).record(reading(300, MINUTE));
    let now = after(&windows, MINUTE);
    assert_eq!(now, Utilization { five_hour: Some(300), seven_day: Some(990) });
    assert!(!now.is_below(950));
}

#[test]
fn w09_w14_without_a_constrained_window_a_reading_ends_with_the_floor() {
    let windows = windows(Some(499), Some(10));
    assert!(after(&windows, FLOOR - 100).used().is_some());
    assert!(after(&windows, FLOOR).used().is_none());
}

#[test]
fn w26_overage_is_all_and_garbage_is_nothing() {
    assert_eq!(permille(1.28), Some(1_000));
    assert_eq!([0.42, 0.87, 0.057, 0.9999].map(permille), [420, 870, 57, 999].map(Some));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1] {
        assert_eq!(permille(bad), None);
    }
}

#[test]
fn w28_half_of_five_hours_holds_five_hours() {
    let windows = windows(Some(500), None);
    assert!(after(&windows, 11 * MINUTE).used().is_some());
    assert!(after(&windows, 311 * MINUTE).used().is_none());
}

#[test]
fn w29_a_nearly_used_week_holds_a_week() {
    let windows = windows(None, Some(980));
    assert_eq!(after(&windows, 11 * MINUTE).seven_day, Some(980));
    assert_eq!(after(&windows, 7 * 24 * 60 * MINUTE).seven_day, None);
}

#[test]
fn w30_a_constrained_week_keeps_the_five_hours_too() {
    let windows = windows(Some(990), Some(900));
    let later = after(&windows, 6 * 60 * MINUTE);
    assert_eq!(later, Utilization { five_hour: Some(990), seven_day: Some(900) });
}

#[test]
fn w31_a_slack_week_strands_nothing() {
    let windows = windows(Some(990), Some(50));
    assert_eq!(after(&windows, 301 * MINUTE), Utilization::default());
}

#[test]
fn w32_a_reading_ends_at_its_reset_but_not_before_the_floor() {
    let hour = 60 * MINUTE;
    let word = Windows::default();
    let reset = Some(T0 / 1_000 + 7_200);
    word.word(Window::SevenDay).record(Reading { reset, ..reading(1_000, 0) });
    assert!(after(&word, hour).is_exhausted());
    assert_eq!(after(&word, 3 * hour).used(), None);

    let soon = Windows::default();
    let reset = Some(T0 / 1_000 + 60);
    soon.word(Window::SevenDay).record(Reading { reset, ..reading(1_000, 0) });
    assert!(after(&soon, FLOOR - 100).is_exhausted());
    assert!(!after(&soon, FLOOR).is_exhausted());
}

#[test]
fn w34_exhausted_is_999_thousandths() {
    for (five_hour, seven_day, exhausted) in
        [(500, 950, false), (100, 1_000, true), (999, 0, true), (998, 998, false)]
    {
        let now = after(&windows(Some(five_hour), Some(seven_day)), 0);
        assert_eq!(now.is_exhausted(), exhausted, "{five_hour} {seven_day}");
    }
}

#[test]
fn only_an_attempt_that_began_later_replaces_a_reading() {
    let word = ReadingWord::default();
    assert!(word.record(reading(990, 10_000)));
    assert!(!word.record(reading(100, 9_000)));
    assert_eq!(word.load().unwrap().value, 990);
    assert!(word.record(reading(200, 11_000)));
    assert_eq!(word.load().unwrap().value, 200);
}

#[test]
fn nothing_remaining_is_told_until_the_reset() {
    let word = ReadingWord::default();
    let reset = T0 / 1_000 + 30;
    word.record(Reading { reset: Some(reset), ..reading(1_000, 0) });
    assert_eq!(word.empty_until(Wall(T0 + 29_999)), Some(reset));
    assert_eq!(word.empty_until(Wall(T0 + 30_000)), None);
    word.record(Reading { reset: Some(reset), ..reading(999, 1_000) });
    assert_eq!(word.empty_until(Wall(T0 + 2_000)), None, "something is left");
    word.record(reading(1_000, 3_000));
    assert_eq!(word.empty_until(Wall(T0 + 4_000)), None, "no reset was named");
}

#[test]
fn w13_readers_and_writers_at_once_see_whole_readings_only() {
    let windows: &'static Windows = Box::leak(Box::default());
    // Value and reset of one writer belong together.
    let of = |seed: u64| Reading {
        observed: Wall(T0 + seed * 1_000),
        reset: Some(T0 / 1_000 + 10_000 + seed),
        value: u16::try_from(seed % 1_000).unwrap(),
    };
    let writers = (0..32_u64).map(|seed| {
        thread::spawn(move || {
            for round in 0..200 {
                windows.word(Window::FiveHour).record(of(seed + 32 * round));
            }
        })
    });
    let readers = (0..32).map(|_| {
        thread::spawn(move || {
            let mut last = 0;
            for _ in 0..200 {
                let Some(seen) = windows.word(Window::FiveHour).load() else { continue };
                let seed = (seen.observed.0 - T0) / 1_000;
                assert_eq!(seen, of(seed));
                assert!(seed >= last, "a reading went back");
                last = seed;
            }
        })
    });
    let threads: Vec<_> = writers.chain(readers).collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(windows.word(Window::FiveHour).load(), Some(of(31 + 32 * 199)));
}

proptest! {
    #[test]
    fn a_reading_comes_back_as_it_went_in(
        observed in 0_u64..u64::MAX, reset: Option<u64>, value: u16,
    ) {
        // Hostile numbers do not panic and stay in their fields.
        let hostile = unpack(pack(Reading { observed: Wall(observed), reset, value })).unwrap();
        prop_assert!(hostile.value <= 1_000);
        // Sensible ones come back: the second of the reset exact, the instant to a sixteenth.
        let observed = Wall(T0 + observed % 1_000_000_000);
        let reset = reset.map(|reset| observed.0 / 1_000 + 1 + reset % 1_000_000);
        let back = unpack(pack(Reading { observed, reset, value: value % 1_001 })).unwrap();
        prop_assert_eq!((back.reset, back.value), (reset, value % 1_001));
        prop_assert!(back.observed <= observed && observed.0 - back.observed.0 < 63);
    }
}
