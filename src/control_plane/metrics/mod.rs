//! Metrics in the OpenMetrics text format: what workers counted, summed at the scrape, and what
//! records told. A scrape reads; no worker notices it.

mod collector;
mod observed;
mod routes;
#[cfg(test)]
mod tests;

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

/// What the text is read as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// A scrape of a few keys and models.
const TEXT_BYTES: usize = 32_768;
