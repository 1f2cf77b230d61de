//! The answer on its way to the client: read, frame, write, until the last byte. Body bytes are
//! never changed, each read is forwarded before the next is awaited; but for the usage that only
//! the gateway asked for, which is kept back by whole events (BEHAVIOUR 8).

pub mod nature;
mod passage;
mod pulse;
mod whole;

use std::borrow::Cow;

use super::attempt::Call;
use super::authenticate::Credential;
use super::failure::{BadResponse, Failure, Kind};
use super::fields::Ours;
use super::observe::Observation;
use super::rewrite::{self, Answer, Foreign};
use super::route::Route;
use super::{Exchange, Next};
use crate::data_plane::downstream::response::{BACK, FRONT, Framing};
use crate::data_plane::io::buffer::{Buffer, LARGE, MEDIUM};
use crate::data_plane::io::fault::Wait;
use crate::data_plane::upstream::connection::{Answered, Connection};
use crate::protocol::http1::framing::BodyLength;
use crate::protocol::http1::head::ResponseHead;
use crate::protocol::usage::Observer;
use crate::shared::tally::{self, Fault};
use nature::Nature;
pub use passage::take_payload;
use passage::{Passage, Stand};
use pulse::Waited;
use whole::{Taker, content_type};

/// How a passage ended short of its end.
#[derive(Debug)]
enum Broken {
    /// The client left or stopped reading.
    Client,
    /// The upstream's side broke.
    Upstream(Kind),
}

impl Exchange<'_> {
    /// Relays an answer to its last byte.
    ///
    /// # Errors
    /// `sent_any` is set once the head has gone out.
    pub(super) async fn relay(
        &mut self,
        route: &Route<'_>,
        credential: Credential<'_>,
        call: Box<Call>,
    ) -> Result<Next, Failure> {
        self.phase = "relay";
        self.commit_by = None;
        self.note_key(credential);
        match self.taker(route, &call)? {
            Some(taker) => self.relay_whole((route, credential), call, taker).await,
            None => self.relay_flowing(route, credential, call).await,
        }
    }

    /// What takes an answer in whole before anything of it is passed on; `None`: it flows.
    fn taker(&self, route: &Route<'_>, call: &Call) -> Result<Option<Taker>, Kind> {
        let status = call.answered.head.status;
        let is_flowing = call.nature.is_open_stream() && (200..300).contains(&status);
        if call.is_demoted && is_flowing {
            return Ok(Some(Taker::fold()));
        }
        let Some(forms) = route.forms.filter(|_| !is_flowing) else { return Ok(None) };
        if !call.nature.is_in_the_clear {
            return Err(Kind::UpstreamBadResponse(BadResponse::Encoded));
        }
        Ok(Some(Taker::Translate { body: Vec::new(), echo: self.echo(), forms, status }))
    }

    /// Relays an answer as it comes.
    async fn relay_flowing(
        &mut self,
        route: &Route<'_>,
        credential: Credential<'_>,
        call: Box<Call>,
    ) -> Result<Next, Failure> {
        // Its block is free while the answer passes.
        let Call { answered, limits, nature, sent_whole, mut upstream, .. } = *{ call };
        let Answered { mut buffer, head } = answered;
        let length = nature.length()?;
        let hide_usage = self.hide_usage.take().filter(|_| nature.is_open_stream());
        let is_changed = hide_usage.is_some() || route.forms.is_some();
        let length_down = if is_changed { without_count(length) } else { length };
        let framing = Framing::for_client(self.request, length_down);
        let closes = self.must_close() || framing == Framing::Close;
        let mut out = self.client.local.buffers.take_small();
        let foreign = self.foreign(route);
        let mut rules = Cow::Borrowed(&*self.setup.header_rules.answers);
        if foreign.is_some() {
            rules.to_mut().insert(0, content_type("text/event-stream; charset=utf-8"));
        }
        let (bytes, keeps_length, rules) = (buffer.filled(), nature.keeps_length, &*rules);
        let answer = Answer { bytes, foreign, framing, head: &head, keeps_length, rules };
        rewrite::response(out.tail(), &answer);
        self.own_fields(out.tail(), Ours { closes, credential: Some(credential), error: None });
        let mut observation = self.observation(route, &head, buffer.filled(), nature);
        observation.limits = limits;
        self.gather_head(&head, buffer.filled(), nature);
        observation.capture = self.seen.gathered.capture(self.started);
        let mut passage = Passage::new(nature, (length, framing), observation);
        passage.hide_usage = hide_usage;
        passage.converter = route.forms.map(|forms| Box::new(self.converter(forms)));
        passage.pulse = self.pulse(nature.is_open_stream());
        self.seen.status = head.status;
        buffer.consume(head.end);
        let passed = self.pass(&mut passage, &mut upstream, out, buffer).await;
        self.seen.gathered.put_back(passage.take_capture());
        self.note_answered(credential, &mut passage, passed.is_ok());
        match passed {
            Ok(()) => {
                if sent_whole && !nature.closes && passage.body.is_done() && !passage.extra {
                    self.keep_connection(route, upstream);
                }
                Ok(self.after_answer(closes).await)
            }
            Err(Broken::Client) => Err(Failure { kind: self.client_broke(), sent_any: true }),
            Err(Broken::Upstream(kind)) => {
                self.count_no_answer(&route.provider.name, &kind);
                drop(upstream);
                self.end_broken(&passage, &kind).await;
                Err(Failure { kind, sent_any: true })
            }
        }
    }

    /// Notes what was seen of an answer, and what it has cost. `clean`: it came to its end.
    fn note_answered(&mut self, credential: Credential<'_>, passage: &mut Passage, clean: bool) {
        let mut record = self.client.local.cell().journal.blank();
        passage.finish(clean, self.started, &mut record);
        if let Credential::Pool(_, state) = credential {
            let tokens = tally::by_kind(&record.answered.usage);
            state.slot.statistics().tokens.add(tokens.iter().sum());
        }
        self.seen.record = Some(record);
    }

    /// A connection that owes nothing waits for another request.
    fn keep_connection(&self, route: &Route<'_>, upstream: Option<Connection>) {
        let max = self.setup.snapshot.limits.upstream_idle_per_worker;
        self.client.stream.watch().on_hangup_remember();
        if let Some(upstream) = upstream {
            self.client.local.pool.checkin(route.pool.origin, upstream.stream, max);
        }
    }

    /// Looks at an answer that can be read.
    fn observation(
        &self,
        route: &Route<'_>,
        head: &ResponseHead,
        bytes: &[u8],
        nature: Nature,
    ) -> Observation {
        let is_scanned = self.endpoint.is_scanned() && self.setup.snapshot.observation.accounting;
        let readable = is_scanned && nature.is_in_the_clear;
        if is_scanned && !readable {
            self.count_fault(&route.provider.name, Fault::BodyUnobserved("encoded"));
        }
        let endpoint = route.forms.map_or(self.endpoint, |forms| forms.provider.endpoint());
        let observer =
            readable.then(|| Observer::new(route.provider.dialect, endpoint, nature.is_stream));
        Observation::new(head, bytes, observer)
    }

    /// Between which forms an answer of the route's provider is translated, if at all.
    fn foreign(&self, route: &Route<'_>) -> Option<Foreign> {
        let now_s = self.client.local.shared.wall.now().0 / 1_000;
        route.forms.map(|forms| Foreign { forms, now_s })
    }

    fn gather_head(&mut self, head: &ResponseHead, bytes: &[u8], nature: Nature) {
        let keyed = &self.client.local.shared.keyed_hash;
        self.seen.gathered.head(keyed, (head, bytes), nature.is_in_the_clear);
    }

    /// What becomes of the connection after a whole answer.
    pub(super) async fn after_answer(&mut self, closes: bool) -> Next {
        if !closes {
            return Next::KeepAlive;
        }
        // Closing with unread bytes would reset the connection and overtake the answer.
        if self.owes_body || self.client.stream.has_input() {
            self.client.linger().await;
        }
        Next::Close
    }

    async fn pass(
        &mut self,
        passage: &mut Passage,
        upstream: &mut Option<Connection>,
        out: Buffer,
        mut buffer: Buffer,
    ) -> Result<(), Broken> {
        let mut stand = passage.take(&mut buffer);
        self.release_at_end(&stand);
        let mut result = self.write_first(passage, &stand, out, &mut buffer).await;
        self.may_panic("relay");
        let byte_idle = (Wait::ByteIdle, Some(self.timeouts.byte_idle.0));
        let mut full_reads = 0;
        while result.is_ok() {
            match stand {
                Stand::Done => break,
                Stand::Broken(Kind::ClientGone) => result = Err(Broken::Client),
                Stand::Broken(kind) => {
                    result = Err(Broken::Upstream(kind));
                    break;
                }
                Stand::Flowing if self.is_overdue() => {
                    result = Err(Broken::Upstream(Kind::UpstreamTimeout(Wait::Exchange)));
                    break;
                }
                Stand::Flowing => {}
            }
            if full_reads == GROW_AFTER {
                self.grow(passage, &mut buffer);
            }
            let Some(upstream) = upstream else {
                result = Err(Broken::Upstream(Kind::Internal("a kept answer is not whole")));
                break;
            };
            let mut idle = self.bound(byte_idle);
            if passage.pulse.is_some() {
                idle = match self.wait_watched(passage, upstream, idle).await {
                    Waited::Readable(left) => left,
                    Waited::ClientBroke | Waited::Dead(Kind::ClientGone) => {
                        result = Err(Broken::Client);
                        break;
                    }
                    Waited::Dead(kind) => {
                        result = Err(Broken::Upstream(kind));
                        break;
                    }
                };
            }
            (stand, buffer) = passage.read(upstream, buffer, idle).await;
            full_reads = if buffer.spare() == 0 { full_reads + 1 } else { 0 };
            passage.frame(&stand, &mut buffer);
            self.release_at_end(&stand);
            if !buffer.is_empty() {
                let written;
                (written, buffer) = self.client.stream.write_all(buffer, self.write_stall()).await;
                result = written.map_err(|_| Broken::Client);
            }
        }
        self.client.local.buffers.put(buffer);
        result
    }

    /// Exchanges what reads keep filling for a larger one. Streams last: theirs stays small enough
    /// for 64 KiB a stream in all, what is encrypted of it included.
    fn grow(&self, passage: &Passage, buffer: &mut Buffer) {
        let buffers = &self.client.local.buffers;
        let larger = match passage.boundary {
            Some(_) if self.client.stream.is_tls() => return,
            Some(_) if buffer.capacity() < MEDIUM => buffers.take_medium(),
            None if buffer.capacity() < LARGE => buffers.take_large(),
            _ => return,
        };
        buffers.put(std::mem::replace(buffer, larger));
    }

    /// The answer is here: its permits are free before the client can know of its last byte.
    fn release_at_end(&mut self, stand: &Stand) {
        if matches!(stand, Stand::Done) {
            self.admission.release();
        }
    }

    /// The head, and with it what came of the body, in one write where it fits.
    async fn write_first(
        &mut self,
        passage: &mut Passage,
        stand: &Stand,
        mut out: Buffer,
        buffer: &mut Buffer,
    ) -> Result<(), Broken> {
        let stall = self.write_stall();
        passage.frame(stand, buffer);
        let fits = buffer.len() <= out.spare();
        if fits {
            out.extend(buffer.filled());
        }
        let (written, out) = self.client.stream.write_all(out, stall).await;
        self.client.local.buffers.put(out);
        written.map_err(|_| Broken::Client)?;
        if !fits {
            let (written, back) = self.client.stream.write_all(std::mem::take(buffer), stall).await;
            *buffer = back;
            written.map_err(|_| Broken::Client)?;
        }
        Ok(())
    }

    /// Shows the client that the answer broke: an event of its dialect where one may stand, and
    /// then an end that no client takes for a whole answer (BEHAVIOUR 8).
    async fn end_broken(&mut self, passage: &Passage, kind: &Kind) {
        let mut out = self.client.local.buffers.take_small();
        out.clear_with_room(FRONT, BACK);
        if passage.boundary.is_some_and(|boundary| boundary.is_between()) {
            let message = kind.message(self.provider_name());
            let error = self.error_body(kind, &message);
            self.dialect.write_error_event(out.tail(), self.endpoint, error);
        }
        if passage.would_complete(out.len()) {
            out.clear();
        }
        passage.framing.frame(&mut out);
        let stall = (Wait::WriteStall, Some(BROKEN_END_MS));
        let (_gone_or_written, out) = self.client.stream.write_all(out, stall).await;
        self.client.local.buffers.put(out);
        if passage.framing == Framing::Close {
            self.client.stream.reset_on_close();
        }
    }
}

/// How a body of which a part may stay behind ends at the client: its length is not known.
const fn without_count(length: BodyLength) -> BodyLength {
    match length {
        BodyLength::Length(_) => BodyLength::UntilClose,
        other => other,
    }
}

/// Reads in a row that filled a small buffer before a large one is taken.
const GROW_AFTER: u32 = 2;
/// How long a client may take to take in the end of a broken answer.
const BROKEN_END_MS: u64 = 2_000;
