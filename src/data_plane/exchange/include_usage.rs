//! Asks for the usage of streams whose clients do not (BEHAVIOUR 8). Never reads a body itself.

use bytes::Bytes;

use super::route::Route;
use super::{Body, Exchange};
use crate::protocol::request_facts::RequestFacts;
use crate::protocol::sse::hide_usage::HideUsage;

impl Exchange<'_> {
    /// The body to send instead of `body`, where the route's provider is to be asked for usage.
    /// From then on what the client did not ask for is kept from it.
    pub(super) fn include_usage(
        &mut self,
        route: &Route<'_>,
        facts: &RequestFacts,
        body: &Body,
    ) -> Option<Body> {
        if !route.provider.adds_usage {
            return None;
        }
        let asking = route.endpoint.ask_usage(body.of(self.request.bytes()), facts)?;
        self.hide_usage = Some(HideUsage::new());
        Some(Body::Own(Bytes::from(asking)))
    }
}
