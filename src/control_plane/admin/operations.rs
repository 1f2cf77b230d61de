//! What is asked of the whole process: reload, drain, the live tail.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_core::Stream;
use serde::Serialize;
use tokio::sync::mpsc::Receiver;
use utoipa::ToSchema;

use super::problem::Problem;
use super::{Plane, unheard};
use crate::control_plane::plane::Command;
use crate::shared::lifecycle::Phase;

/// A configuration that is in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = reloaded)]
pub(super) struct Reloaded {
    /// Counts reloads from 1.
    configuration: u64,
}

/// What was begun.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = drained)]
pub(super) struct Drained {
    draining: bool,
}

/// Read the configuration anew: whole, or not at all
#[utoipa::path(post, path = "/api/v1/reload", tag = "operations", responses(
    (status = 200, body = Reloaded), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, description = "Refused: every error, and nothing changed", body = Problem),
    (status = 503, description = "Draining", body = Problem),
))]
pub(super) async fn reload(State(plane): State<Arc<Plane>>) -> Result<Json<Reloaded>, Problem> {
    let reloaded = plane.ask(Command::Reload).await;
    let version = reloaded.ok_or_else(|| unheard(&plane))?;
    version
        .map(|configuration| Json(Reloaded { configuration }))
        .map_err(|errors| Problem::refused(&errors))
}

/// Finish what is under way, then end
#[utoipa::path(post, path = "/api/v1/drain", tag = "operations", responses(
    (status = 202, body = Drained), (status = 401, body = Problem), (status = 403, body = Problem),
))]
pub(super) async fn drain(State(plane): State<Arc<Plane>>) -> (StatusCode, Json<Drained>) {
    if plane.shared.lifecycle.phase() == Phase::Running {
        // Nobody listens any more: a drain has begun already.
        let _begun = plane.commands.send(Command::Drain).await;
    }
    (StatusCode::ACCEPTED, Json(Drained { draining: true }))
}

/// Each exchange as it ends, in the shape `request`, as server-sent events
///
/// Bounded: who reads too slowly is let go.
#[utoipa::path(get, path = "/api/v1/events", tag = "operations", responses(
    (status = 200, content_type = "text/event-stream", body = String),
    (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 503, description = "Too many listen", body = Problem),
))]
pub(super) async fn events(State(plane): State<Arc<Plane>>) -> Result<impl IntoResponse, Problem> {
    let lines = plane.events.listen();
    let lines = lines.map_err(|_| Problem::unavailable("As many listen as may."))?;
    // No default comment line at the start would leave a client in doubt whether it listens.
    let tail = Tail { greets: true, lines };
    Ok(Sse::new(tail).keep_alive(KeepAlive::default()))
}

/// Lines as events.
#[derive(Debug)]
pub(super) struct Tail {
    greets: bool,
    lines: Receiver<Arc<str>>,
}

impl Stream for Tail {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.greets) {
            return Poll::Ready(Some(Ok(Event::default().comment("listening"))));
        }
        let line = std::task::ready!(self.lines.poll_recv(context));
        Poll::Ready(line.map(|line| Ok(Event::default().event("request").data(&*line))))
    }
}
