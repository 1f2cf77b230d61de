//! What becomes of each field, what is refused by which path, and that nothing panics.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::{Value, json};

use super::*;
use crate::protocol::dialect::translate::Why;

pub fn order(from: Form, to: Form) -> Order<'static> {
    Order { from, max_tokens_default: 4_096, model: None, to }
}

pub fn done(from: Form, to: Form, body: &Value) -> (Value, String) {
    let body = serde_json::to_vec(body).unwrap();
    let done = request(&body, &order(from, to)).unwrap();
    let lossy = String::from_utf8(done.lossy.value()).unwrap();
    (serde_json::from_slice(&done.body).unwrap(), lossy)
}

fn refused(from: Form, to: Form, body: &Value) -> (String, Why) {
    let body = serde_json::to_vec(body).unwrap();
    let refused = request(&body, &order(from, to)).unwrap_err();
    (refused.path.as_str().to_owned(), refused.why)
}

/// `base` with the members of `more`.
pub fn with(base: &Value, more: &Value) -> Value {
    let mut all = base.clone();
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

pub fn chat() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
}

pub fn messages() -> Value {
    json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]})
}

pub fn responses() -> Value {
    json!({"model": "m", "input": "hi"})
}

use Form::{Chat, Messages, Responses};

#[test]
fn the_model_and_the_default_bound_are_those_of_the_order() {
    let body = serde_json::to_vec(&chat()).unwrap();
    let order = Order { model: Some("claude"), max_tokens_default: 77, ..order(Chat, Messages) };
    let done = request(&body, &order).unwrap();
    let wanted = json!({"model": "claude", "max_tokens": 77, "messages":
        [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]});
    assert_eq!(serde_json::from_slice::<Value>(&done.body).unwrap(), wanted);
    assert_eq!(&*done.echo.model, "m");
    assert!(done.lossy.is_empty());
}

#[test]
fn a_conversation_with_tools_goes_from_chat_to_messages() {
    let body = json!({"model": "m", "max_tokens": 9, "max_completion_tokens": 10, "stop": "x",
        "parallel_tool_calls": false, "tool_choice": "required", "user": "u", "stream": true,
        "service_tier": "default", "stream_options": {"include_usage": true},
        "tools": [{"type": "function", "function": {"name": "f", "description": "d",
            "parameters": {"type": "object"}, "strict": true}},
            {"type": "function", "function": {"name": "g"}}],
        "messages": [
            {"role": "developer", "content": "be"}, {"role": "system", "content": "good"},
            {"role": "user", "content": [{"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                {"type": "file", "file": {"filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,BB"}}]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "1", "type": "function", "function":
                    {"name": "f", "arguments": " {\"a\": 123456789012345678901} "}},
                {"id": "2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "1", "content": "one"},
            {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "a"},
                {"type": "text", "text": "b"}]},
            {"role": "user", "content": "go on"}]});
    let (translated, lossy) = done(Chat, Messages, &body);
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(translated["system"], json!([text("be"), text("good")]));
    let source =
        |media: &str, data: &str| json!({"type": "base64", "media_type": media, "data": data});
    let big: Value = serde_json::from_str("{\"a\":123456789012345678901}").unwrap();
    let wanted = json!([
        {"role": "user", "content": [text("see"),
            {"type": "image", "source": source("image/png", "AA==")},
            {"type": "document", "source": source("application/pdf", "BB"), "title": "a.pdf"}]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "1", "name": "f", "input": big},
            {"type": "tool_use", "id": "2", "name": "g", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "1", "content": "one"},
            {"type": "tool_result", "tool_use_id": "2", "content": [text("a"), text("b")]},
            text("go on")]}]);
    assert_eq!(translated["messages"], wanted);
    assert_eq!(translated["max_tokens"], 10);
    assert_eq!(translated["stop_sequences"], json!(["x"]));
    assert_eq!(
        translated["tool_choice"],
        json!({"type": "any", "disable_parallel_tool_use": true})
    );
    assert_eq!(translated["metadata"], json!({"user_id": "u"}));
    assert_eq!(translated["service_tier"], "standard_only");
    assert_eq!(
        translated["tools"],
        json!([
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}}])
    );
    assert_eq!(lossy, "");
}

#[test]
fn numbers_of_arguments_are_not_rounded() {
    let body = br#"{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{
        "type":"tool_use","id":"1","name":"f","input":{"n":123456789012345678901,"e":1E2}}]}]}"#;
    let done = request(body, &order(Messages, Chat)).unwrap();
    let text = String::from_utf8(done.body).unwrap();
    let wanted = r#""arguments":"{\"n\":123456789012345678901,\"e\":1E2}""#;
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn images_of_results_follow_them_in_chat() {
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://a/b"}});
    let body = with(
        &messages(),
        &json!({"messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f",
            "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1",
            "is_error": true, "content": [image, {"type": "text", "text": "t"}]},
            {"type": "text", "text": "see"}]}]}),
    );
    let (chat, lossy) = done(Messages, Chat, &body);
    let shown = json!({"type": "image_url", "image_url": {"url": "https://a/b"}});
    assert_eq!(chat["messages"][1], json!({"role": "tool", "tool_call_id": "1", "content": "t"}));
    let wanted = json!({"role": "user", "content": [shown, {"type": "text", "text": "see"}]});
    assert_eq!(chat["messages"][2], wanted);
    assert_eq!(lossy, "messages.content.is_error");
    let (responses, _) = done(Messages, Responses, &body);
    assert_eq!(
        responses["input"][1]["output"],
        json!([
        {"type": "input_image", "image_url": "https://a/b", "detail": "auto"},
        {"type": "input_text", "text": "t"}])
    );
}

#[test]
fn streams_of_chat_are_asked_for_their_usage_and_the_client_that_asked_gets_it() {
    let body = with(&messages(), &json!({"stream": true}));
    let (chat, _) = done(Messages, Chat, &body);
    assert_eq!(chat["stream_options"], json!({"include_usage": true}));
    for (options, wanted) in [(json!({"include_usage": true}), true), (json!({}), false)] {
        let body = with(&self::chat(), &json!({"stream": true, "stream_options": options}));
        let body = serde_json::to_vec(&body).unwrap();
        let done = request(&body, &order(Chat, Messages)).unwrap();
        assert_eq!(done.echo.include_usage, wanted);
    }
}

#[test]
fn effort_becomes_a_budget_below_the_bound_or_is_lost() {
    let effort = |more: Value| {
        let (done, lossy) = done(Chat, Messages, &with(&chat(), &more));
        (done["thinking"].clone(), done["max_tokens"].clone(), lossy)
    };
    let budget = |n: u64| json!({"type": "enabled", "budget_tokens": n});
    let none = Value::Null;
    let lost = || "reasoning_effort".to_owned();
    let ok = String::new;
    for (more, wanted) in [
        (json!({"reasoning_effort": "medium"}), (budget(2_048), 6_144, ok())),
        (json!({"reasoning_effort": "minimal"}), (budget(1_024), 5_120, ok())),
        (json!({"reasoning_effort": "high", "max_tokens": 2_000}), (budget(1_999), 2_000, ok())),
        (json!({"reasoning_effort": "high", "max_tokens": 1_024}), (none.clone(), 1_024, lost())),
        (json!({"reasoning_effort": "none"}), (none.clone(), 4_096, ok())),
        (
            json!({"reasoning_effort": "low", "tool_choice": "required"}),
            (none.clone(), 4_096, lost()),
        ),
    ] {
        assert_eq!(effort(more.clone()), (wanted.0, json!(wanted.1), wanted.2), "{more}");
    }
    let loop_of_tools = json!({"reasoning_effort": "low", "messages": [
        {"role": "tool", "tool_call_id": "1", "content": "x"}]});
    assert_eq!(effort(loop_of_tools), (none, json!(4_096), lost()));
}

#[test]
fn newer_models_are_told_an_effort() {
    let more = json!({"model": "claude-opus-4-7", "reasoning_effort": "xhigh", "temperature": 0.5});
    let (done, lossy) = done(Chat, Messages, &with(&chat(), &more));
    assert_eq!(done["thinking"], json!({"type": "adaptive"}));
    assert_eq!(done["output_config"], json!({"effort": "max"}));
    assert_eq!((done.get("temperature"), lossy.as_str()), (None, "temperature"));
}

#[test]
fn thinking_becomes_an_effort() {
    for (more, wanted) in [
        (json!({"thinking": {"type": "enabled", "budget_tokens": 20_480}}), json!("xhigh")),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 1_024}}), json!("low")),
        (json!({"thinking": {"type": "disabled"}}), Value::Null),
        (json!({"thinking": {"type": "adaptive"}}), Value::Null),
        (
            json!({"output_config": {"effort": "max"}, "thinking": {"type": "adaptive"}}),
            json!("xhigh"),
        ),
        (
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
            json!("low"),
        ),
    ] {
        let body = with(&messages(), &more);
        assert_eq!(done(Messages, Chat, &body).0["reasoning_effort"], wanted, "{more}");
        assert_eq!(done(Messages, Responses, &body).0["reasoning"]["effort"], wanted, "{more}");
    }
}

#[test]
fn the_schema_of_an_answer_is_carried() {
    let schema = json!({"type": "object", "additionalProperties": false});
    let chat_body = with(
        &chat(),
        &json!({"response_format": {"type": "json_schema",
        "json_schema": {"name": "n", "schema": schema, "strict": true}}}),
    );
    let format = json!({"type": "json_schema", "schema": schema});
    assert_eq!(done(Chat, Messages, &chat_body).0["output_config"], json!({"format": format}));
    let wanted = json!({"type": "json_schema", "name": "n", "schema": schema, "strict": true});
    let (there, _) = done(Chat, Responses, &chat_body);
    assert_eq!(there["text"]["format"], wanted);
    assert_eq!(done(Responses, Chat, &there).0["response_format"], chat_body["response_format"]);
    for member in [json!({"output_format": format}), json!({"output_config": {"format": format}})] {
        let (done, _) = done(Messages, Responses, &with(&messages(), &member));
        assert_eq!(done["text"]["format"]["schema"], schema);
        assert_eq!(done["text"]["format"]["strict"], true);
    }
}

#[test]
fn what_would_change_the_meaning_is_refused_by_its_path() {
    let chats = [
        (json!({"n": 2}), "n"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"logit_bias": {"1": -100}}), "logit_bias"),
        (json!({"prediction": {"type": "content"}}), "prediction"),
        (json!({"modalities": ["text", "audio"]}), "modalities[1]"),
        (json!({"functions": [{"name": "f"}]}), "functions"),
        (json!({"tools": [{"type": "custom", "custom": {}}]}), "tools[0].type"),
        (json!({"messages": [{"role": "function", "content": ""}]}), "messages[0].role"),
    ];
    for (more, path) in chats {
        for to in [Messages, Responses] {
            let wanted = (path.to_owned(), Why::NoEquivalent);
            assert_eq!(refused(Chat, to, &with(&chat(), &more)), wanted);
        }
    }
    let file = json!({"type": "file", "file": {"file_id": "f"}});
    for (more, path) in [
        (json!({"response_format": {"type": "json_object"}}), "response_format"),
        (json!({"messages": [{"role": "user", "content": [file]}]}), "messages[0].content[0]"),
    ] {
        assert_eq!(refused(Chat, Messages, &with(&chat(), &more)).0, path);
        done(Chat, Responses, &with(&chat(), &more));
    }
    for (more, path) in [
        (json!({"previous_response_id": "r"}), "previous_response_id"),
        (json!({"background": true}), "background"),
        (json!({"conversation": "c"}), "conversation"),
        (json!({"prompt": {"id": "p"}}), "prompt"),
        (json!({"top_logprobs": 1}), "top_logprobs"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
        (json!({"input": [{"type": "item_reference", "id": "i"}]}), "input[0]"),
    ] {
        for to in [Messages, Chat] {
            assert_eq!(refused(Responses, to, &with(&responses(), &more)).0, path);
        }
    }
    let prefill = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]);
    let server_tool = json!([{"type": "web_search_20250305", "name": "web_search"}]);
    for (more, path) in [
        (json!({"messages": prefill}), "messages[1]"),
        (json!({"tools": server_tool}), "tools[0].type"),
        (json!({"mcp_servers": [{"type": "url"}]}), "mcp_servers"),
        (json!({"inference_geo": "eu"}), "inference_geo"),
        (json!({"container": "c"}), "container"),
    ] {
        for to in [Responses, Chat] {
            assert_eq!(refused(Messages, to, &with(&messages(), &more)).0, path);
        }
    }
    let stops = with(&messages(), &json!({"stop_sequences": ["a", "b", "c", "d", "e"]}));
    assert_eq!(refused(Messages, Chat, &stops).0, "stop_sequences");
    let stops = with(&messages(), &json!({"stop_sequences": ["a"]}));
    assert_eq!(refused(Messages, Responses, &stops).0, "stop_sequences");
}

#[test]
fn what_is_of_another_kind_than_its_form_has_is_refused_by_its_path() {
    for (more, path, wanted) in [
        (json!({"model": null}), "model", "a string"),
        (json!({"model": 7}), "model", "a string"),
        (json!({"messages": {}}), "messages", "an array"),
        (json!({"messages": [7]}), "messages[0].role", "a string"),
        (json!({"messages": [{"role": "wizard"}]}), "messages[0].role", "a role"),
        (json!({"messages": []}), "messages", "a message of the user"),
        (
            json!({"messages": [{"role": "user", "content": [{"text": "x"}]}]}),
            "messages[0].content[0].type",
            "a string",
        ),
        (
            json!({"messages": [{"role": "user", "content": 7}]}),
            "messages[0].content",
            "a string or an array",
        ),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function":
            {"name": "f", "arguments": "{\"a\":"}}]}]}),
            "messages[0].tool_calls[0].function.arguments",
            "JSON text of an object",
        ),
        (json!({"stream": "yes"}), "stream", "true or false"),
        (json!({"max_tokens": -1}), "max_tokens", "a whole number from 0"),
        (json!({"temperature": "hot"}), "temperature", "a number"),
        (json!({"stop": [1]}), "stop[0]", "a string"),
    ] {
        let wanted = (path.to_owned(), Why::Wanted(wanted));
        assert_eq!(refused(Chat, Messages, &with(&chat(), &more)), wanted, "{more}");
    }
    let whole = request(b"[1]", &order(Chat, Messages)).unwrap_err();
    assert_eq!((whole.path.as_str(), whole.why), ("", Why::Wanted("an object")));
    let deep = format!("{{\"model\":{}", "[".repeat(100));
    let deep = request(deep.as_bytes(), &order(Chat, Messages)).unwrap_err();
    assert_eq!(deep.why, Why::TooDeep(json::DEPTH_MAX));
}
