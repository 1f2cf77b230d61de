//! `GET /metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::IntoResponse;

use super::problem::Problem;
use crate::control_plane::metrics;
use crate::control_plane::plane::Plane;

/// Metrics: in the OpenMetrics text format for who accepts it, else in Prometheus' own
#[utoipa::path(get, path = "/metrics", tag = "status", responses(
    (status = 200, content(
        (String = "application/openmetrics-text"), (String = "text/plain"),
    )),
    (status = 401, body = Problem), (status = 403, body = Problem),
))]
pub(super) async fn metrics(
    State(plane): State<Arc<Plane>>,
    headers: HeaderMap,
) -> impl IntoResponse {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("application/openmetrics-text")) {
        return ([(CONTENT_TYPE, metrics::OPEN_METRICS)], plane.metrics.text());
    }
    ([(CONTENT_TYPE, metrics::PLAIN)], metrics::plain(&plane.metrics.text()))
}
