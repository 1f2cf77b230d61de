//! What was counted and measured, per thread, and how threads are added up.
//!
//! Never averages averages: histograms are added, then read.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::reply::Fault;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// TCP connect.
    Connect,
    /// From the provider's time stamp to the read that brought the event.
    EventDelay,
    /// Between two events of a stream.
    EventGap,
    /// From the intended start to the first byte of the answer.
    FirstByte,
    /// From the intended start to the first whole event.
    FirstEvent,
    /// From the intended start to the real one: the wait for a free connection, and how late the
    /// generator itself was.
    Lag,
    /// From the intended start to the last byte.
    Latency,
}

impl Metric {
    /// All, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::Latency,
        Self::FirstByte,
        Self::FirstEvent,
        Self::EventGap,
        Self::EventDelay,
        Self::Connect,
        Self::Lag,
    ];

    /// The name in reports and in `--fail-if`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::EventDelay => "event_delay",
            Self::EventGap => "event_gap",
            Self::FirstByte => "first_byte",
            Self::FirstEvent => "first_event",
            Self::Lag => "lag",
            Self::Latency => "latency",
        }
    }
}

/// Durations in nanoseconds, three significant digits, 100 ns to one hour.
pub type Durations = Histogram<u64>;

/// Counts of one thread, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ended by this client on purpose.
    pub aborted: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub connections: u64,
    pub events: u64,
    /// Events and answers that ended after the warm-up, whenever they began: what a process had to
    /// do in the time its CPU is measured.
    pub events_after_mark: u64,
    pub finished_after_mark: u64,
    /// Ended between the end of the warm-up and the end of the schedule.
    pub in_window: u64,
    pub ok: u64,
    /// Waited for a free connection.
    pub queued: u64,
    pub sent: u64,
    pub unfinished: u64,
    /// Good, but no digest to compare with.
    pub unverified: u64,
    pub warmup_failed: u64,
    pub warmup_sent: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.aborted += other.aborted;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.connections += other.connections;
        self.events += other.events;
        self.events_after_mark += other.events_after_mark;
        self.finished_after_mark += other.finished_after_mark;
        self.in_window += other.in_window;
        self.ok += other.ok;
        self.queued += other.queued;
        self.sent += other.sent;
        self.unfinished += other.unfinished;
        self.unverified += other.unverified;
        self.warmup_failed += other.warmup_failed;
        self.warmup_sent += other.warmup_sent;
    }
}

/// All that a run measures.
#[derive(Clone, Debug)]
pub struct Stats {
    pub counts: Counts,
    durations: [Durations; Metric::ALL.len()],
    faults: [u64; Fault::ALL.len()],
    /// When the last answer ended, on the clock of the run.
    pub last_end_ns: u64,
    pub statuses: BTreeMap<u16, u64>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            durations: std::array::from_fn(|_| durations()),
            faults: [0; Fault::ALL.len()],
            last_end_ns: 0,
            statuses: BTreeMap::new(),
        }
    }
}

impl Stats {
    /// Records a duration; one above an hour counts as an hour.
    pub fn record(&mut self, metric: Metric, nanoseconds: u64) {
        let place = Metric::ALL.iter().position(|&other| other == metric);
        if let Some(histogram) = place.and_then(|place| self.durations.get_mut(place)) {
            histogram.saturating_record(nanoseconds.max(1));
        }
    }

    /// The durations of a metric.
    pub fn durations(&self, metric: Metric) -> &Durations {
        let place = Metric::ALL.iter().position(|&other| other == metric);
        place.and_then(|place| self.durations.get(place)).expect("every metric is in ALL")
    }

    /// Counts a fault.
    pub fn fault(&mut self, fault: Fault) {
        let place = Fault::ALL.iter().position(|&other| other == fault);
        if let Some(count) = place.and_then(|place| self.faults.get_mut(place)) {
            *count += 1;
        }
    }

    /// Kinds of faults that occurred, with their counts.
    pub fn faults(&self) -> impl Iterator<Item = (Fault, u64)> {
        Fault::ALL.into_iter().zip(self.faults).filter(|(_, count)| *count > 0)
    }

    /// All faults together.
    pub fn failed(&self) -> u64 {
        self.faults.iter().sum()
    }

    /// Adds another thread, or another round.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        for (own, other) in self.durations.iter_mut().zip(&other.durations) {
            own.add(other).expect("all histograms have the same bounds");
        }
        for (own, other) in self.faults.iter_mut().zip(other.faults) {
            *own += other;
        }
        self.last_end_ns = self.last_end_ns.max(other.last_end_ns);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }
}

/// An empty histogram.
pub fn durations() -> Durations {
    Histogram::new_with_bounds(100, HOUR_NS, 3).expect("the bounds are constants that hold")
}

/// One second of one thread, or of all.
#[derive(Clone, Debug)]
pub struct Interval {
    pub events: u64,
    pub failed: u64,
    pub in_flight: u64,
    pub latency: Histogram<u64>,
    pub ok: u64,
}

impl Default for Interval {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(10_000, HOUR_NS, 2);
        let latency = latency.expect("the bounds are constants that hold");
        Self { events: 0, failed: 0, in_flight: 0, latency, ok: 0 }
    }
}

impl Interval {
    /// Adds another thread.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.failed += other.failed;
        self.in_flight += other.in_flight;
        self.latency.add(&other.latency).expect("all histograms have the same bounds");
        self.ok += other.ok;
    }
}

const HOUR_NS: u64 = 3_600_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up() {
        let (mut one, mut two) = (Stats::default(), Stats::default());
        for (stats, latency, status) in [(&mut one, 1_000_000, 200), (&mut two, 3_000_000, 429)] {
            stats.record(Metric::Latency, latency);
            stats.counts.ok += 1;
            stats.fault(Fault::Status);
            *stats.statuses.entry(status).or_default() += 1;
        }
        one.add(&two);
        assert_eq!((one.counts.ok, one.failed()), (2, 2));
        assert_eq!(one.faults().collect::<Vec<_>>(), [(Fault::Status, 2)]);
        assert_eq!(one.statuses, BTreeMap::from([(200, 1), (429, 1)]));
        let latency = one.durations(Metric::Latency);
        assert_eq!(latency.len(), 2);
        assert!(latency.max() >= 3_000_000 && latency.min() <= 1_000_000);
        assert!(one.durations(Metric::Lag).is_empty());
    }

    #[test]
    fn what_is_out_of_bounds_counts_at_the_bound() {
        let mut stats = Stats::default();
        stats.record(Metric::EventGap, 0);
        stats.record(Metric::EventGap, u64::MAX);
        assert_eq!(stats.durations(Metric::EventGap).len(), 2);
    }
}
