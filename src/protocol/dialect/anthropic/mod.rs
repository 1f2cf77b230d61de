//! Anthropic: Messages and its siblings (PROTOCOL 1).

pub mod error;
pub mod usage;
