//! Streams as strict readers want them, and hostile ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::{Value, json};

use super::super::{Echo, Form};
use super::{ANSWER_BYTES_MAX, Broken, EVENT_BYTES_MAX, Ended, Stream};
use crate::protocol::corpus::Random;
use crate::protocol::json::strict;
use crate::protocol::sse::event::Events;

pub const FORMS: [Form; 3] = [Form::Chat, Form::Messages, Form::Responses];

pub fn echo() -> Echo {
    Echo { created: 7, include_usage: true, model: "asked".into() }
}

/// What a stream comes to, and how it ends.
pub fn whole(from: Form, to: Form, reads: &[&[u8]]) -> (Vec<u8>, Result<Ended, Broken>) {
    let mut stream = Stream::new(from, to, &echo());
    let mut out = Vec::new();
    for read in reads {
        if let Err(broken) = stream.push(read, &mut out) {
            return (out, Err(broken));
        }
    }
    let ended = stream.end(&mut out);
    (out, Ok(ended))
}

/// The events of a stream: names and data.
fn events(out: &[u8]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let read = Events::new(ANSWER_BYTES_MAX * 2).push(out, |event| {
        let is_json = strict::is_value(event.data) || event.data == b"[DONE]";
        assert!(is_json, "{}", text(event.data));
        // Halves of pairs are JSON, but no text of Rust's.
        let paired = text(event.data).replace("\\ud", "\\u0").replace("\\uD", "\\u0");
        let data = serde_json::from_str(&paired).unwrap_or(Value::Null);
        found.push((text(event.name), data));
    });
    read.unwrap();
    found
}

/// Reads a stream as the strictest reader would; says what is wrong with it.
pub fn reader_accepts(form: Form, out: &[u8], ended: Ended) -> Result<(), String> {
    let ends_between = out.is_empty() || out.ends_with(b"\n\n");
    if !ends_between {
        return Err("ends inside an event".to_owned());
    }
    let events = events(out);
    match form {
        Form::Chat => chat_accepts(&events, out, ended),
        Form::Messages => messages_accepts(&events, ended),
        Form::Responses => responses_accepts(&events, ended),
    }
}

fn chat_accepts(events: &[(String, Value)], out: &[u8], ended: Ended) -> Result<(), String> {
    let is_done = out.ends_with(b"data: [DONE]\n\n");
    let mut stops = 0;
    let mut calls = 0;
    for (place, (name, chunk)) in events.iter().enumerate() {
        if !name.is_empty() {
            return Err(format!("event {name}"));
        }
        let Some(choice) = chunk["choices"].get(0) else { continue };
        let delta = &choice["delta"];
        if (place == 0) != (delta["role"] == "assistant") {
            return Err("a role that is not first".to_owned());
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap();
            let is_new = call["function"]["name"].is_string();
            if is_new != call["id"].is_string() || is_new != (index == calls) || index > calls {
                return Err(format!("call {call} after {calls}"));
            }
            calls += u64::from(is_new);
        }
        stops += usize::from(choice["finish_reason"].is_string());
    }
    let expected = usize::from(ended == Ended::Whole);
    if stops != expected || is_done != (ended == Ended::Whole) {
        return Err(format!("{stops} reasons, done: {is_done}, {ended:?}"));
    }
    Ok(())
}

fn messages_accepts(events: &[(String, Value)], ended: Ended) -> Result<(), String> {
    let (mut next, mut open, mut is_started) = (0, None, false);
    let mut last = "";
    for (name, event) in events {
        if event["type"] != name.as_str() {
            return Err(format!("{name}: {event}"));
        }
        let index = event["index"].as_u64();
        let is_good = match name.as_str() {
            "ping" => continue,
            "message_start" => !std::mem::replace(&mut is_started, true),
            "content_block_start" => {
                open = Some(event["content_block"]["type"].as_str().unwrap().to_owned());
                is_started && last != "content_block_start" && index == Some(next)
            }
            "content_block_delta" => {
                let kind = event["delta"]["type"].as_str().unwrap();
                let of = match open.as_deref() {
                    Some("text") => matches!(kind, "text_delta" | "citations_delta"),
                    Some("thinking") => kind == "thinking_delta",
                    Some("tool_use") => kind == "input_json_delta",
                    _ => false,
                };
                of && index == Some(next)
            }
            "content_block_stop" => {
                next += 1;
                open.take().is_some() && index == Some(next - 1)
            }
            "message_delta" => {
                open.is_none()
                    && is_started
                    && event["delta"]["stop_reason"].is_string()
                    && event["usage"]["output_tokens"].is_u64()
            }
            "message_stop" => last == "message_delta",
            "error" => event["error"]["message"].is_string() && ended == Ended::Failed,
            _ => false,
        };
        if !is_good || last == "message_stop" || last == "error" {
            return Err(format!("{name} after {last}: {event}"));
        }
        last = name;
    }
    let is_as_told = match ended {
        Ended::Cut => !matches!(last, "message_stop" | "message_delta" | "error"),
        Ended::Failed => last == "error",
        Ended::Whole => last == "message_stop",
    };
    if is_as_told { Ok(()) } else { Err(format!("{last} is last, {ended:?}")) }
}

fn responses_accepts(events: &[(String, Value)], ended: Ended) -> Result<(), String> {
    let mut output: Vec<Value> = Vec::new();
    let mut last = "";
    for (place, (name, event)) in events.iter().enumerate() {
        let bad = || Err(format!("{name} after {last}: {event}"));
        if event["type"] != name.as_str()
            || event["sequence_number"].as_u64() != Some(to_u64(place))
        {
            return bad();
        }
        if place == 0 && name != "response.created" && name != "response.failed" {
            return bad();
        }
        let at = event["output_index"].as_u64().map(|at| usize::try_from(at).unwrap());
        if name == "response.output_item.added" {
            if at != Some(output.len()) {
                return bad();
            }
            output.push(event["item"].clone());
        } else if let Some(at) = at {
            let Some(item) = output.get_mut(at) else { return bad() };
            if !takes(item, name, event) {
                return bad();
            }
        }
        last = name;
    }
    let is_as_told = match ended {
        Ended::Cut => {
            !matches!(last, "response.completed" | "response.incomplete" | "response.failed")
        }
        Ended::Failed => last == "response.failed",
        Ended::Whole => matches!(last, "response.completed" | "response.incomplete"),
    };
    let told = events.last().map(|(_, event)| event["response"]["output"].clone());
    if ended == Ended::Whole && told != Some(Value::from(output)) {
        return Err("the end repeats something else".to_owned());
    }
    if is_as_told { Ok(()) } else { Err(format!("{last} is last, {ended:?}")) }
}

fn to_u64(place: usize) -> u64 {
    u64::try_from(place).unwrap()
}

/// Grows `item` by `event`, as the SDK does, and compares what `done` events repeat with it.
fn takes(item: &mut Value, name: &str, event: &Value) -> bool {
    if name == "response.output_item.done" {
        let is_same = |key: &str| item[key] == event["item"][key];
        let same = ["id", "type", "name", "call_id", "arguments", "content", "summary"]
            .into_iter()
            .all(is_same);
        *item = event["item"].clone();
        return same;
    }
    if event["item_id"] != item["id"] {
        return false;
    }
    let content = event["content_index"].as_u64().map(|at| usize::try_from(at).unwrap());
    let add = |to: &mut Value| {
        let Some(text) = to.as_str() else { return false };
        *to = format!("{text}{}", event["delta"].as_str().unwrap()).into();
        true
    };
    match name.strip_prefix("response.").unwrap() {
        "content_part.added" => push(&mut item["content"], &event["part"], content),
        "content_part.done" => item["content"][content.unwrap()] == event["part"],
        "output_text.delta" => add(&mut item["content"][content.unwrap()]["text"]),
        "output_text.done" => item["content"][content.unwrap()]["text"] == event["text"],
        "refusal.delta" => add(&mut item["content"][content.unwrap()]["refusal"]),
        "refusal.done" => item["content"][content.unwrap()]["refusal"] == event["refusal"],
        "output_text.annotation.added" => {
            let at = event["annotation_index"].as_u64().map(|at| usize::try_from(at).unwrap());
            let notes = &mut item["content"][content.unwrap()]["annotations"];
            push(notes, &event["annotation"], at)
        }
        "reasoning_summary_part.added" => push(&mut item["summary"], &event["part"], Some(0)),
        "reasoning_summary_part.done" => item["summary"][0] == event["part"],
        "reasoning_summary_text.delta" => add(&mut item["summary"][0]["text"]),
        "reasoning_summary_text.done" => item["summary"][0]["text"] == event["text"],
        "function_call_arguments.delta" => add(&mut item["arguments"]),
        "function_call_arguments.done" => {
            if item["arguments"] == "" {
                item["arguments"] = "{}".into();
            }
            item["arguments"] == event["arguments"]
        }
        _ => false,
    }
}

fn push(list: &mut Value, value: &Value, at: Option<usize>) -> bool {
    let Some(list) = list.as_array_mut() else { return false };
    list.push(value.clone());
    at == Some(list.len() - 1)
}

fn chat_stream(chunks: &[Value], end: &str) -> Vec<u8> {
    let mut out = String::new();
    for chunk in chunks {
        out += &format!("data: {chunk}\n\n");
    }
    (out + end).into_bytes()
}

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
    json!({"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
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
            r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}"#,
            "api_error",
        ),
    ] {
        let data = format!("data: {error}\n\n");
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
    let pushes = (0..).take_while(|_| stream.push(&piece, &mut out).is_ok()).count();
    assert_eq!(pushes, EVENT_BYTES_MAX / piece.len());
    // Of calls that wait for one that never ends.
    let mut stream = Stream::new(Form::Chat, Form::Messages, &echo());
    stream.push(&chat_stream(&[call(0, "a", "f", "{")], ""), &mut out).unwrap();
    stream.push(&chat_stream(&[call(1, "b", "g", "{")], ""), &mut out).unwrap();
    let more = chat_stream(&[call(1, "", "", &"x".repeat(64 * 1024))], "");
    let pushes = (0..).take_while(|_| stream.push(&more, &mut out).is_ok()).count();
    assert_eq!(pushes, EVENT_BYTES_MAX / (64 * 1024) - 1);
    // Of an answer that has to be repeated.
    let mut stream = Stream::new(Form::Chat, Form::Responses, &echo());
    let more = chat_stream(&[delta(json!({"content": "x".repeat(512 * 1024)}))], "");
    let pushes = (0..)
        .take_while(|_| {
            out.clear();
            stream.push(&more, &mut out).is_ok()
        })
        .count();
    assert_eq!(pushes, ANSWER_BYTES_MAX / (512 * 1024));
}

#[test]
fn whatever_a_provider_sends_what_comes_out_reads_strictly() {
    let (mut random, mut ends) = (Random(0x9e37_79b9), [0; 4]);
    for round in 0..12_000 {
        let from = FORMS[round % 3];
        let words = words(from);
        let mut stream = Vec::new();
        for _ in 0..random.below(24) {
            let mut event = words[random.below(words.len())].as_bytes().to_vec();
            if random.below(24) == 0 {
                let at = random.below(event.len());
                event[at] = u8::try_from(random.below(256)).unwrap();
            }
            stream.extend_from_slice(b"data: ");
            stream.extend_from_slice(&event);
            stream.extend_from_slice(b"\n\n");
        }
        for to in FORMS {
            let (out, ended) = whole(from, to, &[&stream]);
            let read = reader_accepts(to, &out, ended.unwrap_or(Ended::Cut));
            read.unwrap_or_else(|why| {
                panic!(
                    "{why}\n{}\n{}",
                    String::from_utf8_lossy(&stream),
                    String::from_utf8_lossy(&out)
                )
            });
            ends[ended.map_or(3, |ended| match ended {
                Ended::Cut => 0,
                Ended::Failed => 1,
                Ended::Whole => 2,
            })] += 1;
        }
    }
    assert!(ends.iter().all(|count| *count > 100), "{ends:?}");
}

fn words(form: Form) -> &'static [&'static str] {
    match form {
        Form::Chat => &CHAT_WORDS,
        Form::Messages => &MESSAGES_WORDS,
        Form::Responses => &RESPONSES_WORDS,
    }
}

const START: &[u8] = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":\
    {\"id\":\"msg_1\",\"model\":\"claude\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";
const STOP: &[u8] = b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":\
    {\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const CHAT_WORDS: [&str; 14] = [
    r#"{"id":"c","model":"m","choices":[{"delta":{"role":"assistant","content":""}}]}"#,
    r#"{"choices":[{"delta":{"content":"a\ud83d\"b"}}]}"#,
    r#"{"choices":[{"delta":{"reasoning_content":"r","content":"c"}}]}"#,
    r#"{"choices":[{"delta":{"refusal":"no"}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{"}}]}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":\"}\""}}]}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}},{"index":1,"function":{"arguments":"}"}}]}}]}"#,
    r#"{"choices":[{"delta":{"function_call":{"name":"h","arguments":{"a":1}}}}]}"#,
    r#"{"choices":[{"delta":{"content":[{"type":"text","text":"t"},{"type":"thinking","thinking":[{"type":"text","text":"u"}]}]}}]}"#,
    r#"{"choices":[{"delta":{"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t"}}]}}]}"#,
    r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
    r#"{"choices":[],"error":{"message":"e"}}"#,
    "[DONE]",
];

const MESSAGES_WORDS: [&str; 16] = [
    r#"{"type":"message_start","message":{"id":"i","model":"m","usage":{"input_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"t"}}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":""}}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"b","name":"g","input":{"a":"\n"}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","input":{}}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x\u0000y"}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"thinking_delta","thinking":"x"}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"}"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"u"}}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":4}}"#,
    r#"{"type":"message_stop"}"#,
    r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
];

const RESPONSES_WORDS: [&str; 18] = [
    r#"{"type":"response.created","response":{"id":"r","model":"m","created_at":1}}"#,
    r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message"}}"#,
    r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","call_id":"c","name":"f"}}"#,
    r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","call_id":"d","name":"g"}}"#,
    r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"t"}"#,
    r#"{"type":"response.output_text.delta","output_index":0,"content_index":1,"delta":"\\"}"#,
    r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":"no"}"#,
    r#"{"type":"response.output_text.done","output_index":3,"content_index":0,"text":"late"}"#,
    r#"{"type":"response.output_text.annotation.added","output_index":0,"content_index":0,"annotation":{"type":"url_citation","url":"u","start_index":1,"end_index":2}}"#,
    r#"{"type":"response.content_part.done","output_index":0,"content_index":0}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{}"}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"a\":1"}"#,
    r#"{"type":"response.reasoning_summary_text.delta","output_index":4,"summary_index":0,"delta":"s"}"#,
    r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}}"#,
    r#"{"type":"response.output_item.done","output_index":5,"item":{"type":"function_call","call_id":"e","name":"h","arguments":"{}"}}"#,
    r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":1,"output_tokens":2}}}"#,
    r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"}}}"#,
    r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}"#,
];
