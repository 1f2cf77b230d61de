//! Requests in another form: Messages to Chat, by us and by decoding into values.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use serde_json::{Value, json};
use tidegate::protocol::dialect::translate::{Form, Order, request::request};

use crate::streams::{CODE, PLAIN};

pub fn benches(criterion: &mut Criterion) {
    for (kind, text) in [("plain", PLAIN), ("escapes", CODE)] {
        for (size, bytes) in [("1KiB", 1 << 10), ("100KiB", 100 << 10), ("1MiB", 1 << 20)] {
            let body = conversation(bytes, text);
            let order = Order {
                from: Form::Messages,
                max_tokens_default: 4_096,
                model: None,
                to: Form::Chat,
            };
            let ours = request(&body, &order).expect("a good body").body;
            let ours: Value = serde_json::from_slice(&ours).expect("JSON");
            let theirs: Value = serde_json::from_slice(&by_values(&body)).expect("JSON");
            assert_eq!(ours, theirs, "both do the same work");
            let mut group = criterion.benchmark_group(format!("translate_request/{kind}/{size}"));
            group.throughput(Throughput::Bytes(u64::try_from(body.len()).expect("fits")));
            group.sample_size(20);
            group.bench_function("tidegate", |bencher| {
                bencher.iter(|| request(black_box(&body), &order).expect("a good body").body.len());
            });
            group.bench_function("serde_json", |bencher| {
                bencher.iter(|| by_values(black_box(&body)).len());
            });
            group.finish();
        }
    }
}

/// An agent's conversation of about `bytes`: questions, calls, results that are `text`.
fn conversation(bytes: usize, text: &str) -> Vec<u8> {
    let mut out = String::from(
        r#"{"model":"m","max_tokens":8192,"stream":true,"system":"Be brief.","tools":[
        {"name":"read","description":"Reads a file.","input_schema":{"type":"object",
        "properties":{"path":{"type":"string"}},"required":["path"]}}],"messages":[{"role":"user","content":"Go on."}"#,
    );
    let mut turn = 0;
    while turn == 0 || out.len() < bytes {
        let said = r#"{"role":"assistant","content":[{"type":"text","text":"I look."},"#;
        let called = r#""name":"read","input":{"lines":[1,200],"path":"src/main.rs"}}]},"#;
        let result = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_"#;
        write!(
            out,
            r#",{said}{{"type":"tool_use","id":"toolu_{turn}",{called}{result}{turn}","content":""#
        )
        .expect("a string takes all");
        let end = out.len() + 8_000;
        while out.len() < bytes.min(end) {
            out.push_str(text);
        }
        out.push_str(r#""}]}"#);
        turn += 1;
    }
    out.push_str("]}");
    out.into_bytes()
}

/// What a developer would write, for what this conversation has and no more.
#[expect(clippy::indexing_slicing, reason = "what a conversation lacks is null")]
fn by_values(body: &[u8]) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(body).expect("JSON");
    let mut messages = vec![json!({"role": "system", "content": body["system"].take()})];
    let Value::Array(turns) = body["messages"].take() else { return Vec::new() };
    for mut turn in turns {
        let Value::Array(blocks) = turn["content"].take() else {
            messages.push(json!({"role": "user", "content": "Go on."}));
            continue;
        };
        let (mut texts, mut calls) = (Value::Null, Vec::new());
        for mut block in blocks {
            match block["type"].as_str() {
                Some("text") => texts = block["text"].take(),
                Some("tool_use") => calls.push(json!({"id": block["id"].take(),
                    "type": "function", "function": {"name": block["name"].take(),
                    "arguments": block["input"].to_string()}})),
                _ => messages.push(json!({"role": "tool",
                    "tool_call_id": block["tool_use_id"].take(),
                    "content": block["content"].take()})),
            }
        }
        if !calls.is_empty() {
            messages.push(json!({"role": "assistant", "content": texts, "tool_calls": calls}));
        }
    }
    let Value::Array(tools) = body["tools"].take() else { return Vec::new() };
    let tools: Vec<Value> = tools
        .into_iter()
        .map(|mut tool| {
            json!({"type": "function", "function": {"name": tool["name"].take(),
                "description": tool["description"].take(),
                "parameters": tool["input_schema"].take()}})
        })
        .collect();
    let chat = json!({"model": body["model"].take(), "stream": true,
        "stream_options": {"include_usage": true}, "max_completion_tokens": body["max_tokens"],
        "tools": tools, "messages": messages});
    serde_json::to_vec(&chat).expect("values are JSON")
}
