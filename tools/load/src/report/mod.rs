//! What a run is told as: one structure, written as JSON, text and HTML, read back to compare.
//!
//! Never measures; a name or unit that changes here changes `schema`.

pub mod compare;
pub mod hdr;
pub mod html;
mod names;
pub mod svg;
#[cfg(test)]
mod tests;
pub mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use names::{NAMES, is_known};

use crate::process::Span;
use crate::reply::fault::Class;
use crate::run::{Outcome, Second};
use crate::stats::{Durations, Metric, Stats};
use crate::units::{float, ms};

/// One report. The form is documented by `report.schema.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Report {
    /// Version of this form.
    pub schema: u32,
    pub tool: String,
    pub unix_ms: u64,
    pub ended: Ended,
    pub settings: Settings,
    /// The measured target.
    pub through: Side,
    /// The same schedule without what is measured.
    pub direct: Option<Side>,
    pub overhead: Option<Overhead>,
}

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Complete,
    Interrupted,
}

/// What was asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Settings {
    pub arrivals: String,
    pub command: Vec<String>,
    pub connections: u64,
    pub dialect: String,
    pub direct: Option<String>,
    pub driver: String,
    /// Bytes of the first request body.
    pub request_bytes: u64,
    pub rate_per_s: Option<f64>,
    pub stream: bool,
    pub target: String,
    pub threads: u64,
}

/// One target under one schedule.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Side {
    pub window_s: f64,
    pub requests: Requests,
    pub faults: BTreeMap<String, u64>,
    pub statuses: BTreeMap<String, u64>,
    pub rates: Rates,
    /// By metric; only those with values.
    pub durations: BTreeMap<String, Distribution>,
    pub process: Option<Process>,
    pub seconds: Vec<SecondRow>,
}

/// Counts of requests that began after the warm-up.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Requests {
    pub sent: u64,
    pub ok: u64,
    /// All faults together.
    pub failed: u64,
    pub lost: u64,
    pub changed: u64,
    pub truncated: u64,
    pub aborted: u64,
    pub unfinished: u64,
    pub unverified: u64,
    pub queued: u64,
    pub connections: u64,
    pub events: u64,
    pub warmup_sent: u64,
    pub warmup_failed: u64,
}

/// Per second of the window.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[expect(clippy::struct_field_names, reason = "units stand last")]
pub struct Rates {
    pub requests_per_s: f64,
    pub events_per_s: f64,
    pub bytes_in_per_s: f64,
    pub bytes_out_per_s: f64,
}

/// Durations in milliseconds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Distribution {
    pub count: u64,
    pub min_ms: f64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
    /// Pairs of percentile and milliseconds.
    pub curve: Vec<(f64, f64)>,
}

/// What the measured processes cost from the end of the warm-up until they came to rest.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Process {
    pub pids: Vec<u32>,
    pub cpu_s: f64,
    pub user_s: f64,
    pub system_s: f64,
    pub cpu_us_per_request: Option<f64>,
    pub user_us_per_request: Option<f64>,
    pub system_us_per_request: Option<f64>,
    pub cpu_us_per_event: Option<f64>,
    pub rss_begin_bytes: u64,
    pub rss_peak_bytes: u64,
}

/// One second of the run, warm-up included.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct SecondRow {
    pub second: usize,
    pub ok: u64,
    pub failed: u64,
    pub events: u64,
    pub in_flight: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Through minus direct: the median over the paired rounds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Overhead {
    pub rounds: Vec<OverheadRound>,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
}

/// One pair of runs under the same schedule.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[expect(clippy::struct_field_names, reason = "units stand last")]
pub struct OverheadRound {
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
}

/// The version of this form.
pub const SCHEMA: u32 = 1;

impl Report {
    /// One without any measurement, to ask for names.
    pub fn empty() -> Self {
        Self {
            schema: SCHEMA,
            tool: String::new(),
            unix_ms: 0,
            ended: Ended::Complete,
            settings: Settings::default(),
            through: Side::default(),
            direct: None,
            overhead: None,
        }
    }
}

impl Side {
    /// One side from its rounds.
    pub fn of(outcomes: &[Outcome], pids: &[u32]) -> Self {
        let mut stats = Stats::default();
        let mut window_s = 0.0;
        let mut seconds: Vec<SecondRow> = Vec::new();
        for outcome in outcomes {
            stats.add(&outcome.stats);
            window_s += outcome.window_s;
            let begin = seconds.len();
            seconds.extend(outcome.seconds.iter().map(|second| row(second, begin)));
        }
        let spans: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.process).collect();
        Self {
            window_s,
            requests: requests(&stats),
            faults: stats.faults().map(|(fault, n)| (fault.name().to_owned(), n)).collect(),
            statuses: stats.statuses.iter().map(|(s, n)| (s.to_string(), *n)).collect(),
            rates: rates(&stats, window_s),
            durations: distributions(&stats),
            process: (!spans.is_empty()).then(|| process(&spans, &stats, pids)),
            seconds,
        }
    }

    /// Whether every answer was as it should be.
    pub fn is_good(&self, is_interrupted: bool) -> bool {
        let Requests { failed, unfinished, warmup_failed, .. } = self.requests;
        failed == 0 && warmup_failed == 0 && (unfinished == 0 || is_interrupted)
    }
}

impl Overhead {
    /// From rounds of through and direct, in pairs.
    pub fn of(through: &[Outcome], direct: &[Outcome]) -> Self {
        let rounds: Vec<_> = through
            .iter()
            .zip(direct)
            .map(|(through, direct)| {
                let latency =
                    |outcome: &Outcome| distribution(outcome.stats.durations(Metric::Latency));
                let (through, direct) = (latency(through), latency(direct));
                OverheadRound {
                    mean_ms: through.mean_ms - direct.mean_ms,
                    p50_ms: through.p50_ms - direct.p50_ms,
                    p90_ms: through.p90_ms - direct.p90_ms,
                    p99_ms: through.p99_ms - direct.p99_ms,
                }
            })
            .collect();
        let of = |part: fn(&OverheadRound) -> f64| median(rounds.iter().map(part).collect());
        Self {
            mean_ms: of(|round| round.mean_ms),
            p50_ms: of(|round| round.p50_ms),
            p90_ms: of(|round| round.p90_ms),
            p99_ms: of(|round| round.p99_ms),
            rounds,
        }
    }
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
    match values.len() {
        0 => 0.0,
        even if even.is_multiple_of(2) => f64::midpoint(at(middle - 1), at(middle)),
        _ => at(middle),
    }
}

fn requests(stats: &Stats) -> Requests {
    let class = |class: Class| {
        stats.faults().filter(|(fault, _)| fault.class() == class).map(|(_, n)| n).sum()
    };
    let counts = &stats.counts;
    Requests {
        sent: counts.sent,
        ok: counts.ok,
        failed: stats.failed(),
        lost: class(Class::Lost),
        changed: class(Class::Changed),
        truncated: class(Class::Truncated),
        aborted: counts.aborted,
        unfinished: counts.unfinished,
        unverified: counts.unverified,
        queued: counts.queued,
        connections: counts.connections,
        events: counts.events,
        warmup_sent: counts.warmup_sent,
        warmup_failed: counts.warmup_failed,
    }
}

fn rates(stats: &Stats, window_s: f64) -> Rates {
    let per_second = |count: u64| if window_s > 0.0 { float(count) / window_s } else { 0.0 };
    let counts = &stats.counts;
    Rates {
        requests_per_s: per_second(counts.in_window),
        events_per_s: per_second(counts.events),
        bytes_in_per_s: per_second(counts.bytes_in),
        bytes_out_per_s: per_second(counts.bytes_out),
    }
}

fn distributions(stats: &Stats) -> BTreeMap<String, Distribution> {
    let filled = Metric::ALL.into_iter().filter(|metric| !stats.durations(*metric).is_empty());
    filled.map(|m| (m.name().to_owned(), distribution(stats.durations(m)))).collect()
}

/// The readings of a histogram of nanoseconds.
pub fn distribution(durations: &Durations) -> Distribution {
    if durations.is_empty() {
        return Distribution::default();
    }
    let at = |quantile: f64| ms(durations.value_at_quantile(quantile));
    Distribution {
        count: durations.len(),
        min_ms: ms(durations.min()),
        mean_ms: durations.mean() / 1e6,
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: ms(durations.max()),
        curve: CURVE.iter().map(|&percent| (percent, at(percent / 100.0))).collect(),
    }
}

fn process(spans: &[Span], stats: &Stats, pids: &[u32]) -> Process {
    let user_s: f64 = spans.iter().map(|span| span.user_s).sum();
    let system_s: f64 = spans.iter().map(|span| span.system_s).sum();
    let counts = &stats.counts;
    let per = |seconds: f64, count: u64| (count > 0).then(|| seconds * 1e6 / float(count));
    Process {
        pids: pids.to_vec(),
        cpu_s: user_s + system_s,
        user_s,
        system_s,
        cpu_us_per_request: per(user_s + system_s, counts.finished_after_mark),
        user_us_per_request: per(user_s, counts.finished_after_mark),
        system_us_per_request: per(system_s, counts.finished_after_mark),
        cpu_us_per_event: per(user_s + system_s, counts.events_after_mark),
        rss_begin_bytes: spans.first().map_or(0, |span| span.rss_begin_bytes),
        rss_peak_bytes: spans.iter().map(|span| span.rss_peak_bytes).max().unwrap_or(0),
    }
}

fn row(second: &Second, begin: usize) -> SecondRow {
    let interval = &second.interval;
    // An empty histogram gives 0.
    let at = |quantile: f64| ms(interval.latency.value_at_quantile(quantile));
    SecondRow {
        second: begin + second.index,
        ok: interval.ok,
        failed: interval.failed,
        events: interval.events,
        in_flight: interval.in_flight,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
    }
}

const CURVE: [f64; 17] = [
    0.0, 10.0, 25.0, 50.0, 60.0, 70.0, 75.0, 80.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.9, 99.95,
    99.99, 100.0,
];
