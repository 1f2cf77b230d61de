//! SIGHUP: the configuration read anew, in force whole from the next exchange or not at all.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use crate::support::{BodyEnd, Gateway, Mock, Payload, Upstream, Wire, key, post, provider};

const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";

/// A provider of Anthropic's dialect with these keys.
fn pool(name: &str, url: &str, keys: &[&str]) -> String {
    provider(name, "anthropic", url) + &keys.iter().map(|value| key(value)).collect::<String>()
}

/// Writes `config` and has it read; gives the line that says that version `version` is in force.
fn reload(gateway: &Gateway, config: &str, version: u64) -> serde_json::Value {
    gateway.rewrite(config);
    gateway.signal(Signal::HUP);
    reloaded(gateway, version)
}

fn reloaded(gateway: &Gateway, version: u64) -> serde_json::Value {
    let line = gateway.line(&format!("\"configuration reloaded\",\"version\":{version},"));
    serde_json::from_str(&line).unwrap()
}

/// The key that the next request is sent up with.
fn key_of_next(gateway: &Gateway, mock: &Mock) -> String {
    let before = usize::try_from(mock.stat("requests")).unwrap();
    let answer = gateway.ask(post("/v1/messages", "", "{\"model\":\"m\"}"));
    assert_eq!(answer.head.status(), 200, "{}", answer.text());
    mock.log(before + 1).pop().unwrap().field("x-api-key").unwrap_or_default()
}

#[test]
fn a_new_value_of_a_key_is_sent_from_the_next_request_on_and_told_by_name_only() {
    let mock = Mock::start();
    let gateway = Gateway::start(&pool("a", &mock.url(), &["planted-old-value"]));
    let mut kept_alive = gateway.connect();
    kept_alive.send(post("/v1/messages", "", "{}"));
    assert_eq!(kept_alive.answer().head.status(), 200);
    let line = reload(&gateway, &pool("a", &mock.url(), &["planted-new-value"]), 2);
    assert_eq!(line["keys_replaced"], "a/key-1");
    for absent in ["keys_added", "keys_removed", "providers_changed", "callers_changed"] {
        assert!(line.get(absent).is_none(), "{line}");
    }
    assert!(line["ms"].as_f64().unwrap() > 0.0, "{line}");
    kept_alive.send(post("/v1/messages", "", "{}"));
    assert_eq!(kept_alive.answer().head.status(), 200);
    let sent: Vec<_> = mock.log(2).iter().map(|seen| seen.field("x-api-key").unwrap()).collect();
    assert_eq!(sent, ["planted-old-value", "planted-new-value"]);
    let stderr = gateway.kill();
    assert!(!stderr.contains("planted-"), "{stderr}");
}

#[test]
fn a_key_file_that_changed_is_read_anew() {
    let mock = Mock::start();
    let config = provider("a", "anthropic", &mock.url())
        + "[[provider.key]]\nname = \"rotated\"\nvalue = { file = \"rotated\" }\n";
    let gateway = Gateway::start_beside(&config, &[("rotated", "sk-old\n")]);
    assert_eq!(key_of_next(&gateway, &mock), "sk-old");
    gateway.write("rotated", "sk-new\n");
    assert_eq!(reload(&gateway, &config, 2)["keys_replaced"], "a/rotated");
    assert_eq!(key_of_next(&gateway, &mock), "sk-new");
}

#[test]
fn a_file_with_errors_is_refused_whole_with_all_of_them() {
    let mock = Mock::start();
    let good = pool("a", &mock.url(), &["sk-old"]);
    let gateway = Gateway::start(&good);
    let bad = pool("a", &mock.url(), &["sk-new"]) + "[timeouts]\nconect = \"1s\"\nkeep_alive = 5\n";
    gateway.rewrite(&bad);
    gateway.signal(Signal::HUP);
    gateway.line("`timeouts.conect` is not a known setting");
    gateway.line("did you mean `connect`?");
    gateway.line("`timeouts.keep_alive` must be a time such as \"30s\", not a number");
    let line = gateway.line("configuration not reloaded: the old one stays");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["errors"]), (&"ERROR".into(), &2.into()));
    assert_eq!(key_of_next(&gateway, &mock), "sk-old");
    let line = reload(&gateway, &pool("a", &mock.url(), &["sk-new"]), 2);
    assert_eq!(line["keys_replaced"], "a/key-1", "a refusal takes no version");
    assert_eq!(key_of_next(&gateway, &mock), "sk-new");
}

#[test]
fn what_only_a_restart_can_change_is_named_and_nothing_else_changes_either() {
    let mock = Mock::start();
    let gateway = Gateway::start(&pool("a", &mock.url(), &["sk-old"]));
    let server = "[server]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\nworkers = 2\n";
    let log = "[log]\nformat = \"text\"\n";
    gateway.rewrite(&(server.to_owned() + &pool("a", &mock.url(), &["sk-new"]) + log));
    gateway.signal(Signal::HUP);
    for key in ["log.format", "server.workers"] {
        let why = "cannot change while the gateway runs: it needs a restart";
        gateway.line(&format!("`{key}` {why}"));
    }
    gateway.line("it is set by ");
    gateway.line("configuration not reloaded: the old one stays");
    assert_eq!(key_of_next(&gateway, &mock), "sk-old");
}

#[test]
fn providers_come_go_and_change_places_and_each_keeps_its_own_connections() {
    let (first, second) = (Mock::start(), Mock::start());
    let a = |keys: &[&str]| pool("a", &first.url(), keys);
    let b = |keys: &[&str]| pool("b", &second.url(), keys);
    let gateway = Gateway::start(&a(&["sk-a"]));
    assert_eq!(key_of_next(&gateway, &first), "sk-a");
    let line = reload(&gateway, &(b(&["sk-b"]) + &a(&["sk-a"])), 2);
    assert_eq!((&line["providers_added"], &line["keys_added"]), (&"b".into(), &"b/key-1".into()));
    assert_eq!(key_of_next(&gateway, &second), "sk-b", "the first of the dialect");
    let line = reload(&gateway, &(a(&["sk-a", "sk-a-2"]) + &b(&["sk-b"])), 3);
    assert_eq!(line["providers_changed"], "a");
    assert_eq!(line["keys_added"], "a/key-2");
    // Both have an idle connection by now; neither may be taken for the other.
    assert_eq!(key_of_next(&gateway, &first), "sk-a");
    let answer = gateway.ask(post("/b/v1/messages", "", "{}"));
    assert_eq!(answer.head.status(), 200);
    assert_eq!(second.log(2).pop().unwrap().field("x-api-key").as_deref(), Some("sk-b"));
    let line = reload(&gateway, &b(&["sk-b"]), 4);
    assert_eq!(line["providers_removed"], "a");
    assert_eq!(line["keys_removed"], "a/key-1, a/key-2");
    assert_eq!(key_of_next(&gateway, &second), "sk-b");
    assert_eq!(gateway.ask(post("/a/v1/messages", "", "{}")).head.status(), 404);
    let keys = |mock: &Mock, count| {
        let log = mock.log(count);
        log.iter().map(|seen| seen.field("x-api-key").unwrap()).collect::<Vec<_>>()
    };
    assert!(keys(&first, 2).iter().all(|key| key.starts_with("sk-a")), "none of another provider");
    assert!(keys(&second, 3).iter().all(|key| key == "sk-b"), "none of another provider");
}

/// A stream under way on the provider's only key.
fn open_stream(upstream: &Upstream, gateway: &Gateway) -> (Wire, Payload, Wire) {
    let mut client = gateway.connect();
    client.send(post("/v1/messages", "", STREAM));
    let (mut provider, _) = upstream.request();
    provider.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n");
    provider.send("transfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n");
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, "data: 1\n\n");
    (client, payload, provider)
}

#[test]
fn a_removed_key_begins_no_attempt_and_the_stream_on_it_runs_to_its_end() {
    let upstream = Upstream::start();
    let with = |keys: &[&str]| pool("a", &upstream.url(), keys);
    let gateway = Gateway::start(&with(&["sk-gone", "sk-stays"]));
    let (mut client, mut payload, mut provider) = open_stream(&upstream, &gateway);
    let stays = "[[provider.key]]\nname = \"key-2\"\nvalue = \"sk-stays\"\n";
    let line = reload(&gateway, &(with(&[]) + stays), 2);
    assert_eq!(line["keys_removed"], "a/key-1");
    assert!(line.get("keys_replaced").is_none(), "{line}");
    let gone = gateway.line("key removed: no attempt begins with it");
    let gone: serde_json::Value = serde_json::from_str(&gone).unwrap();
    assert_eq!((&gone["provider"], &gone["key"]), (&"a".into(), &"key-1".into()));
    assert!(gone["ms"].as_f64().unwrap() > 0.0, "{gone}");

    let mut next = gateway.connect();
    next.send(post("/v1/messages", "", "{}"));
    let (mut other, request) = upstream.request();
    assert_eq!(request.head.field("x-api-key"), Some("sk-stays"));
    other.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    assert_eq!(next.answer().head.status(), 200);

    provider.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
    payload.finish(&mut client);
    assert_eq!(payload.text(), "data: 1\n\ndata: 2\n\n");
    assert_eq!(payload.end, Some(BodyEnd::Whole));
}

#[test]
fn a_key_that_cools_goes_on_cooling_unless_its_value_is_new() {
    let mock = Mock::with(&["--key-script", "sk-1=429:retry-after=3600,200"]);
    let with = |first: &str, rest: &str| pool("a", &mock.url(), &[first, "sk-2"]) + rest;
    let gateway = Gateway::start(&with("sk-1", ""));
    let answer = gateway.ask(post("/v1/messages", "", "{\"model\":\"m\"}"));
    assert_eq!(answer.head.status(), 200);
    assert_eq!(mock.stat("requests"), 2, "one was refused, one was not");
    let line = reload(&gateway, &with("sk-1", "[failover]\nmax_attempts = 3\n"), 2);
    assert!(line.get("keys_replaced").is_none(), "{line}");
    assert_eq!(key_of_next(&gateway, &mock), "sk-2", "the first one cools still");
    let line = reload(&gateway, &with("sk-new", ""), 3);
    assert_eq!(line["keys_replaced"], "a/key-1");
    assert_eq!(key_of_next(&gateway, &mock), "sk-new");
}

#[test]
fn workers_without_a_request_adopt_too() {
    let mock = Mock::start();
    let server = "[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 3\n".to_owned();
    let config = server + &pool("a", &mock.url(), &["sk-old"]);
    let gateway = Gateway::start(&config);
    reload(&gateway, &config.replace("sk-old", "sk-new"), 2);
    reload(&gateway, &config, 3);
    assert_eq!(key_of_next(&gateway, &mock), "sk-old");
}

#[test]
fn a_gateway_key_can_be_given_and_taken() {
    let mock = Mock::start();
    let caller = |name: &str| format!("[[caller]]\nname = \"{name}\"\nkey = \"tg-{name}\"\n");
    let pool = pool("a", &mock.url(), &["sk-pool"]);
    let gateway = Gateway::start(&(pool.clone() + &caller("alice")));
    let ask = |name: &str| {
        let fields = format!("x-api-key: tg-{name}\r\n");
        gateway.ask(post("/v1/messages", &fields, "{}")).head.status()
    };
    assert_eq!((ask("alice"), ask("bob")), (200, 401));
    let line = reload(&gateway, &(pool + &caller("bob")), 2);
    assert_eq!(line["callers_added"], "bob");
    assert_eq!(line["callers_removed"], "alice");
    assert_eq!((ask("alice"), ask("bob")), (401, 200));
}

#[test]
fn a_name_that_only_the_new_configuration_has_is_resolved() {
    let mock = Mock::start();
    let url = mock.url();
    let gateway = Gateway::start(&pool("a", &url, &["sk-a"]));
    let named = url.replace("127.0.0.1", "localhost");
    assert_ne!(named, url);
    reload(&gateway, &pool("a", &named, &["sk-a"]), 2);
    assert_eq!(key_of_next(&gateway, &mock), "sk-a");
}

#[test]
fn the_level_of_the_log_may_change() {
    let mock = Mock::start();
    let with = |level: &str, expose: &str| {
        let server = "[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\n";
        let log = format!("[log]\nlevel = \"{level}\"\n");
        format!("{server}expose_headers = \"{expose}\"\n{log}") + &pool("a", &mock.url(), &["sk-a"])
    };
    let gateway = Gateway::start(&with("info", "full"));
    let ask = |model: &str| {
        let answer = gateway.ask(post("/v1/messages", "", &format!("{{\"model\":\"{model}\"}}")));
        assert_eq!(answer.head.status(), 200);
        answer.head.field("x-tidegate-provider").is_some()
    };
    assert!(ask("told-first"));
    gateway.line("told-first");
    gateway.rewrite(&with("error", "minimal"));
    gateway.signal(Signal::HUP);
    // No line says that this one is in force; its answers do.
    assert!((0..10_000).any(|_| !ask("told-perhaps")), "it never came into force");
    ask("told-never");
    reload(&gateway, &with("info", "full"), 3);
    ask("told-last");
    gateway.line("told-last");
    let stderr = gateway.kill();
    assert!(!stderr.contains("told-never"), "{stderr}");
}

#[test]
fn a_hangup_during_a_drain_ends_nothing() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&pool("a", &upstream.url(), &["sk-a"]));
    let (mut client, mut payload, mut provider) = open_stream(&upstream, &gateway);
    gateway.signal(Signal::TERM);
    gateway.line("draining");
    gateway.signal(Signal::HUP);
    provider.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
    payload.finish(&mut client);
    assert_eq!(payload.end, Some(BodyEnd::Whole));
    assert_eq!(gateway.ended().code, Some(0));
}

/// `TIDEGATE_RELOADS=1000` for more of them.
#[test]
fn reloads_under_load_fail_no_request_though_each_replaces_the_only_key_and_a_listener() {
    let reloads = std::env::var("TIDEGATE_RELOADS").map_or(60, |text| text.parse().unwrap());
    let mock = Mock::start();
    let config = |turn: usize| {
        let more = if turn.is_multiple_of(2) { "" } else { ", \"127.0.0.2:0\"" };
        format!("[server]\nlisten = [\"127.0.0.1:0\"{more}]\nworkers = 2\n")
            + &pool("a", &mock.url(), &[&format!("sk-{turn}")])
            + "[log]\nlevel = \"error\"\n"
    };
    let gateway = Gateway::start(&config(0));
    let (address, stop) = (gateway.address, AtomicBool::new(false));
    let ask = |client: &mut Wire, body: &str| {
        client.send(post("/v1/messages", "x-mock: events=5, rate=500\r\n", body));
        let answer = client.answer();
        assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole));
    };
    std::thread::scope(|scope| {
        for body in ["{\"model\":\"m\"}", STREAM, "{\"model\":\"m\"}", STREAM] {
            let (ask, stop) = (&ask, &stop);
            scope.spawn(move || {
                let mut client = Wire::connect(address);
                while !stop.load(Ordering::Relaxed) {
                    ask(&mut client, body);
                }
            });
        }
        for turn in 1..=reloads {
            gateway.rewrite(&config(turn));
            gateway.signal(Signal::HUP);
            ask(&mut gateway.connect(), STREAM);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let stderr = gateway.kill();
    assert!(!stderr.contains("ERROR"), "{stderr}");
}

#[test]
fn a_body_that_arrives_during_a_reload_goes_up_with_the_new_key() {
    let mock = Mock::start();
    let gateway = Gateway::start(&pool("a", &mock.url(), &["sk-old"]));
    let mut client = gateway.connect();
    let request = post("/v1/messages", "expect: 100-continue\r\n", "{\"model\":\"m\"}");
    let (head, body) = request.split_at(request.len() - 4);
    client.send(head);
    reload(&gateway, &pool("a", &mock.url(), &["sk-new"]), 2);
    client.send(body);
    assert_eq!(client.answer().head.status(), 200);
    assert_eq!(mock.only().field("x-api-key").as_deref(), Some("sk-new"));
}

#[test]
fn t15_a_lowered_cap_holds_for_all_that_is_under_way() {
    let upstream = Upstream::start();
    let config = |cap: u32| {
        provider("a", "anthropic", &upstream.url())
            + &format!("{}max_concurrent = {cap}\n", key("sk-a"))
    };
    let gateway = Gateway::start(&config(8));
    let mut open: Vec<(Wire, Wire, Payload)> = (0..5)
        .map(|_| {
            let mut client = gateway.connect();
            client.send(post("/v1/messages", "", STREAM));
            let (mut provider, _) = upstream.request();
            provider.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n");
            let head = client.head();
            assert_eq!(head.status(), 200);
            (client, provider, Payload::of(&head))
        })
        .collect();
    reload(&gateway, &config(2), 2);
    let ask = || gateway.ask(post("/v1/messages", "", STREAM));
    for left in (2..=5).rev() {
        let answer = ask();
        assert_eq!((answer.head.status(), answer.code()), (429, Some("credential_cap")), "{left}");
        assert!(answer.text().contains("cap: 2"), "{}", answer.text());
        let (mut client, provider, mut payload) = open.pop().unwrap();
        drop(provider);
        payload.finish(&mut client);
    }
    let mut served = gateway.connect();
    served.send(post("/v1/messages", "", STREAM));
    let (mut provider, _) = upstream.request();
    provider.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(served.head().status(), 200, "one is under way, and one fits");
}
