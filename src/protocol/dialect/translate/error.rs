//! A provider's error in the form of the client: envelope, type, code, status. Never loses what
//! the provider says: the message is kept word for word, and its id of the request.
//!
//! Statuses stay, with one exception: 529 is Anthropic's own, and becomes 503 for clients of
//! OpenAI. The other way 503 stays 503: Anthropic has it too (PROTOCOL 1.4), and its clients know
//! both; its type is `overloaded_error`, which is what OpenAI means by it.

use super::Form;
use super::json::write::Writer;
use super::json::{self, Room, Value};
use crate::protocol::dialect::{Dialect, anthropic};
use crate::protocol::json::text::Text;

/// Writes the error that the provider told in `body` with `status`, in the form of the client;
/// gives the status for the client. Any bytes will do: what is no error of an API is a message,
/// of at most 1 KiB.
pub fn error(body: &[u8], status: u16, from: Form, to: Form, out: &mut Vec<u8>) -> u16 {
    let mut room = Room::default();
    let document = json::parse(body.get(..BODY_BYTES_MAX).unwrap_or(body), &mut room).ok();
    let root = document.as_ref().map(json::Document::root);
    let has_envelope = root.and_then(|root| root.get("error")).is_some_and(Value::is_object);
    if from.dialect() == to.dialect() && has_envelope {
        out.extend_from_slice(body);
        return status;
    }
    let start = String::from_utf8_lossy(body.get(..BODY_BYTES_MAX).unwrap_or(body));
    let plain = Text::<MESSAGE_BYTES_MAX>::cut(start.trim().as_bytes());
    let told = root.map_or_else(Told::default, Told::read).or_plain(plain.as_str());
    match to.dialect() {
        Dialect::Anthropic => write_anthropic(out, &told, status),
        Dialect::OpenAi => write_openai(out, &told, status),
    }
}

/// What an error says of itself.
#[derive(Clone, Copy, Debug, Default)]
struct Told<'a> {
    code: Option<&'a str>,
    kind: Option<&'a str>,
    message: Option<&'a str>,
    param: Option<&'a str>,
    request_id: Option<&'a str>,
}

impl<'a> Told<'a> {
    /// The envelopes of both APIs, and those that vendors have (PROTOCOL 2.5): `error` as a
    /// string, no envelope at all, `detail`.
    fn read(root: Value<'a>) -> Self {
        let inner = root.get("error").filter(|error| error.is_object()).unwrap_or(root);
        let messages = [
            inner.str_of("message"),
            root.str_of("error"),
            root.str_of("message"),
            root.str_of("detail"),
        ];
        let kind = inner.str_of("type").filter(|kind| *kind != "error");
        Self {
            code: inner.str_of("code"),
            kind,
            message: messages.into_iter().flatten().find(|message| !message.is_empty()),
            param: inner.str_of("param"),
            request_id: root.str_of("request_id"),
        }
    }

    /// With the body itself as the message where there is none.
    fn or_plain(self, body: &'a str) -> Self {
        let plain = if body.is_empty() { NO_BODY } else { body };
        Self { message: self.message.or(Some(plain)), ..self }
    }
}

fn write_anthropic(out: &mut Vec<u8>, told: &Told<'_>, status: u16) -> u16 {
    let is_quota = [told.code, told.kind].contains(&Some("insufficient_quota"));
    let kind = if is_quota { "billing_error" } else { anthropic_kind(status) };
    let mut json = Writer::new(out);
    json.object().text("type", "error").key("error").object();
    json.text("type", kind).text("message", told.message.unwrap_or(NO_BODY)).end();
    json.key("request_id");
    match told.request_id {
        Some(id) => json.string(id),
        None => json.null(),
    };
    json.end();
    status
}

/// OpenAI's types say less than its statuses; of these some mean more than where they are ours.
const fn anthropic_kind(status: u16) -> &'static str {
    match status {
        402 => "billing_error",
        408 => "timeout_error",
        503 => "overloaded_error",
        other => anthropic::error::kind(other),
    }
}

fn write_openai(out: &mut Vec<u8>, told: &Told<'_>, status: u16) -> u16 {
    let (kind, code) = openai_kind(told.kind, status);
    let mut json = Writer::new(out);
    json.object().key("error").object();
    json.text("message", told.message.unwrap_or(NO_BODY)).text("type", kind);
    for (name, value) in [("param", told.param), ("code", told.code.or(code))] {
        json.key(name);
        match value {
            Some(value) => json.string(value),
            None => json.null(),
        };
    }
    json.end();
    if let Some(id) = told.request_id {
        json.text("request_id", id);
    }
    json.end();
    if status == 529 { 503 } else { status }
}

/// Type and code. A type of Anthropic that OpenAI has no code for is the code: it says more.
fn openai_kind(kind: Option<&str>, status: u16) -> (&'static str, Option<&str>) {
    match kind {
        Some("invalid_request_error") => ("invalid_request_error", None),
        Some("authentication_error") => ("invalid_request_error", Some("invalid_api_key")),
        Some("billing_error") => ("insufficient_quota", Some("insufficient_quota")),
        Some("not_found_error") => ("invalid_request_error", Some("model_not_found")),
        Some("rate_limit_error") => ("rate_limit_error", Some("rate_limit_exceeded")),
        Some("overloaded_error") => ("server_error", Some("server_is_overloaded")),
        Some("api_error") => ("server_error", None),
        other => (openai_kind_of(status), other),
    }
}

const fn openai_kind_of(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        500..=599 => "server_error",
        _ => "invalid_request_error",
    }
}

/// More of an error is not looked at.
const BODY_BYTES_MAX: usize = 64 << 10;
/// What is taken of a body that is no error of an API.
const MESSAGE_BYTES_MAX: usize = 1 << 10;
const NO_BODY: &str = "the provider gave no reason";

#[cfg(test)]
mod tests {
    use super::*;
    use Form::{Chat, Messages, Responses};
    use serde_json::json;

    fn told(body: &str, status: u16, from: Form, to: Form) -> (serde_json::Value, u16) {
        let mut out = Vec::new();
        let status = error(body.as_bytes(), status, from, to, &mut out);
        (serde_json::from_slice(&out).unwrap(), status)
    }

    #[test]
    fn anthropics_errors_are_told_to_clients_of_openai() {
        for (status, kind, wanted) in [
            (400, "invalid_request_error", ("invalid_request_error", None, 400)),
            (401, "authentication_error", ("invalid_request_error", Some("invalid_api_key"), 401)),
            (402, "billing_error", ("insufficient_quota", Some("insufficient_quota"), 402)),
            (403, "permission_error", ("invalid_request_error", Some("permission_error"), 403)),
            (404, "not_found_error", ("invalid_request_error", Some("model_not_found"), 404)),
            (413, "request_too_large", ("invalid_request_error", Some("request_too_large"), 413)),
            (429, "rate_limit_error", ("rate_limit_error", Some("rate_limit_exceeded"), 429)),
            (429, "billing_error", ("insufficient_quota", Some("insufficient_quota"), 429)),
            (500, "api_error", ("server_error", None, 500)),
            (504, "timeout_error", ("server_error", Some("timeout_error"), 504)),
            (529, "overloaded_error", ("server_error", Some("server_is_overloaded"), 503)),
            (529, "new_error", ("server_error", Some("new_error"), 503)),
        ] {
            let body = json!({"type": "error", "error": {"type": kind, "message": "so \"it\" is",
                "details": null}, "request_id": "req_1"});
            for to in [Chat, Responses] {
                let (answer, given) = told(&body.to_string(), status, Messages, to);
                let error = json!({"message": "so \"it\" is", "type": wanted.0, "param": null,
                    "code": wanted.1});
                assert_eq!(answer, json!({"error": error, "request_id": "req_1"}));
                assert_eq!(given, wanted.2);
            }
        }
    }

    #[test]
    fn openais_errors_are_told_to_clients_of_anthropic() {
        for (status, code, wanted) in [
            (400, "context_length_exceeded", "invalid_request_error"),
            (401, "invalid_api_key", "authentication_error"),
            (403, "unsupported_country", "permission_error"),
            (404, "model_not_found", "not_found_error"),
            (408, "timeout", "timeout_error"),
            (409, "conflict", "conflict_error"),
            (422, "x", "invalid_request_error"),
            (429, "rate_limit_exceeded", "rate_limit_error"),
            (429, "insufficient_quota", "billing_error"),
            (500, "server_error", "api_error"),
            (502, "x", "api_error"),
            (503, "slow_down", "overloaded_error"),
        ] {
            let body = json!({"error": {"message": "m", "type": "t", "param": "p", "code": code}});
            for from in [Chat, Responses] {
                let (answer, given) = told(&body.to_string(), status, from, Messages);
                let error = json!({"type": wanted, "message": "m"});
                let whole = json!({"type": "error", "error": error, "request_id": null});
                assert_eq!((answer, given), (whole, status));
            }
        }
    }

    #[test]
    fn the_api_of_the_client_says_it_itself() {
        let body = r#" {"error":{"message":"m","x":1}} "#;
        let mut out = Vec::new();
        assert_eq!(error(body.as_bytes(), 400, Chat, Responses, &mut out), 400);
        assert_eq!(out, body.as_bytes());
        let (answer, _) = told("<html>", 502, Chat, Responses);
        assert_eq!(answer["error"]["message"], "<html>");
    }

    #[test]
    fn errors_of_vendors_keep_their_message() {
        for body in [
            r#"{"code":"c","error":"why"}"#,
            r#"{"object":"error","message":"why","type":"t","code":400}"#,
            r#"{"detail":"why"}"#,
            r#"{"error":{"type":"t","message":"why"},"type":"error"}"#,
            r#"{"error":{"code":7},"message":"why"}"#,
            "  why\n",
        ] {
            let (answer, _) = told(body, 400, Chat, Messages);
            assert_eq!(answer["error"]["message"], "why", "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_a_message_of_a_kibibyte() {
        let (answer, _) = told(&"\u{e9}".repeat(9_000), 502, Messages, Chat);
        assert_eq!(answer["error"]["message"].as_str().unwrap(), "\u{e9}".repeat(512));
        assert_eq!(told("", 502, Messages, Chat).0["error"]["message"], NO_BODY);
        let mut out = Vec::new();
        error(b"\xff\x00\"", 500, Chat, Messages, &mut out);
        assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        let long = format!("{{\"detail\":\"{}\"}}", "x".repeat(100_000));
        let (answer, _) = told(&long, 400, Chat, Messages);
        assert_eq!(answer["error"]["message"].as_str().unwrap().len(), MESSAGE_BYTES_MAX);
    }

    #[test]
    fn an_error_there_and_back_has_its_type_again() {
        for (status, kind) in [
            (400, "invalid_request_error"),
            (401, "authentication_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (413, "request_too_large"),
            (429, "rate_limit_error"),
            (429, "billing_error"),
            (500, "api_error"),
            (504, "timeout_error"),
            (529, "overloaded_error"),
        ] {
            let body = json!({"type": "error", "error": {"type": kind, "message": "m"},
                "request_id": "r"});
            let (there, status) = told(&body.to_string(), status, Messages, Chat);
            assert_eq!(told(&there.to_string(), status, Chat, Messages).0, body, "{kind}");
        }
    }
}
