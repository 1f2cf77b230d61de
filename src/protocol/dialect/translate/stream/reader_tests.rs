//! The strictest reader of each form, for tests only: order, indexes, and what is told twice.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::Value;

use super::super::{Echo, Form};
use super::{ANSWER_BYTES_MAX, Broken, Ended, Stream};
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
pub fn events(out: &[u8]) -> Vec<(String, Value)> {
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
