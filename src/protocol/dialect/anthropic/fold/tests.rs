//! Folding by the case: what is joined, kept, overlaid; what gives no message.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::fmt::Write as _;

use super::*;

/// A stream of these events, without their names.
fn stream(events: &[&str]) -> String {
    events.iter().fold(String::new(), |mut stream, event| {
        write!(stream, "data: {event}\n\n").unwrap();
        stream
    })
}

/// Folded whole and at every cut; the same at all of them.
fn folded(stream: &str) -> Result<String, Unfolded> {
    let at = |cut: usize| {
        let mut fold = Fold::new(4_096);
        let (first, second) = stream.as_bytes().split_at(cut);
        fold.push(first);
        fold.push(second);
        fold.finish().map(|json| String::from_utf8(json).unwrap())
    };
    let whole = at(0);
    for cut in 1..=stream.len() {
        assert_eq!(at(cut), whole, "cut at {cut}");
    }
    whole
}

const START: &str = concat!(
    r#"{"type":"message_start","message":{"id":"m","content":[],"#,
    r#""usage":{"input_tokens":5,"output_tokens":1,"x":7}}}"#
);
const STOP: &str = r#"{"type":"message_stop"      }"#;

fn block(start: &str, deltas: &[&str]) -> Vec<String> {
    let start = format!(r#"{{"type":"content_block_start","index":0,"content_block":{start}}}"#);
    let delta =
        |delta: &&str| format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
    let stop = r#"{"type":"content_block_stop","index":0}"#.to_owned();
    [vec![START.to_owned(), start], deltas.iter().map(delta).collect(), vec![stop, STOP.to_owned()]]
        .concat()
}

/// The one block of a message.
fn content(start: &str, deltas: &[&str]) -> String {
    let events = block(start, deltas);
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let message = folded(&stream(&events)).unwrap();
    let (_, rest) = message.split_once(r#""content":["#).unwrap();
    rest.rsplit_once(r#"],"usage""#).unwrap().0.to_owned()
}

#[test]
fn p03_text_is_joined_as_it_was_written() {
    let deltas = [
        r#"{"type":"text_delta","text":"a\u00e9\ud83d"}"#,
        r#"{"type":"text_delta","text":"\ude00\"b"}"#,
    ];
    let expected = r#"{"type":"text","text":"a\u00e9\ud83d\ude00\"b"}"#;
    assert_eq!(content(r#"{"type":"text","text":""}"#, &deltas), expected);
}

#[test]
fn p04_input_is_read_once_at_the_end_and_keeps_its_digits() {
    let tool = r#"{"type":"tool_use","id":"t","input":{}}"#;
    let deltas = [
        r#"{"type":"input_json_delta","partial_json":""}"#,
        r#"{"type":"input_json_delta","partial_json":"{\"a\":90071992547"}"#,
        r#"{"type":"input_json_delta","partial_json":"40993,\"b\":1e4"}"#,
        r#"{"type":"input_json_delta","partial_json":"00,\"c\":\"\\u00"}"#,
        r#"{"type":"input_json_delta","partial_json":"e9\"}"}"#,
    ];
    let expected =
        r#"{"type":"tool_use","id":"t","input":{"a":9007199254740993,"b":1e400,"c":"\u00e9"}}"#;
    assert_eq!(content(tool, &deltas), expected);
    assert_eq!(content(tool, &[]), tool, "no delta: {{}}");
    let cut = content(tool, &[r#"{"type":"input_json_delta","partial_json":"{\"a\":"}"#]);
    assert_eq!(cut, r#"{"type":"tool_use","id":"t","input":{"INVALID_JSON":"{\"a\":"}}"#);
}

#[test]
fn p05_p06_p12_thinking_signatures_citations_and_the_unknown_are_kept() {
    let thinking = r#"{"type":"thinking","thinking":"","signature":""}"#;
    let deltas = [
        r#"{"type":"thinking_delta","thinking":"a"}"#,
        r#"{"type":"thinking_delta","thinking":"b","estimated_tokens":3}"#,
        r#"{"type":"signature_delta","signature":"S=="}"#,
    ];
    let expected = r#"{"type":"thinking","thinking":"ab","signature":"S=="}"#;
    assert_eq!(content(thinking, &deltas), expected);
    let redacted = r#"{"type":"redacted_thinking","data":"x/y+1"}"#;
    assert_eq!(content(redacted, &[]), redacted);
    let cited = content(
        r#"{"type":"text","text":"","citations":[]}"#,
        &[
            r#"{"type":"citations_delta","citation":{"n":1.50}}"#,
            r#"{"type":"citations_delta","citation":{"n":2}}"#,
        ],
    );
    assert_eq!(cited, r#"{"type":"text","text":"","citations":[{"n":1.50},{"n":2}]}"#);
    let odd = content(r#"{"type":"odd","v":[1, 2]}"#, &[r#"{"type":"odd_delta","w":0.10}"#]);
    assert_eq!(odd, r#"{"type":"odd","v":[1, 2],"w":0.10}"#);
}

#[test]
fn p07_later_usage_overrides_and_what_is_absent_or_null_is_kept() {
    let delta = concat!(
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"#,
        r#""context_management":{"a":1},"usage":{"output_tokens":9,"input_tokens":null,"#,
        r#""server_tool_use":{"n":2}}}"#
    );
    let expected = concat!(
        r#"{"id":"m","content":[],"usage":{"input_tokens":5,"output_tokens":9,"x":7,"#,
        r#""server_tool_use":{"n":2}},"stop_reason":"end_turn","stop_sequence":null,"#,
        r#""context_management":{"a":1}}"#
    );
    let ping = r#"{"type":"ping"}"#;
    let told = folded(&stream(&[ping, START, ping, delta, r#"{"type":"new","x":1}"#, STOP]));
    assert_eq!(told.unwrap(), expected);
}

#[test]
fn p11_an_error_or_an_early_end_gives_no_message() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#;
    let told = Unfolded::Told(error.as_bytes().to_vec());
    assert_eq!(folded(&stream(&[START, error, STOP])), Err(told));
    for events in [&[START][..], &[STOP], &[], &[START, "{", STOP], &[START, "[1]", STOP]] {
        assert_eq!(folded(&stream(events)), Err(Unfolded::Unfinished), "{events:?}");
    }
    let early =
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":""}}"#;
    assert_eq!(folded(&stream(&[START, early, STOP])), Err(Unfolded::Unfinished));
}

#[test]
fn memory_is_bounded_by_event_and_in_all() {
    let start = stream(&[START]);
    let long = format!("{start}data: {}", "x".repeat(5_000));
    assert_eq!(folded(&long), Err(Unfolded::TooLong));
    let many = format!("{start}{}", stream(&[r#"{"type":"ping","pad":"xxxxxxxxxx"}"#; 300]));
    let mut fold = Fold::new(4_096);
    assert!(fold.push(many.as_bytes()));
    assert_eq!(fold.finish(), Err(Unfolded::TooLong));
}
