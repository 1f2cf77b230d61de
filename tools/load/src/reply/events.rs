//! Server-sent events as they pass: how many, when they were written, whether the last one came.
//!
//! Never keeps more than the event at hand.

use memchr::memmem::Finder;
use tidegate_tools::digest::{self, COMMENT, Digest, STAMP, STAMP_DIGITS};

use crate::scenario::Dialect;

/// Watches one stream.
#[derive(Debug)]
pub struct Events {
    carry: Vec<u8>,
    comment: Finder<'static>,
    dialect: Dialect,
    digest: Digest,
    has_error: bool,
    is_over: bool,
    /// As the provider told it at the end, and whether it is so.
    is_verified: Option<bool>,
    searched: usize,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the provider wrote it, if it says so: nanoseconds of `CLOCK_MONOTONIC`.
    pub stamp_ns: Option<u64>,
}

impl Events {
    /// A watcher of one stream in `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            carry: Vec::new(),
            comment: Finder::new(COMMENT),
            dialect,
            digest: Digest::default(),
            has_error: false,
            is_over: false,
            is_verified: None,
            searched: 0,
        }
    }

    /// Takes payload; `seen` is called for each whole event. False when an event is too large to
    /// be one.
    pub fn push(&mut self, mut payload: &[u8], seen: &mut impl FnMut(Seen)) -> bool {
        if !self.carry.is_empty() {
            self.carry.extend_from_slice(payload);
            payload = &[];
            let mut carry = std::mem::take(&mut self.carry);
            let from = std::mem::take(&mut self.searched);
            let used = self.whole_events(&carry, from, seen);
            carry.drain(..used);
            self.carry = carry;
        }
        if !payload.is_empty() {
            let used = self.whole_events(payload, 0, seen);
            self.carry.extend_from_slice(payload.get(used..).unwrap_or_default());
        }
        // The end of an event is at most three bytes, of which two may be here.
        self.searched = self.carry.len().saturating_sub(2);
        self.carry.len() <= EVENT_MAX
    }

    /// Whether the terminal event of the dialect has come.
    pub fn is_over(&self) -> bool {
        self.is_over && self.carry.is_empty()
    }

    /// Whether an event told an error.
    pub fn has_error(&self) -> bool {
        self.has_error
    }

    /// Whether the payload is what the provider says it sent; none if it says nothing.
    pub fn is_verified(&self) -> Option<bool> {
        self.is_verified
    }

    fn whole_events(&mut self, bytes: &[u8], from: usize, seen: &mut impl FnMut(Seen)) -> usize {
        let (mut begin, mut from) = (0, from);
        while let Some(end) = blank_line(bytes, from) {
            self.event(bytes.get(begin..end).unwrap_or_default(), seen);
            begin = end;
            from = end;
        }
        begin
    }

    fn event(&mut self, event: &[u8], seen: &mut impl FnMut(Seen)) {
        if let Some(told) = event.strip_prefix(COMMENT.as_bytes()) {
            let told = told.trim_ascii_end();
            let is_so = digest::is_text(told) && told == self.digest.text().as_bytes();
            self.is_verified = Some(is_so);
            return;
        }
        if self.is_verified.is_some() || self.comment.find(event).is_some() {
            // Nothing may follow the digest, and no lost line end may hide it in an event.
            self.is_verified = Some(false);
        }
        let stamp_ns = self.sum_up(event);
        if event.starts_with(b":") && memchr::memmem::find(event, b"\ndata:").is_none() {
            // A comment keeps the connection alive and is no event.
            return;
        }
        let (is_last, is_error) = judge(self.dialect, event);
        self.is_over |= is_last;
        self.has_error |= is_error;
        seen(Seen { stamp_ns });
    }

    /// Adds an event to the digest, with the digits of its stamp as zeros; returns the stamp.
    fn sum_up(&mut self, event: &[u8]) -> Option<u64> {
        let Some((at, stamp)) = stamp(event) else {
            self.digest.push(event);
            return None;
        };
        self.digest.push(event.get(..at).unwrap_or_default());
        self.digest.push(&[b'0'; STAMP_DIGITS]);
        self.digest.push(event.get(at + STAMP_DIGITS..).unwrap_or_default());
        Some(stamp)
    }
}

/// Where the digits of the stamp stand, and what they say.
fn stamp(event: &[u8]) -> Option<(usize, u64)> {
    let at = memchr::memmem::find(event, &[b'"', STAMP])? + 2;
    let digits = event.get(at..at + STAMP_DIGITS)?;
    if event.get(at + STAMP_DIGITS) != Some(&b' ') || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((at, std::str::from_utf8(digits).ok()?.parse().ok()?))
}

/// The end of the first empty line at or after `from`, its terminator included.
fn blank_line(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr(b'\n', bytes.get(at..)?)? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// Whether an event ends the stream well, and whether it tells an error.
fn judge(dialect: Dialect, event: &[u8]) -> (bool, bool) {
    let begins = |text: &str| event.starts_with(text.as_bytes());
    match dialect {
        Dialect::Anthropic => (begins("event: message_stop\n"), begins("event: error\n")),
        Dialect::OpenaiChat => (begins("data: [DONE]"), begins("data: {\"error\"")),
        Dialect::OpenaiResponses => {
            let is_last = begins("event: response.completed\n");
            (is_last, begins("event: error\n") || begins("event: response.failed\n"))
        }
    }
}

const EVENT_MAX: usize = 4 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    const STAMPED: &str = "event: a\ndata: {\"text\":\"@0000000001234567890 tide0 \"}\n\n";
    const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    fn stream() -> String {
        let plain = format!("{STAMPED}event: b\r\ndata: \"@12 \"\r\n\r\n: alive\n\n{STOP}");
        let mut digest = Digest::default();
        digest.push(plain.replace("1234567890", "0000000000").as_bytes());
        format!("{plain}{COMMENT}{}\n\n", digest.text())
    }

    fn watch(parts: &[&[u8]]) -> (Vec<Option<u64>>, Events) {
        let mut events = Events::new(Dialect::Anthropic);
        let mut stamps = Vec::new();
        for part in parts {
            assert!(events.push(part, &mut |seen| stamps.push(seen.stamp_ns)));
        }
        (stamps, events)
    }

    #[test]
    fn any_split_shows_the_same_events() {
        let stream = stream();
        let bytes = stream.as_bytes();
        for first in 0..=bytes.len() {
            for second in [first, (first + 1).min(bytes.len()), (first + 9).min(bytes.len())] {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let (stamps, events) = watch(&parts);
                let place = format!("cut at {first} and {second}");
                assert_eq!(stamps, [Some(1_234_567_890), None, None], "{place}");
                assert_eq!(events.is_verified(), Some(true), "{place}");
                assert!(events.is_over() && !events.has_error(), "{place}");
            }
        }
    }

    #[test]
    fn every_changed_byte_before_the_digest_shows() {
        let stream = stream();
        let end = stream.find(COMMENT).unwrap();
        let stamp = stream.find("1234567890").unwrap();
        for at in (0..end).filter(|at| !(stamp - 9..stamp + 10).contains(at)) {
            let mut bytes = stream.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(watch(&[&bytes]).1.is_verified(), Some(false), "byte {at}");
        }
    }

    #[test]
    fn bytes_after_the_digest_are_a_change() {
        let stream = stream() + STAMPED;
        assert_eq!(watch(&[stream.as_bytes()]).1.is_verified(), Some(false));
    }

    #[test]
    fn a_stream_without_its_last_event_is_not_over() {
        for end in [STAMPED.to_owned(), format!("{STAMPED}event: message_stop\ndata: {{}}\n")] {
            assert!(!watch(&[end.as_bytes()]).1.is_over(), "{end}");
        }
    }

    #[test]
    fn each_dialect_has_its_last_event_and_its_error() {
        for (dialect, last, error) in [
            (Dialect::Anthropic, "event: message_stop\ndata: {}\n\n", "event: error\ndata: {}\n\n"),
            (Dialect::OpenaiChat, "data: [DONE]\n\n", "data: {\"error\":{}}\n\n"),
            (
                Dialect::OpenaiResponses,
                "event: response.completed\ndata: {}\n\n",
                "event: response.failed\ndata: {}\n\n",
            ),
        ] {
            let mut events = Events::new(dialect);
            events.push(b"data: {}\n\n", &mut |_| {});
            assert!(!events.is_over() && !events.has_error());
            events.push(last.as_bytes(), &mut |_| {});
            assert!(events.is_over() && !events.has_error());
            events.push(error.as_bytes(), &mut |_| {});
            assert!(events.has_error());
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut events = Events::new(Dialect::Anthropic);
        let half = vec![b'x'; EVENT_MAX / 2 + 1];
        assert!(events.push(&half, &mut |_| {}));
        assert!(!events.push(&half, &mut |_| {}));
    }
}
