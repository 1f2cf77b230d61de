//! `[[route]]` as it runs: which requests a rule is for, and which providers are asked in which
//! order. Immutable; says nothing of who is limited at the moment.

use super::pattern::Pattern;
use super::snapshot::Timeouts;

/// One rule.
#[derive(Clone, Debug)]
pub struct Route {
    /// Where clients with a key of their own go.
    pub byok: ByokWay,
    /// Which requests it is for.
    pub matches: Match,
    /// Upstream calls of one exchange: its own number, else `failover.max_attempts`.
    pub max_attempts: u32,
    /// Unique.
    pub name: String,
    /// Who is asked.
    pub strategy: Strategy,
    /// Its own, and `[timeouts]` for the rest.
    pub timeouts: Timeouts,
}

/// What all must hold for a rule to match; nothing: it always does.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// Index of the caller.
    pub caller: Option<usize>,
    /// A field of the request.
    pub header: Option<HeaderMatch>,
    /// The model asked for. Requests without a readable one do not match.
    pub model: Option<Pattern>,
    /// The path without prefix and query.
    pub path: Option<Pattern>,
}

/// A field of which one value must match.
#[derive(Clone, Debug)]
pub struct HeaderMatch {
    /// Lower case.
    pub name: String,
    /// Of the value.
    pub pattern: Pattern,
}

/// Where BYOK exchanges of a rule go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ByokWay {
    /// To the provider of the path's dialect.
    Direct,
    /// Where the rule leads.
    Route,
}

/// The words of `strategy.type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StrategyKind {
    LimitsAlternative,
    Priority,
    RoundRobin,
    UtilizationGate,
    Weighted,
}

/// Who is asked, and in which order.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// Asked first, as long as it has quota left.
    pub gate: Option<Gate>,
    /// Other names for models, unique on the left; for `LimitsAlternative` of its alternatives.
    pub model_map: Vec<(String, String)>,
    /// Those that are asked else.
    pub plan: Plan,
}

/// A utilization gate (BEHAVIOUR 6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gate {
    /// Index of the provider whose readings count.
    pub primary: usize,
    /// Thousandths of a window's quota from which on a key is left alone: 0..=1000.
    pub threshold: u16,
}

/// Indices of providers, none twice, at least one in each list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Plan {
    LimitsAlternative {
        primaries: Vec<usize>,
        alternatives: Vec<usize>,
    },
    Priority(Vec<usize>),
    RoundRobin(Vec<usize>),
    /// With weights of at least 1, whose sum fits.
    Weighted(Vec<(usize, u32)>),
}

impl Plan {
    /// All providers in the order they are written (L-14).
    pub fn providers(&self) -> Vec<usize> {
        match self {
            Self::LimitsAlternative { primaries, alternatives } => {
                primaries.iter().chain(alternatives).copied().collect()
            }
            Self::Priority(list) | Self::RoundRobin(list) => list.clone(),
            Self::Weighted(list) => list.iter().map(|&(provider, _)| provider).collect(),
        }
    }

    /// Turns of one cycle: after so many, every provider has had its share. 1 where all turns are
    /// alike.
    pub fn cycle(&self) -> u32 {
        match self {
            Self::LimitsAlternative { .. } | Self::Priority(_) => 1,
            Self::RoundRobin(list) => u32::try_from(list.len()).unwrap_or(u32::MAX).max(1),
            Self::Weighted(list) => {
                list.iter().fold(0_u32, |sum, &(_, weight)| sum.saturating_add(weight)).max(1)
            }
        }
    }
}

impl Strategy {
    /// What `model` is called there; `None` when its name stays.
    pub fn mapped(&self, model: &str) -> Option<&str> {
        let mut pairs = self.model_map.iter();
        pairs.find(|(from, _)| from == model).map(|(_, to)| to.as_str())
    }
}
