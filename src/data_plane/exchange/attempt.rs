//! One upstream call: connect or reuse, send, read the head of the answer. Never retries.

use std::rc::Rc;

use super::authenticate::Credential;
use super::failure::{BadResponse, Kind};
use super::relay::nature::Nature;
use super::rewrite::{self, Outgoing};
use super::route::Route;
use super::{Body, Exchange};
use crate::data_plane::io::buffer::{Buffer, SMALL};
use crate::data_plane::io::fault::{Cause, Fault, Limit, Wait};
use crate::data_plane::upstream::connect::{self, OnBehalf, Target};
use crate::data_plane::upstream::connection::{Answered, Connection, HeadFault};
use crate::data_plane::worker::local::Local;
use crate::protocol::http1::framing::BodyLength;
use crate::protocol::http1::parse::HeadLimits;
use crate::protocol::json::text::Text;
use crate::protocol::rate_limit::summary::Summary;
use crate::shared::clock::Millis;
use crate::shared::detail::Attempt;

/// An answered call.
#[derive(Debug)]
pub struct Call {
    /// The head of the answer, with what followed it.
    pub answered: Answered,
    /// A stream was asked for in the place of a message.
    pub is_demoted: bool,
    /// What its head says of limits, for the record.
    pub limits: Option<Summary>,
    /// What its head says of its body.
    pub nature: Nature,
    /// The connection the rest comes on; `None` when all of the answer is there.
    pub upstream: Option<Connection>,
    /// The request was sent whole, and nothing came behind its answer so far: the connection may be
    /// used again.
    pub sent_whole: bool,
}

/// Why a call got no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// It failed.
    Failed(Kind),
    /// The key was limited or taken away while the connection was opened: nothing was sent.
    Overtaken,
    /// A reused connection ended before any byte of an answer: not a try (BEHAVIOUR 5).
    Stale,
}

impl From<Kind> for NoAnswer {
    fn from(kind: Kind) -> Self {
        Self::Failed(kind)
    }
}

impl Exchange<'_> {
    /// One attempt with the held `body`: a call, and the same once more on a fresh connection when
    /// an idle one had ended before any byte of an answer. `None`: `is_open` said no after the
    /// connection was opened, and nothing was sent.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn call_settled(
        &mut self,
        (route, credential): (&Route<'_>, Credential<'_>),
        body: &mut Body,
        is_open: impl Fn() -> bool,
    ) -> Result<Option<Box<Call>>, Kind> {
        let whom = (route, credential);
        let call = match self.call(whom, body, false, &is_open).await {
            Err(NoAnswer::Stale) => self.call(whom, body, true, &is_open).await,
            first => first,
        };
        let kind = match call {
            Ok(call) => {
                self.count_status(&route.provider.name, call.answered.head.status);
                return Ok(Some(call));
            }
            Err(NoAnswer::Failed(_)) if self.client_is_gone() => Kind::ClientGone,
            Err(NoAnswer::Failed(kind)) => kind,
            Err(NoAnswer::Overtaken) => return Ok(None),
            Err(NoAnswer::Stale) => Kind::UpstreamCut,
        };
        self.count_no_answer(&route.provider.name, &kind);
        Err(kind)
    }

    /// The attempt noted last was none: nothing was sent.
    pub fn undo_attempt(&mut self) {
        self.attempts -= 1;
        self.seen.gathered.undo_attempt();
    }

    /// Counts an attempt and notes whom it asks.
    pub fn note_attempt(&mut self, route: &Route<'_>, credential: Credential<'_>) {
        self.attempts += 1;
        self.turn_to(route);
        self.note_key(credential);
        self.seen.gathered.attempt(Attempt {
            duration_ms: None,
            key: self.seen.key,
            provider: Text::cut(route.provider.name.as_bytes()),
            reason: "",
            start_ms: Millis::now().since(self.started),
            status: 0,
        });
        if self.attempts == 1 {
            self.first_key = (route.index, self.seen.key);
        }
        if let Credential::Pool(_, state) = credential {
            let statistics = state.slot.statistics();
            statistics.requests.add(1);
            statistics.last_used.advance(self.client.local.shared.wall.now().0);
        }
    }

    /// Sends the held `body` to the route's provider and reads the head of the answer.
    /// `fresh`: do not reuse a connection.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    async fn call(
        &mut self,
        (route, credential): (&Route<'_>, Credential<'_>),
        body: &mut Body,
        fresh: bool,
        is_open: &impl Fn() -> bool,
    ) -> Result<Box<Call>, NoAnswer> {
        self.phase = "connect";
        let mut upstream = self.connect(route, fresh).await?;
        // Opening took a while, in which others may have learnt that the key is limited.
        if !upstream.reused && !is_open() {
            let max = self.setup.snapshot.limits.upstream_idle_per_worker;
            self.client.stream.watch().on_hangup_end(self.gone_from(), None);
            self.client.local.pool.checkin(route.pool.origin, upstream.stream, max);
            return Err(NoAnswer::Overtaken);
        }
        let (head, is_whole) = self.compose(route, credential, body);
        self.phase = "send";
        let stall = self.write_stall();
        let buffers = self.client.local.buffers.clone();
        let mut nothing = Buffer::default();
        let rest = match body {
            Body::Own(own) if !is_whole => own,
            _ => &mut nothing,
        };
        let sent = upstream.send(&buffers, head, rest, stall).await;
        if let Err(Fault::Ended(cause)) = sent {
            return Err(Kind::of_upstream(Fault::Ended(cause)).into());
        }
        // Who stops reading may have said why.
        self.may_panic("send");
        self.phase = "response_head";
        let sent_whole = matches!(sent, Ok(true));
        let (wait, whole_ms) = self.response_head();
        let wait_ms = if sent_whole { whole_ms } else { Some(AFTER_BROKEN_SEND_MS) };
        let wait = self.bound((wait, wait_ms));
        let answered = self.read_head(&mut upstream, wait).await?;
        let mut call = self.answered(answered, sent_whole, upstream);
        call.is_demoted = self.is_demoted;
        Ok(call)
    }

    /// A call with this answer. In a block of its own: it goes through many hands.
    pub fn answered(
        &self,
        answered: Answered,
        sent_whole: bool,
        upstream: Connection,
    ) -> Box<Call> {
        let to_head = self.request.head.method.of(self.request.bytes()) == b"HEAD";
        let nature = Nature::of(&answered.head, answered.buffer.filled(), to_head);
        let upstream = Some(upstream);
        Box::new(Call { answered, is_demoted: false, limits: None, nature, sent_whole, upstream })
    }

    /// A connection to the route's provider: an idle one unless `fresh`, else a new one.
    pub async fn connect(&mut self, route: &Route<'_>, fresh: bool) -> Result<Connection, Kind> {
        let local: Rc<Local> = self.client.local.clone();
        let client = OnBehalf { gone_from: self.gone_from(), watch: self.client.stream.watch() };
        if !fresh {
            let idle_ms = self.timeouts.upstream_idle.0;
            if let Some(stream) = local.pool.checkout(route.pool.origin, idle_ms).await {
                client.watch.on_hangup_end(client.gone_from, Some(stream.watch()));
                return Ok(Connection { reused: true, stream });
            }
        }
        let (_, connect_ms) = self.bound((Wait::Connect, Some(self.timeouts.connect.0)));
        let connect_ms = connect_ms.unwrap_or(u64::MAX);
        let target = Target { connect_ms, provider: route.provider, tls: route.tls };
        let stream = connect::open(&local, target, client).await?;
        client.watch.on_hangup_end(client.gone_from, Some(stream.watch()));
        Ok(Connection { reused: false, stream })
    }

    /// Reads the head of the answer.
    pub async fn read_head(
        &mut self,
        upstream: &mut Connection,
        wait: Limit,
    ) -> Result<Answered, NoAnswer> {
        let limits = HeadLimits {
            fields_max: self.setup.snapshot.limits.headers,
            head_bytes_max: self.setup.snapshot.limits.response_head_bytes,
            line_bytes_max: self.setup.snapshot.limits.response_head_bytes,
        };
        let buffers = self.client.local.buffers.clone();
        let fault = match upstream.read_head(&buffers, limits, wait).await {
            Ok(answered) => return Ok(answered),
            Err(fault) => fault,
        };
        Err(match fault {
            HeadFault::Ended { fault: Some(Fault::Ended(cause)), .. } => {
                Kind::of_upstream(Fault::Ended(cause)).into()
            }
            HeadFault::Ended { before_any: true, .. } if upstream.reused => NoAnswer::Stale,
            HeadFault::Ended { fault: Some(fault), .. } => Kind::of_upstream(fault).into(),
            HeadFault::Ended { fault: None, .. } => Kind::UpstreamCut.into(),
            HeadFault::Refused(refusal) => {
                Kind::UpstreamBadResponse(BadResponse::Refused(refusal)).into()
            }
            HeadFault::Switched => Kind::UpstreamBadResponse(BadResponse::Switched).into(),
            HeadFault::TooManyInterim => {
                Kind::UpstreamBadResponse(BadResponse::TooManyInterim).into()
            }
        })
    }

    /// The head as one buffer, with a small body right behind it: one write for both. Says whether
    /// the body is in it.
    fn compose(
        &self,
        route: &Route<'_>,
        credential: Credential<'_>,
        body: &Body,
    ) -> (Buffer, bool) {
        let bytes = self.request.bytes();
        let payload = body.of(bytes);
        let length = match self.request.body {
            BodyLength::None => BodyLength::None,
            _ => BodyLength::Length(u64::try_from(payload.len()).unwrap_or(u64::MAX)),
        };
        let rules = &self.setup.header_rules.requests;
        let head = &self.request.head;
        let outgoing = Outgoing { body: length, bytes, credential, head, route, rules };
        let mut head = self.client.local.buffers.take_small();
        rewrite::request(head.tail(), &outgoing);
        // A body of its own is as large as it is; one in place is small.
        let is_whole = matches!(body, Body::InPlace(_)) || head.len() + payload.len() <= SMALL;
        if is_whole {
            head.extend(payload);
        }
        (head, is_whole)
    }

    /// How long the head of an answer may take.
    pub fn response_head(&self) -> Limit {
        let timeouts = &self.timeouts;
        if self.streams {
            (Wait::ResponseHeadStream, Some(timeouts.response_head_stream.0))
        } else {
            (Wait::ResponseHead, Some(timeouts.response_head.0))
        }
    }

    /// Why nothing more can be written to the client.
    pub fn client_broke(&self) -> Kind {
        match self.client.stream.watch().cause() {
            Some(Cause::Deadline(wait)) => Kind::ClientStalled(wait),
            _ => Kind::ClientGone,
        }
    }

    /// Whether the client has left, as far as reported.
    pub fn client_is_gone(&self) -> bool {
        self.client.stream.watch().cause() == Some(Cause::ClientGone)
            || self.client.stream.watch().peer() >= self.gone_from()
    }
}

/// How long an upstream that stopped reading may take to say why.
const AFTER_BROKEN_SEND_MS: u64 = 1_000;
