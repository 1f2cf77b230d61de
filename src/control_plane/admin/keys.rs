//! Provider keys: their state, and what an operator may do to it. Values go in and never out.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Body;
use super::problem::Problem;
use crate::control_plane::plane::Plane;
use crate::control_plane::shape::key::{Key, Known, Now};
use crate::shared::Shared;
use crate::shared::clock::Millis;
use crate::shared::credential::reason::Reason;
use crate::shared::credential::slot::Worn;
use crate::shared::credential::transition::{Event, WAIT_MAX_MS};
use crate::shared::setup::Setup;

/// All keys, by provider and in the order they are preferred.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = keys)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

/// A rest by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = limit)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    /// How long, from 1s to 48h, such as `10m`.
    #[schema(example = "10m")]
    r#for: String,
}

/// All keys
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", responses(
    (status = 200, body = Keys), (status = 401, body = Problem), (status = 403, body = Problem),
))]
pub(super) async fn list(State(plane): State<Arc<Plane>>) -> Json<Keys> {
    let (setup, now) = (plane.shared.setup.load(), now(&plane.shared));
    let keys = Known::all(&setup).map(|known| shape(&plane, known, (&setup, now)));
    Json(Keys { keys: keys.collect() })
}

/// One key
#[utoipa::path(get, path = "/api/v1/keys/{provider}/{name}", tag = "keys",
    params(("provider" = String, Path), ("name" = String, Path)), responses(
    (status = 200, body = Key), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem),
))]
pub(super) async fn one(
    State(plane): State<Arc<Plane>>,
    Path(path): Path<(String, String)>,
) -> Result<Json<Key>, Problem> {
    shown(&plane, &path)
}

/// Forget cooldowns, failures and streaks; a disabled key stays so
#[utoipa::path(post, path = "/api/v1/keys/{provider}/{name}/reset", tag = "keys",
    params(("provider" = String, Path), ("name" = String, Path)), responses(
    (status = 200, body = Key), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem),
))]
pub(super) async fn reset(
    State(plane): State<Arc<Plane>>,
    Path(path): Path<(String, String)>,
) -> Result<Json<Key>, Problem> {
    let setup = plane.shared.setup.load();
    let known = Known::find(&setup, &path.0, &path.1).ok_or_else(|| unknown(&path))?;
    known.slot().reset().map_err(|Worn| {
        Problem::conflict("The key was reset 65,535 times: only a restart resets it again.")
    })?;
    tracing::info!(provider = path.0, key = path.1, "key reset by hand");
    // Who waits for a key looks again.
    plane.shared.wake_all();
    shown(&plane, &path)
}

/// Cool a key by hand; a longer rest under way stays
#[utoipa::path(post, path = "/api/v1/keys/{provider}/{name}/limit", tag = "keys",
    request_body = Limit, params(("provider" = String, Path), ("name" = String, Path)), responses(
    (status = 200, body = Key), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem),
))]
pub(super) async fn limit(
    State(plane): State<Arc<Plane>>,
    Path(path): Path<(String, String)>,
    Body(limit): Body<Limit>,
) -> Result<Json<Key>, Problem> {
    let wait_ms = humantime::parse_duration(&limit.r#for).ok().and_then(whole_ms);
    let bounds = "`for` must be a time from 1s to 48h, such as \"10m\".";
    let wait_ms = wait_ms.ok_or_else(|| Problem::bad_request(bounds))?;
    let setup = plane.shared.setup.load();
    let known = Known::find(&setup, &path.0, &path.1).ok_or_else(|| unknown(&path))?;
    let (word, now) = (known.slot().credential(), Millis::now());
    let began = word.load();
    if began.is_off() || began.is_auth_failed() {
        return Err(Problem::conflict("The key is out of rotation already."));
    }
    let event = Event::Limited { began, reason: Reason::Operator, until: now.plus(wait_ms) };
    // Unchanged: it rests longer than that.
    if word.apply(event, now).is_some() {
        tracing::info!(provider = path.0, key = path.1, wait_ms, "key cooled by hand");
    }
    shown(&plane, &path)
}

/// The key as it stands now.
pub(super) fn shown(plane: &Plane, path: &(String, String)) -> Result<Json<Key>, Problem> {
    let setup = plane.shared.setup.load();
    let known = Known::find(&setup, &path.0, &path.1).ok_or_else(|| unknown(path))?;
    Ok(Json(shape(plane, known, (&setup, now(&plane.shared)))))
}

fn shape(plane: &Plane, known: Known<'_>, (setup, now): (&Setup, Now)) -> Key {
    let limits = plane.quotas.of(&known.provider.name, &known.key.name);
    known.shape(setup, now, limits)
}

fn now(shared: &Shared) -> Now {
    Now { millis: Millis::now(), wall: shared.wall.now() }
}

fn whole_ms(span: Duration) -> Option<u64> {
    let ms = u64::try_from(span.as_millis()).ok()?;
    (1_000..=WAIT_MAX_MS).contains(&ms).then_some(ms)
}

fn unknown((provider, name): &(String, String)) -> Problem {
    Problem::not_found(format!("There is no key {provider}/{name}."))
}
