//! The report for people, on stdout.
//!
//! Never leaves a fault out; what is zero and dull is.

use std::fmt::Write as _;

use super::{Distribution, Ended, Report, Side};
use crate::stats::Metric;
use crate::units::{float, grouped};

/// The whole report.
pub fn of(report: &Report) -> String {
    let settings = &report.settings;
    let mut out = String::new();
    let how = match settings.rate_per_s {
        Some(rate) => format!("{} {rate}/s, at most {}", settings.arrivals, settings.connections),
        None => format!("{} {}", settings.arrivals, settings.connections),
    };
    let stream = if settings.stream { "stream" } else { "json" };
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{} {stream}, request {} bytes; {how} connections; {} thread(s) on {}",
        settings.dialect,
        grouped(settings.request_bytes),
        settings.threads,
        settings.driver
    );
    if report.ended == Ended::Interrupted {
        let _ = writeln!(out, "interrupted: what there is until then");
    }
    match &report.direct {
        None => side(&mut out, &settings.target, &report.through),
        Some(direct) => {
            side(&mut out, &format!("through {}", settings.target), &report.through);
            let url = settings.direct.as_deref().unwrap_or_default();
            side(&mut out, &format!("direct {url}"), direct);
        }
    }
    if let Some(overhead) = &report.overhead {
        let _ = writeln!(
            out,
            "\noverhead (through - direct, median of {} paired rounds)\n  \
             mean {}  p50 {}  p90 {}  p99 {}",
            overhead.rounds.len(),
            time(overhead.mean_ms),
            time(overhead.p50_ms),
            time(overhead.p90_ms),
            time(overhead.p99_ms)
        );
    }
    out
}

fn side(out: &mut String, title: &str, side: &Side) {
    let requests = &side.requests;
    let _ = writeln!(out, "\n{title}, {:.1} s", side.window_s);
    let _ = writeln!(
        out,
        "  requests   {} sent, {} ok, {:.1}/s over {} connections",
        grouped(requests.sent),
        grouped(requests.ok),
        side.rates.requests_per_s,
        grouped(requests.connections)
    );
    if requests.events > 0 {
        let events = grouped(requests.events);
        let _ = writeln!(out, "  events     {events}, {:.1}/s", side.rates.events_per_s);
    }
    let _ = writeln!(
        out,
        "  bytes      {:.2} MB/s in, {:.2} MB/s out",
        side.rates.bytes_in_per_s / 1e6,
        side.rates.bytes_out_per_s / 1e6
    );
    let _ = writeln!(
        out,
        "  checks     {} lost, {} changed, {} truncated, {} failed in all",
        requests.lost, requests.changed, requests.truncated, requests.failed
    );
    for (what, count) in [
        ("aborted by this client", requests.aborted),
        ("unfinished at the end", requests.unfinished),
        ("good, but without a digest to check", requests.unverified),
        ("waited for a free connection", requests.queued),
        ("failed in the warm-up", requests.warmup_failed),
    ] {
        if count > 0 {
            let _ = writeln!(out, "             {} {what}", grouped(count));
        }
    }
    for (fault, count) in &side.faults {
        let _ = writeln!(out, "             {} {fault}", grouped(*count));
    }
    if side.statuses.keys().any(|status| status != "200") {
        let statuses: Vec<_> = side.statuses.iter().map(|(s, n)| format!("{s}: {n}")).collect();
        let _ = writeln!(out, "  statuses   {}", statuses.join(", "));
    }
    table(out, side);
    process(out, side);
}

fn table(out: &mut String, side: &Side) {
    let rows: Vec<_> = Metric::ALL
        .iter()
        .filter_map(|metric| Some((metric.name(), side.durations.get(metric.name())?)))
        .collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "  {:<12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "min", "mean", "p50", "p90", "p99", "p99.9", "max"
    );
    for (name, distribution) in rows {
        let Distribution { min_ms, mean_ms, p50_ms, p90_ms, p99_ms, p999_ms, max_ms, .. } =
            distribution;
        let mut line = format!("  {name:<12}");
        for value in [min_ms, mean_ms, p50_ms, p90_ms, p99_ms, p999_ms, max_ms] {
            let _ = write!(line, "{:>10}", time(*value));
        }
        let _ = writeln!(out, "{line}");
    }
}

fn process(out: &mut String, side: &Side) {
    let Some(process) = &side.process else { return };
    let per = |what: Option<f64>| what.map_or("-".to_owned(), |us| format!("{us:.2} us"));
    let _ = writeln!(
        out,
        "  process    {:.2} s CPU ({:.2} user, {:.2} system), {} per request \
         ({} user, {} system)",
        process.cpu_s,
        process.user_s,
        process.system_s,
        per(process.cpu_us_per_request),
        per(process.user_us_per_request),
        per(process.system_us_per_request)
    );
    if side.requests.events > 0 {
        let _ = writeln!(out, "             {} per event", per(process.cpu_us_per_event));
    }
    let _ = writeln!(
        out,
        "  memory     {:.1} MB at the begin, {:.1} MB at most",
        float(process.rss_begin_bytes) / 1e6,
        float(process.rss_peak_bytes) / 1e6
    );
}

/// Milliseconds in the unit that fits.
pub fn time(ms: f64) -> String {
    let size = ms.abs();
    if size >= 1000.0 {
        format!("{:.2} s", ms / 1000.0)
    } else if size >= 1.0 || ms == 0.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{:.1} us", ms * 1000.0)
    }
}
