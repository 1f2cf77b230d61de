//! The one place where a failure becomes a response, in the dialect that the client reads.

use super::failure::{Failure, Kind, Side, whole_seconds};
use super::fields::Ours;
use super::{Exchange, Next};
use crate::config::snapshot::Snapshot;
use crate::data_plane::downstream::connection::Connection;
use crate::data_plane::io::buffer::Buffer;
use crate::data_plane::io::fault::Wait;
use crate::data_plane::worker::request_id::RequestId;
use crate::protocol::dialect::{Dialect, ErrorBody};
use crate::protocol::http1::write;

impl Exchange<'_> {
    /// Answers a failed exchange, records it, and says what becomes of the connection.
    pub(super) async fn reject(&mut self, failure: Failure) -> Next {
        // Free before the client can know of it, and try again.
        self.admission.release();
        self.record(Some(&failure.kind));
        if failure.sent_any {
            self.client.stream.break_off();
        }
        if matches!(failure.kind, Kind::ClientGone | Kind::ClientStalled(_)) {
            return Next::Close;
        }
        if failure.sent_any {
            self.client.linger().await;
            return Next::Close;
        }
        // A deadline on the client's side ended its reads; its writes go on.
        self.client.stream.watch().forgive();
        self.client.stream.watch().on_hangup_remember();
        let closes = self.must_close() || failure.kind.side() == Side::Downstream && self.owes_body;
        let to_head = self.request.head.method.of(self.request.bytes()) == b"HEAD";
        let mut body = Vec::with_capacity(512);
        let message = failure.kind.message(self.provider_name());
        self.dialect.write_error(&mut body, self.error_body(&failure.kind, &message));
        let mut out = self.client.local.buffers.take_small();
        begin(out.tail(), &failure.kind, body.len());
        let error = Some(failure.kind.code());
        self.own_fields(out.tail(), Ours { closes, credential: None, error });
        if !to_head {
            out.extend(&body);
        }
        let (written, out) = self.client.stream.write_all(out, self.write_stall()).await;
        self.client.local.buffers.put(out);
        match written {
            Ok(()) => self.after_answer(closes).await,
            Err(_) => Next::Close,
        }
    }

    /// What a client is told about a failure.
    pub(super) fn error_body<'a>(&'a self, kind: &Kind, message: &'a str) -> ErrorBody<'a> {
        ErrorBody {
            code: kind.code(),
            kind: kind.error_type(self.endpoint),
            message,
            request_id: self.id.as_str(),
            resets_in_s: kind.resets_in_s(self.endpoint),
            status: kind.status(),
        }
    }
}

/// Refuses a request whose head could not be read, in no particular dialect's path: OpenAI's
/// envelope, which both families' clients show.
pub async fn refuse(client: &mut Connection, snapshot: &Snapshot, id: RequestId, kind: &Kind) {
    client.stream.watch().forgive();
    let mut body = Vec::with_capacity(512);
    let message = kind.message("");
    let error = ErrorBody {
        code: kind.code(),
        kind: None,
        message: &message,
        request_id: id.as_str(),
        resets_in_s: None,
        status: kind.status(),
    };
    Dialect::OpenAi.write_error(&mut body, error);
    let mut out: Buffer = client.local.buffers.take_small();
    begin(out.tail(), kind, body.len());
    write::parsed_field(out.tail(), b"x-tidegate-request-id", id.as_bytes());
    write::parsed_field(out.tail(), b"x-tidegate-decision", b"default");
    write::parsed_field(out.tail(), b"x-tidegate-error", kind.code().as_bytes());
    out.extend(b"connection: close\r\n\r\n");
    if !client.asks_head {
        out.extend(&body);
    }
    let stall = (Wait::WriteStall, Some(snapshot.timeouts.write_stall.0));
    let (written, out) = client.stream.write_all(out, stall).await;
    client.local.buffers.put(out);
    if written.is_ok() {
        client.linger().await;
    }
}

fn begin(out: &mut Vec<u8>, kind: &Kind, length: usize) {
    write::status_line(out, kind.status());
    out.extend_from_slice(b"content-type: application/json\r\n");
    write::content_length(out, u64::try_from(length).unwrap_or(0));
    match kind {
        // Codes whose fault passes by itself: clients may come back.
        Kind::Draining | Kind::Overloaded => out.extend_from_slice(b"retry-after: 1\r\n"),
        Kind::BadRequest(crate::protocol::http1::Refusal::Connect) => {
            out.extend_from_slice(b"allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT\r\n");
        }
        Kind::AtCap(subject, _) => {
            out.extend_from_slice(b"retry-after: 1\r\n");
            write::parsed_field(out, b"x-tidegate-reason", subject.reason().as_bytes());
        }
        Kind::BreakerOpen(wait_ms) => retry_after(out, whole_seconds(*wait_ms)),
        Kind::KeysAuthFailed(_) => out.extend_from_slice(NO_RETRY),
        Kind::KeysRateLimited(resting) => {
            retry_after(out, resting.wait_s());
            if resting.is_long() {
                out.extend_from_slice(NO_RETRY);
            }
            out.extend_from_slice(&resting.unified);
            write::parsed_field(out, b"x-tidegate-reason", resting.reason.name().as_bytes());
        }
        Kind::UpstreamFailed(_, Some(seconds)) => retry_after(out, *seconds),
        _ => {}
    }
}

fn retry_after(out: &mut Vec<u8>, seconds: u64) {
    out.extend_from_slice(b"retry-after: ");
    write::decimal(out, seconds);
    out.extend_from_slice(b"\r\n");
}

const NO_RETRY: &[u8] = b"x-should-retry: false\r\n";
