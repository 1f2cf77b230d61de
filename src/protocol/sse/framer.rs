//! Any split of reads into the fields and events of an event stream (WHATWG HTML 9.2.6).
//!
//! Never holds a line: values are handed on in pieces as they come, of any length. What is carried
//! from read to read is a field name and a few digits. Never decodes UTF-8.

/// A piece of a stream, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part<'a> {
    /// A comment line began. Its text is not told.
    Comment,
    /// A `data` line began. If it is not the first of its event, a line feed belongs before it.
    Data,
    /// An empty line: the event ends. It is one only if it had a `data` line.
    End,
    /// An `event` line began: what was its value before is void.
    Event,
    /// An `id` line began.
    Id,
    /// A line of `data`, `event` or `id` ended.
    LineEnd,
    /// The next bytes of the value of the line that began last.
    Piece(&'a [u8]),
    /// A `retry` line, which was a number: milliseconds, `u64::MAX` when larger.
    Retry(u64),
}

/// Follows one stream.
#[derive(Clone, Copy, Debug)]
pub struct Framer {
    /// The last byte was a CR, which an LF belongs to.
    after_cr: bool,
    /// The name so far; a longer one is no field.
    name: [u8; NAME_BYTES_MAX],
    name_len: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// How many bytes of a byte order mark have come.
    Bom(usize),
    /// A comment, or a field without meaning.
    Ignored,
    LineStart,
    Name,
    Retry {
        is_first: bool,
        wait: Wait,
    },
    Value {
        is_first: bool,
    },
}

/// The value of a `retry` line as far as it has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wait {
    Empty,
    Millis(u64),
    NotDigits,
}

impl Framer {
    /// At the start of a stream.
    pub const fn new() -> Self {
        Self { after_cr: false, name: [0; NAME_BYTES_MAX], name_len: 0, state: State::Bom(0) }
    }

    /// Takes in one read and tells `part` what it holds.
    pub fn push(&mut self, read: &[u8], mut part: impl FnMut(Part<'_>)) {
        let mut rest = read;
        while let Some(&byte) = rest.first() {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let taken = match self.state {
                State::Bom(seen) => self.bom(byte, seen),
                State::LineStart | State::Name => self.name(rest, &mut part),
                State::Ignored | State::Retry { .. } | State::Value { .. } => {
                    self.value(rest, &mut part)
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Whether `next`, the byte that comes, begins a line of its own: it is no LF of a CRLF, and no
    /// part of a byte order mark.
    pub const fn begins_line(&mut self, next: u8) -> bool {
        if matches!(self.state, State::Bom(0)) && next != BOM_FIRST {
            self.state = State::LineStart;
        }
        matches!(self.state, State::LineStart) && !self.after_cr
    }

    /// Ends the stream where it is cut, as if the open line had ended there: for accounting, which
    /// may use a last line that a client has to drop.
    pub fn end(&mut self, mut part: impl FnMut(Part<'_>)) {
        if self.state != State::LineStart {
            self.push(b"\n", &mut part);
        }
    }

    /// Gives the bytes taken: none when what comes is no mark.
    fn bom(&mut self, byte: u8, seen: usize) -> usize {
        if BOM.get(seen) == Some(&byte) {
            self.state =
                if seen + 1 == BOM.len() { State::LineStart } else { State::Bom(seen + 1) };
            return 1;
        }
        // What looked like a mark begins a field name, which no field has.
        self.state = if seen == 0 { State::LineStart } else { State::Ignored };
        0
    }

    fn name(&mut self, rest: &[u8], part: &mut impl FnMut(Part<'_>)) -> usize {
        if self.state == State::LineStart {
            self.name_len = 0;
        }
        for (taken, &byte) in rest.iter().enumerate() {
            match byte {
                b'\r' | b'\n' => {
                    if self.name_len == 0 {
                        part(Part::End);
                        self.after_cr = byte == b'\r';
                        self.state = State::LineStart;
                        return taken + 1;
                    }
                    // A name alone is a field with an empty value.
                    self.begin_value(part);
                    return taken;
                }
                b':' => {
                    self.begin_value(part);
                    return taken + 1;
                }
                _ => {
                    let Some(slot) = self.name.get_mut(self.name_len) else {
                        self.state = State::Ignored;
                        return taken;
                    };
                    *slot = byte;
                    self.name_len += 1;
                    self.state = State::Name;
                }
            }
        }
        rest.len()
    }

    fn begin_value(&mut self, part: &mut impl FnMut(Part<'_>)) {
        self.state = State::Value { is_first: true };
        match self.name.get(..self.name_len).unwrap_or_default() {
            b"data" => part(Part::Data),
            b"event" => part(Part::Event),
            b"id" => part(Part::Id),
            b"retry" => self.state = State::Retry { is_first: true, wait: Wait::Empty },
            name => {
                if name.is_empty() {
                    part(Part::Comment);
                }
                self.state = State::Ignored;
            }
        }
    }

    fn value(&mut self, rest: &[u8], part: &mut impl FnMut(Part<'_>)) -> usize {
        let end = memchr::memchr2(b'\r', b'\n', rest);
        let piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        match &mut self.state {
            State::Value { is_first } => {
                let piece = without_space(piece, is_first);
                if !piece.is_empty() {
                    part(Part::Piece(piece));
                }
            }
            State::Retry { is_first, wait } => {
                *wait = wait.followed_by(without_space(piece, is_first));
            }
            _ => {}
        }
        let Some(end) = end else { return rest.len() };
        match self.state {
            State::Retry { wait: Wait::Millis(ms), .. } => part(Part::Retry(ms)),
            State::Value { .. } => part(Part::LineEnd),
            _ => {}
        }
        self.after_cr = rest.get(end) == Some(&b'\r');
        self.state = State::LineStart;
        end + 1
    }
}

impl Wait {
    fn followed_by(self, piece: &[u8]) -> Self {
        piece.iter().fold(self, |wait, byte| match (wait, byte) {
            (Self::Empty, b'0'..=b'9') => Self::Millis(u64::from(byte - b'0')),
            (Self::Millis(ms), b'0'..=b'9') => {
                Self::Millis(ms.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
            }
            _ => Self::NotDigits,
        })
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

/// One space after the colon is no part of the value.
fn without_space<'a>(piece: &'a [u8], is_first: &mut bool) -> &'a [u8] {
    if piece.is_empty() || !std::mem::take(is_first) {
        return piece;
    }
    piece.strip_prefix(b" ").unwrap_or(piece)
}

const BOM: &[u8] = &[BOM_FIRST, 0xbb, 0xbf];
const BOM_FIRST: u8 = 0xef;
/// `event` and `retry`.
const NAME_BYTES_MAX: usize = 5;

#[cfg(test)]
mod tests;
