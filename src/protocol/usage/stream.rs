//! An event stream as it passes: each event that could matter is scanned, the others are counted.
//! Never holds an event: what it says is kept apart until it has ended well.

use super::{EventStatement, Observed};
use crate::protocol::json::scan::Scanner;
use crate::protocol::sse::framer::{Framer, Part};
use crate::protocol::sse::search::Hits;
use crate::protocol::sse::watch::{end_of_event, end_of_line};

/// One stream.
#[derive(Clone, Debug)]
pub struct Stream<S: EventStatement> {
    framer: Framer,
    open: Open<S>,
    seen: Observed,
}

/// The event that is being read in full.
#[derive(Clone, Copy, Debug)]
struct Open<S: EventStatement> {
    /// Bytes of data so far, and the first of them.
    data_len: usize,
    data_start: [u8; DATA_START],
    has_data: bool,
    line: Line,
    name: [u8; NAME_BYTES_MAX],
    name_len: usize,
    scanner: Scanner<S::Node>,
    statement: S,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Line {
    Data,
    Name,
    Other,
}

impl<S: EventStatement> Stream<S> {
    pub fn new() -> Self {
        let open = Open {
            data_len: 0,
            data_start: [0; DATA_START],
            has_data: false,
            line: Line::Other,
            name: [0; NAME_BYTES_MAX],
            name_len: 0,
            scanner: Scanner::new(S::ROOT),
            statement: S::default(),
        };
        Self { framer: Framer::new(), open, seen: Observed::default() }
    }

    pub const fn events(&self) -> u64 {
        self.seen.events
    }

    pub fn push(&mut self, read: &[u8]) {
        self.seen.bytes += u64::try_from(read.len()).unwrap_or(u64::MAX);
        let mut hits = Hits::default();
        let mut at = 0;
        while let Some(&next) = read.get(at) {
            let is_between = self.framer.begins_line(next) && self.open.is_empty();
            let (mut end, mut is_event) = (read.len(), false);
            if !is_between {
                // The line of the event that is open, which may be its last.
                end = end_of_line(read, at).unwrap_or(end);
            } else if S::wants_more(&self.seen) {
                let found = end_of_event(read, at);
                is_event = found.is_some();
                end = found.unwrap_or(end);
            } else {
                let passed = if read.len() > LONG_READ {
                    S::search().pass(read, at, &mut hits)
                } else {
                    S::WATCH.pass(read, at)
                };
                self.seen.events += passed.events;
                at += passed.bytes;
                is_event = passed.is_event;
                end = at + passed.to_read;
            }
            let (open, seen) = (&mut self.open, &mut self.seen);
            let piece = read.get(at..end).unwrap_or_default();
            if is_event && memchr::memchr(b'\r', piece).is_none() {
                open.event(piece, seen);
            } else {
                self.framer.push(piece, |part| open.part(part, seen));
            }
            at = end;
        }
    }

    pub fn finish(&mut self, clean: bool) -> &Observed {
        // A last line that lacks only its end is used, as an event of no count: a client drops it.
        let (open, seen) = (&mut self.open, &mut self.seen);
        let events = seen.events;
        self.framer.end(|part| open.part(part, seen));
        self.open.part(Part::End, &mut self.seen);
        self.seen.events = events;
        self.seen.settle(clean, S::USAGE);
        &self.seen
    }
}

impl<S: EventStatement> Open<S> {
    const fn is_empty(&self) -> bool {
        !self.has_data && self.name_len == 0
    }

    /// One event in one piece, as most come, with the empty line that ends it and no CR. The framer
    /// would say the same of its fields, for more.
    fn event(&mut self, event: &[u8], seen: &mut Observed) {
        let mut rest = event;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let (data, name) = (line.strip_prefix(b"data"), line.strip_prefix(b"event"));
            let (field, after) = match (data, name) {
                (Some(after), _) => (Part::Data, after),
                (_, Some(after)) => (Part::Event, after),
                _ => continue,
            };
            let value = match after {
                [] => after,
                [b':', b' ', value @ ..] | [b':', value @ ..] => value,
                _ => continue,
            };
            self.part(field, seen);
            self.part(Part::Piece(value), seen);
        }
        self.part(Part::End, seen);
    }

    fn part(&mut self, part: Part<'_>, seen: &mut Observed) {
        match part {
            Part::Data => self.begin_data(),
            Part::End => {
                if self.has_data {
                    self.end(seen);
                }
                self.has_data = false;
                self.name_len = 0;
            }
            Part::Event => {
                self.line = Line::Name;
                self.name_len = 0;
            }
            Part::Id => self.line = Line::Other,
            Part::Piece(piece) => match self.line {
                Line::Data => self.data(piece),
                Line::Name => hold(&mut self.name, &mut self.name_len, piece),
                Line::Other => {}
            },
            Part::Comment | Part::LineEnd | Part::Retry(_) => {}
        }
    }

    fn begin_data(&mut self) {
        self.line = Line::Data;
        if !self.has_data {
            self.has_data = true;
            self.data_len = 0;
            self.scanner.restart(S::ROOT);
            self.statement = S::default();
            return;
        }
        // Lines of data are joined by a line feed, which no JSON string may hold.
        if self.scanner.is_in_string() {
            self.scanner.spoil();
        }
        self.data(b"\n");
    }

    fn data(&mut self, piece: &[u8]) {
        hold(&mut self.data_start, &mut self.data_len, piece);
        self.scanner.push(&mut self.statement, piece);
    }

    fn end(&mut self, seen: &mut Observed) {
        seen.events += 1;
        let data = self.data_start.get(..self.data_len);
        if data.is_some() && data == S::DONE {
            seen.terminal_seen = true;
        } else if self.scanner.finish(&mut self.statement) {
            // A name that does not fit is none that we know.
            let name = self.name.get(..self.name_len).unwrap_or(b"?");
            self.statement.commit(name, seen);
        }
    }
}

/// Keeps the first bytes of something, and its length.
fn hold(held: &mut [u8], len: &mut usize, bytes: &[u8]) {
    for (to, &from) in held.iter_mut().skip(*len).zip(bytes) {
        *to = from;
    }
    *len = len.saturating_add(bytes.len());
}

/// `[DONE]`.
const DATA_START: usize = 6;
/// Bytes from which on searches pay: about eight events.
const LONG_READ: usize = 1_536;
/// `response.incomplete` has 19.
const NAME_BYTES_MAX: usize = 32;
