//! What questions about the past have in common: bounds in time, and storage that is on.

use super::problem::Problem;
use crate::control_plane::plane::Plane;
use crate::control_plane::storage::Storage;

/// An instant of a query, unix ms.
pub(super) fn bound_ms(name: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let instant: Result<jiff::Timestamp, _> = text.parse();
    let wrong = format!("`{name}` must be an instant such as 2026-01-31T12:00:00Z.");
    instant.map(|at| Some(at.as_millisecond())).map_err(|_| Problem::bad_request(wrong))
}

/// Refuses a time that ends before it begins.
pub(super) fn in_order(from_ms: Option<i64>, to_ms: Option<i64>) -> Result<(), Problem> {
    match (from_ms, to_ms) {
        (Some(from_ms), Some(to_ms)) if from_ms > to_ms => {
            Err(Problem::bad_request("`from` is after `to`."))
        }
        _ => Ok(()),
    }
}

/// Storage, where there is one.
pub(super) fn kept(plane: &Plane) -> Result<&Storage, Problem> {
    plane.storage.as_ref().ok_or_else(|| Problem::not_found("Nothing is kept: storage is off."))
}
