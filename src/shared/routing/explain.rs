//! Where a request would go, told to people: the same rules and candidates as for a real one, with
//! the reason why each other provider is skipped. Asks nobody, takes no turn, moves no state.

use super::rules::{self, Candidate, Role, Sight, Way};
use super::{Arrival, NoWay, arrive};
use crate::config::snapshot::{Caller, Provider};
use crate::protocol::http1::head::RequestHead;
use crate::protocol::http1::parse::{HeadLimits, RequestParser};
use crate::shared::breaker::State as BreakerState;
use crate::shared::clock::Millis;
use crate::shared::credential::model_class::Class;
use crate::shared::credential::walk::Now;
use crate::shared::credential::word::{State, Word};
use crate::shared::pools::ProviderPool;
use crate::shared::setup::Setup;

/// A request that is not made.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Name of a caller.
    pub caller: Option<&'a str>,
    /// Name and value, whatever they hold.
    pub fields: &'a [(String, String)],
    /// The method.
    pub method: &'a str,
    /// As its body would name it.
    pub model: Option<&'a str>,
    /// With prefix and query.
    pub path: &'a str,
}

/// What would become of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Those that may be asked, in order, then all others.
    pub candidates: Vec<Explained>,
    /// The rule that is for it.
    pub rule: Option<String>,
}

/// One provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explained {
    /// The `x-tidegate-decision` it would be served with; `None` for those that are not asked.
    pub decision: Option<String>,
    /// The model it would be asked for.
    pub model: Option<String>,
    /// Its name.
    pub provider: String,
    /// Why it would not serve.
    pub skipped: Option<String>,
    /// The endpoint that it would be asked for in place of the client's.
    pub translated_to: Option<&'static str>,
}

/// Explains `question`.
///
/// # Errors
/// What is wrong with it.
pub fn explain(setup: &Setup, question: Question<'_>, now: Now) -> Result<Explanation, String> {
    let bytes = request(question);
    let head = head(&bytes)?;
    let is_as_asked = head.fields.len() == question.fields.len()
        && head.path_and_query.of(&bytes) == question.path.as_bytes();
    if !is_as_asked {
        return Err("the path or a field holds what it cannot".to_owned());
    }
    let snapshot = &setup.snapshot;
    let caller = match question.caller {
        None => None,
        Some(name) => {
            let found = snapshot.callers.iter().position(|caller| caller.name == name);
            Some(found.ok_or_else(|| format!("there is no caller `{name}`"))?)
        }
    };
    let arrival = arrive(snapshot, &head, &bytes).map_err(|no_way| match no_way {
        NoWay::BadPath => "the path has dot segments".to_owned(),
        NoWay::NoRoute => "the path is none that a provider serves".to_owned(),
    })?;
    let sight =
        Sight { arrival: &arrival, bytes: &bytes, caller, head: &head, model: question.model };
    let rule = rules::rule_for(snapshot, &sight);
    let route = rule.and_then(|rule| snapshot.routes.get(rule));
    let mut asked = Vec::new();
    if let (Some(route), Some(rule)) = (route, rule) {
        let turn = setup.pools.turns.get(rule);
        let turn = turn.map_or(0, |turn| turn.peek(route.strategy.plan.cycle()));
        rules::each_candidate(route, question.model, turn, |candidate| asked.push(candidate));
    } else if let Some(provider) = arrival.default {
        asked.push(Candidate { below: None, model: None, provider, role: Role::Default });
    }
    let name = route.map(|route| route.name.as_str());
    let view = View { arrival: &arrival, caller, now, setup };
    let mut candidates: Vec<Explained> =
        asked.iter().map(|candidate| view.explained(candidate, (name, question.model))).collect();
    let is_asked = |index: usize| asked.iter().any(|candidate| candidate.provider == index);
    let others = snapshot.providers.iter().enumerate().filter(|(index, _)| !is_asked(*index));
    candidates.extend(others.map(|(_, provider)| Explained {
        decision: None,
        model: None,
        provider: provider.name.clone(),
        translated_to: None,
        skipped: Some(match (name, arrival.pinned) {
            (Some(name), _) => format!("rule `{name}` does not name it"),
            (None, Some(_)) => "the path names another provider".to_owned(),
            (None, None) if view.way(provider).is_none() => {
                foreign(provider.dialect.name(), &arrival)
            }
            (None, None) if provider.dialect == arrival.dialect => {
                "no rule matches, and another provider of the dialect comes first".to_owned()
            }
            (None, None) => {
                let (its, own) = (provider.dialect.name(), arrival.dialect.name());
                format!("it speaks {its}, the request {own}, and no rule that matches names it")
            }
        }),
    }));
    Ok(Explanation { candidates, rule: name.map(str::to_owned) })
}

/// What a candidate is looked at with.
struct View<'a> {
    arrival: &'a Arrival<'a>,
    caller: Option<usize>,
    now: Now,
    setup: &'a Setup,
}

impl View<'_> {
    fn explained(
        &self,
        candidate: &Candidate,
        (rule, model): (Option<&str>, Option<&str>),
    ) -> Explained {
        let provider = self.setup.snapshot.providers.get(candidate.provider);
        let way = provider.and_then(|provider| self.way(provider));
        let translated_to = match way {
            Some(Way::Translated(forms)) => Some(forms.provider.path()),
            Some(Way::AsIs) | None => None,
        };
        let provider = provider.map_or("", |provider| provider.name.as_str());
        let model = candidate.model.as_deref().or(model);
        let rule = rule.unwrap_or_default();
        let decision = match candidate.role {
            Role::Default => "default".to_owned(),
            Role::Alternative => format!("alternative:{provider}"),
            Role::Bypass => format!("gate_bypass:{rule}"),
            Role::Inner => format!("gate_routed:{rule}"),
            Role::Route => format!("route:{rule}"),
        };
        Explained {
            decision: Some(decision),
            model: model.map(str::to_owned),
            provider: provider.to_owned(),
            skipped: self.skipped(candidate, model),
            translated_to,
        }
    }

    fn way(&self, provider: &Provider) -> Option<Way> {
        rules::way(provider, self.arrival.dialect, self.arrival.endpoint)
    }

    /// Why the candidate would not serve, if so.
    fn skipped(&self, candidate: &Candidate, model: Option<&str>) -> Option<String> {
        let snapshot = &self.setup.snapshot;
        let provider = snapshot.providers.get(candidate.provider)?;
        let pool = self.setup.pools.providers.get(candidate.provider)?;
        if self.way(provider).is_none() {
            return Some(foreign(provider.dialect.name(), self.arrival));
        }
        if let Some(caller) = self.caller.and_then(|caller| snapshot.callers.get(caller))
            && let Some(why) = refused(caller, model)
        {
            return Some(why);
        }
        if pool.keys.is_empty() {
            return Some(
                "it has no keys: only clients with a key of their own go there".to_owned(),
            );
        }
        let class = pool.class_of(provider, model);
        if pool.breaker.is_some()
            && let BreakerState::Open { wait_ms } =
                pool.breaker_of(class, provider, model).state(self.now.millis)
        {
            let wait_s = wait_ms.div_ceil(1_000);
            return Some(format!("its breaker is open for this model, for {wait_s}s more"));
        }
        if pool.gate.is_full() {
            return Some(format!("it is at its cap of {}", pool.gate.cap()));
        }
        self.no_key(pool, class, candidate.below)
    }

    /// Why none of its keys would be used, if so.
    fn no_key(&self, pool: &ProviderPool, class: Class, below: Option<u16>) -> Option<String> {
        let caller = self.caller.and_then(|caller| u32::try_from(caller).ok());
        let sees_reserved = pool.pool.has_reserved_for(caller);
        let floor_ms = self.setup.snapshot.observation.floor.0;
        let mut whys = Vec::new();
        for (key, state) in pool.keys.iter().zip(pool.pool.keys()) {
            let is_seen = match caller {
                Some(caller) if sees_reserved => state.reserved_for.contains(&caller),
                _ => state.reserved_for.is_empty(),
            };
            let why = match state.slot.look(class, state.version) {
                _ if !is_seen => Some("is reserved for others".to_owned()),
                None => Some("is disabled".to_owned()),
                Some(seen) => [seen.credential, seen.class]
                    .into_iter()
                    .find_map(|word| resting(word, self.now.millis)),
            };
            let is_used = |threshold: u16| {
                !state.slot.windows().utilization(floor_ms, self.now.wall).is_below(threshold)
            };
            let why = why.or_else(|| {
                let full = state.slot.gate().is_full().then(|| "is at its cap".to_owned());
                full.or_else(|| {
                    below
                        .filter(|&t| is_used(t))
                        .map(|_| "is used up to the gate's threshold".to_owned())
                })
            });
            whys.push(format!("key `{}` {}", key.name, why?));
        }
        Some(whys.join("; "))
    }
}

fn refused(caller: &Caller, model: Option<&str>) -> Option<String> {
    match model {
        Some(model) if !caller.allows(model) => {
            Some(format!("caller `{}` may not ask for `{model}`", caller.name))
        }
        None if !caller.models.is_empty() => {
            Some(format!("caller `{}` may ask for some models only", caller.name))
        }
        _ => None,
    }
}

/// Why a key with this word is not available.
fn resting(word: Word, now: Millis) -> Option<String> {
    match word.state(now) {
        State::Available => None,
        State::Off => Some("is disabled".to_owned()),
        State::AuthFailed { .. } => Some(format!("failed ({})", word.reason().name())),
        State::Cooling { until } => {
            let wait_s = until.since(now).div_ceil(1_000);
            Some(format!("is limited for {wait_s}s more ({})", word.reason().name()))
        }
    }
}

fn foreign(dialect: &str, arrival: &Arrival<'_>) -> String {
    let (own, endpoint) = (arrival.dialect.name(), arrival.endpoint.name());
    format!("it speaks {dialect}, the request {own}, and {endpoint} has no equivalent there")
}

/// The head of the request, so that it is read as a real one is.
fn request(question: Question<'_>) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", question.method, question.path);
    for (name, value) in question.fields {
        bytes.extend([name.as_str(), ": ", value, "\r\n"]);
    }
    bytes.push_str("\r\n");
    bytes.into_bytes()
}

fn head(bytes: &[u8]) -> Result<RequestHead, String> {
    let limits = HeadLimits {
        fields_max: FIELDS_MAX,
        head_bytes_max: HEAD_BYTES_MAX,
        line_bytes_max: HEAD_BYTES_MAX,
    };
    match RequestParser::new(limits).parse(bytes) {
        Ok(Some(head)) if head.end == bytes.len() => Ok(head),
        Ok(_) => Err("a field holds the end of a line".to_owned()),
        Err(refusal) => Err(format!("it is no request: {}", refusal.reason())),
    }
}

const FIELDS_MAX: usize = 100;
const HEAD_BYTES_MAX: usize = 32 * 1024;
