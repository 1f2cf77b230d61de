//! Carries a plan out on a connection and tells how it ended.
//!
//! Never decides what to send.

use std::time::{Duration, Instant};

use tidegate_tools::digest::{STAMP, STAMP_DIGITS};
use tidegate_tools::tick;

use super::{Finish, Plan, Step};
use crate::answer::STAMP_PLACE;
use crate::link::{Link, Waited};

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Complete,
    Fault,
    PeerLeft,
}

/// What happened while the plan ran.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub bytes_sent: u64,
    pub end: End,
    /// None at `Step::Complete`: call `run` again for what follows the answer.
    pub finish: Option<Finish>,
    pub last_write: Option<Instant>,
    pub peer_left: Option<Instant>,
    pub started: Option<Instant>,
}

/// Runs steps up to `Step::Complete` or the finish. `watches` = the peer's leaving is wanted to the
/// millisecond; otherwise only long waits look for it.
pub async fn run(link: &mut Link, plan: &mut Plan, watches: bool) -> Outcome {
    let mut runner = Runner {
        begun: Instant::now(),
        byte_delay: plan.knobs().wire.byte_delay,
        link,
        outcome: Outcome {
            bytes_sent: 0,
            end: End::Complete,
            finish: Some(Finish::Keep),
            last_write: None,
            peer_left: None,
            started: None,
        },
        pending: Vec::new(),
        stamps: plan.knobs().say.stamp,
        watches,
        watches_never: plan.knobs().fault.ignore_leave,
    };
    let is_paced = plan.knobs().wire.is_paced();
    while let Some(step) = plan.next() {
        if !runner.step(step, is_paced).await {
            break;
        }
    }
    runner.outcome
}

struct Runner<'a> {
    begun: Instant,
    byte_delay: Option<Duration>,
    link: &'a mut Link,
    outcome: Outcome,
    pending: Vec<u8>,
    stamps: bool,
    watches: bool,
    watches_never: bool,
}

impl Runner<'_> {
    /// False when there is nothing more to do.
    async fn step(&mut self, step: Step, is_paced: bool) -> bool {
        match step {
            Step::Write(bytes) if self.pending.is_empty() => self.pending = bytes,
            Step::Write(bytes) => self.pending.extend_from_slice(&bytes),
            Step::Complete => {
                let is_out = self.flush().await;
                if is_out {
                    self.outcome.finish = None;
                }
                return false;
            }
            Step::Finish(finish) => {
                if self.flush().await {
                    self.finish(finish).await;
                }
                return false;
            }
            Step::Until(since_begin) => {
                return self.flush().await
                    && self.wait(since_begin.saturating_sub(self.begun.elapsed())).await;
            }
            Step::Wait(time) => return self.flush().await && self.wait(time).await,
        }
        if is_paced || self.pending.len() >= WRITE_MAX { self.flush().await } else { true }
    }

    async fn finish(&mut self, finish: Finish) {
        self.outcome.finish = Some(finish);
        match finish {
            Finish::Close | Finish::Keep => {}
            Finish::Cut | Finish::Reset => self.outcome.end = End::Fault,
            Finish::Stall => {
                self.outcome.end = End::Fault;
                if self.link.wait(None, true).await == Waited::PeerLeft {
                    self.left();
                }
            }
        }
    }

    async fn flush(&mut self) -> bool {
        if self.pending.is_empty() {
            return true;
        }
        let mut bytes = std::mem::take(&mut self.pending);
        if self.stamps {
            stamp(&mut bytes);
        }
        let Some(delay) = self.byte_delay else {
            self.pending = match self.write(bytes).await {
                Some(bytes) => bytes,
                None => return false,
            };
            return true;
        };
        for byte in bytes {
            if self.write(vec![byte]).await.is_none() || !self.wait(delay).await {
                return false;
            }
        }
        true
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.outcome.started.get_or_insert_with(Instant::now);
        let (result, bytes) = self.link.write(bytes).await;
        if result.is_err() {
            self.left();
            return None;
        }
        self.outcome.bytes_sent += length;
        self.outcome.last_write = Some(Instant::now());
        Some(bytes)
    }

    async fn wait(&mut self, time: Duration) -> bool {
        if time.is_zero() {
            return true;
        }
        let watch = !self.watches_never && (self.watches || time >= LONG_WAIT);
        if self.link.wait(Some(time), watch).await == Waited::Time {
            return true;
        }
        self.left();
        false
    }

    fn left(&mut self) {
        self.outcome.end = End::PeerLeft;
        self.outcome.peer_left = Some(Instant::now());
        // There is nobody to say goodbye to.
        self.outcome.finish = Some(Finish::Stall);
    }
}

/// Puts the time into every place for it.
fn stamp(bytes: &mut [u8]) {
    let place = STAMP_PLACE.as_bytes();
    let found: Vec<_> = memchr::memmem::find_iter(bytes, place).collect();
    let mark = format!("{}{:0STAMP_DIGITS$} ", char::from(STAMP), tick::now_ns());
    for at in found {
        if let Some(place) = bytes.get_mut(at..at + mark.len()) {
            place.copy_from_slice(mark.as_bytes());
        }
    }
}

const LONG_WAIT: Duration = Duration::from_secs(1);
const WRITE_MAX: usize = 64 << 10;
