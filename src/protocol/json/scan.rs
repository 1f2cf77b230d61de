//! Finds the members that somebody asked for in one JSON text, over any split of reads.
//!
//! Never builds a tree, never allocates, never holds more than one key or short value. Containers
//! nobody asked for are passed over by their brackets alone, so a text that ends well may still
//! be no JSON inside them; a text that breaks the grammar where it is read is told as broken.

use super::block::near_special;
use super::number;
use super::reader::{Reader, Value, Want};
use super::skip::Skip;
use super::text::unescape;

/// One JSON text, from its first byte on.
#[derive(Clone, Copy, Debug)]
pub struct Scanner<N> {
    /// Entered containers, outermost first.
    depth: usize,
    /// Length of what `held` holds; beyond `held` when it did not fit.
    held_len: usize,
    held: [u8; HELD_BYTES_MAX],
    levels: [Level<N>; LEVELS],
    /// Bytes of the text before the present read.
    offset: u64,
    /// Of the key, string or container that is being passed.
    skip: Skip,
    /// What is wanted of the value that comes or is being read.
    want: Want<N>,
    /// Where the present value or key began.
    start: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
struct Level<N> {
    is_object: bool,
    node: N,
    start: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// A number or a literal.
    Atom,
    Broken,
    Colon,
    CommaOrEnd,
    /// Inside a container that is not entered.
    Container,
    Done,
    FirstKey,
    FirstValue,
    /// Inside a key.
    Key,
    NextKey,
    /// Inside a string value.
    String,
    Value,
}

impl<N: Copy> Scanner<N> {
    /// For one text, whose outermost value is entered as `root`.
    pub const fn new(root: N) -> Self {
        Self {
            depth: 0,
            held: [0; HELD_BYTES_MAX],
            held_len: 0,
            levels: [Level { is_object: false, node: root, start: 0 }; LEVELS],
            offset: 0,
            skip: Skip::string(),
            start: 0,
            state: State::Value,
            want: Want::Enter(root),
        }
    }

    /// Begins another text; cheaper than a new scanner.
    pub const fn restart(&mut self, root: N) {
        self.depth = 0;
        self.held_len = 0;
        self.offset = 0;
        self.state = State::Value;
        self.want = Want::Enter(root);
    }

    /// Takes in the next bytes of the text and tells `reader` what they hold.
    pub fn push<R: Reader<Node = N>>(&mut self, reader: &mut R, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let at = self.offset + length(bytes.len() - rest.len());
            let taken = match self.state {
                State::Atom => self.atom(reader, rest, at),
                State::Broken => rest.len(),
                State::Container => self.container(reader, rest, at),
                State::Key | State::String => self.string(reader, rest, at),
                _ if is_space(byte) => {
                    // Some writers pad every event to the same length.
                    rest.iter().position(|byte| !is_space(*byte)).unwrap_or(rest.len())
                }
                _ => self.token(reader, rest, at),
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        self.offset += length(bytes.len());
    }

    /// Ends the text, and says whether it was whole: one value, and nothing but space around it.
    pub fn finish<R: Reader<Node = N>>(&mut self, reader: &mut R) -> bool {
        // Inside a container the rest of a number may be missing: half of it is another one.
        if self.state == State::Atom && self.depth == 0 {
            self.end_held_atom(reader, self.offset);
        }
        self.state == State::Done
    }

    /// Whether what came so far is not the start of a JSON text.
    pub fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// The text cannot be JSON any more.
    pub const fn spoil(&mut self) {
        self.state = State::Broken;
    }

    /// Whether the next byte is part of a string, where no line may end.
    pub const fn is_in_string(&self) -> bool {
        matches!(self.state, State::Container | State::Key | State::String)
            && self.skip.is_in_string()
    }

    /// A byte between values, and what can be read with it. Gives the bytes taken.
    fn token<R: Reader<Node = N>>(&mut self, reader: &mut R, rest: &[u8], at: u64) -> usize {
        if let Some(taken) = self.member(reader, rest) {
            let value = rest.get(taken..).unwrap_or_default();
            return taken + self.begin(reader, value, at + length(taken));
        }
        let byte = rest.first().copied().unwrap_or_default();
        match (self.state, byte) {
            (State::FirstKey | State::NextKey, b'"') => {
                self.start = at;
                self.held_len = 0;
                self.skip = Skip::string();
                self.state = State::Key;
            }
            (State::Colon, b':') => self.state = State::Value,
            (State::CommaOrEnd, b',') => {
                let is_object = self.level().is_some_and(|level| level.is_object);
                self.state = if is_object { State::NextKey } else { State::Value };
                self.want_element(reader);
            }
            (State::FirstKey | State::FirstValue | State::CommaOrEnd, b'}' | b']') => {
                self.close(reader, byte == b'}', at);
            }
            (State::FirstValue, _) => {
                self.want_element(reader);
                return self.begin(reader, rest, at);
            }
            (State::Value, _) => return self.begin(reader, rest, at),
            _ => self.state = State::Broken,
        }
        1
    }

    fn want_element<R: Reader<Node = N>>(&mut self, reader: &mut R) {
        if let Some(level) = self.level()
            && !level.is_object
        {
            self.want = reader.element(level.node);
        }
    }

    /// `,"key":` where it comes in one piece, as most writers have it: four steps in one. Gives the
    /// bytes taken, behind which a value begins.
    fn member<R: Reader<Node = N>>(&mut self, reader: &mut R, rest: &[u8]) -> Option<usize> {
        let start = match (self.state, rest) {
            (State::CommaOrEnd, [b',', b'"', ..]) => 2,
            (State::FirstKey, [b'"', ..]) => 1,
            _ => return None,
        };
        let level = self.level().filter(|level| level.is_object)?;
        let after = rest.get(start..)?;
        let end = near_special(after)?;
        let [b'"', b':', value, ..] = after.get(end..)? else { return None };
        if is_space(*value) {
            return None;
        }
        self.want = reader.member(level.node, after.get(..end)?);
        self.state = State::Value;
        Some(start + end + 2)
    }

    /// A value from its first byte on. Gives the bytes taken.
    fn begin<R: Reader<Node = N>>(&mut self, reader: &mut R, rest: &[u8], at: u64) -> usize {
        self.start = at;
        self.held_len = 0;
        let after = rest.get(1..).unwrap_or_default();
        match rest.first() {
            Some(b'"') => {
                self.skip = Skip::string();
                self.state = State::String;
                1 + self.string(reader, after, at + 1)
            }
            Some(bracket @ (b'{' | b'[')) => {
                self.open(reader, *bracket == b'{', at);
                if self.state != State::Container {
                    return 1;
                }
                1 + self.container(reader, after, at + 1)
            }
            // Also NaN and the infinities, which some writers let slip.
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I') => {
                self.state = State::Atom;
                self.atom(reader, rest, at)
            }
            _ => {
                self.state = State::Broken;
                1
            }
        }
    }

    fn open<R: Reader<Node = N>>(&mut self, reader: &mut R, is_object: bool, at: u64) {
        self.skip = Skip::container();
        self.state = State::Container;
        if let Want::Enter(node) = self.want
            && let Some(level) = self.levels.get_mut(self.depth)
        {
            *level = Level { is_object, node, start: at };
            self.depth += 1;
            self.state = if is_object { State::FirstKey } else { State::FirstValue };
            let opened = if is_object { Value::OpenedObject } else { Value::OpenedArray };
            reader.value(node, opened, at..at + 1);
        }
    }

    fn close<R: Reader<Node = N>>(&mut self, reader: &mut R, is_object: bool, at: u64) {
        match self.level() {
            Some(level) if level.is_object == is_object => {
                self.depth -= 1;
                reader.value(level.node, Value::Closed, level.start..at + 1);
                self.after_value();
            }
            _ => self.state = State::Broken,
        }
    }

    fn container<R: Reader<Node = N>>(&mut self, reader: &mut R, bytes: &[u8], at: u64) -> usize {
        let Some(end) = self.skip.run(bytes) else { return bytes.len() };
        if let Want::Take(node) | Want::Enter(node) = self.want {
            reader.value(node, Value::Container, self.start..at + length(end));
        }
        self.after_value();
        end
    }

    /// A key or a string value, from after its opening quote or from a later read.
    fn string<R: Reader<Node = N>>(&mut self, reader: &mut R, bytes: &[u8], at: u64) -> usize {
        let is_key = self.state == State::Key;
        let is_wanted = is_key || self.want_node().is_some();
        let Some(end) = self.skip.run(bytes) else {
            if is_wanted {
                self.hold(bytes);
            }
            return bytes.len();
        };
        let content = bytes.get(..end - 1).unwrap_or_default();
        let at = at + length(end);
        if !is_wanted {
            self.after_value();
        } else if self.held_len == 0 && content.len() <= HELD_BYTES_MAX && !self.skip.has_escapes()
        {
            // Whole in this read and as written: no copy.
            self.end_string(reader, is_key, Value::String(content), at);
        } else {
            self.hold(content);
            let held = self.held;
            let raw = held.get(..self.held_len);
            let mut out = [0; HELD_BYTES_MAX];
            let text = unescape(raw.unwrap_or(&held), &mut out);
            match (raw, text) {
                (Some(_), Ok(text)) => self.end_string(reader, is_key, Value::String(text), at),
                (Some(_), Err(_)) => self.state = State::Broken,
                (None, Ok(text) | Err(text)) => {
                    self.end_string(reader, is_key, Value::LongString(text), at);
                }
            }
        }
        end
    }

    fn end_string<R: Reader<Node = N>>(
        &mut self,
        reader: &mut R,
        is_key: bool,
        value: Value<'_>,
        end: u64,
    ) {
        if !is_key {
            return self.end_value(reader, value, end);
        }
        self.want = match (self.level(), value) {
            (Some(level), Value::String(key)) => reader.member(level.node, key),
            // Longer than any known key.
            _ => Want::Skip,
        };
        self.state = State::Colon;
    }

    fn atom<R: Reader<Node = N>>(&mut self, reader: &mut R, bytes: &[u8], at: u64) -> usize {
        let end = bytes.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | 0..=b' '));
        let piece = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        match end {
            // Whole in this read: no copy.
            Some(end) if self.held_len == 0 && piece.len() <= HELD_BYTES_MAX => {
                self.end_atom(reader, piece, at + length(end));
                end
            }
            Some(end) => {
                self.hold(piece);
                self.end_held_atom(reader, at + length(end));
                end
            }
            None => {
                self.hold(piece);
                bytes.len()
            }
        }
    }

    fn end_held_atom<R: Reader<Node = N>>(&mut self, reader: &mut R, end: u64) {
        let held = self.held;
        // Too long to hold: a number of more digits than anybody counts.
        self.end_atom(reader, held.get(..self.held_len).unwrap_or_default(), end);
    }

    fn end_atom<R: Reader<Node = N>>(&mut self, reader: &mut R, text: &[u8], end: u64) {
        let value = match text {
            b"true" => Value::True,
            b"false" => Value::False,
            b"null" => Value::Null,
            _ if text.is_empty() || number::is_number(text) => Value::Number(text),
            b"NaN" | b"Infinity" | b"-Infinity" => Value::Number(&[]),
            _ => return self.state = State::Broken,
        };
        self.end_value(reader, value, end);
    }

    fn end_value<R: Reader<Node = N>>(&mut self, reader: &mut R, value: Value<'_>, end: u64) {
        if let Some(node) = self.want_node() {
            reader.value(node, value, self.start..end);
        }
        self.after_value();
    }

    const fn after_value(&mut self) {
        self.state = if self.depth == 0 { State::Done } else { State::CommaOrEnd };
    }

    const fn want_node(&self) -> Option<N> {
        match self.want {
            Want::Enter(node) | Want::Take(node) => Some(node),
            Want::Skip => None,
        }
    }

    fn level(&self) -> Option<Level<N>> {
        self.levels.get(self.depth.checked_sub(1)?).copied()
    }

    fn hold(&mut self, bytes: &[u8]) {
        let free = self.held.get_mut(self.held_len..).unwrap_or_default();
        for (to, &from) in free.iter_mut().zip(bytes) {
            *to = from;
        }
        self.held_len = self.held_len.saturating_add(bytes.len());
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// A key or short value in its written form: the longest known key with every character escaped,
/// and any name or id seen in the wild.
const HELD_BYTES_MAX: usize = 256;
/// Entered containers, one inside the other. Readers here need five.
const LEVELS: usize = 6;

#[cfg(test)]
mod tests;
