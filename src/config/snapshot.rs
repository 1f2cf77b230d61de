//! The configuration that runs: immutable, and valid because only `build` makes one.
//!
//! Nothing in here is read twice, parsed again or defaulted again: every "auto" that the
//! configuration alone can answer is already answered.

mod server;
mod storage;

use std::net::SocketAddr;

use super::pattern::Pattern;
use super::route::Route;
pub use super::upstream::*;

pub use server::{Driver, Expose, Server, ServerTls};
pub use storage::{Bodies, Detail, Storage};

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
    /// By descending priority, then in file order; names are unique.
    pub routes: Vec<Route>,
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

impl Caller {
    /// Whether it may ask for `model`.
    pub fn allows(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| pattern.is_match(model))
    }
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
