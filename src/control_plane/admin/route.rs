//! `POST /api/v1/route`: where a request would go now, and why not elsewhere. Asks nobody.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::body::Body;
use super::problem::Problem;
use crate::control_plane::explain::{self, Asked, Told};
use crate::control_plane::plane::Plane;
use crate::shared::clock::Millis;
use crate::shared::credential::walk::Now;

/// Where a request would go
#[utoipa::path(post, path = "/api/v1/route", tag = "routes", request_body = Asked, responses(
    (status = 200, body = Told), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 413, body = Problem),
))]
pub(super) async fn route(
    State(plane): State<Arc<Plane>>,
    Body(asked): Body<Asked>,
) -> Result<Json<Told>, Problem> {
    let setup = plane.shared.setup.load();
    let now = Now { millis: Millis::now(), wall: plane.shared.wall.now() };
    let told = explain::explain(&setup, &asked, now);
    told.map(Json).map_err(|why| Problem::bad_request(format!("The question is wrong: {why}.")))
}
