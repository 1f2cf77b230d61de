//! From an answer to the wire: a plan of steps, and the one loop that carries it out.
//!
//! `plan` and `frame` never touch a socket; `run` never decides anything.

mod frame;
mod plan;
mod run;
#[cfg(test)]
mod tests;

pub use plan::{Plan, Reply};
pub use run::{End, Outcome, run};

use std::time::Duration;

/// One thing to do. A plan ends with `Finish`.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The answer is out; what follows is extra.
    Complete,
    Finish(Finish),
    /// Since the plan began.
    Until(Duration),
    Wait(Duration),
    Write(Vec<u8>),
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// An honest close: `close_notify` under TLS, FIN.
    Close,
    /// FIN, without `close_notify`.
    Cut,
    Keep,
    Reset,
    /// Stays open in silence until the peer leaves.
    Stall,
}
