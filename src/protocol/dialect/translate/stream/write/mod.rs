//! What a flow tells, as events of each form. Never keeps what its form does not repeat.

mod chat;
mod messages;
mod responses;

use super::super::answer::Head;
use super::super::answer::note::Note;
use super::super::answer::stop::Stop;
use super::super::answer::tokens::Tokens;
use super::super::{Echo, Form};
use super::Broken;
use super::failure::Failure;
use super::flow::{Kind, Opening};

/// The client's side of a stream.
#[derive(Clone, Debug)]
pub enum Target {
    /// Chat Completions.
    Chat(chat::Writer),
    /// Messages.
    Messages(messages::Writer),
    /// Responses. The others are small.
    Responses(Box<responses::Writer>),
}

/// How an answer ends.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// What it says of itself.
    pub head: &'a Head,
    /// Why it ended.
    pub stop: Stop,
    /// What it took.
    pub tokens: &'a Tokens,
}

impl Target {
    /// At the start of a stream.
    pub fn new(form: Form, echo: &Echo) -> Self {
        match form {
            Form::Chat => Self::Chat(chat::Writer::new(echo.include_usage)),
            Form::Messages => Self::Messages(messages::Writer::default()),
            Form::Responses => Self::Responses(Box::default()),
        }
    }

    /// The answer begins.
    pub fn start(&mut self, out: &mut Vec<u8>, head: &Head) {
        match self {
            Self::Chat(writer) => writer.start(out, head),
            Self::Messages(_) => messages::start(out, head),
            Self::Responses(writer) => writer.start(out, head),
        }
    }

    /// A block begins; a call has an id by now.
    pub fn open(&mut self, out: &mut Vec<u8>, opening: &Opening<'_>) {
        match self {
            Self::Chat(writer) => writer.open(out, opening),
            Self::Messages(writer) => writer.open(out, opening),
            Self::Responses(writer) => writer.open(out, opening),
        }
    }

    /// More of the open block, which is of this `kind`.
    pub fn piece(&mut self, out: &mut Vec<u8>, kind: Kind, content: &[u8]) -> Result<(), Broken> {
        match self {
            Self::Chat(writer) => writer.piece(out, kind, content),
            Self::Messages(writer) => writer.piece(out, kind, content),
            Self::Responses(writer) => return writer.piece(out, kind, content),
        }
        Ok(())
    }

    /// What the open text cites.
    pub fn note(&mut self, out: &mut Vec<u8>, note: &Note<'_>) {
        match self {
            Self::Chat(writer) => writer.note(out, note),
            Self::Messages(writer) => writer.note(out, note),
            Self::Responses(writer) => writer.note(out, note),
        }
    }

    /// The open block, of this `kind`, is over.
    pub fn close(&mut self, out: &mut Vec<u8>, kind: Kind) {
        match self {
            Self::Chat(writer) => writer.close(out, kind),
            Self::Messages(writer) => writer.close(out),
            Self::Responses(writer) => writer.close(out, kind),
        }
    }

    /// The answer is over; no block is open.
    pub fn finish(&mut self, out: &mut Vec<u8>, ending: &Ending<'_>) {
        match self {
            Self::Chat(writer) => writer.finish(out, ending),
            Self::Messages(writer) => writer.finish(out, ending),
            Self::Responses(writer) => writer.finish(out, ending),
        }
    }

    /// The provider told of an error: the last that is written.
    pub fn fail(&mut self, out: &mut Vec<u8>, head: &Head, failure: &Failure<'_>) {
        match self {
            Self::Chat(_) => chat::fail(out, failure),
            Self::Messages(_) => messages::fail(out, failure),
            Self::Responses(writer) => writer.fail(out, head, failure),
        }
    }
}
