//! A `chat.completion` (PROTOCOL 2.3). Never reads more than its first choice: requests that ask
//! for more are refused.

use super::super::{Echo, Form};
use super::call::{self, Arguments, Call};
use super::note::{self, Note};
use super::raw::{Raw, characters};
use super::{Answer, BadAnswer, Block, Head, Stop, Tokens, put};
use crate::protocol::http1::write::decimal;

/// Reads an answer.
pub fn read<'a>(body: Raw<'a>, echo: &Echo) -> Result<Answer<'a>, BadAnswer> {
    let [choices, created, error, groq, id, model, tier, usage] = body
        .pick([
            b"choices",
            b"created",
            b"error",
            b"x_groq",
            b"id",
            b"model",
            b"service_tier",
            b"usage",
        ])
        .ok_or(BadAnswer::NotAnswer)?;
    let choice = choices.first();
    let [choice_error, message, reason, choice_usage] =
        choice.get([b"error", b"message", b"finish_reason", b"usage"]);
    // What a filter took has no message.
    if !choice.is_object() {
        let is_told = !error.is_absent();
        return Err(if is_told { BadAnswer::Failed } else { BadAnswer::NotAnswer });
    }
    if choice_error.is_object() {
        return Err(BadAnswer::Failed);
    }
    let mut head = Head::default();
    head.note(id, model, created);
    head.note_tier(Form::Chat, tier);
    head.settle(echo);
    let mut tokens = Tokens::default();
    let [groq_usage] = groq.get([b"usage"]);
    for usage in [choice_usage, groq_usage, usage] {
        tokens.read(Form::Chat, usage);
    }
    let mut blocks = Vec::new();
    read_message(message, &mut blocks);
    Ok(Answer { blocks, head, stop: Stop::of(reason.text_or_empty()), tokens })
}

fn read_message<'a>(message: Raw<'a>, blocks: &mut Vec<Block<'a>>) {
    let [annotations, call, content, reasoning_content, reasoning, refusal, calls] = message.get([
        b"annotations",
        b"function_call",
        b"content",
        b"reasoning_content",
        b"reasoning",
        b"refusal",
        b"tool_calls",
    ]);
    let of = |raw: Raw<'a>| raw.text().filter(|text| !text.is_empty());
    blocks.extend(of(reasoning_content).or(of(reasoning)).map(Block::Thinking));
    blocks.extend(of(content).map(|text| Block::Text(text, Vec::new())));
    content.each(|part| read_part(part, blocks));
    let mut notes = Vec::new();
    annotations.each(|raw| notes.extend(Note::read(Form::Chat, raw)));
    if let Some(Block::Text(_, own)) = blocks.last_mut() {
        *own = notes;
    }
    blocks.extend(of(refusal).map(Block::Refusal));
    if call.is_object() {
        blocks.push(read_function(Raw::default(), call));
    }
    calls.each(|call| {
        let [function, id] = call.get([b"function", b"id"]);
        if function.is_object() {
            blocks.push(read_function(id, function));
        }
    });
}

/// A part of a content that is an array, as Mistral has it.
fn read_part<'a>(part: Raw<'a>, blocks: &mut Vec<Block<'a>>) {
    let [kind, text, thinking] = part.get([b"type", b"text", b"thinking"]);
    match kind.text_or_empty() {
        b"text" => blocks.extend(text.text().map(|text| Block::Text(text, Vec::new()))),
        b"thinking" => thinking.each(|inner| {
            let [text] = inner.get([b"text"]);
            blocks.extend(text.text().map(Block::Thinking));
        }),
        _ => {}
    }
}

fn read_function<'a>(id: Raw<'a>, function: Raw<'a>) -> Block<'a> {
    let [arguments, name] = function.get([b"arguments", b"name"]);
    // Some servers have an object where the form has a text.
    let arguments = if arguments.is_object() {
        Arguments::Object(arguments)
    } else {
        Arguments::Text(arguments.text_or_empty())
    };
    Block::Call(Call { arguments, id: id.text_or_empty(), name: name.text_or_empty() })
}

/// Writes an answer.
pub fn write(out: &mut Vec<u8>, answer: &Answer<'_>) {
    let head = &answer.head;
    put(out, &[b"{\"id\":\"", &head.id, b"\",\"object\":\"chat.completion\",\"created\":"]);
    decimal(out, head.created);
    put(out, &[b",\"model\":\"", &head.model, b"\",\"choices\":[{\"index\":0,\"message\":"]);
    write_message(out, answer);
    let reason = answer.stop.word(Form::Chat);
    put(out, &[b",\"logprobs\":null,\"finish_reason\":\"", reason, b"\"}]"]);
    if answer.tokens.is_told() {
        out.extend_from_slice(b",\"usage\":");
        answer.tokens.write(out, Form::Chat, b"");
    }
    if !head.tier.is_empty() {
        put(out, &[b",\"service_tier\":\"", &head.tier, b"\""]);
    }
    out.push(b'}');
}

fn write_message(out: &mut Vec<u8>, answer: &Answer<'_>) {
    let (mut content, mut refusal, mut thinking) = (Vec::new(), Vec::new(), Vec::new());
    let (mut calls, mut call_count) = (Vec::new(), 0);
    let (mut notes, mut at) = (Vec::new(), 0);
    for block in &answer.blocks {
        match block {
            Block::Call(call) => {
                write_call(&mut calls, call, call_count);
                call_count += 1;
            }
            Block::Refusal(text) => refusal.extend_from_slice(text),
            Block::Text(text, own) => {
                notes.extend(own.iter().map(|note| note.moved(at)));
                content.extend_from_slice(text);
                at += characters(text);
            }
            Block::Thinking(text) => thinking.extend_from_slice(text),
        }
    }
    out.extend_from_slice(b"{\"role\":\"assistant\",\"content\":");
    if content.is_empty() && !(calls.is_empty() && refusal.is_empty()) {
        out.extend_from_slice(b"null");
    } else {
        put(out, &[b"\"", &content, b"\""]);
    }
    if refusal.is_empty() {
        out.extend_from_slice(b",\"refusal\":null");
    } else {
        put(out, &[b",\"refusal\":\"", &refusal, b"\""]);
    }
    if !thinking.is_empty() {
        put(out, &[b",\"reasoning_content\":\"", &thinking, b"\""]);
    }
    out.extend_from_slice(b",\"annotations\":[");
    note::write_all(out, Form::Chat, &notes);
    out.push(b']');
    if !calls.is_empty() {
        put(out, &[b",\"tool_calls\":[", &calls, b"]"]);
    }
    out.push(b'}');
}

fn write_call(out: &mut Vec<u8>, call: &Call<'_>, place: usize) {
    if place > 0 {
        out.push(b',');
    }
    out.extend_from_slice(b"{\"id\":\"");
    call::write_id(out, call.id, place);
    put(out, &[b"\",\"type\":\"function\",\"function\":{\"name\":\"", call.name]);
    out.extend_from_slice(b"\",\"arguments\":\"");
    call.arguments.write_text(out);
    out.extend_from_slice(b"\"}}");
}
