//! Walks a chunked body (RFC 9112 section 7.1) and says which bytes of each read are payload.
//!
//! Never copies or keeps payload: the caller forwards slices of its own read. Chunk extensions and
//! trailers are checked and dropped. Lines are judged at their end, NUL and stray CR at once.

use crate::protocol::ascii::is_token_byte;
use crate::protocol::http1::Refusal;
use crate::protocol::http1::header::Known;

/// The longest chunk line in bytes, without its CRLF.
pub const LINE_BYTES_MAX: u32 = 256;
/// The longest trailer section in bytes, with all line ends but the last empty line's.
pub const TRAILER_BYTES_MAX: u32 = 8 * 1024;
/// The most trailer fields.
pub const TRAILER_FIELDS_MAX: u32 = 32;

/// What the next bytes of the input are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// After `skip` bytes of framing come `len` bytes of payload; `len` is at least 1. Go on
    /// behind them.
    Data { skip: usize, len: usize },
    /// The body is over after so many bytes; what follows belongs to the next message.
    End { consumed: usize },
    /// All of the input was framing. Go on with the next read.
    NeedMore,
}

/// An incremental decoder; two dozen bytes of state.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    /// Bytes of the present chunk that have not come yet, or its size while that is read.
    left: u64,
    /// Bytes of the present line, or of the trailer section.
    bytes: u32,
    trailers: Trailers,
    /// What is wrong with the present line; told at its end.
    fault: Option<Refusal>,
}

impl Decoder {
    /// A decoder at the first byte of a body.
    pub fn new() -> Self {
        Self {
            state: State::Line(LinePart::Size { digits: 0 }),
            left: 0,
            bytes: 0,
            trailers: Trailers::default(),
            fault: None,
        }
    }

    /// Whether the body is over.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Reads on until payload, the end of the body, or the end of `input`.
    ///
    /// # Errors
    /// When the framing is broken. Nothing after that can be trusted: close the connection.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, Refusal> {
        if self.is_done() {
            return Ok(Step::End { consumed: 0 });
        }
        let plain = self.plain_line(input);
        for (at, &byte) in input.iter().enumerate().skip(plain) {
            if matches!(self.state, State::Data) {
                let rest = u64::try_from(input.len() - at).unwrap_or(u64::MAX);
                let len = self.left.min(rest);
                self.left -= len;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                // No more than the input has, so it fits.
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                return Ok(Step::Data { skip: at, len });
            }
            self.framing(byte)?;
            if self.is_done() {
                return Ok(Step::End { consumed: at + 1 });
            }
        }
        Ok(Step::NeedMore)
    }

    /// Takes the end of a chunk and the line before the next at once, where that is nothing but
    /// a size and is here whole: nearly all are. Returns the bytes taken, 0 for any other.
    #[inline]
    fn plain_line(&mut self, input: &[u8]) -> usize {
        let (skip, line) = match (self.state, input) {
            (State::DataCr, [b'\r', b'\n', line @ ..]) => (2, line),
            (State::Line(LinePart::Size { digits: 0 }), line) if self.bytes == 0 => (0, line),
            _ => return 0,
        };
        let mut size = 0;
        for (digits, &byte) in line.iter().take(PLAIN_DIGITS_MAX + 1).enumerate() {
            if let Some(digit) = hex_digit(byte) {
                size = size * 16 + digit;
                continue;
            }
            let is_end = byte == b'\r' && line.get(digits + 1) == Some(&b'\n');
            if !is_end || size == 0 {
                return 0;
            }
            (self.left, self.state) = (size, State::Data);
            return skip + digits + 2;
        }
        0
    }

    fn framing(&mut self, byte: u8) -> Result<(), Refusal> {
        self.state = match (self.state, byte) {
            (State::Line(_) | State::Trailer(_), 0) => return Err(Refusal::Nul),
            (State::Line(_) | State::Trailer(_), b'\n') => {
                return Err(self.fault.unwrap_or(Refusal::BareLf));
            }
            (State::Line(part), b'\r') => {
                if !part.may_end() {
                    self.blame(part.fault());
                }
                State::LineLf
            }
            (State::Line(part), _) => self.chunk_line(part, byte)?,
            (State::LineLf, b'\n') => self.end_line()?,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => NEW_LINE,
            (State::DataCr | State::DataLf, _) => return Err(Refusal::ChunkEnd),
            (State::Trailer(part), b'\r') => {
                if matches!(part, TrailerPart::Name) {
                    self.blame(Refusal::FieldName);
                }
                State::TrailerLf { empty: matches!(part, TrailerPart::Start) }
            }
            (State::Trailer(part), _) => self.trailer_line(part, byte)?,
            (State::TrailerLf { empty }, b'\n') => self.end_trailer(empty)?,
            (State::LineLf | State::TrailerLf { .. }, _) => return Err(Refusal::BareCr),
            (state @ (State::Data | State::Done), _) => state,
        };
        Ok(())
    }

    fn count(&mut self, max: u32, refusal: Refusal) -> Result<(), Refusal> {
        self.bytes += 1;
        if self.bytes > max { Err(refusal) } else { Ok(()) }
    }

    /// The first fault of a line is the one that is told.
    fn blame(&mut self, fault: Refusal) {
        self.fault = self.fault.or(Some(fault));
    }

    fn chunk_line(&mut self, part: LinePart, byte: u8) -> Result<State, Refusal> {
        self.count(LINE_BYTES_MAX, Refusal::ChunkLineTooLong)?;
        let next = match part {
            LinePart::Size { digits } => match hex_digit(byte) {
                Some(_) if digits == SIZE_DIGITS_MAX || self.left >= SIZE_MAX / 16 => None,
                Some(digit) => {
                    self.left = self.left * 16 + digit;
                    Some(LinePart::Size { digits: digits + 1 })
                }
                None if digits == 0 => None,
                None => part.after(byte),
            },
            _ => part.after(byte),
        };
        if next.is_none() {
            self.blame(part.fault());
        }
        Ok(State::Line(next.unwrap_or(part)))
    }

    fn end_line(&mut self) -> Result<State, Refusal> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.bytes = 0;
        Ok(if self.left == 0 { State::Trailer(TrailerPart::Start) } else { State::Data })
    }

    fn trailer_line(&mut self, part: TrailerPart, byte: u8) -> Result<State, Refusal> {
        self.count(TRAILER_BYTES_MAX, Refusal::TrailersTooLarge)?;
        let next = match part {
            TrailerPart::Start | TrailerPart::Name if is_token_byte(byte) => {
                self.trailers.push(byte);
                TrailerPart::Name
            }
            TrailerPart::Name if byte == b':' => {
                if self.trailers.name().is_forbidden_in_trailers() {
                    self.blame(Refusal::TrailerField);
                }
                TrailerPart::Value
            }
            // Folded, without a name, or with whitespace before the colon.
            TrailerPart::Start | TrailerPart::Name => {
                self.blame(Refusal::FieldName);
                TrailerPart::Value
            }
            TrailerPart::Value => {
                if byte < b' ' && byte != b'\t' || byte == 0x7f {
                    self.blame(Refusal::FieldValue);
                }
                TrailerPart::Value
            }
        };
        Ok(State::Trailer(next))
    }

    fn end_trailer(&mut self, empty: bool) -> Result<State, Refusal> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if empty {
            return Ok(State::Done);
        }
        self.trailers.count += 1;
        self.trailers.length = 0;
        if self.trailers.count > TRAILER_FIELDS_MAX {
            return Err(Refusal::TrailersTooLarge);
        }
        self.bytes = self.bytes.saturating_add(2);
        Ok(State::Trailer(TrailerPart::Start))
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Data,
    DataCr,
    DataLf,
    Done,
    Line(LinePart),
    LineLf,
    Trailer(TrailerPart),
    TrailerLf { empty: bool },
}

/// Parts of `size *( BWS ";" BWS name [ BWS "=" BWS value ] ) BWS`.
#[derive(Clone, Copy, Debug)]
enum LinePart {
    /// Between name or value and the next `;`, or the `=` after a name.
    Gap {
        after_name: bool,
    },
    Name,
    NameStart,
    Quoted,
    QuotedPair,
    Size {
        digits: u32,
    },
    SizeGap,
    Value,
    ValueStart,
}

impl LinePart {
    /// The part that `byte` leads to; `None` when it may not stand here.
    fn after(self, byte: u8) -> Option<Self> {
        let blank = matches!(byte, b' ' | b'\t');
        let text = matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        match self {
            Self::Size { .. } | Self::SizeGap => match byte {
                b';' => Some(Self::NameStart),
                _ => blank.then_some(Self::SizeGap),
            },
            Self::NameStart if blank => Some(Self::NameStart),
            Self::NameStart => is_token_byte(byte).then_some(Self::Name),
            Self::Name if is_token_byte(byte) => Some(Self::Name),
            Self::Value if is_token_byte(byte) => Some(Self::Value),
            Self::Name => Self::Gap { after_name: true }.after(byte),
            Self::Value => Self::Gap { after_name: false }.after(byte),
            Self::Gap { after_name } => match byte {
                b';' => Some(Self::NameStart),
                b'=' if after_name => Some(Self::ValueStart),
                _ => blank.then_some(self),
            },
            Self::ValueStart if blank => Some(Self::ValueStart),
            Self::ValueStart if byte == b'"' => Some(Self::Quoted),
            Self::ValueStart => is_token_byte(byte).then_some(Self::Value),
            Self::Quoted => match byte {
                b'"' => Some(Self::Gap { after_name: false }),
                b'\\' => Some(Self::QuotedPair),
                _ => text.then_some(Self::Quoted),
            },
            Self::QuotedPair => text.then_some(Self::Quoted),
        }
    }

    const fn may_end(self) -> bool {
        match self {
            Self::Gap { .. } | Self::Name | Self::Value => true,
            Self::Size { digits } => digits > 0,
            _ => false,
        }
    }

    const fn fault(self) -> Refusal {
        match self {
            Self::Size { .. } | Self::SizeGap => Refusal::ChunkSize,
            _ => Refusal::ChunkExtension,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum TrailerPart {
    Name,
    Start,
    Value,
}

/// The trailer section so far. Only the start of the present name is kept, to know it by.
#[derive(Clone, Debug, Default)]
struct Trailers {
    count: u32,
    length: u8,
    start: [u8; NAME_BYTES_KEPT],
}

impl Trailers {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.start.get_mut(usize::from(self.length)) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1);
    }

    fn name(&self) -> Known {
        self.start.get(..usize::from(self.length)).map_or(Known::Other, Known::of)
    }
}

const fn hex_digit(byte: u8) -> Option<u64> {
    #[expect(clippy::as_conversions, reason = "u64::from is not const, and a byte fits")]
    match byte {
        b'0'..=b'9' => Some((byte - b'0') as u64),
        b'a'..=b'f' => Some((byte - b'a') as u64 + 10),
        b'A'..=b'F' => Some((byte - b'A') as u64 + 10),
        _ => None,
    }
}

const NEW_LINE: State = State::Line(LinePart::Size { digits: 0 });

/// 15 digits that count: no size can overflow anybody's signed 64-bit number.
const SIZE_MAX: u64 = 1 << 60;

/// Digits of a line that is read at once; no chunk of theirs comes near [`SIZE_MAX`].
const PLAIN_DIGITS_MAX: usize = 8;

/// Digits with leading zeros.
const SIZE_DIGITS_MAX: u32 = 16;

/// One more than the longest name that is forbidden in trailers.
const NAME_BYTES_KEPT: usize = 18;

#[cfg(test)]
mod tests;
