//! A provider's whole answer in the form of the client: three readers into one neutral answer,
//! three writers out of it. Texts are copied as they are written, escapes included. Never asks
//! for more of a body than it says.
//!
//! What each form has and the others lack: the signature of a thinking block, redacted thinking
//! and encrypted reasoning are good for their own provider alone and stay behind, as do steps of
//! tools that a provider runs itself, logprobs, audio and citations of documents. Reasoning of
//! others is told to a Messages client in thinking blocks with an empty signature.

pub mod call;
pub mod chat;
pub mod messages;
pub mod note;
pub mod raw;
pub mod responses;
pub mod stop;
pub mod tokens;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
pub mod judge_tests;
#[cfg(test)]
mod tests;

use super::{Echo, Form};
use call::Call;
use note::Note;
use raw::Raw;
use stop::Stop;
use tokens::Tokens;

/// Why a body is no answer. The client is told of a bad gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BadAnswer {
    /// It tells of an error, for all its status.
    Failed,
    /// JSON, but of another form.
    NotAnswer,
    /// No JSON.
    NotJson,
}

/// The provider's whole 2xx answer `body` in the form of the client.
///
/// # Errors
/// Why there is no answer in it.
pub fn answer(body: &[u8], from: Form, to: Form, echo: &Echo) -> Result<Vec<u8>, BadAnswer> {
    let raw = Raw::whole(body).ok_or(BadAnswer::NotJson)?;
    let answer = match from {
        Form::Chat => chat::read(raw, echo),
        Form::Messages => messages::read(raw, echo),
        Form::Responses => responses::read(raw, echo),
    }?;
    let mut out = Vec::with_capacity(body.len() + ENVELOPE_BYTES);
    match to {
        Form::Chat => chat::write(&mut out, &answer),
        Form::Messages => messages::write(&mut out, &answer),
        Form::Responses => responses::write(&mut out, &answer),
    }
    Ok(out)
}

/// An answer in no one's form. Texts are contents of JSON strings, as they are written.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// In the order in which they came.
    blocks: Vec<Block<'a>>,
    head: Head,
    stop: Stop,
    tokens: Tokens,
}

/// A part of an answer.
#[derive(Clone, Debug)]
pub enum Block<'a> {
    /// The model asks for a tool.
    Call(Call<'a>),
    /// The model says that it does not answer.
    Refusal(&'a [u8]),
    /// Text, and what it cites.
    Text(&'a [u8], Vec<Note<'a>>),
    /// Reasoning.
    Thinking(&'a [u8]),
}

/// What an answer says of itself. Texts are contents of JSON strings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    /// Seconds since 1970.
    pub created: u64,
    /// The provider's id.
    pub id: Vec<u8>,
    /// The model, as the provider calls it.
    pub model: Vec<u8>,
    /// The service tier in the words of OpenAI; empty when there is none.
    pub tier: Vec<u8>,
}

impl Head {
    /// Takes over what is told for the first time. `created`: as told.
    pub fn note(&mut self, id: Raw<'_>, model: Raw<'_>, created: Raw<'_>) {
        for (own, told) in [(&mut self.id, id), (&mut self.model, model)] {
            if own.is_empty() {
                own.extend_from_slice(told.text_or_empty());
            }
        }
        if self.created == 0 {
            self.created = created.count().unwrap_or(0);
        }
    }

    /// Takes over a service tier in the words of `form`.
    pub fn note_tier(&mut self, form: Form, tier: Raw<'_>) {
        let tier = tier.text_or_empty();
        let tier = match (form, tier) {
            (Form::Messages, b"standard") => b"default",
            (Form::Messages, b"priority") => tier,
            (Form::Messages, _) => b"",
            // Others are words of servers that only speak the form, and strict readers know none.
            (_, b"auto" | b"default" | b"flex" | b"priority" | b"scale") => tier,
            _ => b"",
        };
        if !tier.is_empty() {
            self.tier = tier.to_vec();
        }
    }

    /// Fills in what no one told. Call it once nothing more can be noted.
    pub fn settle(&mut self, echo: &Echo) {
        if self.created == 0 {
            self.created = echo.created;
        }
        if self.model.is_empty() {
            call::write_content(&mut self.model, echo.model.as_bytes());
        }
        if self.id.is_empty() {
            self.id.extend_from_slice(b"answer_");
            crate::protocol::http1::write::decimal(&mut self.id, self.created);
        }
    }

    /// The service tier in the words of Messages; empty when it has none for it.
    pub fn messages_tier(&self) -> &'static [u8] {
        match self.tier.as_slice() {
            b"default" => b"standard",
            b"priority" => b"priority",
            _ => b"",
        }
    }
}

impl Answer<'_> {
    /// Whether the model refused in words of its own.
    fn is_refused(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::Refusal(_)))
    }
}

/// Writes `pieces` one after the other.
pub fn put(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

/// What the writers put around texts, about.
const ENVELOPE_BYTES: usize = 1024;
