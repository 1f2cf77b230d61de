//! One client request and all that is done for it: the story in one function, [`run`].
//!
//! Every exchange ends in exactly one answer and, when it failed, exactly one record.

pub mod admit;
pub mod attempt;
pub mod authenticate;
pub mod break_off;
pub mod conclude;
pub mod conversation;
pub mod convert;
pub mod count;
pub mod detail;
pub mod failover;
pub mod failure;
pub mod fields;
pub mod health;
pub mod include_usage;
pub mod judge;
pub mod look;
pub mod observe;
pub mod on_purpose;
pub mod overhead;
pub mod own;
pub mod readings;
pub mod receive;
pub mod record;
pub mod reject;
pub mod relay;
pub mod resting;
pub mod rewrite;
pub mod route;
pub mod upload;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;

use super::downstream::connection::Connection;
use super::downstream::request::{HeadFault, Request};
use super::io::buffer::Buffer;
use super::io::fault::{Limit, Wait};
use super::io::watch::Peer;
use super::worker::local::Working;
use super::worker::request_id::RequestId;
use super::worker::waiting::{Admission, Place};
use crate::config::snapshot::{HalfClose, Snapshot, Timeouts};
use crate::protocol::dialect::Dialect;
use crate::protocol::dialect::endpoint::Endpoint;
use crate::protocol::json::text::Text;
use crate::protocol::request_facts::RequestFacts;
use crate::protocol::sse::hide_usage::HideUsage;
use crate::shared::clock::Millis;
use crate::shared::credential::utilization::Wall;
use crate::shared::lifecycle::Phase;
use crate::shared::pressure::Pressure;
use crate::shared::routing;
use admit::Patience;
use authenticate::Admitted;
use convert::Translation;
use detail::Gathered;
use failure::{Failure, Kind};
use record::Seen;
use route::Decision;

/// What becomes of the client's connection after an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// It closes.
    Close,
    /// It waits for the next request.
    KeepAlive,
}

/// How an exchange left the connection.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Bytes of the request's buffer that belonged to it.
    pub bytes: usize,
    /// What becomes of the connection.
    pub next: Next,
}

/// An exchange under way.
#[derive(Debug)]
pub struct Exchange<'c> {
    /// Who asks and who pays, once found out under this setup.
    pub admitted: Option<Admitted>,
    /// Its places in flight; whatever ends the exchange gives them back.
    pub admission: Admission,
    /// Upstream calls made.
    pub attempts: u32,
    /// When it began, by the calendar.
    pub began: Wall,
    /// Bytes of the request's buffer used so far.
    pub bytes_used: usize,
    /// Index of the owner of the gateway key.
    pub caller: Option<usize>,
    /// The client's connection.
    pub client: &'c mut Connection,
    /// When all attempts together must have led to an answer.
    pub commit_by: Option<Millis>,
    /// Why the provider is asked.
    pub decision: Decision,
    /// The dialect that the client reads errors in.
    pub dialect: Dialect,
    /// What it asks for, once routed.
    pub endpoint: Endpoint,
    /// Provider and key of the first attempt.
    pub first_key: (usize, Text<64>),
    /// For an answer whose usage was asked for by us.
    pub hide_usage: Option<HideUsage>,
    /// Its id.
    pub id: RequestId,
    /// Upstream calls that it may make.
    pub max_attempts: u32,
    /// The attempt asks for a stream although the client does not.
    pub is_demoted: bool,
    /// The model asked for, as far as the body could be read.
    pub model: Option<Box<str>>,
    /// How far it is, for the record.
    pub phase: &'static str,
    /// Where it waits for a permit or a key.
    pub place: Option<Place>,
    /// Index of the provider asked last.
    pub provider: Option<usize>,
    /// The request.
    pub request: &'c Request,
    /// The client still owes bytes of its body.
    pub owes_body: bool,
    /// What its record will say.
    pub seen: Seen,
    /// How long it may wait for permits, and for a key, once it has begun to.
    pub patience: Patience,
    /// What the model is called where it goes, if it has another name there.
    pub routed_model: Option<Box<str>>,
    /// The configuration in force when it began.
    pub setup: Rc<Working>,
    /// When its head was whole.
    pub started: Millis,
    /// The client asks for a stream.
    pub streams: bool,
    /// The client asks for extended thinking.
    pub thinks: bool,
    /// Those of its rule.
    pub timeouts: Timeouts,
    /// Of the body that was made last for a provider of another form.
    pub translation: Option<Box<Translation>>,
}

/// Serves one request to its end.
pub async fn run(client: &mut Connection, request: &Request, setup: Rc<Working>) -> Used {
    let snapshot = &setup.snapshot;
    if let Some(answer) = health::answer(client, request, snapshot) {
        return health::write(client, request, snapshot, answer).await;
    }
    let local = client.local.clone();
    // In place: handed to a function it would be moved, and take twice the room.
    let mut exchange = pin!(serve(client, request, setup));
    let mut spent_ns = 0;
    poll_fn(|context| {
        local.polled.begin(spent_ns);
        let polled = exchange.as_mut().poll(context);
        spent_ns = local.polled.end();
        polled
    })
    .await
}

async fn serve(client: &mut Connection, request: &Request, setup: Rc<Working>) -> Used {
    let local = client.local.clone();
    let _counted = InFlight::begin(&local);
    let mut exchange = Exchange {
        admission: Admission::new(&local),
        admitted: None,
        attempts: 0,
        began: local.shared.wall.now(),
        bytes_used: request.head.end,
        caller: None,
        commit_by: None,
        decision: Decision::default(),
        dialect: routing::dialect_of(&setup.snapshot, &request.head, request.bytes()),
        endpoint: Endpoint::Other,
        first_key: Default::default(),
        hide_usage: None,
        id: local.request_id(),
        is_demoted: false,
        max_attempts: setup.snapshot.failover.max_attempts,
        model: None,
        owes_body: !request.is_bodiless(),
        seen: Seen {
            gathered: Gathered::begin(&setup.snapshot, &local.shared.keyed_hash, request),
            ..Seen::default()
        },
        phase: "route",
        place: None,
        provider: None,
        request,
        patience: Patience::default(),
        routed_model: None,
        timeouts: setup.snapshot.timeouts,
        setup,
        started: Millis::now(),
        translation: None,
        streams: false,
        thinks: false,
        client,
    };
    let next = match exchange.forward().await {
        Ok(next) => {
            exchange.record(None);
            next
        }
        Err(failure) => exchange.reject(failure).await,
    };
    exchange.client.stream.watch().on_hangup_remember();
    exchange.client.stream.watch().set_held(0);
    Used { bytes: exchange.bytes_used, next }
}

impl Exchange<'_> {
    /// Steps 4 to 10 of DESIGN 2; every `?` is a failure that [`Exchange::reject`] answers.
    async fn forward(&mut self) -> Result<Next, Failure> {
        let request = self.request;
        if self.client.local.shared.lifecycle.phase() >= Phase::Draining {
            return Err(Kind::Draining.into());
        }
        if self.client.local.shared.pressure.pressure() >= Pressure::Refuse {
            return Err(Kind::Overloaded.into());
        }
        if request.wants_upgrade {
            return Err(Kind::Upgrade.into());
        }
        let mut arrival = self.enter()?;
        self.may_panic("enter");
        if !arrival.endpoint.is_scanned() {
            loop {
                let (routed, payer) = self.choose_way(&arrival)?;
                self.admit().await?;
                match Box::pin(self.pass_through(&routed, payer)).await {
                    Err(Failure { kind: Kind::Outdated, .. }) if self.adopt_newest() => {}
                    ended => return ended,
                }
                arrival = self.enter()?;
            }
        }
        self.phase = "request_body";
        let body = self.receive_body().await?;
        // While the body came, every key of the old configuration may have gone.
        if self.adopt_newest() {
            arrival = self.enter()?;
        }
        self.seen.gathered.body(body.of(request.bytes()));
        let facts = self.read_facts(&body)?;
        let mut asked = Asked { body, facts };
        self.client.stream.watch().on_hangup_end(self.gone_from(), None);
        loop {
            self.phase = "route";
            let (routed, payer) = self.choose_way(&arrival)?;
            self.phase = "admit";
            self.admit().await?;
            self.may_panic("admit");
            match self.drive(&routed, payer, &mut asked).await {
                Err(Failure { kind: Kind::Outdated, .. }) if self.adopt_newest() => {}
                ended => return ended,
            }
            arrival = self.enter()?;
        }
    }

    /// Goes on by the newest configuration, as long as nothing was answered. False when that is
    /// the one it holds.
    fn adopt_newest(&mut self) -> bool {
        let newest = self.client.local.setup();
        if Rc::ptr_eq(&newest, &self.setup) {
            return false;
        }
        self.admission.release();
        self.setup = newest;
        true
    }

    /// From when on a client that closed its side counts as gone (`stream.half_close`).
    pub fn gone_from(&self) -> Peer {
        match self.setup.snapshot.stream.half_close {
            HalfClose::Gone => Peer::HalfClosed,
            HalfClose::Wait => Peer::Broken,
        }
    }

    /// The bound on a peer that takes no bytes.
    pub fn write_stall(&self) -> Limit {
        let (_, ms) = self.bound((Wait::WriteStall, Some(self.timeouts.write_stall.0)));
        (Wait::WriteStall, ms)
    }

    /// `limit`, or what is left of the whole exchange's deadline where that is less.
    pub fn bound(&self, limit: Limit) -> Limit {
        let exchange = self.timeouts.exchange.map(|ms| (Wait::Exchange, self.started.plus(ms.0)));
        let failover = self.commit_by.map(|end| (Wait::Failover, end));
        let first = exchange.into_iter().chain(failover).min_by_key(|(_, end)| *end);
        let Some((wait, end)) = first else { return limit };
        // A millisecond at least: the wheel, not this sum, ends the wait.
        let left = end.since(Millis::now()).max(1);
        match limit {
            (_, Some(ms)) if ms <= left => limit,
            _ => (wait, Some(left)),
        }
    }

    /// Whether the whole exchange's deadline has passed. To be asked where something always comes:
    /// no wait for it ever takes the time that is left.
    pub fn is_overdue(&self) -> bool {
        let exchange = self.timeouts.exchange;
        exchange.is_some_and(|ms| Millis::now() >= self.started.plus(ms.0))
    }

    /// Whether the connection must close after the answer, as far as this side is concerned.
    pub fn must_close(&self) -> bool {
        let shared = &self.client.local.shared;
        let draining = shared.lifecycle.phase() > Phase::Running;
        let is_short = shared.pressure.pressure() >= Pressure::NoKeepAlive;
        self.request.wants_close || self.owes_body || draining || is_short
    }

    /// The name of the provider asked last.
    pub fn provider_name(&self) -> &str {
        let provider = self.provider.and_then(|index| self.setup.snapshot.providers.get(index));
        provider.map_or("", |provider| provider.name.as_str())
    }
}

/// What every attempt sends, and what it says of itself.
#[derive(Debug)]
pub struct Asked {
    /// As received.
    pub body: Body,
    /// Where it could be read.
    pub facts: Option<RequestFacts>,
}

impl Asked {
    /// Frees the body: nobody will be asked any more, and the answer may take an hour.
    pub fn free(&mut self) {
        self.body = Body::InPlace(0..0);
    }
}

/// A whole request body, sent again in full by every attempt.
#[derive(Debug)]
pub enum Body {
    /// In the request's buffer, at these filled bytes.
    InPlace(std::ops::Range<usize>),
    /// In a block of its own.
    Own(Buffer),
}

impl Body {
    /// Its bytes, in the request's buffer or its own block.
    pub fn of<'a>(&'a self, request: &'a [u8]) -> &'a [u8] {
        match self {
            Self::InPlace(range) => request.get(range.clone()).unwrap_or_default(),
            Self::Own(own) => own.filled(),
        }
    }
}

/// Answers a request whose head could not be read; a client that left gets nothing.
pub async fn refuse_head(client: &mut Connection, snapshot: &Snapshot, fault: HeadFault) -> Next {
    let kind = match fault {
        HeadFault::Quiet => return Next::Close,
        HeadFault::Refused(refusal) => Kind::BadRequest(refusal),
        HeadFault::Timeout(wait) => Kind::ClientTimeout(wait),
    };
    let id = client.local.request_id();
    reject::refuse(client, snapshot, id, &kind).await;
    Next::Close
}

/// An exchange that is counted for as long as it lives, however it ends.
struct InFlight<'l>(&'l crate::shared::counters::Counters);

impl<'l> InFlight<'l> {
    fn begin(local: &'l super::worker::local::Local) -> Self {
        let counters = &local.cell().counters;
        counters.exchange_began();
        Self(counters)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.exchange_ended();
    }
}
