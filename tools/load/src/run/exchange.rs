//! One request and its answer, timed and judged.
//!
//! Never retries: what fails is counted.

use std::time::Duration;

use tidegate_tools::tick::{self, now_ns};

use super::link::Link;
use super::worker::Local;
use super::{Abort, Behaviour, Point};
use crate::reply::{Expect, Fault, Reply};
use crate::scenario::Request;
use crate::stats::{Metric, Stats};
use crate::units::ns;

/// One request at its place in the schedule.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// When it was due, on the monotonic clock.
    pub intended_ns: u64,
    /// Counts in the durations; those of the warm-up do not.
    pub is_measured: bool,
    pub number: u64,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Aborted,
    Fault(Fault),
    Ok { is_verified: bool },
}

/// What an exchange leaves behind.
pub struct Left {
    pub is_failed: bool,
    /// The connection, if it can carry another.
    pub link: Option<Link>,
}

/// Runs one exchange.
pub async fn run(local: &Local, turn: Turn, idle: Option<Link>) -> Left {
    let request = local.request(turn.number);
    let behaviour = &local.load.behaviour;
    let abort = behaviour.abort.filter(|abort| aborts(abort, turn.number));
    let mut exchange = Exchange {
        abort: abort.map(|abort| abort.at),
        behaviour,
        first_byte_ns: None,
        // One that has been idle for long may be closed by the peer at any moment.
        link: idle.filter(|link| now_ns().saturating_sub(link.last_ns) < IDLE_MAX_NS),
        local,
        reply: Reply::new(),
        request,
        turn,
        watch: Watch::default(),
    };
    let left_at = match exchange.abort {
        Some(Point::Time(time)) => Some(time),
        _ => None,
    };
    let patience = left_at.unwrap_or(behaviour.timeout).min(behaviour.timeout);
    // Dropping the exchange inside ends its connection, so no byte of it can be missed later.
    let end = match monoio::time::timeout(patience, exchange.talk()).await {
        Ok(end) => end,
        Err(_) if left_at.is_some() => End::Aborted,
        Err(_) => End::Fault(Fault::TimedOut),
    };
    exchange.count(end);
    let keeps = matches!(end, End::Ok { .. } | End::Fault(Fault::Status | Fault::ErrorEvent))
        && exchange.reply.keeps_alive();
    let is_fresh = |link: &Link| behaviour.reuse.is_none_or(|most| link.used < most);
    let link = exchange.link.take().filter(|link| keeps && is_fresh(link));
    Left { is_failed: matches!(end, End::Fault(_)), link }
}

/// The same requests of every run with the same share.
fn aborts(abort: &Abort, number: u64) -> bool {
    crate::random::Random::new(number).fraction() < abort.share
}

struct Exchange<'a> {
    abort: Option<Point>,
    behaviour: &'a Behaviour,
    first_byte_ns: Option<u64>,
    link: Option<Link>,
    local: &'a Local,
    reply: Reply,
    request: &'a Request,
    turn: Turn,
    watch: Watch,
}

/// What is known of the events so far.
#[derive(Default)]
struct Watch {
    events: u64,
    first_ns: Option<u64>,
    last_ns: Option<u64>,
    /// Events of the last read: their stamps.
    read: Vec<Option<u64>>,
}

impl Exchange<'_> {
    async fn talk(&mut self) -> End {
        let begun = now_ns();
        let is_measured = self.turn.is_measured;
        if is_measured {
            let lag = begun.saturating_sub(self.turn.intended_ns);
            self.local.stats.borrow_mut().record(Metric::Lag, lag);
        }
        // Taken out while it talks: a dropped exchange drops its connection.
        let mut link = match self.link.take() {
            Some(link) => link,
            None => match Link::connect(self.local.address).await {
                Ok(link) => {
                    self.connected(begun);
                    link
                }
                Err(_) => return End::Fault(Fault::ConnectFailed),
            },
        };
        if link.write(self.request.bytes.clone()).await.is_err() {
            return End::Fault(Fault::WriteFailed);
        }
        let end = self.listen(&mut link).await;
        link.last_ns = now_ns();
        self.link = Some(link);
        end
    }

    fn connected(&self, begun: u64) {
        let mut stats = self.local.stats.borrow_mut();
        stats.counts.connections += 1;
        if self.turn.is_measured {
            stats.record(Metric::Connect, now_ns().saturating_sub(begun));
        }
    }

    async fn listen(&mut self, link: &mut Link) -> End {
        let limit = self.behaviour.slow_read.map_or(usize::MAX, portion);
        let expect = &self.request.expect;
        while !self.reply.is_done() {
            let bytes = match link.read(limit).await {
                Ok([]) | Err(_) => break,
                Ok(bytes) => bytes,
            };
            let now = now_ns();
            self.first_byte_ns.get_or_insert(now);
            if let Err(fault) = self.watch.push(&mut self.reply, expect, bytes, now) {
                return End::Fault(fault);
            }
            if self.turn.is_measured {
                self.watch.record(&mut self.local.stats.borrow_mut(), now);
            }
            if self.is_enough() {
                return End::Aborted;
            }
            if let (Some(rate), false) = (self.behaviour.slow_read, self.reply.is_done()) {
                // Twenty reads a second.
                tick::sleep_until(now + pause_ns(rate)).await;
            }
        }
        let verdict = self.reply.verdict(expect);
        match verdict.fault {
            Some(fault) => End::Fault(fault),
            None => End::Ok { is_verified: verdict.is_verified },
        }
    }

    fn is_enough(&self) -> bool {
        match self.abort {
            Some(Point::Bytes(bytes)) => self.reply.bytes() >= bytes,
            Some(Point::Events(events)) => self.watch.events >= events,
            Some(Point::Time(_)) | None => false,
        }
    }

    fn count(&self, end: End) {
        let now = now_ns();
        self.local.second(end, now.saturating_sub(self.turn.intended_ns), self.watch.events);
        let mut stats = self.local.stats.borrow_mut();
        if now >= self.local.mark_ns {
            stats.counts.finished_after_mark += 1;
        }
        if !self.turn.is_measured {
            stats.counts.warmup_sent += 1;
            stats.counts.warmup_failed += u64::from(matches!(end, End::Fault(_)));
            return;
        }
        self.durations(end, now, &mut stats);
        let counts = &mut stats.counts;
        counts.sent += 1;
        counts.bytes_in += self.reply.bytes();
        counts.bytes_out += u64::try_from(self.request.bytes.len()).unwrap_or(0);
        counts.events += self.watch.events;
        counts.in_window += u64::from(self.local.end_ns.is_none_or(|end_ns| now < end_ns));
        match end {
            End::Aborted => counts.aborted += 1,
            End::Fault(fault) => stats.fault(fault),
            End::Ok { is_verified } => {
                counts.ok += 1;
                counts.unverified += u64::from(!is_verified);
            }
        }
        if self.reply.status() != 0 {
            *stats.statuses.entry(self.reply.status()).or_default() += 1;
        }
        stats.last_end_ns = stats.last_end_ns.max(now);
    }

    /// Durations of good answers only: a refused connection is fast.
    fn durations(&self, end: End, now: u64, stats: &mut Stats) {
        if !matches!(end, End::Ok { .. }) {
            return;
        }
        let since = |at: u64| at.saturating_sub(self.turn.intended_ns);
        stats.record(Metric::Latency, since(now));
        if let Some(at) = self.first_byte_ns {
            stats.record(Metric::FirstByte, since(at));
        }
        if let Some(at) = self.watch.first_ns {
            stats.record(Metric::FirstEvent, since(at));
        }
    }
}

impl Watch {
    fn push(
        &mut self,
        reply: &mut Reply,
        expect: &Expect,
        bytes: &[u8],
        now: u64,
    ) -> Result<(), Fault> {
        self.read.clear();
        let read = &mut self.read;
        reply.push(expect, bytes, &mut |seen| read.push(seen.stamp_ns))?;
        self.events += u64::try_from(self.read.len()).unwrap_or(0);
        if !self.read.is_empty() {
            self.first_ns.get_or_insert(now);
        }
        Ok(())
    }

    /// Events of one read came at the same moment: all but the first have no gap before them.
    fn record(&mut self, stats: &mut Stats, now: u64) {
        for stamp in &self.read {
            if let Some(last) = self.last_ns.replace(now) {
                stats.record(Metric::EventGap, now.saturating_sub(last));
            }
            if let Some(stamp) = stamp {
                stats.record(Metric::EventDelay, now.saturating_sub(*stamp));
            }
        }
    }
}

impl Local {
    fn second(&self, end: End, latency_ns: u64, events: u64) {
        let mut second = self.second.borrow_mut();
        second.events += events;
        match end {
            End::Fault(_) => second.failed += 1,
            End::Aborted | End::Ok { .. } => {
                second.ok += 1;
                second.latency.saturating_record(latency_ns);
            }
        }
        let mut stats = self.stats.borrow_mut();
        if now_ns() >= self.mark_ns {
            stats.counts.events_after_mark += events;
        }
    }
}

/// Well below what servers keep idle connections for.
const IDLE_MAX_NS: u64 = 20_000_000_000;

/// Bytes per read of a reader with this rate.
fn portion(rate: u64) -> usize {
    usize::try_from((rate / 20).max(1)).unwrap_or(usize::MAX)
}

/// Until the next of them.
fn pause_ns(rate: u64) -> u64 {
    let portion = u64::try_from(portion(rate)).unwrap_or(1);
    let second = ns(Duration::from_secs(1));
    portion.saturating_mul(second) / rate.max(1)
}
