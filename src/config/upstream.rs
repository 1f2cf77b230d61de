//! `[[provider]]` as it runs: where it is reached, its keys, how it is asked and left alone.
//! Immutable.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::pattern::Pattern;
use super::secret::Secret;
use super::snapshot::Millis;
use crate::protocol::dialect::Dialect;

/// One upstream service with its pool of keys.
#[derive(Debug)]
pub struct Provider {
    /// Streams that do not ask for usage are made to (BEHAVIOUR 8); "auto" is resolved.
    pub adds_usage: bool,
    /// When a key that failed authentication is first tried again; `None` is "off".
    pub auth_recheck: Option<Millis>,
    /// Path before the request's own: no trailing `/`, empty if none.
    pub base_path: String,
    /// `None` is "off".
    pub breaker: Option<Breaker>,
    pub cooldown: Cooldown,
    /// Messages are asked for as streams and given back whole.
    pub demotes: bool,
    pub dialect: Dialect,
    /// `base_path` ends in `/v1`: the request's own `/v1` is dropped.
    pub drops_v1: bool,
    /// Of OpenAI's; those of the other dialect have one only.
    pub endpoints: Endpoints,
    /// Roots trusted for this provider beside the public ones.
    pub extra_ca: Vec<CertificateDer<'static>>,
    pub key_header: KeyHeader,
    /// In order of preference; names and values are unique; may be empty.
    pub keys: Vec<ProviderKey>,
    /// Attempts at a time with all keys together; 0 = no cap.
    pub max_concurrent: u32,
    /// Tokens: 1..=1,000,000; for translated requests that name no bound.
    pub max_tokens_default: u32,
    /// Which models share a limit, first match first; others by their name without its date.
    pub model_classes: Vec<ModelClass>,
    /// `^[a-z0-9]+(-[a-z0-9]+)*$`.
    pub name: String,
    pub origin: Origin,
    /// A 5xx is tried once more here before the next provider is.
    pub retry_on_5xx: bool,
    pub select: Select,
}

/// `provider.breaker`: when a provider is left alone for a model class.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Breaker {
    /// At least `open`.
    pub ceiling: Millis,
    /// In a row: 1..=255.
    pub failures: u8,
    /// First span; doubles.
    pub open: Millis,
    /// 1..=63.
    pub probes: u8,
}

/// `provider.cooldown`: how long a key rests after a 429.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cooldown {
    /// First rest of a 429 that says nothing; doubles with each.
    pub base: Millis,
    /// Longest rest by doubling; at least `base`.
    pub ceiling: Millis,
    /// Largest part that chance takes off from the second on, in thousandths: 0..=1000.
    pub jitter_permille: u16,
    /// Longest rest that a retry-after can ask for.
    pub retry_after_cap: Millis,
}

/// Models that share a limit.
#[derive(Clone, Debug)]
pub struct ModelClass {
    pub class: String,
    /// Of the models in it.
    pub pattern: Pattern,
}

/// The order in which a provider's keys are tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Select {
    Affinity,
    Headroom,
    LeastInFlight,
    Priority,
    RoundRobin,
}

/// Where a provider is reached.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Origin {
    /// Value of the `Host` field: brackets round IPv6, no default port.
    pub authority: String,
    /// DNS name in lower case, or an IP address without brackets.
    pub host: String,
    /// 1..=65535.
    pub port: u16,
    pub tls: bool,
}

/// Which of OpenAI's two conversation endpoints a provider has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Endpoints {
    Both,
    ChatCompletions,
    Responses,
}

/// Whether streams are made to ask for usage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IncludeUsage {
    /// Of hosts that are known to understand.
    Auto,
    Off,
    /// Of any host.
    On,
}

/// The field a provider's key goes up in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyHeader {
    ApiKey,
    /// By dialect and form of the key (BEHAVIOUR 2.6).
    Auto,
    Bearer,
    XApiKey,
}

/// One credential of a provider's pool.
#[derive(Clone, Debug)]
pub struct ProviderKey {
    /// The value masked for humans: `sk-a...efgh`.
    pub hint: String,
    /// Attempts at a time: its own number, else `max_concurrent_per_key`; 0 = no cap.
    pub max_concurrent: u32,
    /// As configured, else `key-N` by position (`env-N` from the environment).
    pub name: String,
    /// Indices of the callers it is kept for, ascending; empty = for all who have none of their
    /// own here.
    pub reserved_for: Vec<usize>,
    /// Visible ASCII, never a `tg-` value.
    pub value: Arc<Secret>,
}
