//! The answer on its way to the client: read, frame, write, until the last byte. Body bytes are
//! never changed; each read is forwarded before the next is awaited (BEHAVIOUR 8).

use super::attempt::Call;
use super::authenticate::Credential;
use super::failure::{BadResponse, Failure, Kind};
use super::fields::Ours;
use super::observe::Observation;
use super::rewrite::{self, Answer};
use super::route::Route;
use super::{Exchange, Next};
use crate::data_plane::downstream::response::{BACK, FRONT, Framing};
use crate::data_plane::io::buffer::{Buffer, LARGE};
use crate::data_plane::io::fault::{Limit, Wait};
use crate::data_plane::io::fd::Peek;
use crate::data_plane::upstream::connection::{Answered, Connection};
use crate::protocol::http1::Refusal;
use crate::protocol::http1::body::{Body, Piece};
use crate::protocol::http1::framing::{self, BodyLength};
use crate::protocol::http1::head::ResponseHead;
use crate::protocol::http1::header::Known;
use crate::protocol::rate_limit::summary::Summary;
use crate::protocol::sse::boundary::Boundary;
use crate::protocol::usage::Observer;
use crate::shared::clock::Millis;
use crate::shared::journal::Answered as Observed;

/// A body on its way.
#[derive(Debug)]
struct Passage {
    body: Body,
    /// For event streams that pass in the clear: whether an event of ours may follow.
    boundary: Option<Boundary>,
    /// The upstream sent bytes that nobody asked for.
    extra: bool,
    framing: Framing,
    /// Until the body ended.
    observation: Option<Observation>,
    /// Payload bytes passed on.
    passed: u64,
}

/// Where a passage stands after a read.
#[derive(Debug)]
enum Stand {
    Broken(Kind),
    Done,
    Flowing,
}

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
        call: Call,
    ) -> Result<Next, Failure> {
        self.phase = "relay";
        self.note_key(credential);
        let Call { answered: Answered { mut buffer, head }, mut upstream, sent_whole } = call;
        let to_head = self.request.head.method.of(self.request.bytes()) == b"HEAD";
        let length = body_length(&head, buffer.filled(), to_head)?;
        let framing = Framing::for_client(self.request, length);
        let closes = self.must_close() || framing == Framing::Close;
        let mut out = self.client.local.buffers.take_small();
        let keeps_length = to_head || head.status == 304;
        let answer = Answer { bytes: buffer.filled(), framing, head: &head, keeps_length };
        rewrite::response(out.tail(), &answer);
        self.own_fields(out.tail(), Ours { closes, credential: Some(credential), error: None });
        let reusable =
            sent_whole && !framing::wants_close(&head.fields, head.minor, buffer.filled());
        let limits = self.note_limits(route, credential, &head, buffer.filled());
        let observation = self.observation(route, (&head, buffer.filled()), limits);
        let mut passage = Passage::new(&head, buffer.filled(), (length, framing), observation);
        self.seen.status = head.status;
        buffer.consume(head.end);
        let passed = self.pass(&mut passage, &mut upstream, out, buffer).await;
        self.seen.answered = passage.finish(passed.is_ok(), self.started);
        match passed {
            Ok(()) => {
                if reusable && passage.body.is_done() && !passage.extra {
                    let max = self.snapshot.limits.upstream_idle_per_worker;
                    self.client.stream.watch().on_hangup_remember();
                    self.client.local.pool.checkin(route.index, upstream.stream, max);
                }
                Ok(self.after_answer(closes).await)
            }
            Err(Broken::Client) => Err(Failure { kind: Kind::ClientGone, sent_any: true }),
            Err(Broken::Upstream(kind)) => {
                drop(upstream);
                self.end_broken(&passage, &kind).await;
                Err(Failure { kind, sent_any: true })
            }
        }
    }

    /// Looks at an answer that can be read.
    fn observation(
        &self,
        route: &Route<'_>,
        (head, bytes): (&ResponseHead, &[u8]),
        limits: Option<Summary>,
    ) -> Observation {
        let readable = self.endpoint.is_scanned() && is_in_the_clear(head, bytes);
        let observer = readable
            .then(|| Observer::new(route.provider.dialect, self.endpoint, is_stream(head, bytes)));
        Observation::new(head, bytes, observer, limits)
    }

    /// What becomes of the connection after a whole answer.
    pub(super) async fn after_answer(&mut self, closes: bool) -> Next {
        if !closes {
            return Next::KeepAlive;
        }
        // Closing with unread bytes would reset the connection and overtake the answer.
        if self.owes_body || self.client.stream.peek() == Peek::Bytes {
            self.client.linger().await;
        }
        Next::Close
    }

    async fn pass(
        &mut self,
        passage: &mut Passage,
        upstream: &mut Connection,
        out: Buffer,
        mut buffer: Buffer,
    ) -> Result<(), Broken> {
        let mut stand = passage.take(&mut buffer);
        let mut result = self.write_first(passage, &stand, out, &mut buffer).await;
        let byte_idle = (Wait::ByteIdle, Some(self.snapshot.timeouts.byte_idle.0));
        let mut full_reads = 0;
        while result.is_ok() {
            match stand {
                Stand::Done => break,
                Stand::Broken(Kind::ClientGone) => result = Err(Broken::Client),
                Stand::Broken(kind) => {
                    result = Err(Broken::Upstream(kind));
                    break;
                }
                Stand::Flowing => {}
            }
            if full_reads == GROW_AFTER && buffer.capacity() < LARGE {
                let large = self.client.local.buffers.take_large();
                self.client.local.buffers.put(std::mem::replace(&mut buffer, large));
            }
            (stand, buffer) = passage.read(upstream, buffer, self.bound(byte_idle)).await;
            full_reads = if buffer.spare() == 0 { full_reads + 1 } else { 0 };
            passage.frame(&stand, &mut buffer);
            if !buffer.is_empty() {
                let written;
                (written, buffer) = self.client.stream.write_all(buffer, self.write_stall()).await;
                result = written.map_err(|_| Broken::Client);
            }
        }
        self.client.local.buffers.put(buffer);
        result
    }

    /// The head, and with it what came of the body, in one write where it fits.
    async fn write_first(
        &mut self,
        passage: &Passage,
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

impl Passage {
    fn new(
        head: &ResponseHead,
        bytes: &[u8],
        (length, framing): (BodyLength, Framing),
        observation: Observation,
    ) -> Self {
        let in_the_clear = is_in_the_clear(head, bytes);
        Self {
            body: Body::new(length),
            boundary: (is_stream(head, bytes) && in_the_clear).then(Boundary::new),
            extra: false,
            framing,
            observation: Some(observation),
            passed: 0,
        }
    }

    /// Ends the observation. `clean`: the answer came to its end.
    fn finish(&mut self, clean: bool, started: Millis) -> Observed {
        self.observation.take().map(|o| o.finish(clean, started)).unwrap_or_default()
    }

    /// Reads once and leaves only payload in the buffer.
    async fn read(
        &mut self,
        upstream: &mut Connection,
        mut buffer: Buffer,
        idle: Limit,
    ) -> (Stand, Buffer) {
        buffer.clear_with_room(FRONT, BACK);
        let (read, mut buffer) = upstream.stream.read(buffer, idle).await;
        let stand = match read {
            Ok(0) if self.body.may_end_here() => Stand::Done,
            Ok(0) => Stand::Broken(Kind::UpstreamCut),
            Ok(_) => self.take(&mut buffer),
            Err(fault) => Stand::Broken(Kind::of_upstream(fault)),
        };
        (stand, buffer)
    }

    /// Leaves only payload in the buffer, and says where the body stands.
    fn take(&mut self, buffer: &mut Buffer) -> Stand {
        let taken = take_payload(&mut self.body, buffer);
        self.extra |= !taken.rest.is_empty();
        self.passed = self.passed.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        if let Some(boundary) = &mut self.boundary {
            boundary.push(buffer.filled());
        }
        if let Some(observation) = &mut self.observation {
            observation.push(buffer.filled());
        }
        match taken.fault {
            Some(refusal) => {
                Stand::Broken(Kind::UpstreamBadResponse(BadResponse::Refused(refusal)))
            }
            None if self.body.is_done() => Stand::Done,
            None => Stand::Flowing,
        }
    }

    fn frame(&self, stand: &Stand, buffer: &mut Buffer) {
        self.framing.frame(buffer);
        if matches!(stand, Stand::Done) {
            self.framing.end(buffer);
        }
    }

    /// Whether so many bytes more would make a cut body look whole.
    fn would_complete(&self, bytes: usize) -> bool {
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        matches!(self.framing, Framing::Length(n) if self.passed.saturating_add(more) >= n)
    }
}

/// What [`take_payload`] found besides payload.
#[derive(Debug)]
pub struct Taken {
    /// Broken framing behind the payload.
    pub fault: Option<Refusal>,
    /// What came behind the end of the body.
    pub rest: Vec<u8>,
}

/// Leaves only the payload of this read in `buffer`, closing gaps where it came in many chunks.
pub fn take_payload(body: &mut Body, buffer: &mut Buffer) -> Taken {
    let (mut at, mut start, mut len) = (0, 0, 0);
    let mut taken = Taken { fault: None, rest: Vec::new() };
    loop {
        match body.step(buffer.filled().get(at..).unwrap_or_default()) {
            Ok(Piece::Data { len: here, skip }) => {
                let from = at + skip;
                if len == 0 {
                    start = from;
                } else if from > start + len {
                    buffer.move_within(from..from + here, start + len);
                }
                len += here;
                at = from + here;
            }
            Ok(Piece::NeedMore) => break,
            Ok(Piece::End { consumed }) => {
                let rest = buffer.filled().get(at + consumed..).unwrap_or_default();
                taken.rest = rest.to_vec();
                break;
            }
            Err(refusal) => {
                taken.fault = Some(refusal);
                break;
            }
        }
    }
    buffer.keep(start..start + len);
    taken
}

/// How the body of an answer ends, or why the answer cannot be passed on.
fn body_length(head: &ResponseHead, bytes: &[u8], to_head: bool) -> Result<BodyLength, Kind> {
    let length = framing::response_body(head, bytes, to_head)
        .map_err(|refusal| Kind::UpstreamBadResponse(BadResponse::Refused(refusal)))?;
    if framing::has_foreign_coding(head, bytes) {
        let refusal = Refusal::TransferCoding;
        return Err(Kind::UpstreamBadResponse(BadResponse::Refused(refusal)));
    }
    Ok(length)
}

fn is_stream(head: &ResponseHead, bytes: &[u8]) -> bool {
    head.fields.value(Known::ContentType, bytes).is_some_and(is_event_stream)
}

/// Whether a body passes unencoded, so that it can be read and added to.
fn is_in_the_clear(head: &ResponseHead, bytes: &[u8]) -> bool {
    let encoding = head.fields.value(Known::ContentEncoding, bytes);
    encoding.is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity"))
}

fn is_event_stream(content_type: &[u8]) -> bool {
    const NAME: &[u8] = b"text/event-stream";
    let name = content_type.get(..NAME.len()).unwrap_or_default();
    name.eq_ignore_ascii_case(NAME)
        && matches!(content_type.get(NAME.len()), None | Some(b';' | b' ' | b'\t'))
}

/// Reads in a row that filled a small buffer before a large one is taken.
const GROW_AFTER: u32 = 2;
/// How long a client may take to take in the end of a broken answer.
const BROKEN_END_MS: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_of_many_chunks_is_joined_in_place() {
        let mut buffer = Buffer::with_capacity(256);
        buffer.clear_with_room(FRONT, BACK);
        buffer.extend(b"3\r\nabc\r\n1\r\nd\r\n2\r\nef\r\n0\r\n\r\nextra");
        let mut body = Body::new(BodyLength::Chunked);
        let taken = take_payload(&mut body, &mut buffer);
        assert_eq!(buffer.filled(), b"abcdef");
        assert_eq!(taken.rest, b"extra");
        assert!(taken.fault.is_none() && body.is_done());
    }

    #[test]
    fn payload_before_broken_framing_is_kept() {
        let mut buffer = Buffer::with_capacity(256);
        buffer.extend(b"3\r\nabc\r\nxyz\r\n");
        let mut body = Body::new(BodyLength::Chunked);
        let taken = take_payload(&mut body, &mut buffer);
        assert_eq!(buffer.filled(), b"abc");
        assert!(taken.fault.is_some());
    }

    #[test]
    fn only_event_streams_are_event_streams() {
        assert!(is_event_stream(b"text/event-stream"));
        assert!(is_event_stream(b"Text/Event-Stream; charset=utf-8"));
        assert!(!is_event_stream(b"text/event-streams"));
        assert!(!is_event_stream(b"application/json"));
    }
}
