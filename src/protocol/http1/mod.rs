//! What of RFC 9112 we speak, and what we refuse: HTTP/1.0 and 1.1 heads, their framing, chunks.
//!
//! Sans-io and strict: nothing is repaired. A line ends in CRLF, a field has one meaning, a body
//! has one length, or the message is refused with a [`Refusal`]. The way through: a
//! [`parse::RequestParser`] gives a [`head::RequestHead`], [`framing::request_body`] says how the
//! body ends, a [`chunked::Decoder`] walks chunks, and [`mod@write`] makes what we send ourselves.
//! Never forwards a byte of a head as it came except names and values that passed the parser.

pub mod body;
pub mod chunked;
pub mod framing;
pub mod head;
pub mod header;
pub mod parse;
mod plain_line;
mod refusal;
mod start_line;
pub mod write;

#[cfg(test)]
mod corpus_tests;

pub use refusal::{Refusal, UPSTREAM_STATUS};
