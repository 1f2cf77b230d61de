//! The admin API over sockets: who may call it, what it shows, what it does. No key in any answer.

use serde_json::{Value, json};

use crate::support::gateway::{Gateway, run_to_end};
use crate::support::message::{get, post};
use crate::support::mock::Mock;
use crate::support::wire::{Answer, Payload, Wire};

const TOKEN: &str = "planted-admin-token";
const KEY: &str = "sk-planted-0123456789abcdef";
const KEY_2: &str = "sk-planted-second-0123456789";

/// A gateway with two keys and an admin API, with `more` in `[admin]`.
fn gateway(mock: &Mock, more: &str) -> Gateway {
    let url = mock.url();
    let config = format!(
        "[server]\nlisten = ['127.0.0.1:0']\nworkers = 2\n[admin]\nlisten = '127.0.0.1:0'\n{more}\n\
         [[provider]]\nname = 'anthropic'\ndialect = 'anthropic'\nbase_url = '{url}'\n\
         [[provider.key]]\nname = 'team a'\nvalue.env = 'KEY'\nmax_concurrent = 3\n\
         [[provider.key]]\nname = 'team-b'\nvalue.env = 'KEY_2'\n\
         [[provider]]\nname = 'openai'\ndialect = 'openai'\nbase_url = '{url}'\n"
    );
    let environment = [("KEY", KEY), ("KEY_2", KEY_2), ("TOKEN", TOKEN)];
    Gateway::start_with(&config, &environment)
}

fn message(model: &str) -> String {
    let body = json!({"model": model, "max_tokens": 5, "messages": []}).to_string();
    post("/v1/messages", "content-type: application/json\r\n", &body)
}

/// A GET for JSON.
fn read(gateway: &Gateway, path: &str) -> Value {
    let answer = ask(gateway, &get(path, "host: localhost\r\n"));
    assert_eq!(answer.head.status(), 200, "{path}: {}", answer.text());
    answer.json()
}

fn ask(gateway: &Gateway, request: &str) -> Answer {
    let mut client = Wire::connect(gateway.admin());
    client.send(request.replace("host: gateway.test\r\n", ""));
    client.answer()
}

fn act(gateway: &Gateway, path: &str, body: &str) -> Answer {
    ask(gateway, &post(path, "host: localhost\r\n", body))
}

fn problem(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.head.status(), status, "{}", answer.text());
    assert_eq!(answer.head.field("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    problem
}

#[test]
fn status_and_providers_are_told() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "");
    assert_eq!(gateway.ask(message("claude-x")).head.status(), 200);
    gateway.line("\"model\":\"claude-x\"");
    let status = read(&gateway, "/api/v1/status");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&status["workers"], &status["configuration"]), (&json!(2), &json!(1)));
    assert_eq!((&status["draining"], &status["in_flight"]), (&json!(false), &json!(0)));
    assert_eq!(status["today"]["requests"], 1);
    assert!(status["today"]["tokens"].as_u64().unwrap() > 0, "{status}");
    let providers = read(&gateway, "/api/v1/providers");
    assert_eq!(providers["providers"][0]["name"], "anthropic");
    assert_eq!(providers["providers"][0]["keys"], 2);
    assert_eq!(providers["providers"][0]["keys_available"], 2);
    assert_eq!(providers["providers"][1]["keys"], 0);
}

#[test]
fn t07_a_key_is_shown_with_its_cap_and_an_absent_one_is_404() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "");
    assert_eq!(gateway.ask(message("claude-x")).head.status(), 200);
    gateway.line("\"model\":\"claude-x\"");
    let keys = read(&gateway, "/api/v1/keys");
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    let key = read(&gateway, "/api/v1/keys/anthropic/team%20a");
    assert_eq!(key["name"], "team a");
    assert_eq!(key["max_concurrent"], 3);
    assert_eq!(key["hint"], "sk-p...cdef");
    assert_eq!((&key["state"], &key["until"]), (&json!("available"), &Value::Null));
    assert_eq!(key["requests"], 1);
    assert!(key["tokens"].as_u64().unwrap() > 0, "{key}");
    assert!(key["last_used_at"].is_string());
    let other = read(&gateway, "/api/v1/keys/anthropic/team-b");
    assert_eq!((&other["max_concurrent"], &other["requests"]), (&Value::Null, &json!(0)));
    for path in ["/api/v1/keys/anthropic/nobody", "/api/v1/keys/nobody/team-b"] {
        problem(&ask(&gateway, &get(path, "host: localhost\r\n")), 404);
    }
}

#[test]
fn a_key_is_cooled_by_hand_and_reset() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "");
    let limit = |name: &str, body: &str| {
        act(&gateway, &format!("/api/v1/keys/anthropic/{name}/limit"), body)
    };
    let cooled = limit("team%20a", r#"{"for":"10m"}"#);
    assert_eq!(cooled.head.status(), 200, "{}", cooled.text());
    let key = cooled.json();
    assert_eq!((&key["state"], &key["reason"]), (&json!("cooling"), &json!("operator")));
    let until: jiff::Timestamp = key["until"].as_str().unwrap().parse().unwrap();
    let ahead = until.as_second() - jiff::Timestamp::now().as_second();
    assert!((590..=600).contains(&ahead), "{ahead}");
    assert_eq!(gateway.ask(message("m")).head.field("x-tidegate-key"), Some("team-b"));
    assert_eq!(limit("team-b", r#"{"for":"1h"}"#).head.status(), 200);
    let refused = gateway.ask(message("m"));
    assert_eq!(refused.head.status(), 429);
    let shorter = limit("team-b", r#"{"for":"1m"}"#);
    assert_eq!(shorter.json()["state"], "cooling", "a longer rest stays");
    let reset = act(&gateway, "/api/v1/keys/anthropic/team%20a/reset", "");
    assert_eq!(reset.json()["state"], "available");
    assert_eq!(gateway.ask(message("m")).head.field("x-tidegate-key"), Some("team a"));
    for body in
        ["", "{}", r#"{"for":10}"#, r#"{"for":"0s"}"#, r#"{"for":"49h"}"#, r#"{"for":"1m","x":1}"#]
    {
        problem(&limit("team-b", body), 400);
    }
    problem(&limit("nobody", r#"{"for":"1m"}"#), 404);
    problem(&limit("team-b", &" ".repeat(70_000)), 413);
}

#[test]
fn without_the_token_only_health_and_the_document_are_served() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "token.env = 'TOKEN'");
    let with = |path: &str, fields: &str| {
        ask(&gateway, &get(path, &format!("host: localhost\r\n{fields}")))
    };
    for path in ["/health", "/livez", "/readyz", "/openapi.json"] {
        assert_eq!(with(path, "").head.status(), 200, "{path}");
    }
    for path in ["/api/v1/status", "/api/v1/keys", "/api/v1/events", "/nothing"] {
        for token in ["", "authorization: Bearer planted-admin-toke\r\n"] {
            let refused = with(path, token);
            problem(&refused, 401);
            assert_eq!(refused.head.field("www-authenticate"), Some("Bearer"));
        }
    }
    let field = format!("authorization: Bearer {TOKEN}\r\n");
    assert_eq!(with("/api/v1/status", &field).head.status(), 200);
    problem(&with("/nothing", &field), 404);
    problem(&act(&gateway, "/api/v1/drain", ""), 401);
    let stderr = gateway.kill();
    for planted in [TOKEN, KEY, KEY_2] {
        assert!(!stderr.contains(planted), "{planted} on stderr");
    }
}

#[test]
fn browsers_of_other_sites_are_refused() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "");
    for fields in [
        "host: evil.example\r\n",
        "host: localhost\r\norigin: http://evil.example\r\n",
        "host: localhost\r\nsec-fetch-site: cross-site\r\n",
    ] {
        problem(&ask(&gateway, &get("/api/v1/keys", fields)), 403);
        assert_eq!(ask(&gateway, &get("/livez", fields)).head.status(), 200);
    }
    let refused = ask(&gateway, "PATCH /api/v1/keys HTTP/1.1\r\nhost: localhost\r\n\r\n");
    problem(&refused, 405);
}

#[test]
fn an_address_beyond_loopback_needs_a_token() {
    let ended = run_to_end("[admin]\nlisten = '0.0.0.0:0'\n", &[]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("without a token"), "{}", ended.stderr);
}

#[test]
fn an_address_in_use_ends_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ended = run_to_end(&format!("[admin]\nlisten = '{address}'\n"), &[]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&format!("{address} is in use")), "{}", ended.stderr);
}

#[test]
fn a_reload_is_asked_for_and_its_errors_are_told() {
    let gateway = Gateway::start("[admin]\nlisten = '127.0.0.1:0'\n");
    assert_eq!(act(&gateway, "/api/v1/reload", "").json(), json!({"configuration": 2}));
    gateway.line("configuration reloaded");
    gateway.rewrite("[admin]\nlisten = '127.0.0.1:0'\n[timeouts]\nconnect = 'soon'\n");
    let refused = problem(&act(&gateway, "/api/v1/reload", ""), 409);
    assert_eq!(refused["errors"][0]["key"], "timeouts.connect");
    assert_eq!(read(&gateway, "/api/v1/status")["configuration"], 2);
}

#[test]
fn a_drain_is_asked_for_and_health_is_told_until_the_end() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "");
    let mut held = gateway.connect();
    let body = json!({"model": "m", "max_tokens": 5, "messages": [], "stream": true}).to_string();
    held.send(post("/v1/messages", "x-mock: events=100, rate=1\r\n", &body));
    let head = held.head();
    assert_eq!(head.status(), 200);
    assert_eq!(act(&gateway, "/api/v1/drain", "").head.status(), 202);
    gateway.line("draining");
    let health = ask(&gateway, &get("/health", "host: localhost\r\n"));
    assert_eq!((health.head.status(), &health.json()["status"]), (503, &json!("draining")));
    assert_eq!(read(&gateway, "/livez")["in_flight"], 1);
    problem(&act(&gateway, "/api/v1/reload", ""), 503);
    drop(held);
    assert_eq!(gateway.ended().code, Some(0));
}

#[test]
fn the_live_tail_shows_each_exchange_and_no_key() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "");
    let mut tail = Wire::connect(gateway.admin());
    tail.send(get("/api/v1/events", "").replace("gateway.test", "localhost"));
    let head = tail.head();
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    let mut events = Payload::of(&head);
    events.until(&mut tail, ": listening");
    assert_eq!(gateway.ask(message("claude-tail")).head.status(), 200);
    events.until(&mut tail, "\n\n");
    events.until(&mut tail, "claude-tail");
    assert!(!events.text().contains("planted"), "{}", events.text());
}

#[test]
fn metrics_count_exchanges_tokens_limits_and_states() {
    let limited = format!("{KEY}=429:retry-after=60");
    let mock = Mock::with(&["--key-script", &limited]);
    let gateway = gateway(&mock, "");
    assert_eq!(gateway.ask(message("claude-m")).head.status(), 200);
    gateway.line("\"model\":\"claude-m\"");
    let kind_of = |fields: &str| {
        let answer = ask(&gateway, &get("/metrics", &format!("host: localhost\r\n{fields}")));
        answer.head.field("content-type").unwrap().split(';').next().unwrap().to_owned()
    };
    let scraper = "accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1";
    assert_eq!(kind_of(&format!("{scraper}\r\n")), "application/openmetrics-text");
    assert_eq!(kind_of("accept: */*\r\n"), "text/plain");
    let answer = ask(&gateway, &get("/metrics", "host: localhost\r\n"));
    let text = answer.text();
    for line in [
        "tidegate_requests_total{provider=\"anthropic\",model=\"claude-m\",status=\"200\"} 1\n",
        "tidegate_tokens_total{provider=\"anthropic\",model=\"claude-m\",type=\"output\"}",
        "tidegate_rate_limits_total{provider=\"anthropic\",model=\"",
        "tidegate_key_state_transitions_total{provider=\"anthropic\",reason=\"retry_after\"} 1\n",
        "tidegate_rate_limit_backoff_seconds_bucket{le=\"60.0\",provider=\"anthropic\"} 1\n",
        "tidegate_attempts_bucket{le=\"2.0\"} 1\n",
        "tidegate_request_duration_seconds_count 1\n",
        "tidegate_in_flight 0.0\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("planted"), "{text}");
}
