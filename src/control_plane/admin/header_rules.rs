//! `GET` and `PUT` of header rules: checked whole, kept on the disk, then in force from the next
//! request. Rules of the file are shown, and set there.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::Body;
use super::problem::Problem;
use super::{Plane, unheard};
use crate::config::limits::HEADER_RULES_MAX;
use crate::control_plane::plane::Command;
use crate::control_plane::shape::header_rule::{Rule, Rules, text_of};
use crate::control_plane::storage::state::Change;
use crate::shared::overlay::Overlay;

/// The rules that are to stand in the place of those set here before.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = header_rule_list)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleList {
    rules: Vec<Rule>,
}

/// Header rules, in the order they act
#[utoipa::path(get, path = "/api/v1/header-rules", tag = "routes", responses(
    (status = 200, body = Rules), (status = 401, body = Problem), (status = 403, body = Problem),
))]
pub(super) async fn list(State(plane): State<Arc<Plane>>) -> Json<Rules> {
    let setup = plane.shared.setup.load();
    Json(Rules::of(&setup.snapshot.header_rules, &setup.pools.overlay.header_rules))
}

/// Set the header rules that are in no file
///
/// They act after those of the file.
#[utoipa::path(put, path = "/api/v1/header-rules", tag = "routes", request_body = RuleList,
    responses(
    (status = 200, body = Rules), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 413, body = Problem),
    (status = 503, description = "Storage fails", body = Problem),
))]
pub(super) async fn set(
    State(plane): State<Arc<Plane>>,
    Body(RuleList { rules }): Body<RuleList>,
) -> Result<Json<Rules>, Problem> {
    if rules.len() > HEADER_RULES_MAX {
        let what = format!("There may be at most {HEADER_RULES_MAX} rules.");
        return Err(Problem::bad_request(what));
    }
    let rules: Vec<_> = rules.into_iter().map(Rule::into_rule).collect();
    for (place, rule) in rules.iter().enumerate() {
        if let Err((key, why)) = rule.check() {
            let what = format!("Rule {}: `{key}` {why}.", place + 1);
            return Err(Problem::bad_request(what));
        }
    }
    let _one_at_a_time = plane.keys.lock().await;
    if let Some(storage) = &plane.storage {
        let change = Change::HeaderRules(text_of(&rules));
        if !storage.keep_key(change).await {
            return Err(Problem::unavailable("It could not be kept: storage fails."));
        }
    }
    let overlay = Overlay::clone(&plane.shared.setup.load().pools.overlay);
    let overlay = Arc::new(Overlay { header_rules: rules, ..overlay });
    match plane.ask(|answer| Command::Overlay(overlay, answer)).await {
        Some(true) => {}
        Some(false) => return Err(Problem::conflict("It could not be put in force.")),
        None => return Err(unheard(&plane)),
    }
    tracing::info!("header rules set by hand");
    Ok(list(State(plane.clone())).await)
}
