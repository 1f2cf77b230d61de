//! How Anthropic tells usage (PROTOCOL 1.5): `message_start` overlaid by each `message_delta`.
//! Never looks at content.

mod sheet;

use std::ops::Range;
use std::sync::LazyLock;

use crate::protocol::json::reader::{Reader, Value, Want, wanted};
use crate::protocol::json::text::Text;
use crate::protocol::sse::search::Search;
use crate::protocol::sse::watch::{Needle, Watch};
use crate::protocol::usage::error::{self, ErrorPart, ErrorSeen};
use crate::protocol::usage::figures::{Count, Figures, Usage};
use crate::protocol::usage::{EventStatement, Observed, Statement, keep_first, note_name};
use sheet::{Line, Sheet, overlay};

/// One event of a Messages stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Event {
    error: Option<ErrorSeen>,
    kind: Option<Kind>,
    message: Message,
    /// What some servers have in place of `type`.
    object: Option<Kind>,
    stop_reason: Option<Text<64>>,
    usage: Option<Sheet>,
}

/// A message: a plain body, or what `message_start` has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Message {
    error: Option<ErrorSeen>,
    id: Option<Text<128>>,
    /// Of an array of messages the first counts.
    is_listed: bool,
    model: Option<Text<128>>,
    stop_reason: Option<Text<64>>,
    /// The body of `count_tokens` is its own usage.
    tokens: Count,
    usage: Option<Sheet>,
}

/// A place in an event or a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Node {
    /// `delta` of an event.
    Delta,
    /// `error`, and its members.
    Error(ErrorPart),
    /// The event itself.
    Event,
    /// A member of a message, or of the plain body.
    Message(MessagePart),
    /// `object` of an event.
    Object,
    /// `delta.stop_reason`.
    Stop,
    /// `type` of an event.
    Type,
    /// `usage` of an event, and its members.
    Usage(Line),
}

/// Of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MessagePart {
    /// `error`, and its members.
    Error(ErrorPart),
    /// `id`.
    Id,
    /// `model`.
    Model,
    /// `stop_reason`.
    Stop,
    /// `input_tokens`, as `count_tokens` answers.
    Tokens,
    /// `usage`, and its members.
    Usage(Line),
    /// The object.
    Whole,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Delta,
    Error,
    Other,
    Start,
    Stop,
}

impl Statement for Event {
    const ROOT: Node = Node::Event;
    const USAGE: fn(&Figures) -> Usage = Usage::beside_cache;

    fn commit(&self, event: &[u8], seen: &mut Observed) {
        let named = (!event.is_empty()).then(|| Kind::of(event));
        match self.kind.or(named).or(self.object) {
            Some(Kind::Start) => self.message.begin(seen),
            Some(Kind::Delta) => {
                if self.stop_reason.is_some() {
                    seen.stop_reason = self.stop_reason;
                    seen.stops += 1;
                }
                overlay(seen, self.usage.as_ref());
            }
            Some(Kind::Stop) => seen.terminal_seen = true,
            Some(Kind::Error) => {
                seen.error = seen.error.or(Some(self.error.unwrap_or_default()));
            }
            Some(Kind::Other) | None => {}
        }
    }
}

impl EventStatement for Event {
    const WATCH: Watch =
        Watch::new([Needle::new(b"message_", 6, &[]), Needle::new(b"error", 1, &[]), None]);

    fn search() -> &'static Search {
        static SEARCH: LazyLock<Search> = LazyLock::new(|| Search::new(&Event::WATCH));
        &SEARCH
    }
}

impl Statement for Message {
    const ROOT: MessagePart = MessagePart::Whole;
    const USAGE: fn(&Figures) -> Usage = Usage::beside_cache;

    fn commit(&self, _event: &[u8], seen: &mut Observed) {
        self.begin(seen);
        if self.tokens != Count::Absent && seen.figures.is_none() {
            seen.figures = Some(Figures { input: self.tokens, ..Figures::default() });
        }
        keep_first(&mut seen.error, self.error.as_ref());
        seen.stop_reason = self.stop_reason;
        seen.stops = u64::from(self.stop_reason.is_some());
    }
}

impl Message {
    /// Takes over what `message_start` tells, and a plain body too.
    fn begin(&self, seen: &mut Observed) {
        keep_first(&mut seen.model, self.model.as_ref());
        keep_first(&mut seen.id, self.id.as_ref());
        overlay(seen, self.usage.as_ref());
    }
}

impl Kind {
    fn of(word: &[u8]) -> Self {
        match word {
            b"error" => Self::Error,
            b"message_delta" => Self::Delta,
            b"message_start" => Self::Start,
            b"message_stop" => Self::Stop,
            _ => Self::Other,
        }
    }

    fn of_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::String(word) => Some(Self::of(word)),
            Value::LongString(_) => Some(Self::Other),
            _ => None,
        }
    }
}

impl Reader for Event {
    type Node = Node;

    fn element(&mut self, _parent: Node) -> Want<Node> {
        Want::Skip
    }

    fn member(&mut self, parent: Node, key: &[u8]) -> Want<Node> {
        match parent {
            Node::Delta => wanted!(key, { b"stop_reason" => Want::Take(Node::Stop), }),
            Node::Error(ErrorPart::Whole) => error::member(key).map(Node::Error),
            Node::Event => wanted!(key, {
                b"delta" => Want::Enter(Node::Delta),
                b"error" => Want::Enter(Node::Error(ErrorPart::Whole)),
                b"message" => Want::Enter(Node::Message(MessagePart::Whole)),
                b"object" => Want::Take(Node::Object),
                b"type" => Want::Take(Node::Type),
                b"usage" => Want::Enter(Node::Usage(Line::Whole)),
            }),
            // Of an event's message neither an error nor a stop reason is asked for.
            Node::Message(part) => message_member(part, key).map(Node::Message),
            Node::Usage(line) => sheet::member(line, key).map(Node::Usage),
            _ => Want::Skip,
        }
    }

    fn value(&mut self, node: Node, value: Value<'_>, _span: Range<u64>) {
        match node {
            // Only the last of repeated members counts, so each begins anew.
            Node::Delta if value != Value::Closed => self.stop_reason = None,
            Node::Delta | Node::Event => {}
            Node::Error(part) => error::note(&mut self.error, part, value),
            Node::Message(part) => self.message.part(part, value),
            Node::Object => self.object = Kind::of_value(value),
            Node::Stop => note_name(&mut self.stop_reason, value),
            Node::Type => self.kind = Kind::of_value(value),
            Node::Usage(line) => sheet::note(&mut self.usage, line, value),
        }
    }
}

impl Reader for Message {
    type Node = MessagePart;

    fn element(&mut self, parent: MessagePart) -> Want<MessagePart> {
        let is_first = !std::mem::replace(&mut self.is_listed, true);
        if is_first && parent == Self::ROOT { Want::Enter(Self::ROOT) } else { Want::Skip }
    }

    fn member(&mut self, parent: MessagePart, key: &[u8]) -> Want<MessagePart> {
        match parent {
            MessagePart::Whole => wanted!(key, {
                b"error" => Want::Enter(MessagePart::Error(ErrorPart::Whole)),
                b"id" => Want::Take(MessagePart::Id),
                b"input_tokens" => Want::Take(MessagePart::Tokens),
                b"model" => Want::Take(MessagePart::Model),
                b"stop_reason" => Want::Take(MessagePart::Stop),
                b"usage" => Want::Enter(MessagePart::Usage(Line::Whole)),
            }),
            _ => message_member(parent, key),
        }
    }

    fn value(&mut self, node: MessagePart, value: Value<'_>, _span: Range<u64>) {
        if node != MessagePart::Whole || !self.is_listed {
            self.part(node, value);
        }
    }
}

impl Message {
    fn part(&mut self, part: MessagePart, value: Value<'_>) {
        match part {
            MessagePart::Error(part) => error::note(&mut self.error, part, value),
            MessagePart::Id => note_name(&mut self.id, value),
            MessagePart::Model => note_name(&mut self.model, value),
            MessagePart::Stop => note_name(&mut self.stop_reason, value),
            MessagePart::Tokens => self.tokens = Count::of(value),
            MessagePart::Usage(line) => sheet::note(&mut self.usage, line, value),
            MessagePart::Whole if value != Value::Closed => *self = Self::default(),
            MessagePart::Whole => {}
        }
    }
}

fn message_member(part: MessagePart, key: &[u8]) -> Want<MessagePart> {
    match part {
        MessagePart::Error(ErrorPart::Whole) => error::member(key).map(MessagePart::Error),
        MessagePart::Usage(line) => sheet::member(line, key).map(MessagePart::Usage),
        MessagePart::Whole => wanted!(key, {
            b"id" => Want::Take(MessagePart::Id),
            b"model" => Want::Take(MessagePart::Model),
            b"usage" => Want::Enter(MessagePart::Usage(Line::Whole)),
        }),
        _ => Want::Skip,
    }
}
