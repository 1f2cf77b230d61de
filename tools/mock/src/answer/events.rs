//! A stream as a series of pieces: opening, content events, closing.
//!
//! Never holds more than one piece, so a stream of a million events costs no memory.

use tidegate_tools::digest::{self, Digest};

use super::turn::Turn;
use super::{Dialect, anthropic, chat, error, responses};
use crate::knobs::Say;

/// Makes the pieces of one stream, in order.
#[derive(Clone, Debug)]
pub struct Events {
    digest: Option<Digest>,
    error: Option<(String, u32)>,
    event_size: Option<usize>,
    message: String,
    next: u32,
    phase: Phase,
    ping: Option<u32>,
    turn: Turn,
}

/// Bytes to send together; `is_content` when the pace and the event count apply.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub bytes: Vec<u8>,
    pub is_content: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Content,
    Digest,
    Over,
}

impl Events {
    /// The stream of `turn`.
    pub fn new(turn: Turn, say: &Say) -> Self {
        Self {
            digest: say.digest.then(Digest::default),
            error: say.event_error.clone(),
            event_size: say.event_size,
            message: say.error_message.clone().unwrap_or_else(|| "Overloaded".to_owned()),
            next: 0,
            phase: Phase::Opening,
            ping: say.ping.filter(|&every| every > 0),
            turn,
        }
    }

    fn opening(&self) -> String {
        match self.turn.dialect {
            Dialect::Anthropic => anthropic::opening(&self.turn),
            Dialect::Chat => chat::opening(&self.turn),
            Dialect::Completions => String::new(),
            Dialect::Responses => responses::opening(&self.turn),
        }
    }

    fn content(&self, index: u32) -> String {
        let plain = self.content_padded(index, 0);
        let missing = self.event_size.map_or(0, |size| size.saturating_sub(plain.len()));
        let event = if missing == 0 { plain } else { self.content_padded(index, missing) };
        let due = self.ping.is_some_and(|every| index.is_multiple_of(every));
        if due && self.turn.dialect == Dialect::Anthropic {
            return format!("{}{event}", anthropic::PING);
        }
        event
    }

    fn content_padded(&self, index: u32, padding: usize) -> String {
        match self.turn.dialect {
            Dialect::Anthropic => anthropic::content(&self.turn, index, padding),
            Dialect::Chat => chat::content(&self.turn, index, padding),
            Dialect::Completions => chat::completion_content(&self.turn, index, padding),
            Dialect::Responses => responses::content(&self.turn, index, padding),
        }
    }

    fn closing(&self) -> String {
        match self.turn.dialect {
            Dialect::Anthropic => anthropic::closing(&self.turn),
            Dialect::Chat => chat::closing(&self.turn),
            Dialect::Completions => chat::completion_closing(&self.turn),
            Dialect::Responses => responses::closing(&self.turn),
        }
    }
}

impl Iterator for Events {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.phase == Phase::Digest {
            self.phase = Phase::Over;
            let digest = self.digest.take()?;
            let comment = format!("{}{}\n\n", digest::COMMENT, digest.text());
            return Some(Piece { bytes: comment.into_bytes(), is_content: false });
        }
        let piece = self.following()?;
        if let Some(digest) = &mut self.digest {
            digest.push(&piece.bytes);
        }
        Some(piece)
    }
}

impl Events {
    fn following(&mut self) -> Option<Piece> {
        if self.phase == Phase::Opening {
            self.phase = Phase::Content;
            let opening = self.opening();
            if !opening.is_empty() {
                return Some(Piece { bytes: opening.into_bytes(), is_content: false });
            }
        }
        if self.phase == Phase::Over {
            return None;
        }
        if let Some((kind, _)) = self.error.as_ref().filter(|(_, after)| *after <= self.next) {
            self.phase = Phase::Digest;
            let number = self.next + responses::OPENING_EVENTS;
            let event = error::event(self.turn.dialect, kind, &self.message, number);
            return Some(Piece { bytes: event.into_bytes(), is_content: false });
        }
        if self.next == self.turn.deltas {
            self.phase = Phase::Digest;
            return Some(Piece { bytes: self.closing().into_bytes(), is_content: false });
        }
        let event = self.content(self.next);
        self.next += 1;
        Some(Piece { bytes: event.into_bytes(), is_content: true })
    }
}
