//! The configuration that runs: immutable, and valid because only `build` makes one.
//!
//! Nothing in here is read twice, parsed again or defaulted again: every "auto" that the
//! configuration alone can answer is already answered.

mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

pub use server::{Driver, Expose, Server, ServerTls};

use super::pattern::Pattern;
use super::secret::Secret;
use crate::protocol::dialect::Dialect;

/// Everything a worker or the control plane may ask about the configuration.
#[derive(Debug)]
#[non_exhaustive]
pub struct Snapshot {
    pub admin: Admin,
    pub auth: AuthMode,
    /// Owners of gateway keys, in file order; names and digests are unique.
    pub callers: Vec<Caller>,
    pub concurrency: Concurrency,
    pub dns: Dns,
    pub drain: Drain,
    pub failover: Failover,
    pub limits: Limits,
    pub log: Log,
    pub observation: Observation,
    /// In file order; the index is the provider's id within this snapshot; names are unique.
    pub providers: Vec<Provider>,
    pub server: Server,
    pub storage: Storage,
    pub stream: Stream,
    pub timeouts: Timeouts,
}

/// A span of time in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Millis(pub u64);

impl From<Millis> for std::time::Duration {
    fn from(span: Millis) -> Self {
        Self::from_millis(span.0)
    }
}

/// `[admin]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admin {
    /// `None` is "off".
    pub listen: Option<SocketAddr>,
    /// SHA-256 of the token; always there when `listen` is not loopback.
    pub token_sha256: Option<[u8; 32]>,
}

/// Who pays (BEHAVIOUR 2.2); "auto" is resolved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AuthMode {
    Byok,
    Keys,
    KeysOrByok,
    /// Only ever with loopback listeners.
    Open,
}

/// The owner of a gateway key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// SHA-256 of the whole gateway key, `tg-` included.
    pub key_sha256: [u8; 32],
    /// Exchanges at a time; 0 = no cap.
    pub max_concurrent: u32,
    /// Models it may ask for: one must match; empty = all.
    pub models: Vec<Pattern>,
    pub name: String,
}

/// One upstream service with its pool of keys.
#[derive(Debug)]
pub struct Provider {
    /// Streams that do not ask for usage are made to (BEHAVIOUR 8); "auto" is resolved.
    pub adds_usage: bool,
    /// When a key that failed authentication is first tried again; `None` is "off".
    pub auth_recheck: Option<Millis>,
    /// Path before the request's own: no trailing `/`, empty if none.
    pub base_path: String,
    pub cooldown: Cooldown,
    pub dialect: Dialect,
    /// `base_path` ends in `/v1`: the request's own `/v1` is dropped.
    pub drops_v1: bool,
    /// Roots trusted for this provider beside the public ones.
    pub extra_ca: Vec<CertificateDer<'static>>,
    pub key_header: KeyHeader,
    /// In order of preference; names and values are unique; may be empty.
    pub keys: Vec<ProviderKey>,
    /// Attempts at a time with all keys together; 0 = no cap.
    pub max_concurrent: u32,
    /// Which models share a limit, first match first; others by their name without its date.
    pub model_classes: Vec<ModelClass>,
    /// `^[a-z0-9]+(-[a-z0-9]+)*$`.
    pub name: String,
    pub origin: Origin,
    /// A 5xx is tried once more here before the next provider is.
    pub retry_on_5xx: bool,
    pub select: Select,
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

/// `[concurrency]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Concurrency {
    /// Exchanges at a time; 0 = no cap.
    pub global: u32,
    /// Exchanges that may wait for a permit, per worker.
    pub queue_length: usize,
    /// How long one may wait; 0 = not at all.
    pub queue_timeout: Millis,
}

/// `[failover]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failover {
    /// All attempts together, before an answer is committed to. `None` is "off".
    pub deadline: Option<Millis>,
    /// How far a stream is looked at for an error in its first event.
    pub first_event_bytes: usize,
    /// How long.
    pub first_event_wait: Millis,
    /// Upstream calls of one exchange, at least 1.
    pub max_attempts: u32,
    /// How long an exchange may wait for a key to come back; 0 = not at all.
    pub wait_for_key: Millis,
}

/// `[observation]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Observation {
    /// Answers are read for their usage.
    pub accounting: bool,
    /// How long a reading of utilization holds at least.
    pub floor: Millis,
}

/// `[dns]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dns {
    /// Whom to ask for the addresses of providers; empty: whom the host asks.
    pub servers: Vec<SocketAddr>,
}

/// `[timeouts]`. `None` is "off".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    pub byte_idle: Millis,
    pub client_body_idle: Millis,
    pub client_head: Millis,
    pub connect: Millis,
    pub exchange: Option<Millis>,
    pub keep_alive: Millis,
    pub response_head: Millis,
    pub response_head_stream: Millis,
    pub tls_handshake: Millis,
    pub upstream_idle: Millis,
    pub write_stall: Millis,
}

/// `[limits]`. Sizes in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub body_bytes: u64,
    /// Credentials of clients that state is kept for.
    pub byok_entries: usize,
    /// `None`: half the limit on open files, less a reserve, found at start.
    pub connections: Option<usize>,
    pub head_bytes: usize,
    pub headers: usize,
    pub memory: MemoryLimit,
    pub passthrough_body_bytes: u64,
    pub response_head_bytes: usize,
    /// 0: no connection is kept.
    pub upstream_idle_per_worker: usize,
}

/// What memory is measured against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MemoryLimit {
    /// The limit of the process's control group, else what the host has.
    Auto,
    Bytes(u64),
    Off,
}

/// `[stream]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stream {
    pub half_close: HalfClose,
}

/// What a client's FIN means while its answer is awaited or streamed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HalfClose {
    Gone,
    Wait,
}

/// `[drain]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Drain {
    pub deadline: Millis,
    /// Shorter than the deadline; "auto" is resolved.
    pub lame_duck: Millis,
}

/// `[log]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

/// "auto" is resolved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    Json,
    Text,
}

/// From silent to chatty.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// `[storage]`.
#[derive(Debug)]
pub struct Storage {
    /// Of which exchanges bodies are kept.
    pub bodies: Bodies,
    /// What is kept of an exchange beside its record.
    pub detail: Detail,
    /// What keys of the admin API are sealed under; at least 32 bytes.
    pub master_key: Option<Arc<Secret>>,
    /// A directory, which need not exist yet; `None`: nothing is kept.
    pub path: Option<PathBuf>,
    /// How long requests are kept one by one.
    pub retention: Millis,
}

/// Whose bodies are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bodies {
    All,
    /// Of exchanges that failed.
    Errors,
    Off,
}

/// What is kept of exchanges; each holds what those before it do.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Detail {
    Off,
    /// What the provider said of limits, and each attempt where there was more than one.
    Limits,
    /// Each attempt, and when each part of the answer came.
    Timings,
    /// Fields of both heads.
    Headers,
}
