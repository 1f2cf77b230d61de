//! A client's request: its head with what follows from it, and its body within limits.
//! Never decides what the request is for.

use std::ops::Range;

use bytes::Bytes;

use super::connection::Connection;
use crate::data_plane::io::buffer::{Buffer, LARGE};
use crate::data_plane::io::fault::{Cause, Fault, Limit, Wait};
use crate::protocol::http1::Refusal;
use crate::protocol::http1::body::{Body, Piece};
use crate::protocol::http1::framing::{self, BodyLength};
use crate::protocol::http1::head::RequestHead;

/// A request whose head is whole. Its spans are of the connection's buffer.
#[derive(Debug)]
pub struct Request {
    /// How its body ends.
    pub body: BodyLength,
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
    pub fn new(head: RequestHead, bytes: &[u8]) -> Result<Self, HeadFault> {
        let body = framing::request_body(&head, bytes)?;
        Ok(Self {
            body,
            expects_continue: framing::expects_continue(&head, bytes),
            wants_close: framing::wants_close(&head.fields, head.minor, bytes),
            wants_upgrade: framing::wants_upgrade(&head.fields, bytes),
            head,
        })
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

/// A whole body and how many bytes of the connection's buffer the request took.
#[derive(Debug)]
pub struct Received {
    /// The body.
    pub body: Held,
    /// Bytes of the buffer that belong to this request.
    pub used: usize,
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
    /// Reads the whole body of `request`.
    ///
    /// # Errors
    /// See [`BodyFault`]. The rest of the body is then still unread.
    pub async fn read_body(
        &mut self,
        request: &Request,
        limit: BodyLimit,
    ) -> Result<Received, BodyFault> {
        let start = request.head.end;
        match request.body {
            BodyLength::Length(n) if n > limit.bytes_max => Err(BodyFault::TooLarge),
            BodyLength::Length(n) => {
                let n = usize::try_from(n).map_err(|_| BodyFault::TooLarge)?;
                if self.buffer.len() >= start + n {
                    return Ok(Received { body: Held::InPlace(start..start + n), used: start + n });
                }
                self.read_length(start, n, limit).await
            }
            BodyLength::Chunked => self.read_chunked(start, limit).await,
            BodyLength::None | BodyLength::UntilClose => {
                Ok(Received { body: Held::InPlace(start..start), used: start })
            }
        }
    }

    async fn read_length(
        &mut self,
        start: usize,
        length: usize,
        limit: BodyLimit,
    ) -> Result<Received, BodyFault> {
        // Room grows with what arrives: a claimed length alone costs nobody memory.
        let mut body = Buffer::with_capacity(length.min(LARGE));
        body.extend(self.buffer.filled().get(start..).unwrap_or_default());
        self.buffer.keep(0..start);
        while body.len() < length {
            if body.spare() == 0 {
                body.grow(length.min(body.len() * 2));
            }
            let (read, filled) = self.stream.read(body, limit.idle).await;
            body = filled;
            if read? == 0 {
                return Err(BodyFault::ClientGone);
            }
        }
        // What came behind the body belongs to the next request.
        let (mut bytes, _) = body.into_parts();
        self.buffer.extend(bytes.get(length..).unwrap_or_default());
        bytes.truncate(length);
        Ok(Received { body: Held::Own(Bytes::from(bytes)), used: start })
    }

    async fn read_chunked(
        &mut self,
        start: usize,
        limit: BodyLimit,
    ) -> Result<Received, BodyFault> {
        let mut body = Body::new(BodyLength::Chunked);
        let mut whole = Vec::new();
        let mut read = self.local.buffers.take_small();
        read.extend(self.buffer.filled().get(start..).unwrap_or_default());
        self.buffer.keep(0..start);
        let result = loop {
            match take_payload(&mut body, &mut read, &mut whole, limit.bytes_max) {
                Ok(true) => break Ok(()),
                Ok(false) => {}
                Err(fault) => break Err(fault),
            }
            read.clear();
            let (result, filled) = self.stream.read(read, limit.idle).await;
            read = filled;
            match result {
                Ok(0) => break Err(BodyFault::ClientGone),
                Ok(_) => {}
                Err(fault) => break Err(fault.into()),
            }
        };
        // What came behind the last chunk belongs to the next request.
        self.buffer.extend(read.filled());
        self.local.buffers.put(read);
        result?;
        Ok(Received { body: Held::Own(Bytes::from(whole)), used: start })
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
        let began = self.buffer.len() > request.head.end;
        if !request.expects_continue || request.is_bodiless() || began {
            return Ok(());
        }
        let go_on = Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n");
        Ok(self.stream.write_shared(go_on, write_stall).await?)
    }

    /// Reads and forgets what the client still sends of a request that was answered early, so that
    /// a reset does not overtake the answer (RFC 9112 section 9.6): 64 KiB or 2 s at most.
    pub async fn linger(&mut self) {
        self.stream.finish((Wait::WriteStall, Some(LINGER_MS))).await;
        self.stream.watch().forgive();
        self.stream.watch().on_hangup_remember();
        let end = crate::shared::clock::Millis::now().plus(LINGER_MS);
        let mut left = LINGER_BYTES;
        let mut buffer = self.local.buffers.take_small();
        while left > 0 {
            buffer.clear();
            let ms = end.since(crate::shared::clock::Millis::now());
            let (read, filled) = self.stream.read(buffer, (Wait::Linger, Some(ms))).await;
            buffer = filled;
            match read {
                Ok(n) if n > 0 && ms > 0 => left = left.saturating_sub(n),
                _ => break,
            }
        }
        self.local.buffers.put(buffer);
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
