//! The loop over tries: providers of the route in order, credentials of each, until an answer is
//! relayed or nothing is left to try. Before commit only.

use super::attempt::Call;
use super::authenticate::{Credential, Payer};
use super::conclude::{Kept, Trail};
use super::detail;
use super::failure::{Failure, Kind};
use super::judge::Judged;
use super::route::{Route, Routed};
use super::{Asked, Body, Exchange, Next};
use crate::config::snapshot::{ProviderKey, Select};
use crate::protocol::http1::head::Field;
use crate::protocol::verdict::{Answer, ErrorLook, LimitFacts, Scope, Verdict, classify};
use crate::shared::clock::Millis;
use crate::shared::credential::cooldown::Mark;
use crate::shared::credential::model_class::Class;
use crate::shared::credential::reason::Reason;
use crate::shared::credential::transition::Event;
use crate::shared::credential::walk::{Choice, Now, Terms, Walker};
use crate::shared::gate::{Refused, Subject};
use crate::shared::tally::Fault;

/// What follows from one try.
enum Step<'a> {
    /// The next credential of the same provider.
    Again,
    /// The next provider.
    NextProvider,
    /// This answer is the one.
    Serve(Box<Call>, Credential<'a>),
    /// Nothing more may be tried.
    Stop,
}

impl Exchange<'_> {
    /// Asks the route's providers until one serves, and relays the answer.
    ///
    /// # Errors
    /// Why there is no answer to relay, or why its relay broke.
    pub(super) async fn drive(
        &mut self,
        routed: &Routed<'_>,
        payer: Payer,
        asked: &Asked,
    ) -> Result<Next, Failure> {
        let setup = self.setup.clone();
        self.commit_by = setup.snapshot.failover.deadline.map(|ms| Millis::now().plus(ms.0));
        let first = *routed.candidates.first().ok_or(Kind::NoRoute)?;
        if let Payer::Own(field) = payer {
            return self.drive_own(&routed.to(&setup, first)?, field, asked).await;
        }
        let last = routed.candidates.last().copied();
        loop {
            let mut trail = Trail::default();
            for &index in &routed.candidates {
                let route = routed.to(&setup, index)?;
                trail.is_last_provider = Some(index) == last;
                match self.walk(&route, asked, &mut trail).await? {
                    Step::Serve(call, credential) => {
                        return self.relay(&route, credential, *call).await;
                    }
                    Step::Stop => break,
                    Step::Again | Step::NextProvider => {}
                }
            }
            if trail.exhausted.disabled > 0 && self.is_outdated().await? {
                return Err(Kind::Outdated.into());
            }
            if self.is_spent() || !self.wait_for_pool(&setup, routed, &trail).await? {
                return self.conclude(trail).await;
            }
        }
    }

    /// One attempt with the client's own credential, whatever comes of it (BEHAVIOUR 2.3).
    async fn drive_own(
        &mut self,
        route: &Route<'_>,
        field: Field,
        asked: &Asked,
    ) -> Result<Next, Failure> {
        let credential = Credential::Own(field);
        self.enter_provider(route).await?;
        let body = self.body_for(route, asked);
        self.note_attempt(route, credential);
        let guest = self.brought(field);
        let began = guest.as_ref().map(|guest| guest.state().load());
        let call = self.call_settled((route, credential), &body, || true).await?;
        let mut call = call.ok_or(Kind::Internal("a client's own key was overtaken"))?;
        let limits = self.note_limits(credential, Class::Other, &mut call);
        if let Some((guest, began)) = guest.as_ref().zip(began) {
            let now = Millis::now();
            let event = match call.answered.head.status {
                200..=299 => Some(Event::Succeeded { began }),
                429 => {
                    self.count_limit(&route.provider.name);
                    Some(own_mark(limits).event(began, &route.pool.policy, now))
                }
                _ => None,
            };
            event.and_then(|event| guest.state().apply(event, now));
            guest.statistics().requests.add(1);
        }
        drop(guest);
        self.relay(route, credential, call).await
    }

    /// Tries one provider's credentials, each at most once.
    async fn walk<'a>(
        &mut self,
        route: &Route<'a>,
        asked: &Asked,
        trail: &mut Trail<'a>,
    ) -> Result<Step<'a>, Failure> {
        let body = self.body_for(route, asked);
        let mut walker = Walker::new(&route.pool.pool, self.terms(route));
        let step = loop {
            if self.is_spent() {
                trail.is_cut_short = true;
                break Step::Stop;
            }
            let Some((key, mut choice)) = self.choose(route, &mut walker, trail) else {
                break Step::NextProvider;
            };
            let walk = Walk { key, route, walker: &mut walker };
            match self.attempt(walk, &mut choice, &body, trail).await? {
                Step::Again => self.admission.leave(),
                step => break step,
            }
        };
        if !matches!(step, Step::Serve(..)) {
            self.admission.leave();
            let exhausted = walker.exhausted(self.now());
            trail.exhausted.merge(&exhausted);
            let why = Fault::PoolExhausted(exhausted.outcome().name());
            self.count_fault(&route.provider.name, why);
            if exhausted.unified.is_some() && trail.exhausted.unified == exhausted.unified {
                trail.unified_at = Some(*route);
            }
        }
        Ok(step)
    }

    /// The next key that may be used, with the permits for an attempt with it.
    pub(super) fn choose<'a>(
        &mut self,
        route: &Route<'a>,
        walker: &mut Walker<'a>,
        trail: &mut Trail<'a>,
    ) -> Option<(&'a ProviderKey, Choice<'a>)> {
        loop {
            let choice = walker.next(self.now())?;
            let key = route.pool.keys.get(choice.index)?;
            let gate = choice.key.slot.gate();
            // Who waits for it came first.
            if self.place.is_none() && self.client.local.waiting.is_wanted(&[gate]) {
                walker.refused(&choice);
                continue;
            }
            match self.admission.permits.enter(Some(route.pool.gate), gate) {
                Ok(()) => {
                    self.place = None;
                    return Some((key, choice));
                }
                Err(refused) => {
                    walker.refused(&choice);
                    if let Refused { cap, subject: Subject::Provider } = refused {
                        trail.provider_cap = Some(cap);
                        return None;
                    }
                }
            }
        }
    }

    /// Attempts with a chosen key: one, or two where a 5xx is tried once more.
    async fn attempt<'a>(
        &mut self,
        walk: Walk<'_, 'a>,
        choice: &mut Choice<'a>,
        body: &Body,
        trail: &mut Trail<'a>,
    ) -> Result<Step<'a>, Failure> {
        let Walk { key, route, walker } = walk;
        let credential = Credential::Pool(key, choice.key);
        let mut once_more = route.provider.retry_on_5xx;
        loop {
            self.note_attempt(route, credential);
            let class = walker.class();
            // A class without a name may have got one meanwhile, and a mark with it.
            let unnamed = if class == Class::Other { self.model.clone() } else { None };
            let is_open = || {
                let model = unnamed.as_deref();
                let class = model.map_or(class, |_| route.pool.class_of(route.provider, model));
                choice.is_open(class, Millis::now())
            };
            let mut call = match self.call_settled((route, credential), body, is_open).await {
                Ok(Some(call)) => call,
                Ok(None) => {
                    self.attempts -= 1;
                    self.seen.gathered.undo_attempt();
                    walker.overtaken();
                    return Ok(Step::Again);
                }
                Err(kind @ (Kind::ClientGone | Kind::Draining)) => return Err(kind.into()),
                Err(kind) => {
                    self.attempt_ended(0, kind.code());
                    trail.transport = Some(kind);
                    if std::mem::take(&mut once_more) && !self.is_spent() {
                        continue;
                    }
                    return Ok(Step::NextProvider);
                }
            };
            let class = match call.answered.head.status {
                200..=299 | 429 => route.pool.learn_class(route.provider, self.model.as_deref()),
                _ => walker.class(),
            };
            walker.learn(choice, class);
            let limits = self.note_limits(credential, class, &mut call);
            let judged = self.judge(&mut call, limits).await?;
            self.attempt_ended(call.answered.head.status, detail::reason(judged.verdict));
            self.mark(walker, (route, choice), judged.verdict);
            match self.follow((route, credential), (call, judged), trail) {
                Step::NextProvider
                    if judged.verdict == Verdict::Overloaded
                        && std::mem::take(&mut once_more)
                        && !self.is_spent() => {}
                // What would be asked next is nobody: its answer is as good as any.
                Step::NextProvider if trail.is_last_provider => {
                    return Ok(match trail.failed.take() {
                        Some(Kept::Answer(answer)) => {
                            Step::Serve(Box::new(answer.call), answer.credential)
                        }
                        cut => {
                            trail.failed = cut;
                            Step::NextProvider
                        }
                    });
                }
                step => return Ok(step),
            }
        }
    }

    /// What follows from a verdict; an answer that is not served is kept or left.
    fn follow<'a>(
        &self,
        (route, credential): (&Route<'a>, Credential<'a>),
        (call, judged): (Call, Judged),
        trail: &mut Trail<'a>,
    ) -> Step<'a> {
        let keep = |call| self.keep((route, credential), call, judged.is_whole);
        match judged.verdict {
            Verdict::Accept | Verdict::Relay => return Step::Serve(Box::new(call), credential),
            Verdict::AuthFailed(_) | Verdict::Limited { .. } => drop(keep(call)),
            Verdict::Forbidden => trail.forbidden = Some(keep(call)),
            Verdict::NextCredential => trail.unmarked = Some(keep(call)),
            // Nobody else will be asked: it need not be whole to be passed on.
            Verdict::NextProvider | Verdict::Overloaded if trail.is_last_provider => {
                trail.failed = Some(Kept::whole(route, credential, call));
                return Step::NextProvider;
            }
            Verdict::NextProvider | Verdict::Overloaded => {
                trail.failed = Some(keep(call));
                return Step::NextProvider;
            }
        }
        Step::Again
    }

    /// Marks what a verdict says of the key, and tells of each change.
    pub(super) fn mark<'a>(
        &mut self,
        walker: &mut Walker<'a>,
        (route, choice): (&Route<'a>, &Choice<'a>),
        verdict: Verdict,
    ) {
        let (now, policy, class) = (Millis::now(), &route.pool.policy, walker.class());
        if verdict == Verdict::Forbidden {
            walker.forbidden(choice);
            return;
        }
        walker.settle(policy, now, |index, change| {
            self.tell(route, (index, Some(class)), change, now);
        });
        let change = match verdict {
            Verdict::Accept => {
                walker.succeeded(choice, now);
                None
            }
            Verdict::AuthFailed(refusal) => {
                let change = walker.auth_failed(choice, refusal.into(), policy, now);
                change.map(|change| (None, change))
            }
            Verdict::Limited { cause, scope, wait_ms } => {
                self.count_limit(&route.provider.name);
                let seed = u32::try_from(now.0 & 0xffff_ffff).unwrap_or(0) ^ self.attempts << 24;
                let mark = (Mark { reason: cause.into(), seed, wait_ms }, policy);
                let of = (scope == Scope::Class).then_some(class);
                walker.limited(choice, scope, mark, now).map(|change| (of, change))
            }
            _ => None,
        };
        if let Some((of, change)) = change {
            self.tell(route, (choice.index, of), change, now);
        }
    }

    /// What the walk of a provider's keys goes by.
    pub(super) fn terms(&self, route: &Route<'_>) -> Terms {
        let timeouts = &self.setup.snapshot.timeouts;
        let start = match route.provider.select {
            Select::RoundRobin => self.client.local.next_round(route.index),
            _ => 0,
        };
        Terms {
            below: None,
            caller: self.caller.and_then(|caller| u32::try_from(caller).ok()),
            class: route.pool.class_of(route.provider, self.model.as_deref()),
            conversation: self.seen.conversation.unwrap_or_else(|| self.id.hash()),
            floor_ms: self.setup.snapshot.observation.floor.0,
            probe_ms: timeouts.connect.0 + timeouts.response_head.0 + PROBE_SLACK_MS,
            start,
        }
    }

    pub(super) fn now(&self) -> Now {
        Now { millis: Millis::now(), wall: self.client.local.shared.wall.now() }
    }

    /// Whether no further attempt may begin.
    pub(super) fn is_spent(&self) -> bool {
        let failover = &self.setup.snapshot.failover;
        self.attempts >= failover.max_attempts
            || self.commit_by.is_some_and(|end| Millis::now() >= end)
    }
}

/// How a 429 to a client's own credential is remembered.
fn own_mark(limits: LimitFacts) -> Mark {
    let answer = Answer { body: ErrorLook::default(), limits, status: 429 };
    match classify(&answer) {
        Verdict::Limited { cause, wait_ms, .. } => Mark { reason: cause.into(), seed: 0, wait_ms },
        _ => Mark { reason: Reason::Ladder, seed: 0, wait_ms: None },
    }
}

/// Where a walk stands.
struct Walk<'w, 'a> {
    key: &'a ProviderKey,
    route: &'w Route<'a>,
    walker: &'w mut Walker<'a>,
}

/// What a probe may take beyond connect and response head (BEHAVIOUR 3).
const PROBE_SLACK_MS: u64 = 1_000;
