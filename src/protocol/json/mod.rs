//! JSON as bytes. Never builds a tree.
//!
//! Scanned, not decoded: what is wanted of a text are a few members at known depths, and the text
//! itself passes on unchanged. Where every value matters (translation), decode instead.

pub mod block;
pub mod number;
pub mod reader;
pub mod scan;
pub mod skip;
pub mod splice;
pub mod strict;
pub mod text;
pub mod write;
