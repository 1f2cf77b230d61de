//! Upstreams that misbehave before or around their answer (HARDENING 4): each fault has its own
//! status, code and log line, and none spoils the next exchange.

use crate::support::{Answer, BodyEnd, Gateway, Mock, Upstream, both, get, post, provider};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";

fn mocked() -> (Mock, Gateway) {
    mocked_with("")
}

fn mocked_with(config: &str) -> (Mock, Gateway) {
    let mock = Mock::start();
    let gateway = Gateway::start(&(both(&mock.url()) + config));
    (mock, gateway)
}

fn knob(gateway: &Gateway, knobs: &str) -> Answer {
    gateway.ask(post("/v1/messages", &format!("{OWN_KEY}x-mock: {knobs}\r\n"), STREAM))
}

/// A failure that the client gets as an answer of ours, in its dialect.
fn assert_failed(answer: &Answer, status: u16, code: &str, what: &str) {
    let got = (answer.head.status(), answer.code(), answer.end);
    assert_eq!(got, (status, Some(code), BodyEnd::Whole), "{what}: {}", answer.text());
    let kind = if status == 504 { "timeout_error" } else { "api_error" };
    assert_eq!(answer.json()["error"]["type"], kind, "{what}");
    assert_eq!(answer.head.field("connection"), None, "{what}: the client is not to blame");
}

#[test]
fn an_answer_that_breaks_before_its_end_of_head_is_502() {
    let (_mock, gateway) = mocked();
    for (knobs, code) in [
        ("cut_before_head", "upstream_cut"),
        ("rst_before_head", "upstream_cut"),
        ("cut_in_head=20", "upstream_cut"),
        ("rst_in_head=20", "upstream_cut"),
        ("rst_in_request=10", "upstream_cut"),
        ("cut_in_request=10", "upstream_cut"),
        ("status_101", "upstream_bad_response"),
        ("framing=both", "upstream_bad_response"),
        ("te_gzip", "upstream_bad_response"),
        ("te=\"chunked, chunked\"", "upstream_bad_response"),
        ("te=\"chunked, gzip\"", "upstream_bad_response"),
        ("head_size=100KiB", "upstream_bad_response"),
        ("header_count=1000", "upstream_bad_response"),
        ("storm_1xx=9", "upstream_bad_response"),
        ("storm_1xx=100", "upstream_bad_response"),
    ] {
        assert_failed(&knob(&gateway, knobs), 502, code, knobs);
        assert_eq!(knob(&gateway, "events=1").head.status(), 200, "after {knobs}");
    }
    // Random bytes may be refused at once, or be no whole line before they end.
    let answer = knob(&gateway, "garbage=512");
    assert_eq!((answer.head.status(), answer.end), (502, BodyEnd::Whole));
    assert!(matches!(answer.code(), Some("upstream_bad_response" | "upstream_cut")));
}

#[test]
fn heads_that_no_parser_should_take_are_502() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut client = gateway.connect();
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname: x\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\nname: x\n\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 99 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "{\"error\":\"not http\"}\r\n\r\n",
    ] {
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        let (mut upstream, _) = provider.request();
        upstream.send(head);
        assert_failed(&client.answer(), 502, "upstream_bad_response", head);
    }
}

#[test]
fn a_refused_connection_is_502_with_its_own_code() {
    let gone = Upstream::start().url();
    let gateway = Gateway::start(&both(&gone));
    let answer = gateway.ask(post("/v1/messages", OWN_KEY, "{}"));
    assert_failed(&answer, 502, "upstream_refused", "refused");
    assert!(answer.text().contains("Provider anthropic refused the connection"));
    let line = gateway.line("upstream_refused");
    assert!(line.contains("\"phase\":\"connect\""), "{line}");
}

#[test]
fn a_name_that_does_not_resolve_is_502_and_says_so() {
    let times = "[timeouts]\nconnect = \"2s\"\n";
    let gateway = Gateway::start(&(both("http://no-such-host.invalid:9") + times));
    let answer = gateway.ask(post("/v1/messages", OWN_KEY, "{}"));
    assert_failed(&answer, 502, "upstream_unreachable", "no such host");
    let again = gateway.ask(get("/v1/models", "authorization: Bearer sk-o\r\n"));
    assert_eq!((again.head.status(), again.code()), (502, Some("upstream_unreachable")));
    assert_eq!(again.json()["error"]["code"], "upstream_unreachable");
}

#[test]
fn a_host_name_is_resolved_and_its_next_address_is_tried_when_one_refuses() {
    // `localhost` is ::1 and 127.0.0.1 in most hosts files; the mock listens on the latter only.
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&format!("http://localhost:{}", mock.port())));
    let answer = gateway.ask(post("/v1/messages", OWN_KEY, "{}"));
    assert_eq!(answer.head.status(), 200, "{}", answer.text());
    assert_eq!(mock.only().field("host"), Some(format!("localhost:{}", mock.port())));
}

#[test]
fn an_ipv6_upstream_is_reached_and_named_in_brackets() {
    let mock = Mock::with(&["--listen", "[::1]:0"]);
    let gateway = Gateway::start(&both(&mock.url()));
    let answer = gateway.ask(post("/v1/messages", OWN_KEY, "{}"));
    assert_eq!(answer.head.status(), 200, "{}", answer.text());
    assert_eq!(mock.only().field("host"), Some(format!("[::1]:{}", mock.port())));
}

#[test]
fn p18_a_silent_upstream_is_504_and_one_structured_line() {
    let times = "[timeouts]\nresponse_head_stream = \"200ms\"\n";
    let (mock, gateway) = mocked_with(times);
    let fields = format!("{OWN_KEY}anthropic-beta: b-1\r\nx-mock: head_stall\r\n");
    let answer = gateway.ask(post("/v1/messages?beta=true", &fields, STREAM));
    assert_failed(&answer, 504, "upstream_timeout", "head_stall");
    assert!(answer.text().contains("timeouts.response_head_stream"), "{}", answer.text());
    let line: serde_json::Value =
        serde_json::from_str(&gateway.line("upstream_timeout")).expect("a structured line");
    let id = answer.head.field("x-tidegate-request-id").unwrap();
    for (name, value) in [
        ("request_id", id),
        ("code", "upstream_timeout"),
        ("method", "POST"),
        ("path", "/v1/messages"),
        ("query", "?beta=true"),
        ("anthropic_beta", "b-1"),
        ("phase", "response_head"),
        ("upstream", "anthropic"),
    ] {
        assert_eq!(line[name], value, "{name} in {line}");
    }
    assert_eq!((&line["status"], &line["attempts"]), (&504.into(), &1.into()));
    assert_eq!(line["body_bytes"], STREAM.len());
    assert!(line["elapsed_ms"].as_u64().unwrap() >= 200, "{line}");
    assert!(line["cause"].as_str().unwrap().contains("did not answer in time"), "{line}");
    assert_eq!(mock.only().text("end"), "peer_left", "the upstream is closed");
}

#[test]
fn an_upstream_that_stalls_in_its_head_is_504() {
    for (setting, body) in [("response_head", "{}"), ("response_head_stream", STREAM)] {
        let times = format!("[timeouts]\n{setting} = \"200ms\"\n");
        let (_mock, gateway) = mocked_with(&times);
        for knobs in ["stall_in_head=20", "first_byte_delay=10s"] {
            let fields = format!("{OWN_KEY}x-mock: {knobs}\r\n");
            let answer = gateway.ask(post("/v1/messages", &fields, body));
            assert_failed(&answer, 504, "upstream_timeout", knobs);
            let named = format!("(timeouts.{setting})");
            assert!(answer.text().contains(&named), "{named}: {}", answer.text());
        }
    }
}

#[test]
fn interim_answers_are_swallowed() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut upstream, _) = provider.request();
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    for byte in format!("{interim}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").bytes() {
        upstream.send([byte]);
    }
    let answer = client.answer();
    assert_eq!((answer.head.status(), answer.text().as_str()), (200, "ok"));
    assert_eq!(answer.head.field("link"), None);
}

#[test]
fn one_connection_carries_many_exchanges() {
    let (mock, gateway) = mocked();
    let mut client = gateway.connect();
    for _ in 0..20 {
        client.send(post("/v1/messages", OWN_KEY, STREAM));
        assert_eq!(client.answer().end, BodyEnd::Whole);
        client.send(get("/v1/models", OWN_KEY));
        assert_eq!(client.answer().head.status(), 200);
    }
    let log = mock.log(40);
    let first = log[0].connection();
    let on_first = log.iter().filter(|seen| seen.connection() == first).count();
    assert_eq!(on_first, 40, "one idle connection is enough for one client");
}

#[test]
fn a_connection_that_owes_or_was_told_to_close_is_not_used_again() {
    for knobs in [
        "close",
        "http10",
        "extra_bytes=16",
        "extra_response",
        "extra_bytes=16, extra_delay=1ms",
        "framing=close",
    ] {
        let (mock, gateway) = mocked();
        for turn in 1..=3 {
            let answer = knob(&gateway, knobs);
            assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole), "{knobs}");
            assert!(answer.text().contains("message_stop"), "{knobs}: {}", answer.text());
            mock.log(turn);
            // The bytes that nobody asked for must have arrived before the next turn.
            mock.wait_in_flight(0);
        }
        let log = mock.log(3);
        let mut connections: Vec<_> =
            log.iter().filter_map(crate::support::mock::Seen::connection).collect();
        connections.dedup();
        assert_eq!(connections.len(), 3, "{knobs}: {connections:?}");
    }
}

#[test]
fn bytes_out_of_turn_never_become_an_answer() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut old, _) = provider.request();
    old.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(client.answer().text(), "ok");
    old.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged");
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut fresh, _) = provider.request();
    fresh.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue");
    assert_eq!(client.answer().text(), "true");
}

#[test]
fn a_pooled_connection_that_the_provider_closed_is_replaced_unseen() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut client = gateway.connect();
    for turn in 0..10 {
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        let (mut upstream, _) = provider.request();
        upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        assert_eq!(client.answer().head.field("x-tidegate-attempts"), Some("1"), "{turn}");
        if turn % 2 == 0 {
            drop(upstream);
        } else {
            upstream.reset();
        }
    }
}

#[test]
fn a_reused_connection_that_ends_under_the_request_is_resent_once_on_a_fresh_one() {
    for reset in [false, true] {
        let provider = Upstream::start();
        let gateway = Gateway::start(&both(&provider.url()));
        let mut client = gateway.connect();
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        let (mut old, _) = provider.request();
        old.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        client.answer();
        client.send(post("/v1/messages", OWN_KEY, "{\"again\":1}"));
        // The request goes out on the idle connection, which ends before a byte of an answer.
        assert_eq!(old.answer().text(), "{\"again\":1}");
        if reset {
            old.reset();
        } else {
            drop(old);
        }
        let (mut fresh, request) = provider.request();
        assert_eq!(request.text(), "{\"again\":1}");
        fresh.send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes");
        let answer = client.answer();
        assert_eq!((answer.head.status(), answer.text().as_str()), (200, "yes"));
        assert_eq!(answer.head.field("x-tidegate-attempts"), Some("1"), "it is not a try");
        // A fresh connection that ends is a failure, never a third sending.
        drop(fresh);
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        drop(provider.request());
        assert_eq!(client.answer().code(), Some("upstream_cut"), "reset: {reset}");
    }
}

#[test]
fn a_reused_connection_that_ends_within_an_answer_is_not_resent() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut upstream, _) = provider.request();
    upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    client.answer();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    upstream.answer();
    upstream.send("HTTP/1.1 20");
    drop(upstream);
    assert_failed(&client.answer(), 502, "upstream_cut", "one byte of an answer counts");
}

#[test]
fn an_idle_upstream_connection_is_closed_after_its_time() {
    let provider = Upstream::start();
    let times = "[timeouts]\nupstream_idle = \"1s\"\n";
    let gateway = Gateway::start(&(both(&provider.url()) + times));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut upstream, _) = provider.request();
    upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    client.answer();
    assert_eq!(upstream.rest().0, b"");
}

#[test]
fn an_early_answer_to_a_large_upload_is_relayed() {
    let (mock, gateway) = mocked();
    for knobs in ["early_response, status=413, close", "early_response, status=401"] {
        let mut client = gateway.connect();
        let length = 8 * 1024 * 1024;
        client.send(format!(
            "POST /v1/files HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}x-mock: {knobs}\r\n\
             content-length: {length}\r\n\r\n"
        ));
        // The client goes on sending, as most do, until it is stopped or done.
        let piece = vec![b'x'; 64 * 1024];
        for _ in 0..length / piece.len() {
            if !client.is_quiet() || !client.try_send(&piece) {
                break;
            }
        }
        let answer = client.answer();
        assert!(matches!(answer.head.status(), 401 | 413), "{knobs}: {}", answer.text());
        assert_eq!(answer.code(), None, "{knobs}: {}", answer.text());
    }
    assert_eq!(mock.log(2).len(), 2);
}

#[test]
fn an_early_answer_to_a_large_scanned_body_is_relayed() {
    let (_mock, gateway) = mocked();
    let body = format!("{{\"model\":\"m\",\"pad\":\"{}\"}}", "x".repeat(8 * 1024 * 1024));
    for knobs in ["early_response, status=413, close", "early_response, status=401"] {
        let fields = format!("{OWN_KEY}x-mock: {knobs}\r\n");
        let answer = gateway.ask(post("/v1/messages", &fields, &body));
        assert!(matches!(answer.head.status(), 401 | 413), "{knobs}: {}", answer.text());
        assert_eq!(answer.code(), None, "{knobs}: {}", answer.text());
    }
}

#[test]
fn errors_with_bodies_larger_than_any_buffer_are_relayed_whole() {
    let (_mock, gateway) = mocked();
    for status in [401, 403, 429, 500, 529] {
        let answer = knob(&gateway, &format!("status={status}, error_body_size=1MiB"));
        assert_eq!((answer.head.status(), answer.end), (status, BodyEnd::Whole));
        assert!(answer.body.len() >= 1024 * 1024, "{}", answer.body.len());
    }
}

#[test]
fn a_provider_that_is_down_does_not_touch_the_other() {
    let mock = Mock::start();
    let gone = Upstream::start().url();
    let config = provider("a", "anthropic", &gone) + &provider("o", "openai", &mock.url());
    let gateway = Gateway::start(&config);
    let mut client = gateway.connect();
    for _ in 0..3 {
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        assert_eq!(client.answer().code(), Some("upstream_refused"));
        client.send(post("/v1/chat/completions", OWN_KEY, "{}"));
        assert_eq!(client.answer().head.status(), 200);
    }
}
