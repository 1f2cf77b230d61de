//! Every value of a report by its name, for `--fail-if` and `--compare`.
//!
//! Never guesses: a name that is not listed is unknown, one without a value was not measured.

use super::{Distribution, Report, Side};
use crate::stats::Metric;

/// The names, as help shows them.
pub const NAMES: &str = "\
sent ok failed lost changed truncated aborted unfinished unverified queued connections events
  rps events_per_s bytes_in_per_s bytes_out_per_s window_s
  [METRIC.]{min,mean,p50,p90,p95,p99,p999,max}_ms and METRIC.count; METRIC is latency (when left
  out), first_byte, first_event, event_gap, event_delay, connect or lag
  cpu_us_per_request user_us_per_request system_us_per_request cpu_us_per_event cpu_s rss_mb
  overhead.{mean,p50,p90,p99}_ms (through minus direct), direct.NAME (the same of the direct side)";

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    NotMeasured,
    Unknown,
}

impl Report {
    /// The value of `name`.
    pub fn value(&self, name: &str) -> Result<f64, Missing> {
        if let Some(rest) = name.strip_prefix("direct.") {
            is_known(rest)?;
            return self.direct.as_ref().ok_or(Missing::NotMeasured)?.value(rest);
        }
        if let Some(rest) = name.strip_prefix("overhead.") {
            let part = match rest {
                "mean_ms" | "p50_ms" | "p90_ms" | "p99_ms" => rest,
                _ => return Err(Missing::Unknown),
            };
            let overhead = self.overhead.as_ref().ok_or(Missing::NotMeasured)?;
            return Ok(match part {
                "mean_ms" => overhead.mean_ms,
                "p50_ms" => overhead.p50_ms,
                "p90_ms" => overhead.p90_ms,
                _ => overhead.p99_ms,
            });
        }
        self.through.value(name)
    }

    /// Names with a value, in the order of comparisons.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = COUNTS.iter().chain(&COSTS).map(|&n| n.to_owned()).collect();
        for metric in Metric::ALL {
            let name = metric.name();
            names.extend(DURATIONS.iter().map(|part| format!("{name}.{part}")));
        }
        names.extend(OVERHEAD.iter().map(|part| format!("overhead.{part}")));
        names.retain(|name| self.value(name).is_ok());
        names
    }
}

/// Whether some report could have this value.
pub fn is_known(name: &str) -> Result<(), Missing> {
    let empty = Report::empty();
    match empty.value(name) {
        Err(Missing::Unknown) => Err(Missing::Unknown),
        _ => Ok(()),
    }
}

impl Side {
    fn value(&self, name: &str) -> Result<f64, Missing> {
        use crate::units::float;
        let requests = &self.requests;
        let count = match name {
            "aborted" => requests.aborted,
            "changed" => requests.changed,
            "connections" => requests.connections,
            "events" => requests.events,
            "failed" => requests.failed,
            "lost" => requests.lost,
            "ok" => requests.ok,
            "queued" => requests.queued,
            "sent" => requests.sent,
            "truncated" => requests.truncated,
            "unfinished" => requests.unfinished,
            "unverified" => requests.unverified,
            _ => return self.number(name),
        };
        Ok(float(count))
    }

    fn number(&self, name: &str) -> Result<f64, Missing> {
        match name {
            "bytes_in_per_s" => return Ok(self.rates.bytes_in_per_s),
            "bytes_out_per_s" => return Ok(self.rates.bytes_out_per_s),
            "events_per_s" => return Ok(self.rates.events_per_s),
            "rps" => return Ok(self.rates.requests_per_s),
            "window_s" => return Ok(self.window_s),
            _ => {}
        }
        if COSTS.contains(&name) {
            return self.cost(name).ok_or(Missing::NotMeasured);
        }
        let (metric, part) = name.split_once('.').unwrap_or(("latency", name));
        let is_metric = Metric::ALL.iter().any(|known| known.name() == metric);
        let part_of = part_of(part).filter(|_| is_metric).ok_or(Missing::Unknown)?;
        self.durations.get(metric).map(part_of).ok_or(Missing::NotMeasured)
    }

    fn cost(&self, name: &str) -> Option<f64> {
        let process = self.process.as_ref()?;
        match name {
            "cpu_s" => Some(process.cpu_s),
            "cpu_us_per_event" => process.cpu_us_per_event,
            "cpu_us_per_request" => process.cpu_us_per_request,
            "rss_mb" => Some(crate::units::float(process.rss_peak_bytes) / 1e6),
            "system_us_per_request" => process.system_us_per_request,
            "user_us_per_request" => process.user_us_per_request,
            _ => None,
        }
    }
}

fn part_of(name: &str) -> Option<fn(&Distribution) -> f64> {
    Some(match name {
        "count" => |d| crate::units::float(d.count),
        "max_ms" => |d| d.max_ms,
        "mean_ms" => |d| d.mean_ms,
        "min_ms" => |d| d.min_ms,
        "p50_ms" => |d| d.p50_ms,
        "p90_ms" => |d| d.p90_ms,
        "p95_ms" => |d| d.p95_ms,
        "p999_ms" => |d| d.p999_ms,
        "p99_ms" => |d| d.p99_ms,
        _ => return None,
    })
}

const COSTS: [&str; 6] = [
    "cpu_us_per_request",
    "user_us_per_request",
    "system_us_per_request",
    "cpu_us_per_event",
    "cpu_s",
    "rss_mb",
];
const COUNTS: [&str; 8] =
    ["sent", "ok", "failed", "lost", "changed", "truncated", "rps", "events_per_s"];
const DURATIONS: [&str; 5] = ["mean_ms", "p50_ms", "p90_ms", "p99_ms", "max_ms"];
const OVERHEAD: [&str; 4] = ["mean_ms", "p50_ms", "p90_ms", "p99_ms"];
