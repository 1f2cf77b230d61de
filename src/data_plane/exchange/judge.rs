//! What an answer says of the credential it was asked with, before it is committed to: limits from
//! its head, its error body or first event, one verdict. Never marks anything.

use super::attempt::Call;
use super::look::{Bounds, Looked};
use super::{Exchange, failure::Kind};
use crate::protocol::error_body::ErrorBody;
use crate::protocol::http1::framing::BodyLength;
use crate::protocol::sse::first_event::{Beginning, FirstEvent};
use crate::protocol::verdict::{
    Answer, LimitFacts, Verdict, classify, classify_first_event, status_of,
};

/// An answer's verdict, and how much of it is there.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// The whole body is in the buffer.
    pub is_whole: bool,
    /// What follows.
    pub verdict: Verdict,
}

impl Exchange<'_> {
    /// Judges the answer of `call`, whose head says `limits`.
    ///
    /// # Errors
    /// When the client left, or the answer's framing is refused.
    pub(super) async fn judge(
        &mut self,
        call: &mut Call,
        limits: LimitFacts,
    ) -> Result<Judged, Kind> {
        let length = call.nature.length()?;
        match call.answered.head.status {
            200..=299 => self.judge_beginning(call, length).await,
            status if is_judged_error(status) => self.judge_error(call, length, limits).await,
            _ => Ok(Judged { is_whole: false, verdict: Verdict::Relay }),
        }
    }

    async fn judge_beginning(
        &mut self,
        call: &mut Call,
        length: BodyLength,
    ) -> Result<Judged, Kind> {
        let failover = self.setup.snapshot.failover;
        let bounds =
            Bounds { bytes_max: failover.first_event_bytes, wait_ms: failover.first_event_wait.0 };
        let fine = Judged { is_whole: false, verdict: Verdict::Accept };
        let is_read = self.endpoint.is_scanned() && bounds.wait_ms > 0 && bounds.bytes_max > 0;
        if !is_read || !call.nature.is_open_stream() {
            return Ok(fine);
        }
        let (mut first, mut beginning) = (FirstEvent::new(bounds.bytes_max), None);
        let looked = self.look(call, length, bounds, |payload| {
            beginning = first.push(payload);
            beginning.is_some()
        });
        if looked.await == Looked::ClientGone {
            return Err(Kind::ClientGone);
        }
        match beginning {
            Some(Beginning::Error(error)) => {
                let error = ErrorBody::of_event(error);
                let look = error.look();
                self.count_status(self.provider_name(), status_of(look.kind, look.code));
                let verdict = classify_first_event(look);
                Ok(Judged { is_whole: false, verdict })
            }
            Some(Beginning::Other) | None => Ok(fine),
        }
    }

    async fn judge_error(
        &mut self,
        call: &mut Call,
        length: BodyLength,
        limits: LimitFacts,
    ) -> Result<Judged, Kind> {
        let mut body = Vec::new();
        let bounds = Bounds { bytes_max: KEPT_BYTES_MAX, wait_ms: KEPT_WAIT_MS };
        let looked = self.look(call, length, bounds, |payload| {
            body.extend_from_slice(payload);
            false
        });
        let looked = looked.await;
        if looked == Looked::ClientGone {
            return Err(Kind::ClientGone);
        }
        let status = call.answered.head.status;
        let read = ErrorBody::read(&body);
        let verdict = classify(&Answer { body: read.look(), limits, status });
        Ok(Judged { is_whole: looked == Looked::Whole, verdict })
    }
}

/// Whether an answer's error is looked at, with what its head says of limits.
pub(super) const fn is_judged_error(status: u16) -> bool {
    matches!(status, 400..=404 | 408 | 429 | 500..=504 | 529)
}

/// How much of a discarded answer is kept until commit (BEHAVIOUR 5).
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// How long its body may take.
const KEPT_WAIT_MS: u64 = 1_000;
