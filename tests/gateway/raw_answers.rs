//! Answers byte by byte, from an upstream in the hands of the test.

use crate::support::{BodyEnd, Gateway, Upstream, both, get, join, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";

fn raw() -> (Upstream, Gateway) {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&both(&upstream.url()));
    (upstream, gateway)
}

#[test]
fn the_head_sent_upstream_is_rebuilt_field_by_field() {
    let (upstream, gateway) = raw();
    let mut client = gateway.connect();
    let fields = "X-Thing:  caf\u{e9}   \r\nx-api-key: sk-own\r\nX-Empty:\r\n";
    client.send(post("/v1/messages?q=1", fields, "{}"));
    let (mut wire, request) = upstream.request();
    assert_eq!(request.head.start, "POST /v1/messages?q=1 HTTP/1.1");
    let host = upstream.url().replace("http://", "");
    let expected = [
        ("host", host.as_str()),
        ("x-thing", "caf\u{e9}"),
        ("x-empty", ""),
        ("x-api-key", "sk-own"),
        ("accept-encoding", "identity"),
        ("content-length", "2"),
    ];
    let seen: Vec<(&str, &str)> =
        request.head.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(seen, expected);
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.answer().head.status(), 200);
}

#[test]
fn status_reason_and_fields_come_back_as_sent() {
    let (upstream, gateway) = raw();
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut wire, _) = upstream.request();
    wire.send(
        "HTTP/1.1 299 Very Well\r\nX-Odd:  a  b \r\nrequest-id: req_1\r\nretry-after: 7\r\n\
         anthropic-ratelimit-requests-remaining: 3\r\nvia: 1.1 x\r\nvia: 1.1 y\r\n\
         content-type: application/json\r\ncontent-length: 5\r\n\r\n\0\x01\r\n ",
    );
    let answer = client.answer();
    assert_eq!(answer.head.start, "HTTP/1.1 299 Very Well");
    assert_eq!(answer.body, b"\0\x01\r\n ");
    for (name, value) in [
        ("x-odd", "a  b"),
        ("request-id", "req_1"),
        ("retry-after", "7"),
        ("anthropic-ratelimit-requests-remaining", "3"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(answer.head.field(name), Some(value), "{name}");
    }
    assert_eq!(answer.head.all("via"), ["1.1 x", "1.1 y"]);
}

#[test]
fn error_answers_of_the_provider_pass_with_their_bodies() {
    let (upstream, gateway) = raw();
    let mut client = gateway.connect();
    for (status, body) in [
        (400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\"}}"),
        (401, "<html>who are you</html>"),
        (429, "{\"error\":1}"),
        (500, ""),
        (529, "overloaded"),
    ] {
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        let (mut wire, _) = upstream.request();
        let length = body.len();
        wire.send(format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        let answer = client.answer();
        assert_eq!((answer.head.status(), answer.text().as_str()), (status, body));
        assert_eq!(answer.code(), None, "the error is the provider's");
    }
}

#[test]
fn a_gzip_body_passes_unchanged() {
    let (upstream, gateway) = raw();
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut wire, _) = upstream.request();
    let gzip: Vec<u8> = (0..=255).rev().collect();
    wire.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n");
    wire.send("transfer-encoding: chunked\r\n\r\n100\r\n");
    wire.send(&gzip);
    wire.send("\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.head.field("content-encoding"), Some("gzip"));
    assert_eq!((answer.body, answer.end), (gzip, BodyEnd::Whole));
}

#[test]
fn answers_without_a_body_end_at_their_head() {
    let (upstream, gateway) = raw();
    let mut client = gateway.connect();
    for (status, fields) in [(204, ""), (304, "content-length: 10\r\netag: \"e\"\r\n"), (204, "")] {
        client.send(get("/v1/files/f1", OWN_KEY));
        let (mut wire, _) = upstream.request();
        wire.send(format!("HTTP/1.1 {status} X\r\n{fields}connection: close\r\n\r\n"));
        let answer = client.answer();
        assert_eq!((answer.head.status(), answer.body.len()), (status, 0));
        assert_eq!(answer.head.field("transfer-encoding"), None);
        let length = (status == 304).then_some("10");
        assert_eq!(answer.head.field("content-length"), length, "{status}");
    }
}

#[test]
fn head_goes_upstream_and_its_answer_keeps_the_length_without_a_body() {
    let (upstream, gateway) = raw();
    let mut client = gateway.connect();
    client.send(format!("HEAD /v1/models HTTP/1.1\r\nhost: gateway.test\r\n{OWN_KEY}\r\n"));
    let (mut wire, request) = upstream.request();
    assert_eq!(request.head.start, "HEAD /v1/models HTTP/1.1");
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status(), head.field("content-length")), (200, Some("1234")));
    // Both connections go on at the byte behind the head.
    client.send(get("/v1/models", OWN_KEY));
    assert_eq!(wire.answer().head.start, "GET /v1/models HTTP/1.1");
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(client.answer().text(), "ok");
}

#[test]
fn an_answer_in_any_chunking_and_split_reaches_the_client_whole() {
    let (upstream, gateway) = raw();
    let mut client = gateway.connect();
    let body = "{\"content\":[{\"text\":\"tide\"}]}";
    let chunk = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).unwrap();
        format!("{:X};ext=\"q\\\"\"\r\n{text}\r\n", bytes.len())
    };
    let chunked = join(body.as_bytes().chunks(3).map(chunk));
    let whole = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunked}0\r\nx-t: 1\r\n\r\n"
    );
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut wire, _) = upstream.request();
    for cut in (1..whole.len()).step_by(7) {
        let (a, b) = whole.split_at(cut);
        wire.send(a);
        wire.send(b);
        let answer = client.answer();
        assert_eq!((answer.text().as_str(), answer.end), (body, BodyEnd::Whole), "cut at {cut}");
        client.send(post("/v1/messages", OWN_KEY, "{}"));
        wire.answer();
    }
}
