//! Events and comments of a stream in their order, over any split of reads. Holds one event at a
//! time, within a bound.

use crate::protocol::sse::framer::{Framer, Part};

/// What a stream is made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Frame<'a> {
    /// A comment line, which keeps a connection alive.
    Comment,
    /// An event with data.
    Event {
        /// Its data lines, joined by line feeds.
        data: &'a [u8],
        /// Its name; empty when it has none.
        name: &'a [u8],
    },
}

/// Puts the events of one stream together.
#[derive(Clone, Debug)]
pub struct Frames {
    bytes_max: usize,
    framer: Framer,
    open: Open,
}

#[derive(Clone, Debug, Default)]
struct Open {
    data: Vec<u8>,
    has_data: bool,
    is_too_long: bool,
    line: Line,
    name: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Line {
    Data,
    Name,
    #[default]
    Other,
}

impl Frames {
    /// At the start of a stream whose events have at most `bytes_max` bytes of data.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, framer: Framer::new(), open: Open::default() }
    }

    /// Takes in one read and tells what ends in it. After an event beyond the bound, nothing.
    pub fn push(&mut self, read: &[u8], mut frame: impl FnMut(Frame<'_>)) {
        let Self { bytes_max, framer, open } = self;
        framer.push(read, |part| open.part(part, *bytes_max, &mut frame));
    }

    /// Ends the stream as if the open event had ended there.
    pub fn end(&mut self, mut frame: impl FnMut(Frame<'_>)) {
        let Self { bytes_max, framer, open } = self;
        let mut last = |cut: Frame<'_>| {
            if matches!(cut, Frame::Event { .. }) {
                frame(cut);
            }
        };
        framer.end(|part| open.part(part, *bytes_max, &mut last));
        open.part(Part::End, *bytes_max, &mut last);
    }

    /// Whether an event was beyond the bound.
    pub const fn is_too_long(&self) -> bool {
        self.open.is_too_long
    }
}

impl Open {
    fn part(&mut self, part: Part<'_>, bytes_max: usize, frame: &mut impl FnMut(Frame<'_>)) {
        match part {
            Part::Comment if !self.is_too_long => frame(Frame::Comment),
            Part::Data => {
                self.line = Line::Data;
                if std::mem::replace(&mut self.has_data, true) {
                    self.hold(b"\n", bytes_max);
                }
            }
            Part::End => self.end(frame),
            Part::Event => {
                self.name.clear();
                self.line = Line::Name;
            }
            Part::Id => self.line = Line::Other,
            Part::Piece(piece) => self.hold(piece, bytes_max),
            Part::Comment | Part::LineEnd | Part::Retry(_) => {}
        }
    }

    fn hold(&mut self, piece: &[u8], bytes_max: usize) {
        let held = match self.line {
            Line::Data => &mut self.data,
            Line::Name => &mut self.name,
            Line::Other => return,
        };
        if self.is_too_long || held.len().saturating_add(piece.len()) > bytes_max {
            self.is_too_long = true;
        } else {
            held.extend_from_slice(piece);
        }
    }

    fn end(&mut self, frame: &mut impl FnMut(Frame<'_>)) {
        if self.has_data && !self.is_too_long {
            frame(Frame::Event { data: &self.data, name: &self.name });
        }
        self.has_data = false;
        self.data.clear();
        self.name.clear();
        // One long event is no reason to hold as much for the rest of the stream.
        if self.data.capacity() > KEPT_BYTES {
            self.data = Vec::new();
        }
    }
}

/// Room that is kept from event to event.
const KEPT_BYTES: usize = 16 * 1024;
