//! A client's request: its head with what follows from it, and its body within limits.
//! Never decides what the request is for.

use std::ops::Range;

use super::connection::Connection;
use crate::data_plane::io::buffer::Buffer;
use crate::data_plane::io::fault::{Cause, Fault, Limit, Wait};
use crate::data_plane::io::fd::Discarded;
use crate::protocol::http1::Refusal;
use crate::protocol::http1::body::{Body, Piece};
use crate::protocol::http1::framing::{self, BodyLength};
use crate::protocol::http1::head::RequestHead;
use crate::shared::clock::Millis;

/// A request whose head is whole.
#[derive(Debug)]
pub struct Request {
    /// How its body ends.
    pub body: BodyLength,
    /// The head, and behind it what came along where the body is whole. Never changes while the
    /// request is served.
    pub buffer: Buffer,
    /// The client waits for `100 Continue`.
    pub expects_continue: bool,
    /// Its head.
    pub head: RequestHead,
    /// The client wants the connection closed after the answer.
    pub wants_close: bool,
    /// The client asks for another protocol.
    pub wants_upgrade: bool,
}

impl Request {
    /// Checks what a head must satisfy beyond its grammar.
    ///
    /// # Errors
    /// The refusal of HARDENING 3 that applies.
    pub fn new(head: RequestHead, buffer: Buffer) -> Result<Self, Refusal> {
        let bytes = buffer.filled();
        let body = framing::request_body(&head, bytes)?;
        Ok(Self {
            body,
            expects_continue: framing::expects_continue(&head, bytes),
            wants_close: framing::wants_close(&head.fields, head.minor, bytes),
            wants_upgrade: framing::wants_upgrade(&head.fields, bytes),
            buffer,
            head,
        })
    }

    /// The bytes that the head's spans are of.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.filled()
    }

    /// Takes away what came along of a body that is not here whole, so that only the head is kept
    /// while the request is served. Without capacity when there is nothing more to come.
    pub fn split_off_begun(&mut self) -> Buffer {
        let end = self.head.end;
        let behind = u64::try_from(self.bytes().len() - end).unwrap_or(u64::MAX);
        let is_whole = match self.body {
            BodyLength::None | BodyLength::UntilClose => true,
            BodyLength::Length(n) => n <= behind,
            BodyLength::Chunked => false,
        };
        if is_whole {
            return Buffer::default();
        }
        let mut head = Buffer::with_capacity(end);
        head.extend(self.bytes().get(..end).unwrap_or_default());
        let mut begun = std::mem::replace(&mut self.buffer, head);
        begun.consume(end);
        begun
    }

    /// Whether there is no body, or one of no bytes.
    pub fn is_bodiless(&self) -> bool {
        matches!(self.body, BodyLength::None | BodyLength::Length(0))
    }
}

/// Why no request was read.
#[derive(Clone, Copy, Debug)]
pub enum HeadFault {
    /// The client left, or never sent anything: nobody to answer.
    Quiet,
    /// Not a request we take.
    Refused(Refusal),
    /// The head did not arrive in time.
    Timeout(Wait),
}

impl From<Refusal> for HeadFault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Why no body was read.
#[derive(Clone, Copy, Debug)]
pub enum BodyFault {
    /// The client left before the body was whole.
    ClientGone,
    /// Broken chunk framing.
    Refused(Refusal),
    /// The body stopped arriving.
    Timeout(Wait),
    /// More bytes than the limit.
    TooLarge,
}

impl From<Refusal> for BodyFault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for BodyFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Ended(Cause::Deadline(wait)) => Self::Timeout(wait),
            _ => Self::ClientGone,
        }
    }
}

/// A body that is here whole, so that every attempt sends the same bytes.
#[derive(Debug)]
pub enum Held {
    /// Where it was read, right behind its head.
    InPlace(Range<usize>),
    /// In a block of its own, with room for a head in front.
    Own(Buffer),
}

impl Held {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::InPlace(range) => range.len(),
            Self::Own(body) => body.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bounds of one body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    /// The most bytes of payload.
    pub bytes_max: u64,
    /// The longest wait between two reads.
    pub idle: Limit,
}

impl Connection {
    /// Reads the whole body of `request`. What comes behind it stays in the connection's buffer.
    ///
    /// # Errors
    /// See [`BodyFault`]. The rest of the body is then still unread.
    pub async fn read_body(
        &mut self,
        request: &Request,
        limit: BodyLimit,
    ) -> Result<Held, BodyFault> {
        let start = request.head.end;
        match request.body {
            BodyLength::Length(n) if n > limit.bytes_max => Err(BodyFault::TooLarge),
            BodyLength::Length(n) => {
                let n = usize::try_from(n).map_err(|_| BodyFault::TooLarge)?;
                if request.buffer.len() >= start + n {
                    return Ok(Held::InPlace(start..start + n));
                }
                self.read_length(n, limit).await
            }
            BodyLength::Chunked => self.read_chunked(limit).await,
            BodyLength::None | BodyLength::UntilClose => Ok(Held::InPlace(start..start)),
        }
    }

    async fn read_length(&mut self, length: usize, limit: BodyLimit) -> Result<Held, BodyFault> {
        // Room grows with what arrives: a claimed length alone costs nobody memory.
        let mut body = Buffer::with_front(HEAD_ROOM, length.min(BLOCK_BYTES));
        body.extend(self.buffer.filled());
        self.buffer.clear();
        self.release_if_empty();
        while body.len() < length {
            if body.spare() == 0 {
                body.reserve(length.min(body.len() * 2) - body.len());
                self.stream.watch().set_held(body.capacity());
            }
            let (read, filled) = self.stream.read(body, limit.idle).await;
            body = filled;
            if read? == 0 {
                return Err(BodyFault::ClientGone);
            }
        }
        self.keep_for_next(body.filled().get(length..).unwrap_or_default());
        body.shorten(length);
        Ok(Held::Own(body))
    }

    async fn read_chunked(&mut self, limit: BodyLimit) -> Result<Held, BodyFault> {
        let mut body = Body::new(BodyLength::Chunked);
        let mut whole = Buffer::with_front(HEAD_ROOM, 0);
        let mut read = std::mem::take(&mut self.buffer);
        let result = loop {
            match take_payload(&mut body, &mut read, &mut whole, limit.bytes_max) {
                Ok(true) => break Ok(()),
                Ok(false) => self.stream.watch().set_held(whole.capacity()),
                Err(fault) => break Err(fault),
            }
            let (result, filled) = self.stream.read(read, limit.idle).await;
            read = filled;
            match result {
                Ok(0) => break Err(BodyFault::ClientGone),
                Ok(_) => {}
                Err(fault) => break Err(fault.into()),
            }
        };
        self.keep_for_next(read.filled());
        self.local.buffers.put(read);
        result.map(|()| Held::Own(whole))
    }

    /// Adds what came along of the body of `request`, and maybe behind it, to `buffer`.
    pub fn take_begun(&mut self, request: &Request, buffer: &mut Buffer) {
        buffer.extend(request.bytes().get(request.head.end..).unwrap_or_default());
        buffer.extend(self.buffer.filled());
        self.buffer.clear();
        self.release_if_empty();
    }

    /// Keeps bytes that belong to the next request.
    pub fn keep_for_next(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.buffer.capacity() == 0 {
            self.buffer = self.local.buffers.take_small();
        }
        self.buffer.extend(bytes);
    }

    /// Says `100 Continue` to a client that waits for it and has sent nothing of its body.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn invite_body(
        &mut self,
        request: &Request,
        write_stall: Limit,
    ) -> Result<(), BodyFault> {
        let is_whole = request.buffer.len() > request.head.end;
        let began = is_whole || !self.buffer.is_empty();
        if !request.expects_continue || request.is_bodiless() || began {
            return Ok(());
        }
        let mut go_on = self.local.buffers.take_small();
        go_on.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
        let (sent, go_on) = self.stream.write_all(go_on, write_stall).await;
        self.local.buffers.put(go_on);
        Ok(sent?)
    }

    /// Reads and forgets what the client still sends of a request that was answered early, so that
    /// a reset does not overtake the answer (RFC 9112 section 9.6): 64 KiB or 2 s at most.
    pub async fn linger(&mut self) {
        if self.stream.resets_on_close() {
            return; // a FIN now would show a broken answer as a whole one
        }
        self.stream.finish((Wait::WriteStall, Some(LINGER_MS))).await;
        self.stream.watch().forgive();
        self.stream.watch().on_hangup_remember();
        let end = Millis::now().plus(LINGER_MS);
        let mut left = LINGER_BYTES;
        loop {
            let ms = end.since(Millis::now());
            if left == 0 || ms == 0 {
                return;
            }
            let waited = self.stream.readable((Wait::Linger, Some(ms))).await;
            match (waited, self.stream.discard()) {
                (Ok(()), Discarded::Bytes(n)) => left = left.saturating_sub(n),
                _ => return,
            }
        }
    }
}

/// Moves payload from `read` to `whole`; true once the body is over, with the rest left in `read`.
fn take_payload(
    body: &mut Body,
    read: &mut Buffer,
    whole: &mut Buffer,
    bytes_max: u64,
) -> Result<bool, BodyFault> {
    loop {
        match body.step(read.filled())? {
            Piece::Data { len, skip } => {
                let total = u64::try_from(whole.len() + len).unwrap_or(u64::MAX);
                if total > bytes_max {
                    return Err(BodyFault::TooLarge);
                }
                whole.extend(read.filled().get(skip..skip + len).unwrap_or_default());
                read.consume(skip + len);
            }
            Piece::End { consumed } => {
                read.consume(consumed);
                return Ok(true);
            }
            Piece::NeedMore => {
                read.clear();
                return Ok(false);
            }
        }
    }
}

/// Room in front of a body for the head it is sent behind, in one write. A longer one goes first.
pub const HEAD_ROOM: usize = 4 * 1024;
/// The room a body is read into at first, in bytes.
const BLOCK_BYTES: usize = 128 * 1024;
/// The most of an unwanted body that is read.
const LINGER_BYTES: usize = 64 * 1024;
/// The longest time an unwanted body is read for.
const LINGER_MS: u64 = 2_000;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::protocol::http1::parse::{HeadLimits, RequestParser};

    fn request(framing: &str, behind: &str) -> Request {
        let limits = HeadLimits { head_bytes_max: 512, line_bytes_max: 64, fields_max: 8 };
        let mut buffer = Buffer::with_capacity(1024);
        let text = format!("POST /a HTTP/1.1\r\nhost: a.test\r\n{framing}\r\n{behind}");
        buffer.extend(text.as_bytes());
        let head = RequestParser::new(limits).parse(buffer.filled()).unwrap().unwrap();
        Request::new(head, buffer).unwrap()
    }

    #[test]
    fn a_body_that_is_here_whole_stays_behind_its_head() {
        for (framing, behind) in [("content-length: 3\r\n", "abcGET"), ("", "GET")] {
            let mut request = request(framing, behind);
            let len = request.buffer.len();
            assert_eq!(request.split_off_begun().capacity(), 0);
            assert_eq!(request.buffer.len(), len);
        }
    }

    #[test]
    fn a_body_that_is_not_here_whole_leaves_only_the_head() {
        for framing in ["content-length: 4\r\n", "transfer-encoding: chunked\r\n"] {
            for behind in ["", "abc"] {
                let mut request = request(framing, behind);
                assert_eq!(request.split_off_begun().filled(), behind.as_bytes());
                assert_eq!(request.buffer.len(), request.head.end);
                assert_eq!(request.buffer.capacity(), request.head.end, "no room to spare");
                assert_eq!(request.head.method.of(request.bytes()), b"POST");
            }
        }
    }
}
