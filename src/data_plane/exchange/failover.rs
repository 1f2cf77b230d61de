//! The loop over tries: when another one is allowed, and when to stop. Before commit only.

use super::attempt::NoAnswer;
use super::authenticate::Credential;
use super::failure::{Failure, Kind};
use super::route::Route;
use super::{Body, Exchange, Next};

impl Exchange<'_> {
    /// Asks the route's provider, and relays the answer.
    ///
    /// # Errors
    /// Why there is no answer to relay, or why its relay broke.
    pub(super) async fn drive(
        &mut self,
        route: &Route<'_>,
        credential: Credential<'_>,
        body: Body,
    ) -> Result<Next, Failure> {
        self.attempts += 1;
        let call = match self.call(route, credential, &body, false).await {
            // The idle connection had ended: the same try once more, on a fresh one.
            Err(NoAnswer::Stale) => self.call(route, credential, &body, true).await,
            first => first,
        };
        match call {
            Ok(call) => self.relay(route, credential, call).await,
            Err(NoAnswer::Failed(_)) if self.client_is_gone() => Err(Kind::ClientGone.into()),
            Err(NoAnswer::Failed(kind)) => Err(kind.into()),
            Err(NoAnswer::Stale) => Err(Kind::UpstreamCut.into()),
        }
    }
}
