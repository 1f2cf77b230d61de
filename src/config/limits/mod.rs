//! Every default and every bound, each with a line of why. No other folder holds one.

mod memory;
mod pools;
mod routes;
mod storage;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use super::setting::{Choice, Count, CountOr, Duration, DurationOr, Size, TextOr, Texts};
use super::snapshot::{
    AuthMode, Driver, Expose, HalfClose, IncludeUsage, KeyHeader, LogFormat, LogLevel,
};
use crate::protocol::dialect::Dialect;

pub use memory::*;
pub use pools::*;
pub use routes::*;
pub use storage::*;

// [server]

/// Listeners of a configuration without any.
pub const LISTEN_DEFAULT: SocketAddr =
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8_787));

pub const LISTEN: Texts = Texts {
    default: &["127.0.0.1:8787"],
    key: "listen",
    min: 1,
    pattern: r"^.+:[0-9]+$",
    why: "addresses to listen on, as IP:PORT; port 0 = any free one",
};

pub const DNS_SERVERS: Texts = Texts {
    default: &[],
    key: "servers",
    min: 0,
    pattern: r"^[0-9A-Fa-f.:\[\]]+$",
    why: "name servers to ask, as IP or IP:PORT; none = those of /etc/resolv.conf",
};

/// More are never asked within the time a connection may take.
pub const DNS_SERVERS_MAX: usize = 8;

/// Each costs one socket per worker.
pub const LISTENERS_MAX: usize = 64;

pub const WORKERS: CountOr = CountOr {
    key: "workers",
    max: 1_024,
    min: 1,
    why: "worker threads, each on its own core; auto = one per available core",
    word: "auto",
};

pub const DRIVER: Choice<Driver> = Choice {
    key: "driver",
    why: "how workers wait for the kernel; auto = io_uring where the host allows it, else epoll",
    words: &[("auto", Driver::Auto), ("io_uring", Driver::IoUring), ("epoll", Driver::Epoll)],
};

pub const EXPOSE_HEADERS: Choice<Option<Expose>> = Choice {
    key: "expose_headers",
    why: "x-tidegate-* response headers; auto = full on loopback, minimal elsewhere",
    words: &[("auto", None), ("full", Some(Expose::Full)), ("minimal", Some(Expose::Minimal))],
};

// [admin]

pub const ADMIN_LISTEN: TextOr = TextOr {
    default: "127.0.0.1:8788",
    key: "listen",
    pattern: r"^(off|.+:[0-9]+)$",
    why: "address of the admin API and metrics, as IP:PORT; or off",
};

// [auth]

pub const MODE: Choice<Option<AuthMode>> = Choice {
    key: "mode",
    why: "who pays; auto = open on loopback without callers, else keys_or_byok",
    words: &[
        ("auto", None),
        ("open", Some(AuthMode::Open)),
        ("keys", Some(AuthMode::Keys)),
        ("byok", Some(AuthMode::Byok)),
        ("keys_or_byok", Some(AuthMode::KeysOrByok)),
    ],
};

// [[provider]]

/// Has no default: every provider names its own.
pub const DIALECT: Choice<Dialect> = Choice {
    key: "dialect",
    why: "the API family the provider speaks",
    words: &[("anthropic", Dialect::Anthropic), ("openai", Dialect::OpenAi)],
};

pub const KEY_HEADER: Choice<KeyHeader> = Choice {
    key: "key_header",
    why: "field the key goes up in; auto = by dialect and form of the key",
    words: &[
        ("auto", KeyHeader::Auto),
        ("x-api-key", KeyHeader::XApiKey),
        ("bearer", KeyHeader::Bearer),
        ("api-key", KeyHeader::ApiKey),
    ],
};

pub const INCLUDE_USAGE: Choice<IncludeUsage> = Choice {
    key: "include_usage",
    why: "ask for usage in streams that do not; auto = of api.openai.com and Azure only",
    words: &[("auto", IncludeUsage::Auto), ("on", IncludeUsage::On), ("off", IncludeUsage::Off)],
};

/// Hosts that `include_usage = "auto"` asks by name.
pub const USAGE_HOSTS: [&str; 1] = ["api.openai.com"];

/// Ends of the hosts that `include_usage = "auto"` asks: Azure's, but for gateways in front of it
/// (`azure-api.net`), which may refuse what they do not know.
pub const USAGE_HOST_ENDS: [&str; 3] =
    [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"];

/// A provider that exists when the configuration has none.
pub struct BuiltIn {
    pub base_url: &'static str,
    pub dialect: &'static str,
    /// The variable its keys are in, comma separated.
    pub keys_env: &'static str,
    pub name: &'static str,
}

/// Public base URLs, and the variables their clients read keys from.
pub const BUILT_IN_PROVIDERS: &[BuiltIn] = &[
    BuiltIn {
        base_url: "https://api.anthropic.com",
        dialect: "anthropic",
        keys_env: "ANTHROPIC_API_KEY",
        name: "anthropic",
    },
    BuiltIn {
        base_url: "https://api.openai.com",
        dialect: "openai",
        keys_env: "OPENAI_API_KEY",
        name: "openai",
    },
];

/// Names go into headers, metrics and paths, which should stay readable.
pub const NAME_BYTES_MAX: usize = 64;

/// A key has to fit into a request head beside everything else.
pub const KEY_BYTES_MAX: usize = 4_096;

/// A base URL has to fit into a request line beside the request's own path.
pub const BASE_URL_BYTES_MAX: usize = 2_048;

// [timeouts]

/// Tests run with very short timeouts; nothing shorter can be told from an error.
const SHORTEST_MS: u64 = 1;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

pub(super) const DAY_MS: u64 = 24 * HOUR_MS;

/// The longest answers take minutes; whoever waits a day has lost the other side.
const LONGEST_MS: u64 = DAY_MS;

pub const CLIENT_HEAD: Duration = Duration {
    default_ms: 10 * SECOND_MS,
    key: "client_head",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "whole request head from its first byte, not per read: a slow client cannot stretch it",
};

pub const CLIENT_BODY_IDLE: Duration = Duration {
    default_ms: 30 * SECOND_MS,
    key: "client_body_idle",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "between two reads of a request body",
};

pub const KEEP_ALIVE: Duration = Duration {
    default_ms: 75 * SECOND_MS,
    key: "keep_alive",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "an idle client connection; longer than the 60 s of most balancers in front",
};

pub const TLS_HANDSHAKE: Duration = Duration {
    default_ms: 10 * SECOND_MS,
    key: "tls_handshake",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "a client's whole TLS handshake",
};

pub const CONNECT: Duration = Duration {
    default_ms: 5 * SECOND_MS,
    key: "connect",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "a connection to a provider, TLS included",
};

pub const RESPONSE_HEAD: Duration = Duration {
    default_ms: 600 * SECOND_MS,
    key: "response_head",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "a provider's response head; unstreamed answers are long in coming",
};

pub const RESPONSE_HEAD_STREAM: Duration = Duration {
    default_ms: 300 * SECOND_MS,
    key: "response_head_stream",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "a provider's response head to a streaming request",
};

pub const BYTE_IDLE: Duration = Duration {
    default_ms: 300 * SECOND_MS,
    key: "byte_idle",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "silence of a provider after its response head; rests while the client is the slow side",
};

pub const UPSTREAM_IDLE: Duration = Duration {
    default_ms: 55 * SECOND_MS,
    key: "upstream_idle",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "an idle provider connection; below the 60 s at which intermediaries close",
};

pub const WRITE_STALL: Duration = Duration {
    default_ms: 60 * SECOND_MS,
    key: "write_stall",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "a peer that accepts no byte of what is written to it",
};

pub const EXCHANGE: DurationOr = DurationOr {
    default_ms: None,
    key: "exchange",
    max_ms: 7 * LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "a whole exchange, every attempt included",
    word: "off",
};

// [limits]

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;
const GIB: u64 = 1_024 * MIB;

pub const BODY: Size = Size {
    default_bytes: 32 * MIB,
    key: "body",
    max_bytes: 4 * GIB,
    min_bytes: 1,
    why: "request body that is scanned, hence held; above it 413",
};

pub const PASSTHROUGH_BODY: Size = Size {
    default_bytes: 512 * MIB,
    key: "passthrough_body",
    max_bytes: 1_024 * GIB,
    min_bytes: 1,
    why: "request body that streams through unscanned; above it 413",
};

pub const HEAD: Size = Size {
    default_bytes: 32 * KIB,
    key: "head",
    max_bytes: MIB,
    min_bytes: 256,
    why: "request head; above it 431",
};

pub const RESPONSE_HEAD_BYTES: Size = Size {
    default_bytes: 64 * KIB,
    key: "response_head",
    max_bytes: MIB,
    min_bytes: 256,
    why: "a provider's response head; above it 502",
};

pub const HEADERS: Count = Count {
    default: 100,
    key: "headers",
    max: 1_000,
    min: 1,
    why: "fields of one head; above it 431, or 502 for a response",
};

pub const CONNECTIONS: CountOr = CountOr {
    key: "connections",
    max: 1_048_576,
    min: 1,
    why: "client connections; auto = half the limit on open files, less a reserve",
    word: "auto",
};

pub const UPSTREAM_IDLE_PER_WORKER: Count = Count {
    default: 256,
    key: "upstream_idle_per_worker",
    max: 65_536,
    min: 0,
    why: "idle provider connections a worker keeps; 0 = none",
};

// [stream]

pub const HALF_CLOSE: Choice<HalfClose> = Choice {
    key: "half_close",
    why: "a client's FIN before its answer is complete: gone = cancel, since tokens cost money",
    words: &[("gone", HalfClose::Gone), ("wait", HalfClose::Wait)],
};

// [drain]

pub const LAME_DUCK: DurationOr = DurationOr {
    default_ms: None,
    key: "lame_duck",
    max_ms: HOUR_MS,
    min_ms: 0,
    why: "new requests still served after SIGTERM; auto = 0s on loopback, 5s elsewhere",
    word: "auto",
};

/// `lame_duck = "auto"` with a listener that is not loopback: time for a balancer to notice.
pub const LAME_DUCK_AWAY_MS: u64 = 5 * SECOND_MS;

pub const DEADLINE: Duration = Duration {
    default_ms: 32 * MINUTE_MS,
    key: "deadline",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "hard stop after SIGTERM; beyond the longest answers seen, half an hour",
};

// [storage]

/// A shorter one could be guessed by who has the database.
pub const MASTER_KEY_BYTES_MIN: usize = 32;

// [log]

pub const FORMAT: Choice<Option<LogFormat>> = Choice {
    key: "format",
    why: "auto = json when stderr is no terminal",
    words: &[("auto", None), ("json", Some(LogFormat::Json)), ("text", Some(LogFormat::Text))],
};

pub const LEVEL: Choice<LogLevel> = Choice {
    key: "level",
    why: "least important line that is still written",
    words: &[
        ("info", LogLevel::Info),
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ],
};

// Files

/// A configuration is written by hand; anything longer is some other file.
pub const FILE_BYTES_MAX: u64 = MIB;

/// A key file holds one line.
pub const SECRET_FILE_BYTES_MAX: u64 = 64 * KIB;

// An idle connection of ours must end before the other side's: HARDENING 2.
const _: () = assert!(UPSTREAM_IDLE.default_ms < MINUTE_MS);
const _: () = assert!(KEEP_ALIVE.default_ms > MINUTE_MS);
const _: () = assert!(BODY.default_bytes <= PASSTHROUGH_BODY.default_bytes);
const _: () = assert!(LAME_DUCK_AWAY_MS < DEADLINE.default_ms);
