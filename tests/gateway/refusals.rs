//! Requests that are refused: by which status and code, and that nothing of them goes upstream.

use crate::support::{Answer, End, Gateway, Mock, both, get, join, post, post_chunked};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";

fn mocked(config: &str) -> (Mock, Gateway) {
    let mock = Mock::start();
    let gateway = Gateway::start(&(both(&mock.url()) + config));
    (mock, gateway)
}

/// Sends it on a connection of its own, which must be closed in order after the answer.
fn refused(gateway: &Gateway, request: impl AsRef<[u8]>, status: u16, code: &str) -> Answer {
    let request = request.as_ref();
    let shown = String::from_utf8_lossy(&request[..request.len().min(300)]).into_owned();
    let mut client = gateway.connect();
    client.try_send(request);
    let answer = client.answer();
    assert_eq!((answer.head.status(), answer.code()), (status, Some(code)), "{shown}");
    assert_eq!(answer.head.field("connection"), Some("close"), "{shown}");
    assert_eq!(client.rest(), (Vec::new(), End::Fin), "{shown}");
    answer
}

#[test]
fn smuggling_attempts_are_400_and_nothing_reaches_the_upstream() {
    let (mock, gateway) = mocked("");
    let inner = "GET /v1/smuggled HTTP/1.1\r\nhost: gateway.test\r\n\r\n";
    let head = format!("POST /v1/messages HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}");
    for (framing, status) in [
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n", 400),
        ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", 400),
        ("content-length: 5\r\ncontent-length: 6\r\n", 400),
        ("content-length: 5\r\ncontent-length: 5\r\n", 400),
        ("content-length: 5, 5\r\n", 400),
        ("content-length: +5\r\n", 400),
        ("content-length: -1\r\n", 400),
        ("content-length: 0x5\r\n", 400),
        ("content-length: 5_0\r\n", 400),
        ("content-length:\r\n", 400),
        ("content-length: 18446744073709551621\r\n", 400),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", 400),
        ("transfer-encoding: chunked, chunked\r\n", 400),
        ("transfer-encoding: chunked, identity\r\n", 400),
        ("transfer-encoding: identity\r\n", 400),
        ("transfer-encoding: xchunked\r\n", 400),
        ("transfer-encoding:\r\n", 400),
        ("transfer-encoding: \"chunked\"\r\n", 400),
        ("transfer-encoding: gzip, chunked\r\n", 501),
        ("transfer-encoding : chunked\r\n", 400),
        ("transfer-encoding\x0b: chunked\r\n", 400),
        ("transfer-encoding: \x0bchunked\r\n", 400),
        (" transfer-encoding: chunked\r\n", 400),
        ("x: y\r\n transfer-encoding: chunked\r\n", 400),
        ("x: y\ntransfer-encoding: chunked\r\n", 400),
        ("x: y\rtransfer-encoding: chunked\r\n", 400),
        ("x: y\0\r\n", 400),
    ] {
        let request = format!("{head}{framing}\r\n0\r\n\r\n{inner}");
        refused(&gateway, request, status, "bad_request");
    }
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn transfer_encoding_in_http10_is_400() {
    let (mock, gateway) = mocked("");
    let request = format!(
        "POST /v1/messages HTTP/1.0\r\n{OWN_KEY}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    refused(&gateway, request, 400, "bad_request");
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn malformed_heads_are_400() {
    let (mock, gateway) = mocked("");
    for request in [
        "\x16\x03\x01\x02\0\x01\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET  /v1/models HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
        "GET /v1/models HTTP/1.1 \r\nhost: gateway.test\r\n\r\n",
        "GET /v1/mo dels HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
        "GET /v1/models HTTP/1.1\nhost: gateway.test\n\n",
        "GET /v1/models HTTP/1.1\r\nhost: gateway.test\r\nno-colon\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: gateway.test\r\n: empty\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: gateway.test\r\nna me: x\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: a.test\r\nhost: b.test\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: a.test/b\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: user@a.test\r\n\r\n",
        "GET v1/models HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: gateway.test\r\nx-api-key: a\r\nx-api-key: b\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer a\r\n\
         authorization: Bearer b\r\n\r\n",
    ] {
        refused(&gateway, request, 400, "bad_request");
    }
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn malformed_chunks_are_400_on_scanned_paths() {
    let (mock, gateway) = mocked("");
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}\
         transfer-encoding: chunked\r\n\r\n"
    );
    for body in [
        "\r\nxx\r\n0\r\n\r\n",
        "zz\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "2 \r\n{}\r\n0\r\n\r\n",
        "2\n{}\r\n0\r\n\r\n",
        "2;a\nb\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}x\r\n0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "10000000000000000\r\n{}\r\n0\r\n\r\n",
        "0\r\ncontent-length: 5\r\n\r\n",
        "0\r\ntransfer-encoding: chunked\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
    ] {
        refused(&gateway, format!("{head}{body}"), 400, "bad_request");
    }
    refused(&gateway, format!("{head}2;{}\r\n{{}}\r\n", "x".repeat(5_000)), 400, "bad_request");
    let trailer = format!("{head}0\r\nx-t: {}\r\n\r\n", "x".repeat(20_000));
    refused(&gateway, trailer, 431, "head_too_large");
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn a_malformed_chunk_in_an_upload_is_400_and_the_upstream_sees_no_whole_request() {
    let (mock, gateway) = mocked("");
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}\
         transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
    );
    let mut client = gateway.connect();
    client.send(head);
    mock.wait_in_flight(1);
    client.send("zz\r\nworld\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.head.status(), answer.code()), (400, Some("bad_request")));
    mock.wait_in_flight(0);
    assert_ne!(mock.log(0).first().map(|seen| seen.text("end")), Some("complete"));
}

#[test]
fn too_large_heads_are_431_and_too_long_lines_414() {
    let (mock, gateway) = mocked("");
    let many = join((0..101).map(|n| format!("x-{n}: 1\r\n")));
    refused(&gateway, get("/v1/models", &many), 431, "head_too_large");
    let large = format!("x-large: {}\r\n", "x".repeat(33 * 1024));
    refused(&gateway, get("/v1/models", &large), 431, "head_too_large");
    let endless = format!("GET /v1/models HTTP/1.1\r\nx-endless: {}", "x".repeat(40 * 1024));
    refused(&gateway, endless, 431, "head_too_large");
    let long = format!("/v1/models?{}", "x".repeat(9 * 1024));
    refused(&gateway, get(&long, ""), 414, "uri_too_long");
    refused(&gateway, format!("GET /{}", "x".repeat(10 * 1024)), 414, "uri_too_long");
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn heads_within_the_limits_pass() {
    let (_mock, gateway) = mocked("");
    let many = join((0..98).map(|n| format!("x-{n}: 1\r\n")));
    assert_eq!(gateway.ask(get("/v1/models", &(many + OWN_KEY))).head.status(), 200);
    let large = format!("{OWN_KEY}x-large: {}\r\n", "x".repeat(31 * 1024));
    assert_eq!(gateway.ask(get("/v1/models", &large)).head.status(), 200);
    let long = format!("/v1/models?{}", "x".repeat(7 * 1024));
    assert_eq!(gateway.ask(get(&long, OWN_KEY)).head.status(), 200);
}

#[test]
fn configured_head_limits_hold() {
    let (_mock, gateway) = mocked("[limits]\nhead = \"2KiB\"\nheaders = 5\n");
    let large = format!("x-large: {}\r\n", "x".repeat(2_100));
    refused(&gateway, get("/v1/models", &large), 431, "head_too_large");
    let many = join((0..5).map(|n| format!("x-{n}: 1\r\n")));
    refused(&gateway, get("/v1/models", &many), 431, "head_too_large");
}

#[test]
fn l30_a_body_over_32_mib_is_413_by_its_length_alone() {
    let (mock, gateway) = mocked("");
    let over = 32 * 1024 * 1024 + 1;
    for path in ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/embeddings"] {
        let request = post(path, OWN_KEY, "").replace("length: 0", &format!("length: {over}"));
        let answer = refused(&gateway, request, 413, "body_too_large");
        assert!(answer.text().contains("33554432"), "{}", answer.text());
    }
    let over = 512 * 1024 * 1024 + 1;
    let request = post("/v1/files", OWN_KEY, "").replace("length: 0", &format!("length: {over}"));
    refused(&gateway, request, 413, "body_too_large");
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn l30_a_chunked_body_over_the_limit_is_413_wherever_it_is_passed() {
    let (mock, gateway) = mocked("[limits]\nbody = \"64KiB\"\npassthrough_body = \"128KiB\"\n");
    let chunk = "x".repeat(1_000);
    let over: Vec<&str> = vec![&chunk; 66];
    refused(&gateway, post_chunked("/v1/messages", OWN_KEY, &over), 413, "body_too_large");
    let one = "x".repeat(65_537);
    refused(&gateway, post_chunked("/v1/messages", OWN_KEY, &[&one]), 413, "body_too_large");
    assert_eq!(mock.stat("requests"), 0);
    let over: Vec<&str> = vec![&chunk; 132];
    refused(&gateway, post_chunked("/v1/files", OWN_KEY, &over), 413, "body_too_large");
    mock.wait_in_flight(0);
    assert!(mock.log(0).iter().all(|seen| seen.text("end") != "complete"));
    let exact = "x".repeat(65_536);
    assert_eq!(gateway.ask(post("/v1/messages", OWN_KEY, &exact)).head.status(), 400, "the mock's");
    let exact = post_chunked("/v1/messages", OWN_KEY, &[&exact[..1], &exact[1..]]);
    assert_eq!(gateway.ask(exact).code(), None, "exactly the limit passes");
}

#[test]
fn slow_heads_and_bodies_are_408() {
    let times = "[timeouts]\nclient_head = \"200ms\"\nclient_body_idle = \"200ms\"\n";
    let (mock, gateway) = mocked(times);
    let started = "POST /v1/messages HTTP/1.1\r\nhost: gateway.test\r\nx-api-key: sk-own\r\n";
    let answer = refused(&gateway, started, 408, "client_timeout");
    assert!(answer.text().contains("timeouts.client_head"), "{}", answer.text());
    refused(&gateway, "G", 408, "client_timeout");
    for framing in ["content-length: 10\r\n\r\n12345", "transfer-encoding: chunked\r\n\r\n5\r\n12"]
    {
        let answer = refused(&gateway, format!("{started}{framing}"), 408, "client_timeout");
        assert!(answer.text().contains("timeouts.client_body_idle"), "{}", answer.text());
        let upload = started.replace("messages", "files");
        refused(&gateway, format!("{upload}{framing}"), 408, "client_timeout");
    }
    mock.wait_in_flight(0);
    assert!(mock.log(0).iter().all(|seen| seen.text("end") != "complete"));
}

#[test]
fn the_head_deadline_is_absolute_so_dripping_bytes_do_not_move_it() {
    let (_mock, gateway) = mocked("[timeouts]\nclient_head = \"300ms\"\n");
    let mut client = gateway.connect();
    client.send("GET /v1/models HTTP/1.1\r\nhost: gateway.test\r\nx-slow: ");
    // Each byte waits for the answer to another request: the dripping never pauses for 300 ms.
    while client.is_quiet() {
        client.try_send("x");
        assert_eq!(gateway.ask(get("/livez", "")).head.status(), 200);
    }
    assert_eq!(client.answer().code(), Some("client_timeout"));
}

#[test]
fn connect_is_405_and_says_what_is_allowed() {
    let (mock, gateway) = mocked("");
    let request = "CONNECT api.test:443 HTTP/1.1\r\nhost: api.test:443\r\n\r\n";
    let answer = refused(&gateway, request, 405, "bad_request");
    assert_eq!(answer.head.field("allow"), Some("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"));
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn an_upgrade_is_426() {
    let (mock, gateway) = mocked("");
    for protocol in ["websocket", "h2c"] {
        let fields = format!("{OWN_KEY}connection: upgrade\r\nupgrade: {protocol}\r\n");
        let answer = gateway.ask(get("/v1/realtime", &fields));
        assert_eq!((answer.head.status(), answer.code()), (426, Some("upgrade_unsupported")));
    }
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn other_versions_are_505() {
    let (_mock, gateway) = mocked("");
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0"] {
        let request = format!("GET /health {version}\r\nhost: gateway.test\r\n\r\n");
        refused(&gateway, request, 505, "bad_request");
    }
    refused(&gateway, "GET /v1/models\r\n\r\n", 505, "bad_request");
    refused(&gateway, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "bad_request");
    let future = gateway.ask("GET /health HTTP/1.9\r\nhost: gateway.test\r\n\r\n");
    assert_eq!(future.head.status(), 200, "a higher minor version is spoken as 1.1");
}

#[test]
fn an_early_answer_is_readable_though_the_body_is_still_coming() {
    let (_mock, gateway) = mocked("");
    for (path, fields, status) in [
        ("/v1/messages", "", 401),
        ("/nowhere", "", 404),
        ("/v1/messages", "x-api-key: sk-own\r\ncontent-type: x\r\n", 413),
    ] {
        let length = if status == 413 { 40 * 1024 * 1024 } else { 200_000 };
        let mut client = gateway.connect();
        client.send(post(path, fields, "").replace("length: 0", &format!("length: {length}")));
        // In pieces, so that some arrive before the answer and some behind it.
        for _ in 0..20 {
            client.try_send([b'x'; 1_000]);
        }
        let answer = client.answer();
        assert_eq!(answer.head.status(), status);
        assert_eq!(answer.head.field("connection"), Some("close"));
        assert_eq!(answer.head.field("content-length"), Some(&*answer.body.len().to_string()));
        assert_eq!(client.rest().1, End::Fin);
    }
}

#[test]
fn errors_before_a_route_are_json_in_one_envelope() {
    let (_mock, gateway) = mocked("");
    let answer = refused(&gateway, "BAD\r\n\r\n", 400, "bad_request");
    assert_eq!(answer.head.field("content-type"), Some("application/json"));
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    assert_eq!(answer.json()["error"]["code"], "bad_request");
}

#[test]
fn an_answer_to_head_has_no_body_even_when_it_is_an_error() {
    let (_mock, gateway) = mocked("");
    let mut client = gateway.connect();
    client.send("HEAD /nowhere HTTP/1.1\r\nhost: gateway.test\r\n\r\n");
    assert_eq!(client.head().status(), 404);
    client.send(get("/health", ""));
    assert_eq!(client.head().status(), 200, "the next head follows at once");
}

#[test]
fn a_refused_head_request_gets_no_body() {
    let (_mock, gateway) = mocked("");
    let mut client = gateway.connect();
    client.send(b"HEAD /v1/models HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n");
    let (rest, _) = client.rest();
    let text = String::from_utf8_lossy(&rest);
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}
