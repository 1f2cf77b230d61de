//! A bounded look at what an answer begins with, before anything of it is passed on: its error, or
//! the first event of its stream. What was looked at stays in the buffer, to be relayed or left.

use super::Exchange;
use super::attempt::Call;
use crate::data_plane::io::fault::{Cause, Fault, Wait};
use crate::protocol::http1::body::{Body, Piece};
use crate::protocol::http1::framing::BodyLength;
use crate::shared::clock::Millis;

/// How far a look may go.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Payload bytes.
    pub bytes_max: usize,
    /// Milliseconds.
    pub wait_ms: u64,
}

/// How a look ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Looked {
    /// The client left meanwhile.
    ClientGone,
    /// It has seen enough, or its bounds were reached: the body goes on.
    Partly,
    /// The body is there whole.
    Whole,
}

/// What a further read brought.
enum More {
    Came,
    Ended,
    Nothing,
}

impl Exchange<'_> {
    /// Reads the body of `call`, which ends as `length` says, until `enough` says so, giving it
    /// the payload piece by piece.
    pub(super) async fn look(
        &mut self,
        call: &mut Call,
        length: BodyLength,
        bounds: Bounds,
        mut enough: impl FnMut(&[u8]) -> bool,
    ) -> Looked {
        let mut body = Body::new(length);
        let (mut at, mut seen) = (call.answered.head.end, 0);
        let deadline = Millis::now().plus(bounds.wait_ms);
        loop {
            let filled = call.answered.buffer.filled();
            match body.step(filled.get(at..).unwrap_or_default()) {
                Ok(Piece::Data { len, skip }) => {
                    let payload = filled.get(at + skip..at + skip + len).unwrap_or_default();
                    (at, seen) = (at + skip + len, seen + len);
                    if enough(payload) {
                        return Looked::Partly;
                    }
                    if !body.is_done() {
                        continue;
                    }
                }
                Ok(Piece::End { consumed }) => at += consumed,
                Ok(Piece::NeedMore) => at = filled.len(),
                // The relay will meet the same fault, and say so.
                Err(_) => return Looked::Partly,
            }
            if body.is_done() {
                // Bytes that nobody asked for came behind it: the connection is not used again.
                call.sent_whole &= at == filled.len();
                return Looked::Whole;
            }
            let left = deadline.since(Millis::now());
            if seen >= bounds.bytes_max || left == 0 {
                return Looked::Partly;
            }
            match self.read_on(call, left).await {
                Ok(More::Came) => {}
                Ok(More::Ended) if body.may_end_here() => return Looked::Whole,
                Err(Fault::Ended(Cause::ClientGone)) => return Looked::ClientGone,
                Ok(More::Ended | More::Nothing) | Err(_) => return Looked::Partly,
            }
        }
    }

    /// Reads once behind what is there, if something comes in `wait_ms`.
    async fn read_on(&mut self, call: &mut Call, wait_ms: u64) -> Result<More, Fault> {
        let Some(upstream) = &mut call.upstream else { return Ok(More::Nothing) };
        if !upstream.stream.readable_within(wait_ms).await? {
            return Ok(More::Nothing);
        }
        let buffer = &mut call.answered.buffer;
        if buffer.spare() == 0 {
            buffer.grow(buffer.capacity() * 2);
        }
        // Readable, so this bounds nothing but a TLS record that comes in pieces.
        let limit = (Wait::ByteIdle, Some(self.timeouts.byte_idle.0));
        let (read, filled) = upstream.stream.read(std::mem::take(buffer), limit).await;
        *buffer = filled;
        Ok(if read? > 0 { More::Came } else { More::Ended })
    }
}
