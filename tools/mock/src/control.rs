//! `/__mock/…`: scripts, knobs, log and statistics while the mock runs.
//!
//! Never recorded and never counted as a request.

use std::path::Path;
use std::time::Duration;

use crate::link::load_tls;
use crate::send::Finish;
use crate::shared::Shared;

/// What begins the path of a control request.
pub const PREFIX: &str = "/__mock/";

/// Answers one control request: status and JSON body.
pub async fn answer(shared: &Shared, method: &str, target: &str, body: &[u8]) -> (u16, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let text = || std::str::from_utf8(body).map_err(|error| error.to_string());
    let done = match (method, path.strip_prefix(PREFIX).unwrap_or_default()) {
        ("GET", "log") => {
            if let Some(records) = field(query, "wait") {
                wait(query, || shared.log().counts().0 >= records).await;
            }
            return (200, shared.log().json());
        }
        ("GET", "stats") => {
            if let Some(in_flight) = field(query, "in_flight") {
                wait(query, || shared.totals().in_flight() == in_flight).await;
            }
            return (200, shared.stats());
        }
        ("POST", "accept") => text().and_then(|text| accept_fault(shared, text)),
        ("POST", "knobs") => text().and_then(|text| shared.set_knobs(text)),
        ("POST", "reset") => shared.reset(),
        ("POST", "script") => shared.add_scripts(body),
        ("POST", "tls") => certificate(shared, body),
        _ => return (404, r#"{"error":"no such control endpoint"}"#.to_owned()),
    };
    match done {
        Ok(()) => (200, r#"{"ok":true}"#.to_owned()),
        Err(why) => (400, serde_json::json!({ "error": why }).to_string()),
    }
}

/// Until `is_so`, at most `timeout_ms` (default 5000) milliseconds.
async fn wait(query: &str, is_so: impl Fn() -> bool) {
    let rounds = field(query, "timeout_ms").unwrap_or(5000) / POLL_MS;
    for _ in 0..rounds {
        if is_so() {
            return;
        }
        monoio::time::sleep(Duration::from_millis(POLL_MS)).await;
    }
}

fn field(query: &str, name: &str) -> Option<u64> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok())
}

/// `rst 3`: the next three connections are reset as soon as they are accepted.
fn accept_fault(shared: &Shared, text: &str) -> Result<(), String> {
    let (kind, count) = text.trim().split_once(' ').unwrap_or((text.trim(), "1"));
    let fault = match kind {
        "cut" => Some(Finish::Cut),
        "off" => None,
        "rst" => Some(Finish::Reset),
        "stall" => Some(Finish::Stall),
        _ => return Err(format!("`{kind}` is none of cut, rst, stall, off")),
    };
    let count = count.parse().map_err(|_| format!("`{count}` is not a number"))?;
    shared.set_accept_fault(fault, count)
}

/// `{"cert": PATH, "key": PATH}` for handshakes to come.
fn certificate(shared: &Shared, body: &[u8]) -> Result<(), String> {
    let paths: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let path = |name: &str| {
        paths.get(name).and_then(serde_json::Value::as_str).ok_or(format!("no `{name}`"))
    };
    shared.set_tls(load_tls(Path::new(path("cert")?), Path::new(path("key")?))?)
}

const POLL_MS: u64 = 2;
