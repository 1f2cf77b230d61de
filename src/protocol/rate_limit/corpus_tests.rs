//! Recorded header sets against a plain reading of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::{Map, Value, json};

use super::time::Number;
use super::{CodexWindow, Limit, Overage, RateLimits, Reset, RetryAfter, Unified, Window, read};
use crate::protocol::corpus;

#[test]
fn corpus_headers() {
    corpus::check("headers", ".hdr", |case| {
        let bytes = corpus::read(case);
        let expected = corpus::json(&case.with_extension("expected.json"));
        let (status, headers) = head(&bytes);
        let found = read(headers.iter().copied());
        compare(&plain(&found, status), &expected, "")
    });
}

type Field<'a> = (&'a [u8], &'a [u8]);

/// The status and the fields of a head, of which the corpus keeps the text.
fn head(bytes: &[u8]) -> (u16, Vec<Field<'_>>) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let mut lines = bytes[..end].split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    let status = std::str::from_utf8(lines.next().unwrap()).unwrap();
    let status = status.split(' ').nth(1).unwrap().parse().unwrap();
    let fields = lines.filter(|line| !line.is_empty()).map(|line| {
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        (line[..colon].trim_ascii(), line.get(colon + 1..).unwrap_or_default())
    });
    (status, fields.collect())
}

/// In the shape of the expectations.
fn plain(found: &RateLimits<'_>, status: u16) -> Value {
    let waits_for_date = matches!(found.retry_after, Some(RetryAfter::At(_)));
    let is_error = matches!(status, 408 | 409 | 429 | 500 | 502 | 503 | 504 | 529);
    let wait = found.wait_us(0).filter(|_| is_error && !waits_for_date);
    json!({
        "status": status,
        "request_id": text(found.request_id),
        "organization": text(found.organization),
        "x_should_retry": found.should_retry,
        "retry_after": match found.retry_after {
            None => Value::Null,
            Some(RetryAfter::At(epoch)) => json!({"seconds": null, "http_date_epoch": epoch}),
            Some(RetryAfter::Seconds(it)) => {
                json!({"seconds": number(Some(it)), "http_date_epoch": null})
            }
        },
        "retry_after_ms": number(found.retry_after_ms),
        "limits": found.limits.iter().map(limit).collect::<Map<_, _>>(),
        "unified": found.unified.as_ref().map(unified),
        "codex": codex(&found.codex),
        "ietf": found.ietf.map(|it| json!({
            "policy": text(it.policy),
            "remaining": number(it.remaining),
            "reset_s": number(it.reset_s),
        })),
        "cooldown_us": wait,
    })
}

fn limit(limit: &Limit<'_>) -> (String, Value) {
    let name = String::from_utf8_lossy(limit.name).to_ascii_lowercase();
    let name = if limit.is_priority { format!("priority-{name}") } else { name };
    let reset = limit.reset.map(|reset| match reset {
        Reset::Bare(it) => json!({"epoch": null, "in_us": null, "bare": number(Some(it))}),
        Reset::Epoch(it) => json!({"epoch": it, "in_us": null, "bare": null}),
        Reset::In(it) => json!({"epoch": null, "in_us": it, "bare": null}),
        Reset::Unreadable => json!({"epoch": null, "in_us": null, "bare": null}),
    });
    let value = json!({
        "limit": number(limit.limit), "remaining": number(limit.remaining), "reset": reset
    });
    (name, value)
}

fn unified(unified: &Unified<'_>) -> Value {
    // The expectations do not know windows that are told by counts alone.
    let windows = unified.windows.iter().filter(|window| {
        **window
            != Window {
                limit: window.limit,
                name: window.name,
                remaining: window.remaining,
                ..Window::default()
            }
    });
    json!({
        "status": text(unified.status),
        "reset": number(unified.reset),
        "representative_claim": text(unified.representative_claim),
        "fallback": text(unified.fallback),
        "fallback_percentage": number(unified.fallback_percentage),
        "upgrade_paths": text(unified.upgrade_paths),
        "windows": windows.map(window).collect::<Map<_, _>>(),
        "overage": unified.overage.as_ref().map(overage),
    })
}

fn window(window: &Window<'_>) -> (String, Value) {
    let value = json!({
        "status": text(window.status),
        "reset": window.reset,
        "utilization": number(window.utilization),
        "surpassed_threshold": number(window.surpassed_threshold),
    });
    (String::from_utf8_lossy(window.name).to_ascii_lowercase(), value)
}

fn overage(overage: &Overage<'_>) -> Value {
    json!({
        "disabled_reason": text(overage.disabled_reason),
        "in_use": text(overage.in_use),
        "period": text(overage.period),
        "reset": number(overage.reset),
        "status": text(overage.status),
        "surpassed_threshold": number(overage.surpassed_threshold),
        "utilization": number(overage.utilization),
    })
}

fn codex(windows: &[CodexWindow<'_>]) -> Value {
    let mut limits = Map::new();
    for window in windows {
        let name = String::from_utf8_lossy(window.name).to_ascii_lowercase();
        let limit = limits.entry(name).or_insert_with(|| json!({}));
        limit[if window.is_secondary { "secondary" } else { "primary" }] = json!({
            "used_percent": number(window.used_percent),
            "window_minutes": number(window.window_minutes),
            "reset_at": number(window.reset_at),
        });
    }
    if limits.is_empty() { Value::Null } else { Value::Object(limits) }
}

/// Equal in all the expectation has; what it has no key for must be absent, and `raw` texts are
/// those of the input.
fn compare(found: &Value, expected: &Value, path: &str) -> Result<(), String> {
    let (Value::Object(all), Value::Object(wanted)) = (found, expected) else {
        let is_same = match (found.as_f64(), expected.as_f64()) {
            (Some(found), Some(expected)) => (found - expected).abs() <= expected.abs() * 1e-12,
            _ => found == expected,
        };
        // A field that reads as nothing is kept by the expectations for its raw text.
        let is_unread = found.is_null()
            && expected
                .as_object()
                .is_some_and(|it| it.iter().all(|(key, value)| key == "raw" || value.is_null()));
        let is_same = is_same || is_unread;
        return if is_same { Ok(()) } else { Err(format!("{path}: {found}, not {expected}")) };
    };
    for key in all.keys().chain(wanted.keys()).filter(|key| *key != "raw") {
        let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
        compare(&of(all), &of(wanted), &format!("{path}.{key}"))?;
    }
    Ok(())
}

fn text(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| {
        json!(bytes.iter().map(|&b| char::from(b)).collect::<String>())
    })
}

fn number(number: Option<Number>) -> Value {
    match number {
        None => Value::Null,
        Some(Number::Fraction(value)) => json!(value),
        Some(Number::Whole(value)) => json!(value),
    }
}
