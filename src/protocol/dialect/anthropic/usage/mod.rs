//! How Anthropic tells usage (PROTOCOL 1.5): `message_start` overlaid by each `message_delta`.
//! Never looks at content.

mod sheet;

use std::ops::Range;
use std::sync::LazyLock;

use crate::protocol::json::reader::{Reader, Value, Want};
use crate::protocol::json::text::Text;
use crate::protocol::sse::search::Search;
use crate::protocol::sse::watch::{Needle, Watch};
use crate::protocol::usage::error::{self, ErrorPart, ErrorSeen};
use crate::protocol::usage::figures::{Count, Figures, Usage};
use crate::protocol::usage::{EventStatement, Observed, Statement, keep_first, name};
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
    const ROOT: Node = Node::Message(MessagePart::Whole);
    const USAGE: fn(&Figures) -> Usage = Usage::beside_cache;

    fn commit(&self, _event: &[u8], seen: &mut Observed) {
        self.begin(seen);
        if self.tokens != Count::Absent && seen.figures.is_none() {
            seen.figures = Some(Figures { input: self.tokens, ..Figures::default() });
        }
        seen.error = self.error;
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
        match (parent, key) {
            (Node::Delta, b"stop_reason") => Want::Take(Node::Stop),
            (Node::Event, b"delta") => Want::Enter(Node::Delta),
            (Node::Event, b"error") => Want::Enter(Node::Error(ErrorPart::Whole)),
            (Node::Event, b"message") => Want::Enter(Node::Message(MessagePart::Whole)),
            (Node::Event, b"object") => Want::Take(Node::Object),
            (Node::Event, b"type") => Want::Take(Node::Type),
            (Node::Event, b"usage") => Want::Enter(Node::Usage(Line::Whole)),
            (Node::Error(ErrorPart::Whole), _) => error::member(key).map(Node::Error),
            (Node::Message(part), _) => message_member(part, key).map(Node::Message),
            (Node::Usage(line), _) => sheet::member(line, key).map(Node::Usage),
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
            Node::Stop => self.stop_reason = name(value),
            Node::Type => self.kind = Kind::of_value(value),
            Node::Usage(line) => sheet::note(&mut self.usage, line, value),
        }
    }
}

impl Reader for Message {
    type Node = Node;

    fn element(&mut self, parent: Node) -> Want<Node> {
        let is_first = !std::mem::replace(&mut self.is_listed, true);
        if is_first && parent == Self::ROOT { Want::Enter(Self::ROOT) } else { Want::Skip }
    }

    fn member(&mut self, parent: Node, key: &[u8]) -> Want<Node> {
        let Node::Message(part) = parent else { return Want::Skip };
        match (part, key) {
            (MessagePart::Whole, b"error") => {
                Want::Enter(Node::Message(MessagePart::Error(ErrorPart::Whole)))
            }
            (MessagePart::Whole, b"input_tokens") => Want::Take(Node::Message(MessagePart::Tokens)),
            (MessagePart::Whole, b"stop_reason") => Want::Take(Node::Message(MessagePart::Stop)),
            _ => message_member(part, key).map(Node::Message),
        }
    }

    fn value(&mut self, node: Node, value: Value<'_>, _span: Range<u64>) {
        if let Node::Message(part) = node
            && (part != MessagePart::Whole || !self.is_listed)
        {
            self.part(part, value);
        }
    }
}

impl Message {
    fn part(&mut self, part: MessagePart, value: Value<'_>) {
        match part {
            MessagePart::Error(part) => error::note(&mut self.error, part, value),
            MessagePart::Id => self.id = name(value),
            MessagePart::Model => self.model = name(value),
            MessagePart::Stop => self.stop_reason = name(value),
            MessagePart::Tokens => self.tokens = Count::of(value),
            MessagePart::Usage(line) => sheet::note(&mut self.usage, line, value),
            MessagePart::Whole if value != Value::Closed => *self = Self::default(),
            MessagePart::Whole => {}
        }
    }
}

fn message_member(part: MessagePart, key: &[u8]) -> Want<MessagePart> {
    match (part, key) {
        (MessagePart::Error(ErrorPart::Whole), _) => error::member(key).map(MessagePart::Error),
        (MessagePart::Usage(line), _) => sheet::member(line, key).map(MessagePart::Usage),
        (MessagePart::Whole, b"id") => Want::Take(MessagePart::Id),
        (MessagePart::Whole, b"model") => Want::Take(MessagePart::Model),
        (MessagePart::Whole, b"usage") => Want::Enter(MessagePart::Usage(Line::Whole)),
        _ => Want::Skip,
    }
}
