//! Event streams (WHATWG HTML section 9.2) as bytes. Never changes a byte that passes.

pub mod boundary;
pub mod event;
pub mod first_event;
pub mod framer;
pub mod hide_usage;
pub mod pulse;
pub mod search;
pub mod watch;
pub mod write;

#[cfg(test)]
mod corpus_tests;
