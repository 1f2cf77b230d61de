//! Defaults and bounds of routes, each with a line of why.

use super::MAX_ATTEMPTS;
use crate::config::route::{ByokWay, StrategyKind};
use crate::config::setting::{Cap, Choice, Count, Fraction};

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
