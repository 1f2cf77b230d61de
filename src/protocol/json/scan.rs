//! Finds the members that somebody asked for in one JSON text, over any split of reads.
//!
//! Never builds a tree, never allocates, never holds more than one key or short value. Containers
//! nobody asked for are passed over by their brackets alone, so a text that ends well may still
//! be no JSON inside them; a text that breaks the grammar where it is read is told as broken.

mod values;

use super::block::near_string;
use super::reader::{Reader, Value, Want};
use super::skip::Skip;

/// One JSON text, from its first byte on.
#[derive(Clone, Copy, Debug)]
pub struct Scanner<N> {
    /// Entered containers, outermost first.
    depth: usize,
    /// Length of what `held` holds; beyond `held` when it did not fit.
    held_len: usize,
    held: [u8; HELD_BYTES_MAX],
    levels: [Level<N>; LEVELS],
    /// Bytes of the text until the end of the present read.
    read: u64,
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
            read: 0,
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
        self.read = 0;
        self.state = State::Value;
        self.want = Want::Enter(root);
    }

    /// Takes in the next bytes of the text and tells `reader` what they hold.
    pub fn push<R: Reader<Node = N>>(&mut self, reader: &mut R, bytes: &[u8]) {
        self.read += length(bytes);
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            rest = match self.state {
                State::Atom => self.atom(reader, rest),
                State::Broken => &[],
                State::Container => self.container(reader, rest),
                State::Key | State::String => self.string(reader, rest),
                // Some writers pad every event to the same length.
                _ if is_space(byte) => behind_space(rest),
                _ => self.token(reader, rest),
            };
        }
    }

    /// Ends the text, and says whether it was whole: one value, and nothing but space around it.
    pub fn finish<R: Reader<Node = N>>(&mut self, reader: &mut R) -> bool {
        // Inside a container the rest of a number may be missing: half of it is another one.
        if self.state == State::Atom && self.depth == 0 {
            self.end_held_atom(reader, &[]);
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

    /// A byte between values, and what can be read with it. Gives what is left.
    fn token<'b, R: Reader<Node = N>>(&mut self, reader: &mut R, bytes: &'b [u8]) -> &'b [u8] {
        let [byte, rest @ ..] = bytes else { return bytes };
        match (self.state, byte) {
            (State::FirstKey | State::NextKey, b'"') => return self.members(reader, rest),
            (State::Colon, b':') => self.state = State::Value,
            (State::CommaOrEnd, b',') => {
                let is_object = self.level().is_some_and(|level| level.is_object);
                self.state = if is_object { State::NextKey } else { State::Value };
                self.want_element(reader);
            }
            (State::FirstKey | State::FirstValue | State::CommaOrEnd, b'}' | b']') => {
                self.close(reader, *byte == b'}', rest);
            }
            (State::FirstValue, _) => {
                self.want_element(reader);
                return self.begin(reader, bytes);
            }
            (State::Value, _) => return self.begin(reader, bytes),
            _ => self.state = State::Broken,
        }
        rest
    }

    fn want_element<R: Reader<Node = N>>(&mut self, reader: &mut R) {
        if let Some(level) = self.level()
            && !level.is_object
        {
            self.want = reader.element(level.node);
        }
    }

    /// From behind the quote of a key on, member after member, for as long as each comes in one
    /// piece, as nearly all do. What does not is left to the states.
    fn members<'b, R: Reader<Node = N>>(&mut self, reader: &mut R, from: &'b [u8]) -> &'b [u8] {
        let mut rest = from;
        loop {
            let Some((key, [b':', value @ ..])) = near_string(rest) else {
                self.begin_string(State::Key, rest);
                return rest;
            };
            let Some(level) = self.level() else { return rest };
            self.want = reader.member(level.node, key);
            self.state = State::Value;
            rest = behind_space(value);
            if rest.is_empty() {
                return rest;
            }
            rest = self.begin(reader, rest);
            while self.state == State::CommaOrEnd {
                rest = behind_space(rest);
                match rest {
                    [bracket @ (b'}' | b']'), after @ ..] => {
                        self.close(reader, *bracket == b'}', after);
                        rest = after;
                    }
                    [b',', after @ ..] if self.level().is_some_and(|level| level.is_object) => {
                        self.state = State::NextKey;
                        rest = after;
                    }
                    _ => return rest,
                }
            }
            rest = behind_space(rest);
            match rest {
                [b'"', key @ ..] if matches!(self.state, State::FirstKey | State::NextKey) => {
                    rest = key;
                }
                _ => return rest,
            }
        }
    }

    /// A value from its first byte on. Gives what is behind it, or behind what there is of it.
    #[inline]
    fn begin<'b, R: Reader<Node = N>>(&mut self, reader: &mut R, bytes: &'b [u8]) -> &'b [u8] {
        let [first, rest @ ..] = bytes else { return bytes };
        match first {
            b'"' => {
                self.begin_string(State::String, rest);
                let Some((content, after)) = near_string(rest) else {
                    return self.string(reader, rest);
                };
                self.end_value(reader, Value::String(content), after);
                after
            }
            b'{' | b'[' => {
                self.open(reader, *first == b'{', rest);
                if self.state == State::Container { self.container(reader, rest) } else { rest }
            }
            // Also NaN and the infinities, which some writers let slip.
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I' => {
                self.start = self.read - length(bytes);
                self.short_atom(reader, bytes)
            }
            _ => {
                self.state = State::Broken;
                rest
            }
        }
    }

    /// A key or a string value begins with the quote before `rest`.
    #[inline]
    fn begin_string(&mut self, state: State, rest: &[u8]) {
        self.start = self.read - length(rest) - 1;
        self.held_len = 0;
        self.skip = Skip::string();
        self.state = state;
    }

    fn open<R: Reader<Node = N>>(&mut self, reader: &mut R, is_object: bool, rest: &[u8]) {
        self.start = self.read - length(rest) - 1;
        self.skip = Skip::container();
        self.state = State::Container;
        if let Want::Enter(node) = self.want
            && let Some(level) = self.levels.get_mut(self.depth)
        {
            *level = Level { is_object, node, start: self.start };
            self.depth += 1;
            self.state = if is_object { State::FirstKey } else { State::FirstValue };
            let opened = if is_object { Value::OpenedObject } else { Value::OpenedArray };
            reader.value(node, opened, self.start..self.start + 1);
        }
    }

    fn close<R: Reader<Node = N>>(&mut self, reader: &mut R, is_object: bool, rest: &[u8]) {
        match self.level() {
            Some(level) if level.is_object == is_object => {
                let (node, span) = (level.node, level.start..self.read - length(rest));
                self.depth -= 1;
                reader.value(node, Value::Closed, span);
                self.after_value();
            }
            _ => self.state = State::Broken,
        }
    }

    /// A value that began at `start` ends before `rest`.
    #[inline]
    fn end_value<R: Reader<Node = N>>(&mut self, reader: &mut R, value: Value<'_>, rest: &[u8]) {
        if let Some(node) = self.want_node() {
            reader.value(node, value, self.start..self.read - length(rest));
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

    fn level(&self) -> Option<&Level<N>> {
        self.levels.get(self.depth.checked_sub(1)?)
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// What follows the spaces that `bytes` begin with.
#[inline]
fn behind_space(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b' ' | b'\t' | b'\n' | b'\r', after @ ..] = rest {
        rest = after;
    }
    rest
}

#[expect(clippy::as_conversions, reason = "const; no platform has more than 64 bits")]
const fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

/// A key or short value in its written form: the longest known key with every character escaped,
/// and any name or id seen in the wild.
const HELD_BYTES_MAX: usize = 256;
/// Entered containers, one inside the other. Readers here need five.
const LEVELS: usize = 6;

#[cfg(test)]
mod tests;
