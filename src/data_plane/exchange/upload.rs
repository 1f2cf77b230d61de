//! Paths whose body is not scanned: the body streams through under its own limit, in one attempt.

use super::attempt::{Call, NoAnswer};
use super::authenticate::{Credential, Payer};
use super::conclude::Trail;
use super::failure::{Failure, Kind};
use super::rewrite::{self, Outgoing};
use super::route::{Route, Routed};
use super::{Asked, Body, Exchange, Next};
use crate::data_plane::downstream::request::BodyFault;
use crate::data_plane::downstream::response::{BACK, FRONT, Framing};
use crate::data_plane::io::buffer::Buffer;
use crate::data_plane::io::fault::{Fault, Wait};
use crate::data_plane::upstream::connection::Connection;
use crate::protocol::http1::body;
use crate::protocol::http1::framing::BodyLength;
use crate::shared::credential::model_class::Class;
use crate::shared::credential::walk::Walker;

impl Exchange<'_> {
    /// Streams the request to the first provider that has room and relays the answer: one
    /// attempt, with the first key that is available (BEHAVIOUR 8). Without a body it is sent like
    /// any other.
    ///
    /// # Errors
    /// Why there is no answer to relay, or why its relay broke.
    pub(super) async fn pass_through(
        &mut self,
        routed: &Routed<'_>,
        payer: Payer,
    ) -> Result<Next, Failure> {
        if self.request.is_bodiless() {
            self.owes_body = false;
            let start = self.request.head.end;
            self.client.stream.watch().on_hangup_end(self.gone_from(), None);
            let mut asked = Asked { body: Body::InPlace(start..start), facts: None };
            return self.drive(routed, payer, &mut asked).await;
        }
        let bytes_max = self.setup.snapshot.limits.passthrough_body_bytes;
        if matches!(self.request.body, BodyLength::Length(n) if n > bytes_max) {
            return Err(Kind::BodyTooLarge(bytes_max).into());
        }
        self.drive_upload(routed, payer, bytes_max).await
    }

    async fn drive_upload(
        &mut self,
        routed: &Routed<'_>,
        payer: Payer,
        bytes_max: u64,
    ) -> Result<Next, Failure> {
        let setup = self.setup.clone();
        if let Payer::Own(field) = payer {
            let way = self.own_way(routed, field).ok_or(Kind::Internal("nobody is asked"))?;
            let route = routed.to(&setup, way)?;
            let credential = Credential::Own(field);
            self.turn_to(&route);
            self.enter_provider(&route).await?;
            let mut call = self.upload_once(&route, credential, bytes_max).await?;
            self.note_limits(credential, Class::Other, &mut call);
            return self.relay(&route, credential, call).await;
        }
        let mut trail = Trail { is_last_provider: true, ..Trail::default() };
        let mut chosen = None;
        for (place, candidate) in routed.candidates.iter().enumerate() {
            let route = routed.to(&setup, candidate)?;
            let later = routed.candidates.get(place + 1..).unwrap_or_default();
            trail.is_asked_again = later.iter().any(|c| c.provider == candidate.provider);
            self.turn_to(&route);
            let mut walker = Walker::new(&route.pool.pool, self.terms(&route));
            if let Some((key, choice)) = self.choose(&route, &mut walker, &mut trail) {
                chosen = Some((route, walker, key, choice));
                break;
            }
            self.note_exhausted(&route, walker.exhausted(self.now()), &mut trail);
        }
        let Some((route, mut walker, key, choice)) = chosen else {
            if trail.exhausted.disabled > 0 && self.is_outdated().await? {
                return Err(Kind::Outdated.into());
            }
            return Box::pin(self.conclude(trail)).await;
        };
        let credential = Credential::Pool(key, choice.key);
        let mut call = self.upload_once(&route, credential, bytes_max).await?;
        let limits = self.note_limits(credential, walker.class(), &mut call);
        let judged = self.judge(&mut call, limits).await?;
        self.mark(&mut walker, (&route, &choice), judged.verdict);
        drop(choice);
        self.relay(&route, credential, call).await
    }

    /// One attempt whose body is sent as it comes.
    async fn upload_once(
        &mut self,
        route: &Route<'_>,
        credential: Credential<'_>,
        bytes_max: u64,
    ) -> Result<Box<Call>, Failure> {
        self.note_attempt(route, credential);
        let uploaded = self.upload(route, credential, bytes_max).await;
        match &uploaded {
            Ok(call) => self.count_status(&route.provider.name, call.answered.head.status),
            Err(failure) => self.count_no_answer(&route.provider.name, &failure.kind),
        }
        uploaded
    }

    async fn upload(
        &mut self,
        route: &Route<'_>,
        credential: Credential<'_>,
        bytes_max: u64,
    ) -> Result<Box<Call>, Failure> {
        self.phase = "connect";
        // A body that streams can be sent only once: no idle connection that may have ended.
        let mut upstream = self.connect(route, true).await?;
        self.phase = "request_body";
        let stall = self.write_stall();
        let invited = self.client.invite_body(self.request, stall).await;
        invited.map_err(|fault| Kind::of_body(fault, bytes_max))?;
        let mut head = self.client.local.buffers.take_small();
        let (bytes, body) = (self.request.bytes(), self.request.body);
        let rules = &self.setup.header_rules.requests;
        let outgoing = Outgoing { body, bytes, credential, head: &self.request.head, route, rules };
        rewrite::request(head.tail(), &outgoing);
        let (sent, head) = upstream.stream.write_all(head, stall).await;
        self.client.local.buffers.put(head);
        upstream.stream.on_answer_end_writes(true);
        let sent_whole = match sent {
            Ok(()) => self.upload_body(&mut upstream, bytes_max).await?,
            Err(Fault::Ended(cause)) => return Err(Kind::of_upstream(Fault::Ended(cause)).into()),
            Err(_) => false,
        };
        upstream.stream.on_answer_end_writes(false);
        self.phase = "response_head";
        let wait = self.bound(self.response_head());
        match self.read_head(&mut upstream, wait).await {
            Ok(answered) => Ok(self.answered(answered, sent_whole, upstream)),
            Err(_) if self.client_is_gone() => Err(Kind::ClientGone.into()),
            Err(NoAnswer::Failed(kind)) => Err(kind.into()),
            Err(NoAnswer::Overtaken | NoAnswer::Stale) => Err(Kind::UpstreamCut.into()),
        }
    }

    /// Passes the body on, read by read. False when the upstream answered, or broke, before its
    /// end: then the rest is not sent.
    async fn upload_body(
        &mut self,
        upstream: &mut Connection,
        bytes_max: u64,
    ) -> Result<bool, Failure> {
        let framing = match self.request.body {
            BodyLength::Length(n) => Framing::Length(n),
            _ => Framing::Chunked,
        };
        let mut body = body::Body::new(self.request.body);
        let mut buffer = self.client.local.buffers.take_large();
        buffer.clear_with_room(FRONT, BACK);
        self.client.take_begun(self.request, &mut buffer);
        self.bytes_used = self.request.buffer.len();
        let (mut total, stall) = (0_u64, self.write_stall());
        loop {
            let taken = take(&mut body, &mut buffer).map_err(Kind::BadRequest)?;
            total = total.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
            self.seen.body_bytes = total;
            if total > bytes_max {
                return Err(Kind::BodyTooLarge(bytes_max).into());
            }
            framing.frame(&mut buffer);
            if let Some(rest) = taken {
                self.client.keep_for_next(&rest);
                self.owes_body = false;
                framing.end(&mut buffer);
            }
            let (sent, written) = upstream.stream.write_all(buffer, stall).await;
            buffer = written;
            match sent {
                Ok(()) => {}
                Err(Fault::Ended(cause)) => {
                    return Err(Kind::of_upstream(Fault::Ended(cause)).into());
                }
                Err(_) => break,
            }
            if !self.owes_body {
                self.client.local.buffers.put(buffer);
                return Ok(true);
            }
            // TLS tickets come unasked and are no answer.
            if !upstream.stream.is_quiet().await {
                break;
            }
            buffer = self.receive(buffer, bytes_max).await?;
        }
        self.client.local.buffers.put(buffer);
        Ok(false)
    }

    /// Reads the next bytes of the body from the client.
    async fn receive(&mut self, mut buffer: Buffer, bytes_max: u64) -> Result<Buffer, Failure> {
        buffer.clear_with_room(FRONT, BACK);
        let idle = self.bound((Wait::ClientBody, Some(self.timeouts.client_body_idle.0)));
        let (read, buffer) = self.client.stream.read(buffer, idle).await;
        let fault = match read {
            Ok(0) => BodyFault::ClientGone,
            Ok(_) => return Ok(buffer),
            Err(fault) => fault.into(),
        };
        self.client.local.buffers.put(buffer);
        Err(Kind::of_body(fault, bytes_max).into())
    }
}

/// Leaves only payload in `buffer`. Once the body is over: what came behind it.
fn take(
    body: &mut body::Body,
    buffer: &mut Buffer,
) -> Result<Option<Vec<u8>>, crate::protocol::http1::Refusal> {
    let taken = super::relay::take_payload(body, buffer);
    match taken.fault {
        Some(refusal) => Err(refusal),
        None if body.is_done() => Ok(Some(taken.rest)),
        None => Ok(None),
    }
}
