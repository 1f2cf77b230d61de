//! Errors of the admin API: RFC 9457 problem documents. Never tells a secret.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::ConfigError;

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = problem)]
pub struct Problem {
    /// Always `about:blank`: the status says which kind it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    status: u16,
    /// What to do about it.
    detail: String,
    /// Errors of a configuration that was refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<SettingError>,
}

/// One error of a configuration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = setting_error)]
struct SettingError {
    /// Path of the setting; empty for a syntax error.
    key: String,
    kind: &'static str,
    message: String,
}

impl Problem {
    /// Of this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// 400: what was sent cannot be.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 400: a query that cannot be read, by the parameter where it goes wrong.
    pub fn wrong_query(rejection: &QueryRejection) -> Self {
        let why = rejection.body_text();
        let why = why.strip_prefix("Failed to deserialize query string: ").unwrap_or(&why);
        Self::bad_request(format!("The query is wrong: {why}."))
    }

    /// 409: not as things stand.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 503.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// 409: a configuration that was refused whole.
    pub fn refused(errors: &[ConfigError]) -> Self {
        let told = |error: &ConfigError| SettingError {
            key: error.key.clone(),
            kind: error.kind.name(),
            message: error.message.clone(),
        };
        Self {
            errors: errors.iter().map(told).collect(),
            ..Self::conflict("The configuration has errors; the old one stays in force.")
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
