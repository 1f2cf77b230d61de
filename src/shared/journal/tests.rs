//! A journal against its bounds and its reader.

use super::*;

fn record(status: u16) -> Entry {
    Entry::Exchange(Box::new(plain(status)))
}

/// An exchange of which nothing is known but its status.
pub fn plain(status: u16) -> Record {
    Record { ended: Ended { attempts: 1, status, ..Ended::default() }, ..Record::default() }
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
fn a_record_that_is_written_again_holds_no_text_of_before() {
    let journal = Journal::new();
    let mut record = journal.blank();
    record.asked.model = record.texts.add(b"before");
    let block = std::ptr::from_ref(&*record);
    journal.give_back(record);
    let again = journal.blank();
    assert_eq!(std::ptr::from_ref(&*again), block, "it is the same block");
    assert_eq!(again.texts.of(again.asked.model), "");
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
