//! An exchange that is paid for with the client's own credential: one attempt, whatever comes of it
//! (BEHAVIOUR 2.3). Never touches a key of a pool.

use super::authenticate::Credential;
use super::failure::{Failure, Kind};
use super::route::{Route, Routed};
use super::{Asked, Exchange, Next};
use crate::protocol::http1::head::Field;
use crate::protocol::verdict::{Answer, ErrorLook, LimitFacts, Verdict, classify};
use crate::shared::clock::Millis;
use crate::shared::credential::cooldown::Mark;
use crate::shared::credential::model_class::Class;
use crate::shared::credential::reason::Reason;
use crate::shared::credential::transition::Event;
use crate::shared::routing::rules::Candidate;

impl Exchange<'_> {
    /// One attempt with the client's own credential, whatever comes of it (BEHAVIOUR 2.3).
    pub(super) async fn drive_own(
        &mut self,
        route: &Route<'_>,
        field: Field,
        asked: &mut Asked,
    ) -> Result<Next, Failure> {
        let credential = Credential::Own(field);
        self.enter_provider(route).await?;
        let mut changed = self.body_for(route, asked)?;
        self.note_attempt(route, credential);
        let guest = self.brought(field);
        let began = guest.as_ref().map(|guest| guest.state().load());
        let body = changed.as_mut().unwrap_or(&mut asked.body);
        let call = self.call_settled((route, credential), body, || true).await?;
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
        drop((guest, changed));
        asked.free();
        self.relay(route, credential, call).await
    }

    /// The one candidate of an exchange that is paid for with the client's own credential: a
    /// gate's primary as long as that credential has quota left, else the first other one.
    pub(super) fn own_way<'r>(
        &self,
        routed: &'r Routed<'_>,
        field: Field,
    ) -> Option<&'r Candidate> {
        let (first, second) = (routed.candidates.first(), routed.candidates.get(1));
        let Some(threshold) = first?.below else { return first };
        let floor_ms = self.setup.snapshot.observation.floor.0;
        let now = self.client.local.shared.wall.now();
        let is_open = self
            .brought(field)
            .is_none_or(|guest| guest.windows().utilization(floor_ms, now).is_below(threshold));
        if is_open { first } else { second.or(first) }
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
