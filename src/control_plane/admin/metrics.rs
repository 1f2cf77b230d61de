//! `GET /metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::problem::Problem;
use crate::control_plane::metrics;
use crate::control_plane::plane::Plane;

/// Metrics in the OpenMetrics text format
#[utoipa::path(get, path = "/metrics", tag = "status", responses(
    (status = 200, content_type = "application/openmetrics-text", body = String),
    (status = 401, body = Problem), (status = 403, body = Problem),
))]
pub(super) async fn metrics(State(plane): State<Arc<Plane>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], plane.metrics.text())
}
