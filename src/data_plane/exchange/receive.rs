//! Takes a request's body in and notes what it says of itself. Never changes it.

use super::conversation;
use super::failure::{Failure, Kind};
use super::{Body, Exchange};
use crate::config::snapshot::{LogLevel, Provider, Select};
use crate::data_plane::downstream::request::{BodyLimit, Held};
use crate::data_plane::io::fault::Wait;
use crate::protocol::http1::framing::BodyLength;
use crate::protocol::http1::header::Known;
use crate::protocol::request_facts::{self, FactsFault, RequestFacts};

impl Exchange<'_> {
    /// Reads the whole body, within `limits.body`.
    pub(super) async fn receive_body(&mut self) -> Result<Body, Failure> {
        let bytes_max = self.setup.snapshot.limits.body_bytes;
        let idle = self.bound((Wait::ClientBody, Some(self.timeouts.client_body_idle.0)));
        let failed = |fault| Failure::from(Kind::of_body(fault, bytes_max));
        let declared = match self.request.body {
            BodyLength::Length(n) => n,
            _ => 0,
        };
        if declared > bytes_max {
            return Err(Kind::BodyTooLarge(bytes_max).into());
        }
        let stall = self.write_stall();
        self.client.invite_body(self.request, stall).await.map_err(failed)?;
        let held = self.client.read_body(self.request, BodyLimit { bytes_max, idle }).await;
        let held = held.map_err(failed)?;
        self.owes_body = false;
        self.seen.body_bytes = u64::try_from(held.len()).unwrap_or(u64::MAX);
        Ok(match held {
            Held::InPlace(range) => {
                self.bytes_used = range.end;
                Body::InPlace(range)
            }
            Held::Own(body) => Body::Own(body),
        })
    }

    /// Notes what the body says of itself: nothing, when it is encoded or no JSON.
    pub(super) fn read_facts(&mut self, body: &Body) -> Result<Option<RequestFacts>, Kind> {
        let bytes = self.request.bytes();
        let encoding = self.request.head.fields.value(Known::ContentEncoding, bytes);
        if encoding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            self.note_conversation(None);
            return Ok(None);
        }
        let body = body.of(bytes);
        let facts = request_facts::read(body);
        self.note_conversation(facts.as_ref().ok().map(|facts| (facts, body)));
        match facts {
            Ok(facts) => {
                self.model = facts.model.and_then(|span| span.text(body)).map(Into::into);
                self.streams = facts.stream == Some(true);
                self.thinks = facts.has_thinking;
                self.seen.message_count = Some(facts.message_count);
                Ok(Some(facts))
            }
            Err(FactsFault::DuplicateModel) => Err(Kind::DuplicateKey("model")),
            Err(FactsFault::DuplicateStream) => Err(Kind::DuplicateKey("stream")),
            Err(FactsFault::Unreadable) => Ok(None),
        }
    }

    fn note_conversation(&mut self, facts: Option<(&RequestFacts, &[u8])>) {
        let snapshot = &self.setup.snapshot;
        let asks = |provider: &Provider| provider.select == Select::Affinity;
        if snapshot.log.level < LogLevel::Info && !snapshot.providers.iter().any(asks) {
            return; // nobody will read it
        }
        let keyed = &self.client.local.shared.keyed_hash;
        let head = (&self.request.head.fields, self.request.bytes());
        self.seen.conversation = conversation::hash(keyed, head, facts);
    }
}
