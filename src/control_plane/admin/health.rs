//! Health for balancers and supervisors (BEHAVIOUR 9), served until the process ends. No token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::control_plane::plane::Plane;
use crate::shared::clock::Millis;
use crate::shared::lifecycle::Phase;
use crate::shared::pulse::ControlPlane;

/// Whether new requests should come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = health)]
struct Health {
    /// `ok`, `draining`, or `degraded`: it serves, and its control plane does not work; of
    /// `/readyz` `ready` or `not_ready`.
    status: &'static str,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    timestamp: String,
}

/// That the process lives, and what it is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = liveness)]
struct Liveness {
    status: &'static str,
    in_flight: u64,
    draining: bool,
    /// `ok`, `failed` or `stuck`.
    control_plane: &'static str,
    timestamp: String,
}

/// Whether new requests should come. The same on the data plane's listeners.
#[utoipa::path(get, path = "/health", tag = "health", responses(
    (status = 200, body = Health), (status = 503, description = "Draining", body = Health),
))]
pub async fn health(State(plane): State<Arc<Plane>>) -> Response {
    let (code, status) = match plane.shared.pulse.of(Millis::now()) {
        _ if is_draining(&plane) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        ControlPlane::Ok => (StatusCode::OK, "ok"),
        ControlPlane::Failed | ControlPlane::Stuck => (StatusCode::OK, "degraded"),
    };
    answer(code, Health { status, reason: None, timestamp: now() })
}

/// That the process lives. The same on the data plane's listeners.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, body = Liveness)))]
pub async fn livez(State(plane): State<Arc<Plane>>) -> Response {
    let (in_flight, draining) = (plane.shared.in_flight(), is_draining(&plane));
    let control_plane = plane.shared.pulse.of(Millis::now()).name();
    let (status, timestamp) = ("ok", now());
    answer(StatusCode::OK, Liveness { status, in_flight, draining, control_plane, timestamp })
}

/// Whether it can serve. The same on the data plane's listeners.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, body = Health), (status = 503, description = "Not ready", body = Health),
))]
pub async fn readyz(State(plane): State<Arc<Plane>>) -> Response {
    let (code, status, reason) = if is_draining(&plane) {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready", Some("draining"))
    } else {
        (StatusCode::OK, "ready", None)
    };
    answer(code, Health { status, reason, timestamp: now() })
}

fn is_draining(plane: &Plane) -> bool {
    plane.shared.lifecycle.phase() > Phase::Running
}

fn answer(code: StatusCode, body: impl Serialize) -> Response {
    (code, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}
