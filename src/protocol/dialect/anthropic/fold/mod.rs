//! A stream of Messages events folded into the one message that they tell of (BEHAVIOUR 8,
//! demotion). Digits, escapes and unknown members stay as they were written; memory is bounded.
//! Never gives half a message.

mod block;

#[cfg(test)]
mod corpus_tests;

use std::collections::BTreeMap;

use crate::protocol::json::strict;
use crate::protocol::sse::event::Events;
use block::Block;

/// Folds one stream.
#[derive(Debug)]
pub struct Fold {
    events: Events,
    message: Message,
    state: State,
}

/// Why there is no message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unfolded {
    /// It has more bytes than allowed.
    TooLong,
    /// The stream told of an error: the data of its event, an envelope of the dialect.
    Told(Vec<u8>),
    /// Events that no message can be made of, or an end before the message's.
    Unfinished,
}

#[derive(Debug, Default)]
struct Message {
    blocks: BTreeMap<u64, Block>,
    bytes_left: usize,
    members: Members,
}

#[derive(Debug)]
enum State {
    Done,
    Failed(Unfolded),
    Flowing,
}

/// Members of an object, in order, as they are written. A name stands once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Members(Vec<(Vec<u8>, Vec<u8>)>);

impl Fold {
    /// At the start of a stream whose message has at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        let message = Message { bytes_left: bytes_max, ..Message::default() };
        Self { events: Events::new(bytes_max), message, state: State::Flowing }
    }

    /// Takes in one read. True once nothing more is needed: the message is whole, or there is
    /// none.
    pub fn push(&mut self, read: &[u8]) -> bool {
        let (message, state) = (&mut self.message, &mut self.state);
        let pushed = self.events.push(read, |event| {
            if matches!(state, State::Flowing) {
                *state = message.event(event.name, event.data);
            }
        });
        if pushed.is_err() && matches!(self.state, State::Flowing) {
            self.state = State::Failed(Unfolded::TooLong);
        }
        !matches!(self.state, State::Flowing)
    }

    /// The message as JSON.
    ///
    /// # Errors
    /// Why there is none.
    pub fn finish(self) -> Result<Vec<u8>, Unfolded> {
        match self.state {
            State::Done => Ok(self.message.write()),
            State::Failed(why) => Err(why),
            State::Flowing => Err(Unfolded::Unfinished),
        }
    }
}

impl Message {
    fn event(&mut self, name: &[u8], data: &[u8]) -> State {
        let Some(event) = Members::of(data) else { return State::Failed(Unfolded::Unfinished) };
        // What members hold is never much longer than what told of it.
        let Some(left) = self.bytes_left.checked_sub(data.len()) else {
            return State::Failed(Unfolded::TooLong);
        };
        self.bytes_left = left;
        let kind = event.value(b"type").map_or(name, unquoted);
        let done = match kind {
            b"message_start" => self.start(&event),
            b"content_block_start" => self.block_start(&event),
            b"content_block_delta" => self.block_delta(&event),
            b"content_block_stop" => self.block(&event).map(Block::stop),
            b"message_delta" => self.delta(&event),
            b"message_stop" if self.members.0.is_empty() => None,
            b"message_stop" => return State::Done,
            b"error" => return State::Failed(Unfolded::Told(data.to_vec())),
            // Pings, and what a later version may bring.
            _ => Some(()),
        };
        done.map_or(State::Failed(Unfolded::Unfinished), |()| State::Flowing)
    }

    fn start(&mut self, event: &Members) -> Option<()> {
        self.members = Members::of(event.value(b"message")?)?;
        self.blocks.clear();
        Some(())
    }

    fn block_start(&mut self, event: &Members) -> Option<()> {
        let block = Members::of(event.value(b"content_block")?)?;
        self.blocks.insert(index(event)?, Block::new(block));
        Some(())
    }

    fn block_delta(&mut self, event: &Members) -> Option<()> {
        let delta = Members::of(event.value(b"delta")?)?;
        self.block(event)?.delta(&delta)
    }

    fn block(&mut self, event: &Members) -> Option<&mut Block> {
        self.blocks.get_mut(&index(event)?)
    }

    /// Later fields of usage override, absent and null ones are kept (PROTOCOL 1.5).
    fn delta(&mut self, event: &Members) -> Option<()> {
        if self.members.0.is_empty() {
            return None;
        }
        for (name, value) in &event.0 {
            match name.as_slice() {
                b"type" => {}
                b"delta" => {
                    for (name, value) in Members::of(value)?.0 {
                        self.members.set(&name, value);
                    }
                }
                b"usage" => self.usage(value)?,
                _ => self.members.set(name, value.clone()),
            }
        }
        Some(())
    }

    fn usage(&mut self, later: &[u8]) -> Option<()> {
        if later == b"null" {
            return Some(());
        }
        let known = self.members.value(b"usage").and_then(Members::of);
        let mut usage = known.unwrap_or_default();
        for (name, value) in Members::of(later)?.0 {
            if value != b"null" {
                usage.set(&name, value);
            }
        }
        let mut out = Vec::new();
        usage.write(&mut out);
        self.members.set(b"usage", out);
        Some(())
    }

    fn write(mut self) -> Vec<u8> {
        if !self.blocks.is_empty() {
            let mut content = vec![b'['];
            for (place, block) in std::mem::take(&mut self.blocks).into_values().enumerate() {
                if place > 0 {
                    content.push(b',');
                }
                block.write(&mut content);
            }
            content.push(b']');
            self.members.set(b"content", content);
        }
        let mut out = Vec::new();
        self.members.write(&mut out);
        out
    }
}

impl Members {
    fn of(text: &[u8]) -> Option<Self> {
        let mut members = Self::default();
        for (name, value) in strict::members(text)? {
            members.set(name, value.to_vec());
        }
        Some(members)
    }

    fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    fn value_mut(&mut self, name: &[u8]) -> Option<&mut Vec<u8>> {
        self.0.iter_mut().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    fn set(&mut self, name: &[u8], value: Vec<u8>) {
        match self.value_mut(name) {
            Some(own) => *own = value,
            None => self.0.push((name.to_vec(), value)),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (place, (name, value)) in self.0.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(name);
            out.extend_from_slice(b"\":");
            out.extend_from_slice(value);
        }
        out.push(b'}');
    }
}

fn index(event: &Members) -> Option<u64> {
    crate::protocol::ascii::decimal(event.value(b"index")?, INDEX_MAX)
}

/// The content of a string as it is written.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or_default()
}

/// No message has as many blocks.
const INDEX_MAX: u64 = 1_000_000;

#[cfg(test)]
mod tests;
