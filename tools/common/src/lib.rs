//! What the mock provider and the load generator agree on: how a body is summed up, what time it
//! is, how a thread waits for sockets.
//!
//! Never part of the gateway.

pub mod digest;
pub mod ladder;
pub mod tick;
