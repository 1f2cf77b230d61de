//! The answer to a demoted request: a stream taken in whole and given back as one message
//! (BEHAVIOUR 8). Nothing goes to the client before all of it is there, so that an error is a
//! status, never half a message.

use super::passage::{Passage, Stand};
use super::{Exchange, Next, body_length};
use crate::config::header_rule::{HeaderAction, HeaderRule, HeaderSide};
use crate::data_plane::downstream::response::Framing;
use crate::data_plane::exchange::attempt::Call;
use crate::data_plane::exchange::authenticate::Credential;
use crate::data_plane::exchange::failure::{BadResponse, Failure, Kind};
use crate::data_plane::exchange::fields::Ours;
use crate::data_plane::exchange::rewrite::{self, Answer};
use crate::data_plane::exchange::route::Route;
use crate::data_plane::io::buffer::Buffer;
use crate::data_plane::io::fault::Wait;
use crate::data_plane::upstream::connection::{Answered, Connection};
use crate::protocol::dialect::anthropic::fold::{Fold, Unfolded};
use crate::protocol::error_body::ErrorBody;
use crate::protocol::http1::framing::{self, BodyLength};
use crate::protocol::http1::head::Span;
use crate::protocol::verdict::status_of;

impl Exchange<'_> {
    /// Takes the stream of `call` in and answers with the message that it tells of.
    ///
    /// # Errors
    /// When there is none; nothing has gone to the client then.
    pub(super) async fn relay_folded(
        &mut self,
        route: &Route<'_>,
        credential: Credential<'_>,
        call: Call,
    ) -> Result<Next, Failure> {
        let Call { answered, limits, sent_whole, mut upstream, .. } = call;
        let Answered { mut buffer, mut head } = answered;
        let length = body_length(&head, buffer.filled(), false)?;
        let reusable =
            sent_whole && !framing::wants_close(&head.fields, head.minor, buffer.filled());
        let mut observation = self.observation(route, &head, buffer.filled());
        observation.limits = limits;
        self.gather_head(&head, buffer.filled());
        observation.capture = self.seen.gathered.capture(self.started);
        let chunked = Framing::Chunked;
        let mut passage = Passage::new(&head, buffer.filled(), (length, chunked), observation);
        // Its spans are of these bytes, which reads will overwrite.
        let head_bytes = buffer.filled().get(..head.end).unwrap_or_default().to_vec();
        buffer.consume(head.end);
        let folded = self.fold(&mut passage, &mut upstream, buffer).await;
        self.seen.gathered.put_back(passage.take_capture());
        self.seen.answered = passage.finish(folded.is_ok(), self.started);
        self.count_tokens(credential);
        let body = match folded {
            Ok(message) => message,
            Err(Ended::Told(error)) => {
                let told = ErrorBody::read(&error);
                let look = told.look();
                (head.status, head.reason) = (status_of(look.kind, look.code), Span::default());
                error
            }
            Err(Ended::Broken(kind)) => {
                self.count_no_answer(&route.provider.name, &kind);
                return Err(kind.into());
            }
        };
        // Free before the client can know of it.
        self.admission.release();
        self.seen.status = head.status;
        let length = BodyLength::Length(u64::try_from(body.len()).unwrap_or(u64::MAX));
        let framing = Framing::for_client(self.request, length);
        let closes = self.must_close() || framing == Framing::Close;
        let mut rules = vec![json()];
        rules.extend_from_slice(&self.setup.header_rules.answers);
        let answer =
            Answer { bytes: &head_bytes, framing, head: &head, keeps_length: false, rules: &rules };
        let mut out = Buffer::with_capacity(head_bytes.len() + body.len() + OWN_FIELDS_BYTES);
        rewrite::response(out.tail(), &answer);
        self.own_fields(out.tail(), Ours { closes, credential: Some(credential), error: None });
        out.extend(&body);
        let (written, _out) = self.client.stream.write_all(out, self.write_stall()).await;
        written.map_err(|_| Failure { kind: Kind::ClientGone, sent_any: true })?;
        if reusable && passage.body.is_done() && !passage.extra {
            self.keep_connection(route, upstream);
        }
        Ok(self.after_answer(closes).await)
    }

    /// Reads the stream to its end, or to its error.
    async fn fold(
        &mut self,
        passage: &mut Passage,
        upstream: &mut Option<Connection>,
        mut buffer: Buffer,
    ) -> Result<Vec<u8>, Ended> {
        let mut fold = Fold::new(MESSAGE_BYTES_MAX);
        let byte_idle = (Wait::ByteIdle, Some(self.timeouts.byte_idle.0));
        let mut stand = passage.take(&mut buffer);
        let mut is_over = false;
        let broken = loop {
            is_over |= fold.push(buffer.filled());
            match (stand, upstream.as_mut()) {
                (Stand::Done, _) => break None,
                (Stand::Broken(kind), _) => break Some(kind),
                // What follows the message's end is worth no wait.
                (Stand::Flowing, None) => break Some(Kind::UpstreamCut),
                (Stand::Flowing, Some(upstream)) => {
                    let idle = if is_over { AFTER_END } else { byte_idle };
                    (stand, buffer) = passage.read(upstream, buffer, self.bound(idle)).await;
                }
            }
        };
        self.client.local.buffers.put(buffer);
        match (fold.finish(), broken) {
            (_, Some(Kind::ClientGone)) => Err(Ended::Broken(Kind::ClientGone)),
            (Ok(message), _) => Ok(message),
            (Err(Unfolded::Told(error)), _) => Err(Ended::Told(error)),
            (Err(Unfolded::TooLong), _) => {
                Err(Ended::Broken(Kind::UpstreamBadResponse(BadResponse::TooLong)))
            }
            (Err(Unfolded::Unfinished), broken) => {
                Err(Ended::Broken(broken.unwrap_or(Kind::UpstreamCut)))
            }
        }
    }
}

/// Why there is no message.
enum Ended {
    Broken(Kind),
    /// The provider's own envelope.
    Told(Vec<u8>),
}

/// What a message is, in place of what a stream said of itself.
fn json() -> HeaderRule {
    HeaderRule {
        action: HeaderAction::Set,
        enabled: true,
        find: String::new(),
        header: "content-type".to_owned(),
        on: HeaderSide::Response,
        value: "application/json".to_owned(),
    }
}

/// How long the end of a body may take behind the end of its message.
const AFTER_END: (Wait, Option<u64>) = (Wait::ByteIdle, Some(1_000));
/// As large as the largest request.
const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// Room for our own fields beside an answer's.
const OWN_FIELDS_BYTES: usize = 1_024;
