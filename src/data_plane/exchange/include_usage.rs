//! The body for one provider: as received, or with another name for the model, or asking for a
//! stream, or for its usage, where clients do not (BEHAVIOUR 8), or translated. Never reads a body
//! itself.

use super::failure::Kind;
use super::route::Route;
use super::{Asked, Body, Exchange};
use crate::data_plane::downstream::request::HEAD_ROOM;
use crate::data_plane::io::buffer::Buffer;
use crate::protocol::dialect::endpoint::Endpoint;
use crate::protocol::json::splice::{self, Edit};
use crate::protocol::json::write;
use crate::protocol::request_facts::{self, RequestFacts};
use crate::protocol::sse::hide_usage::HideUsage;

impl Exchange<'_> {
    /// The body for the route's provider, where it is not as received. What is asked for that the
    /// client did not ask for is kept from it.
    ///
    /// # Errors
    /// `Untranslatable`.
    pub(super) fn body_for(
        &mut self,
        route: &Route<'_>,
        asked: &Asked,
    ) -> Result<Option<Body>, Kind> {
        self.hide_usage = None;
        self.is_demoted = false;
        self.translation = None;
        match route.forms {
            Some(forms) => self.translated(route, forms, asked).map(Some),
            None => Ok(self.own_body_for(route, asked)),
        }
    }

    /// The body for a provider of the client's own form.
    fn own_body_for(&mut self, route: &Route<'_>, asked: &Asked) -> Option<Body> {
        let body = asked.body.of(self.request.bytes());
        let renamed = asked.facts.as_ref().zip(route.candidate.model.as_deref());
        let renamed = renamed.and_then(|(facts, model)| rename(body, facts, model));
        let (body, facts) = match &renamed {
            Some((renamed, facts)) => (renamed.filled(), Some(facts)),
            None => (body, asked.facts.as_ref()),
        };
        if let Some(demoted) = facts.and_then(|facts| demote(route, body, facts)) {
            self.is_demoted = true;
            return Some(Body::Own(demoted));
        }
        let facts = facts.filter(|_| route.provider.adds_usage);
        if let Some(asking) = facts.and_then(|facts| route.endpoint.ask_usage(body, facts)) {
            self.hide_usage = Some(HideUsage::new());
            return Some(Body::Own(asking.into()));
        }
        renamed.map(|(renamed, _)| Body::Own(renamed))
    }
}

/// `body` asking for a stream, where the provider's messages are to come as one and the client does
/// not ask for it.
fn demote(route: &Route<'_>, body: &[u8], facts: &RequestFacts) -> Option<Buffer> {
    let is_asked = route.provider.demotes && route.endpoint == Endpoint::Messages;
    if !is_asked || facts.stream == Some(true) {
        return None;
    }
    let edit = match facts.stream_span {
        Some(span) => Edit::replace(span.range(), b"true".to_vec()),
        None => Edit::insert(body, splice::root(body)?, &[("stream", b"true")])?,
    };
    edited(body, edit)
}

/// `body` with another model, and its facts.
fn rename(body: &[u8], facts: &RequestFacts, model: &str) -> Option<(Buffer, RequestFacts)> {
    let mut text = Vec::new();
    write::string(&mut text, model);
    let out = edited(body, Edit::replace(facts.model?.range(), text))?;
    let facts = request_facts::read(out.filled()).ok()?;
    Some((out, facts))
}

/// `body` with one edit, with room for a head in front.
fn edited(body: &[u8], edit: Edit) -> Option<Buffer> {
    let mut out = Buffer::with_front(HEAD_ROOM, body.len());
    splice::apply(body, &mut [edit], out.tail())?;
    Some(out)
}
