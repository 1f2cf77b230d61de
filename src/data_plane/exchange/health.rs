//! The gateway's own paths: health for balancers, and the probes of Claude Code. No authentication,
//! no route, not counted (BEHAVIOUR 9).

use super::{Next, Used};
use crate::config::snapshot::Snapshot;
use crate::data_plane::downstream::connection::Connection;
use crate::data_plane::downstream::request::Request;
use crate::data_plane::io::fault::Wait;
use crate::protocol::http1::write;
use crate::shared::clock::Millis;
use crate::shared::lifecycle::Phase;
use crate::shared::pressure::Pressure;
use crate::shared::pulse::ControlPlane;

/// An answer of ours: status and JSON body.
#[derive(Debug)]
pub struct Answer {
    body: String,
    status: u16,
}

/// The answer when the request is for one of our own paths.
pub fn answer(client: &Connection, request: &Request, _snapshot: &Snapshot) -> Option<Answer> {
    let bytes = request.bytes();
    let path = request.head.path_and_query.of(bytes);
    let path = path.split(|&b| b == b'?').next().unwrap_or_default();
    match (request.head.method.of(bytes), path) {
        (b"HEAD", b"/" | b"/api/hello") => Some(Answer { body: String::new(), status: 200 }),
        (b"GET" | b"HEAD", b"/health") => Some(health(client)),
        (b"GET" | b"HEAD", b"/livez") => Some(livez(client)),
        (b"GET" | b"HEAD", b"/readyz") => Some(readyz(client)),
        _ => None,
    }
}

/// Writes the answer.
pub async fn write(
    client: &mut Connection,
    request: &Request,
    snapshot: &Snapshot,
    answer: Answer,
) -> Used {
    let used = request.head.end;
    let draining = client.local.shared.lifecycle.phase() > Phase::Running;
    let is_short = client.local.shared.pressure.pressure() >= Pressure::NoKeepAlive;
    let closes = request.wants_close || draining || is_short || !request.is_bodiless();
    let mut out = client.local.buffers.take_small();
    write::status_line(out.tail(), answer.status);
    out.extend(b"content-type: application/json\r\ncache-control: no-store\r\n");
    write::content_length(out.tail(), u64::try_from(answer.body.len()).unwrap_or(0));
    if closes {
        out.extend(b"connection: close\r\n");
    } else if request.head.minor == 0 {
        out.extend(b"connection: keep-alive\r\n");
    }
    out.extend(b"\r\n");
    if request.head.method.of(request.bytes()) != b"HEAD" {
        out.extend(answer.body.as_bytes());
    }
    let stall = (Wait::WriteStall, Some(snapshot.timeouts.write_stall.0));
    let (written, out) = client.stream.write_all(out, stall).await;
    client.local.buffers.put(out);
    let next = if closes || written.is_err() { Next::Close } else { Next::KeepAlive };
    if closes && !request.is_bodiless() {
        client.linger().await;
    }
    Used { bytes: used, next }
}

fn health(client: &Connection) -> Answer {
    let shared = &client.local.shared;
    let (status, word) = match shared.pulse.of(Millis::now()) {
        _ if shared.lifecycle.phase() > Phase::Running => (503, "draining"),
        ControlPlane::Ok => (200, "ok"),
        // It serves on, so balancers need not turn away.
        ControlPlane::Failed | ControlPlane::Stuck => (200, "degraded"),
    };
    Answer { body: format!(r#"{{"status":"{word}","timestamp":"{}"}}"#, now()), status }
}

fn livez(client: &Connection) -> Answer {
    let shared = &client.local.shared;
    let draining = shared.lifecycle.phase() > Phase::Running;
    let in_flight = shared.in_flight();
    let control = shared.pulse.of(Millis::now()).name();
    let body = format!(
        "{{\"status\":\"ok\",\"in_flight\":{in_flight},\"draining\":{draining},\
         \"control_plane\":\"{control}\",\"timestamp\":\"{}\"}}",
        now()
    );
    Answer { body, status: 200 }
}

fn readyz(client: &Connection) -> Answer {
    if client.local.shared.lifecycle.phase() > Phase::Running {
        let body =
            format!(r#"{{"status":"not_ready","reason":"draining","timestamp":"{}"}}"#, now());
        return Answer { body, status: 503 };
    }
    Answer { body: format!(r#"{{"status":"ready","timestamp":"{}"}}"#, now()), status: 200 }
}

/// Now, RFC 3339 in UTC.
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
