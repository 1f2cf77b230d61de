//! Every split, and a splitter that has the whole stream and a full decoder to compare with.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

const CHUNK: &str = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}"#;
const USAGE: &str = r#"{"id":"c","choices":[],"usage":{"prompt_tokens":1,"total_tokens":3}}"#;
const FILTER: &str = r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;

fn pushed(reads: &[&[u8]]) -> Vec<u8> {
    let mut hide = HideUsage::new();
    let mut out = Vec::new();
    for read in reads {
        out.extend_from_slice(hide.push(read));
    }
    out.extend(hide.finish());
    out
}

fn hidden(stream: &str) -> String {
    let bytes = stream.as_bytes();
    let whole = pushed(&[bytes]);
    for cut in 0..=bytes.len() {
        let (a, b) = bytes.split_at(cut);
        assert_eq!(pushed(&[a, b]), whole, "{stream:?} cut at {cut}");
    }
    let each: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(pushed(&each), whole, "{stream:?} byte by byte");
    String::from_utf8(whole).unwrap()
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

#[test]
fn the_usage_chunk_is_hidden_whatever_ends_lines() {
    let (before, usage, after) = (event(CHUNK), event(USAGE), event("[DONE]"));
    for end in ["\n", "\r\n", "\r"] {
        let ended = |text: &str| text.replace('\n', end);
        let stream = ended(&format!("{before}{usage}{after}"));
        assert_eq!(hidden(&stream), ended(&format!("{before}{after}")), "{end:?}");
    }
}

#[test]
fn what_is_not_the_usage_chunk_passes() {
    for data in [
        CHUNK,
        FILTER,
        "[DONE]",
        "",
        "{",
        r#"{"choices":[],"usage":null}"#,
        r#"{"choices":[],"usage" : null}"#,
        r#"{"choices":[{}],"usage":{"prompt_tokens":1}}"#,
        r#"{"choices":[0],"usage":{}}"#,
        r#"{"choices":{},"usage":{}}"#,
        r#"{"choices":null,"usage":{}}"#,
        r#"{"usage":{"choices":[]}}"#,
        r#"{"x":{"choices":[],"usage":{}}}"#,
        r#"[{"choices":[],"usage":{}}]"#,
        r#"{"choices":[],"usage":{}"#,
        r#"{"choices":[],"usage":{}} x"#,
        r#"{"choices":[],"usage":{},"choices":[1]}"#,
        r#"{"choices":[],"usage":{},"usage":null}"#,
        r#"{"x":"\"choices\":[],\"usage\":{}"}"#,
        "{\"choices\":[],\"usage\":{\"a\ndata: b\":1}}",
    ] {
        let stream = event(data) + &event(CHUNK);
        assert_eq!(hidden(&stream), stream, "{data}");
    }
}

#[test]
fn the_usage_chunk_is_known_in_any_spelling() {
    for text in [
        "data:{\"choices\":[],\"usage\":{}}\n\n",
        "data: { \"usage\" :{} , \"choices\" : [ ] }\n\n",
        "data: {\"choices\":[1],\"usage\":null,\"choices\":[],\"usage\":{}}\n\n",
        "data: {\"choices\":[],\"\\u0075s\\u0061ge\":{}}\n\n",
        "data: {\"choices\":[],\ndata: \"usage\":{}}\n\n",
        ": comment\nevent: x\nid: 1\ndata: {\"choices\":[],\"usage\":{}}\nretry: 5\n\n",
        "\u{feff}data: {\"choices\":[],\"usage\":{}}\n\n",
    ] {
        assert_eq!(hidden(&format!("{text}data: x\n\n")), "data: x\n\n", "{text}");
    }
}

#[test]
fn a_byte_order_mark_stands_only_at_the_start() {
    for stream in [
        format!("data: x\n\n\u{feff}{}", event(USAGE)),
        format!("\u{feff}\u{feff}{}", event(USAGE)),
    ] {
        assert_eq!(hidden(&stream), stream);
    }
    let empty_line = format!("\u{feff}\n{}", event(USAGE));
    assert_eq!(hidden(&empty_line), "\u{feff}\n");
    // Half a mark is a field like any other that means nothing: it ends no event.
    for half in [&b"\xef\n"[..], b"\xef\xbb\r\n"] {
        let stream = [half, event(USAGE).as_bytes()].concat();
        let each: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!((pushed(&[&stream]), pushed(&each)), (vec![], vec![]), "{half:?}");
    }
}

#[test]
fn empty_lines_between_events_pass() {
    let stream = format!("\n\r\n\r{}\n\n{}\r\r\n", event(CHUNK), event(USAGE));
    assert_eq!(hidden(&stream), format!("\n\r\n\r{}\n\n\r\r\n", event(CHUNK)));
}

#[test]
fn a_stream_that_breaks_off_loses_nothing() {
    let stream = event(CHUNK) + &event(USAGE);
    for cut in 0..stream.len() {
        let sent = &stream.as_bytes()[..cut];
        assert_eq!(pushed(&[sent]), sent, "cut at {cut}");
    }
}

#[test]
fn an_event_goes_out_with_its_empty_line_and_not_before() {
    for (reads, goes) in [
        (["data: a\n", "\n"], ["", "data: a\n\n"]),
        (["data: a\r\n\r", "\n"], ["data: a\r\n\r", "\n"]),
        (["data: a\r", "\r"], ["", "data: a\r\r"]),
        (["data: a\n\nda", "ta: b\n\n"], ["data: a\n\n", "data: b\n\n"]),
    ] {
        let mut hide = HideUsage::new();
        for (read, goes) in reads.iter().zip(goes) {
            assert_eq!(hide.push(read.as_bytes()), goes.as_bytes(), "{reads:?}");
        }
    }
}

#[test]
fn an_event_too_long_to_be_held_passes_as_it_comes() {
    let longest = "data: ".len() + "\n\n".len() + USAGE.len();
    let of_length = |bytes: usize| event(&format!("{USAGE}{}", " ".repeat(bytes - longest)));
    for (bytes, passes) in [(CARRY_BYTES_MAX, false), (CARRY_BYTES_MAX + 1, true)] {
        let stream = of_length(bytes) + &event(USAGE) + &event("x");
        let expected = if passes { of_length(bytes) } else { String::new() } + &event("x");
        for size in [1, 1_000, CARRY_BYTES_MAX, stream.len()] {
            let reads: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
            assert!(pushed(&reads) == expected.as_bytes(), "{bytes} bytes by {size}");
        }
    }
    let mut hide = HideUsage::new();
    assert_eq!(hide.push(&vec![b'x'; CARRY_BYTES_MAX]), b"");
    assert_eq!(hide.push(b"y").len(), CARRY_BYTES_MAX + 1);
    assert_eq!(hide.push(b"z"), b"z");
    assert_eq!(hide.push(b"\n\ndata: a"), b"\n\n");
    assert_eq!(hide.finish(), b"data: a");
}

/// The same by a splitter that has all of the stream: lines, then events, then `serde_json`.
fn naive(stream: &str) -> String {
    let (mut out, mut event, mut data) = (String::new(), String::new(), Vec::new());
    let mut is_first_line = true;
    for whole in lines(stream) {
        event.push_str(whole);
        let mut line = whole.trim_end_matches(['\r', '\n']);
        if std::mem::take(&mut is_first_line) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line == "data" {
            data.push("");
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value));
        }
        if line.is_empty() && whole.ends_with(['\r', '\n']) {
            let chunk: Json = serde_json::from_str(&data.join("\n")).unwrap_or_default();
            let has_no_choice = chunk["choices"].as_array().is_some_and(Vec::is_empty);
            if !has_no_choice || chunk["usage"].is_null() {
                out.push_str(&event);
            }
            event.clear();
            data.clear();
        }
    }
    out + &event
}

/// Lines with their ends.
fn lines(stream: &str) -> Vec<&str> {
    let (mut lines, mut rest) = (Vec::new(), stream);
    while !rest.is_empty() {
        let end = rest
            .find(['\r', '\n'])
            .map_or(rest.len(), |at| at + if rest[at..].starts_with("\r\n") { 2 } else { 1 });
        let (line, tail) = rest.split_at(end);
        lines.push(line);
        rest = tail;
    }
    lines
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "\u{feff}",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\r\r",
        "\r\n\r\n",
        ": c",
        "data",
        "data:",
        "data: ",
        "event: e",
        "id: 1",
        "retry: 9",
        "x",
        "[DONE]",
        CHUNK,
        USAGE,
        FILTER,
        "{",
        "}",
        ",",
        "\"choices\":[]",
        "\"choices\": [ ]",
        "\"choices\":[1]",
        "\"usage\":{}",
        "\"usage\": null",
        "\"\\u0075sage\":1",
        "data: {\"choices\":[],\"usage\":{\"a\":1}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"a\":1}}\r\n\r\n",
        "data: {\"choices\":[],\"usage\":0}\r\r",
        "data: {\"choices\":[],\"usage\":null}\n\n",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_stream_passes_as_a_naive_splitter_has_it(
        pieces in prop::collection::vec(piece(), 0..24),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream = pieces.concat();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let reads: Vec<&[u8]> =
            places.windows(2).map(|ends| &stream.as_bytes()[ends[0]..ends[1]]).collect();
        let passed = String::from_utf8(pushed(&reads)).unwrap();
        prop_assert_eq!(passed, naive(&stream));
    }

    #[test]
    fn any_bytes_pass_the_same_at_any_split(
        bytes in prop::collection::vec(
            prop::sample::select(b"\r\n\xef\xbb\xbfdata: {}x".to_vec()),
            0..64,
        ),
    ) {
        let whole = pushed(&[&bytes]);
        // Nothing in these can be a usage chunk.
        prop_assert_eq!(&whole, &bytes);
        for cut in 0..=bytes.len() {
            let (a, b) = bytes.split_at(cut);
            prop_assert_eq!(&pushed(&[a, b]), &whole);
        }
    }
}
