//! A client's request: its head with what follows from it, and its body within limits.
//! Never decides what the request is for.

use std::ops::Range;

use bytes::Bytes;

use super::connection::Connection;
use crate::data_plane::io::buffer::{Buffer, LARGE};
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
    /// What was read so far: the head, and behind it what came along. Never changes while the
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

    /// What came along behind the head.
    pub fn behind_head(&self) -> &[u8] {
        self.bytes().get(self.head.end..).unwrap_or_default()
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
#[derive(Clone, Debug)]
pub enum Held {
    /// Where it was read, right behind its head.
    InPlace(Range<usize>),
    /// In a block of its own.
    Own(Bytes),
}

impl Held {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::InPlace(range) => range.len(),
            Self::Own(bytes) => bytes.len(),
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
                self.read_length(request, n, limit).await
            }
            BodyLength::Chunked => self.read_chunked(request, limit).await,
            BodyLength::None | BodyLength::UntilClose => Ok(Held::InPlace(start..start)),
        }
    }

    async fn read_length(
        &mut self,
        request: &Request,
        length: usize,
        limit: BodyLimit,
    ) -> Result<Held, BodyFault> {
        // Room grows with what arrives: a claimed length alone costs nobody memory.
        let mut body = Buffer::with_capacity(length.min(LARGE));
        body.extend(request.behind_head());
        while body.len() < length {
            if body.spare() == 0 {
                body.grow(length.min(body.len() * 2));
                self.stream.watch().set_held(body.capacity());
            }
            let (read, filled) = self.stream.read(body, limit.idle).await;
            body = filled;
            if read? == 0 {
                return Err(BodyFault::ClientGone);
            }
        }
        let (mut bytes, ..) = body.into_parts();
        self.keep_for_next(bytes.get(length..).unwrap_or_default());
        bytes.truncate(length);
        Ok(Held::Own(Bytes::from(bytes)))
    }

    async fn read_chunked(
        &mut self,
        request: &Request,
        limit: BodyLimit,
    ) -> Result<Held, BodyFault> {
        let mut body = Body::new(BodyLength::Chunked);
        let mut whole = Vec::new();
        let mut read = self.local.buffers.take_small();
        read.extend(request.behind_head());
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
        result.map(|()| Held::Own(Bytes::from(whole)))
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
        let began = !request.behind_head().is_empty();
        if !request.expects_continue || request.is_bodiless() || began {
            return Ok(());
        }
        let go_on = Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n");
        Ok(self.stream.write_shared(go_on, write_stall).await?)
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
    whole: &mut Vec<u8>,
    bytes_max: u64,
) -> Result<bool, BodyFault> {
    loop {
        match body.step(read.filled())? {
            Piece::Data { len, skip } => {
                let total = u64::try_from(whole.len() + len).unwrap_or(u64::MAX);
                if total > bytes_max {
                    return Err(BodyFault::TooLarge);
                }
                whole.extend_from_slice(read.filled().get(skip..skip + len).unwrap_or_default());
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

/// The most of an unwanted body that is read.
const LINGER_BYTES: usize = 64 * 1024;
/// The longest time an unwanted body is read for.
const LINGER_MS: u64 = 2_000;
