//! Responses, streams and bodies. Never looks at content.

use std::ops::Range;
use std::sync::LazyLock;

use super::sheet::{Line, Sheet, responses_member};
use crate::protocol::json::reader::{Reader, Value, Want, wanted};
use crate::protocol::json::text::Text;
use crate::protocol::sse::search::Search;
use crate::protocol::sse::watch::{Needle, Watch};
use crate::protocol::usage::error::{self, ErrorPart, ErrorSeen};
use crate::protocol::usage::figures::{Figures, Usage};
use crate::protocol::usage::{EventStatement, Observed, Statement, keep_first, note_name};

/// One event of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Event {
    /// `error` of the event itself, as some have it.
    error: Option<ErrorSeen>,
    /// `code` and `message` beside `type`.
    flat: ErrorSeen,
    has_error_object: bool,
    has_response: bool,
    kind: Option<Kind>,
    /// What some servers have in place of `type`.
    object: Option<Kind>,
    response: Response,
}

/// A response: a plain body, or the `response` of an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Response {
    error: Option<ErrorSeen>,
    id: Option<Text<128>>,
    /// Of an array of bodies the first counts.
    is_listed: bool,
    model: Option<Text<128>>,
    service_tier: Option<Text<32>>,
    status: Option<Text<64>>,
    usage: Option<Sheet>,
}

/// A place in an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Node {
    /// `error`.
    Error(ErrorPart),
    /// The event itself.
    Event,
    /// `code` or `message` of the event.
    Flat(ErrorPart),
    /// `object` of the event.
    Object,
    /// `response`, or the plain body.
    Response(Part),
    /// `type` of the event.
    Type,
}

/// A place in a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// `error`.
    Error(ErrorPart),
    /// `id`.
    Id,
    /// `model`.
    Model,
    /// `service_tier`.
    ServiceTier,
    /// `status`.
    Status,
    /// `usage`.
    Usage(Line),
    /// The object.
    Whole,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Error,
    Other,
    /// The last event of a stream.
    Terminal,
}

impl Statement for Event {
    const ROOT: Node = Node::Event;
    const USAGE: fn(&Figures) -> Usage = Usage::with_cache;

    fn commit(&self, event: &[u8], seen: &mut Observed) {
        let named = (!event.is_empty()).then(|| Kind::of(event));
        let kind = self.kind.or(named).or(self.object);
        if self.has_response {
            self.response.tell(seen);
            if kind == Some(Kind::Terminal) {
                seen.terminal_seen = true;
                seen.stops += 1;
                seen.stop_reason = self.response.status;
                keep_first(&mut seen.error, self.response.error.as_ref());
            }
        }
        if kind == Some(Kind::Error) {
            let nested = self.has_error_object.then(|| self.error.unwrap_or_default());
            seen.error = seen.error.or(Some(nested.unwrap_or(self.flat)));
        }
    }
}

impl EventStatement for Event {
    const WATCH: Watch =
        Watch::new([Needle::new(b"response\"", 7, &[]), Needle::new(b"error", 1, &[]), None]);

    fn search() -> &'static Search {
        static SEARCH: LazyLock<Search> = LazyLock::new(|| Search::new(&Event::WATCH));
        &SEARCH
    }
}

impl Statement for Response {
    const ROOT: Part = Part::Whole;
    const USAGE: fn(&Figures) -> Usage = Usage::with_cache;

    fn commit(&self, _event: &[u8], seen: &mut Observed) {
        self.tell(seen);
        keep_first(&mut seen.error, self.error.as_ref());
        seen.stop_reason = self.status;
        seen.stops = u64::from(self.status.is_some());
    }
}

impl Response {
    fn tell(&self, seen: &mut Observed) {
        keep_first(&mut seen.model, self.model.as_ref());
        keep_first(&mut seen.id, self.id.as_ref());
        if let Some(figures) = Sheet::figures(self.usage.as_ref()) {
            seen.figures = Some(figures);
        }
        if self.service_tier.is_some() {
            seen.service_tier = self.service_tier;
        }
    }

    fn note(&mut self, part: Part, value: Value<'_>) {
        match part {
            Part::Error(part) => error::note(&mut self.error, part, value),
            Part::Id => note_name(&mut self.id, value),
            Part::Model => note_name(&mut self.model, value),
            Part::ServiceTier => note_name(&mut self.service_tier, value),
            Part::Status => note_name(&mut self.status, value),
            Part::Usage(line) => Sheet::note(&mut self.usage, line, value),
            Part::Whole if value != Value::Closed => *self = Self::default(),
            Part::Whole => {}
        }
    }
}

impl Kind {
    fn of(word: &[u8]) -> Self {
        match word {
            b"error" => Self::Error,
            b"response.cancelled"
            | b"response.completed"
            | b"response.failed"
            | b"response.incomplete" => Self::Terminal,
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
            Node::Error(ErrorPart::Whole) => error::member(key).map(Node::Error),
            Node::Event => wanted!(key, {
                b"code" => Want::Take(Node::Flat(ErrorPart::Code)),
                b"error" => Want::Enter(Node::Error(ErrorPart::Whole)),
                b"message" => Want::Take(Node::Flat(ErrorPart::Message)),
                b"object" => Want::Take(Node::Object),
                b"response" => Want::Enter(Node::Response(Part::Whole)),
                b"type" => Want::Take(Node::Type),
            }),
            Node::Response(part) => member(part, key).map(Node::Response),
            _ => Want::Skip,
        }
    }

    fn value(&mut self, node: Node, value: Value<'_>, _span: Range<u64>) {
        match node {
            Node::Error(part) => {
                if part == ErrorPart::Whole && value != Value::Closed {
                    self.has_error_object = value == Value::OpenedObject;
                }
                error::note(&mut self.error, part, value);
            }
            Node::Event => {}
            Node::Flat(part) => {
                let mut flat = Some(self.flat);
                error::note(&mut flat, part, value);
                self.flat = flat.unwrap_or_default();
            }
            Node::Object => self.object = Kind::of_value(value),
            Node::Response(part) => {
                if part == Part::Whole && value != Value::Closed {
                    self.has_response = value == Value::OpenedObject;
                }
                self.response.note(part, value);
            }
            Node::Type => self.kind = Kind::of_value(value),
        }
    }
}

impl Reader for Response {
    type Node = Part;

    fn element(&mut self, parent: Part) -> Want<Part> {
        let is_first = !std::mem::replace(&mut self.is_listed, true);
        if is_first && parent == Self::ROOT { Want::Enter(Self::ROOT) } else { Want::Skip }
    }

    fn member(&mut self, parent: Part, key: &[u8]) -> Want<Part> {
        member(parent, key)
    }

    fn value(&mut self, node: Part, value: Value<'_>, _span: Range<u64>) {
        if node != Part::Whole || !self.is_listed {
            self.note(node, value);
        }
    }
}

fn member(part: Part, key: &[u8]) -> Want<Part> {
    match part {
        Part::Error(ErrorPart::Whole) => error::member(key).map(Part::Error),
        Part::Usage(line) => responses_member(line, key).map(Part::Usage),
        Part::Whole => wanted!(key, {
            b"error" => Want::Enter(Part::Error(ErrorPart::Whole)),
            b"id" => Want::Take(Part::Id),
            b"model" => Want::Take(Part::Model),
            b"service_tier" => Want::Take(Part::ServiceTier),
            b"status" => Want::Take(Part::Status),
            b"usage" => Want::Enter(Part::Usage(Line::Whole)),
        }),
        _ => Want::Skip,
    }
}
