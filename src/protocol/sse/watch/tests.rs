//! The watch, and its search, against a plain look at each event, wherever lanes begin.

use super::*;
use crate::protocol::corpus::Random;
use crate::protocol::sse::search::{Hits, Search};

const WATCH: Watch = Watch::new([
    Needle::new(b"usage", 1, &[b"\":null"]),
    Needle::new(b"finish_reason", 5, &[]),
    Needle::new(b"error", 1, &[]),
]);

/// Event by event, each searched as a text.
fn plainly(read: &[u8], start: usize) -> Passed {
    let text = std::str::from_utf8(read).unwrap();
    let (mut at, mut events) = (start, 0);
    while let Some(end) = end_of_event(read, at) {
        let event = &text[at..end];
        let mut lines = event.lines();
        let is_data = |line: &str| line.strip_prefix("data").is_some_and(is_value);
        let is_odd =
            lines.clone().any(|line| line.starts_with("data:[") || line.starts_with("data: ["));
        let usage = event.match_indices("usage");
        let is_hit = event.contains('\r')
            || ["\\u005", "\\u006", "\\u007", "finish_reason", "error"]
                .iter()
                .any(|word| event.contains(word))
            || usage.into_iter().any(|(found, _)| !event[found..].starts_with("usage\":null"));
        if is_odd || is_hit {
            let bytes = at - start;
            return Passed { bytes, events, is_event: true, to_read: end - at };
        }
        events += u64::from(lines.any(is_data));
        at = end;
    }
    Passed { bytes: at - start, events, is_event: false, to_read: read.len() - at }
}

/// Both ways, which agree.
fn pass(read: &[u8], start: usize) -> Passed {
    let passed = WATCH.pass(read, start);
    assert_eq!(Search::new(&WATCH).pass(read, start, &mut Hits::default()), passed, "{read:?}");
    passed
}

fn is_value(after: &str) -> bool {
    after.is_empty() || after.starts_with(':')
}

#[test]
fn whatever_matters_is_seen_at_every_place_of_a_lane() {
    for word in
        ["usage", "finish_reason", "error", "\\u0065", "\r", "usage\":null", "erro", "\\u004"]
    {
        for before in 0..40 {
            for after in [0, 1, 15, 16, 17, 40] {
                let event = format!("data: {}{word}{}\n\n", "x".repeat(before), "y".repeat(after));
                for stream in [event.clone(), format!("data: 1\n\n{event}: c\n\n")] {
                    let expected = plainly(stream.as_bytes(), 0);
                    assert_eq!(pass(stream.as_bytes(), 0), expected, "{stream:?}");
                }
            }
        }
    }
}

#[test]
fn random_events_are_passed_over_as_plainly() {
    const WORDS: &[&str] = &[
        "data: ",
        "data",
        "event: x",
        "\n",
        "\n",
        "\n\n",
        "x",
        "[",
        "rr",
        "error",
        "us",
        "usage",
        "usage\":null",
        "\\u00",
        "\\u0061",
        "\\",
        "\t",
        "sixteen bytes it ",
        "dat",
        "é",
    ];
    let mut random = Random(11);
    for _ in 0..20_000 {
        let stream: String =
            (0..random.below(24)).map(|_| WORDS[random.below(WORDS.len())]).collect();
        let mut start = 0;
        loop {
            let passed = pass(stream.as_bytes(), start);
            assert_eq!(passed, plainly(stream.as_bytes(), start), "{stream:?} from {start}");
            start += passed.bytes + passed.to_read;
            if !passed.is_event {
                break;
            }
        }
        assert_eq!(start, stream.len());
    }
}

#[test]
fn a_read_that_ends_inside_an_event_leaves_it_to_be_read() {
    let stream = b"data: {\"a\":1}\n\ndata: {\"usage\":{}}\n\n";
    for cut in 0..=stream.len() {
        let read = &stream[..cut];
        assert_eq!(pass(read, 0), plainly(read, 0), "cut at {cut}");
    }
}
