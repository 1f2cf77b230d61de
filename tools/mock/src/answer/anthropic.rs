//! The Messages API: a message as JSON and as server-sent events.
//!
//! Never decides what is said; it only writes down a `Turn`.

use super::turn::{Turn, quoted};

/// The keep-alive event.
pub const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

/// The whole message.
pub fn json(turn: &Turn, padding: usize) -> String {
    let (content, stop_reason) = match &turn.tool {
        None => {
            let text = quoted(&turn.text(padding));
            (format!(r#"[{{"type":"text","text":{text}}}]"#), "end_turn")
        }
        Some(tool) => (
            format!(
                concat!(
                    r#"[{{"type":"text","text":{}}},"#,
                    r#"{{"type":"tool_use","id":"{}","name":{},"input":{}}}]"#
                ),
                quoted(&format!("Let me look.{}", "x".repeat(padding))),
                turn.id("toolu_"),
                quoted(&tool.name),
                tool.arguments
            ),
            "tool_use",
        ),
    };
    format!(
        concat!(
            r#"{{"id":"{}","type":"message","role":"assistant","model":{},"content":{},"#,
            r#""stop_reason":"{}","stop_sequence":null{}}}"#
        ),
        turn.id("msg_"),
        turn.model,
        content,
        stop_reason,
        usage(turn, turn.output_tokens),
    )
}

/// `message_start`, the first block's start (with a text block before a tool call) and a ping.
pub fn opening(turn: &Turn) -> String {
    let start = format!(
        concat!(
            r#"{{"type":"message_start","message":{{"id":"{}","type":"message","#,
            r#""role":"assistant","model":{},"content":[],"stop_reason":null,"#,
            r#""stop_sequence":null{}}}}}"#
        ),
        turn.id("msg_"),
        turn.model,
        usage(turn, 1),
    );
    let text =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let mut opening = event("message_start", &start);
    opening += &event("content_block_start", text);
    opening += PING;
    if let Some(tool) = &turn.tool {
        let words = block_delta(0, r#"{"type":"text_delta","text":"Let me look."}"#);
        let block = format!(
            concat!(
                r#"{{"type":"content_block_start","index":1,"content_block":"#,
                r#"{{"type":"tool_use","id":"{}","name":{},"input":{{}}}}}}"#
            ),
            turn.id("toolu_"),
            quoted(&tool.name),
        );
        opening += &event("content_block_delta", &words);
        opening += &event("content_block_stop", &block_stop(0));
        opening += &event("content_block_start", &block);
    }
    opening
}

/// One `content_block_delta`.
pub fn content(turn: &Turn, index: u32, padding: usize) -> String {
    let text = quoted(&turn.delta(index, padding));
    let data = if turn.tool.is_some() {
        block_delta(1, &format!(r#"{{"type":"input_json_delta","partial_json":{text}}}"#))
    } else {
        block_delta(0, &format!(r#"{{"type":"text_delta","text":{text}}}"#))
    };
    event("content_block_delta", &data)
}

/// Block stop, `message_delta`, `message_stop`.
pub fn closing(turn: &Turn) -> String {
    let (block, stop_reason) = if turn.tool.is_some() { (1, "tool_use") } else { (0, "end_turn") };
    let usage = if turn.no_usage {
        String::new()
    } else {
        format!(r#","usage":{{"output_tokens":{}}}"#, turn.output_tokens)
    };
    let stop = format!(r#"{{"stop_reason":"{stop_reason}","stop_sequence":null}}"#);
    let delta = format!(r#"{{"type":"message_delta","delta":{stop}{usage}}}"#);
    let mut closing = event("content_block_stop", &block_stop(block));
    closing += &event("message_delta", &delta);
    if !turn.no_done {
        closing += &event("message_stop", r#"{"type":"message_stop"}"#);
    }
    closing
}

fn block_delta(index: u32, delta: &str) -> String {
    format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#)
}

fn block_stop(index: u32) -> String {
    format!(r#"{{"type":"content_block_stop","index":{index}}}"#)
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// The usage member, with its comma.
fn usage(turn: &Turn, output_tokens: u64) -> String {
    if turn.no_usage {
        // SDKs read message.usage without asking whether it is there.
        return r#","usage":{"input_tokens":0,"output_tokens":0}"#.to_owned();
    }
    format!(
        concat!(
            r#","usage":{{"input_tokens":{},"cache_creation_input_tokens":0,"#,
            r#""cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":0,"#,
            r#""ephemeral_1h_input_tokens":0}},"output_tokens":{},"service_tier":"standard"}}"#
        ),
        turn.input_tokens, turn.cache_read_tokens, output_tokens
    )
}
