//! Chat and legacy completions, streams and bodies; embeddings, which have the same usage.
//! Never looks at content.

use std::ops::Range;
use std::sync::LazyLock;

use super::sheet::{Line, Sheet, chat_member};
use crate::protocol::json::reader::{Reader, Value, Want, wanted};
use crate::protocol::json::text::Text;
use crate::protocol::sse::search::Search;
use crate::protocol::sse::watch::{Needle, Watch};
use crate::protocol::usage::error::{self, ErrorPart, ErrorSeen};
use crate::protocol::usage::figures::{Figures, Usage};
use crate::protocol::usage::{EventStatement, Observed, Statement, keep_first, note_name};

/// One chunk of a stream, or one whole body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chunk {
    /// The stop reason of the present choice.
    choice_stop: Option<Text<64>>,
    /// Usage inside the first choice that has one (Moonshot).
    choice_usage: Option<Sheet>,
    /// A choice before the present one has usage.
    has_choice_usage: bool,
    error: Option<ErrorSeen>,
    /// Usage inside `x_groq`.
    groq_usage: Option<Sheet>,
    id: Option<Text<128>>,
    /// Of an array of bodies the first counts.
    is_listed: bool,
    model: Option<Text<128>>,
    service_tier: Option<Text<32>>,
    stop_reason: Option<Text<64>>,
    stops: u64,
    usage: Option<Sheet>,
}

/// A place in a chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Node {
    /// One of `choices`.
    Choice,
    /// `choices`.
    Choices,
    /// Usage inside a choice.
    ChoiceUsage(Line),
    /// The chunk itself.
    Chunk,
    /// `error`.
    Error(ErrorPart),
    /// `x_groq`.
    Groq,
    /// Usage inside `x_groq`.
    GroqUsage(Line),
    /// `id`.
    Id,
    /// `model`.
    Model,
    /// `service_tier`.
    ServiceTier,
    /// `finish_reason` of a choice.
    Stop,
    /// `usage`.
    Usage(Line),
}

impl Statement for Chunk {
    const ROOT: Node = Node::Chunk;
    const USAGE: fn(&Figures) -> Usage = Usage::with_cache;

    fn commit(&self, _event: &[u8], seen: &mut Observed) {
        let figures = Sheet::figures(self.usage.as_ref())
            .or_else(|| Sheet::figures(self.groq_usage.as_ref()))
            .or_else(|| Sheet::figures(self.choice_usage.as_ref()));
        let stops = self.stops + u64::from(self.choice_stop.is_some());
        // A tier is in every chunk, and most chunks are passed over: one that says nothing else is
        // not asked, or it would count wherever a read happens to end in it.
        let counts =
            Self::wants_more(seen) || figures.is_some() || stops > 0 || self.error.is_some();
        if counts && self.service_tier.is_some() {
            seen.service_tier = self.service_tier;
        }
        keep_first(&mut seen.model, self.model.as_ref());
        keep_first(&mut seen.id, self.id.as_ref());
        if figures.is_some() {
            seen.figures = figures;
        }
        // The last choice has not ended yet.
        let stop_reason = self.choice_stop.as_ref().or(self.stop_reason.as_ref());
        if stop_reason.is_some() {
            seen.stop_reason = stop_reason.copied();
        }
        seen.stops += stops;
        keep_first(&mut seen.error, self.error.as_ref());
    }
}

impl EventStatement for Chunk {
    const DONE: Option<&'static [u8]> = Some(b"[DONE]");
    const WATCH: Watch = Watch::new([
        Needle::new(b"usage", 1, NOTHING),
        Needle::new(b"finish_reason", 5, NOTHING),
        Needle::new(b"error", 1, NOTHING),
    ]);

    fn search() -> &'static Search {
        static SEARCH: LazyLock<Search> = LazyLock::new(|| Search::new(&Chunk::WATCH));
        &SEARCH
    }

    /// Any chunk may be the first to name the model.
    fn wants_more(seen: &Observed) -> bool {
        seen.model.is_none() || seen.id.is_none()
    }
}

impl Chunk {
    /// Of the choices that have usage the first counts.
    const fn choice_usage(&self) -> Want<Node> {
        if self.has_choice_usage {
            return Want::Skip;
        }
        Want::Enter(Node::ChoiceUsage(Line::Whole))
    }

    fn end_choice(&mut self) {
        if let Some(stop) = self.choice_stop.take() {
            self.stop_reason = Some(stop);
            self.stops += 1;
        }
        self.has_choice_usage = Sheet::figures(self.choice_usage.as_ref()).is_some();
    }
}

impl Reader for Chunk {
    type Node = Node;

    fn element(&mut self, parent: Node) -> Want<Node> {
        match parent {
            Node::Choices => {
                self.end_choice();
                Want::Enter(Node::Choice)
            }
            Node::Chunk if !self.is_listed => {
                self.is_listed = true;
                Want::Enter(Node::Chunk)
            }
            _ => Want::Skip,
        }
    }

    fn member(&mut self, parent: Node, key: &[u8]) -> Want<Node> {
        match parent {
            Node::Choice => wanted!(key, {
                b"finish_reason" => Want::Take(Node::Stop),
                b"usage" => self.choice_usage(),
            }),
            Node::ChoiceUsage(line) => chat_member(line, key).map(Node::ChoiceUsage),
            Node::Chunk => wanted!(key, {
                b"choices" => Want::Enter(Node::Choices),
                b"error" => Want::Enter(Node::Error(ErrorPart::Whole)),
                b"id" => Want::Take(Node::Id),
                b"model" => Want::Take(Node::Model),
                b"service_tier" => Want::Take(Node::ServiceTier),
                b"usage" => Want::Enter(Node::Usage(Line::Whole)),
                b"x_groq" => Want::Enter(Node::Groq),
            }),
            Node::Error(ErrorPart::Whole) => error::member(key).map(Node::Error),
            Node::Groq => {
                wanted!(key, { b"usage" => Want::Enter(Node::GroqUsage(Line::Whole)), })
            }
            Node::GroqUsage(line) => chat_member(line, key).map(Node::GroqUsage),
            Node::Usage(line) => chat_member(line, key).map(Node::Usage),
            _ => Want::Skip,
        }
    }

    fn value(&mut self, node: Node, value: Value<'_>, _span: Range<u64>) {
        match node {
            Node::Choices if value != Value::Closed => {
                (self.choice_stop, self.choice_usage) = (None, None);
                (self.has_choice_usage, self.stop_reason, self.stops) = (false, None, 0);
            }
            Node::Groq if value != Value::Closed => self.groq_usage = None,
            Node::Choice | Node::Choices | Node::Chunk | Node::Groq => {}
            Node::ChoiceUsage(line) => Sheet::note(&mut self.choice_usage, line, value),
            Node::Error(part) => error::note(&mut self.error, part, value),
            Node::GroqUsage(line) => Sheet::note(&mut self.groq_usage, line, value),
            Node::Id => note_name(&mut self.id, value),
            Node::Model => note_name(&mut self.model, value),
            Node::ServiceTier => note_name(&mut self.service_tier, value),
            Node::Stop => note_name(&mut self.choice_stop, value),
            Node::Usage(line) => Sheet::note(&mut self.usage, line, value),
        }
    }
}

/// Most chunks of most providers say so.
const NOTHING: &[&[u8]] = &[b"\":null", b"\": null"];
