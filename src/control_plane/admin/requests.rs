//! Exchanges that are kept: the list, newest first, and one of them. Reads only.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::time::{bound_ms, in_order, kept};
use crate::control_plane::plane::Plane;
use crate::control_plane::shape::detail::Detailed;
use crate::control_plane::shape::request::Request;
use crate::control_plane::storage::details;
use crate::control_plane::storage::pages::{self, Kind, Placed, Wanted};

/// Which exchanges.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// From `next_cursor` of the page before.
    cursor: Option<String>,
    /// At most so many, from 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The model asked for.
    model: Option<String>,
    /// What the client got.
    status: Option<u16>,
    /// Name of the key.
    key: Option<String>,
    /// Owner of the gateway key.
    caller: Option<String>,
    /// Keyed hash of the conversation.
    conversation: Option<String>,
    /// Begun at this instant or later, RFC 3339.
    from: Option<String>,
    /// Begun before this instant, RFC 3339.
    to: Option<String>,
}

/// A page of exchanges, those that ended last first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = requests)]
pub(super) struct Requests {
    #[schema(value_type = Vec<Request<'static>>)]
    requests: Vec<Value>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

/// Exchanges, those that ended last first
#[utoipa::path(get, path = "/api/v1/requests", tag = "requests", params(Filter), responses(
    (status = 200, body = Requests), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem),
    (status = 404, description = "Nothing is kept: storage is off", body = Problem),
    (status = 503, description = "Storage fails", body = Problem),
))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Requests>, Problem> {
    let Query(filter) = filter.map_err(|rejection| Problem::wrong_query(&rejection))?;
    let wanted = filter.wanted()?;
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let storage = kept(&plane)?;
    let rows = storage.read(move |logs| wanted.list(logs)).await;
    let rows = rows.map_err(Problem::unavailable)?;
    let last = rows.last().filter(|_| rows.len() == limit);
    let next_cursor = last.map(|Placed { place: (page, at), .. }| format!("{page}-{at}"));
    let requests = rows.iter().filter_map(|row| serde_json::from_str(&row.shape).ok()).collect();
    Ok(Json(Requests { requests, next_cursor }))
}

/// One exchange
#[utoipa::path(get, path = "/api/v1/requests/{id}", tag = "requests",
    params(("id" = String, Path)), responses(
    (status = 200, body = Detailed<'static>), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 503, description = "Storage fails", body = Problem),
))]
pub(super) async fn one(
    State(plane): State<Arc<Plane>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let storage = kept(&plane)?;
    let read = move |logs: &Connection| Ok((pages::one(logs, &id)?, details::one(logs, &id)?));
    let (shape, more) = storage.read(read).await.map_err(Problem::unavailable)?;
    let object = |text: Option<String>| serde_json::from_str::<Map<String, Value>>(&text?).ok();
    let shape = object(shape).map(|mut shape| {
        shape.extend(object(more).unwrap_or_default());
        Value::Object(shape)
    });
    shape.map(Json).ok_or_else(|| Problem::not_found("There is no such request, or not any more."))
}

impl Filter {
    fn wanted(self) -> Result<Wanted, Problem> {
        let texts = [
            (Kind::Model, self.model),
            (Kind::Key, self.key),
            (Kind::Caller, self.caller),
            (Kind::Conversation, self.conversation),
            (Kind::Status, self.status.map(|status| status.to_string())),
        ];
        let equal = texts.into_iter().filter_map(|(kind, text)| Some((kind, text?))).collect();
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Problem::bad_request(format!("`limit` must be from 1 to {PAGE_MAX}.")));
        }
        let place = |cursor: &str| {
            let (page, at) = cursor.split_once('-')?;
            Some((page.parse().ok()?, at.parse().ok()?))
        };
        let before = match &self.cursor {
            None => None,
            Some(cursor) => Some(
                place(cursor)
                    .ok_or_else(|| Problem::bad_request("`cursor` is none that was given out."))?,
            ),
        };
        let from_ms = bound_ms("from", self.from.as_deref())?;
        let to_ms = bound_ms("to", self.to.as_deref())?;
        in_order(from_ms, to_ms)?;
        Ok(Wanted { before, equal, from_ms, limit, to_ms })
    }
}

/// Of a list whose reader names no number.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 500;
