//! A provider's stream in the form of the client, event by event: three readers tell one flow
//! what came, three writers say it (PROTOCOL 7). Texts are copied as they are written, escapes
//! included. Never waits: what came in is said in the same push, but for what would stand inside
//! another call. Never ends cleanly what was cut.
//!
//! Memory is bounded: an event of at most [`EVENT_BYTES_MAX`], as much again of calls that wait
//! for another to end, and for Responses, whose last events repeat everything, the answer itself
//! up to [`ANSWER_BYTES_MAX`].

mod arguments;
mod failure;
mod flow;
mod frames;
mod read;
mod write;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod reader_tests;
#[cfg(test)]
mod tests;

use super::answer::raw::Raw;
use super::{Echo, Form};
use flow::Flow;
use frames::{Frame, Frames};
use read::Source;

/// One stream under way.
#[derive(Clone, Debug)]
pub struct Stream {
    broken: Option<Broken>,
    flow: Flow,
    frames: Frames,
    source: Source,
}

/// Why a stream cannot be followed any further. The output so far ends between two events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Broken {
    /// An event that is not of the provider's form.
    NotEvent,
    /// An event, or what has to be kept of the answer, is beyond its bound.
    TooLong,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// The provider's stream did not end: nothing that looks like an end was written.
    Cut,
    /// The provider told of an error, and so was the client.
    Failed,
    /// The client has the whole answer and its end.
    Whole,
}

impl Stream {
    /// At the start of a stream.
    pub fn new(from: Form, to: Form, echo: &Echo) -> Self {
        Self {
            broken: None,
            flow: Flow::new(from, to, echo),
            frames: Frames::new(EVENT_BYTES_MAX),
            source: Source::new(from),
        }
    }

    /// Takes in the next bytes of the provider's stream and writes what they come to: whole
    /// events, or nothing.
    ///
    /// # Errors
    /// Why no more can be read; nothing is written from then on.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        let Self { broken, flow, frames, source } = self;
        frames.push(bytes, |frame| {
            if broken.is_none() {
                *broken = follow(frame, source, flow, out).err();
            }
        });
        if self.frames.is_too_long() && !self.flow.is_over() {
            self.broken = self.broken.or(Some(Broken::TooLong));
        }
        self.broken.map_or(Ok(()), Err)
    }

    /// Ends the stream, where the provider's body ended as bodies do; one that broke off is cut
    /// without asking here. A last event that lacks its empty line counts if it is whole.
    pub fn end(&mut self, out: &mut Vec<u8>) -> Ended {
        if self.broken.is_none() {
            let Self { broken, flow, frames, source } = self;
            frames.end(|frame| *broken = follow(frame, source, flow, out).err());
        }
        if self.broken.is_none() && !self.flow.is_over() {
            self.broken = self.source.end(&mut self.flow, out).err();
        }
        self.flow.ended()
    }

    /// Whether the output so far ends between two events, so that one of another hand may follow.
    /// Always: events are written whole.
    pub const fn is_between(&self) -> bool {
        true
    }

    /// Whether the client has been told the end, or an error: nothing is written any more.
    pub const fn is_over(&self) -> bool {
        self.flow.is_over()
    }
}

fn follow(
    frame: Frame<'_>,
    source: &mut Source,
    flow: &mut Flow,
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    if flow.is_over() {
        return Ok(());
    }
    let Frame::Event { data, name } = frame else {
        flow.ping(out);
        return Ok(());
    };
    match data.trim_ascii() {
        b"" => Ok(()),
        b"[DONE]" => source.done(flow, out),
        data => {
            let event = Raw::event(data).ok_or(Broken::NotEvent)?;
            source.event(name, event, flow, out)
        }
    }
}

/// Bytes of data in an event at most.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of an answer that has to be repeated at most.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
