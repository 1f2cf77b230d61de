//! Which rule is for a request, and whom it asks in which order (BEHAVIOUR 6). Knows nothing of
//! who is limited at the moment: that is found on the way.

use super::Arrival;
use crate::config::route::{Match, Plan, Route};
use crate::config::snapshot::{Endpoints, Provider, Snapshot};
use crate::protocol::dialect::Dialect;
use crate::protocol::dialect::endpoint::Endpoint;
use crate::protocol::dialect::translate::{Form, Forms};
use crate::protocol::http1::head::RequestHead;

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// What the path asks for.
    pub arrival: &'a Arrival<'a>,
    /// The bytes that the head's spans are of.
    pub bytes: &'a [u8],
    /// Index of the owner of the gateway key.
    pub caller: Option<usize>,
    /// The head as received.
    pub head: &'a RequestHead,
    /// The model asked for, where it can be read.
    pub model: Option<&'a str>,
}

/// A provider that may be asked, and on what terms.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// Only its keys that have used less than so many thousandths.
    pub below: Option<u16>,
    /// What the model is called there, where it has another name.
    pub model: Option<Box<str>>,
    /// Index of the provider.
    pub provider: usize,
    /// Why it is asked.
    pub role: Role,
}

/// Why a provider is asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Role {
    /// No primary has room.
    Alternative,
    /// A gate is open.
    Bypass,
    /// It is the path's, or the client's own choice.
    #[default]
    Default,
    /// A gate is closed.
    Inner,
    /// A rule says so.
    Route,
}

/// The rule for a request, by its place; `None` when none matches, or the path names its provider.
pub fn rule_for(snapshot: &Snapshot, sight: &Sight<'_>) -> Option<usize> {
    if sight.arrival.pinned.is_some() || sight.arrival.is_foreign {
        return None;
    }
    snapshot.routes.iter().position(|route| matches(&route.matches, sight))
}

/// Whether all that a rule asks for holds.
pub fn matches(rule: &Match, sight: &Sight<'_>) -> bool {
    let path = || std::str::from_utf8(sight.arrival.path);
    rule.caller.is_none_or(|caller| sight.caller == Some(caller))
        && rule.path.as_ref().is_none_or(|pattern| path().is_ok_and(|path| pattern.is_match(path)))
        && rule.model.as_ref().is_none_or(|p| sight.model.is_some_and(|model| p.is_match(model)))
        && rule.header.as_ref().is_none_or(|header| {
            let named = sight.head.fields.iter().filter(|field| {
                field.name.of(sight.bytes).eq_ignore_ascii_case(header.name.as_bytes())
            });
            let mut texts = named.map(|field| std::str::from_utf8(field.value.of(sight.bytes)));
            texts.any(|text| text.is_ok_and(|text| header.pattern.is_match(text)))
        })
}

/// How a provider is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// By the request as it came.
    AsIs,
    /// By another with the same meaning.
    Translated(Forms),
}

/// How `provider` is asked what came in `dialect`; `None`: it has nothing like that.
pub fn way(provider: &Provider, dialect: Dialect, endpoint: Endpoint) -> Option<Way> {
    let client = Form::of(endpoint);
    let own = match (provider.dialect, provider.endpoints) {
        (Dialect::Anthropic, _) => Form::Messages,
        (Dialect::OpenAi, Endpoints::Responses) => Form::Responses,
        (Dialect::OpenAi, Endpoints::Both) if client == Some(Form::Responses) => Form::Responses,
        // Of the two that which more hosts understand.
        (Dialect::OpenAi, Endpoints::Both | Endpoints::ChatCompletions) => Form::Chat,
    };
    match client {
        Some(client) if client.dialect() != dialect => None,
        Some(client) if client == own => Some(Way::AsIs),
        Some(client) => Some(Way::Translated(Forms { client, provider: own })),
        None if provider.dialect == dialect => Some(Way::AsIs),
        None => None,
    }
}

/// Gives the providers of a rule in the order they are asked. `turn`: whose turn it is in the
/// plan's cycle.
pub fn each_candidate(
    route: &Route,
    model: Option<&str>,
    turn: u32,
    mut give: impl FnMut(Candidate),
) {
    let strategy = &route.strategy;
    let mapped = || model.and_then(|model| strategy.mapped(model)).map(Into::into);
    let role = if strategy.gate.is_some() { Role::Inner } else { Role::Route };
    if let Some(gate) = strategy.gate {
        let below = Some(gate.threshold);
        give(Candidate { below, model: None, provider: gate.primary, role: Role::Bypass });
    }
    let plain = |provider| Candidate { below: None, model: mapped(), provider, role };
    match &strategy.plan {
        Plan::Priority(list) => list.iter().for_each(|&provider| give(plain(provider))),
        Plan::RoundRobin(list) => {
            let first = usize::try_from(turn).unwrap_or(0).checked_rem(list.len()).unwrap_or(0);
            let (before, from) = list.split_at(first);
            from.iter().chain(before).for_each(|&provider| give(plain(provider)));
        }
        Plan::Weighted(list) => {
            let first = weighted(list, turn);
            let all = list.iter().map(|&(provider, _)| provider);
            let others = all.filter(|&provider| Some(provider) != first);
            for provider in first.into_iter().chain(others) {
                give(plain(provider));
            }
        }
        Plan::LimitsAlternative { primaries, alternatives } => {
            for &provider in primaries {
                give(Candidate { below: None, model: None, provider, role });
            }
            let role = if role == Role::Inner { role } else { Role::Alternative };
            for &provider in alternatives {
                give(Candidate { below: None, model: mapped(), provider, role });
            }
        }
    }
}

/// Whose turn it is: over one cycle each provider has exactly as many as it weighs, spread evenly.
fn weighted(list: &[(usize, u32)], turn: u32) -> Option<usize> {
    let total = list.iter().fold(0_u64, |sum, &(_, weight)| sum + u64::from(weight));
    let mut place = (u64::from(turn) * stride(total)).checked_rem(total)?;
    list.iter().find_map(|&(provider, weight)| {
        let is_it = place < u64::from(weight);
        place = place.saturating_sub(u64::from(weight));
        is_it.then_some(provider)
    })
}

/// A step that visits every place of a cycle once, and neighbours seldom in a row: the number next
/// to the golden section that has no divisor in common with `total`.
fn stride(total: u64) -> u64 {
    let golden = (total * 618 / 1_000).max(1);
    (golden..=golden + total).find(|&step| divisor(step, total) == 1).unwrap_or(1)
}

/// The greatest one that both have.
const fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests;
