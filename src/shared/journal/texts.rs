//! The texts of a record one behind the other in one block that is written again and again, so that
//! a record takes up as little of the cache as its exchange had to say.

use crate::protocol::json::text::first;

/// The texts of one record.
#[derive(Clone, Debug, Default)]
pub struct Texts(Vec<u8>);

/// Where a text of at most `N` bytes stands in its record; by default empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<const N: usize> {
    at: u16,
    len: u16,
}

impl Texts {
    /// Adds the first bytes of `text`, cut between two characters.
    pub fn add<const N: usize>(&mut self, text: &[u8]) -> Told<N> {
        let text = first(text, N);
        let (Ok(at), Ok(len)) = (u16::try_from(self.0.len()), u16::try_from(text.len())) else {
            return Told::default();
        };
        self.0.extend_from_slice(text);
        Told { at, len }
    }

    /// The text that stands there; empty when it is no UTF-8.
    pub fn of<const N: usize>(&self, told: Told<N>) -> &str {
        let start = usize::from(told.at);
        let bytes = self.0.get(start..start + usize::from(told.len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Forgets all, and keeps the block.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<const N: usize> Told<N> {
    /// Whether nothing is told.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_told_apart_and_cut_to_its_place() {
        let mut texts = Texts::default();
        let first: Told<8> = texts.add(b"alice");
        let none: Told<8> = texts.add(b"");
        let cut: Told<4> = texts.add("caf\u{e9}s".as_bytes());
        let bytes: Told<4> = texts.add(&[0xff]);
        assert_eq!((texts.of(first), texts.of(none)), ("alice", ""));
        assert_eq!((texts.of(cut), texts.of(bytes)), ("caf", ""));
        assert!(none.is_empty() && !cut.is_empty());
        texts.clear();
        let again: Told<8> = texts.add(b"bob");
        assert_eq!(texts.of(again), "bob");
    }
}
