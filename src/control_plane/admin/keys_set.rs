//! `PUT` and `DELETE` of provider keys: checked, kept on the disk, then in force. One at a time.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::body::Body;
use super::keys::shown;
use super::problem::Problem;
use super::{Plane, unheard};
use crate::control_plane::keyring::{Changed, Refusal, Scene, Settings};
use crate::control_plane::plane::Command;
use crate::control_plane::shape::key::Key;

/// Add a key, or change one
///
/// Of a key of the file only the cap and whether it is enabled; they hold until the file's own
/// value changes.
#[utoipa::path(put, path = "/api/v1/keys/{provider}/{name}", tag = "keys",
    request_body = Settings, params(("provider" = String, Path), ("name" = String, Path)),
    responses(
    (status = 200, body = Key), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem),
    (status = 404, description = "No such provider", body = Problem),
    (status = 409, description = "A key of the file, or no master key", body = Problem),
    (status = 413, body = Problem), (status = 503, description = "Storage fails", body = Problem),
))]
pub(super) async fn set(
    State(plane): State<Arc<Plane>>,
    Path(path): Path<(String, String)>,
    Body(settings): Body<Settings>,
) -> Result<Json<Key>, Problem> {
    change(&plane, |scene| scene.set((&path.0, &path.1), settings)).await?;
    tracing::info!(provider = path.0, key = path.1, "key set by hand");
    shown(&plane, &path)
}

/// Take a key out that was added here; what is under way with it runs to its end
#[utoipa::path(delete, path = "/api/v1/keys/{provider}/{name}", tag = "keys",
    params(("provider" = String, Path), ("name" = String, Path)), responses(
    (status = 204, description = "It is gone"), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "A key of the file", body = Problem),
    (status = 503, description = "Storage fails", body = Problem),
))]
pub(super) async fn remove(
    State(plane): State<Arc<Plane>>,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    change(&plane, |scene| scene.remove((&path.0, &path.1))).await?;
    tracing::info!(provider = path.0, key = path.1, "key removed by hand");
    Ok(StatusCode::NO_CONTENT)
}

async fn change(
    plane: &Plane,
    change: impl FnOnce(&Scene<'_>) -> Result<Changed, Refusal>,
) -> Result<(), Problem> {
    let _one_at_a_time = plane.keys.lock().await;
    let setup = plane.shared.setup.load();
    let overlay = &setup.pools.overlay;
    let scene = Scene { now_ms: plane.shared.wall.now().0, overlay, snapshot: &setup.snapshot };
    let changed = change(&scene).map_err(|refusal| match refusal {
        Refusal::Bad(why) => Problem::bad_request(why),
        Refusal::Conflict(why) => Problem::conflict(why),
        Refusal::NotFound(what) => Problem::not_found(what),
    })?;
    if let Some(storage) = &plane.storage
        && !storage.keep_key(changed.change).await
    {
        return Err(Problem::unavailable("It could not be kept: storage fails."));
    }
    let overlay = Arc::new(changed.overlay);
    match plane.ask(|answer| Command::Overlay(overlay, answer)).await {
        Some(true) => Ok(()),
        Some(false) => Err(Problem::conflict("There is no room for so many keys.")),
        None => Err(unheard(plane)),
    }
}
