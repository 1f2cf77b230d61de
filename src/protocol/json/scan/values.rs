//! The scanner inside of values that are not entered: strings, numbers, literals, skipped
//! containers. Never holds more than a key or a short value.

use super::{HELD_BYTES_MAX, Scanner, State};
use crate::protocol::json::block::near_string;
use crate::protocol::json::number;
use crate::protocol::json::reader::{Reader, Value, Want};
use crate::protocol::json::text::unescape;

impl<N: Copy> Scanner<N> {
    /// Inside of a container. Gives what is behind it.
    pub(super) fn container<'b, R: Reader<Node = N>>(
        &mut self,
        reader: &mut R,
        bytes: &'b [u8],
    ) -> &'b [u8] {
        let Some((_, rest)) = self.skip.run_far(bytes).and_then(|end| bytes.split_at_checked(end))
        else {
            return &[];
        };
        self.end_value(reader, Value::Container, rest);
        rest
    }

    /// A key or a string value, from after its opening quote or from a later read.
    pub(super) fn string<'b, R: Reader<Node = N>>(
        &mut self,
        reader: &mut R,
        bytes: &'b [u8],
    ) -> &'b [u8] {
        let is_wanted = self.state == State::Key || self.want.node().is_some();
        let end = self.skip.run_far(bytes);
        let Some((content, rest)) = end.and_then(|end| bytes.split_at_checked(end)) else {
            if is_wanted {
                self.hold(bytes);
            }
            return &[];
        };
        if let [content @ .., _] = content
            && is_wanted
        {
            self.end_string(reader, content, rest);
        } else {
            self.after_value();
        }
        rest
    }

    /// A string that is wanted ends. `content`: what this read has of it.
    fn end_string<R: Reader<Node = N>>(&mut self, reader: &mut R, content: &[u8], rest: &[u8]) {
        let is_short = self.held_len == 0 && content.len() <= HELD_BYTES_MAX;
        if is_short && memchr::memchr(b'\\', content).is_none() {
            // Whole in this read and as written: no copy.
            return self.tell_string(reader, Value::String(content), rest);
        }
        self.hold(content);
        let held = self.held;
        let raw = held.get(..self.held_len);
        let mut out = [0; HELD_BYTES_MAX];
        let text = unescape(raw.unwrap_or(&held), &mut out);
        match (raw, text) {
            (Some(_), Ok(text)) => self.tell_string(reader, Value::String(text), rest),
            (Some(_), Err(_)) => self.state = State::Broken,
            (None, Ok(text) | Err(text)) => self.tell_string(reader, Value::LongString(text), rest),
        }
    }

    fn tell_string<R: Reader<Node = N>>(&mut self, reader: &mut R, value: Value<'_>, rest: &[u8]) {
        if self.state != State::Key {
            return self.end_value(reader, value, rest);
        }
        self.want = match (self.level(), value) {
            (Some(level), Value::String(key)) => reader.member(level.node, key),
            // Longer than any known key.
            _ => Want::Skip,
        };
        self.state = State::Colon;
    }

    /// A number or a literal, or what comes of it in a later read.
    pub(super) fn atom<'b, R: Reader<Node = N>>(
        &mut self,
        reader: &mut R,
        bytes: &'b [u8],
    ) -> &'b [u8] {
        let end = bytes.iter().position(|byte| ends_atom(*byte));
        let Some((piece, rest)) = end.and_then(|end| bytes.split_at_checked(end)) else {
            self.hold(bytes);
            return &[];
        };
        if self.held_len == 0 && piece.len() <= HELD_BYTES_MAX {
            // Whole in this read: no copy.
            self.end_atom(reader, piece, rest);
        } else {
            self.hold(piece);
            self.end_held_atom(reader, rest);
        }
        rest
    }

    pub(super) fn end_held_atom<R: Reader<Node = N>>(&mut self, reader: &mut R, rest: &[u8]) {
        let held = self.held;
        // Too long to hold: a number of more digits than anybody counts.
        self.end_atom(reader, held.get(..self.held_len).unwrap_or_default(), rest);
    }

    fn end_atom<R: Reader<Node = N>>(&mut self, reader: &mut R, text: &[u8], rest: &[u8]) {
        let value = match text {
            b"true" => Value::True,
            b"false" => Value::False,
            b"null" => Value::Null,
            _ if text.is_empty() || number::is_number(text) => Value::Number(text),
            b"NaN" | b"Infinity" | b"-Infinity" => Value::Number(&[]),
            _ => return self.state = State::Broken,
        };
        self.end_value(reader, value, rest);
    }

    fn hold(&mut self, bytes: &[u8]) {
        let free = self.held.get_mut(self.held_len..).unwrap_or_default();
        for (to, &from) in free.iter_mut().zip(bytes) {
            *to = from;
        }
        self.held_len = self.held_len.saturating_add(bytes.len());
    }
}

/// A short value that is all there, with what follows it: a string as [`near_string`] has it, a
/// count, `null`, `true` or `false`. Any other takes the states.
#[expect(clippy::inline_always, reason = "what is found would be handed over in memory")]
#[inline(always)]
pub(super) fn near_value(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let [first, more @ ..] = bytes else { return None };
    if *first == b'"' {
        let (content, after) = near_string(more)?;
        return Some((Value::String(content), after));
    }
    let (value, after) = near_atom(bytes)?;
    ends_atom(*after.first()?).then_some((value, after))
}

#[inline]
fn near_atom(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    match bytes {
        [b'0', after @ ..] => Some((Value::Number(b"0"), after)),
        [b'1'..=b'9', more @ ..] => {
            let len = 1 + more.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (digits, after) = bytes.split_at_checked(len)?;
            (len <= HELD_BYTES_MAX).then_some((Value::Number(digits), after))
        }
        _ => near_word(bytes),
    }
}

#[inline]
fn near_word(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    // As one number: a pattern would be compared byte by byte.
    let (word, after) = bytes.split_first_chunk()?;
    if word == b"null" {
        return Some((Value::Null, after));
    }
    if word == b"true" {
        return Some((Value::True, after));
    }
    let after = after.strip_prefix(b"e").filter(|_| word == b"fals")?;
    Some((Value::False, after))
}

/// Whether a number or a literal ends before `byte`.
const fn ends_atom(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | 0..=b' ')
}
