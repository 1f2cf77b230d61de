//! JSON as bytes. Never builds a tree.

pub mod write;
