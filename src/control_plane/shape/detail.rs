//! The shape `detail`: what is told of an exchange beside the shape `request`. What this process
//! was not asked to keep is absent. Texts come redacted.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::request::Request;
use super::text;
use crate::control_plane::redact::redacted;
use crate::shared::detail::{Attempt, Detail};
use crate::shared::setup::Setup;

/// One exchange with all that is kept of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = detail)]
pub struct Detailed<'r> {
    #[serde(flatten)]
    request: Request<'r>,
    #[serde(flatten)]
    more: More,
}

/// What `storage.detail` and `storage.bodies` keep.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = more)]
pub struct More {
    /// Upstream calls, where there was more than one, or `storage.detail` asks for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempt_list: Vec<AttemptShape>,
    /// Values of fields that name a secret are keyed hashes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    request_headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    response_headers: BTreeMap<String, String>,
    /// The first 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The first 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
    /// The first 4,096 reads of the answer's body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunk_timings: Vec<ChunkShape>,
}

/// One upstream call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = attempt)]
struct AttemptShape {
    provider: String,
    key: Option<String>,
    /// `null`: there was no answer.
    status: Option<u16>,
    /// Why it was not the last one.
    reason: Option<&'static str>,
    start_ms: u64,
    duration_ms: Option<u64>,
}

/// One read of an answer's body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = chunk)]
struct ChunkShape {
    index: usize,
    elapsed_ms: u32,
    bytes: u32,
}

impl More {
    /// Of what was gathered, under a configuration whose keys are taken out.
    pub fn of(detail: &Detail, setup: &Setup) -> Self {
        let body = |bytes: &[u8]| text(&redacted(&String::from_utf8_lossy(bytes), setup));
        let chunks = detail.chunks.iter().enumerate();
        Self {
            attempt_list: detail.attempts.iter().map(of_attempt).collect(),
            request_headers: of_headers(&detail.request_headers, setup),
            response_headers: of_headers(&detail.response_headers, setup),
            body: body(&detail.body),
            response_body: body(&detail.response_body),
            chunk_timings: chunks
                .map(|(index, chunk)| ChunkShape {
                    index,
                    elapsed_ms: chunk.elapsed_ms,
                    bytes: chunk.bytes,
                })
                .collect(),
        }
    }

    /// As one line of JSON.
    pub fn line(&self) -> String {
        // Every key is a text.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn of_attempt(attempt: &Attempt) -> AttemptShape {
    AttemptShape {
        provider: attempt.provider.as_str().to_owned(),
        key: text(attempt.key.as_str()),
        status: Some(attempt.status).filter(|&status| status > 0),
        reason: Some(attempt.reason).filter(|reason| !reason.is_empty()),
        start_ms: attempt.start_ms,
        duration_ms: attempt.duration_ms,
    }
}

/// Fields of one name are one text, with commas between them (RFC 9110, 5.3).
fn of_headers(fields: &[(String, String)], setup: &Setup) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in fields {
        let value = redacted(value, setup);
        let text = headers.entry(name.clone()).or_default();
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&value);
    }
    headers
}
