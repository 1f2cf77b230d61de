//! The bytes that are sent, and what is refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]

use serde_json::Value;

use super::recorded::read_log;
use super::*;

const DIALECTS: [Dialect; 3] = [Dialect::Anthropic, Dialect::OpenaiChat, Dialect::OpenaiResponses];

fn body(dialect: Dialect, shape: Shape, size: usize) -> Body<'static> {
    Body { conversation: 3, dialect, model: "m-1", shape, size, stream: true }
}

#[test]
fn bodies_have_the_size_asked_for_and_are_json() {
    for dialect in DIALECTS {
        for (shape, size) in
            [(Shape::Plain, 1_000), (Shape::Plain, 1 << 20), (Shape::Agent, 100_000)]
        {
            let bytes = body(dialect, shape, size).bytes();
            assert_eq!(bytes.len(), size, "{dialect:?} {shape:?}");
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!((&value["model"], &value["stream"]), (&"m-1".into(), &true.into()));
        }
    }
}

#[test]
fn an_agents_body_is_a_long_history_with_tools() {
    for dialect in DIALECTS {
        let bytes = body(dialect, Shape::Agent, 100_000).bytes();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["tools"].as_array().unwrap().len(), 8);
        let messages = value.get("messages").or_else(|| value.get("input")).unwrap();
        assert!(messages.as_array().unwrap().len() > 20, "{dialect:?}");
        // The mock would call a tool.
        assert!(memchr::memmem::find(&bytes, b"use tool").is_none());
    }
}

#[test]
fn the_same_conversation_gives_the_same_bytes() {
    let one = body(Dialect::Anthropic, Shape::Agent, 50_000);
    assert_eq!(one.bytes(), one.bytes());
    assert_ne!(one.bytes(), Body { conversation: 4, ..one }.bytes());
}

#[test]
fn each_template_meets_each_key() {
    let target = Target::parse("http://127.0.0.1:9/base").unwrap();
    let template = |knobs: &str| Template {
        body: "{}".into(),
        dialect: Dialect::Anthropic,
        knobs: knobs.to_owned(),
        stream: false,
    };
    let keys = vec!["k1".to_owned(), "k2".to_owned()];
    let common = Common { keys, headers: vec!["x-team: a".to_owned()], ..Common::default() };
    let requests = common.requests(&[template("digest"), template(""), template("a")], &target);
    assert_eq!(requests.len(), 6);
    let text = |index: usize| std::str::from_utf8(&requests[index].bytes).unwrap().to_owned();
    assert!(text(0).starts_with("POST /base/v1/messages HTTP/1.1\r\nhost: 127.0.0.1:9\r\n"));
    assert!(text(0).contains("x-api-key: k1\r\n") && text(3).contains("x-api-key: k2\r\n"));
    assert!(text(0).contains("x-mock: digest\r\n") && !text(1).contains("x-mock"));
    assert!(text(0).contains("x-team: a\r\n") && text(0).ends_with("\r\n\r\n{}"));
}

#[test]
fn headers_cannot_carry_a_second_line() {
    assert_eq!(header_line("X-Team:  a b ").unwrap(), "X-Team: a b");
    for bad in ["", "x-team", ": a", "x team: a", "x: a\r\nb: c", "x: ü", "x\n: a"] {
        assert!(header_line(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_request_log_becomes_requests_at_its_moments() {
    let line = |time: &str, more: &str| {
        format!(r#"{{"time":"2026-11-22T01:00:{time}Z","model":"m","bytes_in":2000,{more}}}"#)
    };
    let log = [
        line(
            "02.5",
            r#""path":"/v1/messages","stream":true,"events":41,"duration_ms":450,"ttfb_ms":40"#,
        ),
        line("02", r#""path":"/anthropic/v1/messages","stream":false"#),
        line("03", r#""path":"/v1/models","stream":false"#),
        r#"{"level":"WARN","message":"request failed"}"#.to_owned(),
    ];
    let replay = read_log(&log.join("\n"), "digest", 2.0).unwrap();
    assert_eq!((replay.moments, replay.skipped), (vec![0, 250_000_000], 2));
    assert_eq!(replay.templates[1].knobs, "digest, events=41, rate=200.000");
    assert_eq!(replay.templates[1].body.len(), 2000);
    assert!(!replay.templates[0].stream && replay.templates[0].knobs == "digest");
}

#[test]
fn a_bad_request_log_is_told_with_its_line() {
    for (log, why) in [
        ("{\"a\":1}\n{", ":2: "),
        ("", ": no request"),
        (
            r#"{"time":"yesterday","bytes_in":1,"path":"/v1/messages","stream":true}"#,
            ":1: time `yesterday`",
        ),
        (
            concat!(
                r#"{"time":"2026-11-22T01:00:00Z","bytes_in":99999999999,"#,
                r#""path":"/v1/messages","stream":true}"#
            ),
            ":1: bytes_in",
        ),
    ] {
        let error = read_log(log, "", 1.0).unwrap_err();
        assert!(error.starts_with(why), "{error}");
    }
}
