//! The body for one provider: as received, or with another name for the model, or asking for the
//! usage of streams whose clients do not (BEHAVIOUR 8). Never reads a body itself.

use bytes::Bytes;

use super::route::Route;
use super::{Asked, Body, Exchange};
use crate::protocol::json::splice::{self, Edit};
use crate::protocol::json::write;
use crate::protocol::request_facts::{self, RequestFacts};
use crate::protocol::sse::hide_usage::HideUsage;

impl Exchange<'_> {
    /// The body for the route's provider. What is asked for that the client did not ask for is
    /// kept from it.
    pub(super) fn body_for(&mut self, route: &Route<'_>, asked: &Asked) -> Body {
        self.hide_usage = None;
        let body = asked.body.of(self.request.bytes());
        let renamed = asked.facts.as_ref().zip(route.candidate.model.as_deref());
        let renamed = renamed.and_then(|(facts, model)| rename(body, facts, model));
        let (body, facts) = match &renamed {
            Some((renamed, facts)) => (renamed.as_slice(), Some(facts)),
            None => (body, asked.facts.as_ref()),
        };
        let facts = facts.filter(|_| route.provider.adds_usage);
        if let Some(asking) = facts.and_then(|facts| route.endpoint.ask_usage(body, facts)) {
            self.hide_usage = Some(HideUsage::new());
            return Body::Own(Bytes::from(asking));
        }
        match renamed {
            Some((renamed, _)) => Body::Own(Bytes::from(renamed)),
            None => asked.body.clone(),
        }
    }
}

/// `body` with another model, and its facts.
fn rename(body: &[u8], facts: &RequestFacts, model: &str) -> Option<(Vec<u8>, RequestFacts)> {
    let mut text = Vec::new();
    write::string(&mut text, model);
    let mut out = Vec::new();
    splice::apply(body, &mut [Edit::replace(facts.model?.range(), text)], &mut out)?;
    let facts = request_facts::read(&out).ok()?;
    Some((out, facts))
}
