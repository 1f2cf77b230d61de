//! The loop over tries: providers of the route in order, credentials of each, until an answer is
//! relayed or nothing is left to try. Before commit only.

use super::attempt::Call;
use super::authenticate::{Credential, Payer};
use super::conclude::{Kept, Trail};
use super::failure::{Failure, Kind};
use super::judge::Judged;
use super::route::{Route, Routed};
use super::{Asked, Body, Exchange, Next};
use crate::config::snapshot::{ProviderKey, Select};
use crate::protocol::verdict::{Scope, Verdict};
use crate::shared::breaker::Pass;
use crate::shared::clock::Millis;
use crate::shared::credential::cooldown::Mark;
use crate::shared::credential::exhausted::Exhausted;
use crate::shared::credential::model_class::Class;
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
        asked: &mut Asked,
    ) -> Result<Next, Failure> {
        let setup = self.setup.clone();
        self.commit_by = setup.snapshot.failover.deadline.map(|ms| Millis::now().plus(ms.0));
        if let Payer::Own(field) = payer {
            let way = self.own_way(routed, field).ok_or(Kind::Internal(NOBODY))?;
            return self.drive_own(&routed.to(&setup, way)?, field, asked).await;
        }
        let last = routed.candidates.len();
        loop {
            let mut trail = Trail::default();
            for (place, candidate) in routed.candidates.iter().enumerate() {
                let route = routed.to(&setup, candidate)?;
                trail.is_last_provider = place + 1 == last;
                let later = routed.candidates.get(place + 1..).unwrap_or_default();
                trail.is_asked_again = later.iter().any(|c| c.provider == candidate.provider);
                self.turn_to(&route);
                match self.walk(&route, asked, &mut trail).await? {
                    Step::Serve(call, credential) => {
                        self.count_alternative(&route, &trail, call.answered.head.status);
                        // What came before costs no memory while the answer passes.
                        drop(trail);
                        asked.free();
                        return self.relay(&route, credential, call).await;
                    }
                    Step::Stop => break,
                    Step::Again | Step::NextProvider => {}
                }
            }
            if trail.exhausted.disabled > 0 && self.is_outdated().await? {
                return Err(Kind::Outdated.into());
            }
            if self.is_spent() || !self.wait_for_pool(&setup, routed, &trail).await? {
                return Box::pin(self.conclude(trail)).await;
            }
        }
    }

    /// Tries one provider's credentials, each at most once.
    async fn walk<'a>(
        &mut self,
        route: &Route<'a>,
        asked: &mut Asked,
        trail: &mut Trail<'a>,
    ) -> Result<Step<'a>, Failure> {
        let mut body = match self.body_for(route, asked) {
            Ok(body) => body,
            Err(kind) => {
                trail.untranslatable = Some(kind);
                return Ok(Step::NextProvider);
            }
        };
        let body = body.as_mut().unwrap_or(&mut asked.body);
        let mut walker = Walker::new(&route.pool.pool, self.terms(route));
        let step = loop {
            if self.is_spent() {
                trail.is_cut_short = true;
                break Step::Stop;
            }
            let pass = match self.pass_breaker(route, walker.class()) {
                Ok(pass) => pass,
                Err(wait_ms) => {
                    trail.is_open(wait_ms);
                    break Step::NextProvider;
                }
            };
            let Some((key, mut choice)) = self.choose(route, &mut walker, trail) else {
                break Step::NextProvider;
            };
            let walk = Walk { key, pass, route, walker: &mut walker };
            match self.attempt(walk, &mut choice, body, trail).await? {
                Step::Again => self.admission.leave(),
                step => break step,
            }
        };
        let is_skipped = walker.tried() == 0 && trail.open_ms.is_some();
        if !matches!(step, Step::Serve(..)) && !is_skipped {
            self.admission.leave();
            self.note_exhausted(route, walker.exhausted(self.now()), trail);
        }
        Ok(step)
    }

    /// A provider's keys came to nothing. Those that a gate kept out are no reason for an answer.
    pub(super) fn note_exhausted<'a>(
        &self,
        route: &Route<'a>,
        mut exhausted: Exhausted,
        trail: &mut Trail<'a>,
    ) {
        if route.candidate.below.is_none() {
            if !trail.is_cut_short {
                exhausted = exhausted.passed_over();
            }
            let why = Fault::PoolExhausted(exhausted.outcome().name());
            self.count_fault(&route.provider.name, why);
        } else if trail.is_asked_again {
            return;
        } else {
            exhausted.available = 0;
        }
        trail.exhausted.merge(&exhausted);
        if exhausted.unified.is_some() && trail.exhausted.unified == exhausted.unified {
            trail.unified_at = Some(*route);
        }
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
        body: &mut Body,
        trail: &mut Trail<'a>,
    ) -> Result<Step<'a>, Failure> {
        let Walk { key, mut pass, route, walker } = walk;
        let credential = Credential::Pool(key, choice.key);
        let mut once_more = route.provider.retry_on_5xx;
        loop {
            self.note_attempt(route, credential);
            let class = walker.class();
            // A class without a name may have got one meanwhile, and a mark with it.
            let unnamed = self.real_model().filter(|_| class == Class::Other).map(Box::<str>::from);
            let unnamed = unnamed.as_deref();
            let is_open = || {
                let class = unnamed.map_or(class, |_| route.pool.class_of(route.provider, unnamed));
                choice.is_open(class, Millis::now())
            };
            let mut call = match self.call_settled((route, credential), &mut *body, is_open).await {
                Ok(Some(call)) => call,
                Ok(None) => {
                    self.undo_attempt();
                    walker.overtaken();
                    return Ok(Step::Again);
                }
                Err(kind @ (Kind::ClientGone | Kind::Draining)) => return Err(kind.into()),
                Err(kind) => {
                    self.tell_no_answer((route, pass.take()), &kind);
                    trail.transport = Some(kind);
                    if self.is_once_more((route, walker.class()), &mut once_more, &mut pass) {
                        continue;
                    }
                    return Ok(Step::NextProvider);
                }
            };
            let status = call.answered.head.status;
            let class = self.learn((route, walker), choice, pass.as_mut(), status);
            let limits = self.note_limits(credential, class, &mut call);
            let judged = self.judge(&mut call, limits).await?;
            self.tell_answer((route, pass.take()), status, judged.verdict);
            self.mark(walker, (route, choice), judged.verdict);
            match self.follow((route, credential), (call, judged), trail) {
                Step::NextProvider
                    if judged.verdict == Verdict::Overloaded
                        && self.is_once_more((route, class), &mut once_more, &mut pass) => {}
                // What would be asked next is nobody: its answer is as good as any.
                Step::NextProvider if trail.is_last_provider => {
                    let serve = |(call, credential)| Step::Serve(call, credential);
                    return Ok(trail.take_answer().map_or(Step::NextProvider, serve));
                }
                step => return Ok(step),
            }
        }
    }

    /// An answer that shows its model to be real gives the model's class a name.
    fn learn<'a>(
        &self,
        (route, walker): (&Route<'a>, &mut Walker<'a>),
        choice: &mut Choice<'a>,
        pass: Option<&mut Pass<'static>>,
        status: u16,
    ) -> Class {
        let known = walker.class();
        let class = match (known, status) {
            (Class::Other, 200..=299 | 429) => {
                route.pool.learn_class(route.provider, self.real_model())
            }
            _ => known,
        };
        if class != known {
            walker.learn(choice, class);
            self.move_breaker((route, class), pass);
        }
        class
    }

    /// What follows from a verdict; an answer that is not served is kept or left.
    fn follow<'a>(
        &self,
        (route, credential): (&Route<'a>, Credential<'a>),
        (call, judged): (Box<Call>, Judged),
        trail: &mut Trail<'a>,
    ) -> Step<'a> {
        let keep = |call| self.keep((route, credential), call, judged.is_whole);
        match judged.verdict {
            Verdict::Accept | Verdict::Relay => return Step::Serve(call, credential),
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
        let timeouts = &self.timeouts;
        let start = match route.provider.select {
            Select::RoundRobin => self.client.local.next_round(route.index),
            _ => 0,
        };
        Terms {
            below: route.candidate.below,
            caller: self.caller.and_then(|caller| u32::try_from(caller).ok()),
            class: route.pool.class_of(route.provider, self.real_model()),
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
        self.attempts >= self.max_attempts || self.commit_by.is_some_and(|end| Millis::now() >= end)
    }
}

/// Where a walk stands.
struct Walk<'w, 'a> {
    key: &'a ProviderKey,
    /// Its breaker's, where it has one.
    pass: Option<Pass<'static>>,
    route: &'w Route<'a>,
    walker: &'w mut Walker<'a>,
}

/// A request is routed to somebody, or refused.
const NOBODY: &str = "nobody is asked";
/// What a probe may take beyond connect and response head (BEHAVIOUR 3).
const PROBE_SLACK_MS: u64 = 1_000;
