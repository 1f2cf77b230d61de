//! What is lost and told, and that no body makes a request that is no JSON.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::{Value, json};

use super::tests::{chat, done, messages, order, responses, with};
use super::*;
use crate::protocol::corpus::Random;
use Form::{Chat, Messages, Responses};

#[test]
fn what_has_no_place_is_named() {
    let many = json!({"seed": 1, "frequency_penalty": 0.5, "presence_penalty": 0, "store": true,
        "metadata": {"a": "b"}, "verbosity": "low", "service_tier": "flex", "temperature": 1.5,
        "prompt_cache_key": "k", "new_field": {"a": 1}, "messages": [
            {"role": "user", "content": "a", "name": "n"}, {"role": "system", "content": "s"},
            {"role": "assistant", "content": "b", "reasoning_content": "hm"}]});
    let (translated, lossy) = done(Chat, Messages, &with(&chat(), &many));
    let mut names: Vec<&str> = lossy.split(", ").collect();
    names.sort_unstable();
    let wanted = [
        "frequency_penalty",
        "messages.name",
        "messages.reasoning_content",
        "messages.role",
        "metadata",
        "new_field",
        "prompt_cache_key",
        "seed",
        "service_tier",
        "store",
        "temperature",
        "verbosity",
    ];
    assert_eq!(names, wanted);
    assert_eq!((&translated["temperature"], &translated["system"]), (&json!(1), &json!("s")));
    let (_, lossy) = done(Chat, Responses, &with(&chat(), &many));
    assert!(!lossy.contains("metadata") && !lossy.contains("verbosity"), "{lossy}");
}

#[test]
fn what_is_signed_for_its_own_provider_stays_behind() {
    let body = with(
        &messages(),
        &json!({"top_k": 5, "messages": [
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"},
                "citations": [{"type": "char_location"}]}]},
        {"role": "user", "content": "go"}]}),
    );
    for to in [Chat, Responses] {
        let (done, lossy) = done(Messages, to, &body);
        assert!(!done.to_string().contains("hm"));
        for name in [
            "messages.content.thinking",
            "messages.content.redacted_thinking",
            "top_k",
            "messages.content.cache_control",
            "messages.content.citations",
        ] {
            assert!(lossy.contains(name), "{name} of {lossy}");
        }
    }
    let body = with(
        &responses(),
        &json!({"include": ["reasoning.encrypted_content"], "input": [
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "x"},
        {"type": "web_search_call", "id": "w"}, {"role": "user", "content": "go"}]}),
    );
    let (_, lossy) = done(Responses, Messages, &body);
    assert_eq!(lossy, "input.reasoning, input.web_search_call, include");
}

#[test]
fn tools_that_others_run_are_lost_beside_functions_and_refused_alone() {
    let function = json!({"type": "function", "name": "shell", "parameters": {"type": "object"}});
    let patch = json!({"type": "custom", "name": "apply_patch", "format": {"type": "text"}});
    let offered = json!({"tools": [{"type": "web_search"}, function, patch]});
    for to in [Chat, Messages] {
        let (out, lossy) = done(Responses, to, &with(&responses(), &offered));
        assert_eq!(lossy, "tools.web_search, tools.custom");
        assert_eq!(out["tools"].as_array().unwrap().len(), 1, "{out}");
    }
    let chosen = json!({"tools": [{"type": "web_search"}, function], "tool_choice":
        {"type": "web_search"}});
    let body = serde_json::to_vec(&with(&responses(), &chosen)).unwrap();
    let refused = request(&body, &order(Responses, Messages)).unwrap_err();
    assert_eq!(refused.path.as_str(), "tool_choice");
}

#[test]
fn marks_for_the_cache_that_a_chat_client_sets_reach_messages() {
    let mark = json!({"type": "ephemeral"});
    let body = with(
        &chat(),
        &json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "a", "cache_control": mark}]}]}),
    );
    let (done, lossy) = done(Chat, Messages, &body);
    assert_eq!(done["messages"][0]["content"][0]["cache_control"], mark);
    assert_eq!(lossy, "");
}

#[test]
fn responses_keep_nothing_and_are_bounded_from_sixteen() {
    let (done, lossy) = done(
        Messages,
        Responses,
        &with(
            &messages(),
            &json!({"max_tokens": 1,
        "metadata": {"user_id": "x".repeat(65), "trace": "t"}}),
        ),
    );
    assert_eq!((&done["store"], &done["max_output_tokens"]), (&json!(false), &json!(16)));
    assert_eq!(lossy, "metadata.trace, max_tokens, metadata.user_id");
}

#[test]
fn documents_go_where_they_are_known() {
    let document = |source: Value| {
        with(
            &messages(),
            &json!({"messages": [{"role": "user",
        "content": [{"type": "document", "source": source, "title": "t"}]}]}),
        )
    };
    let url = document(json!({"type": "url", "url": "https://a/b.pdf"}));
    let wanted = json!([{"type": "input_file", "file_url": "https://a/b.pdf"}]);
    assert_eq!(done(Messages, Responses, &url).0["input"][0]["content"], wanted);
    let body = serde_json::to_vec(&url).unwrap();
    let refused = request(&body, &order(Messages, Chat)).unwrap_err();
    assert_eq!(refused.path.as_str(), "messages[0].content[0]");
    let data = json!({"type": "base64", "media_type": "application/pdf", "data": "AA"});
    let wanted = json!([{"type": "file",
        "file": {"filename": "t", "file_data": "data:application/pdf;base64,AA"}}]);
    let (there, _) = done(Messages, Chat, &document(data.clone()));
    assert_eq!(there["messages"][0]["content"], wanted);
    let back = done(Chat, Messages, &there).0["messages"][0]["content"][0].clone();
    assert_eq!(back, json!({"type": "document", "source": data, "title": "t"}));
    let text = document(json!({"type": "text", "media_type": "text/plain", "data": "words"}));
    assert_eq!(done(Messages, Chat, &text).0["messages"][0]["content"], "words");
}

/// Bodies that hold every kind of part.
fn seeds() -> Vec<(Form, String)> {
    let tool = json!({"name": "f", "description": "d", "input_schema": {"type": "object"}});
    let source = json!({"type": "base64", "media_type": "image/png", "data": "AA"});
    let rich = with(
        &messages(),
        &json!({"system": [{"type": "text", "text": "s"}],
        "tools": [tool], "tool_choice": {"type": "tool", "name": "f"}, "stream": true,
        "thinking": {"type": "enabled", "budget_tokens": 2_048}, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a\"\u{e9}\n"},
            {"type": "image", "source": source}]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "1", "name": "f", "input": {"a": [1, {"b": null}]}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1",
            "content": [{"type": "text", "text": "r"}]}]}]}),
    );
    let mut seeds = vec![(Messages, rich.to_string())];
    for to in [Chat, Responses] {
        seeds.push((to, done(Messages, to, &rich).0.to_string()));
    }
    seeds
}

#[test]
fn a_mutated_request_never_makes_another_that_is_no_json() {
    let mut random = Random(23);
    let (mut good, mut bad) = (0, 0);
    for (from, seed) in seeds() {
        for _ in 0..4_000 {
            let mut body = seed.clone().into_bytes();
            for _ in 0..=random.below(3) {
                let (at, end) = (random.below(body.len()), random.below(body.len()));
                match random.below(3) {
                    0 => body[at] = b"\"\\[]{},: 1ntf\x00\xff"[random.below(15)],
                    1 => drop(body.drain(at.min(end)..at.max(end).min(at.min(end) + 40))),
                    _ => {
                        let piece = body[at.min(end)..at.max(end).min(at.min(end) + 60)].to_vec();
                        body.splice(at..at, piece);
                    }
                }
                if body.is_empty() {
                    body.push(b'{');
                }
            }
            for to in [Chat, Messages, Responses] {
                let Ok(done) = request(&body, &order(from, to)) else {
                    bad += 1;
                    continue;
                };
                good += 1;
                let value: Value = serde_json::from_slice(&done.body).unwrap();
                assert!(value["model"].is_string());
            }
        }
    }
    assert!(good > 500 && bad > 500, "{good} {bad}");
}
