//! `GET /api/v1/usage`: sums of exchanges by one or two of hour, day, model, key, caller and
//! provider. Reads only.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::time::{bound_ms, in_order, kept};
use crate::control_plane::plane::Plane;
use crate::control_plane::shape::instant_of_seconds;
use crate::control_plane::storage::sums::{By, Question, Sum};

/// Which sums.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// RFC 3339; down to the whole day, or hour where hours are asked for. 30 days ago by default.
    from: Option<String>,
    /// RFC 3339, up to the whole day or hour. Now by default.
    to: Option<String>,
    /// One or two of hour, day, model, key, caller, provider. `day` by default.
    #[param(example = "day,model")]
    by: Option<String>,
}

/// Sums.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = usage_report)]
pub(super) struct Usage {
    from: String,
    to: String,
    by: Vec<&'static str>,
    /// One per combination, with a member for each of `by`, in their order.
    rows: Vec<Map<String, Value>>,
    #[schema(value_type = Object)]
    totals: Value,
}

/// Sums of exchanges
#[utoipa::path(get, path = "/api/v1/usage", tag = "requests", params(Asked), responses(
    (status = 200, body = Usage), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem),
    (status = 404, description = "Nothing is kept: storage is off", body = Problem),
    (status = 503, description = "Storage fails", body = Problem),
))]
pub(super) async fn usage(
    State(plane): State<Arc<Plane>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Usage>, Problem> {
    let Query(asked) = asked.map_err(|rejection| Problem::wrong_query(&rejection))?;
    let by = by(asked.by.as_deref().unwrap_or("day"))?;
    let now_ms = plane.shared.wall.now().0.cast_signed();
    let to_ms = bound_ms("to", asked.to.as_deref())?.unwrap_or(now_ms);
    let from_ms = bound_ms("from", asked.from.as_deref())?.unwrap_or(to_ms - MONTH_MS);
    in_order(Some(from_ms), Some(to_ms))?;
    let question = Question::between(from_ms, to_ms, by);
    let instant = |seconds| instant_of_seconds(seconds).unwrap_or_default();
    let (from, to) = (instant(question.from_s), instant(question.to_s));
    let names: Vec<&'static str> = question.by.iter().map(|by| by.name()).collect();
    let storage = kept(&plane)?;
    let (rows, totals) = storage
        .read(move |logs| Ok((question.rows(logs)?, question.totals(logs)?)))
        .await
        .map_err(Problem::unavailable)?;
    let rows = rows.iter().map(|(labels, sum)| {
        let mut row: Map<String, Value> = names
            .iter()
            .zip(labels)
            .map(|(name, label)| ((*name).to_owned(), json!(label)))
            .collect();
        row.extend(figures(sum));
        row
    });
    Ok(Json(Usage {
        from,
        to,
        by: names.clone(),
        rows: rows.collect(),
        totals: figures(&totals).into(),
    }))
}

fn by(text: &str) -> Result<Vec<By>, Problem> {
    let wrong = "`by` must be one or two of hour, day, model, key, caller, provider.";
    let by: Option<Vec<By>> = text.split(',').map(By::of_name).collect();
    let by = by.filter(|by| match by.as_slice() {
        [_] => true,
        [one, other] => one != other && !(one.is_time() && other.is_time()),
        _ => false,
    });
    by.ok_or_else(|| Problem::bad_request(wrong))
}

fn figures(sum: &Sum) -> Map<String, Value> {
    let figures = json!({
        "requests": sum.requests,
        "usage": {
            "input": sum.input,
            "cache_read": sum.cache_read,
            "cache_write_5m": sum.cache_write_5m,
            "cache_write_1h": sum.cache_write_1h,
            "output": sum.output,
            "reasoning": sum.reasoning,
            "estimated": sum.estimated > 0,
        },
        "cost_usd": null,
        "mean_duration_ms": sum.duration_ms.checked_div(sum.requests),
    });
    match figures {
        Value::Object(figures) => figures,
        _ => Map::new(),
    }
}

const MONTH_MS: i64 = 30 * 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_dimensions_are_taken_and_no_other() {
        for (text, taken) in [
            ("day", true),
            ("hour,model", true),
            ("model,provider", true),
            ("", false),
            ("day,hour", false),
            ("model,model", false),
            ("day,model,key", false),
            ("week", false),
            ("day;DROP TABLE sums", false),
        ] {
            assert_eq!(by(text).is_ok(), taken, "{text}");
        }
    }
}
