//! An answer that is taken in whole before anything of it goes to the client: the stream of a
//! demoted request folded into one message, a body in another form. An error is a status then,
//! never half a message (BEHAVIOUR 8).

use super::passage::{Passage, Stand};
use super::{Exchange, Next};
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
use crate::protocol::dialect::translate::{Echo, Forms, answer, error};
use crate::protocol::error_body::ErrorBody;
use crate::protocol::http1::framing::BodyLength;
use crate::protocol::http1::head::Span;
use crate::protocol::verdict::status_of;

/// What is made of the body.
pub(super) enum Taker {
    /// The message that a stream tells of.
    Fold(Fold),
    /// The same in the client's form.
    Translate {
        /// So far.
        body: Vec<u8>,
        echo: Echo,
        forms: Forms,
        /// Of the answer.
        status: u16,
    },
}

/// What came of it: a status, where that is another than the provider's, and the body.
type Made = (Option<u16>, Vec<u8>);

impl Taker {
    /// The message of a stream.
    pub(super) fn fold() -> Self {
        Self::Fold(Fold::new(MESSAGE_BYTES_MAX))
    }

    /// Takes in what came. Whether what follows matters no more.
    fn push(&mut self, payload: &[u8]) -> bool {
        match self {
            Self::Fold(fold) => fold.push(payload),
            Self::Translate { body, .. } => {
                let room = MESSAGE_BYTES_MAX + 1 - body.len().min(MESSAGE_BYTES_MAX);
                body.extend_from_slice(payload.get(..room).unwrap_or(payload));
                body.len() > MESSAGE_BYTES_MAX
            }
        }
    }

    /// What to answer with. `broken`: why the body did not come to its end.
    fn finish(self, broken: Option<Kind>) -> Result<Made, Kind> {
        let bad = |why| Err(Kind::UpstreamBadResponse(why));
        match (self, broken) {
            (_, Some(Kind::ClientGone)) => Err(Kind::ClientGone),
            (Self::Fold(fold), broken) => match fold.finish() {
                Ok(message) => Ok((None, message)),
                Err(Unfolded::Told(error)) => {
                    let look = ErrorBody::read(&error);
                    let look = look.look();
                    Ok((Some(status_of(look.kind, look.code)), error))
                }
                Err(Unfolded::TooLong) => bad(BadResponse::TooLong),
                Err(Unfolded::Unfinished) => Err(broken.unwrap_or(Kind::UpstreamCut)),
            },
            (Self::Translate { body, .. }, _) if body.len() > MESSAGE_BYTES_MAX => {
                bad(BadResponse::TooLong)
            }
            (Self::Translate { .. }, Some(broken)) => Err(broken),
            (Self::Translate { body, echo, forms, status }, None) => {
                let Forms { client, provider } = forms;
                if !(200..300).contains(&status) {
                    let mut out = Vec::new();
                    let status = error::error(&body, status, provider, client, &mut out);
                    return Ok((Some(status), out));
                }
                match answer::answer(&body, provider, client, &echo) {
                    Ok(message) => Ok((None, message)),
                    Err(_) => bad(BadResponse::Untranslatable),
                }
            }
        }
    }
}

impl Exchange<'_> {
    /// Takes the body of `call` in and answers with what `taker` makes of it.
    ///
    /// # Errors
    /// When it makes nothing; nothing has gone to the client then.
    pub(super) async fn relay_whole(
        &mut self,
        (route, credential): (&Route<'_>, Credential<'_>),
        call: Box<Call>,
        taker: Taker,
    ) -> Result<Next, Failure> {
        let Call { answered, limits, nature, sent_whole, mut upstream, .. } = *{ call };
        let Answered { mut buffer, mut head } = answered;
        let length = nature.length()?;
        let mut observation = self.observation(route, &head, buffer.filled(), nature);
        observation.limits = limits;
        self.gather_head(&head, buffer.filled(), nature);
        observation.capture = self.seen.gathered.capture(self.started);
        let mut passage = Passage::new(nature, (length, Framing::Chunked), observation);
        // Its spans are of these bytes, which reads will overwrite.
        let head_bytes = buffer.filled().get(..head.end).unwrap_or_default().to_vec();
        buffer.consume(head.end);
        let taken = self.take_whole(&mut passage, &mut upstream, buffer, taker).await;
        self.seen.gathered.put_back(passage.take_capture());
        self.note_answered(credential, &mut passage, taken.is_ok());
        let (status, body) = match taken {
            Ok(made) => made,
            Err(kind) => {
                self.count_no_answer(&route.provider.name, &kind);
                return Err(kind.into());
            }
        };
        if let Some(status) = status.filter(|&status| status != head.status) {
            (head.status, head.reason) = (status, Span::default());
        }
        // Free before the client can know of it.
        self.admission.release();
        self.seen.status = head.status;
        let length = BodyLength::Length(u64::try_from(body.len()).unwrap_or(u64::MAX));
        let framing = Framing::for_client(self.request, length);
        let closes = self.must_close() || framing == Framing::Close;
        let mut rules = vec![content_type("application/json")];
        rules.extend_from_slice(&self.setup.header_rules.answers);
        let foreign = self.foreign(route);
        let answer = Answer {
            bytes: &head_bytes,
            foreign,
            framing,
            head: &head,
            keeps_length: false,
            rules: &rules,
        };
        let mut out = Buffer::with_capacity(head_bytes.len() + body.len() + OWN_FIELDS_BYTES);
        rewrite::response(out.tail(), &answer);
        self.own_fields(out.tail(), Ours { closes, credential: Some(credential), error: None });
        out.extend(&body);
        let (written, _out) = self.client.stream.write_all(out, self.write_stall()).await;
        written.map_err(|_| Failure { kind: self.client_broke(), sent_any: true })?;
        if sent_whole && !nature.closes && passage.body.is_done() && !passage.extra {
            self.keep_connection(route, upstream);
        }
        Ok(self.after_answer(closes).await)
    }

    /// Reads the body to its end.
    async fn take_whole(
        &mut self,
        passage: &mut Passage,
        upstream: &mut Option<Connection>,
        mut buffer: Buffer,
        mut taker: Taker,
    ) -> Result<Made, Kind> {
        let byte_idle = (Wait::ByteIdle, Some(self.timeouts.byte_idle.0));
        let mut stand = passage.take(&mut buffer);
        let mut is_over = false;
        let broken = loop {
            is_over |= taker.push(buffer.filled());
            match (stand, upstream.as_mut()) {
                (Stand::Done, _) => break None,
                (Stand::Broken(kind), _) => break Some(kind),
                // What follows the message's end is worth no wait.
                (Stand::Flowing, None) => break Some(Kind::UpstreamCut),
                (Stand::Flowing, _) if self.is_overdue() => {
                    break Some(Kind::UpstreamTimeout(Wait::Exchange));
                }
                (Stand::Flowing, Some(upstream)) => {
                    let idle = if is_over { AFTER_END } else { byte_idle };
                    (stand, buffer) = passage.read(upstream, buffer, self.bound(idle)).await;
                }
            }
        };
        self.client.local.buffers.put(buffer);
        taker.finish(broken)
    }
}

/// What a body is, in place of what the provider's said of itself.
pub(super) fn content_type(value: &str) -> HeaderRule {
    HeaderRule {
        action: HeaderAction::Set,
        enabled: true,
        find: String::new(),
        header: "content-type".to_owned(),
        on: HeaderSide::Response,
        value: value.to_owned(),
    }
}

/// How long the end of a body may take behind the end of its message.
const AFTER_END: (Wait, Option<u64>) = (Wait::ByteIdle, Some(1_000));
/// As large as the largest request.
const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// Room for our own fields beside an answer's.
const OWN_FIELDS_BYTES: usize = 1_024;
