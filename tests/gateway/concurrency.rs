//! Permits over sockets (BEHAVIOUR 7): who is refused, with which words, and that a place is free
//! the moment its exchange ends, however it ends.

mod queue;

use crate::support::{Answer, Gateway, Mock, Payload, Upstream, Wire, get, key, post, provider};

const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";
const ALICE: &str = "x-api-key: tg-alice-0123456789\r\n";
const BOB: &str = "x-api-key: tg-bob-0123456789ab\r\n";

fn caller(name: &str, value: &str, more: &str) -> String {
    format!("[[caller]]\nname = \"{name}\"\nkey = \"{value}\"\n{more}")
}

/// A provider with these keys, whose tables may hold more.
fn pool(url: &str, more: &str, keys: &[&str]) -> String {
    provider("p", "anthropic", url) + more + &keys.concat()
}

fn capped(value: &str, cap: u32) -> String {
    format!("{}max_concurrent = {cap}\n", key(value))
}

/// A stream that has begun, and goes on until the test ends it.
fn open(gateway: &Gateway, upstream: &Upstream, fields: &str) -> (Wire, Wire, Payload) {
    let mut client = gateway.connect();
    client.send(post("/v1/messages", fields, STREAM));
    let (mut provider, _) = upstream.request();
    provider.send(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n\
         1b\r\nevent: a\ndata: {\"a\":\"12\"}\n\n\r\n",
    );
    let head = client.head();
    assert_eq!(head.status(), 200);
    let payload = Payload::of(&head);
    (client, provider, payload)
}

fn refused(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    (answer.head.status(), answer.code(), answer.head.field("x-tidegate-reason"))
}

fn assert_at_cap(answer: &Answer, reason: &str, message: &str) {
    assert_eq!(refused(answer), (429, Some(reason), Some(reason)), "{}", answer.text());
    assert_eq!(answer.head.field("retry-after"), Some("1"));
    assert_eq!(answer.json()["error"]["type"], "overloaded_error");
    assert_eq!(answer.json()["error"]["message"], message);
}

const AT_CAPACITY: &str = "Server is at capacity. Retry shortly.";

fn against(cap: u32) -> String {
    format!("Too many concurrent requests against this credential (cap: {cap}). Retry shortly.")
}

#[test]
fn t01_over_the_cap_of_a_key_is_429_with_its_number() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&pool(&upstream.url(), "", &[&capped("sk-a", 2)]));
    let _one = open(&gateway, &upstream, "");
    let _two = open(&gateway, &upstream, "");
    let answer = gateway.ask(post("/v1/messages", "", STREAM));
    assert_at_cap(&answer, "credential_cap", &against(2));
    let line = gateway.line("request failed");
    for field in ["credential_cap", "cap_value", "2", "/v1/messages"] {
        assert!(line.contains(field), "{field}: {line}");
    }
}

#[test]
fn t02_a_body_that_was_read_to_its_end_has_given_its_place_back() {
    let mock = Mock::start();
    let gateway = Gateway::start(&pool(&mock.url(), "", &[&capped("sk-a", 1)]));
    for _ in 0..200 {
        // On connections of their own: the permit, not the connection, must be free.
        assert_eq!(gateway.ask(post("/v1/messages", "", STREAM)).head.status(), 200);
    }
}

#[test]
fn t03_the_global_cap_holds_over_all_callers() {
    let upstream = Upstream::start();
    let config = pool(&upstream.url(), "", &[&key("sk-a")])
        + &caller("alice", "tg-alice-0123456789", "max_concurrent = 5\n")
        + &caller("bob", "tg-bob-0123456789ab", "max_concurrent = 5\n")
        + "[concurrency]\nglobal = 1\n";
    let gateway = Gateway::start(&config);
    let _streaming = open(&gateway, &upstream, ALICE);
    let answer = gateway.ask(post("/v1/messages", BOB, STREAM));
    assert_at_cap(&answer, "global_cap", AT_CAPACITY);
}

#[test]
fn a_callers_cap_is_its_own() {
    let upstream = Upstream::start();
    let config = pool(&upstream.url(), "", &[&key("sk-a")])
        + &caller("alice", "tg-alice-0123456789", "max_concurrent = 1\n")
        + &caller("bob", "tg-bob-0123456789ab", "");
    let gateway = Gateway::start(&config);
    let _streaming = open(&gateway, &upstream, ALICE);
    let answer = gateway.ask(post("/v1/messages", ALICE, STREAM));
    assert_at_cap(&answer, "caller_cap", &against(1));
    assert!(gateway.line("request failed").contains("alice"));
    let _other = open(&gateway, &upstream, BOB);
}

#[test]
fn a_providers_cap_counts_all_its_keys_and_clients_own() {
    let upstream = Upstream::start();
    let config = pool(&upstream.url(), "max_concurrent = 1\n", &[&key("sk-a"), &key("sk-b")])
        + "[auth]\nmode = \"keys_or_byok\"\n"
        + &caller("alice", "tg-alice-0123456789", "");
    let gateway = Gateway::start(&config);
    let _streaming = open(&gateway, &upstream, ALICE);
    for fields in [ALICE, "x-api-key: sk-own\r\n"] {
        let answer = gateway.ask(post("/v1/messages", fields, STREAM));
        assert_at_cap(&answer, "provider_cap", AT_CAPACITY);
    }
}

#[test]
fn a_key_at_its_cap_is_passed_over_and_the_pools_cap_is_the_sum() {
    let upstream = Upstream::start();
    let keys = [capped("sk-a", 1), capped("sk-b", 2)];
    let gateway = Gateway::start(&pool(&upstream.url(), "", &[&keys[0], &keys[1]]));
    let _held: Vec<_> = (0..3).map(|_| open(&gateway, &upstream, "")).collect();
    let answer = gateway.ask(post("/v1/messages", "", STREAM));
    assert_at_cap(&answer, "credential_cap", &against(3));
}

#[test]
fn some_resting_and_the_others_at_their_cap_is_429_for_a_second() {
    let upstream = Upstream::start();
    let keys = [key("sk-a"), capped("sk-b", 1)];
    let gateway = Gateway::start(&pool(&upstream.url(), "", &[&keys[0], &keys[1]]));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", "", STREAM));
    let (mut first, _) = upstream.request();
    first.send("HTTP/1.1 429 Too Many\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n");
    let request = first.answer();
    assert_eq!(request.head.field("x-api-key"), Some("sk-b"));
    first.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: a\ndata: 1\n\n");
    assert_eq!(client.head().status(), 200);
    let answer = gateway.ask(post("/v1/messages", "", STREAM));
    assert_eq!((answer.head.status(), answer.code()), (429, Some("keys_rate_limited")));
    assert_eq!(answer.head.field("retry-after"), Some("1"));
}

#[test]
fn t13_a_client_that_leaves_gives_its_places_back_at_once() {
    let upstream = Upstream::start();
    let config = pool(&upstream.url(), "", &[&capped("sk-a", 1)]) + "[concurrency]\nglobal = 1\n";
    let gateway = Gateway::start(&config);
    for _ in 0..3 {
        let (client, mut provider, _) = open(&gateway, &upstream, "");
        drop(client);
        drop(provider.rest());
        // The upstream connection closes with the exchange that held the places.
        let _next = gateway.line("client_gone");
    }
}

#[test]
fn t13_an_upstream_that_fails_before_its_head_gives_the_places_back() {
    let mock = Mock::with(&["--key-script", "sk-a=200:cut_before_head*3,200"]);
    let config = pool(&mock.url(), "", &[&capped("sk-a", 1)]) + "[concurrency]\nglobal = 1\n";
    let gateway = Gateway::start(&config);
    for _ in 0..4 {
        let status = gateway.ask(post("/v1/messages", "", STREAM)).head.status();
        assert!(status == 502 || status == 200, "{status}: never refused for a lost place");
    }
}

#[test]
fn t14_a_refusal_by_the_key_gives_the_global_place_back() {
    let upstream = Upstream::start();
    let config = pool(&upstream.url(), "", &[&capped("sk-a", 1)]) + "[concurrency]\nglobal = 2\n";
    let gateway = Gateway::start(&config);
    let _streaming = open(&gateway, &upstream, "");
    for _ in 0..5 {
        let answer = gateway.ask(post("/v1/messages", "", STREAM));
        assert_eq!(answer.code(), Some("credential_cap"), "the global place is free each time");
    }
}

#[test]
fn t16_failing_over_gives_the_first_keys_place_back() {
    let upstream = Upstream::start();
    let keys = [capped("sk-a", 1), capped("sk-b", 1)];
    let gateway = Gateway::start(&pool(&upstream.url(), "", &[&keys[0], &keys[1]]));
    let mut first = gateway.connect();
    first.send(post("/v1/messages", "", "{\"model\":\"one\",\"stream\":true}"));
    let (mut provider, _) = upstream.request();
    provider.send("HTTP/1.1 429 Too Many\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n");
    provider.answer();
    provider
        .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: a\ndata: 1\n\n");
    assert_eq!(first.head().status(), 200);
    // Another class: only sk-b's place is held, so sk-a serves.
    let mut second = gateway.connect();
    second.send(post("/v1/messages", "", "{\"model\":\"two\",\"stream\":true}"));
    let (mut other, request) = upstream.request();
    assert_eq!(request.head.field("x-api-key"), Some("sk-a"));
    other.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(second.head().status(), 200);
}

#[test]
fn wait_for_key_waits_for_the_first_key_to_come_back() {
    let mock = Mock::with(&["--key-script", "sk-a=429:retry-after-ms=300,200"]);
    let config = pool(&mock.url(), "", &[&key("sk-a")]) + "[failover]\nwait_for_key = \"15s\"\n";
    let gateway = Gateway::start(&config);
    let answer = gateway.ask(post("/v1/messages", "", STREAM));
    assert_eq!(answer.head.status(), 200);
    assert_eq!(answer.head.field("x-tidegate-attempts"), Some("2"));
}

#[test]
fn wait_for_key_does_not_wait_in_vain() {
    let mock = Mock::with(&["--key-script", "sk-a=429:retry-after=120"]);
    let config = pool(&mock.url(), "", &[&key("sk-a")]) + "[failover]\nwait_for_key = \"15s\"\n";
    let answer = Gateway::start(&config).ask(post("/v1/messages", "", STREAM));
    assert_eq!(refused(&answer).0, 429);
    assert_eq!(answer.head.field("retry-after"), Some("120"));
}

#[test]
fn keys_reserved_for_a_caller_are_its_own_and_its_only_ones() {
    let mock = Mock::start();
    let reserved = format!("{}reserved_for = [\"alice\"]\n", capped("sk-alice", 1));
    let config = pool(&mock.url(), "", &[&reserved, &key("sk-all")])
        + &caller("alice", "tg-alice-0123456789", "")
        + &caller("bob", "tg-bob-0123456789ab", "")
        + "[auth]\nmode = \"keys\"\n";
    let gateway = Gateway::start(&config);
    for (fields, expected) in [(ALICE, "sk-alice"), (BOB, "sk-all"), (ALICE, "sk-alice")] {
        let before = mock.log(0).len();
        assert_eq!(gateway.ask(post("/v1/messages", fields, STREAM)).head.status(), 200);
        assert_eq!(mock.log(before + 1)[before].text("key"), expected);
    }
}

#[test]
fn a_caller_without_any_key_it_may_use_gets_503() {
    let mock = Mock::start();
    let reserved = format!("{}reserved_for = [\"alice\"]\n", key("sk-alice"));
    let config = pool(&mock.url(), "", &[&reserved])
        + &caller("alice", "tg-alice-0123456789", "")
        + &caller("bob", "tg-bob-0123456789ab", "")
        + "[auth]\nmode = \"keys\"\n";
    let answer = Gateway::start(&config).ask(post("/v1/messages", BOB, STREAM));
    assert_eq!((answer.head.status(), answer.code()), (503, Some("no_key")));
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("Provider p"));
}

#[test]
fn a_callers_models_are_checked_against_what_is_asked() {
    let mock = Mock::start();
    let config = pool(&mock.url(), "", &[&key("sk-a")])
        + &caller("alice", "tg-alice-0123456789", "models = [\"^claude-\"]\n")
        + "[auth]\nmode = \"keys\"\n";
    let gateway = Gateway::start(&config);
    let ask = |fields: &str, body: &str| {
        let answer = gateway.ask(post("/v1/messages", &format!("{ALICE}{fields}"), body));
        (answer.head.status(), answer.code().map(str::to_owned))
    };
    assert_eq!(ask("", "{\"model\":\"claude-x\"}").0, 200);
    let refused = |status, code: &str| (status, Some(code.to_owned()));
    assert_eq!(ask("", "{\"model\":\"gpt-5\"}"), refused(403, "model_not_allowed"));
    assert_eq!(ask("", "{\"mod\\u0065l\":\"gpt-5\"}"), refused(403, "model_not_allowed"));
    assert_eq!(ask("", "{\"max_tokens\":1}"), refused(400, "model_unreadable"));
    assert_eq!(ask("", "not json"), refused(400, "model_unreadable"));
    let encoded = ask("content-encoding: gzip\r\n", "{\"model\":\"claude-x\"}");
    assert_eq!(encoded, refused(400, "model_unreadable"));
    assert_eq!(mock.stat("requests"), 1);
}

#[test]
fn unscanned_paths_are_closed_to_callers_with_a_list() {
    let mock = Mock::start();
    let config = provider("o", "openai", &mock.url())
        + &key("sk-o")
        + &caller("alice", "tg-alice-0123456789", "models = [\"^gpt-\"]\n")
        + "[auth]\nmode = \"keys\"\n";
    let gateway = Gateway::start(&config);
    let alice = "authorization: Bearer tg-alice-0123456789\r\n";
    let answer = gateway.ask(post("/v1/files", alice, "x"));
    assert_eq!((answer.head.status(), answer.code()), (403, Some("model_not_allowed")));
    let listed = gateway.ask(get("/v1/models", alice));
    assert_eq!(listed.head.status(), 200);
}
