//! Error bodies and error events, in the envelope of each dialect.
//!
//! Never invents a new shape: the types are those the providers document.

use super::Dialect;
use super::turn::quoted;
use crate::knobs::Say;

/// The body of an error status.
pub fn body(dialect: Dialect, status: u16, say: &Say, sequence: u64) -> String {
    let message = say.error_message.clone().unwrap_or_else(|| format!("mock error {status}"));
    let plain = envelope(dialect, status, say, (&message, sequence));
    match say.error_body_size.map(|size| size.saturating_sub(plain.len())) {
        None | Some(0) => plain,
        Some(missing) => {
            envelope(dialect, status, say, (&(message + &"x".repeat(missing)), sequence))
        }
    }
}

/// The body of a 400 that the mock itself finds.
pub fn refusal(dialect: Dialect, why: &str, sequence: u64) -> String {
    envelope(dialect, 400, &Say::default(), (why, sequence))
}

/// The event that ends a stream which began with 200.
pub fn event(dialect: Dialect, kind: &str, message: &str, number: u32) -> String {
    let (kind, message) = (quoted(kind), quoted(message));
    match dialect {
        Dialect::Anthropic => {
            let error = format!(r#"{{"details":null,"type":{kind},"message":{message}}}"#);
            format!("event: error\ndata: {{\"type\":\"error\",\"error\":{error}}}\n\n")
        }
        Dialect::Chat | Dialect::Completions => {
            let rest = r#""param":null,"code":null"#;
            format!("data: {{\"error\":{{\"message\":{message},\"type\":{kind},{rest}}}}}\n\n")
        }
        Dialect::Responses => {
            let rest = format!(r#""code":{kind},"message":{message},"param":null"#);
            let number = format!(r#""sequence_number":{number}"#);
            format!("event: error\ndata: {{\"type\":\"error\",{number},{rest}}}\n\n")
        }
    }
}

fn envelope(dialect: Dialect, status: u16, say: &Say, (message, sequence): (&str, u64)) -> String {
    let message = quoted(message);
    if dialect == Dialect::Anthropic {
        let kind = quoted(say.error_type.as_deref().unwrap_or(anthropic_type(status)));
        return format!(
            concat!(
                r#"{{"type":"error","error":{{"type":{},"message":{}}},"#,
                r#""request_id":"req_{:024x}"}}"#
            ),
            kind, message, sequence
        );
    }
    let (kind, code) = openai_type(status);
    let kind = quoted(say.error_type.as_deref().unwrap_or(kind));
    let code = say.error_code.as_deref().or(code).map_or_else(|| "null".to_owned(), quoted);
    format!(r#"{{"error":{{"message":{message},"type":{kind},"param":null,"code":{code}}}}}"#)
}

fn anthropic_type(status: u16) -> &'static str {
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
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn openai_type(status: u16) -> (&'static str, Option<&'static str>) {
    match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    }
}
