//! Whole events, for those who need one in one piece: the first of a stream, a translation.
//!
//! Holds one event at a time, within a bound. Accounting reads pieces instead (`framer`).

use super::framer::{Framer, Part};

/// One event. Bytes as they came: UTF-8 if the stream was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event<'a> {
    /// The `data` lines, joined by line feeds.
    pub data: &'a [u8],
    /// The last id of the stream so far; empty when there is none.
    pub id: &'a [u8],
    /// Empty stands for `message`.
    pub name: &'a [u8],
}

/// An event, or its name or id, has more bytes than the bound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventTooLong;

/// Puts the events of one stream together.
#[derive(Clone, Debug)]
pub struct Events {
    bytes_max: usize,
    data: Vec<u8>,
    framer: Framer,
    has_data: bool,
    id: Vec<u8>,
    is_too_long: bool,
    last_id: Vec<u8>,
    line: Line,
    name: Vec<u8>,
    retry_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Line {
    Data,
    Event,
    Id,
}

impl Events {
    /// At the start of a stream whose events have at most `bytes_max` bytes of data.
    pub const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            data: Vec::new(),
            framer: Framer::new(),
            has_data: false,
            id: Vec::new(),
            is_too_long: false,
            last_id: Vec::new(),
            line: Line::Data,
            name: Vec::new(),
            retry_ms: None,
        }
    }

    /// Takes in one read and gives the events that end in it. After an error the stream is lost.
    pub fn push(
        &mut self,
        read: &[u8],
        mut event: impl FnMut(Event<'_>),
    ) -> Result<(), EventTooLong> {
        let mut framer = self.framer;
        framer.push(read, |part| self.part(part, &mut event));
        self.framer = framer;
        if self.is_too_long { Err(EventTooLong) } else { Ok(()) }
    }

    /// The last id of the stream so far; empty when there is none.
    pub fn last_id(&self) -> &[u8] {
        &self.last_id
    }

    /// The last `retry` of the stream so far, in milliseconds.
    pub const fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    fn part(&mut self, part: Part<'_>, event: &mut impl FnMut(Event<'_>)) {
        match part {
            Part::Data => {
                if self.has_data {
                    self.hold(b"\n");
                }
                self.has_data = true;
                self.line = Line::Data;
            }
            Part::End => self.end(event),
            Part::Event => {
                self.name.clear();
                self.line = Line::Event;
            }
            Part::Id => {
                self.id.clear();
                self.line = Line::Id;
            }
            Part::LineEnd if self.line == Line::Id && !self.id.contains(&0) => {
                std::mem::swap(&mut self.last_id, &mut self.id);
            }
            Part::Comment | Part::LineEnd => {}
            Part::Piece(piece) => self.hold_in_line(piece),
            Part::Retry(ms) => self.retry_ms = Some(ms),
        }
    }

    fn end(&mut self, event: &mut impl FnMut(Event<'_>)) {
        if self.has_data && !self.is_too_long {
            event(Event { data: &self.data, id: &self.last_id, name: &self.name });
        }
        self.data.clear();
        self.has_data = false;
        self.name.clear();
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.line = Line::Data;
        self.hold_in_line(bytes);
    }

    fn hold_in_line(&mut self, bytes: &[u8]) {
        let held = match self.line {
            Line::Data => &mut self.data,
            Line::Event => &mut self.name,
            Line::Id => &mut self.id,
        };
        if self.is_too_long || held.len().saturating_add(bytes.len()) > self.bytes_max {
            self.is_too_long = true;
        } else {
            held.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w43_events_end_at_the_earliest_empty_line_whatever_ends_lines() {
        for (stream, expected) in [
            ("", 0),
            ("data: a", 0),
            ("data: a\n", 0),
            ("data: a\r\n", 0),
            ("data: a\n\n", 1),
            ("data: a\r\n\r\n", 1),
            ("data: a\n\r\ndata: b\r\n\ndata: c\r\r", 3),
            ("data: a\r\n\r\ndata: b\n\ndata: c\n", 2),
        ] {
            for cut in 0..=stream.len() {
                let (first, second) = stream.as_bytes().split_at(cut);
                let (mut events, mut seen) = (Events::new(64), 0);
                events.push(first, |_| seen += 1).unwrap();
                events.push(second, |_| seen += 1).unwrap();
                assert_eq!(seen, expected, "{stream:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn an_event_beyond_the_bound_ends_the_stream_not_the_process() {
        let mut events = Events::new(4);
        let mut seen = 0;
        assert_eq!(events.push(b"data: 1234\n\n", |_| seen += 1), Ok(()));
        assert_eq!(events.push(b"data: 12345\n\n", |_| seen += 1), Err(EventTooLong));
        assert_eq!(events.push(b"data: 1\n\n", |_| seen += 1), Err(EventTooLong));
        assert_eq!(seen, 1);
    }
}
