//! Finds the members that somebody asked for in one JSON text, over any split of reads.
//!
//! Never builds a tree, never allocates, never holds more than one key or short value. Containers
//! nobody asked for are passed over by their brackets alone, so a text that ends well may still
//! be no JSON inside them; a text that breaks the grammar where it is read is told as broken.

mod values;

use super::block::near_key;
use super::reader::{Reader, Value, Want};
use super::skip::Skip;
use values::near_value;

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

impl<N> Level<N> {
    const fn is_ended_by(&self, byte: u8) -> bool {
        byte == if self.is_object { b'}' } else { b']' }
    }
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
        while !rest.is_empty() {
            rest = match self.state {
                State::Atom => self.atom(reader, rest),
                State::Broken => &[],
                State::Container => self.container(reader, rest),
                State::Key | State::String => self.string(reader, rest),
                _ => self.members(reader, rest),
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

    /// Between values. Member after member for as long as each comes in one piece, as nearly all
    /// do; what does not is left to the states, which are not written until then.
    fn members<'b, R: Reader<Node = N>>(&mut self, reader: &mut R, from: &'b [u8]) -> &'b [u8] {
        let (mut parent, mut rest) = match self.next_key(reader, from) {
            Ok(next) => next,
            Err(other) => return other,
        };
        loop {
            let Some((key, value)) = near_key(rest) else {
                self.begin_string(State::Key, rest);
                return rest;
            };
            let want = reader.member(parent, key);
            let value = behind_space(value);
            if let [b'{', b'"', key @ ..] = value
                && let Want::Enter(node) = want
                && self.enter(
                    reader,
                    Level { is_object: true, node, start: self.read - length(value) },
                )
            {
                (parent, rest) = (node, key);
                continue;
            }
            let after = if let Some((found, after)) = near_value(value) {
                if let Some(node) = want.node() {
                    reader.value(node, found, self.read - length(value)..self.read - length(after));
                }
                if let [b',', b'"', key @ ..] = after {
                    rest = key;
                    continue;
                }
                self.state = State::CommaOrEnd;
                after
            } else {
                (self.want, self.state) = (want, State::Value);
                self.begin(reader, value)
            };
            (parent, rest) = match self.next_key(reader, after) {
                Ok(next) => next,
                Err(other) => return other,
            };
        }
    }

    /// Reads on until a key begins, and gives whose it is and what is behind its quote; else what
    /// is left, when that is nothing or is inside of something.
    #[inline(never)]
    fn next_key<'b, R: Reader<Node = N>>(
        &mut self,
        reader: &mut R,
        from: &'b [u8],
    ) -> Result<(N, &'b [u8]), &'b [u8]> {
        let mut rest = from;
        loop {
            // Some writers pad every event to the same length.
            rest = behind_space(rest);
            let [byte, after @ ..] = rest else { return Err(rest) };
            rest = match (self.state, self.level()) {
                (State::CommaOrEnd, Some(level)) if *byte == b',' => match after {
                    [b'"', key @ ..] if level.is_object => return Ok((level.node, key)),
                    _ if level.is_object => {
                        self.state = State::NextKey;
                        after
                    }
                    _ => {
                        self.want = reader.element(level.node);
                        self.state = State::Value;
                        after
                    }
                },
                (State::FirstKey | State::NextKey, Some(level)) if *byte == b'"' => {
                    return Ok((level.node, after));
                }
                (State::CommaOrEnd | State::FirstKey | State::FirstValue, Some(level))
                    if level.is_ended_by(*byte) =>
                {
                    let level = *level;
                    self.close(reader, level, after);
                    after
                }
                (State::FirstValue, Some(level)) => {
                    self.want = reader.element(level.node);
                    self.begin(reader, rest)
                }
                (State::Value, _) => self.begin(reader, rest),
                (State::Colon, _) if *byte == b':' => {
                    self.state = State::Value;
                    after
                }
                (State::Atom | State::Container | State::Key | State::String, _) => {
                    return Err(rest);
                }
                _ => {
                    self.state = State::Broken;
                    return Err(&[]);
                }
            };
        }
    }

    /// A value from its first byte on. Gives what is behind it, or behind what there is of it.
    #[inline]
    fn begin<'b, R: Reader<Node = N>>(&mut self, reader: &mut R, bytes: &'b [u8]) -> &'b [u8] {
        let [first, rest @ ..] = bytes else { return bytes };
        match first {
            b'"' => {
                self.begin_string(State::String, rest);
                self.string(reader, rest)
            }
            b'{' | b'[' => {
                self.open(reader, *first == b'{', rest);
                if self.state == State::Container { self.container(reader, rest) } else { rest }
            }
            // Also NaN and the infinities, which some writers let slip.
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I' => {
                self.start = self.read - length(bytes);
                self.held_len = 0;
                self.state = State::Atom;
                self.atom(reader, bytes)
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
            && self.enter(reader, Level { is_object, node, start: self.start })
        {
            self.state = if is_object { State::FirstKey } else { State::FirstValue };
        }
    }

    /// False when there are too many levels.
    #[inline]
    fn enter<R: Reader<Node = N>>(&mut self, reader: &mut R, entered: Level<N>) -> bool {
        let Some(level) = self.levels.get_mut(self.depth) else { return false };
        *level = entered;
        self.depth += 1;
        let opened = if entered.is_object { Value::OpenedObject } else { Value::OpenedArray };
        reader.value(entered.node, opened, entered.start..entered.start + 1);
        true
    }

    #[inline]
    fn close<R: Reader<Node = N>>(&mut self, reader: &mut R, level: Level<N>, rest: &[u8]) {
        self.depth -= 1;
        reader.value(level.node, Value::Closed, level.start..self.read - length(rest));
        self.after_value();
    }

    /// A value that began at `start` ends before `rest`.
    #[inline]
    fn end_value<R: Reader<Node = N>>(&mut self, reader: &mut R, value: Value<'_>, rest: &[u8]) {
        if let Some(node) = self.want.node() {
            reader.value(node, value, self.start..self.read - length(rest));
        }
        self.after_value();
    }

    const fn after_value(&mut self) {
        self.state = if self.depth == 0 { State::Done } else { State::CommaOrEnd };
    }

    fn level(&self) -> Option<&Level<N>> {
        self.levels.get(self.depth.checked_sub(1)?)
    }
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
