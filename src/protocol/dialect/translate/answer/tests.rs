//! Answers as strict readers want them, and hostile ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::{Value, json};

use super::super::{Echo, Form};
use super::{BadAnswer, answer};
use crate::protocol::corpus::Random;
use crate::protocol::json::strict;

fn echo() -> Echo {
    Echo { created: 1_700_000_000, include_usage: false, model: "as \"asked\"".into() }
}

fn translated(from: Form, to: Form, body: &Value) -> Value {
    let out = answer(body.to_string().as_bytes(), from, to, &echo()).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn message() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "h\u{e9} \"q\"", "signature": "sig"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "It is "},
            {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}},
            {"type": "text", "text": "bl\u{fc}e", "citations": [{
                "type": "web_search_result_location", "url": "https://a.b/", "title": "A",
                "cited_text": "c", "encrypted_index": "e"
            }]},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"path": "C:\\n"}},
            {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}}
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5,
            "service_tier": "standard"}
    })
}

#[test]
fn a_message_becomes_a_completion_with_every_field_that_readers_ask_for() {
    let expected = json!({
        "id": "msg_1", "object": "chat.completion", "created": 1_700_000_000, "model": "claude",
        "choices": [{
            "index": 0, "logprobs": null, "finish_reason": "tool_calls",
            "message": {
                "role": "assistant", "content": "It is bl\u{fc}e", "refusal": null,
                "reasoning_content": "h\u{e9} \"q\"",
                "annotations": [{"type": "url_citation", "url_citation": {
                    "start_index": 6, "end_index": 10, "title": "A", "url": "https://a.b/"
                }}],
                "tool_calls": [
                    {"id": "toolu_1", "type": "function",
                        "function": {"name": "f", "arguments": "{\"path\":\"C:\\\\n\"}"}},
                    {"id": "toolu_2", "type": "function",
                        "function": {"name": "g", "arguments": "{}"}}
                ]
            }
        }],
        "usage": {
            "prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0}
        },
        "service_tier": "default"
    });
    assert_eq!(translated(Form::Messages, Form::Chat, &message()), expected);
}

#[test]
fn a_message_becomes_a_response_of_items_in_their_order() {
    let response = translated(Form::Messages, Form::Responses, &message());
    for required in [
        "id",
        "object",
        "created_at",
        "status",
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "model",
        "output",
        "parallel_tool_calls",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "usage",
    ] {
        assert!(response.get(required).is_some(), "{required}");
    }
    assert_eq!(response["status"], "completed");
    let kinds: Vec<&Value> =
        response["output"].as_array().unwrap().iter().map(|o| &o["type"]).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call", "function_call"]);
    let parts = &response["output"][1]["content"];
    assert_eq!(parts[0]["text"], "It is ");
    assert_eq!(parts[1]["annotations"][0]["end_index"], 4);
    assert_eq!(response["output"][2]["call_id"], "toolu_1");
    assert_eq!(response["output"][3]["arguments"], "{}");
    assert_eq!(response["usage"]["input_tokens_details"]["cached_tokens"], 4);
    let mut ids: Vec<&str> =
        response["output"].as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids, ["rs_msg_1_0", "msg_msg_1_1", "fc_msg_1_2", "fc_msg_1_3"]);
}

#[test]
fn a_completion_becomes_a_message() {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "gpt",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "hi", "reasoning_content": "why",
            "tool_calls": [
                {"id": "call_1", "type": "function",
                    "function": {"name": "f", "arguments": "{\"a\": 1.50}"}},
                {"id": "", "type": "function", "function": {"name": "g", "arguments": ""}},
                {"id": "call_3", "type": "function",
                    "function": {"name": "h", "arguments": "{\"cut"}}
            ]
        }}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 4}},
        "service_tier": "default"
    });
    let expected = json!({
        "id": "chatcmpl-1", "type": "message", "role": "assistant", "model": "gpt",
        "content": [
            {"type": "thinking", "thinking": "why", "signature": ""},
            {"type": "text", "text": "hi"},
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1.5}},
            {"type": "tool_use", "id": "call_unnamed_3", "name": "g", "input": {}},
            {"type": "tool_use", "id": "call_3", "name": "h", "input": {"INVALID_JSON": "{\"cut"}}
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 6, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4, "output_tokens": 2, "service_tier": "standard"}
    });
    assert_eq!(translated(Form::Chat, Form::Messages, &body), expected);
}

#[test]
fn a_refusal_stays_one_in_every_form() {
    let response = json!({"id": "r", "object": "response", "status": "completed", "model": "m",
        "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]});
    let message = translated(Form::Responses, Form::Messages, &response);
    assert_eq!(message["content"], json!([{"type": "text", "text": "No."}]));
    assert_eq!(message["stop_reason"], "refusal");
    let chat = translated(Form::Responses, Form::Chat, &response);
    assert_eq!(chat["choices"][0]["message"]["refusal"], "No.");
    assert_eq!(chat["choices"][0]["message"]["content"], Value::Null);
    let back = translated(Form::Chat, Form::Responses, &chat);
    assert_eq!(back["output"][0]["content"][0]["refusal"], "No.");
}

#[test]
fn an_incomplete_response_says_why() {
    for (reason, chat, messages) in [
        ("content_filter", "content_filter", "refusal"),
        ("max_output_tokens", "length", "max_tokens"),
    ] {
        let body =
            json!({"status": "incomplete", "incomplete_details": {"reason": reason}, "output": []});
        let there = translated(Form::Responses, Form::Chat, &body);
        assert_eq!(there["choices"][0]["finish_reason"], chat);
        assert_eq!(there["model"], "as \"asked\"");
        assert_eq!(
            translated(Form::Chat, Form::Responses, &there)["incomplete_details"]["reason"],
            reason
        );
        assert_eq!(translated(Form::Responses, Form::Messages, &body)["stop_reason"], messages);
    }
}

#[test]
fn what_is_no_answer_is_told_apart() {
    for (body, why) in [
        ("<html>", BadAnswer::NotJson),
        ("", BadAnswer::NotJson),
        ("{\"choices\":[", BadAnswer::NotJson),
        ("[]", BadAnswer::NotAnswer),
        ("{\"choices\":[]}", BadAnswer::NotAnswer),
        ("{\"choices\":[],\"error\":{\"message\":\"x\"}}", BadAnswer::Failed),
        ("{\"choices\":[{\"message\":{},\"error\":{}}]}", BadAnswer::Failed),
    ] {
        assert_eq!(
            answer(body.as_bytes(), Form::Chat, Form::Messages, &echo()),
            Err(why),
            "{body}"
        );
    }
    let failed = br#"{"status":"failed","output":[],"error":{"code":"server_error"}}"#;
    let to = Form::Chat;
    assert_eq!(answer(failed, Form::Responses, to, &echo()), Err(BadAnswer::Failed));
    let queued = br#"{"status":"queued","output":[]}"#;
    assert_eq!(answer(queued, Form::Responses, to, &echo()), Err(BadAnswer::NotAnswer));
    let error = br#"{"type":"error","error":{"type":"api_error"}}"#;
    assert_eq!(answer(error, Form::Messages, to, &echo()), Err(BadAnswer::Failed));
    assert_eq!(answer(&b"[".repeat(100_000), Form::Messages, to, &echo()), Err(BadAnswer::NotJson));
}

#[test]
fn whatever_a_provider_writes_what_comes_out_parses() {
    let forms = [Form::Chat, Form::Messages, Form::Responses];
    let message = message();
    let seeds = [
        message.clone(),
        translated(Form::Messages, Form::Chat, &message),
        translated(Form::Messages, Form::Responses, &message),
    ];
    let (mut random, mut translated) = (Random(0x9e37_79b9), 0);
    for round in 0..6_000 {
        let seed = &seeds[round % 3];
        let mut body = seed.to_string().into_bytes();
        for _ in 0..=random.below(3) {
            let at = random.below(body.len());
            let word = WORDS[random.below(WORDS.len())];
            let end = (at + random.below(12)).min(body.len());
            body.splice(at..end, word.iter().copied());
        }
        for to in forms {
            if let Ok(out) = answer(&body, forms_of(round), to, &echo()) {
                assert!(strict::is_value(&out), "{}", String::from_utf8_lossy(&body));
                translated += 1;
            }
        }
    }
    assert!(translated > 1_000, "{translated}");
}

fn forms_of(round: usize) -> Form {
    [Form::Messages, Form::Chat, Form::Responses][round % 3]
}

const WORDS: [&[u8]; 16] = [
    b"",
    b"\"",
    b"\\",
    b"null",
    b"{}",
    b"[]",
    b"1e9",
    b"\\ud800",
    b",",
    b"\xc3",
    b"\n",
    b":",
    b"\"type\":",
    b"true",
    b"\"text\"",
    b"{\"input\":",
];
