//! Events of Messages (PROTOCOL 1.5). Never hands on a signature, nor what the provider's own
//! tools did.

use super::super::super::Form;
use super::super::super::answer::call::write_content;
use super::super::super::answer::raw::Raw;
use super::super::super::answer::stop::Stop;
use super::super::Broken;
use super::super::failure::Failure;
use super::super::flow::{Flow, Key, Kind, Opening};
use super::piece_of;

/// Tells `flow` of one event.
pub fn event(
    name: &[u8],
    event: Raw<'_>,
    flow: &mut Flow,
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    let [kind, index, delta, block, message, usage, error] = event
        .pick([b"type", b"index", b"delta", b"content_block", b"message", b"usage", b"error"])
        .ok_or(Broken::NotEvent)?;
    let key = index.count().unwrap_or(0);
    match kind.text().unwrap_or(name) {
        b"content_block_delta" => block_delta(key, delta, flow, out),
        b"content_block_start" => block_start(key, block, flow, out),
        b"content_block_stop" => flow.close(out, key),
        b"message_start" => {
            let [id, model, usage] = message.get([b"id", b"model", b"usage"]);
            let [tier] = usage.get([b"service_tier"]);
            flow.head.note(id, model, Raw::default());
            flow.head.note_tier(Form::Messages, tier);
            flow.tokens.read(Form::Messages, usage);
            flow.start(out);
            // A second one begins anew; what the first left open is over.
            flow.settle(out)
        }
        b"message_delta" => {
            let [reason] = delta.get([b"stop_reason"]);
            flow.tokens.read(Form::Messages, usage);
            if let Some(reason) = reason.text() {
                flow.note_stop(Stop::of(reason));
            }
            Ok(())
        }
        b"message_stop" => flow.finish(out),
        b"ping" => {
            flow.ping(out);
            Ok(())
        }
        b"error" => {
            flow.fail(out, &Failure::of(error, event));
            Ok(())
        }
        // What a later version may bring.
        _ => Ok(()),
    }
}

fn block_start(key: Key, block: Raw<'_>, flow: &mut Flow, out: &mut Vec<u8>) -> Result<(), Broken> {
    let [kind, id, input, name, text, thinking] =
        block.get([b"type", b"id", b"input", b"name", b"text", b"thinking"]);
    match kind.text_or_empty() {
        b"text" => {
            flow.open(out, key, Opening::of(Kind::Text))?;
            flow.piece(out, (key, Kind::Text), text.text_or_empty())
        }
        b"thinking" => {
            flow.open(out, key, Opening::of(Kind::Thinking))?;
            flow.piece(out, (key, Kind::Thinking), thinking.text_or_empty())
        }
        b"tool_use" => {
            let (id, name) = (id.text_or_empty(), name.text_or_empty());
            flow.open(out, key, Opening { id, kind: Kind::Call, name })?;
            // Empty where deltas follow, as they do at Anthropic.
            if input.is_object() && !input.is_empty_object() {
                let mut content = Vec::new();
                write_content(&mut content, input.as_bytes());
                flow.piece(out, (key, Kind::Call), &content)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn block_delta(key: Key, delta: Raw<'_>, flow: &mut Flow, out: &mut Vec<u8>) -> Result<(), Broken> {
    let [kind, text, json, thinking, citation] =
        delta.get([b"type", b"text", b"partial_json", b"thinking", b"citation"]);
    match kind.text_or_empty() {
        b"text_delta" => flow.piece(out, (key, Kind::Text), piece_of(text)?),
        b"input_json_delta" => flow.piece(out, (key, Kind::Call), piece_of(json)?),
        b"thinking_delta" => flow.piece(out, (key, Kind::Thinking), piece_of(thinking)?),
        b"citations_delta" => flow.cite(key, citation),
        // Signatures, and what a later version may bring.
        _ => Ok(()),
    }
}
