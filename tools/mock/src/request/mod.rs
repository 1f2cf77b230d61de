//! A request as the mock saw it: head, then a body that is counted, hashed and partly kept.
//!
//! Never strict: it takes what a test sends, and refuses only what has no meaning at all.

mod body;
mod chunked;
mod head;
#[cfg(test)]
mod tests;

pub use body::{Body, Intake};
pub use head::{Head, Length, Parsed, parse};

/// Why a request cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Chunk,
    Head,
    Length,
}
