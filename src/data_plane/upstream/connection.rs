//! One upstream connection in use: send a request, read the head of the answer. Knows whether it
//! may be used again. Never retries.

use crate::data_plane::io::buffer::{Buffer, Buffers};
use crate::data_plane::io::fault::{Fault, Limit};
use crate::data_plane::io::stream::Stream;
use crate::protocol::http1::Refusal;
use crate::protocol::http1::head::ResponseHead;
use crate::protocol::http1::parse::{HeadLimits, ResponseParser};

/// An upstream connection that carries one exchange.
#[derive(Debug)]
pub struct Connection {
    /// It served an exchange before this one.
    pub reused: bool,
    /// The connection.
    pub stream: Stream,
}

/// Why no head of a final answer came.
#[derive(Debug)]
pub enum HeadFault {
    /// The connection ended; nothing of an answer had come when `before_any` is true.
    Ended {
        /// No byte of an answer had come.
        before_any: bool,
        /// What ended it; `None` = in order, by FIN.
        fault: Option<Fault>,
    },
    /// What came is not an answer we take.
    Refused(Refusal),
    /// 101: it speaks another protocol now.
    Switched,
    /// Too many 1xx.
    TooManyInterim,
}

/// The head of an answer, with the buffer its spans are of; behind it the body may have begun.
#[derive(Debug)]
pub struct Answered {
    /// The buffer.
    pub buffer: Buffer,
    /// The head.
    pub head: ResponseHead,
}

impl Connection {
    /// Writes the head, and behind it the body, which may be sent again. False when the upstream
    /// answered before it had taken all of it: then the rest is not sent.
    ///
    /// # Errors
    /// When the upstream stopped reading; it may have answered all the same.
    pub async fn send(
        &mut self,
        buffers: &Buffers,
        mut head: Buffer,
        body: &mut Buffer,
        stall: Limit,
    ) -> Result<bool, Fault> {
        let (before, len) = (head.len(), body.len());
        let is_together = before <= body.front() && len > 0;
        if is_together {
            body.prepend(head.filled());
        } else {
            let sent;
            (sent, head) = self.stream.write_all(head, stall).await;
            if sent.is_err() {
                buffers.put(head);
                return sent.map(|()| false);
            }
        }
        buffers.put(head);
        let sent = self.send_in_pieces(body, stall).await;
        if is_together {
            body.consume(before);
        }
        sent
    }

    async fn send_in_pieces(&mut self, body: &mut Buffer, stall: Limit) -> Result<bool, Fault> {
        let is_long = body.len() > PIECE_BYTES;
        if is_long {
            self.stream.on_answer_end_writes(true);
        }
        let (mut at, mut result) = (0, Ok(true));
        while at < body.len() && matches!(result, Ok(true)) {
            // Before anything was sent nothing can have been answered.
            if at > 0 && !self.stream.is_quiet().await {
                result = Ok(false);
                break;
            }
            let end = body.len().min(at + PIECE_BYTES);
            let sent;
            (sent, *body) = self.stream.write(std::mem::take(body), at..end, stall).await;
            result = sent.map(|()| true);
            at = end;
        }
        if is_long {
            self.stream.on_answer_end_writes(false);
        }
        result
    }

    /// Reads up to the end of the head of the final answer; interim ones are swallowed.
    ///
    /// # Errors
    /// See [`HeadFault`]; the connection must then be closed.
    pub async fn read_head(
        &mut self,
        buffers: &Buffers,
        limits: HeadLimits,
        wait: Limit,
    ) -> Result<Answered, HeadFault> {
        let mut buffer = buffers.take_small();
        match self.read_into(&mut buffer, limits, wait).await {
            Ok(head) => Ok(Answered { buffer, head }),
            Err(fault) => {
                buffers.put(buffer);
                Err(fault)
            }
        }
    }

    async fn read_into(
        &mut self,
        buffer: &mut Buffer,
        limits: HeadLimits,
        wait: Limit,
    ) -> Result<ResponseHead, HeadFault> {
        let mut parser = ResponseParser::new(limits);
        let (mut any, mut interim) = (false, 0);
        loop {
            if !buffer.is_empty()
                && let Some(head) = parser.parse(buffer.filled()).map_err(HeadFault::Refused)?
            {
                match head.status {
                    101 => return Err(HeadFault::Switched),
                    100..=199 if interim == INTERIM_MAX => return Err(HeadFault::TooManyInterim),
                    100..=199 => {
                        interim += 1;
                        buffer.consume(head.end);
                        continue;
                    }
                    _ => return Ok(head),
                }
            }
            if buffer.spare() == 0 {
                buffer.grow((buffer.capacity() * 2).min(limits.head_bytes_max + HEAD_SLACK));
            }
            let (read, filled) = self.stream.read(std::mem::take(buffer), wait).await;
            *buffer = filled;
            let fault = match read {
                Ok(0) => None,
                Ok(_) => {
                    any = true;
                    continue;
                }
                Err(fault) => Some(fault),
            };
            return Err(HeadFault::Ended { before_any: !any, fault });
        }
    }
}

/// A body is written in pieces of this size, with a look for an early answer between them.
const PIECE_BYTES: usize = 256 * 1024;
/// Interim answers swallowed before one answer; the next one is a fault (HARDENING 3.9).
const INTERIM_MAX: u32 = 8;
/// Room behind the largest head.
const HEAD_SLACK: usize = 4 * 1024;
