//! OpenAI's error envelope (PROTOCOL 2.2) and its in-stream forms (PROTOCOL 2.3, 2.4).

use crate::protocol::dialect::ErrorBody;
use crate::protocol::http1::write::decimal;
use crate::protocol::json::write::string;

/// `{"error":{"message","type","param","code"}}`.
pub fn write(out: &mut Vec<u8>, error: ErrorBody<'_>) {
    out.extend_from_slice(b"{\"error\":{\"message\":");
    string(out, error.message);
    out.extend_from_slice(b",\"type\":");
    string(out, error.kind.unwrap_or_else(|| kind(error.status)));
    out.extend_from_slice(b",\"param\":null,\"code\":");
    string(out, error.code);
    if let Some(seconds) = error.resets_in_s {
        out.extend_from_slice(b",\"resets_in_seconds\":");
        decimal(out, seconds);
    }
    out.extend_from_slice(b"}}");
}

/// A Chat stream's error: a data line, and no `[DONE]` after it.
pub fn write_data_line(out: &mut Vec<u8>, error: ErrorBody<'_>) {
    out.extend_from_slice(b"data: ");
    write(out, error);
    out.extend_from_slice(b"\n\n");
}

/// A Responses stream's terminal event `response.failed`.
pub fn write_failed_event(out: &mut Vec<u8>, error: ErrorBody<'_>) {
    out.extend_from_slice(
        b"event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"id\":",
    );
    string(out, error.request_id);
    out.extend_from_slice(
        b",\"object\":\"response\",\"status\":\"failed\",\"output\":[],\"error\":{\"code\":",
    );
    string(out, error.code);
    out.extend_from_slice(b",\"message\":");
    string(out, error.message);
    out.extend_from_slice(b"}}}\n\n");
}

/// The error type that OpenAI's clients know a status by.
const fn kind(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        500..=599 => "server_error",
        _ => "invalid_request_error",
    }
}
