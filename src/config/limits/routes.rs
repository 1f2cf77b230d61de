//! Defaults and bounds of routes, header rules and watched streams, each with a line of why.

use super::{LONGEST_MS, MAX_ATTEMPTS, SECOND_MS, SHORTEST_MS};
use crate::config::header_rule::{HeaderAction, HeaderSide};
use crate::config::route::{ByokWay, StrategyKind};
use crate::config::setting::{Cap, Choice, Count, Duration, DurationOr, Fraction, Switch};

/// Each is looked at for every request until one matches.
pub const ROUTES_MAX: usize = 256;

/// Providers of one strategy: more than an exchange has attempts.
pub const ROUTE_PROVIDERS_MAX: usize = 64;

/// Names of one model map.
pub const MODEL_MAP_MAX: usize = 256;

pub const ROUTE_PRIORITY: Count = Count {
    default: 0,
    key: "priority",
    max: 1_000_000,
    min: 0,
    why: "of the rules that match, the one with the highest counts; of equals, the first",
};

/// As many as `failover.max_attempts` may allow.
pub const ROUTE_MAX_ATTEMPTS: Cap = Cap {
    key: "max_attempts",
    max: MAX_ATTEMPTS.max,
    min: MAX_ATTEMPTS.min,
    why: "upstream calls of one exchange; by default failover.max_attempts",
};

pub const ROUTE_BYOK: Choice<ByokWay> = Choice {
    key: "byok",
    why: "clients with a key of their own: direct = to the provider of the path, route = as all",
    words: &[("direct", ByokWay::Direct), ("route", ByokWay::Route)],
};

pub const STRATEGY_TYPE: Choice<StrategyKind> = Choice {
    key: "type",
    why: "how a provider is chosen",
    words: &[
        ("priority", StrategyKind::Priority),
        ("round_robin", StrategyKind::RoundRobin),
        ("weighted", StrategyKind::Weighted),
        ("limits_alternative", StrategyKind::LimitsAlternative),
        ("utilization_gate", StrategyKind::UtilizationGate),
    ],
};

/// Those that a gate may have inside.
pub const INNER_TYPE: Choice<StrategyKind> = Choice {
    key: "type",
    why: "how a provider is chosen when the gate is closed",
    words: &[
        ("priority", StrategyKind::Priority),
        ("round_robin", StrategyKind::RoundRobin),
        ("weighted", StrategyKind::Weighted),
        ("limits_alternative", StrategyKind::LimitsAlternative),
    ],
};

/// The sum of a strategy's weights must fit, too.
pub const WEIGHT: Cap =
    Cap { key: "weight", max: 4_294_967_295, min: 1, why: "its share of the sum of all weights" };

/// Clients are warned by their provider from 0.9 on.
pub const GATE_THRESHOLD: Fraction = Fraction {
    default_permille: 950,
    key: "threshold",
    why: "from this part of a window's quota on, the inner strategy serves",
};

// [[header_rule]]

/// Each is looked at for every request or answer.
pub const HEADER_RULES_MAX: usize = 256;

pub const HEADER_RULE_ON: Choice<HeaderSide> = Choice {
    key: "on",
    why: "request = to the provider, response = to the client",
    words: &[("request", HeaderSide::Request), ("response", HeaderSide::Response)],
};

pub const HEADER_RULE_ACTION: Choice<HeaderAction> = Choice {
    key: "action",
    why: "block = leave out, set = one field with this value, replace = a part of each value",
    words: &[
        ("block", HeaderAction::Block),
        ("set", HeaderAction::Set),
        ("replace", HeaderAction::Replace),
    ],
};

pub const HEADER_RULE_ENABLED: Switch =
    Switch { default: true, key: "enabled", why: "a rule that is not is kept and does nothing" };

// [stream]

pub const KEEPALIVE_PING: DurationOr = DurationOr {
    default_ms: None,
    key: "keepalive_ping",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "silence after which a client gets a ping or a comment line, between events only",
    word: "off",
};

pub const OUTPUT_STALL: DurationOr = DurationOr {
    default_ms: None,
    key: "output_stall",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "a stream without content for so long, pings or not, ends with an error event",
    word: "off",
};

pub const FLOOR_EVENTS: Count = Count {
    default: 8,
    key: "events",
    max: 1_000_000,
    min: 2,
    why: "events that a window must have, if it has any",
};

pub const FLOOR_WINDOW: Duration = Duration {
    default_ms: 20 * SECOND_MS,
    key: "window",
    max_ms: LONGEST_MS,
    min_ms: SHORTEST_MS,
    why: "length of a window",
};

/// Thinking is slow at first.
pub const FLOOR_WARMUP: Duration = Duration {
    default_ms: 90 * SECOND_MS,
    key: "warmup",
    max_ms: LONGEST_MS,
    min_ms: 0,
    why: "from the head of the answer to the first window",
};
