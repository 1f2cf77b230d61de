//! Bytes to facts and back. Never touches a socket, a clock, a thread or a log.
//!
//! Promises of the room: the same bytes give the same result however they are split; nothing
//! panics on any input; work is linear in the input; memory is bounded.

pub mod ascii;
#[cfg(test)]
mod corpus;
pub mod dialect;
pub mod error_body;
pub mod http1;
pub mod json;
pub mod rate_limit;
pub mod request_facts;
pub mod sse;
pub mod usage;
pub mod verdict;
