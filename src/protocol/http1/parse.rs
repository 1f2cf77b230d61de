//! Bytes to heads, line by line; the one door to httparse, which splits and checks field lines.
//!
//! Each byte is looked at once: a parser remembers how far it has read, so a peer that sends one
//! byte per packet costs no more than one that sends the head at once. A line is judged when its
//! end is there, so a bad head is refused at its first bad line; NUL and stray CR are refused
//! earlier. Never repairs: no bare LF, no folding, no whitespace before a colon.

use memchr::{memchr, memchr2};

use crate::protocol::ascii::is_token;
use crate::protocol::http1::Refusal;
use crate::protocol::http1::head::{Field, Fields, RequestHead, ResponseHead, Span};
use crate::protocol::http1::header::Known;

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
        let mut batch_start = self.line_start;
        let mut lines = 0;
        while let Some(lf) = self.find_lf(bytes) {
            let end = before_crlf(bytes, self.line_start, lf);
            let is_empty = end == Ok(self.line_start);
            let is_refused = end.is_err() || self.fields.len() + lines == fields_max;
            if is_empty || is_refused || lines == BATCH_LINES {
                // The lines before come first: a refusal must not depend on the size of a batch.
                self.read_batch(batch_start, lines, bytes)?;
                batch_start = self.line_start;
                lines = 0;
            }
            end?;
            if is_empty {
                return Ok(Some(lf + 1));
            }
            if is_refused {
                return Err(Refusal::TooManyFields);
            }
            lines += 1;
            self.line_start = lf + 1;
            self.scanned = lf + 1;
        }
        self.read_batch(batch_start, lines, bytes)?;
        self.check_tail(bytes)?;
        Ok(None)
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
        for field in found.iter().take(lines) {
            let name = field.name.as_bytes();
            debug_assert!(!name.is_empty(), "httparse gives one field per whole line");
            self.fields.push(Field {
                known: Known::of(name),
                name: span(name),
                value: span(field.value),
            });
        }
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

#[derive(Clone, Copy, Debug)]
struct RequestLine {
    method: Span,
    target: Span,
    path_and_query: Span,
    authority: Option<Span>,
    minor: u8,
}

impl RequestLine {
    /// `method SP target SP version` (RFC 9112 section 3).
    fn parse(span: Span, bytes: &[u8]) -> Result<Self, Refusal> {
        let line = span.of(bytes);
        let method_len = memchr(b' ', line).ok_or(Refusal::RequestLine)?;
        let (method, rest) = line.split_at(method_len);
        let rest = rest.get(1..).unwrap_or_default();
        if !is_token(method) {
            return Err(Refusal::RequestLine);
        }
        let Some(target_len) = memchr(b' ', rest) else {
            // `GET /path` alone is HTTP/0.9.
            let old = if rest.is_empty() { Refusal::RequestLine } else { Refusal::Version };
            return Err(old);
        };
        let (target, version) = rest.split_at(target_len);
        if !is_target(target) {
            return Err(Refusal::Target);
        }
        let minor = minor_version(version.get(1..).unwrap_or_default(), Refusal::RequestLine)?;
        let at = span.start() + method_len + 1;
        let form = TargetForm::of(method, target)?;
        let place = |start: usize, end: usize| Span::new(at + start, at + end);
        let (authority, path_start) = match form {
            TargetForm::Origin => (None, 0),
            TargetForm::Absolute { start, end } => (Some(place(start, end)), end),
            TargetForm::Other => (None, target_len),
        };
        Ok(Self {
            method: Span::new(span.start(), span.start() + method_len),
            target: place(0, target_len),
            path_and_query: place(path_start, target_len),
            authority,
            minor,
        })
    }
}

/// The forms of RFC 9112 section 3.2, as far as we need to tell them apart.
enum TargetForm {
    Origin,
    /// `scheme://authority…`, with the place of the authority in the target.
    Absolute {
        start: usize,
        end: usize,
    },
    /// Asterisk, authority for CONNECT, or a URI without authority.
    Other,
}

impl TargetForm {
    fn of(method: &[u8], target: &[u8]) -> Result<Self, Refusal> {
        match (method, target) {
            (b"CONNECT", _) if is_connect_target(target) => Ok(Self::Other),
            (b"CONNECT", _) => Err(Refusal::Target),
            (_, [b'/', ..]) => Ok(Self::Origin),
            (b"OPTIONS", [b'*']) => Ok(Self::Other),
            _ => Self::of_uri(target),
        }
    }

    fn of_uri(target: &[u8]) -> Result<Self, Refusal> {
        let colon = memchr(b':', target).ok_or(Refusal::Target)?;
        let (scheme, rest) = target.split_at(colon);
        let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(b));
        if !is_scheme {
            return Err(Refusal::Target);
        }
        let Some(rest) = rest.strip_prefix(b"://") else { return Ok(Self::Other) };
        let length = rest.iter().position(|b| b"/?#".contains(b)).unwrap_or(rest.len());
        let start = colon + 3;
        Ok(Self::Absolute { start, end: start + length })
    }
}

/// Some bytes, none of them a space or control byte; above 0x7f all pass.
fn is_target(target: &[u8]) -> bool {
    let mut bad = target.is_empty();
    for &byte in target {
        bad |= byte <= b' ' || byte == 0x7f;
    }
    !bad
}

/// `host:port` as CONNECT wants it (RFC 9112 section 3.2.3).
fn is_connect_target(target: &[u8]) -> bool {
    let Some(colon) = memchr::memrchr(b':', target) else { return false };
    let (host, port) = target.split_at(colon);
    let is_host = match host {
        [b'[', inner @ .., b']'] => {
            !inner.is_empty() && inner.iter().all(|b| b.is_ascii_hexdigit() || b".:".contains(b))
        }
        _ => !host.is_empty() && !host.iter().any(|b| b"/@[]:?#".contains(b)),
    };
    is_host && port.len() > 1 && port.iter().skip(1).all(u8::is_ascii_digit)
}

/// The n of `HTTP/1.n`; a higher minor speaks 1.1 with us (RFC 9110 section 2.5).
fn minor_version(version: &[u8], malformed: Refusal) -> Result<u8, Refusal> {
    match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => Ok(minor - b'0'),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Refusal::Version),
        _ => Err(malformed),
    }
}

#[derive(Clone, Copy, Debug)]
struct StatusLine {
    status: u16,
    reason: Span,
    minor: u8,
}

impl StatusLine {
    /// `version SP status [SP reason]` (RFC 9112 section 4).
    fn parse(span: Span, bytes: &[u8]) -> Result<Self, Refusal> {
        let line = span.of(bytes);
        let (version, rest) = line.split_at_checked(8).ok_or(Refusal::StatusLine)?;
        let minor = minor_version(version, Refusal::StatusLine)?;
        let [b' ', h @ b'0'..=b'9', t @ b'0'..=b'9', o @ b'0'..=b'9', rest @ ..] = rest else {
            return Err(Refusal::StatusLine);
        };
        let reason = match rest {
            [] => rest,
            [b' ', reason @ ..] if reason.first() != Some(&b' ') => reason,
            _ => return Err(Refusal::StatusLine),
        };
        if reason.iter().any(|&byte| is_control(byte)) {
            return Err(Refusal::StatusLine);
        }
        let digit = |byte: &u8| u16::from(byte - b'0');
        Ok(Self {
            status: digit(h) * 100 + digit(t) * 10 + digit(o),
            reason: Span::new(span.end() - reason.len(), span.end()),
            minor,
        })
    }
}

/// A control byte that has no place in a line; the tab has.
const fn is_control(byte: u8) -> bool {
    byte < b' ' && byte != b'\t' || byte == 0x7f
}

/// Field lines handed to httparse at once: its table has to be cleared for each batch.
const BATCH_LINES: usize = 16;

#[cfg(test)]
mod tests;
