//! The body for one provider: as received, or with another name for the model, or asking for a
//! stream, or for its usage, where clients do not (BEHAVIOUR 8), or translated. Never reads a body
//! itself.

use bytes::Bytes;

use super::failure::Kind;
use super::route::Route;
use super::{Asked, Body, Exchange};
use crate::protocol::dialect::endpoint::Endpoint;
use crate::protocol::json::splice::{self, Edit};
use crate::protocol::json::write;
use crate::protocol::request_facts::{self, RequestFacts};
use crate::protocol::sse::hide_usage::HideUsage;

impl Exchange<'_> {
    /// The body for the route's provider. What is asked for that the client did not ask for is
    /// kept from it.
    ///
    /// # Errors
    /// `Untranslatable`.
    pub(super) fn body_for(&mut self, route: &Route<'_>, asked: &Asked) -> Result<Body, Kind> {
        self.hide_usage = None;
        self.is_demoted = false;
        self.translation = None;
        match route.forms {
            Some(forms) => self.translated(route, forms, asked),
            None => Ok(self.own_body_for(route, asked)),
        }
    }

    /// The body for a provider of the client's own form.
    fn own_body_for(&mut self, route: &Route<'_>, asked: &Asked) -> Body {
        let body = asked.body.of(self.request.bytes());
        let renamed = asked.facts.as_ref().zip(route.candidate.model.as_deref());
        let renamed = renamed.and_then(|(facts, model)| rename(body, facts, model));
        let (body, facts) = match &renamed {
            Some((renamed, facts)) => (renamed.as_slice(), Some(facts)),
            None => (body, asked.facts.as_ref()),
        };
        if let Some(demoted) = facts.and_then(|facts| demote(route, body, facts)) {
            self.is_demoted = true;
            return Body::Own(Bytes::from(demoted));
        }
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

/// `body` asking for a stream, where the provider's messages are to come as one and the client does
/// not ask for it.
fn demote(route: &Route<'_>, body: &[u8], facts: &RequestFacts) -> Option<Vec<u8>> {
    let is_asked = route.provider.demotes && route.endpoint == Endpoint::Messages;
    if !is_asked || facts.stream == Some(true) {
        return None;
    }
    let edit = match facts.stream_span {
        Some(span) => Edit::replace(span.range(), b"true".to_vec()),
        None => Edit::insert(body, splice::root(body)?, &[("stream", b"true")])?,
    };
    let mut out = Vec::new();
    splice::apply(body, &mut [edit], &mut out)?;
    Some(out)
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
