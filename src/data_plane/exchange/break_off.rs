//! What an exchange asks of a provider's breaker, and what it tells it (BEHAVIOUR 6). Never decides
//! who is asked instead.

use super::failure::Kind;
use super::route::Route;
use super::{Exchange, detail};
use crate::protocol::verdict::Verdict;
use crate::shared::breaker::Pass;
use crate::shared::clock::Millis;
use crate::shared::credential::model_class::Class;

impl Exchange<'_> {
    /// Leave for one attempt; none is needed where there is no breaker.
    ///
    /// # Errors
    /// Milliseconds until the next probe.
    pub(super) fn pass_breaker(
        &self,
        route: &Route<'_>,
        class: Class,
    ) -> Result<Option<Pass<'static>>, u64> {
        let Some(policy) = route.pool.breaker else { return Ok(None) };
        let breaker = route.pool.breaker_of(class, route.provider, self.real_model());
        breaker.enter(policy, Millis::now()).map(Some)
    }

    /// Whether a failed attempt is made once more with the same key (`retry_on_5xx`).
    pub(super) fn is_once_more(
        &self,
        (route, class): (&Route<'_>, Class),
        once_more: &mut bool,
        pass: &mut Option<Pass<'static>>,
    ) -> bool {
        if !std::mem::take(once_more) || self.is_spent() {
            return false;
        }
        let entered = self.pass_breaker(route, class);
        entered.map(|again| *pass = again).is_ok()
    }

    /// The answer has given the model's class a name.
    pub(super) fn move_breaker(
        &self,
        (route, class): (&Route<'_>, Class),
        pass: Option<&mut Pass<'static>>,
    ) {
        if let Some(pass) = pass {
            pass.move_to(route.pool.breaker_of(class, route.provider, self.real_model()));
        }
    }

    /// Tells what came of an attempt that was answered.
    pub(super) fn tell_answer(
        &mut self,
        (route, pass): (&Route<'_>, Option<Pass<'static>>),
        status: u16,
        verdict: Verdict,
    ) {
        self.attempt_ended(status, detail::reason(verdict));
        self.tell_breaker(route, pass, is_failure(verdict, status));
    }

    /// Tells that an attempt got no answer.
    pub(super) fn tell_no_answer(
        &mut self,
        (route, pass): (&Route<'_>, Option<Pass<'static>>),
        kind: &Kind,
    ) {
        self.attempt_ended(0, kind.code());
        self.tell_breaker(route, pass, Some(true));
    }

    /// `None`: nothing that counts.
    fn tell_breaker(
        &self,
        route: &Route<'_>,
        pass: Option<Pass<'static>>,
        is_failure: Option<bool>,
    ) {
        let (Some(pass), Some(is_failure)) = (pass, is_failure) else { return };
        let now = Millis::now();
        if is_failure {
            if let Some(state) = pass.failed(now) {
                self.tell_break(route, state);
            }
        } else if pass.succeeded(now) {
            self.tell_break(route, crate::shared::breaker::State::Closed);
        }
    }
}

/// Whether an answer counts as a failure of its provider; a 408 counts for nothing.
pub fn is_failure(verdict: Verdict, status: u16) -> Option<bool> {
    match (verdict, status) {
        (_, 408) => None,
        (Verdict::Overloaded, _) => Some(true),
        _ => Some(false),
    }
}
