//! Metrics in the OpenMetrics text format: what workers counted, summed at the scrape, and what
//! records told. A scrape reads; no worker notices it.

mod collector;
mod observed;
mod routes;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

pub use collector::Sources;
pub use observed::Observed;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    /// What comes by records.
    pub observed: Observed,
    registry: Registry,
}

impl Metrics {
    /// Of this process.
    pub fn new(sources: Sources) -> Self {
        let mut registry = Registry::with_prefix("tidegate");
        let observed = Observed::registered(&mut registry);
        registry.register_collector(Box::new(sources));
        Self { observed, registry }
    }

    /// All of them, as a scraper reads them.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(TEXT_BYTES);
        // Writing to a String cannot fail, and no label's own encoding does.
        let _infallible = text::encode(&mut text, &self.registry);
        text
    }
}

/// The text in the older format, where counters are described by the names of their series.
pub fn plain(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let described = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        match described.and_then(|rest| rest.split_once(' ')) {
            // The kind comes behind the help, which must wait for it.
            Some(_) if line.starts_with("# HELP ") => help = line.splitn(4, ' ').nth(3),
            Some((name, kind)) => {
                let end = if kind == "counter" { "_total" } else { "" };
                let help = help.take().unwrap_or_default();
                // Writing to a String cannot fail.
                let _infallible =
                    write!(text, "# HELP {name}{end} {help}\n# TYPE {name}{end} {kind}\n");
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

/// What the text is read as.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What [`plain`] is read as.
pub const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";
/// A scrape of a few keys and models.
const TEXT_BYTES: usize = 32_768;
