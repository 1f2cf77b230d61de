//! Anthropic's error envelope (PROTOCOL 1.4) and its in-stream error event (PROTOCOL 1.5).

use crate::protocol::dialect::ErrorBody;
use crate::protocol::json::write::string;

/// `{"type":"error","error":{"type","message"},"request_id"}`.
pub fn write(out: &mut Vec<u8>, error: ErrorBody<'_>) {
    out.extend_from_slice(b"{\"type\":\"error\",\"error\":{\"type\":");
    string(out, error.kind.unwrap_or_else(|| kind(error.status)));
    out.extend_from_slice(b",\"message\":");
    string(out, error.message);
    out.extend_from_slice(b"},\"request_id\":");
    string(out, error.request_id);
    out.extend_from_slice(b"}");
}

/// `event: error` with the envelope as its data.
pub fn write_event(out: &mut Vec<u8>, error: ErrorBody<'_>) {
    out.extend_from_slice(b"event: error\ndata: ");
    write(out, error);
    out.extend_from_slice(b"\n\n");
}

/// The error type that Anthropic's clients know a status by.
pub const fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500..=599 => "api_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a10_an_error_is_the_dialects_envelope_with_its_type() {
        let error = ErrorBody {
            code: "upstream_cut",
            kind: None,
            message: "upstream failed",
            request_id: "r1",
            resets_in_s: None,
            status: 502,
        };
        let mut body = Vec::new();
        write(&mut body, error);
        let expected = concat!(
            r#"{"type":"error","error":{"type":"api_error","message":"upstream failed"},"#,
            r#""request_id":"r1"}"#
        );
        assert_eq!(String::from_utf8(body).as_deref(), Ok(expected));
    }
}
