//! A `message` of Anthropic (PROTOCOL 1.5). Never hands on a signature: it is good for the
//! provider that gave it alone.

use super::super::{Echo, Form};
use super::call::{self, Arguments, Call};
use super::note::{self, Note};
use super::raw::{Raw, characters};
use super::{Answer, BadAnswer, Block, Head, Stop, Tokens, put};

/// Reads an answer.
pub fn read<'a>(body: Raw<'a>, echo: &Echo) -> Result<Answer<'a>, BadAnswer> {
    let [content, error, id, model, reason, usage] = body
        .pick([b"content", b"error", b"id", b"model", b"stop_reason", b"usage"])
        .ok_or(BadAnswer::NotAnswer)?;
    if !content.is_array() {
        let is_told = !error.is_absent();
        return Err(if is_told { BadAnswer::Failed } else { BadAnswer::NotAnswer });
    }
    let mut head = Head::default();
    head.note(id, model, Raw::default());
    let [tier] = usage.get([b"service_tier"]);
    head.note_tier(Form::Messages, tier);
    head.settle(echo);
    let mut tokens = Tokens::default();
    tokens.read(Form::Messages, usage);
    let mut blocks = Vec::new();
    content.each(|block| blocks.extend(read_block(block)));
    Ok(Answer { blocks, head, stop: Stop::of(reason.text_or_empty()), tokens })
}

fn read_block(block: Raw<'_>) -> Option<Block<'_>> {
    let [citations, id, input, kind, name, text, thinking] =
        block.get([b"citations", b"id", b"input", b"type", b"name", b"text", b"thinking"]);
    match kind.text_or_empty() {
        b"text" => {
            let text = text.text_or_empty();
            let mut notes = Vec::new();
            // The whole block is what cites.
            citations.each(|raw| {
                let note = Note::read(Form::Messages, raw);
                notes.extend(note.map(|note| note.at(0, characters(text))));
            });
            Some(Block::Text(text, notes))
        }
        b"thinking" => Some(Block::Thinking(thinking.text_or_empty())),
        b"tool_use" => Some(Block::Call(Call {
            arguments: Arguments::Object(input),
            id: id.text_or_empty(),
            name: name.text_or_empty(),
        })),
        // Redacted thinking, and steps of tools that the provider runs itself.
        _ => None,
    }
}

/// Writes an answer.
pub fn write(out: &mut Vec<u8>, answer: &Answer<'_>) {
    let head = &answer.head;
    put(out, &[b"{\"id\":\"", &head.id, b"\",\"type\":\"message\",\"role\":\"assistant\","]);
    put(out, &[b"\"model\":\"", &head.model, b"\",\"content\":["]);
    for (place, block) in answer.blocks.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_block(out, block, place);
    }
    let stop = stop(answer.stop, answer.is_refused()).word(Form::Messages);
    put(out, &[b"],\"stop_reason\":\"", stop, b"\",\"stop_sequence\":null,\"usage\":"]);
    answer.tokens.write(out, Form::Messages, head.messages_tier());
    out.push(b'}');
}

/// Why it ended: a refusal, which is a text here, is told by the reason alone.
pub fn stop(stop: Stop, is_refused: bool) -> Stop {
    if is_refused && stop == Stop::End { Stop::Filter } else { stop }
}

fn write_block(out: &mut Vec<u8>, block: &Block<'_>, place: usize) {
    match block {
        Block::Call(call) => {
            out.extend_from_slice(b"{\"type\":\"tool_use\",\"id\":\"");
            call::write_id(out, call.id, place);
            put(out, &[b"\",\"name\":\"", call.name, b"\",\"input\":"]);
            call.arguments.write_object(out);
            out.push(b'}');
        }
        Block::Refusal(text) => put(out, &[b"{\"type\":\"text\",\"text\":\"", text, b"\"}"]),
        Block::Text(text, notes) => {
            put(out, &[b"{\"type\":\"text\",\"text\":\"", text, b"\""]);
            if !notes.is_empty() {
                out.extend_from_slice(b",\"citations\":[");
                note::write_all(out, Form::Messages, notes);
                out.push(b']');
            }
            out.push(b'}');
        }
        Block::Thinking(text) => {
            put(out, &[b"{\"type\":\"thinking\",\"thinking\":\"", text, b"\",\"signature\":\"\"}"]);
        }
    }
}
