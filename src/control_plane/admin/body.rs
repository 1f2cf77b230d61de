//! JSON bodies of requests to the admin API: bounded, without unknown members. Never echoes one.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A body, read whole.
#[derive(Debug)]
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status();
            let detail = match status {
                StatusCode::PAYLOAD_TOO_LARGE => "The body is too large.",
                _ => "The body could not be read.",
            };
            Problem::new(status, detail)
        })?;
        // serde's own words name members and kinds; a wrong value of a key would stand in them.
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Self).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = match error.classify() {
                serde_json::error::Category::Data => {
                    "has a member that is missing, unknown or wrong"
                }
                _ => "is not JSON",
            };
            Problem::bad_request(format!("The body {what} (line {line}, column {column})."))
        })
    }
}
