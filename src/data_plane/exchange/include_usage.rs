//! Asks for the usage of streams whose clients do not (BEHAVIOUR 8). Never reads a body itself.

use bytes::Bytes;

use super::route::Route;
use super::{Asked, Body, Exchange};
use crate::protocol::sse::hide_usage::HideUsage;

impl Exchange<'_> {
    /// The body for the route's provider: as received, or asking for usage where that provider is
    /// to be asked. Then what the client did not ask for is kept from it.
    pub(super) fn body_for(&mut self, route: &Route<'_>, asked: &Asked) -> Body {
        self.hide_usage = None;
        let body = asked.body.of(self.request.bytes());
        let facts = asked.facts.as_ref().filter(|_| route.provider.adds_usage);
        match facts.and_then(|facts| route.endpoint.ask_usage(body, facts)) {
            Some(asking) => {
                self.hide_usage = Some(HideUsage::new());
                Body::Own(Bytes::from(asking))
            }
            None => asked.body.clone(),
        }
    }
}
