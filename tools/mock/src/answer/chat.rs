//! The Chat Completions API and the old Completions API: JSON and chunks.
//!
//! Never writes `event:` lines; these streams have data lines only.

use super::turn::{Turn, quoted};

/// A whole `chat.completion`.
pub fn json(turn: &Turn, padding: usize) -> String {
    let (message, finish) = match &turn.tool {
        None => {
            let text = quoted(&turn.text(padding));
            let message = format!(
                r#"{{"role":"assistant","content":{text},"refusal":null,"annotations":[]}}"#
            );
            (message, "stop")
        }
        Some(tool) => {
            let call = call(turn, &tool.name, &tool.arguments);
            // Two bytes more, since the quotes take half of what `null` took.
            let pad = match padding {
                0 => "null".to_owned(),
                _ => quoted(&"x".repeat(padding + 2)),
            };
            let message = format!(
                r#"{{"role":"assistant","content":{pad},"tool_calls":[{call}],"refusal":null}}"#
            );
            (message, "tool_calls")
        }
    };
    let choice =
        format!(r#"{{"index":0,"message":{message},"logprobs":null,"finish_reason":"{finish}"}}"#);
    object(turn, "chat.completion", "chatcmpl-", &choice, &usage_member(turn, true))
}

/// The chunk with the role, and the start of the tool call.
pub fn opening(turn: &Turn) -> String {
    let delta = match &turn.tool {
        None => r#"{"role":"assistant","content":"","refusal":null}"#.to_owned(),
        Some(tool) => {
            let call = call(turn, &tool.name, "").replacen('{', r#"{"index":0,"#, 1);
            format!(r#"{{"role":"assistant","content":null,"tool_calls":[{call}],"refusal":null}}"#)
        }
    };
    chunk(turn, &delta, "null")
}

/// One content chunk.
pub fn content(turn: &Turn, index: u32, padding: usize) -> String {
    let text = quoted(&turn.delta(index, padding));
    let delta = if turn.tool.is_some() {
        format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":{text}}}}}]}}"#)
    } else {
        format!(r#"{{"content":{text}}}"#)
    };
    chunk(turn, &delta, "null")
}

/// The chunk with the finish reason, the usage chunk if asked for, `[DONE]`.
pub fn closing(turn: &Turn) -> String {
    let finish = if turn.tool.is_some() { r#""tool_calls""# } else { r#""stop""# };
    let mut closing = chunk(turn, "{}", finish);
    closing += &usage_chunk(turn, "chat.completion.chunk", "chatcmpl-");
    closing + done(turn)
}

/// A whole `text_completion`.
pub fn completion_json(turn: &Turn, padding: usize) -> String {
    let text = quoted(&turn.text(padding));
    let choice = format!(r#"{{"text":{text},"index":0,"logprobs":null,"finish_reason":"stop"}}"#);
    object(turn, "text_completion", "cmpl-", &choice, &usage_member(turn, true))
}

/// One chunk of a streamed `text_completion`.
pub fn completion_content(turn: &Turn, index: u32, padding: usize) -> String {
    let text = quoted(&turn.delta(index, padding));
    completion_chunk(turn, &text, "null")
}

/// The end of a streamed `text_completion`.
pub fn completion_closing(turn: &Turn) -> String {
    let mut closing = completion_chunk(turn, r#""""#, r#""stop""#);
    closing += &usage_chunk(turn, "text_completion", "cmpl-");
    closing + done(turn)
}

fn completion_chunk(turn: &Turn, text: &str, finish: &str) -> String {
    let choice = format!(r#"{{"text":{text},"index":0,"logprobs":null,"finish_reason":{finish}}}"#);
    let usage = usage_member(turn, false);
    format!("data: {}\n\n", object(turn, "text_completion", "cmpl-", &choice, &usage))
}

fn chunk(turn: &Turn, delta: &str, finish: &str) -> String {
    let choice =
        format!(r#"{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}"#);
    let usage = usage_member(turn, false);
    format!("data: {}\n\n", object(turn, "chat.completion.chunk", "chatcmpl-", &choice, &usage))
}

fn usage_chunk(turn: &Turn, kind: &str, prefix: &str) -> String {
    if !turn.include_usage || turn.no_usage {
        return String::new();
    }
    format!("data: {}\n\n", object(turn, kind, prefix, "", &usage_member(turn, true)))
}

fn done(turn: &Turn) -> &'static str {
    if turn.no_done { "" } else { "data: [DONE]\n\n" }
}

fn object(turn: &Turn, kind: &str, prefix: &str, choices: &str, usage: &str) -> String {
    format!(
        concat!(
            r#"{{"id":"{}","object":"{}","created":1767225600,"model":{},"#,
            r#""service_tier":"default","system_fingerprint":"fp_mock","choices":[{}]{}}}"#
        ),
        turn.id(prefix),
        kind,
        turn.model,
        choices,
        usage
    )
}

/// With `include_usage` each chunk carries `"usage":null` and the last one the numbers.
fn usage_member(turn: &Turn, is_last: bool) -> String {
    if turn.no_usage || !(is_last || turn.include_usage) {
        return String::new();
    }
    if !is_last {
        return r#","usage":null"#.to_owned();
    }
    // prompt_tokens includes the cached ones, unlike Anthropic's input_tokens.
    let prompt = turn.input_tokens.saturating_add(turn.cache_read_tokens);
    format!(
        concat!(
            r#","usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"#,
            r#""prompt_tokens_details":{{"cached_tokens":{},"audio_tokens":0}},"#,
            r#""completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"#,
            r#""accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#
        ),
        prompt,
        turn.output_tokens,
        prompt.saturating_add(turn.output_tokens),
        turn.cache_read_tokens
    )
}

fn call(turn: &Turn, name: &str, arguments: &str) -> String {
    format!(
        r#"{{"id":"{}","type":"function","function":{{"name":{},"arguments":{}}}}}"#,
        turn.id("call_"),
        quoted(name),
        quoted(arguments)
    )
}
