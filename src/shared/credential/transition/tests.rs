//! `next` against a naive model: every word of a small domain with every event, and random ones.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::*;

/// A word as a person would write it down.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plain {
    auth: bool,
    deadline: u64,
    epoch: u64,
    off: bool,
    reason: Reason,
    streak: u64,
}

const CLEAR: Plain =
    Plain { auth: false, deadline: 0, epoch: 0, off: false, reason: Reason::None, streak: 0 };

impl Plain {
    fn of(word: Word) -> Self {
        Self {
            auth: word.is_auth_failed(),
            deadline: word.deadline().0,
            epoch: word.epoch().into(),
            off: word.is_off(),
            reason: word.reason(),
            streak: word.streak().into(),
        }
    }

    fn word(self) -> Word {
        let flags = u64::from(self.off) << 1 | u64::from(self.auth);
        let bits = self.epoch << 48 | flags << 46 | self.deadline << 8;
        Word::from_bits(bits | self.streak << 4 | self.reason.bits())
    }
}

fn step(streak: u64) -> u8 {
    u8::try_from(streak).unwrap()
}

/// The rules of BEHAVIOUR 3 once more, in the order of its text.
fn naive(mut w: Plain, event: Event, now: u64) -> Plain {
    let old = w;
    let same_epoch = |began: Word| u64::from(began.epoch()) == old.epoch;
    let later = |ms: u64| (now + ms).min(DEADLINE_MAX.0);
    match event {
        Event::Limited { began, until, reason } => {
            if same_epoch(began) && !w.off && !w.auth && until.0.min(DEADLINE_MAX.0) > w.deadline {
                (w.deadline, w.reason) = (until.0.min(DEADLINE_MAX.0), reason);
            }
        }
        Event::LimitedNoHeader { began, ladder, reason, seed } => {
            let burst = now < w.deadline && Plain::of(began) != w;
            if same_epoch(began) && !w.off && !w.auth && !burst {
                w.streak = (w.streak + 1).min(15);
                let until = later(ladder.wait_ms(step(w.streak), seed));
                if until > w.deadline {
                    (w.deadline, w.reason) = (until, reason);
                }
            }
        }
        Event::AuthFailed { began, reason, recheck } => {
            if same_epoch(began) && (!w.auth || Plain::of(began) == w) {
                w.streak = if w.auth { (w.streak + 1).min(15) } else { 1 };
                let probe = recheck.map_or(DEADLINE_MAX.0, |r| later(r.wait_ms(step(w.streak))));
                w.deadline = if w.auth { probe } else { probe.max(w.deadline) };
                (w.auth, w.reason) = (true, reason);
            }
        }
        Event::Succeeded { began } if same_epoch(began) => {
            if !w.auth && now >= w.deadline {
                w.streak = 0;
            } else if Plain::of(began) == w && !w.off && w.epoch < 65_535 {
                w = Plain { epoch: w.epoch + 1, ..CLEAR };
            }
        }
        Event::Disable | Event::Remove => w.off = true,
        Event::Enable => {
            if w.off {
                w = Plain { epoch: (w.epoch + 1).min(65_535), off: false, ..w };
            }
        }
        Event::Reset if w.epoch < 65_535 => w = Plain { epoch: w.epoch + 1, off: w.off, ..CLEAR },
        Event::NewValue { disabled } if w.epoch < 65_535 => {
            w = Plain { epoch: w.epoch + 1, off: disabled, ..CLEAR };
        }
        Event::Reset | Event::NewValue { .. } | Event::Succeeded { .. } => {}
        Event::LeaseTaken { until } => {
            let due = now >= w.deadline && w.deadline != DEADLINE_MAX.0;
            if w.auth && !w.off && due {
                w.deadline = until.0.min(DEADLINE_MAX.0);
            }
        }
        Event::LeaseReturned { lease } => {
            if Plain::of(lease) == w {
                w.deadline = now.min(DEADLINE_MAX.0);
            }
        }
        Event::Restored { auth_failed, deadline, reason, streak } => {
            if w == (Plain { epoch: w.epoch, ..CLEAR }) {
                (w.auth, w.deadline) = (auth_failed, deadline.0.min(DEADLINE_MAX.0));
                (w.reason, w.streak) = (reason, u64::from(streak.min(15)));
            }
        }
    }
    w
}

const LADDER: Ladder = Ladder { base_ms: 60_000, ceiling_ms: 3_600_000, jitter_permille: 100 };
const RECHECK: Recheck = Recheck { ceiling_ms: 3_600_000, first_ms: 300_000 };
const NOW: Millis = Millis(1_000);

fn words() -> Vec<Word> {
    let mut words = Vec::new();
    let deadlines = [0, 1, 999, 1_000, 1_001, 400_000, DEADLINE_MAX.0 - 1, DEADLINE_MAX.0];
    for epoch in [0, 1, 65_534, 65_535] {
        for flags in 0..4 {
            for deadline in deadlines {
                for streak in [0, 1, 14, 15] {
                    for reason in [Reason::None, Reason::FiveHour, Reason::Unknown] {
                        let (off, auth) = (flags & 2 != 0, flags & 1 != 0);
                        words.push(Plain { auth, deadline, epoch, off, reason, streak }.word());
                    }
                }
            }
        }
    }
    words
}

/// Every event with every kind of attempt's word that matters for `word`.
fn events(word: Word) -> Vec<Event> {
    let plain = Plain::of(word);
    let mut events = vec![
        Event::Disable,
        Event::Enable,
        Event::NewValue { disabled: false },
        Event::NewValue { disabled: true },
        Event::Remove,
        Event::Reset,
    ];
    for auth_failed in [false, true] {
        let (deadline, reason) = (Millis(5_000), Reason::Unknown);
        events.push(Event::Restored { auth_failed, deadline, reason, streak: 3 });
    }
    let others = [
        plain,
        Plain { streak: plain.streak ^ 1, ..plain },
        Plain { deadline: plain.deadline ^ 1, ..plain },
        Plain { epoch: plain.epoch ^ 1, ..plain },
        Plain { epoch: 7, ..CLEAR },
    ];
    for began in others.map(Plain::word) {
        events.push(Event::Succeeded { began });
        events.push(Event::LeaseReturned { lease: began });
        for recheck in [None, Some(RECHECK)] {
            events.push(Event::AuthFailed { began, reason: Reason::Unauthorized, recheck });
        }
        for seed in [0, u32::MAX] {
            let reason = Reason::Ladder;
            events.push(Event::LimitedNoHeader { began, ladder: LADDER, reason, seed });
        }
        for until in [0, 999, 1_001, 61_000, u64::MAX].map(Millis) {
            events.push(Event::Limited { began, reason: Reason::RetryAfter, until });
        }
    }
    events.extend([0, 1_001, u64::MAX].map(|at| Event::LeaseTaken { until: Millis(at) }));
    events
}

#[test]
fn every_word_of_a_small_domain_goes_where_the_naive_model_goes() {
    let mut pairs = 0;
    for word in words() {
        assert_eq!(Plain::of(word).word(), word, "bits lost");
        for event in events(word) {
            for now in [Millis(0), Millis(999), NOW, Millis(1_001), DEADLINE_MAX] {
                let expected = naive(Plain::of(word), event, now.0);
                let got = Plain::of(next(word, event, now));
                assert_eq!(got, expected, "{word:?} {event:?} {now:?}");
                pairs += 1;
            }
        }
    }
    assert!(pairs > 500_000, "{pairs}");
}

#[test]
fn no_event_of_the_traffic_shortens_a_cooldown_or_ends_off() {
    for word in words() {
        for event in events(word) {
            let after = next(word, event, NOW);
            assert!(after.epoch() >= word.epoch(), "{word:?} {event:?}");
            let by_operator =
                matches!(event, Event::Enable | Event::NewValue { .. } | Event::Reset);
            if !by_operator {
                assert!(after.is_off() >= word.is_off(), "{word:?} {event:?}");
            }
            let is_mark = matches!(event, Event::Limited { .. } | Event::LimitedNoHeader { .. });
            if is_mark {
                assert!(after.deadline() >= word.deadline(), "{word:?} {event:?}");
                assert_eq!(after.epoch(), word.epoch());
            }
        }
    }
}

#[test]
fn an_event_of_another_epoch_changes_nothing() {
    for word in words() {
        for event in events(word) {
            if event.began().is_some_and(|began| began.epoch() != word.epoch()) {
                assert_eq!(next(word, event, NOW), word, "{event:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn random_words_and_events_go_where_the_naive_model_goes(
        bits: u64, mask: u64, now in 0_u64..1 << 39, until in 0_u64..1 << 39,
        seed: u32, kind in 0..10,
    ) {
        let word = Word::from_bits(bits);
        // Differs in few bits or none, so that equal words and equal epochs are common.
        let sparse = mask & (mask >> 7) & 0xffff_0000_0000_0010 & (now << 30);
        let began = Word::from_bits(bits ^ sparse);
        let (now, reason, recheck) = (Millis(now), Reason::Quota, Some(RECHECK));
        let event = match kind {
            0 => Event::AuthFailed { began, reason, recheck },
            1 => Event::Limited { began, reason, until: Millis(until) },
            2 => Event::LimitedNoHeader { began, ladder: LADDER, reason, seed },
            3 => Event::Succeeded { began },
            4 => Event::LeaseTaken { until: Millis(until) },
            5 => Event::LeaseReturned { lease: began },
            6 => Event::Reset,
            7 => Event::NewValue { disabled: seed & 1 == 1 },
            8 => Event::Enable,
            _ => Event::Disable,
        };
        // Only 14 is no reason: it reads as unknown, and a model made of names cannot hold it.
        prop_assume!(bits & 0xf != 14);
        let got = next(word, event, now);
        prop_assert_eq!(Plain::of(got), naive(Plain::of(word), event, now.0));
        if got == word {
            prop_assert_eq!(got.bits(), bits);
        }
    }
}

mod rules;
