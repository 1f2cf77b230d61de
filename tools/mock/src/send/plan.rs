//! Turns an answer and its knobs into steps: writes, waits, and one finish.
//!
//! Never touches a socket or a clock; the same answer and knobs give the same steps.

use std::collections::VecDeque;
use std::time::Duration;

use super::frame::{self, Chunks, Shape};
use super::{Finish, Step};
use crate::answer::{Answer, Content, Events, Piece};
use crate::knobs::value::DAY;
use crate::knobs::{Framing, Knobs, Point};

/// What the request says about its answer.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub is_head: bool,
    /// The client cannot read chunks.
    pub is_http10: bool,
    pub keeps_alive: bool,
}

/// Gives the steps of one answer, one at a time.
#[derive(Debug)]
pub struct Plan {
    breakpoint: Option<(Point, Finish)>,
    chunks: Chunks,
    closes: bool,
    events_sent: u32,
    framing: Framing,
    head: Vec<u8>,
    knobs: Knobs,
    last_is_content: bool,
    payload_sent: u64,
    phase: Phase,
    ready: VecDeque<Step>,
    source: Source,
    status: u16,
    writes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Head,
    Body,
    Tail,
    After,
    Over,
}

impl Plan {
    /// The plan of `answer`.
    pub fn new(answer: Answer, knobs: Knobs, reply: Reply) -> Self {
        let is_bare = matches!(answer.status, 204 | 304);
        let framing = framing(&answer.content, &knobs, reply.is_http10 || knobs.wire.http10);
        let length = match framing {
            Framing::Length | Framing::Both => length(&answer.content),
            Framing::Chunked | Framing::Close => 0,
        };
        let closes = !reply.keeps_alive || knobs.wire.close || framing == Framing::Close;
        let shape = Shape { closes, framing, is_bare, length, status: answer.status };
        let head = frame::head(shape, &answer.headers, &knobs);
        let fault = &knobs.fault;
        let breakpoint = fault
            .cut_after
            .map(|point| (point, Finish::Cut))
            .or_else(|| fault.rst_after.map(|point| (point, Finish::Reset)))
            .or_else(|| fault.stall_after.map(|point| (point, Finish::Stall)));
        let has_body = !(is_bare || reply.is_head);
        Self {
            breakpoint,
            chunks: Chunks::new(&knobs),
            closes,
            events_sent: 0,
            framing: if has_body { framing } else { Framing::Length },
            head,
            source: if has_body { Source::new(answer.content, &knobs) } else { Source::empty() },
            knobs,
            last_is_content: false,
            payload_sent: 0,
            phase: Phase::Opening,
            ready: VecDeque::new(),
            status: answer.status,
            writes: 0,
        }
    }

    /// The next step; after a `Finish` there is none.
    pub fn next(&mut self) -> Option<Step> {
        while self.ready.is_empty() && self.phase != Phase::Over {
            self.advance();
        }
        self.ready.pop_front()
    }

    /// The knobs this plan obeys.
    pub fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    /// The status it answers with.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Content events handed out so far.
    pub fn events_sent(&self) -> u32 {
        // The piece at hand may still wait for its time.
        let is_held = self.ready.iter().any(|step| matches!(step, Step::Write(_)));
        self.events_sent - u32::from(is_held && self.last_is_content)
    }

    fn advance(&mut self) {
        match self.phase {
            Phase::Opening => self.opening(),
            Phase::Head => self.head(),
            Phase::Body => match self.source.next() {
                Some(mut piece) => {
                    self.corrupt(&mut piece.bytes);
                    self.piece(&piece);
                }
                None => self.phase = Phase::Tail,
            },
            Phase::Tail => self.tail(),
            Phase::After => self.after(),
            Phase::Over => {}
        }
    }

    fn opening(&mut self) {
        self.phase = Phase::Head;
        let fault = &self.knobs.fault;
        if let Some(delay) = self.knobs.wire.first_byte_delay {
            self.ready.push_back(Step::Until(delay));
        }
        if let Some(count) = fault.storm_1xx {
            self.ready.push_back(Step::Write(frame::interim(count)));
        }
        if fault.cut_before_head {
            self.finish(Finish::Cut);
        } else if fault.rst_before_head {
            self.finish(Finish::Reset);
        } else if fault.head_stall {
            self.finish(Finish::Stall);
        } else if let Some(count) = fault.garbage {
            self.ready.push_back(Step::Write(frame::garbage(count)));
            self.finish(Finish::Cut);
        } else if fault.status_101 {
            self.ready.push_back(Step::Write(frame::SWITCHING.to_vec()));
            self.finish(Finish::Stall);
        }
    }

    fn head(&mut self) {
        self.phase = Phase::Body;
        let mut head = std::mem::take(&mut self.head);
        let fault = &self.knobs.fault;
        let broken = fault
            .cut_in_head
            .map(|at| (at, Finish::Cut))
            .or_else(|| fault.rst_in_head.map(|at| (at, Finish::Reset)))
            .or_else(|| fault.stall_in_head.map(|at| (at, Finish::Stall)));
        if let Some((at, finish)) = broken {
            // The last byte stays behind even when the test asks for more than there is.
            head.truncate(at.min(head.len().saturating_sub(1)));
            self.ready.push_back(Step::Write(head));
            self.finish(finish);
            return;
        }
        self.ready.push_back(Step::Write(head));
        match self.knobs.wire.body_delay {
            Some(delay) => self.ready.push_back(Step::Wait(delay)),
            // A wait of nothing still ends the write.
            None if self.knobs.wire.split_head => self.ready.push_back(Step::Wait(Duration::ZERO)),
            None => {}
        }
        self.break_if(|point| matches!(point, Point::Bytes(0)));
    }

    fn piece(&mut self, piece: &Piece) {
        let counted = piece.is_content || self.knobs.wire.chunk.is_some();
        if piece.is_content && self.break_if(|point| point == Point::Events(0)) {
            return;
        }
        if let (true, Some(rate)) = (counted, self.knobs.wire.rate) {
            self.writes += 1;
            let due = f64::from(self.writes) / rate;
            let due = Duration::try_from_secs_f64(due).unwrap_or(DAY).min(DAY);
            let start = self.knobs.wire.first_byte_delay.unwrap_or_default();
            self.ready.push_back(Step::Until(start + due));
        }
        let length = u64::try_from(piece.bytes.len()).unwrap_or(u64::MAX);
        let keep = match self.breakpoint {
            Some((Point::Bytes(at), _)) => length.min(at - self.payload_sent),
            _ => length,
        };
        self.payload_sent += keep;
        let is_whole = self.write_framed(&piece.bytes, usize::try_from(keep).unwrap_or(usize::MAX));
        self.events_sent += u32::from(piece.is_content);
        self.last_is_content = piece.is_content;
        if !is_whole {
            self.finish(Finish::Cut);
            return;
        }
        let (payload, events) = (self.payload_sent, self.events_sent);
        self.break_if(|point| match point {
            Point::Bytes(at) => at <= payload,
            Point::Events(at) => at > 0 && at <= events,
            Point::End => false,
        });
    }

    fn corrupt(&self, bytes: &mut [u8]) {
        let at = self.knobs.fault.corrupt.and_then(|at| at.checked_sub(self.payload_sent));
        let at = at.and_then(|at| usize::try_from(at).ok());
        if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
            *byte ^= 1;
        }
    }

    /// Pushes one write; false when it ends inside a chunk-size line.
    fn write_framed(&mut self, payload: &[u8], keep: usize) -> bool {
        let mut out = Vec::with_capacity(payload.len() + 16);
        let is_whole = if matches!(self.framing, Framing::Chunked | Framing::Both) {
            self.chunks.write(&mut out, payload, keep)
        } else {
            out.extend_from_slice(payload.get(..keep).unwrap_or(payload));
            true
        };
        self.ready.push_back(Step::Write(out));
        is_whole
    }

    fn tail(&mut self) {
        self.phase = Phase::After;
        if self.break_if(|_| true) {
            return;
        }
        let fault = &self.knobs.fault;
        if fault.missing_last_chunk || fault.long_length.is_some() {
            self.finish(Finish::Cut);
            return;
        }
        if matches!(self.framing, Framing::Chunked | Framing::Both) {
            let mut last = Vec::new();
            let is_whole = self.chunks.finish(&mut last, self.knobs.wire.trailers);
            self.ready.push_back(Step::Write(last));
            if !is_whole {
                self.finish(Finish::Cut);
            }
        }
    }

    fn after(&mut self) {
        let fault = &self.knobs.fault;
        let mut extra = vec![b'X'; fault.extra_bytes.unwrap_or(0)];
        if fault.extra_response {
            extra.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nnobody");
        }
        if let (false, Some(delay)) = (extra.is_empty(), fault.extra_delay) {
            self.ready.extend([Step::Complete, Step::Wait(delay), Step::Write(extra)]);
        } else {
            self.ready.extend([Step::Write(extra), Step::Complete]);
        }
        if let Some(delay) = fault.close_after {
            self.ready.push_back(Step::Wait(delay));
        }
        let closes = self.closes || fault.close_after.is_some();
        let close = if fault.no_close_notify { Finish::Cut } else { Finish::Close };
        self.finish(if closes { close } else { Finish::Keep });
    }

    /// Ends the plan if the breakpoint is due.
    fn break_if(&mut self, is_due: impl Fn(Point) -> bool) -> bool {
        match self.breakpoint.take_if(|(point, _)| is_due(*point)) {
            Some((_, finish)) => {
                self.finish(finish);
                true
            }
            None => false,
        }
    }

    fn finish(&mut self, finish: Finish) {
        self.ready.push_back(Step::Finish(finish));
        self.phase = Phase::Over;
    }
}

/// Where the payload comes from, cut as the knobs say.
#[derive(Debug)]
struct Source {
    double_chunked: bool,
    events: Option<Box<Events>>,
    /// Bytes per piece.
    limit: usize,
    pending: VecDeque<Piece>,
}

impl Source {
    fn empty() -> Self {
        Self { double_chunked: false, events: None, limit: usize::MAX, pending: VecDeque::new() }
    }

    fn new(content: Content, knobs: &Knobs) -> Self {
        let mut source = Self::empty();
        source.limit = knobs.wire.chunk.unwrap_or(usize::MAX);
        match content {
            Content::Events(events) => source.events = Some(events),
            Content::Recorded(bytes) if knobs.wire.rate.is_some() && knobs.wire.chunk.is_none() => {
                source.pending = recorded_events(&bytes);
            }
            Content::Recorded(bytes) | Content::Whole(bytes) => source.cut(&bytes, false),
        }
        if knobs.wire.double_chunked {
            source.double_chunked = true;
            for piece in &mut source.pending {
                piece.bytes = frame::plain_chunk(&piece.bytes);
            }
            if source.events.is_none() {
                source.push_inner_end();
            }
        }
        source
    }

    fn next(&mut self) -> Option<Piece> {
        while self.pending.is_empty() {
            let Some(piece) = self.events.as_mut()?.next() else {
                self.events = None;
                if self.double_chunked {
                    self.push_inner_end();
                }
                continue;
            };
            let bytes =
                if self.double_chunked { frame::plain_chunk(&piece.bytes) } else { piece.bytes };
            self.cut(&bytes, piece.is_content);
        }
        self.pending.pop_front()
    }

    fn push_inner_end(&mut self) {
        self.pending.push_back(Piece { bytes: b"0\r\n\r\n".to_vec(), is_content: false });
    }

    /// Only the last part of an event counts as the event.
    fn cut(&mut self, bytes: &[u8], is_content: bool) {
        let parts = bytes.chunks(self.limit);
        let last = parts.len().saturating_sub(1);
        for (index, part) in parts.enumerate() {
            let is_content = is_content && index == last;
            self.pending.push_back(Piece { bytes: part.to_vec(), is_content });
        }
    }
}

/// A recorded stream, cut after each blank line.
fn recorded_events(bytes: &[u8]) -> VecDeque<Piece> {
    let mut pieces = VecDeque::new();
    let mut event = Vec::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        event.extend_from_slice(line);
        if matches!(line, b"\n" | b"\r\n") {
            pieces.push_back(Piece { bytes: std::mem::take(&mut event), is_content: true });
        }
    }
    if !event.is_empty() {
        pieces.push_back(Piece { bytes: event, is_content: true });
    }
    pieces
}

fn framing(content: &Content, knobs: &Knobs, is_http10: bool) -> Framing {
    let wire = &knobs.wire;
    if wire.te.is_some() || wire.double_chunked || wire.trailers {
        return wire.framing.unwrap_or(Framing::Chunked);
    }
    wire.framing.unwrap_or(match content {
        Content::Events(_) if is_http10 => Framing::Close,
        Content::Events(_) => Framing::Chunked,
        Content::Recorded(_) if !is_http10 => Framing::Chunked,
        Content::Recorded(_) | Content::Whole(_) => Framing::Length,
    })
}

fn length(content: &Content) -> u64 {
    let bytes = match content {
        Content::Events(events) => events.clone().map(|piece| piece.bytes.len()).sum(),
        Content::Recorded(bytes) | Content::Whole(bytes) => bytes.len(),
    };
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
