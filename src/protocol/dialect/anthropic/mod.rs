//! Anthropic: Messages and its siblings (PROTOCOL 1).

pub mod error;
pub mod fold;
pub mod rate_limit;
pub mod usage;
