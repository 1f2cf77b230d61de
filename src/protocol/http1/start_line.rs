//! The first line of a message: method, target and version, or version, status and reason.
//!
//! Gets a whole line without its end, free of NUL and CR. Never normalises a target: the bytes
//! that are routed are the bytes that were sent.

use memchr::{memchr, memrchr};

use crate::protocol::ascii::is_token_byte;
use crate::protocol::http1::Refusal;
use crate::protocol::http1::head::Span;
use crate::protocol::http1::plain_line::find_blank;

/// A request line (RFC 9112 section 3).
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestLine {
    pub method: Span,
    pub target: Span,
    pub path_and_query: Span,
    pub authority: Option<Span>,
    pub minor: u8,
}

impl RequestLine {
    /// `method SP target SP version` (RFC 9112 section 3).
    pub fn parse(span: Span, bytes: &[u8]) -> Result<Self, Refusal> {
        let line = span.of(bytes);
        let method_len = line.iter().position(|&byte| !is_token_byte(byte)).unwrap_or_default();
        if method_len == 0 {
            return Err(Refusal::RequestLine);
        }
        let (method, rest) = line.split_at_checked(method_len).unwrap_or_default();
        let [b' ', rest @ ..] = rest else { return Err(Refusal::RequestLine) };
        // Of a target with other blanks in it the verdict still depends on what follows.
        let start = span.start() + method_len + 1;
        let plain = find_blank(bytes, start).map(|at| at - start);
        let plain = plain.filter(|&at| rest.get(at) == Some(&b' '));
        let Some(target_len) = plain.or_else(|| memchr(b' ', rest)) else {
            // `GET /path` alone is HTTP/0.9.
            let old = if rest.is_empty() { Refusal::RequestLine } else { Refusal::Version };
            return Err(old);
        };
        let (target, version) = rest.split_at(target_len);
        if target.is_empty() || plain.is_none() && !is_target(target) {
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

/// No byte is a space or control byte; above 0x7f all pass.
fn is_target(target: &[u8]) -> bool {
    target.iter().all(|&byte| byte > b' ' && byte != 0x7f)
}

/// `host:port` as CONNECT wants it (RFC 9112 section 3.2.3).
fn is_connect_target(target: &[u8]) -> bool {
    let Some(colon) = memrchr(b':', target) else { return false };
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

/// A status line (RFC 9112 section 4).
#[derive(Clone, Copy, Debug)]
pub(super) struct StatusLine {
    pub status: u16,
    pub reason: Span,
    pub minor: u8,
}

impl StatusLine {
    /// `version SP status [SP reason]` (RFC 9112 section 4).
    pub fn parse(span: Span, bytes: &[u8]) -> Result<Self, Refusal> {
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
