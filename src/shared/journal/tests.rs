//! A journal against its bounds and its reader.

use super::*;

fn record(status: u16) -> Entry {
    Entry::Exchange(plain(status))
}

/// An exchange of which nothing is known but its status.
pub fn plain(status: u16) -> Record {
    Record {
        answered: Answered::default(),
        asked: Asked {
            beta: Text::default(),
            body_bytes: 0,
            caller: Text::default(),
            content_type: Text::default(),
            conversation: None,
            dialect: Dialect::Anthropic,
            id: Text::default(),
            message_count: None,
            method: Text::default(),
            model: Text::default(),
            path: Text::default(),
            query: Text::default(),
            streams: false,
            thinks: false,
            unix_ms: 0,
            user_agent: Text::default(),
        },
        ended: Ended {
            attempts: 1,
            cap: None,
            cause: Text::default(),
            code: None,
            decision: Text::default(),
            duration_ms: 0,
            key: Text::default(),
            overhead_us: 0,
            model_routed: Text::default(),
            phase: "",
            provider: Text::default(),
            route: Text::default(),
            status,
        },
    }
}

fn status(entry: Option<Entry>) -> Option<u16> {
    match entry? {
        Entry::Exchange(record) => Some(record.ended.status),
        Entry::Breaker(_) | Entry::Detail(_) | Entry::KeyState(_) => None,
    }
}

#[test]
fn a_full_queue_drops_and_counts() {
    let journal = Journal::new();
    for _ in 0..=RECORDS_MAX {
        assert!(!journal.push(record(500)));
    }
    assert_eq!(journal.dropped(), 1);
    assert_eq!(status(journal.pop()), Some(500));
    assert!(!journal.push(record(502)));
    assert_eq!(journal.dropped(), 1);
}

#[test]
fn a_sleeping_reader_is_rung_for_once() {
    let journal = Journal::new();
    assert!(journal.fall_asleep());
    assert!(journal.push(record(200)));
    assert!(!journal.push(record(200)));
    assert!(!journal.fall_asleep(), "there is something to read");
}

#[test]
fn gaps_are_counted_by_powers_of_two() {
    let mut gaps = Gaps::default();
    for ms in [0, 1, 2, 3, 4, 1_000_000] {
        gaps.count(ms);
    }
    assert_eq!(gaps.counts()[..4], [1, 1, 2, 1]);
    assert_eq!(gaps.counts()[GAP_PLACES - 1], 1);
    assert_eq!(gaps.sum_ms(), 1_000_010);
}
