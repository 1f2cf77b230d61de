//! The rules of BEHAVIOUR 3 one by one, by case id where there is one.

use super::*;
use crate::shared::credential::word::{EPOCH_MAX, State};

fn mark(word: Word, now: u64) -> Word {
    let ladder = Ladder { jitter_permille: 0, ..LADDER };
    let reason = Reason::Ladder;
    next(word, Event::LimitedNoHeader { began: word, ladder, reason, seed: 0 }, Millis(now))
}

#[test]
fn l08_a_cooldown_is_over_at_its_deadline_and_not_before() {
    let began = Word::default();
    let event = Event::Limited { began, reason: Reason::RetryAfter, until: Millis(5_000) };
    let word = next(began, event, Millis(1_000));
    assert_eq!(word.state(Millis(4_999)), State::Cooling { until: Millis(5_000) });
    assert_eq!(word.state(Millis(5_000)), State::Available);
    assert!(!word.is_available(Millis(4_999)) && word.is_available(Millis(5_000)));
}

#[test]
fn l09_the_ladder_doubles() {
    let ladder = Ladder { jitter_permille: 0, ..LADDER };
    let waits = [1, 2, 3, 4, 7, 15].map(|streak| ladder.wait_ms(streak, 9) / 1_000);
    assert_eq!(waits, [60, 120, 240, 480, 3_600, 3_600]);
}

#[test]
fn l10_marks_without_a_header_climb_one_step_each_once_the_last_is_over() {
    let first = mark(Word::default(), 0);
    assert_eq!(first.deadline(), Millis(60_000));
    let second = mark(first, 60_000);
    assert_eq!((second.deadline(), second.streak()), (Millis(180_000), 2));
}

#[test]
fn l15_l16_a_header_wins_over_the_ladder_and_keeps_the_streak() {
    let fifth = (0..5).fold(Word::default(), |word, _| mark(word, word.deadline().0));
    let now = fifth.deadline();
    let event =
        Event::Limited { began: fifth, reason: Reason::RetryAfter, until: now.plus(120_000) };
    let after = next(fifth, event, now);
    assert_eq!((after.deadline().since(now), after.streak()), (120_000, 5));
    let third = (0..3).fold((Word::default(), 0), |(word, _), _| {
        let now = word.deadline().0;
        let after = mark(word, now);
        (after, after.deadline().0 - now)
    });
    assert_eq!(third.1, 240_000);
}

#[test]
fn l29_the_ladder_never_overflows() {
    let huge = Ladder { base_ms: u64::MAX, ceiling_ms: u64::MAX, jitter_permille: u16::MAX };
    assert_eq!(huge.wait_ms(1, u32::MAX), WAIT_MAX_MS);
    for streak in 0..=u8::MAX {
        assert!(huge.wait_ms(streak, u32::MAX) <= WAIT_MAX_MS);
    }
    let recheck = Recheck { ceiling_ms: u64::MAX, first_ms: u64::MAX };
    assert_eq!(recheck.wait_ms(15), u64::MAX);
}

#[test]
fn jitter_begins_at_the_second_step_and_only_shortens() {
    assert_eq!(LADDER.wait_ms(1, u32::MAX), 60_000);
    assert_eq!(LADDER.wait_ms(2, 0), 120_000);
    let most = LADDER.wait_ms(2, u32::MAX);
    assert!((108_000..=108_001).contains(&most), "{most}");
}

#[test]
fn one_burst_of_429_counts_once() {
    let began = Word::default();
    let (ladder, reason) = (LADDER, Reason::Ladder);
    let event = Event::LimitedNoHeader { began, ladder, reason, seed: 0 };
    let first = next(began, event, Millis(10));
    assert_eq!(next(first, event, Millis(20)), first);
    // The step after a cooldown that is over counts again, even for an attempt from before it.
    assert_eq!(next(first, event, first.deadline()).streak(), 2);
}

#[test]
fn a_late_mark_after_a_clear_changes_nothing() {
    let began = mark(Word::default(), 0);
    let cleared = next(began, Event::Succeeded { began }, Millis(10));
    assert_eq!((cleared.epoch(), cleared.deadline()), (1, Millis(0)));
    let late = Event::Limited { began, reason: Reason::RetryAfter, until: Millis(99_000) };
    assert_eq!(next(cleared, late, Millis(20)), cleared);
}

#[test]
fn a_success_from_before_a_mark_does_not_clear_it() {
    let began = Word::default();
    let marked = mark(began, 0);
    assert_eq!(next(marked, Event::Succeeded { began }, Millis(10)), marked);
}

#[test]
fn an_auth_failed_probe_doubles_up_to_the_ceiling() {
    let mut word = Word::default();
    let mut waits = Vec::new();
    let mut now = Millis(0);
    for _ in 0..6 {
        let event =
            Event::AuthFailed { began: word, reason: Reason::Unauthorized, recheck: Some(RECHECK) };
        word = next(word, event, now);
        waits.push(word.deadline().since(now) / 60_000);
        now = word.deadline();
        word = next(word, Event::LeaseTaken { until: now.plus(1_000) }, now);
        assert_eq!(word.deadline(), now.plus(1_000), "the lease was due");
    }
    assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
}

#[test]
fn with_recheck_off_no_probe_is_ever_due() {
    let began = Word::default();
    let event = Event::AuthFailed { began, reason: Reason::Billing, recheck: None };
    let word = next(began, event, NOW);
    assert!(!word.is_probe_due(DEADLINE_MAX) && !word.is_probe_due(Millis(u64::MAX)));
}

#[test]
fn at_the_last_epoch_nothing_clears_early() {
    let worn = Word::from_bits(u64::from(EPOCH_MAX) << 48);
    let marked = mark(worn, 0);
    assert!(marked.is_worn());
    for event in
        [Event::Succeeded { began: marked }, Event::Reset, Event::NewValue { disabled: false }]
    {
        assert_eq!(next(marked, event, Millis(10)), marked, "{event:?}");
    }
    assert_eq!(next(marked, Event::Disable, NOW).state(NOW), State::Off);
}

#[test]
fn enable_keeps_a_cooldown_and_reset_forgets_it() {
    let cooling = mark(Word::default(), 0);
    let off = next(cooling, Event::Disable, NOW);
    assert_eq!(off.state(NOW), State::Off);
    assert!(next(off, Event::Reset, NOW).is_off());
    let back = next(off, Event::Enable, NOW);
    assert_eq!(back.state(NOW), State::Cooling { until: Millis(60_000) });
    assert_eq!(next(back, Event::Reset, NOW).state(NOW), State::Available);
}

#[test]
fn the_far_future_is_the_last_instant_a_word_holds() {
    let began = Word::default();
    let until = Millis(u64::MAX);
    let word = next(began, Event::Limited { began, reason: Reason::RetryAfter, until }, NOW);
    assert_eq!((word.deadline(), word.is_off(), word.epoch()), (DEADLINE_MAX, false, 0));
}
