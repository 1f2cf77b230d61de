//! Bytes to heads, line by line; the one door to httparse, which splits and checks field lines.
//!
//! Each byte is looked at once: a parser remembers how far it has read, so a peer that sends one
//! byte per packet costs no more than one that sends the head at once. A line is judged when its
//! end is there, so a bad head is refused at its first bad line; NUL and stray CR are refused
//! earlier. Never repairs: no bare LF, no folding, no whitespace before a colon.

use memchr::{memchr, memchr2};

use crate::protocol::http1::Refusal;
use crate::protocol::http1::head::{Fields, RequestHead, ResponseHead, Span};
use crate::protocol::http1::plain_line::{PlainLine, find_crlf, take_usual};
use crate::protocol::http1::start_line::{RequestLine, StatusLine};

/// Bounds of one head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeadLimits {
    /// Whole head with its empty lines, in bytes; at most 1 GiB is sensible.
    pub head_bytes_max: usize,
    /// Request line or status line without its CRLF, in bytes.
    pub line_bytes_max: usize,
    /// Field lines.
    pub fields_max: usize,
}

impl HeadLimits {
    /// What may be looked at: one byte more than a head may have, so that no verdict depends on
    /// how much of what follows is there already.
    fn view<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(..self.head_bytes_max.saturating_add(1)).unwrap_or(bytes)
    }

    fn finished(&self, end: usize) -> Result<(), Refusal> {
        if end > self.head_bytes_max { Err(Refusal::HeadTooLarge) } else { Ok(()) }
    }

    /// The verdict while the end of the head is missing.
    fn unfinished<T>(&self, bytes: &[u8]) -> Result<Option<T>, Refusal> {
        self.finished(bytes.len()).map(|()| None)
    }
}

/// Reads the heads of requests, one after another.
#[derive(Debug)]
pub struct RequestParser {
    limits: HeadLimits,
    lines: Lines,
    line: Option<RequestLine>,
}

impl RequestParser {
    /// A parser before its first head.
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, lines: Lines::default(), line: None }
    }

    /// Reads on. `bytes` holds everything since the end of the message before, each time more of
    /// it. `None` means: read more and call again. After a head the parser is ready for the next.
    ///
    /// # Errors
    /// At the first line that cannot be part of a request we take. Do not call again then.
    pub fn parse(&mut self, bytes: &[u8]) -> Result<Option<RequestHead>, Refusal> {
        let bytes = self.limits.view(bytes);
        let line = if let Some(line) = self.line {
            line
        } else {
            if !self.lines.skip_empty(bytes)? {
                return self.limits.unfinished(bytes);
            }
            let Some(span) = self.lines.first(bytes, self.limits.line_bytes_max)? else {
                return self.limits.unfinished(bytes);
            };
            *self.line.insert(RequestLine::parse(span, bytes)?)
        };
        let Some(end) = self.lines.fields(bytes, self.limits.fields_max)? else {
            return self.limits.unfinished(bytes);
        };
        self.limits.finished(end)?;
        self.line = None;
        Ok(Some(RequestHead {
            method: line.method,
            target: line.target,
            path_and_query: line.path_and_query,
            authority: line.authority,
            minor: line.minor,
            fields: std::mem::take(&mut self.lines).fields,
            end,
        }))
    }

    /// Whether a request has begun: a byte was seen that is not part of an empty line before it.
    /// A connection that ends while this is false ends cleanly.
    pub fn has_begun(&self, bytes: &[u8]) -> bool {
        self.line.is_some() || bytes.len() > self.lines.line_start
    }
}

/// Reads the heads of responses, one after another.
#[derive(Debug)]
pub struct ResponseParser {
    limits: HeadLimits,
    lines: Lines,
    line: Option<StatusLine>,
}

impl ResponseParser {
    /// A parser before its first head.
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, lines: Lines::default(), line: None }
    }

    /// Reads on, as [`RequestParser::parse`] does. No empty line may stand before a status line.
    ///
    /// # Errors
    /// At the first line that cannot be part of a response we take. Do not call again then.
    pub fn parse(&mut self, bytes: &[u8]) -> Result<Option<ResponseHead>, Refusal> {
        let bytes = self.limits.view(bytes);
        let line = if let Some(line) = self.line {
            line
        } else {
            let first = self.lines.first(bytes, self.limits.line_bytes_max);
            let Some(span) = first.map_err(as_response)? else {
                return self.limits.unfinished(bytes);
            };
            *self.line.insert(StatusLine::parse(span, bytes)?)
        };
        let Some(end) = self.lines.fields(bytes, self.limits.fields_max)? else {
            return self.limits.unfinished(bytes);
        };
        self.limits.finished(end)?;
        self.line = None;
        Ok(Some(ResponseHead {
            status: line.status,
            reason: line.reason,
            minor: line.minor,
            fields: std::mem::take(&mut self.lines).fields,
            end,
        }))
    }
}

fn as_response(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::RequestLineTooLong => Refusal::HeadTooLarge,
        other => other,
    }
}

/// How far a head has been read, and the fields found so far.
#[derive(Debug, Default)]
struct Lines {
    fields: Fields,
    /// Start of the line that has no end yet. All lines before it are judged.
    line_start: usize,
    /// No line feed stands between `line_start` and here, nor NUL or stray CR.
    scanned: usize,
}

impl Lines {
    /// Skips empty lines before a request line (RFC 9112 section 2.2). False: needs more bytes.
    fn skip_empty(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        loop {
            match bytes.get(self.line_start..).unwrap_or_default() {
                [] | [b'\r'] => return Ok(false),
                [b'\r', b'\n', ..] => self.line_start += 2,
                [b'\r', ..] => return Err(Refusal::BareCr),
                [b'\n', ..] => return Err(Refusal::BareLf),
                _ => {
                    self.scanned = self.scanned.max(self.line_start);
                    return Ok(true);
                }
            }
        }
    }

    /// The first line without its end, or `None` while its end is missing.
    fn first(&mut self, bytes: &[u8], bytes_max: usize) -> Result<Option<Span>, Refusal> {
        let start = self.line_start;
        let line_end_max = start.saturating_add(bytes_max).saturating_add(2);
        let bytes = bytes.get(..line_end_max).unwrap_or(bytes);
        if self.scanned == start
            && let Some(end) = find_crlf(bytes, start)
        {
            self.line_start = end + 2;
            self.scanned = end + 2;
            return Ok(Some(Span::new(start, end)));
        }
        let Some(lf) = self.find_lf(bytes) else {
            self.check_tail(bytes)?;
            let is_full = bytes.len() == line_end_max;
            return if is_full { Err(Refusal::RequestLineTooLong) } else { Ok(None) };
        };
        let end = before_crlf(bytes, start, lf)?;
        // Judged before the words of the line, as they are when the line end comes later.
        let line = bytes.get(start..end).unwrap_or_default();
        match memchr2(0, b'\r', line).and_then(|at| line.get(at)) {
            Some(0) => return Err(Refusal::Nul),
            Some(_) => return Err(Refusal::BareCr),
            None => {}
        }
        self.line_start = lf + 1;
        self.scanned = lf + 1;
        Ok(Some(Span::new(start, end)))
    }

    /// Reads field lines up to the empty line. Gives the index after it, or `None` before it came.
    fn fields(&mut self, bytes: &[u8], fields_max: usize) -> Result<Option<usize>, Refusal> {
        self.plain_fields(bytes, fields_max);
        if let Some([b'\r', b'\n', ..]) = bytes.get(self.line_start..) {
            return Ok(Some(self.line_start + 2));
        }
        let mut batch_start = self.line_start;
        let mut lines = 0;
        let has_room = |count: usize, line: usize| {
            // Asked of the first byte of a line, so that it does not matter what came of the rest.
            count < fields_max || matches!(bytes.get(line), None | Some(b'\r' | b'\n'))
        };
        while let Some(lf) = self.find_lf(bytes) {
            let end = before_crlf(bytes, self.line_start, lf);
            let is_empty = end == Ok(self.line_start);
            let is_over = !has_room(self.fields.len() + lines, self.line_start);
            if is_empty || is_over || end.is_err() || lines == BATCH_LINES {
                // The lines before come first: a refusal must not depend on the size of a batch.
                self.read_batch(batch_start, lines, bytes)?;
                batch_start = self.line_start;
                lines = 0;
            }
            if is_over {
                return Err(Refusal::TooManyFields);
            }
            end?;
            if is_empty {
                return Ok(Some(lf + 1));
            }
            lines += 1;
            self.line_start = lf + 1;
            self.scanned = lf + 1;
        }
        self.read_batch(batch_start, lines, bytes)?;
        if !has_room(self.fields.len(), self.line_start) {
            return Err(Refusal::TooManyFields);
        }
        self.check_tail(bytes)?;
        Ok(None)
    }

    /// Takes the whole lines that nothing is wrong with, up to the first other one.
    fn plain_fields(&mut self, bytes: &[u8], fields_max: usize) {
        // A line that was looked at before is not begun again: that would cost its square.
        if self.scanned != self.line_start {
            return;
        }
        let (mut start, told) = (self.line_start, self.fields.len());
        loop {
            let room = fields_max.saturating_sub(self.fields.len());
            start = take_usual(&mut self.fields, bytes, start, room);
            let has_room = self.fields.len() < fields_max;
            let Some(line) = PlainLine::find(bytes, start).filter(|_| has_room) else { break };
            let name = Span::new(start, line.name_end);
            self.fields.push(name, Span::new(line.value_start, line.value_end), line.is_odd);
            start = line.end;
        }
        self.fields.tell_names(told, bytes);
        self.line_start = start;
        self.scanned = start;
    }

    /// Splits and checks `lines` whole field lines that begin at `start`.
    fn read_batch(&mut self, start: usize, lines: usize, bytes: &[u8]) -> Result<(), Refusal> {
        if lines == 0 {
            return Ok(());
        }
        let batch = bytes.get(start..self.line_start).unwrap_or_default();
        let mut found = [httparse::EMPTY_HEADER; BATCH_LINES];
        // Partial, always: the empty line is never part of a batch.
        httparse::parse_headers(batch, &mut found).map_err(|error| match error {
            httparse::Error::HeaderValue => Refusal::FieldValue,
            _ => Refusal::FieldName,
        })?;
        let base = bytes.as_ptr().addr();
        let span = |part: &[u8]| {
            let at = part.as_ptr().addr().saturating_sub(base);
            Span::new(at, at + part.len())
        };
        let told = self.fields.len();
        for field in found.iter().take(lines) {
            let name = field.name.as_bytes();
            debug_assert!(!name.is_empty(), "httparse gives one field per whole line");
            let is_odd = name.iter().any(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'-'));
            self.fields.push(span(name), span(field.value), is_odd);
        }
        self.fields.tell_names(told, bytes);
        Ok(())
    }

    fn find_lf(&self, bytes: &[u8]) -> Option<usize> {
        memchr(b'\n', bytes.get(self.scanned..)?).map(|at| self.scanned + at)
    }

    /// Looks at the line that has no end yet for what no end can repair.
    fn check_tail(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let tail = bytes.get(self.scanned..).unwrap_or_default();
        match memchr2(0, b'\r', tail) {
            None => self.scanned = bytes.len(),
            Some(at) if tail.get(at) == Some(&0) => return Err(Refusal::Nul),
            // The line feed may be in the next read: look at this CR again then.
            Some(at) if at + 1 == tail.len() => self.scanned = bytes.len() - 1,
            Some(_) => return Err(Refusal::BareCr),
        }
        Ok(())
    }
}

/// Where the line that ends in the line feed at `lf` has its CRLF.
fn before_crlf(bytes: &[u8], start: usize, lf: usize) -> Result<usize, Refusal> {
    match bytes.get(start..lf) {
        Some([.., b'\r']) => Ok(lf - 1),
        _ => Err(Refusal::BareLf),
    }
}

/// Field lines handed to httparse at once: its table has to be cleared for each batch.
const BATCH_LINES: usize = 16;

#[cfg(test)]
mod tests;
