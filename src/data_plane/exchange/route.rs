//! Which providers a request may go to, and the way to each of them. Never looks at the host.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Exchange;
use super::authenticate::{self, Admitted, Payer};
use super::failure::Kind;
use crate::config::route::ByokWay;
use crate::config::snapshot::{AuthMode, Provider};
use crate::data_plane::io::tls::Settings;
use crate::data_plane::worker::local::Working;
use crate::protocol::dialect::Dialect;
use crate::protocol::dialect::endpoint::Endpoint;
use crate::protocol::dialect::translate::Forms;
use crate::protocol::json::text::Text;
use crate::shared::pools::ProviderPool;
use crate::shared::routing::rules::{self, Candidate, Role, Sight, Way};
use crate::shared::routing::{Arrival, NoWay, arrive};

/// Whom to ask, in order.
pub type Candidates = SmallVec<[Candidate; 2]>;

/// Where a request may go.
#[derive(Clone, Debug)]
pub struct Routed<'a> {
    /// Whom to ask, in order; at least one.
    pub candidates: Candidates,
    /// What the client speaks.
    dialect: Dialect,
    /// What it asks for.
    pub endpoint: Endpoint,
    /// Path without our prefix, without query.
    path: &'a [u8],
    /// The query with its `?`, or empty.
    query: &'a [u8],
}

/// Where an attempt goes: one of the candidates.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// On what terms.
    pub candidate: &'a Candidate,
    /// What the client asks for.
    pub endpoint: Endpoint,
    /// Between which forms it is translated; `None`: it goes as it came.
    pub forms: Option<Forms>,
    /// Index of the provider in the snapshot.
    pub index: usize,
    /// Path without our prefix, without query.
    pub path: &'a [u8],
    /// State of the provider's credentials.
    pub pool: &'a ProviderPool,
    /// The provider.
    pub provider: &'a Provider,
    /// The query with its `?`, or empty.
    pub query: &'a [u8],
    /// Its TLS settings; `None` for plain HTTP.
    pub tls: Option<&'a Arc<Settings>>,
}

impl<'a> Routed<'a> {
    /// The way to a candidate of this request.
    ///
    /// # Errors
    /// `Internal`, when there is no such provider, or no such way.
    pub fn to(&self, working: &'a Working, candidate: &'a Candidate) -> Result<Route<'a>, Kind> {
        let index = candidate.provider;
        let provider = working.snapshot.providers.get(index);
        let (Some(provider), Some(pool)) = (provider, working.pools.providers.get(index)) else {
            return Err(Kind::Internal("a route leads to no provider"));
        };
        let forms = match rules::way(provider, self.dialect, self.endpoint) {
            Some(Way::AsIs) => None,
            Some(Way::Translated(forms)) => Some(forms),
            None => return Err(Kind::Internal("a route leads where nothing is understood")),
        };
        Ok(Route {
            candidate,
            endpoint: self.endpoint,
            forms,
            index,
            path: self.path,
            pool,
            provider,
            query: self.query,
            tls: working.tls.of(index),
        })
    }
}

/// Why this provider is asked, for `x-tidegate-decision`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decision {
    /// Why.
    pub role: Role,
    /// Index of the rule.
    pub rule: Option<usize>,
}

impl<'c> Exchange<'c> {
    /// Reads the path, and refuses who may not be served whatever they ask for.
    ///
    /// # Errors
    /// `BadPath`, `NoRoute`, and what [`authenticate::admit`] has.
    pub(super) fn enter(&mut self) -> Result<Arrival<'c>, Kind> {
        let (setup, request) = (self.setup.clone(), self.request);
        (self.admitted, self.caller) = (None, None);
        self.decision = Decision::default();
        self.routed_model = None;
        self.timeouts = setup.snapshot.timeouts;
        let arrival = arrive(&setup.snapshot, &request.head, request.bytes())?;
        self.endpoint = arrival.endpoint;
        self.provider = arrival.default;
        let may_serve = self.who_may_serve(&arrival);
        let is_served = arrival.default.is_some() || !setup.snapshot.routes.is_empty();
        if may_serve.is_empty() || !is_served {
            // The body is read first, so that its model can be told; without one, there is no way.
            let goes_on = arrival.endpoint.is_scanned();
            return if goes_on { Ok(arrival) } else { Err(Kind::NoRoute(None)) };
        }
        self.phase = "authenticate";
        let fields = &request.head.fields;
        let local = &self.client.local;
        let admitted =
            authenticate::admit(local, &setup, &may_serve, (fields, request.bytes()), None)?;
        (self.admitted, self.caller) = (Some(admitted), admitted.caller);
        let owner = self.caller.and_then(|caller| setup.snapshot.callers.get(caller));
        self.seen.caller = owner.map(|c| Text::cut(c.name.as_bytes())).unwrap_or_default();
        Ok(arrival)
    }

    /// The providers that could be asked for such a thing, as they are or translated.
    fn who_may_serve(&self, arrival: &Arrival<'_>) -> SmallVec<[usize; 8]> {
        if arrival.is_foreign {
            return SmallVec::new();
        }
        let providers = self.setup.snapshot.providers.iter().enumerate();
        let may = providers.filter(|(index, provider)| match arrival.pinned {
            Some(pinned) => *index == pinned,
            None => rules::way(provider, self.dialect, arrival.endpoint).is_some(),
        });
        may.map(|(index, _)| index).collect()
    }

    /// Whom to ask, and who pays for it, now that the model is known as far as it can be.
    ///
    /// # Errors
    /// `NoRoute`, `NoEquivalent`, `ModelNotAllowed`, `ModelUnreadable`, and what
    /// [`authenticate::admit`] has.
    pub(super) fn choose_way(
        &mut self,
        arrival: &Arrival<'c>,
    ) -> Result<(Routed<'c>, Payer), Kind> {
        let (setup, request) = (self.setup.clone(), self.request);
        let no_route = || Kind::NoRoute(self.model.clone());
        let sight = Sight {
            arrival,
            bytes: request.bytes(),
            caller: self.caller,
            head: &request.head,
            model: self.model.as_deref(),
        };
        let rule = rules::rule_for(&setup.snapshot, &sight);
        let mut candidates = self.candidates(arrival, rule)?;
        let providers: SmallVec<[usize; 8]> = candidates.iter().map(|c| c.provider).collect();
        let admitted = self.admit_to(&providers)?;
        let is_own = matches!(admitted.payer, Payer::Own(_));
        let route = rule.and_then(|rule| setup.snapshot.routes.get(rule));
        let route = route.filter(|route| !is_own || route.byok == ByokWay::Route);
        if let Some(route) = route {
            self.max_attempts = route.max_attempts;
            self.timeouts = route.timeouts;
            if is_own {
                // A client's own credential is one of the API that it speaks.
                let providers = &setup.snapshot.providers;
                candidates.retain(|c| {
                    providers.get(c.provider).is_some_and(|p| p.dialect == self.dialect)
                });
            } else {
                let has_keys = |c: &Candidate| {
                    setup.pools.providers.get(c.provider).is_some_and(|p| !p.keys.is_empty())
                };
                // Where nobody has keys, the first says so.
                if candidates.iter().any(has_keys) {
                    candidates.retain(|candidate| has_keys(candidate));
                }
            }
        } else {
            self.max_attempts = setup.snapshot.failover.max_attempts;
            candidates = default_of(arrival).into_iter().collect();
        }
        if candidates.is_empty() {
            return Err(no_route());
        }
        self.keep_allowed(&mut candidates)?;
        let rule = rule.filter(|_| route.is_some());
        let first = candidates.first().ok_or(Kind::Internal("nobody is left to ask"))?;
        self.decision = Decision { role: first.role, rule };
        self.provider = Some(first.provider);
        self.routed_model.clone_from(&first.model);
        let Arrival { dialect, endpoint, path, query, .. } = *arrival;
        Ok((Routed { candidates, dialect, endpoint, path, query }, admitted.payer))
    }

    /// Who asks, and who pays for an exchange with one of `providers`.
    fn admit_to(&self, providers: &[usize]) -> Result<Admitted, Kind> {
        match self.admitted {
            // With these it does not matter who is asked.
            Some(admitted) if self.setup.snapshot.auth != AuthMode::Open => Ok(admitted),
            _ => {
                let presented = (&self.request.head.fields, self.request.bytes());
                let local = &self.client.local;
                authenticate::admit(local, &self.setup, providers, presented, self.caller)
            }
        }
    }

    /// Whom a rule, or the path itself, would have asked, as far as they can be: at least one.
    fn candidates(&self, arrival: &Arrival<'_>, rule: Option<usize>) -> Result<Candidates, Kind> {
        let setup = &self.setup;
        let route = rule.and_then(|rule| Some((rule, setup.snapshot.routes.get(rule)?)));
        let Some((rule, route)) = route else {
            let default = default_of(arrival).map(|default| Candidates::from_iter([default]));
            return default.ok_or_else(|| Kind::NoRoute(self.model.clone()));
        };
        let turns = setup.pools.turns.get(rule);
        let turn = turns.map_or(0, |turn| turn.next(route.strategy.plan.cycle()));
        let mut candidates = Candidates::new();
        rules::each_candidate(route, self.model.as_deref(), turn, |candidate| {
            let provider = setup.snapshot.providers.get(candidate.provider);
            let way = provider.and_then(|p| rules::way(p, self.dialect, arrival.endpoint));
            if way.is_some() {
                candidates.push(candidate);
            }
        });
        if candidates.is_empty() {
            return Err(Kind::NoEquivalent(arrival.endpoint));
        }
        Ok(candidates)
    }

    /// Leaves only candidates that the caller may ask for the model, by its name there.
    fn keep_allowed(&self, candidates: &mut Candidates) -> Result<(), Kind> {
        let mut refused = None;
        candidates.retain(|candidate| {
            let model = candidate.model.as_deref().or(self.model.as_deref());
            match self.allow_model(model) {
                Ok(()) => true,
                Err(kind) => {
                    refused.get_or_insert(kind);
                    false
                }
            }
        });
        match refused {
            Some(kind) if candidates.is_empty() => Err(kind),
            _ => Ok(()),
        }
    }

    /// Notes whom the exchange is with from now on.
    pub(super) fn turn_to(&mut self, route: &Route<'_>) {
        self.provider = Some(route.index);
        self.decision.role = route.candidate.role;
        self.routed_model.clone_from(&route.candidate.model);
    }

    /// The model that is really asked for.
    pub fn real_model(&self) -> Option<&str> {
        self.routed_model.as_deref().or(self.model.as_deref())
    }

    /// Why this provider, in the words of `x-tidegate-decision`.
    pub fn decision(&self) -> Text<128> {
        let name = self.rule_name();
        let (word, name) = match self.decision.role {
            Role::Default => return Text::cut(b"default"),
            Role::Alternative => ("alternative", self.provider_name()),
            Role::Bypass => ("gate_bypass", name),
            Role::Inner => ("gate_routed", name),
            Role::Route => ("route", name),
        };
        Text::cut(format!("{word}:{name}").as_bytes())
    }

    /// The name of the rule; empty without one.
    pub fn rule_name(&self) -> &str {
        let rule = self.decision.rule.and_then(|rule| self.setup.snapshot.routes.get(rule));
        rule.map_or("", |rule| rule.name.as_str())
    }
}

/// The provider of the path itself.
fn default_of(arrival: &Arrival<'_>) -> Option<Candidate> {
    let default = |provider| Candidate { below: None, model: None, provider, role: Role::Default };
    arrival.default.map(default)
}

impl From<NoWay> for Kind {
    fn from(no_way: NoWay) -> Self {
        match no_way {
            NoWay::BadPath => Self::BadPath,
            NoWay::NoRoute => Self::NoRoute(None),
        }
    }
}
