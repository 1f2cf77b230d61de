//! One side of a connection without sockets: reads in, messages and a verdict out.
//!
//! Does what the data plane's loop does with parser, framing and chunks, and nothing else.

use sha2::{Digest, Sha256};

use crate::protocol::ascii::contains;
use crate::protocol::http1::chunked::{Decoder, Step};
use crate::protocol::http1::framing::{self, BodyLength};
use crate::protocol::http1::head::Fields;
use crate::protocol::http1::header::Known;
use crate::protocol::http1::parse::{HeadLimits, RequestParser, ResponseParser};
use crate::protocol::http1::{Refusal, UPSTREAM_STATUS};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    Accept,
    Incomplete,
    Reject,
}

/// One message in words that do not depend on buffers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// Method, target, version; or status, reason, version.
    pub line: [String; 3],
    pub headers: Vec<(String, String)>,
    pub framing: &'static str,
    pub has_codings: bool,
    pub body: Vec<u8>,
    pub close: bool,
}

impl Message {
    pub fn body_sha256(&self) -> String {
        let digest = Sha256::digest(&self.body);
        digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(hex_digit).collect()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub verdict: Verdict,
    pub refusal: Option<Refusal>,
    pub status: Option<u16>,
    pub messages: Vec<Message>,
    /// Bytes after the message that ended the connection.
    pub ignored: usize,
}

/// Reads `reads` as a server (`is_request`) or a client would, then the end of the connection.
pub fn run(is_request: bool, reads: &[&[u8]]) -> Outcome {
    let mut connection = Connection::new(is_request);
    let refusal = reads.iter().find_map(|read| connection.push(read).err());
    connection.finish(refusal)
}

fn hex_digit(value: u8) -> Option<char> {
    char::from_digit(u32::from(value), 16)
}

pub fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

struct Connection {
    parser: Parser,
    unread: Vec<u8>,
    state: State,
    message: Message,
    /// The connection has another use after this message, or none.
    is_last: bool,
    messages: Vec<Message>,
}

enum Parser {
    Request(RequestParser),
    Response(ResponseParser),
}

enum State {
    Chunked(Decoder),
    Closed,
    Head,
    Length(usize),
    UntilClose,
}

impl Connection {
    fn new(is_request: bool) -> Self {
        let limits = HeadLimits { head_bytes_max: 65_536, line_bytes_max: 8_192, fields_max: 100 };
        let parser = if is_request {
            Parser::Request(RequestParser::new(limits))
        } else {
            Parser::Response(ResponseParser::new(limits))
        };
        Self {
            parser,
            unread: Vec::new(),
            state: State::Head,
            message: Message::default(),
            is_last: false,
            messages: Vec::new(),
        }
    }

    fn push(&mut self, read: &[u8]) -> Result<(), Refusal> {
        self.unread.extend_from_slice(read);
        while self.advance()? {}
        Ok(())
    }

    /// One step; false when it needs more bytes.
    fn advance(&mut self) -> Result<bool, Refusal> {
        match &mut self.state {
            State::Closed => Ok(false),
            State::Head => self.head(),
            State::UntilClose => {
                self.message.body.append(&mut self.unread);
                Ok(false)
            }
            State::Length(left) => {
                let count = (*left).min(self.unread.len());
                self.message.body.extend(self.unread.drain(..count));
                *left -= count;
                if *left > 0 {
                    return Ok(false);
                }
                self.end_message();
                Ok(true)
            }
            State::Chunked(decoder) => match decoder.step(&self.unread)? {
                Step::NeedMore => {
                    self.unread.clear();
                    Ok(false)
                }
                Step::Data { skip, len } => {
                    assert!(len > 0, "a step makes progress");
                    self.unread.drain(..skip);
                    self.message.body.extend(self.unread.drain(..len));
                    Ok(true)
                }
                Step::End { consumed } => {
                    self.unread.drain(..consumed);
                    self.end_message();
                    Ok(true)
                }
            },
        }
    }

    fn head(&mut self) -> Result<bool, Refusal> {
        let bytes = std::mem::take(&mut self.unread);
        let found = match &mut self.parser {
            Parser::Request(parser) => parser.parse(&bytes)?.map(|head| {
                let line = [text(head.method.of(&bytes)), text(head.target.of(&bytes))];
                let body = framing::request_body(&head, &bytes);
                (line, head.minor, head.fields, head.end, body, false)
            }),
            Parser::Response(parser) => parser.parse(&bytes)?.map(|head| {
                let line = [head.status.to_string(), text(head.reason.of(&bytes))];
                let body = framing::response_body(&head, &bytes, false);
                self.message.has_codings = framing::has_foreign_coding(&head, &bytes);
                (line, head.minor, head.fields, head.end, body, head.status == 101)
            }),
        };
        let Some(([first, second], minor, fields, end, body, switches)) = found else {
            self.unread = bytes;
            return Ok(false);
        };
        let body = body?;
        self.message.line = [first, second, format!("HTTP/1.{minor}")];
        self.message.headers = fields
            .iter()
            .map(|field| (text(field.name.of(&bytes)), text(field.value.of(&bytes))))
            .collect();
        self.message.close =
            framing::wants_close(&fields, minor, &bytes) || body == BodyLength::UntilClose;
        self.is_last = self.message.close || switches || mentions_upgrade(&fields, &bytes);
        self.unread = bytes.get(end..).unwrap_or_default().to_vec();
        self.begin_body(body);
        Ok(true)
    }

    fn begin_body(&mut self, body: BodyLength) {
        let (framing, state) = match body {
            BodyLength::None => ("none", State::Length(0)),
            BodyLength::Length(length) => {
                ("length", State::Length(usize::try_from(length).unwrap_or(usize::MAX)))
            }
            BodyLength::Chunked => ("chunked", State::Chunked(Decoder::new())),
            BodyLength::UntilClose => ("eof", State::UntilClose),
        };
        self.message.framing = framing;
        self.state = state;
    }

    fn end_message(&mut self) {
        self.messages.push(std::mem::take(&mut self.message));
        self.state = if self.is_last { State::Closed } else { State::Head };
    }

    fn finish(mut self, refusal: Option<Refusal>) -> Outcome {
        if refusal.is_none() && matches!(self.state, State::UntilClose) {
            self.end_message();
        }
        let has_begun = match &self.parser {
            Parser::Request(parser) => parser.has_begun(&self.unread),
            Parser::Response(_) => !self.unread.is_empty(),
        };
        let verdict = match self.state {
            _ if refusal.is_some() => Verdict::Reject,
            State::Closed => Verdict::Accept,
            State::Head if !has_begun && !self.messages.is_empty() => Verdict::Accept,
            _ => Verdict::Incomplete,
        };
        let status = match &self.parser {
            Parser::Request(_) => refusal.map(Refusal::status),
            Parser::Response(_) => refusal.map(|_| UPSTREAM_STATUS),
        };
        let ignored = if matches!(self.state, State::Closed) { self.unread.len() } else { 0 };
        Outcome { verdict, refusal, status, messages: self.messages, ignored }
    }
}

/// Wider than `framing::wants_upgrade` on purpose: whoever even mentions an upgrade is not read
/// on, as the expectations of the corpus have it.
fn mentions_upgrade(fields: &Fields, bytes: &[u8]) -> bool {
    fields.has(Known::Upgrade)
        && fields.all(Known::Connection).any(|field| contains(field.value.of(bytes), b"upgrade"))
}
