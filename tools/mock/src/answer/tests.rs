//! The shapes of the answers, read back as JSON.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]

use serde_json::Value;

use super::*;
use crate::request::Length;

fn answer(target: &str, body: &str, knobs: &str) -> Answer {
    let mut set = Knobs::default();
    set.apply(knobs).unwrap();
    let head = Head {
        headers: Vec::new(),
        is_http10: false,
        length: Length::Known(0),
        method: "POST".to_owned(),
        target: target.to_owned(),
    };
    let kept = body.as_bytes().to_vec();
    let length = u64::try_from(kept.len()).unwrap();
    let body = Body { kept, length, sha256: None };
    Ask { body: &body, head: &head, knobs: &set, replay_dir: None, sequence: 7 }.answer()
}

fn bytes(answer: Answer) -> Vec<u8> {
    match answer.content {
        Content::Events(events) => events.flat_map(|piece| piece.bytes).collect(),
        Content::Recorded(bytes) | Content::Whole(bytes) => bytes,
    }
}

fn json(target: &str, body: &str, knobs: &str) -> Value {
    serde_json::from_slice(&bytes(answer(target, body, knobs))).unwrap()
}

/// The data of each event; `[DONE]` becomes null.
fn events(target: &str, body: &str, knobs: &str) -> Vec<Value> {
    let text = String::from_utf8(bytes(answer(target, body, knobs))).unwrap();
    assert!(text.ends_with("\n\n"), "{text}");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or(Value::Null)).collect()
}

const TURNS: [&str; 4] =
    ["/v1/messages", "/v1/chat/completions", "/v1/completions", "/v1/responses"];
const TOOLS: &str = r#""messages":"use tool","tools":[{"type":"function","name":"f",
    "input_schema":{"properties":{"n":{"type":"integer"}}},
    "parameters":{"properties":{"n":{"type":"integer"}}}}]"#;

#[test]
fn each_turn_is_json_with_the_asked_model() {
    for target in TURNS {
        let turn = json(target, r#"{"model":"m\"1"}"#, "");
        assert_eq!(turn["model"], "m\"1", "{target}");
        assert!(turn["usage"].is_object(), "{target}");
    }
}

#[test]
fn a_stream_says_the_same_text_as_the_whole_answer() {
    let whole = json("/v1/messages", "{}", "events=4, word=x");
    assert_eq!(whole["content"][0]["text"], "x0 x1 x2 x3 ");
    let deltas = events("/v1/messages", r#"{"stream":true}"#, "events=4, word=x");
    let text: String = deltas.iter().filter_map(|e| e["delta"]["text"].as_str()).collect();
    assert_eq!(text, "x0 x1 x2 x3 ");
}

#[test]
fn sizes_are_exact() {
    for target in TURNS {
        for body in ["{}".to_owned(), format!("{{{TOOLS}}}")] {
            if target.ends_with("responses") && body != "{}" {
                // A function call of this dialect has no text to pad.
                continue;
            }
            let whole = bytes(answer(target, &body, "body_size=200000"));
            assert_eq!(whole.len(), 200_000, "{target}");
        }
        let Content::Events(events) =
            answer(target, r#"{"stream":true}"#, "event_size=70000, events=3").content
        else {
            panic!("{target} does not stream")
        };
        let sizes: Vec<_> = events.filter(|p| p.is_content).map(|p| p.bytes.len()).collect();
        assert_eq!(sizes, [70_000; 3], "{target}");
    }
    assert_eq!(
        bytes(answer("/v1/messages", "{}", "status=429, error_body_size=90000")).len(),
        90_000
    );
}

#[test]
fn anthropic_streams_begin_and_end_as_documented() {
    let events = events("/v1/messages", r#"{"stream":true}"#, "events=2, output_tokens=9");
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(types, expected);
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 25);
    assert_eq!(events[6]["usage"]["output_tokens"], 9);
}

#[test]
fn chat_streams_carry_usage_only_when_asked() {
    let asked = r#"{"stream":true,"stream_options":{"include_usage":true}}"#;
    let chunks = events("/v1/chat/completions", asked, "events=2");
    let [first, .., usage, done] = &chunks[..] else { panic!("too few") };
    assert_eq!(first["usage"], Value::Null);
    assert!(first.as_object().unwrap().contains_key("usage"));
    assert_eq!(usage["usage"]["completion_tokens"], 2);
    assert_eq!(usage["choices"], serde_json::json!([]));
    assert_eq!(*done, Value::Null);
    let chunks = events("/v1/chat/completions", r#"{"stream":true}"#, "");
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[test]
fn response_events_are_numbered_without_gap() {
    for body in [r#"{"stream":true}"#.to_owned(), format!(r#"{{"stream":true,{TOOLS}}}"#)] {
        let events = events("/v1/responses", &body, "events=3");
        let numbers: Vec<_> =
            events.iter().map(|e| e["sequence_number"].as_u64().unwrap()).collect();
        let expected: Vec<_> = (0..u64::try_from(events.len()).unwrap()).collect();
        assert_eq!(numbers, expected);
        assert_eq!(events.last().unwrap()["response"]["usage"]["output_tokens"], 3);
    }
}

#[test]
fn streamed_tool_arguments_join_to_json() {
    let body = format!(r#"{{"stream":true,{TOOLS}}}"#);
    let joined = |target: &str, field: fn(&Value) -> Option<&str>| {
        for count in [1, 3, 40] {
            let events = events(target, &body, &format!("events={count}"));
            let text: String = events.iter().filter_map(field).collect();
            assert_eq!(text, r#"{"n":7}"#, "{target} in {count}");
        }
    };
    joined("/v1/messages", |event| event["delta"]["partial_json"].as_str());
    joined("/v1/chat/completions", |chunk| {
        chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str()
    });
    joined("/v1/responses", |event| {
        event["delta"].as_str().filter(|_| event["type"] != "response.output_text.delta")
    });
}

#[test]
fn errors_wear_the_envelope_of_their_dialect() {
    let error = json("/v1/messages", "{}", "status=529");
    assert_eq!(
        (&error["type"], &error["error"]["type"]),
        (&"error".into(), &"overloaded_error".into())
    );
    let error = json("/v1/chat/completions", "{}", "status=429, error_code=insufficient_quota");
    assert_eq!(error["error"]["code"], "insufficient_quota");
}

#[test]
fn an_error_event_ends_the_stream_where_it_is_asked() {
    for target in TURNS {
        let events =
            events(target, r#"{"stream":true}"#, "events=9, event_error=overloaded_error@2");
        let last = events.last().unwrap().to_string();
        assert!(last.contains("overloaded_error"), "{target}: {last}");
    }
}

#[test]
fn a_body_that_is_no_json_is_a_bad_request() {
    for target in TURNS {
        assert_eq!(answer(target, "{", "").status, 400, "{target}");
    }
}

#[test]
fn headers_replace_defaults_and_repeat() {
    let answer = answer("/v1/messages", "{}", "header.Via=1, header.via=2, no_header.request-id");
    let vias: Vec<_> = answer.headers.iter().filter(|h| h.0.eq_ignore_ascii_case("via")).collect();
    assert_eq!(vias.len(), 2);
    assert!(answer.headers.iter().all(|(name, _)| name != "request-id"));
}

#[test]
fn embeddings_count_inputs_and_encode_floats() {
    let list = json("/v1/embeddings", r#"{"input":["a","b"],"dimensions":2}"#, "");
    assert_eq!(list["data"][1]["embedding"], serde_json::json!([0.5, -0.25]));
    let list =
        json("/v1/embeddings", r#"{"input":"a","encoding_format":"base64","dimensions":1}"#, "");
    assert_eq!(list["data"][0]["embedding"], "AAAAPw==");
    assert_eq!(embeddings::base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
}

#[test]
fn a_path_with_a_foreign_prefix_is_echoed() {
    assert_eq!(Endpoint::of("POST", "/anthropic/v1/messages"), Endpoint::Echo);
    assert_eq!(Endpoint::of("POST", "/openai/deployments/d/embeddings"), Endpoint::Embeddings);
    assert_eq!(Endpoint::of("GET", "/v1/models/a"), Endpoint::Model);
    assert_eq!(json("/anthropic/v1/messages", "{}", "")["path"], "/anthropic/v1/messages");
}

#[test]
fn a_stream_tells_its_digest_last() {
    for target in TURNS {
        for knobs in ["digest, stamp", "digest, event_error=overloaded_error@2"] {
            let text = bytes(answer(target, r#"{"stream":true}"#, knobs));
            let text = String::from_utf8(text).unwrap();
            let (payload, told) = text.rsplit_once(digest::COMMENT).unwrap();
            let mut digest = Digest::default();
            digest.push(payload.as_bytes());
            assert_eq!(told, format!("{}\n\n", digest.text()), "{target} {knobs}");
            let stamps = payload.matches(STAMP_PLACE).count();
            assert_eq!(stamps, if knobs.contains("stamp") { 12 } else { 0 }, "{target}");
        }
    }
}
