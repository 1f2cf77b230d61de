//! The Responses API: a response as JSON and as numbered events.
//!
//! Never sends `[DONE]`; the terminal event is `response.completed`.

use super::turn::{Turn, quoted};

/// Events before the first content event, so that content events know their number.
pub const OPENING_EVENTS: u32 = 4;

/// The whole response.
pub fn json(turn: &Turn, padding: usize) -> String {
    response(turn, "completed", &item(turn, "completed", padding))
}

/// `created`, `in_progress`, the item, and its first part (messages only).
pub fn opening(turn: &Turn) -> String {
    let mut script = Script { next: 0, text: String::new() };
    let open = response(turn, "in_progress", "");
    script.push("response.created", &format!(r#""response":{open}"#));
    script.push("response.in_progress", &format!(r#""response":{open}"#));
    let item = empty_item(turn);
    script.push("response.output_item.added", &format!(r#""output_index":0,"item":{item}"#));
    if turn.tool.is_none() {
        let part = format!(r#"{},"content_index":0,"part":{}"#, place(turn), part(""));
        script.push("response.content_part.added", &part);
    }
    script.text
}

/// One `output_text.delta` or `function_call_arguments.delta`.
pub fn content(turn: &Turn, index: u32, padding: usize) -> String {
    let delta = quoted(&turn.delta(index, padding));
    let mut script = Script { next: opening_events(turn) + index, text: String::new() };
    if turn.tool.is_some() {
        let fields = format!(r#"{},"delta":{delta}"#, place(turn));
        script.push("response.function_call_arguments.delta", &fields);
    } else {
        let fields = format!(r#"{},"content_index":0,"delta":{delta},"logprobs":[]"#, place(turn));
        script.push("response.output_text.delta", &fields);
    }
    script.text
}

/// The `done` events and `response.completed`.
pub fn closing(turn: &Turn) -> String {
    let mut script = Script { next: opening_events(turn) + turn.deltas, text: String::new() };
    let place = place(turn);
    if let Some(tool) = &turn.tool {
        let arguments = quoted(&tool.arguments);
        let name = quoted(&tool.name);
        script.push(
            "response.function_call_arguments.done",
            &format!(r#"{place},"name":{name},"arguments":{arguments}"#),
        );
    } else {
        let text = turn.text(0);
        let fields = format!(r#"{place},"content_index":0,"text":{},"logprobs":[]"#, quoted(&text));
        script.push("response.output_text.done", &fields);
        let fields = format!(r#"{place},"content_index":0,"part":{}"#, part(&text));
        script.push("response.content_part.done", &fields);
    }
    let item = item(turn, "completed", 0);
    script.push("response.output_item.done", &format!(r#""output_index":0,"item":{item}"#));
    if !turn.no_done {
        let whole = response(turn, "completed", &item);
        script.push("response.completed", &format!(r#""response":{whole}"#));
    }
    script.text
}

/// Numbers the events.
struct Script {
    next: u32,
    text: String,
}

impl Script {
    fn push(&mut self, kind: &str, fields: &str) {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{},{fields}}}\n\n",
            self.next
        );
        self.next += 1;
    }
}

fn opening_events(turn: &Turn) -> u32 {
    if turn.tool.is_some() { OPENING_EVENTS - 1 } else { OPENING_EVENTS }
}

fn place(turn: &Turn) -> String {
    let prefix = if turn.tool.is_some() { "fc_" } else { "msg_" };
    format!(r#""item_id":"{}","output_index":0"#, turn.id(prefix))
}

fn part(text: &str) -> String {
    format!(r#"{{"type":"output_text","annotations":[],"logprobs":[],"text":{}}}"#, quoted(text))
}

fn empty_item(turn: &Turn) -> String {
    match &turn.tool {
        Some(tool) => call_item(turn, "in_progress", &tool.name, ""),
        None => message_item(turn, "in_progress", ""),
    }
}

fn item(turn: &Turn, status: &str, padding: usize) -> String {
    match &turn.tool {
        Some(tool) => call_item(turn, status, &tool.name, &tool.arguments),
        None => message_item(turn, status, &part(&turn.text(padding))),
    }
}

fn message_item(turn: &Turn, status: &str, content: &str) -> String {
    format!(
        concat!(
            r#"{{"id":"{}","type":"message","status":"{}","#,
            r#""content":[{}],"role":"assistant"}}"#
        ),
        turn.id("msg_"),
        status,
        content
    )
}

fn call_item(turn: &Turn, status: &str, name: &str, arguments: &str) -> String {
    format!(
        concat!(
            r#"{{"id":"{}","type":"function_call","status":"{}","arguments":{},"#,
            r#""call_id":"{}","name":{}}}"#
        ),
        turn.id("fc_"),
        status,
        quoted(arguments),
        turn.id("call_"),
        quoted(name)
    )
}

fn response(turn: &Turn, status: &str, output: &str) -> String {
    format!(
        concat!(
            r#"{{"id":"{}","object":"response","created_at":1767225600,"status":"{}","#,
            r#""background":false,"error":null,"incomplete_details":null,"instructions":null,"#,
            r#""max_output_tokens":null,"model":{},"output":[{}],"parallel_tool_calls":true,"#,
            r#""previous_response_id":null,"reasoning":{{"effort":null,"summary":null}},"#,
            r#""service_tier":"default","store":true,"temperature":1.0,"#,
            r#""text":{{"format":{{"type":"text"}}}},"tool_choice":"auto","tools":[],"#,
            r#""top_p":1.0,"truncation":"disabled","usage":{},"user":null,"metadata":{{}}}}"#
        ),
        turn.id("resp_"),
        status,
        turn.model,
        output,
        usage(turn, status)
    )
}

fn usage(turn: &Turn, status: &str) -> String {
    if turn.no_usage || status != "completed" {
        return "null".to_owned();
    }
    let input = turn.input_tokens.saturating_add(turn.cache_read_tokens);
    format!(
        concat!(
            r#"{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{}}},"#,
            r#""output_tokens":{},"output_tokens_details":{{"reasoning_tokens":0}},"#,
            r#""total_tokens":{}}}"#
        ),
        input,
        turn.cache_read_tokens,
        turn.output_tokens,
        input.saturating_add(turn.output_tokens)
    )
}
