//! Distributions, and changes of keys, as the journal's records tell them. A record that was
//! dropped is missing here (`journal_dropped_total`), and never in the totals.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Arc;

use crate::shared::journal::{GAP_PLACES, Gaps, KeyState, Record};

/// What records told.
#[derive(Clone, Debug)]
pub struct Observed {
    attempts: Histogram,
    backoff: Family<Labels, Histogram, fn() -> Histogram>,
    duration: Histogram,
    first_token: Histogram,
    gaps: Arc<GapSums>,
    overhead: Histogram,
    reload_succeeded: Gauge,
    transitions: Family<Labels, Counter>,
}

/// Names and values.
type Labels = Vec<(&'static str, String)>;

/// Gaps over all streams, by the places of [`Gaps`].
#[derive(Debug, Default)]
struct GapSums {
    counts: [AtomicU64; GAP_PLACES],
    sum_ms: AtomicU64,
}

impl Observed {
    /// All at 0, in `registry`.
    pub fn registered(registry: &mut Registry) -> Self {
        let backoff: fn() -> Histogram = || Histogram::new(BACKOFF_S);
        let observed = Self {
            attempts: Histogram::new(ATTEMPTS),
            backoff: Family::new_with_constructor(backoff),
            duration: Histogram::new(DURATION_S),
            first_token: Histogram::new(FIRST_TOKEN_S),
            gaps: Arc::default(),
            overhead: Histogram::new(OVERHEAD_S),
            reload_succeeded: Gauge::default(),
            transitions: Family::default(),
        };
        observed.reload_succeeded.set(1);
        registry.register(
            "request_duration_seconds",
            "Time from the head of a request to the end of its exchange",
            observed.duration.clone(),
        );
        registry.register(
            "time_to_first_token_seconds",
            "Time from the head of a request to the first event of its answer",
            observed.first_token.clone(),
        );
        registry.register(
            "overhead_seconds",
            "Time in the gateway that was not spent waiting for client or provider",
            observed.overhead.clone(),
        );
        registry.register("attempts", "Upstream calls per exchange", observed.attempts.clone());
        registry.register(
            "rate_limit_backoff_seconds",
            "How long keys were told to rest, or rest by themselves",
            observed.backoff.clone(),
        );
        registry.register(
            "key_state_transitions",
            "Changes of a key's state for the worse, by why",
            observed.transitions.clone(),
        );
        registry.register(
            "config_last_reload_successful",
            "Whether the last reload was taken",
            observed.reload_succeeded.clone(),
        );
        registry.register_collector(Box::new(observed.gaps.clone()));
        observed
    }

    /// An exchange ended.
    pub fn exchange(&self, Record { answered, ended, .. }: &Record) {
        self.duration.observe(seconds(ended.duration_ms));
        self.attempts.observe(f64::from(ended.attempts));
        self.overhead.observe(Duration::from_micros(ended.overhead_us).as_secs_f64());
        if let Some(ms) = answered.ttft_ms {
            self.first_token.observe(seconds(ms));
        }
        if answered.events > 0 {
            self.gaps.add(&answered.gaps);
        }
    }

    /// A key's state changed.
    pub fn key_state(&self, state: &KeyState) {
        let provider = ("provider", state.provider.as_str().to_owned());
        let labels = vec![provider.clone(), ("reason", state.reason.to_owned())];
        self.transitions.get_or_create(&labels).inc();
        if let (false, Some(ms)) = (state.is_auth_failed, state.wait_ms) {
            self.backoff.get_or_create(&vec![provider]).observe(seconds(ms));
        }
    }

    /// A reload was taken, or refused.
    pub fn reloaded(&self, is_taken: bool) {
        self.reload_succeeded.set(i64::from(is_taken));
    }
}

impl GapSums {
    fn add(&self, gaps: &Gaps) {
        for (sum, &count) in self.counts.iter().zip(gaps.counts()) {
            sum.fetch_add(u64::from(count), Ordering::Relaxed);
        }
        self.sum_ms.fetch_add(gaps.sum_ms(), Ordering::Relaxed);
    }
}

impl Collector for GapSums {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut bound_s = 0.001;
        let mut buckets = Vec::with_capacity(GAP_PLACES);
        for count in &self.counts {
            buckets.push((bound_s, count.load(Ordering::Relaxed)));
            bound_s *= 2.0;
        }
        if let Some((bound_s, _)) = buckets.last_mut() {
            *bound_s = f64::INFINITY;
        }
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum_s = seconds(self.sum_ms.load(Ordering::Relaxed));
        let mut encoder = encoder.encode_descriptor(
            "inter_event_seconds",
            "Gaps between reads of streams, to the millisecond below",
            None,
            MetricType::Histogram,
        )?;
        encoder.encode_histogram::<NoLabelSet>(sum_s, count, &buckets, None)
    }
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

// CONFIG.md names these two; the others span what is seen of such calls.
const ATTEMPTS: [f64; 7] = [1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 25.0];
const BACKOFF_S: [f64; 9] =
    [60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0, 3_840.0, 21_600.0, 172_800.0];
const DURATION_S: [f64; 14] =
    [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0];
const FIRST_TOKEN_S: [f64; 12] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4];
const OVERHEAD_S: [f64; 14] = [
    0.000_025, 0.000_05, 0.000_1, 0.000_2, 0.000_4, 0.000_8, 0.001_6, 0.003_2, 0.006_4, 0.0128,
    0.025, 0.1, 1.0, 10.0,
];
