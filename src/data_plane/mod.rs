//! Pinned workers: never block, never lock, never allocate without a bound.
//!
//! Path of a connection: `worker::run` -> `downstream::listener::accept_loop` ->
//! `downstream::connection::serve` -> `exchange::run`, again and again, until it closes.

pub mod downstream;
pub mod exchange;
pub mod io;
pub mod prepared;
pub mod upstream;
pub mod worker;
