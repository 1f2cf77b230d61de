//! The load generator as a process, against the real mock.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]

mod checks;
mod clients;
mod reports;
mod support;
mod usage;
