//! The mock as a process: real sockets, both drivers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]

mod faults;
mod plain;
mod support;
mod tls;
