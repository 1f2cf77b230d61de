//! What the gateway has to know of a request body: one pass, no decode.
//!
//! Never changes a byte, never allocates: a fact is a number, a switch or a place in the body.
//! Keys count at their depth only, with escapes decoded; of repeated keys the last wins, as
//! parsers have it, but for `model` and `stream`, which are refused (BEHAVIOUR 2.5).

use std::borrow::Cow;
use std::ops::Range;

use super::json::reader::{Reader, Value, Want, wanted};
use super::json::scan::Scanner;
use super::json::{number, text};

/// Reads a whole body.
pub fn read(body: &[u8]) -> Result<RequestFacts, FactsFault> {
    let mut reading = Reading::new();
    reading.push(body);
    reading.finish()
}

/// Why a body gives no facts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FactsFault {
    /// `model` twice: parsers differ in which one they take.
    DuplicateModel,
    /// `stream` twice.
    DuplicateStream,
    /// No JSON, or cut off.
    Unreadable,
}

/// A place in the body, in bytes. A string's includes its quotes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// Of the first byte.
    pub start: usize,
    /// After the last byte.
    pub end: usize,
}

impl Span {
    /// From its first byte to after its last.
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// The bytes at this place.
    pub fn of(self, body: &[u8]) -> &[u8] {
        body.get(self.start..self.end).unwrap_or_default()
    }

    /// The text of the string at this place; `None` when it is no string or no UTF-8.
    pub fn text(self, body: &[u8]) -> Option<Cow<'_, str>> {
        let content = self.of(body).strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if !content.contains(&b'\\') {
            return std::str::from_utf8(content).ok().map(Cow::Borrowed);
        }
        let mut out = vec![0; content.len()];
        let len = text::unescape(content, &mut out).ok()?.len();
        out.truncate(len);
        String::from_utf8(out).ok().map(Cow::Owned)
    }
}

/// The facts of one body. All absent in a JSON value that is no object.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RequestFacts {
    /// The first message of the user: an element of `messages` or `input`, or a lone `input`.
    pub first_user: Option<Span>,
    /// `stream_options` has the key `include_usage`, whatever its value.
    pub has_include_usage: bool,
    /// `thinking` is an object whose `type` is not `disabled`.
    pub has_thinking: bool,
    /// `tools` is an array with an element.
    pub has_tools: bool,
    /// `max_completion_tokens`, else `max_output_tokens`, else `max_tokens`.
    pub max_tokens: Option<u64>,
    /// Elements of `messages` or of `input`; a lone `input` is one.
    pub message_count: u64,
    /// A string.
    pub model: Option<Span>,
    /// Any value that is not null.
    pub stream_options: Option<Span>,
    /// Where the value of `stream_options` stands, whatever it is.
    pub stream_options_span: Option<Span>,
    /// A string.
    pub prompt_cache_key: Option<Span>,
    /// `true` or `false`; anything else is absent.
    pub stream: Option<bool>,
    /// Where the value of `stream` stands, whatever it is.
    pub stream_span: Option<Span>,
    /// `system` or `instructions`, else the first message whose role is `system` or `developer`,
    /// if it comes before the first message of the user.
    pub system: Option<Span>,
    /// The whole array.
    pub tools: Option<Span>,
    /// `metadata.user_id`, a string.
    pub user_id: Option<Span>,
}

/// A body that is read as it comes in.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    facts: Facts,
    scanner: Scanner<Node>,
}

impl Reading {
    /// Before the first byte.
    pub fn new() -> Self {
        Self { facts: Facts::default(), scanner: Scanner::new(Node::Body) }
    }

    /// Takes in the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        self.scanner.push(&mut self.facts, bytes);
    }

    /// Ends the body.
    pub fn finish(mut self) -> Result<RequestFacts, FactsFault> {
        if !self.scanner.finish(&mut self.facts) {
            return Err(FactsFault::Unreadable);
        }
        self.facts.settle()
    }
}

impl Default for Reading {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Body,
    CacheKey,
    IncludeUsage,
    MaxCompletionTokens,
    MaxOutputTokens,
    MaxTokens,
    Message,
    Messages,
    Metadata,
    Model,
    Role,
    Stream,
    StreamOptions,
    System,
    Thinking,
    ThinkingType,
    Tools,
    UserId,
}

#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    found: RequestFacts,
    /// By rank: completion, output, plain.
    max_tokens: [Option<u64>; 3],
    models: u8,
    role: Role,
    streams: u8,
    system_message: Option<Span>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Role {
    #[default]
    Other,
    System,
    User,
}

impl Facts {
    fn settle(self) -> Result<RequestFacts, FactsFault> {
        if self.models > 1 {
            return Err(FactsFault::DuplicateModel);
        }
        if self.streams > 1 {
            return Err(FactsFault::DuplicateStream);
        }
        let mut found = self.found;
        found.max_tokens = self.max_tokens.into_iter().flatten().next();
        found.system = found.system.or(self.system_message);
        Ok(found)
    }

    fn messages(&mut self, value: Value<'_>, span: Span) {
        // The last of repeated keys wins, so each begins anew.
        if matches!(value, Value::Closed) {
            return;
        }
        self.found.message_count = 0;
        self.found.first_user = None;
        self.system_message = None;
        if matches!(value, Value::String(_) | Value::LongString(_)) {
            self.found.message_count = 1;
            self.found.first_user = Some(span);
        }
    }

    fn message(&mut self, value: Value<'_>, span: Span) {
        match value {
            Value::OpenedObject => self.role = Role::Other,
            Value::Closed if self.role == Role::User => self.found.first_user = Some(span),
            Value::Closed if self.role == Role::System && self.system_message.is_none() => {
                self.system_message = Some(span);
            }
            _ => {}
        }
    }
}

impl Reader for Facts {
    type Node = Node;

    fn element(&mut self, parent: Node) -> Want<Node> {
        match parent {
            Node::Messages => {
                self.found.message_count += 1;
                // Once the first is known, the others are only counted.
                if self.found.first_user.is_some() {
                    Want::Skip
                } else {
                    Want::Enter(Node::Message)
                }
            }
            Node::Tools => {
                self.found.has_tools = true;
                Want::Skip
            }
            _ => Want::Skip,
        }
    }

    fn member(&mut self, parent: Node, key: &[u8]) -> Want<Node> {
        match parent {
            Node::Body => body_member(key),
            Node::Message => wanted!(key, { b"role" => Want::Take(Node::Role), }),
            Node::Metadata => wanted!(key, { b"user_id" => Want::Take(Node::UserId), }),
            Node::StreamOptions => {
                wanted!(key, { b"include_usage" => Want::Take(Node::IncludeUsage), })
            }
            Node::Thinking => wanted!(key, { b"type" => Want::Take(Node::ThinkingType), }),
            _ => Want::Skip,
        }
    }

    fn value(&mut self, node: Node, value: Value<'_>, span: Range<u64>) {
        let place = |at| usize::try_from(at).unwrap_or(usize::MAX);
        let span = Span { start: place(span.start), end: place(span.end) };
        let is_string = matches!(value, Value::String(_) | Value::LongString(_));
        let string = is_string.then_some(span);
        let found = &mut self.found;
        match node {
            Node::Body => {}
            Node::Metadata | Node::Thinking if value == Value::Closed => {}
            Node::CacheKey => found.prompt_cache_key = string,
            Node::IncludeUsage => found.has_include_usage = true,
            Node::MaxCompletionTokens => self.max_tokens[0] = count(value),
            Node::MaxOutputTokens => self.max_tokens[1] = count(value),
            Node::MaxTokens => self.max_tokens[2] = count(value),
            Node::Message => self.message(value, span),
            Node::Messages => self.messages(value, span),
            Node::Metadata => found.user_id = None,
            Node::Model => {
                self.models = self.models.saturating_add(1);
                found.model = string;
            }
            Node::Role => self.role = role(value),
            Node::Stream => {
                self.streams = self.streams.saturating_add(1);
                found.stream_span = Some(span);
                found.stream = switch(value);
            }
            Node::StreamOptions => {
                found.has_include_usage &= value == Value::Closed;
                found.stream_options = (value != Value::Null).then_some(span);
                found.stream_options_span = Some(span);
            }
            Node::System => found.system = (value != Value::Null).then_some(span),
            Node::Thinking => found.has_thinking = value == Value::OpenedObject,
            Node::ThinkingType => found.has_thinking = value != Value::String(b"disabled"),
            Node::Tools => {
                let is_array =
                    value == Value::OpenedArray || value == Value::Closed && found.tools.is_some();
                found.has_tools &= value == Value::Closed;
                found.tools = is_array.then_some(span);
            }
            Node::UserId => found.user_id = string,
        }
    }
}

fn body_member(key: &[u8]) -> Want<Node> {
    wanted!(key, {
        b"max_completion_tokens" => Want::Take(Node::MaxCompletionTokens),
        b"max_output_tokens" => Want::Take(Node::MaxOutputTokens),
        b"max_tokens" => Want::Take(Node::MaxTokens),
        b"messages" | b"input" => Want::Enter(Node::Messages),
        b"metadata" => Want::Enter(Node::Metadata),
        b"model" => Want::Take(Node::Model),
        b"prompt_cache_key" => Want::Take(Node::CacheKey),
        b"stream" => Want::Take(Node::Stream),
        b"stream_options" => Want::Enter(Node::StreamOptions),
        b"system" | b"instructions" => Want::Take(Node::System),
        b"thinking" => Want::Enter(Node::Thinking),
        b"tools" => Want::Enter(Node::Tools),
    })
}

fn count(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Number(digits) => number::integer(digits),
        _ => None,
    }
}

const fn switch(value: Value<'_>) -> Option<bool> {
    match value {
        Value::True => Some(true),
        Value::False => Some(false),
        _ => None,
    }
}

const fn role(value: Value<'_>) -> Role {
    match value {
        Value::String(b"user") => Role::User,
        Value::String(b"system" | b"developer") => Role::System,
        _ => Role::Other,
    }
}

#[cfg(test)]
mod tests;
