//! Takes the usage chunk out of a Chat stream whose client did not ask for it (BEHAVIOUR 8). Never
//! changes an event that passes, and never holds more of one than [`CARRY_BYTES_MAX`].

use std::ops::Range;

use super::framer::{Framer, Part};
use super::watch::{Needle, Watch};
use crate::protocol::json::reader::{Reader, Value, Want};
use crate::protocol::json::scan::Scanner;

/// Follows one stream. What passes is the same however reads are split; an event passes as soon
/// as its empty line is there.
#[derive(Clone, Debug)]
pub struct HideUsage {
    /// The open event, as far as it has come.
    carry: Vec<u8>,
    ends: Ends,
    /// The event before was hidden, and with it the rest of its line end.
    hid: bool,
    /// The open event has become too long to be held.
    is_too_long: bool,
    is_first: bool,
    out: Vec<u8>,
}

impl HideUsage {
    /// At the start of a stream.
    pub const fn new() -> Self {
        Self {
            carry: Vec::new(),
            ends: Ends::new(),
            hid: false,
            is_too_long: false,
            is_first: true,
            out: Vec::new(),
        }
    }

    /// Takes in one read and gives what may go on of it, and of what was held before.
    pub fn push(&mut self, read: &[u8]) -> &[u8] {
        self.out.clear();
        let mut rest = read;
        while !rest.is_empty() {
            if let [b'\n', tail @ ..] = rest
                && self.ends.take_line_feed()
            {
                self.pass_line_feed();
                rest = tail;
                continue;
            }
            let end = self.ends.next(rest);
            let (piece, tail) = rest.split_at(end.unwrap_or(rest.len()));
            self.take(piece, end.is_some());
            rest = tail;
        }
        &self.out
    }

    /// Ends the stream, and gives what is held of an event that did not.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.carry)
    }

    fn pass_line_feed(&mut self) {
        if !self.hid {
            self.out.push(b'\n');
        }
    }

    /// The next bytes of the open event; `ends`: they are its last.
    fn take(&mut self, piece: &[u8], ends: bool) {
        if self.is_too_long || self.carry.len().saturating_add(piece.len()) > CARRY_BYTES_MAX {
            self.out.append(&mut self.carry);
            self.out.extend_from_slice(piece);
            self.is_too_long = !ends;
            self.hid = false;
        } else if !ends {
            self.carry.extend_from_slice(piece);
        } else if self.carry.is_empty() {
            self.end(piece);
        } else {
            let mut event = std::mem::take(&mut self.carry);
            event.extend_from_slice(piece);
            self.end(&event);
            // Kept for the next event that comes in two reads.
            event.clear();
            self.carry = event;
        }
        self.is_first &= !ends;
    }

    fn end(&mut self, event: &[u8]) {
        self.hid = is_usage(event, self.is_first);
        if !self.hid {
            self.out.extend_from_slice(event);
        }
    }
}

impl Default for HideUsage {
    fn default() -> Self {
        Self::new()
    }
}

/// Finds where events end. The LF of a last CRLF is told apart: the event is over without it.
#[derive(Clone, Copy, Debug)]
struct Ends {
    after_cr: bool,
    /// No byte of the present event has come.
    at_event_start: bool,
    at_line_start: bool,
    /// How much of a byte order mark has come; all of it where none can come any more.
    mark: usize,
}

impl Ends {
    const fn new() -> Self {
        Self { after_cr: false, at_event_start: true, at_line_start: true, mark: 0 }
    }

    /// Whether an LF that comes now belongs to the end of the event before; if so it is taken.
    fn take_line_feed(&mut self) -> bool {
        let is_rest = self.after_cr && self.at_event_start;
        self.after_cr &= !is_rest;
        is_rest
    }

    /// How many of these bytes belong to the open event, if it ends in them.
    fn next(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            self.at_event_start = false;
            at += 1;
            if std::mem::take(&mut self.after_cr) && byte == b'\n' || self.is_mark(byte) {
                continue;
            }
            if matches!(byte, b'\r' | b'\n') {
                self.after_cr = byte == b'\r';
                if std::mem::replace(&mut self.at_line_start, true) {
                    self.at_event_start = true;
                    return Some(at);
                }
            } else {
                self.at_line_start = false;
                let rest = bytes.get(at..).unwrap_or_default();
                at += memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            }
        }
        None
    }

    /// Whether `byte` is part of a byte order mark, which leaves its line empty. A part of a mark
    /// does not.
    fn is_mark(&mut self, byte: u8) -> bool {
        let Some(&expected) = MARK.get(self.mark) else { return false };
        if byte == expected {
            self.mark += 1;
            return true;
        }
        self.at_line_start = self.mark == 0;
        self.mark = MARK.len();
        false
    }
}

/// Whether `event` tells nothing but usage: no choice, and usage that is not null. `is_first`: a
/// byte order mark may precede it.
fn is_usage(event: &[u8], is_first: bool) -> bool {
    if WATCH.pass(event, 0).bytes == event.len() {
        return false;
    }
    let mut framer = Framer::new();
    if !is_first {
        framer.push(b"\n", |_| {});
    }
    let (mut chunk, mut scanner) = (Chunk::default(), Scanner::new(Node::Chunk));
    let (mut has_data, mut in_data) = (false, false);
    framer.push(event, |part| match part {
        Part::Data => {
            if has_data && scanner.is_in_string() {
                scanner.spoil();
            } else if has_data {
                scanner.push(&mut chunk, b"\n");
            }
            (has_data, in_data) = (true, true);
        }
        Part::Piece(piece) if in_data => scanner.push(&mut chunk, piece),
        Part::Piece(_) | Part::Comment | Part::End | Part::Retry(_) => {}
        Part::Event | Part::Id | Part::LineEnd => in_data = false,
    });
    scanner.finish(&mut chunk) && chunk.has_no_choice && chunk.has_usage
}

/// What decides about one chunk.
#[derive(Clone, Copy, Debug, Default)]
struct Chunk {
    /// `choices` is an empty array.
    has_no_choice: bool,
    /// `usage` is not null.
    has_usage: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Node {
    Choices,
    Chunk,
    Usage,
}

impl Reader for Chunk {
    type Node = Node;

    fn element(&mut self, parent: Node) -> Want<Node> {
        if parent == Node::Choices {
            self.has_no_choice = false;
        }
        Want::Skip
    }

    fn member(&mut self, parent: Node, key: &[u8]) -> Want<Node> {
        match (parent, key) {
            (Node::Chunk, b"choices") => Want::Enter(Node::Choices),
            (Node::Chunk, b"usage") => Want::Take(Node::Usage),
            _ => Want::Skip,
        }
    }

    fn value(&mut self, node: Node, value: Value<'_>, _span: Range<u64>) {
        match (node, value) {
            (Node::Chunk, _) | (Node::Choices, Value::Closed) => {}
            // Of repeated keys the last counts.
            (Node::Choices, _) => self.has_no_choice = value == Value::OpenedArray,
            (Node::Usage, _) => self.has_usage = value != Value::Null,
        }
    }
}

/// Bytes of an event that are held until it ends. A longer event passes as it comes.
pub const CARRY_BYTES_MAX: usize = 64 * 1024;
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A stream that was asked for usage says `"usage":null` in every chunk but the one in question.
const WATCH: Watch = Watch::new([Needle::new(b"usage", 1, &[b"\":null", b"\": null"]), None, None]);

#[cfg(test)]
mod tests;
