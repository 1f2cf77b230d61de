//! Decodes the chunked coding of request bodies, any split of reads.
//!
//! Never keeps payload; it hands slices on.

use super::Refused;

/// State between two reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    remaining: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    /// After the digits: extensions up to the line feed.
    Extension,
    Data,
    DataEnd,
    /// At the start of a trailer line, or of the empty line that ends all.
    TrailerStart,
    Trailer,
    Done,
}

impl Decoder {
    /// Feeds one read; returns how many bytes belonged to the body. `payload` gets the decoded
    /// slices.
    pub fn push(&mut self, input: &[u8], mut payload: impl FnMut(&[u8])) -> Result<usize, Refused> {
        let mut rest = input;
        while let (Some((&byte, after)), false) = (rest.split_first(), self.is_done()) {
            if self.state == State::Data {
                let take = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(rest.len());
                let (data, after) = rest.split_at(take);
                payload(data);
                self.remaining -= u64::try_from(take).unwrap_or(0);
                if self.remaining == 0 {
                    self.state = State::DataEnd;
                }
                rest = after;
                continue;
            }
            self.step(byte)?;
            rest = after;
        }
        Ok(input.len() - rest.len())
    }

    /// Whether the last byte of the body was seen.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn step(&mut self, byte: u8) -> Result<(), Refused> {
        self.state = match (self.state, byte) {
            (State::Size | State::Extension, b'\n') if self.remaining == 0 => State::TrailerStart,
            (State::Size | State::Extension, b'\n') => State::Data,
            (State::Size, b'\r' | b';' | b' ' | b'\t') | (State::Extension, _) => State::Extension,
            (State::Size, digit) => {
                let value = char::from(digit).to_digit(16).ok_or(Refused::Chunk)?;
                let shifted = self.remaining.checked_mul(16).ok_or(Refused::Chunk)?;
                self.remaining = shifted + u64::from(value);
                State::Size
            }
            (State::DataEnd, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size,
            (State::TrailerStart, b'\r') | (State::Trailer, b'\n') => State::TrailerStart,
            (State::TrailerStart, b'\n') => State::Done,
            (State::TrailerStart | State::Trailer, _) => State::Trailer,
            (State::DataEnd | State::Data | State::Done, _) => return Err(Refused::Chunk),
        };
        Ok(())
    }
}
