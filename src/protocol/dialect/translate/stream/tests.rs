//! Streams that are told in another form: order, ends, errors, bounds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::{Value, json};

use super::super::{Echo, Form};
use super::reader_tests::{FORMS, echo, events, reader_accepts, whole};
use super::{ANSWER_BYTES_MAX, Broken, EVENT_BYTES_MAX, Ended, Stream};

fn chat_stream(chunks: &[Value], end: &str) -> Vec<u8> {
    let chunks: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    (chunks.concat() + end).into_bytes()
}

#[expect(clippy::needless_pass_by_value, reason = "json! gives values")]
fn delta(delta: Value) -> Value {
    json!({"id": "c1", "created": 3, "model": "m", "choices": [{"index": 0, "delta": delta,
        "finish_reason": null}]})
}

fn call(index: u64, id: &str, name: &str, arguments: &str) -> Value {
    let mut function = json!({"arguments": arguments});
    let mut call = json!({"index": index});
    if !name.is_empty() {
        function["name"] = name.into();
        call["id"] = id.into();
    }
    call["function"] = function;
    delta(json!({"tool_calls": [call]}))
}

fn stop(reason: &str) -> Value {
    let choice = json!({"index": 0, "delta": {}, "finish_reason": reason});
    json!({"id": "c1", "model": "m", "choices": [choice]})
}

/// The calls of a Messages stream: name, and what its pieces come to.
fn calls_of(out: &[u8]) -> Vec<(String, String)> {
    let mut calls: Vec<(String, String)> = Vec::new();
    for (_, event) in events(out) {
        if event["content_block"]["type"] == "tool_use" {
            calls
                .push((event["content_block"]["name"].as_str().unwrap().to_owned(), String::new()));
        }
        if let Some(piece) = event["delta"]["partial_json"].as_str() {
            calls.last_mut().unwrap().1 += piece;
        }
    }
    calls
}

#[test]
fn calls_that_come_mixed_are_told_one_after_the_other() {
    let stream = chat_stream(
        &[
            call(0, "a", "f", ""),
            call(1, "b", "g", ""),
            delta(json!({"content": "said between"})),
            call(0, "", "", "{\"x\":"),
            call(1, "", "", "{\"y\":\"}"),
            call(0, "", "", "1}"),
            call(1, "", "", "\"}"),
            stop("tool_calls"),
        ],
        "data: [DONE]\n\n",
    );
    for to in [Form::Messages, Form::Responses] {
        let (out, ended) = whole(Form::Chat, to, &[&stream]);
        assert_eq!(ended, Ok(Ended::Whole));
        reader_accepts(to, &out, Ended::Whole).unwrap();
        if to == Form::Messages {
            let expected = [("f", "{\"x\":1}"), ("g", "{\"y\":\"}\"}")];
            let calls = calls_of(&out);
            let calls: Vec<(&str, &str)> = calls.iter().map(|(a, b)| (&**a, &**b)).collect();
            assert_eq!(calls, expected);
            assert!(String::from_utf8(out).unwrap().contains("said between"));
        }
    }
}

#[test]
fn a_whole_call_makes_room_for_the_next_at_once() {
    let mut stream = Stream::new(Form::Chat, Form::Messages, &echo());
    let mut out = Vec::new();
    for chunk in [call(0, "a", "f", "{\"a\":{}}"), call(0, "b", "g", "{")] {
        stream.push(&chat_stream(&[chunk], ""), &mut out).unwrap();
    }
    assert_eq!(calls_of(&out), [("f".into(), "{\"a\":{}}".into()), ("g".into(), "{".into())]);
}

#[test]
fn each_push_says_what_came_in() {
    for to in FORMS {
        let mut stream = Stream::new(Form::Messages, to, &echo());
        let mut out = Vec::new();
        stream.push(START, &mut out).unwrap();
        for word in ["one", "two", "three"] {
            out.clear();
            let event = format!(
                "data: {{\"type\":\"content_block_delta\",\"index\":0,\
                 \"delta\":{{\"type\":\"text_delta\",\"text\":\"{word}\"}}}}\n\n"
            );
            stream.push(event.as_bytes(), &mut out).unwrap();
            assert!(String::from_utf8(out.clone()).unwrap().contains(word), "{to:?}");
            assert!(stream.is_between() && !stream.is_over());
        }
    }
}

#[test]
fn a_sign_of_life_is_one_in_the_other_form() {
    let (out, _) = whole(Form::Chat, Form::Messages, &[b": PROCESSING\n\n"]);
    assert_eq!(out, b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
    for to in [Form::Chat, Form::Responses] {
        let (out, _) = whole(Form::Messages, to, &[b"event: ping\ndata: {\"type\": \"ping\"}\n\n"]);
        assert_eq!(out, b": ping\n\n");
    }
}

#[test]
fn an_error_inside_a_stream_is_told_in_the_other_form_and_is_the_last_word() {
    let error = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"details\":null,\
        \"type\":\"overloaded_error\",\"message\":\"Over \\\"loaded\\\"\"}}\n\n";
    let told = |to| {
        let (out, ended) = whole(Form::Messages, to, &[START, error, START]);
        assert_eq!(ended, Ok(Ended::Failed));
        reader_accepts(to, &out, Ended::Failed).unwrap();
        events(&out).pop().unwrap().1
    };
    assert_eq!(
        told(Form::Chat)["error"],
        json!({"message": "Over \"loaded\"", "type": "server_error", "param": null,
            "code": "overloaded_error"})
    );
    let response = told(Form::Responses);
    assert_eq!(response["response"]["status"], "failed");
    let expected = json!({"code": "server_error", "message": "Over \"loaded\""});
    assert_eq!(response["response"]["error"], expected);
    for (from, error, kind) in [
        (
            Form::Chat,
            r#"{"error":{"message":"m","type":"rate_limit_error","code":429}}"#,
            "rate_limit_error",
        ),
        (Form::Chat, r#"{"code":"x","error":"m"}"#, "api_error"),
        (
            Form::Responses,
            r#"{"type":"error","code":"rate_limit_exceeded","message":"m"}"#,
            "rate_limit_error",
        ),
        (
            Form::Responses,
            r#"{"type":"response.failed",
            "response":{"error":{"code":"server_error","message":"m"}}}"#,
            "api_error",
        ),
    ] {
        let data = format!("data: {}\n\n", error.replace('\n', ""));
        let (out, ended) = whole(from, Form::Messages, &[data.as_bytes()]);
        assert_eq!(ended, Ok(Ended::Failed));
        let expected = json!({"type": "error", "error": {"type": kind, "message": "m"}});
        assert_eq!(events(&out).pop().unwrap().1, expected, "{error}");
    }
}

#[test]
fn usage_goes_only_to_who_asked_for_it() {
    let stream = [START, STOP].concat();
    for include_usage in [false, true] {
        let echo = Echo { include_usage, ..echo() };
        let mut translated = Stream::new(Form::Messages, Form::Chat, &echo);
        let mut out = Vec::new();
        translated.push(&stream, &mut out).unwrap();
        assert_eq!(translated.end(&mut out), Ended::Whole);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.contains("\"choices\":[],\"usage\":{\"prompt_tokens\":3,"), include_usage);
        assert_eq!(text.contains("usage"), include_usage);
    }
}

#[test]
fn a_stream_of_chat_without_done_is_whole_once_it_said_why_it_stopped() {
    let told = chat_stream(&[delta(json!({"content": "x"})), stop("length")], "");
    let (out, ended) = whole(Form::Chat, Form::Messages, &[&told]);
    assert_eq!(ended, Ok(Ended::Whole));
    assert_eq!(events(&out)[4].1["delta"]["stop_reason"], "max_tokens");
    let cut = chat_stream(&[delta(json!({"content": "x"}))], "");
    assert_eq!(whole(Form::Chat, Form::Messages, &[&cut]).1, Ok(Ended::Cut));
}

#[test]
fn what_is_no_event_breaks_the_stream_between_two_events() {
    for bad in ["{\"type\":", "x", "[]", "{\"choices\":[{\"delta\":{\"content\":\"\\x\"}}]}"] {
        let stream = chat_stream(&[delta(json!({"content": "x"}))], &format!("data: {bad}\n\n"));
        let (out, ended) = whole(Form::Chat, Form::Messages, &[&stream]);
        assert_eq!(ended, Err(Broken::NotEvent), "{bad}");
        reader_accepts(Form::Messages, &out, Ended::Cut).unwrap();
    }
}

#[test]
fn memory_is_bounded() {
    let mut stream = Stream::new(Form::Chat, Form::Messages, &echo());
    let piece = vec![b'x'; 64 * 1024];
    let mut out = Vec::new();
    stream.push(b"data: ", &mut out).unwrap();
    let pushes = (0..100).take_while(|_| stream.push(&piece, &mut out).is_ok()).count();
    assert_eq!(pushes, EVENT_BYTES_MAX / piece.len());
    // Of calls that wait for one that never ends.
    let mut stream = Stream::new(Form::Chat, Form::Messages, &echo());
    stream.push(&chat_stream(&[call(0, "a", "f", "{")], ""), &mut out).unwrap();
    stream.push(&chat_stream(&[call(1, "b", "g", "{")], ""), &mut out).unwrap();
    let more = chat_stream(&[call(1, "", "", &"x".repeat(64 * 1024))], "");
    let pushes = (0..100).take_while(|_| stream.push(&more, &mut out).is_ok()).count();
    assert_eq!(pushes, EVENT_BYTES_MAX / (64 * 1024) - 1);
    // Of an answer that has to be repeated.
    let mut stream = Stream::new(Form::Chat, Form::Responses, &echo());
    let more = chat_stream(&[delta(json!({"content": "x".repeat(512 * 1024)}))], "");
    let pushes = (0..100)
        .take_while(|_| {
            out.clear();
            stream.push(&more, &mut out).is_ok()
        })
        .count();
    assert_eq!(pushes, ANSWER_BYTES_MAX / (512 * 1024));
}

#[test]
fn what_a_text_cites_is_told_with_the_place_of_the_text() {
    let told = [
        r#"{"type":"content_block_start","index":0,
            "content_block":{"type":"text","text":"Known: "}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":
        {"type":"web_search_result_location","url":"https://a.b/","title":"A","cited_text":"c"}}}"#,
        r#"{"type":"content_block_delta","index":1,
            "delta":{"type":"text_delta","text":"bl\u00fcé"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
    ];
    let data = |event: &&str| format!("data: {}\n\n", event.replace('\n', ""));
    let stream: String = told.iter().map(data).collect();
    let stream = [START, stream.as_bytes(), STOP].concat();
    for (to, path, start) in [
        (Form::Chat, "/choices/0/delta/annotations/0/url_citation", 7),
        (Form::Responses, "/annotation", 0),
    ] {
        let (out, ended) = whole(Form::Messages, to, &[&stream]);
        reader_accepts(to, &out, ended.unwrap()).unwrap();
        let found: Vec<Value> = super::tests::events(&out)
            .iter()
            .filter_map(|(_, event)| event.pointer(path).cloned())
            .collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["url"], "https://a.b/");
        assert_eq!(
            (&found[0]["start_index"], &found[0]["end_index"]),
            (&json!(start), &json!(start + 4))
        );
    }
}

const START: &[u8] = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":\
    {\"id\":\"msg_1\",\"model\":\"claude\",\
    \"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";
const STOP: &[u8] = b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":\
    {\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
