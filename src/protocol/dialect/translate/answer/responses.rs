//! A `response` of OpenAI (PROTOCOL 2.4), and its items, which its stream repeats. What a client
//! set in its request and no answer of another form repeats stands at its default.

use super::super::{Echo, Form};
use super::call::{self, Arguments, Call};
use super::note::{self, Note};
use super::raw::Raw;
use super::{Answer, BadAnswer, Block, Head, Stop, Tokens, put};
use crate::protocol::http1::write::decimal;

/// Reads an answer.
pub fn read<'a>(body: Raw<'a>, echo: &Echo) -> Result<Answer<'a>, BadAnswer> {
    let [created, details, error, id, model, output, tier, status, usage] = body
        .pick([
            b"created_at",
            b"incomplete_details",
            b"error",
            b"id",
            b"model",
            b"output",
            b"service_tier",
            b"status",
            b"usage",
        ])
        .ok_or(BadAnswer::NotAnswer)?;
    let status = status.text_or_empty();
    if matches!(status, b"failed" | b"cancelled") || !error.is_absent() {
        return Err(BadAnswer::Failed);
    }
    // One that runs on in the background is none yet.
    if !output.is_array() || matches!(status, b"queued" | b"in_progress") {
        return Err(BadAnswer::NotAnswer);
    }
    let mut head = Head::default();
    head.note(id, model, created);
    head.note_tier(Form::Responses, tier);
    head.settle(echo);
    let mut tokens = Tokens::default();
    tokens.read(Form::Responses, usage);
    let mut blocks = Vec::new();
    output.each(|item| read_item(item, &mut blocks));
    let has_calls = blocks.iter().any(|block| matches!(block, Block::Call(_)));
    let [reason] = details.get([b"reason"]);
    let stop = Stop::of_status(status, reason.text_or_empty(), has_calls);
    Ok(Answer { blocks, head, stop, tokens })
}

fn read_item<'a>(item: Raw<'a>, blocks: &mut Vec<Block<'a>>) {
    let [arguments, call_id, content, kind, name, summary] =
        item.get([b"arguments", b"call_id", b"content", b"type", b"name", b"summary"]);
    match kind.text_or_empty() {
        b"function_call" => blocks.push(Block::Call(Call {
            arguments: Arguments::Text(arguments.text_or_empty()),
            id: call_id.text_or_empty(),
            name: name.text_or_empty(),
        })),
        b"message" => content.each(|part| blocks.extend(read_part(part))),
        b"reasoning" => {
            let mut each = |part: Raw<'a>| {
                let [text] = part.get([b"text"]);
                blocks.extend(text.text().map(Block::Thinking));
            };
            // A summary stands for the text where there are both.
            if summary.first().is_absent() { content.each(&mut each) } else { summary.each(each) }
        }
        // Steps of tools that the provider runs itself.
        _ => {}
    }
}

fn read_part(part: Raw<'_>) -> Option<Block<'_>> {
    let [annotations, kind, refusal, text] =
        part.get([b"annotations", b"type", b"refusal", b"text"]);
    match kind.text_or_empty() {
        b"output_text" => {
            let mut notes = Vec::new();
            annotations.each(|raw| notes.extend(Note::read(Form::Responses, raw)));
            Some(Block::Text(text.text_or_empty(), notes))
        }
        b"refusal" => refusal.text().map(Block::Refusal),
        _ => None,
    }
}

/// Writes an answer.
pub fn write(out: &mut Vec<u8>, answer: &Answer<'_>) {
    let mut output = Vec::new();
    let mut parts = Vec::new();
    let mut items = Items { head: &answer.head, out: &mut output, count: 0 };
    for block in &answer.blocks {
        match block {
            Block::Call(call) => {
                items.message(&mut parts);
                items.call(call);
            }
            Block::Refusal(text) => {
                part(begin_part(&mut parts), PartKind::Refusal, text, b"");
            }
            Block::Text(text, notes) => {
                let mut annotations = Vec::new();
                note::write_all(&mut annotations, Form::Responses, notes);
                part(begin_part(&mut parts), PartKind::Text, text, &annotations);
            }
            Block::Thinking(text) => {
                items.message(&mut parts);
                items.reasoning(text);
            }
        }
    }
    items.message(&mut parts);
    let told = answer.tokens.is_told().then_some(&answer.tokens);
    let state = State { error: b"null", output: &output, stop: Some(answer.stop), tokens: told };
    envelope(out, &answer.head, &state);
}

/// The items of an output, one after the other.
struct Items<'a> {
    count: u64,
    head: &'a Head,
    out: &'a mut Vec<u8>,
}

impl Items<'_> {
    fn begin(&mut self, prefix: &[u8]) -> Vec<u8> {
        if self.count > 0 {
            self.out.push(b',');
        }
        let id = item_id(prefix, self.head, self.count);
        self.count += 1;
        id
    }

    /// A message of the parts that have come, if any.
    fn message(&mut self, parts: &mut Vec<u8>) {
        if !parts.is_empty() {
            let id = self.begin(MESSAGE_ID);
            message_item(self.out, &id, DONE, parts);
            parts.clear();
        }
    }

    fn call(&mut self, call: &Call<'_>) {
        let (mut call_id, mut arguments) = (Vec::new(), Vec::new());
        call::write_id(&mut call_id, call.id, usize::try_from(self.count).unwrap_or(0));
        call.arguments.write_text(&mut arguments);
        let id = self.begin(CALL_ID);
        let text = Call { arguments: Arguments::Text(&arguments), id: &call_id, name: call.name };
        call_item(self.out, &id, DONE, &text);
    }

    fn reasoning(&mut self, text: &[u8]) {
        let id = self.begin(REASONING_ID);
        reasoning_item(self.out, &id, DONE, Some(text));
    }
}

fn begin_part(parts: &mut Vec<u8>) -> &mut Vec<u8> {
    if !parts.is_empty() {
        parts.push(b',');
    }
    parts
}

/// What kind of part a message has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PartKind {
    /// `refusal`.
    Refusal,
    /// `output_text`.
    Text,
}

/// How far a response is.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// `error`, as JSON.
    pub error: &'a [u8],
    /// The items so far, as the elements of an array.
    pub output: &'a [u8],
    /// Why it ended; `None` while it has not.
    pub stop: Option<Stop>,
    /// What it took, where that is known.
    pub tokens: Option<&'a Tokens>,
}

/// The id of the `place`th item.
pub fn item_id(prefix: &[u8], head: &Head, place: u64) -> Vec<u8> {
    let mut id = [prefix, &head.id, b"_"].concat();
    decimal(&mut id, place);
    id
}

/// The object `response`.
pub fn envelope(out: &mut Vec<u8>, head: &Head, state: &State<'_>) {
    let has_failed = state.error != b"null";
    let running: &[u8] = if has_failed { b"failed" } else { b"in_progress" };
    let status = state.stop.map_or(running, |stop| stop.word(Form::Responses));
    let details = state.stop.map_or(&b"null"[..], Stop::incomplete_details);
    put(out, &[b"{\"id\":\"", &head.id, b"\",\"object\":\"response\",\"created_at\":"]);
    decimal(out, head.created);
    put(out, &[b",\"status\":\"", status, b"\",\"error\":", state.error]);
    put(out, &[b",\"incomplete_details\":", details, BEFORE_MODEL, &head.model]);
    put(out, &[b"\",\"output\":[", state.output, b"]", AFTER_OUTPUT]);
    if head.tier.is_empty() {
        out.extend_from_slice(b",\"service_tier\":null");
    } else {
        put(out, &[b",\"service_tier\":\"", &head.tier, b"\""]);
    }
    out.extend_from_slice(b",\"usage\":");
    match state.tokens {
        Some(tokens) => tokens.write(out, Form::Responses, b""),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

/// A part of a message; `annotations` as the elements of an array.
pub fn part(out: &mut Vec<u8>, kind: PartKind, text: &[u8], annotations: &[u8]) {
    match kind {
        PartKind::Refusal => put(out, &[b"{\"type\":\"refusal\",\"refusal\":\"", text, b"\"}"]),
        PartKind::Text => put(
            out,
            &[
                b"{\"type\":\"output_text\",\"annotations\":[",
                annotations,
                b"],\"logprobs\":[],\"text\":\"",
                text,
                b"\"}",
            ],
        ),
    }
}

/// An item of type `message`; `parts` as the elements of an array.
pub fn message_item(out: &mut Vec<u8>, id: &[u8], status: &[u8], parts: &[u8]) {
    put(out, &[b"{\"id\":\"", id, b"\",\"type\":\"message\",\"status\":\"", status]);
    put(out, &[b"\",\"role\":\"assistant\",\"content\":[", parts, b"]}"]);
}

/// An item of type `function_call`, whose arguments are a text.
pub fn call_item(out: &mut Vec<u8>, id: &[u8], status: &[u8], call: &Call<'_>) {
    put(out, &[b"{\"id\":\"", id, b"\",\"type\":\"function_call\",\"status\":\"", status]);
    put(out, &[b"\",\"call_id\":\"", call.id, b"\",\"name\":\"", call.name]);
    out.extend_from_slice(b"\",\"arguments\":\"");
    if let Arguments::Text(text) = call.arguments {
        out.extend_from_slice(text);
    }
    out.extend_from_slice(b"\"}");
}

/// An item of type `reasoning`.
pub fn reasoning_item(out: &mut Vec<u8>, id: &[u8], status: &[u8], text: Option<&[u8]>) {
    put(out, &[b"{\"id\":\"", id, b"\",\"type\":\"reasoning\",\"status\":\"", status]);
    out.extend_from_slice(b"\",\"summary\":[");
    if let Some(text) = text {
        put(out, &[b"{\"type\":\"summary_text\",\"text\":\"", text, b"\"}"]);
    }
    out.extend_from_slice(b"],\"encrypted_content\":null}");
}

/// What the ids of items begin with.
pub const CALL_ID: &[u8] = b"fc_";
pub const MESSAGE_ID: &[u8] = b"msg_";
pub const REASONING_ID: &[u8] = b"rs_";

/// What an item's status is once it is whole.
pub const DONE: &[u8] = b"completed";

const BEFORE_MODEL: &[u8] =
    b",\"instructions\":null,\"max_output_tokens\":null,\"metadata\":{},\"model\":\"";
const AFTER_OUTPUT: &[u8] = b",\"parallel_tool_calls\":true,\"previous_response_id\":null,\
    \"reasoning\":{\"effort\":null,\"summary\":null},\"store\":false,\"temperature\":null,\
    \"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\
    \"top_p\":null,\"truncation\":\"disabled\"";
