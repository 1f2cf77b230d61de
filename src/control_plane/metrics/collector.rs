//! What both planes share, read at each scrape: labelled counts summed over workers, gauges of
//! keys as they stand. Holds no number of its own.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::control_plane::log::Lines;
use crate::control_plane::shape::key::{Known, state_of, wait_ms};
use crate::control_plane::storage::Health;
use crate::shared::Shared;
use crate::shared::clock::Millis;
use crate::shared::credential::utilization::Window;
use crate::shared::setup::Setup;
use crate::shared::tally::{Fault, KINDS, Model, Served};

/// All that is read at a scrape.
#[derive(Debug)]
pub struct Sources {
    /// How workers wait for the kernel.
    pub driver: &'static str,
    /// Where lines go.
    pub log: Lines,
    /// What both planes see.
    pub shared: Arc<Shared>,
    /// How the databases are, where there are any.
    pub storage: Option<Arc<Health>>,
}

/// One series: its labels and its value.
pub(super) type Series<V> = (Vec<(&'static str, String)>, V);

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut out = Out { encoder: &mut encoder };
        out.process(self)?;
        out.exchanges(&self.shared)?;
        out.faults(&self.shared)?;
        out.routes(&self.shared)?;
        out.keys(&self.shared)
    }
}

pub(super) struct Out<'e, 'd> {
    encoder: &'e mut DescriptorEncoder<'d>,
}

impl Out<'_, '_> {
    fn process(&mut self, sources: &Sources) -> Result<(), Error> {
        let Sources { driver, log, shared, storage } = sources;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let labels = vec![("driver", (*driver).to_owned()), ("version", version)];
        self.gauges("runtime_info", "What runs; always 1", vec![(labels, 1.0)])?;
        if let Some(expires) = shared.setup.load().prepared.certificate_expires() {
            let help = "When the listeners' certificate expires, Unix time";
            // Until the year 9999: far below the 2^53 that a float holds exactly.
            let (days, rest) = (expires / DAY_S, expires % DAY_S);
            let whole = |part: u64| f64::from(u32::try_from(part).unwrap_or(u32::MAX));
            let at = whole(days) * whole(DAY_S) + whole(rest);
            self.gauges("tls_certificate_expiry_timestamp_seconds", help, vec![(vec![], at)])?;
        }
        let count = |count: u64| vec![(Vec::new(), count)];
        let in_flight = u32::try_from(shared.in_flight()).unwrap_or(u32::MAX);
        self.gauges("in_flight", "Exchanges under way", vec![(Vec::new(), f64::from(in_flight))])?;
        let dropped = shared.workers.iter().map(|cell| cell.journal.dropped()).sum();
        let help = "Records dropped since a queue was full";
        self.counters("journal_dropped", help, count(dropped))?;
        let help = "Log lines dropped since nobody read them";
        self.counters("log_lines_dropped", help, count(log.dropped()))?;
        if let Some(storage) = storage {
            let help = "Batches that the databases did not take";
            self.counters("storage_errors", help, count(storage.errors()))?;
            let help = "Details of exchanges that are not kept";
            self.counters("storage_details_dropped", help, count(storage.details_dropped()))?;
            let help = "Exchanges that are not kept";
            self.counters("storage_rows_dropped", help, count(storage.rows_dropped()))?;
        }
        let turned_away = shared.workers.iter().map(|cell| cell.counters.turned_away()).sum();
        let help = "Connections closed unheard: over the limit, or out of open files";
        self.counters("connections_turned_away", help, count(turned_away))?;
        let panics = shared.workers.iter().map(|cell| cell.counters.panics()).sum();
        self.counters("panics", "Connection tasks that panicked", count(panics))
    }

    fn exchanges(&mut self, shared: &Shared) -> Result<(), Error> {
        let mut sums: BTreeMap<(String, &str, u16), Served> = BTreeMap::new();
        for (key, served) in shared.workers.iter().flat_map(|cell| cell.tally.served()) {
            let (provider, model, status) = match key {
                Some(key) => (named(&key.provider), key.model, key.status),
                None => ("other".to_owned(), Model::OTHER, 0),
            };
            let sum = sums.entry((provider, shared.models.name(model), status)).or_default();
            sum.add(&served);
        }
        let by_model = |value: &dyn Fn(&Served) -> u64| {
            let mut by: BTreeMap<(&str, &str), u64> = BTreeMap::new();
            for ((provider, model, _), served) in &sums {
                *by.entry((provider, model)).or_default() += value(served);
            }
            let some = by.into_iter().filter(|(_, count)| *count > 0);
            some.map(|((provider, model), count)| (of_model(provider, model), count))
                .collect::<Vec<_>>()
        };
        let some = sums.iter().filter(|(_, served)| served.requests > 0);
        let requests = some.map(|((provider, model, status), served)| {
            let mut labels = of_model(provider, model);
            labels.push(("status", status.to_string()));
            (labels, served.requests)
        });
        let help = "Exchanges that ended, by what the client got";
        self.counters("requests", help, requests.collect())?;
        let mut tokens = Vec::new();
        for (index, kind) in KINDS.iter().enumerate() {
            let of_kind = by_model(&|served| served.tokens.get(index).copied().unwrap_or(0));
            tokens.extend(of_kind.into_iter().map(|(mut labels, count)| {
                labels.push(("type", (*kind).to_owned()));
                (labels, count)
            }));
        }
        self.counters("tokens", "Tokens, disjoint by type", tokens)?;
        let reasoning = by_model(&|served| served.reasoning);
        self.counters("reasoning_tokens", "Of output tokens, those of reasoning", reasoning)?;
        let help = "429 answers of providers, those another key made good included";
        self.counters("rate_limits", help, by_model(&|served| served.rate_limits))
    }

    fn faults(&mut self, shared: &Shared) -> Result<(), Error> {
        let mut sums: BTreeMap<(Fault, String), u64> = BTreeMap::new();
        let tallies = shared.workers.iter().flat_map(|cell| cell.tally.faults());
        for (key, count) in tallies.filter_map(|(key, count)| Some((key?, count))) {
            *sums.entry((key.fault, named(&key.provider))).or_default() += count;
        }
        let (mut rejects, mut unobserved): (BTreeMap<_, u64>, BTreeMap<_, u64>) = <_>::default();
        let (mut exhausted, mut errors) = (Vec::new(), Vec::new());
        for ((fault, provider), count) in sums {
            let at = ("provider", provider);
            match fault {
                Fault::AdmissionReject(reason) => *rejects.entry(reason).or_default() += count,
                Fault::BodyUnobserved(reason) => *unobserved.entry(reason).or_default() += count,
                Fault::PoolExhausted(outcome) => {
                    exhausted.push((vec![at, ("outcome", outcome.to_owned())], count));
                }
                Fault::UpstreamError(kind) => {
                    errors.push((vec![at, ("kind", kind.to_owned())], count));
                }
            }
        }
        let by_reason = |sums: BTreeMap<&str, u64>| {
            let labels = |reason: &str| vec![("reason", reason.to_owned())];
            sums.into_iter().map(|(reason, count)| (labels(reason), count)).collect()
        };
        self.counters("admission_rejects", "Exchanges over a cap", by_reason(rejects))?;
        let help = "Answers whose usage could not be read";
        self.counters("bodies_unobserved", help, by_reason(unobserved))?;
        let help = "Walks over a provider's keys that ended without an answer";
        self.counters("key_pool_exhaustions", help, exhausted)?;
        self.counters(
            "upstream_errors",
            "Attempts that a provider failed: no whole answer, or a 5xx",
            errors,
        )
    }

    fn keys(&mut self, shared: &Shared) -> Result<(), Error> {
        let setup: Arc<Setup> = shared.setup.load();
        let (now, wall) = (Millis::now(), shared.wall.now());
        let (mut states, mut used) = (Vec::new(), Vec::new());
        let (mut waits, mut in_flight, mut shut) = (Vec::new(), Vec::new(), Vec::new());
        for known in Known::all(&setup) {
            let labels =
                vec![("provider", known.provider.name.clone()), ("key", known.key.name.clone())];
            let with = |name, value: &str| {
                let mut labels = labels.clone();
                labels.push((name, value.to_owned()));
                labels
            };
            let word = known.slot().credential().load();
            let is = state_of(word, now);
            let state = |name| (with("state", name), if name == is { 1.0 } else { 0.0 });
            states.extend(["available", "cooling", "auth_failed", "disabled"].map(state));
            for (name, window) in [("5h", Window::FiveHour), ("7d", Window::SevenDay)] {
                let windows = known.slot().windows();
                let held = windows.utilization(setup.snapshot.observation.floor.0, wall);
                let value = match window {
                    Window::FiveHour => held.five_hour,
                    Window::SevenDay => held.seven_day,
                };
                used.extend(value.map(|value| (with("window", name), f64::from(value) / 1_000.0)));
            }
            let wait = std::time::Duration::from_millis(wait_ms(word, now).unwrap_or(0));
            waits.push((labels.clone(), wait.as_secs_f64()));
            shut.push((labels.clone(), f64::from(count(known.shut(now)))));
            in_flight.push((labels, f64::from(known.slot().gate().in_flight())));
        }
        self.gauges("key_state", "1 for the state that a key as a whole is in", states)?;
        let help = "Model classes for which alone a key rests or is refused";
        self.gauges("key_classes_unavailable", help, shut)?;
        self.gauges("key_utilization_ratio", "Share of a window used, as last told", used)?;
        let help = "Until a key as a whole is available, or probed";
        self.gauges("key_cooldown_seconds", help, waits)?;
        self.gauges("key_in_flight", "Attempts under way with a key", in_flight)
    }

    pub fn counters(
        &mut self,
        name: &str,
        help: &str,
        rows: Vec<Series<u64>>,
    ) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        let (bare, labelled): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(labels, _)| labels.is_empty());
        for (labels, count) in labelled {
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        bare.first().map_or(Ok(()), |(_, count)| ConstCounter::new(*count).encode(family))
    }

    pub fn gauges(&mut self, name: &str, help: &str, rows: Vec<Series<f64>>) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        let (bare, labelled): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(labels, _)| labels.is_empty());
        for (labels, value) in labelled {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        bare.first().map_or(Ok(()), |(_, value)| ConstGauge::new(*value).encode(family))
    }
}

fn count(all: impl Iterator) -> u32 {
    u32::try_from(all.count()).unwrap_or(u32::MAX)
}

const DAY_S: u64 = 86_400;

fn of_model(provider: &str, model: &str) -> Vec<(&'static str, String)> {
    vec![("provider", provider.to_owned()), ("model", model.to_owned())]
}

/// A label is never empty: an exchange may end before a provider is asked.
fn named(provider: &str) -> String {
    if provider.is_empty() { "none" } else { provider }.to_owned()
}
