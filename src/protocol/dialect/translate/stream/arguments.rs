//! How far the arguments of a call have come, over any split into pieces. Never keeps them.

use super::super::answer::call;
use crate::protocol::json::skip::Skip;

/// Whether the arguments so far are a whole object.
#[derive(Clone, Copy, Debug, Default)]
pub enum Arguments {
    /// An object is open.
    Begun(Skip),
    /// None has begun.
    #[default]
    Nothing,
    /// It is whole.
    Whole,
}

impl Arguments {
    /// Whether the object is whole.
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }

    /// Takes in a piece, the content of a string.
    pub fn push(&mut self, content: &[u8]) {
        if matches!(self, Self::Whole) {
            return;
        }
        let decoded = call::decode(content);
        let mut text = decoded.as_slice();
        if matches!(self, Self::Nothing) {
            let Some(begun) = text.trim_ascii_start().strip_prefix(b"{") else { return };
            text = begun;
            *self = Self::Begun(Skip::container());
        }
        if let Self::Begun(skip) = self
            && skip.run(text).is_some()
        {
            *self = Self::Whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_whole_at_its_last_bracket_and_no_earlier() {
        let text = r#" {\"a\":{\"b\":\"}\"},\"c\":[]}"#;
        let pieces: Vec<&str> = text.split_inclusive(['{', '}', ',']).collect();
        let mut arguments = Arguments::default();
        for (place, piece) in pieces.iter().enumerate() {
            arguments.push(piece.as_bytes());
            assert_eq!(arguments.is_whole(), place + 1 == pieces.len(), "{piece}");
        }
    }

    #[test]
    fn what_is_no_object_is_never_whole() {
        let mut arguments = Arguments::default();
        for piece in ["", "  ", "[1]", "null"] {
            arguments.push(piece.as_bytes());
            assert!(!arguments.is_whole());
        }
    }
}
