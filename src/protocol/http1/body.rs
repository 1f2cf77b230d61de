//! Where a body's payload lies in each read, whatever frames it: a length, chunks, or the close.
//! Never copies payload.

use super::Refusal;
use super::chunked::{Decoder, Step};
use super::framing::BodyLength;

/// Walks one body over any split of reads.
#[derive(Clone, Debug)]
pub struct Body {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Chunked(Box<Decoder>),
    Left(u64),
    UntilClose,
}

/// A piece of one read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Piece {
    /// After `skip` bytes of framing, `len` bytes of payload; `len` is at least 1.
    Data {
        /// Payload bytes.
        len: usize,
        /// Bytes of framing before them.
        skip: usize,
    },
    /// The body ended after so many bytes of this input; the rest is not part of it.
    End {
        /// Bytes that were still framing.
        consumed: usize,
    },
    /// All of this input was framing, or there was none.
    NeedMore,
}

impl Body {
    /// At the first byte of a body of this length.
    pub fn new(length: BodyLength) -> Self {
        let state = match length {
            BodyLength::Chunked => State::Chunked(Box::default()),
            BodyLength::Length(n) => State::Left(n),
            BodyLength::None => State::Left(0),
            BodyLength::UntilClose => State::UntilClose,
        };
        Self { state }
    }

    /// Whether the last byte has been seen. A body until close never has.
    pub fn is_done(&self) -> bool {
        match &self.state {
            State::Chunked(decoder) => decoder.is_done(),
            State::Left(left) => *left == 0,
            State::UntilClose => false,
        }
    }

    /// Whether the connection may end here without cutting the body.
    pub fn may_end_here(&self) -> bool {
        matches!(self.state, State::UntilClose) || self.is_done()
    }

    /// Payload bytes still to come, where that is known.
    pub fn left(&self) -> Option<u64> {
        match self.state {
            State::Left(left) => Some(left),
            _ => None,
        }
    }

    /// The next piece of `input`. Call again behind it until `End` or `NeedMore`.
    ///
    /// # Errors
    /// When chunk framing is broken.
    pub fn step(&mut self, input: &[u8]) -> Result<Piece, Refusal> {
        match &mut self.state {
            State::Chunked(decoder) => Ok(match decoder.step(input)? {
                Step::Data { skip, len } => Piece::Data { len, skip },
                Step::End { consumed } => Piece::End { consumed },
                Step::NeedMore => Piece::NeedMore,
            }),
            State::Left(0) => Ok(Piece::End { consumed: 0 }),
            State::Left(left) => {
                let here = u64::try_from(input.len()).unwrap_or(u64::MAX).min(*left);
                *left -= here;
                Ok(data(usize::try_from(here).unwrap_or(usize::MAX)))
            }
            State::UntilClose => Ok(data(input.len())),
        }
    }
}

const fn data(len: usize) -> Piece {
    if len == 0 { Piece::NeedMore } else { Piece::Data { len, skip: 0 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(length: BodyLength, reads: &[&[u8]]) -> (Vec<u8>, bool, usize) {
        let mut body = Body::new(length);
        let (mut out, mut extra) = (Vec::new(), 0);
        for read in reads {
            let mut at = 0;
            loop {
                match body.step(read.get(at..).unwrap()).unwrap() {
                    Piece::Data { len, skip } => {
                        out.extend_from_slice(read.get(at + skip..at + skip + len).unwrap());
                        at += skip + len;
                    }
                    Piece::End { consumed } => {
                        extra += read.len() - at - consumed;
                        break;
                    }
                    Piece::NeedMore => break,
                }
            }
        }
        (out, body.is_done(), extra)
    }

    #[test]
    fn a_length_ends_exactly_there_at_every_split() {
        let wire = b"hello!!";
        for cut in 0..=wire.len() {
            let (a, b) = wire.split_at(cut);
            let got = payload(BodyLength::Length(5), &[a, b]);
            assert_eq!(got, (b"hello".to_vec(), true, 2), "cut at {cut}");
        }
    }

    #[test]
    fn chunks_end_exactly_there_at_every_split() {
        let wire = b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n!!";
        for cut in 0..=wire.len() {
            let (a, b) = wire.split_at(cut);
            let got = payload(BodyLength::Chunked, &[a, b]);
            assert_eq!(got, (b"hello".to_vec(), true, 2), "cut at {cut}");
        }
    }

    #[test]
    fn a_body_until_close_is_all_there_is() {
        let mut body = Body::new(BodyLength::UntilClose);
        assert_eq!(body.step(b"abc"), Ok(Piece::Data { len: 3, skip: 0 }));
        assert!(!body.is_done() && body.may_end_here());
    }
}
