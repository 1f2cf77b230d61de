//! The client's connection: how long it lives, how requests follow each other on it, and how
//! bodies come in.

use crate::support::{BodyEnd, End, Gateway, Mock, Wire, both, get, post, post_chunked};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";

fn mocked() -> (Mock, Gateway) {
    mocked_with("")
}

fn mocked_with(config: &str) -> (Mock, Gateway) {
    let mock = Mock::start();
    let gateway = Gateway::start(&(both(&mock.url()) + config));
    (mock, gateway)
}

fn echo(n: usize) -> String {
    format!("{OWN_KEY}x-mock: echo\r\nx-n: {n}\r\n")
}

fn closes(client: &mut Wire) {
    assert_eq!(client.rest(), (Vec::new(), End::Fin));
}

#[test]
fn three_requests_in_one_segment_are_answered_in_order() {
    let (mock, gateway) = mocked();
    let mut client = gateway.connect();
    client.send(
        post("/v1/messages", &echo(1), "{\"n\":1}")
            + &post_chunked("/v1/messages", &echo(2), &["{\"n\"", ":2}"])
            + &get("/v1/models", &echo(3)),
    );
    for n in ["1", "2", "3"] {
        let answer = client.answer();
        assert_eq!(answer.head.status(), 200);
        assert!(answer.text().contains(&format!("[\"x-n\",\"{n}\"]")), "{}", answer.text());
    }
    assert_eq!(mock.log(3).len(), 3);
}

#[test]
fn pipelined_requests_are_answered_however_they_are_cut() {
    let (_mock, gateway) = mocked();
    let one = post_chunked("/v1/chat/completions", OWN_KEY, &["{", "}"]);
    let two = post("/v1/messages", OWN_KEY, "{\"x\": 1}");
    let whole = one + &two + &get("/health", "");
    let mut client = gateway.connect();
    for cut in (1..whole.len()).step_by(5) {
        let (a, b) = whole.split_at(cut);
        client.send(a);
        client.send(b);
        for n in 0..3 {
            let answer = client.answer();
            assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole), "{cut}: {n}");
        }
    }
}

#[test]
fn many_pipelined_small_requests_are_all_answered() {
    let (_mock, gateway) = mocked();
    let mut client = gateway.connect();
    let count = 2_000;
    // More than any buffer of the gateway's holds at once.
    client.send(get("/livez", "").repeat(count));
    for _ in 0..count {
        assert_eq!(client.answer().head.status(), 200);
    }
    assert!(client.is_quiet());
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let (_mock, gateway) = mocked();
    let mut client = gateway.connect();
    for _ in 0..20 {
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        let answer = client.answer();
        assert_eq!((answer.head.status(), answer.head.field("connection")), (200, None));
    }
    for (path, status) in [("/nowhere", 404), ("/health", 200), ("/v1/models", 200)] {
        client.send(get(path, OWN_KEY));
        assert_eq!(client.answer().head.status(), status, "an error keeps the connection");
    }
}

#[test]
fn connection_close_is_answered_and_done() {
    let (_mock, gateway) = mocked();
    for request in [
        post("/v1/messages", &format!("{OWN_KEY}Connection: Close\r\n"), "{}"),
        get("/health", "connection: keep-alive, close\r\n"),
        get("/nowhere", "connection: close\r\n"),
    ] {
        let mut client = gateway.connect();
        client.send(request);
        assert_eq!(client.answer().head.field("connection"), Some("close"));
        closes(&mut client);
    }
}

#[test]
fn http10_closes_unless_it_asks_to_keep_the_connection() {
    let (_mock, gateway) = mocked();
    for (path, fields) in [("/health", ""), ("/v1/models", OWN_KEY), ("/nowhere", "")] {
        let mut client = gateway.connect();
        client.send(format!("GET {path} HTTP/1.0\r\n{fields}\r\n"));
        assert_eq!(client.answer().head.field("connection"), Some("close"), "{path}");
        closes(&mut client);
        let mut client = gateway.connect();
        for _ in 0..2 {
            client.send(format!("GET {path} HTTP/1.0\r\n{fields}connection: keep-alive\r\n\r\n"));
            let answer = client.answer();
            assert_eq!(answer.head.field("connection"), Some("keep-alive"), "{path}");
            assert_eq!(answer.head.field("transfer-encoding"), None);
        }
    }
}

#[test]
fn an_http10_client_gets_a_stream_that_ends_with_the_connection() {
    let (_mock, gateway) = mocked();
    let mut client = gateway.connect();
    let body = "{\"stream\":true,\"model\":\"m\"}";
    client.send(format!(
        "POST /v1/messages HTTP/1.0\r\n{OWN_KEY}connection: keep-alive\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let answer = client.answer();
    assert_eq!(answer.head.field("transfer-encoding"), None);
    assert_eq!(answer.head.field("connection"), Some("close"));
    assert!(answer.text().ends_with("data: {\"type\":\"message_stop\"}\n\n"), "{}", answer.text());
}

#[test]
fn expect_100_continue_is_invited_on_scanned_and_unscanned_paths() {
    let (mock, gateway) = mocked();
    let mut client = gateway.connect();
    for (count, path) in ["/v1/messages", "/v1/files"].into_iter().enumerate() {
        client.send(format!(
            "POST {path} HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}Expect: 100-Continue\r\n\
             content-length: 2\r\n\r\n"
        ));
        let invitation = client.head();
        assert_eq!(invitation.start, "HTTP/1.1 100 Continue");
        assert_eq!(invitation.fields, []);
        client.send("{}");
        assert_eq!(client.answer().head.status(), 200, "{path}");
        assert_eq!(mock.log(count + 1)[count].field("expect"), None);
    }
}

#[test]
fn nobody_is_invited_whose_request_is_refused_or_whose_body_is_there() {
    let (_mock, gateway) = mocked();
    let mut client = gateway.connect();
    client.send(post("/v1/messages", &format!("{OWN_KEY}expect: 100-continue\r\n"), "{}"));
    assert_eq!(client.answer().head.status(), 200, "the body came along");
    client.send(
        post("/v1/messages", "expect: 100-continue\r\n", "").replace("length: 0", "length: 9"),
    );
    let answer = client.answer();
    assert_eq!(answer.head.status(), 401, "no invitation before a refusal");
    assert_eq!(answer.head.field("connection"), Some("close"));
    closes(&mut client);
}

#[test]
fn a_chunked_body_with_extensions_and_trailers_arrives_without_them() {
    let (mock, gateway) = mocked();
    let mut client = gateway.connect();
    client.send(format!(
        "POST /v1/messages HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}\
         transfer-encoding: Chunked\r\n\r\n\
         1;a=b\r\n{{\r\n00003;q=\"x\\\"y\"\r\n\"x\"\r\n"
    ));
    client.send("3\r\n: 1\r\n1\r\n}\r\n000\r\nX-Checksum: 9\r\nx-other: 1\r\n\r\n");
    assert_eq!(client.answer().head.status(), 200);
    let seen = mock.only();
    assert_eq!(seen.text("body"), "{\"x\": 1}");
    assert!(seen.all("x-checksum").is_empty() && seen.all("x-other").is_empty());
}

#[test]
fn a_request_that_comes_byte_by_byte_is_served() {
    let (mock, gateway) = mocked();
    let mut client = gateway.connect();
    for byte in post_chunked("/v1/messages?x=1", OWN_KEY, &["{\"a\":", "1}"]).bytes() {
        client.send([byte]);
    }
    assert_eq!(client.answer().head.status(), 200);
    assert_eq!(mock.only().text("body"), "{\"a\":1}");
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let (_mock, gateway) = mocked();
    let mut client = gateway.connect();
    client.send(format!("\r\n{}", get("/health", "")));
    assert_eq!(client.answer().head.status(), 200);
    client.send(format!("\r\n{}", get("/health", "")));
    assert_eq!(client.answer().head.status(), 200);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let (_mock, gateway) = mocked_with("[timeouts]\nkeep_alive = \"200ms\"\n");
    let mut silent = gateway.connect();
    let mut used = gateway.connect();
    used.send(get("/health", ""));
    assert_eq!(used.answer().head.status(), 200);
    closes(&mut silent);
    closes(&mut used);
}

#[test]
fn a_thousand_idle_connections_are_held_and_all_served() {
    let (_mock, gateway) = mocked();
    let mut clients: Vec<Wire> = (0..1_000).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(get("/livez", ""));
        assert_eq!(client.answer().head.status(), 200);
    }
    for client in clients.iter_mut().rev().step_by(10) {
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        assert_eq!(client.answer().head.status(), 200);
    }
}

#[test]
fn over_the_connection_limit_a_client_gets_503_and_the_others_go_on() {
    let (_mock, gateway) = mocked_with("[limits]\nconnections = 3\n");
    let mut clients: Vec<Wire> = (0..3).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(get("/livez", ""));
        assert_eq!(client.answer().head.status(), 200);
    }
    let mut fourth = gateway.connect();
    let answer = fourth.answer();
    assert_eq!(answer.head.status(), 503);
    assert_eq!(answer.head.field("retry-after"), Some("1"));
    assert_eq!(answer.json()["error"]["type"], "overloaded_error");
    closes(&mut fourth);
    clients[1].send(get("/livez", "connection: close\r\n"));
    assert_eq!(clients[1].answer().head.status(), 200);
    closes(&mut clients[1]);
    // The place is free once the gateway has seen the close.
    while {
        let mut fifth = gateway.connect();
        fifth.try_send(get("/livez", "connection: close\r\n"));
        fifth.head().status() == 503
    } {}
    clients[0].send(get("/livez", ""));
    assert_eq!(clients[0].answer().head.status(), 200);
}

#[test]
fn the_connection_limit_holds_over_all_workers_and_not_for_each() {
    let mock = Mock::start();
    let server = "[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = 4\n";
    let config = server.to_owned() + &both(&mock.url()) + "[limits]\nconnections = 12\n";
    let gateway = Gateway::start(&config);
    let ask = |_| {
        let mut client = gateway.connect();
        client.try_send(get("/livez", ""));
        (client.answer().head.status(), client)
    };
    let within: Vec<(u16, Wire)> = (0..12).map(ask).collect();
    // Shared out by the kernel's hash: hardly ever three to each.
    assert!(within.iter().all(|(status, _)| *status == 200));
    assert_eq!(ask(12).0, 503);
}

#[test]
fn a_half_closed_client_is_gone_by_default() {
    let (mock, gateway) = mocked();
    let mut client = gateway.connect();
    client.send(post("/v1/messages", &format!("{OWN_KEY}x-mock: head_stall\r\n"), "{}"));
    mock.wait_in_flight(1);
    client.half_close();
    assert_eq!(mock.only().text("end"), "peer_left");
    assert_eq!(client.rest().0, b"");
}

#[test]
fn a_half_closed_client_is_served_where_half_close_means_wait() {
    let (_mock, gateway) = mocked_with("[stream]\nhalf_close = \"wait\"\n");
    for (request, knobs) in [
        (post("/v1/messages", "FIELDS", "{\"stream\":true}"), "first_byte_delay=100ms, events=3"),
        (post("/v1/files", "FIELDS", "x"), "first_byte_delay=100ms"),
        (get("/v1/models", "FIELDS"), "first_byte_delay=100ms"),
    ] {
        let mut client = gateway.connect();
        client.send(request.replace("FIELDS", &format!("{OWN_KEY}x-mock: {knobs}\r\n")));
        client.half_close();
        let answer = client.answer();
        assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole));
        closes(&mut client);
    }
}
