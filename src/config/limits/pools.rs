//! Defaults and bounds of callers, keys and pools, permits, failover and observation, each with a
//! line of why.

use super::{DAY_MS, HOUR_MS, KIB, LONGEST_MS, MINUTE_MS, SECOND_MS, SHORTEST_MS};
use crate::config::setting::{Cap, Choice, Count, Duration, DurationOr, Fraction, Size, Switch};
use crate::config::snapshot::{Endpoints, Select};

// [[caller]]

pub const CALLER_MAX_CONCURRENT: Cap = Cap {
    key: "max_concurrent",
    max: 65_535,
    min: 1,
    why: "exchanges at a time; above it 429; no cap when absent",
};

/// Each is tried on every request of its caller until one matches.
pub const CALLER_MODELS_MAX: usize = 256;

// [[provider]]

pub const SELECT: Choice<Select> = Choice {
    key: "select",
    why: "order in which keys are tried; affinity = the same key for the same conversation",
    words: &[
        ("priority", Select::Priority),
        ("round_robin", Select::RoundRobin),
        ("least_in_flight", Select::LeastInFlight),
        ("headroom", Select::Headroom),
        ("affinity", Select::Affinity),
    ],
};

/// More attempts at a time than this host has ports for one provider; a larger cap is none.
const CONCURRENT_MAX: usize = 1_048_576;

pub const PROVIDER_MAX_CONCURRENT: Count = Count {
    default: 0,
    key: "max_concurrent",
    max: CONCURRENT_MAX,
    min: 0,
    why: "attempts at a time with all keys together; 0 = no cap",
};

/// As many as a key of its own may have.
pub const MAX_CONCURRENT_PER_KEY: Count = Count {
    default: 0,
    key: "max_concurrent_per_key",
    max: KEY_MAX_CONCURRENT.max,
    min: 0,
    why: "attempts at a time with each key that says nothing itself; 0 = no cap",
};

pub const AUTH_RECHECK: DurationOr = DurationOr {
    default_ms: Some(5 * MINUTE_MS),
    key: "auth_recheck",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "when a key that failed authentication is first tried again; doubles up to 1h",
    word: "off",
};

pub const RETRY_ON_5XX: Switch = Switch {
    default: false,
    key: "retry_on_5xx",
    why: "after a 5xx one more try here before the next provider; an answer may be paid twice",
};

/// A provider's table of states has no more classes than these; names of routes and names seen
/// share the rest.
pub const MODEL_CLASSES_MAX: usize = 64;

/// What the models are called that no class has room for.
pub const MODEL_CLASS_OTHER: &str = "other";

// [provider.cooldown]

pub const COOLDOWN_BASE: Duration = Duration {
    default_ms: 60 * SECOND_MS,
    key: "base",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "first rest of a key after a 429 that names no time; doubles with each; \
          most limits are per minute",
};

pub const COOLDOWN_CEILING: Duration = Duration {
    default_ms: HOUR_MS,
    key: "ceiling",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "longest rest by doubling: what it costs to be wrong about a key",
};

/// The longest windows of providers are a week.
pub const COOLDOWN_RETRY_AFTER_CAP: Duration = Duration {
    default_ms: 2 * DAY_MS,
    key: "retry_after_cap",
    max_ms: 7 * DAY_MS,
    min_ms: SHORTEST_MS,
    why: "longest rest that a provider's retry-after can ask for",
};

pub const COOLDOWN_JITTER: Fraction = Fraction {
    default_permille: 100,
    key: "jitter",
    why: "part of a doubled rest that chance takes off, so that keys do not all return at once",
};

pub const DEMOTE_NON_STREAMING: Switch = Switch {
    default: false,
    key: "demote_non_streaming",
    why: "messages are asked for as streams and given back whole; long ones die of silence else",
};

pub const ENDPOINTS: Choice<Endpoints> = Choice {
    key: "endpoints",
    why: "which of OpenAI's two conversation endpoints it has; the other is translated",
    words: &[
        ("both", Endpoints::Both),
        ("chat_completions", Endpoints::ChatCompletions),
        ("responses", Endpoints::Responses),
    ],
};

/// Anthropic wants a bound of every request; the largest that all its models take.
pub const MAX_TOKENS_DEFAULT: Count = Count {
    default: 4_096,
    key: "max_tokens_default",
    max: 1_000_000,
    min: 1,
    why: "tokens, for translated requests that name no bound where one is needed",
};

// provider.breaker

pub const BREAKER_FAILURES: Count = Count {
    default: 5,
    key: "failures",
    max: 255,
    min: 1,
    why: "5xx answers, or attempts without an answer, in a row that open it",
};

pub const BREAKER_OPEN: Duration = Duration {
    default_ms: 30 * SECOND_MS,
    key: "open",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "how long at first; doubles each time a probe fails",
};

pub const BREAKER_CEILING: Duration = Duration {
    default_ms: 5 * MINUTE_MS,
    key: "ceiling",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "how long at most",
};

pub const BREAKER_PROBES: Count = Count {
    default: 3,
    key: "probes",
    max: 63,
    min: 1,
    why: "attempts that must succeed before it closes; no more at a time",
};

// [[provider.key]]

pub const KEY_MAX_CONCURRENT: Cap = Cap {
    key: "max_concurrent",
    max: 256,
    min: 1,
    why: "attempts at a time with this key; by default max_concurrent_per_key",
};

// [failover]

/// Each attempt sends the whole body again; a pool of more keys is tired by then.
pub const MAX_ATTEMPTS: Count = Count {
    default: 8,
    key: "max_attempts",
    max: 64,
    min: 1,
    why: "upstream calls of one exchange; 1 = no failover",
};

pub const FAILOVER_DEADLINE: DurationOr = DurationOr {
    default_ms: None,
    key: "deadline",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "all attempts together, until one answers",
    word: "off",
};

/// Clients give up after ten minutes at the latest; an hour is beyond any of them.
pub const WAIT_FOR_KEY: Duration = Duration {
    default_ms: 0,
    key: "wait_for_key",
    max_ms: HOUR_MS,
    min_ms: 0,
    why: "how long a request may wait for the first key to come back; 0s = not at all",
};

/// Held per stream until its first event is whole; an error event has a few hundred bytes.
pub const FIRST_EVENT_BYTES: Size = Size {
    default_bytes: 8 * KIB,
    key: "first_event_bytes",
    max_bytes: 64 * KIB,
    min_bytes: 256,
    why: "how far a stream is looked at for an error in its first event",
};

/// A client that waits longer takes the stream for stuck.
pub const FIRST_EVENT_WAIT: Duration = Duration {
    default_ms: SECOND_MS,
    key: "first_event_wait",
    max_ms: MINUTE_MS,
    min_ms: SHORTEST_MS,
    why: "how long",
};

// [concurrency]

pub const GLOBAL: Count = Count {
    default: 0,
    key: "global",
    max: CONCURRENT_MAX,
    min: 0,
    why: "exchanges at a time; above it 429; 0 = no cap",
};

pub const QUEUE_TIMEOUT: Duration = Duration {
    default_ms: 0,
    key: "queue_timeout",
    max_ms: HOUR_MS,
    min_ms: 0,
    why: "how long a request may wait for a place below a cap; 0s = not at all",
};

/// Each that waits holds its body.
pub const QUEUE_LENGTH: Count = Count {
    default: 1_024,
    key: "queue_length",
    max: 65_536,
    min: 1,
    why: "requests that may wait, per worker",
};

// [observation]

pub const ACCOUNTING: Switch = Switch {
    default: true,
    key: "accounting",
    why: "answers are read for their tokens as they pass",
};

/// A reading of a week's window says nothing after the week.
pub const OBSERVATION_FLOOR: Duration = Duration {
    default_ms: 10 * MINUTE_MS,
    key: "floor",
    max_ms: 7 * DAY_MS,
    min_ms: 0,
    why: "a reading of utilization is never dropped earlier",
};

// [limits]

/// Each takes its place in memory from the start.
pub const BYOK_ENTRIES: Count = Count {
    default: 10_000,
    key: "byok_entries",
    max: 1_048_576,
    min: 1,
    why: "clients' own keys whose state is kept; the least recently used goes first",
};

const _: () = assert!(COOLDOWN_BASE.default_ms <= COOLDOWN_CEILING.default_ms);
