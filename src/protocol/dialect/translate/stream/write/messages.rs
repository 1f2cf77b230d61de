//! Events of Messages (PROTOCOL 1.5). Never has two blocks open.

use super::super::super::Form;
use super::super::super::answer::messages::stop;
use super::super::super::answer::note::Note;
use super::super::super::answer::{Head, put};
use super::super::failure::Failure;
use super::super::flow::{Kind, Opening};
use super::Ending;
use crate::protocol::http1::write::decimal;

/// Writes one stream.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    /// The open block, or the one that comes.
    index: u64,
    is_refused: bool,
}

/// `message_start`. Its usage is not known yet and stands at zero; the end has it (PROTOCOL 7).
pub fn start(out: &mut Vec<u8>, head: &Head) {
    put(
        out,
        &[
            b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"",
            &head.id,
            b"\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"",
            &head.model,
            b"\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\
            \"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}\n\n",
        ],
    );
}

/// `error`.
pub fn fail(out: &mut Vec<u8>, failure: &Failure<'_>) {
    let kind = failure.kind(Form::Messages);
    put(out, &[b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"", kind]);
    put(out, &[b"\",\"message\":\"", failure.message, b"\"}}\n\n"]);
}

impl Writer {
    pub fn open(&mut self, out: &mut Vec<u8>, opening: &Opening<'_>) {
        out.extend_from_slice(
            b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":",
        );
        decimal(out, self.index);
        out.extend_from_slice(b",\"content_block\":{\"type\":\"");
        match opening.kind {
            Kind::Call => {
                put(out, &[b"tool_use\",\"id\":\"", opening.id, b"\",\"name\":\"", opening.name]);
                out.extend_from_slice(b"\",\"input\":{}");
            }
            Kind::Refusal => {
                self.is_refused = true;
                out.extend_from_slice(b"text\",\"text\":\"\"");
            }
            Kind::Text => out.extend_from_slice(b"text\",\"text\":\"\""),
            Kind::Thinking => {
                out.extend_from_slice(b"thinking\",\"thinking\":\"\",\"signature\":\"\"");
            }
        }
        out.extend_from_slice(b"}}\n\n");
    }

    pub fn piece(&mut self, out: &mut Vec<u8>, kind: Kind, content: &[u8]) {
        let before: &[u8] = match kind {
            Kind::Call => b"input_json_delta\",\"partial_json\":\"",
            Kind::Refusal | Kind::Text => b"text_delta\",\"text\":\"",
            Kind::Thinking => b"thinking_delta\",\"thinking\":\"",
        };
        self.begin_delta(out);
        put(out, &[before, content, b"\"}}\n\n"]);
    }

    pub fn note(&mut self, out: &mut Vec<u8>, note: &Note<'_>) {
        self.begin_delta(out);
        out.extend_from_slice(b"citations_delta\",\"citation\":");
        note.write(out, Form::Messages);
        out.extend_from_slice(b"}}\n\n");
    }

    pub fn close(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":",
        );
        decimal(out, self.index);
        out.extend_from_slice(b"}\n\n");
        self.index += 1;
    }

    pub fn finish(&mut self, out: &mut Vec<u8>, ending: &Ending<'_>) {
        let stop = stop(ending.stop, self.is_refused).word(Form::Messages);
        put(
            out,
            &[
                b"event: message_delta\ndata: {\"type\":\"message_delta\",\
                \"delta\":{\"stop_reason\":\"",
                stop,
                b"\",\"stop_sequence\":null},\"usage\":",
            ],
        );
        ending.tokens.write(out, Form::Messages, ending.head.messages_tier());
        out.extend_from_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }

    fn begin_delta(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        decimal(out, self.index);
        out.extend_from_slice(b",\"delta\":{\"type\":\"");
    }
}
