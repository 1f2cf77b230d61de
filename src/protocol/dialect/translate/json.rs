//! The one door to simd-json: a body becomes a flat list of values, in order, with their places in
//! the text. Never builds a tree, never recurses, never changes a value.
//!
//! Bounded before anything is kept: nesting by [`DEPTH_MAX`], values by [`STRUCTURE_MAX`].
//! Numbers and whole values can be taken as they are written, so that what only passes through is
//! copied and not rounded.

use std::cell::OnceCell;
use std::fmt::Write as _;

use simd_json::{Buffers, Node, StaticNode, Tape};

use super::{Refused, Why};
use crate::protocol::json::block::{self, BLOCK};
use crate::protocol::json::skip::Skip;
use crate::protocol::json::text::Text;

pub mod write;

/// Room for parsing: kept, it serves the next body too.
pub struct Room {
    buffers: Buffers,
    text: Vec<u8>,
}

impl Default for Room {
    fn default() -> Self {
        Self { buffers: Buffers::with_max_depth(0, DEPTH_MAX), text: Vec::new() }
    }
}

/// A body, parsed. At least one value is in it.
#[derive(Debug)]
pub struct Document<'a> {
    body: &'a [u8],
    /// Every value and key in order; containers say how many follow.
    nodes: Vec<Node<'a>>,
    /// Where brackets, colons, commas and the first bytes of values stand.
    structure: &'a [u32],
    /// Where every node begins; filled when the first is asked for.
    starts: OnceCell<Vec<u32>>,
}

/// Parses `body`.
///
/// # Errors
/// [`Why::NotJson`], [`Why::TooDeep`], [`Why::TooMany`]; for the whole body.
pub fn parse<'a>(body: &'a [u8], room: &'a mut Room) -> Result<Document<'a>, Refused> {
    if body.len() > STRUCTURE_MAX && structure(body) > STRUCTURE_MAX {
        return Err(Refused::new("", Why::TooMany(STRUCTURE_MAX)));
    }
    let Room { buffers, text } = room;
    text.clear();
    text.reserve(body.len() + simd_json::INPUT_PADDING);
    text.extend_from_slice(body);
    text.resize(body.len() + simd_json::INPUT_PADDING, b' ');
    let mut tape = Tape(Vec::new());
    match simd_json::fill_tape_padded(text, body.len(), buffers, &mut tape) {
        Ok(()) if !tape.0.is_empty() => {
            let structure = buffers.structural_indexes();
            Ok(Document { body, nodes: tape.0, starts: OnceCell::new(), structure })
        }
        Err(error) if matches!(error.error(), simd_json::ErrorType::DepthLimitExceeded) => {
            Err(Refused::new("", Why::TooDeep(DEPTH_MAX)))
        }
        _ => Err(Refused::new("", Why::NotJson)),
    }
}

impl Document<'_> {
    /// The whole body as a value.
    pub fn root(&self) -> Value<'_> {
        Value { document: self, at: 0 }
    }

    /// Where in the body the value number `at` begins.
    fn start(&self, at: usize) -> usize {
        let starts = self.starts.get_or_init(|| {
            let begins = |&place: &u32| {
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                !matches!(self.body.get(place), None | Some(b'}' | b']' | b':' | b','))
            };
            self.structure.iter().copied().filter(begins).collect()
        });
        starts.get(at).and_then(|&start| usize::try_from(start).ok()).unwrap_or(self.body.len())
    }

    /// How many values the value number `at` is, with all that is in it.
    fn span(&self, at: usize) -> usize {
        match self.nodes.get(at) {
            Some(Node::Array { count, .. } | Node::Object { count, .. }) => count + 1,
            _ => 1,
        }
    }
}

/// One value of a document.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    at: usize,
    document: &'a Document<'a>,
}

impl<'a> Value<'a> {
    /// The text of a string.
    pub fn as_str(self) -> Option<&'a str> {
        if let Some(Node::String(text)) = self.node() { Some(text) } else { None }
    }

    /// A boolean.
    pub fn as_bool(self) -> Option<bool> {
        if let Some(Node::Static(StaticNode::Bool(it))) = self.node() { Some(it) } else { None }
    }

    /// A number without a fraction, not negative and below 2^64.
    pub fn as_u64(self) -> Option<u64> {
        match self.node() {
            Some(Node::Static(StaticNode::U64(number))) => Some(number),
            Some(Node::Static(StaticNode::I64(number))) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    /// A number, rounded to a double.
    pub fn as_f64(self) -> Option<f64> {
        self.is_number().then(|| std::str::from_utf8(self.raw()).ok()?.parse().ok()).flatten()
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        matches!(self.node(), Some(Node::Static(StaticNode::Null)))
    }

    /// Whether it is a number.
    pub fn is_number(self) -> bool {
        matches!(
            self.node(),
            Some(Node::Static(StaticNode::F64(_) | StaticNode::I64(_) | StaticNode::U64(_)))
        )
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        matches!(self.node(), Some(Node::Object { .. }))
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        matches!(self.node(), Some(Node::Array { .. }))
    }

    /// The elements of an array; of anything else none.
    pub fn elements(self) -> Elements<'a> {
        let left = if let Some(Node::Array { len, .. }) = self.node() { len } else { 0 };
        Elements { left, next: Value { at: self.at + 1, ..self } }
    }

    /// The members of an object; of anything else none. A name may come twice.
    pub fn members(self) -> Members<'a> {
        let left = if let Some(Node::Object { len, .. }) = self.node() { len } else { 0 };
        Members { left, next: Value { at: self.at + 1, ..self } }
    }

    /// The member `name` of an object: the last of that name, as most parsers have it. `None` also
    /// for `null`. Looks at all members.
    pub fn get(self, name: &str) -> Option<Self> {
        let value = self.members().filter(|(key, _)| *key == name).last()?.1;
        (!value.is_null()).then_some(value)
    }

    /// The text of the member `name`, when it is a string.
    pub fn str_of(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    /// The value as it stands in the body.
    pub fn raw(self) -> &'a [u8] {
        cut(self.document.body, self.document.start(self.at))
    }

    /// The text of a string, or what was wanted.
    pub fn text(self) -> Result<&'a str, Refused> {
        self.as_str().ok_or_else(|| self.wanted("a string"))
    }

    /// A boolean, or what was wanted.
    pub fn truth(self) -> Result<bool, Refused> {
        self.as_bool().ok_or_else(|| self.wanted("true or false"))
    }

    /// A whole number from 0, or what was wanted.
    pub fn count(self) -> Result<u64, Refused> {
        self.as_u64().ok_or_else(|| self.wanted("a whole number from 0"))
    }

    /// A number, or what was wanted.
    pub fn number(self) -> Result<Self, Refused> {
        if self.is_number() { Ok(self) } else { Err(self.wanted("a number")) }
    }

    /// The elements of an array, or what was wanted.
    pub fn list(self) -> Result<Elements<'a>, Refused> {
        if self.is_array() { Ok(self.elements()) } else { Err(self.wanted("an array")) }
    }

    /// The members of an object, or what was wanted.
    pub fn object(self) -> Result<Members<'a>, Refused> {
        if self.is_object() { Ok(self.members()) } else { Err(self.wanted("an object")) }
    }

    /// The text of the member `name`, which must be there.
    pub fn required(self, name: &str) -> Result<&'a str, Refused> {
        self.need(name, "a string")?.text()
    }

    /// The member `name`, which must be there and be `what`.
    pub fn need(self, name: &str, what: &'static str) -> Result<Self, Refused> {
        self.get(name).ok_or_else(|| {
            let mut path = self.written_path();
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
            Refused::new(&path, Why::Wanted(what))
        })
    }

    /// The refusal of this value for being no `what`.
    pub fn wanted(self, what: &'static str) -> Refused {
        Refused::new(&self.written_path(), Why::Wanted(what))
    }

    /// The refusal of this value for having no equivalent.
    pub fn no_equivalent(self) -> Refused {
        Refused::new(&self.written_path(), Why::NoEquivalent)
    }

    /// Where the value is: `messages[3].content[0].source`. Walks from the root: for refusals.
    fn written_path(self) -> String {
        // A string takes all that is written.
        let mut path = String::new();
        let mut here = Value { at: 0, document: self.document };
        while here.at < self.at && path.len() < PATH_BYTES {
            let holds = |it: &Self| self.at < it.at + it.document.span(it.at);
            if let Some((key, value)) = here.members().find(|(_, value)| holds(value)) {
                let dot = if path.is_empty() { "" } else { "." };
                let _written = write!(path, "{dot}{key}");
                here = value;
            } else if let Some((i, value)) = here.elements().enumerate().find(|(_, it)| holds(it)) {
                let _written = write!(path, "[{i}]");
                here = value;
            } else {
                break;
            }
        }
        path
    }

    fn node(self) -> Option<Node<'a>> {
        self.document.nodes.get(self.at).copied()
    }

    fn after(self) -> Self {
        Self { at: self.at + self.document.span(self.at), ..self }
    }
}

/// See [`Value::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    left: usize,
    next: Value<'a>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(1)?;
        let value = self.next;
        self.next = value.after();
        Some(value)
    }
}

/// See [`Value::members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    left: usize,
    next: Value<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = self.next.as_str().unwrap_or_default();
        let value = Value { at: self.next.at + 1, ..self.next };
        self.next = value.after();
        Some((key, value))
    }
}

/// The value that begins at `start` of a text that is JSON.
fn cut(body: &[u8], start: usize) -> &[u8] {
    let rest = body.get(start..).unwrap_or_default();
    let Some((&first, inner)) = rest.split_first() else { return b"null" };
    let end = match first {
        b'{' | b'[' => Skip::container().run(inner).map(|end| end + 1),
        b'"' => Skip::string().run(inner).map(|end| end + 1),
        _ => rest.iter().position(|byte| b",]} \t\r\n".contains(byte)),
    };
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

/// How many brackets, separators and starts of values there are, in JSON or anything else.
fn structure(body: &[u8]) -> usize {
    let (mut carried, mut in_string, mut after, mut found) = (false, 0_u64, 1_u64, 0_usize);
    let (blocks, tail) = body.as_chunks::<BLOCK>();
    let tail = block::padded(tail, b' ');
    for block in blocks.iter().chain([&tail]) {
        let mask = |byte| block::mask_of(block, byte);
        let escapes = block::escapes(mask(b'\\'), carried);
        carried = escapes.escaping >> 63 != 0;
        let quotes = mask(b'"') & !escapes.escaped;
        let strings = block::inside(quotes) ^ in_string;
        in_string = 0_u64.wrapping_sub(strings >> 63);
        let marks = mask(b',') | mask(b':') | block::opening(block) | block::closing(block);
        let space = mask(b' ') | mask(b'\n') | mask(b'\r') | mask(b'\t');
        let ends = space | marks | quotes;
        let begins = (ends << 1 | after) & !ends;
        after = ends >> 63;
        let here = (marks | begins) & !strings | quotes & strings;
        found += usize::try_from(here.count_ones()).unwrap_or(0);
    }
    found
}

impl Refused {
    /// The refusal of the field at `path`.
    pub fn new(path: &str, why: Why) -> Self {
        Self { path: Text::cut(path.as_bytes()), why }
    }
}

/// How deep arrays and objects may lie in each other.
pub const DEPTH_MAX: usize = 64;
/// Brackets, separators and starts of values in one body: the parser takes up to 28 bytes for each.
pub const STRUCTURE_MAX: usize = 1 << 21;
/// What a refusal holds of a path.
const PATH_BYTES: usize = 80;

#[cfg(test)]
mod tests;
