//! A checksum over a body, made piece by piece, that the sender tells and the receiver compares.
//!
//! Never a defence: it finds lost, doubled and changed bytes, not forged ones.

use std::fmt::Write as _;

/// The header field that tells the digest of a whole body.
pub const HEADER: &str = "x-mock-digest";

/// What begins the comment line that tells the digest of a stream: all payload bytes before it.
pub const COMMENT: &str = ": mock-digest=";

/// What begins a time stamp inside the text of an event.
pub const STAMP: u8 = b'@';

/// Digits of a time stamp: nanoseconds of `CLOCK_MONOTONIC`. The digest takes them as zeros.
pub const STAMP_DIGITS: usize = 19;

/// Sums up bytes; the cuts between pushes do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    held: [u8; 8],
    length: u64,
    state: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self { held: [0; 8], length: 0, state: SEED }
    }
}

impl Digest {
    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        let filled = usize::try_from(self.length % 8).unwrap_or(0);
        self.length += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if filled > 0 {
            let taken = rest.len().min(8 - filled);
            let (begin, tail) = rest.split_at(taken);
            if let Some(place) = self.held.get_mut(filled..filled + taken) {
                place.copy_from_slice(begin);
            }
            rest = tail;
            if filled + taken < 8 {
                return;
            }
            self.state = mix(self.state, self.held);
        }
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            self.state = mix(self.state, *word);
        }
        self.held = [0; 8];
        if let Some(place) = self.held.get_mut(..tail.len()) {
            place.copy_from_slice(tail);
        }
    }

    /// How many bytes were added.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// `HASH-LENGTH`, both as 16 hex digits.
    pub fn text(&self) -> String {
        let partial = !self.length.is_multiple_of(8);
        let state = if partial { mix(self.state, self.held) } else { self.state };
        let hash = mix(state, self.length.to_le_bytes());
        let mut text = String::with_capacity(TEXT_LENGTH);
        // Writing to a String cannot fail.
        let _ = write!(text, "{hash:016x}-{:016x}", self.length);
        text
    }
}

/// Whether `text` has the form of [`Digest::text`].
pub fn is_text(text: &[u8]) -> bool {
    text.len() == TEXT_LENGTH
        && text.iter().enumerate().all(|(at, byte)| match at {
            16 => *byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
        })
}

/// Bytes of [`Digest::text`].
pub const TEXT_LENGTH: usize = 33;

/// One multiplication per word: 5 bytes a cycle, so that a check costs less than the read it
/// follows.
fn mix(state: u64, word: [u8; 8]) -> u64 {
    let state = (state ^ u64::from_le_bytes(word)).wrapping_mul(PRIME);
    state ^ state >> 32
}

const PRIME: u64 = 0xff51_afd7_ed55_8ccd;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn of(parts: &[&[u8]]) -> String {
        let mut digest = Digest::default();
        for part in parts {
            digest.push(part);
        }
        digest.text()
    }

    #[test]
    fn any_split_gives_the_same_digest() {
        let bytes: Vec<u8> = (0..40).collect();
        let whole = of(&[&bytes]);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(of(&parts), whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn every_single_change_shows() {
        let bytes: Vec<u8> = (0..29).collect();
        let whole = of(&[&bytes]);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert_ne!(of(&[&changed]), whole, "bit {bit} of byte {at}");
            }
            assert_ne!(of(&[&bytes[..at]]), whole, "cut at {at}");
        }
        assert_ne!(of(&[&bytes, b"\0"]), whole);
        assert_ne!(of(&[b"\0\0"]), of(&[b"\0"]));
    }

    #[test]
    fn its_text_has_a_form() {
        let text = of(&[b"tide"]);
        assert!(is_text(text.as_bytes()), "{text}");
        assert!(text.ends_with("-0000000000000004"), "{text}");
        for bad in ["", "0", &text[1..], &text.to_uppercase(), &text.replace('-', "0")] {
            assert!(!is_text(bad.as_bytes()), "{bad}");
        }
    }
}
