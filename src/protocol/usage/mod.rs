//! What a response says of itself while it passes: usage, outcome, stop reason, error, model.
//!
//! Never changes, delays or holds the bytes; never allocates after `new`. The same bytes give the
//! same result however they are split, also when they are cut.

mod body;
pub mod error;
pub mod figures;
mod stream;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod tests;

use super::dialect::Dialect;
use super::dialect::anthropic::usage as anthropic;
use super::dialect::endpoint::Endpoint;
use super::dialect::openai::usage::{chat, responses};
use super::json::reader::{Reader, Value};
use super::json::text::Text;
use super::sse::search::Search;
use super::sse::watch::Watch;
use body::Body;
use error::ErrorSeen;
use figures::{Figures, Usage};
use stream::Stream;

/// Looks at the bytes of one response body.
#[derive(Clone, Debug)]
pub struct Observer(Kind);

/// Each in a block of its own size: one to three kilobytes.
#[derive(Clone, Debug)]
enum Kind {
    AnthropicBody(Box<Body<anthropic::Message>>),
    AnthropicStream(Box<Stream<anthropic::Event>>),
    ChatBody(Box<Body<chat::Chunk>>),
    ChatStream(Box<Stream<chat::Chunk>>),
    /// Nothing is known of such bodies but their length.
    Opaque(u64),
    ResponsesBody(Box<Body<responses::Response>>),
    ResponsesStream(Box<Stream<responses::Event>>),
}

/// What was seen of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observed {
    /// Bytes of the body.
    pub bytes: u64,
    /// The first error told inside the body.
    pub error: Option<ErrorSeen>,
    /// The response ended early: usage is what was seen until then.
    pub estimated: bool,
    /// Events with data; 0 for a plain body.
    pub events: u64,
    /// Usage as its provider wrote it.
    pub figures: Option<Figures>,
    /// The provider's id of the response.
    pub id: Option<Text<128>>,
    /// The model that answered, in the provider's words.
    pub model: Option<Text<128>>,
    /// How it ended.
    pub outcome: Outcome,
    /// `service_tier`, wherever the dialect has it.
    pub service_tier: Option<Text<32>>,
    /// Why the model stopped: the last reason given. Responses tell their status instead.
    pub stop_reason: Option<Text<64>>,
    /// How many stop reasons were given: several with `n` > 1.
    pub stops: u64,
    /// The dialect's own sign of a whole response came, or the plain body was whole.
    pub terminal_seen: bool,
    /// Usage that adds up; all unknown when none was told.
    pub usage: Usage,
}

/// How a response ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Outcome {
    /// As it should.
    Complete,
    /// Before its end.
    #[default]
    Cut,
    /// With an error of the provider.
    Error,
}

impl Observer {
    /// For the response of `endpoint` of a provider of `dialect`: an event stream or plain JSON.
    pub fn new(dialect: Dialect, endpoint: Endpoint, is_stream: bool) -> Self {
        Self(match (dialect, endpoint, is_stream) {
            (Dialect::Anthropic, Endpoint::Messages, true) => {
                Kind::AnthropicStream(Box::new(Stream::new()))
            }
            (Dialect::Anthropic, Endpoint::Messages | Endpoint::CountTokens, _) => {
                Kind::AnthropicBody(Box::new(Body::new()))
            }
            (
                Dialect::OpenAi,
                Endpoint::ChatCompletions | Endpoint::Completions | Endpoint::Embeddings,
                _,
            ) if is_stream => Kind::ChatStream(Box::new(Stream::new())),
            (
                Dialect::OpenAi,
                Endpoint::ChatCompletions | Endpoint::Completions | Endpoint::Embeddings,
                _,
            ) => Kind::ChatBody(Box::new(Body::new())),
            (Dialect::OpenAi, Endpoint::Responses, true) => {
                Kind::ResponsesStream(Box::new(Stream::new()))
            }
            (Dialect::OpenAi, Endpoint::Responses, false) => {
                Kind::ResponsesBody(Box::new(Body::new()))
            }
            _ => Kind::Opaque(0),
        })
    }

    /// Takes in the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Kind::AnthropicBody(body) => body.push(bytes),
            Kind::AnthropicStream(stream) => stream.push(bytes),
            Kind::ChatBody(body) => body.push(bytes),
            Kind::ChatStream(stream) => stream.push(bytes),
            Kind::Opaque(seen) => *seen += u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Kind::ResponsesBody(body) => body.push(bytes),
            Kind::ResponsesStream(stream) => stream.push(bytes),
        }
    }

    /// Events with data so far.
    pub const fn events(&self) -> u64 {
        match &self.0 {
            Kind::AnthropicStream(stream) => stream.events(),
            Kind::ChatStream(stream) => stream.events(),
            Kind::ResponsesStream(stream) => stream.events(),
            Kind::AnthropicBody(_)
            | Kind::ChatBody(_)
            | Kind::Opaque(_)
            | Kind::ResponsesBody(_) => 0,
        }
    }

    /// Ends the body. `clean`: the transport told its end (length, last chunk, or a close where
    /// that is the framing).
    pub fn finish(self, clean: bool) -> Observed {
        self.finish_with(clean, |seen| *seen)
    }

    /// Ends the body as [`Observer::finish`] does, and shows what was seen where it stands: it is
    /// over a kilobyte.
    pub fn finish_with<T>(mut self, clean: bool, tell: impl FnOnce(&Observed) -> T) -> T {
        let made;
        let seen = match &mut self.0 {
            Kind::AnthropicStream(stream) => stream.finish(clean),
            Kind::ChatStream(stream) => stream.finish(clean),
            Kind::ResponsesStream(stream) => stream.finish(clean),
            Kind::AnthropicBody(body) => {
                made = body.finish();
                &made
            }
            Kind::ChatBody(body) => {
                made = body.finish();
                &made
            }
            Kind::ResponsesBody(body) => {
                made = body.finish();
                &made
            }
            Kind::Opaque(bytes) => {
                let outcome = if clean { Outcome::Complete } else { Outcome::Cut };
                let (bytes, estimated) = (*bytes, !clean);
                made = Observed { bytes, estimated, outcome, ..Observed::default() };
                &made
            }
        };
        tell(seen)
    }
}

/// What a dialect says of one JSON text: an event, or a plain body.
pub trait Statement: Reader + Copy + Default {
    /// The outermost value.
    const ROOT: Self::Node;
    /// Turns figures into usage that adds up.
    const USAGE: fn(&Figures) -> Usage;

    /// Adds a text to what was seen. `event` is the name of its event, if it has one.
    fn commit(&self, event: &[u8], seen: &mut Observed);
}

/// What a dialect says of one event.
pub trait EventStatement: Statement {
    /// Data that is no JSON but ends a stream.
    const DONE: Option<&'static [u8]> = None;

    /// What every event has that could matter, however its members are ordered.
    const WATCH: Watch;

    /// The same, for long reads.
    fn search() -> &'static Search;

    /// Whether an event without any of that could still add something to `seen`.
    fn wants_more(_seen: &Observed) -> bool {
        false
    }
}

impl Observed {
    /// Ends the count: `is_early` is how the dialect sees it.
    fn settle(&mut self, clean: bool, derive: fn(&Figures) -> Usage) {
        // Some providers of Chat streams close without their sign, after a stop reason.
        let is_whole = self.terminal_seen || clean && self.stops > 0;
        self.outcome = match (self.error, is_whole) {
            (Some(_), _) => Outcome::Error,
            (None, true) => Outcome::Complete,
            (None, false) => Outcome::Cut,
        };
        self.estimated = self.outcome != Outcome::Complete;
        self.usage = self.figures.as_ref().map(derive).unwrap_or_default();
    }
}

/// What was told first stays; nothing is copied for what was not told.
pub fn keep_first<T: Copy>(kept: &mut Option<T>, told: Option<&T>) {
    if kept.is_none()
        && let Some(told) = told
    {
        *kept = Some(*told);
    }
}

/// The text of a string or a number, cut to fit; `None` for anything else.
pub fn word<const N: usize>(value: Value<'_>) -> Option<Text<N>> {
    match value {
        Value::String(text) | Value::LongString(text) | Value::Number(text) => {
            Some(Text::cut(text))
        }
        _ => None,
    }
}

/// Notes the text of a string that is not empty and fits: half a name is none. In its place, since
/// a text made elsewhere would be copied with all it has room for.
#[inline(never)]
pub fn note_name<const N: usize>(noted: &mut Option<Text<N>>, value: Value<'_>) {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= N => {
            noted.get_or_insert_default().set(text);
        }
        _ => *noted = None,
    }
}
