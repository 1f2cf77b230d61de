//! Events of each form, told to a flow. Never keeps text.

mod chat;
mod messages;
mod responses;

use super::super::Form;
use super::super::answer::raw::Raw;
use super::Broken;
use super::flow::Flow;

/// The provider's side of a stream.
#[derive(Clone, Debug)]
pub enum Source {
    /// Chat Completions.
    Chat(chat::Reader),
    /// Messages.
    Messages,
    /// Responses.
    Responses(responses::Reader),
}

impl Source {
    /// At the start of a stream.
    pub fn new(form: Form) -> Self {
        match form {
            Form::Chat => Self::Chat(chat::Reader::default()),
            Form::Messages => Self::Messages,
            Form::Responses => Self::Responses(responses::Reader::default()),
        }
    }

    /// An event of this `name`, empty where it has none.
    pub fn event(
        &mut self,
        name: &[u8],
        event: Raw<'_>,
        flow: &mut Flow,
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        match self {
            Self::Chat(reader) => reader.event(event, flow, out),
            Self::Messages => messages::event(name, event, flow, out),
            Self::Responses(reader) => reader.event(name, event, flow, out),
        }
    }

    /// `[DONE]`, which ends a stream of Chat and means nothing elsewhere.
    pub fn done(&mut self, flow: &mut Flow, out: &mut Vec<u8>) -> Result<(), Broken> {
        match self {
            Self::Chat(reader) => reader.done(flow, out),
            Self::Messages | Self::Responses(_) => Ok(()),
        }
    }

    /// The body ended. Some servers of Chat leave it at that once they have said why they stopped.
    pub fn end(&mut self, flow: &mut Flow, out: &mut Vec<u8>) -> Result<(), Broken> {
        match self {
            Self::Chat(reader) if reader.has_stopped() => reader.done(flow, out),
            Self::Chat(_) | Self::Messages | Self::Responses(_) => Ok(()),
        }
    }
}

/// The content of a string that is there, or nothing.
fn piece_of(raw: Raw<'_>) -> Result<&[u8], Broken> {
    if raw.is_string() { raw.text().ok_or(Broken::NotEvent) } else { Ok(b"") }
}
