//! Events of Responses (PROTOCOL 2.4): each item, part and text is told once more when it is
//! whole, and all of them at the end, so that an answer is kept up to a bound.

use super::super::super::Form;
use super::super::super::answer::call::{Arguments, Call};
use super::super::super::answer::note::Note;
use super::super::super::answer::responses::{
    CALL_ID, DONE, MESSAGE_ID, PartKind, REASONING_ID, State, call_item, envelope, item_id,
    message_item, part, reasoning_item,
};
use super::super::super::answer::stop::Stop;
use super::super::super::answer::{Head, put};
use super::super::failure::Failure;
use super::super::flow::{Kind, Opening};
use super::super::{ANSWER_BYTES_MAX, Broken};
use super::Ending;
use crate::protocol::http1::write::decimal;

/// Writes one stream.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    /// Of the open text, as the elements of an array.
    annotations: Vec<u8>,
    annotations_count: u64,
    /// Of the open block.
    content: Vec<u8>,
    head: Head,
    /// Whether a message is open, between its parts too.
    in_message: bool,
    item: Item,
    items_count: u64,
    /// The items that are whole, as the elements of an array.
    output: Vec<u8>,
    /// The parts of the open message that are whole, as the elements of an array.
    parts: Vec<u8>,
    parts_count: u64,
    sequence_number: u64,
}

/// The open item.
#[derive(Clone, Debug, Default)]
struct Item {
    call_id: Vec<u8>,
    id: Vec<u8>,
    name: Vec<u8>,
}

impl Writer {
    pub fn start(&mut self, out: &mut Vec<u8>, head: &Head) {
        self.head = head.clone();
        let running = State { error: b"null", output: b"", stop: None, tokens: None };
        for kind in [&b"response.created"[..], b"response.in_progress"] {
            self.whole(out, kind, &running);
        }
    }

    pub fn open(&mut self, out: &mut Vec<u8>, opening: &Opening<'_>) {
        self.content.clear();
        match opening.kind {
            Kind::Call => {
                self.end_message(out, DONE);
                self.item.call_id = opening.id.to_vec();
                self.item.name = opening.name.to_vec();
                self.begin_item(out, CALL_ID, opening.kind);
            }
            Kind::Thinking => {
                self.end_message(out, DONE);
                self.begin_item(out, REASONING_ID, opening.kind);
                self.event(out, b"response.reasoning_summary_part.added", b"\"summary_index\":0,");
                out.extend_from_slice(b",\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}\n\n");
            }
            Kind::Refusal | Kind::Text => {
                if !self.in_message {
                    self.in_message = true;
                    self.begin_item(out, MESSAGE_ID, opening.kind);
                }
                self.part_event(out, b"response.content_part.added");
                out.extend_from_slice(b",\"part\":");
                part(out, part_kind(opening.kind), b"", b"");
                out.extend_from_slice(b"}\n\n");
            }
        }
    }

    pub fn piece(&mut self, out: &mut Vec<u8>, kind: Kind, content: &[u8]) -> Result<(), Broken> {
        let kept = self.output.len() + self.parts.len() + self.content.len() + content.len();
        if kept > ANSWER_BYTES_MAX {
            return Err(Broken::TooLong);
        }
        self.content.extend_from_slice(content);
        match kind {
            Kind::Call => self.event(out, b"response.function_call_arguments.delta", b""),
            Kind::Refusal => self.part_event(out, b"response.refusal.delta"),
            Kind::Text => self.part_event(out, b"response.output_text.delta"),
            Kind::Thinking => {
                self.event(out, b"response.reasoning_summary_text.delta", b"\"summary_index\":0,");
            }
        }
        let after: &[u8] = if kind == Kind::Text { b"\",\"logprobs\":[]}\n\n" } else { b"\"}\n\n" };
        put(out, &[b",\"delta\":\"", content, after]);
        Ok(())
    }

    pub fn note(&mut self, out: &mut Vec<u8>, note: &Note<'_>) {
        if self.annotations_count > 0 {
            self.annotations.push(b',');
        }
        let start = self.annotations.len();
        note.write(&mut self.annotations, Form::Responses);
        self.part_event(out, b"response.output_text.annotation.added");
        out.extend_from_slice(b",\"annotation_index\":");
        decimal(out, self.annotations_count);
        let annotation = self.annotations.get(start..).unwrap_or_default();
        put(out, &[b",\"annotation\":", annotation, b"}\n\n"]);
        self.annotations_count += 1;
    }

    pub fn close(&mut self, out: &mut Vec<u8>, kind: Kind) {
        match kind {
            Kind::Call => self.close_call(out),
            Kind::Thinking => self.close_reasoning(out),
            Kind::Refusal | Kind::Text => self.close_part(out, kind),
        }
    }

    pub fn finish(&mut self, out: &mut Vec<u8>, ending: &Ending<'_>) {
        let is_whole = matches!(ending.stop, Stop::End | Stop::Tool);
        let (kind, status): (&[u8], &[u8]) = if is_whole {
            (b"response.completed", DONE)
        } else {
            (b"response.incomplete", b"incomplete")
        };
        self.end_message(out, status);
        self.head.tier.clone_from(&ending.head.tier);
        let output = std::mem::take(&mut self.output);
        let tokens = ending.tokens.is_told().then_some(ending.tokens);
        let state = State { error: b"null", output: &output, stop: Some(ending.stop), tokens };
        self.whole(out, kind, &state);
    }

    pub fn fail(&mut self, out: &mut Vec<u8>, head: &Head, failure: &Failure<'_>) {
        self.head = head.clone();
        let code = failure.kind(Form::Responses);
        let error = [b"{\"code\":\"", code, b"\",\"message\":\"", failure.message, b"\"}"].concat();
        let output = std::mem::take(&mut self.output);
        let state = State { error: &error, output: &output, stop: None, tokens: None };
        self.whole(out, b"response.failed", &state);
    }

    fn close_call(&mut self, out: &mut Vec<u8>) {
        if self.content.is_empty() {
            self.content.extend_from_slice(b"{}");
        }
        self.event(out, b"response.function_call_arguments.done", b"");
        put(out, &[b",\"name\":\"", &self.item.name, b"\",\"arguments\":\"", &self.content]);
        out.extend_from_slice(b"\"}\n\n");
        let mut item = Vec::new();
        self.call_item(&mut item, DONE);
        self.end_item(out, &item);
    }

    fn close_reasoning(&mut self, out: &mut Vec<u8>) {
        let index = b"\"summary_index\":0,";
        self.event(out, b"response.reasoning_summary_text.done", index);
        put(out, &[b",\"text\":\"", &self.content, b"\"}\n\n"]);
        self.event(out, b"response.reasoning_summary_part.done", index);
        put(out, &[b",\"part\":{\"type\":\"summary_text\",\"text\":\"", &self.content]);
        out.extend_from_slice(b"\"}}\n\n");
        let mut item = Vec::new();
        reasoning_item(&mut item, &self.item.id, DONE, Some(&self.content));
        self.end_item(out, &item);
    }

    fn close_part(&mut self, out: &mut Vec<u8>, kind: Kind) {
        if kind == Kind::Text {
            self.part_event(out, b"response.output_text.done");
            put(out, &[b",\"text\":\"", &self.content, b"\",\"logprobs\":[]}\n\n"]);
        } else {
            self.part_event(out, b"response.refusal.done");
            put(out, &[b",\"refusal\":\"", &self.content, b"\"}\n\n"]);
        }
        if self.parts_count > 0 {
            self.parts.push(b',');
        }
        let start = self.parts.len();
        part(&mut self.parts, part_kind(kind), &self.content, &self.annotations);
        self.part_event(out, b"response.content_part.done");
        let whole = self.parts.get(start..).unwrap_or_default();
        put(out, &[b",\"part\":", whole, b"}\n\n"]);
        self.parts_count += 1;
        self.annotations.clear();
        self.annotations_count = 0;
    }

    fn end_message(&mut self, out: &mut Vec<u8>, status: &[u8]) {
        if std::mem::take(&mut self.in_message) {
            let mut item = Vec::new();
            message_item(&mut item, &self.item.id, status, &self.parts);
            self.end_item(out, &item);
            self.parts.clear();
            self.parts_count = 0;
        }
    }

    fn begin_item(&mut self, out: &mut Vec<u8>, prefix: &[u8], kind: Kind) {
        self.item.id = item_id(prefix, &self.head, self.items_count);
        self.item_event(out, b"response.output_item.added");
        match kind {
            Kind::Call => self.call_item(out, RUNNING),
            Kind::Refusal | Kind::Text => message_item(out, &self.item.id, RUNNING, b""),
            Kind::Thinking => reasoning_item(out, &self.item.id, RUNNING, None),
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn end_item(&mut self, out: &mut Vec<u8>, item: &[u8]) {
        self.item_event(out, b"response.output_item.done");
        put(out, &[item, b"}\n\n"]);
        if !self.output.is_empty() {
            self.output.push(b',');
        }
        self.output.extend_from_slice(item);
        self.items_count += 1;
    }

    fn call_item(&self, out: &mut Vec<u8>, status: &[u8]) {
        let arguments = Arguments::Text(&self.content);
        let call = Call { arguments, id: &self.item.call_id, name: &self.item.name };
        call_item(out, &self.item.id, status, &call);
    }

    /// An event of the whole response.
    fn whole(&mut self, out: &mut Vec<u8>, kind: &[u8], state: &State<'_>) {
        self.begin(out, kind);
        out.extend_from_slice(b",\"response\":");
        envelope(out, &self.head, state);
        out.extend_from_slice(b"}\n\n");
    }

    /// An event of an item, up to `item`.
    fn item_event(&mut self, out: &mut Vec<u8>, kind: &[u8]) {
        self.begin(out, kind);
        out.extend_from_slice(b",\"output_index\":");
        decimal(out, self.items_count);
        out.extend_from_slice(b",\"item\":");
    }

    /// An event of a part of the open message.
    fn part_event(&mut self, out: &mut Vec<u8>, kind: &[u8]) {
        self.event(out, kind, b"");
        out.extend_from_slice(b",\"content_index\":");
        decimal(out, self.parts_count);
    }

    /// An event of something in the open item; `members` before its place.
    fn event(&mut self, out: &mut Vec<u8>, kind: &[u8], members: &[u8]) {
        self.begin(out, kind);
        put(out, &[b",", members, b"\"item_id\":\"", &self.item.id, b"\",\"output_index\":"]);
        decimal(out, self.items_count);
    }

    fn begin(&mut self, out: &mut Vec<u8>, kind: &[u8]) {
        put(out, &[b"event: ", kind, b"\ndata: {\"type\":\"", kind, b"\",\"sequence_number\":"]);
        decimal(out, self.sequence_number);
        self.sequence_number += 1;
    }
}

const fn part_kind(kind: Kind) -> PartKind {
    match kind {
        Kind::Refusal => PartKind::Refusal,
        Kind::Call | Kind::Text | Kind::Thinking => PartKind::Text,
    }
}

const RUNNING: &[u8] = b"in_progress";
