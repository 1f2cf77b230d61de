//! Chunks of Chat Completions (PROTOCOL 2.3). Never tells an id or a name of a call twice.

use super::super::super::Form;
use super::super::super::answer::note::Note;
use super::super::super::answer::{Head, put};
use super::super::failure::Failure;
use super::super::flow::{Kind, Opening};
use super::Ending;
use crate::protocol::http1::write::decimal;

/// Writes one stream.
#[derive(Clone, Debug)]
pub struct Writer {
    /// The open call, or the one that comes.
    call: u64,
    include_usage: bool,
    /// The open call has no arguments so far.
    is_bare: bool,
    notes: u64,
    /// What each chunk begins with.
    prefix: Vec<u8>,
}

/// An error's chunk, after which nothing comes, `[DONE]` neither.
pub fn fail(out: &mut Vec<u8>, failure: &Failure<'_>) {
    let kind = failure.kind(Form::Chat);
    put(out, &[b"data: {\"error\":{\"message\":\"", failure.message, b"\",\"type\":\"", kind]);
    put(out, &[b"\",\"param\":null,\"code\":\"", failure.code(), b"\"}}\n\n"]);
}

impl Writer {
    pub const fn new(include_usage: bool) -> Self {
        Self { call: 0, include_usage, is_bare: false, notes: 0, prefix: Vec::new() }
    }

    pub fn start(&mut self, out: &mut Vec<u8>, head: &Head) {
        let prefix = &mut self.prefix;
        put(prefix, &[b"data: {\"id\":\"", &head.id, b"\",\"object\":\"chat.completion.chunk\","]);
        prefix.extend_from_slice(b"\"created\":");
        decimal(prefix, head.created);
        put(prefix, &[b",\"model\":\"", &head.model, b"\""]);
        if !head.tier.is_empty() {
            put(prefix, &[b",\"service_tier\":\"", &head.tier, b"\""]);
        }
        prefix.extend_from_slice(b",\"choices\":[");
        self.delta(out, &[b"\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"]);
    }

    pub fn open(&mut self, out: &mut Vec<u8>, opening: &Opening<'_>) {
        if opening.kind == Kind::Call {
            self.is_bare = true;
            self.begin_call(out);
            put(out, &[b"\"id\":\"", opening.id, b"\",\"type\":\"function\",\"function\":"]);
            put(out, &[b"{\"name\":\"", opening.name, b"\",\"arguments\":\"\"}}]"]);
            self.end_delta(out);
        }
    }

    pub fn piece(&mut self, out: &mut Vec<u8>, kind: Kind, content: &[u8]) {
        let name: &[u8] = match kind {
            Kind::Call => {
                self.is_bare = false;
                self.begin_call(out);
                put(out, &[b"\"function\":{\"arguments\":\"", content, b"\"}}]"]);
                return self.end_delta(out);
            }
            Kind::Refusal => b"\"refusal\":\"",
            Kind::Text => b"\"content\":\"",
            Kind::Thinking => b"\"reasoning_content\":\"",
        };
        self.delta(out, &[name, content, b"\""]);
    }

    pub fn note(&mut self, out: &mut Vec<u8>, note: &Note<'_>) {
        // Readers put lists together by index and fail without.
        self.begin_delta(out);
        out.extend_from_slice(b"\"annotations\":[{\"index\":");
        decimal(out, self.notes);
        let start = out.len();
        note.write(out, Form::Chat);
        if let Some(brace) = out.get_mut(start) {
            *brace = b',';
        }
        out.push(b']');
        self.notes += 1;
        self.end_delta(out);
    }

    pub fn close(&mut self, out: &mut Vec<u8>, kind: Kind) {
        if kind == Kind::Call {
            if self.is_bare {
                // Readers parse what has come, and nothing is no JSON.
                self.piece(out, kind, b"{}");
            }
            self.call += 1;
        }
    }

    pub fn finish(&mut self, out: &mut Vec<u8>, ending: &Ending<'_>) {
        put(out, &[&self.prefix, b"{\"index\":0,\"delta\":{},\"logprobs\":null,"]);
        put(out, &[b"\"finish_reason\":\"", ending.stop.word(Form::Chat), b"\"}]"]);
        self.end_chunk(out);
        if self.include_usage && ending.tokens.is_told() {
            put(out, &[&self.prefix, b"],\"usage\":"]);
            ending.tokens.write(out, Form::Chat, b"");
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn begin_call(&self, out: &mut Vec<u8>) {
        self.begin_delta(out);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        decimal(out, self.call);
        out.push(b',');
    }

    fn delta(&self, out: &mut Vec<u8>, pieces: &[&[u8]]) {
        self.begin_delta(out);
        put(out, pieces);
        self.end_delta(out);
    }

    fn begin_delta(&self, out: &mut Vec<u8>) {
        put(out, &[&self.prefix, b"{\"index\":0,\"delta\":{"]);
    }

    fn end_delta(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":null}]");
        self.end_chunk(out);
    }

    /// Who asked for usage gets it as null but for the last (PROTOCOL 2.3).
    fn end_chunk(&self, out: &mut Vec<u8>) {
        let usage: &[u8] = if self.include_usage { b",\"usage\":null}\n\n" } else { b"}\n\n" };
        out.extend_from_slice(usage);
    }
}
