//! One run: threads that send, and the thread that listens to them.
//!
//! Never decides what a good result is; `report` and `fail_if` do.

mod exchange;
mod link;
mod phase;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidegate_tools::ladder::Rung;

pub use phase::{Outcome, Second, run};

use crate::scenario::Request;
use crate::schedule::Arrivals;

/// All that decides a run.
#[derive(Clone, Debug)]
pub struct Load {
    pub arrivals: Arrivals,
    pub behaviour: Behaviour,
    /// Callers of a closed loop; connections at most of an open one.
    pub connections: u64,
    /// Cores to run on, one per thread in turn; empty for anywhere.
    pub cores: Vec<usize>,
    /// How long answers under way may take after the last request.
    pub drain: Duration,
    /// Measured time; none to go on until `limit`.
    pub duration: Option<Duration>,
    /// Connections that are opened and never used.
    pub idle: u64,
    /// Requests at most, warm-up included.
    pub limit: Option<u64>,
    /// Processes whose cost is measured.
    pub pids: Vec<u32>,
    /// Callers of a closed loop begin spread over this time.
    pub ramp: Duration,
    pub rung: Rung,
    pub seed: u64,
    pub threads: u64,
    /// Before the measured time.
    pub warmup: Duration,
}

/// How a client acts.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    pub abort: Option<Abort>,
    /// Requests per connection; none for all.
    pub reuse: Option<u64>,
    /// Bytes per second read from an answer.
    pub slow_read: Option<u64>,
    /// Pause of a caller between an answer and its next request.
    pub think: Duration,
    pub timeout: Duration,
}

/// When a client leaves before the end, and how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Abort {
    pub at: Point,
    /// Of all requests, `0.0..=1.0`.
    pub share: f64,
}

/// A point in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    Bytes(u64),
    Events(u64),
    /// Since the request was sent.
    Time(Duration),
}

impl Point {
    /// `3e` after three events, `1000` after so many payload bytes, `50ms` after that time.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(bytes) = text.parse() {
            return Ok(Self::Bytes(bytes));
        }
        match text.strip_suffix('e').map(str::parse) {
            Some(Ok(events)) => Ok(Self::Events(events)),
            _ => crate::units::duration(text)
                .map(Self::Time)
                .map_err(|_| format!("`{text}` is not a point such as 3e, 1000 or 50ms")),
        }
    }
}

/// Where a run goes.
#[derive(Clone, Debug)]
pub struct Way {
    pub address: SocketAddr,
    pub requests: Arc<[Request]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_events_bytes_or_times() {
        assert_eq!(Point::parse("3e"), Ok(Point::Events(3)));
        assert_eq!(Point::parse("1000"), Ok(Point::Bytes(1000)));
        assert_eq!(Point::parse("50ms"), Ok(Point::Time(Duration::from_millis(50))));
        for bad in ["", "e", "-1", "3x", "1.5e"] {
            assert!(Point::parse(bad).is_err(), "{bad}");
        }
    }
}
